/* What the switch and the kernel print of routes, neighbours and sockets,
 * read into values (core). */
#ifndef PLUGIN_PATH_TEXT_H
#define PLUGIN_PATH_TEXT_H 1

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "plugin/model.h"

namespace pm {

/* A route by which the userspace datapath sends. */
struct SwitchRoute {
    std::optional<IpAddress> source;
    std::optional<IpAddress> gateway; /* Absent: the next hop is the
                                       * destination itself. */
    std::string device;

    bool operator==(const SwitchRoute &) const = default;
};

/* Reads the reply to "ovs-appctl ovs/route/lookup": lines "src ADDRESS",
 * "gateway ADDRESS" and "dev NAME", where "::" stands for none.  Lines of
 * other kinds are passed over.  Fails when no device is named. */
std::optional<SwitchRoute> parse_route_lookup(const std::string &text);

/* A device and an address reached through it. */
using NextHop = std::pair<std::string, IpAddress>;

/* Reads the reply to "ovs-appctl tnl/neigh/show" and returns the neighbours
 * whose MAC address is known, without those marked STALE. */
std::set<NextHop> parse_tnl_neigh_show(const std::string &text);

/* Reads /proc/net/udp or, with 'is_v6', /proc/net/udp6 and returns the local
 * addresses other than loopback that have a socket at 'port'. */
std::vector<IpAddress> parse_proc_net_udp(const std::string &text, bool is_v6,
                                          uint16_t port);

} // namespace pm

#endif /* PLUGIN_PATH_TEXT_H */
