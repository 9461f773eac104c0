/* Agent, what it knows: reading the switch, the control database and the ways
 * to destinations into values, and judging when that is enough to act on. */
#include "ovsdb/ovs_c.h"
#include "plugin/agent.h"
#include "plugin/beat.h"
#include "plugin/check.h"
#include "plugin/switch_names.h"

VLOG_DEFINE_THIS_MODULE(agent_inputs);

namespace pm {

void
Agent::read_switch()
{
    switch_.run();
    if (!switch_.ready()) {
        return;
    }
    bool changed = switch_.seqno() != switch_seqno_ || reread_switch_ ||
                   switch_.busy() != switch_was_busy_;
    changed |= name_left_ != is_name_anothers();
    bool look = unguarded_ || (!vswitchd_away_ && guard_.due());
    unguarded_ = false;
    if (!changed && !look) {
        return;
    }
    switch_seqno_ = switch_.seqno();
    switch_was_busy_ = switch_.busy();
    switch_read_ = true;
    reread_switch_ = false;
    SwitchFacts facts = switch_.read(made_.unmade());
    actual_.unmade = made_.unmade();
    leave_name(&facts.settings);
    std::set<std::string> tapped;
    for (const auto &[iface_id, nic] : facts.nics) {
        if (!desired_.tunnels_of_nic(iface_id).empty()) {
            tapped.insert(nic.bridge);
        }
    }
    guard_.watch(tapped);
    guard_.look(!vswitchd_away_, &facts);
    facts.dead_mirrors = mirror_watch_.dead();
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
    rows_read_++;
    if (watch_layouts(facts) ||
        facts.port_errors != desired_.facts().port_errors) {
        port_retry_.done();
        port_retry_.refused(time_msec());
    }
    std::set<std::string> gone;
    for (const auto &[bridge, owners] : actual_.flows) {
        if (!facts.rows.bridges.count(bridge)) {
            gone.insert(bridge);
        }
    }
    for (const std::string &bridge : gone) {
        actual_.lose(bridge);
    }
    const auto &told = desired_.facts().settings.ignored;
    for (const auto &[key, why] : facts.settings.ignored) {
        auto before = told.find(key);
        if (before == told.end() || before->second != why) {
            VLOG_WARN("%s", why.c_str());
        }
    }
    underlay_.set_sources(facts.settings.encap_ips());
    const Settings &before = desired_.facts().settings;
    if (facts.settings.remote != before.remote ||
        facts.settings.chassis != before.chassis) {
        answer_.forget();
        Suspects::Some all = std::exchange(suspects_, {}).take_all();
        unreported_.merge(all.tunnels);
        unreported_filters_.merge(all.filters);
        others_apart_ = false;
    }
    control_.configure(facts.settings.remote, facts.settings.chassis);
    std::set<std::string> nics;
    for (const auto &[iface_id, nic] : facts.nics) {
        nics.insert(iface_id);
    }
    control_.set_local_nics(nics);
    desired_.set_switch(facts);
}

/* A bridge forgets where MACs are when its Mirrors or ports change, and would
 * flood copies until their next hops speak.  Returns whether they changed. */
bool
Agent::watch_layouts(const SwitchFacts &facts)
{
    auto layouts = switch_.layouts();
    bool changed = layouts != layouts_;
    if (changed) {
        layouts_ = std::move(layouts);
        layouts_settled_ = false;
        next_hops_.doubt(time_msec());
    }
    if (!layouts_settled_ && facts.settled) {
        layouts_settled_ = true;
        next_hops_.doubt(time_msec());
    }
    return changed;
}

void
Agent::read_control()
{
    control_.run();
    for (const auto &[number, outcome] : control_.take_ended()) {
        take_reported(number, outcome);
    }
    if (!cleanup_) {
        ModelDelta delta = control_.take_changes();
        desired_.apply(delta);
        counts_.share(delta);
        desired_.set_complete(control_.complete());
        if (control_.complete()) {
            desired_.set_keeps_handles(control_.keeps_handles());
        }
    } else {
        ModelDelta delta = control_.take_changes(), statuses;
        statuses.tunnel_statuses = delta.tunnel_statuses;
        statuses.filter_statuses = delta.filter_statuses;
        desired_.apply(statuses);
    }
    if (!control_.connected()) {
        answer_.lost_sight();
    }
    if (control_.serves()) {
        if (control_lost_ms_ &&
            time_wall_msec() >= control_lost_ms_ + LONG_AWAY_MS) {
            away_from_ms_ = control_lost_ms_;
            away_until_ms_ = time_wall_msec();
            for (const auto &[id, desire] : desired_.tunnels()) {
                unreported_.insert(id);
            }
        }
        control_lost_ms_ = 0;
    } else if (name_left_) {
        control_lost_ms_ = 0; /* It is not asked. */
    } else if (!control_lost_ms_) {
        control_lost_ms_ = time_wall_msec();
    }
    watch_name();
}

void
Agent::read_underlay()
{
    underlay_.run();
    std::set<std::string> delivery_bridges;
    for (const auto &[name, bridge] : actual_.rows.bridges) {
        if (bridge.mark.purpose == "delivery") {
            delivery_bridges.insert(name);
        }
    }
    underlay_.keep_legs(delivery_bridges);
    desired_.set_paths(underlay_.take_changes());
}

/* Asks for the ways that are wanted by now. */
void
Agent::watch_paths()
{
    if (!desired_.take_changed_paths()) {
        return;
    }
    std::set<PathKey> paths = desired_.paths();
    /* What was true of a path when it was last looked at says nothing when it
     * is wanted again. */
    for (const PathKey &key : watched_) {
        if (!paths.count(key)) {
            desired_.forget_path(key);
        }
    }
    watched_ = paths;
    underlay_.watch(paths);
}

/* Whether a bridge that does not answer, though vswitchd has taken in the
 * database, is there at all. */
void
Agent::judge_bridges()
{
    const SwitchFacts &facts = desired_.facts();
    bool doubt = !guard_.answered() ||
                 std::any_of(links_.begin(), links_.end(), [](const auto &l) {
                     return !l.second->connected();
                 });
    doubt &= facts.settled && switch_.ready();
    const std::set<std::string> before = made_.unmade();
    std::set<std::string> bridges;
    if (doubt || !before.empty()) {
        for (const auto &[name, bridge] : facts.bridges) {
            if (is_bridge_name(name)) { /* Others were never to be made. */
                bridges.insert(name);
            }
        }
    }
    if (!made_.run(doubt, bridges)) {
        return;
    }
    for (const std::string &name : made_.unmade()) {
        if (!before.count(name)) {
            VLOG_WARN("bridge %s is in the database and not on the switch; "
                      "see the log of ovs-vswitchd, which could not make it",
                      name.c_str());
        }
    }
    unguarded_ = true; /* Who is on them is read anew. */
    poll_immediate_wake();
}

/* No bridge of the database is on the switch, which has taken it in. */
bool
Agent::is_bare() const
{
    const SwitchFacts &facts = desired_.facts();
    return switch_.ready() && facts.settled &&
           std::all_of(facts.bridges.begin(), facts.bridges.end(),
                       [&](const auto &bridge) {
                           return made_.unmade().count(bridge.first);
                       });
}

/* vswitchd is away when the rows that we wrote, or the connections to our
 * bridges, wait for it too long. */
void
Agent::judge_vswitchd()
{
    bool waiting = !desired_.facts().rows.bridges.empty() &&
                   !desired_.facts().settled && !switch_.busy();
    guard_.run(!vswitchd_away_ && switch_.ready());
    waiting |= !guard_.answered();
    int64_t silent_ms = 0;
    if (started_ || cleanup_) {
        /* Before, a bridge may be out of reach by what is to be mended, and an
         * answer wait behind all of its flows. */
        for (const auto &[name, link] : links_) {
            waiting |= !link->connected() && !made_.unmade().count(name);
            if (!guard_.looks_through()) {
                silent_ms = std::max(silent_ms, link->silent_ms());
            }
        }
    }
    if (!waiting) {
        away_since_ms_ = 0;
    } else if (!away_since_ms_) {
        away_since_ms_ = time_msec();
    }
    vswitchd_away_ =
        (away_since_ms_ && time_msec() >= away_since_ms_ + AWAY_MS) ||
        silent_ms >= SILENT_MS || guard_.silent();
    desired_.set_vswitchd_alive(!vswitchd_away_);
}

void
Agent::judge_mirrors()
{
    int64_t now = time_msec();
    if (!switch_.ready() || now < next_mirror_check_ms_) {
        return;
    }
    next_mirror_check_ms_ = beat_after(now);
    retry_ports(now);
    if (!desired_.facts().settled || away_since_ms_ || vswitchd_away_) {
        mirror_watch_.excuse();
    } else if (mirror_watch_.judge(actual_.rows, desired_.rows(),
                                   switch_.counted_mirrors(),
                                   switch_.statistics_interval_ms(), now)) {
        reread_switch_ = true;
        poll_immediate_wake();
    }
}

/* Has vswitchd try again to make ports that it could not make.  By itself it
 * does so only with the next change of its database, and in the change that
 * removes what was in the way that is still in the way (3.1.0): so soon after
 * a change, and then ever more seldom. */
void
Agent::retry_ports(int64_t now_ms)
{
    const SwitchFacts &facts = desired_.facts();
    if (started_ && !facts.port_errors.empty() && facts.settled &&
        switch_.may_start() && port_retry_.is_over(now_ms)) {
        port_retry_.refused(now_ms);
        switch_.start({}, facts.rows);
    }
}

/* Nothing is made of half of what there is to know at a start. */
bool
Agent::may_desire() const
{
    bool in_doubt = namesake_.is_in_doubt(time_msec()) && switch_.ready();
    return cleanup_ || (!in_doubt && (started_ || control_.complete()));
}

/* What the daemon before us did is unproven, and that a tunnel is to copy
 * again proves nothing. */
void
Agent::register_inherited()
{
    if (inheritance_ == Inheritance::Proven) {
        return;
    }
    actual_.inherit(desired_.model(), desired_.facts().settings.chassis);
    inherited_ = actual_.to_prove();
}

/* Since we change no flow before all else is known, the proof of what was
 * stopped before us need not wait for that, nor for what it was. */
void
Agent::prove_inherited()
{
    if (started_ || cleanup_) {
        return;
    }
    if (!switch_.ready()) {
        inheritance_ = Inheritance::Unproven; /* Another may act meanwhile. */
    } else if (inheritance_ != Inheritance::Proven && !prover_.busy() &&
               !vswitchd_away_) {
        inheritance_ = Inheritance::Proving;
        prover_.start({}, switch_.revalidation_ms());
    }
    if (!switch_.ready() || !control_.complete()) {
        heir_of_.clear();
        return;
    }
    const std::string &chassis = desired_.facts().settings.chassis;
    if (std::exchange(heir_of_, chassis) != chassis) {
        register_inherited();
    }
}

/* Has nobody wait without end for what vswitchd cannot be asked, since its
 * control socket is not to be found though its bridges answer: a start, and
 * all revocations with it, nor who asks whether all is done.  One who is
 * merely slow, or starts, answers in the end. */
void
Agent::judge_socket()
{
    bool cut_off = underlay_.switch_is_unreachable() &&
                   desired_.facts().settled && !vswitchd_away_ &&
                   std::all_of(links_.begin(), links_.end(), [](auto &link) {
                       return link.second->connected() &&
                              link.second->silent_ms() < SILENT_MS;
                   });
    if (!cut_off) {
        cut_off_ms_ = 0;
        desired_.wait_again();
    } else if (!cut_off_ms_) {
        cut_off_ms_ = time_msec();
    } else if (time_msec() >= cut_off_ms_ + CUT_OFF_MS) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
        cut_off_ms_ = time_msec();
        if (size_t undecided = desired_.stop_waiting()) {
            VLOG_WARN_RL(&rl,
                         "%zu tunnels wait for what ovs-vswitchd cannot be "
                         "asked; going on without it",
                         undecided);
            poll_immediate_wake();
        }
    }
}

