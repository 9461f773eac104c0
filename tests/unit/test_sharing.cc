/* NICs that share a pair of Mirrors. */
#include <gtest/gtest.h>

#include "plugin/installed.h"
#include "plugin/plan.h"
#include "plugin/status.h"
#include "tests/unit/host.h"

namespace pm {

namespace {

class Sharing : public testing::Test {
protected:
    Sharing()
    {
        host.facts.settings.slots_reserve = MIRRORS_MAX - 4;
        host.model.vpcs[row_id(Row::Vpc, 0)] = {"vpc", "acme", "kr",
                                                VpcKind::Standard};
        for (uint32_t n = 0; n < 2; n++) {
            Subnet subnet;
            subnet.name = "subnet" + std::to_string(n);
            subnet.vpc = row_id(Row::Vpc, 0);
            subnet.cidr = *Cidr::parse("10.1.0.0/16");
            host.model.subnets[row_id(Row::Subnet, n)] = subnet;
        }
        host.add_collector(0);
        for (uint32_t n = 0; n < 3; n++) {
            add(n);
        }
        EXPECT_TRUE(host.settle());
    }

    Uuid add(uint32_t n, uint32_t subnet = 0)
    {
        host.plug(name(n), "br-int");
        host.add_source(n);
        host.model.nics[row_id(Row::Nic, n)].subnet =
            row_id(Row::Subnet, subnet);
        return host.add_tunnel(n, n, 0);
    }

    static std::string name(uint32_t n) { return "nic" + std::to_string(n); }

    /* NICs that the inbound Mirror of the shared pair would select. */
    std::set<std::string> members() const
    {
        std::set<std::string> nics;
        for (const auto &[mirror, row] : host.desired.rows().mirrors) {
            for (const auto &[number, iface_id] : row.mark.members) {
                nics.insert(iface_id);
            }
        }
        return nics;
    }

    /* Whether frames to groups are handed to all that share. */
    bool floods() const
    {
        for (const auto &[key, flows] : host.desired.flows()) {
            for (const Flow &flow : flows) {
                if (flow.key.match.find("dl_dst=01:00") != std::string::npos) {
                    return true;
                }
            }
        }
        return false;
    }

    bool copies(uint32_t n) const
    {
        return host.desired.tap_of(name(n)).has_value();
    }

