#include <gtest/gtest.h>

#include "plugin/lifecycle.h"
#include "plugin/told.h"
#include "tests/unit/host.h"

namespace pm {

namespace {

constexpr char SECRET[] = "secret-name";

TunnelStatus
status_between(const std::string &account, const std::string &other)
{
    TunnelStatus status;
    status.account = account;
    status.destination_account = other;
    status.health = Health::Degraded;
    status.reasons["TARGET_MISSING"] = std::string("the target ") + SECRET;
    status.reasons["NEW_CODE"] = SECRET;
    status.conditions["Installed"] = {
        ConditionStatus::False, std::string("PIPELINE_UNSAFE: ") + SECRET};
    status.conditions["SourceBound"] = {ConditionStatus::True, ""};
    status.events = {std::string("2026-01-01T00:00:00Z degraded NO_ROUTE: ") +
                     SECRET};
    return status;
}

std::string
all_words(const TunnelStatus &status)
{
    std::string words;
    for (const auto &[code, message] : status.reasons) {
        words += code + ": " + message + "\n";
    }
    for (const auto &[type, condition] : status.conditions) {
        words += type + ": " + condition.reason + "\n";
    }
    for (const std::string &event : status.events) {
        words += event + "\n";
    }
    return words;
}

TEST(Told, OfATunnelBetweenAccountsTheCodesAndNoNames)
{
    TunnelStatus status = status_between("acme", "beta");
    for (const char *viewer : {"acme", "beta"}) {
        std::string words = all_words(as_told_to(viewer, status));
        EXPECT_EQ(words.find(SECRET), std::string::npos) << words;
        for (const char *code :
             {"TARGET_MISSING: ", "NEW_CODE: ", "PIPELINE_UNSAFE: ",
              "2026-01-01T00:00:00Z degraded NO_ROUTE"}) {
            EXPECT_NE(words.find(code), std::string::npos) << words;
        }
    }
}

TEST(Told, TheOperatorAndTheOwnerOfBothEndsReadAll)
{
    TunnelStatus between = status_between("acme", "beta");
    EXPECT_EQ(as_told_to("", between), between);
    TunnelStatus own = status_between("acme", "acme");
    EXPECT_EQ(as_told_to("acme", own), own);
}

/* What a tunnel's own account can mend by an edit is not the operator's. */
TEST(Told, WhoMendsATunnelThatIsItselfWrong)
{
    const std::string of_others = plain_reason("NEW_CODE");
    for (const char *code : {"NAME_INVALID",        "NOTE_TOO_LONG",
                             "NOT_OWNER",           "PURPOSE_MISMATCH",
                             "DUPLICATE_RESOURCE",  "ROLE_CONFLICT",
                             "REGION_MISMATCH",     "SAME_NIC",
                             "SAME_SUBNET",         "NIC_NOT_ALLOWED",
                             "LB_NOT_TRANSIT",      "VNI_RANGE",
                             "PACKET_LENGTH_RANGE", "PACKET_LENGTH_TOO_LARGE",
                             "DUPLICATE_TUNNEL",    "TUNNEL_LIMIT",
                             "RULE_NUMBER",         "RULE_ACTION",
                             "RULE_PROTOCOL",       "RULE_CIDR",
                             "RULE_PORT",           "RULE_ICMP",
                             "RULE_LIMIT",          "RULE_TOO_COSTLY"}) {
        EXPECT_NE(plain_reason(code), of_others) << code;
    }
}

/* A tunnel of acme's to a collector of beta's that is gone. */
TEST(Told, AListNamesNothingOfTheOtherAccounts)
{
    Host host;
    host.add_source(0);
    host.add_collector(0);
    Uuid id = host.add_tunnel(0, 0, 0);
    Resource &source = host.model.resources[row_id(Row::Source, 0)];
    source.iface_id = "acmes-nic";
    Resource &destination = host.model.resources[row_id(Row::Destination, 0)];
    destination.account = "beta";
    destination.target = SECRET;
    destination.target_id.reset();
    host.model.tunnels[id].accepted = Acceptance{"beta", 1, 1};
    TunnelStatus status = status_between("acme", "beta");
    status.tunnel = id;
    host.model.tunnel_statuses[row_id(Row::Status, 0)] = status;
    for (const char *viewer : {"acme", "beta", ""}) {
        auto views = tunnel_views(host.model, 1000, viewer);
        ASSERT_EQ(views.size(), 1u);
        std::string words;
        for (const auto &[code, message] : views[0].reasons) {
            words += code + ": " + message + "\n";
        }
        for (const auto &[type, condition] : views[0].conditions) {
            words += type + ": " + condition.reason + "\n";
        }
        bool all = !*viewer;
        EXPECT_EQ(words.find(SECRET) != std::string::npos, all) << words;
        EXPECT_EQ(words.find("acmes-nic") != std::string::npos, all) << words;
    }
}

} // namespace

} // namespace pm
