#include <gtest/gtest.h>

#include <limits>

#include "plugin/installed.h"
#include "plugin/status.h"
#include "tests/unit/host.h"

namespace pm {

namespace {

using Op = StatusEdit::Op;

/* One tunnel on one NIC, and a switch that has what is desired unless a test
 * says otherwise. */
class Status : public testing::Test {
protected:
    Status()
    {
        host.plug("nic0", "br-int");
        host.add_source(0);
        host.add_collector(0);
        filter = host.add_filter(0, 80);
        tunnel = host.add_tunnel(0, 0, 0, filter);
        host.feed();
        host.answer_paths();
        host.feed();
    }

    /* Everything comes to be, and the row says so. */
    void run_it()
    {
        ASSERT_TRUE(host.settle());
        install();
        write();
    }

    void install()
    {
        actual = Actual{};
        actual.rows = host.facts.rows;
        for (const auto &[name, bridge] : actual.rows.bridges) {
            actual.flows[name];
        }
        for (const auto &[key, flows] : host.desired.flows()) {
            actual.flows[key.bridge][key.owner] = flows;
        }
        for (const auto &[key, rate_kbps] : host.desired.meters()) {
            actual.meters[key.bridge][key.owner] = rate_kbps;
        }
    }

    StatusEdit edit()
    {
        context.now_ms += 1000;
        return desire_status(tunnel, host.desired, actual, outstanding, 7,
                             context);
    }

    /* Does what edit() says. */
    Op write()
    {
        StatusEdit e = edit();
        Uuid row = host.desired.status_row_of(tunnel).value_or(
            row_id(Row::Status, 99));
        if (e.op == Op::Put) {
            host.model.tunnel_statuses[row] = e.status;
        } else if (e.op == Op::Delete) {
            host.model.tunnel_statuses.erase(row);
        }
        host.feed();
        return e.op;
    }

    const TunnelStatus &row() const { return *host.desired.status_of(tunnel); }

    OwnerKey egress_key() const
    {
        return {"br-mirror",
                {FlowOwner::Egress, static_cast<uint32_t>(row().number)}};
    }

