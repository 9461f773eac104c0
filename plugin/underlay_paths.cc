/* Underlay, what is known put together: the path to each destination, and what
 * stands in the way of all. */
#include <algorithm>
#include <fstream>
#include <iterator>

#include "flows/delivery.h"
#include "ovsdb/ovs_c.h"
#include "plugin/beat.h"
#include "plugin/underlay_impl.h"

VLOG_DEFINE_THIS_MODULE(underlay_paths);

namespace pm {

namespace {

constexpr uint16_t VXLAN_PORT = 4789;

std::string
read_file(const char *name)
{
    std::ifstream in(name);
    return {std::istreambuf_iterator<char>(in),
            std::istreambuf_iterator<char>()};
}

} // namespace

/* Whom the kernel can look for in the switch's place. */
std::optional<NextHop>
Underlay::Impl::next_hop(const PathKey &key) const
{
    const std::optional<SwitchRoute> *route =
        key.datapath_type == "netdev" ? switch_routes.route(key.destination)
                                      : nullptr;
    if (!route || !*route) {
        return std::nullopt;
    }
    return NextHop((*route)->device,
                   (*route)->gateway.value_or(key.destination));
}

/* Looks who has the VXLAN port of this host. */
void
Underlay::Impl::check_port()
{
    std::string taken;
    if (std::any_of(watched.begin(), watched.end(), [](const PathKey &key) {
            return key.datapath_type == "netdev";
        })) {
        std::vector<IpAddress> at =
            parse_proc_net_udp(read_file("/proc/net/udp"), false, VXLAN_PORT);
        for (const IpAddress &ip : parse_proc_net_udp(
                 read_file("/proc/net/udp6"), true, VXLAN_PORT)) {
            at.push_back(ip);
        }
        if (!at.empty()) {
            std::string device = netlink.vxlan_at(VXLAN_PORT);
            taken = device.empty()
                        ? "a local socket bound to " + at.front().to_string()
                        : "kernel vxlan device " + device;
            taken += " has UDP port " + std::to_string(VXLAN_PORT);
        }
    }
    if (taken != port_taken) {
        port_taken = taken;
        recompute = true;
    }
}

/* From an address that is none of this host nothing is sent, and nobody says
 * so. */
void
Underlay::Impl::check_sources()
{
    std::set<IpAddress> absent;
    for (const IpAddress &source : sources) {
        auto route = netlink.lookup(source);
        if (route ? !route->local : absent_sources.count(source)) {
            absent.insert(source);
        }
    }
    recompute |= absent != absent_sources;
    absent_sources = std::move(absent);
}

/* vswitchd makes a bridge's LOCAL port anew, without an address, when it
 * restarts; and somebody may take the address away. */
void
Underlay::Impl::keep_legs()
{
    if (time_msec() < leg_ms || legs.empty()) {
        return;
    }
    leg_ms = beat_after(time_msec());
    for (const std::string &bridge : legs) {
        const Link *link = netlink.link(bridge);
        if (!link) {
            continue;
        }
        for (bool v6 : {false, true}) {
            const HandleRange &range = handle_range(v6);
            auto route = netlink.lookup(handle_address(0, v6));
            const Link *by = route ? netlink.link(route->ifindex) : nullptr;
            std::string why;
            if (!link->up || by != link || route->gateway != range.gateway) {
                if (v6) {
                    /* Where the kernel has no IPv6 by default. */
                    std::ofstream("/proc/sys/net/ipv6/conf/" + bridge +
                                  "/disable_ipv6")
                        << "0\n";
                }
                why = netlink.give_address(bridge, range.link, range.source,
                                           range.handles, range.gateway);
            }
            std::string &before = leg_troubles[bridge + (v6 ? " 6" : " 4")];
            if (why != before && !why.empty()) {
                VLOG_WARN("%s: %s", bridge.c_str(), why.c_str());
            }
            recompute |= before != why;
            before = why;
        }
    }
}

std::string
Underlay::Impl::leg_trouble(const PathKey &key) const
{
    bool v6 = key.destination.is_v6;
    if (handle_range(v6).handles.contains(key.destination)) {
        for (const auto &[leg, trouble] : leg_troubles) {
            if (!trouble.empty() && leg.ends_with(v6 ? " 6" : " 4")) {
                return trouble;
            }
        }
    }
    return "";
}

std::optional<Path>
Underlay::Impl::kernel_path(const PathKey &key) const
{
    auto i = kernel_routes.find(key);
    if (i == kernel_routes.end()) {
        return std::nullopt;
    }
    const KernelRoute &route = i->second;
    Path path;
    path.known = true;
    path.routed = route.routed;
    path.broadcast = route.broadcast;
    path.leg_trouble = leg_trouble(key);
    /* Of IPv6 the kernel does not ask whose the source is (seen of its vxlan
     * devices, 6.18). */
    std::copy_if(absent_sources.begin(), absent_sources.end(),
                 std::inserter(path.absent_sources, path.absent_sources.end()),
                 [](const IpAddress &source) { return !source.is_v6; });
    if (!route.routed) {
        return path;
    }
    path.source = route.source;
    path.mtu = route.mtu;
    path.neighbour =
        netlink
            .neighbour(route.ifindex, route.gateway.value_or(key.destination))
            .state;
    if (const Link *link = netlink.link(route.ifindex)) {
        path.device = link->name;
        path.device_up = link->up;
        path.mtu = std::min(route.mtu.value_or(link->mtu), link->mtu);
    }
    return path;
}

std::optional<Path>
Underlay::Impl::userspace_path(const PathKey &key) const
{
    const std::optional<SwitchRoute> *route =
        switch_routes.route(key.destination);
    bool is_dummy = key.datapath_type == "dummy";
    auto kernel_route = kernel_routes.find(key);
    if (!route || (!is_dummy && kernel_route == kernel_routes.end())) {
        return std::nullopt;
    }
    Path path;
    path.known = true;
    path.routed = route->has_value();
    path.port_taken = is_dummy ? "" : port_taken;
    path.absent_sources = is_dummy ? std::set<IpAddress>() : absent_sources;
    path.leg_trouble = leg_trouble(key);
    if (!path.routed) {
        return path;
    }
    path.source = (*route)->source;
    path.device = (*route)->device;

    IpAddress hop = (*route)->gateway.value_or(key.destination);
    const Link *link = is_dummy ? nullptr : netlink.link(path.device);
    if (link &&
        netlink.neighbour(path.device, hop).state == Neighbour::Failed) {
        path.neighbour = Neighbour::Failed;
    } else if (switch_routes.has_neighbour({path.device, hop})) {
        path.neighbour = Neighbour::Reachable;
    }
    if (link) {
        path.device_up = link->up;
        path.mtu = link->mtu;
        /* vswitchd has no more of the kernel's route than where it leads. */
        const KernelRoute &own = kernel_route->second;
        if (netlink.link(own.ifindex) == link) {
            path.broadcast = own.broadcast;
            path.mtu = std::min(own.mtu.value_or(link->mtu), link->mtu);
        }
    } else if (auto mtu = switch_mtus.find(path.device);
               mtu != switch_mtus.end()) {
        path.mtu = mtu->second;
    }
    return path;
}

/* Works out the path of 'key' from what is known. */
void
Underlay::Impl::update(const PathKey &key)
{
    std::optional<Path> path =
        is_kernel(key) ? kernel_path(key) : userspace_path(key);
    if (!path) {
        return;
    }
    auto last = returned.find(key);
    if (last == returned.end() || last->second != *path) {
        changed[key] = *path;
    } else {
        changed.erase(key);
    }
}

} // namespace pm
