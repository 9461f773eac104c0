#include <gtest/gtest.h>

#include "plugin/document.h"
#include "plugin/nic_links.h"
#include "tests/unit/world.h"

namespace pm {
namespace {

json
web1_ids(const json &more = json::object())
{
    json object = document()["mirror_tunnels"][0];
    object.update(more);
    return object;
}

TEST(Put, CreatesReplacesOrRefuses)
{
    World world = settled_world();
    json t = web1_ids();
    EXPECT_EQ(codes(world.put_one("acme", "mirror_tunnels", t, PutMode::Create)
                        .problems),
              Codes{"DUPLICATE x.name"});
    EXPECT_EQ(
        codes(world.put_one("acme", "mirror_tunnels", t, PutMode::Replace)
                  .problems),
        Codes());
    t = tunnel("other", "web2-src", "ids-dst");
    EXPECT_EQ(
        codes(world.put_one("acme", "mirror_tunnels", t, PutMode::Replace)
                  .problems),
        Codes{"NOT_FOUND x.name"});
    EXPECT_EQ(codes(world.put_one("acme", "mirror_tunnels", t, PutMode::Create)
                        .problems),
              Codes());
}

TEST(Put, DoesNotCompareWhatIsCreatedWithItsNamesake)
{
    World world = settled_world();
    json t = web1_ids({{"source", "web2-src"}, {"destination", "col-dst"}});
    EXPECT_EQ(codes(world.put_one("acme", "mirror_tunnels", t, PutMode::Create)
                        .problems),
              Codes{"DUPLICATE x.name"});
    t["name"] = "web1-beta";
    EXPECT_EQ(codes(world.put_one("acme", "mirror_tunnels", t, PutMode::Create)
                        .problems),
              Codes{"DUPLICATE x.name"});
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_resources",
                                 resource("web1-src", "destination", "ids"),
                                 PutMode::Create)
                        .problems),
              Codes{"DUPLICATE x.name"});
}

TEST(Put, RefusesAnUnknownKind)
{
    World world;
    EXPECT_EQ(codes(world.put_one("", "volcanoes", json::object()).problems),
              Codes{"UNKNOWN_KEY x"});
    EXPECT_EQ(codes(world.erase_one("", "volcanoes", "etna").problems),
              Codes{"UNKNOWN_KEY x"});
}

TEST(Put, WorksInTheCallersAccount)
{
    World world = settled_world();
    world.put_one("beta", "mirror_filters", {{"name", "mine"}});
    world.put_one("", "mirror_filters", {{"name", "mine"}});
    EXPECT_EQ(world.filter("beta/mine")->account, "beta");
    EXPECT_EQ(world.filter("mine")->account, "default");
}

TEST(Put, BumpsTheGenerationWithContentAndOnlyThen)
{
    World world = settled_world();
    json t = web1_ids();
    int64_t created = world.tunnel("acme/web1-ids")->created_ms;
    world.put_one("acme", "mirror_tunnels", t);
    EXPECT_EQ(world.tunnel("acme/web1-ids")->generation, 1);
    EXPECT_EQ(world.tunnel("acme/web1-ids")->updated_ms, created);
    t["packet_length"] = 200;
    t["note"] = "x";
    Edit edit = world.put_one("acme", "mirror_tunnels", t);
    EXPECT_EQ(world.tunnel("acme/web1-ids")->generation, 2);
    EXPECT_EQ(world.tunnel("acme/web1-ids")->created_ms, created);
    EXPECT_EQ(world.tunnel("acme/web1-ids")->updated_ms, world.now_ms);
    ASSERT_EQ(edit.events.size(), 1u);
    EXPECT_EQ(edit.events[0].event, "updated");
    EXPECT_EQ(edit.events[0].message, "packet_length, note");
    EXPECT_EQ(edit.events[0].generation, 2);
    EXPECT_EQ(edit.events[0].actor, "acme");
    EXPECT_EQ(edit.touched_tunnels,
              std::vector<Uuid>{world.id("mirror_tunnels", "acme/web1-ids")});
}

