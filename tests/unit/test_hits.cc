#include <gtest/gtest.h>

#include <limits>

#include "flows/pipeline.h"
#include "plugin/hits.h"

using namespace pm;

namespace {

constexpr int64_t NUMBER = 5;
const Uuid ID = {{1, 2, 3, 4}};

/* A filter with inbound rules 100 and 200, its row, and a daemon. */
class HitsTest : public testing::Test {
protected:
    HitsTest()
    {
        for (int number : {100, 200}) {
            Rule rule;
            rule.number = number;
            filter.inbound.edit().push_back(rule);
        }
        row.number = NUMBER;
    }

    static RuleCount flow(int rule, const std::string &match, int64_t packets)
    {
        Cookie cookie{{FlowOwner::Filter, NUMBER}, Direction::Inbound, rule};
        return {{TABLE_FILTER, static_cast<uint16_t>(40000 - rule), match},
                cookie.encode(),
                packets};
    }

    /* Counts on a bridge and reports. */
    void count(const std::vector<RuleCount> &flows,
               const std::string &bridge = "br-mirror")
    {
        hits.counted(bridge, flows);
        hits.fold(ID, filter, &row);
    }

    void restart_daemon() { hits = Hits(); }

    Filter filter;
    FilterStatus row;
    Hits hits;
};

using Map = std::map<int, int64_t>;

} // namespace

TEST_F(HitsTest, ThatHaveNotChangedStayWhatCopiesOfTheRowShare)
{
    count({flow(100, "tcp", 3), flow(200, "ip", 0)});
    FilterStatus copy = row;
    count({flow(100, "tcp", 3), flow(200, "ip", 0)});
    EXPECT_TRUE(row.inbound_hits.is_shared());
    EXPECT_TRUE(row.hit_bases.is_shared());
    count({flow(100, "tcp", 4), flow(200, "ip", 0)});
    EXPECT_EQ(copy.inbound_hits, (Map{{100, 3}, {200, 0}}));
    EXPECT_EQ(row.inbound_hits, (Map{{100, 4}, {200, 0}}));
}

TEST_F(HitsTest, AreSummedOverARulesFlows)
{
    count({flow(100, "tcp", 3), flow(100, "tcp6", 4), flow(200, "ip", 0)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 7}, {200, 0}}));
    EXPECT_EQ(row.outbound_hits, Map{});
    count({flow(100, "tcp", 5), flow(100, "tcp6", 4), flow(200, "ip", 1)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 9}, {200, 1}}));
}

TEST_F(HitsTest, StayWhileFlowsOfOtherFiltersAreCounted)
{
    count({flow(100, "tcp", 3), flow(200, "ip", 4)});
    hits.counted("br-mirror", {}, *chunk_of({FlowOwner::Filter, 4000}));
    count({flow(100, "tcp", 5), flow(200, "ip", 4)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 5}, {200, 4}}));
    hits.counted("br-mirror", {}, *chunk_of({FlowOwner::Filter, NUMBER}));
    count({flow(100, "tcp", 1), flow(200, "ip", 0)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 6}, {200, 4}}))
        << "made anew in between";
}

TEST_F(HitsTest, OfAFlowThatCameBackBeginAtZeroHoweverManyItHasBeenCounted)
{
    count({flow(100, "tcp", 3), flow(200, "ip", 4)});
    EXPECT_TRUE(hits.has_counted("br-mirror", NUMBER));
    EXPECT_FALSE(hits.has_counted("br-mirror", NUMBER + 1));
    EXPECT_FALSE(hits.has_counted("br-other", NUMBER));
    hits.forget_flow("br-mirror", NUMBER, flow(100, "tcp", 0).key);
    hits.forget_flow("br-mirror", NUMBER + 1, flow(200, "ip", 0).key);
    hits.forget_flow("br-other", NUMBER, flow(200, "ip", 0).key);
    count({flow(100, "tcp", 5), flow(200, "ip", 5)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 8}, {200, 5}}));
}

TEST_F(HitsTest, OfAFlowThatWentAreNotTakenForThoseOfOneThatStays)
{
    hits.counted("br-mirror", {flow(100, "tcp", 100)});
    count({flow(100, "tcp", 50)}, "br-other");
    EXPECT_EQ(row.inbound_hits, (Map{{100, 150}}));
    hits.forget_flow("br-mirror", NUMBER, flow(100, "tcp", 0).key);
    count({flow(100, "tcp", 50)}, "br-other");
    restart_daemon();
    hits.counted("br-mirror", {});
    count({flow(100, "tcp", 53)}, "br-other");
    EXPECT_EQ(row.inbound_hits, (Map{{100, 153}}));
}

