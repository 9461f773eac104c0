/* What the network between the ends refuses of an edit, and what a reader of
 * the database is told of it. */
#include <gtest/gtest.h>

#include "plugin/check_network.h"
#include "plugin/lifecycle.h"
#include "tests/unit/world.h"

namespace pm {
namespace {

/* In which a tunnel from acme's VPC to beta's stands, and one waits. */
World
crossing_world()
{
    World world = settled_world();
    EXPECT_EQ(codes(world.accept("beta", "acme/web1-beta").problems), Codes());
    EXPECT_EQ(
        codes(world
                  .put_one("acme", "mirror_tunnels",
                           tunnel("web2-beta", "web2-src", "beta/beta-dst"))
                  .problems),
        Codes());
    return world;
}

json
a_to_b(const std::string &state = "active")
{
    return {{"name", "a-to-b"},
            {"from", "vpc-a"},
            {"to", "vpc-b"},
            {"state", state}};
}

Codes
add_web2(World &world, const std::string &destination,
         const json &more = json::object())
{
    return codes(
        world
            .put_one("acme", "mirror_tunnels",
                     tunnel("web2-new", "web2-src", destination, more))
            .problems);
}

TunnelView
view_of(const World &world, const std::string &name)
{
    for (const TunnelView &view :
         tunnel_views(world.model, world.now_ms, "")) {
        if (view.name == name) {
            return view;
        }
    }
    ADD_FAILURE() << "no " << name;
    return {};
}

/* ------------------------------------------------------------------------
 * Refused: create and accept. */

TEST(NetworkEdit, RefusesToCreateATunnelWithoutPeeringOrRoute)
{
    World world = settled_world();
    EXPECT_EQ(codes(world.erase_one("", "peerings", "a-to-b").problems),
              Codes());
    EXPECT_EQ(add_web2(world, "beta/beta-dst"),
              Codes{"PEERING_MISSING x.destination"});
    EXPECT_EQ(codes(world.put_one("", "peerings", a_to_b()).problems),
              Codes());
    EXPECT_EQ(add_web2(world, "beta/beta-dst"), Codes());
}

TEST(NetworkEdit, WarnsOfADestinationThatDoesNotAdmitTheCopies)
{
    World world = settled_world();
    json ids = to_json(world.model, "network_interfaces",
                       world.id("network_interfaces", "ids"));
    ids["permits_vxlan_from"] = json::array();
    EXPECT_EQ(codes(world.put_one("", "network_interfaces", ids).problems),
              Codes());
    json made = tunnel("web1-new", "web1-src", "ids-dst");
    Edit edit = world.put_one("acme", "mirror_tunnels", made);
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(codes(edit.warnings),
              Codes{"VXLAN_NOT_PERMITTED x.destination"});
    EXPECT_NE(edit.warnings[0].message.find("10.1.0.5"), std::string::npos);
    json theirs = to_json(world.model, "network_interfaces",
                          world.id("network_interfaces", "ids-b"));
    theirs["permits_vxlan_from"] = json::array();
    world.put_one("", "network_interfaces", theirs);
    edit = world.accept("beta", "acme/web1-beta");
    ASSERT_EQ(edit.warnings.size(), 2u);
    EXPECT_EQ(edit.warnings[1].code, "VXLAN_NOT_PERMITTED");
    EXPECT_EQ(edit.warnings[1].message.find("10.1.0.5"), std::string::npos)
        << "it is acme's";
    made["packet_length"] = 128;
    EXPECT_EQ(codes(world.put_one("acme", "mirror_tunnels", made).warnings),
              Codes())
        << "said once, to who begins it";
}

TEST(NetworkEdit, RefusesToCreateATunnelToALoadBalancerWithoutConnect)
{
    World world = settled_world();
    world.erase_one("", "transit_connects", "vpc-a-tvpc");
    EXPECT_EQ(add_web2(world, "lb-dst"),
              Codes{"TRANSIT_CONNECT_MISSING x.destination"});
}

TEST(NetworkEdit, RefusesTogetherWithEveryOtherProblem)
{
    World world = settled_world();
    world.model.peerings.clear();
    EXPECT_EQ(sorted(add_web2(world, "beta/beta-dst",
                              {{"vni", 0}, {"packet_length", 9}})),
              sorted({"VNI_RANGE x.vni", "PACKET_LENGTH_RANGE x.packet_length",
                      "PEERING_MISSING x.destination"}));
}

TEST(NetworkEdit, RefusesToAcceptWithoutPeering)
{
    World world = settled_world();
    world.erase_one("", "peerings", "a-to-b");
    EXPECT_EQ(
        codes(world.accept("beta", "acme/web1-beta").problems),
        Codes{
            "PEERING_MISSING mirror_tunnels[\"acme/web1-beta\"].destination"});
    EXPECT_FALSE(world.tunnel("acme/web1-beta")->accepted);
    world.put_one("", "peerings", a_to_b());
    EXPECT_EQ(codes(world.accept("beta", "acme/web1-beta").problems), Codes());
}

TEST(NetworkEdit, RefusesADocumentThatAcceptsWithoutPeering)
{
    World world = settled_world();
    world.erase_one("", "peerings", "a-to-b");
    json doc;
    doc["mirror_tunnels"] = {tunnel("web1-beta", "web1-src", "beta/beta-dst",
                                    {{"accepted", true}})};
    EXPECT_EQ(codes(world.apply(doc).problems),
              Codes{"PEERING_MISSING mirror_tunnels[0].destination"});
}

TEST(NetworkEdit, DoesNotMindTheOrderInWhichPeeringAndTunnelAreAdded)
{
    World world = settled_world();
    world.erase_one("", "peerings", "a-to-b");
    Edit edit = world.command("", [&](Edit *e, const EditContext &who) {
        put(e, who, "mirror_tunnels",
            tunnel("web2-new", "web2-src", "beta/beta-dst"), "x",
            PutMode::Create);
        put(e, who, "peerings", a_to_b(), "y", PutMode::Create);
    });
    EXPECT_EQ(codes(edit.problems), Codes());
}

TEST(NetworkEdit, MindsWhatTheEditTakesAway)
{
    World world = settled_world();
    Edit edit = world.command("", [&](Edit *e, const EditContext &who) {
        put(e, who, "mirror_tunnels",
            tunnel("web2-new", "web2-src", "beta/beta-dst"), "x",
            PutMode::Create);
        erase(e, who, "peerings", "a-to-b", "y");
    });
    EXPECT_EQ(codes(edit.problems), Codes{"PEERING_MISSING x.destination"});
}

TEST(NetworkEdit, RefusesToCreateWhatLeadsToATargetThatIsGone)
{
    World world = settled_world();
    world.erase_one("", "collectors", "suricata1");
    EXPECT_EQ(add_web2(world, "col-dst"),
              Codes{"TARGET_MISSING x.destination"});
    world.erase_one("", "network_interfaces", "web2");
    EXPECT_EQ(add_web2(world, "ids-dst"), Codes{"TARGET_MISSING x.source"});
}

TEST(NetworkEdit, RefusesToTurnATunnelToATargetThatIsGone)
{
    World world = settled_world();
    world.erase_one("", "collectors", "suricata1");
    json t = tunnel("web1-ids", "web1-src", "col-dst", {{"vni", 7001}});
    EXPECT_EQ(codes(world.put_one("acme", "mirror_tunnels", t).problems),
              Codes{"TARGET_MISSING x.destination"});
}

TEST(NetworkEdit, RefusesToAcceptWhatLeadsToATargetThatIsGone)
{
    World world = settled_world();
    world.erase_one("", "network_interfaces", "ids-b");
    world.erase_one("", "network_interfaces", "web1");
    Edit edit = world.accept("beta", "acme/web1-beta");
    EXPECT_EQ(
        codes(edit.problems),
        (Codes{
            "TARGET_MISSING mirror_tunnels[\"acme/web1-beta\"].source",
            "TARGET_MISSING mirror_tunnels[\"acme/web1-beta\"].destination"}));
    /* Neither account reads how the other's objects are called. */
    EXPECT_EQ(edit.problems[0].message.find("web1"), std::string::npos);
    EXPECT_NE(edit.problems[1].message.find("ids-b"), std::string::npos);
    EXPECT_FALSE(world.tunnel("acme/web1-beta")->accepted);
}

/* ------------------------------------------------------------------------
 * Not refused: afterwards it is a standing condition. */

TEST(NetworkEdit, LetsAPeeringInUseGo)
{
    World world = crossing_world();
    EXPECT_EQ(
        codes(world.put_one("", "peerings", a_to_b("inactive")).problems),
        Codes());
    EXPECT_EQ(codes(world.erase_one("", "peerings", "a-to-b").problems),
              Codes());
}

TEST(NetworkEdit, LetsATunnelBeEditedThatCopiesNothingForWantOfAPeering)
{
    World world = crossing_world();
    world.erase_one("", "peerings", "a-to-b");
    for (const char *name : {"web1-beta", "web2-beta"}) {
        EXPECT_EQ(
            codes(world
                      .put_one("acme", "mirror_tunnels",
                               tunnel(name,
                                      std::string(name).substr(0, 4) + "-src",
                                      "beta/beta-dst", {{"note", "later"}}))
                      .problems),
            Codes())
            << name;
    }
    EXPECT_EQ(codes(world.apply(export_document(world.model, world.context()))
                        .problems),
              Codes());
}

TEST(NetworkEdit, LetsATunnelBeRejectedAndDeletedWithoutPeering)
{
    World world = crossing_world();
    world.erase_one("", "peerings", "a-to-b");
    EXPECT_EQ(codes(world.reject("beta", "acme/web2-beta").problems), Codes());
    EXPECT_EQ(
        codes(world.erase_one("acme", "mirror_tunnels", "web1-beta").problems),
        Codes());
}

TEST(NetworkEdit, LetsATunnelBeEditedWhoseTargetIsGone)
{
    World world = settled_world();
    world.erase_one("", "collectors", "suricata1");
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_tunnels",
                                 tunnel("web1-col", "web1-src", "col-dst",
                                        {{"note", "later"}}))
                        .problems),
              Codes());
}

