#include "plugin/next_hops.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "plugin/slots.h"

namespace pm {

void
NextHops::want(const std::set<NextHopKey> &keys)
{
    std::erase_if(hops_, [&](const auto &hop) {
        bool gone = !keys.count(hop.first);
        if (gone && hop.second.told.known) {
            forgotten_.insert(hop.first);
        }
        return gone;
    });
    for (const NextHopKey &key : keys) {
        hops_.try_emplace(key);
    }
}

std::vector<NextHopKey>
NextHops::due(int64_t now_ms)
{
    std::vector<NextHopKey> keys;
    for (auto &[key, hop] : hops_) {
        if (now_ms >= hop.next_ms) {
            hop.since_ms = hop.since_ms ? hop.since_ms : now_ms;
            if (hop.doubted && !hop.doubted_ms) {
                hop.doubted_ms = now_ms;
            }
            bool answers = hop.heard_ms && !hop.doubted && !hop.rivalled_ms &&
                           now_ms >= hop.uneasy_until_ms &&
                           now_ms - hop.heard_ms < REFRESH_MS * 3 / 2;
            bool in_time = now_ms < deadline_of(hop);
            hop.next_ms = now_ms + (answers                  ? REFRESH_MS
                                    : hop.doubted && in_time ? HURRIED_RETRY_MS
                                    : in_time                ? RETRY_MS
                                                             : SLOW_RETRY_MS);
            keys.push_back(key);
        }
    }
    return keys;
}

void
NextHops::heard(const std::string &site, const IpAddress &address,
                const std::string &mac, int64_t now_ms)
{
    for (auto i = hops_.lower_bound({site, address, ""});
         i != hops_.end() && i->first.site == site &&
         i->first.address == address;
         ++i) {
        Hop &hop = i->second;
        if (!i->first.expected.empty() && i->first.expected != mac) {
            hop.other = mac;
            continue;
        }
        if (hop.mac != mac && hop.heard_ms && now_ms < deadline_of(hop) &&
            !gives_way(&hop, now_ms)) {
            continue;
        }
        hop.mac = mac;
        hop.other.clear();
        hop.heard_ms = now_ms;
        hop.rivalled_ms = 0;
        hop.stale = false;
        hop.doubted = false;
        hop.doubted_ms = 0;
        hop.next_ms =
            now_ms + (now_ms < hop.uneasy_until_ms ? RETRY_MS : REFRESH_MS);
    }
}

/* Whether one that is known is to be replaced by who answers for it: any VM of
 * the segment can, and each change of MAC costs the switch flows. */
bool
NextHops::gives_way(Hop *hop, int64_t now_ms)
{
    if (now_ms - hop->heard_ms < RETRY_MS) {
        return false; /* It has just been asked, or was. */
    }
    if (!hop->rivalled_ms) {
        hop->rivalled_ms = now_ms;
        hop->next_ms = 0;
    }
    return now_ms - hop->rivalled_ms >= PATIENCE_MS;
}

void
NextHops::doubt(int64_t now_ms)
{
    for (auto &[key, hop] : hops_) {
        hop.next_ms = 0;
        hop.doubted = true;
        /* An answer may come before the bridge forgets. */
        hop.uneasy_until_ms = now_ms + RETRY_MS;
    }
}

void
NextHops::restarted(int64_t now_ms)
{
    doubt(now_ms);
    for (auto &[key, hop] : hops_) {
        hop.stale = hop.heard_ms;
        hop.doubted_ms = 0;
    }
}

int64_t
NextHops::deadline_of(const Hop &hop)
{
    if (!hop.heard_ms) {
        return hop.since_ms + PATIENCE_MS;
    }
    int64_t silent_ms = hop.heard_ms + SILENCE_MS;
    return hop.doubted_ms ? std::min(silent_ms, hop.doubted_ms + PATIENCE_MS)
                          : silent_ms;
}

std::map<NextHopKey, NextHopState>
NextHops::take_changes(int64_t now_ms)
{
    std::map<NextHopKey, NextHopState> changes;
    for (const NextHopKey &key : std::exchange(forgotten_, {})) {
        changes[key] = {};
    }
    for (auto &[key, hop] : hops_) {
        NextHopState state;
        if (hop.heard_ms && now_ms < deadline_of(hop)) {
            state = {true, hop.mac, "", hop.stale};
        } else if (hop.since_ms && now_ms >= deadline_of(hop)) {
            state = {true, "", hop.other, false};
        }
        if (!(state == hop.told)) {
            hop.told = state;
            changes[key] = state;
        }
    }
    return changes;
}

std::optional<int64_t>
NextHops::next_ms() const
{
    std::optional<int64_t> next;
    auto sooner = [&](int64_t ms) { next = std::min(next.value_or(ms), ms); };
    for (const auto &[key, hop] : hops_) {
        sooner(hop.next_ms);
        if (hop.since_ms && !(hop.told.known && hop.told.mac.empty())) {
            sooner(deadline_of(hop));
        }
    }
    return next;
}

/* ------------------------------------------------------------------------
 * Frames. */

namespace {

using Mac = std::array<uint8_t, 6>;

constexpr size_t ETHERNET = 14, ARP = 28, IPV6 = 40, ND = 24, OPTION = 8;

Mac
parse_mac(const std::string &text)
{
    Mac mac{};
    for (size_t i = 0; i < mac.size() && 3 * i < text.size(); i++) {
        mac[i] = static_cast<uint8_t>(
            std::strtoul(text.substr(3 * i, 2).c_str(), nullptr, 16));
    }
    return mac;
}

std::string
format_mac(const std::string &frame, size_t at)
{
    char text[18];
    auto byte = [&](size_t i) {
        return static_cast<unsigned>(static_cast<uint8_t>(frame[at + i]));
    };
    std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", byte(0),
                  byte(1), byte(2), byte(3), byte(4), byte(5));
    return text;
}

template <typename Bytes>
void
append(std::string *frame, const Bytes &bytes, size_t n)
{
    frame->append(bytes.begin(),
                  bytes.begin() + static_cast<std::ptrdiff_t>(n));
}

void
append16(std::string *frame, uint16_t value)
{
    *frame += static_cast<char>(value >> 8);
    *frame += static_cast<char>(value & 0xff);
}

uint16_t
get16(const std::string &frame, size_t at)
{
    return static_cast<uint16_t>(static_cast<uint8_t>(frame[at]) << 8 |
                                 static_cast<uint8_t>(frame[at + 1]));
}

/* Of the ICMPv6 message that a frame ends in, with its pseudo-header. */
uint16_t
checksum(const std::string &frame)
{
    uint32_t sum = 58 + static_cast<uint32_t>(frame.size() - ETHERNET - IPV6);
    for (size_t i = ETHERNET + 8; i + 1 < frame.size(); i += 2) {
        sum += get16(frame, i);
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<uint16_t>(~sum);
}

std::string
solicitation(const Mac &own, const IpAddress &target)
{
    std::array<uint8_t, 16> link_local = {0xfe, 0x80}, group = {0xff, 0x02};
    std::array<uint8_t, 8> id = {static_cast<uint8_t>(own[0] ^ 2),
                                 own[1],
                                 own[2],
                                 0xff,
                                 0xfe,
                                 own[3],
                                 own[4],
                                 own[5]};
    std::copy(id.begin(), id.end(), link_local.begin() + 8);
    group[11] = 1;
    group[12] = 0xff;
    std::copy(target.bytes.begin() + 13, target.bytes.end(),
              group.begin() + 13);
    Mac to = {0x33, 0x33, group[12], group[13], group[14], group[15]};

    std::string frame;
    append(&frame, to, to.size());
    append(&frame, own, own.size());
    append16(&frame, 0x86dd);
    frame += std::string("\x60\0\0\0", 4);
    append16(&frame, ND + OPTION);
    frame += std::string("\x3a\xff", 2); /* ICMPv6, hop limit 255. */
    append(&frame, link_local, link_local.size());
    append(&frame, group, group.size());
    frame += std::string("\x87\0\0\0\0\0\0\0", 8);
    append(&frame, target.bytes, 16);
    frame += std::string("\1\1", 2); /* Source's link-layer address. */
    append(&frame, own, own.size());
    uint16_t sum = checksum(frame);
    frame[ETHERNET + IPV6 + 2] = static_cast<char>(sum >> 8);
    frame[ETHERNET + IPV6 + 3] = static_cast<char>(sum & 0xff);
    return frame;
}

} // namespace

std::string
ask_frame(const std::string &own_mac, const IpAddress &address)
{
    Mac own = parse_mac(own_mac);
    if (address.is_v6) {
        return solicitation(own, address);
    }
    std::string frame(6, '\xff');
    append(&frame, own, own.size());
    frame += std::string("\x08\x06\0\1\x08\0\6\4\0\1", 10);
    append(&frame, own, own.size());
    frame += std::string(4 + 6, '\0');
    append(&frame, address.bytes, 4);
    return frame;
}

std::optional<NextHopAnswer>
parse_answer(const std::string &frame)
{
    auto address_at = [&](size_t at, size_t n) {
        IpAddress address;
        address.is_v6 = n == 16;
        std::copy(frame.begin() + static_cast<std::ptrdiff_t>(at),
                  frame.begin() + static_cast<std::ptrdiff_t>(at + n),
                  address.bytes.begin());
        return address;
    };
    if (frame.size() < ETHERNET) {
        return std::nullopt;
    }
    auto answer = [&](const IpAddress &address, size_t mac_at) {
        /* Of a group's address the answer is none: copies would be flooded. */
        std::string mac = nic_mac(format_mac(frame, mac_at));
        return mac.empty() ? std::nullopt
                           : std::optional(NextHopAnswer{address, mac});
    };
    uint16_t type = get16(frame, ETHERNET - 2);
    if (type == 0x0806 && frame.size() >= ETHERNET + ARP &&
        get16(frame, ETHERNET + 6) == 2) {
        return answer(address_at(ETHERNET + 14, 4), ETHERNET + 8);
    }
    if (type == 0x86dd && frame.size() >= ETHERNET + IPV6 + ND &&
        frame[ETHERNET + 6] == 58 &&
        static_cast<uint8_t>(frame[ETHERNET + IPV6]) == 136) {
        return answer(address_at(ETHERNET + IPV6 + 8, 16), 6);
    }
    return std::nullopt;
}

} // namespace pm
