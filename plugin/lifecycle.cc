#include "plugin/lifecycle.h"

#include <algorithm>
#include <tuple>

#include "plugin/check_network.h"
#include "plugin/heartbeat.h"
#include "plugin/target_peers.h"
#include "plugin/told.h"

namespace pm {

namespace {

/* Rows of one tunnel, in the order of their chassis. */
using Statuses = std::vector<const TunnelStatus *>;

/* Chassis -> when it was last heard of. */
using Heartbeats = std::map<std::string, int64_t>;

Condition
host_alive(const Heartbeats &heartbeats, const std::string &chassis,
           int64_t now_ms)
{
    auto heartbeat = heartbeats.find(chassis);
    return host_condition(
        chassis, heartbeat == heartbeats.end() ? 0 : heartbeat->second,
        now_ms);
}

/* The rows that speak for the tunnel as it is now: of the hypervisors that
 * have the source NIC and live; failing that, of those that have it; failing
 * that, all.  A row that a dead host or the NIC's former host left behind
 * thus does not spoil what the present one reports. */
Statuses
current(const Heartbeats &heartbeats, const Statuses &all, int64_t now_ms)
{
    Statuses bound, alive;
    for (const TunnelStatus *status : all) {
        if (status->bound) {
            bound.push_back(status);
            if (host_alive(heartbeats, status->chassis, now_ms).status !=
                ConditionStatus::False) {
                alive.push_back(status);
            }
        }
    }
    return !alive.empty() ? alive : !bound.empty() ? bound : all;
}

/* Worse is greater. */
int
badness(ConditionStatus status)
{
    return status == ConditionStatus::False     ? 2
           : status == ConditionStatus::Unknown ? 1
                                                : 0;
}

int
badness(Health health)
{
    return health == Health::Error      ? 3
           : health == Health::Degraded ? 2
           : health == Health::Disabled ? 1
                                        : 0;
}

void
worsen(Health *health, Health other)
{
    if (badness(other) > badness(*health)) {
        *health = other;
    }
}

/* Of one condition, the worst word counts, but for SourceBound: the NIC need
 * be on one hypervisor only. */
void
add_condition(TunnelView *view, const std::string &type,
              const Condition &condition)
{
    auto [entry, is_new] = view->conditions.emplace(type, condition);
    if (is_new) {
        return;
    }
    bool worse = badness(condition.status) > badness(entry->second.status);
    bool better = badness(condition.status) < badness(entry->second.status);
    if (type == "SourceBound" ? better : worse) {
        entry->second = condition;
    }
}

void
add_count(const TunnelStatus &status, const char *key,
          std::optional<int64_t> *count)
{
    auto value = status.counters.values.find(key);
    if (value != status.counters.values.end()) {
        *count = sum_of_counts(count->value_or(0), value->second);
    }
}

/* Of copies: while there have been none at all, nothing is told of them. */
void
add_copies(const TunnelStatus &status, const char *key,
           std::optional<int64_t> *count)
{
    if (status.observed_generation > 0 && status.counters.values.empty()) {
        *count = count->value_or(0);
    }
    add_count(status, key, count);
}

/* Worst health, all reasons and conditions of the rows that count; counters
 * of every row. */
void
merge_statuses(const Statuses &all, const Statuses &speaking, TunnelView *view)
{
    for (const TunnelStatus *status : all) {
        view->chassis.push_back(status->chassis);
        add_copies(*status, "inbound_packets", &view->inbound_packets);
        add_copies(*status, "outbound_packets", &view->outbound_packets);
        add_copies(*status, "inbound_bytes", &view->inbound_bytes);
        add_copies(*status, "outbound_bytes", &view->outbound_bytes);
        add_count(*status, "dropped_packets", &view->dropped_packets);
    }
    for (const TunnelStatus *status : speaking) {
        worsen(&view->health, status->health);
        view->reasons.insert(status->reasons.begin(), status->reasons.end());
        for (const auto &[type, condition] : status->conditions) {
            add_condition(view, type, condition);
        }
        if (status->delivery) {
            view->delivery = *status->delivery;
        }
        if (status->effective_packet_length) {
            view->effective_packet_length =
                std::min(*status->effective_packet_length,
                         view->effective_packet_length.value_or(
                             *status->effective_packet_length));
        }
        view->observed_generation = std::min(
            status->observed_generation,
            view->observed_generation.value_or(status->observed_generation));
    }
}

void
add_host_alive(const Heartbeats &heartbeats, const Statuses &speaking,
               int64_t now_ms, TunnelView *view)
{
    for (const TunnelStatus *status : speaking) {
        Condition condition = host_alive(heartbeats, status->chassis, now_ms);
        if (condition.status == ConditionStatus::False) {
            const std::string &said = condition.reason; /* CODE: words */
            view->reasons.emplace("HOST_DEAD",
                                  said.substr(said.find(": ") + 2));
            worsen(&view->health, Health::Degraded);
        }
        add_condition(view, "HostAlive", condition);
    }
}

/* The source of an accepted tunnel is on no hypervisor. */
void
add_unbound(const Resource *source, TunnelView *view)
{
    std::string code = "NIC_UNBOUND", message;
    if (source && source->target_id) {
        message = "the source NIC iface-id " + quote(source->iface_id) +
                  " is on no hypervisor: start its VM, and see that "
                  "ovs-mirrord runs on its host";
    } else {
        code = "NIC_MISSING";
        message = "the source NIC " +
                  (source ? "iface-id " + quote(source->iface_id) + " " : "") +
                  "is not in the inventory: add it again, or delete the "
                  "tunnel";
    }
    view->conditions["SourceBound"] =
        Condition{ConditionStatus::False, code + ": " + message};
    view->reasons.emplace(code, message);
    worsen(&view->health, Health::Degraded);
}

/* What no hypervisor says of the network, asked of the inventory as it is
 * now. */
void
add_network(const Model &model, const Tunnel &tunnel, TunnelView *view)
{
    NetworkAnswers answers =
        ask_network(model, tunnel, outer_source_by_inventory(model, tunnel));
    auto stopping = obstacles(answers);
    for (const auto &[type, answer] : answers.conditions) {
        bool is_new =
            view->conditions.emplace(type, answer.to_condition()).second;
        if (is_new && tunnel.enabled && stopping.count(type)) {
            view->reasons.emplace(answer.code, answer.message);
            worsen(&view->health, Health::Degraded);
        }
    }
}

/* An end whose target was deleted, of a tunnel that no hypervisor speaks for;
 * NIC_MISSING tells it of a source that is to be mirrored. */
void
add_missing_targets(const Model &model, const Tunnel &tunnel, TunnelView *view)
{
    for (const std::string &key : ends_without_target(model, tunnel)) {
        if (key == "source" && view->reasons.count("NIC_MISSING")) {
            continue;
        }
        const Uuid &end = key == "source" ? tunnel.source : tunnel.destination;
        view->reasons.emplace("TARGET_MISSING",
                              target_missing(model.resources.at(end)));
        worsen(&view->health, Health::Degraded);
    }
}

std::string
resource_name(const Model &model, const Uuid &id, const Statuses &statuses,
              std::string TunnelStatus::*snapshot)
{
    const Resource *resource = find(model.resources, id);
    return resource            ? resource->name
           : !statuses.empty() ? statuses[0]->*snapshot
                               : id.to_string();
}

/* What the copies counted would have come to on the wire: each is cut to the
 * effective length, and none is longer than its frame was. */
void
add_would_send(const Model &model, const Tunnel &tunnel, TunnelView *view)
{
    if (tunnel.mode != Mode::Count) {
        return;
    }
    /* Outer Ethernet, IP, UDP and VXLAN; the greater while not known. */
    constexpr int64_t OUTER_V4 = 50, OUTER_V6 = 70;
    End end = resolve_end(model, tunnel.destination);
    const IpAddress *address = end.collector ? &end.collector->address
                               : end.nic && !end.nic->addresses.empty()
                                   ? &end.nic->addresses[0]
                                   : nullptr;
    int64_t outer = address && !address->is_v6 ? OUTER_V4 : OUTER_V6;
    auto bytes_of = [&](const std::optional<int64_t> &packets,
                        std::optional<int64_t> bytes) {
        if (!packets || !bytes) {
            return std::optional<int64_t>();
        }
        if (auto kept = view->effective_packet_length) {
            bytes = std::min(*bytes, product_of_counts(*packets, *kept));
        }
        return std::optional(
            sum_of_counts(*bytes, product_of_counts(*packets, outer)));
    };
    view->inbound_would_send =
        bytes_of(view->inbound_packets, view->inbound_bytes);
    view->outbound_would_send =
        bytes_of(view->outbound_packets, view->outbound_bytes);
}

/* What is wrong with a tunnel's rows, and those that it refers to, where they
 * came past the console: as its hypervisor says it (DesiredState::check), but
 * for the flows that its filter costs, which take long to count. */
class RowFaults {
public:
    explicit RowFaults(const Model &model)
        : model_(model), peers_(model.resources)
    {
        for (const auto &[id, tunnel] : model.tunnels) {
            by_source_[tunnel.source].tunnels[id] = tunnel;
        }
    }

