/* Mirror Filter rules -> OpenFlow matches (core). */
#ifndef FLOWS_RULE_MATCH_H
#define FLOWS_RULE_MATCH_H 1

#include <cstdint>
#include <string>
#include <vector>

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

/* Returns the matches, in ovs-ofctl(8) syntax, that together mean 'rule',
 * without duplicates and in stable order; no packet is matched by two of
 * them.  'rule' is one that check_rule() passes.
 *
 * Later IP fragments carry no ports: a port or ICMP test matches them in an
 * accept rule and does not match them in a reject rule.  Later IPv6
 * fragments show the switch protocol 44, so for them the same holds of the
 * protocol test, whatever the protocol.  A rule that can match nothing
 * (families that exclude each other) gives no matches. */
std::vector<std::string> rule_matches(const Rule &rule);

} // namespace pm

#endif /* FLOWS_RULE_MATCH_H */
