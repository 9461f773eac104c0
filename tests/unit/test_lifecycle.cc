#include "plugin/lifecycle.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/unit/world.h"

namespace pm {
namespace {

/* A settled world with hypervisors that report. */
class Reporting {
public:
    World world = settled_world();

    Reporting()
    {
        heartbeat("hv1", world.now_ms);
        heartbeat("hv2", world.now_ms);
    }

    void heartbeat(const std::string &name, int64_t at_ms)
    {
        Uuid &id = chassis_ids_[name];
        if (id.is_zero()) {
            id = world.new_uuid();
        }
        world.model.chassis[id].name = name;
        world.model.chassis[id].heartbeat_ms = at_ms;
    }

    /* A healthy status of hypervisor 'chassis' on a tunnel; the caller
     * changes what it wants. */
    TunnelStatus &report(const std::string &tunnel, const std::string &chassis)
    {
        Uuid id = world.id("mirror_tunnels", tunnel);
        TunnelStatus &status = world.model.tunnel_statuses[world.new_uuid()];
        status.tunnel = id;
        status.chassis = chassis;
        status.name = tunnel.substr(tunnel.find('/') + 1);
        status.account = tunnel.substr(0, tunnel.find('/'));
        status.destination_account =
            destination_account(world.model, world.model.tunnels.at(id));
        status.source = "web1-src";
        status.destination = "ids-dst";
        status.vni = 7001;
        status.bound = true;
        status.observed_generation = 1;
        return status;
    }

