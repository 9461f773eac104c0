#include <gtest/gtest.h>

#include "plugin/plan_revocations.h"
#include "tests/unit/host.h"

namespace pm {

namespace {

/* Two tunnels of a NIC, one with a filter, on the switch as desired. */
class KeepRevocations : public testing::Test {
protected:
    KeepRevocations()
    {
        host.plug("nic0", "br-int");
        host.add_source(0);
        host.add_collector(0);
        host.add_collector(1);
        filter = host.add_filter(0, 80);
        one = host.add_tunnel(0, 0, 0);
        other = host.add_tunnel(1, 0, 1, filter);
        EXPECT_TRUE(host.settle());
        actual = host.in_place();
        host.desired.take_changed_flows();
    }

    Plan revocations()
    {
        host.feed();
        outstanding.merge(host.desired.take_changed_flows());
        Plan plan = make_plan(actual, host.desired, &outstanding);
        keep_revocations(actual, host.desired, &plan);
        return plan;
    }

    Host host;
    Uuid one, other, filter;
    Actual actual;
    std::set<OwnerKey> outstanding;
};

TEST_F(KeepRevocations, NoFlowGoesFromAmongOthersAndNoneComes)
{
    int64_t number = host.desired.status_of(one)->number;
    host.model.tunnels.at(one).enabled = false;
    host.model.filters.at(filter).inbound.edit().front().destination_port = {
        443, 443};
    host.model.tunnels.at(other).vni++;
    host.add_tunnel(2, 0, 0, filter);
    Plan plan = revocations();
    ASSERT_EQ(plan.flows.size(), 1u);
    for (const FlowEdit &edit : plan.flows.at("br-mirror")) {
        EXPECT_EQ(edit.op, FlowEdit::Op::Delete);
        EXPECT_EQ(
            Cookie::decode(edit.flow.cookie)->owner,
            (FlowOwner{FlowOwner::Egress, static_cast<uint32_t>(number)}));
    }
    EXPECT_TRUE(plan.rows.empty());
    EXPECT_TRUE(plan.meters.empty());
}

/* Of a tunnel that is refused, for instance, or waits for its meter. */
TEST_F(KeepRevocations, ADeliveryDoesNotStayForWhoHasNothingOnTheSwitchYet)
{
    const OwnerKey delivery{"br-mirror-dlv", {FlowOwner::Deliver, 5}};
    actual.flows[delivery.bridge][delivery.owner] = {
        {{0, 100, "tun_id=5"},
         Cookie{delivery.owner, std::nullopt, 0}.encode(),
         "drop"}};
    host.add_tunnel(2, 0, 0, filter);
    EXPECT_TRUE(host.settle());
    outstanding = host.desired.take_changed_flows();
    EXPECT_TRUE(std::any_of(outstanding.begin(), outstanding.end(),
                            [](const OwnerKey &key) {
                                return key.owner.kind == FlowOwner::Egress;
                            }));
    outstanding.insert(delivery);
    Plan plan = make_plan(actual, host.desired, &outstanding);
    EXPECT_EQ(plan.flows[delivery.bridge].size(), 1u);
}

TEST_F(KeepRevocations, TheProofIsNotHeldUpByWhatWaits)
{
    for (const Uuid &id : {one, other}) {
        host.model.tunnels.at(id).enabled = false;
    }
    Plan plan = revocations();
    ASSERT_TRUE(plan.flows.count("br-mirror"));
    apply_bundle(&actual, "br-mirror", plan.flows.at("br-mirror"));
    EXPECT_FALSE(actual.unproven.empty());
    EXPECT_TRUE(revocations().prove);
}

/* The same switch, which refuses some of what it is sent. */
class Refusing : public KeepRevocations {
protected:
    /* How many edits of its egress flows the tunnel gets: deletions are
     * counted below zero. */
    int egress_edits(const Uuid &tunnel,
                     const std::map<OwnerKey, std::string> &refused)
    {
        host.feed();
        outstanding.merge(host.desired.take_changed_flows());
        plan = make_plan(actual, host.desired, &outstanding, {}, refused);
        FlowOwner owner{
            FlowOwner::Egress,
            static_cast<uint32_t>(host.desired.status_of(tunnel)->number)};
        int edits = 0;
        for (const FlowEdit &edit : plan.flows["br-mirror"]) {
            if (Cookie::decode(edit.flow.cookie)->owner == owner) {
                edits += edit.op == FlowEdit::Op::Delete ? -1 : 1;
            }
        }
        return edits;
    }

