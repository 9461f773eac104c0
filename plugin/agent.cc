#include "plugin/agent.h"

#include <unistd.h>

#include "ovsdb/ovs_c.h"
#include "plugin/switch_names.h"

VLOG_DEFINE_THIS_MODULE(agent);

namespace pm {

namespace {

constexpr int64_t AWAY_MS = 1500;
constexpr int64_t REFUSED_RETRY_MS = 2000;
constexpr int64_t CLEANUP_MS = 15000;
/* How often a NIC's bridge is asked for flows that flood. */
constexpr int64_t NIC_BRIDGE_CHECK_MS = 5000;

std::string
mgmt_target(const std::string &bridge)
{
    return "unix:" + std::string(ovs_rundir()) + "/" + bridge + ".mgmt";
}

} // namespace

Agent::Agent(const std::string &switch_remote)
    : switch_(switch_remote), vswitchd_("ovs-vswitchd"), prover_(&vswitchd_)
{
}

void
Agent::run()
{
    vswitchd_.run();
    read_switch();
    read_control();
    read_underlay();
    desired_.update();
    for (const Uuid &id : desired_.take_changed_tunnels()) {
        unreported_.insert(id);
        auto desire = desired_.tunnels().find(id);
        if (desire != desired_.tunnels().end() && desire->second.bound &&
            !nic_bridges_.count(desire->second.nic_bridge)) {
            unchecked_.insert(desire->second.nic_bridge);
            poll_immediate_wake();
        }
        if (const Tunnel *tunnel = find(desired_.model().tunnels, id)) {
            if (tunnel->filter) {
                unreported_filters_.insert(*tunnel->filter);
            }
        } else {
            counters_.erase(id);
        }
    }
    for (const OwnerKey &key : desired_.take_changed_flows()) {
        mark(key);
    }
    run_links();
    run_prover();
    judge_vswitchd();
    if (may_act()) {
        apply_plan();
        count_when_due();
    }
    report();
}

void
Agent::wait()
{
    switch_.wait();
    control_.wait();
    underlay_.wait();
    vswitchd_.wait();
    for (auto &[name, link] : links_) {
        link->wait();
    }
    if (next_count_ms_) {
        poll_timer_wait_until(next_count_ms_);
    }
    if (away_since_ms_ && time_msec() < away_since_ms_ + AWAY_MS) {
        poll_timer_wait_until(away_since_ms_ + AWAY_MS);
    }
    for (const auto &[bridge, at] : retry_ms_) {
        poll_timer_wait_until(at);
    }
    if (!nic_bridges_.empty()) {
        poll_timer_wait(NIC_BRIDGE_CHECK_MS);
    }
    poll_timer_wait_until(
        time_msec() +
        std::max<int64_t>(0, heartbeat_due_ms_ - time_wall_msec()));
}

/* ------------------------------------------------------------------------
 * Inputs. */

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
        check |= time_msec() >= bridge.checked_ms + NIC_BRIDGE_CHECK_MS;
    }
    if (!changed && !check) {
        return;
    }
    switch_seqno_ = switch_.seqno();
    switch_was_busy_ = switch_.busy();
    switch_read_ = true;
    SwitchFacts facts = switch_.read();
    guard_bridges(&facts);

    actual_.rows = facts.rows;
    std::erase_if(actual_.flows, [&](const auto &bridge) {
        return !facts.rows.bridges.count(bridge.first);
    });
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
        std::string target = mgmt_target(name);
        bool refused = false;
        for (const auto &[port, row] : facts->rows.ports) {
            auto ofport = facts->ofports.find(port);
            if (row.bridge == name && ofport != facts->ofports.end() &&
                !bridge.no_flood.count({port, ofport->second})) {
                if (set_no_flood(target, ofport->second)) {
                    refused = true;
                } else {
                    bridge.no_flood.insert({port, ofport->second});
                }
            }
        }
        if (time_msec() >= bridge.checked_ms + NIC_BRIDGE_CHECK_MS) {
            bridge.checked_ms = time_msec();
            uint64_t all = 0, flood = 0;
            if (!count_flows_to(target, "ALL", &all) &&
                !count_flows_to(target, "FLOOD", &flood)) {
                bridge.checked = true;
                bridge.unsafe =
                    all ? "bridge " + name +
                              " has flows that output to ALL, which would "
                              "show other NICs' frames to the mirror; use "
                              "NORMAL or FLOOD"
                    : flood && refused
                        ? "bridge " + name +
                              " has flows that output to FLOOD and does "
                              "not admit OpenFlow 1.0, which is needed to "
                              "keep them from the mirror; admit it or use "
                              "NORMAL"
                        : "";
            }
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
        found.checked_ms = 0;
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
        watched_ = paths;
        underlay_.watch(paths);
    }
    desired_.set_paths(underlay_.take_changes());
}

