#include "flows/balance.h"

#include <cstdint>
#include <utility>

namespace pm {

namespace {

/* FNV-1a, and the last step of MurmurHash3 for even bits. */
uint64_t
weigh(const IpAddress &member, int slot)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    auto add = [&](uint8_t byte) {
        hash = (hash ^ byte) * UINT64_C(1099511628211);
    };
    for (uint8_t byte : member.bytes) {
        add(byte);
    }
    add(static_cast<uint8_t>(slot));
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

} // namespace

std::vector<size_t>
spread(const std::vector<IpAddress> &members)
{
    std::vector<size_t> slots;
    for (int slot = 0; slot < BALANCE_SLOTS && !members.empty(); slot++) {
        size_t best = 0;
        for (size_t i = 1; i < members.size(); i++) {
            if (std::pair(weigh(members[i], slot), members[i]) >
                std::pair(weigh(members[best], slot), members[best])) {
                best = i;
            }
        }
        slots.push_back(best);
    }
    return slots;
}

} // namespace pm
