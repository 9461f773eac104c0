/* What a filter takes of the switch, before it is used (core). */
#ifndef PLUGIN_FILTER_COST_H
#define PLUGIN_FILTER_COST_H 1

#include <map>
#include <string>
#include <vector>

#include "plugin/check.h"
#include "plugin/model.h"

namespace pm {

struct RuleCost {
    int number = 0;
    size_t flows = 0;

    auto operator<=>(const RuleCost &) const = default;
};

struct FilterCost {
    std::vector<RuleCost> inbound, outbound; /* In the order of the rules. */
    /* Of the whole filter, however many tunnels share it. */
    size_t flows = 0;
    /* What a flow for each combination of families and port prefixes of each
     * rule would have taken. */
    size_t cross_product = 0;

    const std::vector<RuleCost> &rules(Direction direction) const
    {
        return direction == Direction::Inbound ? inbound : outbound;
    }
};

FilterCost filter_cost(const Filter &);

/* RULE_TOO_COSTLY if the filter takes more flows than it may. */
void check_filter_cost(const Filter &, const Limits &, const std::string &path,
                       Problems *);

/* "RULE_SHADOWED by 100, 200" of each of one direction's rules that can never
 * decide, by number. */
std::map<int, std::string> shadow_notes(const std::vector<Rule> &);

/* The same as warnings of the whole filter. */
Problems shadow_warnings(const Filter &, const std::string &path);

} // namespace pm

#endif /* PLUGIN_FILTER_COST_H */