TEST_F(HitsTest, ThatCameBeforeTheFirstReportAreAddedToThoseOfTheRow)
{
    count({flow(100, "tcp", 100)});
    restart_daemon();
    hits.counted("br-mirror", {});
    hits.counted("br-mirror", {flow(100, "tcp", 120)});
    count({flow(100, "tcp", 150)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 250}}));
}

TEST_F(HitsTest, OfARuleThatIsNotInstalledAreUnknown)
{
    count({flow(200, "ip", 2)});
    EXPECT_EQ(row.inbound_hits, (Map{{200, 2}}));
}

TEST_F(HitsTest, GoOnWhereTheLastDaemonEnded)
{
    count({flow(100, "tcp", 10)});
    restart_daemon();
    count({flow(100, "tcp", 15)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 15}}));
}

TEST_F(HitsTest, NeverGoBackWhenTheSwitchBeginsAnew)
{
    count({flow(100, "tcp", 10)});
    count({flow(100, "tcp", 3)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 13}}));
    restart_daemon();
    count({flow(100, "tcp", 2)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 15}}));
    count({flow(100, "tcp", 6)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 19}}));
    restart_daemon();
    count({flow(100, "tcp", 7)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 20}}));
}

TEST_F(HitsTest, StayWhenSomeOfARulesFlowsAreMadeAnew)
{
    count({flow(100, "tcp", 10), flow(100, "udp", 20)});
    count({flow(100, "tcp", 10), flow(100, "sctp", 1)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 31}}));
    restart_daemon();
    count({flow(100, "tcp", 11), flow(100, "sctp", 1)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 32}}));
}

TEST_F(HitsTest, StayWhenARuleIsShadowed)
{
    count({flow(100, "tcp", 10)});
    count({});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 10}}));
    count({flow(100, "tcp", 2)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 12}}));
}

TEST_F(HitsTest, GoWithTheirRule)
{
    count({flow(100, "tcp", 10), flow(200, "ip", 1)});
    filter.inbound.edit().pop_back();
    count({flow(100, "tcp", 10)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 10}}));
    EXPECT_EQ(row.hit_bases.size(), 1u);
}

TEST_F(HitsTest, OfAFilterThatIsGoneAreNotAnothers)
{
    count({flow(100, "tcp", 10)});
    hits.counted("br-mirror", {flow(100, "tcp", 12)});
    hits.forget(ID, NUMBER);
    row = FilterStatus();
    row.number = NUMBER;
    hits.fold(ID, filter, &row);
    EXPECT_EQ(row.inbound_hits, Map{});
    count({flow(100, "tcp", 3)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 3}}));
}

TEST_F(HitsTest, OfTwoBridgesAddUp)
{
    hits.counted("br-mirror-netdev", {flow(100, "tcp", 5)});
    count({flow(100, "tcp", 10)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, 15}}));
    count({flow(100, "tcp", 7)}, "br-mirror-netdev");
    EXPECT_EQ(row.inbound_hits, (Map{{100, 17}}));
}

TEST_F(HitsTest, AreTakenNoteOfOnlyWhereThereAreNew)
{
    hits.counted("br", {});
    EXPECT_EQ(hits.counted("br", {flow(100, "tcp", 0)}),
              std::set<int64_t>{NUMBER});
    EXPECT_EQ(hits.counted("br", {flow(100, "tcp", 0)}), std::set<int64_t>{});
    EXPECT_EQ(hits.counted("br", {flow(100, "tcp", 1)}),
              std::set<int64_t>{NUMBER});
}

TEST_F(HitsTest, StayAtTheEndOfTheirRangeWhateverTheRowHas)
{
    constexpr int64_t MAX = std::numeric_limits<int64_t>::max();
    row.inbound_hits = {{100, MAX}, {200, 7}};
    row.hit_bases = {{"inbound:100", MAX}, {"inbound:200", -MAX - 1}};
    count({flow(100, "tcp", MAX), flow(100, "tcp6", MAX), flow(200, "ip", 5)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, MAX}, {200, 12}}));
    count({flow(100, "tcp", 1), flow(100, "tcp6", MAX), flow(200, "ip", 6)});
    EXPECT_EQ(row.inbound_hits, (Map{{100, MAX}, {200, 13}}));
}
