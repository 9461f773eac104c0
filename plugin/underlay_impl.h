/* Underlay's inside, shared by what is asked when and what comes of it
 * (adapter). */
#ifndef PLUGIN_UNDERLAY_IMPL_H
#define PLUGIN_UNDERLAY_IMPL_H 1

#include <climits>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "plugin/netlink_watch.h"
#include "plugin/switch_routes.h"
#include "plugin/underlay.h"

namespace pm {

/* vswitchd reads the kernel's routes in its own turn, which may come after
 * it answers us: when to ask again after an event.  The second is for a
 * vswitchd that was busy with the event itself. */
inline constexpr int FOLLOW_UP_MS[] = {150, 600};

inline bool
is_kernel(const PathKey &key)
{
    return key.datapath_type == "system";
}

struct Underlay::Impl {
    NetlinkWatch netlink;
    SwitchRoutes switch_routes;

    std::set<PathKey> watched;
    std::map<std::string, int> switch_mtus;
    std::map<PathKey, KernelRoute> kernel_routes; /* Not of "dummy" paths. */
    std::string port_taken;
    std::set<IpAddress> sources, absent_sources;

    /* As last returned, and what differs from that now. */
    std::map<PathKey, Path> returned, changed;

    /* Kernel routes to look up. */
    std::set<PathKey> stale;
    /* Everything else that a path is made of may have changed. */
    bool recompute = false;

    /* Destinations to ask vswitchd about once more, by follow-up. */
    struct FollowUp {
        long long at_ms = LLONG_MAX;
        std::set<IpAddress> who;
    };
    FollowUp follow_ups[std::size(FOLLOW_UP_MS)];

    std::set<std::string> legs; /* Delivery bridges. */
    long long leg_ms = 0;       /* When to look at them, by time_msec(). */
    std::map<std::string, std::string> leg_troubles;

    long long tick_ms = 0;       /* The next, by time_msec(). */
    std::optional<PathKey> hand; /* Last key asked again by tick(). */

    bool any_userspace() const;
    void ask(const PathKey &);
    void ask_all();
    void accept(const NetlinkNews &);
    void follow_up();
    std::optional<NextHop> next_hop(const PathKey &) const;
    void tell_neighbours();
    void tick();
    void check_port();
    void hurry_legs();
    void check_sources();
    void keep_legs();
    std::string leg_trouble(const PathKey &) const;
    void look_up_stale();
    void update(const PathKey &);
    std::optional<Path> kernel_path(const PathKey &) const;
    std::optional<Path> userspace_path(const PathKey &) const;
};

} // namespace pm

#endif /* PLUGIN_UNDERLAY_IMPL_H */
