/* ovs-mirrorctl: what it shows of tunnels and hypervisors. */
#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

namespace {

using ordered_json = nlohmann::ordered_json;

template <typename T>
ordered_json
optional_json(const std::optional<T> &value)
{
    return value ? ordered_json(*value) : ordered_json();
}

ordered_json
delivery_json(const std::optional<Delivery> &delivery)
{
    return !delivery                         ? ordered_json()
           : *delivery == Delivery::Auto     ? "auto"
           : *delivery == Delivery::Underlay ? "underlay"
                                             : "vpc";
}

ordered_json
mode_json(const std::optional<Mode> &mode)
{
    return !mode ? ordered_json() : *mode == Mode::Mirror ? "mirror" : "count";
}

/* Null but with mode=count. */
ordered_json
would_send_json(const TunnelView &v)
{
    return v.mode != Mode::Count
               ? ordered_json()
               : ordered_json(
                     {{"inbound", optional_json(v.inbound_would_send)},
                      {"outbound", optional_json(v.outbound_would_send)}});
}

/* Others script against these keys: they are fixed. */
ordered_json
view_json(const TunnelView &v)
{
    ordered_json conditions = ordered_json::array();
    for (const auto &[type, condition] : v.conditions) {
        conditions.push_back({{"type", type},
                              {"status", to_string(condition.status)},
                              {"reason", condition.reason}});
    }
    ordered_json reasons = ordered_json::array();
    for (const auto &[code, message] : v.reasons) {
        reasons.push_back({{"code", code}, {"message", message}});
    }
    return {
        {"id", v.id.to_string()},
        {"name", v.name},
        {"account", v.account},
        {"state", to_string(v.state)},
        {"health", to_string(v.health)},
        {"source", v.source},
        {"destination", v.destination},
        {"destination_account", v.destination_account},
        {"filter", optional_json(v.filter)},
        {"vni", optional_json(v.vni)},
        {"packet_length", optional_json(v.packet_length)},
        {"effective_packet_length", optional_json(v.effective_packet_length)},
        {"delivery", delivery_json(v.delivery)},
        {"mode", mode_json(v.mode)},
        {"rate_kbps", optional_json(v.rate_kbps)},
        {"enabled", optional_json(v.enabled)},
        {"generation", optional_json(v.generation)},
        {"observed_generation", v.observed_generation},
        {"chassis", v.chassis},
        {"conditions", conditions},
        {"reasons", reasons},
        {"mirrored_packets",
         {{"inbound", optional_json(v.inbound_packets)},
          {"outbound", optional_json(v.outbound_packets)}}},
        {"mirrored_bytes",
         {{"inbound", optional_json(v.inbound_bytes)},
          {"outbound", optional_json(v.outbound_bytes)}}},
        {"would_send_bytes", would_send_json(v)},
        {"dropped_packets", optional_json(v.dropped_packets)},
        {"created", time_json(v.created_ms)},
        {"updated", time_json(v.updated_ms)}};
}

std::string
number_text(const std::optional<int64_t> &n)
{
    return n ? std::to_string(*n) : "-";
}

/* "VPC/ADDRESS" of what the resource is, as far as it is known. */
std::string
place_text(const Model &model, const Uuid &resource_id)
{
    End end = resolve_end(model, resource_id);
    std::string address = end.collector ? end.collector->address.to_string()
                          : end.nic && !end.nic->addresses.empty()
                              ? end.nic->addresses[0].to_string()
                          : end.resource ? end.resource->target
                                         : "";
    return end.vpc ? end.vpc->name + "/" + address : address;
}

/* What is configured, and after it what becomes of it when that differs. */
std::string
length_text(const TunnelView &v)
{
    if (v.state == TunnelState::ShuttingDown) {
        return number_text(v.effective_packet_length);
    }
    std::string text =
        v.packet_length ? std::to_string(*v.packet_length) : "whole";
    /* A greater one is of a hypervisor that has yet to follow. */
    if (v.effective_packet_length &&
        (!v.packet_length || *v.effective_packet_length < *v.packet_length)) {
        text += "->" + std::to_string(*v.effective_packet_length);
    }
    return text;
}

/* Whether the caller is who may accept this request. */
bool
may_accept(const Attempt &a, const TunnelView &v)
{
    return v.state == TunnelState::Waiting &&
           (a.context.is_operator() ||
            v.destination_account == a.context.own_account());
}

std::vector<TunnelView>
views_of(const Attempt &a)
{
    std::vector<TunnelView> views =
        tunnel_views(a.edit.model, a.context.now_ms, a.settings.account);
    /* A filter that cannot be read still has its name. */
    for (TunnelView &v : views) {
        const Tunnel *t = find(a.edit.model.tunnels, v.id);
        auto row = t && t->filter ? a.edit.unreadable.find(*t->filter)
                                  : a.edit.unreadable.end();
        if (row != a.edit.unreadable.end()) {
            v.filter = row->second.name;
        }
    }
    return views;
}

std::vector<std::string>
view_keys()
{
    std::vector<std::string> keys;
    const ordered_json unknown = view_json(TunnelView());
    for (const auto &[key, value] : unknown.items()) {
        keys.push_back(key);
    }
    return keys;
}

Listing
list_tunnels(const Attempt &a, const std::vector<TunnelView> &views)
{
    Listing listing;
    listing.keys = view_keys();
    listing.headings = {"NAME",          "STATE",  "HEALTH", "SOURCE",
                        "DESTINATION",   "FILTER", "VNI",    "LENGTH",
                        "COPIES IN/OUT", "DROPS",  "AGE"};
    for (const TunnelView &v : views) {
        listing.objects.push_back(view_json(v));
        const Tunnel *t = find(a.edit.model.tunnels, v.id);
        std::string name = a.say(v.account, v.name);
        std::string destination =
            v.destination_account == v.account
                ? v.destination
                : v.destination_account + "/" + v.destination;
        /* Where another account's source is, is its own affair. */
        bool sees = t && may_see(a.edit.model, a.context, "mirror_resources",
                                 t->source);
        std::string place =
            sees ? " " + place_text(a.edit.model, t->source) : "";
        listing.rows.push_back({name, to_string(v.state), to_string(v.health),
                                v.source + place, destination,
                                v.filter.value_or("-"), number_text(v.vni),
                                length_text(v),
                                number_text(v.inbound_packets) + "/" +
                                    number_text(v.outbound_packets),
                                number_text(v.dropped_packets),
                                age_text(v.created_ms, a.context.now_ms)});
        if (v.state == TunnelState::Waiting) {
            listing.below.push_back(
                name + ": " +
                (may_accept(a, v)
                     ? "pending approval: \"tunnel-accept " + v.account + "/" +
                           v.name + "\" or \"tunnel-reject " + v.account +
                           "/" + v.name + "\""
                     : "pending approval by account " +
                           v.destination_account));
        }
        if (v.mode == Mode::Count) {
            listing.below.push_back(
                name +
                ": COUNT_ONLY: counted and not sent; so far it would "
                "have been at most " +
                number_text(v.inbound_would_send) + " bytes inbound and " +
                number_text(v.outbound_would_send) + " outbound");
        }
        for (const auto &[code, message] : v.reasons) {
            std::string &line = listing.below.emplace_back(name);
            line.append(": ").append(code).append(": ").append(message);
        }
    }
    return listing;
}

void
run_tunnel_list(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    print(ctx, list_tunnels(a, views_of(a)));
}

void
run_tunnel_inbox(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    std::vector<TunnelView> views = views_of(a);
    std::erase_if(views, [&](const auto &v) { return !may_accept(a, v); });
    Listing listing;
    listing.keys = view_keys();
    listing.keys.emplace_back("note");
    listing.headings = {"REQUEST",    "DESTINATION", "VNI", "LENGTH",
                        "GENERATION", "AGE",         "NOTE"};
    for (const TunnelView &v : views) {
        const Tunnel *t = find(a.edit.model.tunnels, v.id);
        std::string note = t ? t->note : "";
        ordered_json object = view_json(v);
        object["note"] = note;
        listing.objects.push_back(object);
        listing.rows.push_back(
            {v.account + "/" + v.name, v.destination, number_text(v.vni),
             length_text(v), number_text(v.generation),
             age_text(v.created_ms, a.context.now_ms), note});
    }
    print(ctx, listing);
}

/* ------------------------------------------------------------------------
 * tunnel-show. */

ordered_json
status_json(const TunnelStatus &s)
{
    ordered_json conditions = ordered_json::object();
    for (const auto &[type, condition] : s.conditions) {
        conditions[type] =
            std::string(to_string(condition.status)) +
            (condition.reason.empty() ? "" : " (" + condition.reason + ")");
    }
    return {
        {"chassis", s.chassis},
        {"bound", s.bound},
        {"health", to_string(s.health)},
        {"observed_generation", s.observed_generation},
        {"observed_filter_generation", s.observed_filter_generation},
        {"effective_packet_length", optional_json(s.effective_packet_length)},
        {"reasons", s.reasons},
        {"conditions", conditions},
        {"counters", s.counters.values},
        {"events", s.events},
        {"created", time_json(s.created_ms)},
        {"updated", time_json(s.updated_ms)}};
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
        object["region"] = end.vpc->region;
    }
    if (end.subnet) {
        object["subnet"] = end.subnet->name;
    }
    if (end.nic) {
        object["server"] = end.nic->server;
        object["device"] = end.nic->device;
        object["iface_id"] = end.nic->iface_id;
        object["hypervisor"] =
            end.nic->hypervisor == Hypervisor::Kvm ? "kvm" : "xen";
        object["mtu"] = optional_json(end.nic->mtu);
    }
    object["place"] = place_text(model, resource_id);
    return object;
}

