#include <gtest/gtest.h>

#include "plugin/document.h"
#include "tests/unit/world.h"

namespace pm {
namespace {

Codes
apply_codes(const std::string &text)
{
    World world;
    return codes(world.apply_text(text).problems);
}

TEST(Document, TakesTheWholeExample)
{
    World world;
    Edit edit = world.apply(document());
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(edit.touched_tunnels.size(), 3u);

    const Tunnel *tunnel = world.tunnel("acme/web1-ids");
    ASSERT_NE(tunnel, nullptr);
    EXPECT_EQ(tunnel->vni, 7001);
    EXPECT_EQ(tunnel->packet_length, 128);
    EXPECT_EQ(tunnel->generation, 1);
    EXPECT_EQ(tunnel->created_ms, world.now_ms);
    EXPECT_EQ(tunnel->mode, Mode::Mirror);
    EXPECT_TRUE(tunnel->enabled);
    EXPECT_EQ(tunnel->filter, world.id("mirror_filters", "acme/web"));

    const Filter *filter = world.filter("acme/web");
    ASSERT_NE(filter, nullptr);
    EXPECT_TRUE(filter->mirror_non_ip);
    ASSERT_EQ(filter->inbound.size(), 2u);
    EXPECT_EQ(filter->inbound[0].number, 100);
    EXPECT_EQ(filter->inbound[0].protocol, 6);
    EXPECT_EQ(filter->inbound[0].source, Cidr::parse("10.1.0.9/32"));
    EXPECT_EQ(filter->inbound[1].destination_port, (PortRange{80, 443}));
    EXPECT_EQ(filter->outbound[0].icmp_type, 8);
    EXPECT_EQ(filter->outbound[1].source_port, (PortRange{443, 443}));

    const Resource *resource = world.resource("acme/web1-src");
    ASSERT_NE(resource, nullptr);
    EXPECT_EQ(resource->iface_id, "if-web1");
    EXPECT_EQ(resource->target_id, world.id("network_interfaces", "web1"));

    const Subnet *subnet =
        find(world.model.subnets, world.id("subnets", "sn-a"));
    ASSERT_NE(subnet, nullptr);
    EXPECT_EQ(subnet->routes.at(*Cidr::parse("10.2.0.0/16")), "a-to-b");
    EXPECT_FALSE(world.id("transit_connects", "vpc-a-tvpc").is_zero());
}

TEST(Document, AppliedAgainChangesNothing)
{
    World world = settled_world();
    Model before = world.model;
    Edit edit = world.apply(document());
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(edit.model, before);
    EXPECT_TRUE(edit.events.empty());
    /* Named, they are awaited: perhaps they are not in force yet. */
    EXPECT_EQ(edit.touched_tunnels.size(), before.tunnels.size());
    EXPECT_TRUE(edit.warnings.empty());
}

TEST(Document, AppliedAgainWithSetsInTheDatabasesOrderChangesNothing)
{
    World world = settled_world();
    world.put_one("", "network_interfaces",
                  {{"name", "many"},
                   {"iface_id", "many"},
                   {"addresses", {"10.0.0.9", "10.0.0.10"}}});
    Nic &nic = world.model.nics[world.id("network_interfaces", "many")];
    ASSERT_EQ(nic.addresses.size(), 2u);
    std::swap(nic.addresses[0], nic.addresses[1]);
    Model before = world.model;
    Edit edit = world.put_one("", "network_interfaces",
                              {{"name", "many"},
                               {"iface_id", "many"},
                               {"addresses", {"10.0.0.10", "10.0.0.9"}}});
    EXPECT_EQ(edit.model, before);
}

TEST(Document, AppliedFromItsExportChangesNothing)
{
    World world = settled_world();
    world.accept("beta", "acme/web1-beta");
    Model before = world.model;
    json exported = export_document(world.model, world.context());
    Edit edit = world.apply(exported, "", true);
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(edit.model, before);
}

TEST(Document, ExportRestoresAnEmptyDatabase)
{
    World world = settled_world();
    world.accept("beta", "acme/web1-beta");
    json exported = export_document(world.model, world.context());
    EXPECT_EQ(exported["mirror_tunnels"][0]["accepted"], true);

    World copy;
    Edit edit = copy.apply(exported, "", true);
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(export_document(copy.model, copy.context()), exported);
    ASSERT_NE(copy.tunnel("acme/web1-beta"), nullptr);
    ASSERT_TRUE(copy.tunnel("acme/web1-beta")->accepted);
    EXPECT_EQ(copy.tunnel("acme/web1-beta")->accepted->by, "default");
    EXPECT_EQ(copy.tunnel("acme/web1-beta")->accepted->generation, 1);
}

TEST(Document, ExportsToAnAccountOnlyItsOwn)
{
    World world = settled_world();
    json exported = export_document(world.model, world.context("beta"));
    EXPECT_FALSE(exported.contains("vpcs"));
    EXPECT_EQ(exported["mirror_resources"].size(), 1u);
    EXPECT_TRUE(exported["mirror_tunnels"].empty());
    Model before = world.model;
    EXPECT_EQ(world.apply(exported, "beta", true).model, before);
}

TEST(Document, NamesEachOfItsFaults)
{
    json doc = document();
    doc["mirror_tunnels"].push_back(tunnel("bad-vni", "web2-src", "ids-dst",
                                           {{"vni", 0}, {"colour", "red"}}));
    doc["mirror_tunnels"].push_back(
        tunnel("Bad Name", "web2-src", "nowhere",
               {{"filter", "none"}, {"packet_length", 10}}));
    doc["mirror_tunnels"].push_back(
        tunnel("long", "web2-src", "col-dst", {{"packet_length", 2000}}));
    doc["mirror_tunnels"].push_back(
        tunnel("noted", "web2-src", "lb-dst",
               {{"note", std::string(1001, 'x')}, {"enabled", "yes"}}));
    doc["mirror_filters"].push_back(json::parse(R"(
 {"name": "bad", "account": "acme", "inbound": [
   {"number": 5, "action": "accept", "protocol": "tcp"},
   {"number": 5, "action": "pass", "protocol": "tpc",
    "source_port": "1-2", "source": "10.0.0.1/8"},
   {"number": 32767, "action": "accept", "protocol": 17,
    "source_port": "99999", "icmp_type": 8}]})"));
    doc["mirror_resources"].push_back(
        resource("gone", "destination", "no-such", "collector"));
    doc["vpcs"].push_back({{"name", "vpc-x"}, {"kind", "big"}});
    doc["volcano"] = 1;

    World world;
    Edit edit = world.apply(doc);
    EXPECT_EQ(
        sorted(codes(edit.problems)),
        sorted({"TYPE vpcs[4].kind", "NOT_FOUND mirror_resources[6].target",
                "RULE_NUMBER mirror_filters[1].inbound[1].number",
                "RULE_ACTION mirror_filters[1].inbound[1].action",
                "RULE_PROTOCOL mirror_filters[1].inbound[1].protocol",
                "RULE_CIDR mirror_filters[1].inbound[1].source",
                "RULE_NUMBER mirror_filters[1].inbound[2].number",
                "RULE_PORT mirror_filters[1].inbound[2].source_port",
                "RULE_ICMP mirror_filters[1].inbound[2].icmp_type",
                "VNI_RANGE mirror_tunnels[3].vni",
                "UNKNOWN_KEY mirror_tunnels[3].colour",
                "NAME_INVALID mirror_tunnels[4].name",
                "NOT_FOUND mirror_tunnels[4].destination",
                "NOT_FOUND mirror_tunnels[4].filter",
                "PACKET_LENGTH_RANGE mirror_tunnels[4].packet_length",
                "PACKET_LENGTH_TOO_LARGE mirror_tunnels[5].packet_length",
                "NOTE_TOO_LONG mirror_tunnels[6].note",
                "TYPE mirror_tunnels[6].enabled", "UNKNOWN_KEY volcano"}));
    EXPECT_EQ(world.model, Model());
    for (const Problem &problem : edit.problems) {
        EXPECT_FALSE(problem.message.empty()) << problem.path;
        EXPECT_EQ(problem.message.find('\n'), std::string::npos);
    }
}

TEST(Document, ReportsOneMistakeOnce)
{
    json doc = document();
    /* The wrong purpose: nobody who refers to it is to blame. */
    doc["mirror_resources"][0]["purpose"] = "sauce";
    World world;
    EXPECT_EQ(codes(world.apply(doc).problems),
              Codes{"TYPE mirror_resources[0].purpose"});

    doc = document();
    doc["subnets"][0]["cidr"] = "10.1.0.1/24";
    EXPECT_EQ(codes(world.apply(doc).problems),
              Codes{"SYNTAX subnets[0].cidr"});

    doc = document();
    doc["mirror_resources"][5]["target"] = "ids-j"; /* acme's, not beta's. */
    EXPECT_EQ(codes(world.apply(doc).problems),
              Codes{"NOT_OWNER mirror_resources[5].target"});

    doc = document();
    doc["vpcs"][0]["name"] = 7;
    for (const Problem &problem : world.apply(doc).problems) {
        EXPECT_TRUE(problem.code == "NOT_FOUND" || problem.code == "TYPE")
            << problem.code << " " << problem.path;
    }
}

TEST(Document, RefusesOtherTypes)
{
    struct {
        const char *text;
        Codes codes;
    } cases[] = {
        {"[]", {"TYPE document"}},
        {"7", {"TYPE document"}},
        {"null", {"TYPE document"}},
        {R"({"vpcs": {}})", {"TYPE vpcs"}},
        {R"({"vpcs": null})", {"TYPE vpcs"}},
        {R"({"vpcs": [7, "x"]})", {"TYPE vpcs[0]", "TYPE vpcs[1]"}},
        {R"({"vpcs": [{}]})", {"TYPE vpcs[0].name"}},
        {R"({"vpcs": [{"name": 7}]})", {"TYPE vpcs[0].name"}},
        {R"({"vpcs": [{"name": ""}]})", {"SYNTAX vpcs[0].name"}},
        {R"({"vpcs": [{"name": "a\nb"}]})", {"SYNTAX vpcs[0].name"}},
        {R"({"vpcs": [{"name": "a", "region": "\u0000"}]})",
         {"SYNTAX vpcs[0].region"}},
        {R"({"vpcs": [{"name": "a", "account": "x/y"}]})",
         {"SYNTAX vpcs[0].account"}},
        {R"({"vpcs": [{"name": "a"}, {"name": "a"}]})",
         {"DUPLICATE vpcs[1].name"}},
        {R"({"peerings": [{"name": "p", "from": "a", "to": "b"}]})",
         {"NOT_FOUND peerings[0].from", "NOT_FOUND peerings[0].to"}},
        {R"({"vpcs": [{"name": "a"}],
             "peerings": [{"name": "p", "from": "a", "to": "a"}]})",
         {"MISMATCH peerings[0].to"}},
        {R"({"vpcs": [{"name": "a"}, {"name": "b"}],
             "transit_connects": [{"vpc": "a", "transit_vpc": "b"}]})",
         {"MISMATCH transit_connects[0].transit_vpc"}},
        {R"({"vpcs": [{"name": "a"}], "subnets": [
             {"name": "s", "vpc": "a", "cidr": "10.0.0.0/8",
              "gateway": "10.0.0.256", "gateway_mac": "x",
              "routes": [{"to": "10.0.0.0/8"}, {"to": "::/0", "via": "p"},
                         {"to": "::/0", "via": "local"}, 7]}]})",
         {"SYNTAX subnets[0].gateway", "SYNTAX subnets[0].gateway_mac",
          "TYPE subnets[0].routes[0].via",
          "NOT_FOUND subnets[0].routes[1].via",
          "DUPLICATE subnets[0].routes[2].to", "TYPE subnets[0].routes[3]"}},
        {R"({"network_interfaces": [{"name": "n", "mac": "52:54", "mtu": 67,
              "addresses": ["10.0.0.1", 7, "x"], "permits_vxlan_from": "x"}]})",
         {"TYPE network_interfaces[0].iface_id",
          "SYNTAX network_interfaces[0].mac",
          "TYPE network_interfaces[0].addresses[1]",
          "SYNTAX network_interfaces[0].addresses[2]",
          "TYPE network_interfaces[0].mtu",
          "TYPE network_interfaces[0].permits_vxlan_from"}},
        {R"({"network_interfaces": [{"name": "n", "iface_id": "i"},
                                    {"name": "m", "iface_id": "i"}]})",
         {"DUPLICATE network_interfaces[1].iface_id"}},
        {R"({"vpcs": [{"name": "a"}], "load_balancers": [
             {"name": "l", "vpc": "a", "members": ["10.0.0.1"],
              "addresses": ["10.0.0.2"]}]})",
         {"MISMATCH load_balancers[0].addresses"}},
        {R"({"vpcs": [{"name": "a"}], "load_balancers": [
             {"name": "l", "vpc": "a", "addresses": ["10.0.0.1", "x",
              {"address": "10.0.0.1"}, {"state": "up"}, 7,
              {"address": "10.0.0.3", "network_interface": "none"}]}]})",
         {"SYNTAX load_balancers[0].addresses[1]",
          "DUPLICATE load_balancers[0].addresses[2]",
          "TYPE load_balancers[0].addresses[3].address",
          "TYPE load_balancers[0].addresses[4]",
          "NOT_FOUND load_balancers[0].addresses[5].network_interface"}},
        {R"({"collectors": [{"name": "c"}]})", {"TYPE collectors[0].address"}},
        {R"({"mirror_resources": [{"name": "abc"}]})",
         {"TYPE mirror_resources[0].purpose", "TYPE mirror_resources[0].type",
          "TYPE mirror_resources[0].target"}},
        {R"({"mirror_filters": [{"name": "abc", "inbound": [{}, 7]}]})",
         {"TYPE mirror_filters[0].inbound[0].number",
          "TYPE mirror_filters[0].inbound[0].action",
          "TYPE mirror_filters[0].inbound[1]"}},
        {R"({"mirror_tunnels": [{"name": "abc"}]})",
         {"TYPE mirror_tunnels[0].source",
          "TYPE mirror_tunnels[0].destination"}},
    };
    for (const auto &c : cases) {
        EXPECT_EQ(apply_codes(c.text), c.codes) << c.text;
    }
}

