#include <gtest/gtest.h>

#include "tests/unit/world.h"

namespace pm {
namespace {

/* What contradicts itself or can be of no host is refused, and the same by a
 * change of what there is. */
TEST(Inventory, RefusesWhatContradictsItself)
{
    struct Case {
        const char *kind;
        json object;
        Codes codes;
    };
    const json NIC = {{"name", "web1"}, {"iface_id", "if-web1"}};
    const json SUBNET = {
        {"name", "sn-a2"}, {"vpc", "vpc-a"}, {"cidr", "10.1.1.0/24"}};
    auto with = [](json object, const char *key, const char *value) {
        object[key] = value;
        return object;
    };
    const Case CASES[] = {
        {"transit_connects",
         {{"name", "self"}, {"vpc", "tvpc"}, {"transit_vpc", "tvpc"}},
         {"MISMATCH x.transit_vpc"}},
        {"transit_connects",
         {{"name", "vpc-a-tvpc"}, {"vpc", "tvpc"}, {"transit_vpc", "tvpc"}},
         {"MISMATCH x.transit_vpc"}},
        {"transit_connects",
         {{"name", "self"}, {"vpc", "vpc-a"}, {"transit_vpc", "vpc-a"}},
         {"MISMATCH x.transit_vpc"}},
        {"network_interfaces",
         with(NIC, "mac", "ff:ff:ff:ff:ff:ff"),
         {"SYNTAX x.mac"}},
        {"network_interfaces",
         with(NIC, "mac", "00:00:00:00:00:00"),
         {"SYNTAX x.mac"}},
        {"network_interfaces",
         with(NIC, "mac", "33:33:00:00:00:01"),
         {"SYNTAX x.mac"}},
        {"network_interfaces", with(NIC, "mac", "0A:00:00:00:00:01"), {}},
        {"subnets",
         with(SUBNET, "gateway", "fd00::1"),
         {"MISMATCH x.gateway"}},
        {"subnets",
         with(with(SUBNET, "gateway", "10.1.0.1"), "cidr", "fd00::/64"),
         {"MISMATCH x.gateway"}},
        {"subnets",
         with(with(SUBNET, "gateway", "fd00::1"), "cidr", "fd00::/64"),
         {}},
        {"subnets",
         with(SUBNET, "gateway_mac", "01:00:5e:00:00:01"),
         {"SYNTAX x.gateway_mac"}},
    };
    for (const Case &c : CASES) {
        World world;
        world.apply(inventory());
        EXPECT_EQ(codes(world.put_one("", c.kind, c.object).problems), c.codes)
            << c.object.dump();
    }
}

/* Rows that came past the checks, or from before them. */
TEST(Inventory, LetsTheRestOfARowThatContradictsItselfBeEdited)
{
    World world;
    world.apply(inventory());
    Uuid tvpc = world.id("vpcs", "tvpc");
    world.model.connects[world.id("transit_connects", "vpc-a-tvpc")].vpc =
        tvpc;
    world.model.nics[world.id("network_interfaces", "web1")].mac =
        "ff:ff:ff:ff:ff:ff";
    Subnet &subnet = world.model.subnets[world.id("subnets", "sn-a")];
    subnet.gateway = IpAddress::parse("fd00::1");
    subnet.gateway_mac = "01:00:5e:00:00:01";

    json exported = export_document(world.model, world.context());
    EXPECT_EQ(codes(world.apply(exported).problems), Codes());
    auto edit = [&](const std::string &kind, const std::string &name,
                    const char *key, const char *value) {
        json object = to_json(world.model, kind, world.id(kind, name));
        object[key] = value;
        return codes(world.put_one("", kind, object).problems);
    };
    EXPECT_EQ(edit("transit_connects", "vpc-a-tvpc", "state", "inactive"),
              Codes());
    EXPECT_EQ(edit("network_interfaces", "web1", "server", "s"), Codes());
    EXPECT_EQ(edit("network_interfaces", "web1", "mac", "00:00:00:00:00:00"),
              Codes{"SYNTAX x.mac"});
    EXPECT_EQ(edit("subnets", "sn-a", "gateway_mac", "02:00:00:00:00:01"),
              Codes());
    EXPECT_EQ(edit("subnets", "sn-a", "gateway", "fd00::2"),
              Codes{"MISMATCH x.gateway"});
    EXPECT_EQ(edit("subnets", "sn-a", "gateway", "10.1.0.2"), Codes());
}

} // namespace
} // namespace pm
