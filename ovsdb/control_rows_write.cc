/* Writing: see control_rows.h. */
#include "ovsdb/columns.h"

namespace pm {

namespace {

template <typename T>
std::vector<std::string>
to_strings(const std::vector<T> &values)
{
    std::vector<std::string> result;
    result.reserve(values.size());
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

/* Has rules say whose they are: hypervisors ask for them by it (ovsdb/
 * conditions.h).  Rules that are kept, too: an earlier version wrote them.
 * What such a row says of frames stays as it is; one that two filters have
 * counts in both, whichever it names. */
void
name_filter(ovsdb_idl *idl, const std::vector<Uuid> &rules,
            const pmrec_mirror_filter *filter)
{
    if (!pmrec_server_has_mirror_rule_table_col_filter(idl)) {
        return;
    }
    for (const Uuid &id : rules) {
        struct uuid uuid = to_ovs_uuid(id);
        const pmrec_mirror_rule *row =
            pmrec_mirror_rule_get_for_uuid(idl, &uuid);
        RowWriter(&row->header_, Verify::No)
            .set(pmrec_mirror_rule_col_filter, to_uuid(filter->header_.uuid));
    }
}

void
write_columns(const RowWriter &w, ovsdb_idl_txn *txn,
              const pmrec_mirror_filter *row, const Filter &v)
{
    auto write_rules = [&](pmrec_mirror_rule *const *rows, size_t n,
                           const std::vector<Rule> &rules) {
        auto ids = write_children(txn, rows, n, rules,
                                  pmrec_mirror_rule_insert, write_rule);
        name_filter(ovsdb_idl_txn_get_idl(txn), ids, row);
        return ids;
    };
    w.verify(pmrec_mirror_filter_col_generation);
    w.set(pmrec_mirror_filter_col_name, v.name);
    w.set(pmrec_mirror_filter_col_account, v.account);
    w.set(pmrec_mirror_filter_col_note, v.note);
    w.set(pmrec_mirror_filter_col_non_ip, v.mirror_non_ip ? "mirror" : "drop");
    w.set(pmrec_mirror_filter_col_inbound,
          write_rules(row->inbound, row->n_inbound, v.inbound));
    w.set(pmrec_mirror_filter_col_outbound,
          write_rules(row->outbound, row->n_outbound, v.outbound));
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

/* Writes one table's changes; 'table' is the generated class of RowType. */
template <typename RowType, typename T>
void
write_table(ovsdb_idl *idl, ovsdb_idl_txn *txn,
            const ovsdb_idl_table_class &table, const TableDelta<T> &delta)
{
    for (const auto &change : delta) {
        const std::optional<T> &value = change.second;
        struct uuid uuid = to_ovs_uuid(change.first);
        const ovsdb_idl_row *row =
            ovsdb_idl_get_row_for_uuid(idl, &table, &uuid);
        if (row && !row->new_datum) {
            continue; /* This transaction deletes it already. */
        }
        if (value) {
            if (!row) {
                row = ovsdb_idl_txn_insert(txn, &table, &uuid);
            }
            /* The row's struct begins with its header. */
            auto typed_row = reinterpret_cast<const RowType *>(row);
            if constexpr (requires { write(typed_row, *value); }) {
                write(typed_row, *value);
            } else {
                write_columns(RowWriter(row, Verify::Yes), txn, typed_row,
                              *value);
            }
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
yield_to_others(struct ovsdb_idl *idl, struct ovsdb_idl_txn *txn)
{
    constexpr const char *KEY = "ovs-mirrorctl-edits";
    const pmrec_mirror_global *row = pmrec_mirror_global_first(idl);
    if (!row) {
        row = pmrec_mirror_global_insert(txn); /* There can be only one. */
    }
    smap ids;
    smap_clone(&ids, &row->external_ids);
    smap_replace(&ids, KEY,
                 std::to_string(smap_get_ullong(&ids, KEY, 0) + 1).c_str());
    pmrec_mirror_global_verify_external_ids(row);
    pmrec_mirror_global_set_external_ids(row, &ids);
    smap_destroy(&ids);
}

void
delete_rows(struct ovsdb_idl *idl, const std::map<Uuid, UnreadableRow> &rows)
{
    static const std::map<std::string, const ovsdb_idl_table_class *> TABLES =
        {{"vpcs", &pmrec_table_vpc},
         {"peerings", &pmrec_table_vpc_peering},
         {"transit_connects", &pmrec_table_transit_vpc_connect},
         {"subnets", &pmrec_table_subnet},
         {"network_interfaces", &pmrec_table_network_interface},
         {"load_balancers", &pmrec_table_load_balancer},
         {"collectors", &pmrec_table_collector},
         {"mirror_resources", &pmrec_table_mirror_resource},
         {"mirror_filters", &pmrec_table_mirror_filter},
         {"mirror_tunnels", &pmrec_table_mirror_tunnel}};
    for (const auto &[id, described] : rows) {
        struct uuid uuid = to_ovs_uuid(id);
        const ovsdb_idl_row *row =
            ovsdb_idl_get_row_for_uuid(idl, TABLES.at(described.kind), &uuid);
        if (row && row->new_datum) {
            ovsdb_idl_txn_delete(row);
        }
    }
}

std::optional<int64_t>
delete_rule(struct ovsdb_idl *idl, const Uuid &filter, Direction direction,
            int64_t number)
{
    struct uuid uuid = to_ovs_uuid(filter);
    const pmrec_mirror_filter *row =
        pmrec_mirror_filter_get_for_uuid(idl, &uuid);
    if (!row) {
        return std::nullopt;
    }
    bool inbound = direction == Direction::Inbound;
    pmrec_mirror_rule *const *rules = inbound ? row->inbound : row->outbound;
    size_t n = inbound ? row->n_inbound : row->n_outbound;
    std::vector<Uuid> rest;
    for (size_t i = 0; i < n; i++) {
        if (rules[i]->number != number) {
            rest.push_back(to_uuid(rules[i]->header_.uuid));
        }
    }
    if (rest.size() == n) {
        return std::nullopt;
    }
    RowWriter w(&row->header_, Verify::Yes);
    int64_t generation = sum_of_counts(row->generation, 1);
    w.set(inbound ? pmrec_mirror_filter_col_inbound
                  : pmrec_mirror_filter_col_outbound,
          rest);
    w.set(pmrec_mirror_filter_col_generation, generation);
    return generation;
}

} // namespace pm
