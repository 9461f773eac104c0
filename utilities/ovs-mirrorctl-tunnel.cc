/* ovs-mirrorctl: lists of tunnels. */
#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

namespace {

using ordered_json = nlohmann::ordered_json;

/* Whether the caller is who may accept this request. */
bool
may_accept(const Attempt &a, const TunnelView &v)
{
    return v.state == TunnelState::Waiting &&
           (a.context.is_operator() ||
            v.destination_account == a.context.own_account());
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
                                count_text(v.inbound_packets) + "/" +
                                    count_text(v.outbound_packets),
                                count_text(v.dropped_packets),
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
            std::string line = name + ": COUNT_ONLY: counted and not sent";
            if (v.inbound_would_send && v.outbound_would_send) {
                line += "; as copies all that it has counted comes to at "
                        "most " +
                        number_text(v.inbound_would_send) +
                        " bytes inbound and " +
                        number_text(v.outbound_would_send) + " outbound";
            }
            listing.below.push_back(std::move(line));
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

constexpr auto RO = ctl_command_syntax::RO;
const ctl_command_syntax COMMANDS[] = {
    {"tunnel-list", 0, 0, "", nullptr, run_tunnel_list, nullptr, "", RO},
    {"tunnel-inbox", 0, 0, "", nullptr, run_tunnel_inbox, nullptr, "", RO},
    {},
};

} // namespace

const ctl_command_syntax *
tunnel_commands()
{
    return COMMANDS;
}

} // namespace pm::ctl
