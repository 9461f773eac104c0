/* Reading: see control_rows.h. */
#include "ovsdb/columns.h"
#include "plugin/kinds.h"

namespace pm {

Uuid
to_uuid(const struct uuid &uuid)
{
    return Uuid{{uuid.parts[0], uuid.parts[1], uuid.parts[2], uuid.parts[3]}};
}

struct uuid
to_ovs_uuid(const Uuid &uuid)
{
    struct uuid result;
    for (size_t i = 0; i < uuid.parts.size(); i++) {
        result.parts[i] = uuid.parts[i];
    }
    return result;
}

namespace {

constexpr char AN_ADDRESS[] = "an IP address";
constexpr char A_CIDR[] = "a CIDR with host bits zero";
constexpr char A_PORT_RANGE[] = "a port or a range of ports";

/* What copies come from, go to or pass by is one host's, or copies would go to
 * a whole segment or to nobody. */
void
require_host(RowReader &r, const Column &column, const IpAddress &address)
{
    if (!address.is_of_a_host()) {
        r.fail(column, address.to_string(), "the address of a host");
    }
}

/* Shared by peerings and connects. */
bool
is_active(RowReader &r, const Column &state)
{
    return r.choice<bool>(state, {{"active", true}, {"inactive", false}});
}

} // namespace

std::optional<Rule>
read(const pmrec_mirror_rule *row, std::string *error)
{
    RowReader r(&row->header_, nullptr, error);
    Rule v;
    v.number = static_cast<int>(r.number(pmrec_mirror_rule_col_number));
    v.action = r.choice<RuleAction>(
        pmrec_mirror_rule_col_action,
        {{"accept", RuleAction::Accept}, {"reject", RuleAction::Reject}});
    std::string protocol = r.text(pmrec_mirror_rule_col_protocol);
    /* The column's default, for a control plane that leaves it out. */
    if (!protocol.empty() && !protocol_parse(protocol, &v.protocol)) {
        r.fail(pmrec_mirror_rule_col_protocol, protocol, "a protocol");
    }
    v.source = r.optional_parsed<Cidr>(pmrec_mirror_rule_col_source, A_CIDR);
    v.destination =
        r.optional_parsed<Cidr>(pmrec_mirror_rule_col_destination, A_CIDR);
    v.source_port = r.optional_parsed<PortRange>(
        pmrec_mirror_rule_col_source_port, A_PORT_RANGE);
    v.destination_port = r.optional_parsed<PortRange>(
        pmrec_mirror_rule_col_destination_port, A_PORT_RANGE);
    v.icmp_type = r.optional_number<int>(pmrec_mirror_rule_col_icmp_type);
    v.icmp_code = r.optional_number<int>(pmrec_mirror_rule_col_icmp_code);
    v.note = r.text(pmrec_mirror_rule_col_note);
    return r.result(std::move(v));
}

std::optional<LoadBalancerMember>
read(const pmrec_load_balancer_member *row, std::string *error)
{
    RowReader r(&row->header_, nullptr, error);
    LoadBalancerMember v;
    v.address = r.parse<IpAddress>(
        pmrec_load_balancer_member_col_address,
        r.text(pmrec_load_balancer_member_col_address), AN_ADDRESS);
    require_host(r, pmrec_load_balancer_member_col_address, v.address);
    v.up = r.choice<bool>(pmrec_load_balancer_member_col_state,
                          {{"up", true}, {"down", false}});
    v.nic = r.optional_uuid(pmrec_load_balancer_member_col_network_interface);
    return r.ok() ? std::optional(v) : std::nullopt;
}

namespace {

/* Reads the child rows of 'column' of which 'n' have arrived. */
template <typename T, typename RowType>
std::vector<T>
read_children(RowReader &r, const Column &column, RowType *const *rows,
              size_t n)
{
    std::vector<T> children;
    if (r.count(column) != n) {
        r.fail_child("");
        return children;
    }
    for (size_t i = 0; i < n; i++) {
        std::string error;
        auto child = read(rows[i], &error);
        if (child) {
            children.push_back(*std::move(child));
        } else {
            r.fail_child(error);
        }
    }
    return children;
}

std::vector<Rule>
read_rules(RowReader &r, const Column &column, pmrec_mirror_rule *const *rows,
           size_t n)
{
    auto rules = read_children<Rule>(r, column, rows, n);
    /* Stable, so that rules past the checks with one number keep an order. */
    std::stable_sort(
        rules.begin(), rules.end(),
        [](const Rule &a, const Rule &b) { return a.number < b.number; });
    return rules;
}

} // namespace

std::optional<Vpc>
read(const pmrec_vpc *row, std::string *error)
{
    RowReader r(&row->header_, &pmrec_vpc_col_name, error);
    Vpc v;
    v.name = r.text(pmrec_vpc_col_name);
    v.account = r.text(pmrec_vpc_col_account);
    v.region = r.text(pmrec_vpc_col_region);
    v.kind =
        r.choice<VpcKind>(pmrec_vpc_col_kind, {{"standard", VpcKind::Standard},
                                               {"transit", VpcKind::Transit}});
    return r.result(std::move(v));
}

std::optional<Peering>
read(const pmrec_vpc_peering *row, std::string *error)
{
    RowReader r(&row->header_, &pmrec_vpc_peering_col_name, error);
    Peering v;
    v.name = r.text(pmrec_vpc_peering_col_name);
    v.from = r.uuid(pmrec_vpc_peering_col_from_vpc);
    v.to = r.uuid(pmrec_vpc_peering_col_to_vpc);
    v.active = is_active(r, pmrec_vpc_peering_col_state);
    return r.result(std::move(v));
}

std::optional<TransitConnect>
read(const pmrec_transit_vpc_connect *row, std::string *error)
{
    RowReader r(&row->header_, &pmrec_transit_vpc_connect_col_name, error);
    TransitConnect v;
    v.name = r.text(pmrec_transit_vpc_connect_col_name);
    v.vpc = r.uuid(pmrec_transit_vpc_connect_col_vpc);
    v.transit_vpc = r.uuid(pmrec_transit_vpc_connect_col_transit_vpc);
    v.active = is_active(r, pmrec_transit_vpc_connect_col_state);
    return r.result(std::move(v));
}

std::optional<Subnet>
read(const pmrec_subnet *row, std::string *error)
{
    RowReader r(&row->header_, &pmrec_subnet_col_name, error);
    Subnet v;
    v.name = r.text(pmrec_subnet_col_name);
    v.vpc = r.uuid(pmrec_subnet_col_vpc);
    v.cidr = r.parse<Cidr>(pmrec_subnet_col_cidr,
                           r.text(pmrec_subnet_col_cidr), A_CIDR);
    v.gateway =
        r.optional_parsed<IpAddress>(pmrec_subnet_col_gateway, AN_ADDRESS);
    if (v.gateway) {
        require_host(r, pmrec_subnet_col_gateway, *v.gateway);
    }
    v.gateway_mac = r.optional_text(pmrec_subnet_col_gateway_mac);
    for (const auto &[to, via] : r.text_map(pmrec_subnet_col_routes)) {
        v.routes[r.parse<Cidr>(pmrec_subnet_col_routes, to, A_CIDR)] = via;
    }
    return r.result(std::move(v));
}

std::optional<Nic>
read(const pmrec_network_interface *row, std::string *error)
{
    RowReader r(&row->header_, &pmrec_network_interface_col_name, error);
    Nic v;
    v.name = r.text(pmrec_network_interface_col_name);
    v.iface_id = r.text(pmrec_network_interface_col_iface_id);
    v.server = r.text(pmrec_network_interface_col_server);
    v.device = r.text(pmrec_network_interface_col_device);
    v.hypervisor = r.choice<Hypervisor>(
        pmrec_network_interface_col_hypervisor,
        {{"kvm", Hypervisor::Kvm}, {"xen", Hypervisor::Xen}});
    v.mac = r.text(pmrec_network_interface_col_mac);
    v.addresses = r.parsed_set<IpAddress>(
        pmrec_network_interface_col_addresses, AN_ADDRESS);
    for (const IpAddress &address : v.addresses) {
        require_host(r, pmrec_network_interface_col_addresses, address);
    }
    v.subnet = r.optional_uuid(pmrec_network_interface_col_subnet);
    v.mtu = r.optional_number<int>(pmrec_network_interface_col_mtu);
    v.account = r.optional_text(pmrec_network_interface_col_account);
    /* The flag tells what is known to be empty from what is not known. */
    auto permits = r.parsed_set<Cidr>(
        pmrec_network_interface_col_permits_vxlan_from, A_CIDR);
    if (!permits.empty() ||
        r.flag(pmrec_network_interface_col_permits_known)) {
        v.permits_vxlan_from = std::move(permits);
    }
    return r.result(std::move(v));
}

std::optional<LoadBalancer>
read(const pmrec_load_balancer *row, std::string *error)
{
    RowReader r(&row->header_, &pmrec_load_balancer_col_name, error);
    LoadBalancer v;
    v.name = r.text(pmrec_load_balancer_col_name);
    v.vpc = r.uuid(pmrec_load_balancer_col_vpc);
    v.subnet = r.optional_uuid(pmrec_load_balancer_col_subnet);
    v.members = read_children<LoadBalancerMember>(
        r, pmrec_load_balancer_col_members, row->members, row->n_members);
    std::stable_sort(
        v.members.begin(), v.members.end(),
        [](const auto &a, const auto &b) { return a.address < b.address; });
    return r.result(std::move(v));
}

std::optional<Collector>
read(const pmrec_collector *row, std::string *error)
{
    RowReader r(&row->header_, &pmrec_collector_col_name, error);
    Collector v;
    v.name = r.text(pmrec_collector_col_name);
    v.address =
        r.parse<IpAddress>(pmrec_collector_col_address,
                           r.text(pmrec_collector_col_address), AN_ADDRESS);
    require_host(r, pmrec_collector_col_address, v.address);
    v.account = r.optional_text(pmrec_collector_col_account);
    return r.result(std::move(v));
}

std::optional<Resource>
read(const pmrec_mirror_resource *row, std::string *error)
{
    RowReader r(&row->header_, &pmrec_mirror_resource_col_name, error);
    Resource v;
    v.name = r.text(pmrec_mirror_resource_col_name);
    v.account = r.text(pmrec_mirror_resource_col_account);
    v.purpose = r.choice<Purpose>(
        pmrec_mirror_resource_col_purpose,
        {{"source", Purpose::Source}, {"destination", Purpose::Destination}});
    v.type = r.choice<ResourceType>(
        pmrec_mirror_resource_col_type,
        {{"network-interface", ResourceType::NetworkInterface},
         {"load-balancer", ResourceType::LoadBalancer},
         {"collector", ResourceType::Collector}});
    v.target = r.text(pmrec_mirror_resource_col_target);
    v.iface_id = r.text(pmrec_mirror_resource_col_iface_id);
    switch (v.type) {
    case ResourceType::NetworkInterface:
        v.target_id =
            r.optional_uuid(pmrec_mirror_resource_col_network_interface);
        break;
    case ResourceType::LoadBalancer:
        v.target_id = r.optional_uuid(pmrec_mirror_resource_col_load_balancer);
        break;
    case ResourceType::Collector:
        v.target_id = r.optional_uuid(pmrec_mirror_resource_col_collector);
        break;
    }
    v.note = r.text(pmrec_mirror_resource_col_note);
    v.created_ms = r.number(pmrec_mirror_resource_col_created);
    v.updated_ms = r.number(pmrec_mirror_resource_col_updated);
    return r.result(std::move(v));
}

std::optional<Filter>
read(const pmrec_mirror_filter *row, std::string *error)
{
    RowReader r(&row->header_, &pmrec_mirror_filter_col_name, error);
    Filter v;
    v.name = r.text(pmrec_mirror_filter_col_name);
    v.account = r.text(pmrec_mirror_filter_col_account);
    v.note = r.text(pmrec_mirror_filter_col_note);
    v.mirror_non_ip = r.choice<bool>(pmrec_mirror_filter_col_non_ip,
                                     {{"drop", false}, {"mirror", true}});
    v.inbound = read_rules(r, pmrec_mirror_filter_col_inbound, row->inbound,
                           row->n_inbound);
    v.outbound = read_rules(r, pmrec_mirror_filter_col_outbound, row->outbound,
                            row->n_outbound);
    v.generation = r.number(pmrec_mirror_filter_col_generation);
    v.created_ms = r.number(pmrec_mirror_filter_col_created);
    v.updated_ms = r.number(pmrec_mirror_filter_col_updated);
    return r.result(std::move(v));
}

std::optional<Tunnel>
read(const pmrec_mirror_tunnel *row, std::string *error)
{
    RowReader r(&row->header_, &pmrec_mirror_tunnel_col_name, error);
    Tunnel v;
    v.name = r.text(pmrec_mirror_tunnel_col_name);
    v.account = r.text(pmrec_mirror_tunnel_col_account);
    v.source = r.uuid(pmrec_mirror_tunnel_col_source);
    v.destination = r.uuid(pmrec_mirror_tunnel_col_destination);
    v.filter = r.optional_uuid(pmrec_mirror_tunnel_col_filter);
    v.vni = r.number(pmrec_mirror_tunnel_col_vni);
    v.packet_length =
        r.optional_number<int>(pmrec_mirror_tunnel_col_packet_length);
    v.rate_kbps =
        r.optional_number<int64_t>(pmrec_mirror_tunnel_col_rate_kbps);
    v.mode =
        r.choice<Mode>(pmrec_mirror_tunnel_col_mode,
                       {{"mirror", Mode::Mirror}, {"count", Mode::Count}});
    v.delivery = r.choice<Delivery>(pmrec_mirror_tunnel_col_delivery,
                                    {{"auto", Delivery::Auto},
                                     {"underlay", Delivery::Underlay},
                                     {"vpc", Delivery::Vpc}});
    v.note = r.text(pmrec_mirror_tunnel_col_note);
    v.enabled = r.flag(pmrec_mirror_tunnel_col_enabled);
    v.generation = r.number(pmrec_mirror_tunnel_col_generation);
    if (auto by = r.optional_text(pmrec_mirror_tunnel_col_accepted_by)) {
        v.accepted =
            Acceptance{*by, r.number(pmrec_mirror_tunnel_col_accepted_at),
                       r.number(pmrec_mirror_tunnel_col_accepted_generation)};
    }
    v.created_ms = r.number(pmrec_mirror_tunnel_col_created);
    v.updated_ms = r.number(pmrec_mirror_tunnel_col_updated);
    return r.result(std::move(v));
}

namespace {

/* ".inbound[100]" of the first rule that is why a filter cannot be read. */
std::string
unreadable_part(const pmrec_mirror_filter *row)
{
    for (Direction direction : DIRECTIONS) {
        bool inbound = direction == Direction::Inbound;
        size_t n = inbound ? row->n_inbound : row->n_outbound;
        for (size_t i = 0; i < n; i++) {
            const pmrec_mirror_rule *rule =
                inbound ? row->inbound[i] : row->outbound[i];
            if (!read(rule, nullptr)) {
                return std::string(".") + to_string(direction) + "[" +
                       std::to_string(rule->number) + "]";
            }
        }
    }
    return "";
}

/* What can be said of a row that cannot be read. */
template <typename T, typename RowType>
UnreadableRow
describe_unreadable(const RowType *row, const std::string &error)
{
    UnreadableRow v;
    v.error = error;
    for_each_kind([&](const auto &kind) {
        using U = typename std::remove_cvref_t<decltype(kind)>::Type;
        if constexpr (std::same_as<T, U>) {
            v.kind = kind.key;
            v.name = row->name;
            if constexpr (CustomerKind<T>) {
                v.account = row->account;
            }
            if constexpr (std::same_as<T, Filter>) {
                v.part = unreadable_part(row);
            }
        }
    });
    return v;
}

/* Reads a whole table; 'first' and 'next' are the IDL's generated ones. */
template <typename T, typename RowType>
void
read_table(const ovsdb_idl *idl, Table<T> *table,
           const RowType *(*first)(const ovsdb_idl *),
           const RowType *(*next)(const RowType *),
           std::map<Uuid, UnreadableRow> *unreadable)
{
    for (const RowType *row = first(idl); row; row = next(row)) {
        std::string error;
        auto value = read(row, &error);
        if (value) {
            table->emplace(to_uuid(row->header_.uuid), *std::move(value));
        } else if (unreadable && !error.empty()) {
            unreadable->emplace(to_uuid(row->header_.uuid),
                                describe_unreadable<T>(row, error));
        }
    }
}

} // namespace

Model
read_model(struct ovsdb_idl *idl, std::map<Uuid, UnreadableRow> *unreadable)
{
    Model m;
    read_table(idl, &m.vpcs, pmrec_vpc_first, pmrec_vpc_next, unreadable);
    read_table(idl, &m.peerings, pmrec_vpc_peering_first,
               pmrec_vpc_peering_next, unreadable);
    read_table(idl, &m.connects, pmrec_transit_vpc_connect_first,
               pmrec_transit_vpc_connect_next, unreadable);
    read_table(idl, &m.subnets, pmrec_subnet_first, pmrec_subnet_next,
               unreadable);
    read_table(idl, &m.nics, pmrec_network_interface_first,
               pmrec_network_interface_next, unreadable);
    read_table(idl, &m.load_balancers, pmrec_load_balancer_first,
               pmrec_load_balancer_next, unreadable);
    read_table(idl, &m.collectors, pmrec_collector_first, pmrec_collector_next,
               unreadable);
    read_table(idl, &m.resources, pmrec_mirror_resource_first,
               pmrec_mirror_resource_next, unreadable);
    read_table(idl, &m.filters, pmrec_mirror_filter_first,
               pmrec_mirror_filter_next, unreadable);
    read_table(idl, &m.tunnels, pmrec_mirror_tunnel_first,
               pmrec_mirror_tunnel_next, unreadable);
    read_table(idl, &m.tunnel_statuses, pmrec_tunnel_status_first,
               pmrec_tunnel_status_next, unreadable);
    read_table(idl, &m.filter_statuses, pmrec_filter_status_first,
               pmrec_filter_status_next, unreadable);
    read_table(idl, &m.chassis, pmrec_chassis_first, pmrec_chassis_next,
               unreadable);
    return m;
}

} // namespace pm