TEST(NetworkEdit, TouchesTheTunnelsThatCrossThePeering)
{
    World world = crossing_world();
    std::set<Uuid> crossing = {world.id("mirror_tunnels", "acme/web1-beta"),
                               world.id("mirror_tunnels", "acme/web2-beta")};
    auto touched = [](const Edit &edit) {
        return std::set<Uuid>(edit.touched_tunnels.begin(),
                              edit.touched_tunnels.end());
    };
    EXPECT_EQ(touched(world.put_one("", "peerings", a_to_b("inactive"))),
              crossing);
    EXPECT_EQ(touched(world.erase_one("", "peerings", "a-to-b")), crossing);
    EXPECT_EQ(touched(world.put_one("", "peerings", a_to_b())), crossing);
}

TEST(NetworkEdit, TellsWhatTheInventoryStops)
{
    World world = crossing_world();
    auto stopped = [&](const char *name) {
        return is_stopped_by_inventory(world.model, *world.tunnel(name));
    };
    EXPECT_FALSE(stopped("acme/web1-beta"));
    EXPECT_FALSE(stopped("acme/web1-col"));
    world.put_one("", "peerings", a_to_b("inactive"));
    EXPECT_TRUE(stopped("acme/web1-beta"));
    EXPECT_FALSE(stopped("acme/web1-col"));
    world.erase_one("", "collectors", "suricata1");
    EXPECT_TRUE(stopped("acme/web1-col"));
}

