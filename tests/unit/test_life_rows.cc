/* One case a row of the life-cycle table, in the table's order: what was,
 * what happens and by whom, what it comes to.  acme requests, beta accepts,
 * gamma is neither. */
#include <gtest/gtest.h>

#include "plugin/lifecycle.h"
#include "tests/unit/world.h"

namespace pm {
namespace {

const std::string NAME = "acme/tun";

class LifeRow : public testing::Test {
protected:
    World world = settled_world();

    Edit create(const std::string &destination)
    {
        return world.put_one(
            "acme", "mirror_tunnels",
            tunnel("tun", "web2-src", destination, {{"vni", 9}}),
            PutMode::Create);
    }

    Edit update(const std::string &by, const json &more)
    {
        auto id = world.id("mirror_tunnels", NAME);
        json object = id.is_zero()
                          ? tunnel("tun", "web2-src", "ids-dst")
                          : to_json(world.model, "mirror_tunnels", id);
        object.update(more);
        object.erase("accepted");
        return world.put_one(by, "mirror_tunnels", object, PutMode::Replace);
    }

    Edit erase(const std::string &by)
    {
        return world.erase_one(by, "mirror_tunnels", NAME);
    }

    TunnelStatus &report(int64_t observed)
    {
        TunnelStatus &status = world.model.tunnel_statuses[world.new_uuid()];
        status.tunnel = world.id("mirror_tunnels", NAME);
        status.chassis = "hv1";
        status.name = "tun";
        status.account = "acme";
        status.destination_account = destination_account(
            world.model, world.model.tunnels.at(status.tunnel));
        status.bound = true;
        status.observed_generation = observed;
        return status;
    }

    /* Brings a tunnel between the accounts, or of one, to a state. */
    void reach(const std::string &state, bool own = false)
    {
        create(own ? "ids-dst" : "beta/beta-dst");
        if (state != "Waiting" && !own) {
            world.accept("beta", NAME);
        }
        if (state == "Running" || state == "Shutting down") {
            report(1);
        }
        if (state == "Shutting down") {
            erase("acme");
        }
        ASSERT_EQ(this->state(), state);
    }

    /* What a list shows of it; "gone" if nothing. */
    std::string state(const std::string &viewer = "")
    {
        auto view = find_view(viewer);
        return view ? to_string(view->state) : "gone";
    }

    std::optional<TunnelView> find_view(const std::string &viewer = "")
    {
        for (const TunnelView &view :
             tunnel_views(world.model, world.now_ms, viewer)) {
            if (view.account + "/" + view.name == NAME) {
                return view;
            }
        }
        return std::nullopt;
    }

    static std::string event(const Edit &edit)
    {
        return edit.events.size() != 1
                   ? std::to_string(edit.events.size()) + " events"
                   : edit.events[0].event + " by " + edit.events[0].actor;
    }

