#include "plugin/check_network.h"

#include <gtest/gtest.h>

#include "tests/unit/world.h"

namespace pm {
namespace {

IpAddress
address(const std::string &text)
{
    return *IpAddress::parse(text);
}

Cidr
cidr(const std::string &text)
{
    return *Cidr::parse(text);
}

/* One tunnel from a NIC in VPC "a" to one in VPC "b", or to a load balancer
 * in transit VPC "t", with everything between them that it needs.  Each test
 * takes something away. */
class Network : public testing::Test {
protected:
    static Uuid id(uint32_t kind, uint32_t n = 0)
    {
        Uuid uuid;
        uuid.parts = {kind, n, 1, 1};
        return uuid;
    }

    const Uuid VPC_A = id(1, 1), VPC_B = id(1, 2), VPC_T = id(1, 3),
               SUBNET_A = id(2, 1), SUBNET_B = id(2, 2), SUBNET_T = id(2, 3),
               NIC_A = id(3, 1), NIC_B = id(3, 2), LB = id(4), PEERING = id(5),
               CONNECT = id(6), SOURCE = id(7, 1), TO_NIC = id(7, 2),
               TO_LB = id(7, 3);
    Model model;
    Tunnel tunnel;
    std::optional<IpAddress> outer_source;

    Network()
    {
        model.vpcs[VPC_A] = {"a", "acme", "kr", VpcKind::Standard};
        model.vpcs[VPC_B] = {"b", "acme", "kr", VpcKind::Standard};
        model.vpcs[VPC_T] = {"t", "acme", "kr", VpcKind::Transit};
        put_subnet(SUBNET_A, "sn-a", VPC_A, "10.1.0.0/24");
        put_subnet(SUBNET_B, "sn-b", VPC_B, "10.2.0.0/24");
        put_subnet(SUBNET_T, "sn-t", VPC_T, "10.9.0.0/24");
        model.subnets[SUBNET_A].routes = {{cidr("10.2.0.0/16"), "a-to-b"},
                                          {cidr("10.9.0.0/16"), "a-t"}};
        put_nic(NIC_A, "web", SUBNET_A, "10.1.0.5");
        put_nic(NIC_B, "ids", SUBNET_B, "10.2.0.5");
        LoadBalancer lb;
        lb.name = "lb";
        lb.vpc = VPC_T;
        lb.subnet = SUBNET_T;
        lb.members = {{address("10.9.0.10"), true, std::nullopt},
                      {address("10.9.0.11"), false, std::nullopt}};
        model.load_balancers[LB] = lb;
        model.peerings[PEERING] = {"a-to-b", VPC_A, VPC_B, true};
        model.connects[CONNECT] = {"a-t", VPC_A, VPC_T, true};
        put_resource(SOURCE, "web-src", Purpose::Source,
                     ResourceType::NetworkInterface, NIC_A);
        put_resource(TO_NIC, "ids-dst", Purpose::Destination,
                     ResourceType::NetworkInterface, NIC_B);
        put_resource(TO_LB, "lb-dst", Purpose::Destination,
                     ResourceType::LoadBalancer, LB);
        tunnel.name = "tun";
        tunnel.account = "acme";
        tunnel.source = SOURCE;
        tunnel.destination = TO_NIC;
    }

    void put_subnet(const Uuid &key, const std::string &name, const Uuid &vpc,
                    const std::string &prefix)
    {
        Subnet subnet;
        subnet.name = name;
        subnet.vpc = vpc;
        subnet.cidr = cidr(prefix);
        model.subnets[key] = subnet;
    }

    void put_nic(const Uuid &key, const std::string &name, const Uuid &subnet,
                 const std::string &ip)
    {
        Nic nic;
        nic.name = nic.iface_id = name;
        nic.subnet = subnet;
        nic.addresses = {address(ip)};
        model.nics[key] = nic;
    }

    void put_resource(const Uuid &key, const std::string &name,
                      Purpose purpose, ResourceType type, const Uuid &target)
    {
        Resource resource;
        resource.name = name;
        resource.account = "acme";
        resource.purpose = purpose;
        resource.type = type;
        resource.target_id = target;
        model.resources[key] = resource;
    }

