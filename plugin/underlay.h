/* What the host knows of the way to each destination (adapter: libnl and the
 * switch's own route table). */
#ifndef PLUGIN_UNDERLAY_H
#define PLUGIN_UNDERLAY_H 1

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "plugin/path.h"

namespace pm {

/* Watches the way toward a set of destinations.
 *
 * Kernel datapath ("system"): the kernel's forwarding decision by libnl
 * (RTM_GETROUTE) and its neighbour table.
 *
 * Userspace datapaths ("netdev", "dummy"): OVS forwards by its own copy of the
 * kernel's routes and by what an operator gave to "ovs-appctl ovs/route/add",
 * so vswitchd is asked ("ovs/route/lookup", "tnl/neigh/show").  Netlink events
 * say when to ask; what an operator adds raises no event, so destinations are
 * asked again in turn as well, all of them within 5 seconds as long as they
 * are fewer than about 150.  What a route has beside where it leads, its MTU,
 * only the kernel tells.  A neighbour that OVS does not know is told to it if
 * the kernel knows it; it is "Failed" if the kernel tried it and failed, else
 * "Unknown".
 *
 * Link state and MTU come from netlink, except on the dummy datapath, whose
 * devices are no links of the kernel: they are up, with the MTU that
 * set_switch_mtus() gave. */
class Underlay {
public:
    Underlay();
    ~Underlay();
    Underlay(const Underlay &) = delete;
    Underlay &operator=(const Underlay &) = delete;

    /* Replaces the set watched. */
    void watch(const std::set<PathKey> &);
    /* Delivery bridges, whose LOCAL ports are kept up with the addresses of
     * the private leg (flows/delivery.h), which takes CAP_NET_ADMIN. */
    void keep_legs(const std::set<std::string> &bridges);
    /* Outer sources that are set by hand. */
    void set_sources(const std::set<IpAddress> &);
    /* MTU of devices that netlink does not know, by name. */
    void set_switch_mtus(const std::map<std::string, int> &);
    /* False from a call that vswitchd's control socket did not answer until
     * one that it does, tried about each second.  Always true while no path
     * of a userspace datapath is watched: then nothing is asked. */
    bool switch_answers() const;
    /* There is no such socket to be opened.  False where nothing is asked. */
    bool switch_is_unreachable() const;
    /* Call in each turn of the main loop.  Never blocks. */
    void run();
    void wait();
    /* Paths that differ from what was last returned, once known.  A path that
     * vswitchd cannot be asked about keeps its last value. */
    std::map<PathKey, Path> take_changes();
    /* Asks everything again (mirror/resync). */
    void refresh();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace pm

#endif /* PLUGIN_UNDERLAY_H */
