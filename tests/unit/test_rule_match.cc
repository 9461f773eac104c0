#include <gtest/gtest.h>

#include <algorithm>

#include "flows/rule_match.h"
#include "tests/unit/flow_reader.h"
#include "tests/unit/reference_filter.h"

using namespace pm;
using namespace pm::test;

namespace {

Rule
make_rule(RuleAction action, std::optional<uint8_t> protocol)
{
    Rule rule;
    rule.action = action;
    rule.protocol = protocol;
    return rule;
}

using Strings = std::vector<std::string>;

Strings
match_texts(const Rule &rule)
{
    Strings texts;
    for (const RuleMatch &flow : rule_matches(rule)) {
        EXPECT_EQ(flow.clause, 0);
        texts.push_back(flow.match);
    }
    return texts;
}

Rule
port_ranges(RuleAction action, const PortRange &source,
            const PortRange &destination)
{
    Rule rule = make_rule(action, 6);
    rule.number = 300;
    rule.source_port = source;
    rule.destination_port = destination;
    return rule;
}

} // namespace

TEST(RuleMatch, AnyWithoutCidrsMatchesBothFamilies)
{
    for (RuleAction action : {RuleAction::Accept, RuleAction::Reject}) {
        EXPECT_EQ(match_texts(make_rule(action, std::nullopt)),
                  (Strings{"ip", "ipv6"}));
    }
}

TEST(RuleMatch, ACidrChoosesTheFamily)
{
    Rule rule = make_rule(RuleAction::Reject, 6);
    rule.source = Cidr::parse("10.0.0.0/8");
    EXPECT_EQ(match_texts(rule), (Strings{"tcp,nw_src=10.0.0.0/8"}));
    rule.source = Cidr::parse("::/0");
    EXPECT_EQ(match_texts(rule), (Strings{"tcp6"}));
    rule.destination = Cidr::parse("2001:db8::/32");
    EXPECT_EQ(match_texts(rule), (Strings{"tcp6,ipv6_dst=2001:db8::/32"}));
}

TEST(RuleMatch, FamiliesThatExcludeEachOtherMatchNothing)
{
    Rule rule = make_rule(RuleAction::Accept, std::nullopt);
    rule.source = Cidr::parse("10.0.0.0/8");
    rule.destination = Cidr::parse("2001:db8::/32");
    EXPECT_EQ(match_texts(rule), Strings{});
    rule.destination.reset();
    rule.protocol = 58;
    EXPECT_EQ(match_texts(rule), Strings{});
    rule.source = Cidr::parse("::/0");
    rule.protocol = 1;
    EXPECT_EQ(match_texts(rule), Strings{});
}

TEST(RuleMatch, IcmpIsOfIpv4OnlyAndIcmpv6OfIpv6Only)
{
    EXPECT_EQ(match_texts(make_rule(RuleAction::Reject, 1)),
              (Strings{"icmp"}));
    EXPECT_EQ(match_texts(make_rule(RuleAction::Reject, 58)),
              (Strings{"icmp6"}));
}

TEST(RuleMatch, AnAcceptedPortLetsLaterFragmentsThrough)
{
    Rule rule = make_rule(RuleAction::Accept, 6);
    rule.destination_port = PortRange{80, 80};
    EXPECT_EQ(match_texts(rule),
              (Strings{"tcp,tp_dst=80", "tcp,nw_frag=later", "tcp6,tp_dst=80",
                       "ipv6,nw_proto=44,nw_frag=later"}));
}

TEST(RuleMatch, LaterFragmentsKeepTheCidrs)
{
    Rule rule = make_rule(RuleAction::Accept, 17);
    rule.source = Cidr::parse("2001:db8::/32");
    EXPECT_EQ(match_texts(rule),
              (Strings{"udp6,ipv6_src=2001:db8::/32",
                       "ipv6,ipv6_src=2001:db8::/32,nw_proto=44,"
                       "nw_frag=later"}));
    rule.source = Cidr::parse("10.1.0.0/16");
    rule.source_port = PortRange{53, 53};
    EXPECT_EQ(match_texts(rule),
              (Strings{"udp,nw_src=10.1.0.0/16,tp_src=53",
                       "udp,nw_src=10.1.0.0/16,nw_frag=later"}));
}

TEST(RuleMatch, ARejectedPortLeavesLaterFragmentsAlone)
{
    Rule rule = make_rule(RuleAction::Reject, 6);
    rule.source = Cidr::parse("0.0.0.0/0");
    rule.destination_port = PortRange{80, 80};
    EXPECT_EQ(match_texts(rule), (Strings{"tcp,tp_dst=80"}));
    rule.destination_port = PortRange{0, 2};
    EXPECT_EQ(
        match_texts(rule),
        (Strings{"tcp,nw_frag=not_later,tp_dst=0x0/0xfffe", "tcp,tp_dst=2"}));
    rule.destination_port = PortRange{0, 65535};
    EXPECT_EQ(match_texts(rule), (Strings{"tcp,nw_frag=not_later"}));
}

