#include <gtest/gtest.h>

#include "flows/delivery.h"
#include "plugin/dump_text.h"

namespace pm {

namespace {

using Sends = std::vector<TunnelSend>;

TunnelSend
send(const char *source, const char *destination, int64_t vni)
{
    return {*IpAddress::parse(source), *IpAddress::parse(destination), vni};
}

/* Of a userspace datapath; 'ip' is the outer header's. */
std::string
push(const std::string &ip, const std::string &vni)
{
    return "tnl_push(tnl_port(4),header(size=70,type=4,eth("
           "dst=02:00:00:00:00:02,src=02:00:00:00:00:01,dl_type=0x0800)," +
           ip +
           ",udp(src=0,dst=4789,csum=0x0),vxlan(flags=0x8000000,vni=" + vni +
           ")),out_port(2))";
}

std::string
ipv4(const std::string &source, const std::string &destination)
{
    return "ipv4(src=" + source + ",dst=" + destination +
           ",proto=17,tos=0xc,ttl=64,frag=0x4000)";
}

const std::string FLOW =
    "recirc_id(0),in_port(1),eth_type(0x0800),ipv4(src=10.0.0.1,"
    "dst=10.0.0.2,frag=no), packets:3, bytes:294, used:0.1s, actions:";

TEST(DatapathDump, SaysWhereTheUserspaceDatapathSends)
{
    EXPECT_EQ(sends_of(FLOW + "clone(" +
                       push(ipv4("192.0.2.1", "192.0.2.9"), "0x10") + "),3"),
              Sends{send("192.0.2.1", "192.0.2.9", 16)});
    EXPECT_EQ(
        sends_of(FLOW + push("ipv6(src=2001:db8::1,dst=2001:db8::9,label=0,"
                             "proto=17,tclass=0xc,hlimit=64)",
                             "0x1b59")),
        Sends{send("2001:db8::1", "2001:db8::9", 7001)});
}

TEST(DatapathDump, SaysWhereTheKernelSends)
{
    EXPECT_EQ(sends_of(FLOW + "set(tunnel(tun_id=0x10,src=192.0.2.1,"
                              "dst=192.0.2.9,tos=0xc,ttl=64,tp_dst=4789,"
                              "flags(df|key))),2"),
              Sends{send("192.0.2.1", "192.0.2.9", 16)});
    EXPECT_EQ(sends_of(FLOW + "clone(set(tunnel(tun_id=0x1,"
                              "ipv6_src=2001:db8::1,ipv6_dst=2001:db8::9,"
                              "ttl=64,tp_dst=4789,flags(df|csum|key))),2),3"),
              Sends{send("2001:db8::1", "2001:db8::9", 1)});
}

TEST(DatapathDump, TellsTheTunnelsOfOneFlowApart)
{
    EXPECT_EQ(sends_of(FLOW + push(ipv4("192.0.2.1", "192.0.2.9"), "0x1") +
                       ",set(ipv4(src=1.2.3.4))," +
                       push(ipv4("192.0.2.1", "192.0.2.99"), "0x10")),
              (Sends{send("192.0.2.1", "192.0.2.9", 1),
                     send("192.0.2.1", "192.0.2.99", 16)}));
}

TEST(DatapathDump, WhatIsReceivedOrIsNoVxlanIsNotSent)
{
    EXPECT_EQ(sends_of("tunnel(tun_id=0x1,src=192.0.2.1,dst=192.0.2.9,"
                       "flags(-df+csum+key)),recirc_id(0),in_port(1), "
                       "packets:3, bytes:294, used:0.1s, actions:3"),
              Sends{});
    EXPECT_EQ(sends_of(FLOW +
                       "tnl_push(tnl_port(4),header(size=38,type=3,eth("
                       "dst=02:00:00:00:00:02,src=02:00:00:00:00:01,"
                       "dl_type=0x0800),ipv4(src=192.0.2.1,dst=192.0.2.9,"
                       "proto=47,tos=0x0,ttl=64,frag=0x4000),"
                       "gre((flags=0x0,proto=0x6558))),out_port(2))"),
              Sends{});
    EXPECT_EQ(sends_of(FLOW + "drop"), Sends{});
    EXPECT_EQ(sends_of(""), Sends{});
    EXPECT_EQ(sends_of("actions:set(tunnel("), Sends{});
}

TEST(DatapathDump, AnyMemberOfABalancedTunnelIsOneItSendsTo)
{
    EgressSpec spec;
    spec.source = *IpAddress::parse("169.254.192.1");
    spec.destination = handle_address(1, false);
    spec.vni = 7;
    EXPECT_EQ(sends_of(spec),
              std::set{send("169.254.192.1", "169.254.192.5", 7)});
    spec.slots = {1, 2, 1, 252};
    EXPECT_EQ(sends_of(spec),
              (std::set{send("169.254.192.1", "169.254.192.5", 7),
                        send("169.254.192.1", "169.254.192.6", 7),
                        send("169.254.192.1", "169.254.193.0", 7)}));
}

} // namespace

} // namespace pm
