#include <gtest/gtest.h>

#include "plugin/explain.h"
#include "tests/unit/host.h"

using namespace pm;

namespace {

/* What ovs-vswitchd 3.1.0 prints of two tunnels of one NIC: 7, whose filter
 * refuses by rule 200, and 9 without a filter. */
const std::string TRACE = R"(Flow: tcp,in_port=101,tp_dst=80

bridge("br-mirror")
-------------------
 0. in_port=101, priority 100, cookie 0x6d72100000110000
    set_field:0x1->reg0
    set_field:0x9->reg2
    resubmit(,2)
     2. reg0=0x1,reg2=0x9, priority 100, cookie 0x6d72300000910000
            clone(set_field:172.31.0.1->tun_src,output:1)
             -> output to native tunnel
             >> native tunnel routing failed
    set_field:0x5->reg1
    set_field:0x7->reg2
    resubmit(,1)
 1. tcp,reg0=0x1,reg1=0x5,tp_dst=80, priority 39800, cookie 0x6d722000005100c8
    drop

Final flow: tcp,reg0=0x1,in_port=101,tp_dst=80
Megaflow: recirc_id=0,eth,tcp,in_port=101,tp_dst=80
Datapath actions: drop
)";

} // namespace

TEST(ReadTrace, TellsTheTunnelsOfANicApart)
{
    TraceAnswer seven = read_trace(TRACE, 7);
    EXPECT_TRUE(seven.filtered);
    EXPECT_EQ(seven.rule, 200);
    EXPECT_FALSE(seven.admitted);
    EXPECT_EQ(seven.trouble, "");
    TraceAnswer nine = read_trace(TRACE, 9);
    EXPECT_FALSE(nine.filtered);
    EXPECT_TRUE(nine.admitted);
    EXPECT_EQ(nine.trouble, "native tunnel routing failed");
    EXPECT_EQ(read_trace(TRACE, 8), TraceAnswer{});
}

/* Of a balanced tunnel, as 3.1.0 prints it; 'trouble' stands where its group
 * is come to. */
std::string
balanced_trace(const std::string &trouble)
{
    return R"( 2. reg0=0x2,reg2=0x1, priority 100, cookie 0x6d72300000120000
    clone(set_field:0x1/0x3fff->pkt_mark,output:2)
    set_field:0x1/0x3fff->pkt_mark
    output:2

    bridge("br-mirror")
    -------------------
         0. in_port=3, priority 350, cookie 0x6d72000000000000
            resubmit(,8)
         8. pkt_mark=0x1/0x3fff, priority 100, cookie 0x6d72300000100000
            set_field:0/0x3fff->pkt_mark
            set_field:0x1->reg2
            group:1
)" + trouble +
           R"(    set_field:64000->in_port
    output(port=64000,max_len=65535)
     >> skipping output to input port
)";
}

TEST(ReadTrace, FollowsABalancedTunnelToItsGroup)
{
    const std::string turn = "    set_field:0x1->reg2\n    resubmit(,2)\n";
    TraceAnswer well = read_trace(
        turn + balanced_trace("             -> no live bucket\n"), 1);
    EXPECT_TRUE(well.admitted);
    EXPECT_FALSE(well.only_counted);
    EXPECT_EQ(well.trouble, "");
    EXPECT_EQ(
        read_trace(turn + balanced_trace("             >> no group\n"), 1)
            .trouble,
        "no group");
}

TEST(ReadTrace, KnowsWhatIsOnlyCounted)
{
    TraceAnswer answer = read_trace("    set_field:0x7->reg2\n"
                                    "     2. reg2=0x7, priority 100, cookie "
                                    "0x6d72300000710000\n            drop\n",
                                    7);
    EXPECT_TRUE(answer.admitted);
    EXPECT_TRUE(answer.only_counted);
}

TEST(ReadTrace, KnowsTheLoopGuard)
{
    EXPECT_TRUE(read_trace(" 0. udp, priority 300, cookie "
                           "0x6d72500000700000\n    drop\n",
                           7)
                    .is_own_copy);
}

TEST(Explain, SaysOfADisabledTunnelToWhatItWouldCut)
{
    Host host;
    host.add_source(0);
    host.add_collector(0);
    Uuid id = host.add_tunnel(0, 0, 0);
    host.model.tunnels[id].enabled = false;
    host.model.tunnels[id].packet_length = 128;
    host.feed();
    EXPECT_NE(
        explain(id, Direction::Inbound, {}, std::nullopt, host.desired, {})
            .find("\nkept: 128 bytes\n"),
        std::string::npos);
}

TEST(ReadTrace, OfJunkSaysNothing)
{
    for (const char *text :
         {"", "\n\n", " 1. , cookie 0x", "set_field:->reg2", "-> ->reg2\n 2.",
          " 99999999999. x, cookie 0x6d72300000710000"}) {
        EXPECT_EQ(read_trace(text, 7), TraceAnswer{});
    }
}
