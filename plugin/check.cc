#include "plugin/check.h"

#include <algorithm>
#include <set>

#include "plugin/filter_cost.h"

namespace pm {

namespace {

constexpr uint8_t ICMP = 1, TCP = 6, UDP = 17, ICMPV6 = 58, SCTP = 132;

/* The length in bytes of the UTF-8 sequence at 'i', or 0 if there is none:
 * RFC 3629, so no overlong forms, surrogates or code points past U+10FFFF. */
size_t
utf8_sequence(std::string_view text, size_t i)
{
    auto byte = [&](size_t at) -> unsigned {
        return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
    };
    auto continues = [&](size_t at, unsigned low = 0x80,
                         unsigned high = 0xbf) {
        return byte(at) >= low && byte(at) <= high;
    };
    unsigned first = byte(i);
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return continues(i + 1) ? 2 : 0;
    }
    if (first >= 0xe0 && first <= 0xef) {
        unsigned low = first == 0xe0 ? 0xa0 : 0x80;
        unsigned high = first == 0xed ? 0x9f : 0xbf;
        return continues(i + 1, low, high) && continues(i + 2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        unsigned low = first == 0xf0 ? 0x90 : 0x80;
        unsigned high = first == 0xf4 ? 0x8f : 0xbf;
        return continues(i + 1, low, high) && continues(i + 2) &&
                       continues(i + 3)
                   ? 4
                   : 0;
    }
    return 0;
}

void
check_ports(const Rule &rule, const std::string &path, Problems *problems)
{
    if (rule.protocol == TCP || rule.protocol == UDP ||
        rule.protocol == SCTP) {
        return;
    }
    const std::string message = "ports need protocol tcp, udp or sctp, not " +
                                protocol_to_string(rule.protocol) +
                                ": name one of these or leave the port out";
    if (rule.source_port) {
        problems->push_back(
            {"RULE_PORT", join_path(path, "source_port"), message});
    }
    if (rule.destination_port) {
        problems->push_back(
            {"RULE_PORT", join_path(path, "destination_port"), message});
    }
}

void
check_icmp(const Rule &rule, const std::string &path, Problems *problems)
{
    bool is_icmp = rule.protocol == ICMP || rule.protocol == ICMPV6;
    auto check_field = [&](const std::optional<int> &value,
                           const NumberRange &range) {
        if (!value) {
            return;
        }
        if (!is_icmp) {
            problems->push_back({range.code, join_path(path, range.key),
                                 std::string(range.what) +
                                     " needs protocol icmp or icmpv6, not " +
                                     protocol_to_string(rule.protocol) +
                                     ": name one of these or leave it out"});
        } else if (!range.holds(*value)) {
            problems->push_back({range.code, join_path(path, range.key),
                                 range.refuse(std::to_string(*value))});
        }
    };
    check_field(rule.icmp_type, ICMP_TYPES);
    check_field(rule.icmp_code, ICMP_CODES);
}

void
check_families(const Rule &rule, const std::string &path, Problems *problems)
{
    if (rule.source && rule.destination &&
        rule.source->address.is_v6 != rule.destination->address.is_v6) {
        problems->push_back(
            {"RULE_CIDR", join_path(path, "destination"),
             "source and destination are of different families: give both as "
             "IPv4 or both as IPv6"});
        return;
    }
    if (rule.protocol != ICMP && rule.protocol != ICMPV6) {
        return;
    }
    bool wants_v6 = rule.protocol == ICMPV6;
    auto check_cidr = [&](const std::optional<Cidr> &cidr, const char *key) {
        if (cidr && cidr->address.is_v6 != wants_v6) {
            problems->push_back(
                {"RULE_CIDR", join_path(path, key),
                 wants_v6 ? "icmpv6 is of IPv6 only: give an IPv6 CIDR or "
                            "protocol icmp"
                          : "icmp is of IPv4 only: give an IPv4 CIDR or "
                            "protocol icmpv6"});
        }
    };
    check_cidr(rule.source, "source");
    check_cidr(rule.destination, "destination");
}

} // namespace

size_t
count_characters(std::string_view text)
{
    return static_cast<size_t>(
        std::count_if(text.begin(), text.end(), [](char c) {
            return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
        }));
}

std::string
NumberRange::refuse(const std::string &value) const
{
    return std::string(what) + " " + value + " is not in " +
           std::to_string(min) + "-" + std::to_string(max) +
           ": give one that is" + otherwise;
}

std::string
join_path(const std::string &path, std::string_view key)
{
    return path.empty() ? std::string(key) : path + "." + std::string(key);
}

std::string
quote(std::string_view text)
{
    constexpr size_t SHOWN_BYTES_MAX = 80;
    constexpr char HEX[] = "0123456789abcdef";
    std::string out = "\"";
    for (size_t i = 0; i < text.size();) {
        if (i >= SHOWN_BYTES_MAX) {
            return out + "...\"";
        }
        size_t length = utf8_sequence(text, i);
        unsigned char c = text[i];
        if (!length) {
            out += "\\x";
            out += HEX[c >> 4];
            out += HEX[c & 15];
            length = 1;
        } else if (c < 0x20 || c == 0x7f) {
            out += "\\u00";
            out += HEX[c >> 4];
            out += HEX[c & 15];
        } else {
            if (c == '"' || c == '\\') {
                out += '\\';
            }
            out += text.substr(i, length);
        }
        i += length;
    }
    return out + "\"";
}

bool
valid_utf8(std::string_view text)
{
    for (size_t i = 0; i < text.size();) {
        size_t length = utf8_sequence(text, i);
        if (!length) {
            return false;
        }
        i += length;
    }
    return true;
}

void
check_name(const std::string &name, const std::string &path,
           Problems *problems)
{
    auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
    auto is_alnum = [&](char c) {
        return is_lower(c) || (c >= '0' && c <= '9');
    };
    bool ok = name.size() >= 3 && name.size() <= 30 && is_lower(name[0]) &&
              is_alnum(name.back());
    for (char c : name) {
        ok = ok && (is_alnum(c) || c == '-');
    }
    if (!ok) {
        problems->push_back(
            {"NAME_INVALID", join_path(path, "name"),
             quote(name) + " is no name: 3 to 30 characters a-z, 0-9 and "
                           "'-' that start with a letter and do not end "
                           "with '-'"});
    }
}

void
check_note(const std::string &note, const std::string &path,
           Problems *problems)
{
    if (note.size() > NOTE_BYTES_MAX) {
        problems->push_back({"NOTE_TOO_LONG", join_path(path, "note"),
                             "the note has " + std::to_string(note.size()) +
                                 " bytes: shorten it to at most " +
                                 std::to_string(NOTE_BYTES_MAX)});
    }
    if (!valid_utf8(note) || note.find('\0') != std::string::npos) {
        problems->push_back({"SYNTAX", join_path(path, "note"),
                             "the note is not valid UTF-8 text without NUL: "
                             "give it in UTF-8"});
    }
}

void
check_rule(const Rule &rule, const std::string &path, Problems *problems)
{
    if (!RULE_NUMBERS.holds(rule.number)) {
        problems->push_back(
            {RULE_NUMBERS.code, join_path(path, RULE_NUMBERS.key),
             RULE_NUMBERS.refuse(std::to_string(rule.number))});
    }
    check_families(rule, path, problems);
    check_ports(rule, path, problems);
    check_icmp(rule, path, problems);
    check_note(rule.note, path, problems);
}

void
check_rules(const std::vector<Rule> &rules, const Limits &limits,
            const std::string &path, Problems *problems)
{
    std::set<int> numbers;
    for (size_t i = 0; i < rules.size(); i++) {
        const std::string rule_path = path + "[" + std::to_string(i) + "]";
        check_rule(rules[i], rule_path, problems);
        if (!numbers.insert(rules[i].number).second) {
            problems->push_back(
                {"RULE_NUMBER", join_path(rule_path, "number"),
                 "rule number " + std::to_string(rules[i].number) +
                     " occurs twice: number the rules of a direction "
                     "differently"});
        }
    }
    if (rules.size() > limits.rules_per_direction) {
        problems->push_back({"RULE_LIMIT", path,
                             std::to_string(rules.size()) +
                                 " rules are more than the " +
                                 std::to_string(limits.rules_per_direction) +
                                 " a direction may have: remove some"});
    }
}

void
check_filter(const Model &model, const Uuid &id, const Limits &limits,
             const std::string &path, Problems *problems)
{
    const Filter *filter = find(model.filters, id);
    if (!filter) {
        return;
    }
    check_name(filter->name, path, problems);
    check_note(filter->note, path, problems);
    for (Direction direction : DIRECTIONS) {
        check_rules(filter->rules(direction), limits,
                    join_path(path, to_string(direction)), problems);
    }
    check_filter_cost(*filter, limits, path, problems);
}

} // namespace pm