ordered_json
events_json(const Attempt &a, const TunnelView &v)
{
    constexpr size_t SHOWN_MAX = 10;
    std::vector<Event> events;
    const pmrec_event *row;
    PMREC_EVENT_FOR_EACH(row, a.idl)
    {
        if (!strcmp(row->kind, "tunnel") && v.name == row->object &&
            v.account == row->account) {
            events.push_back(*read(row, nullptr));
        }
    }
    std::sort(events.begin(), events.end(),
              [](auto &x, auto &y) { return x.time_ms < y.time_ms; });
    ordered_json array = ordered_json::array();
    for (size_t i = events.size() - std::min(events.size(), SHOWN_MAX);
         i < events.size(); i++) {
        array.push_back(cell_text(time_json(events[i].time_ms)) + " " +
                        events[i].event + " by " + events[i].actor +
                        " (generation " +
                        std::to_string(events[i].generation) + ")");
    }
    return array;
}

/* Prints nested objects and lists below their key. */
void
print_tree(ds *output, const ordered_json &object, int indent)
{
    for (const auto &[key, value] : object.items()) {
        bool is_list =
            value.is_array() && !value.empty() && value[0].is_object();
        bool is_text = value.is_array() && !value.empty() &&
                       value[0].is_string() && key == "events";
        ds_put_char_multiple(output, ' ', indent);
        if (is_text) {
            ds_put_format(output, "%s:\n", key.c_str());
            for (const ordered_json &line : value) {
                ds_put_char_multiple(output, ' ', indent + 4);
                ds_put_format(output, "%s\n", cell_text(line).c_str());
            }
        } else if ((value.is_object() && !value.empty()) || is_list) {
            ds_put_format(output, "%s:\n", key.c_str());
            for (const ordered_json &element :
                 is_list ? value : ordered_json::array({value})) {
                print_tree(output, element, indent + 4);
            }
        } else {
            ds_put_format(output, "%s: %s\n", key.c_str(),
                          value.empty() && value.is_object()
                              ? ""
                              : cell_text(value).c_str());
        }
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
        a.refuse("NOT_FOUND", path_of("mirror_tunnels", name),
                 "there is no such tunnel; tunnel-list shows what there is");
        return;
    }
    ordered_json object = view_json(*view);
    if (const Tunnel *t = find(a.edit.model.tunnels, view->id)) {
        object["note"] = t->note;
        /* Another account's end is its own affair. */
        bool sees_source = a.context.is_operator() ||
                           view->account == a.context.own_account();
        bool sees_destination =
            a.context.is_operator() ||
            view->destination_account == a.context.own_account();
        if (sees_source) {
            object["source_end"] = end_json(a.edit.model, t->source);
        }
        if (sees_destination) {
            object["destination_end"] = end_json(a.edit.model, t->destination);
        }
        if (t->accepted) {
            object["accepted"] = {{"by", t->accepted->by},
                                  {"at", time_json(t->accepted->at_ms)},
                                  {"generation", t->accepted->generation}};
        }
    }
    object["hypervisors"] = ordered_json::array();
    for (const auto &[id, status] : a.edit.model.tunnel_statuses) {
        if (status.tunnel == view->id) {
            object["hypervisors"].push_back(status_json(status));
        }
    }
    object["events"] = events_json(a, *view);
    if (a.settings.format == Format::Json) {
        print_object(ctx, object);
    } else {
        print_tree(&ctx->output, object, 0);
    }
}

