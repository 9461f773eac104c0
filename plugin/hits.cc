#include "plugin/hits.h"

#include <algorithm>

#include "flows/pipeline.h"
#include "plugin/value_of.h"

namespace pm {

namespace {

/* "inbound:100", as hit_bases has it. */
std::string
base_name(Direction direction, int rule)
{
    return std::string(to_string(direction)) + ":" + std::to_string(rule);
}

/* What is as it was stays what other copies of the row share. */
template <typename Key>
void
replace(SharedMap<Key, int64_t> *counts, std::map<Key, int64_t> now)
{
    if (counts->get() != now) {
        *counts = std::move(now);
    }
}

} // namespace

std::set<int64_t>
Hits::counted(const std::string &bridge, const std::vector<RuleCount> &flows,
              const CookieMask &which)
{
    bool first = !seen_.count(bridge);
    std::map<int64_t, SeenFlows> &before = seen_[bridge];
    std::map<int64_t, SeenFlows> now;
    std::set<int64_t> changed;
    for (const RuleCount &flow : flows) {
        auto cookie = Cookie::decode(flow.cookie);
        if (!cookie || cookie->owner.kind != FlowOwner::Filter ||
            !cookie->direction || !cookie->rule) {
            continue;
        }
        int64_t number = cookie->owner.number;
        RuleKey rule{*cookie->direction, cookie->rule};
        now[number][flow.key] = {rule, flow.packets};
        if (first) {
            /* How much of it is new, its base in the row will say. */
            changed.insert(number);
            continue;
        }
        auto known = before[number].find(flow.key);
        bool is_new = known == before[number].end();
        bool goes_on = !is_new && known->second.packets <= flow.packets;
        int64_t news = flow.packets - (goes_on ? known->second.packets : 0);
        if (news || is_new) {
            int64_t &sum = news_[number][rule];
            sum = sum_of_counts(sum, news);
            changed.insert(number);
        }
    }
    std::erase_if(before, [&](const auto &filter) {
        Cookie cookie{{FlowOwner::Filter, static_cast<uint32_t>(filter.first)},
                      std::nullopt,
                      0};
        return which.covers(cookie.encode());
    });
    before.merge(now);
    return changed;
}

bool
Hits::has_counted(const std::string &bridge, int64_t number) const
{
    auto filters = seen_.find(bridge);
    return filters != seen_.end() && filters->second.count(number);
}

void
Hits::forget_flow(const std::string &bridge, int64_t number,
                  const FlowKey &key)
{
    if (has_counted(bridge, number)) {
        seen_[bridge][number].erase(key);
    }
}

void
Hits::forget(const Uuid &id, int64_t number)
{
    totals_.erase(id);
    news_.erase(number);
    for (auto &[bridge, flows] : seen_) {
        flows.erase(number);
    }
}

void
Hits::fold(const Uuid &id, const Filter &filter, FilterStatus *status)
{
    RuleSums sums;
    for (const auto &[bridge, by_number] : seen_) {
        auto own = by_number.find(status->number);
        if (own != by_number.end()) {
            for (const auto &[key, flow] : own->second) {
                int64_t &sum = sums[flow.rule];
                sum = sum_of_counts(sum, flow.packets);
            }
        }
    }
    auto [totals, fresh] = totals_.try_emplace(id);
    RuleSums news;
    news.swap(news_[status->number]);
    news_.erase(status->number);

    std::map<std::string, int64_t> bases;
    RuleSums kept;
    for (Direction direction : DIRECTIONS) {
        auto &in_row = direction == Direction::Inbound ? status->inbound_hits
                                                       : status->outbound_hits;
        std::map<int, int64_t> hits;
        for (const Rule &rule : filter.rules(direction)) {
            RuleKey key{direction, rule.number};
            const int64_t *told = value_of(in_row, rule.number);
            if (!sums.count(key) && !told) {
                continue;
            }
            std::string name = base_name(direction, rule.number);
            int64_t total = sum_of_counts(totals->second[key], news[key]);
            if (fresh) {
                /* What was counted while no daemon looked; less than before
                 * is a count that began anew. */
                int64_t was = told ? *told : 0;
                int64_t first = std::max<int64_t>(0, sums[key] - news[key]);
                const int64_t *base = value_of(status->hit_bases, name);
                int64_t is = sum_of_counts(base ? *base : 0, first);
                total = sum_of_counts(
                    is < was ? sum_of_counts(was, first) : is, news[key]);
            }
            kept[key] = hits[rule.number] = total;
            bases[name] = total - sums[key];
        }
        replace(&in_row, std::move(hits));
    }
    replace(&status->hit_bases, std::move(bases));
    totals->second = std::move(kept);
}

} // namespace pm
