#include "plugin/filter_cost.h"

#include <algorithm>

#include "flows/pipeline.h"
#include "flows/rule_match.h"

namespace pm {

namespace {

std::string
list_of(const std::vector<int> &numbers)
{
    std::string text;
    for (int number : numbers) {
        text += (text.empty() ? "" : ", ") + std::to_string(number);
    }
    return text;
}

} // namespace

std::map<int, std::string>
shadow_notes(const std::vector<Rule> &rules)
{
    std::map<int, std::string> notes;
    for (const auto &[number, by] : rule_shadows(rules)) {
        notes[number] = "RULE_SHADOWED by " + list_of(by);
    }
    return notes;
}

FilterCost
filter_cost(const Filter &filter)
{
    FilterCost cost;
    for (Direction direction : DIRECTIONS) {
        std::vector<RuleCost> &costs =
            direction == Direction::Inbound ? cost.inbound : cost.outbound;
        const std::vector<Rule> &rules = filter.rules(direction);
        std::vector<RuleFate> fates = rule_fates(rules);
        for (size_t i = 0; i < rules.size(); i++) {
            costs.push_back({rules[i].number,
                             rule_matches(rules[i], fates[i].live).size()});
            cost.flows += costs.back().flows;
            cost.cross_product += cross_product_size(rules[i]);
        }
    }
    /* Flows of no rule are those for frames that are not IP. */
    Filter bare;
    bare.mirror_non_ip = filter.mirror_non_ip;
    size_t of_no_rule = filter_flows(1, bare).size();
    cost.flows += of_no_rule;
    cost.cross_product += of_no_rule;
    return cost;
}

void
check_filter_cost(const Filter &filter, const Limits &limits,
                  const std::string &path, Problems *problems)
{
    for (Direction direction : DIRECTIONS) {
        if (filter.rules(direction).size() > limits.rules_per_direction) {
            return; /* RULE_LIMIT says so. */
        }
    }
    FilterCost cost = filter_cost(filter);
    if (cost.flows <= limits.flows_per_filter) {
        return;
    }
    Direction worst = Direction::Inbound;
    RuleCost most;
    for (Direction direction : DIRECTIONS) {
        for (const RuleCost &rule : cost.rules(direction)) {
            if (rule.flows > most.flows) {
                worst = direction;
                most = rule;
            }
        }
    }
    problems->push_back(
        {"RULE_TOO_COSTLY", join_path(path, to_string(worst)),
         "the filter takes " + std::to_string(cost.flows) +
             " flows of the switch and may take " +
             std::to_string(limits.flows_per_filter) + "; rule " +
             std::to_string(most.number) + " alone takes " +
             std::to_string(most.flows) +
             ": remove rules, name a CIDR so that a rule is of one family, or "
             "let ranges of ports begin and end at multiples of powers of "
             "two"});
}

Problems
shadow_warnings(const Filter &filter, const std::string &path)
{
    Problems warnings;
    for (Direction direction : DIRECTIONS) {
        for (const auto &[number, by] :
             rule_shadows(filter.rules(direction))) {
            warnings.push_back(
                {"RULE_SHADOWED", join_path(path, to_string(direction)),
                 "rule " + std::to_string(number) + " is shadowed by " +
                     list_of(by) +
                     ", can never decide and is not installed: give it a "
                     "lower number, or remove it"});
        }
    }
    return warnings;
}

} // namespace pm
