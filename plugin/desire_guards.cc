/* DesiredState, the loop guards: no copy is ever copied again.
 *
 * A mirrored NIC may carry copies: the NIC of a collector, of a member of a
 * load balancer, an uplink, a router of VMs.  They are told by the mark that
 * all copies bear (COPY_TOS), which needs no knowledge of the inventory and
 * two flows.  A guest can put it on what it likes, so what a NIC sends from
 * its own address is mirrored in spite of it: copies from there are our own,
 * and told by their addresses.
 *
 * A network may rewrite the mark, so copies are told by where they go as well.
 * Collectors are known to every hypervisor, so what goes to UDP port 4789 of
 * one is a copy whichever hypervisor it is from.  The same holds of a NIC that
 * is plugged in here, outside of any VPC, and has been made a destination.  A
 * NIC elsewhere, or inside of a VPC, shares its address with others for all
 * that is known: there the outer source must be ours. */
#include <algorithm>

#include "plugin/desired_state.h"

namespace pm {

namespace {

using GuardKey = std::pair<std::string, Flow>;

/* What a tunnel needs while it copies. */
std::set<GuardKey>
guards_of(const TunnelDesire &d)
{
    std::set<GuardKey> guards;
    if (!d.egress) {
        return guards;
    }
    for (const auto &[handle, way] : d.in_vpc->deliveries) {
        guards.insert(
            {d.mirror_bridge, guard_flow(way.source, way.destination)});
    }
    if (!d.in_vpc->site) {
        std::optional<IpAddress> source = d.egress->source;
        if (d.to_collector) {
            source.reset();
        }
        guards.insert(
            {d.mirror_bridge, guard_flow(source, d.egress->destination)});
    }
    return guards;
}

} // namespace

void
DesiredState::place_guard(const Uuid &id, const TunnelDesire &before,
                          const TunnelDesire &after)
{
    auto was = guards_of(before), is = guards_of(after);
    for (const GuardKey &guard : was) {
        if (!is.count(guard)) {
            use_guard(guard, id, false);
        }
    }
    for (const GuardKey &guard : is) {
        if (!was.count(guard)) {
            use_guard(guard, id, true);
        }
    }
}

/* The flow is there as long as somebody uses it. */
void
DesiredState::use_guard(const GuardKey &key, const Uuid &user, bool use)
{
    const auto &[bridge, flow] = key;
    FlatSet<Uuid> &users = guard_users_[key];
    bool was_there = !users.empty();
    if (use) {
        users.insert(user);
    } else {
        users.erase(user);
    }
    bool is_there = !users.empty();
    if (!is_there) {
        guard_users_.erase(key);
    }
    if (was_there == is_there) {
        return;
    }
    OwnerKey owner{bridge, Cookie::decode(flow.cookie)->owner};
    auto have = flows_.find(owner);
    std::vector<Flow> flows;
    if (have != flows_.end()) {
        flows = have->second;
    }
    std::erase(flows, flow);
    if (is_there) {
        flows.push_back(flow);
    }
    std::sort(flows.begin(), flows.end());
    set_flows(owner, flows);
}

/* Takes note of what 'delta', not yet applied, changes of standing guards. */
void
DesiredState::note_guarded(const ModelDelta &delta)
{
    guards_dirty_ |= !delta.collectors.empty() || !delta.nics.empty();
    for (const auto &[id, resource] : delta.resources) {
        bool is_destination = resource &&
                              resource->purpose == Purpose::Destination &&
                              resource->type == ResourceType::NetworkInterface;
        if (is_destination) {
            destination_nics_.insert(id);
            guards_dirty_ = true;
        } else {
            guards_dirty_ |= destination_nics_.erase(id) > 0;
        }
    }
}

/* The guards that stand whatever tunnels there are, on each of our bridges. */
void
DesiredState::desire_guards()
{
    std::set<IpAddress> destinations;
    for (const auto &[id, collector] : model_.collectors) {
        destinations.insert(collector.address);
    }
    for (const Uuid &id : destination_nics_) {
        const Resource &resource = model_.resources.at(id);
        const Nic *nic = resource.target_id
                             ? find(model_.nics, *resource.target_id)
                             : nullptr;
        if (nic && !nic->subnet && !nic->addresses.empty() &&
            facts_.nics.count(nic->iface_id)) {
            destinations.insert(nic->addresses.front());
        }
    }
    std::set<GuardKey> standing;
    for (const std::string &bridge : bases_) {
        standing.insert({bridge, mark_guard_flow(false)});
        standing.insert({bridge, mark_guard_flow(true)});
    }
    for (const IpAddress &destination : destinations) {
        Flow flow = guard_flow(std::nullopt, destination);
        for (const std::string &bridge : bases_) {
            standing.insert({bridge, flow});
        }
    }
    for (const GuardKey &key : standing_guards_) {
        if (!standing.count(key)) {
            use_guard(key, Uuid{}, false);
        }
    }
    for (const GuardKey &key : standing) {
        if (!standing_guards_.count(key)) {
            use_guard(key, Uuid{}, true);
        }
    }
    standing_guards_ = std::move(standing);
}

} // namespace pm
