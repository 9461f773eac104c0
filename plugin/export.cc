/* Values -> JSON, in the form that put() reads. */
#include <algorithm>

#include "plugin/document.h"
#include "plugin/edit.h"
#include "plugin/kinds.h"
#include "plugin/lifecycle.h"

namespace pm {

namespace {

using nlohmann::json;

/* The name of the row 'id', or its uuid should the row be missing. */
template <typename T>
std::string
name_of(const Model &model, const Uuid &id)
{
    const T *object = find(model.*KIND<T>.table, id);
    return object ? object->name : id.to_string();
}

template <typename T>
void
set_optional(json *object, const char *key, const std::optional<T> &value)
{
    if (value) {
        (*object)[key] = *value;
    }
}

void
set_text(json *object, const char *key, const std::string &value)
{
    if (!value.empty()) {
        (*object)[key] = value;
    }
}

template <typename T>
json
texts(const std::vector<T> &values)
{
    json array = json::array();
    for (const T &value : values) {
        array.push_back(value.to_string());
    }
    return array;
}

json
object_to_json(const Model &, const Vpc &vpc)
{
    return {{"name", vpc.name},
            {"account", vpc.account},
            {"region", vpc.region},
            {"kind", vpc.kind == VpcKind::Transit ? "transit" : "standard"}};
}

const char *
link_state(bool active)
{
    return active ? "active" : "inactive";
}

json
object_to_json(const Model &model, const Peering &peering)
{
    return {{"name", peering.name},
            {"from", name_of<Vpc>(model, peering.from)},
            {"to", name_of<Vpc>(model, peering.to)},
            {"state", link_state(peering.active)}};
}

json
object_to_json(const Model &model, const TransitConnect &connect)
{
    return {{"name", connect.name},
            {"vpc", name_of<Vpc>(model, connect.vpc)},
            {"transit_vpc", name_of<Vpc>(model, connect.transit_vpc)},
            {"state", link_state(connect.active)}};
}

json
object_to_json(const Model &model, const Subnet &subnet)
{
    json object = {{"name", subnet.name},
                   {"vpc", name_of<Vpc>(model, subnet.vpc)},
                   {"cidr", subnet.cidr.to_string()}};
    if (subnet.gateway) {
        object["gateway"] = subnet.gateway->to_string();
    }
    set_optional(&object, "gateway_mac", subnet.gateway_mac);
    for (const auto &[to, via] : subnet.routes) {
        object["routes"].push_back({{"to", to.to_string()}, {"via", via}});
    }
    return object;
}

json
object_to_json(const Model &model, const Nic &nic)
{
    json object = {
        {"name", nic.name},
        {"iface_id", nic.iface_id},
        {"hypervisor", nic.hypervisor == Hypervisor::Xen ? "xen" : "kvm"}};
    set_text(&object, "server", nic.server);
    set_text(&object, "device", nic.device);
    set_text(&object, "mac", nic.mac);
    if (!nic.addresses.empty()) {
        object["addresses"] = texts(nic.addresses);
    }
    if (nic.subnet) {
        object["subnet"] = name_of<Subnet>(model, *nic.subnet);
    } else {
        set_optional(&object, "account", nic.account);
    }
    set_optional(&object, "mtu", nic.mtu);
    if (nic.permits_vxlan_from) {
        object["permits_vxlan_from"] = texts(*nic.permits_vxlan_from);
    }
    return object;
}

json
object_to_json(const Model &model, const LoadBalancer &lb)
{
    json object = {{"name", lb.name},
                   {"vpc", name_of<Vpc>(model, lb.vpc)},
                   {"members", json::array()}};
    if (lb.subnet) {
        object["subnet"] = name_of<Subnet>(model, *lb.subnet);
    }
    for (const LoadBalancerMember &member : lb.members) {
        if (member.up && !member.nic) {
            object["members"].push_back(member.address.to_string());
            continue;
        }
        json entry = {{"address", member.address.to_string()},
                      {"state", member.up ? "up" : "down"}};
        if (member.nic) {
            entry["network_interface"] = name_of<Nic>(model, *member.nic);
        }
        object["members"].push_back(entry);
    }
    return object;
}

json
object_to_json(const Model &, const Collector &collector)
{
    json object = {{"name", collector.name},
                   {"address", collector.address.to_string()}};
    set_optional(&object, "account", collector.account);
    return object;
}

json
object_to_json(const Model &model, const Resource &resource)
{
    /* The name that the target has now, should it have come back under
     * another. */
    std::string target = resource.target;
    End end = resolve_end(model, resource);
    if (end.nic) {
        target = end.nic->name;
    } else if (end.load_balancer) {
        target = end.load_balancer->name;
    } else if (end.collector) {
        target = end.collector->name;
    }

    const char *type =
        resource.type == ResourceType::NetworkInterface ? "network-interface"
        : resource.type == ResourceType::LoadBalancer   ? "load-balancer"
                                                        : "collector";
    json object = {{"name", resource.name},
                   {"account", resource.account},
                   {"purpose", resource.purpose == Purpose::Source
                                   ? "source"
                                   : "destination"},
                   {"type", type},
                   {"target", target}};
    set_text(&object, "note", resource.note);
    return object;
}

json
rule_to_json(const Rule &rule)
{
    json object = {
        {"number", rule.number},
        {"action", rule.action == RuleAction::Accept ? "accept" : "reject"},
        {"protocol", protocol_to_string(rule.protocol)}};
    auto set = [&](const char *key, const auto &value) {
        if (value) {
            object[key] = value->to_string();
        }
    };
    set("source", rule.source);
    set("destination", rule.destination);
    set("source_port", rule.source_port);
    set("destination_port", rule.destination_port);
    set_optional(&object, "icmp_type", rule.icmp_type);
    set_optional(&object, "icmp_code", rule.icmp_code);
    set_text(&object, "note", rule.note);
    return object;
}

json
object_to_json(const Model &, const Filter &filter)
{
    json object = {{"name", filter.name},
                   {"account", filter.account},
                   {"non_ip", filter.mirror_non_ip ? "mirror" : "drop"}};
    for (Direction direction : DIRECTIONS) {
        json rules = json::array();
        for (const Rule &rule : filter.rules(direction)) {
            rules.push_back(rule_to_json(rule));
        }
        object[to_string(direction)] = std::move(rules);
    }
    set_text(&object, "note", filter.note);
    return object;
}

/* As the tunnel's account says it: with the account if it is another's, so
 * that who reads it does not take it for his own of that name. */
template <typename T>
std::string
name_for(const Model &model, const Tunnel &tunnel, const Uuid &id)
{
    const T *object = find(model.*KIND<T>.table, id);
    return object
               ? name_seen_from(tunnel.account, object->account, object->name)
               : id.to_string();
}

json
object_to_json(const Model &model, const Tunnel &tunnel)
{
    json object = {
        {"name", tunnel.name},
        {"account", tunnel.account},
        {"source", name_for<Resource>(model, tunnel, tunnel.source)},
        {"destination", name_for<Resource>(model, tunnel, tunnel.destination)},
        {"mode", tunnel.mode == Mode::Count ? "count" : "mirror"},
        {"delivery", tunnel.delivery == Delivery::Vpc        ? "vpc"
                     : tunnel.delivery == Delivery::Underlay ? "underlay"
                                                             : "auto"},
        {"enabled", tunnel.enabled}};
    if (tunnel.filter) {
        object["filter"] = name_for<Filter>(model, tunnel, *tunnel.filter);
    }
    /* A VNI still to be chosen is not yet there. */
    if (tunnel.vni) {
        object["vni"] = tunnel.vni;
    }
    set_optional(&object, "packet_length", tunnel.packet_length);
    set_optional(&object, "rate_kbps", tunnel.rate_kbps);
    set_text(&object, "note", tunnel.note);
    if (tunnel.accepted && is_accepted(model, tunnel)) {
        object["accepted"] = true;
    }
    return object;
}

} // namespace

json
to_json(const Model &model, const std::string &kind, const Uuid &id)
{
    json object;
    with_kind(kind, [&](const auto &k) {
        auto row = (model.*k.table).find(id);
        if (row != (model.*k.table).end()) {
            object = object_to_json(model, row->second);
        }
    });
    return object;
}

json
export_document(const Model &model, const EditContext &context)
{
    json document = json::object();
    for_each_kind([&](const auto &kind) {
        using T = typename std::remove_cvref_t<decltype(kind)>::Type;
        if (!CustomerKind<T> && !context.is_operator()) {
            return;
        }
        std::map<std::string, json> objects;
        for (const auto &[id, object] : model.*kind.table) {
            if constexpr (CustomerKind<T>) {
                if (!context.is_operator() &&
                    object.account != context.own_account()) {
                    continue;
                }
            }
            json &entry = objects[full_name(object)];
            entry = object_to_json(model, object);
            if (!context.is_operator()) {
                entry.erase("accepted");
            }
        }
        document[kind.key] = json::array();
        for (auto &[name, object] : objects) {
            document[kind.key].push_back(std::move(object));
        }
    });
    return document;
}

} // namespace pm
