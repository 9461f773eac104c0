/* ovs-mirrorctl: a tunnel as its commands show it. */
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

} // namespace

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
        {"observed_generation", optional_json(v.observed_generation)},
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

std::vector<TunnelView>
views_of(const Attempt &a)
{
    /* VNIs that an earlier command left out are chosen when all commands have
     * run: until then none is there, and none is wrong. */
    constexpr int64_t SOME_VNI = 1;
    std::set<Uuid> without_vni;
    Model model = a.edit.model;
    for (const Uuid &id : a.edit.book.vni_wanted) {
        auto tunnel = model.tunnels.find(id);
        if (tunnel != model.tunnels.end() && !tunnel->second.vni) {
            tunnel->second.vni = SOME_VNI;
            without_vni.insert(id);
        }
    }
    std::vector<TunnelView> views =
        tunnel_views(model, a.context.now_ms, a.settings.account);
    /* A filter that cannot be read still has its name. */
    for (TunnelView &v : views) {
        if (without_vni.contains(v.id)) {
            v.vni.reset();
        }
        const Tunnel *t = find(a.edit.model.tunnels, v.id);
        auto row = t && t->filter ? a.edit.unreadable.find(*t->filter)
                                  : a.edit.unreadable.end();
        if (row != a.edit.unreadable.end()) {
            v.filter = row->second.name;
        }
    }
    return views;
}

} // namespace pm::ctl
