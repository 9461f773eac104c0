/* Agent, what it tells: status rows, and when they are told. */
#include <algorithm>

#include "ovsdb/ovs_c.h"
#include "plugin/agent.h"
#include "plugin/filter_status.h"
#include "plugin/installed.h"

namespace pm {

namespace {

/* Tunnels looked at in a pass. */
constexpr size_t LOOKS_MAX = 2000;
/* How long what is under way may go untold. */
constexpr int64_t UNDERWAY_MS = 500;
/* The same where others have more to say. */
constexpr int64_t UNDERWAY_MOST_MS = 5000;

} // namespace

bool
Agent::is_reporting(const Uuid &tunnel) const
{
    return std::any_of(
        reporting_.begin(), reporting_.end(), [&](const auto &transaction) {
            return transaction.second.some.tunnels.count(tunnel);
        });
}

/* Returns whether there is something to write. */
bool
Agent::report_tunnel(const Uuid &id, StatusContext &context,
                     ControlWrite *write)
{
    int64_t number = 0;
    auto d = desired_.tunnels().find(id);
    if (d != desired_.tunnels().end() && d->second.bound &&
        !desired_.status_of(id)) {
        number = desired_.number_for_tunnel(id, [&](int64_t n) {
            return actual_.is_busy(FlowOwner::Egress, n);
        });
    }
    context.handles = new_handles(id, actual_, &desired_);
    StatusEdit edit =
        desire_status(id, desired_, actual_, outstanding_, number, context);
    if (edit.lags) {
        lagging_.insert(id);
    }
    if (edit.held) {
        held_.insert(id);
    }
    const TunnelStatus *told = desired_.status_of(id);
    bool settled = told && is_told_installed(*told) &&
                   edit.op != StatusEdit::Op::Delete &&
                   (edit.op == StatusEdit::Op::Keep ||
                    is_told_installed(edit.status)); /* Counters, mostly. */
    if (settled || !desired_.tunnels().count(id)) {
        unsettled_.erase(id);
    } else {
        unsettled_.insert(id);
    }
    if (edit.op == StatusEdit::Op::Put &&
        is_underway(id, edit.status, edit.lags)) {
        return false;
    }
    underway_.erase(id);
    if (edit.op == StatusEdit::Op::Put) {
        write->put_tunnels.push_back({desired_.status_row_of(id),
                                      std::move(edit.status),
                                      desired_.status_of(id)});
    } else if (edit.op == StatusEdit::Op::Delete) {
        write->delete_tunnels.push_back(*desired_.status_row_of(id));
    }
    return edit.op != StatusEdit::Op::Keep;
}

/* Who has what he was last told to have says nothing new: of a NIC's sixteen
 * tunnels one changes, mostly, and the tap's flows are all that the others
 * have in common with it. */
void
Agent::take_neighbours()
{
    for (const Uuid &id : neighbours_) {
        if (unsettled_.count(id) || !installed(id)) {
            unreported_.insert(id);
        } else if (!unreported_.count(id)) {
            underway_.erase(id);
        }
    }
    neighbours_.clear();
}

/* Takes a tunnel out of those to be reported, and after it those of the same
 * NIC, 'most' in all: their rows are written together, so that the NIC's tap
 * is given many of them at once and their numbers lie side by side. */
std::vector<Uuid>
Agent::take_unreported(const Uuid &id, size_t most)
{
    std::vector<Uuid> tunnels = {id};
    unreported_.erase(id);
    auto desire = desired_.tunnels().find(id);
    if (desire != desired_.tunnels().end()) {
        for (const Uuid &other :
             desired_.tunnels_of_nic(desire->second.iface_id)) {
            if (tunnels.size() < most && unreported_.erase(other)) {
                tunnels.push_back(other);
            }
        }
    }
    return tunnels;
}

bool
Agent::is_uncertain() const
{
    return actual_.changing || !actual_.flows_known() || !switch_.ready();
}

/* Before the daemon has begun to act, it only tells why it does not. */
bool
Agent::is_early() const
{
    return !started_ && !cleanup_;
}

/* Until it is known what the switch has, a row stays as it was. */
bool
Agent::is_reading() const
{
    return !vswitchd_away_ && !cleanup_ && !actual_.flows_known();
}

/* Whether a tunnel is silent is seen when the bundle is there, and all flows
 * have been read, or their bridge is gone. */
bool
Agent::is_judged(const Uuid &tunnel) const
{
    auto desire = desired_.tunnels().find(tunnel);
    return !is_uncertain() || (desire != desired_.tunnels().end() &&
                               desire->second.egress.has_value());
}

/* So it is with whether a filter is in force. */
bool
Agent::is_filter_judged(const Uuid &filter) const
{
    return (!actual_.changing && actual_.flows_known()) ||
           !desired_.filter_status_of(filter);
}

/* Some of the tunnels whose status may have changed, by turns: so each has its
 * row, without which nothing of it is made, before any of them is told about
 * a second time. */
void
Agent::report_tunnels(StatusContext &context, size_t rows_max,
                      ControlWrite *write, Subjects *subjects)
{
    const bool early = is_early();
    bool uncertain = is_uncertain();
    bool reading = is_reading();
    if (!uncertain) {
        unreported_.merge(unjudged_);
        unjudged_.clear();
    }
    if (unreported_.empty()) { /* Else they would take turns without end. */
        unreported_.swap(held_);
    }
    std::set<Uuid> later;
    auto look_at = [&](const Uuid &id) {
        if (is_reporting(id) || suspects_.tunnels().count(id)) {
            return; /* Looked at again when that has ended, or by itself. */
        }
        if (early && !desired_.status_of(id)) {
            /* Which numbers are free on the switch is not known. */
            later.insert(id);
            return;
        }
        if (reading && desired_.status_of(id)) {
            unjudged_.insert(id);
            return;
        }
        bool told = report_tunnel(id, context, write);
        if (early && !write->delete_tunnels.empty()) {
            /* Whether anything has stopped is not known, either. */
            write->delete_tunnels.clear();
            later.insert(id);
        } else if (told) {
            subjects->some.tunnels.insert(id);
        }
        if (!is_judged(id)) {
            unjudged_.insert(id);
        }
    };
    size_t looks = 0;
    while (!unreported_.empty() && looks < LOOKS_MAX &&
           subjects->some.tunnels.size() < rows_max) {
        auto next = unreported_.upper_bound(reported_last_);
        reported_last_ =
            next == unreported_.end() ? *unreported_.begin() : *next;
        for (const Uuid &id :
             take_unreported(reported_last_,
                             std::min(rows_max - subjects->some.tunnels.size(),
                                      LOOKS_MAX - looks))) {
            look_at(id);
            looks++;
        }
    }
    /* Those that wait for something else are no more to say. */
    more_to_report_ = !unreported_.empty() && !early;
    unreported_.merge(later);
}

bool
Agent::has_more_to_say() const
{
    return more_to_report_ || !backlog_.empty();
}

/* Whether all that there is to say of a tunnel is that the switch is being
 * brought to it, which is over before anybody can have read it, mostly: then
 * one row is written where there were three.  Of one that has never been in
 * force other news that leave it its copies can wait as well.  As long as
 * others have more to say it goes on being so. */
bool
Agent::is_underway(const Uuid &id, const TunnelStatus &status, bool lags)
{
    const TunnelStatus *before = desired_.status_of(id);
    if (!before || !is_told_installing(status) ||
        before->handles != status.handles || before->bound != status.bound) {
        return false;
    }
    bool news =
        before->health != status.health || before->reasons != status.reasons;
    if (news && before->observed_generation > 0) {
        return false;
    }
    int64_t now = time_msec();
    int64_t since_ms = underway_.try_emplace(id, now).first->second;
    /* Only the datapath is yet to follow: how soon it does depends on how many
     * flows it has. */
    return now < since_ms + (lags || has_more_to_say() ? UNDERWAY_MOST_MS
                                                       : UNDERWAY_MS);
}

/* What has been under way for long is told. */
void
Agent::run_underway()
{
    int64_t now = time_msec();
    if (now < next_underway_ms_ || has_more_to_say()) {
        return; /* Others have more to say. */
    }
    next_underway_ms_ = now + UNDERWAY_MS / 5;
    for (const auto &[id, since_ms] : underway_) {
        if (now >= since_ms + UNDERWAY_MS && !suspects_.tunnels().count(id)) {
            unreported_.insert(id);
        }
    }
}

/* Whether a filter's row is there and says that what the filter is now is in
 * force: tunnels that come and go make no difference to it then. */
bool
Agent::is_told_observed(const Uuid &id) const
{
    const Filter *filter = find(desired_.model().filters, id);
    const FilterStatus *told = desired_.filter_status_of(id);
    return filter && told && told->name == filter->name &&
           told->account == filter->account &&
           told->observed_generation == filter->generation;
}

/* Returns whether there is something to write. */
bool
Agent::report_filter(const Uuid &id, const std::set<int64_t> &named,
                     ControlWrite *write)
{
    int64_t number = 0;
    if (desired_.is_filter_needed(id) && !desired_.filter_status_of(id)) {
        number = desired_.number_for_filter(id, [&](int64_t n) {
            return actual_.is_busy(FlowOwner::Filter, n) || named.contains(n);
        });
    }
    auto status =
        desire_filter_status(id, desired_, actual_, outstanding_, number,
                             counts_.hits_of(id), time_wall_msec());
    if (status) {
        write->put_filters.emplace_back(desired_.filter_status_row_of(id),
                                        *status);
    }
    return status.has_value();
}

void
Agent::report_filters(ControlWrite *write, Subjects *subjects)
{
    const auto &idle = desired_.idle_filters();
    if (unreported_filters_.empty() && idle.empty()) {
        return;
    }
    std::set<int64_t> named = named_filters(actual_, outstanding_);
    std::set<Uuid> later;
    for (const Uuid &id : unreported_filters_) {
        if (!is_filter_judged(id)) {
            later.insert(id);
        } else if (!suspects_.filters().count(id) &&
                   report_filter(id, named, write)) {
            subjects->some.filters.insert(id);
        }
    }
    unreported_filters_ = std::move(later);
    for (const Uuid &id : idle) {
        const FilterStatus &status = *desired_.filter_status_of(id);
        if (is_filter_gone(status, actual_, named)) {
            counts_.forget_filter(id, status.number);
            subjects->some.filters.insert(id);
            write->delete_filters.push_back(
                *desired_.filter_status_row_of(id));
        }
    }
}

/* Until all is known, all that can be said is why it is not.  Where another
 * daemon acts on the switch it is he who knows. */
bool
Agent::may_report() const
{
    return !switch_.contended() && control_.connected() &&
           control_.complete() && !control_.busy() && switch_read_ &&
           namesake_.is_ours() &&
           (holds_ || cleanup_ || !namesake_.is_spoken_for(time_msec())) &&
           (started_ || cleanup_ || vswitchd_away_);
}

namespace {

/* Whether the switch waits for the row: nothing of a tunnel is made before it
 * has one, nor sent by a handle that is not in it. */
bool
is_awaited(const ControlWrite::PutTunnel &put)
{
    return !put.row || !put.before ||
           !std::includes(
               put.before->handles.begin(), put.before->handles.end(),
               put.status.handles.begin(), put.status.handles.end());
}

} // namespace

/* What is too much to be written among others' rows waits for our turn, but
 * for some that the switch waits for: what is to stop may wait with it. */
void
Agent::await_turn(ControlWrite *write, Subjects *subjects)
{
    ControlWrite first;
    Subjects of_first;
    for (auto &put : write->put_filters) {
        if (!put.first && first.rows() < Pace::FEW) {
            subjects->some.filters.erase(put.second.filter);
            of_first.some.filters.insert(put.second.filter);
            first.put_filters.push_back(std::move(put));
        }
    }
    for (ControlWrite::PutTunnel &put : write->put_tunnels) {
        if (is_awaited(put) && first.rows() < Pace::FEW) {
            subjects->some.tunnels.erase(put.status.tunnel);
            of_first.some.tunnels.insert(put.status.tunnel);
            first.put_tunnels.push_back(std::move(put));
        }
    }
    for (std::set<Uuid> *tunnels : {&unreported_, &subjects->some.tunnels}) {
        backlog_.merge(*tunnels);
        tunnels->clear();
    }
    for (std::set<Uuid> *filters :
         {&unreported_filters_, &subjects->some.filters}) {
        backlog_filters_.merge(*filters);
        filters->clear();
    }
    *write = std::move(first);
    *subjects = std::move(of_first);
    more_to_report_ = false;
}

bool
Agent::is_reporting_others() const
{
    return std::any_of(
        reporting_.begin(), reporting_.end(),
        [](const auto &transaction) { return transaction.second.others; });
}

/* What is to be said of none in particular. */
void
Agent::report_others(ControlWrite *write)
{
    if (others_apart_ &&
        (!write->empty() || !others_pause_.is_over(time_msec()))) {
        return;
    }
    chassis_next_ = others_apart_ && !chassis_next_;
    if (chassis_next_) {
        report_chassis(write);
    }
    if (!write->chassis) {
        write->put_reports = prober_.reports(control_.reports());
    }
    if (!chassis_next_ && !(others_apart_ && !write->put_reports.empty())) {
        report_chassis(write);
    }
}

void
Agent::report()
{
    bool in_turn = cleanup_ || control_.in_turn();
    if (!may_report()) {
        if (in_turn && !control_.writing()) {
            control_.want_turn(false); /* Nor during a pause. */
        }
        return;
    }
    if (in_turn) {
        unreported_.merge(backlog_);
        backlog_.clear();
        unreported_filters_.merge(backlog_filters_);
        backlog_filters_.clear();
    }
    if (cleanup_) {
        Suspects::Some all = suspects_.take_all();
        unreported_.merge(all.tunnels);
        unreported_filters_.merge(all.filters);
    }
    const bool early = is_early();
    actual_.changing = is_changing();
    StatusContext context;
    context.now_ms = time_wall_msec();
    context.paused = paused_;
    context.unreachable = !switch_.ready();
    context.refused = refusals_.reasons();
    if (!actual_.rows_as_desired) {
        context.rows_refused = switch_.error();
    }
    if (std::exchange(rows_refused_, context.rows_refused) !=
        context.rows_refused) {
        unreported_.insert(unsettled_.begin(), unsettled_.end());
    }
    context.contested = contest_.told();
    context.exceeded = counts_.exceeded();
    context.away_from_ms = away_from_ms_;
    context.away_until_ms = away_until_ms_;
    context.counters = &counts_.copies().all();

    run_underway();
    take_neighbours();
    ControlWrite write;
    Subjects subjects;
    size_t room = cleanup_ ? LOOKS_MAX : control_.room();
    /* One more than there is room for tells that a turn is needed. */
    report_tunnels(context, in_turn ? room : room + 1, &write, &subjects);
    /* The rest, of which there is little, is in one transaction at a time, so
     * that none of it is written twice at once. */
    bool others = !is_reporting_others();
    if (others && !early) {
        report_filters(&write, &subjects);
    }
    if (!write.empty()) {
        answer_.wrote(control_.cfg());
    }
    if (!in_turn) {
        if (write.rows() > room) {
            await_turn(&write, &subjects);
        }
        control_.want_turn(!backlog_.empty() || !backlog_filters_.empty() ||
                           suspects_.are_many());
    } else if (write.rows() <= Pace::FEW && !more_to_report_ &&
               !suspects_.are_many()) {
        control_.want_turn(false);
    }
    run_answer(subjects);
    if (others && !cleanup_) {
        report_others(&write);
    }
    if (cleanup_ && !control_.writing() && write.empty() &&
        desired_.model().tunnel_statuses.empty() &&
        actual_.rows == SwitchRows{} && !left_) {
        left_ = true;
        control_.start_leaving();
        return;
    }
    if (!write.empty()) {
        subjects.hosts = !write.put_reports.empty() || write.chassis;
        subjects.others = subjects.hosts || !write.put_filters.empty() ||
                          !write.delete_filters.empty();
        /* What is refused of them holds up nobody else. */
        bool apart = others_apart_ && !subjects.some.size();
        reporting_[control_.start(write, apart)] = std::move(subjects);
    }
    if (may_try_suspects() && time_msec() >= suspects_.due_ms()) {
        try_suspects(context);
    }
    if (more_to_report_ && !control_.busy()) {
        poll_immediate_wake();
    }
}

} // namespace pm