TEST(NetworkEdit, DoesNotTakeAnAcceptanceBack)
{
    World world = crossing_world();
    json said = {{"accepted", false}, {"vni", 7002}};
    EXPECT_EQ(codes(world
                        .put_one("", "mirror_tunnels",
                                 tunnel("web1-beta", "web1-src",
                                        "beta/beta-dst", said))
                        .problems),
              Codes{"IMMUTABLE x.accepted"});
    EXPECT_EQ(
        codes(world
                  .put_one("", "mirror_tunnels",
                           tunnel("web2-beta", "web2-src", "beta/beta-dst",
                                  {{"accepted", false}}))
                  .problems),
        Codes());
}

/* ------------------------------------------------------------------------
 * Inventory that others stand on. */

TEST(InventoryEdit, LeavesAConnectItsTransitVpc)
{
    World world = settled_world();
    json vpc = {{"name", "tvpc"}, {"account", "acme"}, {"region", "kr"}};
    EXPECT_EQ(codes(world.put_one("", "vpcs", vpc).problems),
              Codes{"MISMATCH x.kind"});
    Edit edit = world.command("", [&](Edit *e, const EditContext &who) {
        put(e, who, "vpcs", vpc, "x", PutMode::Replace);
        erase(e, who, "transit_connects", "vpc-a-tvpc", "c");
    });
    EXPECT_EQ(codes(edit.problems), Codes());
    json exported = export_document(world.model, world.context());
    EXPECT_EQ(codes(world.apply(exported).problems), Codes());
}

TEST(InventoryEdit, LeavesTheSubnetOfALoadBalancerInItsVpc)
{
    World world = settled_world();
    json subnet = {
        {"name", "sn-a2"}, {"vpc", "vpc-j"}, {"cidr", "10.1.1.0/24"}};
    json lb = {{"name", "lb-a"}, {"vpc", "vpc-j"}, {"subnet", "sn-a2"}};
    Codes found = codes(world.put_one("", "subnets", subnet).problems);
    EXPECT_EQ(std::count(found.begin(), found.end(), "MISMATCH x.vpc"), 1);
    for (bool lb_first : {false, true}) {
        Edit edit = world.command("", [&](Edit *e, const EditContext &who) {
            erase(e, who, "mirror_tunnels", "acme/web1-ids", "t");
            for (bool is_lb : {lb_first, !lb_first}) {
                put(e, who, is_lb ? "load_balancers" : "subnets",
                    is_lb ? lb : subnet, is_lb ? "y" : "x", PutMode::Replace);
            }
        });
        found = codes(edit.problems);
        EXPECT_EQ(std::count(found.begin(), found.end(), "MISMATCH x.vpc"), 0);
    }
}

