#include "plugin/refusals.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace pm {

namespace {

FlowEdit
edit_of(uint32_t tunnel, FlowEdit::Op op = FlowEdit::Op::Add)
{
    Flow flow;
    flow.key.table = TABLE_EGRESS;
    flow.key.match = "reg2=" + std::to_string(tunnel);
    flow.cookie =
        Cookie{{FlowOwner::Egress, tunnel}, std::nullopt, 0}.encode();
    return {op, flow};
}

/* A switch that accepts all flows but those of some tunnels, and what comes
 * to it. */
class RefusalsTest : public testing::Test {
protected:
    /* One round: returns how many edits the bundle had, 0 if none was sent. */
    size_t send(int64_t now_ms)
    {
        std::vector<FlowEdit> edits = outstanding;
        refusals.select("br-mirror", &edits, now_ms);
        if (renews && !edits.empty()) {
            FlowEdit renewal = edit_of(0);
            renewal.flow.cookie =
                Cookie{{FlowOwner::Renewal, 0}, std::nullopt, 0}.encode();
            edits.push_back(renewal);
        }
        for (const FlowEdit &edit : edits) {
            auto number = Cookie::decode(edit.flow.cookie)->owner.number;
            if (edit.op == FlowEdit::Op::Add ? bad.count(number)
                                             : bad_to_delete.count(number)) {
                refusals.refused("br-mirror", edits, "OFPBAC_BAD", now_ms);
                return edits.size();
            }
        }
        if (!edits.empty()) {
            refusals.applied("br-mirror", edits);
            std::erase_if(outstanding, [&](const FlowEdit &edit) {
                return std::find(edits.begin(), edits.end(), edit) !=
                       edits.end();
            });
        }
        return edits.size();
    }

