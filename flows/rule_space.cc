#include "flows/rule_space.h"

#include <algorithm>
#include <array>
#include <set>

namespace pm {

namespace {

constexpr uint8_t ICMP = 1, FRAGMENT = 44, ICMPV6 = 58;

/* Pieces that one search looks at before it gives up, and all searches of a
 * direction together: a tenant's filter must not hold up a hypervisor.  Rules
 * past which no search is made. */
constexpr int SEARCH_MAX = 20000, SEARCHES_MAX = 200000;
constexpr size_t RULES_MAX = 1000;

__extension__ typedef unsigned __int128 Number;

struct Interval {
    Number first = 0, last = 0;

    bool meets(const Interval &other) const
    {
        return first <= other.last && other.first <= last;
    }
};

enum Side {
    SOURCE,
    DESTINATION,
    PROTOCOL,
    SOURCE_PORT,
    DESTINATION_PORT,
    ICMP_TYPE,
    ICMP_CODE,
    N_SIDES
};

/* The packets of one kind that a rule matches: an interval of each field. */
using Box = std::array<Interval, N_SIDES>;

/* One kind of packets, and which member of RuleParts stands for it. */
struct Part {
    bool v6, later;
    bool RuleParts::*member;
};

constexpr std::array<Part, 4> PARTS = {Part{false, false, &RuleParts::v4},
                                       Part{false, true, &RuleParts::v4_later},
                                       Part{true, false, &RuleParts::v6},
                                       Part{true, true, &RuleParts::v6_later}};

/* The boxes of a direction's rules in one part, by place in the list. */
using Boxes = std::vector<std::optional<Box>>;

Interval
interval_of(const std::optional<Cidr> &cidr, bool v6)
{
    int bits = v6 ? 128 : 32;
    Number all = v6 ? ~Number{0} : Number{UINT32_MAX};
    if (!cidr || !cidr->prefix) {
        return {0, all};
    }
    Number first = 0;
    for (int i = 0; i < bits / 8; i++) {
        first = first << 8 | cidr->address.bytes[i];
    }
    Number host =
        cidr->prefix == bits ? 0 : (Number{1} << (bits - cidr->prefix)) - 1;
    return {first, first | host};
}

Interval
interval_of(const std::optional<PortRange> &range)
{
    return range ? Interval{range->first, range->last}
                 : Interval{0, UINT16_MAX};
}

Interval
interval_of(const std::optional<int> &value)
{
    Number n = value.value_or(0);
    return value ? Interval{n, n} : Interval{0, UINT8_MAX};
}

bool
has_layer4_test(const Rule &rule)
{
    return rule.source_port || rule.destination_port || rule.icmp_type ||
           rule.icmp_code;
}

/* The packets of one kind that 'rule' matches, if any: flows/rule_match.h says
 * what becomes of tests of what later fragments do not show. */
std::optional<Box>
box_of(const Rule &rule, const Part &part)
{
    if ((rule.source && rule.source->address.is_v6 != part.v6) ||
        (rule.destination && rule.destination->address.is_v6 != part.v6) ||
        rule.protocol == (part.v6 ? ICMP : ICMPV6)) {
        return std::nullopt;
    }
    bool accept = rule.action == RuleAction::Accept;
    Box box;
    box[SOURCE] = interval_of(rule.source, part.v6);
    box[DESTINATION] = interval_of(rule.destination, part.v6);
    box[PROTOCOL] = rule.protocol ? Interval{*rule.protocol, *rule.protocol}
                                  : Interval{0, UINT8_MAX};
    if (part.later) {
        bool blind =
            has_layer4_test(rule) || (part.v6 && rule.protocol.has_value());
        if (blind && !accept) {
            return std::nullopt;
        }
        if (part.v6) {
            box[PROTOCOL] = {FRAGMENT, FRAGMENT};
        }
        box[SOURCE_PORT] = box[DESTINATION_PORT] = {0, UINT16_MAX};
        box[ICMP_TYPE] = box[ICMP_CODE] = {0, UINT8_MAX};
    } else {
        box[SOURCE_PORT] = interval_of(rule.source_port);
        box[DESTINATION_PORT] = interval_of(rule.destination_port);
        box[ICMP_TYPE] = interval_of(rule.icmp_type);
        box[ICMP_CODE] = interval_of(rule.icmp_code);
    }
    return box;
}

/* Whether 'box' lies within the union of others. */
class Search {
public:
    /* Only those of 'boxes' before 'end', and not those 'left_out'.  Takes
     * its pieces off '*left', which may not be enough. */
    Search(const Boxes &boxes, size_t end, const std::set<size_t> &left_out,
           int *left)
        : boxes_(boxes), end_(end), left_out_(left_out), left_(*left)
    {
    }

