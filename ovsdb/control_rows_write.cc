/* Writing: see control_rows.h. */
#include "ovsdb/control_rows.h"

namespace pm {

namespace {

using Column = struct ovsdb_idl_column;

/* Columns of which the schema bounds the number of values or rows. */
constexpr size_t STATUS_EVENTS_MAX = 20;
constexpr size_t EVENT_ROWS_MAX = 10000;

/* Whether to guard against others' writes: an edit depends on what it read;
 * a hypervisor's rows have no other writer. */
enum class Verify { No, Yes };

/* Writes columns of one row, those that differ.
 *
 * Everything goes through raw datums: a reference is then the uuid that the
 * value has, which for a row inserted in the same transaction is the uuid
 * that it was inserted by; the IDL turns it into the server's. */
class RowWriter {
public:
    RowWriter(const ovsdb_idl_row *row, Verify verify)
        : row_(row), verify_(verify)
    {
    }

    void set(const Column &c, const std::string &s) const
    {
        put(c, one(ovsdb_atom{.s = ovsdb_atom_string_create(s.c_str())}));
    }
    void set(const Column &c, const char *s) const
    {
        put(c, one(ovsdb_atom{.s = ovsdb_atom_string_create(s)}));
    }
    void set(const Column &c, int64_t n) const
    {
        put(c, one(ovsdb_atom{.integer = n}));
    }
    void set(const Column &c, bool b) const
    {
        put(c, one(ovsdb_atom{.boolean = b}));
    }
    void set(const Column &c, const Uuid &id) const
    {
        put(c, one(ovsdb_atom{.uuid = to_ovs_uuid(id)}));
    }
    void set(const Column &c, const std::vector<Uuid> &ids) const
    {
        ovsdb_datum d = space(ids.size(), false);
        for (size_t i = 0; i < ids.size(); i++) {
            d.keys[i].uuid = to_ovs_uuid(ids[i]);
        }
        put(c, d);
    }
    void set(const Column &c, const std::vector<std::string> &texts) const
    {
        ovsdb_datum d = space(texts.size(), false);
        for (size_t i = 0; i < texts.size(); i++) {
            d.keys[i].s = ovsdb_atom_string_create(texts[i].c_str());
        }
        put(c, d);
    }
    /* Maps of texts or numbers to texts or numbers. */
    template <typename K, typename V>
    void set(const Column &c, const std::map<K, V> &map) const
    {
        ovsdb_datum d = space(map.size(), true);
        size_t i = 0;
        for (const auto &[key, value] : map) {
            d.keys[i] = atom(key);
            d.values[i++] = atom(value);
        }
        put(c, d);
    }
    /* An optional column: 'value' through 'convert', or empty. */
    template <typename T, typename F>
    void set_optional(const Column &c, const std::optional<T> &value,
                      F convert) const
    {
        if (value) {
            set(c, convert(*value));
        } else {
            clear(c);
        }
    }
    template <typename T>
    void set_optional(const Column &c, const std::optional<T> &value) const
    {
        set_optional(c, value, [](const T &v) { return v; });
    }
    void set_number(const Column &c, const std::optional<int> &value) const
    {
        set_optional(c, value, [](int v) { return int64_t{v}; });
    }
    void clear(const Column &c) const { put(c, space(0, false)); }

    void verify(const Column &c) const { ovsdb_idl_txn_verify(row_, &c); }

private:
    static ovsdb_atom atom(const std::string &s)
    {
        return {.s = ovsdb_atom_string_create(s.c_str())};
    }
    static ovsdb_atom atom(int64_t n) { return {.integer = n}; }

    static ovsdb_datum space(size_t n, bool map)
    {
        ovsdb_datum d;
        ovsdb_datum_init_empty(&d);
        auto atoms = [n] {
            return static_cast<ovsdb_atom *>(xmalloc(n * sizeof(ovsdb_atom)));
        };
        if (n) {
            d.n = n;
            d.keys = atoms();
            d.values = map ? atoms() : nullptr;
        }
        return d;
    }
    static ovsdb_datum one(const ovsdb_atom &a)
    {
        ovsdb_datum d = space(1, false);
        d.keys[0] = a;
        return d;
    }

