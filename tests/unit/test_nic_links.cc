#include "plugin/nic_links.h"

#include <gtest/gtest.h>

#include "tests/unit/host.h"

namespace pm {

namespace {

const Uuid RESOURCE = row_id(Row::Source, 1);
const Uuid NIC = row_id(Row::Nic, 1), RETURNED = row_id(Row::Nic, 2);

/* A resource of iface_id "a" whose NIC's row is gone. */
class NicLinksTest : public testing::Test {
protected:
    NicLinksTest()
    {
        resource.type = ResourceType::NetworkInterface;
        resource.iface_id = "a";
        ModelDelta delta;
        delta.resources[RESOURCE] = resource;
        EXPECT_FALSE(target_after(delta)->has_value());
    }

    static Nic nic(const std::string &iface_id)
    {
        Nic nic;
        nic.iface_id = iface_id;
        return nic;
    }
    /* The resource's target as the completed delta has it; nullopt if that
     * does not change the resource. */
    std::optional<std::optional<Uuid>> target_after(ModelDelta delta)
    {
        links.complete(&delta);
        auto i = delta.resources.find(RESOURCE);
        std::optional<std::optional<Uuid>> target;
        if (i != delta.resources.end()) {
            target.emplace(i->second->target_id);
        }
        return target;
    }
    std::optional<std::optional<Uuid>>
    target_after_nic(const Uuid &id, const std::optional<Nic> &nic)
    {
        ModelDelta delta;
        delta.nics[id] = nic;
        return target_after(delta);
    }

    NicLinks links;
    Resource resource;
};

TEST_F(NicLinksTest, ANicOfTheIfaceIdIsFoundWhateverItsRow)
{
    EXPECT_EQ(target_after_nic(RETURNED, nic("b")), std::nullopt);
    EXPECT_EQ(target_after_nic(RETURNED, nic("a")), std::optional(RETURNED));
}

TEST_F(NicLinksTest, AndLostWithItsRowOrItsIfaceId)
{
    target_after_nic(RETURNED, nic("a"));
    EXPECT_EQ(target_after_nic(RETURNED, std::nullopt)->has_value(), false);
    target_after_nic(NIC, nic("a"));
    EXPECT_EQ(target_after_nic(NIC, nic("b"))->has_value(), false);
}

TEST_F(NicLinksTest, ResourceAndNicMayComeTogether)
{
    ModelDelta delta;
    resource.note = "changed";
    delta.resources[RESOURCE] = resource;
    delta.nics[NIC] = nic("a");
    EXPECT_EQ(target_after(delta), std::optional(NIC));
}

TEST_F(NicLinksTest, AReferenceOfTheRowsOwnIsLeftAlone)
{
    ModelDelta delta;
    resource.target_id = NIC;
    delta.resources[RESOURCE] = resource;
    EXPECT_EQ(target_after(delta), std::optional(NIC));
    EXPECT_EQ(target_after_nic(RETURNED, nic("a")), std::nullopt);
}

TEST_F(NicLinksTest, ADeletedResourceIsForgotten)
{
    ModelDelta delta;
    delta.resources[RESOURCE] = std::nullopt;
    links.complete(&delta);
    EXPECT_EQ(target_after_nic(RETURNED, nic("a")), std::nullopt);
}

} // namespace

} // namespace pm
