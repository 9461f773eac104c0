#include "flows/rule_match.h"

#include <algorithm>
#include <cstdio>

namespace pm {

namespace {

constexpr uint8_t ICMP = 1, TCP = 6, UDP = 17, FRAGMENT = 44, ICMPV6 = 58,
                  SCTP = 132;

/* One way in which a rule's port or ICMP test, or a clause of it, holds. */
struct Layer4 {
    std::string match; /* ",tp_dst=80"; empty where nothing is tested. */
    /* Holds of zeros too, which is what a later fragment shows the switch in
     * place of ports, ICMP type and code. */
    bool holds_of_zero = true;
    int clause = 0; /* As RuleMatch's. */
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
            narrowed.push_back({form.match + field,
                                form.holds_of_zero && port.value == 0,
                                form.clause});
        }
    }
    return narrowed;
}

size_t
cover_size(const std::optional<PortRange> &range)
{
    return range ? cover(*range).size() : 1;
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

/* Whether the covers of both ports are fewer flows as a conjunction, which
 * takes one more flow for all families. */
bool
needs_conjunction(const Rule &rule)
{
    size_t sources = cover_size(rule.source_port);
    size_t destinations = cover_size(rule.destination_port);
    size_t families =
        can_be_of_family(rule, false) + can_be_of_family(rule, true);
    return sources * destinations * families >
           (sources + destinations) * families + 1;
}

std::vector<Layer4>
conjunction_forms(const Rule &rule)
{
    std::vector<Layer4> sources =
        with_ports({{"", true, 1}}, "tp_src", rule.source_port);
    std::vector<Layer4> forms =
        with_ports({{"", true, 2}}, "tp_dst", rule.destination_port);
    /* A later fragment meets both clauses or none: the source's says which. */
    bool other_holds = rule.destination_port->first == 0;
    for (Layer4 &form : sources) {
        form.holds_of_zero &= other_holds;
    }
    for (Layer4 &form : forms) {
        form.holds_of_zero = false;
    }
    forms.insert(forms.begin(), sources.begin(), sources.end());
    return forms;
}

std::vector<Layer4>
layer4_forms(const Rule &rule)
{
    if (needs_conjunction(rule)) {
        return conjunction_forms(rule);
    }
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
    add_icmp("icmp_type", rule.icmp_type);
    add_icmp("icmp_code", rule.icmp_code);
    return forms;
}

bool
has_layer4_test(const Rule &rule)
{
    return rule.source_port || rule.destination_port || rule.icmp_type ||
           rule.icmp_code;
}

/* The protocols that have a word of their own; null for the others. */
const char *
word_of(bool v6, const std::optional<uint8_t> &protocol)
{
    switch (protocol.value_or(0)) {
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
        return nullptr;
    }
}

/* Protocol and addresses, in the order in which a switch says them. */
std::string
head_of(const Rule &rule, bool v6, const std::optional<uint8_t> &protocol)
{
    const char *word = word_of(v6, protocol);
    std::string match = word ? word : v6 ? "ipv6" : "ip";
    auto add = [&](const char *name, const std::optional<Cidr> &cidr) {
        if (cidr && cidr->prefix) {
            bool one = cidr->prefix == (v6 ? 128 : 32);
            match += std::string(v6 ? ",ipv6_" : ",nw_") + name + "=" +
                     (one ? cidr->address.to_string() : cidr->to_string());
        }
    };
    add("src", rule.source);
    add("dst", rule.destination);
    if (protocol && !word) {
        match += ",nw_proto=" + std::to_string(*protocol);
    }
    return match;
}

void
add_ipv4_matches(const Rule &rule, const RuleParts &live,
                 std::vector<RuleMatch> *matches)
{
    std::string head = head_of(rule, false, rule.protocol);
    bool accept = rule.action == RuleAction::Accept;
    /* Without such a test one flow is for both parts. */
    bool tests = has_layer4_test(rule);
    bool later_matched = false;
    if (live.v4 || (live.v4_later && !tests)) {
        for (const Layer4 &form : layer4_forms(rule)) {
            bool first_only = tests && !accept && form.holds_of_zero;
            matches->push_back(
                {head + (first_only ? ",nw_frag=not_later" : "") + form.match,
                 form.clause});
            later_matched |= form.holds_of_zero;
        }
    }
    if (tests && accept && !later_matched && live.v4_later) {
        matches->push_back({head + ",nw_frag=later"});
    }
}

/* Ports and ICMP fields need no thought of fragments here: later ones show
 * none of the protocols that have such fields. */
void
add_ipv6_matches(const Rule &rule, const RuleParts &live,
                 std::vector<RuleMatch> *matches)
{
    std::string head = head_of(rule, true, rule.protocol);
    bool accept = rule.action == RuleAction::Accept;
    bool one_for_both =
        !rule.protocol || (rule.protocol == FRAGMENT && accept);
    if (live.v6 || (live.v6_later && one_for_both)) {
        for (const Layer4 &form : layer4_forms(rule)) {
            matches->push_back({head + form.match, form.clause});
        }
        if (rule.protocol == FRAGMENT && !accept) {
            matches->back().match += ",nw_frag=not_later";
        }
    }
    if (!one_for_both && accept && live.v6_later) {
        matches->push_back({head_of(rule, true, FRAGMENT) + ",nw_frag=later"});
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

std::vector<RuleMatch>
rule_matches(const Rule &rule, const RuleParts &live)
{
    std::vector<RuleMatch> matches;
    if (can_be_of_family(rule, false)) {
        add_ipv4_matches(rule, live, &matches);
    }
    if (can_be_of_family(rule, true)) {
        add_ipv6_matches(rule, live, &matches);
    }
    if (std::any_of(matches.begin(), matches.end(),
                    [](const RuleMatch &m) { return m.clause != 0; })) {
        matches.push_back({"conj_id=" + std::to_string(rule.number)});
    }
    return matches;
}

size_t
cross_product_size(const Rule &rule)
{
    size_t size = 0;
    for (bool v6 : {false, true}) {
        if (can_be_of_family(rule, v6)) {
            /* Later fragments want a flow of their own where something is
             * tested that they do not show. */
            bool blind = has_layer4_test(rule) || (v6 && rule.protocol);
            size += cover_size(rule.source_port) *
                        cover_size(rule.destination_port) +
                    (blind && rule.action == RuleAction::Accept);
        }
    }
    return size;
}

} // namespace pm
