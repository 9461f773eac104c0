/* What a Mirror Resource is refused for. */
#include "plugin/check.h"

#include <gtest/gtest.h>

#include "tests/unit/world.h"

namespace pm {
namespace {

Codes
resource_codes(const json &object, const std::string &account = "acme")
{
    World world = settled_world();
    return codes(world.put_one(account, "mirror_resources", object).problems);
}

TEST(CheckResource, RefusesASourceThatIsNoNic)
{
    EXPECT_EQ(
        resource_codes(resource("src", "source", "lb-a", "load-balancer")),
        Codes{"PURPOSE_MISMATCH x.type"});
    EXPECT_EQ(
        resource_codes(resource("src", "source", "suricata1", "collector")),
        Codes{"PURPOSE_MISMATCH x.type"});
}

TEST(CheckResource, RefusesATargetOfAnotherAccount)
{
    EXPECT_EQ(resource_codes(resource("src", "source", "ids-b")),
              Codes{"NOT_OWNER x.target"});
    EXPECT_EQ(resource_codes(
                  resource("dst", "destination", "beta-col", "collector")),
              Codes{"NOT_OWNER x.target"});
    EXPECT_EQ(resource_codes(resource("dst", "destination", "lb-t",
                                      "load-balancer", "beta"),
                             "beta"),
              Codes{"NOT_OWNER x.target"});
}

TEST(CheckResource, LetsAnyAccountHaveWhatIsAnyones)
{
    EXPECT_EQ(resource_codes(resource("src", "source", "plain",
                                      "network-interface", "beta"),
                             "beta"),
              Codes());
}

TEST(CheckResource, RefusesASecondResourceOfOnePurposeAndTarget)
{
    EXPECT_EQ(resource_codes(resource("src2", "source", "web1")),
              Codes{"DUPLICATE_RESOURCE x.target"});
    EXPECT_EQ(resource_codes(
                  resource("dst2", "destination", "suricata1", "collector")),
              Codes{"DUPLICATE_RESOURCE x.target"});
}

TEST(CheckResource, RefusesANicAsBothSourceAndDestination)
{
    EXPECT_EQ(resource_codes(resource("dst2", "destination", "web1")),
              Codes{"ROLE_CONFLICT x.target"});
    EXPECT_EQ(resource_codes(resource("src2", "source", "ids")),
              Codes{"ROLE_CONFLICT x.target"});
}

/* Two resources of one NIC, the first of them the older. */
Codes
codes_of_the_younger(const Resource &older, const std::string &owner)
{
    Model model;
    Uuid nic{{1, 0, 0, 0}}, first{{2, 0, 0, 0}}, second{{3, 0, 0, 0}};
    model.nics[nic].account = owner;
    Resource younger;
    younger.name = "web-src";
    younger.account = "acme";
    younger.target = "web";
    younger.target_id = nic;
    younger.created_ms = 2;
    model.resources[first] = older;
    model.resources[first].target_id = nic;
    model.resources[first].created_ms = 1;
    model.resources[second] = younger;
    Problems problems;
    check_resource(model, second, "r", &problems);
    return codes(problems);
}

TEST(CheckResource, IsNotFaultedForAnOlderOneOfWhomTheTargetIsNot)
{
    Resource older;
    older.name = "mine-now";
    older.account = "mallory";
    older.target = "junk";
    EXPECT_EQ(codes_of_the_younger(older, "acme"), Codes());
    older.account = "acme";
    EXPECT_EQ(codes_of_the_younger(older, "acme"),
              Codes{"DUPLICATE_RESOURCE r.target"});
}

TEST(CheckResource, IsNotFaultedForOneOfATargetThatHadItsNameBefore)
{
    Model model;
    Uuid first{{2, 0, 0, 0}}, second{{3, 0, 0, 0}};
    for (const Uuid &id : {first, second}) {
        Resource &resource = model.resources[id];
        resource.name = "web-src";
        resource.account = "acme";
        resource.target = "web";
        resource.iface_id = id.to_string();
    }
    model.resources[first].created_ms = 1;
    model.resources[second].created_ms = 2;
    auto codes_of_second = [&] {
        Problems problems;
        check_resource(model, second, "r", &problems);
        return codes(problems);
    };
    /* A VM that was made anew, and one whose NIC has another name now. */
    model.resources[second].target_id = Uuid{{1, 0, 0, 1}};
    EXPECT_EQ(codes_of_second(), Codes());
    model.resources[first].target_id = Uuid{{1, 0, 0, 2}};
    EXPECT_EQ(codes_of_second(), Codes());
    model.resources[first].target_id = Uuid{{1, 0, 0, 1}};
    EXPECT_EQ(codes_of_second(), Codes{"DUPLICATE_RESOURCE r.target"});
}

TEST(CheckResource, OfWhatIsAnyonesAnotherAccountsIsNotCalledOnesOwn)
{
    Model model;
    Uuid box{{1, 0, 0, 0}}, first{{2, 0, 0, 0}}, second{{3, 0, 0, 0}};
    model.collectors[box].name = "box";
    for (const Uuid &id : {first, second}) {
        Resource &resource = model.resources[id];
        resource.name = "ids";
        resource.account = id == first ? "acme" : "beta";
        resource.purpose = Purpose::Destination;
        resource.type = ResourceType::Collector;
        resource.target = "box";
        resource.target_id = box;
        resource.created_ms = id == first ? 1 : 2;
    }
    Problems problems;
    check_resource(model, second, "r", &problems);
    ASSERT_EQ(codes(problems), Codes{"DUPLICATE_RESOURCE r.target"});
    EXPECT_NE(problems[0].message.find("by another account"),
              std::string::npos);
}

TEST(CheckResource, IsNotFaultedForAnOlderOneThatIsFaultyItself)
{
    Resource older;
    older.name = "No Name";
    older.account = "acme";
    EXPECT_EQ(codes_of_the_younger(older, "acme"), Codes());
    older.name = "web-dst";
    older.purpose = Purpose::Destination;
    EXPECT_EQ(codes_of_the_younger(older, "acme"),
              Codes{"ROLE_CONFLICT r.target"});
}

TEST(CheckResource, NamesBothTheConflictAndTheLoopOfOneNic)
{
    World world;
    json doc = inventory();
    doc["mirror_resources"] = {resource("nic-src", "source", "plain"),
                               resource("nic-dst", "destination", "plain")};
    doc["mirror_tunnels"] = {tunnel("loop", "nic-src", "nic-dst")};
    EXPECT_EQ(codes(world.apply(doc).problems),
              (Codes{"ROLE_CONFLICT mirror_resources[1].target",
                     "SAME_NIC mirror_tunnels[0].destination"}));
}

} // namespace
} // namespace pm
