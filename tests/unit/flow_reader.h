/* The switch as far as filters need it: what ovs-fields(7) says that the words
 * of a match mean. */
#ifndef TESTS_UNIT_FLOW_READER_H
#define TESTS_UNIT_FLOW_READER_H 1

#include <string>
#include <vector>

#include "flows/rule_match.h"
#include "tests/unit/reference_filter.h"

namespace pm::test {

bool matches(const std::string &match, const Packet &packet);
/* Whether a rule's flows match: by one of them, or by both clauses of its
 * conjunction. */
bool matches(const std::vector<RuleMatch> &flows, const Packet &packet);
/* How many of the flows, or of one clause's, match; 1 at most is right. */
int times_matched(const std::vector<RuleMatch> &flows, const Packet &packet);

} // namespace pm::test

#endif /* TESTS_UNIT_FLOW_READER_H */
