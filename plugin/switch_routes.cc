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
/* So many destinations are asked for at once.  Each turn of its main loop
 * vswitchd answers ten calls of a connection, and one that it has not answered
 * in five seconds is lost. */
constexpr size_t AT_ONCE = 200;

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
    questions_.clear();
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
        questions_.assign(pending_.begin(), pending_.end());
        pending_.clear();
        /* Where nothing is known tunnels wait. */
        std::stable_partition(
            questions_.begin(), questions_.end(),
            [this](const IpAddress &ip) { return !routes_.count(ip); });
        /* Beside the neighbours: one silence loses both. */
        ask_on();
    }
}

void
SwitchRoutes::ask_on()
{
    while (asked_.size() < questions_.size() &&
           asked_.size() < n_answered_ + AT_ONCE) {
        asked_.push_back(client_.call(
            "ovs/route/lookup", {questions_[asked_.size()].to_string()}));
    }
}

/* Asks for routes, and takes in what is answered; returns whether all is. */
bool
SwitchRoutes::take_routes()
{
    for (; n_answered_ < questions_.size(); ask_on()) {
        auto reply = client_.take(asked_[n_answered_]);
        if (!reply) {
            return false;
        }
        if (reply->lost) {
            /* No more of these now. */
            for (; questions_.size() > asked_.size(); questions_.pop_back()) {
                if (wanted_.count(questions_.back())) {
                    pending_.insert(questions_.back());
                }
            }
        }
        accept(questions_[n_answered_++], *reply);
    }
    return true;
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
    next_round_ms_ = now + (lost_ || unready_
                                ? RETRY_MS
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
    if (!take_routes()) {
        return false;
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
