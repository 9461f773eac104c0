/* Delivery in a tenant's own network. */
#include <gtest/gtest.h>

#include "flows/delivery.h"
#include "flows/egress.h"
#include "plugin/next_hops.h"
#include "plugin/plan.h"
#include "plugin/probe.h"
#include "plugin/switch_names.h"
#include "tests/unit/tenant.h"

namespace pm {
namespace {

TEST(Delivery, HandlesAreOfTheRangeAndNoneIsOfTheLink)
{
    for (bool v6 : {false, true}) {
        const HandleRange &range = handle_range(v6);
        for (int64_t handle : {INT64_C(0), INT64_C(1), INT64_C(251),
                               INT64_C(252), INT64_C(255), HANDLE_MAX}) {
            IpAddress address = handle_address(handle, v6);
            EXPECT_TRUE(range.handles.contains(address)) << handle;
            EXPECT_FALSE(range.link.contains(address)) << handle;
        }
    }
    EXPECT_EQ(handle_address(1, false).to_string(), "169.254.192.5");
    EXPECT_EQ(handle_address(252, false).to_string(), "169.254.193.0");
    EXPECT_EQ(handle_address(HANDLE_MAX, false).to_string(),
              "169.254.254.132");
    EXPECT_EQ(handle_address(1, true).to_string(), "fd6d:7200::5");
}

TEST(Delivery, TheHypervisorsMacIsItsOwnAndLocallyAdministered)
{
    EXPECT_EQ(delivery_mac("hv1"), delivery_mac("hv1"));
    EXPECT_NE(delivery_mac("hv1"), delivery_mac("hv2"));
    EXPECT_NE(delivery_mac("hv1"), delivery_mac("hv1", "br-int"));
    EXPECT_EQ(delivery_mac("hv1").substr(0, 3), "02:");
    EXPECT_EQ(delivery_mac("hv1").size(), 17u);
}

TEST(Delivery, OnlyWhatOurOwnBridgeSendsIsDelivered)
{
    DeliverySpec way{ip_of("10.1.0.5"), ip_of("10.2.0.9"), "02:00:00:00:01:01",
                     "br-int tag 5"};
    auto flows = delivery_flows(7, way, "02:11:22:33:44:55", 103);
    ASSERT_EQ(flows.size(), 1u);
    EXPECT_EQ(flows[0].key.match,
              "udp,in_port=LOCAL,nw_src=169.254.192.1,nw_dst=169.254.192.11,"
              "tp_dst=4789");
    way.source = ip_of("fd00:1::5");
    way.destination = ip_of("fd00:2::9");
    EXPECT_EQ(delivery_flows(7, way, "02:11:22:33:44:55", 103)[0].key.match,
              "udp6,in_port=LOCAL,ipv6_src=fd6d:7200::1,"
              "ipv6_dst=fd6d:7200::"
              "b,tp_dst=4789");
    EXPECT_EQ(flows[0].actions,
              "set_field:02:11:22:33:44:55->eth_src,"
              "set_field:02:00:00:00:01:01->eth_dst,"
              "set_field:10.1.0.5->ip_src,set_field:10.2.0.9->ip_dst,"
              "output:103");
    for (bool metered : {false, true}) {
        const std::string answer =
            metered ? "meter:16777216,controller:128" : "controller:128";
        for (const Flow &flow : delivery_base_flows(
                 "02:11:22:33:44:55", {"02:11:22:33:44:66"}, metered)) {
            EXPECT_TRUE(flow.actions == "drop" || flow.actions == answer ||
                        flow.key.match.starts_with("in_port=LOCAL,"))
                << flow.to_string();
        }
    }
}

TEST_F(Tenant, CopiesComeFromTheSourceByItsGateway)
{
    start(5);
    EXPECT_EQ(desire().delivery, Delivery::Vpc);
    EXPECT_EQ(delivered(),
              (std::vector<std::string>{
                  "10.0.0.5>10.1.0.9 via 02:00:00:00:01:01 on br-int tag 5"}));
    ASSERT_TRUE(desire().egress);
    EXPECT_EQ(desire().egress->source, handle_range(false).source);
    EXPECT_EQ(
        desire().egress->destination,
        handle_address(desire().in_vpc->deliveries.begin()->first, false));
    const SwitchRows &rows = host.desired.rows();
    EXPECT_EQ(rows.bridges.at("br-mirror-dlv").mark.purpose, "delivery");
    EXPECT_EQ(rows.ports.at("mdlv-1").tag, 5);
    EXPECT_EQ(rows.ports.at("mdlv-1").bridge, "br-int");
    EXPECT_EQ(rows.ports.at("mvpc-1").bridge, "br-mirror-dlv");
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
}

TEST_F(Tenant, WithoutARouterTheNextHopIsTheDestination)
{
    source_subnet().gateway_mac.reset();
    start(5);
    EXPECT_EQ(desire().in_vpc->deliveries.begin()->second.next_hop, mac_of(5));
    source_subnet().gateway_mac = "junk";
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(desire().reasons.count("NEXT_HOP_UNKNOWN"));
    EXPECT_FALSE(desire().egress);
    source_subnet().gateway = ip_of("10.0.0.1");
    ASSERT_TRUE(host.settle());
    /* As it answers. */
    EXPECT_EQ(desire().in_vpc->deliveries.begin()->second.next_hop,
              mac_of(99));
    EXPECT_EQ(desire().conditions.at("DestinationReachable").status,
              ConditionStatus::True);
}

TEST_F(Tenant, NothingIsSentToANextHopThatTheSegmentDoesNotKnow)
{
    source_subnet().gateway = ip_of("10.0.0.1");
    tunnel = host.add_tunnel(0, 0, 5);
    auto tell = [&](const NextHopState &state) {
        host.desired.set_next_hops(
            {{{"br-int tag 5", ip_of("10.0.0.1"), "02:00:00:00:01:01"},
              state}});
        host.desired.update();
        host.write_statuses();
        host.feed();
    };
    for (int round = 0; round < 4; round++) {
        host.feed();
        host.answer_paths();
        host.write_statuses();
        host.write_rows();
    }
    EXPECT_EQ(host.desired.next_hops().size(), 1u);
    EXPECT_EQ(desire().health, Health::Ok);
    EXPECT_FALSE(desire().egress) << "before it was asked";
    tell({true, "", ""});
    EXPECT_TRUE(desire().reasons.count("NEXT_HOP_SILENT"));
    EXPECT_FALSE(desire().egress);
    tell({true, "", "02:00:00:00:09:09"});
    EXPECT_TRUE(desire().reasons.count("NEXT_HOP_DIFFERS"));
    EXPECT_FALSE(desire().egress);
    tell({true, "02:00:00:00:01:01", ""});
    EXPECT_TRUE(desire().egress);
    tell({true, "", ""});
    EXPECT_FALSE(desire().egress);
}

TEST_F(Tenant, AMemberThatIsItsOwnNextHopAndSilentIsLeftOut)
{
    source_subnet().gateway_mac.reset();
    start(6);
    EXPECT_EQ(desire().in_vpc->deliveries.size(), 3u);
    NextHopKey one = *desire().in_vpc->next_hops.begin();
    host.desired.set_next_hops({{one, {true, "", ""}}});
    host.desired.update();
    EXPECT_TRUE(desire().reasons.count("NEXT_HOP_SILENT"));
    ASSERT_TRUE(desire().egress);
    EXPECT_EQ(desire().in_vpc->deliveries.size(), 2u);
}

TEST_F(Tenant, ARestartedSwitchIsGivenNoDeliveryBeforeTheNextHopAnswers)
{
    source_subnet().gateway = ip_of("10.0.0.1");
    source_subnet().gateway_mac.reset();
    start(5);
    NextHopKey hop = *desire().in_vpc->next_hops.begin();
    auto handle = desire().in_vpc->deliveries.begin()->first;
    OwnerKey key{"br-mirror-dlv",
                 {FlowOwner::Deliver, static_cast<uint32_t>(handle)}};
    ASSERT_TRUE(host.desired.flows().count(key));
    NextHopState state{true, mac_of(99), "", true};
    host.desired.set_next_hops({{hop, state}});
    EXPECT_TRUE(host.desired.outdated());
    host.desired.update();
    EXPECT_FALSE(host.desired.flows().count(key));
    EXPECT_TRUE(desire().egress) << "it is as before, and waits";
    state.stale = false;
    host.desired.set_next_hops({{hop, state}});
    host.desired.update();
    EXPECT_TRUE(host.desired.flows().count(key));
}

TEST_F(Tenant, CopiesOfANativeTaggedPortEnterItsVlan)
{
    host.facts.nics["nic0"].own_tag.reset();
    start(5);
    EXPECT_EQ(desire().in_vpc->site->to_string(), "br-int tag 5");
}

TEST_F(Tenant, CopiesEnterEachBridgeUnderAMacOfItsOwn)
{
    auto sender = [&] {
        std::string mac;
        for (const auto &[key, flows] : host.desired.flows()) {
            if (key.owner.kind == FlowOwner::Deliver && !flows.empty()) {
                mac = flows[0].actions.str().substr(
                    std::string("set_field:").size(), 17);
            }
        }
        return mac;
    };
    const std::string chassis = host.facts.settings.chassis;
    start(5);
    EXPECT_EQ(sender(), delivery_mac(chassis, "br-int"));
    host.facts.bridges["br-alt"] = host.facts.bridges["br-int"];
    host.plug("nic0", "br-alt");
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(sender(), delivery_mac(chassis, "br-alt"));
    host.plug("nic0", "br-int");
    /* Under OVN the operator has to know it. */
    host.facts.settings.ovn_bridge = "br-int";
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(sender(), delivery_mac(chassis));
}

TEST_F(Tenant, ARestartGoesOnUntilSilenceIsCertain)
{
    source_subnet().gateway = ip_of("10.0.0.1");
    source_subnet().gateway_mac.reset();
    start(5);
    auto way = desire().in_vpc->deliveries;
    host.restart();
    host.feed();
    host.feed();
    EXPECT_TRUE(desire().egress);
    EXPECT_EQ(desire().in_vpc->deliveries, way);
    EXPECT_EQ(desire().conditions.at("DestinationReachable").status,
              ConditionStatus::Unknown);
}

TEST_F(Tenant, TheAddressesAreOfOneVersion)
{
    nic(5).addresses = {ip_of("fd00:b::9"), ip_of("10.1.0.9")};
    start(5);
    EXPECT_EQ(desire().in_vpc->deliveries.begin()->second.source,
              ip_of("fd00:a::5"));
    nic(0).addresses = {ip_of("10.0.0.5")};
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(desire().in_vpc->deliveries.begin()->second.destination,
              ip_of("10.1.0.9"));
    nic(5).addresses = {ip_of("fd00:b::9")};
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(desire().reasons.count("SOURCE_ADDRESS_MISSING"));
    EXPECT_FALSE(desire().egress);
    nic(5).addresses.clear();
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(desire().reasons.count("DESTINATION_ADDRESS_MISSING"));
}

TEST_F(Tenant, ACollectorIsNotInAVpc)
{
    host.add_collector(0);
    tunnel = host.add_tunnel(0, 0, 0);
    model.tunnels[tunnel].delivery = Delivery::Vpc;
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(desire().reasons.count("DELIVERY_UNSUPPORTED"));
    model.tunnels[tunnel].delivery = Delivery::Auto;
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(desire().delivery, Delivery::Underlay);
    EXPECT_TRUE(desire().egress);
}

TEST_F(Tenant, UnderOvnThePortIsALogicalPortOfTheSubnet)
{
    host.facts.settings.ovn_bridge = "br-int";
    start(5);
    const PortRow &port = host.desired.rows().ports.at("mdlv-1");
    EXPECT_EQ(port.iface_id, "mirror-hv1-subnet0");
    EXPECT_EQ(port.tag, std::nullopt);
}

TEST_F(Tenant, TheTenantsMtuBoundsWhatIsKept)
{
    nic(0).mtu = 1450;
    start(5);
    EXPECT_EQ(desire().effective_packet_length, 1450 - 36);
    EXPECT_EQ(desire().conditions.at("MtuSufficient").status,
              ConditionStatus::False);
    nic(5).mtu = 1400;
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(desire().effective_packet_length, 1400 - 36);
    nic(5).mtu = 9000;
    nic(0).mtu = 9000;
    ASSERT_TRUE(host.settle());
    /* The kernel's datapath: the private leg counts as well. */
    EXPECT_EQ(desire().effective_packet_length, 1450);
}

TEST_F(Tenant, TheMtuOfAMemberThatGetsNoCopiesBoundsNothing)
{
    nic(0).mtu = 9000;
    nic(5).mtu = 1000;
    lb_members()[1].nic = row_id(Row::Nic, 5);
    start(6);
    EXPECT_EQ(desire().effective_packet_length, 1000 - 36);
    lb_members()[1].up = false;
    ASSERT_TRUE(host.settle());
    EXPECT_GT(desire().effective_packet_length, 1000);
}

TEST_F(Tenant, ABalancedTunnelHasAGroupAndAFlowForEachMember)
{
    start(6);
    ASSERT_TRUE(desire().egress);
    EXPECT_EQ(desire().in_vpc->deliveries.size(), 3u);
    EXPECT_EQ(desire().egress->slots.size(), 64u);
    auto flows = egress_flows(9, *desire().egress);
    int groups = 0, members = 0;
    for (const Flow &flow : flows) {
        groups += flow.key.table == GROUP_TABLE;
        members += flow.key.table == TABLE_SPREAD;
        if (flow.key.table == TABLE_EGRESS) {
            EXPECT_NE(flow.actions.str().find("->pkt_mark,output:" +
                                              std::to_string(BALANCE_OFPORT) +
                                              ","),
                      std::string::npos);
        }
        EXPECT_EQ(flow.actions.str().find("selection_method"),
                  std::string::npos);
    }
    EXPECT_EQ(groups, 1);
    EXPECT_EQ(members, 3);
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
}

/* By the new filter to the old destination is what no policy says. */
TEST_F(Tenant, CopiesByNoOtherFilterWhileItsNewDeliveryIsMade)
{
    Uuid filter = host.add_filter(0, 80), other = host.add_filter(1, 443);
    tunnel = host.add_tunnel(0, 0, 5, filter);
    /* So that the other one has its number. */
    host.add_collector(2);
    host.add_tunnel(1, 0, 2, other);
    ASSERT_TRUE(host.settle());
    Actual actual = host.in_place();
    host.desired.take_changed_flows();
    OwnerKey egress{
        "br-mirror",
        {FlowOwner::Egress,
         static_cast<uint32_t>(host.desired.status_of(tunnel)->number)}};
    std::set<OwnerKey> outstanding;
    /* What a pass makes of the tunnel's own flows: deletions count below
     * zero. */
    auto pass = [&] {
        outstanding.merge(host.desired.take_changed_flows());
        Plan plan = make_plan(actual, host.desired, &outstanding);
        int edits = 0;
        for (const FlowEdit &edit : plan.flows["br-mirror"]) {
            if (Cookie::decode(edit.flow.cookie)->owner == egress.owner) {
                edits += edit.op == FlowEdit::Op::Delete ? -1 : 1;
            }
        }
        for (const auto &[bridge, bundle] : plan.flows) {
            apply_bundle(&actual, bridge, bundle);
        }
        return edits;
    };
    auto deliver_to = [&](const char *address) {
        nic(5).addresses = {ip_of(address)};
        ASSERT_TRUE(host.settle());
    };
    deliver_to("10.1.0.10");
    EXPECT_EQ(pass(), 0) << "it goes on until the new delivery is there";
    EXPECT_EQ(pass(), 2);
    host.model.tunnels.at(tunnel).filter = std::nullopt;
    deliver_to("10.1.0.11");
    EXPECT_EQ(pass(), -2) << "it is handed frames by another filter";
    EXPECT_EQ(pass(), 2);
    host.model.tunnels.at(tunnel).filter = filter;
    ASSERT_TRUE(host.settle());
    pass();
    host.model.filters.at(filter).inbound.edit().front().action =
        RuleAction::Reject;
    deliver_to("10.1.0.12");
    EXPECT_EQ(pass(), -2) << "its filter has other rules";
    EXPECT_EQ(pass(), 2);
    host.model.filters.at(other).inbound.edit().front().action =
        RuleAction::Reject;
    deliver_to("10.1.0.13");
    EXPECT_EQ(pass(), 0) << "another tunnel's filter is nothing to it";
}

/* Which one is not known to a trace, which has no hash. */
TEST_F(Tenant, AProbeOfABalancedTunnelNamesAllMembers)
{
    start(6);
    TraceAnswer answer;
    answer.filtered = answer.admitted = true;
    std::string detail =
        stations_of(tunnel, Direction::Outbound, {Frame{}, false, "tcp"},
                    answer, host.desired, {true, false})
            .at(Station::Delivery)
            .detail;
    EXPECT_TRUE(detail.starts_with("to one of 3 members")) << detail;
    for (const char *member : {"10.2.0.9 ", "10.2.0.10 ", "10.2.0.11 "}) {
        EXPECT_NE(detail.find(member), std::string::npos) << detail;
    }
}

TEST_F(Tenant, ABalancedTunnelWaitsForThePairThatLeadsToItsGroup)
{
    auto without_pair = [&](const std::string &taken) {
        host.facts.taken_names.clear();
        if (!taken.empty()) {
            host.facts.taken_names.insert(taken);
        }
        host.facts.ofports.erase("mbal-in");
        host.feed();
    };
    auto is_told = [&](const char *code) {
        return !desire().egress && desire().reasons.count(code) > 0;
    };
    start(6);
    ASSERT_TRUE(desire().egress);
    EXPECT_EQ(host.desired.rows().ports.at("mbal-out").options,
              (std::map<std::string, std::string>{{"peer", "mbal-in"}}));
    without_pair("");
    EXPECT_FALSE(desire().egress);
    EXPECT_EQ(desire().health, Health::Ok);
    without_pair("mbal-in");
    EXPECT_TRUE(is_told("PORT_NAME_TAKEN"));
    EXPECT_EQ(host.desired.rows().ports.count("mbal-out"), 0u);
    host.facts.taken_names.clear();
    host.facts.port_errors["mbal-out"] = "no such device";
    host.feed();
    EXPECT_TRUE(is_told("VTEP_PORT_TAKEN"));
    host.facts.port_errors.clear();
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(desire().egress);
    host.facts.rows.ports["mbal-out"].options["peer"] = "nobody";
    host.feed();
    EXPECT_FALSE(desire().egress);
    host.facts.rows.ports["mbal-out"].bridge = "br-other";
    host.facts.rows.ports["mbal-out"].options["peer"] = "mbal-in";
    host.feed();
    EXPECT_FALSE(desire().egress);
    host.model.tunnels.at(tunnel).mode = Mode::Count;
    host.feed();
    EXPECT_TRUE(desire().egress) << "what only counts needs no group";
    host.model.tunnels.at(tunnel).mode = Mode::Mirror;
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(desire().egress);
    EXPECT_EQ(desire().health, Health::Ok);
}

TEST_F(Tenant, WithoutAMemberNothingIsSentAndAllIsCounted)
{
    for (auto &member : lb_members()) {
        member.up = false;
    }
    start(6);
    EXPECT_EQ(desire().health, Health::Degraded);
    EXPECT_TRUE(desire().reasons.count("MEMBERS_DOWN"));
    ASSERT_TRUE(desire().egress);
    EXPECT_TRUE(desire().egress->count_only);
    lb_members()[1].up = true;
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(desire().health, Health::Ok);
    EXPECT_EQ(desire().in_vpc->deliveries.size(), 1u);
    EXPECT_FALSE(desire().egress->count_only);
}

TEST_F(Tenant, MembersOfAnotherIpVersionAreTold)
{
    lb_members().push_back({ip_of("fd00:c::9"), true, std::nullopt});
    start(6);
    EXPECT_TRUE(desire().reasons.count("MEMBER_IP_VERSION"));
    EXPECT_EQ(desire().in_vpc->deliveries.size(), 3u);
}

TEST_F(Tenant, ABridgeWhoseNameIsTooLongIsTold)
{
    host.facts.settings.mirror_bridge = "br-a-long-mirror";
    start(5);
    EXPECT_TRUE(desire().reasons.count("DELIVERY_BRIDGE_UNNAMED"));
    EXPECT_FALSE(desire().egress);
}

TEST_F(Tenant, AnotherUseOfThePrivateRangeIsTold)
{
    start(5);
    PathKey leg{"system", handle_address(0, false)};
    host.paths[leg].device = "eth0";
    host.feed();
    EXPECT_TRUE(desire().reasons.count("DELIVERY_NOT_ROUTED"));
    EXPECT_FALSE(desire().egress);
}

} // namespace
} // namespace pm
