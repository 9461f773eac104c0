#include "tests/unit/host.h"

#include <algorithm>
#include <cstdio>

namespace pm {

std::string
mac_of(uint32_t n)
{
    char text[18];
    std::snprintf(text, sizeof text, "02:00:00:00:%02x:%02x", n >> 8 & 0xff,
                  n & 0xff);
    return text;
}

Host::Host()
{
    facts.settings.chassis = "hv1";
    facts.bridges["br-int"] = {"system", false, 0, true, ""};
    facts.settled = true;
}

void
Host::plug(const std::string &iface_id, const std::string &bridge)
{
    NicPort nic;
    nic.bridge = bridge;
    nic.datapath_type = facts.bridges.at(bridge).datapath_type;
    nic.port = row_id(Row::Port, next_row_++);
    nic.port_name = "tap-" + iface_id;
    nic.mtu = 1500;
    facts.nics[iface_id] = nic;
}

Uuid
Host::add_nic(uint32_t n)
{
    Nic nic;
    nic.name = nic.iface_id = "nic" + std::to_string(n);
    nic.device = "eth0";
    nic.mac = mac_of(n);
    nic.addresses = {ip_of("10.1.0." + std::to_string(n + 1))};
    Uuid id = row_id(Row::Nic, n);
    model.nics[id] = nic;
    return id;
}

Uuid
Host::add_source(uint32_t n)
{
    Uuid nic = add_nic(n), id = row_id(Row::Source, n);
    Resource resource;
    resource.name = "source" + std::to_string(n);
    resource.account = "acme";
    resource.target = resource.iface_id = model.nics[nic].iface_id;
    resource.target_id = nic;
    model.resources[id] = resource;
    return id;
}

Uuid
Host::add_collector(uint32_t n)
{
    Uuid collector = row_id(Row::Collector, n);
    Uuid id = row_id(Row::Destination, n);
    std::string name = "collector" + std::to_string(n);
    model.collectors[collector] = {
        name, ip_of("192.0.2." + std::to_string(n + 1)), std::nullopt};
    Resource resource;
    resource.name = "to-" + name;
    resource.account = "acme";
    resource.purpose = Purpose::Destination;
    resource.type = ResourceType::Collector;
    resource.target = name;
    resource.target_id = collector;
    model.resources[id] = resource;
    return id;
}

Uuid
Host::add_filter(uint32_t n, int port)
{
    Filter filter;
    filter.name = "filter" + std::to_string(n);
    filter.account = "acme";
    filter.generation = 1;
    Rule rule;
    rule.number = 100;
    rule.protocol = 6;
    rule.destination_port = {static_cast<uint16_t>(port),
                             static_cast<uint16_t>(port)};
    filter.inbound = {rule};
    Uuid id = row_id(Row::Filter, n);
    model.filters[id] = filter;
    return id;
}

Uuid
Host::add_tunnel(uint32_t n, uint32_t nic, uint32_t collector,
                 std::optional<Uuid> filter)
{
    Tunnel tunnel;
    tunnel.name = "tunnel" + std::to_string(n);
    tunnel.account = "acme";
    tunnel.source = row_id(Row::Source, nic);
    tunnel.destination = row_id(Row::Destination, collector);
    tunnel.filter = filter;
    tunnel.vni = 100 + n;
    tunnel.generation = 1;
    tunnel.created_ms = n;
    Uuid id = row_id(Row::Tunnel, n);
    model.tunnels[id] = tunnel;
    return id;
}

void
Host::feed()
{
    desired.set_switch(facts);
    desired.apply(diff(seen, model));
    seen = model;
    desired.set_complete(true);
    show_paths();
    desired.set_vswitchd_alive(alive);
    do {
        desired.update();
    } while (desired.outdated());
}

void
Host::restart()
{
    desired = DesiredState();
    seen = Model{};
    seen_paths_.clear();
    seen_next_hops_.clear();
}

Actual
Host::in_place() const
{
    Actual actual;
    actual.rows = facts.rows;
    for (const auto &[key, flows] : desired.flows()) {
        actual.flows[key.bridge][key.owner] = flows;
    }
    for (const auto &[key, rate_kbps] : desired.meters()) {
        actual.meters[key.bridge][key.owner] = rate_kbps;
    }
    return actual;
}

void
Host::show_paths()
{
    std::map<PathKey, Path> changed;
    for (const auto &[key, path] : paths) {
        auto seen_path = seen_paths_.find(key);
        if (seen_path == seen_paths_.end() || !(seen_path->second == path)) {
            changed[key] = path;
        }
    }
    desired.set_paths(changed);
    seen_paths_ = paths;
}

DesiredState
Host::restarted() const
{
    DesiredState fresh;
    fresh.set_switch(facts);
    fresh.apply(diff(Model{}, seen));
    fresh.set_complete(true);
    fresh.update();
    fresh.set_paths(paths);
    fresh.set_vswitchd_alive(alive);
    fresh.update();
    fresh.set_next_hops(seen_next_hops_);
    do {
        fresh.update();
    } while (fresh.outdated());
    return fresh;
}

Path
Host::find_path(const PathKey &key)
{
    Path path;
    path.known = path.routed = true;
    path.source = ip_of(key.destination.is_v6 ? "fd00::1" : "198.51.100.1");
    path.device = "br-int";
    path.mtu = 1600;
    path.neighbour = Neighbour::Reachable;
    const HandleRange &range = handle_range(key.destination.is_v6);
    if (range.handles.contains(key.destination)) {
        path.source = range.source;
        /* As bridge_for_type() and the delivery bridge are called. */
        for (const auto &[name, row] : desired.rows().bridges) {
            if (row.mark.purpose == "delivery" &&
                (row.datapath_type.empty() ? "system" : row.datapath_type) ==
                    key.datapath_type) {
                path.device = name;
            }
        }
    }
    return path;
}

bool
Host::answer_paths()
{
    bool answered = false;
    for (const PathKey &key : desired.paths()) {
        /* The private leg comes with its bridge. */
        bool leg = handle_range(key.destination.is_v6)
                       .handles.contains(key.destination);
        Path path = leg ? Host::find_path(key) : Path{};
        if (!paths.count(key) || (leg && !(paths[key] == path))) {
            paths[key] = leg ? path : find_path(key);
            answered = true;
        }
    }
    return answered;
}

bool
Host::answer_next_hops()
{
    std::map<NextHopKey, NextHopState> changed;
    std::set<NextHopKey> wanted = desired.next_hops();
    std::erase_if(seen_next_hops_, [&](const auto &hop) {
        if (wanted.count(hop.first)) {
            return false;
        }
        changed[hop.first] = {};
        return true;
    });
    for (const NextHopKey &key : wanted) {
        std::string mac = find_next_hop(key);
        bool right = key.expected.empty() || mac == key.expected;
        NextHopState state{true, right ? mac : "", right ? "" : mac};
        auto known = seen_next_hops_.find(key);
        if (known == seen_next_hops_.end() || !(known->second == state)) {
            changed[key] = seen_next_hops_[key] = state;
        }
    }
    desired.set_next_hops(changed);
    return !changed.empty();
}

std::string
Host::find_next_hop(const NextHopKey &key)
{
    for (const auto &[id, subnet] : model.subnets) {
        if (subnet.gateway == key.address) {
            return nic_mac(subnet.gateway_mac.value_or("")).empty()
                       ? mac_of(99)
                       : *subnet.gateway_mac;
        }
    }
    for (const auto &[id, nic] : model.nics) {
        if (std::count(nic.addresses.begin(), nic.addresses.end(),
                       key.address) &&
            !nic_mac(nic.mac).empty()) {
            return nic_mac(nic.mac);
        }
    }
    return mac_of(98);
}

bool
Host::write_statuses()
{
    const std::string &chassis = facts.settings.chassis;
    bool written = false;
    auto nobodys = [](int64_t) { return false; };
    for (const auto &[id, tunnel] : model.tunnels) { /* In order. */
        auto desire = desired.tunnels().find(id);
        if (desire != desired.tunnels().end() && desire->second.active &&
            desire->second.bound && !desired.status_of(id)) {
            TunnelStatus status;
            status.tunnel = id;
            status.chassis = chassis;
            status.number = desired.number_for_tunnel(id, nobodys);
            model.tunnel_statuses[row_id(Row::Status, next_row_++)] = status;
            written = true;
        }
    }
    for (auto &[row, status] : model.tunnel_statuses) {
        auto desire = desired.tunnels().find(status.tunnel);
        if (status.chassis != chassis || desire == desired.tunnels().end()) {
            continue;
        }
        auto handles = status.handles;
        for (const DeliverySpec &way : desire->second.in_vpc->ways) {
            const std::string text = way.to_string();
            if (!handles.count(text) ||
                !desired.owns_handle(status.tunnel, text)) {
                if (int64_t handle =
                        desired.handle_for(status.tunnel, way, nobodys)) {
                    handles[text] = handle;
                }
            }
        }
        written |= handles != status.handles;
        status.handles = handles;
    }
    written |= std::erase_if(model.tunnel_statuses, [&](const auto &row) {
                   return row.second.chassis == chassis &&
                          !desired.tunnels().count(row.second.tunnel);
               }) > 0;
    for (const auto &[id, filter] : model.filters) {
        if (desired.is_filter_needed(id) && !desired.filter_status_of(id)) {
            FilterStatus status;
            status.filter = id;
            status.chassis = chassis;
            status.number = desired.number_for_filter(id, nobodys);
            model.filter_statuses[row_id(Row::FilterStatus, next_row_++)] =
                status;
            written = true;
        }
    }
    for (const Uuid &id : desired.idle_filters()) {
        model.filter_statuses.erase(*desired.filter_status_row_of(id));
        written = true;
    }
    return written;
}

bool
Host::write_rows()
{
    SwitchFacts before = facts;
    facts.rows = desired.rows();
    std::erase_if(facts.ofports, [&](const auto &port) {
        return !facts.rows.ports.count(port.first);
    });
    for (const auto &[name, port] : facts.rows.ports) {
        if (!facts.ofports.count(name)) {
            facts.ofports[name] = next_ofport_++;
        }
    }
    std::erase_if(facts.bridges,
                  [](const auto &bridge) { return bridge.second.ours; });
    for (const auto &[name, row] : facts.rows.bridges) {
        std::string type = row.datapath_type;
        facts.bridges[name] = {type.empty() ? "system" : type, true, 0, false,
                               ""};
    }
    facts.settled = true;
    return !(facts == before);
}

bool
Host::settle()
{
    for (int round = 0; round < 20; round++) {
        feed();
        bool busy = answer_paths();
        busy |= answer_next_hops();
        busy |= write_statuses();
        busy |= write_rows();
        if (!busy) {
            return true;
        }
    }
    return false;
}

std::string
difference_of_tunnels(const DesiredState &a, const DesiredState &b)
{
    if (a.tunnels().size() != b.tunnels().size()) {
        return "count of tunnels";
    }
    for (const auto &[id, desire] : a.tunnels()) {
        auto other = b.tunnels().find(id);
        if (other == b.tunnels().end()) {
            return "tunnel " + id.to_string() + " in one only";
        }
        if (!(desire == other->second)) {
            std::string what = "tunnel " + id.to_string();
            for (const TunnelDesire *d : {&desire, &other->second}) {
                what += "\n  active " + std::to_string(d->active) +
                        " pending " + std::to_string(d->pending) + " bound " +
                        std::to_string(d->bound) + " slot " +
                        std::to_string(d->wants_slot) + " copy " +
                        std::to_string(d->wants_copy) + " egress " +
                        std::to_string(d->egress.has_value()) + " nic " +
                        d->iface_id + " on " + d->nic_bridge + " by " +
                        d->mirror_bridge + " tap " +
                        std::to_string(d->tap.filter) + "/" +
                        std::to_string(d->tap.tunnel);
                for (const auto &[code, message] : d->reasons) {
                    what += "\n    " + code + ": " + message;
                }
            }
            return what;
        }
    }
    return "";
}

std::string
difference(const DesiredState &a, const DesiredState &b)
{
    std::string what = difference_of_tunnels(a, b);
    if (!what.empty()) {
        return what;
    }
    if (!(a.rows() == b.rows())) {
        what = "rows:";
        for (const DesiredState *state : {&a, &b}) {
            what += "\n ";
            for (const auto &[name, bridge] : state->rows().bridges) {
                what += " " + name;
            }
            for (const auto &[name, port] : state->rows().ports) {
                what += " " + name + "@" + port.bridge;
            }
        }
        return what;
    }
    for (const auto &[x, y] : {std::pair(&a, &b), std::pair(&b, &a)}) {
        for (const auto &[key, flows] : x->flows()) {
            auto other = y->flows().find(key);
            if (other == y->flows().end() || other->second != flows) {
                what = std::string(x == &a ? "first" : "second") + ", " +
                       key.bridge + ", " + key.owner.to_string() + ":";
                for (const Flow &flow : flows) {
                    what += "\n  " + flow.to_string();
                }
                return what;
            }
        }
    }
    if (a.meters() != b.meters()) {
        return "meters";
    }
    return a.paths() == b.paths() ? "" : "paths";
}

} // namespace pm
