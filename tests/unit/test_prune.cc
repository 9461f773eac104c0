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
