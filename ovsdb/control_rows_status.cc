/* What hypervisors report, and events: see control_rows.h. */
#include "ovsdb/columns.h"

namespace pm {

namespace {

/* What the schema bounds. */
constexpr size_t STATUS_EVENTS_MAX = 20;
constexpr size_t EVENT_ROWS_MAX = 10000;

} // namespace

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
    v.handles = r.counts(pmrec_tunnel_status_col_handles);
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

void
write(const pmrec_tunnel_status *row, const TunnelStatus &v,
      const TunnelStatus *before)
{
    RowWriter w(&row->header_, Verify::No);
    auto changed = [&](auto TunnelStatus::*member) {
        return !before || !(before->*member == v.*member);
    };
    auto set = [&](const Column &column, auto TunnelStatus::*member) {
        if (changed(member)) {
            w.set(column, v.*member);
        }
    };
    set(pmrec_tunnel_status_col_tunnel, &TunnelStatus::tunnel);
    set(pmrec_tunnel_status_col_chassis, &TunnelStatus::chassis);
    set(pmrec_tunnel_status_col_number, &TunnelStatus::number);
    set(pmrec_tunnel_status_col_name, &TunnelStatus::name);
    set(pmrec_tunnel_status_col_account, &TunnelStatus::account);
    set(pmrec_tunnel_status_col_destination_account,
        &TunnelStatus::destination_account);
    set(pmrec_tunnel_status_col_source, &TunnelStatus::source);
    set(pmrec_tunnel_status_col_destination, &TunnelStatus::destination);
    set(pmrec_tunnel_status_col_peering, &TunnelStatus::peering);
    set(pmrec_tunnel_status_col_vni, &TunnelStatus::vni);
    set(pmrec_tunnel_status_col_iface_id, &TunnelStatus::iface_id);
    set(pmrec_tunnel_status_col_bound, &TunnelStatus::bound);
    if (changed(&TunnelStatus::delivery)) {
        w.set_optional(pmrec_tunnel_status_col_delivery, v.delivery,
                       [](Delivery d) {
                           return d == Delivery::Vpc ? "vpc" : "underlay";
                       });
    }
    if (changed(&TunnelStatus::effective_packet_length)) {
        w.set_number(pmrec_tunnel_status_col_effective_packet_length,
                     v.effective_packet_length);
    }
    set(pmrec_tunnel_status_col_observed_generation,
        &TunnelStatus::observed_generation);
    set(pmrec_tunnel_status_col_observed_filter_generation,
        &TunnelStatus::observed_filter_generation);
    if (changed(&TunnelStatus::health)) {
        w.set(pmrec_tunnel_status_col_health, to_string(v.health));
    }
    set(pmrec_tunnel_status_col_reasons, &TunnelStatus::reasons);
    if (changed(&TunnelStatus::conditions)) {
        std::map<std::string, std::string> conditions, condition_reasons;
        for (const auto &[type, condition] : v.conditions) {
            conditions[type] = to_string(condition.status);
            if (!condition.reason.empty()) {
                condition_reasons[type] = condition.reason;
            }
        }
        w.set(pmrec_tunnel_status_col_conditions, conditions);
        w.set(pmrec_tunnel_status_col_condition_reasons, condition_reasons);
    }
    if (changed(&TunnelStatus::counters)) {
        w.set(pmrec_tunnel_status_col_counters, v.counters.values);
        w.set(pmrec_tunnel_status_col_counter_bases, v.counters.bases);
    }
    /* A server of an older schema would refuse the whole transaction. */
    if (changed(&TunnelStatus::handles) &&
        pmrec_server_has_tunnel_status_table_col_handles(
            ovsdb_idl_txn_get_idl(ovsdb_idl_txn_get(&row->header_)))) {
        w.set(pmrec_tunnel_status_col_handles, v.handles);
    }
    if (changed(&TunnelStatus::events)) {
        size_t surplus =
            v.events.size() - std::min(v.events.size(), STATUS_EVENTS_MAX);
        w.set(pmrec_tunnel_status_col_events,
              std::vector<std::string>(
                  v.events.begin() + static_cast<std::ptrdiff_t>(surplus),
                  v.events.end()));
    }
    set(pmrec_tunnel_status_col_created, &TunnelStatus::created_ms);
    set(pmrec_tunnel_status_col_updated, &TunnelStatus::updated_ms);
}

void
write(const pmrec_filter_status *row, const FilterStatus &v)
{
    RowWriter w(&row->header_, Verify::No);
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
write(const pmrec_chassis *row, const Chassis &v)
{
    RowWriter w(&row->header_, Verify::No);
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

} // namespace pm
