#include <gtest/gtest.h>

#include "plugin/plan_revocations.h"
#include "tests/unit/simulated_agent.h"

namespace pm {

namespace {

/* Rows that random edits came to, with tampered and missing ones. */
std::vector<SwitchRows>
some_rows()
{
    std::vector<SwitchRows> all = {SwitchRows{}};
    for (uint32_t seed = 1; seed <= 12; seed++) {
        RandomHost host(seed, true);
        host.settle();
        for (int i = 0; i < 10; i++) {
            host.edit();
            all.push_back(host.facts.rows);
            host.feed();
            all.push_back(host.desired.rows());
            host.settle();
        }
    }
    return all;
}

SwitchRows
after(SwitchRows rows, const SwitchRows &desired,
      const std::vector<RowEdit> &edits)
{
    auto put = [](auto *table, const auto &from, const RowEdit &edit) {
        if (edit.op == RowEdit::Op::Delete) {
            EXPECT_EQ(table->erase(edit.name), 1u);
        } else {
            (*table)[edit.name] = from.at(edit.name);
        }
    };
    for (const RowEdit &edit : edits) {
        switch (edit.kind) {
        case RowEdit::Kind::Bridge:
            put(&rows.bridges, desired.bridges, edit);
            break;
        case RowEdit::Kind::Port:
            put(&rows.ports, desired.ports, edit);
            break;
        case RowEdit::Kind::Mirror:
            put(&rows.mirrors, desired.mirrors, edit);
            break;
        }
    }
    return rows;
}

TEST(DiffRows, OfEqualRowsIsEmpty)
{
    for (const SwitchRows &rows : some_rows()) {
        EXPECT_TRUE(diff_rows(rows, rows, true).empty());
    }
}

TEST(DiffRows, AppliedGivesWhatIsDesired)
{
    auto all = some_rows();
    for (size_t i = 0; i < all.size(); i++) {
        const SwitchRows &a = all[i], &b = all[(i * 7 + 3) % all.size()];
        EXPECT_EQ(after(a, b, diff_rows(a, b, true)), b);
    }
}

TEST(DiffRows, DeletesNothingUnlessItMay)
{
    auto all = some_rows();
    for (size_t i = 0; i < all.size(); i++) {
        const SwitchRows &a = all[i], &b = all[(i * 7 + 3) % all.size()];
        for (const RowEdit &edit : diff_rows(a, b, false)) {
            EXPECT_EQ(edit.op, RowEdit::Op::Put);
        }
    }
}

TEST(ApplyBundle, OfADiffGivesWhatIsDesired)
{
    RandomHost host(3, true);
    std::vector<std::map<OwnerKey, FlowList>> all = {{}};
    for (int i = 0; i < 60; i++) {
        host.edit();
        host.settle();
        all.push_back(host.desired.flows());
    }
    for (size_t i = 0; i < all.size(); i++) {
        Actual actual;
        for (const auto &[key, flows] : all[i]) {
            actual.flows[key.bridge][key.owner] = flows;
        }
        const auto &desired = all[(i * 7 + 3) % all.size()];
        std::set<OwnerKey> keys;
        for (const auto *flows : {&std::as_const(all[i]), &desired}) {
            for (const auto &[key, f] : *flows) {
                keys.insert(key);
            }
        }
        for (const OwnerKey &key : keys) {
            auto want = desired.find(key);
            auto wanted = want == desired.end() ? std::vector<Flow>()
                                                : want->second.get();
            apply_bundle(
                &actual, key.bridge,
                diff_flows(actual.flows[key.bridge][key.owner], wanted));
            auto got = actual.flows[key.bridge].count(key.owner)
                           ? actual.flows[key.bridge][key.owner].get()
                           : std::vector<Flow>();
            std::sort(got.begin(), got.end());
            std::sort(wanted.begin(), wanted.end());
            EXPECT_EQ(got, wanted);
            EXPECT_EQ(actual.has(key.owner) && !wanted.empty(),
                      !wanted.empty());
        }
    }
}

TEST(ShareFlows, KeepsOnceWhatIsAsDesired)
{
    RandomHost host(5, true);
    while (host.desired.flows().size() < 10) {
        host.edit();
        host.settle();
    }
    Actual actual;
    std::vector<OwnerKey> settled;
    for (const auto &[key, flows] : host.desired.flows()) {
        std::vector<Flow> other_order(flows.begin(), flows.end());
        std::reverse(other_order.begin(), other_order.end());
        actual.flows[key.bridge][key.owner] = other_order;
        settled.push_back(key);
    }
    OwnerKey different = settled.front();
    auto &flows = actual.flows[different.bridge][different.owner];
    flows.edit().front().actions = "drop,drop";
    share_flows(&actual, host.desired, settled);
    for (const auto &[key, wanted] : host.desired.flows()) {
        const FlowList &is = actual.flows[key.bridge][key.owner];
        EXPECT_EQ(&is.get() == &wanted.get(), key != different);
    }
    EXPECT_EQ(flows.front().actions, "drop,drop");
}

TEST(ApplyBundle, NamesTheFlowsThatComeNotInAnothersPlace)
{
    Cookie cookie{{FlowOwner::Filter, 5}, Direction::Inbound, 100};
    Flow tcp{{TABLE_FILTER, 39900, "tcp"}, cookie.encode(), "drop"};
    Flow udp{{TABLE_FILTER, 39900, "udp"}, cookie.encode(), "drop"};
    Flow changed = tcp;
    changed.actions = "resubmit(,2)";
    std::vector<FlowEdit> first = {{FlowEdit::Op::Add, tcp}},
                          second = {{FlowEdit::Op::Add, changed},
                                    {FlowEdit::Op::Add, udp}},
                          third = {{FlowEdit::Op::Delete, udp},
                                   {FlowEdit::Op::Add, udp}};
    using Flows = std::vector<const Flow *>;
    Actual actual;
    EXPECT_EQ(apply_bundle(&actual, "br-mirror", first),
              (Flows{&first[0].flow}));
    EXPECT_EQ(apply_bundle(&actual, "br-mirror", second),
              (Flows{&second[1].flow}));
    EXPECT_EQ(apply_bundle(&actual, "br-mirror", third),
              (Flows{&third[1].flow}));
    EXPECT_EQ(apply_bundle(&actual, "br-other", first),
              (Flows{&first[0].flow}));
}

TEST(ApplyBundle, LeavesATunnelUnprovenWithWhereItsCopiesWent)
{
    EgressSpec spec;
    spec.source = ip_of("198.51.100.1");
    spec.destination = ip_of("192.0.2.1");
    spec.vni = 7;
    spec.vxlan_port = 1;
    Actual actual;
    std::vector<FlowEdit> add, remove;
    for (const Flow &flow : egress_flows(4, spec)) {
        add.push_back({FlowEdit::Op::Add, flow});
        remove.push_back({FlowEdit::Op::Delete, flow});
    }
    apply_bundle(&actual, "br-mirror", add);
    EXPECT_TRUE(actual.has({FlowOwner::Egress, 4}));
    EXPECT_TRUE(actual.unproven.empty());
    apply_bundle(&actual, "br-mirror", remove);
    EXPECT_FALSE(actual.has({FlowOwner::Egress, 4}));
    ASSERT_TRUE(actual.unproven.count(4));
    EXPECT_EQ(actual.unproven[4].specs.at(0).destination, spec.destination);
    EXPECT_EQ(actual.unproven[4].specs.at(0).vni, 7);
    apply_bundle(&actual, "br-mirror", add);
    EXPECT_TRUE(actual.unproven.empty()) << "it copies again";
}

/* A bridge on which tunnel 4 copies. */
Actual
one_copying()
{
    EgressSpec spec;
    spec.source = ip_of("198.51.100.1");
    spec.destination = ip_of("192.0.2.1");
    spec.vni = 7;
    spec.vxlan_port = 1;
    Actual actual;
    for (const Flow &flow : egress_flows(4, spec)) {
        apply_bundle(&actual, "br-mirror", {{FlowEdit::Op::Add, flow}});
    }
    return actual;
}

TEST(Actual, AProofCoversNoStopThatCameAfterItBegan)
{
    Actual actual;
    actual.stopped(4, {}, "br-mirror");
    ProofSubject proof = actual.to_prove();
    actual.stopped(4, {}, "br-mirror");
    actual.proven(proof);
    EXPECT_TRUE(actual.unproven.count(4));
    actual.proven(actual.to_prove());
    EXPECT_TRUE(actual.all_proven());
}

TEST(Actual, AProofCoversNoChangeThatCameAfterItBegan)
{
    Actual actual = one_copying();
    OwnerKey key{"br-mirror", {FlowOwner::Egress, 4}};
    ASSERT_TRUE(actual.unfollowed.count(key));
    ProofSubject proof = actual.to_prove();
    EgressSpec spec =
        *parse_egress(actual.flows["br-mirror"][key.owner].front().actions);
    spec.max_len = 100;
    for (const Flow &flow : egress_flows(4, spec)) {
        apply_bundle(&actual, "br-mirror", {{FlowEdit::Op::Add, flow}});
    }
    actual.proven(proof);
    EXPECT_TRUE(actual.unfollowed.count(key));
    actual.proven(actual.to_prove());
    EXPECT_TRUE(actual.all_proven());
}

TEST(Actual, AFilterThatLostItsLastRuleIsProvenAsOneThatChanged)
{
    Cookie cookie{{FlowOwner::Filter, 1}, Direction::Outbound, 0};
    Flow rule{{TABLE_FILTER, 100, "udp"}, cookie.encode(), "drop"};
    Actual actual;
    apply_bundle(&actual, "br-mirror", {{FlowEdit::Op::Add, rule}});
    actual.proven(actual.to_prove());
    apply_bundle(&actual, "br-mirror", {{FlowEdit::Op::Delete, rule}});
    EXPECT_TRUE(actual.unfollowed.count({"br-mirror", cookie.owner}));
}

TEST(Actual, WhatSomebodyElseChangedIsProvenAnew)
{
    Actual actual = one_copying();
    auto flows = actual.flows["br-mirror"];
    actual.proven(actual.to_prove());
    actual.lose("br-mirror");
    actual.take_read("br-mirror", flows, {});
    EXPECT_TRUE(actual.unfollowed.empty()) << "they are as they were";
    actual.lose("br-mirror");
    flows[{FlowOwner::Egress, 4}].edit().front().actions = "drop";
    actual.take_read("br-mirror", flows, {});
    EXPECT_TRUE(
        actual.unfollowed.count({"br-mirror", {FlowOwner::Egress, 4}}));
}

TEST(Actual, WhatCopiedOnALostConnectionIsUnproven)
{
    Actual actual = one_copying();
    actual.lose("br-mirror");
    EXPECT_FALSE(actual.has({FlowOwner::Egress, 4}));
    ASSERT_TRUE(actual.unproven.count(4));
    EXPECT_EQ(actual.unproven[4].specs.at(0).vni, 7);
}

TEST(Actual, FlowsThatSomebodyElseDeletedAreNoticedAndUnproven)
{
    Actual actual = one_copying();
    EXPECT_FALSE(actual.take_read("br-mirror", actual.flows["br-mirror"], {}));
    EXPECT_TRUE(actual.unproven.empty());
    EXPECT_TRUE(actual.take_read("br-mirror", {}, {}));
    EXPECT_FALSE(actual.has({FlowOwner::Egress, 4}));
    EXPECT_TRUE(actual.unproven.count(4));
}

TEST(Actual, AFirstReadingIsNoChange)
{
    Actual actual, read = one_copying();
    EXPECT_FALSE(actual.take_read("br-mirror", read.flows["br-mirror"], {}));
    EXPECT_TRUE(actual.has({FlowOwner::Egress, 4}));
}

/* Two tunnels of a NIC, one with a filter, on the switch as desired. */
class KeepRevocations : public testing::Test {
protected:
    KeepRevocations()
    {
        host.plug("nic0", "br-int");
        host.add_source(0);
        host.add_collector(0);
        host.add_collector(1);
        filter = host.add_filter(0, 80);
        one = host.add_tunnel(0, 0, 0);
        other = host.add_tunnel(1, 0, 1, filter);
        EXPECT_TRUE(host.settle());
        actual = host.in_place();
        host.desired.take_changed_flows();
    }

