/* DesiredState, the private leg: the delivery bridges, how copies come to them
 * and by which ports they enter tenants' networks (flows/delivery.h). */
#include "plugin/desired_state.h"
#include "plugin/switch_names.h"
#include "plugin/value_of.h"

namespace pm {

/* Our delivery bridge of a datapath type, or "" if it cannot have its
 * name. */
std::string
DesiredState::delivery_bridge_for_type(const std::string &datapath_type)
{
    std::string name = delivery_bridge_name(bridge_for_type(datapath_type));
    return name.size() > INTERFACE_NAME_MAX || facts_.taken_names.count(name)
               ? ""
               : name;
}

/* The number of the port of a bridge of ours by which balanced tunnels' copies
 * leave to their groups, or come back; nullopt while it is not there, on that
 * bridge and with its peer. */
std::optional<int>
DesiredState::balance_ofport(const std::string &bridge,
                             Direction direction) const
{
    const BridgeFacts *facts = value_of(facts_.bridges, bridge);
    if (!facts) {
        return std::nullopt;
    }
    auto name = [&](Direction d) {
        return balance_port_name(bridge, facts_.settings.mirror_bridge,
                                 facts->datapath_type, d);
    };
    const PortRow *row = value_of(facts_.rows.ports, name(direction));
    const int *ofport = value_of(facts_.ofports, name(direction));
    const std::string peer =
        name(direction == Direction::Inbound ? Direction::Outbound
                                             : Direction::Inbound);
    bool ready =
        row && ofport && row->bridge == bridge &&
        row->options == std::map<std::string, std::string>{{"peer", peer}};
    return ready ? std::optional(*ofport) : std::nullopt;
}

/* Whether the pair by which 'before' came to its group, if it did, is there.
 */
bool
DesiredState::has_balance_pair(const TunnelDesire &before) const
{
    return !before.tap.balanced ||
           (balance_ofport(before.mirror_bridge, Direction::Inbound) &&
            balance_ofport(before.mirror_bridge, Direction::Outbound) ==
                before.egress->balance_port);
}

/* Whether the private leg is there, as the path to handle 0 says, and, for
 * copies that are spread over members, what leads to their group. */
bool
DesiredState::find_leg(bool spreads, TunnelDesire *desire, EgressSpec *egress)
{
    const NicPort &nic = facts_.nics.at(desire->iface_id);
    const HandleRange &range = handle_range(desire->path->destination.is_v6);
    const Path &path = paths_.at(*desire->path);
    std::string bridge = delivery_bridge_for_type(nic.datapath_type);
    auto fail = [&](const char *code, const std::string &message) {
        desire->fail_condition("DestinationReachable", code, message);
        return false;
    };
    if (!has_vxlan_port(path, desire)) {
        return false;
    }
    if (!facts_.rows.bridges.count(bridge) ||
        (!path.routed && path.leg_trouble.empty())) {
        desire->set_condition("DestinationReachable", ConditionStatus::Unknown,
                              "DELIVERY_STARTING: bridge " + bridge +
                                  " and the route to it are being made; "
                                  "wait");
        return false;
    }
    if (!path.routed || path.device != bridge || !path.device_up ||
        path.source != range.source) {
        return fail(
            "DELIVERY_NOT_ROUTED",
            range.handles.to_string() +
                ", which is for delivery in VPCs, does not lead from " +
                range.source.to_string() + " to bridge " + bridge +
                (path.leg_trouble.empty()
                     ? "; see that nothing else on this host uses it"
                     : ": " + path.leg_trouble +
                           "; free the range, and see that the daemon has "
                           "CAP_NET_ADMIN"));
    }
    egress->source = range.source;
    return !spreads || find_balance_pair(desire, egress);
}

/* Whether there is a way to a balanced tunnel's group. */
bool
DesiredState::find_balance_pair(TunnelDesire *desire, EgressSpec *egress)
{
    for (Direction direction : DIRECTIONS) {
        const std::string name = balance_port_name(
            desire->mirror_bridge, facts_.settings.mirror_bridge,
            facts_.nics.at(desire->iface_id).datapath_type, direction);
        if (facts_.taken_names.count(name)) {
            desire->fail_condition("DestinationReachable", "PORT_NAME_TAKEN",
                                   "port " + name +
                                       " of the switch is not ours, and "
                                       "there can be no other of its name; "
                                       "rename or remove it");
            return false;
        }
        if (const std::string *error = value_of(facts_.port_errors, name)) {
            desire->fail_condition(
                "DestinationReachable", "VTEP_PORT_TAKEN",
                "ovs-vswitchd cannot make our port " + name + " (" + *error +
                    "); see its log, and remove what is in its way");
            return false;
        }
    }
    auto out = balance_ofport(desire->mirror_bridge, Direction::Outbound);
    if (!out || !balance_ofport(desire->mirror_bridge, Direction::Inbound)) {
        desire->set_condition("DestinationReachable", ConditionStatus::Unknown,
                              "DELIVERY_STARTING: the ports that lead to the "
                              "members are being made; wait");
        return false;
    }
    egress->balance_port = *out;
    return true;
}

/* Adds the pair by which balanced tunnels' copies come to their groups. */
void
DesiredState::add_balance_pair(const std::string &datapath_type,
                               SwitchRows *rows)
{
    const std::string bridge = bridge_for_type(datapath_type);
    const std::string out =
        balance_port_name(bridge, facts_.settings.mirror_bridge, datapath_type,
                          Direction::Outbound);
    const std::string in =
        balance_port_name(bridge, facts_.settings.mirror_bridge, datapath_type,
                          Direction::Inbound);
    if (facts_.taken_names.count(out) || facts_.taken_names.count(in)) {
        return;
    }
    const Mark mark{"balance", "", 0};
    rows->ports[out] = {bridge, "patch", {{"peer", in}}, {}, BALANCE_OFPORT,
                        false,  mark};
    rows->ports[in] = {
        bridge, "patch", {{"peer", out}}, {}, BALANCE_OFPORT + 1, false, mark};
}

/* The delivery bridges, and the ports by which copies enter tenants'
 * networks. */
void
DesiredState::desire_sites(SwitchRows *rows)
{
    /* Whether nobody else's port has the name of one of the pair. */
    auto is_free = [&](int64_t number) {
        return !facts_.taken_names.count(site_port_name(number)) &&
               !facts_.taken_names.count(site_peer_name(number));
    };
    std::map<std::string, int64_t> known;
    std::set<int64_t> used;
    for (const auto &[name, port] : facts_.rows.ports) {
        if (port.mark.purpose == "delivery") {
            used.insert(port.mark.number);
            if (is_free(port.mark.number)) {
                known.try_emplace(port.mark.segment, port.mark.number);
            }
        }
    }
    std::map<DeliverySite, int64_t> numbers;
    for (const auto &[site, users] : site_users_) {
        auto bridge = facts_.bridges.find(site.nic_bridge);
        if (bridge == facts_.bridges.end()) {
            continue;
        }
        const std::string &type = bridge->second.datapath_type;
        std::string delivery_bridge = delivery_bridge_for_type(type);
        if (delivery_bridge.empty() ||
            !rows->bridges.count(bridge_for_type(type))) {
            continue;
        }
        int64_t number = 1;
        if (const int64_t *row = value_of(known, site.to_string())) {
            number = *row;
        } else if (const int64_t *had = value_of(site_numbers_, site);
                   had && !used.count(*had) && is_free(*had)) {
            number = *had;
        } else {
            while (used.count(number) || !is_free(number)) {
                number++;
            }
        }
        used.insert(number);
        numbers[site] = number;

        rows->bridges[delivery_bridge] = {
            type == "system" ? "" : type, false, {"delivery", "", 0}};
        add_balance_pair(type, rows);
        Mark mark{"delivery", "", number};
        mark.segment = site.to_string();
        std::string port = site_port_name(number);
        std::string peer = site_peer_name(number);
        rows->ports[port] = {
            site.nic_bridge, "patch", {{"peer", peer}}, {},           0,
            false,           mark,    site.tag,         site.iface_id};
        rows->ports[peer] = {delivery_bridge,
                             "patch",
                             {{"peer", port}},
                             {},
                             site_ofport(number),
                             false,
                             mark};
        dirty_deliveries_.insert(users.begin(), users.end());
    }
    site_numbers_ = std::move(numbers);
    sites_.clear();
    for (const auto &[site, number] : site_numbers_) {
        sites_.emplace(site.to_string(), site);
    }
}

} // namespace pm
