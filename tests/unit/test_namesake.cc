#include "plugin/namesake.h"

#include <gtest/gtest.h>

namespace pm {

namespace {

constexpr int64_t NOW = 5000000, BEAT = 60000, BEGAN = 1700000000000;

/* A daemon that found the row of the one before it and has written its own.
 */
class NamesakeTest : public testing::Test {
protected:
    NamesakeTest()
    {
        EXPECT_FALSE(name.saw(BEGAN - BEAT, NOW));
        EXPECT_TRUE(name.is_to_claim());
        name.tells(BEGAN);
    }

    Namesake name;
};

TEST_F(NamesakeTest, OwnHeartbeatsAreNobodyElses)
{
    EXPECT_FALSE(name.is_to_claim());
    for (int n = 0; n < 3; n++) {
        EXPECT_FALSE(name.saw(BEGAN + n * BEAT, NOW));
        name.tells(BEGAN + (n + 1) * BEAT);
        EXPECT_FALSE(name.saw(BEGAN + n * BEAT, NOW)) << "not yet written";
    }
    EXPECT_FALSE(name.has_name(NOW));
}

TEST_F(NamesakeTest, WhatAServerThatLagsBehindShowsIsNobodyElses)
{
    EXPECT_FALSE(name.saw(BEGAN - BEAT, NOW));
    EXPECT_FALSE(name.saw(BEGAN - 5 * BEAT, NOW));
    EXPECT_FALSE(name.saw(0, NOW)) << "an emptied database";
    EXPECT_FALSE(name.has_name(NOW));
}

TEST_F(NamesakeTest, ALaterHeartbeatIsAnothersWhoThenHasTheName)
{
    EXPECT_TRUE(name.saw(BEGAN + 1, NOW));
    EXPECT_TRUE(name.has_name(NOW));
    EXPECT_TRUE(name.has_name(NOW + Namesake::ABSENCE_MS - 1));
    EXPECT_FALSE(name.has_name(NOW + Namesake::ABSENCE_MS));
    EXPECT_EQ(name.until_ms(), NOW + Namesake::ABSENCE_MS);
}

TEST_F(NamesakeTest, HeHasItAsLongAsHeIsHeardOf)
{
    EXPECT_TRUE(name.saw(BEGAN + 1, NOW));
    int64_t later = NOW + Namesake::ABSENCE_MS;
    EXPECT_TRUE(name.saw(BEGAN + 3 * BEAT, later));
    EXPECT_TRUE(name.has_name(later + 1));
    EXPECT_TRUE(name.saw(BEGAN + 6 * BEAT, later + Namesake::ABSENCE_MS));
}

TEST_F(NamesakeTest, WhenHeIsGoneItIsClaimedAnew)
{
    for (int64_t last : {BEGAN + 1, int64_t{0}}) {
        Namesake again = name;
        EXPECT_TRUE(again.saw(BEGAN + 1, NOW));
        EXPECT_FALSE(again.is_to_claim());
        int64_t later = NOW + Namesake::ABSENCE_MS;
        EXPECT_FALSE(again.saw(last, later));
        EXPECT_FALSE(again.has_name(later));
        EXPECT_TRUE(again.is_to_claim());
        again.tells(BEGAN + 4 * BEAT);
        EXPECT_TRUE(again.saw(BEGAN + 5 * BEAT, later));
    }
}

TEST_F(NamesakeTest, OfTwoOneLetsGoWhoseverClockIsAhead)
{
    for (int64_t ahead : {-10 * BEAT, int64_t{0}, 10 * BEAT}) {
        Namesake first = name, second;
        EXPECT_FALSE(second.saw(BEGAN, NOW));
        int64_t row = BEGAN + 1 + ahead;
        second.tells(row);
        if (!first.saw(row, NOW)) {
            /* His heartbeat lies long ago. */
            row = BEGAN + BEAT;
            first.tells(row);
            EXPECT_TRUE(second.saw(row, NOW));
        }
        EXPECT_NE(first.has_name(NOW), second.has_name(NOW)) << ahead;
    }
}

TEST_F(NamesakeTest, BeforeTheNameIsClaimedNothingIsKnownOfWhoHasIt)
{
    Namesake name;
    EXPECT_FALSE(name.saw(BEGAN, NOW));
    EXPECT_FALSE(name.saw(BEGAN + BEAT, NOW)) << "his last word, on its way";
}

} // namespace

} // namespace pm