    Plan revocations()
    {
        host.feed();
        outstanding.merge(host.desired.take_changed_flows());
        Plan plan = make_plan(actual, host.desired, &outstanding);
        keep_revocations(actual, host.desired, &plan);
        return plan;
    }

    Host host;
    Uuid one, other, filter;
    Actual actual;
    std::set<OwnerKey> outstanding;
};

TEST_F(KeepRevocations, NoFlowGoesFromAmongOthersAndNoneComes)
{
    int64_t number = host.desired.status_of(one)->number;
    host.model.tunnels.at(one).enabled = false;
    host.model.filters.at(filter).inbound.front().destination_port = {443,
                                                                      443};
    host.model.tunnels.at(other).vni++;
    host.add_tunnel(2, 0, 0, filter);
    Plan plan = revocations();
    ASSERT_EQ(plan.flows.size(), 1u);
    for (const FlowEdit &edit : plan.flows.at("br-mirror")) {
        EXPECT_EQ(edit.op, FlowEdit::Op::Delete);
        EXPECT_EQ(
            Cookie::decode(edit.flow.cookie)->owner,
            (FlowOwner{FlowOwner::Egress, static_cast<uint32_t>(number)}));
    }
    EXPECT_TRUE(plan.rows.empty());
    EXPECT_TRUE(plan.meters.empty());
}

/* Of a tunnel that is refused, for instance, or waits for its meter. */
TEST_F(KeepRevocations, ADeliveryDoesNotStayForWhoHasNothingOnTheSwitchYet)
{
    const OwnerKey delivery{"br-mirror-dlv", {FlowOwner::Deliver, 5}};
    actual.flows[delivery.bridge][delivery.owner] = {
        {{0, 100, "tun_id=5"},
         Cookie{delivery.owner, std::nullopt, 0}.encode(),
         "drop"}};
    host.add_tunnel(2, 0, 0, filter);
    EXPECT_TRUE(host.settle());
    outstanding = host.desired.take_changed_flows();
    EXPECT_TRUE(std::any_of(outstanding.begin(), outstanding.end(),
                            [](const OwnerKey &key) {
                                return key.owner.kind == FlowOwner::Egress;
                            }));
    outstanding.insert(delivery);
    Plan plan = make_plan(actual, host.desired, &outstanding);
    EXPECT_EQ(plan.flows[delivery.bridge].size(), 1u);
}

TEST_F(KeepRevocations, TheProofIsNotHeldUpByWhatWaits)
{
    for (const Uuid &id : {one, other}) {
        host.model.tunnels.at(id).enabled = false;
    }
    Plan plan = revocations();
    ASSERT_TRUE(plan.flows.count("br-mirror"));
    apply_bundle(&actual, "br-mirror", plan.flows.at("br-mirror"));
    EXPECT_FALSE(actual.unproven.empty());
    EXPECT_TRUE(revocations().prove);
}

/* The same switch, which refuses some of what it is sent. */
class Refusing : public KeepRevocations {
protected:
    /* How many edits of its egress flows the tunnel gets: deletions are
     * counted below zero. */
    int egress_edits(const Uuid &tunnel,
                     const std::map<OwnerKey, std::string> &refused)
    {
        host.feed();
        outstanding.merge(host.desired.take_changed_flows());
        plan = make_plan(actual, host.desired, &outstanding, {}, refused);
        FlowOwner owner{
            FlowOwner::Egress,
            static_cast<uint32_t>(host.desired.status_of(tunnel)->number)};
        int edits = 0;
        for (const FlowEdit &edit : plan.flows["br-mirror"]) {
            if (Cookie::decode(edit.flow.cookie)->owner == owner) {
                edits += edit.op == FlowEdit::Op::Delete ? -1 : 1;
            }
        }
        return edits;
    }

