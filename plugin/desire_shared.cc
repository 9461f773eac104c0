/* DesiredState, between tunnels: what they share of a bridge, and the flows
 * that serve several of them. */
#include <algorithm>

#include "plugin/desired_state.h"
#include "plugin/slots.h"
#include "plugin/switch_names.h"

namespace pm {

/* ------------------------------------------------------------------------
 * Between tunnels. */

namespace {

/* Moves 'id' between the sets of 'index' for keys 'from' and 'to'. */
template <typename Key>
void
move_in(std::map<Key, std::set<Uuid>> *index, const Uuid &id,
        const std::optional<Key> &from, const std::optional<Key> &to)
{
    if (from == to) {
        return;
    }
    if (from) {
        auto i = index->find(*from);
        i->second.erase(id);
        if (i->second.empty()) {
            index->erase(i);
        }
    }
    if (to) {
        (*index)[*to].insert(id);
    }
}

template <typename Key>
std::optional<Key>
only_if(bool condition, const Key &key)
{
    return condition ? std::optional(key) : std::nullopt;
}

} // namespace

/* Brings the indexes from what a tunnel was to what it is, and marks what it
 * shares with others. */
void
DesiredState::place(const Uuid &id, const TunnelDesire &before,
                    const TunnelDesire &after)
{
    move_in(&by_iface_id_, id,
            only_if(!before.iface_id.empty(), before.iface_id),
            only_if(!after.iface_id.empty(), after.iface_id));
    move_in(&by_path_, id, before.path, after.path);
    move_in(&by_vpcs_, id, before.vpcs, after.vpcs);
    rows_dirty_ |= before.path != after.path; /* Whose port may be taken. */
    move_in(&on_bridge_, id,
            only_if(!before.nic_bridge.empty(), before.nic_bridge),
            only_if(!after.nic_bridge.empty(), after.nic_bridge));
    move_in(&wanting_, id, only_if(before.wants_slot, before.iface_id),
            only_if(after.wants_slot, after.iface_id));

    if (before.wants_slot != after.wants_slot ||
        before.wants_copy != after.wants_copy ||
        before.nic_bridge != after.nic_bridge ||
        before.iface_id != after.iface_id || before.tap != after.tap) {
        dirty_bridges_.insert(before.nic_bridge);
        dirty_bridges_.insert(after.nic_bridge);
    }
    if (before.egress != after.egress || before.tap != after.tap ||
        before.mirror_bridge != after.mirror_bridge ||
        before.iface_id != after.iface_id) {
        dirty_taps_.insert(before.iface_id);
        dirty_taps_.insert(after.iface_id);
    }

    auto filter_user = [](const TunnelDesire &d) {
        using Key = std::pair<std::string, Uuid>;
        return d.egress && d.filter
                   ? std::optional<Key>({d.mirror_bridge, *d.filter})
                   : std::nullopt;
    };
    auto filter_before = filter_user(before),
         filter_after = filter_user(after);
    move_in(&filter_users_, id, filter_before, filter_after);
    for (const auto &user : {filter_before, filter_after}) {
        if (user && (filter_before != filter_after ||
                     before.tap.filter != after.tap.filter)) {
            dirty_filters_.insert(*user);
        }
    }

    auto egress_key = [](const TunnelDesire &d) {
        return OwnerKey{
            d.mirror_bridge,
            {FlowOwner::Egress, static_cast<uint32_t>(d.tap.tunnel)}};
    };
    /* A number can have gone from one tunnel to another in one step. */
    if (before.egress &&
        (!after.egress || egress_key(before) != egress_key(after))) {
        auto owner = egress_owners_.find(egress_key(before));
        if (owner != egress_owners_.end() && owner->second == id) {
            egress_owners_.erase(owner);
            set_flows(egress_key(before), {});
            set_meter(egress_key(before), std::nullopt);
        }
    }
    if (after.egress) {
        egress_owners_[egress_key(after)] = id;
        set_flows(egress_key(after),
                  egress_flows(after.tap.tunnel, *after.egress));
        set_meter(egress_key(after), after.egress->count_only
                                         ? std::nullopt
                                         : after.egress->rate_kbps);
    }

    auto guard = [](const TunnelDesire &d) {
        using Key = std::pair<std::string, Flow>;
        return d.egress
                   ? std::optional<Key>(
                         {d.mirror_bridge,
                          guard_flow(d.egress->source, d.egress->destination)})
                   : std::nullopt;
    };
    auto guard_before = guard(before), guard_after = guard(after);
    if (guard_before != guard_after) {
        move_in(&guard_users_, id, guard_before, guard_after);
        for (const auto &user : {guard_before, guard_after}) {
            if (!user) {
                continue;
            }
            const Flow &flow = user->second;
            OwnerKey key{user->first, Cookie::decode(flow.cookie)->owner};
            std::vector<Flow> flows = flows_[key];
            std::erase(flows, flow);
            if (guard_users_.count(*user)) {
                flows.push_back(flow);
            }
            std::sort(flows.begin(), flows.end());
            set_flows(key, flows);
        }
    }
}

/* Shares a NIC bridge's slots and budget among its tunnels; marks those for
 * whom that changes something. */
void
DesiredState::share_bridge(const std::string &nic_bridge)
{
    auto facts = facts_.bridges.find(nic_bridge);
    std::set<std::string> wanting, holding;
    std::map<int64_t, int> resubmits;
    std::map<int64_t, Uuid> by_number;
    auto on = on_bridge_.find(nic_bridge);
    if (on != on_bridge_.end() && facts != facts_.bridges.end()) {
        for (const Uuid &id : on->second) {
            const TunnelDesire &desire = tunnels_.at(id);
            if (desire.wants_slot) {
                wanting.insert(desire.iface_id);
            }
            if (desire.wants_copy) {
                resubmits[desire.tap.tunnel] = resubmits_of(desire.tap);
                by_number[desire.tap.tunnel] = id;
            }
        }
        for (const auto &[name, mirror] : facts_.rows.mirrors) {
            if (mirror.bridge == nic_bridge) {
                holding.insert(mirror.mark.iface_id);
            }
        }
    }
    std::set<std::string> granted;
    if (facts != facts_.bridges.end()) {
        granted = grant_slots(wanting, holding, facts->second.foreign_mirrors,
                              facts_.settings.slots_reserve);
    }
    std::set<std::string> &had = granted_[nic_bridge];
    if (had != granted) {
        for (const auto &nics : {had, granted}) {
            for (const std::string &nic : nics) {
                if (had.count(nic) != granted.count(nic)) {
                    dirty_taps_.insert(nic);
                    auto i = wanting_.find(nic);
                    if (i != wanting_.end()) {
                        dirty_.insert(i->second.begin(), i->second.end());
                    }
                }
            }
        }
        had = granted;
        rows_dirty_ = true;
    }
    std::set<int64_t> admitted = admit_copies(resubmits);
    std::set<int64_t> &was = admitted_[nic_bridge];
    if (was != admitted) {
        for (const auto &[number, id] : by_number) {
            if (was.count(number) != admitted.count(number)) {
                dirty_.insert(id);
            }
        }
        was = admitted;
    }
}

/* The name of our bridge for a datapath type, or "" if it is taken.  A bridge
 * that is there keeps its name, so that a restart, which has no memory, calls
 * it the same; else the plain name is of the first type that asks. */
std::string
DesiredState::bridge_for_type(const std::string &datapath_type)
{
    const std::string &plain = facts_.settings.mirror_bridge;
    const std::string suffixed = plain + "-" + datapath_type;
    auto row_type = [&](const std::string &name) -> std::string {
        auto row = facts_.rows.bridges.find(name);
        return row == facts_.rows.bridges.end()    ? ""
               : row->second.datapath_type.empty() ? "system"
                                                   : row->second.datapath_type;
    };
    std::string name = plain;
    if (!row_type(plain).empty()) {
        name = row_type(plain) == datapath_type ? plain : suffixed;
    } else if (row_type(suffixed) == datapath_type) {
        name = suffixed;
    } else {
        for (const auto &[type, used] : bridge_names_) {
            if (used == plain && type != datapath_type) {
                name = suffixed;
            }
        }
    }
    std::erase_if(bridge_names_,
                  [&](const auto &used) { return used.second == name; });
    if (!is_bridge_name(name) || facts_.taken_names.count(name)) {
        return "";
    }
    bridge_names_[datapath_type] = name;
    return name;
}

void
DesiredState::set_flows(const OwnerKey &key, std::vector<Flow> flows)
{
    auto i = flows_.find(key);
    if (flows.empty() ? i == flows_.end()
                      : i != flows_.end() && i->second == flows) {
        return;
    }
    changed_flows_.insert(key);
    if (flows.empty()) {
        flows_.erase(i);
    } else {
        flows_[key] = std::move(flows);
    }
}

void
DesiredState::set_meter(const OwnerKey &key, std::optional<int64_t> rate_kbps)
{
    auto i = meters_.find(key);
    if (i == meters_.end() ? !rate_kbps : i->second == rate_kbps) {
        return;
    }
    changed_flows_.insert(key);
    if (rate_kbps) {
        meters_[key] = *rate_kbps;
    } else {
        meters_.erase(i);
    }
}

/* Removes 'key' and its flows, unless another has their number by now. */
template <typename Keys>
void
DesiredState::release_flows(Keys *keys, typename Keys::iterator key)
{
    OwnerKey owner = key->second;
    keys->erase(key);
    if (std::none_of(keys->begin(), keys->end(), [&](const auto &other) {
            return other.second == owner;
        })) {
        set_flows(owner, {});
    }
}

/* ------------------------------------------------------------------------
 * Flows that tunnels share. */

/* Whether the NIC's rows are as desired and in force, so that flows may
 * follow: rows first, or a connection older than the rows would never be
 * seen (OVS 3.1.0 does not look again when a Mirror row comes). */
bool
DesiredState::tap_is_live(int64_t number) const
{
    auto same = [](const auto &actual, const auto &desired,
                   const std::string &name) {
        auto a = actual.find(name), d = desired.find(name);
        return a != actual.end() && d != desired.end() &&
               a->second == d->second;
    };
    for (Direction direction : DIRECTIONS) {
        std::string peer = nic_port_name(number, direction);
        if (!same(facts_.rows.ports, rows_.ports,
                  tap_port_name(number, direction)) ||
            !same(facts_.rows.ports, rows_.ports, peer) ||
            !same(facts_.rows.mirrors, rows_.mirrors,
                  mirror_name(number, direction)) ||
            !facts_.ofports.count(peer)) {
            return false;
        }
    }
    return true;
}

void
DesiredState::desire_tap(const std::string &iface_id)
{
    std::vector<TapTunnel> tunnels;
    auto wanting = wanting_.find(iface_id);
    if (wanting != wanting_.end()) {
        for (const Uuid &id : wanting->second) {
            const TunnelDesire &desire = tunnels_.at(id);
            if (desire.egress) {
                tunnels.push_back(desire.tap);
            }
        }
    }
    auto number = nic_numbers_.find(iface_id);
    auto nic = facts_.nics.find(iface_id);
    auto key = tap_keys_.find(iface_id);
    std::vector<Flow> flows;
    OwnerKey now;
    if (!tunnels.empty() && number != nic_numbers_.end() &&
        nic != facts_.nics.end() && tap_is_live(number->second)) {
        now = {bridge_for_type(nic->second.datapath_type),
               {FlowOwner::Tap, static_cast<uint32_t>(number->second)}};
        /* Once live, a change elsewhere that vswitchd has yet to put in
         * force does not matter. */
        if (facts_.settled || (key != tap_keys_.end() && key->second == now)) {
            for (Direction direction : DIRECTIONS) {
                int ofport = facts_.ofports.at(
                    nic_port_name(number->second, direction));
                auto some = tap_flows(number->second, direction, ofport,
                                      nic->second.own_tag, tunnels);
                flows.insert(flows.end(), some.begin(), some.end());
            }
        }
    }
    if (key != tap_keys_.end() && (flows.empty() || key->second != now)) {
        release_flows(&tap_keys_, key);
    }
    if (!flows.empty()) {
        set_flows(now, flows);
        tap_keys_[iface_id] = now;
    }
}

void
DesiredState::desire_filters()
{
    std::set<std::pair<std::string, Uuid>> dirty;
    dirty.swap(dirty_filters_);
    for (const auto &user : dirty) {
        const auto &[bridge, filter] = user;
        auto users = filter_users_.find(user);
        if (users != filter_users_.end() &&
            std::any_of(users->second.begin(), users->second.end(),
                        [&](const Uuid &id) {
                            return tunnels_.at(id).undecided ||
                                   held_.count(id);
                        })) {
            /* Edited together with a tunnel that goes on as it was for the
             * moment: its new rules are not for where the copies go now. */
            dirty_filters_.insert(user);
            continue;
        }
        auto key = filter_keys_.find(user);
        std::vector<Flow> flows;
        OwnerKey now;
        if (users != filter_users_.end()) {
            int64_t number = tunnels_.at(*users->second.begin()).tap.filter;
            now = {bridge, {FlowOwner::Filter, static_cast<uint32_t>(number)}};
            if (const Filter *f = find(model_.filters, filter)) {
                flows = filter_flows(number, *f);
            }
        }
        if (key != filter_keys_.end() && key->second != now) {
            release_flows(&filter_keys_, key);
        }
        if (users != filter_users_.end()) {
            set_flows(now, flows);
            filter_keys_[user] = now;
        }
    }
}

} // namespace pm
