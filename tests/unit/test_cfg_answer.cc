#include <gtest/gtest.h>

#include "plugin/cfg_answer.h"

namespace pm {
namespace {

const Uuid A = Uuid::parse("00000000-0000-0000-0000-00000000000a").value();
const Uuid B = Uuid::parse("00000000-0000-0000-0000-00000000000b").value();
const Uuid C = Uuid::parse("00000000-0000-0000-0000-00000000000c").value();

bool
nobody(const Uuid &)
{
    return false;
}

bool
everybody(const Uuid &)
{
    return true;
}

TEST(CfgAnswer, IsGivenOnceAllThatCameWithItIsSaid)
{
    CfgAnswer answer;
    answer.begin(1, {A, B}, {C});
    EXPECT_FALSE(answer.advance(nobody, nobody));
    EXPECT_FALSE(answer.advance(everybody, nobody));
    EXPECT_FALSE(answer.answered());
    EXPECT_TRUE(answer.advance(everybody, everybody));
    EXPECT_EQ(answer.answered(), 1);
}

TEST(CfgAnswer, IsGivenAtOnceWhereNothingIsToCome)
{
    CfgAnswer answer;
    answer.begin(1, {}, {});
    EXPECT_TRUE(answer.advance(nobody, nobody));
    EXPECT_EQ(answer.answered(), 1);
}

TEST(CfgAnswer, IsToldUntilItIsReadWhereItConcernedThisHypervisor)
{
    CfgAnswer answer;
    answer.inherit(4);
    answer.begin(5, {}, {});
    ASSERT_TRUE(answer.advance(everybody, everybody));
    EXPECT_FALSE(answer.to_tell(4, false)) << "it has nothing to do with it";
    EXPECT_EQ(answer.to_tell(4, true), 5);
    answer.wrote(5);
    EXPECT_EQ(answer.to_tell(4, false), 5);
    EXPECT_EQ(answer.to_tell(4, false), 5) << "the transaction was lost";
    EXPECT_FALSE(answer.to_tell(5, false));
    EXPECT_FALSE(answer.to_tell(5, true));
    /* Written for the next, before it is answered. */
    answer.wrote(6);
    answer.begin(6, {}, {});
    EXPECT_FALSE(answer.to_tell(5, false));
    ASSERT_TRUE(answer.advance(everybody, everybody));
    EXPECT_EQ(answer.to_tell(5, false), 6);
}

TEST(CfgAnswer, AsksNobodyAgainWhoWasAtRestSince)
{
    CfgAnswer answer;
    answer.begin(1, {A, B}, {});
    EXPECT_FALSE(
        answer.advance([](const Uuid &id) { return id == A; }, everybody));
    /* A is changed again, by what came later. */
    EXPECT_TRUE(
        answer.advance([](const Uuid &id) { return id == B; }, everybody));
}

TEST(CfgAnswer, IsNotBegunAnewByTheNextCfgWhichHasItsTurn)
{
    CfgAnswer answer;
    EXPECT_TRUE(answer.is_next(1));
    answer.begin(1, {A}, {});
    EXPECT_FALSE(answer.is_next(2));
    ASSERT_TRUE(answer.advance(everybody, everybody));
    EXPECT_EQ(answer.answered(), 1);
    EXPECT_TRUE(answer.is_next(2));
    EXPECT_FALSE(answer.is_next(1));
}

TEST(CfgAnswer, OfADatabaseThatCameBackAsItWasEarlierIsGivenAnew)
{
    CfgAnswer answer;
    answer.inherit(4);
    answer.wrote(5);
    answer.begin(5, {A}, {});
    ASSERT_TRUE(answer.advance(everybody, everybody));
    answer.lost_sight();
    answer.inherit(4);
    EXPECT_FALSE(answer.to_tell(4, true));
    ASSERT_TRUE(answer.is_next(5));
    answer.begin(5, {A}, {});
    EXPECT_FALSE(answer.advance(nobody, nobody));
    answer.lost_sight();
    answer.inherit(4);
    ASSERT_TRUE(answer.is_next(5)) << "one under way begins anew, too";
    answer.begin(5, {A}, {});
    EXPECT_TRUE(answer.advance(everybody, everybody));
    EXPECT_EQ(answer.to_tell(4, false), 5) << "it had been concerned";
}

TEST(CfgAnswer, OfADatabaseThatWasPutBackWhileItRanIsGivenAnew)
{
    CfgAnswer answer;
    answer.read(4);
    answer.inherit(4);
    answer.begin(5, {}, {});
    ASSERT_TRUE(answer.advance(everybody, everybody));
    answer.read(4);
    EXPECT_EQ(answer.to_tell(4, true), 5) << "it is on its way there";
    answer.read(5);
    answer.read(5);
    EXPECT_FALSE(answer.is_next(5));
    answer.read(4);
    EXPECT_FALSE(answer.answered());
    answer.inherit(4);
    EXPECT_TRUE(answer.is_next(5));
}

TEST(CfgAnswer, IsNotGivenAgainForWhatTheDaemonBeforeAnswered)
{
    CfgAnswer answer;
    answer.inherit(7);
    EXPECT_FALSE(answer.is_next(7));
    EXPECT_TRUE(answer.is_next(8));
    /* A database that was restored counts from where it was. */
    EXPECT_TRUE(answer.is_next(3));
}

TEST(CfgAnswer, OfOneDatabaseIsNoneOfAnother)
{
    CfgAnswer answer;
    answer.begin(1, {A}, {});
    answer.forget();
    EXPECT_FALSE(answer.advance(everybody, everybody));
    EXPECT_FALSE(answer.answered());
    EXPECT_TRUE(answer.is_next(1));
}

} // namespace
} // namespace pm