/* vswitchd is away when the rows that we wrote, or the connections to our
 * bridges, wait for it too long. */
void
Agent::judge_vswitchd()
{
    bool waiting = !desired_.facts().rows.bridges.empty() &&
                   !desired_.facts().settled && !switch_.busy();
    for (const auto &[name, link] : links_) {
        waiting |= !link->connected();
    }
    if (!waiting) {
        away_since_ms_ = 0;
    } else if (!away_since_ms_) {
        away_since_ms_ = time_msec();
    }
    bool away = away_since_ms_ && time_msec() >= away_since_ms_ + AWAY_MS;
    desired_.set_vswitchd_alive(!away);
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
                    actual_.unproven[status.number];
                }
            }
        }
    }
    return started_ && !paused_ && switch_.ready();
}

std::string
Agent::holding() const
{
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

/* ------------------------------------------------------------------------
 * The switch. */

/* 'key's flows may differ from what is desired. */
void
Agent::mark(const OwnerKey &key)
{
    outstanding_.insert(key);
    for (const Uuid &id : desired_.tunnels_of(key)) {
        unreported_.insert(id);
    }
}

void
Agent::run_links()
{
    if (!started_ && !cleanup_) {
        /* Flows are told from what is desired, which is not known yet. */
        return;
    }
    for (const auto &[name, bridge] : actual_.rows.bridges) {
        if (!links_.count(name) && desired_.facts().settled) {
            links_[name] = std::make_unique<BridgeLink>(name);
        }
    }
    std::erase_if(links_, [&](const auto &link) {
        return !actual_.rows.bridges.count(link.first);
    });
    for (auto &[name, link] : links_) {
        while (auto event = link->run()) {
            switch (event->kind) {
            case LinkEvent::Kind::Lost:
                actual_.flows.erase(name);
                for (const auto &[key, flows] : desired_.flows()) {
                    if (key.bridge == name) {
                        mark(key);
                    }
                }
                /* A restarted vswitchd has forgotten "no-flood". */
                recheck_nic_bridges();
                break;
            case LinkEvent::Kind::Read:
                on_read(name, event->flows);
                break;
            case LinkEvent::Kind::Applied:
                on_applied(name, *event);
                break;
            case LinkEvent::Kind::Refused:
                refused_[name] = event->error;
                retry_ms_[name] = time_msec() + REFUSED_RETRY_MS;
                VLOG_WARN("%s: flows refused: %s", name.c_str(),
                          event->error.c_str());
                for (const FlowEdit &edit : event->edits) {
                    mark({name, Cookie::decode(edit.flow.cookie)->owner});
                }
                break;
            case LinkEvent::Kind::Counted:
                on_counted(event->flows);
                if (event->flows.size() != egress_flows_on(name)) {
                    /* Somebody else added or deleted flows of ours. */
                    link->reread();
                }
                break;
            }
        }
    }
}

/* Takes in all flows of ours on a bridge.  A flow that is as desired is kept
 * under the text that we desire it by, though the switch spells it its own
 * way. */
void
Agent::on_read(const std::string &bridge, const std::vector<FlowStats> &read)
{
    std::map<FlowOwner, std::vector<Flow>> owners;
    std::map<FlowOwner, std::map<FlowKey, std::pair<Flow, Flow>>> known;
    for (const FlowStats &stats : read) {
        auto cookie = Cookie::decode(stats.flow.cookie);
        if (!cookie) {
            continue;
        }
        auto [names, fresh] = known.try_emplace(cookie->owner);
        if (fresh) {
            auto desired = desired_.flows().find({bridge, cookie->owner});
            if (desired != desired_.flows().end()) {
                for (const Flow &flow : desired->second) {
                    std::string error;
                    if (auto n = normalise(flow, &error)) {
                        names->second[n->key] = {*n, flow};
                    }
                }
            }
        }
        Flow flow = stats.flow;
        auto same = names->second.find(flow.key);
        if (same != names->second.end()) {
            /* The same match: the key is ours either way. */
            Flow ours = same->second.second;
            if (!(same->second.first == flow)) {
                ours.actions = flow.actions;
                ours.cookie = flow.cookie;
            }
            flow = ours;
        }
        owners[cookie->owner].push_back(flow);
    }
    VLOG_INFO("%s: read %zu flows of ours", bridge.c_str(), read.size());
    actual_.flows[bridge] = std::move(owners);
    for (const auto &[owner, flows] : actual_.flows[bridge]) {
        mark({bridge, owner});
    }
    for (const auto &[key, flows] : desired_.flows()) {
        if (key.bridge == bridge) {
            mark(key);
        }
    }
    on_counted(read);
}

size_t
Agent::egress_flows_on(const std::string &bridge) const
{
    size_t n = 0;
    auto owners = actual_.flows.find(bridge);
    if (owners != actual_.flows.end()) {
        for (const auto &[owner, flows] : owners->second) {
            n += owner.kind == FlowOwner::Egress ? flows.size() : 0;
        }
    }
    return n;
}

void
Agent::on_applied(const std::string &bridge, const LinkEvent &event)
{
    refused_.erase(bridge);
    apply_bundle(&actual_, bridge, event.edits);
    std::set<OwnerKey> owners;
    for (const FlowEdit &edit : event.edits) {
        owners.insert({bridge, Cookie::decode(edit.flow.cookie)->owner});
    }
    for (const OwnerKey &key : owners) {
        mark(key);
    }
}

void
Agent::run_prover()
{
    prover_.run();
    if (auto proven = prover_.take()) {
        for (const auto &[number, spec] : *proven) {
            /* One that was stopped once more meanwhile has its own proof. */
            auto i = actual_.unproven.find(number);
            if (i != actual_.unproven.end() && i->second == spec) {
                actual_.unproven.erase(i);
            }
            if (auto id = desired_.tunnel_of_number(number)) {
                unreported_.insert(*id);
            }
        }
    }
}

void
Agent::apply_plan()
{
    actual_.changing =
        std::any_of(links_.begin(), links_.end(),
                    [](const auto &link) { return link.second->applying(); });
    Plan plan = make_plan(actual_, desired_, &outstanding_);
    for (const auto &[bridge, edits] : plan.flows) {
        auto link = links_.find(bridge);
        auto retry = retry_ms_.find(bridge);
        if (retry != retry_ms_.end() && time_msec() < retry->second) {
            continue;
        }
        retry_ms_.erase(bridge);
        if (link != links_.end() && link->second->idle()) {
            VLOG_DBG("%s: bundle of %zu edits", bridge.c_str(), edits.size());
            link->second->apply(edits);
        }
    }
    if (plan.prove && !prover_.busy() && plan.flows.empty()) {
        prover_.start(actual_.unproven);
    }
    if (!plan.rows.empty() && !switch_.busy()) {
        for (const RowEdit &edit : plan.rows) {
            VLOG_INFO("%s", edit.why.c_str());
        }
        switch_.start(plan.rows, desired_.rows());
    }
}

Plan
Agent::plan() const
{
    std::set<OwnerKey> outstanding = outstanding_;
    Plan plan = make_plan(actual_, desired_, &outstanding);
    std::string why = holding();
    if (!why.empty()) {
        plan.waiting.push_back(why);
    }
    return plan;
}

bool
Agent::installed(const Uuid &tunnel) const
{
    return is_installed(tunnel, desired_, actual_, outstanding_);
}

void
Agent::resync()
{
    for (auto &[name, link] : links_) {
        link->reread();
    }
    switch_read_ = false;
    recheck_nic_bridges();
    underlay_.refresh();
    desired_.refresh();
}

void
Agent::set_paused(bool paused)
{
    paused_ = paused;
    for (const auto &[id, desire] : desired_.tunnels()) {
        unreported_.insert(id);
    }
}

void
Agent::start_cleanup()
{
    if (cleanup_) {
        return;
    }
    cleanup_ = true;
    cleanup_deadline_ms_ = time_msec() + CLEANUP_MS;
    Model statuses;
    statuses.tunnel_statuses = desired_.model().tunnel_statuses;
    statuses.filter_statuses = desired_.model().filter_statuses;
    desired_.apply(diff(desired_.model(), statuses));
    desired_.set_complete(true);
}

bool
Agent::cleaned() const
{
    if (!cleanup_) {
        return false;
    }
    bool switch_clean = switch_.ready() && actual_.rows == SwitchRows{} &&
                        !switch_.busy();
    bool control_clean = !control_.connected() || left_;
    return (switch_clean && control_clean) ||
           time_msec() >= cleanup_deadline_ms_;
}

} // namespace pm
