#include <gtest/gtest.h>

#include "plugin/settings.h"

namespace pm {

namespace {

/* What is said of 'key' where it has 'value'; "" where it counts. */
std::string
said(const std::string &key, const std::string &value)
{
    Settings settings = parse_settings({{key, value}});
    EXPECT_LE(settings.ignored.size(), settings.ignored.count(key));
    auto i = settings.ignored.find(key);
    return i == settings.ignored.end() ? "" : i->second;
}

TEST(Settings, ThatAreNotThereAreTheDefaults)
{
    EXPECT_EQ(parse_settings({}), Settings{});
    EXPECT_EQ(parse_settings({{"hostname", "x"}, {"mirror-bridge", ""}}),
              Settings{});
}

TEST(Settings, AreReadFromExternalIds)
{
    Settings settings =
        parse_settings({{"system-id", "hv1"},
                        {"mirror-remote", "tcp:192.0.2.1:6642"},
                        {"mirror-bridge", "br-x"},
                        {"mirror-encap-ip", "198.51.100.2,fd00::2"},
                        {"mirror-stats-interval", "5"},
                        {"mirror-slots-reserve", "32"},
                        {"mirror-rate-kbps", "0"}});
    EXPECT_EQ(settings.chassis, "hv1");
    EXPECT_EQ(settings.remote, "tcp:192.0.2.1:6642");
    EXPECT_EQ(settings.mirror_bridge, "br-x");
    EXPECT_EQ(settings.encap_v4, IpAddress::parse("198.51.100.2"));
    EXPECT_EQ(settings.encap_v6, IpAddress::parse("fd00::2"));
    EXPECT_EQ(settings.stats_interval_s, 5);
    EXPECT_EQ(settings.slots_reserve, 32);
    EXPECT_EQ(settings.rate_kbps, 0);
    EXPECT_TRUE(settings.ignored.empty());
    EXPECT_EQ(parse_settings({{"mirror-rate-kbps", "unlimited"}}).rate_kbps,
              std::nullopt);
}

TEST(Settings, OfAnyRateTakeNoMoreThanAMeterCan)
{
    EXPECT_EQ(parse_settings({{"mirror-rate-kbps", "9223372036854775807"}})
                  .rate_kbps,
              UINT32_MAX);
}

TEST(Settings, ThatAreJunkLeaveTheDefaultAndAreNamed)
{
    for (const auto &[key, value] :
         std::map<std::string, std::string>{{"mirror-stats-interval", "soon"},
                                            {"mirror-slots-reserve", "4x"},
                                            {"mirror-rate-kbps", "1 Gbit"},
                                            {"mirror-encap-ip", "eth0"}}) {
        Settings settings = parse_settings({{key, value}});
        std::string why = said(key, value);
        EXPECT_NE(why.find("external_ids:" + key), std::string::npos) << why;
        EXPECT_NE(why.find("\"" + value + "\""), std::string::npos) << why;
        settings.ignored.clear();
        EXPECT_EQ(settings, Settings{}) << key;
    }
}

TEST(Settings, OutOfRangeAreJunkToo)
{
    for (const char *text : {"0", "-1", "86401", "99999999999999999999"}) {
        EXPECT_NE(said("mirror-stats-interval", text), "") << text;
    }
    for (const char *text : {"-1", "33", "2147483648"}) {
        EXPECT_NE(said("mirror-slots-reserve", text), "") << text;
    }
    for (const char *text : {"-1", "1.5", "Unlimited", "0x10"}) {
        EXPECT_NE(said("mirror-rate-kbps", text), "") << text;
    }
    for (const char *text : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "ff02::1",
                             "192.0.2.1/24", "192.0.2.1 "}) {
        EXPECT_NE(said("mirror-encap-ip", text), "") << text;
    }
}

TEST(Settings, KeepTheGoodAddressBesideABadOne)
{
    Settings settings =
        parse_settings({{"mirror-encap-ip", "junk,198.51.100.2"}});
    EXPECT_EQ(settings.encap_v4, IpAddress::parse("198.51.100.2"));
    EXPECT_EQ(settings.ignored.count("mirror-encap-ip"), 1u);
}

TEST(Settings, TakeOneAddressOfAFamilyAndNameTheOther)
{
    Settings settings =
        parse_settings({{"mirror-encap-ip", "198.51.100.2,198.51.100.3"}});
    EXPECT_EQ(settings.encap_v4, IpAddress::parse("198.51.100.2"));
    EXPECT_NE(said("mirror-encap-ip", "198.51.100.2,198.51.100.3"), "");
    EXPECT_EQ(said("mirror-encap-ip", "198.51.100.2,198.51.100.2"), "");
}

TEST(Settings, AreNamedInOneLineWhateverTheyHave)
{
    std::string why = said("mirror-slots-reserve", "\n\x1b[2J");
    EXPECT_EQ(why.find('\n'), std::string::npos);
    EXPECT_EQ(why.find('\x1b'), std::string::npos);
}

} // namespace

} // namespace pm
