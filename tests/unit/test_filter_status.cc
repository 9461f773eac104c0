#include <gtest/gtest.h>

#include "plugin/filter_status.h"
#include "tests/unit/host.h"

namespace pm {

namespace {

/* Two tunnels of one NIC by one filter, and a switch that has what is
 * desired. */
class FilterStatusTest : public testing::Test {
protected:
    FilterStatusTest()
    {
        host.plug("nic0", "br-int");
        host.add_source(0);
        host.add_collector(0);
        filter = host.add_filter(0, 80);
        for (uint32_t n = 0; n < 2; n++) {
            host.add_tunnel(n, 0, 0, filter);
        }
        host.feed();
        host.answer_paths();
        host.feed();
    }

    void run_it()
    {
        ASSERT_TRUE(host.settle());
        for (const auto &[key, flows] : host.desired.flows()) {
            actual.flows[key.bridge][key.owner] = flows;
        }
    }

    const FilterStatus &row() const
    {
        return *host.desired.filter_status_of(filter);
    }

    OwnerKey key() const
    {
        return {"br-mirror",
                {FlowOwner::Filter, static_cast<uint32_t>(row().number)}};
    }

    std::optional<FilterStatus>
    status(const std::optional<FilterStatus> &counted = std::nullopt)
    {
        return desire_filter_status(filter, host.desired, actual, outstanding,
                                    7, counted, 5000);
    }

    Host host;
    Uuid filter;
    Actual actual;
    std::set<OwnerKey> outstanding;
};

TEST_F(FilterStatusTest, ComesBeforeItsFlowsAndSaysThatNothingIsInForce)
{
    auto status = this->status();
    ASSERT_TRUE(status);
    EXPECT_EQ(status->filter, filter);
    EXPECT_EQ(status->number, 7);
    EXPECT_EQ(status->chassis, host.facts.settings.chassis);
    EXPECT_EQ(status->name, host.model.filters[filter].name);
    EXPECT_EQ(status->observed_generation, 0);
    EXPECT_EQ(status->updated_ms, 5000);
}

TEST_F(FilterStatusTest, SaysThatItIsInForceWhenTheDatapathFollowsEverywhere)
{
    run_it();
    auto told = status();
    ASSERT_TRUE(told);
    EXPECT_EQ(told->observed_generation, 1);

    OwnerKey elsewhere = key(), another = key();
    elsewhere.bridge = "br-mirror-netdev";
    another.owner.number++;
    outstanding = {another, {"br-a", {}}, {"br-z", {}}};
    EXPECT_EQ(status()->observed_generation, 1) << "another's are not its own";
    outstanding.insert(elsewhere);
    EXPECT_EQ(status()->observed_generation, 0)
        << "its flows are not all there";
    outstanding.clear();
    actual.unfollowed[key()] = 1;
    EXPECT_EQ(status()->observed_generation, 0)
        << "the datapath may not follow";
    actual.unfollowed.clear();
    actual.changing = true;
    EXPECT_EQ(status()->observed_generation, 0) << "a bundle is under way";
    actual.changing = false;
    actual.rows.bridges["br-mirror-netdev"];
    EXPECT_EQ(status()->observed_generation, 0) << "a bridge is not read yet";
    actual.rows.bridges.clear();
    EXPECT_EQ(status()->observed_generation, 1);
}

TEST_F(FilterStatusTest, IsNotBelievedOfAnEarlierDaemon)
{
    run_it();
    actual.inherit(host.desired.model(), host.facts.settings.chassis);
    EXPECT_TRUE(actual.only_inherited());
    ProofSubject inherited = actual.to_prove();
    EXPECT_EQ(status()->observed_generation, 0);
    actual.unfollowed[key()] = 99;
    EXPECT_FALSE(actual.only_inherited());
    actual.unfollowed.erase(key());
    actual.proven(inherited);
    EXPECT_EQ(status()->observed_generation, 1);
}

TEST_F(FilterStatusTest, StaysAsItIsWhereThereIsNothingNew)
{
    run_it();
    host.model.filter_statuses[*host.desired.filter_status_row_of(filter)] =
        *status();
    host.feed();
    EXPECT_FALSE(status());
    FilterStatus counted = row();
    counted.inbound_hits[100] = 3;
    ASSERT_TRUE(status(counted));
    EXPECT_EQ(status(counted)->inbound_hits.at(100), 3);
    /* And of a name that changed. */
    host.model.filters[filter].name = "renamed";
    host.feed();
    ASSERT_TRUE(status());
    EXPECT_EQ(status()->name, "renamed");
}

TEST_F(FilterStatusTest, IsNoneOfAFilterThatNothingNeeds)
{
    run_it();
    FilterStatus last = row();
    EXPECT_FALSE(is_filter_gone(last, actual, {}));
    host.model.tunnels.clear();
    host.feed();
    EXPECT_FALSE(status());
    actual.flows["br-mirror"].erase(key().owner);
    EXPECT_TRUE(is_filter_gone(last, actual, {}));
    actual.changing = true;
    EXPECT_FALSE(is_filter_gone(last, actual, {})) << "a bundle is under way";
    actual.changing = false;
    std::set<OwnerKey> taps;
    for (const auto &[owner, flows] : actual.flows["br-mirror"]) {
        if (owner.kind == FlowOwner::Tap) {
            taps.insert({"br-mirror", owner});
        }
    }
    ASSERT_FALSE(taps.empty());
    EXPECT_EQ(named_filters(actual, taps), std::set<int64_t>{last.number});
    EXPECT_FALSE(is_filter_gone(last, actual, {last.number}))
        << "a tap names it";
}

} // namespace

} // namespace pm
