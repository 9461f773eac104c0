#include "plugin/underlay.h"

#include <poll.h>

#include <algorithm>
#include <climits>
#include <fstream>
#include <iterator>

#include "flows/delivery.h"
#include "ovsdb/ovs_c.h"
#include "plugin/beat.h"
#include "plugin/netlink_watch.h"
#include "plugin/switch_routes.h"

VLOG_DEFINE_THIS_MODULE(underlay);

namespace pm {

namespace {

constexpr uint16_t VXLAN_PORT = 4789;

/* Destinations asked again in a tick: each once in this many ticks, unless
 * vswitchd would have to answer more than the limit. */
constexpr size_t TICKS_PER_PASS = 5;
constexpr size_t MAX_ASKED_PER_TICK = 32;

/* vswitchd reads the kernel's routes in its own turn, which may come after
 * it answers us: when to ask again after an event.  The second is for a
 * vswitchd that was busy with the event itself. */
constexpr int FOLLOW_UP_MS[] = {150, 600};

bool
is_kernel(const PathKey &key)
{
    return key.datapath_type == "system";
}

std::string
read_file(const char *name)
{
    std::ifstream in(name);
    return {std::istreambuf_iterator<char>(in),
            std::istreambuf_iterator<char>()};
}

} // namespace

struct Underlay::Impl {
    NetlinkWatch netlink;
    SwitchRoutes switch_routes;

    std::set<PathKey> watched;
    std::map<std::string, int> switch_mtus;
    std::map<PathKey, KernelRoute> kernel_routes; /* Of "system" paths. */
    std::string port_taken;
    std::set<IpAddress> sources, absent_sources;

    /* As last returned, and what differs from that now. */
    std::map<PathKey, Path> returned, changed;