    static Codes only_codes(const Edit &edit)
    {
        Codes found;
        for (const Problem &problem : edit.problems) {
            found.push_back(problem.code);
        }
        return found;
    }
};

TEST_F(LifeRow, CreateInOnesOwnAccountIsSetting)
{
    EXPECT_EQ(event(create("ids-dst")), "created by acme");
    EXPECT_EQ(state(), "Setting");
}

TEST_F(LifeRow, CreateToAnotherAccountIsWaiting)
{
    EXPECT_EQ(event(create("beta/beta-dst")), "requested by acme");
    EXPECT_EQ(state(), "Waiting");
    EXPECT_TRUE(find_view()->chassis.empty());
}

TEST_F(LifeRow, WaitingIsSettingOnceAccepted)
{
    reach("Waiting");
    EXPECT_EQ(event(world.accept("beta", NAME, 1)), "accepted by beta");
    EXPECT_EQ(state(), "Setting");
    EXPECT_EQ(world.tunnel(NAME)->accepted->by, "beta");
    EXPECT_EQ(world.tunnel(NAME)->accepted->at_ms, world.now_ms);
    EXPECT_EQ(world.tunnel(NAME)->accepted->generation, 1);
}

TEST_F(LifeRow, AcceptIsRefusedWithTheListWhileChecksFail)
{
    reach("Waiting");
    world.model.nics.at(world.id("network_interfaces", "ids-b")).device =
        "eth1";
    world.model.vpcs.at(world.id("vpcs", "vpc-b")).region = "jp";
    EXPECT_EQ(only_codes(world.accept("beta", NAME)),
              (Codes{"NIC_NOT_ALLOWED", "REGION_MISMATCH"}));
    EXPECT_EQ(state(), "Waiting");
}

TEST_F(LifeRow, RejectDeletesAtOnceAndKeepsTheEvent)
{
    reach("Waiting");
    EXPECT_EQ(event(world.reject("beta", NAME)), "rejected by beta");
    EXPECT_EQ(state(), "gone");
}

TEST_F(LifeRow, TheRequesterDeletesARequestAtOnce)
{
    reach("Waiting");
    EXPECT_EQ(event(erase("acme")), "deleted by acme");
    EXPECT_EQ(state(), "gone");
}

TEST_F(LifeRow, TheAcceptorMayNotDeleteARequest)
{
    reach("Waiting");
    EXPECT_EQ(only_codes(erase("beta")), Codes{"ACCEPT_OR_REJECT_ONLY"});
    EXPECT_EQ(state(), "Waiting");
}

TEST_F(LifeRow, NobodyButTheAcceptorAcceptsOrRejects)
{
    reach("Waiting");
    EXPECT_EQ(only_codes(world.accept("acme", NAME)), Codes{"NOT_ACCEPTOR"});
    EXPECT_EQ(only_codes(world.reject("acme", NAME)), Codes{"NOT_ACCEPTOR"});
    EXPECT_EQ(state(), "Waiting");
}

TEST_F(LifeRow, ARequestThatChangedIsNotAcceptedAsItWas)
{
    reach("Waiting");
    EXPECT_EQ(event(update("acme", {{"note", "more"}})), "updated by acme");
    EXPECT_EQ(state(), "Waiting");
    EXPECT_EQ(world.tunnel(NAME)->generation, 2);
    EXPECT_EQ(only_codes(world.accept("beta", NAME, 1)),
              Codes{"STALE_REQUEST"});
    EXPECT_EQ(only_codes(world.accept("beta", NAME, 2)), Codes());
    EXPECT_EQ(state(), "Setting");
}

TEST_F(LifeRow, ARequestKeepsItsDestination)
{
    reach("Waiting");
    EXPECT_EQ(only_codes(update("acme", {{"destination", "ids-dst"}})),
              Codes{"DESTINATION_IMMUTABLE"});
}

TEST_F(LifeRow, SettingIsRunningOnceInstalled)
{
    reach("Setting");
    report(0);
    EXPECT_EQ(state(), "Setting");
    world.model.tunnel_statuses.begin()->second.observed_generation = 1;
    EXPECT_EQ(state(), "Running");
}

TEST_F(LifeRow, SettingStaysSoWithTheHypervisorsError)
{
    reach("Setting");
    EXPECT_EQ(find_view()->health, Health::Degraded);
    EXPECT_EQ(find_view()->reasons.count("NIC_UNBOUND"), 1u);
    TunnelStatus &status = report(0);
    status.health = Health::Error;
    status.reasons["VNI_RANGE"] = "another";
    EXPECT_EQ(state(), "Setting");
    EXPECT_EQ(find_view()->health, Health::Error);
    EXPECT_EQ(find_view()->reasons.count("VNI_RANGE"), 1u);
}

TEST_F(LifeRow, AnUpdateKeepsTheStateAndTheObservedGenerationLags)
{
    for (const char *was : {"Setting", "Running"}) {
        world = settled_world();
        reach(was);
        auto observed = find_view()->observed_generation;
        EXPECT_EQ(only_codes(update("acme", {{"vni", 10}})), Codes());
        EXPECT_EQ(state(), was);
        EXPECT_EQ(find_view()->generation, 2);
        EXPECT_EQ(find_view()->observed_generation, observed);
    }
}

TEST_F(LifeRow, EitherSideDeletesWhatIsAccepted)
{
    for (const char *by : {"acme", "beta"}) {
        world = settled_world();
        reach("Running");
        EXPECT_EQ(event(erase(by)), std::string("deleted by ") + by);
        EXPECT_EQ(state(), "Shutting down");

        world = settled_world();
        reach("Setting");
        report(0);
        EXPECT_EQ(event(erase(by)), std::string("deleted by ") + by);
        EXPECT_EQ(state(), "Shutting down");
    }
}

TEST_F(LifeRow, RunningStaysSoWhenTheNicIsLost)
{
    reach("Running");
    world.model.tunnel_statuses.begin()->second.bound = false;
    EXPECT_EQ(state(), "Running");
    EXPECT_EQ(find_view()->health, Health::Degraded);
    world.model.tunnel_statuses.begin()->second.bound = true;
    EXPECT_EQ(find_view()->health, Health::Ok);
}

TEST_F(LifeRow, WhatDoesNotWaitIsNeitherAcceptedNorRejected)
{
    for (const char *was : {"Setting", "Running", "Shutting down"}) {
        for (bool own : {false, true}) {
            world = settled_world();
            reach(was, own);
            for (const char *by : {"acme", "beta", ""}) {
                bool hidden = own && std::string(by) == "beta";
                Codes wanted{hidden ? "NOT_FOUND" : "INVALID_STATE"};
                EXPECT_EQ(only_codes(world.accept(by, NAME)), wanted)
                    << was << " " << by;
                EXPECT_EQ(only_codes(world.reject(by, NAME)), wanted)
                    << was << " " << by;
            }
            EXPECT_EQ(state(), was);
        }
    }
}

TEST_F(LifeRow, AnAcceptorNeedNotSayTheAccountOfWhatShutsDown)
{
    reach("Shutting down");
    EXPECT_EQ(only_codes(world.accept("beta", "tun")), Codes{"INVALID_STATE"});
    EXPECT_EQ(only_codes(world.accept("gamma", "tun")), Codes{"NOT_FOUND"});
}

TEST_F(LifeRow, DeletingWhatShutsDownSucceedsAndChangesNothing)
{
    reach("Shutting down");
    for (const char *by : {"acme", "beta", ""}) {
        Model before = world.model;
        Edit edit = erase(by);
        EXPECT_EQ(only_codes(edit), Codes());
        EXPECT_EQ(event(edit), "0 events");
        EXPECT_EQ(world.model, before);
    }
}

TEST_F(LifeRow, WhatEveryHypervisorRemovedIsGone)
{
    reach("Shutting down");
    world.model.tunnel_statuses.clear();
    EXPECT_EQ(state(), "gone");
    EXPECT_EQ(only_codes(erase("acme")), Codes{"NOT_FOUND"});
}

TEST_F(LifeRow, ToAThirdAccountThereIsNothing)
{
    for (const char *was :
         {"Waiting", "Setting", "Running", "Shutting down"}) {
        world = settled_world();
        reach(was);
        EXPECT_EQ(state("gamma"), "gone");
        EXPECT_EQ(only_codes(world.accept("gamma", NAME)), Codes{"NOT_FOUND"});
        EXPECT_EQ(only_codes(world.reject("gamma", NAME)), Codes{"NOT_FOUND"});
        EXPECT_EQ(only_codes(update("gamma", {{"note", "x"}})),
                  Codes{"NOT_FOUND"});
        EXPECT_EQ(only_codes(erase("gamma")), Codes{"NOT_FOUND"});
        EXPECT_EQ(state(), was);
    }
}

} // namespace
} // namespace pm
