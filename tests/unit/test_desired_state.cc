#include <malloc.h>

#include <algorithm>

#include <gtest/gtest.h>

#include "plugin/plan.h"
#include "tests/unit/random_host.h"

namespace pm {

namespace {

/* The law that everything else leans on: a state that lived through every
 * edit says what one would that starts now. */

/* Rows bear the numbers and names by which the flows go; before they are
 * written, which were handed out is a matter of history. */
bool
names_are_written(const Host &host)
{
    const SwitchRows &desired = host.desired.rows();
    for (const auto &[name, row] : desired.bridges) {
        if (!host.facts.rows.bridges.count(name)) {
            return false;
        }
    }
    for (const auto &[name, row] : desired.ports) {
        auto actual = host.facts.rows.ports.find(name);
        if (actual == host.facts.rows.ports.end() ||
            !(actual->second.mark == row.mark)) {
            return false;
        }
    }
    for (const auto &[name, row] : desired.mirrors) {
        auto actual = host.facts.rows.mirrors.find(name);
        if (actual == host.facts.rows.mirrors.end() ||
            actual->second.mark.members != row.mark.members) {
            return false;
        }
    }
    return true;
}

struct Tally {
    int edits = 0, compared = 0, settled = 0, copying = 0, filtered = 0;
};

void
live_through(uint32_t seed, int steps, Tally *tally)
{
    RandomHost host(seed, true);
    ASSERT_TRUE(host.settle());
    for (int step = 0; step < steps; step++) {
        SCOPED_TRACE("seed " + std::to_string(seed) + " step " +
                     std::to_string(step));
        for (int n = 1 + host.pick(3); n > 0; n--) {
            host.edit();
            tally->edits++;
        }
        if (host.chance(20)) {
            host.feed_some();
            if (host.chance(50)) {
                host.answer_paths();
                host.write_some_rows();
            }
            continue;
        }
        host.feed();
        /* A tunnel whose new destination is being looked up goes on to the
         * former one, which a restart knows nothing of. */
        if (names_are_written(host) && host.facts.settled &&
            host.desired.decided()) {
            ASSERT_EQ(difference(host.desired, host.restarted()), "");
            tally->compared++;
        }
        if (host.chance(30)) {
            host.write_some_rows();
        } else if (host.chance(60)) {
            ASSERT_TRUE(host.settle());
            if (!host.desired.decided()) {
                continue;
            }
            ASSERT_EQ(difference(host.desired, host.restarted()), "");
            tally->settled++;
            bool copying = false, filtered = false;
            for (const auto &[key, flows] : host.desired.flows()) {
                copying |= key.owner.kind == FlowOwner::Tap;
                filtered |= key.owner.kind == FlowOwner::Filter;
            }
            tally->copying += copying;
            tally->filtered += filtered;
        }
    }
}

TEST(DesiredState, AgreesWithOneThatStartsNowAfterThousandsOfRandomEdits)
{
    Tally tally;
    for (uint32_t seed = 1; seed <= 100; seed++) {
        live_through(seed, 40, &tally);
        if (HasFatalFailure()) {
            return;
        }
    }
    EXPECT_GT(tally.edits, 6000);
    EXPECT_GT(tally.compared, 1000);
    /* Where nothing copies nothing is proven. */
    EXPECT_GT(tally.copying * 2, tally.settled);
    EXPECT_GT(tally.filtered * 4, tally.settled);
    RecordProperty("edits", tally.edits);
    RecordProperty("compared", tally.compared);
    RecordProperty("settled", tally.settled);
    RecordProperty("copying", tally.copying);
}

/* A frame that floods reaches every tap of its bridge. */
TEST(DesiredState, GivesWhatFloodsToTheOldestTunnelsOfABridgeUpToTheFanOut)
{
    Host host;
    uint32_t n = 0;
    for (uint32_t nic = 0; nic < 9; nic++) {
        host.plug("nic" + std::to_string(nic), "br-int");
        host.add_source(nic);
        for (uint32_t to = 0; to < 16; to++) {
            host.add_collector(to);
            host.add_tunnel(n++, nic, to);
        }
    }
    host.model.nics[row_id(Row::Nic, 8)].mac = "";
    ASSERT_TRUE(host.settle());
    const int most = COPIES_PER_FRAME_MAX - 2 * 16;
    int flooded = 0, copying = 0;
    for (const auto &[id, desire] : host.desired.tunnels()) {
        flooded += desire.tap.floods;
        copying += desire.egress.has_value();
        EXPECT_EQ(desire.tap.floods, desire.tap.tunnel <= most);
        EXPECT_EQ(desire.reasons.count("BRIDGE_FANOUT"), !desire.tap.floods);
        EXPECT_EQ(desire.egress.has_value(),
                  desire.tap.floods || desire.iface_id != "nic8")
            << "nothing tells frames to it from those that flood";
    }
    EXPECT_EQ(flooded, most);
    EXPECT_GE(copying, 8 * 16);
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
}

TEST(DesiredState, ATunnelThatCameAndWentLeavesNothingInMemory)
{
    Host host;
    host.plug("nic0", "br-int");
    host.add_source(0);
    host.add_collector(0);
    ASSERT_TRUE(host.settle());
    uint32_t n = 0;
    auto live = [&](int tunnels) {
        while (tunnels-- > 0) {
            host.add_tunnel(n++, 0, 0);
            ASSERT_TRUE(host.settle());
            host.model.tunnels.clear();
            host.model.tunnel_statuses.clear();
            ASSERT_TRUE(host.settle());
            host.desired.take_changed_tunnels();
            host.desired.take_changed_filters();
            host.desired.take_changed_flows();
        }
    };
    live(200); /* What an allocator keeps for itself. */
    size_t before = mallinfo2().uordblks;
    live(1000);
    EXPECT_LT(mallinfo2().uordblks, before + 8000);
}

TEST(DesiredState, WhereOurPortsMayBeFloodedToTapsWaitAndRowsStay)
{
    Host host;
    host.plug("nic0", "br-int");
    host.add_source(0);
    host.add_collector(0);
    Uuid tunnel = host.add_tunnel(0, 0, 0);
    ASSERT_TRUE(host.settle());
    const SwitchRows rows = host.desired.rows();
    const auto flows = host.desired.flows();
    ASSERT_TRUE(host.desired.tap_of("nic0"));
    host.facts.bridges.at("br-int").exposed = true;
    host.feed();
    EXPECT_FALSE(host.desired.tap_of("nic0"));
    EXPECT_EQ(host.desired.rows(), rows);
    EXPECT_EQ(host.desire(tunnel).health, Health::Ok);
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
    host.facts.bridges.at("br-int").exposed = false;
    host.feed();
    EXPECT_EQ(host.desired.flows(), flows);
}

/* Production's ports come and go by the minute on some hypervisors. */
TEST(DesiredState, IsNotReckonedAnewForPortsThatNothingOfOursNames)
{
    Host host;
    host.plug("nic0", "br-int");
    host.add_source(0);
    host.add_collector(0);
    host.add_tunnel(0, 0, 0);
    ASSERT_TRUE(host.settle());
    uint64_t revision = host.desired.rows_revision();
    host.plug("stranger", "br-int");
    host.feed();
    host.facts.nics.erase("stranger");
    host.feed();
    EXPECT_EQ(host.desired.rows_revision(), revision);
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
    host.facts.nics.at("nic0").own_tag = 7;
    host.feed();
    EXPECT_GT(host.desired.rows_revision(), revision);
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
}

/* What a shared pair takes in must all be known to be of one segment. */
TEST(DesiredState, ReckonsWithPortsThatOnlyARowOfOursNames)
{
    Host host;
    host.model.vpcs[row_id(Row::Vpc, 0)] = {"vpc", "acme", "kr",
                                            VpcKind::Standard};
    Subnet subnet;
    subnet.vpc = row_id(Row::Vpc, 0);
    subnet.cidr = {ip_of("10.0.0.0"), 16};
    host.model.subnets[row_id(Row::Subnet, 0)] = subnet;
    std::vector<Uuid> tunnels;
    for (uint32_t nic = 0; nic < 20; nic++) {
        host.plug("nic" + std::to_string(nic), "br-int");
        host.add_source(nic);
        host.model.nics[row_id(Row::Nic, nic)].subnet = row_id(Row::Subnet, 0);
        host.add_collector(0);
        tunnels.push_back(host.add_tunnel(nic, nic, 0));
    }
    ASSERT_TRUE(host.settle());
    std::string member;
    for (const auto &[name, mirror] : host.facts.rows.mirrors) {
        for (const auto &[number, iface_id] : mirror.mark.members) {
            member = iface_id;
        }
    }
    ASSERT_NE(member, "");
    host.model.tunnels.erase(tunnels.at(std::stoul(member.substr(3))));
    host.feed();
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
    host.facts.nics.erase(member);
    host.feed();
    EXPECT_EQ(difference(host.desired, host.restarted()), "");
}

/* Its status is to be looked at, should its Mirror not come back. */
TEST(DesiredState, TellsWhoseTapHasLostItsFlows)
{
    Host host;
    host.plug("nic1", "br-int");
    host.add_nic(1);
    host.add_source(1);
    host.add_collector(0);
    const Uuid tunnel = host.add_tunnel(0, 1, 0);
    ASSERT_TRUE(host.settle());
    host.desired.take_untapped();
    ASSERT_EQ(host.facts.rows.mirrors.size(), 2u);
    host.facts.rows.mirrors.erase(host.facts.rows.mirrors.begin());
    host.desired.set_switch(host.facts);
    host.desired.update();
    EXPECT_EQ(host.desired.take_untapped(), std::set<Uuid>{tunnel});
    EXPECT_EQ(host.desired.take_untapped(), std::set<Uuid>());
}

} // namespace

} // namespace pm
