/* Delivery in a tenant's own network. */
#include <gtest/gtest.h>

#include "flows/delivery.h"
#include "plugin/next_hops.h"
#include "plugin/plan.h"
#include "plugin/status.h"
#include "plugin/switch_names.h"
#include "tests/unit/host.h"

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
    for (const Flow &flow :
         delivery_base_flows("02:11:22:33:44:55", {"02:11:22:33:44:66"})) {
        EXPECT_TRUE(flow.actions == "drop" ||
                    flow.actions == "controller:128" ||
                    flow.key.match.starts_with("in_port=LOCAL,"))
            << flow.to_string();
    }
}

/* nic0 of VPC 0 mirrored to nic5 of VPC 1, and to a load balancer of VPC 2
 * with the members 10.2.0.9, 10.2.0.10 and 10.2.0.11. */
class Tenant : public testing::Test {
protected:
    Tenant()
    {
        for (uint32_t n = 0; n < 3; n++) {
            model.vpcs[row_id(Row::Vpc, n)] = {
                "vpc" + std::to_string(n), "acme", "kr",
                n == 2 ? VpcKind::Transit : VpcKind::Standard};
            Subnet subnet;
            subnet.name = "subnet" + std::to_string(n);
            subnet.vpc = row_id(Row::Vpc, n);
            subnet.cidr = *Cidr::parse("10." + std::to_string(n) + ".0.0/16");
            model.subnets[row_id(Row::Subnet, n)] = subnet;
        }
        source_subnet().routes = {{*Cidr::parse("10.1.0.0/16"), "p"},
                                  {*Cidr::parse("10.2.0.0/16"), "t"},
                                  {*Cidr::parse("fd00:b::/64"), "p"},
                                  {*Cidr::parse("fd00:c::/64"), "t"}};
        source_subnet().gateway_mac = "02:00:00:00:01:01";
        model.peerings[row_id(Row::Peering, 0)] = {"p", row_id(Row::Vpc, 0),
                                                   row_id(Row::Vpc, 1), true};
        model.connects[row_id(Row::Connect, 0)] = {"t", row_id(Row::Vpc, 0),
                                                   row_id(Row::Vpc, 2), true};
        host.plug("nic0", "br-int");
        host.facts.nics["nic0"].own_tag = host.facts.nics["nic0"].vlan = 5;
        host.add_source(0);
        nic(0).subnet = row_id(Row::Subnet, 0);
        nic(0).addresses = {ip_of("10.0.0.5"), ip_of("fd00:a::5")};
        host.add_nic(5);
        nic(5).subnet = row_id(Row::Subnet, 1);
        nic(5).addresses = {ip_of("10.1.0.9")};
        add_destination(5, ResourceType::NetworkInterface, "nic5",
                        row_id(Row::Nic, 5));
        LoadBalancer lb;
        lb.name = "lb";
        lb.vpc = row_id(Row::Vpc, 2);
        lb.subnet = row_id(Row::Subnet, 2);
        for (int n = 9; n <= 11; n++) {
            lb.members.push_back(
                {ip_of("10.2.0." + std::to_string(n)), true, std::nullopt});
        }
        model.load_balancers[row_id(Row::LoadBalancer, 0)] = lb;
        add_destination(6, ResourceType::LoadBalancer, "lb",
                        row_id(Row::LoadBalancer, 0));
    }

    void add_destination(uint32_t n, ResourceType type,
                         const std::string &target, const Uuid &target_id)
    {
        Resource resource;
        resource.name = "to-" + target;
        resource.account = "acme";
        resource.purpose = Purpose::Destination;
        resource.type = type;
        resource.target = target;
        resource.target_id = target_id;
        if (type == ResourceType::NetworkInterface) {
            resource.iface_id = target;
        }
        model.resources[row_id(Row::Destination, n)] = resource;
    }

    Nic &nic(uint32_t n) { return model.nics[row_id(Row::Nic, n)]; }
    Subnet &source_subnet() { return model.subnets[row_id(Row::Subnet, 0)]; }
    std::vector<LoadBalancerMember> &lb_members()
    {
        return model.load_balancers[row_id(Row::LoadBalancer, 0)].members;
    }

    const TunnelDesire &desire() { return host.desire(tunnel); }

    /* What the copies are on the wire, by handle. */
    std::vector<std::string> delivered()
    {
        std::vector<std::string> all;
        for (const auto &[handle, way] : desire().in_vpc->deliveries) {
            all.push_back(way.to_string());
        }
        return all;
    }

    void start(uint32_t destination)
    {
        tunnel = host.add_tunnel(0, 0, destination);
        ASSERT_TRUE(host.settle());
    }

    Host host;
    Model &model = host.model;
    Uuid tunnel;
};

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

