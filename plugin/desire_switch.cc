/* DesiredState, the switch: what its facts make be looked at again. */
#include <algorithm>
#include <utility>

#include "plugin/desired_state.h"
#include "plugin/value_of.h"

namespace pm {

std::map<std::string, DesiredState::CommonPort>
DesiredState::common_ports(const SwitchFacts &facts)
{
    std::map<std::string, CommonPort> ports;
    for (const auto &[name, port] : facts.rows.ports) {
        auto ofport = facts.ofports.find(name);
        if (ofport == facts.ofports.end()) {
            continue;
        }
        if (port.mark.purpose == "vxlan") {
            ports[name] = {ofport->second, "", ""};
        } else if (port.mark.purpose == "balance") {
            const std::string *peer = value_of(port.options, "peer");
            ports[name] = {ofport->second, port.bridge, peer ? *peer : ""};
        }
    }
    return ports;
}

namespace {

/* The names of NICs that are not what they were. */
std::set<std::string>
changed_nics(const std::map<std::string, NicPort> &before,
             const std::map<std::string, NicPort> &after)
{
    std::set<std::string> changed;
    for (const auto *nics : {&before, &after}) {
        for (const auto &[iface_id, nic] : *nics) {
            const NicPort *was = value_of(before, iface_id);
            const NicPort *is = value_of(after, iface_id);
            if (!was || !is || !(*was == *is)) {
                changed.insert(iface_id);
            }
        }
    }
    return changed;
}

/* The NICs that rows of ours name. */
std::set<std::string>
nics_of_rows(const SwitchRows &rows)
{
    std::set<std::string> nics;
    for (const auto &[name, port] : rows.ports) {
        nics.insert(port.mark.iface_id);
    }
    for (const auto &[name, mirror] : rows.mirrors) {
        nics.insert(mirror.mark.iface_id);
        for (const auto &[number, iface_id] : mirror.mark.members) {
            nics.insert(iface_id);
        }
    }
    return nics;
}

/* Whether two differ in their NICs alone, and in whether vswitchd has caught
 * up.  Both are as they were afterwards. */
bool
differ_in_nics_only(SwitchFacts *before, SwitchFacts *after)
{
    auto were = std::exchange(before->nics, {});
    auto are = std::exchange(after->nics, {});
    bool was_settled = std::exchange(before->settled, after->settled);
    bool same = *before == *after;
    before->settled = was_settled;
    before->nics = std::move(were);
    after->nics = std::move(are);
    return same;
}

} // namespace

/* Whether these are NICs that no tunnel and no row of ours names, as
 * production's ports come and go. */
bool
DesiredState::are_strangers(const std::set<std::string> &nics) const
{
    const std::set<std::string> named =
        nics.empty() ? std::set<std::string>() : nics_of_rows(facts_.rows);
    return std::none_of(nics.begin(), nics.end(), [&](const auto &iface_id) {
        return by_iface_id_.count(iface_id) || named.count(iface_id);
    });
}

/* Taps that waited for vswitchd to put their rows in force. */
void
DesiredState::retry_taps()
{
    for (const auto &[bridge, plan] : seats_) {
        dirty_shared_taps_.insert(bridge);
        for (const auto &[iface_id, seat] : plan.seats) {
            if (!tap_keys_.of(iface_id)) {
                dirty_taps_.insert(iface_id);
            }
        }
    }
}

void
DesiredState::set_switch(const SwitchFacts &facts)
{
    if (facts == facts_) {
        return;
    }
    SwitchFacts before = std::exchange(facts_, facts);
    guards_dirty_ = true;
    const std::set<std::string> nics = changed_nics(before.nics, facts_.nics);
    if (differ_in_nics_only(&before, &facts_) && are_strangers(nics)) {
        if (facts_.settled && !before.settled) {
            retry_taps();
        }
        return;
    }
    rows_dirty_ = true;

    auto dirty_nic = [&](const std::string &iface_id) {
        if (const auto *tunnels = value_of(by_iface_id_, iface_id)) {
            dirty_.insert(tunnels->begin(), tunnels->end());
        }
    };
    if (facts.settings != before.settings) {
        if (facts.settings.chassis != before.settings.chassis) {
            /* Another name: other status rows are ours.  The model is without
             * them meanwhile, since a row that it has already is passed
             * over. */
            Model rows;
            rows.tunnel_statuses = std::exchange(model_.tunnel_statuses, {});
            rows.filter_statuses = std::exchange(model_.filter_statuses, {});
            own_statuses_.clear();
            own_filter_statuses_.clear();
            handles_ = {};
            foreign_statuses_.clear();
            apply_statuses(diff(Model{}, rows));
            model_.tunnel_statuses = std::move(rows.tunnel_statuses);
            model_.filter_statuses = std::move(rows.filter_statuses);
        }
        for (const auto &[id, tunnel] : model_.tunnels) {
            dirty_.insert(id);
        }
        for (const auto &[name, bridge] : facts.bridges) {
            dirty_bridges_.insert(name);
        }
    }
    for (const std::string &iface_id : nics) {
        dirty_nic(iface_id);
        for (const auto *all : {&before.nics, &facts_.nics}) {
            if (const NicPort *nic = value_of(*all, iface_id)) {
                dirty_bridges_.insert(nic->bridge);
            }
        }
    }
    for (const auto &dead : {before.dead_mirrors, facts.dead_mirrors}) {
        for (const auto &[iface_id, mirror] : dead) {
            dirty_nic(iface_id);
        }
    }
    bool all_bridges = facts.rows.mirrors != before.rows.mirrors;
    for (const auto &bridges : {before.bridges, facts.bridges}) {
        for (const auto &[name, bridge] : bridges) {
            const BridgeFacts *was = value_of(before.bridges, name);
            const BridgeFacts *is = value_of(facts.bridges, name);
            bool changed = !was || !is || !(*was == *is);
            if (changed || all_bridges) {
                dirty_bridges_.insert(name);
            }
            if (changed) {
                auto on = on_bridge_.find(name);
                if (on != on_bridge_.end()) {
                    dirty_.insert(on->second.begin(), on->second.end());
                }
            }
        }
    }
    /* A path's device may have become, or ceased to be, a bridge; a name may
     * have been taken or freed; a port of ours that all go by may have got its
     * number. */
    bool bridges_came_or_went = facts.bridges.size() != before.bridges.size();
    for (const auto &[name, bridge] : facts.bridges) {
        bridges_came_or_went |= !before.bridges.count(name);
    }
    if (bridges_came_or_went || facts.taken_names != before.taken_names ||
        common_ports(facts) != common_ports(before) ||
        facts.port_errors != before.port_errors ||
        facts.rows.bridges != before.rows.bridges) {
        for (const auto &[iface_id, tunnels] : by_iface_id_) {
            if (facts.nics.count(iface_id)) {
                dirty_.insert(tunnels.begin(), tunnels.end());
            }
        }
    }
    for (const auto &[bridge, plan] : seats_) {
        dirty_shared_taps_.insert(bridge);
        for (const auto &[iface_id, seat] : plan.seats) {
            dirty_taps_.insert(iface_id);
        }
    }
    for (const auto &[site, users] : site_users_) {
        dirty_deliveries_.insert(users.begin(), users.end());
    }
}

} // namespace pm
