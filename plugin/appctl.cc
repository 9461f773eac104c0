#include "plugin/appctl.h"

#include <sstream>

#include "ovsdb/ovs_c.h"
#include "plugin/check.h"
#include "plugin/kinds.h"
#include "plugin/lifecycle.h"
#include "plugin/printable.h"
#include "plugin/tunnel_name.h"
#include "plugin/value_of.h"

namespace pm {

namespace {

Agent &
agent_of(void *aux)
{
    return *static_cast<Agent *>(aux);
}

void
reply(struct unixctl_conn *conn, const std::string &text)
{
    unixctl_command_reply(conn, escape_steering(text).c_str());
}

} // namespace

std::optional<Uuid>
find_tunnel(struct unixctl_conn *conn, const Agent &agent,
            const std::string &name)
{
    const Model &model = agent.desired().model();
    std::set<Uuid> found =
        tunnels_named(model, agent.desired().facts().settings.chassis, name);
    if (found.size() == 1) {
        return *found.begin();
    }
    std::string error = found.empty() ? "no tunnel " + quote(name) +
                                            " here; mirror/list names those "
                                            "that are"
                                      : quote(name) + " could be";
    for (const Uuid &id : found) {
        const Tunnel *tunnel = find(model.tunnels, id);
        error += " " +
                 (tunnel ? full_name(*tunnel)
                         : full_name(*agent.desired().status_of(id))) +
                 " (" + id.to_string().substr(0, 8) + ")";
    }
    unixctl_command_reply_error(conn, one_line(error).c_str());
    return std::nullopt;
}

namespace {

std::string
state_of(const Agent &agent, const Uuid &id)
{
    const TunnelStatus *status = agent.desired().status_of(id);
    if (!find(agent.desired().model().tunnels, id)) {
        return to_string(TunnelState::ShuttingDown);
    }
    auto desire = agent.desired().tunnels().find(id);
    if (desire != agent.desired().tunnels().end() && !desire->second.active &&
        !desire->second.pending) {
        return to_string(TunnelState::Waiting);
    }
    return to_string(status && status->observed_generation > 0
                         ? TunnelState::Running
                         : TunnelState::Setting);
}

/* "-" where it is not known, or there is none to be; what is installed and has
 * copied nothing yet is not counted. */
std::string
counter(const Agent &agent, const Uuid &id, const std::string &name)
{
    const DesiredState &desired = agent.desired();
    const Counters *counters = agent.counts().copies().of(id);
    if (const TunnelStatus *status = desired.status_of(id);
        !counters && status) {
        counters = &status->counters; /* As last told. */
    }
    const int64_t *value =
        counters ? value_of(counters->values, name) : nullptr;
    if (value) {
        return std::to_string(*value);
    }
    const Tunnel *tunnel = find(desired.model().tunnels, id);
    bool counts = name != "dropped_packets" || (tunnel && tunnel->rate_kbps);
    return counts && agent.installed(id) ? "0" : "-";
}

/* What is kept of a frame; while that is not known, what is asked for. */
std::string
length_text(const Tunnel &tunnel, const TunnelDesire &desire)
{
    if (desire.effective_packet_length) {
        return std::to_string(*desire.effective_packet_length);
    }
    return desire.egress          ? "whole"
           : tunnel.packet_length ? std::to_string(*tunnel.packet_length)
                                  : "-";
}

/* One line for mirror/list. */
void
list_tunnel(std::ostringstream &out, const Agent &agent, const Uuid &id)
{
    const DesiredState &desired = agent.desired();
    const Tunnel *tunnel = find(desired.model().tunnels, id);
    const TunnelStatus *status = desired.status_of(id);
    std::string name = tunnel   ? tunnel->account + "/" + tunnel->name
                       : status ? status->account + "/" + status->name
                                : id.to_string();
    out << one_line(name) << "  " << state_of(agent, id);
    auto d = desired.tunnels().find(id);
    if (tunnel && d != desired.tunnels().end()) {
        const TunnelDesire &desire = d->second;
        out << "  " << to_string(desire.health) << "  "
            << (agent.installed(id) ? "installed" : "not installed")
            << "  nic=" << one_line(desire.iface_id) << "  vni=" << tunnel->vni
            << "  length=" << length_text(*tunnel, desire);
        if (desire.egress) {
            out << "  to=" << desire.destination_text();
        }
        out << "  in=" << counter(agent, id, "inbound_packets")
            << "  out=" << counter(agent, id, "outbound_packets");
        std::string dropped = counter(agent, id, "dropped_packets");
        if (dropped != "-") {
            out << "  dropped=" << dropped;
        }
        if (desire.pending) {
            out << "  (its rows are on their way)";
        }
        for (const auto &[code, message] : desire.reasons) {
            out << "\n    " << code << ": " << message;
        }
    }
    out << "\n";
}

void
show_tunnel(std::ostringstream &out, const Agent &agent, const Uuid &id)
{
    const DesiredState &desired = agent.desired();
    list_tunnel(out, agent, id);
    out << "    id " << id.to_string() << "\n";
    const TunnelStatus *status = desired.status_of(id);
    if (status) {
        out << "    number " << status->number << ", observed generation "
            << status->observed_generation << ", filter generation "
            << status->observed_filter_generation << "\n";
    }
    auto d = desired.tunnels().find(id);
    if (d != desired.tunnels().end()) {
        const TunnelDesire &desire = d->second;
        if (desire.bound) {
            out << "    plugged in on bridge " << desire.nic_bridge;
            if (!desire.mirror_bridge.empty()) {
                out << ", mirrored by " << desire.mirror_bridge;
            }
            out << "\n";
        }
        if (desire.egress) {
            out << "    outer " << desire.source_text() << " -> "
                << desire.destination_text() << ", cut to "
                << (desire.egress->max_len
                        ? std::to_string(*desire.egress->max_len) + " bytes"
                        : "no length: no frame is longer")
                << "\n";
        }
        for (const auto &[handle, way] : desire.in_vpc->deliveries) {
            out << "    delivery " << handle << ": " << way.to_string()
                << "\n";
        }
        for (const auto &[type, condition] : desire.conditions) {
            out << "    " << type << " " << to_string(condition.status)
                << (condition.reason.empty() ? ""
                                             : " (" + condition.reason + ")")
                << "\n";
        }
    }
    for (const char *name :
         {"inbound_packets", "inbound_bytes", "outbound_packets",
          "outbound_bytes", "dropped_packets"}) {
        out << "    " << name << " " << counter(agent, id, name) << "\n";
    }
}

std::set<Uuid>
all_tunnels(const Agent &agent)
{
    std::set<Uuid> ids;
    for (const auto &[id, tunnel] : agent.desired().model().tunnels) {
        ids.insert(id);
    }
    for (const auto &[row, status] : agent.desired().model().tunnel_statuses) {
        if (status.chassis == agent.desired().facts().settings.chassis) {
            ids.insert(status.tunnel);
        }
    }
    return ids;
}

/* Whether the daemon has come so far as to ask the control database: who has
 * not read the switch's, or does not hold its lock yet, knows of neither. */
bool
asks_control_database(const Agent &agent)
{
    const Settings &settings = agent.desired().facts().settings;
    return !settings.remote.empty() && !settings.chassis.empty();
}

void
list_control_trouble(std::ostringstream &out, const Agent &agent)
{
    if (int64_t since = agent.control_lost_since_ms()) {
        out << "control database unreachable, or not all read again, for "
            << (time_wall_msec() - since) / 1000
            << " s: what is installed stays\n";
    } else if (!agent.control_refused().empty()) {
        out << "control database refuses our status";
        if (size_t rows = agent.rows_refused()) {
            out << " in " << rows << (rows == 1 ? " row" : " rows");
        }
        out << ", without which nothing new is copied: "
            << agent.control_refused() << "\n";
    }
}

/* What concerns all tunnels of this hypervisor. */
void
list_troubles(std::ostringstream &out, const Agent &agent)
{
    for (const auto &[bridge, dropped] : agent.counts().over_budget()) {
        if (dropped) {
            out << bridge << ": " << dropped
                << " copies dropped by the budget of all\n";
        }
    }
    for (const auto &[key, why] : agent.desired().facts().settings.ignored) {
        out << why << "\n";
    }
    if (asks_control_database(agent)) {
        list_control_trouble(out, agent);
    }
    std::string holding = agent.holding();
    if (!holding.empty()) {
        out << holding << "\n";
    }
}

void
mirror_list(struct unixctl_conn *conn, int, const char *[], void *aux)
{
    Agent &agent = agent_of(aux);
    agent.counts().with_fresh([conn, &agent] {
        std::ostringstream out;
        for (const Uuid &id : all_tunnels(agent)) {
            list_tunnel(out, agent, id);
        }
        list_troubles(out, agent);
        reply(conn, out.str());
    });
}

void
mirror_show(struct unixctl_conn *conn, int argc, const char *argv[], void *aux)
{
    Agent &agent = agent_of(aux);
    std::set<Uuid> ids = all_tunnels(agent);
    if (argc > 1) {
        auto id = find_tunnel(conn, agent, argv[1]);
        if (!id) {
            return;
        }
        ids = {*id};
    }
    agent.counts().with_fresh([conn, &agent, ids] {
        std::ostringstream out;
        for (const Uuid &id : ids) {
            show_tunnel(out, agent, id);
        }
        reply(conn, out.str());
    });
}

/* Status rows with hits, by filter, as far as they were asked for. */
using KnownHits = std::map<Uuid, std::optional<FilterStatus>>;

/* ", 57 hits" of a rule's flow; nothing where they are not known. */
std::string
hits_text(Agent &agent, const Uuid &filter, const Cookie &cookie,
          KnownHits *known)
{
    auto [i, fresh] = known->try_emplace(filter);
    if (fresh) {
        i->second = agent.counts().hits_of(filter);
    }
    const std::optional<FilterStatus> &status = i->second;
    if (!status || !cookie.direction) {
        return "";
    }
    const auto &hits = *cookie.direction == Direction::Inbound
                           ? status->inbound_hits
                           : status->outbound_hits;
    auto count = hits.find(cookie.rule);
    return count == hits.end() ? ""
                               : ", " + std::to_string(count->second) +
                                     (count->second == 1 ? " hit" : " hits");
}

/* What a flow serves, in the customer's words. */
std::string
flow_title(Agent &agent, const Flow &flow, KnownHits *known)
{
    const DesiredState &desired = agent.desired();
    auto cookie = Cookie::decode(flow.cookie);
    if (!cookie) {
        return "?";
    }
    std::string title = cookie->owner.to_string();
    if (cookie->owner.kind == FlowOwner::Egress ||
        cookie->owner.kind == FlowOwner::Deliver) {
        /* Its one tunnel. */
        for (const Uuid &id : desired.tunnels_of({"", cookie->owner})) {
            if (const Tunnel *tunnel = find(desired.model().tunnels, id)) {
                title += " (" + tunnel->account + "/" + tunnel->name + ")";
            }
        }
    } else if (cookie->owner.kind == FlowOwner::Filter) {
        auto id = desired.filter_of_number(cookie->owner.number);
        const Filter *filter =
            id ? find(desired.model().filters, *id) : nullptr;
        if (filter) {
            title += " (" + filter->account + "/" + filter->name + ")";
        }
    } else if (cookie->owner.kind == FlowOwner::Tap) {
        std::string nics;
        for (const std::string &nic :
             desired.nics_of_tap(cookie->owner.number)) {
            nics += (nics.empty() ? " (" : " ") + nic;
        }
        title += nics.empty() ? "" : nics + ")";
    }
    if (cookie->direction) {
        title += std::string(" ") + to_string(*cookie->direction);
    }
    if (cookie->rule) {
        title += " rule " + std::to_string(cookie->rule);
        if (auto id = desired.filter_of_number(cookie->owner.number)) {
            title += hits_text(agent, *id, *cookie, known);
        }
    }
    return title;
}

/* Flows as last read; those of one tunnel, or all. */
std::string
list_flows(Agent &agent, const std::optional<Uuid> &tunnel)
{
    std::optional<TunnelDesire> only;
    std::optional<OwnerKey> tap, shared_tap;
    if (tunnel) {
        auto desire = agent.desired().tunnels().find(*tunnel);
        const TunnelStatus *status = agent.desired().status_of(*tunnel);
        if (desire != agent.desired().tunnels().end()) {
            only = desire->second;
        } else if (status) { /* What is left of it. */
            only.emplace().tap.tunnel = status->number;
        } else {
            return ""; /* It went while the hits were read. */
        }
        tap = agent.desired().tap_of(only->iface_id);
        shared_tap = agent.desired().shared_tap_of(only->iface_id);
    }
    std::ostringstream out;
    KnownHits known;
    for (const auto &[bridge, owners] : agent.actual().flows) {
        for (const auto &[owner, flows] : owners) {
            OwnerKey key{bridge, owner};
            bool wanted =
                !only ||
                ((only->mirror_bridge.empty() ||
                  bridge == only->mirror_bridge) &&
                 ((owner.kind == FlowOwner::Egress &&
                   owner.number == only->tap.tunnel) ||
                  (owner.kind == FlowOwner::Filter && only->tap.filter &&
                   owner.number == only->tap.filter) ||
                  tap == key || shared_tap == key)) ||
                (owner.kind == FlowOwner::Deliver &&
                 only->in_vpc->deliveries.count(owner.number));
            for (const Flow &flow : flows) {
                if (wanted) {
                    out << bridge << ": " << flow_title(agent, flow, &known)
                        << "\n    " << flow.to_string() << "\n";
                }
            }
        }
    }
    return out.str();
}

void
mirror_flows(struct unixctl_conn *conn, int argc, const char *argv[],
             void *aux)
{
    Agent &agent = agent_of(aux);
    std::optional<Uuid> tunnel;
    if (argc > 1) {
        tunnel = find_tunnel(conn, agent, argv[1]);
        if (!tunnel) {
            return;
        }
    }
    agent.counts().with_fresh(
        [conn, &agent, tunnel] { reply(conn, list_flows(agent, tunnel)); });
}

void
mirror_plan(struct unixctl_conn *conn, int, const char *[], void *aux)
{
    std::string text;
    for (const std::string &line : agent_of(aux).plan().describe()) {
        text += line + "\n";
    }
    reply(conn, text);
}

void
mirror_resync(struct unixctl_conn *conn, int, const char *[], void *aux)
{
    agent_of(aux).resync();
    reply(conn, "");
}

void
mirror_pause(struct unixctl_conn *conn, int, const char *[], void *aux)
{
    agent_of(aux).set_paused(true);
    reply(conn, "");
}

void
mirror_resume(struct unixctl_conn *conn, int, const char *[], void *aux)
{
    agent_of(aux).set_paused(false);
    reply(conn, "");
}

} // namespace

void
register_appctl(Agent *agent)
{
    unixctl_command_register("mirror/list", "", 0, 0, mirror_list, agent);
    unixctl_command_register("mirror/show", "[TUNNEL]", 0, 1, mirror_show,
                             agent);
    unixctl_command_register("mirror/flows", "[TUNNEL]", 0, 1, mirror_flows,
                             agent);
    unixctl_command_register("mirror/plan", "", 0, 0, mirror_plan, agent);
    unixctl_command_register("mirror/resync", "", 0, 0, mirror_resync, agent);
    unixctl_command_register("mirror/pause", "", 0, 0, mirror_pause, agent);
    unixctl_command_register("mirror/resume", "", 0, 0, mirror_resume, agent);
}

} // namespace pm
