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
    filter.inbound.edit()[0].source = *Cidr::parse("10.9.0.0/16");
    filter.inbound.edit()[0].destination_port = PortRange{80, 443};
    EXPECT_EQ(flow_of(*sample_frame(&filter, Direction::Inbound, ADDRESSES)),
              "ip,nw_src=10.9.0.1,nw_dst=10.1.0.5,nw_proto=6,tp_src=49152,"
              "tp_dst=80");
    EXPECT_FALSE(sample_frame(&filter, Direction::Outbound, ADDRESSES));
    filter.inbound.edit()[0] = rule(100, RuleAction::Accept, 58);
    filter.inbound.edit()[0].icmp_type = 135;
    EXPECT_EQ(flow_of(*sample_frame(&filter, Direction::Inbound, ADDRESSES)),
              "ipv6,ipv6_src=2001:db8::1,ipv6_dst=fd00:a::5,nw_proto=58,"
              "icmp_type=135,icmp_code=0");
    filter.inbound.edit()[0] = rule(100, RuleAction::Accept, 47);
    EXPECT_EQ(flow_of(*sample_frame(&filter, Direction::Inbound, ADDRESSES)),
              "ip,nw_src=192.0.2.1,nw_dst=10.1.0.5,nw_proto=47");
    filter.inbound.edit().clear();
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
    filter.outbound.edit()[0].destination_port = PortRange{50, 60};
    filter.outbound.edit()[1].destination_port = PortRange{53, 70};
    EXPECT_EQ(sample_frame(&filter, Direction::Outbound, ADDRESSES)
                  ->destination_port,
              70);
    filter.outbound.edit()[1].destination_port = PortRange{53, 53};
    EXPECT_EQ(sample_frame(&filter, Direction::Outbound, ADDRESSES)->protocol,
              6);
}

TEST(SampleFrame, IsNotFromAndToOneAddress)
{
    for (Direction direction : {Direction::Outbound, Direction::Inbound}) {
        auto frame = sample_frame(nullptr, direction, {});
        EXPECT_NE(frame->source, frame->destination);
    }
    Filter filter;
    filter.outbound = {rule(10, RuleAction::Accept, 17)};
    filter.outbound.edit()[0].destination = Cidr::parse("192.0.2.1/32");
    auto frame = sample_frame(&filter, Direction::Outbound, {});
    EXPECT_EQ(frame->destination.to_string(), "192.0.2.1");
    EXPECT_NE(frame->source, frame->destination);
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
    StationReports stations(const std::optional<TraceAnswer> &answer,
                            const Circumstances &circumstances = {true, false})
    {
        return stations_of(tunnel, Direction::Outbound, frame, answer,
                           host.desired, circumstances);
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

TEST_F(Probed, EndsWhereTheSwitchHasAnEarlierEdit)
{
    TraceAnswer answer;
    answer.filtered = answer.admitted = true;
    auto found = stations(answer, {false, true});
    EXPECT_EQ(found.at(Station::Egress).passed, Passed::No);
    EXPECT_NE(found.at(Station::Egress).detail.find("PAUSED"),
              std::string::npos);
    EXPECT_EQ(found.count(Station::Delivery), 0u);
}

/* An Ethernet header from one MAC to another. */
std::string
ethernet(const char *to, const char *from, uint16_t type)
{
    std::string bytes(to, 6);
    bytes.append(from, 6);
    bytes += static_cast<char>(type >> 8);
    bytes += static_cast<char>(type & 0xff);
    return bytes;
}

/* 'inside' in VXLAN (or Geneve with eight bytes of options) to 192.0.2.N, or
 * 2001:db8::N. */
std::string
wrapped(const std::string &inside, char n, char vni, bool v6 = false,
        bool geneve = false)
{
    std::string bytes =
        ethernet("\1\2\3\4\5\6", "\1\2\3\4\5\7", v6 ? 0x86dd : 0x0800);
    std::string ip(v6 ? 40 : 20, '\0');
    ip[v6 ? 6 : 9] = 17;
    std::string to =
        v6 ? std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0')
           : std::string("\xc0\x00\x02", 3);
    to += n;
    ip.replace(ip.size() - to.size(), to.size(), to);
    std::string udp(8, '\0'), header(geneve ? 16 : 8, '\0');
    int port = geneve ? 6081 : 4789;
    udp[2] = static_cast<char>(port >> 8);
    udp[3] = static_cast<char>(port & 0xff);
    header[0] = geneve ? 2 : 8;
    header[6] = vni;
    return bytes + ip + udp + header + inside;
}

constexpr uint32_t MARK = 0x01020355;
const std::string MARKED =
    ethernet("\x0a\x6d\x01\x02\x03\x55", "\1\1\1\1\1\1", 0x0800);

TEST(ReadCopy, TellsWhoseCopyItIs)
{
    auto copy = read_copy(wrapped(MARKED, 7, 5), MARK);
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->vni, 5);
    EXPECT_EQ(copy->destination, ip_of("192.0.2.7"));
    copy = read_copy(wrapped(MARKED, 7, 5, true), MARK);
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->destination, ip_of("2001:db8::7"));

    /* In an overlay it is the header next to the frame that is the copy's. */
    for (bool geneve : {false, true}) {
        copy = read_copy(wrapped(wrapped(MARKED, 7, 5), 9, 6, false, geneve),
                         MARK);
        ASSERT_TRUE(copy);
        EXPECT_EQ(*copy, (CopyHeader{5, ip_of("192.0.2.7")}));
    }
    std::string tagged = wrapped(MARKED, 7, 5);
    tagged.insert(12, std::string("\x81\x00\x00\x05", 4));
    copy = read_copy(tagged, MARK);
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->vni, 5);
}