TEST(Put, BumpsTheGenerationOnceHoweverManyCommandsAnEditHas)
{
    World world = settled_world();
    json filter = document()["mirror_filters"][0];
    Edit edit = world.command("acme", [&](Edit *e, const EditContext &who) {
        for (int number = 301; number < 304; number++) {
            filter["inbound"].push_back(
                {{"number", number}, {"action", "accept"}});
            put(e, who, "mirror_filters", filter, "x", PutMode::Replace);
        }
    });
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(world.filter("acme/web")->inbound.size(), 5u);
    EXPECT_EQ(world.filter("acme/web")->generation, 2);
}

TEST(Put, AnEditThatPutsContentBackChangesNothing)
{
    World world = settled_world();
    Model before = world.model;
    Edit edit = world.command("acme", [&](Edit *e, const EditContext &who) {
        put(e, who, "mirror_tunnels", web1_ids({{"vni", 9}}), "x",
            PutMode::Replace);
        put(e, who, "mirror_tunnels", web1_ids(), "x", PutMode::Replace);
    });
    EXPECT_EQ(edit.model, before);
}

TEST(Put, GivesOneVniToATunnelThatIsAddedAndSetInOneEdit)
{
    World world = settled_world();
    Edit edit = world.command("acme", [&](Edit *e, const EditContext &who) {
        put(e, who, "mirror_tunnels", tunnel("fresh", "web2-src", "ids-dst"),
            "x", PutMode::Create);
        auto id = look_up(e->model, who, "mirror_tunnels", "fresh");
        ASSERT_TRUE(id);
        json t = to_json(e->model, "mirror_tunnels", *id);
        t["note"] = "x";
        put(e, who, "mirror_tunnels", t, "x", PutMode::Replace);
    });
    EXPECT_EQ(codes(edit.problems), Codes());
    ASSERT_NE(world.tunnel("acme/fresh"), nullptr);
    EXPECT_EQ(world.tunnel("acme/fresh")->vni, 2);
    EXPECT_EQ(world.tunnel("acme/fresh")->generation, 1);
}

TEST(Put, TouchesTheTunnelsOfAFilterThatChanged)
{
    World world = settled_world();
    Edit edit = world.put_one("acme", "mirror_filters", {{"name", "web"}});
    EXPECT_EQ(edit.touched_tunnels,
              std::vector<Uuid>{world.id("mirror_tunnels", "acme/web1-ids")});
    EXPECT_EQ(world.filter("acme/web")->generation, 2);
    EXPECT_EQ(world.tunnel("acme/web1-ids")->generation, 1);
}

TEST(Put, RefusesChangesOfWhatIsImmutable)
{
    World world = settled_world();
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_tunnels",
                                 web1_ids({{"source", "web2-src"}}))
                        .problems),
              Codes{"IMMUTABLE x.source"});
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_resources",
                                 resource("web1-src", "destination", "plain",
                                          "collector"))
                        .problems),
              (Codes{"IMMUTABLE x.purpose", "IMMUTABLE x.type",
                     "IMMUTABLE x.target"}));
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_resources",
                                 resource("web1-src", "source", "web2"))
                        .problems),
              Codes{"IMMUTABLE x.target"});
}

TEST(Put, LetsTheDestinationChangeWithinOneAccountOnly)
{
    World world = settled_world();
    world.erase_one("acme", "mirror_tunnels", "web1-col");
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_tunnels",
                                 web1_ids({{"destination", "col-dst"}}))
                        .problems),
              Codes());
    EXPECT_EQ(world.tunnel("acme/web1-ids")->destination,
              world.id("mirror_resources", "acme/col-dst"));
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_tunnels",
                                 web1_ids({{"destination", "beta/beta-dst"}}))
                        .problems),
              Codes{"DESTINATION_IMMUTABLE x.destination"});
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_tunnels",
                                 tunnel("web1-beta", "web1-src", "ids-dst"))
                        .problems),
              Codes{"DESTINATION_IMMUTABLE x.destination"});
}

TEST(Put, RefusesTheSameTunnelTwiceAndTooMany)
{
    World world = settled_world();
    world.limits.tunnels_per_source = 3;
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_tunnels",
                                 tunnel("twin", "web1-src", "col-dst"))
                        .problems),
              (Codes{"DUPLICATE_TUNNEL x", "TUNNEL_LIMIT x.source"}));
    EXPECT_EQ(sorted(codes(world
                               .put_one("acme", "mirror_tunnels",
                                        tunnel("twin", "web1-src", "col-dst",
                                               {{"vni", -1}}))
                               .problems)),
              sorted({"DUPLICATE_TUNNEL x", "TUNNEL_LIMIT x.source",
                      "VNI_RANGE x.vni"}))
        << "all that is wrong is told at once";
    EXPECT_EQ(
        codes(world.put_one("acme", "mirror_tunnels", web1_ids()).problems),
        Codes());
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_tunnels",
                                 tunnel("ok2", "web2-src", "col-dst"))
                        .problems),
              Codes());
}

