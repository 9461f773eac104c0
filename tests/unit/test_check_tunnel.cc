/* What a Mirror Tunnel between resources of each kind is refused for. */
#include "plugin/check.h"

#include <gtest/gtest.h>

#include "tests/unit/world.h"

namespace pm {
namespace {

/* A world with a source or destination resource for each target. */
World
resourceful_world()
{
    World world;
    json doc = inventory();
    json plain2 = {{"name", "plain2"}, {"iface_id", "if-plain2"}};
    doc["network_interfaces"].push_back(plain2);
    doc["mirror_resources"] = {
        resource("web1-src", "source", "web1"),
        resource("xen-src", "source", "xen-a"),
        resource("plain-src", "source", "plain"),
        resource("t-src", "source", "t-kvm"),
        resource("same-dst", "destination", "web2"),
        resource("ids-dst", "destination", "ids"),
        resource("eth1-dst", "destination", "ids-eth1"),
        resource("j-dst", "destination", "ids-j"),
        resource("xen1-dst", "destination", "t-xen"),
        resource("plain-dst", "destination", "plain2"),
        resource("lb-dst", "destination", "lb-t", "load-balancer"),
        resource("lb-a-dst", "destination", "lb-a", "load-balancer"),
        resource("col-dst", "destination", "suricata1", "collector"),
    };
    Edit edit = world.apply(doc);
    EXPECT_EQ(codes(edit.problems), Codes());
    return world;
}

Codes
tunnel_codes(const std::string &source, const std::string &destination,
             const json &more = json::object())
{
    World world = resourceful_world();
    return codes(world
                     .put_one("acme", "mirror_tunnels",
                              tunnel("tun", source, destination, more))
                     .problems);
}

TEST(CheckTunnel, AcceptsGoodPairs)
{
    for (const char *destination :
         {"ids-dst", "plain-dst", "lb-dst", "col-dst"}) {
        EXPECT_EQ(tunnel_codes("web1-src", destination), Codes())
            << destination;
        EXPECT_EQ(tunnel_codes("plain-src", destination), Codes())
            << destination;
    }
}

TEST(CheckTunnel, RefusesEndsInOneSubnet)
{
    EXPECT_EQ(tunnel_codes("web1-src", "same-dst"),
              Codes{"SAME_SUBNET x.destination"});
}

TEST(CheckTunnel, RefusesASourceInTheLoadBalancersSubnet)
{
    World world = resourceful_world();
    world.put_one("", "network_interfaces",
                  {{"name", "t2"}, {"iface_id", "t2"}, {"subnet", "sn-t"}});
    world.put_one("acme", "mirror_resources",
                  resource("t2-src", "source", "t2"));
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_tunnels",
                                 tunnel("tun", "t2-src", "lb-dst"))
                        .problems),
              Codes{"SAME_SUBNET x.destination"});
}

TEST(CheckTunnel, RefusesALoadBalancerWithTheSourceAsItsMember)
{
    EXPECT_EQ(tunnel_codes("t-src", "lb-dst"),
              Codes{"SAME_NIC x.destination"});
}

TEST(CheckTunnel, RefusesEndsInTwoRegions)
{
    EXPECT_EQ(sorted(tunnel_codes("web1-src", "j-dst")),
              sorted({"REGION_MISMATCH x.destination",
                      "PEERING_MISSING x.destination",
                      "ROUTE_MISSING x.destination"}));
}

/* Each end is its own account's affair. */
TEST(CheckTunnel, BetweenAccountsNamesNoRegion)
{
    for (const char *account : {"acme", "beta"}) {
        World world = settled_world();
        world.model.vpcs[world.id("vpcs", "vpc-a")].region = "far-away";
        world.model.resources[world.id("mirror_resources", "beta/beta-dst")]
            .account = account;
        Problems problems;
        check_tunnel(world.model, world.id("mirror_tunnels", "acme/web1-beta"),
                     "x", &problems);
        auto region = std::find_if(
            problems.begin(), problems.end(),
            [](const Problem &p) { return p.code == "REGION_MISMATCH"; });
        ASSERT_NE(region, problems.end());
        EXPECT_EQ(region->message.find("far-away") != std::string::npos,
                  account == std::string("acme"))
            << region->message;
    }
}

