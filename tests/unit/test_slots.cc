#include <gtest/gtest.h>

#include "plugin/slots.h"
#include "tests/unit/host.h"

namespace pm {

namespace {

using Nics = std::set<std::string>;
using Macs = std::map<std::string, std::string>;

Macs
many(int n)
{
    Macs macs;
    for (int i = 0; i < n; i++) {
        macs["nic" + std::to_string(100 + i)] = mac_of(i);
    }
    return macs;
}

SeatsHeld
foreign(int mirrors)
{
    SeatsHeld held;
    held.foreign_mirrors = mirrors;
    return held;
}

Nics
seated(const SeatPlan &plan, bool shared)
{
    Nics nics;
    for (const auto &[nic, seat] : plan.seats) {
        if (seat.shared == shared) {
            nics.insert(nic);
        }
    }
    return nics;
}

TEST(GrantSeats, GivesPairsInOrderAndOneToShareForTheRest)
{
    SeatPlan plan = grant_seats(many(40), {}, 4);
    EXPECT_EQ(seated(plan, false).size(), 13u);
    EXPECT_EQ(*seated(plan, false).rbegin(), "nic112");
    EXPECT_EQ(seated(plan, true).size(), 27u);
    EXPECT_TRUE(plan.unable.empty());
    EXPECT_EQ(plan.seats.at("nic113"), (Seat{true, mac_of(13)}));
}

TEST(GrantSeats, CountsTheMirrorsOfOthers)
{
    EXPECT_EQ(seated(grant_seats(many(5), foreign(24), 4), false).size(), 1u);
    EXPECT_EQ(seated(grant_seats(many(5), foreign(24), 4), true).size(), 4u);
    EXPECT_EQ(seated(grant_seats(many(5), foreign(26), 4), false).size(), 0u);
    EXPECT_EQ(seated(grant_seats(many(5), foreign(26), 4), true).size(), 5u);
    EXPECT_TRUE(grant_seats(many(5), foreign(27), 4).seats.empty());
}

TEST(GrantSeats, NeverComesToA33rdMirror)
{
    for (int theirs = 0; theirs <= 40; theirs++) {
        for (int held = 0; held <= 3; held++) {
            for (bool shared : {false, true}) {
                SeatsHeld before = foreign(theirs);
                for (const auto &[nic, mac] : many(held)) {
                    before.own.insert(nic);
                }
                before.has_shared_pair = shared;
                int had = theirs + 2 * held + 2 * shared;
                SeatPlan plan = grant_seats(many(20), before, 0);
                int own = static_cast<int>(seated(plan, false).size());
                bool shares = !seated(plan, true).empty() || shared;
                int has = theirs + 2 * own + 2 * shares;
                EXPECT_TRUE(has <= MIRRORS_MAX || has <= had)
                    << theirs << " of others, " << held << " held, " << shared
                    << " shared";
            }
        }
    }
}

TEST(GrantSeats, LetsEachKeepWhatItHolds)
{
    SeatsHeld held = foreign(24);
    held.own = {"z"};
    held.shared = {"y"};
    held.has_shared_pair = true;
    SeatPlan plan = grant_seats(
        {{"a", mac_of(1)}, {"y", mac_of(2)}, {"z", mac_of(3)}}, held, 4);
    EXPECT_EQ(seated(plan, false), Nics{"z"});
    EXPECT_EQ(seated(plan, true), (Nics{"a", "y"}));
    held.foreign_mirrors = 0;
    plan = grant_seats({{"a", mac_of(1)}, {"y", mac_of(2)}, {"z", mac_of(3)}},
                       held, 4);
    EXPECT_EQ(seated(plan, true), Nics{"y"}) << "though there is room now";
    held.foreign_mirrors = 40;
    plan = grant_seats({{"y", mac_of(2)}, {"z", mac_of(3)}}, held, 4);
    EXPECT_EQ(plan.seats.size(), 2u);
}

TEST(GrantSeats, CountsPairsThatAreBeingRemoved)
{
    SeatsHeld held = foreign(26);
    held.own = {"z"};
    EXPECT_TRUE(grant_seats({{"a", mac_of(1)}}, held, 4).seats.empty());
    held.foreign_mirrors = 22;
    EXPECT_EQ(seated(grant_seats({{"a", mac_of(1)}}, held, 4), false),
              Nics{"a"});
}

TEST(GrantSeats, GivesNoneToANicThatOnlyHolds)
{
    SeatsHeld held;
    held.own = {"z"};
    held.shared = {"y"};
    held.has_shared_pair = true;
    EXPECT_TRUE(grant_seats({}, held, 4).seats.empty());
}

TEST(GrantSeats, LetsNoTwoNicsOfOneMacShareNorOneWhoseMacIsNotKnown)
{
    SeatsHeld held = foreign(24);
    held.has_shared_pair = true;
    held.own = {"z"};
    SeatPlan plan = grant_seats(
        {{"a", mac_of(1)}, {"b", mac_of(1)}, {"c", ""}, {"z", ""}}, held, 4);
    EXPECT_EQ(seated(plan, true), Nics{"a"});
    EXPECT_EQ(seated(plan, false), Nics{"z"});
    EXPECT_EQ(plan.unable, (Macs{{"b", "NIC a has the same MAC " + mac_of(1)},
                                 {"c", "its MAC is in no inventory row"}}));
}

TEST(GrantSeats, GivesTheLastPairToOneThatCannotShareIfNobodyDoes)
{
    SeatPlan plan = grant_seats({{"a", ""}, {"b", ""}}, foreign(26), 4);
    EXPECT_EQ(seated(plan, false), Nics{"a"});
    EXPECT_EQ(plan.unable.size(), 0u) << "there is nothing to share";
}

TEST(NicMac, IsLowerCaseAndOfOneStation)
{
    EXPECT_EQ(nic_mac("52:54:00:Aa:bB:0c"), "52:54:00:aa:bb:0c");
    for (const char *bad :
         {"", "52:54:00:aa:bb", "52:54:00:aa:bb:cc:dd", "52-54-00-aa-bb-cc",
          "00:00:00:00:00:00", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff",
          "52:54:00:aa:bb:cc ", "52:54:00:aa:bb:c,", "g2:54:00:aa:bb:cc",
          "5:254:00:aa:bb:cc"}) {
        EXPECT_EQ(nic_mac(bad), "") << bad;
    }
}

TEST(AdmitFloods, LeaveRoomForWhatASenderAndAReceiverCanCause)
{
    std::map<int64_t, int> resubmits;
    for (int64_t n = 1; n <= 200; n++) {
        resubmits[n] = 1;
    }
    std::set<int64_t> admitted = admit_floods(resubmits);
    EXPECT_EQ(admitted.size(), 96u);
    EXPECT_EQ(*admitted.rbegin(), 96);
}

TEST(AdmitFloods, StopAtTheMostResubmitsAFrameMayCause)
{
    EXPECT_EQ(admit_floods({{1, 838}, {2, 2}, {3, 1}}),
              (std::set<int64_t>{1, 2}));
}

TEST(AdmitFloods, LetNoLaterTunnelOvertakeOneThatDoesNotFit)
{
    EXPECT_EQ(admit_floods({{1, 839}, {2, 2}, {3, 1}}),
              (std::set<int64_t>{1}));
}

} // namespace

} // namespace pm