TEST_F(Tenant, ANewWayHasANewHandleAndTheOldOneStaysUntilItIsSilent)
{
    start(5);
    int64_t old = desire().in_vpc->deliveries.begin()->first;
    Actual actual;
    actual.rows = host.facts.rows;
    for (const auto &[key, flows] : host.desired.flows()) {
        actual.flows[key.bridge][key.owner] = flows;
    }
    for (const auto &[key, rate_kbps] : host.desired.meters()) {
        actual.meters[key.bridge][key.owner] = rate_kbps;
    }
    nic(5).addresses = {ip_of("10.1.0.10")};
    host.feed();
    /* The new one is not in the status row: the copies go on as before. */
    EXPECT_EQ(desire().in_vpc->deliveries.begin()->first, old);
    EXPECT_TRUE(desire().undecided);
    ASSERT_TRUE(host.write_statuses());
    host.feed();
    int64_t now = desire().in_vpc->deliveries.begin()->first;
    EXPECT_NE(now, old);

    std::set<OwnerKey> outstanding = host.desired.take_changed_flows();
    auto plan = [&] { return make_plan(actual, host.desired, &outstanding); };
    Plan first = plan();
    for (const FlowEdit &edit : first.flows.at("br-mirror")) {
        EXPECT_EQ(Cookie::decode(edit.flow.cookie)->owner.kind,
                  FlowOwner::Guard)
            << edit.to_string();
    }
    apply_bundle(&actual, "br-mirror", first.flows.at("br-mirror"));
    ASSERT_TRUE(first.flows.count("br-mirror-dlv"));
    for (const FlowEdit &edit : first.flows.at("br-mirror-dlv")) {
        EXPECT_EQ(edit.op, FlowEdit::Op::Add) << edit.to_string();
    }
    apply_bundle(&actual, "br-mirror-dlv", first.flows.at("br-mirror-dlv"));
    Plan second = plan();
    EXPECT_FALSE(second.flows.count("br-mirror-dlv"));
    ASSERT_TRUE(second.flows.count("br-mirror"));
    apply_bundle(&actual, "br-mirror", second.flows.at("br-mirror"));
    Plan third = plan();
    EXPECT_TRUE(third.flows.empty());
    EXPECT_TRUE(third.prove);
    ASSERT_EQ(actual.unproven.size(), 1u);
    EXPECT_EQ(actual.unproven.begin()->second.specs.at(0).destination,
              handle_address(old, false));
    actual.proven(actual.to_prove());
    Plan last = plan();
    ASSERT_TRUE(last.flows.count("br-mirror-dlv"));
    EXPECT_EQ(last.flows.at("br-mirror-dlv").size(), 1u);
    EXPECT_EQ(last.flows.at("br-mirror-dlv")[0].op, FlowEdit::Op::Delete);
}

TEST_F(Tenant, AHandleThatTwoRowsClaimServesOne)
{
    start(5);
    Uuid first = tunnel;
    model.tunnels[row_id(Row::Tunnel, 1)] = model.tunnels[first];
    Tunnel &second = model.tunnels[row_id(Row::Tunnel, 1)];
    second.name = "second";
    second.destination = row_id(Row::Destination, 6);
    second.created_ms = 1;
    ASSERT_TRUE(host.settle());
    TunnelStatus *rows[2] = {};
    for (auto &[id, status] : model.tunnel_statuses) {
        rows[status.tunnel == first ? 0 : 1] = &status;
    }
    rows[1]->handles.edit().begin()->second = rows[0]->handles.begin()->second;
    ASSERT_TRUE(host.settle());
    std::set<int64_t> handles;
    for (const auto &[id, desire] : host.desired.tunnels()) {
        EXPECT_TRUE(desire.egress);
        for (const auto &[handle, way] : desire.in_vpc->deliveries) {
            EXPECT_TRUE(handles.insert(handle).second) << handle;
        }
    }
    EXPECT_EQ(handles.size(), 4u);
}

/* Another tunnel has all handles, or all but some. */
class Crowded : public Tenant {
protected:
    Crowded()
    {
        host.add_nic(6);
        nic(6).subnet = row_id(Row::Subnet, 1);
        nic(6).addresses = {ip_of("10.1.0.6")};
        add_destination(7, ResourceType::NetworkInterface, "nic6",
                        row_id(Row::Nic, 6));
    }

    TunnelStatus &other()
    {
        for (auto &[id, status] : model.tunnel_statuses) {
            if (status.tunnel == row_id(Row::Tunnel, 1)) {
                return status;
            }
        }
        ADD_FAILURE() << "the other tunnel has no status row";
        abort();
    }

