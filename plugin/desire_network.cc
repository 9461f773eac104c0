/* DesiredState, one tunnel: what the network between its ends must have, and
 * what becomes of it while that, or anything else, may be on its way. */
#include <algorithm>

#include "plugin/check_network.h"
#include "plugin/desired_state.h"
#include "plugin/switch_names.h"
#include "plugin/value_of.h"

namespace pm {

/* Asks for what the network between the tunnel's ends must have; false while
 * that stops the copies. */
bool
DesiredState::ask_network_of(const Tunnel &tunnel, TunnelDesire *desire)
{
    NetworkAnswers answers =
        ask_network(model_, tunnel, outer_source_by_inventory(model_, tunnel));
    desire->in_vpc.set(&VpcDesire::vpcs, answers.vpcs);
    desire->in_vpc.set(&VpcDesire::crossing, answers.crossing);
    for (const auto &[type, answer] : answers.conditions) {
        desire->conditions[type] = answer.to_condition();
    }
    auto stopping = obstacles(answers);
    for (const auto &[type, answer] : stopping) {
        desire->health = Health::Degraded;
        desire->reasons[answer.code] = answer.message;
    }
    return stopping.empty();
}

/* Asks again whether the destination admits the copies, now that it is known
 * where they come from. */
void
DesiredState::ask_permission_of(const Tunnel &tunnel,
                                const IpAddress &outer_source,
                                TunnelDesire *desire)
{
    auto condition = desire->conditions.find(PERMITS_VXLAN);
    if (condition != desire->conditions.end()) {
        desire->conditions[PERMITS_VXLAN] =
            ask_permission(model_, resolve_end(model_, tunnel.destination),
                           outer_source)
                ->to_condition();
    }
}

/* Whether all that decides between the two VPCs was here before: then what no
 * longer admits the copies is no row on its way. */
bool
DesiredState::was_decided_between(const Uuid &id,
                                  const TunnelDesire &desire) const
{
    auto before = tunnels_.find(id);
    return before != tunnels_.end() && before->second.active &&
           !before->second.pending &&
           before->second.in_vpc->vpcs == desire.in_vpc->vpcs;
}

/* What becomes of a tunnel, desired as far as 'desire', of which rows are
 * missing: while they may be on their way it stays as it is. */
TunnelDesire
DesiredState::hold(const Uuid &id, TunnelDesire desire)
{
    auto before = tunnels_.find(id);
    if (!complete_ && desire.health != Health::Error &&
        before != tunnels_.end() && can_hold(id, before->second)) {
        held_.insert(id);
        TunnelDesire held = before->second;
        held.in_vpc.set(&VpcDesire::vpcs, desire.in_vpc->vpcs);
        return held;
    }
    desire.active = false;
    desire.pending = true;
    return desire;
}

namespace {

/* Whether copies may leave the host at all. */
bool
has_budget(const Settings &settings, const EgressSpec &egress)
{
    return settings.rate_kbps != 0 || egress.count_only;
}

/* Whether the handles that 'before' used are still the tunnel's. */
bool
has_handles(const TunnelStatus &status, const TunnelDesire &before)
{
    return std::all_of(
        before.in_vpc->deliveries.begin(), before.in_vpc->deliveries.end(),
        [&](const auto &delivery) {
            const int64_t *handle =
                value_of(status.handles, delivery.second.to_string());
            return handle && *handle == delivery.first;
        });
}

} // namespace

/* Whether 'before', what the tunnel came to with rows that are now on their
 * way, still fits the switch and the numbers. */
bool
DesiredState::can_hold(const Uuid &id, const TunnelDesire &before)
{
    if (!before.active || !before.wants_slot) {
        return before.active;
    }
    auto nic = facts_.nics.find(before.iface_id);
    if (nic == facts_.nics.end() || nic->second.bridge != before.nic_bridge) {
        return false;
    }
    if (!before.egress) {
        return true;
    }
    if (!has_budget(facts_.settings, *before.egress)) {
        return false;
    }
    const auto *bridge = value_of(facts_.bridges, before.nic_bridge);
    if (!bridge || !bridge->unsafe.empty()) {
        return false; /* Others' frames would be copied. */
    }
    const std::string &type = nic->second.datapath_type;
    auto port = facts_.ofports.find(vxlan_port_name(
        before.mirror_bridge, facts_.settings.mirror_bridge, type));
    const TunnelStatus *status = status_of(id);
    const FilterStatus *filter =
        before.filter ? filter_status_of(*before.filter) : nullptr;
    return bridge_for_type(type) == before.mirror_bridge &&
           port != facts_.ofports.end() &&
           port->second == before.egress->vxlan_port && status &&
           status->number == before.tap.tunnel &&
           has_handles(*status, before) && has_balance_pair(before) &&
           (!before.filter || (filter && filter->number == before.tap.filter));
}

namespace {

/* Whether vswitchd answers is what 'now' says; nothing else of it is told of
 * who goes on as it was. */
void
follow_silence(const TunnelDesire &now, TunnelDesire *held)
{
    const std::string CODE = "VSWITCHD_AWAY";
    auto silence = now.reasons.find(CODE);
    if (silence != now.reasons.end()) {
        held->degrade(CODE, silence->second);
    } else if (held->reasons.erase(CODE) && held->reasons.empty()) {
        held->health = Health::Ok;
    }
}

} // namespace

/* What an edited tunnel comes to while something that decides is on its way:
 * the path to a new destination, a new filter's number.  It goes on as it was,
 * so that nothing is missed that both policies admit. */
TunnelDesire
DesiredState::as_it_was(const Uuid &id, const TunnelDesire &desire)
{
    auto before = tunnels_.find(id);
    if (before == tunnels_.end() || !before->second.egress ||
        before->second.iface_id != desire.iface_id) {
        return desire;
    }
    TunnelDesire held = before->second;
    if (held.filter) {
        /* Its number must not go to another meanwhile. */
        depend(id, *held.filter);
    }
    if (!can_hold(id, held)) {
        return desire;
    }
    held.path = desire.path;
    held.in_vpc.set(&VpcDesire::vpcs, desire.in_vpc->vpcs);
    follow_silence(desire, &held);
    held.in_vpc.set(&VpcDesire::ways, desire.in_vpc->ways);
    held.in_vpc.set(&VpcDesire::next_hops, desire.in_vpc->next_hops);
    held.undecided = true;
    return held;
}

namespace {

/* What was sent is a part of what is to be, so that nothing of it has been
 * withdrawn. */
bool
is_part_of(const TunnelDesire &before, const TunnelDesire &now,
           const EgressSpec &egress)
{
    const auto &ways = now.in_vpc->ways;
    const auto &had = before.in_vpc->deliveries;
    return before.egress && !had.empty() && before.filter == now.filter &&
           before.in_vpc->site == now.in_vpc->site &&
           before.egress->vni == egress.vni &&
           before.egress->count_only == egress.count_only &&
           before.egress->max_len == egress.max_len &&
           before.egress->rate_kbps == egress.rate_kbps &&
           std::all_of(had.begin(), had.end(), [&](const auto &way) {
               return std::find(ways.begin(), ways.end(), way.second) !=
                      ways.end();
           });
}

TunnelDesire
refuse(TunnelDesire desire, const std::string &whose)
{
    desire.fail_condition("Installed", "CONTROL_REFUSED",
                          "the control database refuses the status row of "
                          "the " +
                              whose +
                              ", without which nothing is copied; see the "
                              "daemon's log");
    return desire;
}

} // namespace

/* As it was until the row of its filter is written; where that is refused,
 * nothing. */
TunnelDesire
DesiredState::until_filter_written(const Uuid &id, const Uuid &filter,
                                   const TunnelDesire &desire)
{
    return refused_.count(filter) ? refuse(desire, "tunnel's filter")
                                  : as_it_was(id, desire);
}

/* The same of its own row, with the handles that it needs; but it goes on
 * where the former policy is a part of the present one, since one of several
 * ways is new, say. */
TunnelDesire
DesiredState::until_handles_written(const Uuid &id, const TunnelDesire &desire,
                                    const EgressSpec &egress)
{
    auto before = tunnels_.find(id);
    return refused_.count(id) && before != tunnels_.end() &&
                   !is_part_of(before->second, desire, egress)
               ? refuse(desire, "tunnel")
               : as_it_was(id, desire);
}

} // namespace pm
