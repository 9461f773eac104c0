/* "apply --prune": what a document does not list goes. */
#include <gtest/gtest.h>

#include "plugin/document.h"
#include "tests/unit/world.h"

namespace pm {
namespace {

TEST(Prune, DeletesWhatTheKindsPresentDoNotList)
{
    World world = settled_world();
    json doc = document();
    doc["mirror_tunnels"].erase(1);
    doc["mirror_resources"].erase(3); /* col-dst, which that one used. */
    doc["collectors"].erase(0);
    Edit edit = world.apply(doc, "", true);
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(world.tunnel("acme/web1-col"), nullptr);
    EXPECT_EQ(world.resource("acme/col-dst"), nullptr);
    EXPECT_TRUE(world.id("collectors", "suricata1").is_zero());
    EXPECT_EQ(world.model.tunnels.size(), 2u);
    EXPECT_EQ(edit.touched_tunnels.size(), 3u); /* The deleted one, too. */
}

TEST(Prune, LeavesKindsAndAccountsAloneThatTheDocumentDoesNotName)
{
    World world = settled_world();
    json doc;
    doc["mirror_tunnels"] = {document()["mirror_tunnels"][0]};
    world.put_one("", "mirror_filters",
                  {{"name", "other"}, {"account", "gamma"}});
    Edit edit = world.apply(doc, "", true);
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(world.model.tunnels.size(), 1u);
    EXPECT_EQ(world.model.filters.size(), 2u);

    world.apply_text(R"({"mirror_filters": []})", "acme", true);
    EXPECT_EQ(world.model.filters.size(), 2u) << "in use by a tunnel";
    world.apply_text(R"({"mirror_tunnels": [], "mirror_filters": []})", "acme",
                     true);
    EXPECT_EQ(world.model.filters.size(), 1u);
}

TEST(Prune, WithoutItNothingIsDeleted)
{
    World world = settled_world();
    Model before = world.model;
    EXPECT_EQ(world.apply_text(R"({"mirror_tunnels": []})").model, before);
}

TEST(Prune, RefusesToDeleteWhatIsInUse)
{
    World world = settled_world();
    json doc = document();
    doc.erase("mirror_tunnels");
    doc["mirror_resources"].erase(3);
    Edit edit = world.apply(doc, "", true);
    ASSERT_EQ(codes(edit.problems),
              Codes{"IN_USE mirror_resources[\"acme/col-dst\"]"});
    EXPECT_NE(edit.problems[0].message.find("\"web1-col\""),
              std::string::npos);
}

TEST(Prune, RefusesToDeleteWhatTheDocumentItselfRefersTo)
{
    World world = settled_world();
    json doc = inventory();
    doc["network_interfaces"].erase(7); /* t-kvm, a member of lb-t. */
    EXPECT_EQ(codes(world.apply(doc, "", true).problems),
              Codes{"IN_USE network_interfaces[t-kvm]"});
}

/* What is wrong in a document is reported, and not what would be in the way
 * of it if the rest went unheeded. */
TEST(Prune, OfADocumentWithAMistakeReportsThatAndNothingThatWouldHaveGone)
{
    World world = settled_world();
    json doc = document();
    doc["mirror_tunnels"][0]["name"] = "web1-again";
    doc["mirror_tunnels"][1]["packet_length"] = 7;
    EXPECT_EQ(codes(world.apply(doc, "", true).problems),
              Codes{"PACKET_LENGTH_RANGE mirror_tunnels[1].packet_length"});
    doc["mirror_tunnels"][1]["filter"] = "wbe";
    EXPECT_EQ(sorted(codes(world.apply(doc, "", true).problems)),
              sorted({"PACKET_LENGTH_RANGE mirror_tunnels[1].packet_length",
                      "NOT_FOUND mirror_tunnels[1].filter"}));
}

TEST(Prune, OfAMistypedReferenceReportsThatAndNotWhatWouldHaveGone)
{
    World world = settled_world();
    json doc = document();
    doc["mirror_resources"].erase(2); /* ids-dst. */
    doc["mirror_tunnels"][0]["destination"] = "cl-dst";
    EXPECT_EQ(codes(world.apply(doc, "", true).problems),
              Codes{"NOT_FOUND mirror_tunnels[0].destination"});
}

TEST(Prune, OfADocumentWhoseObjectsAreNotAllKnownTakesNothingAway)
{
    World world = settled_world();
    json doc = document();
    doc["mirror_filters"][0]["name"] = "Web";
    EXPECT_EQ(codes(world.apply(doc, "", true).problems),
              Codes{"NAME_INVALID mirror_filters[0].name"});
    doc = document();
    doc["mirror_filters"][0].erase("name");
    EXPECT_EQ(codes(world.apply(doc, "", true).problems),
              Codes{"TYPE mirror_filters[0].name"});
    doc = document();
    doc["mirror_filters"].push_back(7);
    EXPECT_EQ(codes(world.apply(doc, "", true).problems),
              Codes{"TYPE mirror_filters[1]"});
    doc = document();
    doc["mirror_tunels"] = std::exchange(doc["mirror_tunnels"], json::array());
    doc.erase("mirror_tunnels");
    doc["mirror_filters"] = json::array();
    EXPECT_EQ(codes(world.apply(doc, "", true).problems),
              Codes{"UNKNOWN_KEY mirror_tunels"});
}

TEST(Prune, ANicsNewNameIsItsResourcesTargetInTheSameDocument)
{
    World world = settled_world();
    json doc = document();
    doc["network_interfaces"][0]["name"] = "web1-new";
    doc["mirror_resources"][0]["target"] = "web1-new";
    EXPECT_EQ(codes(world.apply(doc, "", true).problems), Codes());
    EXPECT_EQ(world.resource("acme/web1-src")->target_id,
              world.id("network_interfaces", "web1-new"));
    EXPECT_EQ(world.tunnel("acme/web1-ids")->generation, 1);
    doc["mirror_resources"][0]["target"] = "web2";
    EXPECT_EQ(codes(world.apply(doc, "", true).problems),
              Codes{"IMMUTABLE mirror_resources[0].target"});
}

TEST(Prune, OfWhatATunnelStillWaitsForIsRefusedWhereThatIsSaid)
{
    World world = settled_world();
    json doc = document();
    doc["mirror_resources"].erase(5); /* beta-dst, of which web1-beta waits. */
    doc["mirror_filters"].push_back({{"name", "other"}, {"account", "beta"}});
    doc["mirror_resources"].push_back(
        resource("beta-too", "destination", "beta-col", "collector", "beta"));
    EXPECT_EQ(codes(world.apply(doc, "", true).problems),
              Codes{"IN_USE mirror_resources[\"beta/beta-dst\"]"});
    EXPECT_NE(world.tunnel("acme/web1-beta"), nullptr);
    doc["mirror_tunnels"].erase(2);
    EXPECT_EQ(codes(world.apply(doc, "", true).problems), Codes());
    EXPECT_EQ(world.tunnel("acme/web1-beta"), nullptr);
}

TEST(Prune, OfATargetIsRefusedWhereAResourceIsSaidToStandForIt)
{
    World world = settled_world();
    json doc = document();
    doc["collectors"].erase(0);
    EXPECT_EQ(codes(world.apply(doc, "", true).problems),
              Codes{"IN_USE collectors[suricata1]"});
    doc["network_interfaces"].erase(1); /* web2. */
    EXPECT_EQ(sorted(codes(world.apply(doc, "", true).problems)),
              sorted({"IN_USE collectors[suricata1]",
                      "IN_USE network_interfaces[web2]"}));
    json inventory_only = inventory();
    inventory_only["collectors"].erase(0);
    EXPECT_EQ(codes(world.apply(inventory_only, "", true).problems), Codes());
}

TEST(Prune, LetsAnotherNicTakeTheIfaceId)
{
    World world = settled_world();
    json doc = inventory();
    doc["network_interfaces"][0]["name"] = "web1-new";
    Edit edit = world.apply(doc, "", true);
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(world.resource("acme/web1-src")->target_id,
              world.id("network_interfaces", "web1-new"));
}

} // namespace
} // namespace pm
