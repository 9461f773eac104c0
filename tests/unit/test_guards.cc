#include <gtest/gtest.h>

#include "plugin/switch_names.h"
#include "tests/unit/host.h"

namespace pm {

namespace {

/* nic0 is mirrored to collector 0. */
class LoopGuard : public testing::Test {
protected:
    LoopGuard()
    {
        host.plug("nic0", "br-int");
        host.add_source(0);
        host.add_collector(0);
        tunnel = host.add_tunnel(0, 0, 0);
        EXPECT_TRUE(host.settle());
    }

    /* A NIC of address 10.1.0.10 that is made a destination; returns its
     * resource. */
    Uuid add_destination_nic()
    {
        Uuid nic = host.add_nic(9), id = row_id(Row::Destination, 9);
        Resource resource;
        resource.name = "to-nic9";
        resource.account = "acme";
        resource.purpose = Purpose::Destination;
        resource.target = resource.iface_id = "nic9";
        resource.target_id = nic;
        host.model.resources[id] = resource;
        return id;
    }

    /* By their addresses. */
    std::set<std::string> guarded() const
    {
        std::set<std::string> matches;
        for (const auto &[key, flows] : host.desired.flows()) {
            for (const Flow &flow : flows) {
                if (key.owner.kind == FlowOwner::Guard &&
                    flow.key.priority == 300) {
                    matches.insert(flow.key.match);
                }
            }
        }
        return matches;
    }

    Host host;
    Uuid tunnel;
};

using Matches = std::set<std::string>;
const std::string MARKED = "udp,nw_tos=12,tp_dst=4789",
                  MARKED6 = "udp6,nw_tos=12,tp_dst=4789";
const std::string OURS = "udp,nw_dst=192.0.2.1,tp_dst=4789";

TEST_F(LoopGuard, StandsBeforeEveryCollector)
{
    EXPECT_EQ(guarded(), Matches{OURS});
    host.add_collector(1);
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(guarded(), (Matches{OURS, "udp,nw_dst=192.0.2.2,tp_dst=4789"}))
        << "other hypervisors send there";
    host.model.collectors.erase(row_id(Row::Collector, 1));
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(guarded(), Matches{OURS});
}

TEST_F(LoopGuard, OfACollectorOutlivesTheTunnel)
{
    host.model.tunnels.clear();
    host.feed();
    EXPECT_EQ(guarded(), Matches{OURS});
}

TEST_F(LoopGuard, LastsAsLongAsTheTunnelIsHeldThatNeedsIt)
{
    /* The collector has moved, and rows of the tunnel's are on their way. */
    host.model.collectors[row_id(Row::Collector, 0)].address =
        ip_of("192.0.2.7");
    host.model.tunnels[tunnel].filter = row_id(Row::Filter, 9);
    host.desired.set_complete(false);
    host.desired.apply(diff(host.seen, host.model));
    host.seen = host.model;
    host.desired.update();
    ASSERT_TRUE(host.desire(tunnel).egress);
    EXPECT_EQ(guarded(), (Matches{OURS, "udp,nw_dst=192.0.2.7,tp_dst=4789"}));
}

TEST_F(LoopGuard, OfANicElsewhereKnowsOnlyOurOwnCopies)
{
    host.model.tunnels[tunnel].destination = add_destination_nic();
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(guarded(), (Matches{OURS, "udp,nw_src=198.51.100.1,"
                                        "nw_dst=10.1.0.10,tp_dst=4789"}));
}

TEST_F(LoopGuard, OfANicThatIsPluggedInHereKnowsEverybodys)
{
    const std::string nic9 = "udp,nw_dst=10.1.0.10,tp_dst=4789";
    add_destination_nic();
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(guarded(), Matches{OURS});
    host.plug("nic9", "br-int");
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(guarded(), (Matches{OURS, nic9}));
    host.model.resources.erase(row_id(Row::Destination, 9));
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(guarded(), Matches{OURS});
}

TEST_F(LoopGuard, OfANicInAVpcDoesNotTakeItsAddressForTheOnlyOne)
{
    add_destination_nic();
    host.plug("nic9", "br-int");
    Uuid subnet = row_id(Row::Subnet, 0);
    host.model.vpcs[row_id(Row::Vpc, 0)].account = "acme";
    host.model.subnets[subnet].vpc = row_id(Row::Vpc, 0);
    host.model.nics[row_id(Row::Nic, 9)].subnet = subnet;
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(guarded(), Matches{OURS});
}

/* Flows of a table of priority 'from' to 'to', with what they do. */
std::map<std::string, std::string>
flows_between(const Host &host, FlowTable table, int from, int to)
{
    std::map<std::string, std::string> found;
    for (const auto &[key, flows] : host.desired.flows()) {
        for (const Flow &flow : flows) {
            if (flow.key.table == table && flow.key.priority >= from &&
                flow.key.priority <= to) {
                found[flow.key.match] = flow.actions;
            }
        }
    }
    return found;
}

TEST_F(LoopGuard, KnowsCopiesOfEverybodyByTheirMark)
{
    std::map<std::string, std::string> marks{{MARKED, "drop"},
                                             {MARKED6, "drop"}};
    EXPECT_EQ(flows_between(host, TABLE_GUARD, 280, 280), marks);
    EXPECT_EQ(host.desired.rows().ports.at("mirror-vxlan").options.at("tos"),
              "12");
    /* They outlive the tunnel, as those of the other hypervisors may. */
    host.model.tunnels.clear();
    host.feed();
    EXPECT_EQ(flows_between(host, TABLE_GUARD, 280, 280), marks);
}

TEST_F(LoopGuard, OfTheMarkLetsANicsOwnFramesPass)
{
    auto tap = [&] { return flows_between(host, TABLE_TAP, 100, 100); };
    auto own = [&] { return flows_between(host, TABLE_GUARD, 290, 295); };
    const std::string outbound =
        "in_port=" + std::to_string(host.facts.ofports.at(
                         nic_port_name(1, Direction::Outbound)));
    Nic &nic = host.model.nics.at(row_id(Row::Nic, 0));
    ASSERT_EQ(nic.addresses, std::vector{ip_of("10.1.0.1")});
    EXPECT_EQ(own(), (std::map<std::string, std::string>{
                         {outbound + ",udp,nw_src=10.1.0.1,nw_tos=12,"
                                     "tp_dst=4789",
                          tap().at(outbound)}}));
    nic.addresses = {ip_of("fd00::1")};
    ASSERT_TRUE(host.settle());
    EXPECT_EQ(own(), (std::map<std::string, std::string>{
                         {outbound + ",udp6,ipv6_src=fd00::1,nw_tos=12,"
                                     "tp_dst=4789",
                          tap().at(outbound)}}));
    nic.addresses = {};
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(own().empty());
}

} // namespace

} // namespace pm
