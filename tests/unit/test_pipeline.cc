#include <gtest/gtest.h>

#include "flows/egress.h"
#include "flows/pipeline.h"
#include "tests/unit/host.h"

namespace pm {

namespace {

using Lines = std::vector<std::string>;

Lines
texts(const std::vector<Flow> &flows)
{
    Lines lines;
    for (const Flow &flow : flows) {
        lines.push_back(flow.to_string());
    }
    return lines;
}

EgressSpec
spec_v4()
{
    EgressSpec spec;
    spec.source = ip_of("198.51.100.1");
    spec.destination = ip_of("192.0.2.10");
    spec.vni = 7001;
    spec.vxlan_port = 1;
    return spec;
}

TEST(BaseFlows, EndEveryTableAndHoldTheBudget)
{
    const std::string base = ",cookie=0x6d72000000000000";
    auto last = [&](const std::string &table, const std::string &actions) {
        return "table=" + table + ",priority=0" + base + " actions=" + actions;
    };
    Lines lines = {
        last("0", "drop"),
        last("1", "drop"),
        last("2", "drop"),
        last("3", "resubmit(,4)"),
        last("4", "meter:16777216"),
        last("5", "drop"),
        last("6", "drop"),
        last("7", "set_field:0x1->reg5,resubmit(,0)"),
        last("8", "drop"),
        "table=0,priority=300" + base + ",udp,reg5=0 actions=resubmit(,7)",
        "table=0,priority=300" + base + ",udp6,reg5=0 actions=resubmit(,7)"};
    EXPECT_EQ(texts(base_flows(true)), lines);
    lines[4] = last("4", "drop");
    EXPECT_EQ(texts(base_flows(false)), lines);
    lines.insert(lines.begin() + 9, "table=0,priority=350" + base +
                                        ",in_port=3 actions=resubmit(,8)");
    EXPECT_EQ(texts(base_flows(false, 3)), lines);
}

/* By traces of real switches: docs/switch-notes.md, 43. */
TEST(EgressFlows, OfABalancedTunnelComeToTheGroupByOurOwnPair)
{
    EgressSpec spec = spec_v4();
    spec.slots.assign(64, 5);
    spec.slots[10] = 4; /* Its first handle. */
    spec.balance_port = 2;
    std::map<int, std::string> actions;
    std::map<int, std::string> matches;
    for (const Flow &flow : egress_flows(7, spec)) {
        actions[flow.key.table] = flow.actions;
        matches[flow.key.table] = flow.key.match;
    }
    EXPECT_EQ(actions[TABLE_EGRESS],
              "clone(set_field:0x4/0x3fff->pkt_mark,output:2,"
              "set_field:64000->in_port,"
              "output(port=64000,max_len=65535))");
    EXPECT_EQ(matches[TABLE_BALANCE], "pkt_mark=0x4/0x3fff");
    EXPECT_EQ(actions[TABLE_BALANCE],
              "set_field:0x0/0x3fff->pkt_mark,set_field:0x7->reg2,group:7");
    EXPECT_TRUE(actions[TABLE_SPREAD].starts_with("clone("));
    EXPECT_EQ(actions.size(), 4u);
}

TapPort
port(int ofport, std::optional<int> own_tag = std::nullopt)
{
    return {ofport, own_tag, "", false};
}

TEST(TapFlows, ResubmitOncePerTunnelThroughItsFilterIfItHasOne)
{
    EXPECT_EQ(
        texts(tap_flows(3, Direction::Inbound, port(107), {{5, 7}, {0, 9}})),
        (Lines{"table=0,priority=100,cookie=0x6d72100000310000,"
               "in_port=107 actions=set_field:0x1->reg0,"
               "set_field:0x9->reg2,resubmit(,2),"
               "set_field:0x5->reg1,set_field:0x7->reg2,"
               "resubmit(,1)"}));
}

TEST(TapFlows, PopTheTagThatTheSwitchItselfPutOn)
{
    EXPECT_EQ(texts(tap_flows(3, Direction::Outbound, port(106, 7), {{5, 7}})),
              (Lines{"table=0,priority=100,cookie=0x6d72100000320000,"
                     "in_port=106 actions=set_field:0x2->reg0,"
                     "set_field:0x5->reg1,set_field:0x7->reg2,resubmit(,1)",
                     "table=0,priority=200,cookie=0x6d72100000320000,"
                     "in_port=106,dl_vlan=7 actions=pop_vlan,"
                     "set_field:0x2->reg0,set_field:0x5->reg1,"
                     "set_field:0x7->reg2,resubmit(,1)"}));
}

TEST(TapFlows, SetTheFilterOnceForTheTunnelsThatShareIt)
{
    auto flows =
        tap_flows(1, Direction::Inbound, port(103), {{6, 3}, {5, 7}, {5, 2}});
    ASSERT_EQ(flows.size(), 1u);
    EXPECT_EQ(flows[0].actions,
              "set_field:0x1->reg0,"
              "set_field:0x5->reg1,set_field:0x2->reg2,resubmit(,1),"
              "set_field:0x7->reg2,resubmit(,1),"
              "set_field:0x6->reg1,set_field:0x3->reg2,resubmit(,1)");
}

TEST(TapFlows, DoNotDependOnTheOrderOfTheTunnels)
{
    EXPECT_EQ(tap_flows(1, Direction::Inbound, port(103, 4),
                        {{5, 7}, {0, 9}, {5, 2}}),
              tap_flows(1, Direction::Inbound, port(103, 4),
                        {{0, 9}, {5, 2}, {5, 7}}));
}

TEST(TapFlows, AreNoneWithoutATunnel)
{
    EXPECT_TRUE(tap_flows(1, Direction::Inbound, port(103, 7), {}).empty());
}

/* A tunnel that does not get what floods. */
TapTunnel
narrow(int64_t tunnel)
{
    return {0, tunnel, false, false, false};
}

TEST(TapFlows, KeepWhatFloodsFromTunnelsThatAreNotToGetIt)
{
    TapPort own = {107, 4, "02:00:00:00:00:01", false};
    EXPECT_EQ(
        texts(tap_flows(3, Direction::Inbound, own, {{0, 7}, narrow(9)})),
        (Lines{"table=0,priority=150,cookie=0x6d72100000310000,"
               "in_port=107,dl_dst=02:00:00:00:00:01 "
               "actions=set_field:0x1->reg0,"
               "set_field:0x7->reg2,resubmit(,2),"
               "set_field:0x9->reg2,resubmit(,2)",
               "table=0,priority=250,cookie=0x6d72100000310000,"
               "in_port=107,dl_dst=02:00:00:00:00:01,dl_vlan=4 "
               "actions=pop_vlan,set_field:0x1->reg0,"
               "set_field:0x7->reg2,resubmit(,2),"
               "set_field:0x9->reg2,resubmit(,2)",
               "table=0,priority=100,cookie=0x6d72100000310000,"
               "in_port=107 actions=set_field:0x1->reg0,"
               "set_field:0x7->reg2,resubmit(,2)",
               "table=0,priority=200,cookie=0x6d72100000310000,"
               "in_port=107,dl_vlan=4 actions=pop_vlan,"
               "set_field:0x1->reg0,set_field:0x7->reg2,"
               "resubmit(,2)"}));
    EXPECT_EQ(tap_flows(3, Direction::Outbound, own, {narrow(9)}),
              tap_flows(3, Direction::Outbound, own, {{0, 9}}))
        << "what a NIC sends is its own";
}

TEST(TapFlows, OfANicThatSharesAreItsOwnByMac)
{
    TapPort shared = {107, std::nullopt, "02:00:00:00:00:01", true};
    EXPECT_EQ(texts(tap_flows(3, Direction::Outbound, shared, {{0, 7}})),
              (Lines{"table=0,priority=150,cookie=0x6d72100000320000,"
                     "in_port=107,dl_src=02:00:00:00:00:01 "
                     "actions=set_field:0x2->reg0,"
                     "set_field:0x7->reg2,resubmit(,2)"}));
    EXPECT_EQ(texts(tap_flows(3, Direction::Inbound, shared, {{0, 7}})),
              (Lines{"table=0,priority=150,cookie=0x6d72100000310000,"
                     "in_port=107,dl_dst=02:00:00:00:00:01 "
                     "actions=set_field:0x1->reg0,"
                     "set_field:0x7->reg2,resubmit(,2)",
                     "table=5,priority=100,cookie=0x6d72100000310000,"
                     "reg3=0x3 actions=set_field:0x1->reg0,"
                     "set_field:0x7->reg2,resubmit(,2)",
                     "table=5,priority=150,cookie=0x6d72100000310000,"
                     "reg3=0x3,dl_src=02:00:00:00:00:01 actions=drop"}));
    EXPECT_EQ(tap_flows(3, Direction::Inbound, shared, {narrow(7)}).size(),
              1u);
    EXPECT_TRUE(
        tap_flows(3, Direction::Inbound, shared, {{1, 7, true, true}}).empty())
        << "the port is others' too";
}

TEST(SharedTapFlows, HandWhatIsForAllToEachMember)
{
    EXPECT_EQ(
        texts(shared_tap_flows(9, Direction::Inbound, 119, 4, true, {2, 3})),
        (Lines{"table=0,priority=100,cookie=0x6d72100000910000,"
               "in_port=119,"
               "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 "
               "actions=set_field:0x2->reg3,resubmit(,5),"
               "set_field:0x3->reg3,resubmit(,5)",
               "table=0,priority=200,cookie=0x6d72100000910000,"
               "in_port=119,"
               "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,dl_vlan=4 "
               "actions=pop_vlan,set_field:0x2->reg3,resubmit(,5),"
               "set_field:0x3->reg3,resubmit(,5)"}));
    EXPECT_TRUE(
        shared_tap_flows(9, Direction::Inbound, 119, 4, true, {}).empty());
}

TEST(SharedTapFlows, StopAtThePortWhereNobodyCopies)
{
    EXPECT_EQ(
        texts(shared_tap_flows(9, Direction::Outbound, 118, 4, false, {})),
        (Lines{"table=0,priority=350,cookie=0x6d72100000920000,"
               "in_port=118 actions=drop"}));
}

TEST(FilterFlows, AreOnePerMatchWithTheRuleInPriorityAndCookie)
{
    Filter filter;
    Rule reject, accept;
    reject.number = 100;
    reject.action = RuleAction::Reject;
    reject.source = Cidr::parse("10.1.0.9/32");
    accept.number = 200;
    filter.inbound = {reject, accept};
    EXPECT_EQ(texts(filter_flows(5, filter)),
              (Lines{"table=1,priority=39900,cookie=0x6d72200000510064,"
                     "ip,reg0=0x1,reg1=0x5,nw_src=10.1.0.9 actions=drop",
                     "table=1,priority=39800,cookie=0x6d722000005100c8,"
                     "ip,reg0=0x1,reg1=0x5 actions=resubmit(,2)",
                     "table=1,priority=39800,cookie=0x6d722000005100c8,"
                     "ipv6,reg0=0x1,reg1=0x5 actions=resubmit(,2)"}));
}

TEST(FilterFlows, MirrorWhatIsNotIpButNoIpThatNoRuleDecided)
{
    Filter filter;
    filter.mirror_non_ip = true;
    Lines lines;
    for (const char *dir : {"1", "2"}) {
        std::string cookie =
            std::string(",cookie=0x6d722000005") + dir + "0000,";
        std::string regs = std::string("reg0=0x") + dir + ",reg1=0x5";
        lines.push_back("table=1,priority=3" + cookie + "ip," + regs +
                        " actions=drop");
        lines.push_back("table=1,priority=3" + cookie + "ipv6," + regs +
                        " actions=drop");
        lines.push_back("table=1,priority=2" + cookie + regs +
                        " actions=resubmit(,2)");
    }
    EXPECT_EQ(texts(filter_flows(5, filter)), lines);
}

TEST(FilterFlows, OfADirectionWithoutRulesAreNone)
{
    EXPECT_TRUE(filter_flows(5, Filter{}).empty());
}

TEST(EgressFlows, KeepEverythingOfACopyInsideOneClone)
{
    EXPECT_EQ(texts(egress_flows(7, spec_v4())),
              (Lines{"table=2,priority=100,cookie=0x6d72300000710000,"
                     "reg0=0x1,reg2=0x7 actions=clone("
                     "set_field:198.51.100.1->tun_src,"
                     "set_field:192.0.2.10->tun_dst,"
                     "set_field:0x1b59->tun_id,output:1)",
                     "table=2,priority=100,cookie=0x6d72300000720000,"
                     "reg0=0x2,reg2=0x7 actions=clone("
                     "set_field:198.51.100.1->tun_src,"
                     "set_field:192.0.2.10->tun_dst,"
                     "set_field:0x1b59->tun_id,output:1)"}));
}

TEST(EgressFlows, CutByTheOutputWhereALengthIsGiven)
{
    EgressSpec spec = spec_v4();
    spec.source = ip_of("fd00::1");
    spec.destination = ip_of("fd00::9");
    spec.max_len = 128;
    EXPECT_EQ(egress_flows(7, spec)[0].actions,
              "clone(set_field:fd00::1->tun_ipv6_src,"
              "set_field:fd00::9->tun_ipv6_dst,set_field:0x1b59->tun_id,"
              "output(port=1,max_len=128))");
}

TEST(EgressFlows, OfALimitedTunnelAskForItsMeterInsideTheClone)
{
    EgressSpec spec = spec_v4();
    spec.max_len = 128;
    spec.rate_kbps = 1000;
    auto flows = texts(egress_flows(7, spec));
    ASSERT_EQ(flows.size(), 3u);
    EXPECT_EQ(flows[0], "table=2,priority=100,cookie=0x6d72300000710000,"
                        "reg0=0x1,reg2=0x7 actions=clone("
                        "set_field:198.51.100.1->tun_src,"
                        "set_field:192.0.2.10->tun_dst,"
                        "set_field:0x1b59->tun_id,resubmit(,3),"
                        "output(port=1,max_len=128))");
    EXPECT_EQ(flows[2], "table=3,priority=100,cookie=0x6d72300000700000,"
                        "reg2=0x7 actions=meter:7,resubmit(,4)");
}

/* Without a truncating output of its own the clone would be none, and the
 * meter would police the guest. */
TEST(EgressFlows, OfALimitedTunnelEndInATruncatingOutputEvenIfNothingIsCut)
{
    EgressSpec spec = spec_v4();
    spec.budgeted = true;
    auto flows = texts(egress_flows(7, spec));
    ASSERT_EQ(flows.size(), 2u) << "no meter of its own";
    EXPECT_EQ(flows[0], "table=2,priority=100,cookie=0x6d72300000710000,"
                        "reg0=0x1,reg2=0x7 actions=clone("
                        "set_field:198.51.100.1->tun_src,"
                        "set_field:192.0.2.10->tun_dst,"
                        "set_field:0x1b59->tun_id,resubmit(,3),output:1,"
                        "set_field:64000->in_port,"
                        "output(port=64000,max_len=65535))");
}

TEST(EgressFlows, ChangeNothingButTheMeterWhenTheRateChanges)
{
    EgressSpec spec = spec_v4();
    spec.rate_kbps = 1000;
    auto before = egress_flows(7, spec);
    spec.rate_kbps = 2000;
    EXPECT_EQ(egress_flows(7, spec), before);
}

TEST(EgressFlows, OfATunnelThatOnlyCountsDrop)
{
    EgressSpec spec = spec_v4();
    spec.count_only = true;
    spec.rate_kbps = 1000;
    spec.budgeted = true;
    for (const Flow &flow : egress_flows(7, spec)) {
        EXPECT_EQ(flow.actions, "drop");
    }
}

TEST(ParseEgress, GivesBackWhereACopyGoes)
{
    for (std::optional<int> max_len :
         {std::optional<int>(), std::optional<int>(128)}) {
        for (bool v6 : {false, true}) {
            EgressSpec spec = spec_v4();
            if (v6) {
                spec.source = ip_of("fd00::1");
                spec.destination = ip_of("fd00::9");
            }
            spec.max_len = max_len;
            auto parsed = parse_egress(egress_flows(7, spec)[1].actions);
            ASSERT_TRUE(parsed);
            EXPECT_EQ(parsed->source, spec.source);
            EXPECT_EQ(parsed->destination, spec.destination);
            EXPECT_EQ(parsed->vni, spec.vni);
        }
    }
}

TEST(ParseEgress, GivesNothingWhereNothingIsSent)
{
    EXPECT_FALSE(parse_egress("drop"));
    EXPECT_FALSE(parse_egress(""));
    EXPECT_FALSE(parse_egress("clone(set_field:x->tun_src,output:1)"));
}

TEST(GuardFlow, DropsOurOwnCopiesBeforeAnythingElse)
{
    Flow flow = guard_flow(ip_of("198.51.100.1"), ip_of("192.0.2.10"));
    EXPECT_EQ(flow.key.table, TABLE_GUARD);
    EXPECT_EQ(flow.key.priority, 300);
    EXPECT_EQ(flow.key.match, "udp,nw_src=198.51.100.1,nw_dst=192.0.2.10,"
                              "tp_dst=4789");
    EXPECT_EQ(flow.actions, "drop");
    EXPECT_EQ(guard_flow(ip_of("fd00::1"), ip_of("fd00::9")).key.match,
              "udp6,ipv6_src=fd00::1,ipv6_dst=fd00::9,tp_dst=4789");
    EXPECT_EQ(Cookie::decode(flow.cookie)->owner.kind, FlowOwner::Guard);
}

TEST(GuardFlow, OfAnySourceLooksAtTheDestinationAlone)
{
    EXPECT_EQ(guard_flow(std::nullopt, ip_of("192.0.2.10")).key.match,
              "udp,nw_dst=192.0.2.10,tp_dst=4789");
    EXPECT_EQ(guard_flow(std::nullopt, ip_of("fd00::9")).key.match,
              "udp6,ipv6_dst=fd00::9,tp_dst=4789");
}

TEST(GuardFlow, HasOneOwnerForOnePairOfAddresses)
{
    IpAddress a = ip_of("198.51.100.1"), b = ip_of("192.0.2.10");
    EXPECT_EQ(guard_flow(a, b), guard_flow(a, b));
    EXPECT_NE(guard_flow(a, b).cookie, guard_flow(b, a).cookie);
}

TEST(GuardFlow, OfTheMarkComesAfterThoseOfAddresses)
{
    for (bool v6 : {false, true}) {
        Flow flow = mark_guard_flow(v6);
        EXPECT_EQ(flow.key.table, TABLE_GUARD);
        EXPECT_EQ(flow.key.priority, 280);
        EXPECT_EQ(flow.key.match,
                  std::string(v6 ? "udp6" : "udp") + ",nw_tos=12,tp_dst=4789");
        EXPECT_EQ(flow.actions, "drop");
        EXPECT_EQ(Cookie::decode(flow.cookie)->owner.kind, FlowOwner::Guard);
    }
}

/* What the NIC sends from its own address is looked at between the guards of
 * addresses and that of the mark. */
TEST(TapFlows, TakeWhatANicSendsItselfForNoCopy)
{
    TapPort port{4, 5, "02:00:00:00:00:05", false, {ip_of("10.1.0.5")}};
    auto between = [&](Direction direction) {
        std::map<std::string, std::string> found;
        for (const Flow &flow :
             tap_flows(1, direction, port, {{.tunnel = 7}})) {
            if (flow.key.table == TABLE_GUARD &&
                flow.key.priority > mark_guard_flow(false).key.priority &&
                flow.key.priority < 300) {
                found[std::to_string(flow.key.priority) + " " +
                      flow.key.match] = flow.actions;
            }
        }
        return found;
    };
    const std::string copy =
        "set_field:0x2->reg0,set_field:0x7->reg2,resubmit(,2)";
    const std::string own = "udp,nw_src=10.1.0.5,nw_tos=12,tp_dst=4789";
    using Found = std::map<std::string, std::string>;
    EXPECT_EQ(between(Direction::Inbound), Found{});
    EXPECT_EQ(
        between(Direction::Outbound),
        (Found{{"290 in_port=4," + own, copy},
               {"295 in_port=4," + own + ",dl_vlan=5", "pop_vlan," + copy}}));
    port.shared = true;
    port.own_tag.reset();
    EXPECT_EQ(
        between(Direction::Outbound),
        (Found{{"290 in_port=4,dl_src=02:00:00:00:00:05," + own, copy}}));
}

TEST(Cookie, KeepsEachFieldOnItsOwnDigits)
{
    Cookie cookie{{FlowOwner::Egress, 7}, Direction::Outbound, 0};
    EXPECT_EQ(cookie.encode(), UINT64_C(0x6d72300000720000));
    cookie = {{FlowOwner::Filter, 0xabcdef}, Direction::Inbound, 32766};
    EXPECT_EQ(cookie.encode(), UINT64_C(0x6d722abcdef17ffe));
}

TEST(Cookie, DecodesWhatItEncodes)
{
    for (FlowOwner::Kind kind :
         {FlowOwner::Base, FlowOwner::Tap, FlowOwner::Filter,
          FlowOwner::Egress, FlowOwner::Guard}) {
        for (uint32_t number : {0u, 1u, 0xffffffu}) {
            for (std::optional<Direction> direction :
                 {std::optional<Direction>(),
                  std::optional(Direction::Inbound),
                  std::optional(Direction::Outbound)}) {
                Cookie cookie{{kind, number}, direction, 32766};
                auto decoded = Cookie::decode(cookie.encode());
                ASSERT_TRUE(decoded);
                EXPECT_EQ(decoded->owner, cookie.owner);
                EXPECT_EQ(decoded->direction, cookie.direction);
                EXPECT_EQ(decoded->rule, cookie.rule);
            }
        }
    }
}

TEST(Cookie, OfOthersIsNotOurs)
{
    EXPECT_FALSE(Cookie::decode(0));
    EXPECT_FALSE(Cookie::decode(UINT64_C(0x6d73300000720000)));
}

TEST(Resubmits, AreFiveThroughAFilterAndFourWithoutAndTwoMoreBalanced)
{
    EXPECT_EQ(resubmits_of({5, 7}), 5);
    EXPECT_EQ(resubmits_of({0, 7}), 4);
    EXPECT_EQ(resubmits_of({.tunnel = 7, .balanced = true}), 6);
}

TEST(DiffFlows, OfEqualFlowsIsEmpty)
{
    auto flows = egress_flows(7, spec_v4());
    EXPECT_TRUE(diff_flows(flows, flows).empty());
    EXPECT_TRUE(diff_flows(flows, {flows[1], flows[0]}).empty());
}

TEST(DiffFlows, ReplacesAFlowOfTheSameMatchInsteadOfDeletingIt)
{
    auto before = egress_flows(7, spec_v4());
    EgressSpec spec = spec_v4();
    spec.vni = 7002;
    auto after = egress_flows(7, spec);
    auto edits = diff_flows(before, after);
    ASSERT_EQ(edits.size(), 2u);
    EXPECT_EQ(edits[0], (FlowEdit{FlowEdit::Op::Add, after[0]}));
    EXPECT_EQ(edits[1], (FlowEdit{FlowEdit::Op::Add, after[1]}));
}

TEST(DiffFlows, DeletesFirst)
{
    auto gone = egress_flows(7, spec_v4()), come = egress_flows(8, spec_v4());
    auto edits = diff_flows(gone, come);
    ASSERT_EQ(edits.size(), 4u);
    EXPECT_EQ(edits[0].op, FlowEdit::Op::Delete);
    EXPECT_EQ(edits[1].op, FlowEdit::Op::Delete);
    EXPECT_EQ(edits[2].op, FlowEdit::Op::Add);
    EXPECT_EQ(edits[3].op, FlowEdit::Op::Add);
}

} // namespace

} // namespace pm
