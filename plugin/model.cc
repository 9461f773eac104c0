#include "plugin/model.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace pm {

namespace {

/* Parses all of 'text' as a decimal number without sign or leading blanks. */
std::optional<long>
parse_number(std::string_view text, long max)
{
    long value = 0;
    auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() ||
        text.empty() || text[0] == '-' || value > max) {
        return std::nullopt;
    }
    return value;
}

bool
prefix_equal(const IpAddress &a, const IpAddress &b, int prefix)
{
    int whole = prefix / 8;
    if (std::memcmp(a.bytes.data(), b.bytes.data(), whole) != 0) {
        return false;
    }
    int rest = prefix % 8;
    if (!rest) {
        return true;
    }
    uint8_t mask = 0xff << (8 - rest);
    return (a.bytes[whole] & mask) == (b.bytes[whole] & mask);
}

} // namespace

bool
Uuid::is_zero() const
{
    return *this == Uuid{};
}

std::string
Uuid::to_string() const
{
    char text[37];
    std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%04x%08x", parts[0],
                  parts[1] >> 16, parts[1] & 0xffff, parts[2] >> 16,
                  parts[2] & 0xffff, parts[3]);
    return text;
}

std::optional<Uuid>
Uuid::parse(std::string_view text)
{
    if (text.size() != 36) {
        return std::nullopt;
    }
    std::string digits;
    for (size_t i = 0; i < text.size(); i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash != (text[i] == '-')) {
            return std::nullopt;
        }
        if (!dash) {
            digits += text[i];
        }
    }
    Uuid uuid;
    for (size_t i = 0; i < 4; i++) {
        const char *start = digits.data() + 8 * i;
        auto [end, error] =
            std::from_chars(start, start + 8, uuid.parts[i], 16);
        if (error != std::errc() || end != start + 8) {
            return std::nullopt;
        }
    }
    return uuid;
}

std::string
IpAddress::to_string() const
{
    char text[INET6_ADDRSTRLEN];
    inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
    return text;
}

std::optional<IpAddress>
IpAddress::parse(const std::string &text)
{
    IpAddress ip;
    if (text.find('\0') != std::string::npos) {
        return std::nullopt;
    }
    if (inet_pton(AF_INET, text.c_str(), ip.bytes.data()) == 1) {
        return ip;
    }
    ip = IpAddress{};
    ip.is_v6 = true;
    if (inet_pton(AF_INET6, text.c_str(), ip.bytes.data()) == 1) {
        return ip;
    }
    return std::nullopt;
}

bool
IpAddress::is_of_a_host() const
{
    static const std::vector<Cidr> NOT_OF_A_HOST = [] {
        std::vector<Cidr> list;
        for (const char *text :
             {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32",
              "::/128", "::1/128", "::ffff:0:0/96", "ff00::/8"}) {
            list.push_back(*Cidr::parse(text));
        }
        return list;
    }();
    return std::none_of(NOT_OF_A_HOST.begin(), NOT_OF_A_HOST.end(),
                        [this](const Cidr &c) { return c.contains(*this); });
}

bool
Cidr::contains(const IpAddress &ip) const
{
    return ip.is_v6 == address.is_v6 && prefix_equal(ip, address, prefix);
}

bool
Cidr::contains(const Cidr &other) const
{
    return other.prefix >= prefix && contains(other.address);
}

std::string
Cidr::to_string() const
{
    return address.to_string() + "/" + std::to_string(prefix);
}

std::optional<Cidr>
Cidr::parse(const std::string &text)
{
    size_t slash = text.find('/');
    auto ip = IpAddress::parse(text.substr(0, slash));
    if (!ip) {
        return std::nullopt;
    }
    Cidr cidr{*ip, ip->bits()};
    if (slash != std::string::npos) {
        auto prefix =
            parse_number(std::string_view(text).substr(slash + 1), ip->bits());
        if (!prefix) {
            return std::nullopt;
        }
        cidr.prefix = static_cast<int>(*prefix);
    }
    /* Host bits must be zero: compare with the address cut to its prefix. */
    for (int bit = cidr.prefix; bit < ip->bits(); bit++) {
        if (ip->bytes[bit / 8] & (0x80 >> (bit % 8))) {
            return std::nullopt;
        }
    }
    return cidr;
}

std::string
PortRange::to_string() const
{
    return first == last ? std::to_string(first)
                         : std::to_string(first) + "-" + std::to_string(last);
}

