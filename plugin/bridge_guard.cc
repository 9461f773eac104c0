#include "plugin/bridge_guard.h"
#include "ovsdb/ovs_c.h"

#include <algorithm>
#include <utility>

#include "flows/openflow.h"

namespace pm {

BridgeGuard::Bridge::Bridge(const std::string &name)
    : question(management_socket(name))
{
}

/* Whether it is to be looked at now.  The answer of a slow one is awaited
 * elsewhere. */
bool
BridgeGuard::Bridge::is_due() const
{
    return look && !(slow && question.asked()) && time_msec() >= next_check_ms;
}

void
BridgeGuard::run(bool may_ask)
{
    if (life_ticket_) {
        if (auto reply = vswitchd_->take(life_ticket_)) {
            life_ticket_ = 0;
            next_life_ms_ = time_msec() + LIFE_MS;
            take_life(!reply->lost);
        }
    } else if (!answered() && time_msec() >= next_life_ms_) {
        life_ticket_ = vswitchd_->call("version", {});
        poll_immediate_wake();
    }
    may_ask &= !timed_out();
    for (auto &[name, bridge] : bridges_) {
        int64_t now = time_msec();
        if (may_ask && !bridge.look && !bridge.question.asked() &&
            now >= bridge.next_check_ms && may_be_asked(bridge)) {
            bridge.asked_ms = now;
            bridge.question.ask(bridge.slow);
        }
        if (auto count = bridge.question.take()) {
            take_in(name, *count, &bridge);
            if (bridge.news || count->error) {
                poll_immediate_wake();
            }
        }
    }
}

/* A slow one is asked alone. */
bool
BridgeGuard::may_be_asked(const Bridge &bridge) const
{
    return !looks_through() &&
           !(bridge.slow &&
             std::any_of(bridges_.begin(), bridges_.end(), [](const auto &b) {
                 return b.second.question.asked();
             }));
}

bool
BridgeGuard::looks_through() const
{
    return std::any_of(bridges_.begin(), bridges_.end(), [](const auto &b) {
        return b.second.slow && b.second.question.asked();
    });
}

/* Of bridges that did not answer. */
void
BridgeGuard::take_life(bool lives)
{
    int64_t now = time_msec();
    for (auto &[name, bridge] : bridges_) {
        if (!lives) {
            bridge.failed_ms = 0;
        } else if (bridge.count.error) {
            if (bridge.count.error == ETIMEDOUT &&
                !std::exchange(bridge.slow, true)) {
                bridge.failed_ms = 0;
            } else if (!bridge.failed_ms) {
                bridge.failed_ms = now;
            } else if (now >= bridge.failed_ms + REACH_MS &&
                       bridge.unreachable.empty()) {
                bridge.unreachable = ovs_strerror(bridge.count.error);
                bridge.news = true;
            }
            bridge.count.error = 0;
            bridge.next_check_ms = 0;
        }
    }
    if (lives) {
        poll_immediate_wake();
    }
}

void
BridgeGuard::wait(bool may_ask) const
{
    may_ask &= !timed_out();
    for (const auto &[name, bridge] : bridges_) {
        if (bridge.news && may_ask) {
            poll_immediate_wake();
        }
        if (bridge.question.asked()) {
            bridge.question.wait(); /* Those that may not be asked now, too. */
        } else if (may_ask && may_be_asked(bridge)) {
            poll_timer_wait_until(bridge.next_check_ms);
        }
    }
    if (!answered() && !life_ticket_) {
        poll_timer_wait_until(next_life_ms_);
    }
    if (timed_out() && !silent()) {
        poll_timer_wait_until(timed_out_ms_ + SILENT_MS);
    }
}

void
BridgeGuard::watch(const std::set<std::string> &bridges)
{
    std::erase_if(bridges_, [&](const auto &bridge) {
        return !bridges.count(bridge.first);
    });
    for (const std::string &name : bridges) {
        bridges_.try_emplace(name, name);
    }
}

bool
BridgeGuard::due() const
{
    return !timed_out() &&
           std::any_of(bridges_.begin(), bridges_.end(), [&](const auto &b) {
               return b.second.news ||
                      (b.second.is_due() && may_be_asked(b.second));
           });
}

void
BridgeGuard::look(bool may_ask, SwitchFacts *facts)
{
    for (auto &[name, bridge] : bridges_) {
        if (may_ask && !timed_out()) {
            keep_from_flooding(name, *facts, !looks_through(), &bridge);
            if (bridge.is_due() && may_be_asked(bridge)) {
                bridge.asked_ms = time_msec();
                if (bridge.slow) {
                    bridge.question.ask(true);
                } else {
                    take_in(name, bridge.question.ask_now(), &bridge);
                }
                if (bridge.count.flood && !bridge.slow) {
                    keep_from_flooding(name, *facts, true, &bridge);
                }
            }
        }
        auto facts_of = facts->bridges.find(name);
        if (facts_of != facts->bridges.end()) {
            facts_of->second.unsafe = bridge.unsafe;
            facts_of->second.checked = bridge.checked;
            facts_of->second.exposed = bridge.exposed && bridge.count.flood;
            facts_of->second.unreachable = bridge.unreachable;
        }
        bridge.news = false;
    }
}

/* Says "no-flood" of the ports of ours that do not have it yet, if it may ask:
 * else they are exposed. */
void
BridgeGuard::keep_from_flooding(const std::string &name,
                                const SwitchFacts &facts, bool may_ask,
                                Bridge *bridge)
{
    std::map<uint32_t, std::string> wanted;
    std::set<uint32_t> ofports, done;
    for (const auto &[port, row] : facts.rows.ports) {
        auto ofport = facts.ofports.find(port);
        if (row.bridge == name && ofport != facts.ofports.end() &&
            !bridge->no_flood.count({port, ofport->second})) {
            wanted[ofport->second] = port;
            ofports.insert(ofport->second);
        }
    }
    bridge->exposed = !ofports.empty() && !may_ask;
    if (!may_ask) {
        bridge->look |= bridge->exposed;
        return;
    }
    if (!ofports.empty()) {
        int error = set_no_flood(management_socket(name), ofports, &done);
        bridge->exposed = error && error != EPROTO;
        if (!bridge->exposed) {
            bridge->refused = done != ofports;
        }
    } else if (bridge->refused ||
               (bridge->count.flood && bridge->no_flood.empty())) {
        /* The verdict has our ports taken away, and stands without them as
         * long as OpenFlow 1.0 is not admitted.  No answer says nothing. */
        int error = set_no_flood(management_socket(name), {}, &done);
        bridge->refused = error == EPROTO || (error && bridge->refused);
    }
    for (uint32_t ofport : done) {
        bridge->no_flood.insert({wanted[ofport], ofport});
    }
    bridge->look |= bridge->refused || bridge->exposed;
    judge(name, bridge);
}

void
BridgeGuard::take_in(const std::string &name, const FloodCount &count,
                     Bridge *bridge)
{
    int64_t now = time_msec();
    if (count.error) {
        bridge->count.error = count.error;
        bridge->next_check_ms = beat_after(now);
        bridge->look = true;
        timed_out_ms_ = now;
        return;
    }
    /* Part of it may have been our own loop's. */
    int64_t pause_ms = std::min<int64_t>(
        (now - bridge->asked_ms) * PAUSE_FACTOR, PAUSE_MOST_MS);
    bridge->next_check_ms =
        beat_after(now + std::max<int64_t>(0, pause_ms - CHECK_MS));
    bridge->count = count;
    bridge->news |= !bridge->checked || bridge->exposed;
    bridge->checked = true;
    bridge->slow &= now - bridge->asked_ms > QUICK_MS;
    for (auto &[other, waits] : bridges_) {
        waits.news |= waits.exposed; /* It may be asked again. */
    }
    bridge->failed_ms = 0;
    bridge->news |= !bridge->unreachable.empty();
    bridge->unreachable.clear();
    bridge->look = bridge->refused || bridge->exposed;
    judge(name, bridge);
}

void
BridgeGuard::judge(const std::string &name, Bridge *bridge)
{
    std::string unsafe =
        bridge->count.all ? "bridge " + name +
                                " has flows that output to ALL, which would "
                                "show other NICs' frames to the mirror; use "
                                "NORMAL or FLOOD"
        : bridge->count.flood && bridge->refused
            ? "bridge " + name +
                  " has flows that output to FLOOD and does not admit "
                  "OpenFlow 1.0, which is needed to keep them from the "
                  "mirror; admit it or use NORMAL"
            : "";
    bridge->news |= unsafe != bridge->unsafe;
    bridge->unsafe = std::move(unsafe);
}

void
BridgeGuard::recheck()
{
    for (auto &[name, bridge] : bridges_) {
        bridge.no_flood.clear();
        bridge.exposed = true;
        bridge.next_check_ms = 0;
        bridge.look = bridge.news = true;
    }
}

bool
BridgeGuard::answered() const
{
    return std::none_of(bridges_.begin(), bridges_.end(),
                        [](const auto &b) { return b.second.count.error; });
}

bool
BridgeGuard::silent() const
{
    return timed_out() && time_msec() >= timed_out_ms_ + SILENT_MS;
}

bool
BridgeGuard::timed_out() const
{
    return std::any_of(bridges_.begin(), bridges_.end(), [](const auto &b) {
        return b.second.count.error == ETIMEDOUT;
    });
}

} // namespace pm