/* ------------------------------------------------------------------------
 * show. */

ordered_json
chassis_json(const Chassis &c, int64_t now_ms)
{
    return {{"name", c.name},
            {"hostname", c.hostname},
            {"alive", is_alive(c, now_ms)},
            {"heartbeat", time_json(c.heartbeat_ms)},
            {"version", c.version},
            {"ovs_version", c.ovs_version},
            {"datapath_types", c.datapath_types},
            {"encap_ips", c.encap_ips},
            {"slots", c.slots},
            {"slots_used", c.slots_used},
            {"cfg", c.cfg}};
}

void
show_chassis(ds *output, const Chassis &c, int64_t now_ms)
{
    ds_put_format(output, "Hypervisor %s\n", c.name.c_str());
    auto show_text = [&](const char *key, const std::string &text) {
        if (!text.empty()) {
            ds_put_format(output, "    %s: %s\n", key, text.c_str());
        }
    };
    show_text("hostname", c.hostname);
    show_text("Open vSwitch", c.ovs_version);
    show_text("heard from",
              !c.heartbeat_ms
                  ? "never"
                  : age_text(c.heartbeat_ms, now_ms) + " ago" +
                        (is_alive(c, now_ms) ? "" : " (not alive)"));
    for (const auto &[bridge, slots] : c.slots) {
        auto used = c.slots_used.find(bridge);
        ds_put_format(output, "    mirror slots of %s: %lld of %lld used\n",
                      bridge.c_str(),
                      static_cast<long long>(
                          used == c.slots_used.end() ? 0 : used->second),
                      static_cast<long long>(slots));
    }
}

