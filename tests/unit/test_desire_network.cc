/* The network between the ends as a standing condition on a hypervisor. */
#include <gtest/gtest.h>

#include "plugin/status.h"
#include "tests/unit/host.h"

namespace pm {
namespace {

/* Tunnel 0 from nic0 in VPC 0 to nic5 in VPC 1, by a peering with a route
 * over it; tunnel 1 from nic0 to a collector. */
class NetworkDesire : public testing::Test {
protected:
    NetworkDesire()
    {
        for (uint32_t n = 0; n < 3; n++) {
            model.vpcs[row_id(Row::Vpc, n)] = {
                "vpc" + std::to_string(n), "acme", "kr", VpcKind::Standard};
            Subnet subnet;
            subnet.name = "subnet" + std::to_string(n);
            subnet.vpc = row_id(Row::Vpc, n);
            subnet.cidr = *Cidr::parse("10." + std::to_string(n) + ".0.0/16");
            model.subnets[row_id(Row::Subnet, n)] = subnet;
        }
        model.subnets[row_id(Row::Subnet, 0)].routes = {
            {*Cidr::parse("10.1.0.0/16"), "p"}};
        put_peering(0, "p", 0, 1);
        host.plug("nic0", "br-int");
        host.add_source(0);
        host.add_collector(0);
        model.nics[row_id(Row::Nic, 0)].subnet = row_id(Row::Subnet, 0);
        host.add_nic(5);
        model.nics[row_id(Row::Nic, 5)].subnet = row_id(Row::Subnet, 1);
        Resource ids;
        ids.name = "ids";
        ids.account = "acme";
        ids.purpose = Purpose::Destination;
        ids.target = ids.iface_id = "nic5";
        ids.target_id = row_id(Row::Nic, 5);
        model.resources[row_id(Row::Destination, 5)] = ids;
        tunnel = host.add_tunnel(0, 0, 5);
        model.tunnels[tunnel].delivery = Delivery::Underlay;
        other = host.add_tunnel(1, 0, 0);
        EXPECT_TRUE(host.settle());
    }

    void put_peering(uint32_t n, const std::string &name, uint32_t from,
                     uint32_t to, bool active = true)
    {
        model.peerings[row_id(Row::Peering, n)] = {
            name, row_id(Row::Vpc, from), row_id(Row::Vpc, to), active};
    }

    void show(bool complete)
    {
        host.desired.set_complete(complete);
        host.desired.apply(diff(host.seen, model));
        host.seen = model;
        host.desired.update();
    }

    bool copies(const Uuid &id) { return host.desire(id).egress.has_value(); }

    ConditionStatus condition(const std::string &type)
    {
        return host.desire(tunnel).conditions.at(type).status;
    }

