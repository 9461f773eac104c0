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
        name.tells(BEGAN, true);
    }

    /* To one who answers. */
    void leave()
    {
        EXPECT_FALSE(name.saw(BEGAN + 1, NOW));
        name.tells(BEGAN + 2, true);
        EXPECT_TRUE(name.saw(BEGAN + 3, NOW));
    }

    Namesake name;
};

TEST_F(NamesakeTest, OwnHeartbeatsAreNobodyElses)
{
    EXPECT_FALSE(name.is_to_claim());
    for (int n = 0; n < 3; n++) {
        EXPECT_FALSE(name.saw(BEGAN + n * BEAT, NOW));
        name.tells(BEGAN + (n + 1) * BEAT, true);
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

TEST_F(NamesakeTest, ALaterHeartbeatHasItClaimedOnceMore)
{
    EXPECT_FALSE(name.saw(BEGAN + 1, NOW));
    EXPECT_TRUE(name.is_to_claim());
    EXPECT_TRUE(name.is_ours());
    /* Nor is what comes before that is done. */
    EXPECT_FALSE(name.saw(BEGAN + 2, NOW));
    name.tells(BEGAN + 3, true);
    EXPECT_FALSE(name.is_to_claim());
    EXPECT_FALSE(name.saw(BEGAN + 3, NOW + Namesake::ABSENCE_MS));
}

TEST_F(NamesakeTest, WhoAnswersThatHasTheName)
{
    leave();
    EXPECT_FALSE(name.is_ours());
    EXPECT_TRUE(name.has_name(NOW));
    EXPECT_TRUE(name.has_name(NOW + Namesake::ABSENCE_MS - 1));
    EXPECT_FALSE(name.is_in_doubt(NOW + Namesake::ABSENCE_MS - 1));
    EXPECT_FALSE(name.has_name(NOW + Namesake::ABSENCE_MS));
    EXPECT_TRUE(name.is_in_doubt(NOW + Namesake::ABSENCE_MS));
    EXPECT_EQ(name.next_ms(NOW), NOW + Namesake::ABSENCE_MS);
    EXPECT_EQ(name.next_ms(NOW + Namesake::ABSENCE_MS), -1);
}

TEST_F(NamesakeTest, AStrayHeartbeatLongAgoIsNoAnswer)
{
    EXPECT_FALSE(name.saw(BEGAN + 1, NOW));
    name.tells(BEGAN + 2, true);
    EXPECT_FALSE(name.saw(BEGAN + 4 * BEAT, NOW + Namesake::ABSENCE_MS));
    name.tells(BEGAN + 4 * BEAT + 1, true);
    EXPECT_TRUE(name.saw(BEGAN + 5 * BEAT, NOW + Namesake::ABSENCE_MS + 1));
}

TEST_F(NamesakeTest, NorIsOneOfWhoeverHadTheSwitchMeanwhile)
{
    EXPECT_FALSE(name.saw(BEGAN + 1, NOW));
    name.tells(BEGAN + 2, true);
    name.begin();
    EXPECT_TRUE(name.is_to_claim());
    EXPECT_FALSE(name.saw(BEGAN + BEAT, NOW));
    name.tells(BEGAN + BEAT + 1, true);
    EXPECT_FALSE(name.saw(BEGAN + BEAT + 2, NOW));
}

TEST_F(NamesakeTest, HeHasItAsLongAsHeIsHeardOf)
{
    leave();
    name.begin();
    EXPECT_FALSE(name.is_ours()) << "though the switch was away";
    int64_t later = NOW + Namesake::ABSENCE_MS;
    EXPECT_TRUE(name.saw(BEGAN + 3 * BEAT, later));
    EXPECT_TRUE(name.has_name(later + 1));
    EXPECT_TRUE(name.saw(BEGAN + 6 * BEAT, later + Namesake::ABSENCE_MS));
}

/* Of two the one ahead stays, and it is his clock that is corrected. */
TEST_F(NamesakeTest, HeLivesThoughHisClockWasSetBack)
{
    leave();
    int64_t later = NOW + Namesake::ABSENCE_MS, back = BEGAN - 60 * BEAT;
    EXPECT_TRUE(name.saw(back, later));
    EXPECT_TRUE(name.has_name(later + 1));
    later += Namesake::ABSENCE_MS;
    EXPECT_FALSE(name.saw(back, later));
    EXPECT_TRUE(name.saw(back + BEAT, later + Namesake::LOOK_MS));
    EXPECT_FALSE(name.is_ours());
}

TEST_F(NamesakeTest, WhenHeIsGoneItIsClaimedAnew)
{
    leave();
    int64_t later = NOW + Namesake::ABSENCE_MS;
    EXPECT_FALSE(name.saw(BEGAN + 3, later));
    /* The database may have been away, and his next word is yet to come. */
    EXPECT_TRUE(name.is_in_doubt(later));
    EXPECT_EQ(name.next_ms(later), later + Namesake::LOOK_MS);
    EXPECT_FALSE(name.saw(BEGAN + 3, later + Namesake::LOOK_MS - 1));
    EXPECT_FALSE(name.is_ours());
    name.lost_sight();
    EXPECT_FALSE(name.saw(BEGAN + 3, later + Namesake::LOOK_MS));
    EXPECT_FALSE(name.is_ours()) << "who did not look has not missed him";
    EXPECT_FALSE(name.saw(BEGAN + 3, later + 2 * Namesake::LOOK_MS));
    EXPECT_TRUE(name.is_ours());
    EXPECT_EQ(name.next_ms(later + 2 * Namesake::LOOK_MS), -1);
    EXPECT_TRUE(name.is_to_claim());
    name.tells(BEGAN + 9 * BEAT, true);
    EXPECT_FALSE(name.saw(BEGAN + 9 * BEAT, later));
}

TEST_F(NamesakeTest, WhoseRowIsGoneIsGoneHimself)
{
    leave();
    EXPECT_FALSE(name.saw(0, NOW + Namesake::ABSENCE_MS));
    EXPECT_TRUE(name.is_ours());
}

TEST_F(NamesakeTest, WhoDoesNotActOnTheSwitchLetsWhoWritesSpeak)
{
    Namesake idle;
    idle.overheard(BEGAN, NOW);
    EXPECT_FALSE(idle.is_spoken_for(NOW)) << "of the one before us";
    idle.tells(BEGAN + 1, false);
    EXPECT_TRUE(idle.is_to_claim());
    idle.overheard(BEGAN, NOW);
    idle.overheard(BEGAN + 1, NOW);
    idle.tells(BEGAN + BEAT, false);
    idle.overheard(BEGAN + 1, NOW);
    idle.overheard(BEGAN + BEAT, NOW);
    EXPECT_FALSE(idle.is_spoken_for(NOW)) << "our own";
    name.begin();
    name.overheard(BEGAN - BEAT, NOW);
    name.overheard(BEGAN, NOW);
    EXPECT_FALSE(name.is_spoken_for(NOW)) << "on its way when it was lost";
    /* Whoever's clock is ahead. */
    for (int64_t ahead : {-10 * BEAT, 5 * BEAT}) {
        Namesake one = idle;
        one.overheard(BEGAN + ahead, NOW);
        EXPECT_TRUE(one.is_spoken_for(NOW));
        EXPECT_TRUE(one.is_ours());
        EXPECT_FALSE(one.is_spoken_for(NOW + Namesake::ABSENCE_MS));
        one.begin();
        EXPECT_FALSE(one.is_spoken_for(NOW)) << "the switch is ours again";
        one.tells(BEGAN + 6 * BEAT, true);
        EXPECT_FALSE(one.saw(BEGAN + 6 * BEAT, NOW));
    }
}

TEST_F(NamesakeTest, WhoAnswersInTheSameMomentDoesSoLater)
{
    EXPECT_EQ(name.stamp(BEGAN), BEGAN + 1);
    EXPECT_EQ(name.stamp(BEGAN - 10), BEGAN + 1);
    EXPECT_EQ(name.stamp(BEGAN + 1), BEGAN + 1);
    EXPECT_EQ(name.stamp(BEGAN - BEAT), BEGAN - BEAT)
        << "a clock that is ahead is not followed";
}

/* Two that see each other's row at once: 'ahead' is the second one's clock
 * against the first's. */
TEST_F(NamesakeTest, OfTwoOneLetsGoWhoseverClockIsAhead)
{
    for (int64_t ahead : {-10 * BEAT, int64_t{0}, 10 * BEAT}) {
        Namesake first = name, second;
        int64_t row = BEGAN, time = BEGAN + 1;
        EXPECT_FALSE(second.saw(row, NOW));
        for (int turn = 0; turn < 20; turn++) {
            bool is_first = turn % 2;
            Namesake &one = is_first ? first : second;
            int64_t clock = time++ + (is_first ? 0 : ahead);
            if (one.is_ours() && !one.saw(row, NOW) &&
                (one.is_to_claim() || clock - row >= BEAT || clock < row)) {
                row = clock;
                one.tells(row, true);
            }
        }
        EXPECT_NE(first.is_ours(), second.is_ours()) << ahead;
    }
}

TEST_F(NamesakeTest, BeforeTheNameIsClaimedNothingIsKnownOfWhoHasIt)
{
    Namesake fresh;
    EXPECT_FALSE(fresh.saw(BEGAN, NOW));
    EXPECT_FALSE(fresh.saw(BEGAN + BEAT, NOW)) << "his last word, on its way";
    EXPECT_TRUE(fresh.is_ours());
}

} // namespace

} // namespace pm