    std::map<OwnerKey, std::string> of(FlowOwner::Kind kind, int64_t number)
    {
        return {{{"br-mirror", {kind, static_cast<uint32_t>(number)}},
                 "OFPFMFC_TABLE_FULL"}};
    }

    Plan plan;
};

TEST_F(Refusing, NobodyCopiesByAFilterThatHasBeenWithdrawn)
{
    int64_t number = host.desired.filter_status_of(filter)->number;
    auto refused = of(FlowOwner::Filter, number);
    EXPECT_EQ(egress_edits(other, refused), 0) << "it is as it should be";
    host.model.filters.at(filter).inbound.front().action = RuleAction::Reject;
    EXPECT_EQ(egress_edits(other, {}), 0);
    EXPECT_EQ(egress_edits(other, refused), -2);
    EXPECT_EQ(egress_edits(one, refused), 0) << "it has no such filter";
    apply_bundle(&actual, "br-mirror", plan.flows["br-mirror"]);
    EXPECT_FALSE(actual.unproven.empty()) << "its stop is proven";
}

TEST_F(Refusing, OrToADestinationThatHasBeen)
{
    auto refused = of(FlowOwner::Egress, host.desired.status_of(one)->number);
    EXPECT_EQ(egress_edits(one, refused), 0) << "it is as it should be";
    host.model.tunnels.at(one).vni++;
    EXPECT_EQ(egress_edits(one, {}), 2);
    EXPECT_EQ(egress_edits(one, refused), -2);
    apply_bundle(&actual, "br-mirror", plan.flows["br-mirror"]);
    EXPECT_EQ(egress_edits(one, refused), 2) << "it is tried again";
}

TEST_F(Refusing, OrByAnotherFilterThanATapShouldHandItsFramesTo)
{
    auto tap = std::find_if(
        outstanding.begin(), outstanding.end(),
        [](const OwnerKey &key) { return key.owner.kind == FlowOwner::Tap; });
    EXPECT_EQ(tap, outstanding.end());
    host.model.tunnels.at(other).filter = std::nullopt;
    host.feed();
    outstanding.merge(host.desired.take_changed_flows());
    tap = std::find_if(
        outstanding.begin(), outstanding.end(),
        [](const OwnerKey &key) { return key.owner.kind == FlowOwner::Tap; });
    ASSERT_NE(tap, outstanding.end());
    auto refused = of(FlowOwner::Tap, tap->owner.number);
    EXPECT_EQ(egress_edits(other, refused), -2);
    EXPECT_EQ(egress_edits(one, refused), 0) << "it is handed what it was";
}

/* The whole loop, step by step, against a slow switch. */
TEST(Plan, KeepsItsOrderWhateverHappens)
{
    int flows = 0, meters = 0, deleted = 0, statuses = 0, proofs = 0, told = 0;
    for (uint32_t seed = 1; seed <= 70; seed++) {
        SimulatedAgent agent(seed);
        for (int step = 0; step < 120; step++) {
            if (agent.host.chance(40)) {
                agent.host.edit();
            }
            if (agent.host.chance(2)) {
                agent.restart();
            } else if (agent.host.chance(2)) {
                agent.restart_vswitchd();
            }
            if (agent.host.chance(5)) {
                agent.away = !agent.away;
            }
            agent.pass(false);
            if (step % 20 == 19) {
                agent.away = false;
                for (int i = 0; i < 80 && !agent.settled(); i++) {
                    agent.pass(true);
                }
                ASSERT_TRUE(agent.settled()) << "seed " << seed << " step "
                                             << step << " does not settle";
                Plan plan = agent.plan();
                ASSERT_TRUE(plan.empty()) << plan.describe().front();
                std::map<std::string, std::map<FlowKey, Flow>> desired;
                for (const auto &[key, some] : agent.host.desired.flows()) {
                    for (const Flow &flow : some) {
                        desired[key.bridge][flow.key] = flow;
                    }
                }
                auto tables = agent.tables;
                for (auto &[bridge, flows] : tables) {
                    std::erase_if(flows, [](const auto &flow) {
                        return Cookie::decode(flow.second.cookie)
                                   ->owner.kind == FlowOwner::Renewal;
                    });
                }
                std::erase_if(tables, [](const auto &bridge) {
                    return bridge.second.empty();
                });
                ASSERT_EQ(tables, desired);
                std::map<OwnerKey, int64_t> meters;
                for (const auto &[bridge, some] : agent.meters) {
                    for (const auto &[owner, rate_kbps] : some) {
                        meters[{bridge, owner}] = rate_kbps;
                    }
                }
                ASSERT_EQ(meters, agent.host.desired.meters());
                agent.forget_policies();
            }
            ASSERT_TRUE(agent.faults.empty())
                << "seed " << seed << " step " << step << " "
                << agent.faults.front();
        }
        flows += agent.flows_written;
        meters += agent.meters_written;
        deleted += agent.rows_deleted;
        statuses += agent.statuses_deleted;
        proofs += agent.proofs;
        told += agent.generations_told;
    }
    RecordProperty("bundles", flows);
    RecordProperty("meters", meters);
    RecordProperty("rows deleted", deleted);
    RecordProperty("statuses deleted", statuses);
    RecordProperty("proofs", proofs);
    RecordProperty("generations told", told);
    /* Where nothing happened nothing is proven. */
    EXPECT_GT(flows, 500);
    EXPECT_GT(meters, 300);
    EXPECT_GT(deleted, 200);
    EXPECT_GT(statuses, 40);
    EXPECT_GT(proofs, 100);
    EXPECT_GT(told, 100);
}

} // namespace

} // namespace pm
