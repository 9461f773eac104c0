#include "plugin/mirror_watch.h"

#include <gtest/gtest.h>

namespace pm {

namespace {

constexpr int64_t STATISTICS_MS = 5000;
constexpr int64_t PATIENCE_MS = 2 * STATISTICS_MS + MirrorWatch::INTERVAL_MS;

/* One Mirror of NIC "nic-1" that is in the database as desired. */
class MirrorWatchTest : public testing::Test {
protected:
    MirrorWatchTest()
    {
        MirrorRow mirror;
        mirror.bridge = "br-int";
        mirror.mark.iface_id = "nic-1";
        rows.mirrors["mirror-out-1"] = mirror;
    }

    /* Whether what is dead changed. */
    bool judge(int64_t now_ms, const std::set<std::string> &counted = {})
    {
        return watch.judge(rows, rows, counted, STATISTICS_MS, now_ms);
    }

    const std::map<std::string, std::string> one_dead = {
        {"nic-1", "mirror-out-1"}};
    MirrorWatch watch;
    SwitchRows rows;
    const int64_t start = 1000000;
};

TEST_F(MirrorWatchTest, AMirrorWithoutStatisticsForTwoIntervalsIsDead)
{
    EXPECT_FALSE(judge(start));
    EXPECT_FALSE(judge(start + PATIENCE_MS - 1));
    EXPECT_TRUE(judge(start + PATIENCE_MS));
    EXPECT_EQ(watch.dead(), one_dead);
    EXPECT_FALSE(judge(start + 2 * PATIENCE_MS)) << "it is dead already";
}

TEST_F(MirrorWatchTest, OneThatIsCountedLives)
{
    judge(start);
    EXPECT_FALSE(judge(start + PATIENCE_MS, {"mirror-out-1"}));
    EXPECT_TRUE(watch.dead().empty());
}

TEST_F(MirrorWatchTest, PatienceBeginsAnewAfterItWasCounted)
{
    judge(start);
    judge(start + PATIENCE_MS - 1, {"mirror-out-1"});
    EXPECT_FALSE(judge(start + PATIENCE_MS));
    EXPECT_TRUE(watch.dead().empty());
}

TEST_F(MirrorWatchTest, LivesAgainAsSoonAsItIsCounted)
{
    judge(start);
    judge(start + PATIENCE_MS);
    EXPECT_TRUE(judge(start + PATIENCE_MS + 1, {"mirror-out-1"}));
    EXPECT_TRUE(watch.dead().empty());
}

TEST_F(MirrorWatchTest, PatienceBeginsAnewWithAnExcuse)
{
    judge(start);
    watch.excuse();
    EXPECT_FALSE(judge(start + PATIENCE_MS));
    EXPECT_TRUE(judge(start + 2 * PATIENCE_MS));
}

TEST_F(MirrorWatchTest, OneThatIsNotAsDesiredIsNotJudged)
{
    SwitchRows others = rows;
    others.mirrors["mirror-out-1"].output_port = "somebody-else's";
    judge(start);
    watch.judge(others, rows, {}, STATISTICS_MS, start + 1);
    EXPECT_FALSE(judge(start + PATIENCE_MS)) << "patience began anew";
    watch.judge(SwitchRows{}, rows, {}, STATISTICS_MS, start + PATIENCE_MS);
    EXPECT_TRUE(watch.dead().empty());
}

TEST_F(MirrorWatchTest, OneThatIsNotWantedAnyMoreIsForgotten)
{
    judge(start);
    judge(start + PATIENCE_MS);
    EXPECT_TRUE(watch.judge(rows, SwitchRows{}, {}, STATISTICS_MS,
                            start + PATIENCE_MS + 1));
    EXPECT_TRUE(watch.dead().empty());
}

} // namespace

} // namespace pm
