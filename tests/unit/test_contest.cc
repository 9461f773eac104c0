#include "plugin/contest.h"

#include <gtest/gtest.h>

namespace pm {

namespace {

/* One Mirror of ours, in force, and somebody who removes it. */
class ContestTest : public testing::Test {
protected:
    ContestTest()
    {
        MirrorRow mirror;
        mirror.bridge = "br-int";
        mirror.output_port = "mtap-out-1";
        desired.mirrors["mirror-out-1"] = mirror;
    }

    /* Whether the Mirror, removed, may be put back. */
    bool repairs(int64_t now_ms)
    {
        contest.saw(desired, desired);
        contest.saw(SwitchRows{}, desired);
        return writes(now_ms);
    }
    bool writes(int64_t now_ms)
    {
        std::vector<RowEdit> edits = {{RowEdit::Op::Put, RowEdit::Kind::Mirror,
                                       "mirror-out-1", "repair"}};
        contest.restrain(&edits, desired, now_ms);
        return !edits.empty();
    }

    Contest contest;
    SwitchRows desired;
    const int64_t start = 1000000;
};

TEST_F(ContestTest, PutsBackAtOnceWhatIsRemovedNowAndThen)
{
    for (int i = 0; i < 100; i++) {
        EXPECT_TRUE(repairs(start + i * Contest::INTERVAL_MS));
        EXPECT_TRUE(contest.waiting(start + i * Contest::INTERVAL_MS).empty());
    }
}

TEST_F(ContestTest, DoesNotFightOneWhoKeepsRemovingIt)
{
    int written = 0;
    for (int64_t now = start; now < start + 60000; now += 100) {
        written += repairs(now) ? 1 : 0;
    }
    EXPECT_LE(written, Contest::BURST + 6);
    EXPECT_GE(written, Contest::BURST + 4) << "it must not give up either";
}

TEST_F(ContestTest, IsNewsOnceUntilAllWasQuiet)
{
    int said = 0, changed = 0;
    int64_t now = start;
    for (; now < start + 60000; now += 100) {
        repairs(now);
        Contest::News news = contest.take_news(now);
        said += static_cast<int>(news.began.count("br-int"));
        changed += static_cast<int>(news.bridges.count("br-int"));
        EXPECT_EQ(contest.told(), contest.waiting(now));
    }
    EXPECT_EQ(said, 1);
    EXPECT_GE(changed, 2) << "its end is news for the status";
    now += Contest::BURST * Contest::INTERVAL_MS;
    contest.take_news(now);
    for (int i = 0; i <= Contest::BURST; i++) {
        repairs(now + i);
    }
    EXPECT_EQ(contest.take_news(now + 10).began.count("br-int"), 1u)
        << "it was quiet meanwhile";
}

TEST_F(ContestTest, SaysWhatWaitsAndUntilWhen)
{
    for (int i = 0; i < Contest::BURST; i++) {
        EXPECT_TRUE(repairs(start + i));
    }
    EXPECT_EQ(contest.next_ms(start + 10), 0);
    EXPECT_FALSE(repairs(start + 10));
    ASSERT_EQ(contest.waiting(start + 10).count("br-int"), 1u);
    EXPECT_EQ(contest.waiting(start + 10).at("br-int"), "Mirror mirror-out-1");
    int64_t next = contest.next_ms(start + 10);
    EXPECT_EQ(next, start + Contest::INTERVAL_MS);
    EXPECT_TRUE(contest.waiting(next).empty());
    EXPECT_TRUE(repairs(next));
}

TEST_F(ContestTest, LetsThroughWhatWasNeverInForce)
{
    for (int i = 0; i < 100; i++) {
        contest.saw(SwitchRows{}, desired);
        EXPECT_TRUE(writes(start + i));
    }
}

TEST_F(ContestTest, LetsThroughWhatIsDesiredOtherwiseThanBefore)
{
    for (int i = 0; i < 100; i++) {
        contest.saw(desired, desired);
        SwitchRows before = desired;
        desired.mirrors["mirror-out-1"].select_src = {
            Uuid{{1, static_cast<uint32_t>(i), 0, 0}}};
        contest.saw(before, desired);
        EXPECT_TRUE(writes(start + i));
    }
}

TEST_F(ContestTest, NeverHoldsADeletion)
{
    while (repairs(start)) {
    }
    std::vector<RowEdit> edits = {{RowEdit::Op::Delete, RowEdit::Kind::Mirror,
                                   "mirror-out-1", "delete"}};
    contest.restrain(&edits, desired, start);
    EXPECT_EQ(edits.size(), 1u);
}

TEST_F(ContestTest, HoldsFlowsOfTheBridgeOnlyThatIsContested)
{
    for (int i = 0; i < Contest::BURST; i++) {
        EXPECT_TRUE(contest.flows_changed("br-mirror", start));
        EXPECT_FALSE(contest.holds_flows("br-mirror", start));
    }
    EXPECT_FALSE(contest.flows_changed("br-mirror", start));
    EXPECT_TRUE(contest.holds_flows("br-mirror", start));
    EXPECT_FALSE(contest.holds_flows("br-mirror-dummy", start));
    EXPECT_TRUE(contest.flows_changed("br-mirror-dummy", start));
    EXPECT_FALSE(
        contest.holds_flows("br-mirror", start + Contest::INTERVAL_MS));
}

} // namespace

} // namespace pm