    void crowd(int64_t free)
    {
        host.add_tunnel(1, 0, 6);
        ASSERT_TRUE(host.settle());
        for (int64_t n = 1; n <= HANDLE_MAX - free; n++) {
            other().handles.edit().emplace("way " + std::to_string(n), n);
        }
        for (auto &[way, handle] : other().handles.edit()) {
            if (!way.starts_with("way")) { /* Its own: beyond those. */
                handle = HANDLE_MAX - handle + 1;
            }
        }
        host.feed();
    }

    bool exhausted()
    {
        auto condition = desire().conditions.find("DestinationReachable");
        bool told = desire().reasons.count("HANDLES_EXHAUSTED") > 0;
        EXPECT_EQ(
            told,
            condition != desire().conditions.end() &&
                condition->second.status == ConditionStatus::False &&
                condition->second.reason.starts_with("HANDLES_EXHAUSTED: "));
        return told;
    }
};

TEST_F(Crowded, WithoutAHandleLeftATunnelIsToldAndDoesNotCopy)
{
    crowd(3);
    start(5);
    EXPECT_TRUE(exhausted());
    EXPECT_EQ(desire().health, Health::Degraded);
    EXPECT_FALSE(desire().egress);
    EXPECT_TRUE(desire().in_vpc->deliveries.empty());
    EXPECT_TRUE(new_handles(tunnel, Actual{}, &host.desired).empty());
    /* It heals as soon as another needs one handle less. */
    host.desired.take_changed_tunnels();
    other().handles.erase("way 7");
    host.feed();
    EXPECT_FALSE(exhausted());
    EXPECT_TRUE(host.desired.take_changed_tunnels().count(tunnel));
    ASSERT_TRUE(host.settle());
    EXPECT_FALSE(exhausted());
    EXPECT_EQ(desire().health, Health::Ok);
    ASSERT_EQ(desire().in_vpc->deliveries.size(), 1u);
    EXPECT_EQ(desire().in_vpc->deliveries.begin()->first, 7);
}

TEST_F(Crowded, TheLastHandleServesOneAndTheNextIsTold)
{
    crowd(4);
    start(5);
    EXPECT_FALSE(exhausted());
    EXPECT_TRUE(desire().egress);
    Uuid first = tunnel;
    tunnel = host.add_tunnel(2, 0, 7);
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(exhausted());
    model.tunnels.erase(first);
    ASSERT_TRUE(host.settle());
    EXPECT_FALSE(exhausted());
    EXPECT_TRUE(desire().egress);
}

TEST_F(Crowded, OfTwoThatWantTheLastHandleTheOtherIsTold)
{
    crowd(4);
    Uuid first = host.add_tunnel(0, 0, 5);
    tunnel = host.add_tunnel(2, 0, 7);
    ASSERT_TRUE(host.settle());
    bool first_copies = host.desire(first).egress.has_value();
    EXPECT_NE(first_copies, desire().egress.has_value());
    if (!first_copies) {
        tunnel = first;
    }
    EXPECT_TRUE(exhausted());
}

TEST_F(Crowded, AHandleThatIsOnItsWayToTheRowIsNotMissing)
{
    crowd(4);
    start(5);
    nic(5).addresses = {ip_of("10.1.0.10")};
    /* The old way is silent, and its handle goes to the new one. */
    for (auto &[id, status] : model.tunnel_statuses) {
        if (status.tunnel == tunnel) {
            status.handles = {};
        }
    }
    host.feed();
    EXPECT_FALSE(exhausted());
    ASSERT_EQ(new_handles(tunnel, Actual{}, &host.desired).size(), 1u);
    model.tunnels[tunnel].note = "desired once more";
    host.feed();
    EXPECT_FALSE(exhausted());
}

TEST_F(Crowded, WhoseDestinationMovedDoesNotGoOnToWhereItWas)
{
    crowd(4);
    start(5);
    ASSERT_TRUE(desire().egress);
    TunnelStatus *own = nullptr;
    for (auto &[id, status] : model.tunnel_statuses) {
        own = status.tunnel == tunnel ? &status : own;
    }
    nic(5).addresses = {ip_of("10.1.0.10")};
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(exhausted());
    EXPECT_FALSE(desire().egress);
    EXPECT_FALSE(desire().undecided);
    /* Once nothing goes there any more its old handle is free for it. */
    own->handles = {};
    ASSERT_TRUE(host.settle());
    EXPECT_FALSE(exhausted());
    ASSERT_EQ(desire().in_vpc->deliveries.size(), 1u);
    EXPECT_EQ(desire().in_vpc->deliveries.begin()->second.destination,
              ip_of("10.1.0.10"));
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
            EXPECT_EQ(flow.actions, "group:9");
        }
        EXPECT_EQ(flow.actions.str().find("selection_method"),
                  std::string::npos);
    }
    EXPECT_EQ(groups, 1);
    EXPECT_EQ(members, 3);
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
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
