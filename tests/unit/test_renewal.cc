#include <gtest/gtest.h>

#include "plugin/plan.h"
#include "tests/unit/host.h"

namespace pm {

namespace {

const FlowOwner RENEWAL = {FlowOwner::Renewal, 0};

/* A switch with a bridge of ours on the userspace datapath. */
class RenewalTest : public testing::Test {
protected:
    explicit RenewalTest(const std::string &version = "3.1.0")
    {
        host.facts.ovs_version = version;
        BridgeRow row;
        row.datapath_type = "netdev";
        host.facts.rows.bridges["br-mirror"] = row;
        host.feed();
        actual.rows = host.facts.rows;
        actual.flows["br-mirror"];
    }

    std::vector<FlowEdit> bundle()
    {
        std::vector<FlowEdit> edits;
        renew(actual, host.desired, "br-mirror", &edits);
        return edits;
    }
    Plan plan()
    {
        std::set<OwnerKey> outstanding;
        for (const auto &[owner, flows] : actual.flows["br-mirror"]) {
            outstanding.insert({"br-mirror", owner});
        }
        return make_plan(actual, host.desired, &outstanding);
    }

    Host host;
    Actual actual;
};

class RenewalOfAMendedSwitch : public RenewalTest {
protected:
    RenewalOfAMendedSwitch() : RenewalTest("3.1.3") {}
};

TEST(CopiesMark, IsTakenOffWhereNoDatapathFlowsAreMadeAnew)
{
    for (const auto &[version, mark] :
         {std::pair("3.1.0", ""), std::pair("3.1.3", "0")}) {
        Host host;
        host.facts.ovs_version = version;
        host.facts.bridges["br-int"].datapath_type = "netdev";
        host.plug("nic0", "br-int");
        host.add_source(0);
        host.add_collector(0);
        host.add_tunnel(0, 0, 0);
        ASSERT_TRUE(host.settle());
        std::vector<std::string> marks;
        for (const auto &[name, port] : host.desired.rows().ports) {
            if (port.type == "vxlan") {
                auto options = port.options;
                marks.push_back(options["egress_pkt_mark"]);
            }
        }
        EXPECT_EQ(marks, std::vector<std::string>{mark}) << version;
    }
}

TEST_F(RenewalTest, EachBundleTurnsToABitThatNoOtherInUseHas)
{
    std::set<std::string> matches;
    for (int i = 0; i < 32; i++) {
        apply_bundle(&actual, "br-mirror", bundle());
        ASSERT_EQ(actual.flows["br-mirror"][RENEWAL].size(), 1u);
        matches.insert(actual.flows["br-mirror"][RENEWAL][0].key.match);
    }
    EXPECT_EQ(matches.size(), 32u);
    apply_bundle(&actual, "br-mirror", bundle());
    EXPECT_TRUE(
        matches.count(actual.flows["br-mirror"][RENEWAL][0].key.match));
}

TEST_F(RenewalTest, WhatIsThereIsNoReasonForAPlan)
{
    apply_bundle(&actual, "br-mirror", bundle());
    EXPECT_TRUE(plan().flows.empty());
    EXPECT_TRUE(plan().renew.empty());
}

TEST_F(RenewalTest, NothingIsProvenBetweenAStrangersChangeAndTheNextRenewal)
{
    actual.stopped(4, {}, "br-mirror");
    EXPECT_TRUE(plan().prove);
    actual.take_read("br-mirror", {{{FlowOwner::Stray, 0}, {Flow{}}}}, {});
    actual.take_read("br-mirror", {}, {});
    EXPECT_EQ(plan().renew, std::set<std::string>{"br-mirror"});
    EXPECT_FALSE(plan().prove);
    apply_bundle(&actual, "br-mirror", bundle());
    EXPECT_TRUE(plan().renew.empty());
    EXPECT_TRUE(plan().prove);
}

TEST_F(RenewalOfAMendedSwitch, IsNotMadeAndIsRemoved)
{
    EXPECT_TRUE(bundle().empty());
    actual.flows["br-mirror"][RENEWAL] = {renewal_flow(3)};
    Plan plan = this->plan();
    ASSERT_EQ(plan.flows["br-mirror"].size(), 1u);
    EXPECT_EQ(plan.flows["br-mirror"][0].op, FlowEdit::Op::Delete);
    actual.disturbed.insert("br-mirror");
    EXPECT_TRUE(this->plan().renew.empty());
}

} // namespace

} // namespace pm