    Problems of(const Uuid &id, const Tunnel &tunnel) const
    {
        Problems problems;
        check_end(tunnel.source, "source", &problems);
        check_end(tunnel.destination, "destination", &problems);
        check_tunnel_among_others(by_source_.at(tunnel.source), id, Limits{},
                                  "", &problems);
        if (tunnel.filter) {
            check_filter_rows(*tunnel.filter, &problems);
        }
        return problems;
    }

private:
    void check_end(const Uuid &id, const char *path, Problems *problems) const
    {
        const Resource *resource = find(model_.resources, id);
        if (!resource || !has_rows(*resource)) {
            add_unreadable(path, problems);
        } else {
            check_resource_itself(model_, *resource, path, problems);
            check_resource_among_others(peers_.of(id), id,
                                        target_account(model_, *resource),
                                        path, problems);
        }
    }
    void check_filter_rows(const Uuid &id, Problems *problems) const
    {
        const Filter *filter = find(model_.filters, id);
        if (!filter) {
            add_unreadable("filter", problems);
            return;
        }
        for (Direction direction : DIRECTIONS) {
            check_rules(filter->rules(direction), Limits{},
                        std::string("filter.") + to_string(direction),
                        problems);
        }
    }
    /* References are the database's, which lets none dangle. */
    bool has_rows(const Resource &resource) const
    {
        End end = resolve_end(model_, resource);
        return !resource.target_id || end.load_balancer || end.collector ||
               (end.nic && (!end.nic->subnet || end.subnet));
    }
    static void add_unreadable(const char *path, Problems *problems)
    {
        problems->push_back({"UNREADABLE", path,
                             "a row of it cannot be read: the operator mends "
                             "it, each of whose lists names it"});
    }