    std::map<OwnerKey, std::string> of(FlowOwner::Kind kind, int64_t number)
    {
        return {{{"br-mirror", {kind, static_cast<uint32_t>(number)}},
                 "OFPFMFC_TABLE_FULL"}};
    }

    Plan plan;
};

TEST_F(Refusing, NobodyCopiesByAFilterThatHasBeenWithdrawn)
{
    int64_t number = host.desired.filter_status_of(filter)->number;
    auto refused = of(FlowOwner::Filter, number);
    EXPECT_EQ(egress_edits(other, refused), 0) << "it is as it should be";
    host.model.filters.at(filter).inbound.edit().front().action =
        RuleAction::Reject;
    EXPECT_EQ(egress_edits(other, {}), 0);
    EXPECT_EQ(egress_edits(other, refused), -2);
    EXPECT_EQ(egress_edits(one, refused), 0) << "it has no such filter";
    apply_bundle(&actual, "br-mirror", plan.flows["br-mirror"]);
    EXPECT_FALSE(actual.unproven.empty()) << "its stop is proven";
}

TEST_F(Refusing, OrToADestinationThatHasBeen)
{
    auto refused = of(FlowOwner::Egress, host.desired.status_of(one)->number);
    EXPECT_EQ(egress_edits(one, refused), 0) << "it is as it should be";
    host.model.tunnels.at(one).vni++;
    EXPECT_EQ(egress_edits(one, {}), 2);
    EXPECT_EQ(egress_edits(one, refused), -2);
    apply_bundle(&actual, "br-mirror", plan.flows["br-mirror"]);
    EXPECT_EQ(egress_edits(one, refused), 2) << "it is tried again";
}

TEST_F(Refusing, OrByAnotherFilterThanATapShouldHandItsFramesTo)
{
    auto tap = std::find_if(
        outstanding.begin(), outstanding.end(),
        [](const OwnerKey &key) { return key.owner.kind == FlowOwner::Tap; });
    EXPECT_EQ(tap, outstanding.end());
    host.model.tunnels.at(other).filter = std::nullopt;
    host.feed();
    outstanding.merge(host.desired.take_changed_flows());
    tap = std::find_if(
        outstanding.begin(), outstanding.end(),
        [](const OwnerKey &key) { return key.owner.kind == FlowOwner::Tap; });
    ASSERT_NE(tap, outstanding.end());
    auto refused = of(FlowOwner::Tap, tap->owner.number);
    EXPECT_EQ(egress_edits(other, refused), -2);
    EXPECT_EQ(egress_edits(one, refused), 0) << "it is handed what it was";
}

/* The same switch; 'other', which goes elsewhere, has its filter's new rules
 * wait until the way there is known. */
class PuttingOff : public KeepRevocations {
protected:
    PuttingOff()
    {
        host.add_collector(2);
        host.plug("nic1", "br-int");
        host.add_source(1);
        fellow = host.add_tunnel(2, 1, 2, filter);
        stranger = host.add_tunnel(3, 1, 0);
        EXPECT_TRUE(host.settle());
        actual = host.in_place();
        host.desired.take_changed_flows();
    }

    /* As host.feed(), but nobody tells of paths. */
    Plan plan()
    {
        host.desired.apply(diff(host.seen, host.model));
        host.seen = host.model;
        host.desired.update();
        outstanding.merge(host.desired.take_changed_flows());
        return make_plan(actual, host.desired, &outstanding);
    }

    Plan plan_of_new_rules()
    {
        host.model.filters.at(filter).inbound.edit().front().destination_port =
            {443, 443};
        host.model.collectors.at(row_id(Row::Collector, 1)).address =
            ip_of("203.0.113.77");
        Plan made = plan();
        EXPECT_TRUE(host.desire(other).undecided);
        return made;
    }

