#include <gtest/gtest.h>

#include <map>

#include "flows/rule_space.h"
#include "plugin/check.h"
#include "tests/unit/reference_filter.h"

using namespace pm;
using namespace pm::test;

namespace {

/* "-" stands for what is absent. */
Rule
rule(int number, RuleAction action, const std::string &protocol,
     const std::string &source = "-", const std::string &ports = "-")
{
    Rule rule;
    rule.number = number;
    rule.action = action;
    EXPECT_TRUE(protocol_parse(protocol, &rule.protocol));
    if (source != "-") {
        rule.source = Cidr::parse(source);
    }
    if (ports != "-") {
        rule.destination_port = PortRange::parse(ports);
    }
    return rule;
}

using enum RuleAction;
using Numbers = std::vector<int>;

/* Who shadows the last of 'rules'. */
Numbers
last_shadowed_by(const std::vector<Rule> &rules)
{
    auto shadows = rule_shadows(rules);
    EXPECT_EQ(rule_fates(rules).back().shadowed,
              shadows.count(rules.back().number) > 0);
    return shadows[rules.back().number];
}

} // namespace

TEST(RuleSpace, ARuleWithinAnEarlierOneIsShadowedWhateverEitherDoes)
{
    for (RuleAction first : {Accept, Reject}) {
        EXPECT_EQ(last_shadowed_by({rule(100, first, "any"),
                                    rule(200, Accept, "tcp", "-", "80"),
                                    rule(300, Reject, "udp")}),
                  Numbers{100});
        EXPECT_EQ(last_shadowed_by({rule(100, first, "tcp", "10.0.0.0/8"),
                                    rule(200, Reject, "tcp", "10.1.0.0/16")}),
                  Numbers{100});
    }
    EXPECT_EQ(last_shadowed_by({rule(100, Accept, "tcp", "-", "80-443"),
                                rule(200, Accept, "tcp", "::/0", "100-200")}),
              Numbers{100});
}

TEST(RuleSpace, ARuleThatReachesFurtherIsNotShadowed)
{
    EXPECT_EQ(last_shadowed_by({rule(100, Accept, "tcp", "10.1.0.0/16"),
                                rule(200, Accept, "tcp", "10.0.0.0/8")}),
              Numbers{});
    EXPECT_EQ(
        last_shadowed_by({rule(100, Accept, "tcp"), rule(200, Accept, "any")}),
        Numbers{});
    EXPECT_EQ(last_shadowed_by({rule(100, Accept, "any", "0.0.0.0/0"),
                                rule(200, Accept, "any")}),
              Numbers{});
    EXPECT_EQ(last_shadowed_by({rule(100, Accept, "tcp", "-", "80-443"),
                                rule(200, Accept, "tcp", "-", "79-443")}),
              Numbers{});
}

TEST(RuleSpace, SeveralRulesMayShadowOneTogether)
{
    EXPECT_EQ(last_shadowed_by({rule(100, Accept, "tcp", "-", "0-1023"),
                                rule(150, Accept, "udp"),
                                rule(200, Reject, "tcp", "-", "1024-65535"),
                                rule(250, Accept, "tcp", "10.0.0.0/8"),
                                rule(300, Accept, "tcp")}),
              (Numbers{100, 200}));
    EXPECT_EQ(last_shadowed_by({rule(100, Accept, "any", "0.0.0.0/1"),
                                rule(200, Accept, "any", "128.0.0.0/1"),
                                rule(300, Accept, "any", "0.0.0.0/0")}),
              (Numbers{100, 200}));
    EXPECT_EQ(last_shadowed_by({rule(100, Accept, "any", "0.0.0.0/1"),
                                rule(200, Accept, "any", "129.0.0.0/8"),
                                rule(300, Accept, "any", "0.0.0.0/0")}),
              Numbers{});
}

