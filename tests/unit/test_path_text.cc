#include <gtest/gtest.h>

#include "plugin/path_text.h"

namespace pm {

namespace {

IpAddress
ip(const char *text)
{
    return *IpAddress::parse(text);
}

TEST(RouteLookup, ReadsAnOnLinkRoute)
{
    auto route = parse_route_lookup("src 10.0.0.1\ngateway ::\ndev br-phy\n");
    ASSERT_TRUE(route);
    EXPECT_EQ(route->source, ip("10.0.0.1"));
    EXPECT_FALSE(route->gateway);
    EXPECT_EQ(route->device, "br-phy");
}

TEST(RouteLookup, ReadsAGateway)
{
    auto route = parse_route_lookup(
        "src fd00::1\ngateway fd00::fe\nnew 7\ndev br-phy\n");
    ASSERT_TRUE(route);
    EXPECT_EQ(route->source, ip("fd00::1"));
    EXPECT_EQ(route->gateway, ip("fd00::fe"));
}

TEST(RouteLookup, IsNoRouteWithoutADevice)
{
    EXPECT_FALSE(parse_route_lookup("Not found"));
    EXPECT_FALSE(parse_route_lookup(""));
    EXPECT_FALSE(parse_route_lookup("src 10.0.0.1\ngateway ::\ndev\n"));
}

TEST(TunnelNeighbours, AreReadWithoutTheHeadingAndTheStale)
{
    auto neighbours = parse_tnl_neigh_show(
        "IP                                            MAC           Bridge\n"
        "==================================================================\n"
        "10.0.0.9                                      aa:55:aa:55:00:09   "
        "br-phy\n"
        "10.0.0.8                                      aa:55:aa:55:00:08   "
        "br-phy STALE\n"
        "fd00::9                                       aa:55:aa:55:00:09   "
        "br0\n");
    EXPECT_EQ(neighbours, (std::set<NextHop>{{"br-phy", ip("10.0.0.9")},
                                             {"br0", ip("fd00::9")}}));
}

const char UDP[] =
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n"
    " 7760: 00000000:12B5 00000000:0000 07 00000000:00000000 00:00000000\n"
    " 7761: 0100007F:12B5 00000000:0000 07 00000000:00000000 00:00000000\n"
    " 7762: 0500000A:12B5 00000000:0000 07 00000000:00000000 00:00000000\n"
    " 7763: 0500000A:12B6 0500000A:12B5 07 00000000:00000000 00:00000000\n";

TEST(UdpSockets, AtThePortAreFoundExceptOnLoopback)
{
    EXPECT_EQ(parse_proc_net_udp(UDP, false, 4789),
              (std::vector<IpAddress>{ip("0.0.0.0"), ip("10.0.0.5")}));
}

TEST(UdpSockets, AtAnotherPortDoNotCount)
{
    EXPECT_TRUE(parse_proc_net_udp(UDP, false, 4791).empty());
}

TEST(UdpSockets, OfIpv6AreReadLikewise)
{
    const char udp6[] =
        "  sl  local_address   remote_address\n"
        " 1: 00000000000000000000000000000000:12B5 0:0000 07\n"
        " 2: 00000000000000000000000001000000:12B5 0:0000 07\n"
        " 3: 0000000000000000FFFF00000100007F:12B5 0:0000 07\n"
        " 4: 000000FD000000000000000009000000:12B5 0:0000 07\n";
    EXPECT_EQ(parse_proc_net_udp(udp6, true, 4789),
              (std::vector<IpAddress>{ip("::"), ip("fd00::9")}));
}

TEST(UdpSockets, ThatCannotBeReadArePassedOver)
{
    EXPECT_TRUE(parse_proc_net_udp(" 1: zz:12B5\n 2: 00:12B5\n:12B5\n 3:\n",
                                   false, 4789)
                    .empty());
}

} // namespace

} // namespace pm
