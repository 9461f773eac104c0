#include <gtest/gtest.h>

#include "flows/delivery.h"
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

/* A cached datapath flow is deleted if what it matches lacks a bit.  One that
 * is made while renewal flows take each other's place matches those of all. */
TEST_F(RenewalTest, EachBundleTurnsToABitThatNoneOfTheLastHas)
{
    constexpr size_t TURNS = 18;
    std::vector<uint32_t> masks;
    for (size_t i = 0; i < 2 * TURNS; i++) {
        apply_bundle(&actual, "br-mirror", bundle());
        const auto &flows = actual.flows["br-mirror"][RENEWAL];
        ASSERT_EQ(flows.size(), 1u);
        const std::string prefix = "pkt_mark=";
        const std::string &match = flows[0].key.match;
        ASSERT_TRUE(match.starts_with(prefix));
        uint32_t mask = static_cast<uint32_t>(
            std::stoul(match.substr(prefix.size()), nullptr, 0));
        EXPECT_GT(mask, HANDLE_MAX); /* Below are balanced tunnels' bits. */
        uint32_t together = 0;
        for (size_t last = i > TURNS - 1 ? i - (TURNS - 1) : 0; last < i;
             last++) {
            together |= masks[last];
        }
        EXPECT_EQ(mask & together, 0u) << i;
        masks.push_back(mask);
    }
    EXPECT_EQ(std::set<uint32_t>(masks.begin(), masks.end()).size(), TURNS);
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
