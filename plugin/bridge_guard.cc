#include "plugin/bridge_guard.h"
#include "ovsdb/ovs_c.h"

#include <algorithm>

#include "flows/openflow.h"

namespace pm {

void
BridgeGuard::run()
{
    if (life_ticket_) {
        if (auto reply = vswitchd_->take(life_ticket_)) {
            life_ticket_ = 0;
            next_life_ms_ = time_msec() + LIFE_MS;
            if (!reply->lost) {
                for (auto &[name, bridge] : bridges_) {
                    if (bridge.error) {
                        bridge.error = 0;
                        bridge.next_check_ms = 0;
                    }
                }
                poll_immediate_wake();
            }
        }
    } else if (!answered() && time_msec() >= next_life_ms_) {
        life_ticket_ = vswitchd_->call("version", {});
        poll_immediate_wake();
    }
}

void
BridgeGuard::wait(bool may_ask) const
{
    if (may_ask && !timed_out()) {
        for (const auto &[name, bridge] : bridges_) {
            poll_timer_wait_until(bridge.next_check_ms);
        }
    }
    if (!answered() && !life_ticket_) {
        poll_timer_wait_until(next_life_ms_);
    }
}

void
BridgeGuard::watch(const std::set<std::string> &bridges)
{
    std::erase_if(bridges_, [&](const auto &bridge) {
        return !bridges.count(bridge.first);
    });
    for (const std::string &name : bridges) {
        bridges_.try_emplace(name);
    }
}

bool
BridgeGuard::due() const
{
    return !timed_out() &&
           std::any_of(bridges_.begin(), bridges_.end(), [](const auto &b) {
               return time_msec() >= b.second.next_check_ms;
           });
}

void
BridgeGuard::look(bool may_ask, SwitchFacts *facts)
{
    for (auto &[name, bridge] : bridges_) {
        if (may_ask && !timed_out()) {
            look_at(name, *facts, &bridge);
        }
        auto facts_of = facts->bridges.find(name);
        if (facts_of != facts->bridges.end()) {
            facts_of->second.unsafe = bridge.unsafe;
            facts_of->second.checked = bridge.checked;
        }
    }
}

void
BridgeGuard::look_at(const std::string &name, const SwitchFacts &facts,
                     Bridge *bridge)
{
    std::string target = management_socket(name);
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
    bool refused = !ofports.empty() &&
                   (set_no_flood(target, ofports, &done) || done != ofports);
    for (uint32_t ofport : done) {
        bridge->no_flood.insert({wanted[ofport], ofport});
    }
    int64_t began = time_msec();
    if (began < bridge->next_check_ms) {
        return;
    }
    uint64_t all = 0, flood = 0;
    bridge->error = count_flows_to(target, "ALL", &all);
    if (!bridge->error) {
        bridge->error = count_flows_to(target, "FLOOD", &flood);
    }
    int64_t now = time_msec();
    bridge->next_check_ms = now + CHECK_MS;
    if (bridge->error) {
        return;
    }
    bridge->next_check_ms =
        std::max(bridge->next_check_ms, now + (now - began) * PAUSE_FACTOR);
    bridge->checked = true;
    bridge->unsafe =
        all ? "bridge " + name +
                  " has flows that output to ALL, which would show other "
                  "NICs' frames to the mirror; use NORMAL or FLOOD"
        : flood && refused
            ? "bridge " + name +
                  " has flows that output to FLOOD and does not admit "
                  "OpenFlow 1.0, which is needed to keep them from the "
                  "mirror; admit it or use NORMAL"
            : "";
}

void
BridgeGuard::recheck()
{
    for (auto &[name, bridge] : bridges_) {
        bridge.no_flood.clear();
        bridge.next_check_ms = 0;
    }
}

bool
BridgeGuard::answered() const
{
    return std::none_of(bridges_.begin(), bridges_.end(),
                        [](const auto &b) { return b.second.error; });
}

bool
BridgeGuard::timed_out() const
{
    return std::any_of(bridges_.begin(), bridges_.end(), [](const auto &b) {
        return b.second.error == ETIMEDOUT;
    });
}

} // namespace pm