TEST(CheckTunnel, RefusesADestinationThatIsNotEth0InAStandardVpc)
{
    World world = resourceful_world();
    EXPECT_EQ(tunnel_codes("web1-src", "eth1-dst"),
              Codes{"NIC_NOT_ALLOWED x.destination"});
}

TEST(CheckTunnel, RefusesADestinationThatIsNotEth0OnXen)
{
    EXPECT_EQ(tunnel_codes("web1-src", "xen1-dst"),
              Codes{"NIC_NOT_ALLOWED x.destination"});
}

TEST(CheckTunnel, AcceptsEth0ToEth2OnKvmInATransitVpc)
{
    for (const char *device : {"eth0", "eth1", "eth2", "eth3"}) {
        World world = resourceful_world();
        world.put_one("", "network_interfaces",
                      {{"name", "tn"},
                       {"iface_id", "tn"},
                       {"device", device},
                       {"subnet", "sn-t"}});
        world.put_one("acme", "mirror_resources",
                      resource("tn-dst", "destination", "tn"));
        EXPECT_EQ(world
                      .put_one("acme", "mirror_tunnels",
                               tunnel("tun", "web1-src", "tn-dst"))
                      .problems.empty(),
                  std::string(device) != "eth3")
            << device;
    }
}

TEST(CheckTunnel, RefusesALoadBalancerOutsideOfATransitVpc)
{
    EXPECT_EQ(tunnel_codes("web1-src", "lb-a-dst"),
              Codes{"LB_NOT_TRANSIT x.destination"});
}

TEST(CheckTunnel, RefusesEndsOfTheWrongPurpose)
{
    EXPECT_EQ(tunnel_codes("ids-dst", "col-dst"),
              Codes{"PURPOSE_MISMATCH x.source"});
    EXPECT_EQ(tunnel_codes("web1-src", "plain-src"),
              Codes{"PURPOSE_MISMATCH x.destination"});
}

TEST(CheckTunnel, RefusesAVniOutOf1To16777215)
{
    EXPECT_EQ(tunnel_codes("web1-src", "col-dst", {{"vni", 1}}), Codes());
    EXPECT_EQ(tunnel_codes("web1-src", "col-dst", {{"vni", 16777215}}),
              Codes());
    for (const json &vni :
         {json(0), json(-1), json(16777216), json(18446744073709551615ull)}) {
        EXPECT_EQ(tunnel_codes("web1-src", "col-dst", {{"vni", vni}}),
                  Codes{"VNI_RANGE x.vni"})
            << vni;
    }
}

TEST(CheckTunnel, RefusesAPacketLengthOutOf64To8900)
{
    for (int64_t length : std::vector<int64_t>{63, 0, -1, 8901, 1ll << 40}) {
        EXPECT_EQ(
            tunnel_codes("plain-src", "col-dst", {{"packet_length", length}}),
            Codes{"PACKET_LENGTH_RANGE x.packet_length"})
            << length;
    }
    EXPECT_EQ(tunnel_codes("plain-src", "col-dst", {{"packet_length", 64}}),
              Codes());
    EXPECT_EQ(tunnel_codes("plain-src", "col-dst", {{"packet_length", 8900}}),
              Codes());
}

TEST(CheckTunnel, RefusesAPacketLengthOverTheSmallerCap)
{
    struct {
        const char *source, *destination;
        int cap;
    } cases[] = {
        {"web1-src", "ids-dst", 1450},   /* KVM and KVM. */
        {"web1-src", "col-dst", 1450},   /* A collector has no cap. */
        {"xen-src", "col-dst", 8900},    /* Xen. */
        {"t-src", "col-dst", 8900},      /* KVM in a transit VPC. */
        {"web1-src", "lb-dst", 1450},    /* KVM and a load balancer. */
        {"plain-src", "lb-dst", 8900},   /* Its least member. */
        {"plain-src", "ids-dst", 1450},  /* Unmanaged has no cap. */
        {"plain-src", "plain-dst", 8900} /* No cap at all. */
    };
    for (const auto &c : cases) {
        EXPECT_EQ(
            tunnel_codes(c.source, c.destination, {{"packet_length", c.cap}}),
            Codes())
            << c.source << " " << c.destination;
        if (c.cap < PACKET_LENGTH_MAX) {
            EXPECT_EQ(tunnel_codes(c.source, c.destination,
                                   {{"packet_length", c.cap + 1}}),
                      Codes{"PACKET_LENGTH_TOO_LARGE x.packet_length"})
                << c.source << " " << c.destination;
        }
    }
}

