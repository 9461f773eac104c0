#include "flows/egress.h"
#include "plugin/contest.h"

#include <gtest/gtest.h>

#include "flows/pipeline.h"

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

/* Flows of ours, deleted or changed by somebody who does it again. */
class ContestOfFlows : public testing::Test {
protected:
    static Flow flow(const std::string &match, const std::string &actions)
    {
        return Flow{
            {TABLE_TAP, 100, match},
            Cookie{{FlowOwner::Tap, 1}, Direction::Inbound, 0}.encode(),
            actions};
    }
    /* As many losses as are repaired at once, and then one more. */
    void exhaust(const FlowLoss &loss)
    {
        for (int i = 0; i < Contest::BURST; i++) {
            EXPECT_TRUE(contest.flows_changed("br-mirror", loss, start));
            EXPECT_EQ(restrained({accept, drop}).size(), 2u);
        }
        EXPECT_FALSE(contest.flows_changed("br-mirror", loss, start));
    }
    std::vector<FlowEdit> restrained(const std::vector<Flow> &flows,
                                     int64_t later_ms = 0,
                                     const std::string &on = "br-mirror")
    {
        std::vector<FlowEdit> edits;
        for (const Flow &f : flows) {
            edits.push_back({FlowEdit::Op::Add, f});
        }
        contest.restrain(on, &edits, start + later_ms);
        return edits;
    }

    const Flow accept = flow("in_port=1", "resubmit(,2)");
    const Flow drop = flow("in_port=2", "drop");
    const int64_t start = 1000000;
    Contest contest;
};

TEST_F(ContestOfFlows, WaitsToPutBackWhatIsDeletedAgainAndAgain)
{
    exhaust({{accept}, {}});
    EXPECT_TRUE(restrained({accept}).empty());
    EXPECT_EQ(restrained({accept}, 0, "br-mirror-dummy").size(), 1u);
    EXPECT_EQ(restrained({accept}, Contest::INTERVAL_MS).size(), 1u);
}

TEST_F(ContestOfFlows, NeverWaitsWithADropSinceItsAbsenceCopiesMore)
{
    exhaust({{accept, drop}, {}});
    std::vector<FlowEdit> edits = restrained({accept, drop});
    ASSERT_EQ(edits.size(), 1u);
    EXPECT_EQ(edits[0].flow, drop);
}

/* A clause of a conjunction may be a rejecting rule's; what asks the guards
 * and what limits is no drop either. */
TEST_F(ContestOfFlows, NeverWaitsWithWhatElseKeepsFramesBack)
{
    Filter filter;
    Rule reject;
    reject.number = 1;
    reject.action = RuleAction::Reject;
    reject.protocol = 6;
    reject.source_port = reject.destination_port = PortRange{1000, 1999};
    filter.inbound = {reject};
    EgressSpec limited;
    limited.source = limited.destination = *IpAddress::parse("192.0.2.1");
    limited.rate_kbps = 1000;
    std::vector<Flow> kept_back;
    size_t clauses = 0, handing = 0;
    for (const auto &flows : {filter_flows(5, filter), base_flows(true, 3),
                              egress_flows(7, limited)}) {
        for (const Flow &flow : flows) {
            clauses += flow.actions.str().starts_with("conjunction");
            if (flow.key.table == TABLE_EGRESS && flow.actions != "drop") {
                handing++;
            } else {
                kept_back.push_back(flow);
            }
        }
    }
    EXPECT_GT(clauses, 0u);
    EXPECT_EQ(handing, 2u);
    FlowLoss loss;
    loss.deleted.insert(kept_back.begin(), kept_back.end());
    exhaust(loss);
    EXPECT_EQ(restrained(kept_back).size(), kept_back.size());
    auto egress = egress_flows(7, limited);
    EXPECT_TRUE(contest.waits("br-mirror", start));
    loss.deleted.insert(egress.begin(), egress.end());
    contest.flows_changed("br-mirror", loss, start);
    EXPECT_EQ(restrained(egress).size(), egress.size() - handing);
}

TEST_F(ContestOfFlows, DeletesAtOnceWhatSomebodyMadeOtherwise)
{
    exhaust({{}, {accept, drop}});
    std::vector<FlowEdit> edits = restrained({accept, drop});
    ASSERT_EQ(edits.size(), 2u);
    EXPECT_EQ(edits[0].op, FlowEdit::Op::Delete);
    EXPECT_EQ(edits[0].flow.key, accept.key);
    EXPECT_EQ(edits[1].op, FlowEdit::Op::Add);
    EXPECT_TRUE(restrained({accept}).empty()) << "it is deleted now";
}

TEST_F(ContestOfFlows, NeverHoldsWhatIsNoRepair)
{
    exhaust({{accept}, {}});
    Flow otherwise = accept;
    otherwise.actions = "resubmit(,1)";
    EXPECT_EQ(restrained({otherwise}).size(), 1u);
    std::vector<FlowEdit> edits = {{FlowEdit::Op::Delete, accept}};
    contest.restrain("br-mirror", &edits, start);
    EXPECT_EQ(edits.size(), 1u);
}

} // namespace

} // namespace pm