/* By rows a tunnel may have what is another account's; it is in error. */
TEST(Put, DoesNotTakeAnothersFilterForItsOwnOfThatName)
{
    World world = settled_world();
    EXPECT_EQ(codes(world
                        .put_one("", "mirror_filters",
                                 {{"name", "web"}, {"account", "beta"}})
                        .problems),
              Codes());
    const Uuid id = world.id("mirror_tunnels", "acme/web1-ids");
    world.model.tunnels[id].filter = world.id("mirror_filters", "beta/web");
    json same = to_json(world.model, "mirror_tunnels", id);
    EXPECT_EQ(same["filter"], "beta/web");
    same["note"] = "hello";
    EXPECT_EQ(codes(world.put_one("acme", "mirror_tunnels", same).problems),
              Codes{"NOT_OWNER x.filter"});
    EXPECT_EQ(world.model.tunnels[id].filter,
              world.id("mirror_filters", "beta/web"));
}

TEST(Put, FaultsTheNewAndNotTheOldWhateverTheClockSays)
{
    for (int64_t skew : {-100000, 0, 100000}) {
        for (int i = 0; i < 8; i++) {
            World world = settled_world();
            for (int burn = 0; burn < i; burn++) {
                world.new_uuid();
            }
            world.now_ms += skew;
            EXPECT_EQ(codes(world
                                .put_one("acme", "mirror_resources",
                                         resource("again", "source", "web1"))
                                .problems),
                      Codes{"DUPLICATE_RESOURCE x.target"});
        }
    }
}

TEST(Put, FaultsTheNewAndNotARowWithoutItsTime)
{
    World world = settled_world();
    world.model.tunnels[world.id("mirror_tunnels", "acme/web1-ids")]
        .created_ms = 0;
    for (auto &[id, resource] : world.model.resources) {
        resource.created_ms = 0;
    }
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_resources",
                                 resource("again", "source", "web1"))
                        .problems),
              Codes{"DUPLICATE_RESOURCE x.target"});
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_tunnels",
                                 tunnel("again", "web1-src", "ids-dst",
                                        {{"filter", "web"}}))
                        .problems),
              Codes{"DUPLICATE_TUNNEL x"});
}

TEST(Put, TakesRowsOfTheEndOfAllTime)
{
    World world = settled_world();
    Uuid old = world.id("mirror_tunnels", "acme/web1-ids");
    world.model.tunnels[old].created_ms = INT64_MAX;
    world.model.tunnels[old].generation = INT64_MAX;
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_tunnels",
                                 tunnel("again", "web2-src", "ids-dst"))
                        .problems),
              Codes{});
    EXPECT_EQ(codes(world
                        .put_one("acme", "mirror_tunnels",
                                 tunnel("web1-ids", "web1-src", "ids-dst"))
                        .problems),
              Codes{});
    EXPECT_EQ(world.model.tunnels[old].generation, INT64_MAX);
}

/* ------------------------------------------------------------------------
 * Accounts. */

TEST(Accounts, OnlyTheOperatorWritesTheInventory)
{
    World world = settled_world();
    EXPECT_EQ(
        codes(world.put_one("acme", "vpcs", {{"name", "vpc-z"}}).problems),
        Codes{"NOT_OWNER x"});
    EXPECT_EQ(codes(world.erase_one("acme", "vpcs", "vpc-a").problems),
              Codes{"NOT_OWNER x"});
    EXPECT_EQ(codes(world.erase_one("acme", "vpcs", "no-such").problems),
              Codes{"NOT_OWNER x"});
}

TEST(Accounts, NobodyWritesForAnotherAccount)
{
    World world = settled_world();
    for (const char *kind :
         {"mirror_resources", "mirror_filters", "mirror_tunnels"}) {
        for (const char *name : {"web1-src", "web", "web1-ids", "none"}) {
            json object = {{"name", name}, {"account", "acme"}};
            EXPECT_EQ(codes(world.put_one("gamma", kind, object).problems),
                      Codes{"NOT_OWNER x.account"});
            EXPECT_EQ(
                codes(world.put_one("gamma", kind, object, PutMode::Replace)
                          .problems),
                Codes{"NOT_FOUND x.name"});
            EXPECT_EQ(
                codes(
                    world.erase_one("gamma", kind, std::string("acme/") + name)
                        .problems),
                Codes{"NOT_FOUND x"});
        }
    }
}

