/* Thousands of tunnels that come at once, of which nothing is here yet. */
#include <gtest/gtest.h>

#include "tests/unit/host.h"

namespace pm {

namespace {

constexpr uint32_t NICS = 100, EACH = 15, TUNNELS = NICS * EACH;

/* A host whose NICs are plugged in unless said otherwise. */
Host
crowded_host(bool plugged = true)
{
    Host host;
    for (uint32_t c = 0; c < EACH; c++) {
        host.add_collector(c);
    }
    for (uint32_t nic = 0; nic < NICS; nic++) {
        host.add_source(nic);
        if (plugged) {
            host.plug("nic" + std::to_string(nic), "br-int");
        }
        for (uint32_t c = 0; c < EACH; c++) {
            host.add_tunnel(nic * EACH + c, nic, c);
        }
    }
    return host;
}

/* How many of a NIC's tunnels are taken in. */
uint32_t
taken_in(const Host &host, uint32_t nic)
{
    uint32_t taken = 0;
    for (uint32_t c = 0; c < EACH; c++) {
        taken +=
            host.desired.tunnels().count(row_id(Row::Tunnel, nic * EACH + c));
    }
    return taken;
}

TEST(Newcomers, OfThousandsSomeWaitUntilTheOthersHaveTheirRows)
{
    Host host = crowded_host();
    host.feed();
    size_t waiting = host.desired.newcomers().size();
    EXPECT_GT(waiting, 0u);
    EXPECT_EQ(host.desired.tunnels().size() + waiting, TUNNELS);

    host.answer_paths();
    host.feed();
    EXPECT_EQ(host.desired.newcomers().size(), waiting);

    ASSERT_TRUE(host.write_statuses());
    host.feed();
    EXPECT_LT(host.desired.newcomers().size(), waiting);

    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(host.desired.newcomers().empty());
    EXPECT_EQ(host.desired.tunnels().size(), TUNNELS);
    EXPECT_EQ(host.model.tunnel_statuses.size(), TUNNELS);
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
}

TEST(Newcomers, FollowAtOnceWhenNothingIsLeftToBeFoundOut)
{
    Host host = crowded_host();
    Model all = host.model;
    host.model.tunnels.clear();
    for (uint32_t c = 0; c < EACH; c++) { /* So that paths are known. */
        const Uuid id = row_id(Row::Tunnel, c);
        host.model.tunnels[id] = all.tunnels.at(id);
    }
    ASSERT_TRUE(host.settle());
    ASSERT_FALSE(host.desired.flows().empty());

    host.model.tunnels = all.tunnels;
    host.feed();
    EXPECT_TRUE(host.desired.newcomers().empty());
    EXPECT_EQ(host.desired.tunnels().size(), TUNNELS);
}

TEST(Newcomers, OfOneNicAreTakenInTogether)
{
    Host host = crowded_host();
    host.feed();
    for (uint32_t nic = 0; nic < NICS; nic++) {
        EXPECT_EQ(taken_in(host, nic) % EACH, 0u) << "nic" << nic;
    }
}

TEST(Newcomers, AreNoneOfThoseThatHaveRows)
{
    Host host = crowded_host();
    ASSERT_TRUE(host.settle());
    host.restart();
    host.feed();
    EXPECT_EQ(host.desired.tunnels().size(), TUNNELS);
}

/* A start, too, asks for paths once for some, not for all of them. */
TEST(Newcomers, WithRowsWaitAtAStartUntilSomeAreDecided)
{
    Host host = crowded_host();
    ASSERT_TRUE(host.settle());
    DesiredState fresh;
    fresh.set_switch(host.facts);
    fresh.apply(diff(Model{}, host.model));
    fresh.set_complete(true);
    fresh.update();
    EXPECT_LT(fresh.tunnels().size(), TUNNELS);
    EXPECT_FALSE(fresh.outdated());
    EXPECT_FALSE(fresh.decided());

    fresh.set_paths(host.paths);
    fresh.update();
    EXPECT_FALSE(fresh.decided());
    EXPECT_TRUE(fresh.outdated());
    fresh.update();
    EXPECT_EQ(fresh.tunnels().size(), TUNNELS);
    EXPECT_TRUE(fresh.decided());
    EXPECT_EQ(difference(host.desired, fresh), "");
}

TEST(Newcomers, WithRowsDoNotWaitForASwitchThatIsAway)
{
    Host host = crowded_host();
    ASSERT_TRUE(host.settle());
    host.restart();
    host.alive = false;
    host.feed();
    EXPECT_EQ(host.desired.tunnels().size(), TUNNELS);
    for (const auto &[id, desire] : host.desired.tunnels()) {
        ASSERT_TRUE(desire.reasons.count("VSWITCHD_AWAY"));
    }
}

TEST(Newcomers, ThatLeaveBeforeTheirTurnAreForgotten)
{
    Host host = crowded_host();
    host.feed();
    ASSERT_FALSE(host.desired.newcomers().empty());
    const Uuid gone = *host.desired.newcomers().begin();
    host.model.tunnels.erase(gone);
    host.feed();
    EXPECT_EQ(host.desired.newcomers().count(gone), 0u);
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(host.desired.tunnels().size(), TUNNELS - 1);
}

TEST(Newcomers, WhoseNicsAreElsewhereKeepNobodyWaiting)
{
    Host host = crowded_host(false);
    host.feed();
    EXPECT_TRUE(host.desired.newcomers().empty());
    EXPECT_EQ(host.desired.tunnels().size(), TUNNELS);
}

TEST(Newcomers, WhoseRowsDoNotArriveKeepNobodyWaiting)
{
    Host host = crowded_host();
    for (uint32_t nic = 1; nic < NICS; nic++) {
        host.model.nics.erase(row_id(Row::Nic, nic));
    }
    host.feed();
    host.answer_paths();
    host.feed();
    EXPECT_TRUE(host.desired.newcomers().empty());
    EXPECT_EQ(taken_in(host, 0), EACH);
}

/* A start waits for all to be decided, revocations with it. */
TEST(Start, DoesNotWaitForABridgeThatCannotBeAsked)
{
    Host host;
    host.plug("nic0", "br-int");
    host.add_source(0);
    host.add_collector(0);
    const Uuid tunnel = host.add_tunnel(0, 0, 0);
    ASSERT_TRUE(host.settle());
    host.facts.bridges.at("br-int").checked = false;
    DesiredState fresh = host.restarted();
    EXPECT_TRUE(fresh.tunnels().at(tunnel).undecided);
    EXPECT_FALSE(fresh.decided());
    host.facts.bridges.at("br-int").unreachable = "No such file or directory";
    fresh.set_switch(host.facts);
    fresh.update();
    EXPECT_TRUE(fresh.decided());
    EXPECT_TRUE(
        fresh.tunnels().at(tunnel).reasons.count("BRIDGE_UNREACHABLE"));
    EXPECT_FALSE(fresh.tunnels().at(tunnel).egress);
    host.facts.bridges.at("br-int").checked = true;
    host.facts.bridges.at("br-int").unreachable.clear();
    fresh.set_switch(host.facts);
    fresh.update();
    EXPECT_TRUE(fresh.tunnels().at(tunnel).egress);
}

TEST(Start, ExcusesNobodyWhoHasNotWaited)
{
    Host host = crowded_host();
    ASSERT_TRUE(host.settle());
    DesiredState fresh;
    fresh.set_switch(host.facts);
    fresh.apply(diff(Model{}, host.model));
    fresh.set_complete(true);
    fresh.update();
    ASSERT_LT(fresh.tunnels().size(), TUNNELS);
    fresh.stop_waiting();
    fresh.update();
    EXPECT_EQ(fresh.tunnels().size(), TUNNELS);
    EXPECT_FALSE(fresh.decided());
    fresh.set_paths(host.paths);
    fresh.update();
    EXPECT_TRUE(fresh.decided());
}

TEST(Start, NorWithoutEndForAPath)
{
    Host host;
    host.plug("nic0", "br-int");
    host.add_source(0);
    host.add_collector(0);
    const Uuid tunnel = host.add_tunnel(0, 0, 0);
    ASSERT_TRUE(host.settle());
    DesiredState fresh;
    fresh.set_switch(host.facts);
    fresh.apply(diff(Model{}, host.model));
    fresh.set_complete(true);
    fresh.update();
    EXPECT_FALSE(fresh.decided());
    EXPECT_EQ(fresh.stop_waiting(), 1u);
    fresh.update();
    EXPECT_TRUE(fresh.decided());
    EXPECT_TRUE(fresh.tunnels().at(tunnel).reasons.count("PATH_UNKNOWN"));
    fresh.set_paths(host.paths);
    fresh.update();
    EXPECT_TRUE(fresh.tunnels().at(tunnel).egress);
    EXPECT_TRUE(fresh.tunnels().at(tunnel).reasons.empty());
    fresh.set_paths({{host.paths.begin()->first, Path{}}});
    fresh.update();
    EXPECT_FALSE(fresh.decided()) << "who comes later is waited for again";
}

} // namespace

} // namespace pm
