#include "tests/unit/random_host.h"

namespace pm {

namespace {

constexpr uint32_t COLLECTORS = 4, FILTERS = 3, TUNNELS = 8;

} // namespace

RandomHost::RandomHost(uint32_t seed, bool hostile)
    : random_(seed), hostile_(hostile)
{
    mend();
    for (uint32_t n = 0; n < FILTERS; n++) {
        put_filter(n);
    }
    for (uint32_t n = 0; n < TUNNELS / 2; n++) {
        put_tunnel(n);
    }
}

/* Everything is in order for once: an inventory, bridges, NICs on them. */
void
RandomHost::mend()
{
    for (const auto &[id, problem] : model.broken) {
        broken_filters_.erase(id);
    }
    broken_collectors_.clear();
    broken_subnets_.clear();
    model.broken.clear();
    facts.taken_names.clear();
    facts.settings.slots_reserve = 4;
    alive = true;
    for (int i = 0; i < 3; i++) {
        BridgeFacts &bridge = facts.bridges[BRIDGES[i]];
        std::string type = bridge.datapath_type;
        bridge = {type.empty() ? TYPES[i] : type, false, 0, true, ""};
    }
    for (uint32_t n = 0; n < VPCS; n++) {
        model.vpcs[row_id(Row::Vpc, n)] = {
            numbered("vpc", n), chance(10) ? "beta" : "acme", "kr",
            n == 2 ? VpcKind::Transit : VpcKind::Standard};
    }
    for (uint32_t n = 0; n < SUBNETS; n++) {
        put_subnet(n);
    }
    for (uint32_t n = 0; n < VPCS * VPCS; n++) {
        if (n / VPCS != n % VPCS) {
            model.peerings[row_id(Row::Peering, n)] = {
                numbered("peering", n), row_id(Row::Vpc, n / VPCS),
                row_id(Row::Vpc, n % VPCS), true};
        }
    }
    for (uint32_t n = 0; n < VPCS - 1; n++) {
        model.connects[row_id(Row::Connect, n)] = {
            numbered("connect", n), row_id(Row::Vpc, n),
            row_id(Row::Vpc, VPCS - 1), true};
    }
    LoadBalancer lb;
    lb.name = "lb";
    lb.vpc = row_id(Row::Vpc, 2);
    lb.members = {{ip_of("10.2.0.9"), true, row_id(Row::Nic, 7)}};
    model.load_balancers[row_id(Row::LoadBalancer, 0)] = lb;
    for (uint32_t n = 0; n < NICS; n++) {
        put_nic(n);
        if (n < 6) {
            put_resource(Row::Source, n);
            if (!facts.nics.count(numbered("nic", n))) {
                plug(numbered("nic", n), BRIDGES[pick(3)]);
            }
        }
    }
    for (uint32_t n = 0; n < COLLECTORS; n++) {
        add_collector(n);
        put_resource(Row::Destination, n);
    }
    model.collectors[row_id(Row::Collector, 2)].address = ip_of("fd00::9");
    model.collectors[row_id(Row::Collector, 3)].address = ip_of("192.0.2.1");
}

int
RandomHost::pick(int n)
{
    return std::uniform_int_distribution<int>(0, n - 1)(random_);
}

void
RandomHost::put_nic(uint32_t n)
{
    Uuid id = add_nic(n);
    Nic &nic = model.nics[id];
    nic.hypervisor = chance(80) ? Hypervisor::Kvm : Hypervisor::Xen;
    nic.device = chance(80) ? "eth0" : "eth1";
    if (chance(n < 6 ? 50 : 80)) {
        nic.subnet = row_id(Row::Subnet, n < 6 ? pick(SUBNETS) : n % VPCS);
        if (chance(50)) {
            nic.permits_vxlan_from = {*Cidr::parse("198.51.100.0/24")};
        }
    } else if (chance(10)) {
        nic.account = "beta";
    }
    if (chance(10)) {
        nic.addresses.clear();
    }
    if (chance(15)) {
        nic.mac = chance(50) ? mac_of(pick(NICS)) : chance(50) ? "" : "junk";
    }
    if (chance(10)) {
        nic.iface_id = numbered("nic", pick(NICS));
    }
}

void
RandomHost::put_resource(Row kind, uint32_t n)
{
    Resource resource;
    resource.name = numbered(kind == Row::Source ? "source" : "to", n);
    resource.account = chance(97) ? "acme" : "beta";
    resource.created_ms = pick(4);
    resource.purpose =
        kind == Row::Source ? Purpose::Source : Purpose::Destination;
    if (kind == Row::Source || n >= COLLECTORS + 1) {
        /* Now and then the destination is some tunnel's source. */
        uint32_t nic = kind == Row::Source ? n : 5 + n % 3;
        resource.target = resource.iface_id = numbered("nic", nic);
        resource.target_id = row_id(Row::Nic, nic);
    } else if (n == COLLECTORS) {
        resource.type = ResourceType::LoadBalancer;
        resource.target = "lb";
        resource.target_id = row_id(Row::LoadBalancer, 0);
    } else {
        resource.type = ResourceType::Collector;
        resource.target = numbered("collector", n);
        resource.target_id = row_id(Row::Collector, n);
    }
    if (chance(5)) {
        resource.target_id.reset();
    }
    model.resources[row_id(kind, n)] = resource;
}

void
RandomHost::put_filter(uint32_t n)
{
    Uuid id = add_filter(n, 80 + pick(1000));
    Filter &filter = model.filters[id];
    filter.account = chance(95) ? "acme" : "beta";
    filter.mirror_non_ip = chance(30);
    filter.outbound = filter.inbound;
    filter.outbound.edit().front().action =
        chance(50) ? RuleAction::Accept : RuleAction::Reject;
    filter.inbound.edit().front().number = chance(95) ? 1 + pick(300) : 0;
    filter.generation = pick(100);
}

void
RandomHost::put_tunnel(uint32_t n)
{
    std::optional<Uuid> filter;
    if (chance(60)) {
        filter = row_id(Row::Filter, pick(FILTERS));
    }
    Uuid id = add_tunnel(n, pick(6), pick(COLLECTORS), filter);
    Tunnel &tunnel = model.tunnels[id];
    if (chance(30)) {
        tunnel.destination =
            row_id(Row::Destination, COLLECTORS + (chance(50) ? 1 : pick(4)));
    }
    tunnel.account = chance(97) ? "acme" : "beta";
    tunnel.enabled = chance(95);
    tunnel.created_ms = pick(5);
    if (chance(50)) {
        tunnel.packet_length = 64 + pick(2000);
    }
    if (chance(40)) {
        tunnel.rate_kbps = 1 + pick(3);
    }
    if (chance(50)) {
        tunnel.accepted = Acceptance{"acme", 1, 1};
    }
}

void
RandomHost::edit_tunnel()
{
    if (model.tunnels.empty() || chance(25)) {
        put_tunnel(pick(TUNNELS));
        return;
    }
    auto i = std::next(model.tunnels.begin(),
                       pick(static_cast<int>(model.tunnels.size())));
    Tunnel &tunnel = i->second;
    tunnel.generation++;
    switch (std::min(pick(16), 12)) {
    case 12: /* In one edit, and mostly within tenants' networks. */
        tunnel.filter = row_id(Row::Filter, pick(FILTERS));
        tunnel.destination =
            row_id(Row::Destination,
                   chance(70) ? COLLECTORS + pick(4) : pick(COLLECTORS));
        break;
    case 11:
        tunnel.rate_kbps =
            chance(60) ? std::optional<int64_t>(1 + pick(3)) : std::nullopt;
        break;
    case 0:
        tunnel.filter = row_id(Row::Filter, pick(FILTERS));
        break;
    case 1:
        tunnel.filter.reset();
        break;
    case 2:
        tunnel.vni = pick(20) ? 1 + pick(1 << 24) - 1 : 0;
        break;
    case 3:
        tunnel.packet_length = 64 + pick(2000);
        break;
    case 4:
        tunnel.destination = row_id(Row::Destination, pick(COLLECTORS + 4));
        break;
    case 5:
        tunnel.enabled = !tunnel.enabled;
        break;
    case 6:
        tunnel.mode = chance(50) ? Mode::Count : Mode::Mirror;
        break;
    case 7:
        if (tunnel.accepted) {
            tunnel.accepted.reset();
        } else {
            tunnel.accepted = Acceptance{"acme", 1, 1};
        }
        break;
    case 8:
        tunnel.delivery = chance(30) ? Delivery::Vpc : Delivery::Auto;
        break;
    case 9:
        tunnel.packet_length.reset();
        break;
    case 10:
        model.tunnels.erase(i);
        break;
    }
}

void
RandomHost::edit_resource()
{
    Row kind = chance(50) ? Row::Source : Row::Destination;
    uint32_t n = pick(COLLECTORS + 4);
    if (kind == Row::Source && n >= 6) {
        return;
    }
    Uuid id = row_id(kind, n);
    if (!model.resources.count(id) || chance(30)) {
        put_resource(kind, n);
    } else if (chance(30)) {
        model.resources.erase(id);
    } else if (chance(50)) {
        model.resources[id].target_id.reset();
    } else {
        model.resources[id].account = chance(80) ? "acme" : "beta";
    }
}

/* Takes a row from its table, as one that cannot be read, or puts it back. */
template <typename T>
void
RandomHost::break_or_mend(Table<T> *table, Table<T> *aside, Uuid id)
{
    if (aside->count(id)) {
        model.broken.erase(id);
        table->insert(aside->extract(id));
    } else if (table->count(id)) {
        aside->insert(table->extract(id));
        model.broken[id] = {"SYNTAX", "address", "write an address"};
    }
}

void
RandomHost::edit_inventory()
{
    switch (pick(9)) {
    case 0:
        put_nic(pick(NICS));
        break;
    case 1: {
        Uuid id = row_id(Row::Nic, pick(NICS));
        model.nics.erase(id);
        if (chance(50)) { /* The reference is weak. */
            for (auto &[key, resource] : model.resources) {
                if (resource.target_id == id) {
                    resource.target_id.reset();
                }
            }
        }
        break;
    }
    case 2: {
        uint32_t n = pick(COLLECTORS);
        Uuid id = row_id(Row::Collector, n);
        if (!model.broken.count(id)) {
            model.collectors[id] = {
                numbered("collector", n),
                ip_of(chance(70) ? numbered("192.0.2.", 1 + pick(5))
                                 : numbered("fd00::", 1 + pick(5))),
                chance(10) ? std::optional<std::string>("beta")
                           : std::nullopt};
        }
        break;
    }
    case 3:
        model.collectors.erase(row_id(Row::Collector, pick(COLLECTORS)));
        break;
    case 4: {
        uint32_t n = pick(VPCS);
        model.vpcs[row_id(Row::Vpc, n)] = {
            numbered("vpc", n), chance(60) ? "acme" : "beta",
            chance(80) ? "kr" : "jp",
            chance(50) ? VpcKind::Transit : VpcKind::Standard};
        break;
    }
    case 5: {
        Uuid id = row_id(Row::Subnet, pick(SUBNETS));
        if (model.subnets.count(id)) {
            model.subnets[id].vpc = row_id(Row::Vpc, pick(VPCS));
        }
        break;
    }
    case 6: {
        LoadBalancer &lb = model.load_balancers[row_id(Row::LoadBalancer, 0)];
        lb.vpc = row_id(Row::Vpc, pick(VPCS));
        lb.members = {
            {ip_of("10.2.0.9"), chance(50), row_id(Row::Nic, pick(NICS))}};
        break;
    }
    case 7:
        break_or_mend(&model.collectors, &broken_collectors_,
                      row_id(Row::Collector, pick(COLLECTORS)));
        break;
    case 8:
        break_or_mend(&model.subnets, &broken_subnets_,
                      row_id(Row::Subnet, pick(SUBNETS)));
        break;
    }
}

void
RandomHost::edit_filter()
{
    uint32_t n = pick(FILTERS);
    Uuid id = row_id(Row::Filter, n);
    if (chance(15) || model.broken.count(id)) {
        break_or_mend(&model.filters, &broken_filters_, id);
    } else if (chance(15)) {
        model.filters.erase(id);
    } else {
        put_filter(n);
    }
}

void
RandomHost::edit_statuses()
{
    auto &statuses = model.tunnel_statuses;
    if (chance(50)) { /* Another chassis' row comes or goes. */
        if (chance(50)) {
            TunnelStatus status;
            status.tunnel = row_id(Row::Tunnel, pick(TUNNELS));
            status.chassis = "hv9";
            status.bound = chance(70);
            status.number = pick(5);
            statuses[row_id(Row::Status, next_row_++)] = status;
        } else {
            std::erase_if(statuses, [](const auto &row) {
                return row.second.chassis == "hv9";
            });
        }
        return;
    }
    if (!hostile_) {
        return;
    }
    if (chance(50) && !statuses.empty()) {
        auto i = std::next(statuses.begin(),
                           pick(static_cast<int>(statuses.size())));
        int64_t number = 1 + pick(12);
        bool taken = false;
        for (const auto &[id, status] : statuses) {
            taken |=
                status.chassis == i->second.chassis && status.number == number;
        }
        if (chance(40)) {
            statuses.erase(i);
        } else if (!taken) {
            i->second.number = number;
        } else { /* Two rows change numbers with each other. */
            for (auto &[id, status] : statuses) {
                if (status.chassis == i->second.chassis &&
                    status.number == number) {
                    std::swap(status.number, i->second.number);
                    break;
                }
            }
        }
    } else if (!model.filter_statuses.empty()) {
        auto &rows = model.filter_statuses;
        auto i = std::next(rows.begin(), pick(static_cast<int>(rows.size())));
        auto j = std::next(rows.begin(), pick(static_cast<int>(rows.size())));
        if (chance(40)) {
            rows.erase(i);
        } else if (i->second.chassis == j->second.chassis) {
            std::swap(i->second.number, j->second.number);
        }
    }
}

void
RandomHost::edit()
{
    int what = pick(100);
    if (what < 30) {
        edit_tunnel();
    } else if (what < 38) {
        edit_resource();
    } else if (what < 45) {
        edit_inventory();
    } else if (what < 50) {
        edit_network();
    } else if (what < 56) {
        edit_filter();
    } else if (what < 68) {
        edit_nics();
    } else if (what < 76) {
        edit_bridges();
    } else if (what < 79) {
        edit_settings();
    } else if (what < 82) {
        edit_path();
    } else if (what < 88) {
        mend();
    } else if (what < 91) {
        edit_statuses();
    } else if (what < 97) {
        tamper_with_rows();
    } else if (what < 98) {
        facts.settled = !facts.settled;
    } else {
        alive = chance(80);
    }
}

void
RandomHost::edit_together()
{
    if (model.tunnels.empty()) {
        return;
    }
    auto tunnel = std::next(model.tunnels.begin(),
                            pick(static_cast<int>(model.tunnels.size())));
    auto filter = tunnel->second.filter
                      ? model.filters.find(*tunnel->second.filter)
                      : model.filters.end();
    auto ids = model.resources.find(tunnel->second.destination);
    if (filter == model.filters.end() || ids == model.resources.end() ||
        !ids->second.target_id ||
        !model.collectors.count(*ids->second.target_id)) {
        return;
    }
    auto port = static_cast<uint16_t>(1 + pick(60000));
    for (Rule &rule : filter->second.inbound.edit()) {
        rule.destination_port = {port, port};
    }
    model.collectors.at(*ids->second.target_id).address =
        ip_of("203.0.113." + std::to_string(1 + pick(250)));
}

void
RandomHost::feed_some()
{
    ModelDelta delta = diff(seen, model);
    for_each_table(delta, delta, [&](auto &changes, const auto &) {
        std::erase_if(changes, [&](const auto &change) {
            return !change.second || chance(40);
        });
    });
    desired.set_complete(false);
    desired.set_switch(facts);
    desired.apply(delta);
    pm::apply(&seen, delta);
    show_paths();
    desired.set_vswitchd_alive(alive);
    desired.update();
}

} // namespace pm
