#include "plugin/underlay.h"

#include <poll.h>

#include <algorithm>
#include <climits>
#include <iterator>

#include "flows/delivery.h"
#include "ovsdb/ovs_c.h"
#include "plugin/beat.h"
#include "plugin/underlay_impl.h"

VLOG_DEFINE_THIS_MODULE(underlay);

namespace pm {

namespace {

/* Destinations asked again in a tick: each once in this many ticks, unless
 * vswitchd would have to answer more than the limit. */
constexpr size_t TICKS_PER_PASS = 5;
constexpr size_t MAX_ASKED_PER_TICK = 32;
/* Kernel routes looked up in a turn of the main loop: some milliseconds. */
constexpr size_t MAX_LOOKUPS = 256;
/* Neighbours that vswitchd is told of at once. */
constexpr size_t MAX_TOLD = 32;

} // namespace

bool
Underlay::Impl::any_userspace() const
{
    return std::any_of(watched.begin(), watched.end(),
                       [](const PathKey &key) { return !is_kernel(key); });
}

void
Underlay::Impl::ask(const PathKey &key)
{
    if (key.datapath_type != "dummy") {
        stale.insert(key);
    }
    if (!is_kernel(key)) {
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

/* What was done to a leg in trouble is news as well, and no reason to try
 * again before its time. */
void
Underlay::Impl::hurry_legs()
{
    if (std::all_of(leg_troubles.begin(), leg_troubles.end(),
                    [](const auto &leg) { return leg.second.empty(); })) {
        leg_ms = 0;
    }
}

/* Asks for what 'news' may have changed. */
void
Underlay::Impl::accept(const NetlinkNews &news)
{
    recompute = recompute || news.links || news.neighbours;
    if (news.links) {
        check_port();
        hurry_legs();
    }
    if (news.concerns(handle_address(0, false)) ||
        news.concerns(handle_address(0, true))) {
        hurry_legs();
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

/* The switch learns a next hop from an answer that it translates.  One that
 * meets a datapath flow of an earlier answer it does not, and the kernel asks
 * for no answer while it trusts what it knows; for who was set by hand never.
 * What the kernel would send to is good for copies as well. */
void
Underlay::Impl::tell_neighbours()
{
    std::set<NextHop> told;
    for (const PathKey &key : watched) {
        auto hop = next_hop(key);
        if (!hop || told.count(*hop) || switch_routes.has_neighbour(*hop)) {
            continue;
        }
        std::string mac = netlink.neighbour(hop->first, hop->second).mac;
        if (!mac.empty()) {
            switch_routes.tell(*hop, mac);
            told.insert(*hop);
        }
        if (told.size() >= MAX_TOLD) {
            break;
        }
    }
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
    tell_neighbours();
    if (any_userspace()) {
        switch_routes.ask_neighbours();
        check_port();
    }
}

void
Underlay::Impl::look_up_stale()
{
    for (size_t n = 0; n < MAX_LOOKUPS && !stale.empty(); n++) {
        PathKey key = *stale.begin();
        stale.erase(stale.begin());
        /* What the kernel did not answer, the tick asks again. */
        if (auto route = netlink.lookup(key.destination)) {
            kernel_routes[key] = *route;
            update(key);
        }
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

bool
Underlay::switch_is_unreachable() const
{
    return impl_->switch_routes.is_unreachable();
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
        impl_->tell_neighbours();
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