TEST(RuleSpace, ARejectedPortLeavesLaterFragmentsToTheNext)
{
    /* All ports are rejected, and no later fragment. */
    EXPECT_EQ(last_shadowed_by({rule(100, Reject, "tcp", "-", "0-65535"),
                                rule(200, Accept, "tcp", "-", "80")}),
              Numbers{});
    auto fates = rule_fates({rule(100, Reject, "tcp", "-", "0-65535"),
                             rule(200, Accept, "tcp", "-", "80")});
    EXPECT_EQ(fates[1].live, (RuleParts{false, true, false, true}));
}

TEST(RuleSpace, TheFirstAcceptedPortTakesAllLaterFragments)
{
    auto fates = rule_fates({rule(100, Accept, "tcp", "-", "80"),
                             rule(200, Accept, "tcp", "-", "443"),
                             rule(300, Accept, "udp", "-", "53")});
    EXPECT_EQ(fates[1].live, (RuleParts{true, false, true, false}));
    /* IPv6 shows no protocol in them. */
    EXPECT_EQ(fates[2].live, (RuleParts{true, true, true, false}));
}

TEST(RuleSpace, WhatIsShadowedNeverDecides)
{
    Dice dice;
    int shadowed = 0;
    for (int i = 0; i < 3000; i++) {
        std::vector<Rule> rules = random_rules(&dice, dice.one_in(9) ? 60 : 8);
        std::map<int, RuleFate> fates;
        for (const RuleFate &fate : rule_fates(rules)) {
            shadowed += fate.shadowed;
            fates[fate.number] = fate;
        }
        for (int j = 0; j < 100; j++) {
            Packet packet = random_packet(&dice);
            int number = first_match(rules, packet);
            if (number) {
                ASSERT_FALSE(fates[number].shadowed)
                    << to_string(packet) << "\n"
                    << to_string(rules[number - 1]);
            }
        }
    }
    EXPECT_GT(shadowed, 1000);
}

TEST(RuleSpace, WhatIsShadowedIsSoByThoseNamedAlone)
{
    Dice dice;
    int several = 0;
    for (int i = 0; i < 3000; i++) {
        std::vector<Rule> rules = random_rules(&dice, 12);
        for (const auto &[number, shadows] : rule_shadows(rules)) {
            std::vector<Rule> few;
            for (int shadow : shadows) {
                few.push_back(rules[shadow - 1]);
            }
            few.push_back(rules[number - 1]);
            EXPECT_EQ(last_shadowed_by(few), shadows);
            several += shadows.size() > 1;
        }
    }
    EXPECT_GT(several, 20);
}

/* Rules that cut the space into so many pieces that a search of each of the
 * others is long. */
TEST(RuleSpace, AHostileFilterIsSearchedSoFarAndNoFurther)
{
    std::vector<Rule> rules;
    auto add = [&](const char *source, const char *destination,
                   const char *source_port, const std::string &port) {
        int number = static_cast<int>(rules.size()) + 1;
        rules.push_back(rule(number, Accept, "tcp", source, port));
        if (*destination != '-') {
            rules.back().destination = Cidr::parse(destination);
        }
        if (*source_port != '-') {
            rules.back().source_port = PortRange::parse(source_port);
        }
    };
    for (int i = 0; i < 8; i++) {
        std::string port = std::to_string(1000 + 7000 * i);
        std::string net = "10." + std::to_string(30 * i) + ".0.0/16";
        add("-", "-", port.c_str(), "-");
        add("-", "-", "-", port);
        add(net.c_str(), "-", "-", "-");
        add("-", net.c_str(), "-", "-");
    }
    add("-", "-", "0-32767", "-");
    add("-", "-", "32768-65535", "-");
    for (int i = 0; i < 66; i++) {
        add("-", "-", "-", "0-" + std::to_string(900 * i + 500));
    }
    std::vector<RuleFate> fates = rule_fates(rules);
    EXPECT_TRUE(fates[34].shadowed);
    /* It would be found to be, too. */
    EXPECT_FALSE(fates.back().shadowed);
    auto shadows = rule_shadows(rules);
    EXPECT_EQ(shadows.count(35), 1u);
    EXPECT_EQ(shadows.count(100), 0u);
}
