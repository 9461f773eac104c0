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
    host.model.filters.at(filter).inbound.front().destination_port = {443,
                                                                      443};
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
    host.model.filters.at(filter).inbound.front().action = RuleAction::Reject;
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

/* The same switch; 'other' and 'fellow' have a filter, and 'other' is to go
 * elsewhere, the way to where is not known yet. */
class GoingElsewhere : public KeepRevocations {
protected:
    GoingElsewhere()
    {
        host.add_collector(2);
        host.plug("nic1", "br-int");
        host.add_source(1);
        fellow = host.add_tunnel(2, 1, 2, filter);
        EXPECT_TRUE(host.settle());
        actual = host.in_place();
        host.desired.take_changed_flows();
        host.model.collectors.at(row_id(Row::Collector, 1)).address =
            ip_of("203.0.113.77");
    }

    void edit_rules()
    {
        host.model.filters.at(filter).inbound.front().destination_port = {443,
                                                                          443};
    }

    /* As host.feed(), but nobody tells of paths. */
    void tell()
    {
        host.desired.apply(diff(host.seen, host.model));
        host.seen = host.model;
        host.desired.update();
        EXPECT_TRUE(host.desire(other).undecided);
    }

    /* Edits of a tunnel's egress flows, or of the filter's: how many add and
     * how many delete. */
    std::pair<int, int> edits_of(FlowOwner::Kind kind, int64_t number)
    {
        outstanding.merge(host.desired.take_changed_flows());
        Plan plan = make_plan(actual, host.desired, &outstanding);
        std::pair<int, int> edits;
        for (const FlowEdit &edit : plan.flows["br-mirror"]) {
            if (Cookie::decode(edit.flow.cookie)->owner ==
                FlowOwner{kind, static_cast<uint32_t>(number)}) {
                (edit.op == FlowEdit::Op::Add ? edits.first : edits.second)++;
            }
        }
        return edits;
    }
    std::pair<int, int> edits_of(const Uuid &tunnel)
    {
        return edits_of(FlowOwner::Egress,
                        host.desired.status_of(tunnel)->number);
    }

    Uuid fellow;
};

using Edits = std::pair<int, int>;

TEST_F(GoingElsewhere, ItGoesOnAsItWasWhileItsRulesDo)
{
    tell();
    EXPECT_EQ(edits_of(other), (Edits{0, 0}));
}

TEST_F(GoingElsewhere, ByNewRulesNothingGoesToWhereItWas)
{
    edit_rules();
    tell();
    EXPECT_EQ(edits_of(other), (Edits{0, 2}));
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(edits_of(other), (Edits{2, 0}));
}

TEST_F(GoingElsewhere, NorByRulesThatChangeAfterwards)
{
    tell();
    edit_rules();
    tell();
    EXPECT_EQ(edits_of(other), (Edits{0, 2}));
}

TEST_F(GoingElsewhere, NobodyElseWaitsForIt)
{
    edit_rules();
    host.model.tunnels.at(fellow).vni++;
    tell();
    EXPECT_EQ(edits_of(fellow), (Edits{2, 0}));
    Edits rules = edits_of(FlowOwner::Filter,
                           host.desired.filter_status_of(filter)->number);
    EXPECT_GT(rules.first, 0);
    EXPECT_GT(rules.second, 0);
}

TEST_F(GoingElsewhere, ARuleThatSaysTheSameStopsNobody)
{
    host.model.filters.at(filter).generation++;
    tell();
    EXPECT_EQ(edits_of(other), (Edits{0, 0}));
}

} // namespace

} // namespace pm
