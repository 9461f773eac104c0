/* Agent, whether all has come and is said that a cfg of the control database
 * came with (cfg_answer.h).  One who is refused, or contested, has that said
 * and holds up nobody. */
#include <algorithm>
#include <utility>

#include "ovsdb/ovs_c.h"
#include "plugin/agent.h"
#include "plugin/installed.h"
#include "plugin/status.h"

namespace pm {

/* The control database refuses its row, or its filter's, without which it
 * begins nothing; and nothing of it is to stop. */
bool
Agent::waits_in_vain(const Uuid &id) const
{
    if (suspects_.bad().empty()) {
        return false; /* Mostly; and thousands may be asked of. */
    }
    const Tunnel *tunnel = find(desired_.model().tunnels, id);
    bool bad =
        suspects_.is_bad(id) ||
        (tunnel && tunnel->filter && suspects_.is_bad(*tunnel->filter) &&
         !desired_.filter_status_of(*tunnel->filter));
    const TunnelStatus *told = desired_.status_of(id);
    if (!bad || !told) {
        return bad;
    }
    auto i = desired_.tunnels().find(id);
    if (i == desired_.tunnels().end() || !i->second.active) {
        return false;
    }
    return !i->second.egress &&
           !actual_.is_busy(FlowOwner::Egress, told->number);
}

/* It is at rest, and nothing of it is yet to be said: 'telling' is of the
 * transaction that is being made. */
bool
Agent::is_said(const Uuid &tunnel, const Subjects &telling) const
{
    if (held_.count(tunnel) || waits_in_vain(tunnel)) {
        return true; /* For others than who waits for its row. */
    }
    if (suspects_.is_bad(tunnel)) { /* It will hardly ever be said. */
        return is_at_rest(tunnel, desired_, actual_, outstanding_);
    }
    bool pending = desired_.newcomers().count(tunnel) ||
                   unreported_.count(tunnel) || unjudged_.count(tunnel) ||
                   underway_.count(tunnel) || backlog_.count(tunnel) ||
                   suspects_.tunnels().count(tunnel) ||
                   telling.some.tunnels.count(tunnel) || is_reporting(tunnel);
    return !pending && is_at_rest(tunnel, desired_, actual_, outstanding_);
}

/* As is_at_rest() of tunnels, and nothing of it is yet to be said. */
bool
Agent::is_filter_said(const Uuid &filter, const Subjects &telling) const
{
    const FilterStatus *told = desired_.filter_status_of(filter);
    if (suspects_.is_bad(filter)) {
        return true;
    }
    if (unreported_filters_.count(filter) || backlog_filters_.count(filter) ||
        suspects_.filters().count(filter) ||
        telling.some.filters.count(filter) ||
        std::any_of(reporting_.begin(), reporting_.end(),
                    [&](const auto &transaction) {
                        return transaction.second.some.filters.count(filter);
                    })) {
        return false;
    }
    if (!told || !desired_.is_filter_needed(filter) ||
        is_told_observed(filter) || !contest_.told().empty()) {
        return true;
    }
    FlowOwner owner{FlowOwner::Filter, static_cast<uint32_t>(told->number)};
    auto refused = refusals_.reasons();
    return std::any_of(refused.begin(), refused.end(), [&](const auto &why) {
        return why.first.owner == owner;
    });
}

/* What came with the latest cfg is known by now: the view is complete.  It,
 * and what came before, is what is pending or outstanding. */
void
Agent::begin_answer(const Subjects &telling)
{
    std::set<Uuid> tunnels = telling.some.tunnels;
    for (const std::set<Uuid> *pending :
         {&desired_.newcomers(), &std::as_const(unreported_),
          &std::as_const(unjudged_), &std::as_const(backlog_),
          &suspects_.tunnels(), &std::as_const(unsettled_)}) {
        tunnels.insert(pending->begin(), pending->end());
    }
    for (const auto &[id, since_ms] : underway_) {
        tunnels.insert(id);
    }
    for (const auto &[number, stopped] : actual_.unproven) {
        if (auto id = desired_.tunnel_of_number(number)) {
            tunnels.insert(*id);
        }
    }
    for (const OwnerKey &key : outstanding_) {
        tunnels.merge(desired_.tunnels_of(key));
    }
    for (const auto &[key, step] : actual_.unfollowed) {
        tunnels.merge(desired_.tunnels_of(key));
    }
    std::set<Uuid> filters = telling.some.filters;
    filters.insert(unreported_filters_.begin(), unreported_filters_.end());
    filters.insert(backlog_filters_.begin(), backlog_filters_.end());
    filters.insert(suspects_.filters().begin(), suspects_.filters().end());
    for (const auto &[number, subjects] : reporting_) {
        tunnels.insert(subjects.some.tunnels.begin(),
                       subjects.some.tunnels.end());
        filters.insert(subjects.some.filters.begin(),
                       subjects.some.filters.end());
    }
    answer_.begin(control_.cfg(), std::move(tunnels), std::move(filters));
}

/* 'telling' is of the transaction that is being made: what it says is said
 * when it has been committed. */
void
Agent::run_answer(const Subjects &telling)
{
    if (!started_ || cleanup_) {
        return;
    }
    const int64_t told = own_chassis().cfg;
    answer_.read(told);
    if (!answer_.answered()) {
        answer_.inherit(told);
    }
    if (answer_.is_next(control_.cfg())) {
        begin_answer(telling);
    }
    bool answered = answer_.advance(
        [&](const Uuid &tunnel) { return is_said(tunnel, telling); },
        [&](const Uuid &filter) { return is_filter_said(filter, telling); });
    if (answered && answer_.is_next(control_.cfg())) {
        poll_immediate_wake(); /* The next one's turn. */
    }
}

} // namespace pm
