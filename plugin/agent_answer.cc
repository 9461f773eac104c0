/* Agent, when the control database's cfg is answered: once all that came with
 * it is in force and said.  One who is refused, or contested, has that said
 * and holds up nobody; nor does what came later. */
#include <algorithm>
#include <utility>

#include "ovsdb/ovs_c.h"
#include "plugin/agent.h"
#include "plugin/status.h"

namespace pm {

/* Whether something of the tunnel may be yet to be said. */
bool
Agent::is_pending(const Uuid &tunnel) const
{
    return desired_.newcomers().count(tunnel) || unreported_.count(tunnel) ||
           unjudged_.count(tunnel) || underway_.count(tunnel) ||
           backlog_.count(tunnel) || is_reporting(tunnel);
}

/* It is at rest, and nothing of it is yet to be said. */
bool
Agent::is_said(const Uuid &tunnel) const
{
    return !is_pending(tunnel) &&
           is_at_rest(tunnel, desired_, actual_, outstanding_);
}

/* As is_at_rest() of tunnels, and nothing of it is yet to be said. */
bool
Agent::is_filter_at_rest(const Uuid &filter) const
{
    const FilterStatus *told = desired_.filter_status_of(filter);
    if (unreported_filters_.count(filter) || backlog_filters_.count(filter) ||
        std::any_of(reporting_.begin(), reporting_.end(),
                    [&](const auto &transaction) {
                        return transaction.second.filters.count(filter);
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

/* Of what is awaited, whether the first tunnel, or filter, is no more to be.
 */
bool
Agent::is_first_at_rest() const
{
    return (!awaited_.empty() && is_said(*awaited_.begin())) ||
           (!awaited_filters_.empty() &&
            is_filter_at_rest(*awaited_filters_.begin()));
}

/* What came with the latest cfg is known by now: the view is complete.  It,
 * and what came before, is what is pending or outstanding. */
void
Agent::begin_answer()
{
    answering_cfg_ = control_.cfg();
    for (const std::set<Uuid> *tunnels :
         {&desired_.newcomers(), &std::as_const(unreported_),
          &std::as_const(unjudged_), &std::as_const(backlog_),
          &std::as_const(unsettled_)}) {
        awaited_.insert(tunnels->begin(), tunnels->end());
    }
    for (const auto &[id, since_ms] : underway_) {
        awaited_.insert(id);
    }
    for (const auto &[number, stopped] : actual_.unproven) {
        if (auto id = desired_.tunnel_of_number(number)) {
            awaited_.insert(*id);
        }
    }
    for (const OwnerKey &key : outstanding_) {
        awaited_.merge(desired_.tunnels_of(key));
    }
    for (const auto &[key, step] : actual_.unfollowed) {
        awaited_.merge(desired_.tunnels_of(key));
    }
    awaited_filters_ = unreported_filters_;
    awaited_filters_.insert(backlog_filters_.begin(), backlog_filters_.end());
    for (const auto &[number, subjects] : reporting_) {
        awaited_.insert(subjects.tunnels.begin(), subjects.tunnels.end());
        awaited_filters_.insert(subjects.filters.begin(),
                                subjects.filters.end());
    }
}

/* One after the other: each was at rest once since the cfg came, which is all
 * that is asked, and so many are not looked at again and again. */
void
Agent::run_answer()
{
    if (!started_ || cleanup_) {
        return;
    }
    if (!answered_cfg_ && own_chassis().cfg == control_.cfg()) {
        answered_cfg_ = control_.cfg(); /* By the daemon before. */
    }
    if (!answering_cfg_ && control_.cfg() != answered_cfg_) {
        begin_answer();
    }
    if (!answering_cfg_) {
        return;
    }
    while (!awaited_.empty() && is_said(*awaited_.begin())) {
        awaited_.erase(awaited_.begin());
    }
    while (!awaited_filters_.empty() &&
           is_filter_at_rest(*awaited_filters_.begin())) {
        awaited_filters_.erase(awaited_filters_.begin());
    }
    if (awaited_.empty() && awaited_filters_.empty()) {
        answered_cfg_ = std::exchange(answering_cfg_, std::nullopt);
        if (control_.cfg() != answered_cfg_) {
            poll_immediate_wake(); /* The next one's turn. */
        }
    }
}

/* Another control database, or another name there, counts for itself. */
void
Agent::forget_answers()
{
    answering_cfg_.reset();
    answered_cfg_.reset();
    awaited_.clear();
    awaited_filters_.clear();
}

} // namespace pm
