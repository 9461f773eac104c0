#include "plugin/switch_routes.h"

#include <algorithm>

#include "ovsdb/ovs_c.h"

namespace pm {

namespace {

/* After a round that vswitchd did not answer. */
constexpr int RETRY_MS = 1000;
/* Between the end of a round and the next: this, or this many times as long
 * as the round took. */
constexpr int MIN_PAUSE_MS = 20;
constexpr int PAUSE_FACTOR = 2;
/* Destinations of a round.  Each turn of its main loop vswitchd answers ten
 * calls of a connection, and what it has not answered in five seconds is
 * lost. */
constexpr size_t ROUND_MOST = 200;

} // namespace

SwitchRoutes::SwitchRoutes() : client_("ovs-vswitchd") {}

void
SwitchRoutes::ask(const IpAddress &destination)
{
    wanted_.insert(destination);
    pending_.insert(destination);
}

void
SwitchRoutes::ask_neighbours()
{
    neighbours_pending_ = true;
}

void
SwitchRoutes::tell(const NextHop &hop, const std::string &mac)
{
    tells_[hop] = mac;
    neighbours_pending_ = true;
}

void
SwitchRoutes::forget(const IpAddress &destination)
{
    wanted_.erase(destination);
    pending_.erase(destination);
    routes_.erase(destination);
}

const std::optional<SwitchRoute> *
SwitchRoutes::route(const IpAddress &destination) const
{
    auto i = routes_.find(destination);
    return i == routes_.end() ? nullptr : &i->second;
}

void
SwitchRoutes::begin_round()
{
    in_round_ = true;
    lost_ = unready_ = false;
    round_began_ms_ = time_msec();
    n_answered_ = 0;
    asked_.clear();
    /* What it does not take shows in the list, and is told again. */
    for (const auto &[hop, mac] : std::exchange(tells_, {})) {
        if (answers_) {
            told_.push_back(client_.call(
                "tnl/neigh/set", {hop.first, hop.second.to_string(), mac}));
        }
    }
    neighbours_ticket_ = client_.call("tnl/neigh/show", {});
    neighbours_pending_ = false;
    /* While vswitchd is away one question is enough to find it back. */
    if (answers_) {
        /* Where nothing is known tunnels wait. */
        ask_some(false);
        ask_some(true);
    }
}

/* Asks for routes that are pending, of which something is known or nothing, as
 * far as the round has room. */
void
SwitchRoutes::ask_some(bool known)
{
    for (auto i = pending_.begin();
         i != pending_.end() && asked_.size() < ROUND_MOST;) {
        if (routes_.count(*i) == known) {
            asked_.emplace_back(
                client_.call("ovs/route/lookup", {i->to_string()}), *i);
            i = pending_.erase(i);
        } else {
            ++i;
        }
    }
}

/* Takes in one reply on a route. */
void
SwitchRoutes::accept(const IpAddress &destination, const UnixctlReply &reply)
{
    lost_ = lost_ || reply.lost;
    if (!wanted_.count(destination)) {
        return;
    } else if (reply.lost) {
        pending_.insert(destination);
        return;
    } else if (!reply.ok && reply.text.find("Not found") != 0) {
        /* vswitchd registers the command some time after it starts. */
        unready_ = true;
        pending_.insert(destination);
        return;
    }
    std::optional<SwitchRoute> route;
    if (reply.ok) {
        route = parse_route_lookup(reply.text);
    }
    auto [i, is_new] = routes_.emplace(destination, route);
    if (is_new || i->second != route) {
        i->second = route;
        changed_ = true;
    }
}

void
SwitchRoutes::end_round()
{
    in_round_ = false;
    long long now = time_msec();
    long long pause_ms = PAUSE_FACTOR * (now - round_began_ms_);
    /* No storm: each is unknown once. */
    bool unknown = std::any_of(
        pending_.begin(), pending_.end(),
        [this](const IpAddress &ip) { return !routes_.count(ip); });
    next_round_ms_ =
        now + (lost_ || unready_ ? RETRY_MS
               : unknown         ? 0
                         : std::max<long long>(MIN_PAUSE_MS, pause_ms));
    if (!answers_ && !lost_) {
        returned_ = true;
        next_round_ms_ = now;
    }
    answers_ = !lost_;
}

bool
SwitchRoutes::run()
{
    if (!in_round_ && (neighbours_pending_ || !pending_.empty()) &&
        time_msec() >= next_round_ms_) {
        begin_round();
    }
    client_.run();
    if (!in_round_) {
        return false;
    }

    while (!told_.empty()) {
        if (!client_.take(told_.back())) {
            return false;
        }
        told_.pop_back();
    }
    if (neighbours_ticket_) {
        auto reply = client_.take(neighbours_ticket_);
        if (!reply) {
            return false;
        }
        neighbours_ticket_ = 0;
        lost_ = reply->lost;
        if (reply->ok) {
            std::set<NextHop> now = parse_tnl_neigh_show(reply->text);
            changed_ = now != neighbours_;
            neighbours_ = std::move(now);
        }
    }
    for (; n_answered_ < asked_.size(); n_answered_++) {
        auto reply = client_.take(asked_[n_answered_].first);
        if (!reply) {
            return false;
        }
        accept(asked_[n_answered_].second, *reply);
    }
    end_round();
    return std::exchange(changed_, false);
}

void
SwitchRoutes::wait()
{
    client_.wait();
    if (!in_round_ && (neighbours_pending_ || !pending_.empty())) {
        poll_timer_wait_until(next_round_ms_);
    }
}

} // namespace pm
