/* The life cycle between accounts: acme requests, beta accepts. */
#include <gtest/gtest.h>

#include "plugin/document.h"
#include "tests/unit/world.h"

namespace pm {
namespace {

TEST(Lifecycle, TheAcceptorAccepts)
{
    World world = settled_world();
    Edit edit = world.accept("beta", "acme/web1-beta", 1);
    EXPECT_EQ(codes(edit.problems), Codes());
    const Tunnel *t = world.tunnel("acme/web1-beta");
    ASSERT_TRUE(t->accepted);
    EXPECT_EQ(t->accepted->by, "beta");
    EXPECT_EQ(t->accepted->at_ms, world.now_ms);
    EXPECT_EQ(t->accepted->generation, 1);
    EXPECT_EQ(t->generation, 1);
    ASSERT_EQ(edit.events.size(), 1u);
    EXPECT_EQ(edit.events[0].event, "accepted");
    EXPECT_EQ(edit.events[0].actor, "beta");
    EXPECT_EQ(edit.events[0].account, "acme");
    EXPECT_EQ(edit.events[0].peer_account, "beta");
    EXPECT_EQ(edit.touched_tunnels.size(), 1u);
}

TEST(Lifecycle, ABareNameFindsTheRequest)
{
    World world = settled_world();
    EXPECT_EQ(codes(world.accept("beta", "web1-beta").problems), Codes());
    EXPECT_TRUE(world.tunnel("acme/web1-beta")->accepted);
    EXPECT_EQ(codes(world.accept("beta", "web1-beta").problems),
              Codes{"INVALID_STATE mirror_tunnels[web1-beta]"});
}

TEST(Lifecycle, ABareNameOfTwoRequestsIsAmbiguous)
{
    World world = settled_world();
    json doc;
    doc["mirror_resources"] = {
        resource("src", "source", "plain", "network-interface", "gamma")};
    json t = tunnel("web1-beta", "src", "beta/beta-dst");
    t["account"] = "gamma";
    doc["mirror_tunnels"] = {t};
    EXPECT_EQ(codes(world.apply(doc).problems), Codes());
    EXPECT_EQ(codes(world.accept("beta", "web1-beta").problems),
              Codes{"AMBIGUOUS mirror_tunnels[web1-beta]"});
    EXPECT_EQ(codes(world.accept("beta", "gamma/web1-beta").problems),
              Codes());
}

TEST(Lifecycle, NobodyElseAcceptsOrRejects)
{
    World world = settled_world();
    const Codes not_acceptor{"NOT_ACCEPTOR mirror_tunnels[web1-beta]"};
    const Codes not_found{"NOT_FOUND mirror_tunnels[\"acme/web1-beta\"]"};
    EXPECT_EQ(codes(world.accept("acme", "web1-beta").problems), not_acceptor);
    EXPECT_EQ(codes(world.reject("acme", "web1-beta").problems), not_acceptor);
    EXPECT_EQ(codes(world.accept("gamma", "acme/web1-beta").problems),
              not_found);
    EXPECT_EQ(codes(world.reject("gamma", "acme/web1-beta").problems),
              not_found);
}

/* As it stood before the edit: accepting it first makes no difference. */
TEST(Lifecycle, TheAcceptorDoesNotDeleteWhatWaitsEvenIfTheEditAcceptsIt)
{
    World world = settled_world();
    auto accept_and_delete = [](Edit *edit, const EditContext &who) {
        accept_tunnel(edit, who, "acme/web1-beta", std::nullopt);
        erase(edit, who, "mirror_tunnels", "acme/web1-beta", "x");
    };
    EXPECT_EQ(codes(world.command("beta", accept_and_delete).problems),
              Codes{"ACCEPT_OR_REJECT_ONLY x"});
    EXPECT_EQ(codes(world.accept("beta", "web1-beta").problems), Codes());
    EXPECT_EQ(codes(world.erase_one("beta", "mirror_tunnels", "acme/web1-beta")
                        .problems),
              Codes());
}

TEST(Lifecycle, WhatDoesNotWaitIsNotAcceptedOrRejected)
{
    World world = settled_world();
    const Codes invalid{"INVALID_STATE mirror_tunnels[web1-ids]"};
    EXPECT_EQ(codes(world.accept("acme", "web1-ids").problems), invalid);
    EXPECT_EQ(codes(world.reject("acme", "web1-ids").problems), invalid);
}

TEST(Lifecycle, AnOlderRequestIsNotAccepted)
{
    World world = settled_world();
    json t = document()["mirror_tunnels"][2];
    t["note"] = "changed";
    EXPECT_EQ(codes(world.put_one("acme", "mirror_tunnels", t).problems),
              Codes());
    EXPECT_EQ(world.tunnel("acme/web1-beta")->generation, 2);
    EXPECT_EQ(codes(world.accept("beta", "acme/web1-beta", 1).problems),
              Codes{"STALE_REQUEST mirror_tunnels[\"acme/web1-beta\"]"});
    EXPECT_EQ(codes(world.accept("beta", "acme/web1-beta", 2).problems),
              Codes());
}

/* Else --generation would take it for what the acceptor has looked at. */
TEST(Lifecycle, ARequestMadeAnewUnderItsNameIsALaterGeneration)
{
    World world = settled_world();
    auto make_anew = [](const json &more) {
        return [more](Edit *edit, const EditContext &who) {
            json t = document()["mirror_tunnels"][2];
            t.update(more);
            erase(edit, who, "mirror_tunnels", "web1-beta", "x");
            put(edit, who, "mirror_tunnels", t, "x", PutMode::Create);
            t["note"] = "set by the same edit";
            put(edit, who, "mirror_tunnels", t, "x", PutMode::Replace);
        };
    };
    Edit edit = world.command("acme", make_anew({{"source", "web2-src"}}));
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(world.tunnel("acme/web1-beta")->generation, 2);
    EXPECT_EQ(codes(world.accept("beta", "acme/web1-beta", 1).problems),
              Codes{"STALE_REQUEST mirror_tunnels[\"acme/web1-beta\"]"});
    EXPECT_EQ(codes(world.accept("beta", "acme/web1-beta", 2).problems),
              Codes());
    /* Nobody looks at what is within an account. */
    world.command("acme", make_anew({{"destination", "col-dst"},
                                     {"source", "web2-src"}}));
    EXPECT_EQ(world.tunnel("acme/web1-beta")->generation, 1);
}

TEST(Lifecycle, ARequestBeginsAboveWhatIsRememberedOfItsName)
{
    World world = settled_world();
    auto generation_of = [&](const json &t, int64_t last) {
        Edit edit = world.begin_edit();
        EditContext who = world.context("acme");
        who.last_generation = [&](const auto &account, const auto &name) {
            return account == "acme" && name == "fresh" ? last : 0;
        };
        put(&edit, who, "mirror_tunnels", t, "x", PutMode::Create);
        finish(&edit, who);
        EXPECT_EQ(codes(edit.problems), Codes());
        EXPECT_EQ(
            edit.events.at(0).generation,
            edit.model.tunnels.at(edit.touched_tunnels.at(0)).generation);
        return edit.events[0].generation;
    };
    json request = tunnel("fresh", "web2-src", "beta/beta-dst");
    EXPECT_EQ(generation_of(request, 0), 1);
    EXPECT_EQ(generation_of(request, 7), 8);
    EXPECT_EQ(generation_of(request, INT64_MAX), INT64_MAX);
    EXPECT_EQ(generation_of(tunnel("fresh", "web2-src", "col-dst"), 7), 1);
    request["name"] = "other";
    EXPECT_EQ(generation_of(request, 7), 1);
}

TEST(Lifecycle, AcceptingChecksAgain)
{
    World world = settled_world();
    /* Past the console, the source moved to another region. */
    world.model.vpcs[world.id("vpcs", "vpc-a")].region = "us";
    Edit edit = world.accept("beta", "acme/web1-beta");
    EXPECT_EQ(
        codes(edit.problems),
        Codes{
            "REGION_MISMATCH mirror_tunnels[\"acme/web1-beta\"].destination"});
    EXPECT_FALSE(world.tunnel("acme/web1-beta")->accepted);
}

TEST(Lifecycle, RejectingDeletesAtOnceAndKeepsTheEvent)
{
    World world = settled_world();
    Edit edit = world.reject("beta", "acme/web1-beta");
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(world.tunnel("acme/web1-beta"), nullptr);
    ASSERT_EQ(edit.events.size(), 1u);
    EXPECT_EQ(edit.events[0].event, "rejected");
    EXPECT_EQ(edit.events[0].peer_account, "beta");
}

TEST(Lifecycle, OfAWaitingTunnelOnlyTheRequesterDeletes)
{
    World world = settled_world();
    EXPECT_EQ(codes(world.erase_one("beta", "mirror_tunnels", "acme/web1-beta")
                        .problems),
              Codes{"ACCEPT_OR_REJECT_ONLY x"});
    EXPECT_EQ(
        codes(world.erase_one("gamma", "mirror_tunnels", "acme/web1-beta")
                  .problems),
        Codes{"NOT_FOUND x"});
    EXPECT_EQ(
        codes(world.erase_one("acme", "mirror_tunnels", "web1-beta").problems),
        Codes());
    EXPECT_EQ(world.tunnel("acme/web1-beta"), nullptr);
}

TEST(Lifecycle, AnAcceptedTunnelBothDelete)
{
    for (const char *account : {"acme", "beta"}) {
        World world = settled_world();
        world.accept("beta", "acme/web1-beta");
        Edit edit =
            world.erase_one(account, "mirror_tunnels", "acme/web1-beta");
        EXPECT_EQ(codes(edit.problems), Codes()) << account;
        EXPECT_EQ(world.tunnel("acme/web1-beta"), nullptr);
        ASSERT_EQ(edit.events.size(), 1u);
        EXPECT_EQ(edit.events[0].event, "deleted");
        EXPECT_EQ(edit.events[0].actor, account);
    }
}

TEST(Lifecycle, TheAcceptorDoesNotUpdate)
{
    World world = settled_world();
    json t = document()["mirror_tunnels"][2];
    EXPECT_EQ(
        codes(world.put_one("beta", "mirror_tunnels", t, PutMode::Replace)
                  .problems),
        Codes{"NOT_OWNER x.account"});
}

TEST(Lifecycle, AnUpdateAfterAcceptanceKeepsIt)
{
    World world = settled_world();
    world.accept("beta", "acme/web1-beta");
    json t = document()["mirror_tunnels"][2];
    t["note"] = "changed";
    world.put_one("acme", "mirror_tunnels", t);
    EXPECT_EQ(world.tunnel("acme/web1-beta")->generation, 2);
    ASSERT_TRUE(world.tunnel("acme/web1-beta")->accepted);
    EXPECT_EQ(world.tunnel("acme/web1-beta")->accepted->generation, 1);
}

TEST(Lifecycle, DeletingATunnelThatIsShuttingDownSucceeds)
{
    World world = settled_world();
    TunnelStatus status;
    status.tunnel = world.new_uuid();
    status.name = "gone";
    status.account = "acme";
    status.destination_account = "beta";
    world.model.tunnel_statuses[world.new_uuid()] = status;
    Model before = world.model;
    for (const char *account : {"", "acme", "beta"}) {
        Edit edit = world.erase_one(account, "mirror_tunnels", "acme/gone");
        EXPECT_EQ(codes(edit.problems), Codes()) << account;
        EXPECT_EQ(edit.model, before);
    }
    EXPECT_EQ(
        codes(
            world.erase_one("gamma", "mirror_tunnels", "acme/gone").problems),
        Codes{"NOT_FOUND x"});
    EXPECT_EQ(codes(world.accept("beta", "acme/gone").problems),
              Codes{"INVALID_STATE mirror_tunnels[\"acme/gone\"]"});
}

TEST(Lifecycle, DeletingADestinationRejectsTheRequestsThatWait)
{
    World world = settled_world();
    Edit edit = world.erase_one("beta", "mirror_resources", "beta-dst");
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(world.tunnel("acme/web1-beta"), nullptr);
    EXPECT_EQ(world.resource("beta/beta-dst"), nullptr);
    ASSERT_EQ(edit.events.size(), 2u);
    EXPECT_EQ(edit.events[0].event, "rejected");
    EXPECT_EQ(edit.events[0].peer_account, "beta");
    EXPECT_EQ(edit.events[1].event, "deleted");
}

TEST(Lifecycle, DeletingADestinationWithAnAcceptedTunnelIsRefused)
{
    World world = settled_world();
    world.accept("beta", "acme/web1-beta");
    Edit edit = world.erase_one("beta", "mirror_resources", "beta-dst");
    ASSERT_EQ(codes(edit.problems), Codes{"IN_USE x"});
    EXPECT_NE(edit.problems[0].message.find("\"acme/web1-beta\""),
              std::string::npos);
    EXPECT_NE(world.tunnel("acme/web1-beta"), nullptr);
}

TEST(Lifecycle, ARequestIsAnEventOfItsOwn)
{
    World world;
    Edit edit = world.apply(document());
    std::vector<std::string> events;
    for (const Event &event : edit.events) {
        if (event.kind == "tunnel") {
            events.push_back(event.object + " " + event.event);
        }
    }
    EXPECT_EQ(events, (Codes{"web1-ids created", "web1-col created",
                             "web1-beta requested"}));
}

} // namespace
} // namespace pm
