/* What the network between the two ends of a tunnel must have (core).
 *
 * Peering, route and Transit VPC Connect are inventory that others change
 * while a tunnel stands.  The console refuses to create or accept a tunnel
 * without them; from then on they are standing conditions, which the
 * hypervisor and a reader of the database ask for again with each change:
 * while one of them is False nothing is copied, and it heals by itself.  All
 * three ask here, so that they cannot differ. */
#ifndef PLUGIN_CHECK_NETWORK_H
#define PLUGIN_CHECK_NETWORK_H 1

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugin/check.h"
#include "plugin/model.h"

namespace pm {

/* The answer to one condition. */
struct Answer {
    ConditionStatus status = ConditionStatus::True;
    /* Empty when True.  They name no object that only one of two accounts
     * may know of. */
    std::string code, message;

    bool operator==(const Answer &) const = default;
    /* "CODE: MESSAGE", or empty. */
    Condition to_condition() const;
};

/* The type of the condition that never stops copies and never refuses. */
inline constexpr const char *PERMITS_VXLAN = "DestinationPermitsVxlan";

/* What is asked of the network between a tunnel's ends. */
struct NetworkAnswers {
    /* "Peering" or "TransitConnect", "Route", PERMITS_VXLAN: those that apply
     * to these ends. */
    std::map<std::string, Answer> conditions;
    /* Name of the peering or connect that the copies cross, if any. */
    std::string crossing;
    /* From and to: a peering or connect between them can change an answer. */
    std::optional<std::pair<Uuid, Uuid>> vpcs;
};

/* Asks for one tunnel.  Between two VPCs there must be an active peering from
 * the source's to the destination's, or, for a load balancer, an active
 * connect of the source's VPC with its transit VPC; and the route of the
 * source's subnet with the longest prefix must lead to the destination over
 * it.  Within one VPC neither is asked for, nor of an end without one (an
 * unmanaged NIC, a collector), nor of a row that 'model' lacks.
 * 'outer_source' is where the copies come from, if that is known. */
NetworkAnswers ask_network(const Model &, const Tunnel &,
                           const std::optional<IpAddress> &outer_source);

/* Of these answers those that refuse a create or an accept, and afterwards
 * stop the copies: False, with the condition's type. */
std::map<std::string, Answer> obstacles(const NetworkAnswers &);

/* The same as problems of the tunnel's row, for who creates or accepts it. */
void check_network(const Model &, const Uuid &, const std::string &path,
                   Problems *);

/* The keys of the ends ("source", "destination") whose resource is left
 * without its target: nobody can check the network to what is gone. */
std::vector<std::string> ends_without_target(const Model &, const Tunnel &);
/* Why such an end stops the copies, for who may know of the resource. */
std::string target_missing(const Resource &);

/* Whether what the inventory says now stops the copies, whatever their
 * hypervisor can do. */
bool is_stopped_by_inventory(const Model &, const Tunnel &);

/* How the copies are to travel: as the tunnel says, and with delivery "auto"
 * in the tenant's network where the destination is in a VPC. */
Delivery delivery_of(const Model &, const Tunnel &);

/* The members that get copies: those that are up and of the IP version of the
 * first that is.  While none is up, all: what is asked of the way to them is
 * asked of each. */
std::vector<const LoadBalancerMember *> receivers_of(const LoadBalancer &);

/* Outer source and destination of copies in a tenant's network: the
 * receiver's first address of an IP version that the source NIC has too. */
std::optional<std::pair<IpAddress, IpAddress>>
outer_addresses(const Nic &source, const std::vector<IpAddress> &receiver);

/* Where the copies come from, as far as the inventory says: with delivery
 * through the VPC from that address of the source NIC; from its first while
 * the inventory has no address of a receiver. */
std::optional<IpAddress> outer_source_by_inventory(const Model &,
                                                   const Tunnel &);

/* Whether the ACG or NACL of the destination admits UDP 4789 from
 * 'outer_source'; nullopt when that does not apply to it. */
std::optional<Answer>
ask_permission(const Model &, const End &destination,
               const std::optional<IpAddress> &outer_source);

} // namespace pm

#endif /* PLUGIN_CHECK_NETWORK_H */
