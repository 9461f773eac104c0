#include <gtest/gtest.h>

#include "plugin/owner_index.h"

namespace pm {

namespace {

OwnerKey
tap(uint32_t number)
{
    return {"br-mirror", {FlowOwner::Tap, number}};
}

TEST(OwnerIndex, FindsWhoHasAnOwnersFlows)
{
    OwnerIndex<std::string> index;
    index.set("nic0", tap(1));
    index.set("nic1", tap(2));
    ASSERT_TRUE(index.of("nic0"));
    EXPECT_EQ(*index.of("nic0"), tap(1));
    EXPECT_EQ(index.users(tap(2)).count("nic1"), 1u);
    EXPECT_EQ(index.users(tap(2)).size(), 1u);
    EXPECT_TRUE(index.users(tap(3)).empty());
    EXPECT_FALSE(index.of("nic2"));
}

TEST(OwnerIndex, LosesAUserWhoHasAnothersFlowsNow)
{
    OwnerIndex<std::string> index;
    index.set("nic0", tap(1));
    index.set("nic0", tap(2));
    EXPECT_TRUE(index.users(tap(1)).empty());
    EXPECT_EQ(index.users(tap(2)).size(), 1u);
    EXPECT_EQ(index.all().size(), 1u);
}

TEST(OwnerIndex, KeepsAnOwnerThatAnotherUserStillHas)
{
    OwnerIndex<std::string> index;
    index.set("nic0", tap(1));
    index.set("nic1", tap(1));
    index.erase("nic0");
    index.erase("nic0");
    EXPECT_EQ(index.users(tap(1)).count("nic1"), 1u);
    index.erase("nic1");
    EXPECT_TRUE(index.users(tap(1)).empty());
    EXPECT_TRUE(index.all().empty());
}

} // namespace

} // namespace pm
