/* Handles: what tells the ways into tenants' networks apart. */
#include <gtest/gtest.h>

#include "flows/delivery.h"
#include "plugin/plan.h"
#include "plugin/status.h"
#include "tests/unit/tenant.h"

namespace pm {
namespace {

TEST_F(Tenant, ANewWayHasANewHandleAndTheOldOneStaysUntilItIsSilent)
{
    start(5);
    int64_t old = desire().in_vpc->deliveries.begin()->first;
    Actual actual = host.in_place();
    nic(5).addresses = {ip_of("10.1.0.10")};
    host.feed();
    /* The new one is not in the status row: the copies go on as before. */
    EXPECT_EQ(desire().in_vpc->deliveries.begin()->first, old);
    EXPECT_TRUE(desire().undecided);
    ASSERT_TRUE(host.write_statuses());
    host.feed();
    int64_t now = desire().in_vpc->deliveries.begin()->first;
    EXPECT_NE(now, old);

    std::set<OwnerKey> outstanding = host.desired.take_changed_flows();
    auto plan = [&] { return make_plan(actual, host.desired, &outstanding); };
    Plan first = plan();
    for (const FlowEdit &edit : first.flows.at("br-mirror")) {
        EXPECT_EQ(Cookie::decode(edit.flow.cookie)->owner.kind,
                  FlowOwner::Guard)
            << edit.to_string();
    }
    apply_bundle(&actual, "br-mirror", first.flows.at("br-mirror"));
    ASSERT_TRUE(first.flows.count("br-mirror-dlv"));
    for (const FlowEdit &edit : first.flows.at("br-mirror-dlv")) {
        EXPECT_EQ(edit.op, FlowEdit::Op::Add) << edit.to_string();
    }
    apply_bundle(&actual, "br-mirror-dlv", first.flows.at("br-mirror-dlv"));
    Plan second = plan();
    EXPECT_FALSE(second.flows.count("br-mirror-dlv"));
    ASSERT_TRUE(second.flows.count("br-mirror"));
    apply_bundle(&actual, "br-mirror", second.flows.at("br-mirror"));
    Plan third = plan();
    EXPECT_TRUE(third.flows.empty());
    EXPECT_TRUE(third.prove);
    ASSERT_EQ(actual.unproven.size(), 1u);
    EXPECT_EQ(actual.unproven.begin()->second.specs.at(0).destination,
              handle_address(old, false));
    actual.proven(actual.to_prove());
    Plan last = plan();
    ASSERT_TRUE(last.flows.count("br-mirror-dlv"));
    EXPECT_EQ(last.flows.at("br-mirror-dlv").size(), 1u);
    EXPECT_EQ(last.flows.at("br-mirror-dlv")[0].op, FlowEdit::Op::Delete);
}

TEST_F(Tenant, AHandleThatTwoRowsClaimServesOne)
{
    start(5);
    Uuid first = tunnel;
    model.tunnels[row_id(Row::Tunnel, 1)] = model.tunnels[first];
    Tunnel &second = model.tunnels[row_id(Row::Tunnel, 1)];
    second.name = "second";
    second.destination = row_id(Row::Destination, 6);
    second.created_ms = 1;
    ASSERT_TRUE(host.settle());
    TunnelStatus *rows[2] = {};
    for (auto &[id, status] : model.tunnel_statuses) {
        rows[status.tunnel == first ? 0 : 1] = &status;
    }
    rows[1]->handles.edit().begin()->second = rows[0]->handles.begin()->second;
    ASSERT_TRUE(host.settle());
    std::set<int64_t> handles;
    for (const auto &[id, desire] : host.desired.tunnels()) {
        EXPECT_TRUE(desire.egress);
        for (const auto &[handle, way] : desire.in_vpc->deliveries) {
            EXPECT_TRUE(handles.insert(handle).second) << handle;
        }
    }
    EXPECT_EQ(handles.size(), 4u);
}

/* Another tunnel has all handles, or all but some. */
class Crowded : public Tenant {
protected:
    Crowded()
    {
        host.add_nic(6);
        nic(6).subnet = row_id(Row::Subnet, 1);
        nic(6).addresses = {ip_of("10.1.0.6")};
        add_destination(7, ResourceType::NetworkInterface, "nic6",
                        row_id(Row::Nic, 6));
    }

    TunnelStatus &other()
    {
        for (auto &[id, status] : model.tunnel_statuses) {
            if (status.tunnel == row_id(Row::Tunnel, 1)) {
                return status;
            }
        }
        ADD_FAILURE() << "the other tunnel has no status row";
        abort();
    }

    void crowd(int64_t free)
    {
        host.add_tunnel(1, 0, 6);
        ASSERT_TRUE(host.settle());
        for (int64_t n = 1; n <= HANDLE_MAX - free; n++) {
            other().handles.edit().emplace("way " + std::to_string(n), n);
        }
        for (auto &[way, handle] : other().handles.edit()) {
            if (!way.starts_with("way")) { /* Its own: beyond those. */
                handle = HANDLE_MAX - handle + 1;
            }
        }
        host.feed();
    }

