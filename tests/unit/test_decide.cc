#include <gtest/gtest.h>

#include "flows/decide.h"
#include "tests/unit/reference_filter.h"

using namespace pm;
using namespace pm::test;

namespace {

/* 'packet' as the switch shows it. */
Frame
seen(const Packet &packet)
{
    Frame frame;
    frame.is_ip = true;
    frame.source = packet.source;
    frame.destination = packet.destination;
    frame.later_fragment = packet.fragment == Fragment::Later;
    frame.protocol = packet.protocol;
    if (frame.later_fragment) {
        if (frame.source.is_v6) {
            frame.protocol = 44;
        }
        return frame;
    }
    frame.source_port = packet.source_port;
    frame.destination_port = packet.destination_port;
    frame.icmp_type = static_cast<uint8_t>(packet.icmp_type);
    frame.icmp_code = static_cast<uint8_t>(packet.icmp_code);
    return frame;
}

} // namespace

TEST(Decide, AsTheReferenceDoes)
{
    Dice dice;
    for (int i = 0; i < 3000; i++) {
        Filter filter;
        filter.outbound = random_rules(&dice, 8);
        for (int j = 0; j < 20; j++) {
            Packet packet = random_packet(&dice);
            Decision decision =
                decide(filter, Direction::Outbound, seen(packet));
            int want = first_match(filter.outbound, packet);
            ASSERT_EQ(decision.rule, want) << to_string(packet);
            EXPECT_EQ(decision.admitted,
                      want && filter.outbound[want - 1].action ==
                                  RuleAction::Accept);
        }
    }
}

TEST(Decide, SaysWhyWhereNoRuleDoes)
{
    Filter filter;
    Frame arp, ip;
    ip.is_ip = true;
    EXPECT_EQ(decide(filter, Direction::Inbound, ip),
              (Decision{false, 0, "the filter has no inbound rules"}));
    filter.inbound.edit().push_back({});
    filter.inbound.edit()[0].protocol = 6;
    EXPECT_EQ(decide(filter, Direction::Inbound, ip),
              (Decision{false, 0, "no inbound rule matches"}));
    EXPECT_FALSE(decide(filter, Direction::Inbound, arp).admitted);
    filter.mirror_non_ip = true;
    EXPECT_TRUE(decide(filter, Direction::Inbound, arp).admitted);
    EXPECT_FALSE(decide(filter, Direction::Inbound, ip).admitted);
}

TEST(Decide, TellsARuleAsTheConsoleTakesIt)
{
    Rule rule;
    EXPECT_EQ(rule_text(rule), "accept");
    rule.action = RuleAction::Reject;
    rule.protocol = 17;
    rule.source = Cidr::parse("10.0.0.0/8");
    rule.destination = Cidr::parse("10.1.0.0/16");
    rule.source_port = PortRange{53, 53};
    rule.destination_port = PortRange{1024, 65535};
    EXPECT_EQ(rule_text(rule), "reject protocol=udp source=10.0.0.0/8 "
                               "destination=10.1.0.0/16 source-port=53 "
                               "destination-port=1024-65535");
}
