/* DesiredState, what it is asked: outcome, status rows, who is served by
 * what. */
#include <algorithm>
#include <utility>

#include "plugin/desired_state.h"
#include "plugin/switch_names.h"
#include "plugin/value_of.h"

namespace pm {

void
TunnelDesire::degrade(const std::string &code, const std::string &message)
{
    if (health == Health::Ok) {
        health = Health::Degraded;
    }
    reasons[code] = message;
}

void
TunnelDesire::set_condition(const std::string &type, ConditionStatus status,
                            const std::string &reason)
{
    conditions[type] = {status, reason};
}

void
TunnelDesire::fail_condition(const std::string &type, const std::string &code,
                             const std::string &message)
{
    degrade(code, message);
    set_condition(type, ConditionStatus::False, code + ": " + message);
}

const std::map<OwnerKey, FlowList> &
DesiredState::flows() const
{
    return flows_;
}

std::set<Uuid>
DesiredState::idle_filters()
{
    std::erase_if(maybe_idle_filters_, [&](const Uuid &filter) {
        return dependents_.count(filter) || !filter_status_of(filter);
    });
    return maybe_idle_filters_;
}

std::set<PathKey>
DesiredState::paths() const
{
    std::set<PathKey> keys;
    for (const auto &[key, tunnels] : by_path_) {
        keys.insert(key);
    }
    return keys;
}

const TunnelStatus *
DesiredState::status_of(const Uuid &tunnel) const
{
    auto i = own_statuses_.find(tunnel);
    return i == own_statuses_.end() ? nullptr
                                    : find(model_.tunnel_statuses, i->second);
}

const FilterStatus *
DesiredState::filter_status_of(const Uuid &filter) const
{
    auto i = own_filter_statuses_.find(filter);
    return i == own_filter_statuses_.end()
               ? nullptr
               : find(model_.filter_statuses, i->second);
}

std::set<Uuid>
DesiredState::foreign_statuses_of(const Uuid &tunnel) const
{
    const FlatSet<Uuid> *rows = value_of(foreign_statuses_, tunnel);
    return rows ? std::set<Uuid>(rows->begin(), rows->end())
                : std::set<Uuid>();
}

std::optional<OwnerKey>
DesiredState::tap_of(const std::string &iface_id) const
{
    const OwnerKey *key = tap_keys_.of(iface_id);
    return key ? std::optional(*key) : std::nullopt;
}

std::optional<int64_t>
DesiredState::pair_of(const std::string &iface_id) const
{
    const Seat *seat = seat_of(iface_id);
    const int64_t *number =
        !seat ? nullptr
        : !seat->shared
            ? value_of(nic_numbers_, iface_id)
            : value_of(pair_numbers_, facts_.nics.at(iface_id).bridge);
    return number ? std::optional(*number) : std::nullopt;
}

std::optional<OwnerKey>
DesiredState::shared_tap_of(const std::string &iface_id) const
{
    const Seat *seat = seat_of(iface_id);
    const OwnerKey *key =
        seat && seat->shared
            ? shared_tap_keys_.of(facts_.nics.at(iface_id).bridge)
            : nullptr;
    return key ? std::optional(*key) : std::nullopt;
}

std::set<std::string>
DesiredState::nics_of_tap(int64_t number) const
{
    std::set<std::string> nics;
    for (const auto &[name, mirror] : facts_.rows.mirrors) {
        const Mark &mark = mirror.mark;
        if (mark.number == number && !mark.iface_id.empty()) {
            nics.insert(mark.iface_id);
        }
        for (const auto &[member, iface_id] : mark.members) {
            if (member == number || mark.number == number) {
                nics.insert(iface_id);
            }
        }
    }
    return nics;
}

std::optional<Uuid>
DesiredState::status_row_of(const Uuid &tunnel) const
{
    const Uuid *row = value_of(own_statuses_, tunnel);
    return row ? std::optional(*row) : std::nullopt;
}

std::optional<Uuid>
DesiredState::filter_status_row_of(const Uuid &filter) const
{
    const Uuid *row = value_of(own_filter_statuses_, filter);
    return row ? std::optional(*row) : std::nullopt;
}

std::optional<Uuid>
DesiredState::tunnel_of_number(int64_t number) const
{
    const Uuid *id = value_of(tunnel_numbers_.by_number, number);
    return id ? std::optional(*id) : std::nullopt;
}

std::optional<Uuid>
DesiredState::filter_of_number(int64_t number) const
{
    const Uuid *id = value_of(filter_numbers_.by_number, number);
    return id ? std::optional(*id) : std::nullopt;
}

std::set<Uuid>
DesiredState::tunnels_of_nic(const std::string &iface_id) const
{
    const FlatSet<Uuid> *tunnels = value_of(by_iface_id_, iface_id);
    return tunnels ? std::set<Uuid>(tunnels->begin(), tunnels->end())
                   : std::set<Uuid>();
}

bool
DesiredState::is_filter_needed(const Uuid &filter) const
{
    const FlatSet<Uuid> *users = value_of(dependents_, filter);
    return users &&
           std::any_of(users->begin(), users->end(), [&](const Uuid &id) {
               const TunnelDesire &desire = tunnels_.at(id);
               return desire.active && desire.bound;
           });
}

bool
DesiredState::is_put_off(const Uuid &filter) const
{
    return std::any_of(
        put_off_filters_.begin(), put_off_filters_.end(),
        [&](const auto &user) { return user.first.second == filter; });
}

std::set<Uuid>
DesiredState::tunnels_of(const OwnerKey &key) const
{
    std::set<Uuid> tunnels;
    auto add = [&](const FlatSet<Uuid> *ids) {
        if (ids) {
            tunnels.insert(ids->begin(), ids->end());
        }
    };
    switch (key.owner.kind) {
    case FlowOwner::Egress:
        if (auto id = tunnel_of_number(key.owner.number)) {
            tunnels.insert(*id);
        }
        break;
    case FlowOwner::Filter:
        if (auto filter = filter_of_number(key.owner.number)) {
            add(value_of(dependents_, *filter));
        }
        break;
    case FlowOwner::Tap:
        for (const std::string &iface_id : tap_keys_.users(key)) {
            add(value_of(by_iface_id_, iface_id));
        }
        for (const std::string &bridge : shared_tap_keys_.users(key)) {
            add(value_of(on_bridge_, bridge));
        }
        break;
    case FlowOwner::Deliver:
        if (const auto *way =
                value_of(handles_.by_number, int64_t{key.owner.number})) {
            tunnels.insert(way->first);
        }
        break;
    case FlowOwner::Base:
        for (const auto &[id, desire] : tunnels_) {
            if (desire.mirror_bridge == key.bridge ||
                (desire.in_vpc->site &&
                 delivery_bridge_name(desire.mirror_bridge) == key.bridge)) {
                tunnels.insert(id);
            }
        }
        break;
    case FlowOwner::Guard:
    case FlowOwner::Renewal:
    case FlowOwner::Stray:
        break;
    }
    return tunnels;
}

void
DesiredState::refresh()
{
    for (const auto &[id, tunnel] : model_.tunnels) {
        dirty_.insert(id);
    }
    for (const auto &[name, bridge] : facts_.bridges) {
        dirty_bridges_.insert(name);
    }
    rows_dirty_ = true;
}

std::set<OwnerKey>
DesiredState::take_changed_flows()
{
    std::set<OwnerKey> changed;
    changed.swap(changed_flows_);
    return changed;
}

std::set<Uuid>
DesiredState::take_changed_tunnels()
{
    std::set<Uuid> changed;
    changed.swap(changed_tunnels_);
    return changed;
}

std::set<Uuid>
DesiredState::take_untapped()
{
    return std::exchange(untapped_, {});
}

std::set<Uuid>
DesiredState::take_changed_filters()
{
    std::set<Uuid> changed;
    changed.swap(changed_filters_);
    return changed;
}

} // namespace pm