    bool exhausted()
    {
        auto condition = desire().conditions.find("DestinationReachable");
        bool told = desire().reasons.count("HANDLES_EXHAUSTED") > 0;
        EXPECT_EQ(
            told,
            condition != desire().conditions.end() &&
                condition->second.status == ConditionStatus::False &&
                condition->second.reason.starts_with("HANDLES_EXHAUSTED: "));
        return told;
    }
};

TEST_F(Crowded, WithoutAHandleLeftATunnelIsToldAndDoesNotCopy)
{
    crowd(3);
    start(5);
    EXPECT_TRUE(exhausted());
    EXPECT_EQ(desire().health, Health::Degraded);
    EXPECT_FALSE(desire().egress);
    EXPECT_TRUE(desire().in_vpc->deliveries.empty());
    EXPECT_TRUE(new_handles(tunnel, Actual{}, &host.desired).empty());
    /* It heals as soon as another needs one handle less. */
    host.desired.take_changed_tunnels();
    other().handles.erase("way 7");
    host.feed();
    EXPECT_FALSE(exhausted());
    EXPECT_TRUE(host.desired.take_changed_tunnels().count(tunnel));
    ASSERT_TRUE(host.settle());
    EXPECT_FALSE(exhausted());
    EXPECT_EQ(desire().health, Health::Ok);
    ASSERT_EQ(desire().in_vpc->deliveries.size(), 1u);
    EXPECT_EQ(desire().in_vpc->deliveries.begin()->first, 7);
}

TEST_F(Crowded, TheLastHandleServesOneAndTheNextIsTold)
{
    crowd(4);
    start(5);
    EXPECT_FALSE(exhausted());
    EXPECT_TRUE(desire().egress);
    Uuid first = tunnel;
    tunnel = host.add_tunnel(2, 0, 7);
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(exhausted());
    model.tunnels.erase(first);
    ASSERT_TRUE(host.settle());
    EXPECT_FALSE(exhausted());
    EXPECT_TRUE(desire().egress);
}

TEST_F(Crowded, OfTwoThatWantTheLastHandleTheOtherIsTold)
{
    crowd(4);
    Uuid first = host.add_tunnel(0, 0, 5);
    tunnel = host.add_tunnel(2, 0, 7);
    ASSERT_TRUE(host.settle());
    bool first_copies = host.desire(first).egress.has_value();
    EXPECT_NE(first_copies, desire().egress.has_value());
    if (!first_copies) {
        tunnel = first;
    }
    EXPECT_TRUE(exhausted());
}

TEST_F(Crowded, AHandleThatIsOnItsWayToTheRowIsNotMissing)
{
    crowd(4);
    start(5);
    nic(5).addresses = {ip_of("10.1.0.10")};
    /* The old way is silent, and its handle goes to the new one. */
    for (auto &[id, status] : model.tunnel_statuses) {
        if (status.tunnel == tunnel) {
            status.handles = {};
        }
    }
    host.feed();
    EXPECT_FALSE(exhausted());
    ASSERT_EQ(new_handles(tunnel, Actual{}, &host.desired).size(), 1u);
    model.tunnels[tunnel].note = "desired once more";
    host.feed();
    EXPECT_FALSE(exhausted());
}

TEST_F(Crowded, WhoseDestinationMovedDoesNotGoOnToWhereItWas)
{
    crowd(4);
    start(5);
    ASSERT_TRUE(desire().egress);
    TunnelStatus *own = nullptr;
    for (auto &[id, status] : model.tunnel_statuses) {
        own = status.tunnel == tunnel ? &status : own;
    }
    nic(5).addresses = {ip_of("10.1.0.10")};
    ASSERT_TRUE(host.settle());
    EXPECT_TRUE(exhausted());
    EXPECT_FALSE(desire().egress);
    EXPECT_FALSE(desire().undecided);
    /* Once nothing goes there any more its old handle is free for it. */
    own->handles = {};
    ASSERT_TRUE(host.settle());
    EXPECT_FALSE(exhausted());
    ASSERT_EQ(desire().in_vpc->deliveries.size(), 1u);
    EXPECT_EQ(desire().in_vpc->deliveries.begin()->second.destination,
              ip_of("10.1.0.10"));
}

/* Its row, and so a new handle, is refused. */
TEST_F(Tenant, WhoseNewHandleIsRefusedGoesOnOnlyWithWhatIsNotWithdrawn)
{
    start(6);
    lb_members().push_back({ip_of("10.2.0.12"), true, std::nullopt});
    host.feed();
    host.desired.set_refused({tunnel});
    host.feed();
    EXPECT_TRUE(desire().egress) << "to those that it had";
    EXPECT_EQ(delivered().size(), 3u);

    auto stops = [&](const char *what,
                     const std::function<void(Tunnel *)> &edit) {
        const Tunnel before = model.tunnels.at(tunnel);
        edit(&model.tunnels.at(tunnel));
        host.feed();
        EXPECT_FALSE(desire().egress) << what;
        EXPECT_TRUE(desire().reasons.count("CONTROL_REFUSED")) << what;
        model.tunnels.at(tunnel) = before;
        host.desired.set_refused({});
        ASSERT_TRUE(host.settle());
        ASSERT_TRUE(desire().egress) << what;
        lb_members().push_back(
            {ip_of("10.2.0." + std::to_string(10 + lb_members().size())), true,
             std::nullopt});
        host.desired.set_refused({tunnel});
        host.feed();
        ASSERT_TRUE(desire().egress) << what;
    };
    stops("another VNI", [](Tunnel *t) { t->vni++; });
    stops("only counted", [](Tunnel *t) { t->mode = Mode::Count; });
    stops("less of a frame", [](Tunnel *t) { t->packet_length = 100; });
    stops("a limit", [](Tunnel *t) { t->rate_kbps = 7; });
    stops("elsewhere",
          [](Tunnel *t) { t->destination = row_id(Row::Destination, 5); });
    lb_members().erase(lb_members().begin());
    host.feed();
    EXPECT_FALSE(desire().egress) << "a member less";
}

} // namespace
} // namespace pm