    Host host;
};

TEST_F(Sharing, IsForThoseWhoComeLate)
{
    EXPECT_EQ(members(), (std::set<std::string>{"nic1", "nic2"}));
    EXPECT_EQ(host.desired.rows().mirrors.size(), 4u);
    for (uint32_t n = 0; n < 3; n++) {
        EXPECT_TRUE(copies(n));
        const TunnelDesire &desire = host.desire(row_id(Row::Tunnel, n));
        EXPECT_EQ(desire.health, Health::Ok);
        EXPECT_EQ(desire.sharing->empty(), n == 0) << *desire.sharing;
    }
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
}

TEST_F(Sharing, GoesOnForOneWhileAnotherJoins)
{
    auto before = host.desired.flows().at(*host.desired.tap_of("nic1"));
    add(3);
    host.feed();
    host.answer_paths();
    host.write_statuses();
    host.feed();
    EXPECT_EQ(members(), (std::set<std::string>{"nic1", "nic2", "nic3"}));
    EXPECT_EQ(host.desired.flows().at(*host.desired.tap_of("nic1")), before);
    EXPECT_FALSE(copies(3)) << "its port is not selected yet";
    EXPECT_TRUE(floods());
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(copies(3));
}

TEST_F(Sharing, HandsFramesToGroupsOnWhileAllAreOfOneSubnet)
{
    EXPECT_TRUE(floods());
    Uuid other = add(3, 1);
    host.feed();
    host.answer_paths();
    host.write_statuses();
    host.feed();
    EXPECT_FALSE(floods());
    ASSERT_TRUE(host.settle());
    EXPECT_FALSE(floods());
    EXPECT_NE(host.desire(other).sharing->find("not of one subnet"),
              std::string::npos);
    host.model.tunnels.erase(other);
    host.feed();
    EXPECT_FALSE(floods()) << "its port is still selected";
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(floods());
}

TEST_F(Sharing, HandsFramesToGroupsOnWhileAllPortsAreInTheSameVlans)
{
    EXPECT_TRUE(floods());
    host.facts.nics.at("nic1").vlans = " trunks=10";
    ASSERT_TRUE(host.settle());
    EXPECT_FALSE(floods());
    host.facts.nics.at("nic2").vlans = " trunks=20";
    ASSERT_TRUE(host.settle());
    EXPECT_FALSE(floods());
    host.facts.nics.at("nic2").vlans = " trunks=10";
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(floods());
}

TEST_F(Sharing, HandsNothingOnThatAPortBroughtInByAStrangerReceived)
{
    for (auto &[name, row] : host.facts.rows.mirrors) {
        if (row.mark.purpose == "shared" && !row.select_dst.empty()) {
            row.select_dst.insert(row_id(Row::Port, 77));
        }
    }
    host.feed();
    EXPECT_FALSE(floods());
    EXPECT_TRUE(copies(1)) << "frames to its own MAC are its own all the same";
}

TEST_F(Sharing, OutlastsARestartWithItsNumbers)
{
    host.model.tunnels.erase(row_id(Row::Tunnel, 0));
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(members(), (std::set<std::string>{"nic1", "nic2"}))
        << "who shares goes on to, though there is room";
    DesiredState fresh = host.restarted();
    EXPECT_EQ(difference(host.desired, fresh), "");
    EXPECT_EQ(fresh.rows(), host.desired.rows());
}

TEST_F(Sharing, EndsWithTheLastNicThatDoes)
{
    for (uint32_t n = 1; n < 3; n++) {
        host.model.tunnels.erase(row_id(Row::Tunnel, n));
    }
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(host.desired.rows().mirrors.size(), 2u);
    EXPECT_FALSE(floods());
}

TEST_F(Sharing, IsRefusedToTwoNicsOfOneMac)
{
    Uuid twin = add(3);
    host.model.nics[row_id(Row::Nic, 3)].mac = mac_of(2);
    ASSERT_TRUE(host.settle());
    EXPECT_FALSE(copies(3));
    EXPECT_NE(host.desire(twin).reasons.at("SLOTS_EXHAUSTED").find("same MAC"),
              std::string::npos);
    EXPECT_TRUE(copies(2));
}

TEST_F(Sharing, TakesTheMacOfThePortWhereTheInventoryHasNone)
{
    host.model.nics[row_id(Row::Nic, 1)].mac = "";
    host.facts.nics["nic1"].mac = "52:54:00:00:00:01";
    ASSERT_TRUE(host.settle());
    ASSERT_TRUE(copies(1));
    const auto &flows = host.desired.flows().at(*host.desired.tap_of("nic1"));
    EXPECT_NE(flows[0].key.match.find("52:54:00:00:00:01"), std::string::npos);
}

/* What the switch has of ours, if it has all that is desired. */
Actual
in_place(const Host &host)
{
    Actual actual;
    actual.rows = host.facts.rows;
    for (const auto &[name, row] : actual.rows.bridges) {
        actual.flows[name];
        actual.meters[name];
    }
    for (const auto &[key, flows] : host.desired.flows()) {
        actual.flows[key.bridge][key.owner] = flows;
    }
    for (const auto &[key, rate_kbps] : host.desired.meters()) {
        actual.meters[key.bridge][key.owner] = rate_kbps;
    }
    return actual;
}

/* Names of Mirrors that a plan would write. */
std::set<std::string>
mirrors_written(const Plan &plan)
{
    std::set<std::string> names;
    for (const RowEdit &edit : plan.rows) {
        if (edit.kind == RowEdit::Kind::Mirror) {
            names.insert(edit.name);
        }
    }
    return names;
}

class SharedRows : public Sharing {
protected:
    /* The daemon has been told of everything but does nothing yet. */
    void learn()
    {
        host.feed();
        host.answer_paths();
        host.write_statuses();
        host.feed();
        for (const OwnerKey &key : host.desired.take_changed_flows()) {
            outstanding.insert(key);
        }
    }

    void run_bundles(const Plan &plan)
    {
        for (const auto &[bridge, edits] : plan.flows) {
            apply_bundle(&actual, bridge, edits);
        }
    }