TEST(Document, RefusesNumbersThatAreNotWhole)
{
    for (const char *number : {"1.5", "7001.0", "1e3", "\"7001\"", "true",
                               "null", "[]", "123456789012345678901234"}) {
        World world;
        std::string text = document().dump();
        text.replace(text.find("7001"), 4, number);
        EXPECT_EQ(codes(world.apply_text(text).problems),
                  Codes{"TYPE mirror_tunnels[0].vni"})
            << number;
    }
}

TEST(Document, NamesANumberAsItWasGiven)
{
    for (const std::string number :
         {"1099511627776", "-1099511627776", "9223372036854775807"}) {
        const json n = json::parse(number);
        json rule = {{"number", n},
                     {"action", "accept"},
                     {"protocol", "icmp"},
                     {"icmp_type", n},
                     {"icmp_code", n}};
        json doc = {
            {"mirror_filters",
             {{{"name", "flt"}, {"account", "acme"}, {"inbound", {rule}}}}},
            {"mirror_tunnels",
             {tunnel("long", "web2-src", "col-dst",
                     {{"packet_length", n}, {"vni", n}})}}};
        World world = settled_world();
        Edit edit = world.apply(doc);
        EXPECT_EQ(
            sorted(codes(edit.problems)),
            sorted({"PACKET_LENGTH_RANGE "
                    "mirror_tunnels[0].packet_length",
                    "VNI_RANGE mirror_tunnels[0].vni",
                    "RULE_NUMBER mirror_filters[0].inbound[0].number",
                    "RULE_ICMP mirror_filters[0].inbound[0].icmp_type",
                    "RULE_ICMP mirror_filters[0].inbound[0].icmp_code"}));
        for (const Problem &problem : edit.problems) {
            EXPECT_NE(problem.message.find(" " + number + " is not in "),
                      std::string::npos)
                << problem.message;
        }
    }
}