    TunnelView view(const std::string &name, const std::string &viewer = "")
    {
        for (const TunnelView &view :
             tunnel_views(world.model, world.now_ms, viewer)) {
            if (view.account + "/" + view.name == name) {
                return view;
            }
        }
        ADD_FAILURE() << "no " << name;
        return {};
    }

private:
    std::map<std::string, Uuid> chassis_ids_;
};

const char *const TUNNEL = "acme/web1-ids";

TEST(View, ShowsTheConfiguration)
{
    Reporting r;
    TunnelView view = r.view(TUNNEL);
    EXPECT_EQ(view.id, r.world.id("mirror_tunnels", TUNNEL));
    EXPECT_EQ(view.source, "web1-src");
    EXPECT_EQ(view.destination, "ids-dst");
    EXPECT_EQ(view.destination_account, "acme");
    EXPECT_EQ(view.filter, "web");
    EXPECT_EQ(view.vni, 7001);
    EXPECT_EQ(view.packet_length, 128);
    EXPECT_EQ(view.generation, 1);
    EXPECT_EQ(view.delivery, Delivery::Auto);
    EXPECT_EQ(r.view("acme/web1-col").packet_length, 1450);
    EXPECT_EQ(r.view("acme/web1-col").rate_kbps, 1000);
    EXPECT_EQ(r.view("acme/web1-beta").destination_account, "beta");
}

TEST(View, OfCountsWithoutEndAddsThemUpToTheEnd)
{
    constexpr int64_t MAX = std::numeric_limits<int64_t>::max();
    Reporting r;
    r.world.model.tunnels[r.world.id("mirror_tunnels", TUNNEL)].mode =
        Mode::Count;
    TunnelStatus &status = r.report(TUNNEL, "hv1");
    status.counters.values = {{"inbound_packets", MAX},
                              {"inbound_bytes", MAX},
                              {"outbound_packets", MAX / 2},
                              {"outbound_bytes", MAX}};
    status.effective_packet_length = 100;
    TunnelView view = r.view(TUNNEL);
    EXPECT_EQ(view.inbound_would_send, MAX);
    EXPECT_EQ(view.outbound_would_send, MAX);
}

TEST(View, IsUnknownWhereNobodyReports)
{
    Reporting r;
    TunnelView view = r.view(TUNNEL);
    EXPECT_EQ(view.effective_packet_length, std::nullopt);
    EXPECT_EQ(view.inbound_packets, std::nullopt);
    EXPECT_EQ(view.dropped_packets, std::nullopt);
    EXPECT_FALSE(view.observed_generation);
    EXPECT_TRUE(view.chassis.empty());
}

TEST(View, IsWaitingUntilAccepted)
{
    Reporting r;
    TunnelView view = r.view("acme/web1-beta");
    EXPECT_EQ(view.state, TunnelState::Waiting);
    EXPECT_EQ(view.health, Health::Ok);
    EXPECT_TRUE(view.reasons.empty());
    r.world.accept("beta", "acme/web1-beta");
    EXPECT_EQ(r.view("acme/web1-beta").state, TunnelState::Setting);
}

TEST(View, IsSettingAndDegradedWhileTheNicIsOnNoHypervisor)
{
    Reporting r;
    TunnelView view = r.view(TUNNEL);
    EXPECT_EQ(view.state, TunnelState::Setting);
    EXPECT_EQ(view.health, Health::Degraded);
    ASSERT_TRUE(view.reasons.contains("NIC_UNBOUND"));
    EXPECT_NE(view.reasons["NIC_UNBOUND"].find("if-web1"), std::string::npos);
    EXPECT_EQ(view.conditions["SourceBound"].status, ConditionStatus::False);
    EXPECT_EQ(view.conditions["SourceBound"].reason.find("NIC_UNBOUND: "), 0u);

    r.report(TUNNEL, "hv1").bound = false;
    view = r.view(TUNNEL);
    EXPECT_EQ(view.state, TunnelState::Running);
    EXPECT_TRUE(view.reasons.contains("NIC_UNBOUND"));
}

TEST(View, SaysThatTheNicLeftTheInventory)
{
    Reporting r;
    r.world.erase_one("", "network_interfaces", "web1");
    TunnelView view = r.view(TUNNEL);
    EXPECT_EQ(view.health, Health::Degraded);
    EXPECT_TRUE(view.reasons.contains("NIC_MISSING"));
}

TEST(View, IsRunningOnceInstalled)
{
    Reporting r;
    TunnelStatus &status = r.report(TUNNEL, "hv1");
    status.observed_generation = 0;
    EXPECT_EQ(r.view(TUNNEL).state, TunnelState::Setting);
    EXPECT_EQ(r.view(TUNNEL).health, Health::Ok);
    status.observed_generation = 1;
    TunnelView view = r.view(TUNNEL);
    EXPECT_EQ(view.state, TunnelState::Running);
    EXPECT_EQ(view.health, Health::Ok);
    EXPECT_EQ(view.observed_generation, 1);
    EXPECT_EQ(view.chassis, std::vector<std::string>{"hv1"});
    EXPECT_EQ(view.conditions["HostAlive"].status, ConditionStatus::True);
    EXPECT_TRUE(view.reasons.empty());
}

TEST(View, ShowsWhatTheHypervisorReports)
{
    Reporting r;
    TunnelStatus &status = r.report(TUNNEL, "hv1");
    status.health = Health::Degraded;
    status.reasons["NO_ROUTE"] = "add a route";
    status.conditions["DestinationReachable"] =
        Condition{ConditionStatus::False, "NO_ROUTE: add a route"};
    status.delivery = Delivery::Underlay;
    status.effective_packet_length = 100;
    status.counters.values = {{"inbound_packets", 5}, {"inbound_bytes", 0}};
    TunnelView view = r.view(TUNNEL);
    EXPECT_EQ(view.health, Health::Degraded);
    EXPECT_EQ(view.reasons["NO_ROUTE"], "add a route");
    EXPECT_EQ(view.conditions["DestinationReachable"].status,
              ConditionStatus::False);
    EXPECT_EQ(view.delivery, Delivery::Underlay);
    EXPECT_EQ(view.effective_packet_length, 100);
    EXPECT_EQ(view.inbound_packets, 5);
    EXPECT_EQ(view.inbound_bytes, 0);
    EXPECT_EQ(view.outbound_packets, std::nullopt);
}

TEST(View, CountsNothingOfWhatIsInForceAndHasCopiedNothing)
{
    Reporting r;
    TunnelStatus &status = r.report(TUNNEL, "hv1");
    status.observed_generation = 0;
    EXPECT_EQ(r.view(TUNNEL).inbound_packets, std::nullopt);
    status.observed_generation = 1;
    EXPECT_EQ(r.view(TUNNEL).inbound_packets, 0);
    EXPECT_EQ(r.view(TUNNEL).outbound_bytes, 0);
    EXPECT_EQ(r.view(TUNNEL).dropped_packets, std::nullopt);
}

TEST(View, MergesTwoHypervisors)
{
    Reporting r;
    TunnelStatus &one = r.report(TUNNEL, "hv2");
    one.effective_packet_length = 120;
    one.observed_generation = 3;
    one.counters.values = {{"inbound_packets", 5}};
    one.conditions["Route"] = {ConditionStatus::Unknown, "U: unknown"};
    one.conditions["Installed"] = {ConditionStatus::True, ""};
    one.conditions["SourceBound"] = {ConditionStatus::False, "F: no"};
    TunnelStatus &two = r.report(TUNNEL, "hv1");
    two.health = Health::Error;
    two.reasons["SLOTS"] = "free a slot";
    two.effective_packet_length = 100;
    two.observed_generation = 2;
    two.counters.values = {{"inbound_packets", 7}, {"dropped_packets", 1}};
    two.conditions["Route"] = {ConditionStatus::True, ""};
    two.conditions["Installed"] = {ConditionStatus::False, "SLOTS: free"};
    two.conditions["SourceBound"] = {ConditionStatus::True, ""};
    TunnelView view = r.view(TUNNEL);
    EXPECT_EQ(view.chassis, (std::vector<std::string>{"hv1", "hv2"}));
    EXPECT_EQ(view.health, Health::Error);
    EXPECT_EQ(view.effective_packet_length, 100);
    EXPECT_EQ(view.observed_generation, 2);
    EXPECT_EQ(view.inbound_packets, 12);
    EXPECT_EQ(view.dropped_packets, 1);
    EXPECT_EQ(view.conditions["Route"].status, ConditionStatus::Unknown);
    EXPECT_EQ(view.conditions["Installed"].status, ConditionStatus::False);
    EXPECT_EQ(view.conditions["SourceBound"].status, ConditionStatus::True);
    EXPECT_TRUE(view.reasons.contains("SLOTS"));
}

TEST(View, MissesAHostAfterThreeHeartbeats)
{
    Reporting r;
    r.report(TUNNEL, "hv1");
    r.heartbeat("hv1", r.world.now_ms - 180000);
    EXPECT_EQ(r.view(TUNNEL).conditions["HostAlive"].status,
              ConditionStatus::True);
    r.heartbeat("hv1", r.world.now_ms - 180001);
    TunnelView view = r.view(TUNNEL);
    EXPECT_EQ(view.conditions["HostAlive"].status, ConditionStatus::False);
    EXPECT_EQ(view.health, Health::Degraded);
    EXPECT_EQ(view.state, TunnelState::Running);
    ASSERT_TRUE(view.reasons.contains("HOST_DEAD"));
    EXPECT_NE(view.reasons["HOST_DEAD"].find("hv1"), std::string::npos);
}

TEST(View, DoesNotCallAHostAliveByAHeartbeatOfTheFuture)
{
    Reporting r;
    r.report(TUNNEL, "hv1");
    r.heartbeat("hv1", r.world.now_ms + 180000);
    EXPECT_EQ(r.view(TUNNEL).conditions["HostAlive"].status,
              ConditionStatus::True);
    for (int64_t ahead_ms : {int64_t{180001}, INT64_MAX - r.world.now_ms}) {
        r.heartbeat("hv1", r.world.now_ms + ahead_ms);
        TunnelView view = r.view(TUNNEL);
        const Condition &alive = view.conditions["HostAlive"];
        EXPECT_EQ(alive.status, ConditionStatus::Unknown);
        EXPECT_TRUE(alive.reason.starts_with("HOST_CLOCK: ")) << alive.reason;
        EXPECT_EQ(view.health, Health::Ok);
    }
}

TEST(View, DoesNotKnowAHostThatNeverSentAHeartbeat)
{
    Reporting r;
    r.report(TUNNEL, "hv9");
    TunnelView view = r.view(TUNNEL);
    EXPECT_EQ(view.conditions["HostAlive"].status, ConditionStatus::Unknown);
    EXPECT_EQ(view.health, Health::Ok);
}

TEST(View, IsHealthyWhereTheNicMovedToALivingHost)
{
    Reporting r;
    TunnelStatus &dead = r.report(TUNNEL, "hv1");
    dead.health = Health::Error;
    r.heartbeat("hv1", 1);
    EXPECT_EQ(r.view(TUNNEL).health, Health::Error);
    r.report(TUNNEL, "hv2");
    TunnelView view = r.view(TUNNEL);
    EXPECT_EQ(view.health, Health::Ok);
    EXPECT_EQ(view.conditions["HostAlive"].status, ConditionStatus::True);
    EXPECT_EQ(view.chassis, (std::vector<std::string>{"hv1", "hv2"}));
}

TEST(View, IsDisabledWhenSo)
{
    Reporting r;
    r.report(TUNNEL, "hv1").health = Health::Error;
    json t = document()["mirror_tunnels"][0];
    t["enabled"] = false;
    r.world.put_one("acme", "mirror_tunnels", t);
    EXPECT_EQ(r.view(TUNNEL).health, Health::Disabled);
    EXPECT_FALSE(r.view(TUNNEL).reasons.contains("NIC_UNBOUND"));
}

TEST(View, ShowsTheErrorOfARowThatCamePastTheConsole)
{
    Reporting r;
    r.world.model.tunnels[r.world.id("mirror_tunnels", TUNNEL)].vni = 0;
    TunnelView view = r.view(TUNNEL);
    EXPECT_EQ(view.health, Health::Error);
    EXPECT_TRUE(view.reasons.contains("VNI_RANGE"));
    EXPECT_EQ(r.view("acme/web1-col").reasons.count("VNI_RANGE"), 0u);
}

TEST(View, DoesNotLookForTheNicOfASourceThatIsNone)
{
    Reporting r;
    r.world.model.tunnels[r.world.id("mirror_tunnels", TUNNEL)].source =
        r.world.id("mirror_resources", "acme/col-dst");
    TunnelView view = r.view(TUNNEL);
    EXPECT_EQ(view.health, Health::Error);
    EXPECT_TRUE(view.reasons.contains("PURPOSE_MISMATCH"));
    EXPECT_FALSE(view.reasons.contains("NIC_UNBOUND"));
    EXPECT_FALSE(view.reasons.contains("NIC_MISSING"));
}

TEST(View, IsShuttingDownWhileAStatusOutlivesItsTunnel)
{
    Reporting r;
    r.report(TUNNEL, "hv1").counters.values = {{"inbound_packets", 5}};
    r.report(TUNNEL, "hv2").updated_ms = 77;
    r.world.erase_one("acme", "mirror_tunnels", "web1-ids");
    TunnelView view = r.view(TUNNEL);
    EXPECT_EQ(view.state, TunnelState::ShuttingDown);
    EXPECT_STREQ(to_string(view.state), "Shutting down");
    EXPECT_EQ(view.chassis, (std::vector<std::string>{"hv1", "hv2"}));
    EXPECT_EQ(view.source, "web1-src");
    EXPECT_EQ(view.vni, 7001);
    EXPECT_EQ(view.inbound_packets, 5);
    EXPECT_EQ(view.updated_ms, 77);
    EXPECT_EQ(view.packet_length, std::nullopt);
    EXPECT_EQ(view.mode, std::nullopt);
    EXPECT_EQ(view.delivery, std::nullopt);
    EXPECT_EQ(view.rate_kbps, std::nullopt);
    EXPECT_EQ(view.enabled, std::nullopt);
    EXPECT_EQ(view.generation, std::nullopt);
    EXPECT_EQ(view.created_ms, 0);
    EXPECT_EQ(tunnel_views(r.world.model, r.world.now_ms, "").size(), 3u);

    r.world.model.tunnel_statuses.clear();
    EXPECT_EQ(tunnel_views(r.world.model, r.world.now_ms, "").size(), 2u);
}

TEST(View, ListsATunnelBesideItsNamesakeThatIsShuttingDown)
{
    Reporting r;
    r.report(TUNNEL, "hv1");
    r.world.erase_one("acme", "mirror_tunnels", "web1-ids");
    r.world.apply(document());
    auto views = tunnel_views(r.world.model, r.world.now_ms, "");
    ASSERT_EQ(views.size(), 4u);
    EXPECT_EQ(views[2].name, "web1-ids");
    EXPECT_EQ(views[2].state, TunnelState::Setting);
    EXPECT_EQ(views[3].name, "web1-ids");
    EXPECT_EQ(views[3].state, TunnelState::ShuttingDown);
}

TEST(View, IsSortedByAccountAndName)
{
    Reporting r;
    std::vector<std::string> names;
    for (const TunnelView &view :
         tunnel_views(r.world.model, r.world.now_ms, "")) {
        names.push_back(view.name);
    }
    EXPECT_EQ(names,
              (std::vector<std::string>{"web1-beta", "web1-col", "web1-ids"}));
}

TEST(View, IsKeptFromThirdAccounts)
{
    Reporting r;
    r.report("acme/web1-beta", "hv1");
    auto names = [&](const std::string &viewer) {
        std::vector<std::string> names;
        for (const TunnelView &view :
             tunnel_views(r.world.model, r.world.now_ms, viewer)) {
            names.push_back(view.name);
        }
        return names;
    };
    EXPECT_EQ(names("acme").size(), 3u);
    EXPECT_EQ(names("beta"), std::vector<std::string>{"web1-beta"});
    EXPECT_TRUE(names("gamma").empty());

    r.world.erase_one("acme", "mirror_tunnels", "web1-beta");
    EXPECT_EQ(names("beta"), std::vector<std::string>{"web1-beta"});
    EXPECT_TRUE(names("gamma").empty());
}

TEST(View, SurvivesReferencesThatAreNotThere)
{
    Model model;
    Uuid id{{{1, 2, 3, 4}}};
    model.tunnels[id].name = "odd";
    model.tunnels[id].filter = Uuid{{{9, 9, 9, 9}}};
    auto views = tunnel_views(model, 0, "");
    ASSERT_EQ(views.size(), 1u);
    EXPECT_EQ(views[0].filter, "00000009-0000-0009-0000-000900000009");
}

} // namespace
} // namespace pm
