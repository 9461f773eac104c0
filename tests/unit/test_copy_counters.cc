#include <gtest/gtest.h>

#include <limits>

#include "plugin/copy_counters.h"
#include "tests/unit/host.h"

namespace pm {

namespace {

TEST(Count, FollowsTheSwitch)
{
    Counters counters;
    count(&counters, "x", 3);
    count(&counters, "x", 10);
    EXPECT_EQ(counters.values["x"], 10);
}

TEST(Count, GoesOnWhenTheFlowIsMadeAnew)
{
    Counters counters;
    count(&counters, "x", 10);
    count(&counters, "x", 0);
    EXPECT_EQ(counters.values["x"], 10);
    count(&counters, "x", 4);
    EXPECT_EQ(counters.values["x"], 14);
    count(&counters, "x", 1);
    EXPECT_EQ(counters.values["x"], 15);
}

TEST(Count, StaysAtTheEndOfItsRangeWhateverTheRowHas)
{
    constexpr int64_t MAX = std::numeric_limits<int64_t>::max();
    Counters counters;
    counters.values["x"] = 5;
    counters.bases["x"] = MAX;
    count(&counters, "x", 3);
    EXPECT_EQ(counters.values["x"], MAX);
    counters.values["y"] = 5;
    counters.bases["y"] = -MAX - 1;
    count(&counters, "y", 3);
    EXPECT_EQ(counters.values["y"], 8);
}

TEST(Count, IsNotDoubledByARestartOfTheDaemon)
{
    Counters counters;
    count(&counters, "x", 10);
    count(&counters, "x", 2);
    Counters row = counters; /* Read back from the status row. */
    count(&row, "x", 2);
    EXPECT_EQ(row.values["x"], 12);
    count(&row, "x", 5);
    EXPECT_EQ(row.values["x"], 15);
}

TEST(Count, HasRisenAlsoWhereItBeganAnew)
{
    EXPECT_TRUE(has_risen(0, 1));
    EXPECT_TRUE(has_risen(7, 8));
    EXPECT_TRUE(has_risen(10000, 4000));
    EXPECT_FALSE(has_risen(7, 7));
    EXPECT_FALSE(has_risen(0, 0));
    EXPECT_FALSE(has_risen(7, 0)) << "begun anew, and nothing since";
}

TEST(Count, NeverGoesDown)
{
    Counters counters;
    int64_t last = 0;
    for (int64_t value : {5, 9, 0, 0, 3, 2, 2, 7, 100, 1}) {
        count(&counters, "x", value);
        EXPECT_GE(counters.values["x"], last);
        last = counters.values["x"];
    }
}

/* A tunnel that runs, and its row. */
class CopyCountersTest : public testing::Test {
protected:
    CopyCountersTest()
    {
        host.plug("nic0", "br-int");
        host.add_source(0);
        host.add_collector(0);
        tunnel = host.add_tunnel(0, 0, 0);
        EXPECT_TRUE(host.settle());
    }

    int64_t number() const { return host.desired.status_of(tunnel)->number; }
    int64_t value(const std::string &name) const
    {
        return copies.of(tunnel)->values.find(name)->second;
    }
    /* Its row says what was counted. */
    ModelDelta tell()
    {
        Uuid row = *host.desired.status_row_of(tunnel);
        ModelDelta delta;
        host.model.tunnel_statuses.at(row).counters = *copies.of(tunnel);
        host.feed();
        delta.tunnel_statuses[row] = host.model.tunnel_statuses.at(row);
        return delta;
    }

    Host host;
    Uuid tunnel;
    CopyCounters copies{host.desired};
};

TEST_F(CopyCountersTest, OfATunnelWithoutCopiesAreNone)
{
    EXPECT_TRUE(copies.is_uncounted(number()));
    EXPECT_EQ(copies.of(tunnel), nullptr);
    copies.begin(number(), "inbound_packets");
    EXPECT_TRUE(copies.is_uncounted(number())) << "a flow came, at 0";
    EXPECT_TRUE(copies.take_news().empty());
}

TEST_F(CopyCountersTest, AreNewsWhereTheyChangeAndOnce)
{
    copies.note(number(), "inbound_packets", 3);
    EXPECT_EQ(copies.take_news(), (std::set<Uuid>{tunnel}));
    EXPECT_FALSE(copies.is_uncounted(number()));
    copies.note(number(), "inbound_packets", 3);
    EXPECT_TRUE(copies.take_news().empty());
}

TEST_F(CopyCountersTest, OfAnUnknownNumberAreNobodys)
{
    copies.note(number() + 1, "inbound_packets", 3);
    EXPECT_TRUE(copies.take_news().empty());
    EXPECT_TRUE(copies.all().empty());
}

TEST_F(CopyCountersTest, GoOnFromTheRowAfterARestart)
{
    copies.note(number(), "inbound_packets", 100);
    tell();
    CopyCounters anew(host.desired);
    EXPECT_FALSE(anew.is_uncounted(number()));
    anew.note(number(), "inbound_packets", 130);
    EXPECT_EQ(anew.of(tunnel)->values.at("inbound_packets"), 130);
}

TEST_F(CopyCountersTest, AddWhatComesAfterAFlowWasMadeAnewHoweverMuch)
{
    copies.note(number(), "inbound_packets", 100);
    copies.begin(number(), "inbound_packets");
    copies.note(number(), "inbound_packets", 150);
    EXPECT_EQ(value("inbound_packets"), 250);
}

TEST_F(CopyCountersTest, AreSharedWithTheRowThatTellsThem)
{
    copies.note(number(), "inbound_packets", 3);
    copies.share(tell());
    EXPECT_TRUE(copies.of(tunnel)->values.is_shared());
    copies.note(number(), "inbound_packets", 4);
    EXPECT_EQ(
        host.desired.status_of(tunnel)->counters.values.at("inbound_packets"),
        3);
}

TEST_F(CopyCountersTest, OfATunnelThatIsGoneAreForgotten)
{
    EXPECT_FALSE(copies.forget(tunnel));
    copies.note(number(), "inbound_packets", 3);
    EXPECT_TRUE(copies.forget(tunnel));
    EXPECT_TRUE(copies.is_uncounted(number()));
}

} // namespace

} // namespace pm