TEST(Document, RefusesWhatIsNoJson)
{
    for (const std::string &text :
         {std::string(""), std::string("{"), std::string("{\"vpcs\": [}"),
          std::string("{\"vpcs\": NaN}"), std::string("{\"vpcs\": 1e400}"),
          std::string("{\"vpcs\": [\"\xff\"]}"), std::string("{} x"),
          std::string("\0", 1), std::string("{'vpcs': []}"),
          std::string("{\"a\": 01}"), std::string("{\"a\": \"\\ud800\"}"),
          std::string("{\"vpcs\": [],}"), std::string(1000000, '['),
          std::string("// comment\n{}"), std::string("{}\0{}", 5),
          std::string("{}\0", 3), std::string("{\0}", 3)}) {
        World world;
        Edit edit = world.apply_text(text);
        ASSERT_EQ(codes(edit.problems), Codes{"SYNTAX document"})
            << quote(text);
        EXPECT_TRUE(valid_utf8(edit.problems[0].message));
        EXPECT_EQ(edit.problems[0].message.find('\n'), std::string::npos);
    }
}

TEST(Document, NamesTheLineThatIsNoJson)
{
    World world;
    Edit edit = world.apply_text("{\n \"vpcs\": [\n  {\"name\" 7}\n ]\n}\n");
    ASSERT_EQ(edit.problems.size(), 1u);
    EXPECT_EQ(edit.problems[0].message.substr(0, 6), "line 3");
}

