/* Reading: see control_rows.h.  Writing is in control_rows_write.cc. */
#include "ovsdb/control_rows.h"

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

using Column = struct ovsdb_idl_column;

/* Reads one row's columns, collecting the first fault.
 *
 * Everything goes through the raw datum: the generated structs turn a
 * reference to a row that is not here into a null pointer, and the uuid is
 * then lost. */
class RowReader {
public:
    RowReader(const ovsdb_idl_row *row, const Column *name, std::string *error)
        : row_(row), name_(name), error_(error)
    {
        if (error_) {
            error_->clear();
        }
    }

    bool ok() const { return ok_; }
    /* Ends a read: 'value', or nothing if a column had no good value. */
    template <typename T> std::optional<T> result(T &&value) const
    {
        return ok_ ? std::optional<T>(std::forward<T>(value)) : std::nullopt;
    }

    std::string text(const Column &c) const
    {
        return optional_text(c).value_or("");
    }
    std::optional<std::string> optional_text(const Column &c) const
    {
        const ovsdb_datum &d = datum(c);
        return d.n ? std::optional<std::string>(string_of(d.keys[0]))
                   : std::nullopt;
    }
    std::vector<std::string> texts(const Column &c) const
    {
        const ovsdb_datum &d = datum(c);
        std::vector<std::string> result;
        for (size_t i = 0; i < d.n; i++) {
            result.emplace_back(string_of(d.keys[i]));
        }
        std::sort(result.begin(), result.end());
        return result;
    }
    int64_t number(const Column &c) const
    {
        return optional_number<int64_t>(c).value_or(0);
    }
    template <typename T>
    std::optional<T> optional_number(const Column &c) const
    {
        const ovsdb_datum &d = datum(c);
        return d.n ? std::optional<T>(static_cast<T>(d.keys[0].integer))
                   : std::nullopt;
    }
    bool flag(const Column &c) const
    {
        const ovsdb_datum &d = datum(c);
        return d.n && d.keys[0].boolean;
    }
    Uuid uuid(const Column &c) const
    {
        return optional_uuid(c).value_or(Uuid{});
    }
    std::optional<Uuid> optional_uuid(const Column &c) const
    {
        const ovsdb_datum &d = datum(c);
        return d.n ? std::optional<Uuid>(to_uuid(d.keys[0].uuid))
                   : std::nullopt;
    }
    size_t count(const Column &c) const { return datum(c).n; }

    std::map<std::string, std::string> text_map(const Column &c) const
    {
        return map<std::string, std::string>(c, string_of, string_of);
    }
    std::map<std::string, int64_t> counts(const Column &c) const
    {
        return map<std::string, int64_t>(c, string_of, integer_of);
    }
    std::map<int, int64_t> hits(const Column &c) const
    {
        return map<int, int64_t>(c, integer_of, integer_of);
    }

    /* The values of a column whose texts are of type T (IpAddress, Cidr,
     * PortRange), sorted. */
    template <typename T>
    std::vector<T> parsed_set(const Column &c, const char *what)
    {
        std::vector<T> result;
        for (const std::string &s : texts(c)) {
            result.push_back(parse<T>(c, s, what));
        }
        std::sort(result.begin(), result.end());
        return result;
    }
    template <typename T>
    std::optional<T> optional_parsed(const Column &c, const char *what)
    {
        auto s = optional_text(c);
        return s ? std::optional<T>(parse<T>(c, *s, what)) : std::nullopt;
    }
    template <typename T>
    T parse(const Column &c, const std::string &s, const char *what)
    {
        auto value = T::parse(s);
        if (!value) {
            fail(c, s, what);
            return T{};
        }
        return *value;
    }

    /* The enumeration's value whose name the column has. */
    template <typename T>
    T choice(const Column &c,
             std::initializer_list<std::pair<const char *, T>> choices)
    {
        return choice(c, text(c), choices);
    }
    template <typename T>
    T choice(const Column &c, const std::string &s,
             std::initializer_list<std::pair<const char *, T>> choices)
    {
        for (const auto &[name, value] : choices) {
            if (s == name) {
                return value;
            }
        }
        fail(c, s, "a value known to this version");
        return choices.begin()->second;
    }

    void fail(const Column &c, const std::string &value, const char *what)
    {
        if (ok_ && error_) {
            *error_ =
                std::string(row_->table->class_->name) + " " +
                (name_ ? text(*name_) : to_uuid(row_->uuid).to_string()) +
                ": column " + c.name + " has \"" + value +
                "\", which is not " + what;
        }
        ok_ = false;
    }
    /* For a child that has not arrived, or whose own fault is 'error'. */
    void fail_child(const std::string &error)
    {
        if (ok_ && error_) {
            *error_ = error;
        }
        ok_ = false;
    }

private:
    static const char *string_of(const ovsdb_atom &a)
    {
        return json_string(a.s);
    }
    static int64_t integer_of(const ovsdb_atom &a) { return a.integer; }

