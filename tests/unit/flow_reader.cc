#include "tests/unit/flow_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>

namespace pm::test {

namespace {

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
    } else if (name == "icmp_type") {
        EXPECT_TRUE(is_icmp) << word;
        return masked_equal(value, later ? 0 : packet.icmp_type);
    } else if (name == "icmp_code") {
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

/* How many flows of 'clause' match.  A conj_id does not, by itself. */
int
count(const std::vector<RuleMatch> &flows, int clause, const Packet &packet)
{
    return static_cast<int>(
        std::count_if(flows.begin(), flows.end(), [&](const RuleMatch &flow) {
            return flow.clause == clause &&
                   !flow.match.starts_with("conj_id=") &&
                   matches(flow.match, packet);
        }));
}

} // namespace

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

bool
matches(const std::vector<RuleMatch> &flows, const Packet &packet)
{
    bool has_id =
        std::any_of(flows.begin(), flows.end(), [](const RuleMatch &flow) {
            return flow.match.starts_with("conj_id=");
        });
    return count(flows, 0, packet) ||
           (has_id && count(flows, 1, packet) && count(flows, 2, packet));
}

int
times_matched(const std::vector<RuleMatch> &flows, const Packet &packet)
{
    return std::max({count(flows, 0, packet), count(flows, 1, packet),
                     count(flows, 2, packet)});
}

} // namespace pm::test