TEST(CheckTunnel, TakesTheSmallerCapWhenNoLengthIsGiven)
{
    struct {
        const char *source, *destination;
        std::optional<int> length;
    } cases[] = {{"web1-src", "ids-dst", 1450}, {"xen-src", "col-dst", 8900},
                 {"web1-src", "lb-dst", 1450},  {"plain-src", "lb-dst", 8900},
                 {"plain-src", "col-dst", {}},  {"plain-src", "plain-dst", {}},
                 {"xen-src", "plain-dst", 8900}};
    for (const auto &c : cases) {
        World world = resourceful_world();
        world.put_one("acme", "mirror_tunnels",
                      tunnel("tun", c.source, c.destination));
        ASSERT_NE(world.tunnel("acme/tun"), nullptr);
        EXPECT_EQ(
            configured_packet_length(world.model, *world.tunnel("acme/tun")),
            c.length)
            << c.source << " " << c.destination;
    }
}

TEST(CheckTunnel, TakesTheSmallerOfMixedHypervisors)
{
    for (auto [source, destination] :
         {std::pair("xen", "kvm"), std::pair("kvm", "xen")}) {
        World world = resourceful_world();
        for (auto [name, hypervisor, subnet] :
             {std::tuple("m-src", source, "sn-a"),
              std::tuple("m-dst", destination, "sn-a2")}) {
            world.put_one("", "network_interfaces",
                          {{"name", name},
                           {"iface_id", name},
                           {"hypervisor", hypervisor},
                           {"device", "eth0"},
                           {"subnet", subnet}});
        }
        world.put_one("acme", "mirror_resources",
                      resource("ms-res", "source", "m-src"));
        world.put_one("acme", "mirror_resources",
                      resource("md-res", "destination", "m-dst"));
        auto put = [&](const json &more) {
            return codes(world
                             .put_one("acme", "mirror_tunnels",
                                      tunnel("tun", "ms-res", "md-res", more))
                             .problems);
        };
        EXPECT_EQ(put({{"packet_length", 1451}}),
                  Codes{"PACKET_LENGTH_TOO_LARGE x.packet_length"})
            << source;
        EXPECT_EQ(put({{"packet_length", 1450}}), Codes()) << source;
        EXPECT_EQ(put(json::object()), Codes()) << source;
        ASSERT_NE(world.tunnel("acme/tun"), nullptr);
        EXPECT_EQ(
            configured_packet_length(world.model, *world.tunnel("acme/tun")),
            1450)
            << source;
    }
}

TEST(CheckTunnel, PassesOverReferencesWhoseRowsAreMissing)
{
    World world = settled_world();
    Uuid id = world.id("mirror_tunnels", "acme/web1-ids");
    ASSERT_FALSE(id.is_zero());
    Model bare;
    bare.tunnels[id] = world.model.tunnels[id];
    Problems problems;
    check_tunnel(bare, id, "", &problems);
    check_tunnel_among_others(bare, id, Limits(), "", &problems);
    bare.resources = world.model.resources;
    check_tunnel(bare, id, "", &problems);
    for (const auto &[resource_id, resource] : bare.resources) {
        check_resource(bare, resource_id, "", &problems);
    }
    check_tunnel(bare, Uuid{}, "", &problems);
    check_resource(bare, Uuid{}, "", &problems);
    check_filter(bare, Uuid{}, Limits(), "", &problems);
    EXPECT_EQ(codes(problems), Codes());
}

TEST(CheckTunnel, FindsRowsThatCamePastTheConsole)
{
    World world = settled_world();
    Uuid id = world.id("mirror_tunnels", "acme/web1-ids");
    Model model = world.model;
    Tunnel &row = model.tunnels[id];
    row.name = "X";
    row.vni = 0;
    row.note = std::string(1001, 'x');
    row.packet_length = 9000;
    row.account = "beta";
    Problems problems;
    check_tunnel(model, id, "", &problems);
    EXPECT_EQ(
        sorted(codes(problems)),
        sorted({"NAME_INVALID name", "VNI_RANGE vni", "NOTE_TOO_LONG note",
                "NOT_OWNER source", "PACKET_LENGTH_RANGE packet_length",
                "NOT_OWNER filter"}));
}

