/* DesiredState, numbers: tunnels', filters' and handles. */
#include <algorithm>

#include "plugin/desired_state.h"
#include "plugin/value_of.h"

namespace pm {

template <typename Id>
int64_t
DesiredState::Numbers<Id>::allocate(const Id &id, const Busy &busy)
{
    auto known = by_id.find(id);
    if (known != by_id.end()) {
        auto owner = by_number.find(known->second);
        if (owner != by_number.end() && owner->second == id) {
            return known->second;
        }
    }
    auto may_have = [&](int64_t number) {
        return !by_number.count(number) && !busy(number);
    };
    auto freed = std::find_if(gaps.begin(), gaps.end(), may_have);
    int64_t number = freed == gaps.end() ? 0 : *freed;
    if (!number) {
        while (!may_have(first_fresh)) {
            if (!by_number.count(first_fresh)) {
                gaps.insert(first_fresh); /* It will be free. */
            }
            first_fresh++;
        }
        number = first_fresh;
    }
    assign(id, number);
    return number;
}

template <typename Id>
void
DesiredState::Numbers<Id>::assign(const Id &id, int64_t number)
{
    release(id);
    by_id[id] = number;
    by_number[number] = id;
    gaps.erase(number);
}

template <typename Id>
void
DesiredState::Numbers<Id>::release(const Id &id)
{
    auto known = by_id.find(id);
    if (known != by_id.end()) {
        auto owner = by_number.find(known->second);
        if (owner != by_number.end() && owner->second == id) {
            /* Rows may have anything. */
            if (owner->first > 0 && owner->first < first_fresh) {
                gaps.insert(owner->first);
            }
            by_number.erase(owner);
        }
        by_id.erase(known);
    }
}

int64_t
DesiredState::number_for_tunnel(const Uuid &id, const Busy &busy)
{
    return tunnel_numbers_.allocate(id, busy);
}

int64_t
DesiredState::number_for_filter(const Uuid &id, const Busy &busy)
{
    return filter_numbers_.allocate(id, busy);
}

int64_t
DesiredState::handle_for(const Uuid &tunnel, const DeliverySpec &way,
                         const Busy &busy)
{
    std::pair key(tunnel, way.to_string());
    if (!owns_handle(tunnel, key.second)) {
        handles_.release(key);
    }
    int64_t handle = handles_.allocate(key, busy);
    if (handle > HANDLE_MAX) {
        handles_.release(key);
        if (handleless_.insert(tunnel).second) {
            dirty_.insert(tunnel); /* To be told. */
        }
        return 0;
    }
    return handle;
}

bool
DesiredState::owns_handle(const Uuid &tunnel, const std::string &way) const
{
    std::pair key(tunnel, way);
    const int64_t *handle = value_of(handles_.by_id, key);
    const auto *owner =
        handle ? value_of(handles_.by_number, *handle) : nullptr;
    return owner && *owner == key;
}

/* Handles that came free are for those that found none. */
void
DesiredState::retry_handles()
{
    size_t used = handles_.by_number.size();
    if (used < handles_used_) {
        dirty_.merge(handleless_);
        handleless_.clear();
    }
    handles_used_ = used;
}

void
DesiredState::release_handles(const Uuid &tunnel)
{
    std::vector<std::pair<Uuid, std::string>> ways;
    for (auto i = handles_.by_id.lower_bound({tunnel, ""});
         i != handles_.by_id.end() && i->first.first == tunnel; ++i) {
        ways.push_back(i->first);
    }
    for (const auto &way : ways) {
        handles_.release(way);
    }
}

template struct DesiredState::Numbers<Uuid>;
template struct DesiredState::Numbers<std::pair<Uuid, std::string>>;

} // namespace pm