TEST(Document, RefusesDeepNesting)
{
    for (size_t depth : {33, 1000, 100000}) {
        EXPECT_EQ(apply_codes("{\"vpcs\":" + std::string(depth, '[') +
                              std::string(depth, ']') + "}"),
                  Codes{"SYNTAX document"});
        std::string objects;
        for (size_t i = 0; i < depth; i++) {
            objects += "{\"a\":";
        }
        EXPECT_EQ(apply_codes(objects), Codes{"SYNTAX document"});
    }
}

TEST(Document, RefusesAKeyGivenTwice)
{
    EXPECT_EQ(apply_codes(R"({"vpcs": [], "vpcs": []})"),
              Codes{"SYNTAX vpcs"});
    EXPECT_EQ(apply_codes(R"({"mirror_filters": [{"inbound": [{"number": 1},
                     {"number": 2, "number": 3}]}]})"),
              Codes{"SYNTAX mirror_filters[0].inbound[1].number"});
}

TEST(Document, QuotesUnknownKeysThatAreNoWords)
{
    EXPECT_EQ(apply_codes(R"({"a\nb": 1})"),
              Codes{"UNKNOWN_KEY \"a\\u000ab\""});
}

TEST(Document, TakesPortsAndProtocolsAsTextOrNumber)
{
    World world;
    Edit edit =
        world.apply_text(R"({"mirror_filters": [{"name": "abc", "inbound": [
        {"number": 1, "action": "accept", "protocol": 6, "source_port": 80},
        {"number": 2, "action": "accept", "protocol": "6",
         "source_port": "80"},
        {"number": 3, "action": "accept", "protocol": "tcp",
         "source_port": "80-80"}]}]})");
    EXPECT_EQ(codes(edit.problems), Codes());
    const Filter *filter = world.filter("abc");
    ASSERT_NE(filter, nullptr);
    for (const Rule &rule : filter->inbound) {
        EXPECT_EQ(rule.protocol, 6);
        EXPECT_EQ(rule.source_port, (PortRange{80, 80}));
    }
    EXPECT_EQ(apply_codes(R"({"mirror_filters": [{"name": "abc", "inbound": [
        {"number": 1, "action": "accept", "protocol": -6, "source_port": -1,
         "destination_port": true}]}]})"),
              (Codes{"RULE_PORT mirror_filters[0].inbound[0].source_port",
                     "TYPE mirror_filters[0].inbound[0].destination_port",
                     "RULE_PROTOCOL mirror_filters[0].inbound[0].protocol"}));
}