    Plan plan() { return make_plan(actual, host.desired, &outstanding); }

    Actual actual = in_place(host);
    std::set<OwnerKey> outstanding;
};

TEST_F(SharedRows, AreNeverMoreThanABridgeTakesThoughAllAreMadeAnew)
{
    host.desired.take_changed_flows();
    auto most = [&] {
        std::map<std::string, int64_t> mirrors;
        for (const auto &[name, bridge] : host.facts.bridges) {
            mirrors[name] = bridge.foreign_mirrors;
        }
        for (const auto &[name, row] : actual.rows.mirrors) {
            mirrors[row.bridge]++;
        }
        return mirrors.at("br-int");
    };
    /* Somebody else has all the rest. */
    BridgeFacts &bridge = host.facts.bridges.at("br-int");
    bridge.foreign_mirrors += MIRRORS_MAX - most();
    int64_t before = most();
    ASSERT_EQ(before, MIRRORS_MAX);
    host.facts.settings.mirror_bridge = "br-other";
    learn();
    std::set<std::string> written;
    for (const std::string &name : mirrors_written(plan())) {
        if (!actual.rows.mirrors.count(name)) {
            written.insert(name);
        }
    }
    EXPECT_LE(before + static_cast<int64_t>(written.size()), MIRRORS_MAX);
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(copies(1));
}

TEST_F(SharedRows, GrowAtOnceByANicOfTheSameSubnet)
{
    host.desired.take_changed_flows();
    EXPECT_TRUE(plan().empty());
    add(3);
    learn();
    EXPECT_EQ(mirrors_written(plan()).size(), 2u);
}

TEST_F(SharedRows, GrowByANicOfAnotherSubnetOnceWhatIsForAllIsNotHandedOn)
{
    host.desired.take_changed_flows();
    add(3, 1);
    learn();
    Plan first = plan();
    EXPECT_TRUE(mirrors_written(first).empty());
    EXPECT_FALSE(first.flows.empty());
    run_bundles(first);
    EXPECT_EQ(mirrors_written(plan()).size(), 2u);
}

TEST_F(SharedRows, NeedNoFlowsOfANicOfWhichNothingIsAdmitted)
{
    Filter none;
    none.name = "none";
    none.account = "acme";
    host.model.filters[row_id(Row::Filter, 0)] = none;
    Uuid tunnel = row_id(Row::Tunnel, 2);
    host.model.tunnels[tunnel].filter = row_id(Row::Filter, 0);
    ASSERT_TRUE(host.settle());
    actual = in_place(host);
    EXPECT_FALSE(copies(2));
    EXPECT_TRUE(is_installed(tunnel, host.desired, actual, {}));
    host.facts.nics.erase("nic2");
    host.feed();
    EXPECT_FALSE(is_installed(tunnel, host.desired, actual, {}));
}

TEST_F(SharedRows, ShrinkOnceNothingCopiesForTheNicThatLeaves)
{
    host.desired.take_changed_flows();
    host.model.tunnels.erase(row_id(Row::Tunnel, 2));
    learn();
    Plan first = plan();
    EXPECT_TRUE(mirrors_written(first).empty());
    run_bundles(first);
    EXPECT_TRUE(plan().prove);
    EXPECT_TRUE(mirrors_written(plan()).empty());
    actual.proven(actual.to_prove());
    EXPECT_EQ(mirrors_written(plan()).size(), 2u);
}

TEST_F(SharedRows, AreRepairedForANicThatLostItsPlaceOnceItsFlowsAreGone)
{
    host.desired.take_changed_flows();
    Uuid port = host.facts.nics.at("nic1").port;
    for (auto &[name, row] : host.facts.rows.mirrors) {
        if (row.mark.purpose == "shared") {
            row.select_src.erase(port);
            row.select_dst.erase(port);
        }
    }
    actual.rows = host.facts.rows;
    learn();
    EXPECT_FALSE(copies(1));
    EXPECT_TRUE(copies(2));
    Plan first = plan();
    EXPECT_TRUE(mirrors_written(first).empty());
    run_bundles(first);
    EXPECT_EQ(mirrors_written(plan()).size(), 2u);
}

} // namespace

} // namespace pm