    bool covered(const Box &box) { return covered(box, 0); }
    const std::set<size_t> &used() const { return used_; }

private:
    bool covered(Box box, size_t from)
    {
        if (looked_at_ == SEARCH_MAX || !left_) {
            return false;
        }
        looked_at_++;
        left_--;
        size_t i = from;
        while (i < end_ && (left_out_.count(i) || !meets(boxes_[i], box))) {
            i++;
        }
        if (i == end_) {
            return false;
        }
        used_.insert(i);
        /* Cuts off, side by side, what is outside of the other. */
        for (size_t side = 0; side < N_SIDES; side++) {
            const Interval &other = (*boxes_[i])[side];
            Interval &own = box[side];
            if (own.first < other.first) {
                Box below = box;
                below[side].last = other.first - 1;
                if (!covered(below, i + 1)) {
                    return false;
                }
                own.first = other.first;
            }
            if (own.last > other.last) {
                Box above = box;
                above[side].first = other.last + 1;
                if (!covered(above, i + 1)) {
                    return false;
                }
                own.last = other.last;
            }
        }
        return true;
    }

    static bool meets(const std::optional<Box> &a, const Box &b)
    {
        for (size_t side = 0; a && side < N_SIDES; side++) {
            if (!(*a)[side].meets(b[side])) {
                return false;
            }
        }
        return a.has_value();
    }

    const Boxes &boxes_;
    size_t end_;
    const std::set<size_t> &left_out_;
    int &left_;
    std::set<size_t> used_;
    int looked_at_ = 0;
};

/* Every kind of packets of all rules. */
using Space = std::array<Boxes, PARTS.size()>;

Space
space_of(const std::vector<Rule> &rules)
{
    Space space;
    for (size_t p = 0; p < PARTS.size(); p++) {
        for (const Rule &rule : rules) {
            space[p].push_back(box_of(rule, PARTS[p]));
        }
    }
    return space;
}

/* Whether the rules before rule 'i', without those 'left_out', leave it
 * nothing.  Adds to '*used' those that were needed. */
bool
is_shadowed(const Space &space, size_t i, const std::set<size_t> &left_out,
            int *left, std::set<size_t> *used)
{
    for (const Boxes &boxes : space) {
        Search search(boxes, i, left_out, left);
        if (boxes[i] && !search.covered(*boxes[i])) {
            return false;
        }
        used->insert(search.used().begin(), search.used().end());
    }
    return true;
}

/* Whether rule 'j' alone leaves rule 'i' nothing. */
bool
is_within(const Space &space, size_t i, size_t j)
{
    return std::all_of(space.begin(), space.end(), [&](const Boxes &boxes) {
        const std::optional<Box> &inner = boxes[i], &outer = boxes[j];
        if (!inner || !outer) {
            return !inner;
        }
        for (size_t side = 0; side < N_SIDES; side++) {
            if ((*inner)[side].first < (*outer)[side].first ||
                (*inner)[side].last > (*outer)[side].last) {
                return false;
            }
        }
        return true;
    });
}

/* The few rules that shadow rule 'i', which some do. */
std::set<size_t>
shadows_of(const Space &space, size_t i, int *left)
{
    for (size_t j = 0; j < i; j++) {
        if (is_within(space, i, j)) {
            return {j};
        }
    }
    /* What one search came by once it comes by again, whatever is left. */
    int enough = static_cast<int>(PARTS.size()) * SEARCH_MAX;
    std::set<size_t> left_out, used;
    is_shadowed(space, i, left_out, &enough, &used);
    std::set<size_t> needed = used;
    for (size_t j = 0; j < i; j++) {
        if (!used.count(j)) {
            left_out.insert(j);
        }
    }
    for (size_t j : used) {
        std::set<size_t> ignored;
        left_out.insert(j);
        if (is_shadowed(space, i, left_out, left, &ignored)) {
            needed.erase(j);
        } else {
            left_out.erase(j);
        }
    }
    return needed;
}

std::vector<RuleFate>
fates_in(const Space &space, const std::vector<Rule> &rules)
{
    int left = SEARCHES_MAX;
    std::vector<RuleFate> fates(rules.size());
    for (size_t i = 0; i < rules.size(); i++) {
        fates[i].number = rules[i].number;
        if (rules.size() > RULES_MAX) {
            continue;
        }
        bool matches_anything = false;
        for (size_t p = 0; p < PARTS.size(); p++) {
            const std::set<size_t> none;
            Search search(space[p], i, none, &left);
            const std::optional<Box> &box = space[p][i];
            matches_anything |= box.has_value();
            fates[i].live.*PARTS[p].member = box && !search.covered(*box);
        }
        fates[i].shadowed = !fates[i].live.any() && matches_anything;
    }
    return fates;
}

} // namespace

std::vector<RuleFate>
rule_fates(const std::vector<Rule> &rules)
{
    return fates_in(space_of(rules), rules);
}

std::map<int, std::vector<int>>
rule_shadows(const std::vector<Rule> &rules)
{
    const Space space = space_of(rules);
    const std::vector<RuleFate> fates = fates_in(space, rules);
    int left = SEARCHES_MAX;
    std::map<int, std::vector<int>> shadows;
    for (size_t i = 0; i < rules.size(); i++) {
        if (fates[i].shadowed) {
            for (size_t j : shadows_of(space, i, &left)) {
                shadows[rules[i].number].push_back(rules[j].number);
            }
        }
    }
    return shadows;
}

} // namespace pm
