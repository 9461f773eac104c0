#include "flows/decide.h"

namespace pm {

namespace {

constexpr uint8_t ICMP = 1, ICMPV6 = 58;

bool
holds(const std::optional<Cidr> &cidr, const IpAddress &address)
{
    return !cidr || cidr->contains(address);
}

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
protocol_holds(const Rule &rule, const Frame &frame)
{
    bool v6 = frame.source.is_v6;
    if (!rule.protocol) {
        return true;
    }
    if (*rule.protocol == (v6 ? ICMP : ICMPV6)) {
        return false;
    }
    if (v6 && frame.later_fragment) {
        /* It shows no protocol: the copy errs towards being made. */
        return rule.action == RuleAction::Accept;
    }
    return *rule.protocol == frame.protocol;
}

bool
layer4_holds(const Rule &rule, const Frame &frame)
{
    bool tests = rule.source_port || rule.destination_port || rule.icmp_type ||
                 rule.icmp_code;
    if (tests && frame.later_fragment) {
        return rule.action == RuleAction::Accept;
    }
    return holds(rule.source_port, frame.source_port) &&
           holds(rule.destination_port, frame.destination_port) &&
           holds(rule.icmp_type, frame.icmp_type) &&
           holds(rule.icmp_code, frame.icmp_code);
}

bool
matches(const Rule &rule, const Frame &frame)
{
    return holds(rule.source, frame.source) &&
           holds(rule.destination, frame.destination) &&
           protocol_holds(rule, frame) && layer4_holds(rule, frame);
}

} // namespace

std::optional<Direction>
direction_of(const std::string &word)
{
    return word == "in" || word == "inbound"
               ? std::optional(Direction::Inbound)
           : word == "out" || word == "outbound"
               ? std::optional(Direction::Outbound)
               : std::nullopt;
}

Decision
decide(const Filter &filter, Direction direction, const Frame &frame)
{
    if (frame.is_ip) {
        for (const Rule &rule : filter.rules(direction)) {
            if (matches(rule, frame)) {
                return {rule.action == RuleAction::Accept, rule.number,
                        rule_text(rule)};
            }
        }
    }
    return {!frame.is_ip && filter.mirror_non_ip, 0,
            no_rule_text(filter, direction, frame.is_ip)};
}

std::string
rule_text(const Rule &rule)
{
    std::string text = rule.action == RuleAction::Accept ? "accept" : "reject";
    auto add = [&](const char *key, const std::string &value) {
        text += std::string(" ") + key + "=" + value;
    };
    if (rule.protocol) {
        add("protocol", protocol_to_string(rule.protocol));
    }
    if (rule.source) {
        add("source", rule.source->to_string());
    }
    if (rule.destination) {
        add("destination", rule.destination->to_string());
    }
    if (rule.source_port) {
        add("source-port", rule.source_port->to_string());
    }
    if (rule.destination_port) {
        add("destination-port", rule.destination_port->to_string());
    }
    if (rule.icmp_type) {
        add("icmp-type", std::to_string(*rule.icmp_type));
    }
    if (rule.icmp_code) {
        add("icmp-code", std::to_string(*rule.icmp_code));
    }
    return text;
}

std::string
no_rule_text(const Filter &filter, Direction direction, bool is_ip)
{
    if (!is_ip) {
        return filter.mirror_non_ip
                   ? "it is not IP, and the filter says non-ip=mirror"
                   : "it is not IP, and the filter does not say "
                     "non-ip=mirror";
    }
    return filter.rules(direction).empty()
               ? std::string("the filter has no ") + to_string(direction) +
                     " rules"
               : std::string("no ") + to_string(direction) + " rule matches";
}

} // namespace pm
