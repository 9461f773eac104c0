#include "flows/rule_match.h"

#include <cstdio>

namespace pm {

namespace {

constexpr uint8_t ICMP = 1, TCP = 6, UDP = 17, FRAGMENT = 44, ICMPV6 = 58,
                  SCTP = 132;

/* One way in which a rule's port or ICMP test holds. */
struct Layer4 {
    std::string match; /* ",tp_dst=80"; empty where nothing is tested. */
    /* Holds of zeros too, which is what a later fragment shows the switch in
     * place of ports, ICMP type and code. */
    bool holds_of_zero = true;
};

std::string
layer4_field(const char *name, const MaskedPort &port)
{
    char text[48];
    if (port.mask == UINT16_MAX) {
        std::snprintf(text, sizeof text, ",%s=%d", name, port.value);
    } else {
        std::snprintf(text, sizeof text, ",%s=0x%x/0x%x", name, port.value,
                      port.mask);
    }
    return text;
}

/* Narrows each of 'forms' by 'range' of the field 'name'. */
std::vector<Layer4>
with_ports(const std::vector<Layer4> &forms, const char *name,
           const std::optional<PortRange> &range)
{
    if (!range) {
        return forms;
    }
    std::vector<Layer4> narrowed;
    std::vector<MaskedPort> ports = cover(*range);
    for (const Layer4 &form : forms) {
        for (const MaskedPort &port : ports) {
            std::string field = port.mask ? layer4_field(name, port) : "";
            narrowed.push_back(
                {form.match + field, form.holds_of_zero && port.value == 0});
        }
    }
    return narrowed;
}

std::vector<Layer4>
layer4_forms(const Rule &rule, bool v6)
{
    std::vector<Layer4> forms = {{}};
    forms = with_ports(forms, "tp_src", rule.source_port);
    forms = with_ports(forms, "tp_dst", rule.destination_port);
    auto add_icmp = [&](const char *name, const std::optional<int> &value) {
        if (value) {
            for (Layer4 &form : forms) {
                form.match +=
                    std::string(",") + name + "=" + std::to_string(*value);
                form.holds_of_zero &= *value == 0;
            }
        }
    };
    add_icmp(v6 ? "icmpv6_type" : "icmp_type", rule.icmp_type);
    add_icmp(v6 ? "icmpv6_code" : "icmp_code", rule.icmp_code);
    return forms;
}

bool
has_layer4_test(const Rule &rule)
{
    return rule.source_port || rule.destination_port || rule.icmp_type ||
           rule.icmp_code;
}

std::string
protocol_match(bool v6, const std::optional<uint8_t> &protocol)
{
    std::string family = v6 ? "ipv6" : "ip";
    if (!protocol) {
        return family;
    }
    switch (*protocol) {
    case ICMP:
    case ICMPV6:
        return v6 ? "icmp6" : "icmp";
    case TCP:
        return v6 ? "tcp6" : "tcp";
    case UDP:
        return v6 ? "udp6" : "udp";
    case SCTP:
        return v6 ? "sctp6" : "sctp";
    default:
        return family + ",nw_proto=" + std::to_string(*protocol);
    }
}

std::string
address_match(const Rule &rule)
{
    std::string match;
    auto add = [&](const char *v4_name, const char *v6_name,
                   const std::optional<Cidr> &cidr) {
        if (cidr && cidr->prefix) {
            match += std::string(",") +
                     (cidr->address.is_v6 ? v6_name : v4_name) + "=" +
                     cidr->to_string();
        }
    };
    add("nw_src", "ipv6_src", rule.source);
    add("nw_dst", "ipv6_dst", rule.destination);
    return match;
}

bool
can_be_of_family(const Rule &rule, bool v6)
{
    if ((rule.source && rule.source->address.is_v6 != v6) ||
        (rule.destination && rule.destination->address.is_v6 != v6)) {
        return false;
    }
    return rule.protocol != (v6 ? ICMP : ICMPV6);
}

void
add_ipv4_matches(const Rule &rule, std::vector<std::string> *matches)
{
    std::string head =
        protocol_match(false, rule.protocol) + address_match(rule);
    bool accept = rule.action == RuleAction::Accept;
    bool later_matched = false;
    for (const Layer4 &form : layer4_forms(rule, false)) {
        std::string match = head + form.match;
        if (has_layer4_test(rule) && !accept && form.holds_of_zero) {
            match += ",nw_frag=not_later";
        }
        matches->push_back(match);
        later_matched |= form.holds_of_zero;
    }
    if (accept && !later_matched) {
        matches->push_back(head + ",nw_frag=later");
    }
}

/* Ports and ICMP fields need no thought of fragments here: later ones show
 * none of the protocols that have such fields. */
void
add_ipv6_matches(const Rule &rule, std::vector<std::string> *matches)
{
    std::string addresses = address_match(rule);
    std::string head = protocol_match(true, rule.protocol) + addresses;
    bool accept = rule.action == RuleAction::Accept;
    for (const Layer4 &form : layer4_forms(rule, true)) {
        matches->push_back(head + form.match);
    }
    if (rule.protocol == FRAGMENT) {
        if (!accept) {
            matches->back() += ",nw_frag=not_later";
        }
    } else if (rule.protocol && accept) {
        matches->push_back(protocol_match(true, FRAGMENT) + addresses +
                           ",nw_frag=later");
    }
}

} // namespace

std::vector<MaskedPort>
cover(const PortRange &range)
{
    std::vector<MaskedPort> ports;
    uint32_t first = range.first;
    while (first <= range.last) {
        /* The largest block that begins at 'first', is aligned to its own
         * size and ends within the range. */
        uint32_t size = first ? first & -first : 0x10000u;
        while (first + size - 1 > range.last) {
            size /= 2;
        }
        ports.push_back({static_cast<uint16_t>(first),
                         static_cast<uint16_t>(0x10000u - size)});
        first += size;
    }
    return ports;
}

std::vector<std::string>
rule_matches(const Rule &rule)
{
    std::vector<std::string> matches;
    if (can_be_of_family(rule, false)) {
        add_ipv4_matches(rule, &matches);
    }
    if (can_be_of_family(rule, true)) {
        add_ipv6_matches(rule, &matches);
    }
    return matches;
}

} // namespace pm