void
run_show(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    ordered_json object = {{"hypervisors", ordered_json::array()},
                           {"tunnels", ordered_json::array()}};
    std::map<std::string, Chassis> chassis;
    for (const auto &[id, c] : a.edit.model.chassis) {
        /* The hosts are none of a customer's business. */
        if (a.context.is_operator()) {
            chassis[c.name] = c;
        }
    }
    bool as_json = a.settings.format == Format::Json;
    for (const auto &[name, c] : chassis) {
        object["hypervisors"].push_back(chassis_json(c, a.context.now_ms));
        if (!as_json) {
            show_chassis(&ctx->output, c, a.context.now_ms);
        }
    }
    for (const TunnelView &v : views_of(a)) {
        object["tunnels"].push_back(view_json(v));
        if (as_json) {
            continue;
        }
        ds_put_format(&ctx->output, "Tunnel %s\n    %s, %s",
                      a.say(v.account, v.name).c_str(), to_string(v.state),
                      to_string(v.health));
        for (const std::string &name : v.chassis) {
            ds_put_format(&ctx->output, ", on %s", name.c_str());
        }
        ds_put_format(&ctx->output, "\n    %s -> %s, vni %s\n",
                      v.source.c_str(),
                      a.say(v.destination_account, v.destination).c_str(),
                      number_text(v.vni).c_str());
        for (const auto &[code, message] : v.reasons) {
            ds_put_format(&ctx->output, "    %s: %s\n", code.c_str(),
                          message.c_str());
        }
    }
    if (as_json) {
        print_object(ctx, object);
    }
}

constexpr auto RO = ctl_command_syntax::RO;
const ctl_command_syntax COMMANDS[] = {
    {"show", 0, 0, "", nullptr, run_show, nullptr, "", RO},
    {"tunnel-list", 0, 0, "", nullptr, run_tunnel_list, nullptr, "", RO},
    {"tunnel-inbox", 0, 0, "", nullptr, run_tunnel_inbox, nullptr, "", RO},
    {"tunnel-show", 1, 1, "NAME", nullptr, run_tunnel_show, nullptr, "", RO},
    {},
};

} // namespace

const ctl_command_syntax *
tunnel_commands()
{
    return COMMANDS;
}

} // namespace pm::ctl
