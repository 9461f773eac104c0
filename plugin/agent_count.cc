/* Agent, how flows of ours are counted: the sum of all and, where that is not
 * as it was, chunks of them one after the other, with other work between. */
#include <algorithm>
#include <utility>

#include "ovsdb/ovs_c.h"
#include "plugin/agent.h"

namespace pm {

std::map<FlowOwner, int64_t>
Agent::rates_of(const std::map<uint32_t, MeterStats> &meters)
{
    std::map<FlowOwner, int64_t> rates;
    for (const auto &[number, meter] : meters) {
        rates[owner_of_meter(number)] = meter.rate_kbps;
    }
    return rates;
}

void
Agent::begin_count(const std::string &bridge)
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

/* Asks what is to be asked next, of bridges that do nothing else. */
void
Agent::continue_counts()
{
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
Agent::on_summed(const std::string &bridge, const LinkEvent &event)
{
    Counting &counting = counting_[bridge];
    auto asked = counting.question();
    if (!asked) {
        return;
    }
    if (asked->what.front() == counted_flows()) {
        note_meters(bridge, event);
        if (event.sums.front().flows != counted_flows_on(bridge) ||
            rates_of(event.meters) != actual_.meters[bridge] ||
            !are_as_known(bridge, event.groups)) {
            /* Somebody else added or deleted flows of ours. */
            counting.cancel();
            links_.at(bridge)->reread();
            return;
        }
    }
    counting.take_sums(event.sums);
    end_count(bridge);
}

void
Agent::on_counted(const std::string &bridge, const LinkEvent &event)
{
    note_flows(bridge, event, event.counted);
    counting_[bridge].take_flows();
    end_count(bridge);
}

/* All flows have been read, and their counters with them. */
void
Agent::note_all(const std::string &bridge, const LinkEvent &event)
{
    note_flows(bridge, event, counted_flows());
    note_meters(bridge, event);
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
    end_count(bridge);
}

/* Answers those who waited for counters, once there are all. */
void
Agent::end_count(const std::string &bridge)
{
    if (counting_[bridge].under_way()) {
        return;
    }
    std::vector<std::function<void()>> waiters;
    waiters.swap(count_waiters_);
    for (const auto &done : waiters) {
        done();
    }
}

/* Nobody is told when somebody changes a group. */
bool
Agent::are_as_known(const std::string &bridge,
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

size_t
Agent::counted_flows_on(const std::string &bridge) const
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

} // namespace pm