TEST(Accounts, TheOperatorMayDoAll)
{
    World world = settled_world();
    EXPECT_EQ(codes(world
                        .put_one("", "mirror_tunnels",
                                 web1_ids({{"note", "by the operator"}}))
                        .problems),
              Codes());
    EXPECT_EQ(codes(world.accept("", "acme/web1-beta").problems), Codes());
    EXPECT_EQ(world.tunnel("acme/web1-beta")->accepted->by, "default");
    EXPECT_EQ(
        codes(world.erase_one("", "mirror_tunnels", "acme/web1-ids").problems),
        Codes());
}

TEST(Accounts, OfAnotherAccountOnlyDestinationsCanBeNamed)
{
    World world = settled_world();
    /* A source of another's is as good as not there, in the same words. */
    auto problems_for = [&](const std::string &name) {
        return world
            .put_one("beta", "mirror_tunnels",
                     {{"name", "spy"},
                      {"source", "none"},
                      {"destination", "acme/" + name}})
            .problems;
    };
    Problems source = problems_for("web1-src"), none = problems_for("no-such");
    EXPECT_EQ(codes(source),
              (Codes{"NOT_FOUND x.source", "NOT_FOUND x.destination"}));
    EXPECT_EQ(codes(none), codes(source));
    EXPECT_EQ(codes(problems_for("ids-dst")), Codes{"NOT_FOUND x.source"});
}

TEST(Accounts, SourceAndFilterAreTheTunnelsOwn)
{
    World world = settled_world();
    EXPECT_EQ(codes(world
                        .put_one("", "mirror_tunnels",
                                 {{"name", "tun"},
                                  {"account", "beta"},
                                  {"source", "acme/web1-src"},
                                  {"filter", "acme/web"},
                                  {"destination", "beta-dst"}})
                        .problems),
              (Codes{"NOT_OWNER x.source", "NOT_OWNER x.filter"}));
}

TEST(Accounts, OnlyTheOperatorAppliesAcceptance)
{
    World world = settled_world();
    json t = document()["mirror_tunnels"][2];
    t["accepted"] = true;
    EXPECT_EQ(codes(world.put_one("acme", "mirror_tunnels", t).problems),
              Codes{"NOT_ACCEPTOR x.accepted"});
    EXPECT_EQ(codes(world.put_one("", "mirror_tunnels", t).problems), Codes());
    EXPECT_EQ(world.tunnel("acme/web1-beta")->generation, 1)
        << "acceptance is not content";
    /* What it says already holds. */
    t["note"] = "x";
    EXPECT_EQ(codes(world.put_one("acme", "mirror_tunnels", t).problems),
              Codes());
    EXPECT_TRUE(world.tunnel("acme/web1-beta")->accepted);
    /* Within one account there is nothing to accept. */
    world.put_one("", "mirror_tunnels", web1_ids({{"accepted", true}}));
    EXPECT_FALSE(world.tunnel("acme/web1-ids")->accepted);
}

TEST(Accounts, SeeTheirOwnAndWhatIsAnyones)
{
    World world = settled_world();
    auto sees = [&](const std::string &account, const std::string &kind,
                    const std::string &name) {
        return look_up(world.model, world.context(account), kind, name)
            .has_value();
    };
    EXPECT_TRUE(sees("acme", "vpcs", "vpc-a"));
    EXPECT_FALSE(sees("beta", "vpcs", "vpc-a"));
    EXPECT_TRUE(sees("beta", "peerings", "a-to-b"));
    EXPECT_FALSE(sees("gamma", "peerings", "a-to-b"));
    EXPECT_FALSE(sees("beta", "transit_connects", "vpc-a-tvpc"));
    EXPECT_FALSE(sees("beta", "subnets", "sn-a"));
    EXPECT_FALSE(sees("beta", "network_interfaces", "web1"));
    EXPECT_TRUE(sees("beta", "network_interfaces", "plain"));
    EXPECT_FALSE(sees("beta", "load_balancers", "lb-t"));
    EXPECT_TRUE(sees("gamma", "collectors", "suricata1"));
    EXPECT_FALSE(sees("acme", "collectors", "beta-col"));
    EXPECT_TRUE(sees("acme", "mirror_tunnels", "web1-ids"));
    EXPECT_FALSE(sees("beta", "mirror_tunnels", "acme/web1-ids"));
    EXPECT_TRUE(sees("beta", "mirror_tunnels", "acme/web1-beta"));
    EXPECT_FALSE(sees("gamma", "mirror_tunnels", "acme/web1-beta"));
    EXPECT_FALSE(sees("beta", "mirror_resources", "acme/web1-src"));
    EXPECT_FALSE(sees("beta", "volcanoes", "etna"));
}

