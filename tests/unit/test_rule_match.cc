#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <sstream>

#include "flows/rule_match.h"

using namespace pm;

namespace {

enum class Fragment { None, First, Later };

/* A parsed packet, as its sender means it. */
struct Packet {
    IpAddress source, destination;
    uint8_t protocol = 0; /* Of the transport, also in later fragments. */
    Fragment fragment = Fragment::None;
    /* Meaningless where the protocol has none or the fragment is a later
     * one. */
    uint16_t source_port = 0, destination_port = 0;
    int icmp_type = 0, icmp_code = 0;
};

/* ------------------------------------------------------------------------
 * The reference: the product's semantics, sentence by sentence. */

bool
holds(const std::optional<PortRange> &range, uint16_t port)
{
    return !range || (range->first <= port && port <= range->last);
}

bool
holds(const std::optional<int> &wanted, int value)
{
    return !wanted || *wanted == value;
}

bool
has_port_or_icmp_test(const Rule &rule)
{
    return rule.source_port || rule.destination_port || rule.icmp_type ||
           rule.icmp_code;
}

bool
means(const Rule &rule, const Packet &packet)
{
    bool v6 = packet.source.is_v6;
    bool later = packet.fragment == Fragment::Later;
    bool accept = rule.action == RuleAction::Accept;

    if ((rule.source && !rule.source->contains(packet.source)) ||
        (rule.destination &&
         !rule.destination->contains(packet.destination))) {
        return false;
    }
    if (rule.protocol) {
        /* icmp is of IPv4 only and icmpv6 of IPv6 only. */
        if (*rule.protocol == (v6 ? 1 : 58)) {
            return false;
        }
        if (v6 && later) {
            /* The switch cannot see the protocol. */
            return accept;
        }
        if (*rule.protocol != packet.protocol) {
            return false;
        }
    }
    if (later && has_port_or_icmp_test(rule)) {
        return accept;
    }
    return holds(rule.source_port, packet.source_port) &&
           holds(rule.destination_port, packet.destination_port) &&
           holds(rule.icmp_type, packet.icmp_type) &&
           holds(rule.icmp_code, packet.icmp_code);
}

/* Returns the number of the first rule that matches, or 0. */
int
first_match(const std::vector<Rule> &rules, const Packet &packet)
{
    for (const Rule &rule : rules) {
        if (means(rule, packet)) {
            return rule.number;
        }
    }
    return 0;
}

/* ------------------------------------------------------------------------
 * The switch: what ovs-fields(7) says that each word of a match means. */

bool
masked_equal(const std::string &wanted, uint32_t value)
{
    size_t slash = wanted.find('/');
    uint32_t want = std::stoul(wanted.substr(0, slash), nullptr, 0);
    uint32_t mask = slash == std::string::npos
                        ? UINT32_MAX
                        : std::stoul(wanted.substr(slash + 1), nullptr, 0);
    return (value & mask) == want;
}

bool
matches_word(const std::string &word, const Packet &packet)
{
    static const std::map<std::string, std::pair<bool, int>> PROTOCOLS = {
        {"ip", {false, -1}},    {"ipv6", {true, -1}},   {"tcp", {false, 6}},
        {"tcp6", {true, 6}},    {"udp", {false, 17}},   {"udp6", {true, 17}},
        {"sctp", {false, 132}}, {"sctp6", {true, 132}}, {"icmp", {false, 1}},
        {"icmp6", {true, 58}}};
    bool v6 = packet.source.is_v6;
    bool later = packet.fragment == Fragment::Later;
    int protocol = v6 && later ? 44 : packet.protocol;
    bool is_icmp = protocol == (v6 ? 58 : 1);
    bool has_ports = protocol == 6 || protocol == 17 || protocol == 132;

    if (auto i = PROTOCOLS.find(word); i != PROTOCOLS.end()) {
        return i->second.first == v6 &&
               (i->second.second < 0 || i->second.second == protocol);
    }
    size_t equals = word.find('=');
    std::string name = word.substr(0, equals);
    std::string value = word.substr(equals + 1);
    if (name == "nw_proto") {
        return masked_equal(value, protocol);
    } else if (name == "nw_src" || name == "ipv6_src") {
        return Cidr::parse(value)->contains(packet.source);
    } else if (name == "nw_dst" || name == "ipv6_dst") {
        return Cidr::parse(value)->contains(packet.destination);
    } else if (name == "tp_src") {
        EXPECT_TRUE(has_ports) << word;
        return masked_equal(value, later ? 0 : packet.source_port);
    } else if (name == "tp_dst") {
        EXPECT_TRUE(has_ports) << word;
        return masked_equal(value, later ? 0 : packet.destination_port);
    } else if (name == (v6 ? "icmpv6_type" : "icmp_type")) {
        EXPECT_TRUE(is_icmp) << word;
        return masked_equal(value, later ? 0 : packet.icmp_type);
    } else if (name == (v6 ? "icmpv6_code" : "icmp_code")) {
        EXPECT_TRUE(is_icmp) << word;
        return masked_equal(value, later ? 0 : packet.icmp_code);
    } else if (word == "nw_frag=later") {
        return later;
    } else if (word == "nw_frag=not_later") {
        return !later;
    }
    ADD_FAILURE() << "unknown word " << word;
    return false;
}

bool
matches(const std::string &match, const Packet &packet)
{
    std::istringstream words(match);
    for (std::string word; std::getline(words, word, ',');) {
        if (!matches_word(word, packet)) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------
 * Chance, the same in each run. */

class Dice {
public:
    int below(int n) { return static_cast<int>(engine_() % n); }
    bool one_in(int n) { return below(n) == 0; }
    template <typename T> const T &of(const std::vector<T> &values)
    {
        return values[below(static_cast<int>(values.size()))];
    }

private:
    std::mt19937 engine_{20240607};
};

const std::vector<std::string> CIDRS = {
    "0.0.0.0/0",         "10.0.0.0/8", "10.1.0.0/16",   "10.1.2.3/32",
    "10.1.2.2/31",       "::/0",       "2001:db8::/32", "2001:db8:1::/48",
    "2001:db8:1::5/128", "fd00::/8"};
const std::vector<std::string> ADDRESSES_V4 = {
    "10.1.2.3", "10.1.2.2", "10.1.2.4", "10.1.255.255",
    "10.2.0.0", "10.0.0.0", "11.0.0.0", "9.255.255.255"};
const std::vector<std::string> ADDRESSES_V6 = {
    "2001:db8:1::5", "2001:db8:1::4", "2001:db8:2::", "2001:db9::",
    "fd00::1",       "fe00::1",       "2001:db8::"};
const std::vector<int> PROTOCOLS = {1, 6, 17, 132, 58, 47, 44, 0, 255};
const std::vector<int> PORTS = {0,    1,    6,    13,   15,    16,
                                79,   80,   443,  999,  1000,  1023,
                                1024, 1999, 2000, 4789, 65534, 65535};
const std::vector<int> ICMP_VALUES = {0, 1, 3, 8, 128, 255};

bool
has_ports(int protocol)
{
    return protocol == 6 || protocol == 17 || protocol == 132;
}

std::optional<PortRange>
random_range(Dice *dice)
{
    if (dice->one_in(2)) {
        return std::nullopt;
    }
    int a = dice->of(PORTS), b = dice->one_in(3) ? a : dice->of(PORTS);
    return PortRange{static_cast<uint16_t>(std::min(a, b)),
                     static_cast<uint16_t>(std::max(a, b))};
}

std::optional<Cidr>
random_cidr(Dice *dice)
{
    return dice->one_in(2) ? std::nullopt : Cidr::parse(dice->of(CIDRS));
}

Rule
random_rule(Dice *dice, int number)
{
    Rule rule;
    rule.number = number;
    rule.action = dice->one_in(2) ? RuleAction::Accept : RuleAction::Reject;
    rule.source = random_cidr(dice);
    rule.destination = random_cidr(dice);
    if (!dice->one_in(6)) {
        rule.protocol = static_cast<uint8_t>(dice->of(PROTOCOLS));
        if (has_ports(*rule.protocol)) {
            rule.source_port = random_range(dice);
            rule.destination_port = random_range(dice);
        } else if (*rule.protocol == 1 || *rule.protocol == 58) {
            if (dice->one_in(2)) {
                rule.icmp_type = dice->of(ICMP_VALUES);
                if (dice->one_in(2)) {
                    rule.icmp_code = dice->of(ICMP_VALUES);
                }
            }
        }
    }
    return rule;
}

IpAddress
random_address(Dice *dice, bool v6)
{
    return *IpAddress::parse(dice->of(v6 ? ADDRESSES_V6 : ADDRESSES_V4));
}

/* A port at, just inside or just outside a border. */
uint16_t
random_port(Dice *dice)
{
    return static_cast<uint16_t>(dice->of(PORTS) + dice->below(3) - 1);
}

Packet
random_packet(Dice *dice)
{
    Packet packet;
    bool v6 = dice->one_in(2);
    packet.source = random_address(dice, v6);
    packet.destination = random_address(dice, v6);
    do {
        packet.protocol = static_cast<uint8_t>(dice->of(PROTOCOLS));
        /* An IPv6 packet's protocol is never 44 but in a later fragment. */
    } while (v6 && packet.protocol == 44);
    packet.fragment = static_cast<Fragment>(dice->below(3));
    packet.source_port = random_port(dice);
    packet.destination_port = random_port(dice);
    packet.icmp_type = dice->of(ICMP_VALUES);
    packet.icmp_code = dice->of(ICMP_VALUES);
    return packet;
}

std::string
to_string(const Rule &rule)
{
    std::string s = rule.action == RuleAction::Accept ? "accept" : "reject";
    s += " " + protocol_to_string(rule.protocol);
    s += rule.source ? " from " + rule.source->to_string() : "";
    s += rule.destination ? " to " + rule.destination->to_string() : "";
    s += rule.source_port ? " sport " + rule.source_port->to_string() : "";
    s += rule.destination_port ? " dport " + rule.destination_port->to_string()
                               : "";
    s += rule.icmp_type ? " type " + std::to_string(*rule.icmp_type) : "";
    s += rule.icmp_code ? " code " + std::to_string(*rule.icmp_code) : "";
    return s;
}

std::string
to_string(const Packet &packet)
{
    return packet.source.to_string() + ":" +
           std::to_string(packet.source_port) + " -> " +
           packet.destination.to_string() + ":" +
           std::to_string(packet.destination_port) + " protocol " +
           std::to_string(packet.protocol) + " fragment " +
           std::to_string(static_cast<int>(packet.fragment)) + " icmp " +
           std::to_string(packet.icmp_type) + "/" +
           std::to_string(packet.icmp_code);
}

size_t
cover_size(uint16_t first, uint16_t last)
{
    return cover({first, last}).size();
}

/* Every port is matched by exactly one of the cover if it is in the range
 * and by none if it is not. */
void
expect_exact_cover(const PortRange &range)
{
    std::vector<uint8_t> hits(65536);
    std::vector<MaskedPort> ports = cover(range);
    EXPECT_TRUE(std::is_sorted(ports.begin(), ports.end()));
    for (const MaskedPort &port : ports) {
        ASSERT_EQ(port.value & ~port.mask, 0);
        for (uint32_t p = 0; p < 65536; p++) {
            hits[p] += (p & port.mask) == port.value;
        }
    }
    for (uint32_t p = 0; p < 65536; p++) {
        ASSERT_EQ(hits[p], range.first <= p && p <= range.last)
            << range.to_string() << " port " << p;
    }
}

Rule
make_rule(RuleAction action, std::optional<uint8_t> protocol)
{
    Rule rule;
    rule.action = action;
    rule.protocol = protocol;
    return rule;
}

using Strings = std::vector<std::string>;

} // namespace

TEST(Cover, IsMinimal)
{
    EXPECT_EQ(cover_size(80, 80), 1u);
    EXPECT_EQ(cover_size(6, 13), 3u);
    EXPECT_EQ(cover_size(6, 15), 2u);
    EXPECT_EQ(cover_size(0x1a, 0xe9), 8u);
    EXPECT_EQ(cover_size(1000, 1999), 7u);
    EXPECT_EQ(cover_size(1024, 65535), 6u);
    EXPECT_EQ(cover_size(1, 65534), 30u);
}

TEST(Cover, OfAllPortsIsOneWithoutMask)
{
    EXPECT_EQ(cover({0, 65535}), (std::vector<MaskedPort>{{0, 0}}));
}

TEST(Cover, OfOnePortIsThatPort)
{
    for (uint16_t port : {0, 1, 80, 65535}) {
        EXPECT_EQ(cover({port, port}),
                  (std::vector<MaskedPort>{{port, 0xffff}}));
    }
}

TEST(Cover, NeverExceedsThirty)
{
    size_t most = 0;
    Dice dice;
    for (int i = 0; i < 100000; i++) {
        int a = dice.below(65536), b = dice.below(65536);
        most =
            std::max(most, cover_size(static_cast<uint16_t>(std::min(a, b)),
                                      static_cast<uint16_t>(std::max(a, b))));
    }
    EXPECT_LE(most, 30u);
}

TEST(Cover, IsExactAtEveryPort)
{
    for (int a : PORTS) {
        for (int b : PORTS) {
            if (a <= b) {
                expect_exact_cover(
                    {static_cast<uint16_t>(a), static_cast<uint16_t>(b)});
            }
        }
    }
    Dice dice;
    for (int i = 0; i < 100; i++) {
        int a = dice.below(65536), b = dice.below(65536);
        expect_exact_cover({static_cast<uint16_t>(std::min(a, b)),
                            static_cast<uint16_t>(std::max(a, b))});
    }
}

TEST(Cover, OfEveryRangeOfEightBitsHasNoMorePrefixesThanNeeded)
{
    /* Fewest prefixes by exhaustion: the least number of aligned blocks that
     * tile [a, b], by dynamic programming from the right. */
    for (int b = 0; b < 256; b++) {
        std::vector<size_t> fewest(b + 2, 0);
        for (int a = b; a >= 0; a--) {
            fewest[a] = SIZE_MAX;
            for (int size = 1; a % size == 0 && a + size - 1 <= b; size *= 2) {
                fewest[a] = std::min(fewest[a], 1 + fewest[a + size]);
            }
            EXPECT_EQ(
                cover_size(static_cast<uint16_t>(a), static_cast<uint16_t>(b)),
                fewest[a])
                << a << "-" << b;
        }
    }
}

TEST(RuleMatch, AnyWithoutCidrsMatchesBothFamilies)
{
    for (RuleAction action : {RuleAction::Accept, RuleAction::Reject}) {
        EXPECT_EQ(rule_matches(make_rule(action, std::nullopt)),
                  (Strings{"ip", "ipv6"}));
    }
}

TEST(RuleMatch, ACidrChoosesTheFamily)
{
    Rule rule = make_rule(RuleAction::Reject, 6);
    rule.source = Cidr::parse("10.0.0.0/8");
    EXPECT_EQ(rule_matches(rule), (Strings{"tcp,nw_src=10.0.0.0/8"}));
    rule.source = Cidr::parse("::/0");
    EXPECT_EQ(rule_matches(rule), (Strings{"tcp6"}));
    rule.destination = Cidr::parse("2001:db8::/32");
    EXPECT_EQ(rule_matches(rule), (Strings{"tcp6,ipv6_dst=2001:db8::/32"}));
}

TEST(RuleMatch, FamiliesThatExcludeEachOtherMatchNothing)
{
    Rule rule = make_rule(RuleAction::Accept, std::nullopt);
    rule.source = Cidr::parse("10.0.0.0/8");
    rule.destination = Cidr::parse("2001:db8::/32");
    EXPECT_EQ(rule_matches(rule), Strings{});
    rule.destination.reset();
    rule.protocol = 58;
    EXPECT_EQ(rule_matches(rule), Strings{});
    rule.source = Cidr::parse("::/0");
    rule.protocol = 1;
    EXPECT_EQ(rule_matches(rule), Strings{});
}

TEST(RuleMatch, IcmpIsOfIpv4OnlyAndIcmpv6OfIpv6Only)
{
    EXPECT_EQ(rule_matches(make_rule(RuleAction::Reject, 1)),
              (Strings{"icmp"}));
    EXPECT_EQ(rule_matches(make_rule(RuleAction::Reject, 58)),
              (Strings{"icmp6"}));
}

TEST(RuleMatch, AnAcceptedPortLetsLaterFragmentsThrough)
{
    Rule rule = make_rule(RuleAction::Accept, 6);
    rule.destination_port = PortRange{80, 80};
    EXPECT_EQ(rule_matches(rule),
              (Strings{"tcp,tp_dst=80", "tcp,nw_frag=later", "tcp6,tp_dst=80",
                       "ipv6,nw_proto=44,nw_frag=later"}));
}

TEST(RuleMatch, LaterFragmentsKeepTheCidrs)
{
    Rule rule = make_rule(RuleAction::Accept, 17);
    rule.source = Cidr::parse("2001:db8::/32");
    EXPECT_EQ(rule_matches(rule),
              (Strings{"udp6,ipv6_src=2001:db8::/32",
                       "ipv6,nw_proto=44,ipv6_src=2001:db8::/32,"
                       "nw_frag=later"}));
    rule.source = Cidr::parse("10.1.0.0/16");
    rule.source_port = PortRange{53, 53};
    EXPECT_EQ(rule_matches(rule),
              (Strings{"udp,nw_src=10.1.0.0/16,tp_src=53",
                       "udp,nw_src=10.1.0.0/16,nw_frag=later"}));
}

TEST(RuleMatch, ARejectedPortLeavesLaterFragmentsAlone)
{
    Rule rule = make_rule(RuleAction::Reject, 6);
    rule.source = Cidr::parse("0.0.0.0/0");
    rule.destination_port = PortRange{80, 80};
    EXPECT_EQ(rule_matches(rule), (Strings{"tcp,tp_dst=80"}));
    rule.destination_port = PortRange{0, 2};
    EXPECT_EQ(
        rule_matches(rule),
        (Strings{"tcp,tp_dst=0x0/0xfffe,nw_frag=not_later", "tcp,tp_dst=2"}));
    rule.destination_port = PortRange{0, 65535};
    EXPECT_EQ(rule_matches(rule), (Strings{"tcp,nw_frag=not_later"}));
}

TEST(RuleMatch, AnIcmpTypeOfZeroIsKeptApartFromLaterFragments)
{
    Rule rule = make_rule(RuleAction::Reject, 1);
    rule.icmp_type = 0;
    EXPECT_EQ(rule_matches(rule),
              (Strings{"icmp,icmp_type=0,nw_frag=not_later"}));
    rule.icmp_code = 3;
    EXPECT_EQ(rule_matches(rule), (Strings{"icmp,icmp_type=0,icmp_code=3"}));
    rule.icmp_code = 0;
    EXPECT_EQ(rule_matches(rule),
              (Strings{"icmp,icmp_type=0,icmp_code=0,nw_frag=not_later"}));
    rule.action = RuleAction::Accept;
    EXPECT_EQ(rule_matches(rule), (Strings{"icmp,icmp_type=0,icmp_code=0"}));
    rule.icmp_type = 8;
    EXPECT_EQ(rule_matches(rule),
              (Strings{"icmp,icmp_type=8,icmp_code=0", "icmp,nw_frag=later"}));
}

TEST(RuleMatch, RandomFiltersDecideAsTheReferenceDoes)
{
    Dice dice;
    int matched = 0, decisions = 0;
    for (int i = 0; i < 2000; i++) {
        std::vector<Rule> rules;
        std::vector<Strings> texts;
        for (int n = 1; n <= 5; n++) {
            rules.push_back(random_rule(&dice, n));
            texts.push_back(rule_matches(rules.back()));
        }
        for (int j = 0; j < 100; j++) {
            Packet packet = random_packet(&dice);
            int got = 0;
            for (size_t n = 0; !got && n < rules.size(); n++) {
                if (std::any_of(texts[n].begin(), texts[n].end(),
                                [&](const std::string &match) {
                                    return matches(match, packet);
                                })) {
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
        Strings texts = rule_matches(rule);
        for (int j = 0; j < 50; j++) {
            Packet packet = random_packet(&dice);
            ASSERT_LE(std::count_if(texts.begin(), texts.end(),
                                    [&](const std::string &match) {
                                        return matches(match, packet);
                                    }),
                      1)
                << to_string(rule) << "\n"
                << to_string(packet);
        }
    }
}