    /* "Peering" gives "True", "False CODE" or "Unknown CODE"; "" when it does
     * not apply. */
    std::string ask(const std::string &type)
    {
        auto answers = ask_network(model, tunnel, outer_source).conditions;
        auto answer = answers.find(type);
        if (answer == answers.end()) {
            return "";
        }
        EXPECT_EQ(answer->second.code.empty(), answer->second.message.empty());
        return to_string(answer->second.status) +
               (answer->second.code.empty() ? "" : " " + answer->second.code);
    }

    std::string crossing()
    {
        return ask_network(model, tunnel, outer_source).crossing;
    }

    Codes refusals()
    {
        model.tunnels[id(8)] = tunnel;
        Problems problems;
        check_network(model, id(8), "mirror_tunnels[tun]", &problems);
        return codes(problems);
    }

    std::map<Cidr, std::string> &routes()
    {
        return model.subnets[SUBNET_A].routes;
    }
};

/* ------------------------------------------------------------------------
 * Good. */

TEST_F(Network, WithAPeeringAndARouteOverItIsInOrder)
{
    EXPECT_EQ(ask("Peering"), "True");
    EXPECT_EQ(ask("Route"), "True");
    EXPECT_EQ(ask("TransitConnect"), "");
    EXPECT_EQ(crossing(), "a-to-b");
    EXPECT_EQ(refusals(), Codes());
}

TEST_F(Network, WithAConnectAndARouteOverItIsInOrderForALoadBalancer)
{
    tunnel.destination = TO_LB;
    model.peerings.clear();
    EXPECT_EQ(ask("TransitConnect"), "True");
    EXPECT_EQ(ask("Route"), "True");
    EXPECT_EQ(ask("Peering"), "");
    EXPECT_EQ(crossing(), "a-t");
    EXPECT_EQ(refusals(), Codes());
}

TEST_F(Network, IsNotAskedForWithinOneVpc)
{
    model.subnets[SUBNET_B].vpc = VPC_A;
    model.peerings.clear();
    routes().clear();
    for (const char *type : {"Peering", "Route", "TransitConnect"}) {
        EXPECT_EQ(ask(type), "") << type;
    }
    EXPECT_EQ(crossing(), "");
    EXPECT_EQ(refusals(), Codes());
}

TEST_F(Network, IsNotAskedForByALoadBalancerWithinItsTransitVpc)
{
    tunnel.destination = TO_LB;
    put_subnet(SUBNET_A, "sn-a", VPC_T, "10.1.0.0/24");
    model.connects.clear();
    EXPECT_EQ(ask("TransitConnect"), "");
    EXPECT_EQ(ask("Route"), "");
    EXPECT_EQ(refusals(), Codes());
}

TEST_F(Network, IsNotAskedForByAnEndWithoutAVpc)
{
    model.peerings.clear();
    for (const Uuid &unmanaged : {NIC_A, NIC_B}) {
        auto subnet = model.nics[unmanaged].subnet;
        model.nics[unmanaged].subnet.reset();
        EXPECT_TRUE(
            ask_network(model, tunnel, outer_source).conditions.empty());
        model.nics[unmanaged].subnet = subnet;
    }
    model.collectors[id(9)] = {"col", address("192.0.2.1"), std::nullopt};
    put_resource(TO_NIC, "col-dst", Purpose::Destination,
                 ResourceType::Collector, id(9));
    EXPECT_TRUE(ask_network(model, tunnel, outer_source).conditions.empty());
}

TEST_F(Network, IsNotAskedForWhileRowsAreMissing)
{
    const Model whole = model;
    auto nothing_asked = [&] {
        bool nothing =
            ask_network(model, tunnel, outer_source).conditions.empty();
        model = whole;
        return nothing;
    };
    model.vpcs.erase(VPC_A);
    EXPECT_TRUE(nothing_asked());
    model.vpcs.erase(VPC_B);
    EXPECT_TRUE(nothing_asked());
    model.subnets.erase(SUBNET_B);
    EXPECT_TRUE(nothing_asked());
    model.nics.erase(NIC_A);
    EXPECT_TRUE(nothing_asked());
    model.resources.clear();
    EXPECT_TRUE(nothing_asked());
    tunnel.destination = TO_LB;
    model.load_balancers.clear();
    EXPECT_TRUE(nothing_asked());
}

/* Past the console anything may be a source. */
TEST_F(Network, IsNotAskedForByALoadBalancerAsSource)
{
    model.load_balancers[LB].subnet.reset();
    tunnel.source = TO_LB;
    EXPECT_TRUE(ask_network(model, tunnel, outer_source).conditions.empty());
}

TEST_F(Network, OfSeveralPeeringsOneActiveIsEnough)
{
    model.peerings[id(5, 1)] = {"a-to-b2", VPC_A, VPC_B, false};
    EXPECT_EQ(ask("Peering"), "True");
    EXPECT_EQ(ask("Route"), "True");
    model.peerings[id(5, 1)].active = true;
    routes()[cidr("10.2.0.5/32")] = "a-to-b2";
    EXPECT_EQ(ask("Route"), "True");
    EXPECT_EQ(crossing(), "a-to-b2");
}

TEST_F(Network, TakesTheRouteWithTheLongestPrefix)
{
    routes()[cidr("0.0.0.0/0")] = "local";
    routes()[cidr("10.0.0.0/8")] = "a-t";
    EXPECT_EQ(ask("Route"), "True");
    routes()[cidr("10.2.0.0/24")] = "a-t";
    EXPECT_EQ(ask("Route"), "False ROUTE_MISSING");
    routes()[cidr("10.2.0.4/31")] = "a-to-b";
    EXPECT_EQ(ask("Route"), "True");
    /* One beside the address changes nothing. */
    routes()[cidr("10.2.0.6/32")] = "a-t";
    EXPECT_EQ(ask("Route"), "True");
}

TEST_F(Network, LooksIpv6RoutesUpByThemselves)
{
    model.nics[NIC_B].addresses = {address("fd00:2::5")};
    routes()[cidr("0.0.0.0/0")] = "a-to-b";
    EXPECT_EQ(ask("Route"), "False ROUTE_MISSING");
    routes()[cidr("fd00:2::/32")] = "a-to-b";
    EXPECT_EQ(ask("Route"), "True");
    routes()[cidr("fd00:2::/64")] = "local";
    EXPECT_EQ(ask("Route"), "False ROUTE_MISSING");
    routes()[cidr("fd00:2::5/128")] = "a-to-b";
    EXPECT_EQ(ask("Route"), "True");
}

TEST_F(Network, RoutesToTheSubnetOfAnEndWithoutAddresses)
{
    model.nics[NIC_B].addresses.clear();
    EXPECT_EQ(ask("Route"), "True");
    routes() = {{cidr("10.2.0.0/25"), "a-to-b"}};
    EXPECT_EQ(ask("Route"), "False ROUTE_MISSING");
    tunnel.destination = TO_LB;
    model.load_balancers[LB].members.clear();
    routes() = {{cidr("10.9.0.0/24"), "a-t"}};
    EXPECT_EQ(ask("Route"), "True");
    model.load_balancers[LB].subnet.reset();
    EXPECT_EQ(ask("Route"), "Unknown ROUTE_UNKNOWN");
    EXPECT_EQ(refusals(), Codes());
}

/* ------------------------------------------------------------------------
 * Bad. */

TEST_F(Network, WithoutAPeeringIsRefused)
{
    model.peerings.clear();
    EXPECT_EQ(ask("Peering"), "False PEERING_MISSING");
    /* The route may lead over the one that is to come. */
    EXPECT_EQ(ask("Route"), "Unknown ROUTE_UNKNOWN");
    EXPECT_EQ(refusals(),
              Codes{"PEERING_MISSING mirror_tunnels[tun].destination"});
}

TEST_F(Network, WithAnInactivePeeringOnlyIsRefused)
{
    model.peerings[PEERING].active = false;
    EXPECT_EQ(ask("Peering"), "False PEERING_MISSING");
    EXPECT_EQ(ask("Route"), "True");
}

TEST_F(Network, WithAPeeringTheOtherWayOnlyIsRefused)
{
    model.peerings[PEERING] = {"a-to-b", VPC_B, VPC_A, true};
    EXPECT_EQ(ask("Peering"), "False PEERING_MISSING");
}

TEST_F(Network, WithAPeeringToAThirdVpcOnlyIsRefused)
{
    model.peerings[PEERING].to = VPC_T;
    EXPECT_EQ(ask("Peering"), "False PEERING_MISSING");
}

TEST_F(Network, AConnectIsNoPeeringAndAPeeringNoConnect)
{
    model.peerings.clear();
    model.connects[CONNECT].transit_vpc = VPC_B;
    EXPECT_EQ(ask("Peering"), "False PEERING_MISSING");
    model.connects.clear();
    model.peerings[PEERING] = {"a-t", VPC_A, VPC_T, true};
    tunnel.destination = TO_LB;
    EXPECT_EQ(ask("TransitConnect"), "False TRANSIT_CONNECT_MISSING");
}

TEST_F(Network, WithoutAnythingIsRefusedForBoth)
{
    model.peerings.clear();
    routes().clear();
    EXPECT_EQ(sorted(refusals()),
              sorted({"PEERING_MISSING mirror_tunnels[tun].destination",
                      "ROUTE_MISSING mirror_tunnels[tun].destination"}));
}

TEST_F(Network, WithoutARouteIsRefused)
{
    routes().erase(cidr("10.2.0.0/16"));
    EXPECT_EQ(ask("Peering"), "True");
    EXPECT_EQ(refusals(),
              Codes{"ROUTE_MISSING mirror_tunnels[tun].destination"});
    routes()[cidr("10.2.0.0/16")] = "local";
    EXPECT_EQ(ask("Route"), "False ROUTE_MISSING");
    EXPECT_EQ(crossing(), "");
}

TEST_F(Network, WithARouteOverAnInactivePeeringBesideAnActiveOneIsRefused)
{
    model.peerings[PEERING].active = false;
    model.peerings[id(5, 1)] = {"a-to-b2", VPC_A, VPC_B, true};
    EXPECT_EQ(ask("Peering"), "True");
    EXPECT_EQ(ask("Route"), "False ROUTE_MISSING");
}

TEST_F(Network, WithTheRouteInTheDestinationsSubnetOnlyIsRefused)
{
    std::swap(model.subnets[SUBNET_A].routes, model.subnets[SUBNET_B].routes);
    EXPECT_EQ(ask("Route"), "False ROUTE_MISSING");
}

TEST_F(Network, OfALoadBalancerNeedsItsConnect)
{
    tunnel.destination = TO_LB;
    model.connects[CONNECT].active = false;
    EXPECT_EQ(ask("TransitConnect"), "False TRANSIT_CONNECT_MISSING");
    EXPECT_EQ(ask("Route"), "True");
    model.connects.clear();
    EXPECT_EQ(
        refusals(),
        Codes{"TRANSIT_CONNECT_MISSING mirror_tunnels[tun].destination"});
}

TEST_F(Network, OfALoadBalancerNeedsNoRouteToWhoGetsNoCopies)
{
    tunnel.destination = TO_LB;
    auto &members = model.load_balancers.begin()->second.members;
    routes() = {{cidr("10.9.0.10/32"), "a-t"}};
    EXPECT_EQ(ask("Route"), "True") << "the other is down";
    members[1].up = true;
    EXPECT_EQ(ask("Route"), "False ROUTE_MISSING");
    members[1].address = address("fd00:9::11");
    EXPECT_EQ(ask("Route"), "True") << "the other is of another IP version";
    members[0].up = false;
    EXPECT_EQ(ask("Route"), "False ROUTE_MISSING");
}

TEST_F(Network, OfALoadBalancerNeedsARouteToEachMember)
{
    tunnel.destination = TO_LB;
    model.load_balancers.begin()->second.members[1].up = true;
    routes() = {{cidr("10.9.0.10/32"), "a-t"}};
    EXPECT_EQ(ask("Route"), "False ROUTE_MISSING");
    routes()[cidr("10.9.0.11/32")] = "a-t";
    EXPECT_EQ(ask("Route"), "True");
    routes()[cidr("10.9.0.11/32")] = "a-to-b";
    EXPECT_EQ(ask("Route"), "False ROUTE_MISSING");
}

TEST_F(Network, OfALoadBalancerOutsideOfATransitVpcIsAnotherFault)
{
    tunnel.destination = TO_LB;
    model.vpcs[VPC_T].kind = VpcKind::Standard;
    EXPECT_EQ(refusals(), Codes());
}

/* ------------------------------------------------------------------------
 * What the destination admits. */

TEST_F(Network, SaysWhetherTheDestinationAdmitsTheCopies)
{
    EXPECT_EQ(ask(PERMITS_VXLAN), "Unknown VXLAN_PERMISSION_UNKNOWN");
    model.nics[NIC_B].permits_vxlan_from = {cidr("198.51.100.0/24"),
                                            cidr("fd00::/64")};
    EXPECT_EQ(ask(PERMITS_VXLAN), "Unknown OUTER_SOURCE_UNKNOWN");
    outer_source = address("198.51.100.7");
    EXPECT_EQ(ask(PERMITS_VXLAN), "True");
    outer_source = address("fd00::7");
    EXPECT_EQ(ask(PERMITS_VXLAN), "True");
    outer_source = address("198.51.101.7");
    EXPECT_EQ(ask(PERMITS_VXLAN), "False VXLAN_NOT_PERMITTED");
    model.nics[NIC_B].permits_vxlan_from = std::vector<Cidr>();
    outer_source = address("198.51.100.7");
    EXPECT_EQ(ask(PERMITS_VXLAN), "False VXLAN_NOT_PERMITTED");
}

TEST_F(Network, IsNotRefusedForWhatTheDestinationDoesNotAdmit)
{
    model.nics[NIC_B].permits_vxlan_from = std::vector<Cidr>();
    outer_source = address("198.51.100.7");
    EXPECT_TRUE(obstacles(ask_network(model, tunnel, outer_source)).empty());
    EXPECT_EQ(refusals(), Codes());
}

TEST_F(Network, AsksEachMemberOfALoadBalancerWhatItAdmits)
{
    tunnel.destination = TO_LB;
    outer_source = address("198.51.100.7");
    EXPECT_EQ(ask(PERMITS_VXLAN), "Unknown VXLAN_PERMISSION_UNKNOWN");
    auto &members = model.load_balancers[LB].members;
    members[0].nic = NIC_B;
    members[1].up = true;
    model.nics[NIC_B].permits_vxlan_from = {cidr("198.51.100.0/24")};
    EXPECT_EQ(ask(PERMITS_VXLAN), "Unknown VXLAN_PERMISSION_UNKNOWN");
    members.pop_back();
    EXPECT_EQ(ask(PERMITS_VXLAN), "True");
    members.push_back({address("10.9.0.12"), true, std::nullopt});
    model.nics[NIC_B].permits_vxlan_from = {cidr("203.0.113.0/24")};
    EXPECT_EQ(ask(PERMITS_VXLAN), "False VXLAN_NOT_PERMITTED");
    members.clear();
    EXPECT_EQ(ask(PERMITS_VXLAN), "Unknown VXLAN_PERMISSION_UNKNOWN");
}

TEST_F(Network, AsksNoMemberThatGetsNoCopiesWhatItAdmits)
{
    tunnel.destination = TO_LB;
    outer_source = address("198.51.100.7");
    auto &members = model.load_balancers[LB].members;
    members = {{address("10.9.0.11"), true, NIC_A},
               {address("10.9.0.12"), false, NIC_B},
               {address("fd00:9::13"), true, NIC_B}};
    model.nics[NIC_A].permits_vxlan_from = {cidr("198.51.100.0/24")};
    model.nics[NIC_B].permits_vxlan_from = std::vector<Cidr>{};
    EXPECT_EQ(ask(PERMITS_VXLAN), "True");
    members[1].up = true;
    EXPECT_EQ(ask(PERMITS_VXLAN), "False VXLAN_NOT_PERMITTED");
    members[0].up = members[1].up = members[2].up = false;
    EXPECT_EQ(ask(PERMITS_VXLAN), "False VXLAN_NOT_PERMITTED");
}

TEST_F(Network, KnowsTheOuterSourceOfDeliveryThroughTheVpcOnly)
{
    tunnel.delivery = Delivery::Underlay;
    EXPECT_EQ(outer_source_by_inventory(model, tunnel), std::nullopt);
    tunnel.delivery = Delivery::Vpc;
    EXPECT_EQ(outer_source_by_inventory(model, tunnel), address("10.1.0.5"));
    tunnel.delivery = Delivery::Auto;
    EXPECT_EQ(outer_source_by_inventory(model, tunnel), address("10.1.0.5"));
    model.nics[NIC_A].addresses.clear();
    EXPECT_EQ(outer_source_by_inventory(model, tunnel), std::nullopt);
}

TEST_F(Network, AsksOfTheAddressesThatTheCopiesBear)
{
    model.nics[NIC_A].addresses = {address("fd00:a::5")};
    model.nics[NIC_B].addresses = {address("10.2.0.5"), address("fd00:b::5")};
    EXPECT_EQ(ask("Route"), "False ROUTE_MISSING");
    auto &routes = model.subnets[SUBNET_A].routes;
    routes = {{cidr("fd00:b::/64"), "a-to-b"}};
    EXPECT_EQ(ask("Route"), "True");
    EXPECT_EQ(outer_source_by_inventory(model, tunnel), address("fd00:a::5"));
    /* The host's own way is to the first, whatever the source has. */
    tunnel.delivery = Delivery::Underlay;
    EXPECT_EQ(ask("Route"), "False ROUTE_MISSING");
}

TEST_F(Network, TheOuterSourceIsOfTheReceiversIpVersion)
{
    model.nics[NIC_A].addresses = {address("10.1.0.5"), address("fd00:a::5")};
    model.nics[NIC_B].addresses = {address("fd00:b::5")};
    EXPECT_EQ(outer_source_by_inventory(model, tunnel), address("fd00:a::5"));
    tunnel.destination = TO_LB;
    auto &members = model.load_balancers[LB].members;
    members = {{address("10.9.0.10"), false, std::nullopt},
               {address("fd00:c::10"), true, std::nullopt}};
    EXPECT_EQ(outer_source_by_inventory(model, tunnel), address("fd00:a::5"));
    model.nics[NIC_A].addresses.pop_back();
    EXPECT_EQ(outer_source_by_inventory(model, tunnel), std::nullopt);
    members.clear();
    EXPECT_EQ(outer_source_by_inventory(model, tunnel), address("10.1.0.5"));
}

/* ------------------------------------------------------------------------
 * What the words tell. */

TEST_F(Network, NamesWhatIsMissingWithinOneAccount)
{
    model.peerings.clear();
    auto answers = ask_network(model, tunnel, outer_source).conditions;
    EXPECT_EQ(answers["Peering"].message,
              "there is no peering from VPC \"a\" to VPC \"b\": add one in "
              "that direction, and a route over it");
    model.peerings[PEERING] = {"a-to-b", VPC_A, VPC_B, true};
    routes().clear();
    answers = ask_network(model, tunnel, outer_source).conditions;
    EXPECT_EQ(answers["Route"].message,
              "subnet \"sn-a\" has no route over the peering to 10.2.0.5: "
              "add one");
}

TEST_F(Network, NamesNothingOfAnotherAccounts)
{
    model.vpcs[VPC_B].name = "secret-vpc";
    model.vpcs[VPC_B].account = "beta";
    model.resources[TO_NIC].account = "beta";
    model.vpcs[VPC_A].name = "hidden-vpc";
    model.subnets[SUBNET_A].name = "hidden-subnet";
    model.nics[NIC_B].permits_vxlan_from = {cidr("203.0.113.0/24")};
    outer_source = address("198.51.100.7");
    for (bool has_peering : {true, false}) {
        if (!has_peering) {
            model.peerings.clear();
        }
        routes().clear();
        for (const auto &[type, answer] :
             ask_network(model, tunnel, outer_source).conditions) {
            for (const char *word :
                 {"secret", "hidden", "10.2.0.5", "203.0.113"}) {
                EXPECT_EQ(answer.message.find(word), std::string::npos)
                    << answer.message;
            }
        }
    }
}

} // namespace
} // namespace pm
