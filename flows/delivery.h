/* The tables of the delivery bridge, which hands copies to a tenant's own
 * network (core).
 *
 * A copy for a VPC must not be routed by the host: tenants' addresses overlap,
 * and none of them belongs in its routing table.  So our bridge sends it to a
 * "handle", an address of a private range that leads to the delivery bridge's
 * LOCAL port and stands for one way of one tunnel.  There it becomes what the
 * source NIC would have sent, and leaves by a patch port to the NIC's bridge.
 *
 *     LOCAL: outer packet from DELIVERY_SOURCE to a handle
 *        v
 *   +- 0 -----------------------------------------------------------------+
 *   | 300  LOCAL, ARP for the range's gateway: answered                   |
 *   | 300  LOCAL, ND for the range's gateway: answered by way of table 1  |
 *   | 200  LOCAL, UDP 4789 to a handle: MACs and addresses of the tenant's |
 *   |        network, output to the patch port                            |
 *   | 100  ARP and ND answers to our MACs, from tenants' networks: to us,  |
 *   |        see next_hops.h                                              |
 *   |   0  drop                                                           |
 *   +---------------------------------------------------------------------+
 *
 * Every handle is behind one gateway, so that the switch keeps one neighbour
 * however many there are: the kernel has "HANDLES via gateway dev BRIDGE".
 * What else comes from the tenant's network by the patch port meets a drop.
 * Checksums stay right: IPv4's is made anew, UDP's is 0 over IPv4 and follows
 * set_field over IPv6. */
#ifndef FLOWS_DELIVERY_H
#define FLOWS_DELIVERY_H 1

#include <compare>
#include <set>
#include <string>
#include <vector>

#include "flows/flow.h"
#include "plugin/model.h"

namespace pm {

/* The private leg's addresses, of one family. */
struct HandleRange {
    IpAddress source;  /* The delivery bridge's own. */
    IpAddress gateway; /* What answers for all handles. */
    Cidr link;         /* Of both. */
    Cidr handles;
};

/* 169.254.192.0/18 (link local, apart from the metadata service's address) or
 * fd6d:7200::/64. */
const HandleRange &handle_range(bool is_v6);

/* Handles are 1 to this; 0 is nobody's, to look up the way to all of them. */
inline constexpr int64_t HANDLE_MAX = 16000;

IpAddress handle_address(int64_t handle, bool is_v6);

/* What one way of a tunnel's copies comes to in the tenant's network. */
struct DeliverySpec {
    IpAddress source, destination; /* Outer; of one family. */
    std::string next_hop;          /* MAC. */
    std::string site;              /* Where, in words: see DeliverySite. */

    auto operator<=>(const DeliverySpec &) const = default;
    /* "10.1.0.5>10.2.0.9 via 02:00:00:00:01:01 on br-int tag 5". */
    std::string to_string() const;
};

/* The MAC that a hypervisor's copies bear in tenants' networks: locally
 * administered, and the same after each restart.  Never the source NIC's own,
 * which would move in the learning tables of every switch on the way.  Each
 * bridge with NICs has one of its own: where two are joined, one MAC that
 * enters by both would move between them, and answers go to either.  Without
 * 'bridge' it is the hypervisor's, for what an operator has to know. */
std::string delivery_mac(const std::string &chassis,
                         const std::string &bridge = "");

/* What is let through of next hops' answers, some 1,500 a second: any VM of
 * a segment might send more, and each that goes to the daemon is work for the
 * processor that moves its hypervisor's frames. */
inline constexpr int64_t ANSWERS_KBPS = 1000;

/* 'own_mac' is the private leg's, 'site_macs' are those that next hops answer
 * to; 'metered': the bridge has a meter for these answers. */
std::vector<Flow> delivery_base_flows(const std::string &own_mac,
                                      const std::set<std::string> &site_macs,
                                      bool metered);
/* 'ofport' is the patch port's on the delivery bridge. */
std::vector<Flow> delivery_flows(int64_t handle, const DeliverySpec &,
                                 const std::string &own_mac, int ofport);

} // namespace pm

#endif /* FLOWS_DELIVERY_H */