TEST(RuleMatch, AnIcmpTypeOfZeroIsKeptApartFromLaterFragments)
{
    Rule rule = make_rule(RuleAction::Reject, 1);
    rule.icmp_type = 0;
    EXPECT_EQ(match_texts(rule),
              (Strings{"icmp,nw_frag=not_later,icmp_type=0"}));
    rule.icmp_code = 3;
    EXPECT_EQ(match_texts(rule), (Strings{"icmp,icmp_type=0,icmp_code=3"}));
    rule.icmp_code = 0;
    EXPECT_EQ(match_texts(rule),
              (Strings{"icmp,nw_frag=not_later,icmp_type=0,icmp_code=0"}));
    rule.action = RuleAction::Accept;
    EXPECT_EQ(match_texts(rule), (Strings{"icmp,icmp_type=0,icmp_code=0"}));
    rule.icmp_type = 8;
    EXPECT_EQ(match_texts(rule),
              (Strings{"icmp,icmp_type=8,icmp_code=0", "icmp,nw_frag=later"}));
}

TEST(RuleMatch, CoversOfBothPortsAddUpWhereTheyWouldMultiply)
{
    Rule rule = port_ranges(RuleAction::Accept, {1, 65534}, {1, 65534});
    /* 30 + 30 and one for later fragments, each family, and the conj_id. */
    EXPECT_EQ(rule_matches(rule).size(), 2 * 61 + 1u);
    EXPECT_EQ(cross_product_size(rule), 2 * 901u);
    rule.source = Cidr::parse("10.0.0.0/8");
    EXPECT_EQ(rule_matches(rule).size(), 30 + 30 + 1 + 1u);
}

TEST(RuleMatch, AConjunctionIsNotMadeWhereItWouldBeMore)
{
    /* Two prefixes each: 4 of each family, or 4 and the conj_id. */
    Rule rule = port_ranges(RuleAction::Reject, {6, 15}, {4, 9});
    for (const RuleMatch &flow : rule_matches(rule)) {
        EXPECT_EQ(flow.clause, 0);
    }
    rule.source_port = PortRange{6, 13};
    EXPECT_EQ(rule_matches(rule).size(), 2 * (3 + 2) + 1u);
}

TEST(RuleMatch, AConjunctionIsNamedByItsRule)
{
    Rule rule = port_ranges(RuleAction::Reject, {6, 13}, {6, 13});
    rule.destination = Cidr::parse("10.0.0.0/8");
    const std::string head = "tcp,nw_dst=10.0.0.0/8,tp_";
    std::vector<RuleMatch> expected;
    for (int clause : {1, 2}) {
        for (const char *port :
             {"=0x6/0xfffe", "=0x8/0xfffc", "=0xc/0xfffe"}) {
            expected.push_back(
                {head + (clause == 1 ? "src" : "dst") + port, clause});
        }
    }
    expected.push_back({"conj_id=300", 0});
    EXPECT_EQ(rule_matches(rule), expected);
}

TEST(RuleMatch, PartsThatNothingIsLeftOfTakeNoFlows)
{
    Rule rule = make_rule(RuleAction::Accept, 6);
    rule.destination_port = PortRange{80, 80};
    RuleParts live;
    live.v4_later = live.v6_later = false;
    EXPECT_EQ(rule_matches(rule, live),
              (std::vector<RuleMatch>{{"tcp,tp_dst=80"}, {"tcp6,tp_dst=80"}}));
    live = {false, true, false, true};
    EXPECT_EQ(rule_matches(rule, live),
              (std::vector<RuleMatch>{{"tcp,nw_frag=later"},
                                      {"ipv6,nw_proto=44,nw_frag=later"}}));
    EXPECT_EQ(rule_matches(rule, {false, false, false, false}),
              std::vector<RuleMatch>{});
}

TEST(RuleMatch, RandomFiltersDecideAsTheReferenceDoes)
{
    Dice dice;
    int matched = 0, decisions = 0;
    for (int i = 0; i < 2000; i++) {
        std::vector<Rule> rules =
            random_rules(&dice, dice.one_in(50) ? 100 : 5);
        std::vector<RuleFate> fates = rule_fates(rules);
        std::vector<std::vector<RuleMatch>> flows;
        for (size_t n = 0; n < rules.size(); n++) {
            flows.push_back(rule_matches(rules[n], fates[n].live));
        }
        for (int j = 0; j < 100; j++) {
            Packet packet = random_packet(&dice);
            int got = 0;
            for (size_t n = 0; !got && n < rules.size(); n++) {
                if (matches(flows[n], packet)) {
                    got = rules[n].number;
                }
            }
            int want = first_match(rules, packet);
            ASSERT_EQ(got, want) << to_string(packet) << "\n"
                                 << to_string(rules[(want ? want : got) - 1]);
            matched += got != 0;
            decisions++;
        }
    }
    /* Chance must have aimed well: neither outcome is rare. */
    EXPECT_GT(matched, decisions / 5);
    EXPECT_LT(matched, decisions * 4 / 5);
}

TEST(RuleMatch, NoPacketIsMatchedTwiceByOneRule)
{
    Dice dice;
    for (int i = 0; i < 2000; i++) {
        Rule rule = random_rule(&dice, 1);
        std::vector<RuleMatch> flows = rule_matches(rule);
        for (int j = 0; j < 50; j++) {
            Packet packet = random_packet(&dice);
            ASSERT_LE(times_matched(flows, packet), 1)
                << to_string(rule) << "\n"
                << to_string(packet);
        }
    }
}