    /* Takes 'd' over. */
    void put(const Column &c, ovsdb_datum d) const
    {
        ovsdb_datum_sort_unique(&d, &c.type);
        if (ovsdb_datum_equals(ovsdb_idl_read(row_, &c), &d, &c.type)) {
            ovsdb_datum_destroy(&d, &c.type);
            return;
        }
        if (verify_ == Verify::Yes) {
            verify(c);
        }
        ovsdb_idl_txn_write(row_, &c, &d);
    }

    const ovsdb_idl_row *row_;
    Verify verify_;
};

template <typename T>
std::vector<std::string>
to_strings(const std::vector<T> &values)
{
    std::vector<std::string> result;
    for (const T &value : values) {
        result.push_back(value.to_string());
    }
    return result;
}

const auto to_text = [](const auto &value) { return value.to_string(); };

const char *
active_text(bool active)
{
    return active ? "active" : "inactive";
}

void
write_columns(const RowWriter &w, ovsdb_idl_txn *, const pmrec_vpc *,
              const Vpc &v)
{
    w.set(pmrec_vpc_col_name, v.name);
    w.set(pmrec_vpc_col_account, v.account);
    w.set(pmrec_vpc_col_region, v.region);
    w.set(pmrec_vpc_col_kind,
          v.kind == VpcKind::Standard ? "standard" : "transit");
}

void
write_columns(const RowWriter &w, ovsdb_idl_txn *, const pmrec_vpc_peering *,
              const Peering &v)
{
    w.set(pmrec_vpc_peering_col_name, v.name);
    w.set(pmrec_vpc_peering_col_from_vpc, v.from);
    w.set(pmrec_vpc_peering_col_to_vpc, v.to);
    w.set(pmrec_vpc_peering_col_state, active_text(v.active));
}

void
write_columns(const RowWriter &w, ovsdb_idl_txn *,
              const pmrec_transit_vpc_connect *, const TransitConnect &v)
{
    w.set(pmrec_transit_vpc_connect_col_name, v.name);
    w.set(pmrec_transit_vpc_connect_col_vpc, v.vpc);
    w.set(pmrec_transit_vpc_connect_col_transit_vpc, v.transit_vpc);
    w.set(pmrec_transit_vpc_connect_col_state, active_text(v.active));
}

void
write_columns(const RowWriter &w, ovsdb_idl_txn *, const pmrec_subnet *,
              const Subnet &v)
{
    w.set(pmrec_subnet_col_name, v.name);
    w.set(pmrec_subnet_col_vpc, v.vpc);
    w.set(pmrec_subnet_col_cidr, v.cidr.to_string());
    w.set_optional(pmrec_subnet_col_gateway, v.gateway, to_text);
    w.set_optional(pmrec_subnet_col_gateway_mac, v.gateway_mac);
    std::map<std::string, std::string> routes;
    for (const auto &[to, via] : v.routes) {
        routes[to.to_string()] = via;
    }
    w.set(pmrec_subnet_col_routes, routes);
}

void
write_columns(const RowWriter &w, ovsdb_idl_txn *,
              const pmrec_network_interface *, const Nic &v)
{
    w.set(pmrec_network_interface_col_name, v.name);
    w.set(pmrec_network_interface_col_iface_id, v.iface_id);
    w.set(pmrec_network_interface_col_server, v.server);
    w.set(pmrec_network_interface_col_device, v.device);
    w.set(pmrec_network_interface_col_hypervisor,
          v.hypervisor == Hypervisor::Kvm ? "kvm" : "xen");
    w.set(pmrec_network_interface_col_mac, v.mac);
    w.set(pmrec_network_interface_col_addresses, to_strings(v.addresses));
    w.set_optional(pmrec_network_interface_col_subnet, v.subnet);
    w.set_number(pmrec_network_interface_col_mtu, v.mtu);
    w.set_optional(pmrec_network_interface_col_account, v.account);
    w.set(pmrec_network_interface_col_permits_known,
          v.permits_vxlan_from.has_value());
    w.set(pmrec_network_interface_col_permits_vxlan_from,
          to_strings(v.permits_vxlan_from.value_or(std::vector<Cidr>())));
}

void
write_rule(const RowWriter &w, const Rule &v)
{
    w.set(pmrec_mirror_rule_col_number, int64_t{v.number});
    w.set(pmrec_mirror_rule_col_action,
          v.action == RuleAction::Accept ? "accept" : "reject");
    w.set(pmrec_mirror_rule_col_protocol, protocol_to_string(v.protocol));
    w.set_optional(pmrec_mirror_rule_col_source, v.source, to_text);
    w.set_optional(pmrec_mirror_rule_col_destination, v.destination, to_text);
    w.set_optional(pmrec_mirror_rule_col_source_port, v.source_port, to_text);
    w.set_optional(pmrec_mirror_rule_col_destination_port, v.destination_port,
                   to_text);
    w.set_number(pmrec_mirror_rule_col_icmp_type, v.icmp_type);
    w.set_number(pmrec_mirror_rule_col_icmp_code, v.icmp_code);
    w.set(pmrec_mirror_rule_col_note, v.note);
}

void
write_member(const RowWriter &w, const LoadBalancerMember &v)
{
    w.set(pmrec_load_balancer_member_col_address, v.address.to_string());
    w.set(pmrec_load_balancer_member_col_state, v.up ? "up" : "down");
    w.set_optional(pmrec_load_balancer_member_col_network_interface, v.nic);
}

/* Returns the uuids of child rows for 'wanted': those of the rows among the
 * parent's 'rows' that say the same already, and of new rows for the rest.  A
 * child row is never changed: it might have another parent. */
template <typename T, typename RowType>
std::vector<Uuid>
write_children(ovsdb_idl_txn *txn, RowType *const *rows, size_t n,
               const std::vector<T> &wanted,
               RowType *(*insert)(ovsdb_idl_txn *),
               void (*write_child)(const RowWriter &, const T &))
{
    std::vector<std::pair<Uuid, std::optional<T>>> unused;
    for (size_t i = 0; i < n; i++) {
        unused.emplace_back(to_uuid(rows[i]->header_.uuid),
                            read(rows[i], nullptr));
    }
    std::vector<Uuid> result;
    for (const T &child : wanted) {
        auto same =
            std::find_if(unused.begin(), unused.end(), [&](const auto &u) {
                return u.second && *u.second == child;
            });
        if (same != unused.end()) {
            result.push_back(same->first);
            unused.erase(same);
        } else {
            const ovsdb_idl_row *row = &insert(txn)->header_;
            write_child(RowWriter(row, Verify::No), child);
            result.push_back(to_uuid(row->uuid));
        }
    }
    return result;
}

void
write_columns(const RowWriter &w, ovsdb_idl_txn *txn,
              const pmrec_load_balancer *row, const LoadBalancer &v)
{
    w.set(pmrec_load_balancer_col_name, v.name);
    w.set(pmrec_load_balancer_col_vpc, v.vpc);
    w.set_optional(pmrec_load_balancer_col_subnet, v.subnet);
    w.set(pmrec_load_balancer_col_members,
          write_children(txn, row->members, row->n_members, v.members,
                         pmrec_load_balancer_member_insert, write_member));
}

void
write_columns(const RowWriter &w, ovsdb_idl_txn *, const pmrec_collector *,
              const Collector &v)
{
    w.set(pmrec_collector_col_name, v.name);
    w.set(pmrec_collector_col_address, v.address.to_string());
    w.set_optional(pmrec_collector_col_account, v.account);
}

void
write_columns(const RowWriter &w, ovsdb_idl_txn *,
              const pmrec_mirror_resource *, const Resource &v)
{
    auto target_if = [&](ResourceType type) {
        return v.type == type ? v.target_id : std::nullopt;
    };
    w.set(pmrec_mirror_resource_col_name, v.name);
    w.set(pmrec_mirror_resource_col_account, v.account);
    w.set(pmrec_mirror_resource_col_purpose,
          v.purpose == Purpose::Source ? "source" : "destination");
    w.set(pmrec_mirror_resource_col_type,
          v.type == ResourceType::NetworkInterface ? "network-interface"
          : v.type == ResourceType::LoadBalancer   ? "load-balancer"
                                                   : "collector");
    w.set(pmrec_mirror_resource_col_target, v.target);
    w.set(pmrec_mirror_resource_col_iface_id, v.iface_id);
    w.set_optional(pmrec_mirror_resource_col_network_interface,
                   target_if(ResourceType::NetworkInterface));
    w.set_optional(pmrec_mirror_resource_col_load_balancer,
                   target_if(ResourceType::LoadBalancer));
    w.set_optional(pmrec_mirror_resource_col_collector,
                   target_if(ResourceType::Collector));
    w.set(pmrec_mirror_resource_col_note, v.note);
    w.set(pmrec_mirror_resource_col_created, v.created_ms);
    w.set(pmrec_mirror_resource_col_updated, v.updated_ms);
}

void
write_columns(const RowWriter &w, ovsdb_idl_txn *txn,
              const pmrec_mirror_filter *row, const Filter &v)
{
    w.verify(pmrec_mirror_filter_col_generation);
    w.set(pmrec_mirror_filter_col_name, v.name);
    w.set(pmrec_mirror_filter_col_account, v.account);
    w.set(pmrec_mirror_filter_col_note, v.note);
    w.set(pmrec_mirror_filter_col_non_ip, v.mirror_non_ip ? "mirror" : "drop");
    w.set(pmrec_mirror_filter_col_inbound,
          write_children(txn, row->inbound, row->n_inbound, v.inbound,
                         pmrec_mirror_rule_insert, write_rule));
    w.set(pmrec_mirror_filter_col_outbound,
          write_children(txn, row->outbound, row->n_outbound, v.outbound,
                         pmrec_mirror_rule_insert, write_rule));
    w.set(pmrec_mirror_filter_col_generation, v.generation);
    w.set(pmrec_mirror_filter_col_created, v.created_ms);
    w.set(pmrec_mirror_filter_col_updated, v.updated_ms);
}

/* What an edit of a tunnel or its deletion decided by. */
void
verify_tunnel(const RowWriter &w)
{
    w.verify(pmrec_mirror_tunnel_col_generation);
    w.verify(pmrec_mirror_tunnel_col_accepted_by);
}

void
write_columns(const RowWriter &w, ovsdb_idl_txn *, const pmrec_mirror_tunnel *,
              const Tunnel &v)
{
    verify_tunnel(w);
    w.set(pmrec_mirror_tunnel_col_name, v.name);
    w.set(pmrec_mirror_tunnel_col_account, v.account);
    w.set(pmrec_mirror_tunnel_col_source, v.source);
    w.set(pmrec_mirror_tunnel_col_destination, v.destination);
    w.set_optional(pmrec_mirror_tunnel_col_filter, v.filter);
    w.set(pmrec_mirror_tunnel_col_vni, v.vni);
    w.set_number(pmrec_mirror_tunnel_col_packet_length, v.packet_length);
    w.set_optional(pmrec_mirror_tunnel_col_rate_kbps, v.rate_kbps);
    w.set(pmrec_mirror_tunnel_col_mode,
          v.mode == Mode::Mirror ? "mirror" : "count");
    w.set(pmrec_mirror_tunnel_col_delivery,
          v.delivery == Delivery::Auto       ? "auto"
          : v.delivery == Delivery::Underlay ? "underlay"
                                             : "vpc");
    w.set(pmrec_mirror_tunnel_col_note, v.note);
    w.set(pmrec_mirror_tunnel_col_enabled, v.enabled);
    w.set(pmrec_mirror_tunnel_col_generation, v.generation);
    std::optional<std::string> by;
    std::optional<int64_t> at, generation;
    if (v.accepted) {
        by = v.accepted->by;
        at = v.accepted->at_ms;
        generation = v.accepted->generation;
    }
    w.set_optional(pmrec_mirror_tunnel_col_accepted_by, by);
    w.set_optional(pmrec_mirror_tunnel_col_accepted_at, at);
    w.set_optional(pmrec_mirror_tunnel_col_accepted_generation, generation);
    w.set(pmrec_mirror_tunnel_col_created, v.created_ms);
    w.set(pmrec_mirror_tunnel_col_updated, v.updated_ms);
}

void
write_columns(const RowWriter &w, ovsdb_idl_txn *, const pmrec_tunnel_status *,
              const TunnelStatus &v)
{
    w.set(pmrec_tunnel_status_col_tunnel, v.tunnel);
    w.set(pmrec_tunnel_status_col_chassis, v.chassis);
    w.set(pmrec_tunnel_status_col_number, v.number);
    w.set(pmrec_tunnel_status_col_name, v.name);
    w.set(pmrec_tunnel_status_col_account, v.account);
    w.set(pmrec_tunnel_status_col_destination_account, v.destination_account);
    w.set(pmrec_tunnel_status_col_source, v.source);
    w.set(pmrec_tunnel_status_col_destination, v.destination);
    w.set(pmrec_tunnel_status_col_peering, v.peering);
    w.set(pmrec_tunnel_status_col_vni, v.vni);
    w.set(pmrec_tunnel_status_col_iface_id, v.iface_id);
    w.set(pmrec_tunnel_status_col_bound, v.bound);
    w.set_optional(
        pmrec_tunnel_status_col_delivery, v.delivery,
        [](Delivery d) { return d == Delivery::Vpc ? "vpc" : "underlay"; });
    w.set_number(pmrec_tunnel_status_col_effective_packet_length,
                 v.effective_packet_length);
    w.set(pmrec_tunnel_status_col_observed_generation, v.observed_generation);
    w.set(pmrec_tunnel_status_col_observed_filter_generation,
          v.observed_filter_generation);
    w.set(pmrec_tunnel_status_col_health, to_string(v.health));
    w.set(pmrec_tunnel_status_col_reasons, v.reasons);
    std::map<std::string, std::string> conditions, condition_reasons;
    for (const auto &[type, condition] : v.conditions) {
        conditions[type] = to_string(condition.status);
        if (!condition.reason.empty()) {
            condition_reasons[type] = condition.reason;
        }
    }
    w.set(pmrec_tunnel_status_col_conditions, conditions);
    w.set(pmrec_tunnel_status_col_condition_reasons, condition_reasons);
    w.set(pmrec_tunnel_status_col_counters, v.counters.values);
    w.set(pmrec_tunnel_status_col_counter_bases, v.counters.bases);
    size_t surplus =
        v.events.size() - std::min(v.events.size(), STATUS_EVENTS_MAX);
    w.set(pmrec_tunnel_status_col_events,
          std::vector<std::string>(v.events.begin() +
                                       static_cast<std::ptrdiff_t>(surplus),
                                   v.events.end()));
    w.set(pmrec_tunnel_status_col_created, v.created_ms);
    w.set(pmrec_tunnel_status_col_updated, v.updated_ms);
}

void
write_columns(const RowWriter &w, ovsdb_idl_txn *, const pmrec_filter_status *,
              const FilterStatus &v)
{
    w.set(pmrec_filter_status_col_filter, v.filter);
    w.set(pmrec_filter_status_col_chassis, v.chassis);
    w.set(pmrec_filter_status_col_number, v.number);
    w.set(pmrec_filter_status_col_name, v.name);
    w.set(pmrec_filter_status_col_account, v.account);
    w.set(pmrec_filter_status_col_observed_generation, v.observed_generation);
    w.set(pmrec_filter_status_col_inbound_hits, v.inbound_hits);
    w.set(pmrec_filter_status_col_outbound_hits, v.outbound_hits);
    w.set(pmrec_filter_status_col_hit_bases, v.hit_bases);
    w.set(pmrec_filter_status_col_updated, v.updated_ms);
}

void
write_columns(const RowWriter &w, ovsdb_idl_txn *, const pmrec_chassis *,
              const Chassis &v)
{
    w.set(pmrec_chassis_col_name, v.name);
    w.set(pmrec_chassis_col_hostname, v.hostname);
    w.set(pmrec_chassis_col_version, v.version);
    w.set(pmrec_chassis_col_ovs_version, v.ovs_version);
    w.set(pmrec_chassis_col_datapath_types, v.datapath_types);
    w.set(pmrec_chassis_col_encap_ips, v.encap_ips);
    w.set(pmrec_chassis_col_slots, v.slots);
    w.set(pmrec_chassis_col_slots_used, v.slots_used);
    w.set(pmrec_chassis_col_cfg, v.cfg);
    w.set(pmrec_chassis_col_heartbeat, v.heartbeat_ms);
}

/* Writes one table's changes; 'table' is the generated class of RowType. */
template <typename RowType, typename T>
void
write_table(ovsdb_idl *idl, ovsdb_idl_txn *txn,
            const ovsdb_idl_table_class &table, const TableDelta<T> &delta)
{
    for (const auto &[id, value] : delta) {
        struct uuid uuid = to_ovs_uuid(id);
        const ovsdb_idl_row *row =
            ovsdb_idl_get_row_for_uuid(idl, &table, &uuid);
        if (value) {
            if (!row) {
                row = ovsdb_idl_txn_insert(txn, &table, &uuid);
            }
            /* The row's struct begins with its header. */
            write_columns(RowWriter(row, Verify::Yes), txn,
                          reinterpret_cast<const RowType *>(row), *value);
        } else if (row) {
            if constexpr (std::is_same_v<T, Tunnel>) {
                verify_tunnel(RowWriter(row, Verify::Yes));
            }
            ovsdb_idl_txn_delete(row);
        }
    }
}

} // namespace

void
write_delta(struct ovsdb_idl *idl, struct ovsdb_idl_txn *txn,
            const ModelDelta &d)
{
    write_table<pmrec_vpc>(idl, txn, pmrec_table_vpc, d.vpcs);
    write_table<pmrec_vpc_peering>(idl, txn, pmrec_table_vpc_peering,
                                   d.peerings);
    write_table<pmrec_transit_vpc_connect>(
        idl, txn, pmrec_table_transit_vpc_connect, d.connects);
    write_table<pmrec_subnet>(idl, txn, pmrec_table_subnet, d.subnets);
    write_table<pmrec_network_interface>(
        idl, txn, pmrec_table_network_interface, d.nics);
    write_table<pmrec_load_balancer>(idl, txn, pmrec_table_load_balancer,
                                     d.load_balancers);
    write_table<pmrec_collector>(idl, txn, pmrec_table_collector,
                                 d.collectors);
    write_table<pmrec_mirror_resource>(idl, txn, pmrec_table_mirror_resource,
                                       d.resources);
    write_table<pmrec_mirror_filter>(idl, txn, pmrec_table_mirror_filter,
                                     d.filters);
    write_table<pmrec_mirror_tunnel>(idl, txn, pmrec_table_mirror_tunnel,
                                     d.tunnels);
    write_table<pmrec_tunnel_status>(idl, txn, pmrec_table_tunnel_status,
                                     d.tunnel_statuses);
    write_table<pmrec_filter_status>(idl, txn, pmrec_table_filter_status,
                                     d.filter_statuses);
    write_table<pmrec_chassis>(idl, txn, pmrec_table_chassis, d.chassis);
}

void
write_events(struct ovsdb_idl_txn *txn, const std::vector<Event> &events)
{
    size_t n_new = std::min(events.size(), EVENT_ROWS_MAX);
    if (!n_new) {
        return;
    }
    std::vector<std::pair<int64_t, const pmrec_event *>> rows;
    const pmrec_event *row;
    PMREC_EVENT_FOR_EACH(row, ovsdb_idl_txn_get_idl(txn))
    {
        rows.emplace_back(row->time, row);
    }
    if (rows.size() + n_new > EVENT_ROWS_MAX) {
        std::sort(rows.begin(), rows.end());
        size_t surplus = rows.size() + n_new - EVENT_ROWS_MAX;
        for (size_t i = 0; i < surplus; i++) {
            ovsdb_idl_txn_delete(&rows[i].second->header_);
        }
    }
    for (size_t i = events.size() - n_new; i < events.size(); i++) {
        const Event &v = events[i];
        RowWriter w(&pmrec_event_insert(txn)->header_, Verify::No);
        w.set(pmrec_event_col_time, v.time_ms);
        w.set(pmrec_event_col_actor, v.actor);
        w.set(pmrec_event_col_account, v.account);
        w.set(pmrec_event_col_peer_account, v.peer_account);
        w.set(pmrec_event_col_kind, v.kind);
        w.set(pmrec_event_col_object, v.object);
        w.set(pmrec_event_col_event, v.event);
        w.set(pmrec_event_col_generation, v.generation);
        w.set(pmrec_event_col_message, v.message);
    }
}

void
write(const pmrec_tunnel_status *row, const TunnelStatus &status)
{
    write_columns(RowWriter(&row->header_, Verify::No), nullptr, row, status);
}

void
write(const pmrec_filter_status *row, const FilterStatus &status)
{
    write_columns(RowWriter(&row->header_, Verify::No), nullptr, row, status);
}

void
write(const pmrec_chassis *row, const Chassis &chassis)
{
    write_columns(RowWriter(&row->header_, Verify::No), nullptr, row, chassis);
}

} // namespace pm