TEST(ReadCopy, IsOfNothingElse)
{
    EXPECT_FALSE(read_copy(wrapped(MARKED, 7, 5), MARK + 1));
    EXPECT_FALSE(read_copy(MARKED, MARK));
    EXPECT_FALSE(read_copy(wrapped(MARKED, 7, 5, false, true), MARK))
        << "the frame itself in an overlay";
    std::string bytes = wrapped(wrapped(MARKED, 7, 5), 9, 6);
    for (size_t n = 0; n < bytes.size(); n++) {
        EXPECT_FALSE(read_copy({bytes.data(), n}, MARK)) << n;
    }
}

TEST_F(Probed, CountsNoOtherTunnelsCopies)
{
    const TunnelDesire &desire = host.desired.tunnels().at(tunnel);
    ASSERT_TRUE(desire.egress);
    CopyHeader own{desire.egress->vni, desire.egress->destination};
    std::set<Sighting> seen = {
        {"eth1", true, 100, own},
        {"eth2", true, 100, {own.vni + 1, own.destination}},
        {"eth3", true, 100, {own.vni, ip_of("198.51.100.99")}}};
    EXPECT_EQ(own_sightings(seen, tunnel, host.desired),
              (std::set<Sighting>{{"eth1", true, 100, own}}));
    EXPECT_TRUE(own_sightings(seen, Uuid{}, host.desired).empty());
}

TEST(Arrivals, AreToldByVniAndCountForTheTunnelThatHasIt)
{
    std::map<std::string, std::string> watched = {{"tap1", "nic-1"}};
    ProbeReport report;
    EXPECT_FALSE(arrival_of(report, 5));
    report.stations[Station::Arrival] = {Passed::Yes, "all of it"};
    EXPECT_EQ(arrival_of(report, 5)->detail, "all of it")
        << "an earlier version's word";
    report.arrivals =
        arrivals_of({{"tap1", true, 100, {6, ip_of("192.0.2.7")}},
                     {"eth1", true, 100, {5, ip_of("192.0.2.7")}}},
                    watched);
    EXPECT_FALSE(arrival_of(report, 5));
    ASSERT_TRUE(arrival_of(report, 6));
    EXPECT_EQ(*arrival_of(report, 6),
              (StationReport{Passed::Yes, "nic-1 by tap1, 100 bytes"}));
    report.stations[Station::Arrival] = {Passed::No, "not seen"};
    EXPECT_EQ(arrival_of(report, 5)->passed, Passed::No);
}

TEST(Sightings, AreOfTheWireOrOfTheDestinationsPort)
{
    StationReports stations;
    judge_sightings({{"eth1", false, 100, {}}}, {}, true, false, true,
                    &stations);
    EXPECT_TRUE(stations.empty()) << "it only came in";
    judge_sightings({{"eth1", true, 100, {}}}, {}, true, false, true,
                    &stations);
    EXPECT_EQ(stations.at(Station::Wire),
              (StationReport{Passed::Yes, "eth1, 100 bytes"}));
    EXPECT_EQ(stations.size(), 1u);

    stations.clear();
    judge_sightings({{"tap1", true, 100, {}}}, {{"tap1", "nic-1"}}, true,
                    false, true, &stations);
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