TEST(Document, TakesKeysLeftOutAsTheirDefaults)
{
    World world = settled_world();
    world.apply_text(R"({"mirror_tunnels": [
        {"name": "web1-ids", "account": "acme", "source": "web1-src",
         "destination": "ids-dst"}]})");
    const Tunnel *tunnel = world.tunnel("acme/web1-ids");
    ASSERT_NE(tunnel, nullptr);
    EXPECT_EQ(tunnel->filter, std::nullopt);
    EXPECT_EQ(tunnel->packet_length, std::nullopt);
    EXPECT_EQ(tunnel->vni, 7001) << "a VNI, once there, is kept";
    EXPECT_EQ(tunnel->generation, 2);
}

TEST(Document, ChoosesVnisThatTheAccountDoesNotUse)
{
    World world;
    json doc = document();
    doc["mirror_tunnels"] = {
        tunnel("tun-a", "web1-src", "ids-dst"),
        tunnel("tun-b", "web1-src", "col-dst"),
        tunnel("tun-c", "web2-src", "col-dst", {{"vni", 1}}),
        tunnel("tun-d", "web2-src", "ids-dst")};
    TunnelStatus leaving;
    leaving.account = "acme";
    leaving.vni = 3;
    world.model.tunnel_statuses[world.new_uuid()] = leaving;
    EXPECT_EQ(codes(world.apply(doc).problems), Codes());
    EXPECT_EQ(world.tunnel("acme/tun-c")->vni, 1);
    EXPECT_EQ(world.tunnel("acme/tun-a")->vni, 2);
    EXPECT_EQ(world.tunnel("acme/tun-b")->vni, 4);
    EXPECT_EQ(world.tunnel("acme/tun-d")->vni, 5);
    Model before = world.model;
    EXPECT_EQ(world.apply(doc).model, before);
}

