/* A small cloud for the tests: edits against it, and short ways to ask what
 * an edit refused. */
#ifndef TESTS_UNIT_WORLD_H
#define TESTS_UNIT_WORLD_H 1

#include <algorithm>
#include <set>
#include <string>

#include "plugin/document.h"

namespace pm {

using nlohmann::json;

/* "CODE PATH" of each problem, in order. */
inline std::vector<std::string>
codes(const Problems &problems)
{
    std::vector<std::string> out;
    for (const Problem &problem : problems) {
        out.push_back(problem.code + " " + problem.path);
    }
    return out;
}

using Codes = std::vector<std::string>;

inline std::multiset<std::string>
sorted(const Codes &codes)
{
    return {codes.begin(), codes.end()};
}

/* Two accounts, acme and beta, with VPCs in region kr and one in jp; a
 * transit VPC of acme's; NICs of both hypervisors; a collector of nobody's.
 */
inline json
inventory()
{
    return json::parse(R"({
 "vpcs": [
  {"name": "vpc-a", "account": "acme", "region": "kr"},
  {"name": "vpc-b", "account": "beta", "region": "kr"},
  {"name": "vpc-j", "account": "acme", "region": "jp"},
  {"name": "tvpc", "account": "acme", "region": "kr", "kind": "transit"}],
 "peerings": [{"name": "a-to-b", "from": "vpc-a", "to": "vpc-b"},
              {"name": "a-to-t", "from": "vpc-a", "to": "tvpc"}],
 "transit_connects": [{"vpc": "vpc-a", "transit_vpc": "tvpc"}],
 "subnets": [
  {"name": "sn-a", "vpc": "vpc-a", "cidr": "10.1.0.0/24",
   "gateway": "10.1.0.1", "gateway_mac": "02:00:00:00:01:01",
   "routes": [{"to": "10.2.0.0/16", "via": "a-to-b"},
              {"to": "10.9.0.0/24", "via": "a-to-t"},
              {"to": "10.9.0.10/31", "via": "vpc-a-tvpc"}]},
  {"name": "sn-a2", "vpc": "vpc-a", "cidr": "10.1.1.0/24"},
  {"name": "sn-b", "vpc": "vpc-b", "cidr": "10.2.0.0/24"},
  {"name": "sn-j", "vpc": "vpc-j", "cidr": "10.3.0.0/24"},
  {"name": "sn-t", "vpc": "tvpc", "cidr": "10.9.0.0/24"}],
 "network_interfaces": [
  {"name": "web1", "iface_id": "if-web1", "device": "eth0",
   "mac": "52:54:00:00:00:01", "addresses": ["10.1.0.5"],
   "subnet": "sn-a", "mtu": 1450, "permits_vxlan_from": ["10.1.0.0/24"]},
  {"name": "web2", "iface_id": "if-web2", "device": "eth0",
   "subnet": "sn-a"},
  {"name": "ids", "iface_id": "if-ids", "device": "eth0",
   "subnet": "sn-a2"},
  {"name": "ids-eth1", "iface_id": "if-ids-eth1", "device": "eth1",
   "subnet": "sn-a2"},
  {"name": "xen-a", "iface_id": "if-xen-a", "device": "eth0",
   "hypervisor": "xen", "subnet": "sn-a2"},
  {"name": "ids-j", "iface_id": "if-ids-j", "device": "eth0",
   "subnet": "sn-j"},
  {"name": "ids-b", "iface_id": "if-ids-b", "device": "eth0",
   "subnet": "sn-b"},
  {"name": "t-kvm", "iface_id": "if-t-kvm", "device": "eth2",
   "subnet": "sn-t"},
  {"name": "t-xen", "iface_id": "if-t-xen", "device": "eth1",
   "hypervisor": "xen", "subnet": "sn-t"},
  {"name": "plain", "iface_id": "if-plain"}],
 "load_balancers": [
  {"name": "lb-t", "vpc": "tvpc", "subnet": "sn-t",
   "members": ["10.9.0.10",
               {"address": "10.9.0.11", "state": "down",
                "network_interface": "t-kvm"}]},
  {"name": "lb-a", "vpc": "vpc-a", "subnet": "sn-a2", "members": []}],
 "collectors": [{"name": "suricata1", "address": "192.0.2.10"},
                {"name": "beta-col", "address": "2001:db8::1",
                 "account": "beta"}]
})");
}

inline json
resource(const std::string &name, const std::string &purpose,
         const std::string &target,
         const std::string &type = "network-interface",
         const std::string &account = "acme")
{
    return {{"name", name},
            {"account", account},
            {"purpose", purpose},
            {"type", type},
            {"target", target}};
}

inline json
tunnel(const std::string &name, const std::string &source,
       const std::string &destination, const json &more = json::object())
{
    json object = {{"name", name},
                   {"account", "acme"},
                   {"source", source},
                   {"destination", destination}};
    object.update(more);
    return object;
}