    /* Edits of a tunnel's egress flows, or of the filter's. */
    std::vector<FlowEdit::Op> edits_of(const Plan &plan, FlowOwner::Kind kind,
                                       int64_t number) const
    {
        std::vector<FlowEdit::Op> ops;
        FlowOwner owner{kind, static_cast<uint32_t>(number)};
        auto bundle = plan.flows.find("br-mirror");
        if (bundle != plan.flows.end()) {
            for (const FlowEdit &edit : bundle->second) {
                if (Cookie::decode(edit.flow.cookie)->owner == owner) {
                    ops.push_back(edit.op);
                }
            }
        }
        return ops;
    }
    std::vector<FlowEdit::Op> edits_of(const Plan &plan,
                                       const Uuid &tunnel) const
    {
        return edits_of(plan, FlowOwner::Egress,
                        host.desired.status_of(tunnel)->number);
    }

    Uuid fellow, stranger;
};

using Ops = std::vector<FlowEdit::Op>;

TEST_F(PuttingOff, NobodyGoesElsewhereByTheFormerRules)
{
    host.model.tunnels.at(fellow).vni++;
    Plan made = plan_of_new_rules();
    EXPECT_EQ(edits_of(made, fellow), Ops{}) << "it goes on as it was";
    EXPECT_FALSE(made.waiting.empty());
    ASSERT_TRUE(host.settle());
    made = plan();
    EXPECT_NE(edits_of(made, fellow), Ops{});
    EXPECT_NE(edits_of(made, other), Ops{});
    EXPECT_NE(edits_of(made, FlowOwner::Filter,
                       host.desired.filter_status_of(filter)->number),
              Ops{});
}

TEST_F(PuttingOff, WhatIsTakenAwayWaitsForNobody)
{
    host.model.tunnels.at(fellow).packet_length = 100;
    EXPECT_NE(edits_of(plan_of_new_rules(), fellow), Ops{});
    host.model.tunnels.at(fellow).mode = Mode::Count;
    EXPECT_NE(edits_of(plan(), fellow), Ops{});
}

TEST_F(PuttingOff, NobodyKeepsMoreOfAFrameByTheFormerRules)
{
    host.model.tunnels.at(fellow).packet_length = 100;
    ASSERT_TRUE(host.settle());
    actual = host.in_place();
    host.desired.take_changed_flows();
    outstanding.clear();
    host.model.tunnels.at(fellow).packet_length = 200;
    EXPECT_EQ(edits_of(plan_of_new_rules(), fellow), Ops{});
    host.model.tunnels.at(fellow).packet_length = std::nullopt;
    EXPECT_EQ(edits_of(plan(), fellow), Ops{});
}

TEST_F(PuttingOff, WhomNobodyEditedComesBackAfterARestartOfTheSwitch)
{
    plan_of_new_rules();
    for (auto &[bridge, owners] : actual.flows) {
        owners.clear();
    }
    for (const auto &[key, flows] : host.desired.flows()) {
        outstanding.insert(key);
    }
    EXPECT_NE(edits_of(plan(), fellow), Ops{});
}

TEST_F(PuttingOff, AFilterThatGoesIsLeftToWhoIsToHaveAnother)
{
    host.model.tunnels.at(other).filter = host.add_filter(1, 22);
    host.model.tunnels.at(fellow).filter = std::nullopt;
    host.model.filters.erase(filter);
    Plan made = plan();
    EXPECT_TRUE(host.desire(other).undecided);
    EXPECT_EQ(edits_of(made, other), Ops{});
    EXPECT_EQ(edits_of(made, FlowOwner::Filter,
                       host.desired.filter_status_of(filter)->number),
              Ops{});
}

TEST_F(PuttingOff, WhoComesToTheFilterSendsNothingMeanwhile)
{
    host.model.tunnels.at(stranger).filter = filter;
    Plan made = plan_of_new_rules();
    Ops ops = edits_of(made, stranger);
    ASSERT_NE(ops, Ops{});
    EXPECT_EQ(std::count(ops.begin(), ops.end(), FlowEdit::Op::Add), 0);
    EXPECT_EQ(edits_of(made, fellow), Ops{});
    apply_bundle(&actual, "br-mirror", made.flows.at("br-mirror"));
    OwnerKey egress{
        "br-mirror",
        {FlowOwner::Egress,
         static_cast<uint32_t>(host.desired.status_of(stranger)->number)}};
    EXPECT_TRUE(actual.flows_of(egress).empty());
    outstanding.insert(egress); /* As what was edited is looked at anew. */
    EXPECT_EQ(edits_of(plan(), stranger), Ops{}) << "nor later";
    ASSERT_TRUE(host.settle());
    ops = edits_of(plan(), stranger);
    EXPECT_NE(std::count(ops.begin(), ops.end(), FlowEdit::Op::Add), 0);
}

TEST_F(PuttingOff, WhoIsEditedLaterIsNotWaitedFor)
{
    plan_of_new_rules();
    ASSERT_TRUE(host.answer_paths());
    host.model.collectors.at(row_id(Row::Collector, 2)).address =
        ip_of("203.0.113.78");
    host.show_paths();
    Plan made = plan();
    EXPECT_TRUE(host.desire(fellow).undecided);
    EXPECT_FALSE(host.desired.is_put_off(filter));
    EXPECT_NE(edits_of(made, other), Ops{});
    EXPECT_NE(edits_of(made, FlowOwner::Filter,
                       host.desired.filter_status_of(filter)->number),
              Ops{});
    EXPECT_EQ(edits_of(made, fellow), Ops{});
}

TEST_F(PuttingOff, WhoWaitsForARowThatIsRefusedStops)
{
    Uuid fresh = host.add_filter(1, 22);
    host.model.tunnels.at(fellow).filter = fresh;
    EXPECT_EQ(edits_of(plan(), fellow), Ops{});
    EXPECT_TRUE(host.desire(fellow).egress) << "it goes on as it was";
    host.desired.set_refused({fresh});
    Ops ops = edits_of(plan(), fellow);
    EXPECT_NE(std::count(ops.begin(), ops.end(), FlowEdit::Op::Delete), 0);
    EXPECT_TRUE(host.desire(fellow).reasons.count("CONTROL_REFUSED"));
    host.desired.set_refused({});
    plan();
    EXPECT_FALSE(host.desire(fellow).reasons.count("CONTROL_REFUSED"));
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(host.desire(fellow).egress);
    EXPECT_TRUE(host.desire(fellow).reasons.empty());
}

TEST_F(PuttingOff, NorDoesANewTunnel)
{
    Uuid fresh = host.add_tunnel(4, 0, 2, filter);
    ASSERT_TRUE(host.settle());
    host.desired.take_changed_flows();
    /* Its status row is there, and nothing of it on the switch. */
    FlowOwner owner{
        FlowOwner::Egress,
        static_cast<uint32_t>(host.desired.status_of(fresh)->number)};
    outstanding.insert({"br-mirror", owner});
    outstanding.insert(*host.desired.tap_of("nic0"));
    EXPECT_NE(edits_of(plan(), fresh), Ops{});
    host.model.tunnels.at(fresh).vni++;
    Plan made = plan_of_new_rules();
    ASSERT_TRUE(host.desire(fresh).egress);
    EXPECT_EQ(edits_of(made, fresh), Ops{});
}

TEST_F(PuttingOff, WhoWaitsForItsOwnRowHoldsUpNoRules)
{
    host.model.tunnels.at(other).filter = host.add_filter(1, 22);
    EXPECT_EQ(edits_of(plan(), other), Ops{}) << "it goes on as it was";
    EXPECT_TRUE(host.desire(other).undecided);
    host.model.filters.at(filter).inbound.edit().front().destination_port = {
        443, 443};
    Plan made = plan();
    EXPECT_NE(edits_of(made, FlowOwner::Filter,
                       host.desired.filter_status_of(filter)->number),
              Ops{});
    Ops ops = edits_of(made, other);
    EXPECT_EQ(std::count(ops.begin(), ops.end(), FlowEdit::Op::Delete), 2);
    EXPECT_EQ(ops.size(), 2u);
}

} // namespace

} // namespace pm
