/* ovs-mirrorctl: "tunnel-show", all that is known of one tunnel. */
#include <cstring>

#include "plugin/heartbeat.h"
#include "plugin/told.h"
#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

namespace {

using ordered_json = nlohmann::ordered_json;

/* Status rows of the tunnel, by chassis. */
std::vector<const TunnelStatus *>
statuses_of(const Model &model, const Uuid &tunnel)
{
    std::vector<const TunnelStatus *> statuses;
    for (const auto &[id, status] : model.tunnel_statuses) {
        if (status.tunnel == tunnel) {
            statuses.push_back(&status);
        }
    }
    std::sort(statuses.begin(), statuses.end(),
              [](auto *a, auto *b) { return a->chassis < b->chassis; });
    return statuses;
}

int64_t
heartbeat_of(const Model &model, const std::string &chassis)
{
    for (const auto &[id, row] : model.chassis) {
        if (row.name == chassis) {
            return row.heartbeat_ms;
        }
    }
    return 0;
}

std::string
condition_text(const Condition &condition)
{
    return std::string(to_string(condition.status)) +
           (condition.reason.empty() ? "" : " (" + condition.reason + ")");
}

/* Whether the caller may know of what that account has. */
bool
sees(const Attempt &a, const std::string &account)
{
    return a.context.is_operator() || account == a.context.own_account();
}

/* What the copies cross is the requester's affair. */
std::string
crossing_text(const Attempt &a, const TunnelStatus &s)
{
    return sees(a, s.account) ? s.peering : "";
}

/* What a hypervisor's row says, to who asks, and that it may be so no more
 * where it is not known that the hypervisor lives. */
TunnelStatus
last_word(const Attempt &a, TunnelStatus status)
{
    Condition alive = host_condition(
        status.chassis, heartbeat_of(a.edit.model, status.chassis),
        a.context.now_ms);
    if (alive.status != ConditionStatus::True) {
        status.conditions.edit()["HostAlive"] = alive;
    }
    return as_told_to(a.settings.account, std::move(status));
}

ordered_json
status_json(const Attempt &a, const TunnelStatus &s)
{
    ordered_json conditions = ordered_json::object();
    for (const auto &[type, condition] : s.conditions) {
        conditions[type] = condition_text(condition);
    }
    return {{"chassis", s.chassis},
            {"bound", s.bound},
            {"health", to_string(s.health)},
            {"observed_generation", s.observed_generation},
            {"observed_filter_generation", s.observed_filter_generation},
            {"effective_packet_length",
             s.effective_packet_length
                 ? ordered_json(*s.effective_packet_length)
                 : ordered_json()},
            {"peering", crossing_text(a, s)},
            {"reasons", s.reasons.get()},
            {"conditions", conditions},
            {"counters", s.counters.values.get()},
            {"events", s.events},
            {"created", time_json(s.created_ms)},
            {"updated", time_json(s.updated_ms)},
            {"heartbeat", time_json(heartbeat_of(a.edit.model, s.chassis))}};
}

template <typename T>
ordered_json
texts_of(const std::vector<T> &values)
{
    ordered_json texts = ordered_json::array();
    for (const T &value : values) {
        texts.push_back(value.to_string());
    }
    return texts;
}

/* What the inventory says of one end. */
ordered_json
end_json(const Model &model, const Uuid &resource_id)
{
    End end = resolve_end(model, resource_id);
    ordered_json object = {
        {"resource", end.resource ? end.resource->name : ""},
        {"target", end.resource ? end.resource->target : ""}};
    if (end.vpc) {
        object["vpc"] = end.vpc->name;
        object["vpc_kind"] =
            end.vpc->kind == VpcKind::Transit ? "transit" : "standard";
        object["region"] = end.vpc->region;
    }
    if (end.subnet) {
        object["subnet"] = end.subnet->name;
        object["cidr"] = end.subnet->cidr.to_string();
    }
    if (end.nic) {
        object["addresses"] = texts_of(end.nic->addresses);
        object["mac"] = end.nic->mac;
        object["server"] = end.nic->server;
        object["device"] = end.nic->device;
        object["iface_id"] = end.nic->iface_id;
        object["hypervisor"] =
            end.nic->hypervisor == Hypervisor::Kvm ? "kvm" : "xen";
        object["mtu"] =
            end.nic->mtu ? ordered_json(*end.nic->mtu) : ordered_json();
        object["permits_vxlan_from"] =
            end.nic->permits_vxlan_from
                ? texts_of(*end.nic->permits_vxlan_from)
                : ordered_json();
    } else if (end.load_balancer) {
        object["addresses"] = ordered_json::array();
        for (const auto &member : end.load_balancer->members) {
            object["addresses"].push_back(member.address.to_string() +
                                          (member.up ? "" : " (down)"));
        }
    } else if (end.collector) {
        object["addresses"] = {end.collector->address.to_string()};
    }
    object["place"] = place_text(model, resource_id);
    return object;
}

std::vector<std::string>
event_lines(const Attempt &a, const TunnelView &v)
{
    constexpr size_t SHOWN_MAX = 10;
    std::vector<Event> events;
    const pmrec_event *row;
    PMREC_EVENT_FOR_EACH(row, a.idl)
    {
        /* A former tunnel of that name may have gone to a third account,
         * which is not this acceptor's to know. */
        if (!strcmp(row->kind, "tunnel") && v.name == row->object &&
            v.account == row->account &&
            (sees(a, row->account) || sees(a, row->peer_account))) {
            events.push_back(*read(row, nullptr));
        }
    }
    std::sort(events.begin(), events.end(), [](auto &x, auto &y) {
        return std::tie(x.time_ms, x.generation, x.event) <
               std::tie(y.time_ms, y.generation, y.event);
    });
    std::vector<std::string> lines;
    for (size_t i = events.size() - std::min(events.size(), SHOWN_MAX);
         i < events.size(); i++) {
        lines.push_back(cell_text(time_json(events[i].time_ms)) + " " +
                        events[i].event + " by " + events[i].actor +
                        " (generation " +
                        std::to_string(events[i].generation) + ")");
    }
    return lines;
}

/* Null of an acceptance that came past the console without it. */
ordered_json
generation_json(const Tunnel &tunnel)
{
    int64_t generation = tunnel.accepted->generation;
    return generation ? ordered_json(generation) : ordered_json();
}

ordered_json
show_json(const Attempt &a, const TunnelView &v)
{
    const Model &model = a.edit.model;
    ordered_json object = view_json(v);
    object["requested"] = {{"by", v.account}, {"at", time_json(v.created_ms)}};
    object["accepted"] = nullptr;
    if (const Tunnel *t = find(model.tunnels, v.id)) {
        object["note"] = t->note;
        /* Another account's end is its own affair. */
        if (sees(a, v.account)) {
            object["source_end"] = end_json(model, t->source);
        }
        if (sees(a, v.destination_account)) {
            object["destination_end"] = end_json(model, t->destination);
        }
        if (t->accepted) {
            object["accepted"] = {{"by", t->accepted->by},
                                  {"at", time_json(t->accepted->at_ms)},
                                  {"generation", generation_json(*t)}};
        }
    }
    object["hypervisors"] = ordered_json::array();
    for (const TunnelStatus *status : statuses_of(model, v.id)) {
        object["hypervisors"].push_back(status_json(a, last_word(a, *status)));
    }
    object["events"] = event_lines(a, v);
    return object;
}

/* ------------------------------------------------------------------------
 * The same for people. */

/* Lines "KEY: VALUE", the values of one block below each other. */
class Block {
public:
    Block(ds *output, int indent) : output_(output), indent_(indent) {}
    void line(const std::string &key, const std::string &value)
    {
        constexpr int VALUES_AT = 18;
        if (!value.empty()) {
            ds_put_format(output_, "%*s%-*s%s\n", indent_, "",
                          std::max(VALUES_AT - indent_, 0),
                          (key + ": ").c_str(), one_line(value).c_str());
        }
    }
    void title(const std::string &text)
    {
        ds_put_format(output_, "%*s%s\n", indent_, "", one_line(text).c_str());
    }

private:
    ds *output_;
    int indent_;
};

/* "2026-01-02T03:04:05Z (5m ago)". */
std::string
when_text(int64_t time_ms, int64_t now_ms)
{
    return time_ms ? cell_text(time_json(time_ms)) + " (" +
                         age_text(time_ms, now_ms) + " ago)"
                   : "";
}

void
show_conditions(ds *output, int indent,
                const std::map<std::string, Condition> &conditions)
{
    for (const auto &[type, condition] : conditions) {
        ds_put_format(output, "%*s%s: %s%s%s\n", indent, "", type.c_str(),
                      to_string(condition.status),
                      condition.reason.empty() ? "" : ", ",
                      one_line(condition.reason).c_str());
    }
}

void
show_end(ds *output, const char *key, const std::string &name,
         const ordered_json &end)
{
    Block outer(output, 0), block(output, 4);
    auto text = [&](const char *of) {
        return cell_text(end.value(of, ordered_json()));
    };
    auto in_brackets = [](const std::string &t) {
        return t.empty() ? t : " (" + t + ")";
    };
    outer.line(key, name);
    if (end.is_null()) {
        return;
    }
    block.line("target", text("target"));
    if (end.contains("vpc")) {
        const std::string region = text("region");
        block.line("vpc",
                   text("vpc") +
                       in_brackets(text("vpc_kind") +
                                   (region.empty() ? "" : ", ") + region));
    }
    block.line("subnet", text("subnet") + in_brackets(text("cidr")));
    std::string addresses;
    for (const auto &address : end.value("addresses", ordered_json::array())) {
        addresses += (addresses.empty() ? "" : ", ") + cell_text(address);
    }
    block.line("addresses", addresses);
    const std::string device = text("device"), server = text("server");
    if (device.empty()) {
        block.line("server", server);
    } else {
        block.line("device",
                   device + in_brackets(server.empty() ? "" : "of " + server));
    }
    block.line("iface-id", text("iface_id"));
    block.line("hypervisor", text("hypervisor"));
    block.line("mtu", text("mtu"));
}

std::string
direction_text(const std::optional<int64_t> &packets,
               const std::optional<int64_t> &bytes)
{
    if (!packets && !bytes) {
        return "not known yet";
    }
    return count_text(packets) + (packets == 1 ? " copy" : " copies") + ", " +
           bytes_text(bytes) + " before the cut";
}

/* Over the time from the first status until the last, of all hypervisors. */
std::string
average_text(const TunnelView &v,
             const std::vector<const TunnelStatus *> &statuses)
{
    int64_t first_ms = 0, last_ms = 0;
    for (const TunnelStatus *s : statuses) {
        first_ms =
            first_ms ? std::min(first_ms, s->created_ms) : s->created_ms;
        last_ms = std::max(last_ms, s->updated_ms);
    }
    if (!first_ms || last_ms <= first_ms || !v.inbound_bytes ||
        !v.outbound_bytes) {
        return "";
    }
    double bytes = static_cast<double>(*v.inbound_bytes) +
                   static_cast<double>(*v.outbound_bytes);
    return rate_text(bytes * 8000 / static_cast<double>(last_ms - first_ms)) +
           " in " + age_text(first_ms, last_ms);
}

void
show_request(const Attempt &a, const TunnelView &v, Block *block)
{
    const Tunnel *t = find(a.edit.model.tunnels, v.id);
    std::string at = when_text(v.created_ms, a.context.now_ms);
    block->line("requested",
                "by " + v.account + (at.empty() ? "" : ", " + at));
    if (t && t->accepted) {
        std::string at = when_text(t->accepted->at_ms, a.context.now_ms);
        block->line("accepted",
                    "by " + t->accepted->by + (at.empty() ? "" : ", " + at) +
                        (t->accepted->generation
                             ? ", generation " +
                                   std::to_string(t->accepted->generation)
                             : ""));
    } else if (v.state == TunnelState::Waiting) {
        block->line("accepted",
                    "not yet: pending approval by " + v.destination_account);
    }
    if (v.generation) {
        int64_t observed = v.observed_generation.value_or(0);
        bool lags = observed < *v.generation;
        block->line("generation",
                    std::to_string(*v.generation) + ", observed " +
                        (observed ? std::to_string(observed) : "none") +
                        (lags ? " (not all installed)" : ""));
    }
}

void
show_hypervisor(ds *output, const Attempt &a, const TunnelStatus &s)
{
    const int64_t now_ms = a.context.now_ms;
    Block outer(output, 0), block(output, 4);
    outer.line("hypervisor", s.chassis);
    bool is_dead = s.conditions.count("HostAlive") &&
                   s.conditions.find("HostAlive")->second.status ==
                       ConditionStatus::False;
    block.line("health", std::string(to_string(s.health)) +
                             (is_dead ? " when it was last heard of" : "") +
                             (s.bound ? "" : "; the source NIC is not here"));
    block.line("reported", when_text(s.updated_ms, now_ms));
    block.line("heard from",
               when_text(heartbeat_of(a.edit.model, s.chassis), now_ms));
    block.line("generation", std::to_string(s.observed_generation) +
                                 ", filter " +
                                 std::to_string(s.observed_filter_generation));
    block.line("crosses", crossing_text(a, s));
    if (!s.conditions.empty()) {
        block.title("conditions:");
        show_conditions(output, 8, s.conditions);
    }
    if (!s.events.empty()) {
        block.title("events:");
    }
    for (const std::string &event : s.events) {
        Block(output, 8).title(event);
    }
}

void
show_text(const Attempt &a, const TunnelView &v, const ordered_json &object,
          ds *output)
{
    const Model &model = a.edit.model;
    const Tunnel *t = find(model.tunnels, v.id);
    const auto statuses = statuses_of(model, v.id);
    Block block(output, 0), inner(output, 4);
    block.line("tunnel", a.say(v.account, v.name));
    block.line("id", v.id.to_string());
    block.line("state", to_string(v.state));
    block.line("health", to_string(v.health));
    for (const auto &[code, message] : v.reasons) {
        std::string reason = code;
        inner.title(reason.append(": ").append(message));
    }
    show_request(a, v, &block);
    block.line("updated", when_text(v.updated_ms, a.context.now_ms));
    show_end(output, "source", v.source,
             object.value("source_end", ordered_json()));
    show_end(output, "destination",
             v.destination_account == v.account
                 ? v.destination
                 : v.destination_account + "/" + v.destination,
             object.value("destination_end", ordered_json()));
    block.line("filter", v.filter.value_or(v.state == TunnelState::ShuttingDown
                                               ? "not known"
                                               : "none: every frame"));
    block.line("vni", number_text(v.vni));
    block.line("length", length_text(v));
    block.line("rate limit",
               v.rate_kbps
                   ? rate_text(1000 * static_cast<double>(*v.rate_kbps))
                   : "");
    block.line("mode", cell_text(object["mode"]));
    block.line("delivery", cell_text(object["delivery"]));
    block.line("enabled", cell_text(object["enabled"]));
    block.line("note", t ? t->note : "");
    block.line("inbound", direction_text(v.inbound_packets, v.inbound_bytes));
    block.line("outbound",
               direction_text(v.outbound_packets, v.outbound_bytes));
    block.line("dropped", v.dropped_packets ? count_text(v.dropped_packets) +
                                                  " by the rate limit"
                                            : "");
    block.line("average", average_text(v, statuses));
    if (!v.conditions.empty()) {
        block.title("conditions:");
        show_conditions(output, 4, v.conditions);
    }
    for (const TunnelStatus *status : statuses) {
        show_hypervisor(output, a, last_word(a, *status));
    }
    const auto events = event_lines(a, v);
    if (!events.empty()) {
        block.title("events:");
    }
    for (const std::string &event : events) {
        inner.title(event);
    }
}

void
run_tunnel_show(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    /* Also of one that is shutting down, whose row is gone. */
    std::string name = ctx->argv[1];
    std::vector<TunnelView> views = views_of(a);
    auto view = std::find_if(views.begin(), views.end(), [&](auto &v) {
        return a.say(v.account, v.name) == name ||
               v.account + "/" + v.name == name;
    });
    if (view == views.end()) {
        refuse_missing(&a, "mirror_tunnels", name);
        return;
    }
    ordered_json object = show_json(a, *view);
    if (a.settings.format == Format::Table) {
        show_text(a, *view, object, &ctx->output);
    } else {
        print_object(ctx, object);
    }
}

const ctl_command_syntax COMMANDS[] = {
    {"tunnel-show", 1, 1, "NAME", nullptr, run_tunnel_show, nullptr, "",
     ctl_command_syntax::RO},
    {},
};

} // namespace

const ctl_command_syntax *
tunnel_show_commands()
{
    return COMMANDS;
}

} // namespace pm::ctl
