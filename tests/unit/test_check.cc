#include "plugin/check.h"

#include <gtest/gtest.h>

#include "tests/unit/world.h"

namespace pm {
namespace {

Codes
name_codes(const std::string &name)
{
    Problems problems;
    check_name(name, "", &problems);
    return codes(problems);
}

TEST(Check, AcceptsNamesOf3To30LowerCaseCharacters)
{
    for (const char *name :
         {"abc", "a-1", "web1-ids", "a23456789012345678901234567890"}) {
        EXPECT_EQ(name_codes(name), Codes()) << name;
    }
}

TEST(Check, RefusesOtherNames)
{
    for (const char *name :
         {"", "ab", "a234567890123456789012345678901", "1ab", "-ab", "ab-",
          "Abc", "a_b", "a b", "a/b", "a.b", "b\xc3\xa4", "abc\n"}) {
        EXPECT_EQ(name_codes(name), Codes{"NAME_INVALID name"}) << name;
    }
}

Codes
note_codes(const std::string &note)
{
    Problems problems;
    check_note(note, "mirror_filters[2]", &problems);
    return codes(problems);
}

TEST(Check, AcceptsANoteOf1000Bytes)
{
    EXPECT_EQ(note_codes(std::string(1000, 'x')), Codes());
}

TEST(Check, RefusesANoteOf1001Bytes)
{
    EXPECT_EQ(note_codes(std::string(1001, 'x')),
              Codes{"NOTE_TOO_LONG mirror_filters[2].note"});
}

TEST(Check, CountsANotesBytesAndNotItsCharacters)
{
    std::string note;
    for (int i = 0; i < 334; i++) {
        note += "\xed\x95\x9c"; /* One Hangul syllable, three bytes. */
    }
    EXPECT_EQ(note_codes(note), Codes{"NOTE_TOO_LONG mirror_filters[2].note"});
    EXPECT_EQ(note_codes(note.substr(0, 999)), Codes());
}

TEST(Check, RefusesANoteThatIsNoUtf8)
{
    EXPECT_EQ(note_codes("caf\xe9"), Codes{"SYNTAX mirror_filters[2].note"});
    EXPECT_EQ(note_codes(std::string("a\0b", 3)),
              Codes{"SYNTAX mirror_filters[2].note"});
}

TEST(Check, KnowsUtf8)
{
    for (const char *good :
         {"", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf",
          "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
        EXPECT_TRUE(valid_utf8(good)) << good;
    }
    for (const char *bad :
         {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xe1\x80",
          "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80",
          "\xff"}) {
        EXPECT_FALSE(valid_utf8(bad)) << quote(bad);
    }
}

TEST(Check, QuotesAnyTextOnOneLineOfValidUtf8)
{
    EXPECT_EQ(quote("web1"), "\"web1\"");
    EXPECT_EQ(quote("a\n\x01\"\\"), "\"a\\u000a\\u0001\\\"\\\\\"");
    EXPECT_EQ(quote("\xc3\xa9\xff"), "\"\xc3\xa9\\xff\"");
    EXPECT_EQ(quote(std::string(100, 'x')),
              "\"" + std::string(80, 'x') + "...\"");
}

/* ------------------------------------------------------------------------
 * Rules. */

Rule
good_rule()
{
    Rule rule;
    rule.number = 100;
    return rule;
}

/* The codes of a good rule after 'change'. */
template <typename F>
Codes
rule_codes(F change)
{
    Rule rule = good_rule();
    change(&rule);
    Problems problems;
    check_rule(rule, "r", &problems);
    return codes(problems);
}

TEST(Check, AcceptsGoodRules)
{
    EXPECT_EQ(rule_codes([](Rule *) {}), Codes());
    EXPECT_EQ(rule_codes([](Rule *r) { r->number = 1; }), Codes());
    EXPECT_EQ(rule_codes([](Rule *r) { r->number = 32766; }), Codes());
    for (uint8_t protocol : {6, 17, 132}) {
        EXPECT_EQ(rule_codes([&](Rule *r) {
                      r->protocol = protocol;
                      r->source_port = PortRange{1, 2};
                      r->destination_port = PortRange{0, 65535};
                  }),
                  Codes());
    }
    EXPECT_EQ(rule_codes([](Rule *r) {
                  r->protocol = 1;
                  r->icmp_type = 0;
                  r->icmp_code = 255;
                  r->source = Cidr::parse("10.0.0.0/8");
              }),
              Codes());
    EXPECT_EQ(rule_codes([](Rule *r) {
                  r->protocol = 58;
                  r->icmp_type = 128;
                  r->destination = Cidr::parse("2001:db8::/32");
              }),
              Codes());
}

TEST(Check, RefusesARuleNumberOutOf1To32766)
{
    for (int number : {0, -1, 32767, 1 << 30}) {
        EXPECT_EQ(rule_codes([&](Rule *r) { r->number = number; }),
                  Codes{"RULE_NUMBER r.number"})
            << number;
    }
}

TEST(Check, RefusesPortsWithoutAProtocolThatHasPorts)
{
    for (std::optional<uint8_t> protocol :
         std::vector<std::optional<uint8_t>>{std::nullopt, 1, 58, 47}) {
        EXPECT_EQ(rule_codes([&](Rule *r) {
                      r->protocol = protocol;
                      r->source_port = PortRange{80, 80};
                      r->destination_port = PortRange{80, 80};
                  }),
                  (Codes{"RULE_PORT r.source_port",
                         "RULE_PORT r.destination_port"}));
    }
}

TEST(Check, RefusesIcmpTypeAndCodeOutsideOfIcmp)
{
    EXPECT_EQ(rule_codes([](Rule *r) {
                  r->protocol = 6;
                  r->icmp_type = 8;
                  r->icmp_code = 0;
              }),
              (Codes{"RULE_ICMP r.icmp_type", "RULE_ICMP r.icmp_code"}));
    EXPECT_EQ(rule_codes([](Rule *r) {
                  r->protocol = 1;
                  r->icmp_type = 256;
                  r->icmp_code = -1;
              }),
              (Codes{"RULE_ICMP r.icmp_type", "RULE_ICMP r.icmp_code"}));
}

TEST(Check, RefusesCidrsOfTwoFamilies)
{
    EXPECT_EQ(rule_codes([](Rule *r) {
                  r->source = Cidr::parse("10.0.0.0/8");
                  r->destination = Cidr::parse("2001:db8::/32");
              }),
              Codes{"RULE_CIDR r.destination"});
}

TEST(Check, RefusesIcmpOfTheOtherFamilysCidr)
{
    EXPECT_EQ(rule_codes([](Rule *r) {
                  r->protocol = 1;
                  r->source = Cidr::parse("2001:db8::/32");
              }),
              Codes{"RULE_CIDR r.source"});
    EXPECT_EQ(rule_codes([](Rule *r) {
                  r->protocol = 58;
                  r->destination = Cidr::parse("10.0.0.0/8");
              }),
              Codes{"RULE_CIDR r.destination"});
}

TEST(Check, RefusesARuleNumberGivenTwiceInADirectionOnly)
{
    Model model;
    Filter filter;
    filter.name = "web";
    filter.inbound = {good_rule(), good_rule()};
    filter.outbound = {good_rule()};
    model.filters[Uuid{}] = filter;
    Problems problems;
    check_filter(model, Uuid{}, Limits(), "f", &problems);
    EXPECT_EQ(codes(problems), Codes{"RULE_NUMBER f.inbound[1].number"});
}

TEST(Check, RefusesMoreRulesThanTheLimit)
{
    std::vector<Rule> rules;
    for (int i = 1; i <= 100; i++) {
        rules.push_back(good_rule());
        rules.back().number = i;
    }
    Problems problems;
    check_rules(rules, Limits(), "f.inbound", &problems);
    EXPECT_EQ(codes(problems), Codes());
    rules.push_back(good_rule());
    rules.back().number = 101;
    check_rules(rules, Limits(), "f.inbound", &problems);
    EXPECT_EQ(codes(problems), Codes{"RULE_LIMIT f.inbound"});
}

} // namespace
} // namespace pm
