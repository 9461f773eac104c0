#include <gtest/gtest.h>

#include "plugin/tunnel_name.h"

namespace pm {

namespace {

class TunnelName : public testing::Test {
protected:
    TunnelName()
    {
        add(acme_, "acme", "web");
        add(beta_, "beta", "web");
        add(other_, "acme", "db-1");
    }
    void add(const Uuid &id, const char *account, const char *name)
    {
        Tunnel &tunnel = model_.tunnels[id];
        tunnel.account = account;
        tunnel.name = name;
    }
    std::set<Uuid> named(const std::string &name) const
    {
        return tunnels_named(model_, "hv1", name);
    }

    Model model_;
    const Uuid acme_{{0xabcd1234, 1, 2, 3}};
    const Uuid beta_{{0xabcdef00, 1, 2, 3}};
    const Uuid other_{{0x00abcdef, 1, 2, 3}};
};

TEST_F(TunnelName, IsOfItsAccountsOrOfAll)
{
    EXPECT_EQ(named("db-1"), (std::set<Uuid>{other_}));
    EXPECT_EQ(named("acme/web"), (std::set<Uuid>{acme_}));
    EXPECT_EQ(named("web"), (std::set<Uuid>{acme_, beta_}));
    EXPECT_EQ(named("beta/db-1"), (std::set<Uuid>{}));
    EXPECT_EQ(named(""), (std::set<Uuid>{}));
}

TEST_F(TunnelName, IsKnownWhileAStatusRowOfOursIsLeft)
{
    TunnelStatus &status = model_.tunnel_statuses[Uuid{{9, 9, 9, 9}}];
    status.tunnel = other_;
    status.account = "acme";
    status.name = "db-1";
    status.chassis = "hv1";
    model_.tunnels.erase(other_);
    EXPECT_EQ(named("acme/db-1"), (std::set<Uuid>{other_}));
    EXPECT_EQ(named(other_.to_string()), (std::set<Uuid>{other_}));
    status.chassis = "hv2";
    EXPECT_EQ(named("db-1"), (std::set<Uuid>{}));
}

TEST_F(TunnelName, MayBeAUuidOrItsBeginning)
{
    EXPECT_EQ(named(acme_.to_string()), (std::set<Uuid>{acme_}));
    EXPECT_EQ(named("abcd"), (std::set<Uuid>{acme_, beta_}));
    EXPECT_EQ(named("abcd1"), (std::set<Uuid>{acme_}));
    EXPECT_EQ(named("abc"), (std::set<Uuid>{}));
}

TEST_F(TunnelName, MayBeAUuidInUpperCase)
{
    EXPECT_EQ(named("ABCD1234"), (std::set<Uuid>{acme_}));
    EXPECT_EQ(named("ABCD1234-0000-0001-0000-000200000003"),
              (std::set<Uuid>{acme_}));
    EXPECT_EQ(named("WEB"), (std::set<Uuid>{}));
}

TEST_F(TunnelName, ComesBeforeTheBeginningOfAnothersUuid)
{
    const Uuid named_so{{0x12345678, 1, 2, 3}};
    add(named_so, "acme", "abcd");
    EXPECT_EQ(named("abcd"), (std::set<Uuid>{named_so}));
    EXPECT_EQ(named("abcde"), (std::set<Uuid>{beta_}));
}

} // namespace

} // namespace pm