std::optional<PortRange>
PortRange::parse(const std::string &text)
{
    size_t dash = text.find('-');
    auto first = parse_number(std::string_view(text).substr(0, dash), 65535);
    auto last =
        dash == std::string::npos
            ? first
            : parse_number(std::string_view(text).substr(dash + 1), 65535);
    if (!first || !last || *first > *last) {
        return std::nullopt;
    }
    return PortRange{static_cast<uint16_t>(*first),
                     static_cast<uint16_t>(*last)};
}

namespace {
constexpr struct {
    const char *name;
    uint8_t number;
} PROTOCOLS[] = {
    {"tcp", 6}, {"udp", 17}, {"icmp", 1}, {"icmpv6", 58}, {"sctp", 132}};
} // namespace

std::string
protocol_to_string(const std::optional<uint8_t> &protocol)
{
    if (!protocol) {
        return "any";
    }
    for (const auto &p : PROTOCOLS) {
        if (p.number == *protocol) {
            return p.name;
        }
    }
    return std::to_string(*protocol);
}

bool
protocol_parse(const std::string &text, std::optional<uint8_t> *protocol)
{
    if (text == "any") {
        protocol->reset();
        return true;
    }
    for (const auto &p : PROTOCOLS) {
        if (text == p.name) {
            *protocol = p.number;
            return true;
        }
    }
    auto number = parse_number(text, 255);
    if (number) {
        *protocol = static_cast<uint8_t>(*number);
    }
    return number.has_value();
}

const char *
to_string(Direction direction)
{
    return direction == Direction::Inbound ? "inbound" : "outbound";
}

const std::vector<Rule> &
Filter::rules(Direction direction) const
{
    return direction == Direction::Inbound ? inbound : outbound;
}

const char *
to_string(Health health)
{
    switch (health) {
    case Health::Ok:
        return "ok";
    case Health::Degraded:
        return "degraded";
    case Health::Error:
        return "error";
    case Health::Disabled:
        return "disabled";
    }
    return "";
}

const char *
to_string(ConditionStatus status)
{
    switch (status) {
    case ConditionStatus::True:
        return "True";
    case ConditionStatus::False:
        return "False";
    case ConditionStatus::Unknown:
        return "Unknown";
    }
    return "";
}

bool
ModelDelta::empty() const
{
    bool empty = true;
    for_each_table(*this, *this, [&](const auto &table, const auto &) {
        empty = empty && table.empty();
    });
    return empty;
}

ModelDelta
diff(const Model &from, const Model &to)
{
    ModelDelta delta;
    for_each_table(from, delta, [](const auto &old_rows, auto &changes) {
        for (const auto &[id, value] : old_rows) {
            changes[id] = std::nullopt;
        }
    });
    for_each_table(to, delta, [](const auto &new_rows, auto &changes) {
        for (const auto &[id, value] : new_rows) {
            changes[id] = value;
        }
    });
    /* What stands in both alike is no change. */
    for_each_table(from, delta, [](const auto &old_rows, auto &changes) {
        for (const auto &[id, value] : old_rows) {
            auto i = changes.find(id);
            if (i->second && *i->second == value) {
                changes.erase(i);
            }
        }
    });
    return delta;
}

void
apply(Model *model, const ModelDelta &delta)
{
    for_each_table(*model, delta, [](auto &rows, const auto &changes) {
        for (const auto &[id, value] : changes) {
            if (value) {
                rows[id] = *value;
            } else {
                rows.erase(id);
            }
        }
    });
}

std::optional<std::string>
target_account(const Model &model, const Resource &resource)
{
    if (!resource.target_id) {
        return std::nullopt;
    }
    auto account_of_vpc =
        [&](const Uuid &vpc_id) -> std::optional<std::string> {
        const Vpc *vpc = find(model.vpcs, vpc_id);
        return vpc ? std::optional(vpc->account) : std::nullopt;
    };
    switch (resource.type) {
    case ResourceType::NetworkInterface: {
        const Nic *nic = find(model.nics, *resource.target_id);
        if (!nic) {
            return std::nullopt;
        }
        if (!nic->subnet) {
            return nic->account;
        }
        const Subnet *subnet = find(model.subnets, *nic->subnet);
        return subnet ? account_of_vpc(subnet->vpc) : std::nullopt;
    }
    case ResourceType::LoadBalancer: {
        const LoadBalancer *lb =
            find(model.load_balancers, *resource.target_id);
        return lb ? account_of_vpc(lb->vpc) : std::nullopt;
    }
    case ResourceType::Collector: {
        const Collector *c = find(model.collectors, *resource.target_id);
        return c ? c->account : std::nullopt;
    }
    }
    return std::nullopt;
}

} // namespace pm