TEST(InventoryEdit, DoesNotMindWhatWasWrongBefore)
{
    World world = settled_world();
    world.model.vpcs[world.id("vpcs", "tvpc")].kind = VpcKind::Standard;
    EXPECT_EQ(codes(world
                        .put_one("", "vpcs",
                                 {{"name", "tvpc"},
                                  {"account", "acme"},
                                  {"region", "kr"}})
                        .problems),
              Codes());
}

/* ------------------------------------------------------------------------
 * What a reader is told. */

TEST(NetworkView, TellsOfATargetThatIsGoneWhileNoHypervisorSpeaks)
{
    World world = settled_world();
    world.erase_one("", "network_interfaces", "ids-b");
    world.erase_one("", "collectors", "suricata1");
    for (const char *name : {"web1-beta", "web1-col"}) {
        TunnelView view = view_of(world, name);
        EXPECT_TRUE(view.reasons.contains("TARGET_MISSING")) << name;
        EXPECT_EQ(view.health, Health::Degraded) << name;
    }
    EXPECT_FALSE(
        view_of(world, "web1-ids").reasons.contains("TARGET_MISSING"));
    world.erase_one("", "network_interfaces", "web1");
    EXPECT_FALSE(
        view_of(world, "web1-ids").reasons.contains("TARGET_MISSING"));
    EXPECT_TRUE(view_of(world, "web1-ids").reasons.contains("NIC_MISSING"));
}

TEST(NetworkView, TellsOfTheNetworkWhileNoHypervisorSpeaks)
{
    World world = crossing_world();
    for (const char *name : {"web1-beta", "web2-beta"}) {
        TunnelView view = view_of(world, name);
        EXPECT_EQ(view.conditions["Peering"].status, ConditionStatus::True);
        EXPECT_EQ(view.conditions["Route"].status, ConditionStatus::True);
        EXPECT_EQ(view.conditions["DestinationPermitsVxlan"].status,
                  ConditionStatus::Unknown);
        EXPECT_FALSE(view.conditions.contains("TransitConnect"));
    }
    EXPECT_EQ(view_of(world, "web2-beta").state, TunnelState::Waiting);
    EXPECT_EQ(view_of(world, "web2-beta").health, Health::Ok);
    EXPECT_FALSE(view_of(world, "web1-ids").conditions.contains("Peering"));

    world.erase_one("", "peerings", "a-to-b");
    for (const char *name : {"web1-beta", "web2-beta"}) {
        TunnelView view = view_of(world, name);
        EXPECT_EQ(view.conditions["Peering"].status, ConditionStatus::False);
        EXPECT_EQ(view.conditions["Peering"].reason.find("PEERING_MISSING: "),
                  0u);
        EXPECT_TRUE(view.reasons.contains("PEERING_MISSING"));
        EXPECT_EQ(view.health, Health::Degraded);
    }
    EXPECT_EQ(view_of(world, "web2-beta").state, TunnelState::Waiting);
    EXPECT_EQ(view_of(world, "web1-beta").state, TunnelState::Setting);
}

TEST(NetworkView, LeavesTheWordToTheHypervisorThatSpeaks)
{
    World world = crossing_world();
    world.erase_one("", "peerings", "a-to-b");
    TunnelStatus &status = world.model.tunnel_statuses[world.new_uuid()];
    status.tunnel = world.id("mirror_tunnels", "acme/web1-beta");
    status.chassis = "hv1";
    status.bound = true;
    status.observed_generation = 1;
    status.conditions["Peering"] = {ConditionStatus::True, ""};
    TunnelView view = view_of(world, "web1-beta");
    EXPECT_EQ(view.conditions["Peering"].status, ConditionStatus::True);
    EXPECT_FALSE(view.reasons.contains("PEERING_MISSING"));
}

TEST(NetworkView, OfADisabledTunnelIsNoReason)
{
    World world = crossing_world();
    world.erase_one("", "peerings", "a-to-b");
    world.model.tunnels[world.id("mirror_tunnels", "acme/web1-beta")].enabled =
        false;
    TunnelView view = view_of(world, "web1-beta");
    EXPECT_EQ(view.health, Health::Disabled);
    EXPECT_TRUE(view.reasons.empty());
    EXPECT_EQ(view.conditions["Peering"].status, ConditionStatus::False);
}

} // namespace
} // namespace pm
