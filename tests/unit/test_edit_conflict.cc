/* Edits that make two objects conflict, by ways other than creating one. */
#include <gtest/gtest.h>

#include <cstring>

#include "tests/unit/world.h"

namespace pm {
namespace {

/* acme/older and acme/younger differ in their filters only. */
World
world_of_two()
{
    World world = settled_world();
    world.apply(
        {{"mirror_filters",
          {{{"name", "one"}, {"account", "acme"}},
           {{"name", "two"}, {"account", "acme"}}}},
         {"mirror_tunnels",
          {tunnel("older", "web2-src", "ids-dst", {{"filter", "one"}})}}});
    world.now_ms += 1000;
    world.apply(
        {{"mirror_tunnels",
          {tunnel("younger", "web2-src", "ids-dst", {{"filter", "two"}})}}});
    return world;
}

TEST(Conflict, IsTheFaultOfTheTunnelThatTheEditMadeAlike)
{
    World world = world_of_two();
    for (const char *name : {"older", "younger"}) {
        const char *filter = strcmp(name, "older") ? "one" : "two";
        EXPECT_EQ(codes(world
                            .put_one("acme", "mirror_tunnels",
                                     tunnel(name, "web2-src", "ids-dst",
                                            {{"filter", filter}}))
                            .problems),
                  Codes{"DUPLICATE_TUNNEL x"})
            << name;
    }
}

TEST(Conflict, IsNoneWhereTwoTunnelsSwapTheirFilters)
{
    World world = world_of_two();
    json swapped = {
        {"mirror_tunnels",
         {tunnel("older", "web2-src", "ids-dst", {{"filter", "two"}}),
          tunnel("younger", "web2-src", "ids-dst", {{"filter", "one"}})}}};
    EXPECT_EQ(codes(world.apply(swapped).problems), Codes());
}

TEST(Conflict, OfAllTheTunnelsOfOneEditIsToldOnce)
{
    World world = world_of_two();
    json alike = {
        {"mirror_tunnels",
         {tunnel("older", "web2-src", "ids-dst", {{"filter", "two"}}),
          tunnel("younger", "web2-src", "ids-dst", {{"filter", "two"}})}}};
    EXPECT_EQ(codes(world.apply(alike).problems),
              Codes{"DUPLICATE_TUNNEL mirror_tunnels[1]"});
}

TEST(Conflict, OfResourcesIsSeenThoughTheNicHasAnotherNameNow)
{
    World world = settled_world();
    json nic = to_json(world.model, "network_interfaces",
                       world.id("network_interfaces", "web1"));
    world.erase_one("", "network_interfaces", "web1");
    nic["name"] = "web1-again";
    world.put_one("", "network_interfaces", nic);
    for (auto [purpose, code] :
         {std::pair("destination", "ROLE_CONFLICT x.target"),
          std::pair("source", "DUPLICATE_RESOURCE x.target")}) {
        EXPECT_EQ(codes(world
                            .put_one("acme", "mirror_resources",
                                     resource("again", purpose, "web1-again"))
                            .problems),
                  Codes{code});
    }
}

} // namespace
} // namespace pm
