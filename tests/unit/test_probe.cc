/* Probes: frames that a filter admits, and what is said of their stations. */
#include <gtest/gtest.h>

#include "plugin/probe.h"
#include "plugin/switch_names.h"
#include "tests/unit/host.h"

namespace pm {
namespace {

const std::vector<IpAddress> ADDRESSES = {ip_of("10.1.0.5"),
                                          ip_of("fd00:a::5")};

Rule
rule(int number, RuleAction action, std::optional<uint8_t> protocol = {})
{
    Rule r;
    r.number = number;
    r.action = action;
    r.protocol = protocol;
    return r;
}

TEST(SampleFrame, WithoutAFilterIsOfTheNicAndNobodyElse)
{
    auto in = sample_frame(nullptr, Direction::Inbound, ADDRESSES);
    ASSERT_TRUE(in);
    EXPECT_EQ(flow_of(*in), "ip,nw_src=192.0.2.1,nw_dst=10.1.0.5,nw_proto=17,"
                            "tp_src=49152,tp_dst=9");
    auto out =
        sample_frame(nullptr, Direction::Outbound, {ip_of("fd00:a::5")});
    EXPECT_EQ(flow_of(*out), "ipv6,ipv6_src=fd00:a::5,ipv6_dst=2001:db8::1,"
                             "nw_proto=17,tp_src=49152,tp_dst=9");
    EXPECT_TRUE(sample_frame(nullptr, Direction::Inbound, {}));
}

TEST(SampleFrame, IsWhatARuleIsFor)
{
    Filter filter;
    filter.inbound = {rule(100, RuleAction::Accept, 6)};
    filter.inbound[0].source = *Cidr::parse("10.9.0.0/16");
    filter.inbound[0].destination_port = PortRange{80, 443};
    EXPECT_EQ(flow_of(*sample_frame(&filter, Direction::Inbound, ADDRESSES)),
              "ip,nw_src=10.9.0.1,nw_dst=10.1.0.5,nw_proto=6,tp_src=49152,"
              "tp_dst=80");
    EXPECT_FALSE(sample_frame(&filter, Direction::Outbound, ADDRESSES));
    filter.inbound[0] = rule(100, RuleAction::Accept, 58);
    filter.inbound[0].icmp_type = 135;
    EXPECT_EQ(flow_of(*sample_frame(&filter, Direction::Inbound, ADDRESSES)),
              "ipv6,ipv6_src=2001:db8::1,ipv6_dst=fd00:a::5,nw_proto=58,"
              "icmp_type=135,icmp_code=0");
    filter.inbound[0] = rule(100, RuleAction::Accept, 47);
    EXPECT_EQ(flow_of(*sample_frame(&filter, Direction::Inbound, ADDRESSES)),
              "ip,nw_src=192.0.2.1,nw_dst=10.1.0.5,nw_proto=47");
    filter.inbound.clear();
    EXPECT_FALSE(sample_frame(&filter, Direction::Inbound, ADDRESSES));
    filter.mirror_non_ip = true;
    EXPECT_EQ(flow_of(*sample_frame(&filter, Direction::Inbound, ADDRESSES)),
              "dl_type=0x88b5");
}

TEST(SampleFrame, PassesOverWhatAnEarlierRuleRejects)
{
    Filter filter;
    filter.outbound = {rule(10, RuleAction::Reject, 17),
                       rule(20, RuleAction::Accept, 17),
                       rule(30, RuleAction::Accept, 6)};
    filter.outbound[0].destination_port = PortRange{50, 60};
    filter.outbound[1].destination_port = PortRange{53, 70};
    EXPECT_EQ(sample_frame(&filter, Direction::Outbound, ADDRESSES)
                  ->destination_port,
              70);
    filter.outbound[1].destination_port = PortRange{53, 53};
    EXPECT_EQ(sample_frame(&filter, Direction::Outbound, ADDRESSES)->protocol,
              6);
}

TEST(Probe, TheMarkIsALocallyAdministeredMac)
{
    EXPECT_EQ(probe_mac(0x01a2ff00), "0a:6d:01:a2:ff:00");
}

class Probed : public testing::Test {
protected:
    Host host;
    Uuid tunnel;
    const TraceFrame frame{Frame{}, false, "dl_type=0x88b5"};

    void SetUp() override
    {
        host.plug("nic0", "br-int");
        host.add_source(0);
        host.add_collector(0);
        tunnel = host.add_tunnel(0, 0, 0);
        ASSERT_TRUE(host.settle());
    }
    StationReports stations(const std::optional<TraceAnswer> &answer)
    {
        return stations_of(tunnel, Direction::Outbound, frame, answer,
                           host.desired, {true, false});
    }
};

TEST_F(Probed, EndsWhereTheSwitchSaysThatItEnds)
{
    TraceAnswer answer;
    EXPECT_EQ(stations(std::nullopt).at(Station::Tap).passed, Passed::No);
    answer.is_own_copy = true;
    EXPECT_EQ(stations(answer).size(), 1u);
    EXPECT_EQ(stations(answer).at(Station::Tap).passed, Passed::No);
    answer = {};
    answer.filtered = true;
    EXPECT_EQ(stations(answer).size(), 2u);
    EXPECT_EQ(stations(answer).at(Station::Filter).passed, Passed::No);
    answer.admitted = answer.only_counted = true;
    EXPECT_EQ(stations(answer).at(Station::Egress).passed, Passed::No);
    answer.only_counted = false;
    answer.trouble = "neighbor cache miss";
    EXPECT_EQ(stations(answer).at(Station::Egress).passed, Passed::Yes);
    EXPECT_EQ(stations(answer).at(Station::Delivery).passed, Passed::No);
    answer.trouble.clear();
    EXPECT_EQ(stations(answer).at(Station::Delivery).passed, Passed::Yes);
    EXPECT_EQ(stations(answer).size(), 4u);
}

TEST(Sightings, AreOfTheWireOrOfTheDestinationsPort)
{
    StationReports stations;
    judge_sightings({{"eth1", false, 100}}, {}, true, false, true, &stations);
    EXPECT_TRUE(stations.empty()) << "it only came in";
    judge_sightings({{"eth1", true, 100}}, {}, true, false, true, &stations);
    EXPECT_EQ(stations.at(Station::Wire),
              (StationReport{Passed::Yes, "eth1, 100 bytes"}));
    EXPECT_EQ(stations.size(), 1u);

    stations.clear();
    judge_sightings({{"tap1", true, 100}}, {{"tap1", "nic-1"}}, true, false,
                    true, &stations);
    EXPECT_EQ(stations.at(Station::Arrival),
              (StationReport{Passed::Yes, "nic-1 by tap1, 100 bytes"}));
    EXPECT_EQ(stations.at(Station::Wire).passed, Passed::Yes);

    stations.clear();
    judge_sightings({}, {{"tap1", "nic-1"}}, false, true, true, &stations);
    EXPECT_EQ(stations.at(Station::Arrival).passed, Passed::No);
    EXPECT_FALSE(stations.count(Station::Wire)) << "it was not sent here";
    judge_sightings({}, {}, true, true, false, &stations);
    EXPECT_EQ(stations.at(Station::Wire).passed, Passed::Unknown)
        << "ports of DPDK cannot be watched";
}

} // namespace
} // namespace pm
