#include "plugin/counts.h"

#include <algorithm>
#include <unordered_set>

#include "flows/egress.h"
#include "ovsdb/ovs_c.h"

namespace pm {

void
Counts::begin(const std::string &bridge)
{
    std::set<CookieMask> chunks;
    auto owners = actual_.flows.find(bridge);
    if (owners != actual_.flows.end()) {
        for (const auto &[owner, flows] : owners->second) {
            if (auto chunk = chunk_of(owner)) {
                chunks.insert(chunks.end(), *chunk);
            }
        }
    }
    counting_[bridge].begin(chunks);
}

void
Counts::ask()
{
    answer_waiters();
    for (auto &[bridge, link] : links_) {
        auto counting = counting_.find(bridge);
        if (counting == counting_.end() || !link->idle()) {
            continue;
        }
        if (auto question = counting->second.question()) {
            link->count(*question);
        }
    }
}

void
Counts::summed(const std::string &bridge, const LinkEvent &event)
{
    Counting &counting = counting_[bridge];
    auto asked = counting.question();
    if (!asked) {
        return;
    }
    if (asked->what.front() == counted_flows()) {
        summed_meters_[bridge] = event.meters;
        if (event.sums.front().flows != flows_on(bridge) ||
            event.rates() != rates_on(bridge) ||
            !are_as_known(bridge, event.groups)) {
            /* Somebody else added or deleted flows of ours. */
            counting.cancel();
            links_.at(bridge)->reread();
            return;
        }
    }
    counting.take_sums(event.sums);
    end(bridge);
}

void
Counts::counted(const std::string &bridge, const LinkEvent &event)
{
    note_flows(bridge, event, event.counted);
    counting_[bridge].take_flows();
    end(bridge);
}

void
Counts::read(const std::string &bridge, const LinkEvent &event)
{
    note_flows(bridge, event, counted_flows());
    note_meters(bridge, event.meters);
    if (auto over = over_budget_.find(bridge); over != over_budget_.end()) {
        /* What was dropped before we came is no news. */
        over_budget_before_.insert(*over);
    }
    std::map<CookieMask, FlowSum> sums;
    for (const FlowStats &stats : event.flows) {
        auto cookie = Cookie::decode(stats.flow.cookie);
        auto chunk = cookie ? chunk_of(cookie->owner) : std::nullopt;
        if (chunk) {
            FlowSum &sum = sums[*chunk];
            sum.packets += stats.n_packets;
            sum.bytes += stats.n_bytes;
            sum.flows++;
        }
    }
    counting_[bridge].know(sums);
    end(bridge);
}

/* Answers those who waited for counters, once there are all.  Meters come
 * last: of a tunnel that has copied nothing drops are not told either. */
void
Counts::end(const std::string &bridge)
{
    if (!counting_[bridge].under_way()) {
        if (auto summed = summed_meters_.extract(bridge)) {
            note_meters(bridge, summed.mapped());
        }
        release_waiters(bridge);
    }
}

/* No count of the bridge is under way any more. */
void
Counts::lost(const std::string &bridge)
{
    counting_.erase(bridge);
    summed_meters_.erase(bridge);
    release_waiters(bridge);
}

void
Counts::applied(const std::string &bridge, const std::vector<FlowEdit> &edits,
                const std::vector<const Flow *> &came)
{
    Counting &counting = counting_[bridge];
    for (const Flow *flow : came) {
        begin_counters(bridge, *flow);
        if (flow->key.table != GROUP_TABLE) {
            counting.came(Cookie::decode(flow->cookie)->owner);
        }
    }
    for (const FlowEdit &edit : edits) {
        FlowOwner owner = Cookie::decode(edit.flow.cookie)->owner;
        bool deleted = edit.op == FlowEdit::Op::Delete;
        if (deleted) {
            forget_hits(bridge, edit.flow);
        }
        /* A tunnel's flow that is replaced keeps its counters. */
        if (owner.kind == FlowOwner::Filter) {
            counting.changed(owner);
        } else if (deleted && edit.flow.key.table != GROUP_TABLE) {
            if (copies_.is_uncounted(owner.number)) {
                counting.went(owner);
            } else {
                counting.changed(owner);
            }
        }
    }
}

void
Counts::metered(const FlowOwner &owner)
{
    if (owner.kind == FlowOwner::Egress) {
        copies_.begin(owner.number, "dropped_packets");
    }
}

void
Counts::forget(const Uuid &tunnel)
{
    const TunnelStatus *status = desired_.status_of(tunnel);
    if (copies_.forget(tunnel) && status) {
        /* Should it come back, its counters are wanted anew. */
        for (auto &[bridge, counting] : counting_) {
            counting.changed(
                {FlowOwner::Egress, static_cast<uint32_t>(status->number)});
        }
    }
}

void
Counts::forget_filter(const Uuid &filter, int64_t number)
{
    hits_.forget(filter, number);
}

/* No count of the bridge is to be waited for any more. */
void
Counts::release_waiters(const std::string &bridge)
{
    for (Waiter &waiter : waiters_) {
        waiter.bridges.erase(bridge);
    }
    answer_waiters();
}

/* Those who wait for nothing any more, or have waited for too long. */
void
Counts::answer_waiters()
{
    std::vector<Waiter> waiters;
    waiters.swap(waiters_);
    for (Waiter &waiter : waiters) {
        if (waiter.bridges.empty() || time_msec() >= waiter.until_ms) {
            waiter.done();
        } else {
            waiters_.push_back(std::move(waiter));
        }
    }
}

/* Nobody is told when somebody changes a group. */
bool
Counts::are_as_known(const std::string &bridge,
                     const std::vector<Flow> &groups) const
{
    std::set<Flow> is, known;
    for (Flow group : groups) {
        group.cookie = cookie_of_group(group);
        is.insert(group);
    }
    auto owners = actual_.flows.find(bridge);
    if (owners != actual_.flows.end()) {
        for (const auto &[owner, flows] : owners->second) {
            for (const Flow &flow : flows) {
                std::string error;
                if (flow.key.table == GROUP_TABLE) {
                    known.insert(normalise(flow, &error).value_or(flow));
                }
            }
        }
    }
    return is == known;
}

std::map<FlowOwner, int64_t>
Counts::rates_on(const std::string &bridge) const
{
    auto rates = actual_.meters.find(bridge);
    return rates == actual_.meters.end() ? std::map<FlowOwner, int64_t>()
                                         : rates->second;
}

size_t
Counts::flows_on(const std::string &bridge) const
{
    size_t n = 0;
    auto owners = actual_.flows.find(bridge);
    if (owners != actual_.flows.end()) {
        for (const auto &[owner, flows] : owners->second) {
            bool counted = owner.kind == FlowOwner::Egress ||
                           owner.kind == FlowOwner::Filter;
            n += counted
                     ? std::count_if(flows.begin(), flows.end(),
                                     [](const Flow &flow) {
                                         return flow.key.table != GROUP_TABLE;
                                     })
                     : 0;
        }
    }
    return n;
}

/* Of a tunnel whose NIC moved from one bridge to another both may have flows
 * for a while. */
bool
Counts::is_elsewhere(const std::string &bridge, const FlowOwner &owner) const
{
    return links_.size() > 1 && !desired_.flows().count({bridge, owner}) &&
           std::any_of(links_.begin(), links_.end(), [&](const auto &link) {
               return desired_.flows().count({link.first, owner});
           });
}

/* Its meter is of answers, and not of copies. */
bool
Counts::is_for_delivery(const std::string &bridge) const
{
    auto row = actual_.rows.bridges.find(bridge);
    return row != actual_.rows.bridges.end() &&
           row->second.mark.purpose == "delivery";
}

void
Counts::note_flows(const std::string &bridge, const LinkEvent &event,
                   const CookieMask &which)
{
    note_hits(bridge, event.flows, which);
    std::unordered_set<uint32_t> copied; /* Numbers of tunnels. */
    for (const FlowStats &stats : event.flows) {
        auto cookie = Cookie::decode(stats.flow.cookie);
        if (cookie && cookie->owner.kind == FlowOwner::Egress &&
            stats.n_packets) {
            copied.insert(cookie->owner.number);
        }
    }
    for (const FlowStats &stats : event.flows) {
        auto cookie = Cookie::decode(stats.flow.cookie);
        if (!cookie || cookie->owner.kind != FlowOwner::Egress ||
            !cookie->direction || is_elsewhere(bridge, cookie->owner)) {
            continue;
        }
        if (!copied.count(cookie->owner.number) &&
            copies_.is_uncounted(cookie->owner.number)) {
            continue;
        }
        std::string direction = to_string(*cookie->direction);
        copies_.note(cookie->owner.number, direction + "_packets",
                     stats.n_packets);
        copies_.note(cookie->owner.number, direction + "_bytes",
                     stats.n_bytes);
    }
}

void
Counts::note_meters(const std::string &bridge,
                    const std::map<uint32_t, MeterStats> &meters)
{
    over_budget_.erase(bridge);
    for (const auto &[meter, stats] : meters) {
        FlowOwner owner = owner_of_meter(meter);
        if (owner.kind == FlowOwner::Egress && !is_elsewhere(bridge, owner)) {
            if (stats.n_dropped || !copies_.is_uncounted(owner.number)) {
                copies_.note(owner.number, "dropped_packets", stats.n_dropped);
            }
        } else if (owner.kind == FlowOwner::Base && !is_for_delivery(bridge)) {
            over_budget_[bridge] = stats.n_dropped;
        }
    }
}

/* A flow has come. */
void
Counts::begin_counters(const std::string &bridge, const Flow &flow)
{
    forget_hits(bridge, flow);
    auto cookie = Cookie::decode(flow.cookie);
    if (cookie && cookie->direction &&
        cookie->owner.kind == FlowOwner::Egress) {
        std::string direction = to_string(*cookie->direction);
        copies_.begin(cookie->owner.number, direction + "_packets");
        copies_.begin(cookie->owner.number, direction + "_bytes");
    }
}

/* A rule's flow has come, or gone. */
void
Counts::forget_hits(const std::string &bridge, const Flow &flow)
{
    auto cookie = Cookie::decode(flow.cookie);
    if (cookie && cookie->owner.kind == FlowOwner::Filter &&
        hits_.has_counted(bridge, cookie->owner.number)) {
        std::string error;
        hits_.forget_flow(bridge, cookie->owner.number,
                          normalise(flow, &error).value_or(flow).key);
    }
}

/* Whether the budget had no room since the last time, as far as has been
 * read. */
void
Counts::judge_budgets()
{
    std::set<std::string> exceeded;
    for (const auto &[bridge, dropped] : over_budget_) {
        if (has_risen(over_budget_before_[bridge], dropped)) {
            exceeded.insert(bridge);
        }
    }
    over_budget_before_ = over_budget_;
    if (exceeded == exceeded_) {
        return;
    }
    exceeded_ = std::move(exceeded);
    for (const auto &[id, desire] : desired_.tunnels()) {
        tunnels_.insert(id);
    }
}

void
Counts::note_hits(const std::string &bridge,
                  const std::vector<FlowStats> &flows, const CookieMask &which)
{
    std::vector<RuleCount> counts;
    counts.reserve(flows.size());
    for (const FlowStats &stats : flows) {
        counts.push_back(
            {stats.flow.key, stats.flow.cookie, count_of(stats.n_packets)});
    }
    for (int64_t number : hits_.counted(bridge, counts, which)) {
        if (auto filter = desired_.filter_of_number(number)) {
            filters_.insert(*filter);
        }
    }
}

std::optional<FilterStatus>
Counts::hits_of(const Uuid &id)
{
    const Filter *filter = find(desired_.model().filters, id);
    const FilterStatus *row = desired_.filter_status_of(id);
    const auto &bridges = actual_.rows.bridges;
    bool counted =
        !bridges.empty() &&
        std::all_of(bridges.begin(), bridges.end(), [&](const auto &bridge) {
            return hits_.has_counted(bridge.first);
        });
    if (!filter || !row || !counted) {
        return std::nullopt;
    }
    FilterStatus status = *row;
    hits_.fold(id, *filter, &status);
    return status;
}

void
Counts::run()
{
    int64_t interval = desired_.facts().settings.stats_interval_s * 1000;
    if (next_ms_) {
        /* A shorter interval counts at once. */
        next_ms_ = std::min<int64_t>(next_ms_, time_msec() + interval * 5 / 4);
    }
    bool due = next_ms_ && time_msec() >= next_ms_;
    if (!due && next_ms_) {
        return;
    }
    if (due) {
        judge_budgets();
        for (auto &[name, link] : links_) {
            if (link->idle() && !counting_[name].under_way()) {
                begin(name);
            }
        }
    }
    if (due || !next_ms_) {
        /* Jittered, so that ten thousand hypervisors do not write at once. */
        next_ms_ =
            time_msec() + interval * 3 / 4 + random_range(interval / 2 + 1);
    }
}

void
Counts::with_fresh(std::function<void()> done)
{
    Waiter waiter{{}, time_msec() + FRESH_MS, std::move(done)};
    for (auto &[name, link] : links_) {
        if (link->idle()) {
            begin(name);
        }
        if (counting_[name].under_way()) {
            waiter.bridges.insert(name);
        }
    }
    if (waiter.bridges.empty()) {
        waiter.done();
    } else {
        waiters_.push_back(std::move(waiter));
        poll_immediate_wake();
    }
}

std::set<Uuid>
Counts::take_tunnels()
{
    std::set<Uuid> tunnels = std::exchange(tunnels_, {});
    tunnels.merge(copies_.take_news());
    return tunnels;
}

void
Counts::wait(bool runs) const
{
    if (runs && next_ms_) {
        poll_timer_wait_until(next_ms_);
    }
    for (const Waiter &waiter : waiters_) {
        poll_timer_wait_until(waiter.until_ms);
    }
}

} // namespace pm
