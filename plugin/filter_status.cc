#include "plugin/filter_status.h"

#include <algorithm>
#include <limits>

namespace pm {

namespace {

FlowOwner
owner_of(int64_t number)
{
    return {FlowOwner::Filter, static_cast<uint32_t>(number)};
}

const OwnerKey &
key_of(const OwnerKey &key)
{
    return key;
}

const OwnerKey &
key_of(const std::pair<const OwnerKey, uint64_t> &entry)
{
    return entry.first;
}

/* Whether 'owner' is among 'keys' on some bridge.  There may be thousands of
 * keys, and there are few bridges. */
template <typename Keys>
bool
has_owner(const Keys &keys, const FlowOwner &owner)
{
    constexpr FlowOwner last = {FlowOwner::Stray,
                                std::numeric_limits<uint32_t>::max()};
    for (auto i = keys.begin(); i != keys.end();) {
        const std::string &bridge = key_of(*i).bridge;
        if (keys.count({bridge, owner})) {
            return true;
        }
        i = keys.upper_bound({bridge, last});
    }
    return false;
}

/* Whether what the filter says now decides on every frame: its flows are as
 * they should be on each bridge that has it, and the datapath is proven to
 * follow them. */
bool
is_in_force(const Uuid &filter, int64_t number, const DesiredState &desired,
            const Actual &actual, const std::set<OwnerKey> &outstanding)
{
    return actual.flows_known() && !actual.changing &&
           !desired.is_put_off(filter) &&
           !has_owner(outstanding, owner_of(number)) &&
           !has_owner(actual.unfollowed, owner_of(number));
}

} // namespace

std::optional<FilterStatus>
desire_filter_status(const Uuid &id, const DesiredState &desired,
                     const Actual &actual,
                     const std::set<OwnerKey> &outstanding, int64_t number,
                     const std::optional<FilterStatus> &counted,
                     int64_t now_ms)
{
    const Filter *filter = find(desired.model().filters, id);
    if (!filter || !desired.is_filter_needed(id)) {
        return std::nullopt;
    }
    const FilterStatus *before = desired.filter_status_of(id);
    FilterStatus status = counted  ? *counted
                          : before ? *before
                                   : FilterStatus{};
    if (!before) {
        status.filter = id;
        status.chassis = desired.facts().settings.chassis;
        status.number = number;
    }
    status.name = filter->name;
    status.account = filter->account;
    if (before &&
        is_in_force(id, status.number, desired, actual, outstanding)) {
        status.observed_generation = filter->generation;
    }
    if (before && status == *before) {
        return std::nullopt;
    }
    status.updated_ms = now_ms;
    return status;
}

std::set<int64_t>
named_filters(const Actual &actual, const std::set<OwnerKey> &outstanding)
{
    std::set<int64_t> named;
    for (const OwnerKey &key : outstanding) {
        if (key.owner.kind != FlowOwner::Tap) {
            continue;
        }
        for (const Flow &flow : actual.flows_of(key)) {
            for (const auto &[tunnel, filter] : handed_by(flow)) {
                named.insert(filter);
            }
        }
    }
    return named;
}

bool
is_filter_gone(const FilterStatus &status, const Actual &actual,
               const std::set<int64_t> &named)
{
    return actual.flows_known() && !actual.changing &&
           !actual.has(owner_of(status.number)) &&
           !named.contains(status.number);
}

} // namespace pm
