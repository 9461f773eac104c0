#include "plugin/pace.h"

#include <algorithm>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace pm {

namespace {

TEST(Pace, AFewRowsNeedNoTurn)
{
    EXPECT_EQ(Pace().rows(false), Pace::FEW);
}

TEST(Pace, AQuickServerIsGivenEverMore)
{
    Pace pace;
    size_t before = 0;
    for (int i = 0; i < 3; i++) {
        EXPECT_GT(pace.rows(true), before);
        before = pace.rows(true);
        /* As one without other sessions: a tenth of a millisecond a row. */
        pace.took(before, static_cast<int64_t>(before) / 10);
    }
    EXPECT_EQ(pace.rows(true), Pace::MOST);
}

TEST(Pace, ATurnOfAServerWithManySessionsIsAsLongAsOthersMayWait)
{
    Pace pace;
    for (int i = 0; i < 5; i++) {
        size_t rows = pace.rows(true);
        pace.took(rows, 3 * static_cast<int64_t>(rows));
    }
    EXPECT_EQ(pace.rows(true), static_cast<size_t>(Pace::TURN_MS / 3));
}

TEST(Pace, AServerThatStoodStillIsGivenAFewAndThenMoreAgain)
{
    Pace pace;
    pace.took(500, 60000);
    EXPECT_EQ(pace.rows(true), Pace::LEAST);
    for (int i = 0; i < 10; i++) {
        pace.took(pace.rows(true), 1);
    }
    EXPECT_EQ(pace.rows(true), Pace::MOST);
}

TEST(Pace, ATurnThatTookNoTimeIsNoDivisionByZero)
{
    Pace pace;
    pace.took(10, 0);
    EXPECT_GT(pace.rows(true), Pace::FEW);
}

TEST(Backoff, PausesTwiceAsLongWithEachRefusalUpToTheLongest)
{
    Backoff backoff;
    EXPECT_TRUE(backoff.is_over(0));
    for (int64_t ms :
         {10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 8000, 8000}) {
        backoff.refused(1000);
        EXPECT_EQ(backoff.ends_ms(), 1000 + ms);
        EXPECT_FALSE(backoff.is_over(1000 + ms - 1));
        EXPECT_TRUE(backoff.is_over(1000 + ms));
    }
}

TEST(Backoff, GoesFromTheFirstPauseToTheLongestThatItIsGiven)
{
    Backoff backoff(5000, 12000);
    for (int64_t ms : {5000, 10000, 12000, 12000}) {
        backoff.refused(0);
        EXPECT_EQ(backoff.ends_ms(), ms);
    }
}

TEST(Backoff, BeginsAnewOnceItIsDone)
{
    Backoff backoff;
    backoff.refused(1000);
    backoff.refused(1000);
    backoff.done();
    EXPECT_TRUE(backoff.is_over(1000));
    backoff.refused(1000);
    EXPECT_EQ(backoff.ends_ms(), 1000 + Backoff::FIRST_MS);
}

TEST(Comeback, ASessionThatWasLostIsTriedAgainWithinASecond)
{
    for (uint32_t random : {0U, 1U, 999U, 1000U, UINT32_MAX}) {
        Comeback comeback;
        int64_t delay = comeback.delay_ms(random);
        EXPECT_GE(delay, 0);
        EXPECT_LT(delay, Comeback::FIRST_MS);
    }
}

TEST(Comeback, AThousandThatWereLostTogetherComeApart)
{
    std::multiset<int64_t> when;
    uint32_t random = 12345;
    for (int i = 0; i < 1000; i++) {
        random = random * 1664525 + 1013904223;
        when.insert(Comeback().delay_ms(random >> 8) / 100);
    }
    for (int64_t tenth = 0; tenth < 10; tenth++) {
        EXPECT_LT(when.count(tenth), 200U);
        EXPECT_GT(when.count(tenth), 50U);
    }
}

TEST(Comeback, WaitsLongerWhereThereIsNoServerButNeverTooLong)
{
    Comeback comeback;
    int64_t most = 0;
    for (int i = 0; i < 100; i++) {
        /* The largest that it would choose. */
        int64_t delay = 0;
        for (uint32_t random = 0; random < 8000; random += 100) {
            Comeback copy = comeback;
            delay = std::max(delay, copy.delay_ms(random));
        }
        most = std::max(most, delay);
        comeback.delay_ms(static_cast<uint32_t>(delay));
    }
    EXPECT_GT(most, Comeback::LONGEST_MS / 2);
    EXPECT_LT(most, Comeback::LONGEST_MS);
}

TEST(Comeback, BeginsAnewOnceAConnectionStood)
{
    Comeback comeback;
    for (uint32_t random : {999U, 2996U, 7999U}) {
        comeback.delay_ms(random);
    }
    comeback.stood();
    EXPECT_LT(comeback.delay_ms(7999), Comeback::FIRST_MS);
}

TEST(Comeback, AnAttemptIsGivenLongerWithEachThatRanOutAndAMinuteAtMost)
{
    Comeback comeback;
    comeback.delay_ms(1); /* After one that was refused. */
    EXPECT_EQ(comeback.attempt_ms(), 2000);
    for (int64_t longer : {4000, 8000, 16000, 32000, 60000, 60000}) {
        comeback.ran_out();
        EXPECT_EQ(comeback.attempt_ms(), longer);
    }
    comeback.stood();
    EXPECT_EQ(comeback.attempt_ms(), 2000);
}

TEST(Comeback, WhoWaitedForLongIsPatientForAsLongAgain)
{
    EXPECT_EQ(Comeback::calm_ms(1000, 1050), 1100);
    EXPECT_EQ(Comeback::calm_ms(1000, 501000), 1001000);
}

TEST(Patience, IsOverAfterMinutesAndNotForAllAtOnce)
{
    Patience first, second;
    first.begin(1000, 0);
    second.begin(1000, UINT32_MAX);
    EXPECT_FALSE(first.is_over(1000 + Patience::LEAST_MS - 1));
    EXPECT_TRUE(first.is_over(1000 + Patience::LEAST_MS));
    EXPECT_FALSE(second.is_over(1000 + Patience::LEAST_MS));
    EXPECT_TRUE(second.is_over(1000 + 2 * Patience::LEAST_MS));
}

TEST(Patience, AQueueInWhichATurnNeverCameIsNotWaitedInAgain)
{
    Patience patience;
    patience.begin(0, 0);
    patience.end(Patience::LEAST_MS, false);
    for (int64_t now : {400000, 500000}) {
        patience.begin(now, 0);
        EXPECT_TRUE(patience.is_over(now));
        patience.end(now, false);
    }
    /* Until it does come. */
    patience.begin(600000, 0);
    patience.end(600000, true);
    patience.begin(700000, 0);
    EXPECT_FALSE(patience.is_over(700000));
}

TEST(Patience, WhoLeavesEarlyHasLostNothing)
{
    Patience patience;
    patience.begin(0, 0);
    patience.end(10, false);
    patience.begin(20, 0);
    EXPECT_FALSE(patience.is_over(20));
}

} // namespace

} // namespace pm
