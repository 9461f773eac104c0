#include <gtest/gtest.h>

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

/* The whole loop, step by step, against a slow switch. */
TEST(Plan, KeepsItsOrderWhateverHappens)
{
    int flows = 0, meters = 0, deleted = 0, statuses = 0, proofs = 0, told = 0;
    for (uint32_t seed = 1; seed <= 100; seed++) {
        SimulatedAgent agent(seed);
        for (int step = 0; step < 120; step++) {
            if (agent.host.chance(40)) {
                agent.host.edit();
            }
            if (agent.host.chance(10)) {
                agent.host.edit_together();
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