    Refusals refusals;
    std::vector<FlowEdit> outstanding;
    std::set<uint32_t> bad, bad_to_delete;
    bool renews = false; /* A flow of nobody's goes with each bundle. */
};

TEST_F(RefusalsTest, SendsEverythingInOneBundleWhileNothingIsRefused)
{
    outstanding = {edit_of(1), edit_of(2), edit_of(3, FlowEdit::Op::Delete)};
    EXPECT_EQ(send(0), 3u);
    EXPECT_TRUE(outstanding.empty());
}

TEST_F(RefusalsTest, OneBadOwnerHoldsUpNoOther)
{
    outstanding = {edit_of(3, FlowEdit::Op::Delete), edit_of(1), edit_of(2),
                   edit_of(4)};
    bad = {2};
    EXPECT_EQ(send(0), 4u);
    EXPECT_EQ(send(0), 1u) << "what is to stop goes first";
    EXPECT_EQ(outstanding.size(), 3u);
    for (int i = 0; i < 5; i++) {
        send(0);
    }
    EXPECT_EQ(outstanding, std::vector<FlowEdit>{edit_of(2)});
    ASSERT_EQ(refusals.reasons().size(), 1u);
    EXPECT_EQ(refusals.reasons().begin()->first.owner.number, 2u);
    EXPECT_EQ(refusals.reasons().begin()->second, "OFPBAC_BAD");
}

TEST_F(RefusalsTest, NobodysEditIsMadeByHalf)
{
    FlowEdit before = edit_of(5, FlowEdit::Op::Delete), after = edit_of(5);
    before.flow.key.match += ",ip";
    outstanding = {edit_of(2), before, after};
    bad = {2};
    for (int i = 0; i < 5; i++) {
        send(0);
        EXPECT_EQ(std::count(outstanding.begin(), outstanding.end(), before),
                  std::count(outstanding.begin(), outstanding.end(), after));
    }
    EXPECT_EQ(outstanding, std::vector<FlowEdit>{edit_of(2)});
}

TEST_F(RefusalsTest, ADeletionThatIsRefusedWaitsAndHoldsUpNoOther)
{
    outstanding = {edit_of(1, FlowEdit::Op::Delete), edit_of(3), edit_of(4)};
    bad_to_delete = {1};
    for (int i = 0; i < 6; i++) {
        send(0);
    }
    EXPECT_EQ(outstanding,
              (std::vector<FlowEdit>{edit_of(1, FlowEdit::Op::Delete)}));
    EXPECT_EQ(send(0), 0u);
    EXPECT_EQ(send(Refusals::RETRY_MS), 1u) << "it is tried again";
}

TEST_F(RefusalsTest, NorDoesItHoldUpOtherDeletions)
{
    for (uint32_t tunnel : {1, 2, 3, 4}) {
        outstanding.push_back(edit_of(tunnel, FlowEdit::Op::Delete));
    }
    outstanding.push_back(edit_of(5));
    bad_to_delete = {2};
    for (int i = 0; i < 8; i++) {
        send(0);
    }
    EXPECT_EQ(outstanding,
              (std::vector<FlowEdit>{edit_of(2, FlowEdit::Op::Delete)}));
    EXPECT_EQ(send(Refusals::RETRY_MS - 1), 0u);
    bad_to_delete.clear();
    EXPECT_EQ(send(Refusals::RETRY_MS), 1u);
    EXPECT_EQ(send(Refusals::RETRY_MS), 0u);
    for (uint32_t tunnel : {6, 7}) {
        outstanding.push_back(edit_of(tunnel, FlowEdit::Op::Delete));
    }
    EXPECT_EQ(send(Refusals::RETRY_MS), 2u) << "together again";
}

TEST_F(RefusalsTest, NorDoesItSoWhereBundlesRenewWhatIsCached)
{
    renews = true;
    for (uint32_t tunnel : {1, 2, 3, 4}) {
        outstanding.push_back(edit_of(tunnel, FlowEdit::Op::Delete));
    }
    bad_to_delete = {2};
    for (int i = 0; i < 8; i++) {
        send(0);
    }
    EXPECT_EQ(outstanding,
              (std::vector<FlowEdit>{edit_of(2, FlowEdit::Op::Delete)}));
    ASSERT_EQ(refusals.reasons().size(), 1u);
    EXPECT_EQ(refusals.reasons().begin()->first.owner.number, 2u);
}

TEST_F(RefusalsTest, AFlowGoesWithWhomItsMatchComesTo)
{
    FlowEdit goes = edit_of(4, FlowEdit::Op::Delete), comes = edit_of(4);
    FlowEdit taken = edit_of(5);
    taken.flow.key.match = goes.flow.key.match = edit_of(6).flow.key.match;
    /* Owner 4 leaves what 3 takes. */
    taken.flow.cookie = edit_of(3).flow.cookie;
    outstanding = {edit_of(2), goes, taken, comes};
    bad = {2};
    send(0);
    for (int i = 0; i < 6; i++) {
        auto before = outstanding;
        send(0);
        bool came = std::count(before.begin(), before.end(), taken) !=
                    std::count(outstanding.begin(), outstanding.end(), taken);
        if (came) {
            EXPECT_EQ(std::count(outstanding.begin(), outstanding.end(), goes),
                      0);
        }
    }
    EXPECT_EQ(outstanding, std::vector<FlowEdit>{edit_of(2)});
}

TEST_F(RefusalsTest, WhoWasRefusedMayGoAtOnce)
{
    outstanding = {edit_of(2)};
    bad = {2};
    send(0);
    outstanding = {edit_of(2, FlowEdit::Op::Delete)};
    EXPECT_EQ(send(1), 1u);
}

TEST_F(RefusalsTest, TriesAgainAfterAWhileAndForgetsWhatWentWell)
{
    outstanding = {edit_of(2)};
    bad = {2};
    EXPECT_EQ(send(0), 1u);
    EXPECT_EQ(send(1), 0u);
    EXPECT_EQ(refusals.next_ms("br-mirror"), Refusals::RETRY_MS);
    bad.clear();
    EXPECT_EQ(send(Refusals::RETRY_MS), 1u);
    EXPECT_TRUE(refusals.reasons().empty());
    EXPECT_EQ(refusals.next_ms("br-mirror"), 0);
}

TEST_F(RefusalsTest, ForgetsAnOwnerThatIsNotWantedAnyMore)
{
    outstanding = {edit_of(2)};
    bad = {2};
    send(0);
    outstanding = {edit_of(5)};
    EXPECT_EQ(send(1), 1u);
    EXPECT_TRUE(refusals.reasons().empty());
}

TEST_F(RefusalsTest, ForgetsWhatANewConnectionMayNotRefuse)
{
    outstanding = {edit_of(2)};
    bad = {2};
    send(0);
    refusals.forget("br-mirror");
    EXPECT_TRUE(refusals.reasons().empty());
    EXPECT_EQ(send(1), 1u);
}

TEST_F(RefusalsTest, AMeterThatIsRefusedIsSaidAndTriedAgainByItself)
{
    MeterEdit one{MeterEdit::Op::Add, {FlowOwner::Egress, 1}, 1000};
    MeterEdit all{MeterEdit::Op::Add, {FlowOwner::Base, 0}, 5000};
    refusals.judged("br-mirror", one, "OFPMMFC_OUT_OF_METERS", 0);
    refusals.judged("br-mirror", all, "", 0);
    auto select = [&](int64_t now_ms) {
        std::vector<MeterEdit> edits = {one, all};
        refusals.select("br-mirror", &edits, now_ms);
        return edits;
    };
    EXPECT_EQ(select(1), std::vector<MeterEdit>{all});
    OwnerKey owner{"br-mirror", {FlowOwner::Egress, 1}};
    ASSERT_EQ(refusals.reasons().count(owner), 1u);
    EXPECT_EQ(refusals.reasons()[owner],
              "OFPMMFC_OUT_OF_METERS; where the switch has no meters, leave "
              "out rate_kbps and set external_ids:mirror-rate-kbps=unlimited");
    EXPECT_EQ(refusals.next_ms("br-mirror"), Refusals::RETRY_MS);
    EXPECT_EQ(select(Refusals::RETRY_MS).size(), 2u);
    refusals.judged("br-mirror", one, "", Refusals::RETRY_MS);
    EXPECT_TRUE(refusals.reasons().empty());

    refusals.judged("br-mirror", one, "OFPMMFC_OUT_OF_METERS", 0);
    std::vector<MeterEdit> none;
    refusals.select("br-mirror", &none, 1);
    EXPECT_TRUE(refusals.reasons().empty()) << "it is not wanted any more";
    EXPECT_EQ(refusals.next_ms("br-mirror"), 0);
}

} // namespace

} // namespace pm
