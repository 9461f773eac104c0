/* DesiredState, one tunnel: the way of its copies, and how much of a frame the
 * way carries. */
#include <algorithm>

#include "plugin/check_network.h"
#include "plugin/desired_state.h"
#include "plugin/switch_names.h"

namespace pm {

namespace {

/* Outer IP + UDP + VXLAN; the copied frame begins with its own Ethernet
 * header. */
constexpr int ENCAP_BYTES_V4 = 36, ENCAP_BYTES_V6 = 56;
/* Whatever the device: a VRF's MTU, for one, is above it. */
constexpr int IP_PACKET_MAX = 65535;
/* Ethernet header and two VLAN tags: how much longer than its MTU a NIC's
 * frame can be. */
constexpr int FRAME_OVERHEAD = 22;

} // namespace

/* Whether the path to 'destination' has been looked up. */
bool
DesiredState::knows_path(const Uuid &id, const IpAddress &destination,
                         TunnelDesire *desire)
{
    const NicPort &nic = facts_.nics.at(desire->iface_id);
    desire->path = PathKey{nic.datapath_type, destination};
    auto path = paths_.find(*desire->path);
    if (path != paths_.end() && path->second.known) {
        return true;
    }
    const std::string code = "PATH_UNKNOWN";
    std::string what = "the route to " + destination.to_string() +
                       " is being looked up; wait";
    if (excused_.count(id)) {
        if (nic.datapath_type == "netdev") {
            what = "the route to " + destination.to_string() +
                   " cannot be looked up: ovs-vswitchd's control socket, "
                   "which its pid file names, is not to be opened; see to "
                   "both";
        }
        desire->degrade(code, what);
    }
    desire->set_condition("DestinationReachable", ConditionStatus::Unknown,
                          code + ": " + what);
    return false;
}

/* Whether nobody else on the host has what our VXLAN port needs. */
bool
DesiredState::has_vxlan_port(const Path &path, TunnelDesire *desire) const
{
    const std::string name =
        vxlan_port_name(desire->mirror_bridge, facts_.settings.mirror_bridge,
                        facts_.nics.at(desire->iface_id).datapath_type);
    if (facts_.taken_names.count(name)) {
        desire->fail_condition("DestinationReachable", "PORT_NAME_TAKEN",
                               "port " + name +
                                   " of the switch is not ours, and there "
                                   "can be no other of its name; rename or "
                                   "remove it");
        return false;
    }
    if (path.port_taken.empty()) {
        return true;
    }
    desire->fail_condition("DestinationReachable", "VTEP_PORT_TAKEN",
                           path.port_taken +
                               ", and a VXLAN port on the userspace datapath "
                               "would deafen it; move or stop it");
    return false;
}

/* Outer addresses by the path to 'destination'; false if there is no way. */
bool
DesiredState::find_way(const IpAddress &destination, TunnelDesire *desire,
                       EgressSpec *egress)
{
    const NicPort &nic = facts_.nics.at(desire->iface_id);
    const std::string to = destination.to_string();
    const Path &path = paths_.at(*desire->path);
    auto fail = [&](const char *code, const std::string &message) {
        desire->fail_condition("DestinationReachable", code, message);
        return false;
    };
    if (!has_vxlan_port(path, desire)) {
        return false;
    }
    if (!desire->in_vpc->site &&
        handle_range(destination.is_v6).handles.contains(destination)) {
        return fail("DESTINATION_IS_LOCAL",
                    to + " is of the range by which this hypervisor sends "
                         "copies into VPCs, and would be some tenant's; name "
                         "a destination elsewhere");
    }
    if (!path.routed) {
        return fail("NO_ROUTE", "this host has no route to " + to +
                                    "; add one or correct the destination");
    }
    if (path.source == destination) {
        return fail("DESTINATION_IS_LOCAL",
                    to + " is an address of this hypervisor itself, to which "
                         "the switch sends no tunnel; name a destination "
                         "elsewhere");
    }
    if (path.broadcast) {
        return fail("DESTINATION_IS_BROADCAST",
                    to + " is the broadcast address of a network of this "
                         "host, and no collector's; name a host");
    }
    if (!path.device_up) {
        return fail("LINK_DOWN", "the route to " + to + " leaves by " +
                                     path.device +
                                     ", which is down; bring it up");
    }
    if (nic.datapath_type != "system" && !facts_.bridges.count(path.device)) {
        return fail("ROUTE_NOT_ON_BRIDGE",
                    "the route to " + to + " leaves by " + path.device +
                        ", which is no bridge of this switch, and the " +
                        nic.datapath_type +
                        " datapath sends tunnels only through its own "
                        "bridges; put the address on a bridge");
    }
    const std::optional<IpAddress> &own = destination.is_v6
                                              ? facts_.settings.encap_v6
                                              : facts_.settings.encap_v4;
    std::optional<IpAddress> source = own ? own : path.source;
    if (!source || source->is_v6 != destination.is_v6) {
        return fail("NO_SOURCE_ADDRESS",
                    "this host has no address to reach " + to +
                        " from; set external_ids:mirror-encap-ip");
    }
    if (!desire->in_vpc->site && own && path.absent_sources.count(*own)) {
        return fail("NO_SOURCE_ADDRESS",
                    own->to_string() +
                        " is no address of this host, and nothing is sent "
                        "from it; correct external_ids:mirror-encap-ip, or "
                        "give the host that address");
    }
    if (path.neighbour == Neighbour::Failed) {
        /* Copies go on: the switch asks again with each of them. */
        desire->fail_condition(
            "DestinationReachable", "NEIGHBOUR_FAILED",
            "the next hop to " + to +
                " does not answer ARP or ND; check the collector "
                "and the link");
    } else if (path.neighbour == Neighbour::Reachable) {
        desire->set_condition("DestinationReachable", ConditionStatus::True);
    } else {
        desire->set_condition(
            "DestinationReachable", ConditionStatus::Unknown,
            "NEIGHBOUR_UNKNOWN: the next hop to " + to +
                " has not answered yet; it is asked for, by the first copy "
                "at the latest, and copies leave when it has");
    }
    egress->source = *source;
    egress->destination = destination;
    return true;
}

/* The MTU, of outer IP packets, of what carries the copies, and that in
 * words; nothing if it is not known.  In a VPC it is the tenant's: what the
 * inventory says of both ends' NICs, else what the source's port has. */
std::optional<std::pair<int, std::string>>
DesiredState::mtu_of_way(const Tunnel &tunnel, int nic_mtu_or_0,
                         const TunnelDesire &desire)
{
    const Path &path = paths_.at(*desire.path);
    bool own_leg = desire.path->datapath_type == "system";
    std::optional<int> mtu =
        !desire.in_vpc->site || own_leg ? path.mtu : std::nullopt;
    std::string words = "the path to " + desire.path->destination.to_string() +
                        " by " + path.device;
    auto restrict_to = [&](int other, const std::string &whose) {
        if (other && (!mtu || other < *mtu)) {
            mtu = other;
            words = whose;
        }
    };
    if (desire.in_vpc->site) {
        End source = resolve_end(model_, tunnel.source);
        End destination = resolve_end(model_, tunnel.destination);
        auto restrict_to_nic = [&](const Nic *nic, const std::string &whose) {
            restrict_to(nic && nic->mtu ? *nic->mtu : 0,
                        "the " + whose + " in the inventory");
        };
        if (source.nic && source.nic->mtu) {
            restrict_to_nic(source.nic, "source NIC");
        } else {
            restrict_to(nic_mtu_or_0, "the source NIC's port");
        }
        restrict_to_nic(destination.nic, "destination NIC");
        if (destination.load_balancer) {
            for (const auto *member :
                 receivers_of(*destination.load_balancer)) {
                restrict_to_nic(member->nic ? find(model_.nics, *member->nic)
                                            : nullptr,
                                "member " + member->address.to_string());
            }
        }
    }
    return mtu ? std::optional(std::pair(*mtu, words)) : std::nullopt;
}

/* How much of a frame is kept; false if the path cannot carry the least. */
bool
DesiredState::fit_length(const Tunnel &tunnel, std::optional<int> length,
                         int nic_mtu_or_0, TunnelDesire *desire,
                         EgressSpec *egress)
{
    std::optional<int> kept = length;
    desire->set_condition("MtuSufficient", ConditionStatus::True);
    if (auto way = mtu_of_way(tunnel, nic_mtu_or_0, *desire)) {
        const auto &[mtu, words] = *way;
        int room = std::min(mtu, IP_PACKET_MAX) -
                   (desire->path->destination.is_v6 ? ENCAP_BYTES_V6
                                                    : ENCAP_BYTES_V4);
        int need = length ? *length : nic_mtu_or_0 + FRAME_OVERHEAD;
        if (nic_mtu_or_0) {
            need = std::min(need, nic_mtu_or_0 + FRAME_OVERHEAD);
        }
        std::string limit = words + " has MTU " + std::to_string(mtu);
        if (room < PACKET_LENGTH_MIN) {
            desire->fail_condition("MtuSufficient", "MTU_TOO_SMALL",
                                   limit + ", too small for a copy; raise it");
            return false;
        }
        if (room < need) {
            desire->set_condition(
                "MtuSufficient", ConditionStatus::False,
                "MTU_TRUNCATES: " + limit + ", so frames are cut to " +
                    std::to_string(room) + " bytes" +
                    (mtu < IP_PACKET_MAX
                         ? "; raise it to " + std::to_string(need + mtu - room)
                         : ", the most that an IP packet has room for"));
        }
        kept = kept ? std::min(*kept, room) : room;
    }
    desire->effective_packet_length = kept;
    /* Truncation costs the userspace datapath a recirculation: only where a
     * frame can be longer.  A length that was asked for is policy, and anybody
     * may raise a NIC's MTU, while there is no daemon as well. */
    if (kept && (tunnel.packet_length || !nic_mtu_or_0 ||
                 nic_mtu_or_0 + FRAME_OVERHEAD > *kept)) {
        egress->max_len = kept;
    }
    return true;
}

} // namespace pm
