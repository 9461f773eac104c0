#include <gtest/gtest.h>

#include "plugin/suspects.h"
#include "tests/unit/host.h"

namespace pm {

namespace {

Uuid
tunnel(uint32_t n)
{
    return row_id(Row::Tunnel, n);
}

Uuid
filter(uint32_t n)
{
    return row_id(Row::Filter, n);
}

/* Ten tunnels and four filters, of which some are bad: tries them 'times' and
 * returns who has passed. */
std::set<Uuid>
passed(const std::set<Uuid> &bad, int times, Suspects *suspects)
{
    Suspects::Some all;
    for (uint32_t n = 0; n < 10; n++) {
        all.tunnels.insert(tunnel(n));
    }
    for (uint32_t n = 0; n < 4; n++) {
        all.filters.insert(filter(n));
    }
    suspects->add(all, "refused");
    std::set<Uuid> done;
    for (int i = 0; i < times && !suspects->empty(); i++) {
        Suspects::Some some = suspects->take(4);
        std::set<Uuid> both = some.tunnels;
        both.insert(some.filters.begin(), some.filters.end());
        bool refused = std::any_of(both.begin(), both.end(), [&](auto &id) {
            return bad.count(id) > 0;
        });
        if (refused) {
            suspects->refused(some, "refused", i);
        } else {
            suspects->passed(some);
            done.merge(both);
        }
    }
    return done;
}

TEST(Suspects, AllButTheBadPassHoweverTheyLie)
{
    for (uint32_t t = 0; t < 10; t++) {
        for (uint32_t f = 0; f < 4; f++) {
            Suspects suspects;
            EXPECT_EQ(passed({tunnel(t), filter(f)}, 60, &suspects).size(),
                      12u);
            EXPECT_TRUE(suspects.is_bad(tunnel(t)));
            EXPECT_TRUE(suspects.is_bad(filter(f)));
            EXPECT_EQ(suspects.tunnels(), std::set<Uuid>{tunnel(t)});
        }
    }
}

TEST(Suspects, AreSoonDoneWhenNobodyIsBad)
{
    Suspects suspects;
    EXPECT_EQ(passed({}, 6, &suspects).size(), 14u);
    EXPECT_TRUE(suspects.empty());
    EXPECT_TRUE(suspects.bad().empty());
    EXPECT_TRUE(suspects.refused().empty());
}

TEST(Suspects, OneThatPassesIsNotBadAnyMore)
{
    Suspects suspects;
    passed({tunnel(3)}, 60, &suspects);
    ASSERT_TRUE(suspects.is_bad(tunnel(3)));
    EXPECT_EQ(suspects.why(), "refused");
    Suspects::Some some = suspects.take(4);
    EXPECT_TRUE(suspects.is_bad(tunnel(3))) << "it is being tried";
    suspects.passed(some);
    EXPECT_FALSE(suspects.is_bad(tunnel(3)));
}

TEST(Suspects, TheBadWaitForTheOthers)
{
    Suspects suspects;
    passed({tunnel(3), filter(1)}, 60, &suspects);
    suspects.add({{tunnel(20)}, {}}, "refused");
    EXPECT_EQ(suspects.due_ms(), 0) << "they are tried at once";
    EXPECT_EQ(suspects.take(4).tunnels, std::set<Uuid>{tunnel(20)});
    EXPECT_EQ(suspects.take(4).size(), 1u);
}

TEST(Suspects, OneThatChangedIsAsTheOthers)
{
    Suspects suspects;
    passed({tunnel(3), tunnel(4)}, 60, &suspects);
    suspects.clear(tunnel(4));
    EXPECT_FALSE(suspects.is_bad(tunnel(4)));
    EXPECT_TRUE(suspects.refused().count(tunnel(4)));
    EXPECT_EQ(suspects.due_ms(), 0);
    EXPECT_EQ(suspects.take(4).tunnels, std::set<Uuid>{tunnel(4)});
}

TEST(Suspects, ManyBadAreFoundOneAfterAnother)
{
    Suspects suspects;
    Suspects::Some all;
    for (uint32_t n = 0; n <= 50; n++) {
        all.tunnels.insert(tunnel(n));
    }
    suspects.add(all, "refused");
    const Uuid good = *all.tunnels.rbegin();
    int64_t now = 0;
    for (bool passed = false; !passed;) {
        now = std::max(now, suspects.due_ms());
        Suspects::Some some = suspects.take(250);
        passed = some.tunnels.count(good);
        if (passed) {
            suspects.passed(some);
        } else {
            suspects.refused(some, "refused", now);
        }
    }
    EXPECT_LE(now, 50 * Suspects::FINDING_MS);
    EXPECT_EQ(suspects.bad().size(), 50u);
    EXPECT_FALSE(suspects.is_bad(good));
}

TEST(Suspects, WhoChangesAgainAndAgainKeepsNobodyFromHisTurn)
{
    Suspects suspects;
    Suspects::Some all;
    for (uint32_t n = 0; n < 30; n++) {
        all.tunnels.insert(tunnel(n));
    }
    const Uuid last = *all.tunnels.rbegin();
    suspects.add(all, "refused");
    int tries = 0;
    for (bool tried = false; !tried; tries++) {
        ASSERT_LT(tries, 31);
        Suspects::Some some = suspects.take(250);
        tried = some.tunnels.count(last);
        suspects.refused(some, "refused", 0);
        for (uint32_t n = 0; n < 30; n++) {
            suspects.clear(tunnel(n));
        }
    }
}

TEST(Suspects, WhoChangesWhileHeIsTriedIsNotBadForIt)
{
    Suspects suspects;
    suspects.add({{tunnel(1)}, {}}, "refused");
    Suspects::Some some = suspects.take(1);
    suspects.clear(tunnel(1));
    suspects.refused(some, "refused", 0);
    EXPECT_FALSE(suspects.is_bad(tunnel(1)));
    some = suspects.take(1);
    EXPECT_EQ(some.tunnels, std::set<Uuid>{tunnel(1)});
    suspects.refused(some, "refused", 0);
    EXPECT_TRUE(suspects.is_bad(tunnel(1)));
}

TEST(Suspects, AreTriedEverMoreSeldomWhileNobodyKnowsWhatCameOfIt)
{
    Suspects suspects;
    suspects.add({{tunnel(1)}, {}}, "refused");
    for (int64_t now = 0, pause = 0; now < 1000; now = suspects.due_ms()) {
        suspects.not_known(suspects.take(1), now);
        EXPECT_GT(suspects.due_ms() - now, pause);
        pause = suspects.due_ms() - now;
    }
    EXPECT_FALSE(suspects.is_bad(tunnel(1)));
}

TEST(Suspects, OfThousandsAFewRoundsFindTheBad)
{
    for (uint32_t bad : {0u, 777u, 1999u}) {
        Suspects suspects;
        Suspects::Some all;
        for (uint32_t n = 0; n < 2000; n++) {
            all.tunnels.insert(tunnel(n));
        }
        suspects.add(all, "refused");
        int rounds = 0;
        for (; suspects.tunnels().size() > 1 || !suspects.is_bad(tunnel(bad));
             rounds++) {
            ASSERT_LT(rounds, 1000);
            Suspects::Some some = suspects.take(250);
            if (some.tunnels.count(tunnel(bad))) {
                suspects.refused(some, "refused", rounds);
            } else {
                suspects.passed(some);
            }
        }
        EXPECT_LT(rounds, 70);
    }
}

TEST(Suspects, AreTriedEverMoreSeldomWhileAllAreRefused)
{
    Suspects suspects;
    suspects.add({{tunnel(0)}, {}}, "refused");
    int64_t now = 1000, pause = 0;
    for (int i = 0; i < 20; i++) {
        suspects.refused(suspects.take(1), "refused", now);
        EXPECT_GE(suspects.due_ms() - now, pause);
        pause = suspects.due_ms() - now;
        now = suspects.due_ms();
    }
    EXPECT_EQ(pause, Backoff::LONGEST_MS);
}

} // namespace

} // namespace pm