    const Model &model_;
    TargetPeers peers_;
    std::map<Uuid, Model> by_source_; /* Tunnels alone. */
};

TunnelView
view_tunnel(const Model &model, const Heartbeats &heartbeats,
            const RowFaults &faults, const Uuid &id, const Tunnel &tunnel,
            const Statuses &statuses, int64_t now_ms)
{
    TunnelView view;
    view.id = id;
    view.name = tunnel.name;
    view.account = tunnel.account;
    view.source =
        resource_name(model, tunnel.source, statuses, &TunnelStatus::source);
    view.destination = resource_name(model, tunnel.destination, statuses,
                                     &TunnelStatus::destination);
    view.destination_account = destination_account(model, tunnel);
    if (tunnel.filter) {
        const Filter *filter = find(model.filters, *tunnel.filter);
        view.filter = filter ? filter->name : tunnel.filter->to_string();
    }
    view.vni = tunnel.vni;
    view.packet_length = configured_packet_length(model, tunnel);
    view.delivery = tunnel.delivery;
    view.mode = tunnel.mode;
    view.rate_kbps = tunnel.rate_kbps;
    view.enabled = tunnel.enabled;
    view.generation = tunnel.generation;
    view.created_ms = tunnel.created_ms;
    view.updated_ms = tunnel.updated_ms;

    Statuses speaking = current(heartbeats, statuses, now_ms);
    merge_statuses(statuses, speaking, &view);
    if (tunnel.rate_kbps && view.inbound_packets && !view.dropped_packets) {
        view.dropped_packets = 0;
    }
    add_would_send(model, tunnel, &view);
    add_host_alive(heartbeats, speaking, now_ms, &view);
    bool installed = std::any_of(statuses.begin(), statuses.end(),
                                 [](const TunnelStatus *status) {
                                     return status->observed_generation > 0;
                                 });
    bool accepted = is_accepted(model, tunnel);
    view.state = !accepted   ? TunnelState::Waiting
                 : installed ? TunnelState::Running
                             : TunnelState::Setting;
    bool bound =
        std::any_of(statuses.begin(), statuses.end(),
                    [](const TunnelStatus *status) { return status->bound; });
    const Resource *source = find(model.resources, tunnel.source);
    bool is_nic = !source || source->type == ResourceType::NetworkInterface;
    if (accepted && tunnel.enabled && !bound && is_nic) {
        add_unbound(source, &view);
    }

    if (tunnel.enabled && !bound) {
        add_missing_targets(model, tunnel, &view);
    }
    add_network(model, tunnel, &view);

    /* A row that came past the console may be wrong without a hypervisor to
     * say so. */
    Problems problems;
    check_tunnel(model, id, "", &problems);
    if (!bound) {
        Problems more = faults.of(id, tunnel);
        problems.insert(problems.end(), more.begin(), more.end());
    }
    for (const Problem &problem : problems) {
        view.reasons.emplace(problem.code,
                             problem.path.empty()
                                 ? problem.message
                                 : problem.path + ": " + problem.message);
        worsen(&view.health, Health::Error);
    }
    if (!tunnel.enabled) {
        view.health = Health::Disabled;
    } else if (view.health == Health::Disabled) {
        /* The hypervisor has not yet seen that it was enabled. */
        view.health = Health::Ok;
    }
    return view;
}

/* What is known of a tunnel whose row is gone: the snapshot in its
 * statuses. */
TunnelView
view_remains(const Heartbeats &heartbeats, const Uuid &id,
             const Statuses &statuses, int64_t now_ms)
{
    const TunnelStatus &snapshot = *statuses[0];
    TunnelView view;
    view.id = id;
    view.state = TunnelState::ShuttingDown;
    view.name = snapshot.name;
    view.account = snapshot.account;
    view.source = snapshot.source;
    view.destination = snapshot.destination;
    view.destination_account = snapshot.destination_account;
    if (snapshot.vni) {
        view.vni = snapshot.vni;
    }
    /* Each of these hypervisors has something left to remove. */
    merge_statuses(statuses, statuses, &view);
    add_host_alive(heartbeats, statuses, now_ms, &view);
    for (const TunnelStatus *status : statuses) {
        view.updated_ms = std::max(view.updated_ms, status->updated_ms);
    }
    return view;
}

} // namespace

const char *
to_string(TunnelState state)
{
    switch (state) {
    case TunnelState::Waiting:
        return "Waiting";
    case TunnelState::Setting:
        return "Setting";
    case TunnelState::Running:
        return "Running";
    case TunnelState::ShuttingDown:
        return "Shutting down";
    }
    return "";
}

std::string
destination_account(const Model &model, const Tunnel &tunnel)
{
    const Resource *destination = find(model.resources, tunnel.destination);
    return destination ? destination->account : tunnel.account;
}

bool
is_accepted(const Model &model, const Tunnel &tunnel)
{
    const std::string acceptor = destination_account(model, tunnel);
    return acceptor == tunnel.account ||
           (tunnel.accepted && (tunnel.accepted->by == acceptor ||
                                tunnel.accepted->by == OPERATOR_ACCOUNT));
}

std::vector<TunnelView>
tunnel_views(const Model &model, int64_t now_ms, const std::string &viewer)
{
    Heartbeats heartbeats;
    for (const auto &[id, chassis] : model.chassis) {
        heartbeats[chassis.name] = chassis.heartbeat_ms;
    }
    std::map<Uuid, Statuses> statuses;
    for (const auto &[id, status] : model.tunnel_statuses) {
        statuses[status.tunnel].push_back(&status);
    }
    for (auto &[id, rows] : statuses) {
        std::sort(rows.begin(), rows.end(),
                  [](const TunnelStatus *a, const TunnelStatus *b) {
                      return a->chassis < b->chassis;
                  });
    }

    std::vector<TunnelView> views;
    const RowFaults faults(model);
    for (const auto &[id, tunnel] : model.tunnels) {
        views.push_back(view_tunnel(model, heartbeats, faults, id, tunnel,
                                    statuses[id], now_ms));
    }
    for (const auto &[id, rows] : statuses) {
        if (!rows.empty() && !find(model.tunnels, id)) {
            views.push_back(view_remains(heartbeats, id, rows, now_ms));
        }
    }
    std::erase_if(views, [&](const TunnelView &view) {
        return !viewer.empty() && view.account != viewer &&
               view.destination_account != viewer;
    });
    for (TunnelView &view : views) {
        if (!viewer.empty() && view.account != view.destination_account) {
            tell_plainly(&view.reasons, &view.conditions);
        }
    }
    std::sort(views.begin(), views.end(),
              [](const TunnelView &a, const TunnelView &b) {
                  return std::tie(a.account, a.name, a.state, a.id) <
                         std::tie(b.account, b.name, b.state, b.id);
              });
    return views;
}

} // namespace pm
