/* What a rule leaves to those after it (core).
 *
 * A rule that earlier rules of its direction leave nothing to decide is
 * "shadowed": it is not installed, and its owner is told.  Often a part of a
 * rule is: of fifty rules that accept a port each, the first already takes
 * all later fragments. */
#ifndef FLOWS_RULE_SPACE_H
#define FLOWS_RULE_SPACE_H 1

#include <map>
#include <vector>

#include "plugin/model.h"

namespace pm {

/* Kinds of packets that a rule has flows of their own for. */
struct RuleParts {
    bool v4 = true;       /* IPv4, all but later fragments. */
    bool v4_later = true; /* Later fragments of IPv4. */
    bool v6 = true;
    bool v6_later = true;

    bool any() const { return v4 || v4_later || v6 || v6_later; }
    auto operator<=>(const RuleParts &) const = default;
};

struct RuleFate {
    int number = 0; /* The rule's. */
    /* Where there may be a packet that the rule decides. */
    RuleParts live;
    /* There is none, since earlier rules take them all. */
    bool shadowed = false;

    auto operator<=>(const RuleFate &) const = default;
};

/* Returns the fate of each of one direction's 'rules', which are sorted by
 * number.  What it says to be dead is dead.  It gives up after a bounded
 * search, of each rule and of the direction, so that in contrived sets a dead
 * part may be taken to be live. */
std::vector<RuleFate> rule_fates(const std::vector<Rule> &rules);

/* Names, for those who read it, the rules that shadow each one that is
 * shadowed, by number.  They do so together; where that takes a long search
 * they may be more than need be. */
std::map<int, std::vector<int>> rule_shadows(const std::vector<Rule> &rules);

} // namespace pm

#endif /* FLOWS_RULE_SPACE_H */
