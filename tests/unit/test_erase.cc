/* Edits that remove, and what they leave behind. */
#include <gtest/gtest.h>

#include "plugin/document.h"
#include "tests/unit/world.h"

namespace pm {
namespace {

TEST(Erase, RefusesWhatIsInUseAndNamesItsUsers)
{
    World world = settled_world();
    struct {
        const char *kind, *name, *user;
    } cases[] = {{"vpcs", "vpc-a", "subnet \"sn-a\""},
                 {"vpcs", "vpc-b", "peering \"a-to-b\""},
                 {"vpcs", "tvpc", "connect \"vpc-a-tvpc\""},
                 {"subnets", "sn-a", "NIC \"web1\""},
                 {"subnets", "sn-t", "load balancer \"lb-t\""},
                 {"mirror_resources", "acme/web1-src", "tunnel \"web1-ids\""},
                 {"mirror_resources", "acme/ids-dst", "tunnel \"web1-ids\""},
                 {"mirror_filters", "acme/web", "tunnel \"web1-ids\""}};
    for (const auto &c : cases) {
        Edit edit = world.erase_one("", c.kind, c.name);
        ASSERT_EQ(codes(edit.problems), Codes{"IN_USE x"}) << c.name;
        EXPECT_NE(edit.problems[0].message.find(c.user), std::string::npos)
            << edit.problems[0].message;
    }
}

TEST(Erase, MindsWhatTheEditLeavesAndNotTheOrderOfItsCommands)
{
    World world = settled_world();
    Edit edit = world.command("", [](Edit *e, const EditContext &who) {
        erase(e, who, "mirror_resources", "acme/web1-src", "x");
        erase(e, who, "mirror_filters", "acme/web", "x");
        for (const char *name : {"web1-ids", "web1-col", "web1-beta"}) {
            erase(e, who, "mirror_tunnels", std::string("acme/") + name, "x");
        }
    });
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_FALSE(find(world.model.resources,
                      edit.book.before.tunnels.begin()->second.source));
    EXPECT_TRUE(world.model.tunnels.empty());
    edit = world.command("", [](Edit *e, const EditContext &who) {
        for (const char *vpc : {"vpc-j", "tvpc"}) {
            erase(e, who, "vpcs", vpc, "x");
        }
        erase(e, who, "subnets", "sn-j", "x");
        erase(e, who, "network_interfaces", "ids-j", "x");
    });
    EXPECT_EQ(codes(edit.problems), Codes{"IN_USE x"});
    EXPECT_NE(edit.problems[0].message.find("tvpc"), std::string::npos);
}

TEST(Erase, OfWhatHasComeFreeLeavesItsNameToWhatIsPutThen)
{
    World world = settled_world();
    const Uuid old = world.id("mirror_filters", "acme/web");
    for (bool freed : {false, true}) {
        World other = world;
        Edit edit =
            other.command("acme", [&](Edit *e, const EditContext &who) {
                erase(e, who, "mirror_filters", "web", "x");
                if (freed) {
                    erase(e, who, "mirror_tunnels", "web1-ids", "x");
                }
                put(e, who, "mirror_filters", {{"name", "web"}}, "y",
                    PutMode::Create);
            });
        EXPECT_EQ(codes(edit.problems),
                  freed ? Codes() : (Codes{"DUPLICATE y.name", "IN_USE x"}));
        EXPECT_EQ(other.id("mirror_filters", "acme/web") == old, !freed);
    }
}

TEST(Erase, OfWhatWasInUseErasesThatAndNothingThatHasItsNameByThen)
{
    World world = settled_world();
    const Uuid old = world.id("mirror_filters", "acme/web");
    for (bool anew : {false, true}) {
        World other = world;
        Edit edit = other.command("acme", [&](Edit *e,
                                              const EditContext &who) {
            erase(e, who, "mirror_filters", "web", "x");
            for (const char *name : {"web1-ids", "web1-col", "web1-beta"}) {
                erase(e, who, "mirror_tunnels", name, "x");
            }
            erase(e, who, "mirror_filters", "web", "x");
            if (anew) {
                put(e, who, "mirror_filters",
                    {{"name", "web"}, {"account", "acme"}}, "x",
                    PutMode::Create);
            }
        });
        EXPECT_EQ(codes(edit.problems), Codes());
        EXPECT_FALSE(find(other.model.filters, old));
        bool there = std::any_of(
            other.model.filters.begin(), other.model.filters.end(),
            [](const auto &filter) { return filter.second.name == "web"; });
        EXPECT_EQ(there, anew);
    }
}

TEST(Erase, IsRefusedForWhatTheSameEditBeginsToUse)
{
    World world = settled_world();
    Edit edit = world.command("acme", [](Edit *e, const EditContext &who) {
        erase(e, who, "mirror_filters", "web", "x");
        erase(e, who, "mirror_tunnels", "web1-ids", "x");
        put(e, who, "mirror_tunnels",
            tunnel("again", "web1-src", "ids-dst", {{"filter", "web"}}), "y",
            PutMode::Create);
    });
    EXPECT_EQ(codes(edit.problems), Codes{"IN_USE x"});
}

TEST(Erase, RefusesWhatIsNotThere)
{
    World world = settled_world();
    for (const std::string &kind : document_kinds()) {
        for (const char *name : {"none", "", "/", "acme/", "a/b/c"}) {
            EXPECT_EQ(codes(world.erase_one("", kind, name).problems),
                      Codes{"NOT_FOUND x"})
                << kind << " " << name;
        }
    }
}

TEST(Erase, LeavesAPeeringsRouteStandingAndReapplicable)
{
    World world = settled_world();
    EXPECT_EQ(codes(world.erase_one("", "peerings", "a-to-b").problems),
              Codes());
    json exported = export_document(world.model, world.context());
    Model before = world.model;
    Edit edit = world.apply(exported);
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(edit.model, before);
}

TEST(Erase, OrphansTheResourcesOfANicUntilItsIfaceIdReturns)
{
    World world = settled_world();
    json nic = to_json(world.model, "network_interfaces",
                       world.id("network_interfaces", "web1"));
    Edit edit = world.erase_one("", "network_interfaces", "web1");
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(edit.touched_tunnels.size(), 3u);
    ASSERT_NE(world.resource("acme/web1-src"), nullptr);
    EXPECT_EQ(world.resource("acme/web1-src")->target_id, std::nullopt);
    EXPECT_EQ(world.resource("acme/web1-src")->target, "web1");
    EXPECT_EQ(world.resource("acme/web1-src")->iface_id, "if-web1");

    /* An orphan is no obstacle to applying what stands. */
    Model before = world.model;
    json exported = export_document(world.model, world.context());
    edit = world.apply(exported, "", true);
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(edit.model, before);

    nic["name"] = "web1-again";
    edit = world.put_one("", "network_interfaces", nic);
    EXPECT_EQ(edit.touched_tunnels.size(), 3u);
    EXPECT_EQ(world.resource("acme/web1-src")->target_id,
              world.id("network_interfaces", "web1-again"));
    EXPECT_EQ(to_json(world.model, "mirror_resources",
                      world.id("mirror_resources", "acme/web1-src"))["target"],
              "web1-again");
    for (const char *name : {"web1", "web1-again"}) {
        EXPECT_EQ(codes(world
                            .put_one("acme", "mirror_resources",
                                     resource("web1-src", "source", name))
                            .problems),
                  Codes())
            << name;
    }
    EXPECT_EQ(world.tunnel("acme/web1-ids")->generation, 1);
}

TEST(Erase, OfANicThatCameBackUnderAnotherNameLeavesADocumentThatApplies)
{
    World world = settled_world();
    json nic = to_json(world.model, "network_interfaces",
                       world.id("network_interfaces", "web1"));
    world.erase_one("", "network_interfaces", "web1");
    nic["name"] = "web1-again";
    world.put_one("", "network_interfaces", nic);
    EditContext acme = world.context("acme");
    const json doc = export_document(world.model, acme);
    EXPECT_EQ(codes(world.apply(doc, "acme").problems), Codes());
    world.erase_one("", "network_interfaces", "web1-again");
    const Model before = world.model;
    EXPECT_EQ(codes(world.apply(doc, "acme").problems), Codes());
    EXPECT_EQ(world.model, before);
    json other = resource("web1-src", "source", "web2");
    EXPECT_EQ(codes(world.put_one("acme", "mirror_resources", other).problems),
              Codes{"IMMUTABLE x.target"});
    other["target"] = "ids-b"; /* Of beta's there is nothing to be learnt. */
    EXPECT_EQ(codes(world.put_one("acme", "mirror_resources", other).problems),
              Codes());
}

TEST(Erase, OrphansTheResourceOfACollectorUntilItReturns)
{
    World world = settled_world();
    json collector = to_json(world.model, "collectors",
                             world.id("collectors", "suricata1"));
    EXPECT_EQ(codes(world.erase_one("", "collectors", "suricata1").problems),
              Codes());
    EXPECT_EQ(world.resource("acme/col-dst")->target_id, std::nullopt);
    world.put_one("", "collectors", collector);
    EXPECT_EQ(world.resource("acme/col-dst")->target_id,
              world.id("collectors", "suricata1"));
}

TEST(Erase, OfATargetWarnsOfTheTunnelsThatStopByIt)
{
    World world = settled_world();
    Edit edit = world.erase_one("", "collectors", "suricata1");
    ASSERT_EQ(
        codes(edit.warnings),
        Codes{"TARGET_MISSING mirror_resources[\"acme/col-dst\"].target"});
    EXPECT_NE(edit.warnings[0].message.find("\"acme/web1-col\""),
              std::string::npos);
    EXPECT_EQ(
        codes(world.erase_one("", "network_interfaces", "web2").warnings),
        Codes())
        << "its resource is of no tunnel";
    json doc = inventory();
    doc["network_interfaces"][0]["name"] = "web1-new";
    doc.erase("collectors");
    EXPECT_EQ(codes(world.apply(doc, "", true).warnings), Codes())
        << "a NIC that gets another name is there";
}

TEST(Erase, TakesANicOutOfItsLoadBalancers)
{
    World world = settled_world();
    EXPECT_EQ(
        codes(world.erase_one("", "network_interfaces", "t-kvm").problems),
        Codes());
    const LoadBalancer *lb =
        find(world.model.load_balancers, world.id("load_balancers", "lb-t"));
    ASSERT_NE(lb, nullptr);
    for (const LoadBalancerMember &member : lb->members) {
        EXPECT_EQ(member.nic, std::nullopt);
    }
    EXPECT_EQ(lb->members.size(), 2u);
}

TEST(Put, ANicThatChangesItsIfaceIdTakesItsResourcesAlong)
{
    World world = settled_world();
    json nic = to_json(world.model, "network_interfaces",
                       world.id("network_interfaces", "web1"));
    nic["iface_id"] = "if-new";
    world.put_one("", "network_interfaces", nic);
    EXPECT_EQ(world.resource("acme/web1-src")->iface_id, "if-new");
}

TEST(Put, RefusesInventoryThatWouldBreakATunnelAndNamesIt)
{
    World world = settled_world();
    json nic = to_json(world.model, "network_interfaces",
                       world.id("network_interfaces", "ids"));
    nic["subnet"] = "sn-a";
    EXPECT_EQ(
        codes(world.put_one("", "network_interfaces", nic).problems),
        Codes{"SAME_SUBNET mirror_tunnels[\"acme/web1-ids\"].destination"});
    nic["subnet"] = "sn-b";
    EXPECT_EQ(codes(world.put_one("", "network_interfaces", nic).problems),
              Codes{"NOT_OWNER mirror_resources[\"acme/ids-dst\"].target"});
}

TEST(Put, DoesNotBlameAnEditForWhatWasWrongBefore)
{
    World world = settled_world();
    world.model.tunnels[world.id("mirror_tunnels", "acme/web1-ids")].vni = 0;
    json nic = to_json(world.model, "network_interfaces",
                       world.id("network_interfaces", "ids"));
    nic["server"] = "renamed";
    EXPECT_EQ(codes(world.put_one("", "network_interfaces", nic).problems),
              Codes());
}

} // namespace
} // namespace pm
