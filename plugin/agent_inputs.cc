/* Agent, what it knows: reading the switch, the control database and the ways
 * to destinations into values, and judging when that is enough to act on. */
#include "ovsdb/ovs_c.h"
#include "plugin/agent.h"

VLOG_DEFINE_THIS_MODULE(agent_inputs);

namespace pm {

namespace {

std::string
mgmt_target(const std::string &bridge)
{
    return "unix:" + std::string(ovs_rundir()) + "/" + bridge + ".mgmt";
}

} // namespace

void
Agent::read_switch()
{
    switch_.run();
    if (!switch_.ready()) {
        return;
    }
    bool changed = switch_.seqno() != switch_seqno_ || !switch_read_ ||
                   switch_.busy() != switch_was_busy_;
    bool check = std::any_of(
        unchecked_.begin(), unchecked_.end(),
        [&](const std::string &b) { return !nic_bridges_.count(b); });
    unchecked_.clear();
    for (const auto &[name, bridge] : nic_bridges_) {
        check |= !vswitchd_away_ && time_msec() >= bridge.next_check_ms;
    }
    if (!changed && !check) {
        return;
    }
    switch_seqno_ = switch_.seqno();
    switch_was_busy_ = switch_.busy();
    switch_read_ = true;
    SwitchFacts facts = switch_.read();
    guard_bridges(&facts);
    facts.dead_mirrors = dead_mirrors_;
    for (auto &[iface_id, nic] : facts.nics) {
        /* A restarted database server has forgotten what vswitchd will write
         * again. */
        auto known = desired_.facts().nics.find(iface_id);
        if (!nic.mtu && known != desired_.facts().nics.end() &&
            known->second.port == nic.port) {
            nic.mtu = known->second.mtu;
        }
    }

    actual_.rows = facts.rows;
    std::set<std::string> gone;
    for (const auto &[bridge, owners] : actual_.flows) {
        if (!facts.rows.bridges.count(bridge)) {
            gone.insert(bridge);
        }
    }
    for (const std::string &bridge : gone) {
        actual_.lose(bridge);
    }
    control_.configure(facts.settings.remote, facts.settings.chassis);
    std::set<std::string> nics;
    for (const auto &[iface_id, nic] : facts.nics) {
        nics.insert(iface_id);
    }
    control_.set_local_nics(nics);
    desired_.set_switch(facts);
}

/* Frames that an output to FLOOD or ALL sends into our patch ports would be
 * other NICs'.  FLOOD can be stopped at the port ("no-flood", which only
 * OpenFlow 1.0 has and a restart of vswitchd forgets); a pipeline that uses
 * ALL, or FLOOD where that is refused, must not be tapped. */
void
Agent::guard_bridge(const std::string &name, const SwitchFacts &facts,
                    NicBridge *bridge)
{
    std::string target = mgmt_target(name);
    bool refused = false;
    for (const auto &[port, row] : facts.rows.ports) {
        auto ofport = facts.ofports.find(port);
        if (row.bridge == name && ofport != facts.ofports.end() &&
            !bridge->no_flood.count({port, ofport->second})) {
            if (set_no_flood(target, ofport->second)) {
                refused = true;
            } else {
                bridge->no_flood.insert({port, ofport->second});
            }
        }
    }
    int64_t began = time_msec();
    if (began < bridge->next_check_ms) {
        return;
    }
    uint64_t all = 0, flood = 0;
    int error = count_flows_to(target, "ALL", &all);
    if (!error) {
        error = count_flows_to(target, "FLOOD", &flood);
    }
    if (error == ETIMEDOUT) {
        /* Long enough. */
        away_since_ms_ = time_msec() - AWAY_MS;
    }
    bridge->unanswered = error != 0;
    if (!bridge->unanswered) {
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
    int64_t now = time_msec();
    bridge->next_check_ms = now + NIC_BRIDGE_CHECK_MS;
    if (!bridge->unanswered) {
        bridge->next_check_ms =
            std::max(bridge->next_check_ms,
                     now + (now - began) * NIC_BRIDGE_PAUSE_FACTOR);
    }
}

void
Agent::guard_bridges(SwitchFacts *facts)
{
    std::set<std::string> tapped;
    for (const auto &[iface_id, nic] : facts->nics) {
        if (!desired_.tunnels_of_nic(iface_id).empty()) {
            tapped.insert(nic.bridge);
        }
    }
    std::erase_if(nic_bridges_, [&](const auto &bridge) {
        return !tapped.count(bridge.first);
    });
    for (const std::string &name : tapped) {
        NicBridge &bridge = nic_bridges_[name];
        if (!vswitchd_away_) {
            /* Else it would only keep us until its time is up. */
            guard_bridge(name, *facts, &bridge);
        }
        auto facts_of = facts->bridges.find(name);
        if (facts_of != facts->bridges.end()) {
            facts_of->second.unsafe = bridge.unsafe;
            facts_of->second.checked = bridge.checked;
        }
    }
}

/* What is known of them holds until they have been looked at again. */
void
Agent::recheck_nic_bridges()
{
    for (auto &[name, found] : nic_bridges_) {
        found.no_flood.clear();
        found.next_check_ms = 0;
    }
}

void
Agent::read_control()
{
    control_.run();
    if (!control_.busy()) {
        /* Written or not: whatever still differs is reported again. */
        unreported_.merge(reporting_);
        reporting_.clear();
        unreported_filters_.merge(reporting_filters_);
        reporting_filters_.clear();
    }
    if (!cleanup_) {
        desired_.apply(control_.take_changes());
        desired_.set_complete(control_.complete());
    } else {
        ModelDelta delta = control_.take_changes(), statuses;
        statuses.tunnel_statuses = delta.tunnel_statuses;
        statuses.filter_statuses = delta.filter_statuses;
        desired_.apply(statuses);
    }
    if (control_.connected()) {
        if (control_lost_ms_ &&
            time_wall_msec() >= control_lost_ms_ + LONG_AWAY_MS) {
            away_from_ms_ = control_lost_ms_;
            away_until_ms_ = time_wall_msec();
            for (const auto &[id, desire] : desired_.tunnels()) {
                unreported_.insert(id);
            }
        }
        control_lost_ms_ = 0;
    } else if (!control_lost_ms_) {
        control_lost_ms_ = time_wall_msec();
    }
}

void
Agent::read_underlay()
{
    underlay_.run();
    std::set<PathKey> paths = desired_.paths();
    if (paths != watched_) {
        /* What was true of a path when it was last looked at says nothing
         * when it is wanted again. */
        for (const PathKey &key : watched_) {
            if (!paths.count(key)) {
                desired_.forget_path(key);
            }
        }
        watched_ = paths;
        underlay_.watch(paths);
    }
    desired_.set_paths(underlay_.take_changes());
}

/* Whether vswitchd answers questions about bridges that carry NICs.  After one
 * that it did not answer, which held us up, it is asked for a sign of life
 * first, which does not. */
bool
Agent::nic_bridges_answer()
{
    bool unanswered = std::any_of(
        nic_bridges_.begin(), nic_bridges_.end(),
        [](const auto &bridge) { return bridge.second.unanswered; });
    if (life_ticket_) {
        if (auto reply = vswitchd_.take(life_ticket_)) {
            life_ticket_ = 0;
            next_life_ms_ = time_msec() + LIFE_MS;
            if (!reply->lost) {
                for (auto &[name, bridge] : nic_bridges_) {
                    bridge.unanswered = false;
                }
                recheck_nic_bridges();
                poll_immediate_wake();
                return true;
            }
        }
    } else if (unanswered && time_msec() >= next_life_ms_) {
        life_ticket_ = vswitchd_.call("version", {});
        poll_immediate_wake();
    }
    return !unanswered;
}

/* vswitchd is away when the rows that we wrote, or the connections to our
 * bridges, wait for it too long. */
void
Agent::judge_vswitchd()
{
    bool waiting = !desired_.facts().rows.bridges.empty() &&
                   !desired_.facts().settled && !switch_.busy();
    waiting |= !nic_bridges_answer();
    int64_t silent_ms = 0;
    for (const auto &[name, link] : links_) {
        waiting |= !link->connected();
        silent_ms = std::max(silent_ms, link->silent_ms());
    }
    if (!waiting) {
        away_since_ms_ = 0;
    } else if (!away_since_ms_) {
        away_since_ms_ = time_msec();
    }
    vswitchd_away_ =
        (away_since_ms_ && time_msec() >= away_since_ms_ + AWAY_MS) ||
        silent_ms >= SILENT_MS;
    desired_.set_vswitchd_alive(!vswitchd_away_);
}

/* A Mirror that vswitchd did not put in force, because the bridge has too many
 * for instance, shows nowhere but in that it has no statistics. */
void
Agent::judge_mirrors()
{
    int64_t now = time_msec();
    if (!switch_.ready() || now < next_mirror_check_ms_) {
        return;
    }
    next_mirror_check_ms_ = now + MIRROR_CHECK_MS;
    bool judgeable =
        desired_.facts().settled && !away_since_ms_ && !vswitchd_away_;
    if (!judgeable) {
        uncounted_since_ms_.clear();
        return;
    }
    std::set<std::string> counted = switch_.counted_mirrors();
    const SwitchRows &desired = desired_.rows(), &actual = actual_.rows;
    std::erase_if(uncounted_since_ms_, [&](const auto &mirror) {
        return counted.count(mirror.first) ||
               !desired.mirrors.count(mirror.first);
    });
    /* They are refreshed late, at times: one more interval. */
    int64_t patience_ms = 2 * switch_.statistics_interval_ms() + 1000;
    std::map<std::string, std::string> dead;
    for (const auto &[name, row] : desired.mirrors) {
        auto is = actual.mirrors.find(name);
        if (is == actual.mirrors.end() || !(is->second == row)) {
            uncounted_since_ms_.erase(name);
        } else if (!counted.count(name)) {
            auto since = uncounted_since_ms_.try_emplace(name, now).first;
            if (now >= since->second + patience_ms) {
                dead[row.mark.iface_id] = name;
            }
        }
    }
    if (dead != dead_mirrors_) {
        dead_mirrors_ = std::move(dead);
        switch_read_ = false;
        poll_immediate_wake();
    }
}

/* Nothing is touched before everything that says what should be there has
 * been known at once: a restart must change nothing. */
bool
Agent::may_act()
{
    if (cleanup_) {
        return switch_.ready();
    }
    if (!started_ && switch_.ready() && control_.complete()) {
        started_ = desired_.decided();
        if (started_) {
            VLOG_INFO("all inputs known: %zu tunnels concern this hypervisor",
                      desired_.tunnels().size());
            for (const auto &[id, status] : desired_.model().tunnel_statuses) {
                if (status.chassis == desired_.facts().settings.chassis) {
                    unreported_.insert(status.tunnel);
                    /* The daemon before us may have stopped any of them
                     * without proof, and that it is to copy again proves
                     * nothing. */
                    actual_.stopped(status.number, std::nullopt, "");
                }
            }
        }
    }
    return started_ && !paused_ && switch_.ready();
}

std::string
Agent::holding() const
{
    if (switch_.contended()) {
        return "another ovs-mirrord acts on this switch (it has the lock "
               "ovs_mirrord of the switch database); end one of them";
    }
    if (!switch_.ready()) {
        return "waiting for the switch database";
    }
    if (desired_.facts().settings.chassis.empty()) {
        return "waiting for external_ids:system-id";
    }
    if (desired_.facts().settings.remote.empty()) {
        return "waiting for external_ids:mirror-remote";
    }
    if (!started_ && !control_.complete()) {
        return "waiting for the control database";
    }
    if (!started_) {
        return "waiting for the routes to destinations";
    }
    return paused_ ? "paused" : "";
}

} // namespace pm