    Host host;
    Model &model = host.model;
    Uuid tunnel, other;
};

TEST_F(NetworkDesire, CopiesOverAPeeringWithARoute)
{
    EXPECT_TRUE(copies(tunnel));
    EXPECT_EQ(condition("Peering"), ConditionStatus::True);
    EXPECT_EQ(condition("Route"), ConditionStatus::True);
    EXPECT_EQ(host.desire(tunnel).in_vpc->crossing, "p");
    EXPECT_FALSE(host.desire(other).conditions.count("Peering"));
}

TEST_F(NetworkDesire, StopsWithoutThePeeringAndHealsWithIt)
{
    auto mirrors = host.desired.rows().mirrors;
    for (bool gone : {true, false}) {
        if (gone) {
            model.peerings.clear();
        } else {
            put_peering(0, "p", 0, 1, false);
        }
        host.feed();
        EXPECT_FALSE(copies(tunnel));
        EXPECT_TRUE(copies(other));
        EXPECT_EQ(host.desire(tunnel).health, Health::Degraded);
        EXPECT_TRUE(host.desire(tunnel).reasons.count("PEERING_MISSING"));
        EXPECT_EQ(condition("Peering"), ConditionStatus::False);
        /* The bridge keeps its Mirrors, and so its MAC table. */
        EXPECT_EQ(host.desired.rows().mirrors, mirrors);
        put_peering(0, "p", 0, 1);
        host.feed();
        EXPECT_TRUE(copies(tunnel));
        EXPECT_EQ(host.desire(tunnel).health, Health::Ok);
        EXPECT_TRUE(host.desire(tunnel).reasons.empty());
    }
}

TEST_F(NetworkDesire, StopsWithoutTheRouteAndHealsWithIt)
{
    auto &routes = model.subnets[row_id(Row::Subnet, 0)].routes;
    routes[*Cidr::parse("10.1.0.6/32")] = "local";
    host.feed();
    EXPECT_FALSE(copies(tunnel));
    EXPECT_TRUE(host.desire(tunnel).reasons.count("ROUTE_MISSING"));
    routes.erase(*Cidr::parse("10.1.0.6/32"));
    host.feed();
    EXPECT_TRUE(copies(tunnel));
}

TEST_F(NetworkDesire, FollowsANicToAnotherVpc)
{
    model.nics[row_id(Row::Nic, 5)].subnet = row_id(Row::Subnet, 2);
    host.feed();
    EXPECT_FALSE(copies(tunnel));
    put_peering(1, "q", 0, 2);
    host.feed();
    EXPECT_TRUE(host.desire(tunnel).reasons.count("ROUTE_MISSING"));
    model.subnets[row_id(Row::Subnet, 0)].routes[*Cidr::parse("10.1.0.6/32")] =
        "q";
    host.feed();
    EXPECT_TRUE(copies(tunnel));
    EXPECT_EQ(host.desire(tunnel).in_vpc->crossing, "q");
}

TEST_F(NetworkDesire, StaysAsItIsWhileThePeeringMayBeOnItsWay)
{
    auto flows = host.desired.flows();
    model.nics[row_id(Row::Nic, 5)].subnet = row_id(Row::Subnet, 2);
    show(false);
    EXPECT_TRUE(copies(tunnel));
    EXPECT_EQ(host.desired.flows(), flows);
    model.tunnels[tunnel].note = "edited again";
    show(false);
    EXPECT_TRUE(copies(tunnel)) << "it is on its way still";
    show(true);
    EXPECT_FALSE(copies(tunnel));
    EXPECT_FALSE(host.desire(tunnel).pending);
}

TEST_F(NetworkDesire, StopsAtOnceThoughOthersRowsAreOnTheirWay)
{
    put_peering(0, "p", 0, 1, false);
    show(false);
    EXPECT_FALSE(copies(tunnel));
    put_peering(0, "p", 0, 1);
    show(true);
    ASSERT_TRUE(copies(tunnel));
    auto &routes = model.subnets[row_id(Row::Subnet, 0)].routes;
    routes[*Cidr::parse("10.1.0.6/32")] = "local";
    show(false);
    EXPECT_FALSE(copies(tunnel));
}

TEST_F(NetworkDesire, IsPendingWhenNewWhileThePeeringMayBeOnItsWay)
{
    Host fresh;
    fresh.facts = host.facts;
    fresh.paths = host.paths;
    Model without = model;
    without.peerings.clear();
    fresh.desired.set_switch(fresh.facts);
    fresh.desired.set_paths(fresh.paths);
    fresh.desired.apply(diff(Model{}, without));
    fresh.desired.update();
    EXPECT_TRUE(fresh.desire(tunnel).pending);
    EXPECT_TRUE(fresh.desire(tunnel).reasons.count("PEERING_MISSING"));
    ModelDelta arrived;
    arrived.peerings = diff(without, model).peerings;
    fresh.desired.apply(arrived);
    fresh.desired.update();
    EXPECT_FALSE(fresh.desire(tunnel).pending);
    EXPECT_TRUE(fresh.desire(tunnel).reasons.empty());
}

TEST_F(NetworkDesire, IsJudgedWhenNothingIsOnItsWayAnyMore)
{
    Host fresh;
    Model without = model;
    without.peerings.clear();
    ASSERT_FALSE(without.tunnel_statuses.empty());
    fresh.desired.set_switch(host.facts);
    fresh.desired.set_paths(host.paths);
    fresh.desired.set_complete(false);
    fresh.desired.apply(diff(Model{}, without));
    fresh.desired.update();
    EXPECT_TRUE(fresh.desire(tunnel).pending);
    fresh.desired.set_complete(true);
    fresh.desired.update();
    EXPECT_FALSE(fresh.desire(tunnel).pending);
    EXPECT_TRUE(fresh.desire(tunnel).reasons.count("PEERING_MISSING"));
}

TEST_F(NetworkDesire, RedesiresTheTunnelsBetweenThoseVpcsOnly)
{
    host.desired.take_changed_tunnels();
    put_peering(1, "q", 0, 1);
    show(true);
    EXPECT_EQ(host.desired.take_changed_tunnels(), std::set<Uuid>{tunnel});
    put_peering(1, "q", 0, 2);
    show(true);
    EXPECT_EQ(host.desired.take_changed_tunnels(), std::set<Uuid>{tunnel});
    model.connects[row_id(Row::Connect, 0)] = {"c", row_id(Row::Vpc, 0),
                                               row_id(Row::Vpc, 2), true};
    put_peering(1, "r", 0, 2);
    put_peering(2, "s", 1, 0);
    show(true);
    EXPECT_EQ(host.desired.take_changed_tunnels(), std::set<Uuid>());
}

TEST_F(NetworkDesire, DoesNotGoOnToTheFormerDestinationWithoutAPeering)
{
    model.peerings.clear();
    model.tunnels[other].destination = row_id(Row::Destination, 5);
    host.paths.clear();
    host.feed();
    EXPECT_FALSE(copies(other));
}

TEST_F(NetworkDesire, CopiesToADestinationThatDoesNotAdmitThem)
{
    Nic &nic = model.nics[row_id(Row::Nic, 5)];
    EXPECT_EQ(condition("DestinationPermitsVxlan"), ConditionStatus::Unknown);
    nic.permits_vxlan_from = {*Cidr::parse("203.0.113.0/24")};
    host.feed();
    EXPECT_EQ(condition("DestinationPermitsVxlan"), ConditionStatus::False);
    EXPECT_TRUE(copies(tunnel));
    EXPECT_EQ(host.desire(tunnel).health, Health::Ok);
    /* From where this host sends. */
    nic.permits_vxlan_from = {*Cidr::parse("198.51.100.1/32")};
    host.feed();
    EXPECT_EQ(condition("DestinationPermitsVxlan"), ConditionStatus::True);
}

TEST_F(NetworkDesire, NamesInItsStatusThePeeringThatCopiesCrossedLast)
{
    auto crossed = [&] {
        return desire_status(tunnel, host.desired, Actual{}, {}, 1, {})
            .status.peering;
    };
    EXPECT_EQ(crossed(), "p");
    Uuid row = *host.desired.status_row_of(tunnel);
    model.tunnel_statuses[row].peering = "p";
    model.peerings.clear();
    host.feed();
    EXPECT_EQ(crossed(), "p");
    model.tunnels[tunnel].destination = row_id(Row::Destination, 0);
    model.tunnels.erase(other);
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(crossed(), "");
}

} // namespace
} // namespace pm
