#include "tests/unit/reference_filter.h"

#include <algorithm>

namespace pm::test {

const std::vector<int> PORTS = {0,    1,    6,    13,   15,    16,
                                79,   80,   443,  999,  1000,  1023,
                                1024, 1999, 2000, 4789, 65534, 65535};

namespace {

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
const std::vector<int> ICMP_VALUES = {0, 1, 3, 8, 128, 255};

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

} // namespace

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

std::vector<Rule>
random_rules(Dice *dice, int n)
{
    std::vector<Rule> rules;
    for (int number = 1; number <= n; number++) {
        rules.push_back(random_rule(dice, number));
    }
    return rules;
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

} // namespace pm::test