    Host host;
    Uuid tunnel, filter;
    Actual actual;
    std::set<OwnerKey> outstanding;
    StatusContext context;
};

TEST_F(Status, ComesBeforeTheSwitchIsTouched)
{
    EXPECT_TRUE(host.desired.flows().empty() || !host.desire(tunnel).egress);
    StatusEdit e = edit();
    ASSERT_EQ(e.op, Op::Put);
    EXPECT_EQ(e.status.number, 7);
    EXPECT_EQ(e.status.chassis, "hv1");
    EXPECT_EQ(e.status.name, "tunnel0");
    EXPECT_EQ(e.status.source, "source0");
    EXPECT_EQ(e.status.destination, "to-collector0");
    EXPECT_EQ(e.status.account, "acme");
    EXPECT_EQ(e.status.destination_account, "acme");
    EXPECT_EQ(e.status.vni, 100);
    EXPECT_EQ(e.status.iface_id, "nic0");
    EXPECT_TRUE(e.status.bound);
    EXPECT_EQ(e.status.created_ms, 1000);
    EXPECT_EQ(e.status.observed_generation, 0);
    EXPECT_EQ(e.status.conditions.at("Installed").status,
              ConditionStatus::False);
    EXPECT_EQ(e.status.conditions.at("Installed").reason.find("INSTALLING"),
              0u);
    EXPECT_EQ(e.status.events,
              (std::vector<std::string>{"1970-01-01T00:00:01Z ok"}));
}

TEST_F(Status, ObservesTheGenerationOnceAllIsInstalled)
{
    host.model.tunnels[tunnel].generation = 5;
    host.model.filters[filter].generation = 3;
    run_it();
    EXPECT_EQ(row().observed_generation, 5);
    EXPECT_EQ(row().observed_filter_generation, 3);
    EXPECT_EQ(row().conditions.at("Installed").status, ConditionStatus::True);
    EXPECT_EQ(row().health, Health::Ok);
}

TEST_F(Status, ObservesAGenerationOfAtLeastOne)
{
    host.model.tunnels[tunnel].generation = 0;
    run_it();
    EXPECT_EQ(row().observed_generation, 1) << "0 means never installed";
}

TEST_F(Status, LagsUntilTheChangeIsOnTheSwitch)
{
    run_it();
    host.model.tunnels[tunnel].vni++;
    host.model.tunnels[tunnel].generation = 2;
    host.feed();
    for (FlowOwner owner : {egress_key().owner, FlowOwner{FlowOwner::Base, 0},
                            host.desired.tap_of("nic0")->owner,
                            FlowOwner{FlowOwner::Filter, 1}}) {
        outstanding = {{"br-mirror", owner}};
        EXPECT_EQ(edit().status.observed_generation, 1) << owner.to_string();
    }
    outstanding = {{"br-mirror", {FlowOwner::Egress, 99}}};
    EXPECT_EQ(edit().status.observed_generation, 2) << "another tunnel's";
    outstanding.clear();
    actual.flows.clear();
    EXPECT_EQ(edit().status.observed_generation, 1) << "flows not read";
}

TEST_F(Status, LagsUntilTheDatapathFollowsTheChange)
{
    run_it();
    host.model.tunnels[tunnel].generation = 2;
    host.model.filters[filter].generation = 2;
    host.feed();
    for (FlowOwner owner : {egress_key().owner, FlowOwner{FlowOwner::Base, 0},
                            host.desired.tap_of("nic0")->owner,
                            FlowOwner{FlowOwner::Filter, 1}}) {
        actual.unfollowed = {{{"br-mirror", owner}, 1}};
        EXPECT_EQ(edit().status.observed_generation, 1) << owner.to_string();
        EXPECT_EQ(edit().status.observed_filter_generation, 1)
            << owner.to_string();
        EXPECT_EQ(edit().status.health, Health::Ok);
    }
    actual.unfollowed = {{{"br-mirror", {FlowOwner::Egress, 99}}, 1}};
    EXPECT_EQ(edit().status.observed_generation, 2) << "another tunnel's";
    actual.unfollowed.clear();
    actual.unproven[row().number];
    EXPECT_EQ(edit().status.observed_generation, 1)
        << "what it sent before may go on";
    actual.unproven.clear();
    EXPECT_EQ(edit().status.observed_generation, 2);
}

TEST_F(Status, OfATunnelThatDidNotChangeStaysWhileTheDatapathFollowsOthers)
{
    run_it();
    actual.unfollowed = {
        {{"br-mirror", host.desired.tap_of("nic0")->owner}, 1}};
    EXPECT_EQ(edit().op, Op::Keep);
}

TEST_F(Status, LagsUntilTheNicThatItHadIsLeftAlone)
{
    run_it();
    host.plug("nic1", "br-int");
    host.add_source(1);
    host.model.tunnels[tunnel].source = row_id(Row::Source, 1);
    host.model.tunnels[tunnel].generation = 2;
    host.settle();
    install();
    actual.unfollowed = {{{"br-mirror", {FlowOwner::Tap, 99}}, 1}};
    EXPECT_EQ(edit().status.observed_generation, 1);
    actual.unfollowed.clear();
    EXPECT_EQ(edit().status.observed_generation, 2);
}

TEST_F(Status, ObservesThatItIsDisabledOnceNothingCopies)
{
    run_it();
    host.model.tunnels[tunnel].enabled = false;
    host.model.tunnels[tunnel].generation = 2;
    host.feed();
    EXPECT_EQ(edit().status.observed_generation, 1) << "flows still there";
    EXPECT_EQ(edit().status.health, Health::Disabled);
    install();
    actual.unproven[row().number];
    EXPECT_EQ(edit().status.observed_generation, 1) << "not yet proven";
    actual.unproven.clear();
    EXPECT_EQ(edit().status.observed_generation, 2);
}

TEST_F(Status, TellsThoseWhoCopyThatTheBudgetOfAllIsUsedUp)
{
    run_it();
    context.exceeded = {"br-other"};
    EXPECT_EQ(edit().op, Op::Keep);
    context.exceeded = {"br-mirror"};
    ASSERT_EQ(write(), Op::Put);
    EXPECT_EQ(row().health, Health::Degraded);
    EXPECT_TRUE(row().reasons.count("BUDGET_EXCEEDED"));
    EXPECT_EQ(row().conditions.at("Installed").status, ConditionStatus::True);
    host.facts.settings.rate_kbps.reset();
    host.feed();
    install();
    ASSERT_EQ(write(), Op::Put);
    EXPECT_EQ(row().health, Health::Ok) << "there is no budget any more";
}

TEST_F(Status, OfATunnelNeverInstalledObservesNothing)
{
    host.model.tunnels[tunnel].enabled = false;
    ASSERT_TRUE(host.settle());
    install();
    EXPECT_EQ(edit().status.observed_generation, 0);
}

TEST_F(Status, IsKeptWhileNothingChanges)
{
    run_it();
    EXPECT_EQ(write(), Op::Keep);
    EXPECT_EQ(write(), Op::Keep);
}

TEST_F(Status, IsKeptAsItIsWhileRowsAreOnTheirWay)
{
    run_it();
    host.model.tunnels[tunnel].filter = row_id(Row::Filter, 9);
    host.feed();
    ASSERT_TRUE(host.desire(tunnel).pending);
    EXPECT_EQ(edit().op, Op::Keep);
}

TEST_F(Status, SaysWhyWithCodeConditionAndEvent)
{
    run_it();
    size_t events = row().events.size();
    host.paths.begin()->second.routed = false;
    host.feed();
    ASSERT_EQ(write(), Op::Put);
    EXPECT_EQ(row().health, Health::Degraded);
    EXPECT_TRUE(row().reasons.count("NO_ROUTE"));
    const Condition &reachable = row().conditions.at("DestinationReachable");
    EXPECT_EQ(reachable.status, ConditionStatus::False);
    EXPECT_EQ(reachable.reason.find("NO_ROUTE: "), 0u);
    EXPECT_EQ(row().conditions.at("Installed").reason.find("NO_ROUTE: "), 0u);
    ASSERT_EQ(row().events.size(), events + 1);
    EXPECT_NE(row().events.back().find("Z degraded NO_ROUTE: "),
              std::string::npos);
}

TEST_F(Status, DoesNotBlameAReasonThatLeavesItItsCopies)
{
    run_it();
    host.paths.begin()->second.neighbour = Neighbour::Failed;
    host.feed();
    ASSERT_EQ(write(), Op::Put);
    EXPECT_EQ(row().conditions.at("Installed").status, ConditionStatus::True);
    host.model.tunnels.at(tunnel).vni++;
    host.feed();
    outstanding = {egress_key()};
    TunnelStatus status = edit().status;
    EXPECT_TRUE(status.reasons.count("NEIGHBOUR_FAILED"));
    EXPECT_EQ(status.conditions.at("Installed").status,
              ConditionStatus::False);
    EXPECT_TRUE(
        status.conditions.at("Installed").reason.starts_with("INSTALLING: "));
    context.paused = true;
    EXPECT_TRUE(edit()
                    .status.conditions.at("Installed")
                    .reason.starts_with("PAUSED: "));
    context.paused = false;
    /* Nor does one that comes before it in the alphabet hide what does. */
    actual = Actual{};
    context.rows_refused = "no space";
    status = edit().status;
    EXPECT_TRUE(status.reasons.count("SWITCH_REFUSED"));
    EXPECT_TRUE(status.conditions.at("Installed")
                    .reason.starts_with("SWITCH_REFUSED: "));
    context.rows_refused.clear();
    EXPECT_TRUE(edit().status.reasons.count("INSTALLING"));
    install();
    /* The code of what does keep it from them comes later in the alphabet. */
    context.refused[egress_key()] = "OFPBAC_BAD_OUT_PORT";
    EXPECT_TRUE(edit()
                    .status.conditions.at("Installed")
                    .reason.starts_with("SWITCH_REFUSED: "));
}

TEST_F(Status, SaysThatTheSwitchRefused)
{
    run_it();
    outstanding = {egress_key()};
    context.refused[{"br-mirror", {FlowOwner::Base, 0}}] =
        "OFPBAC_BAD_OUT_PORT";
    TunnelStatus status = edit().status;
    EXPECT_EQ(status.health, Health::Degraded);
    EXPECT_TRUE(status.reasons.count("SWITCH_REFUSED"));
}

TEST_F(Status, SaysThatTheDaemonIsPaused)
{
    run_it();
    context.paused = true;
    TunnelStatus status = edit().status;
    EXPECT_EQ(status.health, Health::Degraded);
    EXPECT_TRUE(status.reasons.count("PAUSED"));
}

TEST_F(Status, OfWhatIsStillToStopIsNotSaidThatItHas)
{
    run_it();
    auto installed = [&] {
        StatusEdit e = edit();
        return (e.op == Op::Keep ? row() : e.status)
            .conditions.find("Installed")
            ->second;
    };
    host.model.tunnels.at(tunnel).enabled = false;
    host.feed();
    EXPECT_EQ(installed().status, ConditionStatus::Unknown);
    EXPECT_TRUE(installed().reason.starts_with("STOPPING: "));
    context.refused[egress_key()] = "OFPFMFC_EPERM";
    EXPECT_TRUE(edit().status.reasons.count("SWITCH_REFUSED"));
    context.paused = true;
    EXPECT_TRUE(edit().status.reasons.count("PAUSED"));
    EXPECT_EQ(installed().status, ConditionStatus::Unknown);
    context.paused = false;
    context.refused.clear();
    write();
    actual.flows["br-mirror"].erase(egress_key().owner);
    actual.unproven[row().number] = {};
    EXPECT_EQ(installed().status, ConditionStatus::Unknown)
        << "the datapath may still copy";
    actual.unproven.clear();
    EXPECT_EQ(installed().status, ConditionStatus::False);
    write();
    actual.unproven[row().number] = {};
    EXPECT_EQ(edit().op, Op::Keep) << "as a restart has it, of each";
}

TEST_F(Status, KeepsItsTwentyLatestEvents)
{
    run_it();
    for (int i = 0; i < 30; i++) {
        Path &path = host.paths.begin()->second;
        path.routed = !path.routed;
        host.feed();
        ASSERT_EQ(write(), Op::Put);
        EXPECT_LE(row().events.size(), 20u);
    }
    EXPECT_EQ(row().events.size(), 20u);
    EXPECT_EQ(row().events.back(), "1970-01-01T00:00:31Z ok");
    EXPECT_TRUE(std::is_sorted(row().events.begin(), row().events.end()));
}

TEST_F(Status, TakesTheCountersReadLast)
{
    run_it();
    std::map<Uuid, Counters> counters;
    counters[tunnel].values["inbound_packets"] = 5;
    context.counters = &counters;
    ASSERT_EQ(write(), Op::Put);
    EXPECT_EQ(row().counters.values.at("inbound_packets"), 5);
    counters.clear();
    EXPECT_EQ(write(), Op::Keep) << "none read keeps the row's";
}

TEST_F(Status, OfADeletedTunnelGoesOnceItsSilenceIsProven)
{
    run_it();
    int64_t number = row().number;
    host.model.tunnels.erase(tunnel);
    host.feed();
    EXPECT_EQ(edit().op, Op::Keep) << "its flows are there";
    install();
    actual.unproven[number];
    EXPECT_EQ(edit().op, Op::Keep) << "not yet proven";
    actual.unproven.clear();
    std::string bridge = actual.flows.begin()->first;
    auto flows = actual.flows.extract(bridge);
    EXPECT_EQ(edit().op, Op::Keep) << "flows not read";
    actual.flows.insert(std::move(flows));
    EXPECT_EQ(edit().op, Op::Delete);
}

TEST_F(Status, StaysWhileATapThatCouldNotBeChangedHandsCopiesToItsNumber)
{
    run_it();
    auto tap = host.desired.tap_of("nic0");
    ASSERT_TRUE(tap);
    FlowList handing = actual.flows_of(*tap);
    host.model.tunnels.erase(tunnel);
    host.feed();
    install();
    actual.flows[tap->bridge][tap->owner] = handing;
    outstanding = {*tap};
    EXPECT_EQ(edit().op, Op::Keep);
    EXPECT_TRUE(edit().held);
    actual.flows[tap->bridge].erase(tap->owner);
    EXPECT_EQ(edit().op, Op::Delete);
}

TEST_F(Status, TellsOfAnAbsenceOfTheControlDatabaseOnce)
{
    run_it();
    context.away_from_ms = context.now_ms + 1000;
    context.away_until_ms = context.now_ms + 3000;
    context.now_ms += 5000;
    EXPECT_EQ(write(), Op::Put);
    EXPECT_EQ(write(), Op::Keep);
}

TEST_F(Status, TellsOfNoAbsenceAgainAndAgainOnceTheClockIsSetBack)
{
    run_it();
    context.away_from_ms = context.now_ms + 100000;
    context.away_until_ms = context.now_ms + 120000;
    host.model.tunnels[tunnel].generation++;
    host.feed();
    EXPECT_EQ(write(), Op::Put);
    EXPECT_EQ(write(), Op::Keep);
}

TEST_F(Status, OfATunnelNoLongerAcceptedGoesToo)
{
    run_it();
    host.model.resources[row_id(Row::Destination, 0)].account = "beta";
    host.model.tunnels[tunnel].accepted.reset();
    host.feed();
    install();
    EXPECT_EQ(edit().op, Op::Delete);
}

TEST_F(Status, StaysDegradedWhileNobodyReportsTheNic)
{
    run_it();
    host.facts.nics.clear();
    ASSERT_TRUE(host.settle());
    install();
    ASSERT_EQ(write(), Op::Put);
    EXPECT_FALSE(row().bound);
    EXPECT_EQ(row().health, Health::Degraded);
    EXPECT_TRUE(row().reasons.count("NIC_UNBOUND"));
    EXPECT_EQ(write(), Op::Keep);
}

TEST_F(Status, GoesOnceAnotherHypervisorRunsTheTunnel)
{
    run_it();
    host.facts.nics.clear();
    ASSERT_TRUE(host.settle());
    TunnelStatus &other = host.model.tunnel_statuses[row_id(Row::Status, 77)];
    other.tunnel = tunnel;
    other.chassis = "hv2";
    host.feed();
    install();
    EXPECT_NE(edit().op, Op::Delete) << "it does not say that it has the NIC";
    other.bound = true;
    host.feed();
    EXPECT_NE(edit().op, Op::Delete) << "what was Running would be Setting";
    other.observed_generation = 1;
    host.feed();
    actual.unproven[row().number];
    EXPECT_NE(edit().op, Op::Delete) << "not yet proven";
    actual.unproven.clear();
    EXPECT_EQ(edit().op, Op::Delete);
}

TEST_F(Status, OfATunnelWhoseNicIsElsewhereNeverComes)
{
    host.facts.nics.clear();
    host.feed();
    EXPECT_EQ(edit().op, Op::Keep);
}

TEST_F(Status, IsAtRestOnceItIsInForceOrHasStopped)
{
    auto rests = [&] {
        return is_at_rest(tunnel, host.desired, actual, outstanding);
    };
    EXPECT_TRUE(rests()) << "nothing of it is here";
    run_it();
    EXPECT_TRUE(rests());
    outstanding = {egress_key()};
    EXPECT_FALSE(rests());
    outstanding = {{"br-mirror", {FlowOwner::Egress, 99}}};
    EXPECT_TRUE(rests()) << "another tunnel's";
    outstanding.clear();
    actual.unfollowed = {{egress_key(), 1}};
    EXPECT_FALSE(rests());
    actual.unfollowed.clear();

    host.model.tunnels[tunnel].enabled = false;
    host.feed();
    EXPECT_FALSE(rests()) << "it has its flows";
    actual.flows["br-mirror"].erase(egress_key().owner);
    actual.unproven[row().number];
    EXPECT_FALSE(rests()) << "it may go on";
    actual.unproven.clear();
    EXPECT_TRUE(rests());
    host.model.tunnels.erase(tunnel);
    host.feed();
    EXPECT_FALSE(rests()) << "its row is there";
    host.model.tunnel_statuses.clear();
    host.feed();
    EXPECT_TRUE(rests());
}

TEST_F(Status, IsNotAtRestWhileSomethingIsYetToBeKnownOrWritten)
{
    auto rests = [&] {
        return is_at_rest(tunnel, host.desired, actual, outstanding);
    };
    ASSERT_EQ(write(), Op::Put);
    host.facts.bridges["br-int"].checked = false;
    host.feed();
    EXPECT_FALSE(rests()) << "its bridge has not been looked at";
    host.facts.bridges["br-int"].checked = true;
    host.feed();
    ASSERT_EQ(host.desired.filter_status_of(filter), nullptr);
    EXPECT_FALSE(rests()) << "its filter has no row yet";
    host.alive = false;
    host.feed();
    EXPECT_TRUE(rests()) << "it says that vswitchd is away";
}

TEST_F(Status, OfWhatIsRefusedOrContestedIsAtRestOnceItSaysSo)
{
    run_it();
    OwnerKey egress = egress_key();
    outstanding = {egress};
    for (bool refused : {true, false}) {
        context.refused.clear();
        context.contested.clear();
        if (refused) {
            context.refused[egress] = "OFPBAC_BAD";
        } else {
            context.contested["br-mirror"] = "flows of br-mirror";
        }
        EXPECT_EQ(is_at_rest(tunnel, host.desired, actual, outstanding),
                  !refused)
            << "the row says the former";
        write();
        EXPECT_TRUE(is_at_rest(tunnel, host.desired, actual, outstanding));
    }
}

} // namespace

} // namespace pm
