#include <gtest/gtest.h>

#include "plugin/slots.h"

namespace pm {

namespace {

using Nics = std::set<std::string>;

Nics
many(int n)
{
    Nics nics;
    for (int i = 0; i < n; i++) {
        nics.insert("nic" + std::to_string(100 + i));
    }
    return nics;
}

TEST(GrantSlots, GivesPairsInOrderUntilOnlyTheReserveIsLeft)
{
    Nics granted = grant_slots(many(20), {}, 0, 4);
    EXPECT_EQ(granted, many(14));
}

TEST(GrantSlots, CountsTheMirrorsOfOthers)
{
    EXPECT_EQ(grant_slots(many(5), {}, 25, 4).size(), 1u);
    EXPECT_EQ(grant_slots(many(5), {}, 26, 4).size(), 1u);
    EXPECT_EQ(grant_slots(many(5), {}, 27, 4).size(), 0u);
}

TEST(GrantSlots, NeverComesToA33rdMirror)
{
    for (int foreign = 0; foreign <= 40; foreign++) {
        for (int held = 0; held <= 3; held++) {
            size_t granted =
                grant_slots(many(20), many(held), foreign, 0).size();
            int used = foreign + 2 * static_cast<int>(granted);
            EXPECT_TRUE(used <= MIRRORS_MAX ||
                        granted == static_cast<size_t>(held))
                << foreign << " of others, " << held << " held";
        }
    }
    EXPECT_EQ(grant_slots(many(1), {}, 30, 0).size(), 1u);
    EXPECT_EQ(grant_slots(many(1), {}, 31, 0).size(), 0u);
}

TEST(GrantSlots, LetsThoseThatHoldAPairKeepIt)
{
    EXPECT_EQ(grant_slots({"a", "z"}, {"z"}, 26, 4), Nics{"z"});
    EXPECT_EQ(grant_slots({"a", "z"}, {"z"}, 32, 4), Nics{"z"});
}

TEST(GrantSlots, CountsAPairThatIsBeingRemoved)
{
    EXPECT_EQ(grant_slots({"a"}, {"z"}, 26, 4), Nics{});
    EXPECT_EQ(grant_slots({"a"}, {"z"}, 24, 4), Nics{"a"});
}

TEST(GrantSlots, GivesNoneToANicThatOnlyHolds)
{
    EXPECT_EQ(grant_slots({}, {"z"}, 0, 4), Nics{});
}

TEST(AdmitCopies, StopsAtTheMostCopiesAFrameMayCause)
{
    std::map<int64_t, int> resubmits;
    for (int64_t n = 1; n <= 200; n++) {
        resubmits[n] = 1;
    }
    std::set<int64_t> admitted = admit_copies(resubmits);
    EXPECT_EQ(admitted.size(), 128u);
    EXPECT_EQ(*admitted.rbegin(), 128);
}

TEST(AdmitCopies, StopsAtTheMostResubmitsAFrameMayCause)
{
    EXPECT_EQ(admit_copies({{1, 998}, {2, 2}, {3, 1}}),
              (std::set<int64_t>{1, 2}));
}

TEST(AdmitCopies, LetsNoLaterTunnelOvertakeOneThatDoesNotFit)
{
    EXPECT_EQ(admit_copies({{1, 999}, {2, 2}, {3, 1}}),
              (std::set<int64_t>{1}));
}

} // namespace

} // namespace pm