TEST(CheckTunnel, IsNotFaultedForARowThatIsItselfInTheWrong)
{
    const Uuid good{{{9, 0, 0, 0}}}, bad{{{1, 0, 0, 0}}};
    Tunnel t;
    t.name = "abc";
    t.account = "acme";
    t.vni = 1;
    t.source = t.destination = Uuid{{{5, 5, 5, 5}}};
    t.created_ms = 10;
    auto codes_beside = [&](auto change) {
        Model model;
        model.tunnels[good] = model.tunnels[bad] = t;
        model.tunnels[bad].created_ms = 5;
        change(&model.tunnels[bad]);
        Problems problems;
        check_tunnel_among_others(model, good, Limits(), "t", &problems);
        return codes(problems);
    };
    EXPECT_EQ(codes_beside([](Tunnel *) {}), Codes{"DUPLICATE_TUNNEL t"});
    EXPECT_EQ(codes_beside([](Tunnel *b) { b->account = "beta"; }), Codes());
    EXPECT_EQ(codes_beside([](Tunnel *b) { b->vni = 0; }), Codes());
    EXPECT_EQ(codes_beside([](Tunnel *b) { b->name = "A"; }), Codes());
    EXPECT_EQ(codes_beside([](Tunnel *b) { b->packet_length = 1; }), Codes());
    /* A time left out is no seniority. */
    EXPECT_EQ(codes_beside([](Tunnel *b) { b->created_ms = 0; }), Codes());
}

TEST(CheckTunnel, FaultsTheYoungerOfTwoAlike)
{
    Model model;
    Uuid first{{{9, 0, 0, 0}}}, second{{{1, 0, 0, 0}}};
    Tunnel t;
    t.name = "abc";
    t.vni = 1;
    t.source = t.destination = Uuid{{{5, 5, 5, 5}}};
    t.created_ms = 10;
    model.tunnels[first] = t;
    t.created_ms = 11;
    model.tunnels[second] = t;
    Problems problems;
    check_tunnel_among_others(model, first, Limits(), "t", &problems);
    EXPECT_EQ(codes(problems), Codes());
    check_tunnel_among_others(model, second, Limits(), "t", &problems);
    EXPECT_EQ(codes(problems), Codes{"DUPLICATE_TUNNEL t"});
}

TEST(CheckTunnel, AllowsAnotherTunnelWithAnotherFilter)
{
    Model model;
    Tunnel t;
    t.source = t.destination = Uuid{{{5, 5, 5, 5}}};
    model.tunnels[Uuid{{{1, 0, 0, 0}}}] = t;
    t.filter = Uuid{{{6, 6, 6, 6}}};
    model.tunnels[Uuid{{{2, 0, 0, 0}}}] = t;
    Problems problems;
    for (const auto &[id, row] : model.tunnels) {
        check_tunnel_among_others(model, id, Limits(), "t", &problems);
    }
    EXPECT_EQ(codes(problems), Codes());
}

TEST(CheckTunnel, FaultsEveryTunnelBeyondTheLimitOfASource)
{
    Model model;
    for (uint32_t i = 0; i < 18; i++) {
        Tunnel t;
        t.name = "abc";
        t.vni = 1;
        t.source = Uuid{{{5, 5, 5, 5}}};
        t.destination = Uuid{{{6, 6, 6, i}}};
        t.created_ms = i + 1;
        model.tunnels[Uuid{{{100 - i, 0, 0, 0}}}] = t;
    }
    std::vector<int64_t> faulted;
    for (const auto &[id, row] : model.tunnels) {
        Problems problems;
        check_tunnel_among_others(model, id, Limits(), "t", &problems);
        if (!problems.empty()) {
            EXPECT_EQ(codes(problems), Codes{"TUNNEL_LIMIT t.source"});
            faulted.push_back(row.created_ms);
        }
    }
    EXPECT_EQ(faulted, (std::vector<int64_t>{18, 17}));
}

} // namespace
} // namespace pm
