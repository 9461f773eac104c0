/* DesiredState, one tunnel: what it comes to on this hypervisor, and why it
 * does not when it does not. */
#include <algorithm>

#include "plugin/check_network.h"
#include "plugin/desired_state.h"
#include "plugin/lifecycle.h"
#include "plugin/switch_names.h"
#include "plugin/value_of.h"

namespace pm {

/* Whether the row that tunnel 'id' refers to is there.  One that is there but
 * cannot be read puts the tunnel in error. */
template <typename T>
bool
DesiredState::has_arrived(const Uuid &id, const Table<T> &table,
                          const Uuid &row, TunnelDesire *desire)
{
    depend(id, row);
    if (const Problem *broken = find(model_.broken, row)) {
        desire->health = Health::Error;
        desire->reasons[broken->code] = broken->message;
    }
    return find(table, row) != nullptr;
}

/* Follows a resource to its target.  Records what it depends on; false if
 * rows are still on their way. */
bool
DesiredState::resolve_target(const Uuid &id, const Resource &resource,
                             TunnelDesire *desire)
{
    auto arrived = [&](const auto &table, const Uuid &row) {
        return has_arrived(id, table, row, desire);
    };
    auto vpc_of_subnet_arrived = [&](const Uuid &subnet) {
        return arrived(model_.subnets, subnet) &&
               arrived(model_.vpcs, model_.subnets.at(subnet).vpc);
    };
    auto nic_arrived = [&](const Uuid &row) {
        if (!arrived(model_.nics, row)) {
            return false;
        }
        const Nic &nic = model_.nics.at(row);
        return !nic.subnet || vpc_of_subnet_arrived(*nic.subnet);
    };
    if (!resource.target_id) {
        desire->degrade("TARGET_MISSING", target_missing(resource));
        return true;
    }
    switch (resource.type) {
    case ResourceType::NetworkInterface:
        return nic_arrived(*resource.target_id);
    case ResourceType::LoadBalancer: {
        if (!arrived(model_.load_balancers, *resource.target_id)) {
            return false;
        }
        const LoadBalancer &lb = model_.load_balancers.at(*resource.target_id);
        /* Each is to be followed, whatever became of the others. */
        bool members = true;
        for (const LoadBalancerMember &member : lb.members) {
            members &= !member.nic || nic_arrived(*member.nic);
        }
        return members && arrived(model_.vpcs, lb.vpc) &&
               (!lb.subnet || vpc_of_subnet_arrived(*lb.subnet));
    }
    case ResourceType::Collector:
        return arrived(model_.collectors, *resource.target_id);
    }
    return false;
}

/* Follows the tunnel's references.  On success gives the destination address,
 * if its kind of delivery is there, and the configured length. */
bool
DesiredState::resolve(const Uuid &id, const Tunnel &tunnel,
                      TunnelDesire *desire,
                      std::optional<IpAddress> *destination,
                      std::optional<int> *length)
{
    bool arrived = has_arrived(id, model_.resources, tunnel.source, desire);
    arrived &= has_arrived(id, model_.resources, tunnel.destination, desire);
    if (!arrived) {
        return false;
    }
    const Resource *source = find(model_.resources, tunnel.source);
    const Resource *dest = find(model_.resources, tunnel.destination);
    desire->active = is_accepted(model_, tunnel);
    if (!desire->active) {
        return true;
    }
    desire->filter = tunnel.filter;
    desire->to_collector = dest->type == ResourceType::Collector;
    arrived = resolve_target(id, *source, desire);
    arrived &= resolve_target(id, *dest, desire);
    arrived &= !tunnel.filter ||
               has_arrived(id, model_.filters, *tunnel.filter, desire);
    if (!arrived && desire->health != Health::Error) {
        return false;
    }

    desire->iface_id = source->iface_id;
    if (source->target_id) {
        if (const Nic *nic = find(model_.nics, *source->target_id)) {
            desire->iface_id = nic->iface_id;
            desire->mac = nic_mac(nic->mac);
            desire->addresses = FlatSet<IpAddress>(nic->addresses);
            desire->subnet = nic->subnet;
        }
    }
    if (desire->health == Health::Error) {
        return true;
    }
    if (dest->target_id) {
        if (dest->type == ResourceType::Collector) {
            *destination = model_.collectors.at(*dest->target_id).address;
        } else if (dest->type == ResourceType::NetworkInterface) {
            const Nic &nic = model_.nics.at(*dest->target_id);
            if (!nic.addresses.empty()) {
                *destination = nic.addresses.front();
            }
        }
    }
    *length = configured_packet_length(model_, tunnel);
    return true;
}

/* As check_tunnel_among_others(), but looks only where there can be a problem:
 * among tunnels of the same source. */
void
DesiredState::check_siblings(const Uuid &id, const Tunnel &tunnel,
                             Problems *problems)
{
    if (!may_have_troubled_siblings(tunnel)) {
        return;
    }
    Model model;
    for (const Uuid &sibling : by_source_.at(tunnel.source)) {
        model.tunnels[sibling] = model_.tunnels.at(sibling);
    }
    check_tunnel_among_others(model, id, Limits{}, "", problems);
}

void
DesiredState::check(const Uuid &id, const Tunnel &tunnel, TunnelDesire *desire)
{
    Problems problems;
    check_tunnel(model_, id, "", &problems);
    check_end(tunnel.source, "source", &problems);
    check_end(tunnel.destination, "destination", &problems);
    check_siblings(id, tunnel, &problems);
    if (tunnel.filter) {
        auto [i, fresh] = filter_problems_.try_emplace(*tunnel.filter);
        if (fresh) {
            check_filter(model_, *tunnel.filter, Limits{}, "filter",
                         &i->second);
        }
        problems.insert(problems.end(), i->second.begin(), i->second.end());
    }
    for (const Problem &problem : problems) {
        desire->health = Health::Error;
        desire->reasons[problem.code] =
            problem.path.empty() ? problem.message
                                 : problem.path + ": " + problem.message;
    }
}

/* Says how the NIC is served; false if there is no Mirror for it. */
bool
DesiredState::take_seat(const BridgeFacts &bridge, TunnelDesire *desire)
{
    const SeatPlan &plan = seats_[desire->nic_bridge];
    const Seat *seat = value_of(plan.seats, desire->iface_id);
    if (!seat) {
        const std::string *unable = value_of(plan.unable, desire->iface_id);
        desire->mirror_bridge.clear();
        desire->degrade(
            "SLOTS_EXHAUSTED",
            "bridge " + desire->nic_bridge +
                " has no pair of Mirror slots left for this NIC (" +
                std::to_string(MIRRORS_MAX) + " in all, " +
                std::to_string(bridge.foreign_mirrors) + " of others, " +
                std::to_string(facts_.settings.slots_reserve) + " reserved)" +
                (unable ? ", and it cannot share one, since " + *unable : "") +
                "; remove Mirrors or tunnels");
        return false;
    }
    if (seat->shared) {
        desire->sharing.edit() =
            "SHARED_MIRRORS: the NIC shares a pair of Mirrors of bridge " +
            desire->nic_bridge + ", so that frames are its own by MAC " +
            seat->mac + ": those with another are not copied" +
            (plan.segment.empty()
                 ? ", nor are broadcast and multicast to it, since the NICs "
                   "that share are not of one subnet, in the same VLANs"
                 : "");
    }
    return true;
}

/* Whether the tunnel can be served: with what is flooded, or without. */
bool
DesiredState::take_flood(TunnelDesire *desire)
{
    const SeatPlan &plan = seats_[desire->nic_bridge];
    const Seat &seat = plan.seats.at(desire->iface_id);
    desire->tap.floods =
        flooded_[desire->nic_bridge].count(desire->tap.tunnel) > 0;
    if (desire->tap.floods || (seat.shared && plan.segment.empty())) {
        return true;
    }
    desire->degrade(
        "BRIDGE_FANOUT",
        "one frame on bridge " + desire->nic_bridge +
            " could cause more than " + std::to_string(COPIES_PER_FRAME_MAX) +
            " copies or " + std::to_string(RESUBMITS_PER_FRAME_MAX) +
            " resubmits, so " +
            (seat.mac.empty() ? "nothing of this NIC, whose MAC is not "
                                "known, is copied"
                              : "inbound frames to other than its MAC "
                                "are not copied") +
            "; remove tunnels of the bridge's NICs");
    return !seat.mac.empty();
}

namespace {

void
degrade_by_silence(TunnelDesire *desire)
{
    desire->degrade("VSWITCHD_AWAY", "ovs-vswitchd does not answer; start it");
}

/* A tunnel whose references are on their way, and whatever they may be is not
 * to copy. */
TunnelDesire
switched_off(const TunnelDesire &held)
{
    TunnelDesire off;
    off.active = true;
    off.bound = held.bound;
    off.iface_id = held.iface_id;
    off.nic_bridge = held.nic_bridge;
    off.mac = held.mac;
    off.addresses = held.addresses;
    off.subnet = held.subnet;
    off.health = Health::Disabled;
    auto bound = held.conditions.find("SourceBound");
    if (bound != held.conditions.end()) {
        off.conditions[bound->first] = bound->second;
    }
    return off;
}

} // namespace

TunnelDesire
DesiredState::desire_tunnel(const Uuid &id)
{
    TunnelDesire desire;
    const Tunnel *tunnel = find(model_.tunnels, id);
    const bool was_held = held_.erase(id);
    if (!tunnel) {
        return desire;
    }
    std::optional<IpAddress> destination;
    std::optional<int> length;
    if (!resolve(id, *tunnel, &desire, &destination, &length)) {
        TunnelDesire held = hold(id, std::move(desire));
        return tunnel->enabled || held.pending ? held : switched_off(held);
    }
    if (!desire.active) {
        return desire;
    }
    auto nic = facts_.nics.find(desire.iface_id);
    desire.bound = !desire.iface_id.empty() && nic != facts_.nics.end();
    if (desire.health != Health::Error) {
        check(id, *tunnel, &desire);
    }
    if (desire.bound) {
        desire.nic_bridge = nic->second.bridge;
        if (desire.mac.empty()) {
            desire.mac = nic_mac(nic->second.mac);
        }
        desire.set_condition("SourceBound", ConditionStatus::True);
    } else if (desire.iface_id.empty()) {
        desire.fail_condition(
            "SourceBound", "NIC_MISSING",
            "the source NIC is in no inventory row; add it again, "
            "or delete the tunnel");
    } else {
        desire.fail_condition(
            "SourceBound", "NIC_UNBOUND",
            "the source NIC " + desire.iface_id +
                " is not plugged in on this hypervisor; start its "
                "VM here, or see where it runs");
    }
    if (!tunnel->enabled) {
        desire.health = Health::Disabled;
        if (!vswitchd_alive_) {
            degrade_by_silence(&desire);
        }
        return desire;
    }
    if (desire.health != Health::Ok) {
        return desire;
    }
    bool admitted = ask_network_of(*tunnel, &desire);
    if (!admitted && !complete_ &&
        (was_held || !was_decided_between(id, desire))) {
        /* The peering may be on its way, as any row. */
        return hold(id, std::move(desire));
    }
    if (!vswitchd_alive_) {
        degrade_by_silence(&desire);
    }
    desire.delivery = delivery_of(model_, *tunnel);
    if (!desire.bound) {
        return desire;
    }
    bool in_vpc = desire.delivery == Delivery::Vpc;
    std::vector<Draft> drafts;
    if (in_vpc) {
        if (!find_ways(*tunnel, &desire, &drafts)) {
            return desire;
        }
        bool v6 = !drafts.empty() && drafts.front().way.source.is_v6;
        destination = handle_address(0, v6);
    } else if (!destination) {
        desire.degrade("DELIVERY_UNSUPPORTED",
                       "underlay delivery is to a collector, or to a NIC "
                       "with an address in the inventory; change the "
                       "tunnel's delivery or destination");
        return desire;
    }
    const BridgeFacts &bridge = facts_.bridges.at(desire.nic_bridge);
    if (!bridge.checked) {
        knows_path(id, *destination, &desire); /* Looked up meanwhile. */
        desire.undecided = bridge.unreachable.empty();
        if (!desire.undecided) {
            desire.degrade(
                "BRIDGE_UNREACHABLE",
                "bridge " + desire.nic_bridge + " does not answer OpenFlow (" +
                    bridge.unreachable +
                    "), so that whether it would show other NICs' frames to "
                    "the mirror is not known; see the log of ovs-vswitchd "
                    "and the bridge's .mgmt socket");
        }
        return desire;
    }
    if (!bridge.unsafe.empty()) {
        desire.degrade("PIPELINE_UNSAFE", bridge.unsafe);
        return desire;
    }
    if (!knows_path(id, *destination, &desire)) {
        desire.undecided = true;
        return admitted ? as_it_was(id, desire) : desire;
    }
    desire.mirror_bridge = bridge_for_type(nic->second.datapath_type);
    if (desire.mirror_bridge.empty() &&
        !is_mirror_bridge_name(facts_.settings.mirror_bridge)) {
        desire.degrade(
            "MIRROR_BRIDGE_INVALID",
            "Open vSwitch makes no bridge called " +
                quote(facts_.settings.mirror_bridge) +
                ", for the '/' or '\\' in it, or its length of more than "
                "64 bytes; set external_ids:mirror-bridge to "
                "another name");
        return desire;
    }
    if (desire.mirror_bridge.empty()) {
        desire.degrade(
            "MIRROR_BRIDGE_TAKEN",
            "the name " + facts_.settings.mirror_bridge +
                " belongs to a bridge or port that is not ours; set "
                "external_ids:mirror-bridge");
        return desire;
    }
    if (in_vpc &&
        delivery_bridge_for_type(nic->second.datapath_type).empty()) {
        desire.degrade(
            "DELIVERY_BRIDGE_UNNAMED",
            "the bridge for delivery in VPCs would be called " +
                delivery_bridge_name(desire.mirror_bridge) +
                ", which is taken, or longer than an interface's name; set "
                "external_ids:mirror-bridge to another name, of 11 "
                "characters at most, and deliver on one datapath type");
        return desire;
    }
    /* Rows do not come and go with the route: each change of a Mirror makes
     * the bridge forget its MAC table, and flood until it has learnt anew. */
    desire.wants_slot = true;
    if (!take_seat(bridge, &desire)) {
        return desire;
    }

    auto dead = facts_.dead_mirrors.find(desire.iface_id);
    if (dead != facts_.dead_mirrors.end()) {
        /* Nothing to take back: it may come alive. */
        desire.degrade("MIRROR_DEAD",
                       "ovs-vswitchd does not keep to Mirror " + dead->second +
                           " of bridge " + desire.nic_bridge +
                           ", which takes " + std::to_string(MIRRORS_MAX) +
                           " with everybody's; remove some, or see its log");
    }

    EgressSpec egress;
    egress.vni = tunnel->vni;
    egress.count_only = tunnel->mode == Mode::Count;
    egress.rate_kbps = tunnel->rate_kbps;
    egress.budgeted = facts_.settings.rate_kbps.has_value();
    if (facts_.settings.rate_kbps == 0 && !egress.count_only) {
        desire.degrade("BUDGET_ZERO",
                       "this hypervisor has no budget for copies; raise its "
                       "external_ids:mirror-rate-kbps");
        return desire;
    }
    bool balanced = model_.resources.at(tunnel->destination).type ==
                    ResourceType::LoadBalancer;
    bool spreads = balanced && !drafts.empty() && !egress.count_only;
    bool way = in_vpc ? find_leg(spreads, &desire, &egress) &&
                            find_next_hops(id, drafts, &desire)
                      : find_way(*destination, &desire, &egress);
    if (!way ||
        !fit_length(*tunnel, length, nic->second.mtu.value_or(0), &desire,
                    &egress) ||
        !admitted) {
        return desire;
    }
    if (!in_vpc) {
        ask_permission_of(*tunnel, egress.source, &desire);
    } else if (!desire.in_vpc->ways.empty()) {
        ask_permission_of(*tunnel, desire.in_vpc->ways.front().source,
                          &desire);
    }
    const TunnelStatus *status = status_of(id);
    desire.tap.tunnel = status ? status->number : 0;
    if (tunnel->filter) {
        const FilterStatus *filter = filter_status_of(*tunnel->filter);
        desire.tap.filter = filter ? filter->number : 0;
        const Filter &rules = model_.filters.at(*tunnel->filter);
        desire.tap.idle_inbound = admits_nothing(rules, Direction::Inbound);
        desire.tap.idle_outbound = admits_nothing(rules, Direction::Outbound);
    }
    if (!status) {
        return desire;
    }
    if (tunnel->filter && !desire.tap.filter) {
        return until_filter_written(id, *tunnel->filter, desire);
    }
    if (in_vpc && !take_handles(*status, balanced, &desire, &egress)) {
        /* Where none is left its new way could wait without end. */
        return desire.reasons.count("HANDLES_EXHAUSTED")
                   ? desire
                   : until_handles_written(id, desire, egress);
    }
    desire.tap.balanced = !egress.slots.empty() && !egress.count_only;
    desire.wants_copy = true;
    if (!take_flood(&desire)) {
        return desire;
    }
    const std::string port_name =
        vxlan_port_name(desire.mirror_bridge, facts_.settings.mirror_bridge,
                        nic->second.datapath_type);
    auto port = facts_.ofports.find(port_name);
    auto error = facts_.port_errors.find(port_name);
    if (port != facts_.ofports.end()) {
        egress.vxlan_port = port->second;
        desire.egress = egress;
    } else if (error != facts_.port_errors.end()) {
        /* It is tried again whenever the switch's ports change. */
        desire.fail_condition(
            "DestinationReachable", "VTEP_PORT_TAKEN",
            "ovs-vswitchd cannot make our VXLAN port " + port_name + " (" +
                error->second +
                "); see whether another port has its options, and "
                "change or remove that");
    }
    return desire;
}

} // namespace pm