    /* Kernel routes to look up in this turn. */
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
    void tick();
    void check_port();
    void check_sources();
    void keep_legs();
    std::string leg_trouble(const PathKey &) const;
    void look_up_stale();
    void update(const PathKey &);
    std::optional<Path> kernel_path(const PathKey &) const;
    std::optional<Path> userspace_path(const PathKey &) const;
};

bool
Underlay::Impl::any_userspace() const
{
    return std::any_of(watched.begin(), watched.end(),
                       [](const PathKey &key) { return !is_kernel(key); });
}

void
Underlay::Impl::ask(const PathKey &key)
{
    if (is_kernel(key)) {
        stale.insert(key);
    } else {
        switch_routes.ask(key.destination);
    }
}

void
Underlay::Impl::ask_all()
{
    for (const PathKey &key : watched) {
        ask(key);
    }
}

/* Asks for what 'news' may have changed. */
void
Underlay::Impl::accept(const NetlinkNews &news)
{
    recompute = recompute || news.links || news.neighbours;
    if (news.links) {
        check_port();
        leg_ms = 0;
    }
    if (news.concerns(handle_address(0, false)) ||
        news.concerns(handle_address(0, true))) {
        leg_ms = 0;
    }
    if (!news.any_route()) {
        return;
    }
    check_sources();
    for (const PathKey &key : watched) {
        if (!news.concerns(key.destination)) {
            continue;
        }
        ask(key);
        if (!is_kernel(key)) {
            for (FollowUp &f : follow_ups) {
                f.who.insert(key.destination);
            }
        }
    }
    for (size_t i = 0; i < std::size(FOLLOW_UP_MS); i++) {
        if (!follow_ups[i].who.empty()) {
            follow_ups[i].at_ms = time_msec() + FOLLOW_UP_MS[i];
        }
    }
}

void
Underlay::Impl::follow_up()
{
    for (FollowUp &f : follow_ups) {
        if (f.at_ms <= time_msec()) {
            for (const IpAddress &destination : f.who) {
                if (watched.count({"netdev", destination}) ||
                    watched.count({"dummy", destination})) {
                    switch_routes.ask(destination);
                }
            }
            f = FollowUp{};
        }
    }
}

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

/* What no event tells of, a little each second.
 *
 * The userspace datapath asks for a next hop when it translates a flow, and
 * then no more for as long as the flow is in use; nor does it find out that
 * one is gone.  The kernel does both when it is told that the neighbour is in
 * use; what that answers passes the switch, which learns it. */
void
Underlay::Impl::tick()
{
    if (time_msec() < tick_ms || watched.empty()) {
        return;
    }
    tick_ms = beat_after(time_msec());
    check_sources();

    size_t n = (watched.size() + TICKS_PER_PASS - 1) / TICKS_PER_PASS;
    n = std::min(n, MAX_ASKED_PER_TICK);
    auto next = hand ? watched.upper_bound(*hand) : watched.begin();
    std::set<NextHop> probed;
    for (size_t i = 0; i < n; i++, ++next) {
        if (next == watched.end()) {
            next = watched.begin();
        }
        ask(*next);
        if (auto hop = next_hop(*next)) {
            probed.insert(*hop);
        }
        hand = *next;
    }
    for (const PathKey &key : watched) {
        if (auto hop = next_hop(key);
            hop && !switch_routes.has_neighbour(*hop)) {
            probed.insert(*hop);
        }
        if (probed.size() >= MAX_ASKED_PER_TICK) {
            break;
        }
    }
    for (const NextHop &hop : probed) {
        netlink.probe(hop.first, hop.second);
    }
    if (any_userspace()) {
        switch_routes.ask_neighbours();
        check_port();
    }
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

void
Underlay::Impl::look_up_stale()
{
    for (const PathKey &key : stale) {
        /* What the kernel did not answer, the tick asks again. */
        if (auto route = netlink.lookup(key.destination)) {
            kernel_routes[key] = *route;
            update(key);
        }
    }
    stale.clear();
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
    path.neighbour = netlink.neighbour(
        route.ifindex, route.gateway.value_or(key.destination));
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
    if (!route) {
        return std::nullopt;
    }
    bool is_dummy = key.datapath_type == "dummy";
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
    if (link && netlink.neighbour(path.device, hop) == Neighbour::Failed) {
        path.neighbour = Neighbour::Failed;
    } else if (switch_routes.has_neighbour({path.device, hop})) {
        path.neighbour = Neighbour::Reachable;
    }
    if (link) {
        path.device_up = link->up;
        path.mtu = link->mtu;
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

Underlay::Underlay() : impl_(std::make_unique<Impl>()) {}
Underlay::~Underlay() = default;

void
Underlay::watch(const std::set<PathKey> &keys)
{
    std::set<PathKey> old = std::exchange(impl_->watched, keys);
    for (const PathKey &key : old) {
        if (keys.count(key)) {
            continue;
        }
        impl_->kernel_routes.erase(key);
        impl_->stale.erase(key);
        impl_->returned.erase(key);
        impl_->changed.erase(key);
        if (!keys.count({"netdev", key.destination}) &&
            !keys.count({"dummy", key.destination})) {
            impl_->switch_routes.forget(key.destination);
        }
    }
    for (const PathKey &key : keys) {
        if (!old.count(key)) {
            impl_->ask(key);
        }
    }
    impl_->recompute = true;
    impl_->check_port();
}

void
Underlay::keep_legs(const std::set<std::string> &bridges)
{
    if (impl_->legs != bridges) {
        impl_->legs = bridges;
        impl_->leg_troubles.clear();
        impl_->leg_ms = 0;
    }
}

void
Underlay::set_sources(const std::set<IpAddress> &sources)
{
    if (impl_->sources != sources) {
        impl_->sources = sources;
        impl_->check_sources();
    }
}

void
Underlay::set_switch_mtus(const std::map<std::string, int> &mtus)
{
    if (impl_->switch_mtus != mtus) {
        impl_->switch_mtus = mtus;
        impl_->recompute = true;
    }
}

bool
Underlay::switch_answers() const
{
    return impl_->switch_routes.answers() || !impl_->any_userspace();
}

void
Underlay::run()
{
    impl_->accept(impl_->netlink.run(time_msec()));
    impl_->follow_up();
    impl_->tick();
    impl_->keep_legs();
    impl_->look_up_stale();
    impl_->recompute |= impl_->switch_routes.run();
    if (impl_->switch_routes.take_returned()) {
        impl_->ask_all();
    }
    if (std::string trouble = impl_->netlink.take_trouble();
        !trouble.empty()) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
        VLOG_WARN_RL(&rl, "%s", trouble.c_str());
    }
    if (std::exchange(impl_->recompute, false)) {
        for (const PathKey &key : impl_->watched) {
            impl_->update(key);
        }
    }
}

void
Underlay::wait()
{
    if (int fd = impl_->netlink.fd(); fd >= 0) {
        poll_fd_wait(fd, POLLIN);
    }
    if (auto wake_ms = impl_->netlink.wake_ms()) {
        poll_timer_wait_until(*wake_ms);
    }
    impl_->switch_routes.wait();
    for (const auto &follow_up : impl_->follow_ups) {
        if (!follow_up.who.empty()) {
            poll_timer_wait_until(follow_up.at_ms);
        }
    }
    if (!impl_->watched.empty()) {
        poll_timer_wait_until(impl_->tick_ms);
    }
    if (!impl_->legs.empty()) {
        poll_timer_wait_until(impl_->leg_ms);
    }
    if (impl_->recompute || !impl_->stale.empty()) {
        poll_immediate_wake();
    }
}

std::map<PathKey, Path>
Underlay::take_changes()
{
    for (const auto &[key, path] : impl_->changed) {
        impl_->returned[key] = path;
    }
    return std::exchange(impl_->changed, {});
}

void
Underlay::refresh()
{
    impl_->netlink.resync();
    impl_->ask_all();
    impl_->switch_routes.ask_neighbours();
    impl_->check_port();
}

} // namespace pm