TEST(Document, WarnsOfAVniSharedAtOneDestination)
{
    World world = settled_world();
    Edit edit = world.put_one(
        "acme", "mirror_tunnels",
        tunnel("web2-ids", "web2-src", "ids-dst", {{"vni", 7001}}));
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(codes(edit.warnings), Codes{"VNI_SHARED x.vni"});
}

TEST(Document, SaysThatCopiesBetweenAccountsCostFees)
{
    World world;
    Edit edit = world.apply(document());
    EXPECT_EQ(codes(edit.warnings), Codes{"NETWORK_FEES mirror_tunnels[2]"});
    edit = world.accept("beta", "acme/web1-beta");
    EXPECT_EQ(codes(edit.warnings),
              Codes{"NETWORK_FEES mirror_tunnels[\"acme/web1-beta\"]"});
}

TEST(Document, TakesTheOtherAccountBesideTheDestination)
{
    World world;
    json doc = document();
    doc["mirror_tunnels"][2]["destination"] = "beta-dst";
    doc["mirror_tunnels"][2]["destination_account"] = "beta";
    EXPECT_EQ(codes(world.apply(doc).problems), Codes());
    doc["mirror_tunnels"][2]["destination"] = "acme/beta-dst";
    EXPECT_EQ(codes(world.apply(doc).problems),
              (Codes{"MISMATCH mirror_tunnels[2].destination_account",
                     "NOT_FOUND mirror_tunnels[2].destination"}));
}

TEST(Document, VerifiesTheDerivedKeysOfTheGuide)
{
    World world;
    json doc = document();
    json &t = doc["mirror_tunnels"][0];
    t["source_vpc"] = "vpc-a";
    t["destination_vpc"] = "vpc-a";
    t["destination_type"] = "network-interface";
    EXPECT_EQ(codes(world.apply(doc).problems), Codes());
    t["source_vpc"] = "vpc-b";
    t["destination_vpc"] = "tvpc";
    t["destination_type"] = "collector";
    EXPECT_EQ(codes(world.apply(doc).problems),
              (Codes{"MISMATCH mirror_tunnels[0].source_vpc",
                     "MISMATCH mirror_tunnels[0].destination_vpc",
                     "MISMATCH mirror_tunnels[0].destination_type"}));
}

TEST(Document, TakesAddressesForMembers)
{
    World world;
    json doc = document();
    doc["load_balancers"][0]["addresses"] =
        doc["load_balancers"][0]["members"];
    doc["load_balancers"][0].erase("members");
    EXPECT_EQ(codes(world.apply(doc).problems), Codes());
    World same;
    same.apply(document());
    EXPECT_EQ(export_document(world.model, world.context()),
              export_document(same.model, same.context()));
}

TEST(Document, VerifiesTheAccountOfANicInASubnet)
{
    World world = settled_world();
    json nic = {{"name", "extra"},
                {"iface_id", "extra"},
                {"subnet", "sn-a"},
                {"account", "acme"}};
    EXPECT_EQ(codes(world.put_one("", "network_interfaces", nic).problems),
              Codes());
    nic["account"] = "beta";
    EXPECT_EQ(codes(world.put_one("", "network_interfaces", nic).problems),
              Codes{"MISMATCH x.account"});
}

TEST(Document, IsJudgedTogetherWithTheEditsJoinedToIt)
{
    World world = settled_world();
    json doc = {{"mirror_tunnels",
                 {tunnel("successor", "web1-src", "ids-dst",
                         {{"filter", "web"}, {"vni", 7009}})}}};
    EXPECT_EQ(codes(world.apply(doc).problems),
              Codes{"DUPLICATE_TUNNEL mirror_tunnels[0]"});
    Edit edit = world.command("", [&](Edit *e, const EditContext &who) {
        apply_document(e, who, doc.dump(), false);
        erase(e, who, "mirror_tunnels", "acme/web1-ids", "x");
    });
    EXPECT_EQ(codes(edit.problems), Codes());
    EXPECT_EQ(edit.touched_tunnels.size(), 2u);
    EXPECT_TRUE(world.tunnel("acme/successor"));
}

} // namespace
} // namespace pm
