#include <gtest/gtest.h>

#include <random>

#include "plugin/references.h"

namespace pm {
namespace {

Uuid
id_of(uint32_t n)
{
    return Uuid{{n, 0, 0, 1}};
}

Tunnel
tunnel_of(uint32_t source, uint32_t destination, uint32_t filter = 0)
{
    Tunnel tunnel;
    tunnel.source = id_of(source);
    tunnel.destination = id_of(destination);
    if (filter) {
        tunnel.filter = id_of(filter);
    }
    return tunnel;
}

TunnelStatus
status_of(uint32_t tunnel, bool bound = true, const char *chassis = "hv1")
{
    TunnelStatus status;
    status.tunnel = id_of(tunnel);
    status.bound = bound;
    status.chassis = chassis;
    return status;
}

TEST(References, ChangeWithTheFirstAndTheLastTunnelThatHasThem)
{
    References r;
    Tunnel first = tunnel_of(1, 2, 3), second = tunnel_of(1, 2, 3);
    r.take(id_of(10), &first);
    EXPECT_TRUE(r.take_changed());
    r.take(id_of(11), &second);
    EXPECT_FALSE(r.take_changed()) << "nothing new is referred to";
    EXPECT_EQ(r.sources(), (std::map<Uuid, int>{{id_of(1), 2}}));
    r.take(id_of(10), nullptr);
    EXPECT_FALSE(r.take_changed());
    r.take(id_of(11), nullptr);
    EXPECT_TRUE(r.take_changed());
    EXPECT_TRUE(r.sources().empty());
    EXPECT_TRUE(r.destinations().empty());
    EXPECT_TRUE(r.filters().empty());
}

TEST(References, DoNotChangeWhenATunnelKeepsThem)
{
    References r;
    Tunnel before = tunnel_of(1, 2), after = before;
    r.take(id_of(10), &before);
    r.take_changed();
    after.vni = 77;
    r.take(id_of(10), &after);
    EXPECT_FALSE(r.take_changed());
    after.destination = id_of(4);
    r.take(id_of(10), &after);
    EXPECT_TRUE(r.take_changed());
    EXPECT_EQ(r.destinations(), (std::map<Uuid, int>{{id_of(4), 1}}));
}

TEST(References, AskOneByOneForTunnelsThatNoSourceBrings)
{
    References r;
    TunnelStatus status = status_of(10);
    r.take(id_of(20), &status, "hv1");
    EXPECT_EQ(r.singles(), std::set<Uuid>{id_of(10)}) << "not seen yet";
    Tunnel tunnel = tunnel_of(1, 2);
    r.take(id_of(10), &tunnel);
    EXPECT_EQ(r.singles(), std::set<Uuid>{id_of(10)})
        << "of a source that is elsewhere";
    r.set_sources({id_of(1)});
    EXPECT_TRUE(r.singles().empty());
    r.set_sources({});
    EXPECT_EQ(r.singles(), std::set<Uuid>{id_of(10)}) << "its NIC left";
    r.take(id_of(20), nullptr, "hv1");
    EXPECT_TRUE(r.singles().empty());
}

TEST(References, DoNotAskForATunnelThatWasDeleted)
{
    References r;
    Tunnel tunnel = tunnel_of(1, 2), other = tunnel_of(1, 2);
    TunnelStatus status = status_of(10);
    r.set_sources({id_of(1)});
    r.take(id_of(10), &tunnel);
    r.take(id_of(11), &other);
    r.take(id_of(20), &status, "hv1");
    r.take_changed();
    r.take(id_of(10), nullptr);
    EXPECT_FALSE(r.take_changed()) << "no condition need be sent";
    EXPECT_TRUE(r.singles().empty());
    r.take(id_of(20), nullptr, "hv1");
    EXPECT_FALSE(r.take_changed());
    r.take(id_of(20), &status, "hv1");
    EXPECT_EQ(r.singles(), std::set<Uuid>{id_of(10)})
        << "a row that came anew, of a tunnel that may be there";
}

TEST(References, AskForOthersStatusOfWhatIsNotBoundHereAnyMore)
{
    References r;
    TunnelStatus bound = status_of(10), unbound = status_of(10, false);
    r.take(id_of(20), &bound, "hv1");
    EXPECT_TRUE(r.unbound().empty());
    r.take(id_of(20), &unbound, "hv1");
    EXPECT_EQ(r.unbound(), std::set<Uuid>{id_of(10)});
    TunnelStatus others = status_of(11, false, "hv2");
    r.take(id_of(21), &others, "hv1");
    EXPECT_EQ(r.unbound(), std::set<Uuid>{id_of(10)}) << "hv2's own affair";
}

/* Whatever came before, what is left is as if it had come alone. */
TEST(References, DependOnWhatIsThereAlone)
{
    std::mt19937 random(1);
    for (int round = 0; round < 200; round++) {
        References lived;
        std::map<Uuid, Tunnel> tunnels;
        std::map<Uuid, TunnelStatus> statuses;
        std::set<Uuid> sources;
        for (int step = 0; step < 40; step++) {
            Uuid id = id_of(10 + random() % 5), row = id_of(20 + random() % 5);
            auto t = tunnels.find(id);
            switch (random() % 5) {
            case 0:
            case 1: {
                Tunnel now = tunnel_of(1 + random() % 3, 4 + random() % 2,
                                       random() % 3);
                lived.take(id, &now);
                tunnels[id] = now;
                break;
            }
            case 2:
                if (t != tunnels.end()) {
                    lived.take(id, nullptr);
                    tunnels.erase(t);
                }
                break;
            case 3: {
                TunnelStatus now =
                    status_of(10 + random() % 5, random() % 2 == 0,
                              random() % 4 ? "hv1" : "hv2");
                bool gone = random() % 3 == 0;
                lived.take(row, gone ? nullptr : &now, "hv1");
                if (gone) {
                    statuses.erase(row);
                } else {
                    statuses[row] = now;
                }
                break;
            }
            default:
                sources = {id_of(1 + random() % 3)};
                lived.set_sources(sources);
            }
        }
        References fresh;
        fresh.set_sources(sources);
        for (const auto &[row, status] : statuses) {
            fresh.take(row, &status, "hv1");
        }
        for (const auto &[id, tunnel] : tunnels) {
            fresh.take(id, &tunnel);
        }
        ASSERT_EQ(lived.sources(), fresh.sources()) << round;
        ASSERT_EQ(lived.destinations(), fresh.destinations()) << round;
        ASSERT_EQ(lived.filters(), fresh.filters()) << round;
        for (const Uuid &id : lived.singles()) {
            ASSERT_TRUE(fresh.singles().count(id)) << round;
        }
        for (const Uuid &id : fresh.singles()) {
            ASSERT_TRUE(lived.singles().count(id) || !tunnels.count(id))
                << round;
        }
        ASSERT_EQ(lived.unbound(), fresh.unbound()) << round;
    }
}

} // namespace
} // namespace pm
