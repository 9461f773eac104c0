#include "plugin/agent.h"

#include <unistd.h>

#include <utility>

#include "ovsdb/ovs_c.h"
#include "plugin/installed.h"
#include "plugin/plan_revocations.h"
#include "plugin/switch_names.h"

VLOG_DEFINE_THIS_MODULE(agent);

namespace pm {

namespace {

constexpr int64_t CLEANUP_MS = 15000;

} // namespace

Agent::Agent(const std::string &switch_remote)
    : switch_(switch_remote), vswitchd_("ovs-vswitchd"),
      prover_(
          &vswitchd_, [this] { hurry(); },
          [this] { return sends_of(actual_); }, [this] { return is_bare(); }),
      prober_(&vswitchd_), guard_(&vswitchd_), made_(&vswitchd_),
      counts_(desired_, actual_, links_)
{
}

void
Agent::run()
{
    vswitchd_.run();
    read_switch();
    read_control();
    read_underlay();
    desired_.set_refused(suspects_.refused());
    if (may_desire()) {
        desired_.update();
    }
    watch_paths();
    prove_inherited();
    compare_rows();
    for (const Uuid &id : desired_.take_changed_tunnels()) {
        suspects_.clear(id);
        unreported_.insert(id);
        auto desire = desired_.tunnels().find(id);
        if (desire != desired_.tunnels().end() && desire->second.bound &&
            !guard_.watches(desire->second.nic_bridge)) {
            unguarded_ = true;
            poll_immediate_wake();
        }
        if (const Tunnel *tunnel = find(desired_.model().tunnels, id)) {
            if (tunnel->filter && !is_told_observed(*tunnel->filter)) {
                if (!desired_.filter_status_of(*tunnel->filter)) {
                    suspects_.clear(*tunnel->filter); /* Else: counters. */
                }
                unreported_filters_.insert(*tunnel->filter);
            }
        } else {
            counts_.forget(id);
        }
    }
    std::set<Uuid> filters = desired_.take_changed_filters();
    for (const Uuid &id : filters) {
        suspects_.clear(id);
    }
    unreported_filters_.merge(filters);
    int64_t now = time_msec();
    for (const OwnerKey &key : desired_.take_changed_flows()) {
        outstanding_.insert(key);
        /* Whom it serves besides those that changed is looked at when it is
         * there, or has not come for long. */
        for (const Uuid &id : desired_.tunnels_of(key)) {
            underway_.try_emplace(id, now);
        }
    }
    for (const Uuid &id : desired_.take_untapped()) {
        underway_.try_emplace(id, now);
    }
    run_links();
    run_next_hops();
    run_prover();
    prober_.run(*this, control_.probes());
    judge_bridges();
    judge_vswitchd();
    judge_mirrors();
    if (std::exchange(reconsider_, false)) {
        poll_immediate_wake();
        return;
    }
    if (may_act()) {
        apply_plan();
        counts_.run();
    } else if (may_revoke()) {
        apply_plan();
    }
    counts_.ask();
    unreported_.merge(counts_.take_tunnels());
    unreported_filters_.merge(counts_.take_filters());
    report();
}

void
Agent::wait()
{
    if (desired_.outdated() && may_desire()) {
        poll_immediate_wake();
    }
    switch_.wait();
    control_.wait();
    if (may_try_suspects()) {
        poll_timer_wait_until(suspects_.due_ms());
    }
    if (others_apart_ && !others_pause_.is_over(time_msec())) {
        poll_timer_wait_until(others_pause_.ends_ms());
    }
    int64_t name_ms = namesake_.next_ms(time_msec());
    bool looks = control_.complete() || namesake_.has_name(time_msec());
    if (name_ms >= 0 && looks && !cleanup_ && switch_.ready()) {
        poll_timer_wait_until(name_ms);
    }
    underlay_.wait();
    vswitchd_.wait();
    made_.wait();
    prover_.wait();
    prober_.wait();
    for (auto &[name, link] : links_) {
        link->wait();
        if (link->silent_ms() > 0 && link->silent_ms() < SILENT_MS) {
            poll_timer_wait(static_cast<int>(SILENT_MS - link->silent_ms()));
        }
    }
    if (away_since_ms_ && time_msec() < away_since_ms_ + AWAY_MS) {
        poll_timer_wait_until(away_since_ms_ + AWAY_MS);
    }
    if (auto at = next_hops_.next_ms(); at && is_connected()) {
        poll_timer_wait_until(*at);
    }
    counts_.wait(acts());
    if (acts() || may_revoke()) {
        std::vector<int64_t> retries = {contest_.next_ms(time_msec())};
        for (const auto &[name, link] : links_) {
            if (link->idle()) { /* It wakes us when it is, else. */
                retries.push_back(refusals_.next_ms(name));
            }
        }
        for (int64_t at : retries) {
            if (at) {
                poll_timer_wait_until(at);
            }
        }
    }
    if (cleanup_) {
        poll_timer_wait_until(cleanup_deadline_ms_);
    }
    if (cut_off_ms_) {
        poll_timer_wait_until(cut_off_ms_ + CUT_OFF_MS);
    }
    if (!underway_.empty() && may_report() && !has_more_to_say()) {
        poll_timer_wait_until(next_underway_ms_);
    }
    guard_.wait(!vswitchd_away_ && switch_.ready());
    if (!actual_.rows.mirrors.empty() && switch_.ready()) {
        poll_timer_wait_until(next_mirror_check_ms_);
    }
    if (may_report() && !cleanup_ && !is_reporting_others() &&
        (!others_apart_ || others_pause_.is_over(time_msec()))) {
        poll_timer_wait_until(
            time_msec() +
            std::max<int64_t>(0, heartbeat_due_ms_ - time_wall_msec()));
    }
}

/* ------------------------------------------------------------------------
 * The switch. */

/* Has vswitchd look at its datapath flows again at once: a bridge of each
 * datapath would do, and there are few.  Not for what the daemon before us may
 * have stopped or changed, of which we know no form and no bridge: a restart
 * sends the switch nothing. */
void
Agent::hurry()
{
    if (actual_.only_inherited()) {
        return;
    }
    for (auto &[name, link] : links_) {
        OwnerKey base{name, {FlowOwner::Base, 0}};
        auto flows = desired_.flows().find(base);
        if (flows != desired_.flows().end() && link->fresh() &&
            !outstanding_.count(base)) {
            link->restate(flows->second.front());
        }
    }
}

void
Agent::run_prover()
{
    prover_.run();
    if (auto proven = prover_.take()) {
        actual_.proven(*proven);
        if (inheritance_ == Inheritance::Proving) {
            inheritance_ = Inheritance::Proven;
            actual_.proven(inherited_);
            proven->stopped.merge(inherited_.stopped);
            proven->changed.merge(inherited_.changed);
        }
        for (const auto &[number, stopped] : proven->stopped) {
            if (auto id = desired_.tunnel_of_number(number)) {
                unreported_.insert(*id);
            }
        }
        unreported_.merge(lagging_);
        lagging_.clear();
        for (const auto &[key, step] : proven->changed) {
            if (key.owner.kind == FlowOwner::Filter) {
                auto filter = desired_.filter_of_number(key.owner.number);
                if (filter) {
                    unreported_filters_.insert(*filter);
                }
            }
        }
    }
}

/* Whether some bridge of ours can be talked to. */
bool
Agent::is_connected() const
{
    return (started_ || cleanup_) &&
           std::any_of(links_.begin(), links_.end(), [](const auto &link) {
               return link.second->connected();
           });
}

/* Whether edits are on their way to a bridge. */
bool
Agent::is_changing() const
{
    return std::any_of(links_.begin(), links_.end(), [](const auto &link) {
        return link.second->applying();
    });
}

/* Rows are compared when some changed: a pair of Mirrors that hundreds of NICs
 * share is long. */
void
Agent::compare_rows()
{
    std::pair revisions(rows_read_, desired_.rows_revision());
    if (std::exchange(rows_compared_, revisions) != revisions) {
        contest_.saw(actual_.rows, desired_.rows());
        actual_.rows_as_desired = actual_.rows == desired_.rows();
        if (actual_.rows_as_desired) {
            switch_.forget_error(); /* Of rows that are not wanted any more. */
        }
    }
}

void
Agent::apply_plan()
{
    actual_.changing = is_changing();
    std::set<std::string> busy;
    for (const auto &[bridge, link] : links_) {
        if (link->connected() && !link->idle()) {
            busy.insert(bridge);
        }
    }
    Plan plan =
        make_plan(actual_, desired_, &outstanding_, busy, refusals_.reasons());
    if (!switch_.ready()) {
        keep_revocations(actual_, desired_, &plan);
    }
    share_flows(&actual_, desired_, plan.settled);
    for (const OwnerKey &key : plan.settled) {
        /* As desired again, perhaps without an edit. */
        neighbours_.merge(desired_.tunnels_of(key));
        if (key.owner.kind == FlowOwner::Filter) {
            if (auto id = desired_.filter_of_number(key.owner.number)) {
                unreported_filters_.insert(*id);
            }
        }
    }
    int64_t now = time_msec();
    for (const auto &[bridge, link] : links_) {
        if (!link->idle()) {
            continue; /* Nothing was planned of it. */
        }
        std::vector<MeterEdit> &meters = plan.meters[bridge];
        refusals_.select(bridge, &meters, now);
        if (!meters.empty()) {
            link->apply(meters);
        }
        std::vector<FlowEdit> &edits = plan.flows[bridge];
        contest_.restrain(bridge, &edits, now);
        refusals_.select(bridge, &edits, now);
        bool renewal =
            plan.renew.count(bridge) && !contest_.waits(bridge, now);
        if ((!edits.empty() || renewal) && link->idle()) {
            renew(actual_, desired_, bridge, &edits);
            VLOG_DBG("%s: bundle of %zu edits", bridge.c_str(), edits.size());
            link->apply(edits);
        }
    }
    if (plan.prove && !prover_.busy()) {
        prover_.start(actual_.to_prove(), switch_.revalidation_ms());
    }
    if (!plan.rows.empty() && switch_.may_start()) {
        contest_.restrain(&plan.rows, desired_.rows(), now);
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
        for (const RowEdit &edit : plan.rows) {
            if (switch_.error().empty()) {
                VLOG_INFO("%s", edit.why.c_str());
            } else {
                VLOG_INFO_RL(&rl, "once more: %s", edit.why.c_str());
            }
        }
        if (!plan.rows.empty()) {
            switch_.start(plan.rows, desired_.rows());
        }
    }
    tell_contest();
}

/* Says once that somebody works against us. */
void
Agent::tell_contest()
{
    Contest::News news = contest_.take_news(time_msec());
    for (const auto &[bridge, what] : news.began) {
        VLOG_WARN("%s: somebody keeps removing or changing %s; it is put "
                  "back once in %d s until it stays",
                  bridge.c_str(), what.c_str(),
                  static_cast<int>(Contest::INTERVAL_MS / 1000));
    }
    if (news.bridges.empty()) {
        return;
    }
    for (const auto &[id, desire] : desired_.tunnels()) {
        if (news.bridges.count(desire.nic_bridge) ||
            news.bridges.count(desire.mirror_bridge)) {
            unreported_.insert(id);
        }
    }
}

Plan
Agent::plan() const
{
    /* Nothing is decided by half of what there is to know. */
    if (is_early() || namesake_.is_in_doubt(time_msec())) {
        Plan undecided;
        undecided.waiting.push_back(holding());
        return undecided;
    }
    std::set<OwnerKey> outstanding = outstanding_;
    Plan plan =
        make_plan(actual_, desired_, &outstanding, {}, refusals_.reasons());
    for (const auto &[name, link] : links_) {
        if (!link->fresh()) {
            plan.waiting.push_back("what is outstanding on " + name +
                                   " is known when its flows have been read");
        }
    }
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
    reread_switch_ = true;
    guard_.recheck();
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
    if (!started_) {
        register_inherited();
    }
    cleanup_ = true;
    poll_immediate_wake();
    control_.leave();
    cleanup_deadline_ms_ = time_msec() + CLEANUP_MS;
    Model statuses;
    statuses.tunnel_statuses = desired_.model().tunnel_statuses;
    statuses.filter_statuses = desired_.model().filter_statuses;
    desired_.apply(diff(desired_.model(), statuses));
    desired_.set_complete(true);
}

bool
Agent::is_switch_clean() const
{
    /* What another has on it is his to say. */
    return switch_.contended() ||
           (switch_.ready() && actual_.rows == SwitchRows{} &&
            !switch_.busy());
}

bool
Agent::is_control_clean() const
{
    return switch_.contended() || !namesake_.is_ours() ||
           (control_.connected()
                ? left_ && !control_.writing() && control_.refused().empty()
                : !control_.connecting());
}

bool
Agent::cleaned() const
{
    return cleanup_ && ((is_switch_clean() && is_control_clean()) ||
                        time_msec() >= cleanup_deadline_ms_);
}

namespace {

constexpr char FORGET[] =
    "delete this hypervisor with \"ovs-mirrorctl chassis-del\", which is "
    "refused until it has not been heard of for three minutes";

} // namespace

std::string
Agent::left_behind() const
{
    const std::string within =
        " within " + std::to_string(CLEANUP_MS / 1000) + " s";
    if (!cleanup_) {
        return "";
    }
    if (is_switch_clean() && is_control_clean()) {
        const Settings &settings = desired_.facts().settings;
        bool unheard = !switch_.contended() && namesake_.is_ours() &&
                       !control_.connected() && !settings.remote.empty() &&
                       !settings.chassis.empty();
        return unheard ? std::string("the control database cannot be reached "
                                     "and may still have our rows, by which "
                                     "tunnels seem to run; ") +
                             FORGET
                       : "";
    }
    if (is_switch_clean()) {
        return "the control database has not let go of our rows" + within +
               "; " + FORGET;
    }
    std::string bridges;
    for (const auto &[name, row] : actual_.rows.bridges) {
        bridges += " " + name;
    }
    return "the switch has not let go of all of our rows" + within +
           ", and may go on copying" +
           (bridges.empty() ? "; see Mirrors and ports that bear our mark"
                            : "; delete, with the Mirrors and ports that "
                              "bear our mark, bridge" +
                                  bridges);
}

} // namespace pm
