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
 * Kernel datapath: the kernel's forwarding table by libnl (RTM_GETROUTE).
 * Userspace datapaths (netdev, dummy): OVS forwards by its own copy of the
 * kernel's routes and by what an operator gave to "ovs-appctl ovs/route/add",
 * so vswitchd is asked ("ovs/route/lookup", "tnl/neigh/show"); netlink events
 * say when to ask again.  Links' MTU comes from netlink in both cases. */
class Underlay {
public:
    Underlay();
    ~Underlay();

    /* Replaces the set watched. */
    void watch(const std::set<PathKey> &);
    /* MTU of links that netlink does not know (dummy datapath), by name. */
    void set_switch_mtus(const std::map<std::string, int> &);
    /* False while vswitchd's control socket does not answer. */
    bool switch_answers() const;
    /* Call in each turn of the main loop. */
    void run();
    void wait();
    /* Paths whose value changed since the last call. */
    std::map<PathKey, Path> take_changes();
    /* Asks everything again (mirror/resync). */
    void refresh();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace pm

#endif /* PLUGIN_UNDERLAY_H */
