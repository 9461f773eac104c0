/* Which member of a load balancer has which slot. */
#include <gtest/gtest.h>

#include "flows/balance.h"
#include "tests/unit/host.h"

namespace pm {
namespace {

std::vector<IpAddress>
members(std::initializer_list<int> numbers)
{
    std::vector<IpAddress> all;
    for (int n : numbers) {
        all.push_back(ip_of("10.9.0." + std::to_string(n)));
    }
    return all;
}

/* Who has each slot. */
std::vector<IpAddress>
holders(const std::vector<IpAddress> &all)
{
    std::vector<IpAddress> result;
    for (size_t member : spread(all)) {
        result.push_back(all[member]);
    }
    return result;
}

TEST(Balance, EverySlotHasAMemberAndEveryMemberSlots)
{
    EXPECT_TRUE(spread({}).empty());
    for (int n = 1; n <= 8; n++) {
        std::vector<IpAddress> all;
        for (int i = 0; i < n; i++) {
            all.push_back(ip_of("10.9.0." + std::to_string(10 + i)));
        }
        std::map<IpAddress, int> slots;
        for (const IpAddress &member : holders(all)) {
            slots[member]++;
        }
        EXPECT_EQ(slots.size(), all.size());
        for (const auto &[member, count] : slots) {
            EXPECT_GE(count, BALANCE_SLOTS / n / 3) << n;
        }
    }
}

TEST(Balance, AMemberThatLeavesMovesItsOwnSlotsOnly)
{
    auto before = holders(members({10, 11, 12, 13}));
    auto after = holders(members({10, 12, 13}));
    for (size_t i = 0; i < before.size(); i++) {
        if (before[i] != ip_of("10.9.0.11")) {
            EXPECT_EQ(after[i], before[i]) << i;
        }
    }
}

TEST(Balance, TheOrderOfMembersSaysNothing)
{
    EXPECT_EQ(holders(members({10, 11, 12})), holders(members({12, 10, 11})));
}

} // namespace
} // namespace pm