/* Everything is known.  What the daemon before us sent may be to be proven to
 * have ended. */
void
Agent::start()
{
    poll_immediate_wake(); /* The links may have read ahead. */
    VLOG_INFO("all inputs known: %zu tunnels concern this hypervisor",
              desired_.tunnels().size());
    for (const auto &[id, status] : desired_.model().tunnel_statuses) {
        if (status.chassis != desired_.facts().settings.chassis) {
            continue;
        }
        unreported_.insert(status.tunnel);
        auto desire = desired_.tunnels().find(status.tunnel);
        if (desire == desired_.tunnels().end() || !desire->second.egress) {
            /* What was sent last may have come after that proof began. */
            actual_.stopped(status.number, {}, "");
        }
        if (!find(desired_.model().tunnels, status.tunnel)) {
            /* Its flows may be gone already, and what is cached of them may
             * have to be renewed before the proof. */
            for (const auto &[name, row] : actual_.rows.bridges) {
                actual_.disturbed.insert(name);
            }
        }
    }
}

/* Nothing is touched before everything that says what should be there has
 * been known at once: a restart must change nothing. */
bool
Agent::may_act()
{
    bool knows = switch_.ready() && control_.complete() && !cleanup_;
    if (knows && !started_ && desired_.decided()) {
        started_ = true;
        start();
    }
    if (knows && may_desire()) {
        judge_socket();
    } else {
        cut_off_ms_ = 0;
    }
    return acts();
}

bool
Agent::acts() const
{
    return cleanup_ ? switch_.ready()
                    : started_ && !paused_ && switch_.ready() &&
                          !namesake_.is_in_doubt(time_msec());
}

/* What is revoked does not wait for the switch's database.  Without it we
 * do not know that nobody else acts on the switch, but nobody else would keep
 * what is revoked. */
bool
Agent::may_revoke() const
{
    return started_ && !cleanup_ && !paused_ && !switch_.ready() &&
           !switch_.contended();
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
    if (namesake_.is_in_doubt(time_msec())) {
        return "waiting to see whether the ovs-mirrord on host " +
               quote(namesakes_host_) + " still goes by this system-id";
    }
    if (!started_ && !control_.complete()) {
        return "waiting for the control database";
    }
    if (!started_) {
        return "waiting for routes to destinations, or for bridges to answer";
    }
    if (paused_) {
        return "paused";
    }
    if (!switch_.error().empty() && !actual_.rows_as_desired) {
        return "the switch database refuses our rows, which is tried again "
               "every few seconds: " +
               switch_.error();
    }
    return "";
}

} // namespace pm
