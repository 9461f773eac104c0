/* The way from this host to one destination, as a value (core). */
#ifndef PLUGIN_PATH_H
#define PLUGIN_PATH_H 1

#include <compare>
#include <optional>
#include <set>
#include <string>

#include "plugin/model.h"

namespace pm {

struct PathKey {
    std::string datapath_type; /* "system", "netdev", "dummy". */
    IpAddress destination;

    auto operator<=>(const PathKey &) const = default;
};

enum class Neighbour { Unknown, Reachable, Failed };

struct Path {
    bool known = false;              /* False until the first answer. */
    bool routed = false;             /* There is a route. */
    bool broadcast = false;          /* To all of a network of this host. */
    std::optional<IpAddress> source; /* What the route would use. */
    std::string device;
    bool device_up = true;
    std::optional<int> mtu; /* Bytes, outer IP packet; absent: unknown. */
    Neighbour neighbour = Neighbour::Unknown;
    /* Of delivery in VPCs: why the host's part of the private leg cannot be
     * had; empty if it can, or when nothing is known yet. */
    std::string leg_trouble;
    /* Why the VXLAN port cannot be had on this host's userspace datapath:
     * another socket or kernel device has UDP 4789; empty when it can. */
    std::string port_taken;
    /* Of the outer sources that are set by hand, those that are no address of
     * this host: nothing leaves from them. */
    std::set<IpAddress> absent_sources = {};

    auto operator<=>(const Path &) const = default;
};

} // namespace pm

#endif /* PLUGIN_PATH_H */