    const ovsdb_datum &datum(const Column &c) const
    {
        return *ovsdb_idl_read(row_, &c);
    }
    template <typename K, typename V, typename FK, typename FV>
    std::map<K, V> map(const Column &c, FK key, FV value) const
    {
        const ovsdb_datum &d = datum(c);
        std::map<K, V> result;
        for (size_t i = 0; i < d.n; i++) {
            result[static_cast<K>(key(d.keys[i]))] = value(d.values[i]);
        }
        return result;
    }

    const ovsdb_idl_row *row_;
    const Column *name_;
    std::string *error_;
    bool ok_ = true;
};

constexpr char AN_ADDRESS[] = "an IP address";
constexpr char A_CIDR[] = "a CIDR with host bits zero";
constexpr char A_PORT_RANGE[] = "a port or a range of ports";

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
    if (!protocol_parse(protocol, &v.protocol)) {
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
    v.up = r.choice<bool>(pmrec_load_balancer_member_col_state,
                          {{"up", true}, {"down", false}});
    v.nic = r.optional_uuid(pmrec_load_balancer_member_col_network_interface);
    return r.result(std::move(v));
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
    v.subnet = r.optional_uuid(pmrec_network_interface_col_subnet);
    v.mtu = r.optional_number<int>(pmrec_network_interface_col_mtu);
    v.account = r.optional_text(pmrec_network_interface_col_account);
    if (r.flag(pmrec_network_interface_col_permits_known)) {
        v.permits_vxlan_from = r.parsed_set<Cidr>(
            pmrec_network_interface_col_permits_vxlan_from, A_CIDR);
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

std::optional<TunnelStatus>
read(const pmrec_tunnel_status *row, std::string *error)
{
    RowReader r(&row->header_, nullptr, error);
    TunnelStatus v;
    v.tunnel = r.uuid(pmrec_tunnel_status_col_tunnel);
    v.chassis = r.text(pmrec_tunnel_status_col_chassis);
    v.number = r.number(pmrec_tunnel_status_col_number);
    v.name = r.text(pmrec_tunnel_status_col_name);
    v.account = r.text(pmrec_tunnel_status_col_account);
    v.destination_account =
        r.text(pmrec_tunnel_status_col_destination_account);
    v.source = r.text(pmrec_tunnel_status_col_source);
    v.destination = r.text(pmrec_tunnel_status_col_destination);
    v.peering = r.text(pmrec_tunnel_status_col_peering);
    v.vni = r.number(pmrec_tunnel_status_col_vni);
    v.iface_id = r.text(pmrec_tunnel_status_col_iface_id);
    v.bound = r.flag(pmrec_tunnel_status_col_bound);
    if (auto delivery = r.optional_text(pmrec_tunnel_status_col_delivery)) {
        v.delivery = r.choice<Delivery>(
            pmrec_tunnel_status_col_delivery, *delivery,
            {{"underlay", Delivery::Underlay}, {"vpc", Delivery::Vpc}});
    }
    v.effective_packet_length = r.optional_number<int>(
        pmrec_tunnel_status_col_effective_packet_length);
    v.observed_generation =
        r.number(pmrec_tunnel_status_col_observed_generation);
    v.observed_filter_generation =
        r.number(pmrec_tunnel_status_col_observed_filter_generation);
    v.health = r.choice<Health>(pmrec_tunnel_status_col_health,
                                {{"ok", Health::Ok},
                                 {"degraded", Health::Degraded},
                                 {"error", Health::Error},
                                 {"disabled", Health::Disabled}});
    v.reasons = r.text_map(pmrec_tunnel_status_col_reasons);
    auto reasons = r.text_map(pmrec_tunnel_status_col_condition_reasons);
    for (const auto &[type, status] :
         r.text_map(pmrec_tunnel_status_col_conditions)) {
        auto reason = reasons.find(type);
        v.conditions[type] =
            Condition{r.choice<ConditionStatus>(
                          pmrec_tunnel_status_col_conditions, status,
                          {{"True", ConditionStatus::True},
                           {"False", ConditionStatus::False},
                           {"Unknown", ConditionStatus::Unknown}}),
                      reason == reasons.end() ? "" : reason->second};
    }
    v.counters.values = r.counts(pmrec_tunnel_status_col_counters);
    v.counters.bases = r.counts(pmrec_tunnel_status_col_counter_bases);
    v.events = r.texts(pmrec_tunnel_status_col_events);
    v.created_ms = r.number(pmrec_tunnel_status_col_created);
    v.updated_ms = r.number(pmrec_tunnel_status_col_updated);
    return r.result(std::move(v));
}

std::optional<FilterStatus>
read(const pmrec_filter_status *row, std::string *error)
{
    RowReader r(&row->header_, nullptr, error);
    FilterStatus v;
    v.filter = r.uuid(pmrec_filter_status_col_filter);
    v.chassis = r.text(pmrec_filter_status_col_chassis);
    v.number = r.number(pmrec_filter_status_col_number);
    v.name = r.text(pmrec_filter_status_col_name);
    v.account = r.text(pmrec_filter_status_col_account);
    v.observed_generation =
        r.number(pmrec_filter_status_col_observed_generation);
    v.inbound_hits = r.hits(pmrec_filter_status_col_inbound_hits);
    v.outbound_hits = r.hits(pmrec_filter_status_col_outbound_hits);
    v.hit_bases = r.counts(pmrec_filter_status_col_hit_bases);
    v.updated_ms = r.number(pmrec_filter_status_col_updated);
    return r.result(std::move(v));
}

std::optional<Chassis>
read(const pmrec_chassis *row, std::string *error)
{
    RowReader r(&row->header_, &pmrec_chassis_col_name, error);
    Chassis v;
    v.name = r.text(pmrec_chassis_col_name);
    v.hostname = r.text(pmrec_chassis_col_hostname);
    v.version = r.text(pmrec_chassis_col_version);
    v.ovs_version = r.text(pmrec_chassis_col_ovs_version);
    v.datapath_types = r.texts(pmrec_chassis_col_datapath_types);
    v.encap_ips = r.texts(pmrec_chassis_col_encap_ips);
    v.slots = r.counts(pmrec_chassis_col_slots);
    v.slots_used = r.counts(pmrec_chassis_col_slots_used);
    v.cfg = r.number(pmrec_chassis_col_cfg);
    v.heartbeat_ms = r.number(pmrec_chassis_col_heartbeat);
    return r.result(std::move(v));
}

std::optional<Event>
read(const pmrec_event *row, std::string *error)
{
    RowReader r(&row->header_, nullptr, error);
    Event v;
    v.time_ms = r.number(pmrec_event_col_time);
    v.actor = r.text(pmrec_event_col_actor);
    v.account = r.text(pmrec_event_col_account);
    v.peer_account = r.text(pmrec_event_col_peer_account);
    v.kind = r.text(pmrec_event_col_kind);
    v.object = r.text(pmrec_event_col_object);
    v.event = r.text(pmrec_event_col_event);
    v.message = r.text(pmrec_event_col_message);
    v.generation = r.number(pmrec_event_col_generation);
    return r.result(std::move(v));
}

namespace {

/* Reads a whole table; 'first' and 'next' are the IDL's generated ones. */
template <typename T, typename RowType>
void
read_table(const ovsdb_idl *idl, Table<T> *table,
           const RowType *(*first)(const ovsdb_idl *),
           const RowType *(*next)(const RowType *),
           std::vector<std::string> *errors)
{
    for (const RowType *row = first(idl); row; row = next(row)) {
        std::string error;
        auto value = read(row, &error);
        if (value) {
            table->emplace(to_uuid(row->header_.uuid), *std::move(value));
        } else if (errors && !error.empty()) {
            errors->push_back(error);
        }
    }
}

} // namespace

Model
read_model(struct ovsdb_idl *idl, std::vector<std::string> *errors)
{
    Model m;
    read_table(idl, &m.vpcs, pmrec_vpc_first, pmrec_vpc_next, errors);
    read_table(idl, &m.peerings, pmrec_vpc_peering_first,
               pmrec_vpc_peering_next, errors);
    read_table(idl, &m.connects, pmrec_transit_vpc_connect_first,
               pmrec_transit_vpc_connect_next, errors);
    read_table(idl, &m.subnets, pmrec_subnet_first, pmrec_subnet_next, errors);
    read_table(idl, &m.nics, pmrec_network_interface_first,
               pmrec_network_interface_next, errors);
    read_table(idl, &m.load_balancers, pmrec_load_balancer_first,
               pmrec_load_balancer_next, errors);
    read_table(idl, &m.collectors, pmrec_collector_first, pmrec_collector_next,
               errors);
    read_table(idl, &m.resources, pmrec_mirror_resource_first,
               pmrec_mirror_resource_next, errors);
    read_table(idl, &m.filters, pmrec_mirror_filter_first,
               pmrec_mirror_filter_next, errors);
    read_table(idl, &m.tunnels, pmrec_mirror_tunnel_first,
               pmrec_mirror_tunnel_next, errors);
    read_table(idl, &m.tunnel_statuses, pmrec_tunnel_status_first,
               pmrec_tunnel_status_next, errors);
    read_table(idl, &m.filter_statuses, pmrec_filter_status_first,
               pmrec_filter_status_next, errors);
    read_table(idl, &m.chassis, pmrec_chassis_first, pmrec_chassis_next,
               errors);
    return m;
}

} // namespace pm
