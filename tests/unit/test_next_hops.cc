/* Next hops of deliveries: whom to ask when, and what is made of it. */
#include <gtest/gtest.h>

#include "plugin/next_hops.h"
#include "tests/unit/host.h"

namespace pm {
namespace {

TEST(NextHops, HaveTheirTimeToAnswerAndAreAskedAgain)
{
    NextHopKey key{"br-int", ip_of("10.0.0.1")};
    NextHops hops;
    EXPECT_EQ(hops.next_ms(), std::nullopt);
    hops.want({key});
    EXPECT_EQ(hops.due(1000).size(), 1u);
    EXPECT_TRUE(hops.due(1000).empty());
    EXPECT_TRUE(hops.take_changes(1000).empty());
    EXPECT_EQ(hops.due(1000 + NextHops::RETRY_MS).size(), 1u);
    int64_t late = 1000 + NextHops::PATIENCE_MS;
    EXPECT_EQ(hops.take_changes(late).at(key), (NextHopState{true, "", ""}));
    hops.heard("br-int", key.address, "02:00:00:00:01:01", late + 1);
    EXPECT_EQ(hops.take_changes(late + 1).at(key),
              (NextHopState{true, "02:00:00:00:01:01", ""}));
    EXPECT_TRUE(hops.due(late + NextHops::REFRESH_MS).empty());
    EXPECT_EQ(hops.due(late + 1 + NextHops::REFRESH_MS).size(), 1u);
    EXPECT_TRUE(hops.take_changes(late + NextHops::SILENCE_MS).empty());
    EXPECT_EQ(hops.take_changes(late + 1 + NextHops::SILENCE_MS).at(key),
              (NextHopState{true, "", ""}));
    hops.want({});
    EXPECT_EQ(hops.take_changes(late + 2 + NextHops::SILENCE_MS).at(key),
              NextHopState{});
}

TEST(NextHops, HaveToAnswerAnewWhereABridgeMayHaveForgottenThem)
{
    NextHopKey key{"br-int", ip_of("10.0.0.1")};
    const std::string mac = "02:00:00:00:01:01";
    NextHops hops;
    hops.want({key});
    hops.due(1000);
    hops.heard("br-int", key.address, mac, 1001);
    EXPECT_EQ(hops.take_changes(1001).size(), 1u);

    /* The answer may come before the bridge forgets: asked once more. */
    hops.doubt(5000);
    EXPECT_EQ(hops.due(5000).size(), 1u);
    hops.heard("br-int", key.address, mac, 5001);
    EXPECT_EQ(hops.due(5001 + NextHops::RETRY_MS).size(), 1u);
    hops.heard("br-int", key.address, mac, 6000);
    EXPECT_TRUE(hops.due(6000 + NextHops::REFRESH_MS - 1).empty());
    EXPECT_TRUE(hops.take_changes(20000).empty());

    /* Who does not answer has the time of one that was never heard, from when
     * it could first be asked; more doubt gives it no more. */
    hops.doubt(20000);
    EXPECT_TRUE(hops.take_changes(20000 + NextHops::PATIENCE_MS).empty());
    EXPECT_EQ(hops.due(30000).size(), 1u);
    EXPECT_EQ(hops.due(30000 + NextHops::RETRY_MS).size(), 1u);
    hops.doubt(31000);
    EXPECT_EQ(hops.due(31000).size(), 1u);
    EXPECT_TRUE(hops.take_changes(31999).empty());
    EXPECT_EQ(hops.take_changes(30000 + NextHops::PATIENCE_MS).at(key),
              (NextHopState{true, "", ""}));
    hops.heard("br-int", key.address, mac, 40000);
    EXPECT_EQ(hops.take_changes(40000).at(key), (NextHopState{true, mac, ""}));
}

TEST(NextHops, OfOneThatTheInventoryKnowsNoOtherAnswerCounts)
{
    NextHopKey key{"br-int", ip_of("10.0.0.1"), "02:00:00:00:01:01"};
    NextHops hops;
    hops.want({key});
    hops.due(1000);
    hops.heard("br-int", key.address, "02:00:00:00:06:66", 1001);
    EXPECT_TRUE(hops.take_changes(1001).empty());
    hops.heard("br-int", key.address, key.expected, 1002);
    EXPECT_EQ(hops.take_changes(1002).at(key),
              (NextHopState{true, key.expected, ""}));
    hops.heard("br-int", key.address, "02:00:00:00:06:66", 1003);
    EXPECT_TRUE(hops.take_changes(1003).empty());
    int64_t late = 1002 + NextHops::SILENCE_MS;
    EXPECT_EQ(hops.take_changes(late).at(key),
              (NextHopState{true, "", "02:00:00:00:06:66"}));
}

TEST(NextHops, WhoAnswersInAnothersPlaceCountsOnceThatOneIsSilent)
{
    NextHopKey key{"br-int", ip_of("10.0.0.1")};
    const std::string router = "02:00:00:00:01:01";
    NextHops hops;
    hops.want({key});
    hops.due(1000);
    hops.heard("br-int", key.address, router, 1001);
    EXPECT_EQ(hops.take_changes(1001).at(key).mac, router);

    /* Any VM of the segment can answer for it, and as often as it likes. */
    int64_t now = 5000;
    auto other = [&](int n) { return "02:00:00:00:00:0" + std::to_string(n); };
    hops.heard("br-int", key.address, other(1), now);
    EXPECT_EQ(hops.due(now).size(), 1u) << "the router was not asked";
    EXPECT_TRUE(hops.due(now).empty());
    hops.heard("br-int", key.address, router, now + 1);
    for (int n = 0; n < 9; n++) {
        hops.heard("br-int", key.address, other(n), now + 2 + n);
        EXPECT_TRUE(hops.due(now + 2 + n).empty()) << n;
    }
    now += 10 * NextHops::RETRY_MS;
    for (int n = 0; n < 9; n++) {
        hops.heard("br-int", key.address, other(n), now + n);
        hops.due(now + n);
    }
    EXPECT_TRUE(hops.take_changes(now + 9).empty());

    /* Another router has taken its place. */
    now += NextHops::PATIENCE_MS;
    EXPECT_FALSE(hops.due(now).empty());
    hops.heard("br-int", key.address, other(7), now);
    EXPECT_EQ(hops.take_changes(now).at(key).mac, other(7));
    /* And no more than one in that time. */
    for (int n = 0; n < 6; n++) {
        hops.heard("br-int", key.address, other(n),
                   now + n * NextHops::PATIENCE_MS / 6);
        EXPECT_TRUE(
            hops.take_changes(now + n * NextHops::PATIENCE_MS / 6).empty());
    }
}

TEST(NextHops, WhoIsSilentForGoodIsReplacedAtOnce)
{
    NextHopKey key{"br-int", ip_of("10.0.0.1")};
    NextHops hops;
    hops.want({key});
    hops.due(1000);
    hops.heard("br-int", key.address, "02:00:00:00:01:01", 1001);
    hops.take_changes(1001);
    int64_t late = 1001 + NextHops::SILENCE_MS;
    EXPECT_EQ(hops.take_changes(late).at(key).mac, "");
    hops.heard("br-int", key.address, "02:00:00:00:01:02", late + 1);
    EXPECT_EQ(hops.take_changes(late + 1).at(key).mac, "02:00:00:00:01:02");
}

TEST(NextHops, AnAnswerThatGivesNoMacOfAHostIsNone)
{
    for (const char *mac :
         {"ff:ff:ff:ff:ff:ff", "01:00:00:00:00:01", "00:00:00:00:00:00"}) {
        std::string arp = ask_frame(mac, ip_of("10.0.0.1"));
        arp[21] = 2;
        EXPECT_EQ(parse_answer(arp), std::nullopt) << mac;
        std::string nd = ask_frame(mac, ip_of("fd00::1"));
        nd[54] = static_cast<char>(136);
        EXPECT_EQ(parse_answer(nd), std::nullopt) << mac;
    }
}

TEST(NextHops, TheQuestionsAreWellFormedAndTheirAnswersUnderstood)
{
    std::string arp = ask_frame("02:11:22:33:44:55", ip_of("10.0.0.1"));
    EXPECT_EQ(arp.size(), 42u);
    EXPECT_EQ(arp.substr(0, 6), std::string(6, '\xff'));
    EXPECT_EQ(arp.substr(28, 4), std::string(4, '\0'));
    EXPECT_EQ(parse_answer(arp), std::nullopt);
    arp[21] = 2;
    arp.replace(28, 4, std::string("\x0a\0\0\1", 4));
    auto answer = parse_answer(arp);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->address, ip_of("10.0.0.1"));
    EXPECT_EQ(answer->mac, "02:11:22:33:44:55");

