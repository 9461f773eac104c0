/* DesiredState of one tunnel, each case by itself. */
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "plugin/installed.h"
#include "plugin/plan.h"
#include "plugin/slots.h"
#include "plugin/status.h"
#include "tests/unit/random_host.h"

namespace pm {
namespace {

class OneTunnel : public testing::Test {
protected:
    OneTunnel()
    {
        host.plug("nic0", "br-int");
        host.add_source(0);
        host.add_collector(0);
        filter = host.add_filter(0, 80);
        tunnel = host.add_tunnel(0, 0, 0, filter);
        EXPECT_TRUE(host.settle());
    }

    void show(bool complete)
    {
        host.desired.set_complete(complete);
        host.desired.set_switch(host.facts);
        host.desired.apply(diff(host.seen, host.model));
        host.seen = host.model;
        host.desired.update();
    }

    bool copies() const
    {
        return host.desire(tunnel).egress &&
               host.desired.tap_of("nic0").has_value();
    }

    Host host;
    Uuid tunnel, filter;
};

TEST_F(OneTunnel, CopiesOnceItsRowsAreWritten)
{
    EXPECT_TRUE(copies());
    EXPECT_EQ(host.desire(tunnel).health, Health::Ok);
    EXPECT_EQ(host.desired.rows().mirrors.size(), 2u);
}

TEST_F(OneTunnel, StaysAsItIsWhileTheRowsItRefersToAreOnTheirWay)
{
    host.model.tunnels[tunnel].filter = row_id(Row::Filter, 9);
    auto flows = host.desired.flows();
    show(false);
    EXPECT_TRUE(copies());
    EXPECT_EQ(host.desired.flows(), flows);
    show(true);
    EXPECT_FALSE(copies()) << "a filter not known is pending, never absent";
    EXPECT_TRUE(host.desire(tunnel).pending);
}

TEST_F(OneTunnel, ThatIsSwitchedOffStopsWhateverRowsAreOnTheirWay)
{
    host.model.tunnels[tunnel].filter = row_id(Row::Filter, 9);
    host.model.tunnels[tunnel].enabled = false;
    show(false);
    EXPECT_FALSE(copies());
    EXPECT_FALSE(host.desire(tunnel).pending);
    EXPECT_EQ(host.desire(tunnel).health, Health::Disabled);
    EXPECT_TRUE(host.desire(tunnel).bound);
}

TEST_F(OneTunnel, IsDesiredAnewOnceACompleteViewLacksItsTarget)
{
    host.model.collectors.clear();
    host.model.resources[row_id(Row::Destination, 0)].note = "x";
    show(false);
    EXPECT_TRUE(copies());
    show(true);
    EXPECT_FALSE(copies());
}

TEST_F(OneTunnel, KeptForRowsOnTheirWayStopsWhenItsNicIsUnplugged)
{
    host.model.tunnels[tunnel].filter = row_id(Row::Filter, 9);
    show(false);
    host.facts.nics.clear();
    show(false);
    EXPECT_FALSE(copies());
    EXPECT_TRUE(host.desired.rows().mirrors.empty());
}

TEST_F(OneTunnel, IsInErrorOnceAnOlderResourceHasTheOtherRole)
{
    Resource other = host.model.resources[row_id(Row::Source, 0)];
    other.purpose = Purpose::Destination;
    other.created_ms = -1;
    host.model.resources[row_id(Row::Destination, 9)] = other;
    host.feed();
    EXPECT_TRUE(host.desire(tunnel).reasons.count("ROLE_CONFLICT"));
    EXPECT_FALSE(copies());
    host.model.resources.erase(row_id(Row::Destination, 9));
    host.feed();
    EXPECT_TRUE(copies());
}

TEST_F(OneTunnel, StopsAtOnceWhenDisabled)
{
    host.model.tunnels[tunnel].enabled = false;
    host.feed();
    EXPECT_FALSE(copies());
    EXPECT_EQ(host.desire(tunnel).health, Health::Disabled);
    EXPECT_TRUE(host.desired.rows().mirrors.empty());
}

TEST_F(OneTunnel, HasAMeterForItsRateAndTheBridgeOneForTheBudget)
{
    auto meters = [&] {
        host.feed();
        std::map<FlowOwner, int64_t> by_owner;
        for (const auto &[key, rate_kbps] : host.desired.meters()) {
            EXPECT_EQ(key.bridge, "br-mirror");
            by_owner[key.owner] = rate_kbps;
        }
        return by_owner;
    };
    using Meters = std::map<FlowOwner, int64_t>;
    FlowOwner base{FlowOwner::Base, 0};
    FlowOwner own{
        FlowOwner::Egress,
        static_cast<uint32_t>(host.desired.status_of(tunnel)->number)};
    EXPECT_EQ(meters(), (Meters{{base, 1000000}}));
    host.model.tunnels[tunnel].rate_kbps = 5000;
    EXPECT_EQ(meters(), (Meters{{base, 1000000}, {own, 5000}}));
    host.facts.settings.rate_kbps.reset();
    EXPECT_EQ(meters(), (Meters{{own, 5000}}));
    host.model.tunnels[tunnel].mode = Mode::Count;
    EXPECT_EQ(meters(), Meters{}) << "nothing is sent";
}

TEST_F(OneTunnel, OnAHostWithoutABudgetCopiesNothingAndSaysSo)
{
    host.facts.settings.rate_kbps = 0;
    host.feed();
    EXPECT_FALSE(host.desire(tunnel).egress);
    EXPECT_TRUE(host.desire(tunnel).reasons.count("BUDGET_ZERO"));
    EXPECT_TRUE(host.desired.meters().empty());
    host.model.tunnels[tunnel].mode = Mode::Count;
    host.feed();
    EXPECT_TRUE(host.desire(tunnel).egress) << "counting is no copying";
}

TEST_F(OneTunnel, LosesItsTapFlowsWhileARowIsNotAsDesired)
{
    host.facts.rows.mirrors.begin()->second.select_src.clear();
    host.facts.rows.mirrors.begin()->second.select_dst.clear();
    host.feed();
    EXPECT_FALSE(copies());
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(copies());
}

TEST_F(OneTunnel, OfASecondDatapathTypeKeepsItsBridgeOverARestart)
{
    host.facts.bridges["br-dpdk"] = {"netdev", false, 0, true, ""};
    host.plug("nic1", "br-dpdk");
    host.add_source(1);
    Uuid other = host.add_tunnel(1, 1, 0);
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(host.desire(tunnel).mirror_bridge, "br-mirror");
    EXPECT_EQ(host.desire(other).mirror_bridge, "br-mirror-netdev");
    host.model.tunnels.erase(tunnel);
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(host.desire(other).mirror_bridge, "br-mirror-netdev");
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
}

TEST_F(OneTunnel, IsNotInstalledWhileItsFiltersNewRulesWaitForAnother)
{
    host.plug("nic1", "br-int");
    host.add_source(1);
    host.add_collector(1);
    Uuid other = host.add_tunnel(1, 1, 1, filter);
    ASSERT_TRUE(host.settle());
    Actual actual;
    actual.rows = host.facts.rows;
    for (const auto &[key, flows] : host.desired.flows()) {
        actual.flows[key.bridge][key.owner] = flows;
    }
    auto runs = [&] { return is_installed(tunnel, host.desired, actual, {}); };
    EXPECT_TRUE(runs());
    Model before = host.model;
    host.model.filters.at(filter).generation++;
    host.model.collectors.at(row_id(Row::Collector, 1)).address =
        *IpAddress::parse("203.0.113.77");
    host.desired.apply(diff(before, host.model));
    host.desired.update();
    ASSERT_TRUE(host.desire(other).undecided);
    EXPECT_TRUE(host.desired.is_put_off(filter));
    EXPECT_FALSE(runs());
    host.desired.take_changed_tunnels();
    ASSERT_TRUE(host.settle());
    EXPECT_FALSE(host.desired.is_put_off(filter));
    EXPECT_TRUE(host.desired.take_changed_tunnels().count(tunnel));
}

TEST_F(OneTunnel, WhatIsAsDesiredAgainWithoutAnEditIsSaidByThePlan)
{
    Actual actual;
    actual.rows = host.facts.rows;
    std::set<OwnerKey> outstanding;
    for (const auto &[key, flows] : host.desired.flows()) {
        actual.flows[key.bridge][key.owner] = flows;
        outstanding.insert(key);
    }
    std::set<OwnerKey> all = outstanding;
    ASSERT_FALSE(all.empty());
    Plan plan = make_plan(actual, host.desired, &outstanding);
    EXPECT_TRUE(plan.flows.empty());
    std::set<OwnerKey> left;
    std::set_difference(all.begin(), all.end(), outstanding.begin(),
                        outstanding.end(), std::inserter(left, left.end()));
    EXPECT_FALSE(left.empty());
    EXPECT_EQ(std::set<OwnerKey>(plan.settled.begin(), plan.settled.end()),
              left);
}

TEST_F(OneTunnel, KeepsItsFlowsWhenItTakesTheNumberOfOneThatGoes)
{
    host.add_source(1);
    host.plug("nic1", "br-int");
    Uuid other = host.add_tunnel(1, 1, 0);
    ASSERT_TRUE(host.settle());
    for (auto &[id, status] : host.model.tunnel_statuses) {
        status.number = 3 - status.number;
    }
    host.feed();
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
    EXPECT_TRUE(host.desire(other).egress);
}

TEST_F(OneTunnel, OfAHypervisorRenamedAndNamedBackHasItsRowsAgain)
{
    const Uuid row = *host.desired.status_row_of(tunnel);
    host.facts.settings.chassis = "hv2";
    show(true);
    EXPECT_FALSE(host.desired.status_of(tunnel));
    EXPECT_FALSE(host.desired.filter_status_of(filter));
    EXPECT_EQ(host.desired.foreign_statuses_of(tunnel), std::set{row});
    host.facts.settings.chassis = "hv1";
    show(true);
    EXPECT_TRUE(host.desired.status_of(tunnel));
    EXPECT_TRUE(host.desired.filter_status_of(filter));
    EXPECT_TRUE(host.desired.foreign_statuses_of(tunnel).empty());
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
}

TEST_F(OneTunnel, NumbersAreTheLeastThatAreFreeAndNotSeenOnTheSwitch)
{
    std::vector<Uuid> tunnels = {tunnel};
    for (int n = 1; n < 4; n++) {
        host.plug("nic" + std::to_string(n), "br-int");
        host.add_source(n);
        tunnels.push_back(host.add_tunnel(n, n, 0));
    }
    ASSERT_TRUE(host.settle());
    for (const Uuid &id : tunnels) {
        ASSERT_TRUE(host.desired.status_of(id));
    }
    int64_t second = host.desired.status_of(tunnels[1])->number;
    ASSERT_LT(second, 4);
    host.model.tunnel_statuses.erase(*host.desired.status_row_of(tunnels[1]));
    host.model.tunnels.erase(tunnels[1]);
    host.feed();
    auto is_second = [&](int64_t n) { return n == second; };
    auto is_none = [](int64_t) { return false; };
    Uuid a = row_id(Row::Tunnel, 50), b = row_id(Row::Tunnel, 51),
         c = row_id(Row::Tunnel, 52);
    EXPECT_EQ(host.desired.number_for_tunnel(a, is_second), 5);
    EXPECT_EQ(host.desired.number_for_tunnel(a, is_none), 5) << "it has one";
    EXPECT_EQ(host.desired.number_for_tunnel(b, is_none), second);
    EXPECT_EQ(host.desired.number_for_tunnel(c, is_none), 6);
}

TEST_F(OneTunnel, OnAHostWhosePortIsTakenHasNoVxlanPort)
{
    PathKey key{"system", ip_of("192.0.2.2")};
    host.paths[key] = host.find_path(key);
    host.paths[key].port_taken = "a vxlan device";
    host.feed();
    ASSERT_TRUE(host.desired.rows().ports.count("mirror-vxlan"));
    host.add_collector(1);
    host.add_tunnel(1, 0, 1);
    host.feed();
    EXPECT_FALSE(host.desired.rows().ports.count("mirror-vxlan"));
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
}

TEST_F(OneTunnel, ToAnAddressThatStandsForSomeTenantsWaySendsNothing)
{
    for (const char *address : {"169.254.192.5", "fd6d:7200::5"}) {
        host.model.collectors[row_id(Row::Collector, 0)].address =
            ip_of(address);
        host.feed();
        PathKey key = *host.desire(tunnel).path;
        host.paths[key] = host.find_path(key);
        host.feed();
        EXPECT_FALSE(host.desire(tunnel).egress) << address;
        EXPECT_TRUE(host.desire(tunnel).reasons.count("DESTINATION_IS_LOCAL"))
            << address;
    }
}

TEST_F(OneTunnel, ToAnAddressOfThisHostSaysSoAndSendsNothing)
{
    PathKey key = *host.desire(tunnel).path;
    host.paths[key] = host.find_path(key);
    host.paths[key].source = key.destination;
    host.facts.settings.encap_v4 = ip_of("198.51.100.7");
    host.feed();
    EXPECT_FALSE(host.desire(tunnel).egress);
    EXPECT_TRUE(host.desire(tunnel).reasons.count("DESTINATION_IS_LOCAL"));
    EXPECT_EQ(host.desire(tunnel).health, Health::Degraded);
    host.paths[key] = host.find_path(key);
    host.feed();
    EXPECT_TRUE(host.desire(tunnel).egress);
}

TEST_F(OneTunnel, ToABroadcastAddressOfThisHostSaysSoAndSendsNothing)
{
    PathKey key = *host.desire(tunnel).path;
    host.paths[key] = host.find_path(key);
    host.paths[key].broadcast = true;
    host.feed();
    EXPECT_FALSE(host.desire(tunnel).egress);
    EXPECT_TRUE(host.desire(tunnel).reasons.count("DESTINATION_IS_BROADCAST"));
    EXPECT_EQ(host.desire(tunnel).health, Health::Degraded);
    host.paths[key].broadcast = false;
    host.feed();
    EXPECT_TRUE(host.desire(tunnel).egress);
}

TEST_F(OneTunnel, FromAnAddressThatIsNotOfThisHostSaysSoAndSendsNothing)
{
    PathKey key = *host.desire(tunnel).path;
    IpAddress other = ip_of("198.51.100.7");
    host.paths[key] = host.find_path(key);
    host.paths[key].absent_sources = {other};
    host.feed();
    EXPECT_TRUE(host.desire(tunnel).egress) << "it is not asked to";
    host.facts.settings.encap_v4 = other;
    host.feed();
    EXPECT_FALSE(host.desire(tunnel).egress);
    EXPECT_TRUE(host.desire(tunnel).reasons.count("NO_SOURCE_ADDRESS"));
    EXPECT_EQ(host.desire(tunnel).health, Health::Degraded);
    host.paths[key] = host.find_path(key);
    host.feed();
    EXPECT_TRUE(host.desire(tunnel).egress);
}

TEST_F(OneTunnel, WhoseNextHopDoesNotAnswerSaysSoAndGoesOnCopying)
{
    PathKey key = *host.desire(tunnel).path;
    host.paths[key] = host.find_path(key);
    host.paths[key].neighbour = Neighbour::Failed;
    host.feed();
    EXPECT_EQ(host.desire(tunnel).health, Health::Degraded);
    EXPECT_TRUE(host.desire(tunnel).reasons.count("NEIGHBOUR_FAILED"));
    EXPECT_TRUE(host.desire(tunnel).egress);
}

TEST_F(OneTunnel, WhoseNextHopIsBeingAskedForIsNotBlamed)
{
    PathKey key = *host.desire(tunnel).path;
    host.paths[key] = host.find_path(key);
    host.paths[key].neighbour = Neighbour::Unknown;
    host.feed();
    const Condition &reachable =
        host.desire(tunnel).conditions.at("DestinationReachable");
    EXPECT_EQ(reachable.status, ConditionStatus::Unknown);
    EXPECT_EQ(reachable.reason.rfind("NEIGHBOUR_UNKNOWN: ", 0), 0u);
    EXPECT_EQ(host.desire(tunnel).health, Health::Ok);
    EXPECT_TRUE(host.desire(tunnel).egress);
}

TEST_F(OneTunnel, WhoseVxlanPortTheSwitchCannotMakeSaysSo)
{
    host.facts.ofports.erase("mirror-vxlan");
    host.facts.port_errors["mirror-vxlan"] = "File exists";
    host.feed();
    const TunnelDesire &desire = host.desire(tunnel);
    EXPECT_FALSE(desire.egress);
    EXPECT_EQ(desire.health, Health::Degraded);
    EXPECT_NE(desire.reasons.at("VTEP_PORT_TAKEN").find("File exists"),
              std::string::npos);
    host.facts.port_errors.clear();
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(copies());
}

TEST_F(OneTunnel, WhoseVxlanPortHasANameThatIsAnothersSaysSo)
{
    host.facts.rows.ports.erase("mirror-vxlan");
    host.facts.ofports.erase("mirror-vxlan");
    host.facts.taken_names = {"mirror-vxlan"};
    host.feed();
    const TunnelDesire &desire = host.desire(tunnel);
    EXPECT_FALSE(desire.egress);
    EXPECT_TRUE(desire.reasons.count("PORT_NAME_TAKEN"));
    EXPECT_FALSE(host.desired.rows().ports.count("mirror-vxlan"));
    host.facts.taken_names.clear();
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(copies());
}

TEST_F(OneTunnel, WhoseTapHasLostItsMarkTakesAnother)
{
    ASSERT_TRUE(host.facts.rows.ports.erase("mtap-in-1"));
    host.facts.ofports.erase("mtap-in-1");
    host.facts.taken_names = {"mtap-in-1"};
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(copies());
    const SwitchRows &rows = host.desired.rows();
    EXPECT_FALSE(rows.ports.count("mtap-in-1"));
    EXPECT_FALSE(rows.ports.count("mnic-in-1"));
    EXPECT_EQ(rows.mirrors.at("mirror-in-2").output_port, "mtap-in-2");
}

TEST_F(OneTunnel, WithoutAnAddressToSendFromSaysSo)
{
    PathKey key = *host.desire(tunnel).path;
    host.paths[key] = host.find_path(key);
    host.paths[key].source.reset();
    host.feed();
    EXPECT_EQ(host.desire(tunnel).health, Health::Degraded);
    EXPECT_TRUE(host.desire(tunnel).reasons.count("NO_SOURCE_ADDRESS"));
    EXPECT_FALSE(host.desire(tunnel).egress);
}

/* The outer packet is what is kept and 36 bytes, over IPv6 56. */
TEST_F(OneTunnel, KeepsWhatFitsThePathOverIpv4AndIpv6)
{
    struct {
        const char *to;
        int mtu;
        std::optional<int> length, kept;
        const char *reason;
    } cases[] = {
        {"203.0.113.5", 1500, 100, 100, ""},
        {"203.0.113.5", 1500, {}, 1464, "MTU_TRUNCATES"},
        {"203.0.113.5", 300, 264, 264, ""},
        {"203.0.113.5", 300, 265, 264, "MTU_TRUNCATES"},
        {"203.0.113.5", 100, 300, 64, "MTU_TRUNCATES"},
        {"203.0.113.5", 99, 300, {}, "MTU_TOO_SMALL"},
        {"2001:db8::5", 1500, {}, 1444, "MTU_TRUNCATES"},
        {"2001:db8::5", 300, 244, 244, ""},
        {"2001:db8::5", 300, 245, 244, "MTU_TRUNCATES"},
        {"2001:db8::5", 120, 300, 64, "MTU_TRUNCATES"},
        {"2001:db8::5", 119, 300, {}, "MTU_TOO_SMALL"},
    };
    for (const auto &c : cases) {
        SCOPED_TRACE(std::string(c.to) + " MTU " + std::to_string(c.mtu));
        host.model.tunnels[tunnel].packet_length = c.length;
        for (auto &[id, collector] : host.model.collectors) {
            collector.address = ip_of(c.to);
        }
        ASSERT_TRUE(host.settle());
        PathKey key = *host.desire(tunnel).path;
        host.paths[key].mtu = c.mtu;
        host.feed();
        const TunnelDesire &desire = host.desire(tunnel);
        EXPECT_EQ(desire.egress.has_value(), c.kept.has_value());
        if (c.kept) {
            EXPECT_EQ(desire.effective_packet_length, c.kept);
            EXPECT_EQ(desire.egress->max_len, c.kept);
        }
        const Condition &told = desire.conditions.at("MtuSufficient");
        EXPECT_EQ(told.status,
                  *c.reason ? ConditionStatus::False : ConditionStatus::True);
        EXPECT_TRUE(told.reason.starts_with(c.reason)) << told.reason;
    }
}

/* The schema admits no more either, nor does an output action. */
TEST_F(OneTunnel, NothingIsKeptThatNoIpPacketHasRoomFor)
{
    host.paths[*host.desire(tunnel).path].mtu = 65575;
    host.feed();
    EXPECT_EQ(host.desire(tunnel).effective_packet_length, 65535 - 36);
}

TEST_F(OneTunnel, WithoutALengthIsCutWhereAFrameWithTwoTagsCanBeLonger)
{
    PathKey key = *host.desire(tunnel).path;
    for (int kept : {1517, 1521, 1522}) {
        SCOPED_TRACE(kept);
        host.paths[key].mtu = kept + 36;
        host.feed();
        EXPECT_EQ(host.desire(tunnel).effective_packet_length, kept);
        EXPECT_EQ(host.desire(tunnel).egress->max_len.has_value(),
                  kept < 1522);
    }
}

/* The MTU says nothing of tomorrow's frames. */
TEST_F(OneTunnel, WithALengthIsCutWhateverTheMtuOfTheNic)
{
    for (int length : {1521, 1522, 1560}) {
        SCOPED_TRACE(length);
        host.model.tunnels[tunnel].packet_length = length;
        host.feed();
        EXPECT_EQ(host.desire(tunnel).egress->max_len, length);
    }
}

TEST_F(OneTunnel, WhoseMirrorIsDeadSaysSoAndKeepsItsFlowsForWhenItLives)
{
    auto flows = host.desired.flows();
    host.facts.dead_mirrors["nic0"] = "mirror-out-1";
    host.feed();
    EXPECT_EQ(host.desire(tunnel).health, Health::Degraded);
    EXPECT_TRUE(host.desire(tunnel).reasons.count("MIRROR_DEAD"));
    EXPECT_EQ(host.desired.flows(), flows);
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
    host.facts.dead_mirrors.clear();
    host.feed();
    EXPECT_EQ(host.desire(tunnel).health, Health::Ok);
}

TEST_F(OneTunnel, WhoseNicMovesToAnotherBridgeGetsANewPair)
{
    auto before = host.desired.rows().ports;
    host.facts.bridges["br-ext"] = host.facts.bridges["br-int"];
    host.plug("nic0", "br-ext");
    host.feed();
    int taps = 0;
    for (const auto &[name, row] : host.desired.rows().ports) {
        if (row.mark.purpose == "tap") {
            taps++;
            EXPECT_FALSE(before.count(name)) << name;
        }
    }
    EXPECT_EQ(taps, 4);
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
}

} // namespace
} // namespace pm