/* Whose own row it is learns why it cannot be named, and others nothing. */
TEST(Accounts, AreToldWhichOfTheirRowsCannotBeRead)
{
    World world = settled_world();
    auto add = [&](const std::string &account, const json &t) {
        Edit edit = world.begin_edit();
        edit.unreadable[world.new_uuid()] = {
            "mirror_filters", "acme", "broken", ".inbound[7]",
            "Mirror_Rule 1234 has no such source"};
        edit.unreadable[world.new_uuid()] = {"mirror_resources", "acme",
                                             "old-dst", "", "a row is broken"};
        put(&edit, world.context(account), "mirror_tunnels", t, "x",
            PutMode::Create);
        return edit.problems;
    };
    for (const char *account : {"acme", ""}) {
        Problems problems = add(account, tunnel("fresh", "old-dst", "old-dst",
                                                {{"filter", "broken"}}));
        EXPECT_EQ(codes(problems),
                  (Codes{"UNREADABLE x.source", "UNREADABLE x.destination",
                         "UNREADABLE x.filter"}));
        EXPECT_NE(problems.back().message.find("Mirror_Rule 1234"),
                  std::string::npos);
    }
    json theirs = tunnel("fresh", "beta-dst", "acme/old-dst");
    theirs["account"] = "beta";
    EXPECT_EQ(codes(add("beta", theirs)), Codes{"NOT_FOUND x.destination"});
}

/* A row that went and came back by another hand than the console's, as a row
 * of its own; what referred to it is empty. */
template <typename T>
T &
come_back(World *world, Table<T> *table, const Uuid &id)
{
    const T row = table->at(id);
    table->erase(id);
    for (auto &[of, resource] : world->model.resources) {
        if (resource.target_id == id) {
            resource.target_id.reset();
        }
    }
    return (*table)[world->new_uuid()] = row;
}

/* An edit of a filter, begun as the console begins it. */
Edit
add_filter(World *world, const std::string &account)
{
    return world->command(account, [&](Edit *e, const EditContext &who) {
        e->relinked = link_lost_nics(&e->model);
        put(e, who, "mirror_filters", {{"name", "own"}}, "x", PutMode::Create);
    });
}

TEST(Accounts, AwaitNoTunnelOfOthersWhoseNicsTheirEditFindsAgain)
{
    for (const auto &[account, awaited] :
         std::map<std::string, std::vector<std::string>>{
             {"", {"acme/web1-beta"}},
             {"acme", {"acme/web1-beta"}},
             {"beta", {"acme/web1-beta"}},
             {"gamma", {}}}) {
        World world = settled_world();
        come_back(&world, &world.model.nics,
                  world.id("network_interfaces", "ids-b"));
        Edit edit = add_filter(&world, account);
        EXPECT_EQ(codes(edit.problems), Codes());
        EXPECT_TRUE(world.resource("beta/beta-dst")->target_id);
        std::vector<std::string> names;
        for (const Uuid &id : edit.touched_tunnels) {
            names.push_back("acme/" + world.model.tunnels.at(id).name);
        }
        EXPECT_EQ(names, awaited) << account;
    }
}

TEST(Accounts, AreNotBlamedForATargetOfOthersThatTheirEditFindsAgain)
{
    World world = settled_world();
    come_back(&world, &world.model.collectors,
              world.id("collectors", "suricata1"))
        .account = "beta";
    Edit edit = add_filter(&world, "gamma");
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(edit.touched_tunnels, std::vector<Uuid>());
    EXPECT_TRUE(world.resource("acme/col-dst")->target_id);
}

} // namespace
} // namespace pm
