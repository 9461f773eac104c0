/* Mirror Filter rules -> OpenFlow matches (core). */
#ifndef FLOWS_RULE_MATCH_H
#define FLOWS_RULE_MATCH_H 1

#include <cstdint>
#include <string>
#include <vector>

#include "flows/rule_space.h"
#include "plugin/model.h"

namespace pm {

/* A port and its mask: matches p when (p & mask) == value. */
struct MaskedPort {
    uint16_t value = 0, mask = 0;

    auto operator<=>(const MaskedPort &) const = default;
};

/* Returns the fewest prefixes of ports that together match exactly 'range',
 * in ascending order: at most 30, and one with mask 0 for the full range.
 * Prefixes, since the switch's classifier looks ports up by prefix and so
 * leaves more of them out of its datapath flows; other masks would sometimes
 * be one fewer. */
std::vector<MaskedPort> cover(const PortRange &range);

/* One flow of a rule.  Where a rule has ranges of source and of destination
 * ports, each cover is one clause of a conjunction (ovs-fields(7)), so that
 * their sizes add up and do not multiply. */
struct RuleMatch {
    std::string match; /* In ovs-ofctl(8) syntax. */
    /* 0: a packet that it matches is the rule's.  1 and 2: its source and its
     * destination port are; a flow that matches the rule's number as conj_id
     * stands for both. */
    int clause = 0;

    auto operator<=>(const RuleMatch &) const = default;
};

/* Returns the flows that together mean 'rule' as far as 'live' says that
 * anything is left to it, without duplicates and in stable order; no packet
 * is matched by two of them, or by two of one clause.  'rule' is one that
 * check_rule() passes.
 *
 * Later IP fragments carry no ports: a port or ICMP test matches them in an
 * accept rule and does not match them in a reject rule.  Later IPv6
 * fragments show the switch protocol 44, so for them the same holds of the
 * protocol test, whatever the protocol.  A rule that can match nothing
 * (families that exclude each other) gives no flows. */
std::vector<RuleMatch> rule_matches(const Rule &rule,
                                    const RuleParts &live = {});

/* How many flows 'rule' would take as a plain cross product of its families
 * and covers, for comparison. */
size_t cross_product_size(const Rule &rule);

} // namespace pm

#endif /* FLOWS_RULE_MATCH_H */