    std::string nd = ask_frame("02:11:22:33:44:55", ip_of("fd00::1"));
    EXPECT_EQ(nd.size(), 86u);
    EXPECT_EQ(parse_answer(nd), std::nullopt);
    nd[54] = static_cast<char>(136);
    answer = parse_answer(nd);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->address, ip_of("fd00::1"));
    for (size_t n = 0; n < nd.size(); n++) {
        parse_answer(nd.substr(0, n)); /* Cut anywhere: no crash. */
        parse_answer(arp.substr(0, std::min(n, arp.size())));
    }
}

TEST(NextHops, OfARestartedSwitchGetNothingUntilTheyAnswer)
{
    NextHopKey key{"br-int", ip_of("10.0.0.1")},
        silent{"br-int", ip_of("10.0.0.2")};
    const std::string mac = "02:00:00:00:01:01";
    NextHops hops;
    hops.want({key, silent});
    hops.due(1000);
    hops.heard("br-int", key.address, mac, 1001);
    hops.take_changes(1001);
    hops.restarted(2000);
    EXPECT_EQ(hops.take_changes(2000).at(key),
              (NextHopState{true, mac, "", true}));
    EXPECT_EQ(hops.due(2000).size(), 2u);
    EXPECT_EQ(hops.due(2000 + NextHops::HURRIED_RETRY_MS).size(), 2u);
    hops.heard("br-int", key.address, mac, 2060);
    EXPECT_EQ(hops.take_changes(2060).at(key),
              (NextHopState{true, mac, "", false}));

    hops.restarted(9000);
    hops.due(9000);
    EXPECT_EQ(hops.take_changes(9000 + NextHops::PATIENCE_MS).at(key),
              (NextHopState{true, "", "", false}))
        << "it is silent";
}

} // namespace
} // namespace pm
