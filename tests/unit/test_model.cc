#include "plugin/model.h"

#include <gtest/gtest.h>

namespace pm {
namespace {

TEST(Uuid, ReadsWhatItPrints)
{
    Uuid uuid{{{0x00112233, 0x44556677, 0x8899aabb, 0xccddeeff}}};
    EXPECT_EQ(uuid.to_string(), "00112233-4455-6677-8899-aabbccddeeff");
    EXPECT_EQ(Uuid::parse(uuid.to_string()), uuid);
    EXPECT_EQ(Uuid::parse("00112233-4455-6677-8899-AABBCCDDEEFF"), uuid);
    EXPECT_FALSE(uuid.is_zero());
    EXPECT_TRUE(Uuid().is_zero());
}

TEST(Uuid, RefusesOtherForms)
{
    for (const char *bad :
         {"", "00112233", "00112233-4455-6677-8899-aabbccddeef",
          "00112233-4455-6677-8899-aabbccddeefff",
          "00112233x4455-6677-8899-aabbccddeeff",
          "00112233-4455-6677-8899-aabbccddeefg",
          "0011223-34455-6677-8899-aabbccddeeff",
          "-0112233-4455-6677-8899-aabbccddeeff",
          "+0112233-4455-6677-8899-aabbccddeeff"}) {
        EXPECT_EQ(Uuid::parse(bad), std::nullopt) << bad;
    }
}

TEST(IpAddress, ReadsBothFamilies)
{
    for (const char *text :
         {"0.0.0.0", "192.0.2.10", "255.255.255.255", "::", "2001:db8::1"}) {
        auto ip = IpAddress::parse(text);
        ASSERT_TRUE(ip) << text;
        EXPECT_EQ(ip->to_string(), text);
    }
    EXPECT_EQ(IpAddress::parse("192.0.2.10")->bits(), 32);
    EXPECT_EQ(IpAddress::parse("::")->bits(), 128);
}

TEST(IpAddress, RefusesOtherTexts)
{
    for (const std::string &bad :
         {std::string(""), std::string("10.0.0"), std::string("10.0.0.256"),
          std::string("10.0.0.1 "), std::string("1:2"), std::string(":::"),
          std::string("host"), std::string("10.0.0.1\0x", 10)}) {
        EXPECT_EQ(IpAddress::parse(bad), std::nullopt) << bad;
    }
}

TEST(IpAddress, KnowsWhatNoHostElsewhereCanHave)
{
    for (const char *text : {"192.0.2.10", "10.0.0.255", "169.254.1.1",
                             "2001:db8::1", "fe80::1", "fd00::"}) {
        EXPECT_TRUE(IpAddress::parse(text)->is_of_a_host()) << text;
    }
    for (const char *text :
         {"0.0.0.0", "127.0.0.1", "224.0.0.1", "239.255.255.255",
          "255.255.255.255", "::", "::1", "::ffff:192.0.2.1", "ff02::1"}) {
        EXPECT_FALSE(IpAddress::parse(text)->is_of_a_host()) << text;
    }
}

TEST(IpAddress, LeavesNothingOfAFailedReadingBehind)
{
    /* As IPv4 this fails only after its first bytes are read. */
    EXPECT_EQ(IpAddress::parse("1::")->to_string(), "1::");
}

TEST(Cidr, ReadsPrefixesWithZeroHostBits)
{
    struct {
        const char *text, *canonical;
    } cases[] = {{"10.0.0.0/8", "10.0.0.0/8"},
                 {"10.0.0.1", "10.0.0.1/32"},
                 {"10.0.0.1/32", "10.0.0.1/32"},
                 {"0.0.0.0/0", "0.0.0.0/0"},
                 {"10.1.128.0/17", "10.1.128.0/17"},
                 {"::/0", "::/0"},
                 {"2001:db8::/33", "2001:db8::/33"},
                 {"2001:db8::1", "2001:db8::1/128"}};
    for (const auto &c : cases) {
        auto cidr = Cidr::parse(c.text);
        ASSERT_TRUE(cidr) << c.text;
        EXPECT_EQ(cidr->to_string(), c.canonical);
    }
}

TEST(Cidr, RefusesHostBitsAndOtherTexts)
{
    for (const char *bad :
         {"10.0.0.1/8", "10.1.128.0/16", "10.0.0.0/33", "10.0.0.0/-1",
          "10.0.0.0/", "10.0.0.0/8x", "10.0.0.0/ 8", "/8", "", "::1/64",
          "::/129", "10.0.0.0/99999999999999999999"}) {
        EXPECT_EQ(Cidr::parse(bad), std::nullopt) << bad;
    }
}

TEST(Cidr, ContainsOnlyItsOwnFamilyAndPrefix)
{
    Cidr cidr = *Cidr::parse("10.1.128.0/17");
    EXPECT_TRUE(cidr.contains(*IpAddress::parse("10.1.128.0")));
    EXPECT_TRUE(cidr.contains(*IpAddress::parse("10.1.255.255")));
    EXPECT_FALSE(cidr.contains(*IpAddress::parse("10.1.127.255")));
    EXPECT_FALSE(cidr.contains(*IpAddress::parse("a01:8000::")));
    EXPECT_TRUE(cidr.contains(*Cidr::parse("10.1.192.0/18")));
    EXPECT_TRUE(cidr.contains(cidr));
    EXPECT_FALSE(cidr.contains(*Cidr::parse("10.1.0.0/16")));
    EXPECT_TRUE(Cidr::parse("0.0.0.0/0")->contains(cidr));
    EXPECT_FALSE(Cidr::parse("::/0")->contains(cidr));
}

TEST(PortRange, ReadsOnePortAndARange)
{
    EXPECT_EQ(PortRange::parse("80"), (PortRange{80, 80}));
    EXPECT_EQ(PortRange::parse("0-65535"), (PortRange{0, 65535}));
    EXPECT_EQ(PortRange::parse("80")->to_string(), "80");
    EXPECT_EQ(PortRange::parse("80-443")->to_string(), "80-443");
    for (const char *bad : {"", "-", "80-", "-80", "443-80", "65536",
                            "80-80-1", "a", "80 ", "0x50", "1-65536"}) {
        EXPECT_EQ(PortRange::parse(bad), std::nullopt) << bad;
    }
}

TEST(Protocol, ReadsNamesAndNumbers)
{
    std::optional<uint8_t> protocol;
    for (const char *text :
         {"any", "tcp", "udp", "icmp", "icmpv6", "sctp", "0", "47", "255"}) {
        ASSERT_TRUE(protocol_parse(text, &protocol)) << text;
        EXPECT_EQ(protocol_to_string(protocol), text);
    }
    ASSERT_TRUE(protocol_parse("6", &protocol));
    EXPECT_EQ(protocol_to_string(protocol), "tcp");
    for (const char *bad : {"", "256", "-1", "TCP", "ipip", "1.5"}) {
        EXPECT_FALSE(protocol_parse(bad, &protocol)) << bad;
    }
}

Model
small_model()
{
    Model model;
    model.vpcs[Uuid{{{1, 0, 0, 0}}}].name = "vpc";
    model.tunnels[Uuid{{{2, 0, 0, 0}}}].vni = 5;
    model.tunnels[Uuid{{{3, 0, 0, 0}}}].vni = 6;
    return model;
}

TEST(ModelDelta, IsEmptyBetweenEquals)
{
    EXPECT_TRUE(diff(small_model(), small_model()).empty());
    EXPECT_TRUE(ModelDelta().empty());
}

TEST(ModelDelta, HoldsJustWhatChanged)
{
    Model from = small_model(), to = small_model();
    to.vpcs.clear();
    to.tunnels[Uuid{{{2, 0, 0, 0}}}].vni = 7;
    to.chassis[Uuid{{{4, 0, 0, 0}}}].name = "hv1";
    ModelDelta delta = diff(from, to);
    EXPECT_FALSE(delta.empty());
    EXPECT_EQ(delta.vpcs.size(), 1u);
    EXPECT_EQ(delta.tunnels.size(), 1u);
    EXPECT_EQ(delta.chassis.size(), 1u);
    apply(&from, delta);
    EXPECT_EQ(from, to);
}

TEST(Model, FindsTheAccountThatATargetMakes)
{
    Model model;
    Uuid vpc{{{1, 0, 0, 0}}}, subnet{{{2, 0, 0, 0}}}, id{{{3, 0, 0, 0}}};
    model.vpcs[vpc].account = "acme";
    model.subnets[subnet].vpc = vpc;
    Resource resource;
    EXPECT_EQ(target_account(model, resource), std::nullopt);

    resource.target_id = id;
    EXPECT_EQ(target_account(model, resource), std::nullopt);
    model.nics[id].account = "beta";
    EXPECT_EQ(target_account(model, resource), "beta");
    model.nics[id].subnet = subnet;
    EXPECT_EQ(target_account(model, resource), "acme");
    model.subnets.clear();
    EXPECT_EQ(target_account(model, resource), std::nullopt);

    resource.type = ResourceType::LoadBalancer;
    model.load_balancers[id].vpc = vpc;
    EXPECT_EQ(target_account(model, resource), "acme");

    resource.type = ResourceType::Collector;
    model.collectors[id];
    EXPECT_EQ(target_account(model, resource), std::nullopt);
    model.collectors[id].account = "acme";
    EXPECT_EQ(target_account(model, resource), "acme");
}

} // namespace
} // namespace pm
