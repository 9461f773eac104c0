#include "plugin/path_text.h"

#include <algorithm>
#include <cstring>
#include <sstream>

namespace pm {

namespace {

/* OVS prints the absent address as "::". */
std::optional<IpAddress>
parse_unless_zero(const std::string &text)
{
    std::optional<IpAddress> address = IpAddress::parse(text);
    if (address && std::all_of(address->bytes.begin(), address->bytes.end(),
                               [](uint8_t byte) { return byte == 0; })) {
        return std::nullopt;
    }
    return address;
}

/* Reads the kernel's form, words of 8 hexadecimal digits, each the number
 * that the four bytes of the address make on this machine. */
std::optional<IpAddress>
parse_kernel_hex(const std::string &hex, bool is_v6)
{
    size_t n_words = is_v6 ? 4 : 1;
    if (hex.size() != n_words * 8 ||
        hex.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
        return std::nullopt;
    }
    IpAddress address;
    address.is_v6 = is_v6;
    for (size_t i = 0; i < n_words; i++) {
        uint32_t word = std::stoul(hex.substr(i * 8, 8), nullptr, 16);
        std::memcpy(&address.bytes[i * 4], &word, sizeof word);
    }
    return address;
}

bool
is_loopback(const IpAddress &address)
{
    static const Cidr LOOPBACKS[] = {
        *Cidr::parse("127.0.0.0/8"),
        *Cidr::parse("::1/128"),
        *Cidr::parse("::ffff:127.0.0.0/104"),
    };
    return std::any_of(
        std::begin(LOOPBACKS), std::end(LOOPBACKS),
        [&](const Cidr &cidr) { return cidr.contains(address); });
}

} // namespace

std::optional<SwitchRoute>
parse_route_lookup(const std::string &text)
{
    SwitchRoute route;
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        std::string key, value;
        words >> key >> value;
        if (key == "src") {
            route.source = parse_unless_zero(value);
        } else if (key == "gateway") {
            route.gateway = parse_unless_zero(value);
        } else if (key == "dev") {
            route.device = value;
        }
    }
    if (route.device.empty()) {
        return std::nullopt;
    }
    return route;
}

std::set<NextHop>
parse_tnl_neigh_show(const std::string &text)
{
    std::set<NextHop> neighbours;
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        std::string ip, mac, bridge, state;
        words >> ip >> mac >> bridge >> state;
        /* The two lines of heading hold no address. */
        std::optional<IpAddress> address = IpAddress::parse(ip);
        if (address && !bridge.empty() && state != "STALE") {
            neighbours.emplace(bridge, *address);
        }
    }
    return neighbours;
}

std::vector<IpAddress>
parse_proc_net_udp(const std::string &text, bool is_v6, uint16_t port)
{
    std::vector<IpAddress> addresses;
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        std::string slot, local;
        words >> slot >> local;
        size_t colon = local.find(':');
        if (colon == std::string::npos) {
            continue;
        }
        char *end;
        unsigned long value =
            std::strtoul(local.c_str() + colon + 1, &end, 16);
        if (value != port || *end) {
            continue;
        }
        std::optional<IpAddress> address =
            parse_kernel_hex(local.substr(0, colon), is_v6);
        if (address && !is_loopback(*address)) {
            addresses.push_back(*address);
        }
    }
    return addresses;
}

} // namespace pm