/* inventory() and what acme and beta made of it. */
inline json
document()
{
    json doc = inventory();
    doc["mirror_resources"] = {
        resource("web1-src", "source", "web1"),
        resource("web2-src", "source", "web2"),
        resource("ids-dst", "destination", "ids"),
        resource("col-dst", "destination", "suricata1", "collector"),
        resource("lb-dst", "destination", "lb-t", "load-balancer"),
        resource("beta-dst", "destination", "ids-b", "network-interface",
                 "beta"),
    };
    doc["mirror_filters"] = json::parse(R"([
  {"name": "web", "account": "acme", "non_ip": "mirror",
   "inbound": [
    {"number": 200, "action": "accept", "protocol": "tcp",
     "destination_port": "80-443"},
    {"number": 100, "action": "reject", "protocol": 6,
     "source": "10.1.0.9"}],
   "outbound": [
    {"number": 100, "action": "accept", "protocol": "icmp", "icmp_type": 8,
     "note": "ping"},
    {"number": 200, "action": "accept", "protocol": "17",
     "source_port": 443}]}])");
    doc["mirror_tunnels"] = {
        tunnel("web1-ids", "web1-src", "ids-dst",
               {{"filter", "web"}, {"vni", 7001}, {"packet_length", 128}}),
        tunnel("web1-col", "web1-src", "col-dst", {{"rate_kbps", 1000}}),
        tunnel("web1-beta", "web1-src", "beta/beta-dst", {{"vni", 7002}}),
    };
    return doc;
}

/* A database with one clock.  Each edit that refuses nothing is kept. */
class World {
public:
    Model model;
    int64_t now_ms = 1000000;
    Limits limits;

    EditContext context(const std::string &account = "")
    {
        return {account, now_ms, [this] { return new_uuid(); }, limits};
    }

    Edit begin_edit()
    {
        Edit edit;
        edit.model = model;
        return edit;
    }

    Edit keep(Edit edit)
    {
        if (edit.problems.empty()) {
            model = edit.model;
        }
        return edit;
    }

    Edit apply_text(const std::string &text, const std::string &account = "",
                    bool prune = false)
    {
        Edit edit = begin_edit();
        EditContext who = context(account);
        apply_document(&edit, who, text, prune);
        finish(&edit, who);
        return keep(std::move(edit));
    }

    Edit apply(const json &doc, const std::string &account = "",
               bool prune = false)
    {
        return apply_text(doc.dump(), account, prune);
    }

    /* One command: 'f' is given the edit and the context. */
    template <typename F> Edit command(const std::string &account, F f)
    {
        Edit edit = begin_edit();
        EditContext who = context(account);
        f(&edit, who);
        finish(&edit, who);
        return keep(std::move(edit));
    }

    Edit put_one(const std::string &account, const std::string &kind,
                 const json &object, PutMode mode = PutMode::Either)
    {
        return command(account, [&](Edit *edit, const EditContext &who) {
            put(edit, who, kind, object, "x", mode);
        });
    }

    Edit erase_one(const std::string &account, const std::string &kind,
                   const std::string &name)
    {
        return command(account, [&](Edit *edit, const EditContext &who) {
            erase(edit, who, kind, name, "x");
        });
    }

    Edit accept(const std::string &account, const std::string &name,
                std::optional<int64_t> generation = std::nullopt)
    {
        return command(account, [&](Edit *edit, const EditContext &who) {
            accept_tunnel(edit, who, name, generation);
        });
    }

    Edit reject(const std::string &account, const std::string &name)
    {
        return command(account, [&](Edit *edit, const EditContext &who) {
            reject_tunnel(edit, who, name);
        });
    }

    Uuid id(const std::string &kind, const std::string &name)
    {
        return look_up(model, context(), kind, name).value_or(Uuid{});
    }

    const Tunnel *tunnel(const std::string &name)
    {
        return find(model.tunnels, id("mirror_tunnels", name));
    }

    const Filter *filter(const std::string &name)
    {
        return find(model.filters, id("mirror_filters", name));
    }

    const Resource *resource(const std::string &name)
    {
        return find(model.resources, id("mirror_resources", name));
    }

    Uuid new_uuid()
    {
        /* Neither ascending nor descending, so that nothing may lean on the
         * order of uuids. */
        Uuid uuid;
        uuid.parts = {++uuids_ * 2654435761u, 1, 2, uuids_};
        return uuid;
    }

private:
    uint32_t uuids_ = 0;
};

/* A world in which document() stands. */
inline World
settled_world()
{
    World world;
    world.apply(document());
    world.now_ms += 5000;
    return world;
}

} // namespace pm

#endif /* TESTS_UNIT_WORLD_H */
