/* ovs-mirrorctl: lists of objects. */
#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

using ordered_json = nlohmann::ordered_json;

std::optional<Uuid>
find_named(ctl_context *ctx, const char *kind)
{
    Attempt &a = attempt_of(ctx);
    auto id = look_up(a.edit.model, a.context, kind, ctx->argv[1]);
    if (!id) {
        refuse_missing(&a, kind, ctx->argv[1]);
    }
    return id;
}

void
refuse_missing(Attempt *a, const std::string &kind, const std::string &name)
{
    a->edit.problems.push_back(missing_or_unreadable(
        a->edit, a->context, kind, name,
        {"NOT_FOUND", path_of(kind, name),
         "there is no such object; the list command shows what there is"}));
}

ordered_json
used_by(const Attempt &a, const std::function<bool(const Tunnel &)> &uses)
{
    ordered_json names = ordered_json::array();
    for (const auto &[id, tunnel] : a.edit.model.tunnels) {
        if (uses(tunnel) &&
            may_see(a.edit.model, a.context, "mirror_tunnels", id)) {
            names.push_back(a.say(tunnel.account, tunnel.name));
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

namespace {

/* What "NOUN-list" shows of each object: keys of the document, and those that
 * only JSON and CSV have. */
struct ListCommand {
    const char *command, *kind;
    std::vector<const char *> columns, more;
};

const ListCommand LISTS[] = {
    {"vpc-list", "vpcs", {"name", "account", "region", "kind"}, {}},
    {"peering-list", "peerings", {"name", "from", "to", "state"}, {}},
    {"connect-list",
     "transit_connects",
     {"name", "vpc", "transit_vpc", "state"},
     {}},
    {"subnet-list",
     "subnets",
     {"name", "vpc", "cidr", "gateway", "gateway_mac"},
     {"routes"}},
    {"nic-list",
     "network_interfaces",
     {"name", "iface_id", "server", "device", "hypervisor", "mac", "addresses",
      "subnet", "mtu", "account"},
     {"permits_vxlan_from"}},
    {"lb-list", "load_balancers", {"name", "vpc", "subnet", "members"}, {}},
    {"collector-list", "collectors", {"name", "address", "account"}, {}},
    {"resource-list",
     "mirror_resources",
     {"name", "account", "purpose", "type", "target", "note"},
     {}},
    {"filter-list",
     "mirror_filters",
     {"name", "account", "non_ip", "inbound", "outbound", "note"},
     {}},
};

/* The document's objects of 'kind' that the caller may see, by account and
 * name. */
std::vector<std::pair<Uuid, ordered_json>>
objects_of(const Attempt &a, const std::string &kind)
{
    std::map<std::pair<std::string, std::string>,
             std::pair<Uuid, ordered_json>>
        sorted;
    auto add = [&](const auto &table) {
        for (const auto &[id, value] : table) {
            if (may_see(a.edit.model, a.context, kind, id)) {
                ordered_json object = to_json(a.edit.model, kind, id);
                sorted[{object.value("account", ""), value.name}] = {id,
                                                                     object};
            }
        }
    };
    const Model &m = a.edit.model;
    kind == "vpcs"                 ? add(m.vpcs)
    : kind == "peerings"           ? add(m.peerings)
    : kind == "transit_connects"   ? add(m.connects)
    : kind == "subnets"            ? add(m.subnets)
    : kind == "network_interfaces" ? add(m.nics)
    : kind == "load_balancers"     ? add(m.load_balancers)
    : kind == "collectors"         ? add(m.collectors)
    : kind == "mirror_resources"   ? add(m.resources)
                                   : add(m.filters);
    std::vector<std::pair<Uuid, ordered_json>> result;
    result.reserve(sorted.size());
    for (auto &[key, object] : sorted) {
        result.push_back(std::move(object));
    }
    return result;
}

/* "packet_length" -> "PACKET LENGTH". */
std::string
heading(std::string key)
{
    for (char &c : key) {
        c = c == '_' ? ' ' : static_cast<char>(std::toupper(c));
    }
    return key;
}

void
run_list(ctl_context *ctx)
{
    const ListCommand &list =
        *std::find_if(std::begin(LISTS), std::end(LISTS), [&](auto &l) {
            return !strcmp(l.command, ctx->argv[0]);
        });
    Listing listing;
    listing.keys.assign(list.columns.begin(), list.columns.end());
    listing.keys.insert(listing.keys.end(), list.more.begin(),
                        list.more.end());
    for (const char *column : list.columns) {
        listing.headings.push_back(heading(column));
    }
    for (auto &[id, object] : objects_of(attempt_of(ctx), list.kind)) {
        std::vector<std::string> row;
        for (const char *column : list.columns) {
            bool rules =
                !strcmp(column, "inbound") || !strcmp(column, "outbound");
            ordered_json value = object.value(column, ordered_json());
            row.push_back(!rules ? cell_text(value)
                          : value.size() == 1
                              ? "1 rule"
                              : std::to_string(value.size()) + " rules");
        }
        listing.rows.push_back(row);
        listing.objects.push_back(object);
    }
    print(ctx, listing);
}

void
run_route_list(ctl_context *ctx)
{
    if (ctx->argc > 1 && !find_named(ctx, "subnets")) {
        return;
    }
    Listing listing;
    listing.keys = {"subnet", "to", "via"};
    listing.headings = {"SUBNET", "TO", "VIA"};
    for (const auto &[id, subnet] : objects_of(attempt_of(ctx), "subnets")) {
        std::string name = subnet.value("name", "");
        if (ctx->argc > 1 && name != ctx->argv[1]) {
            continue;
        }
        for (const auto &route :
             subnet.value("routes", ordered_json::array())) {
            listing.rows.push_back(
                {name, cell_text(route["to"]), cell_text(route["via"])});
            listing.objects.push_back({{"subnet", name},
                                       {"to", route["to"]},
                                       {"via", route["via"]}});
        }
    }
    print(ctx, listing);
}

void
run_resource_show(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    auto id = find_named(ctx, "mirror_resources");
    if (!id) {
        return;
    }
    const Resource &r = *find(a.edit.model.resources, *id);
    ordered_json object = to_json(a.edit.model, "mirror_resources", *id);
    object["id"] = id->to_string();
    object["orphaned"] = !r.target_id.has_value();
    object["created"] = time_json(r.created_ms);
    object["updated"] = time_json(r.updated_ms);
    object["used_by"] = used_by(a, [&](const Tunnel &t) {
        return t.source == *id || t.destination == *id;
    });
    print_object(ctx, object);
}

void
run_event_list(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    std::vector<Event> events;
    const pmrec_event *row;
    PMREC_EVENT_FOR_EACH(row, ctx->idl)
    {
        Event e = *read(row, nullptr);
        if (a.context.is_operator() || e.account == a.context.own_account() ||
            e.peer_account == a.context.own_account()) {
            events.push_back(std::move(e));
        }
    }
    std::sort(events.begin(), events.end(), [](auto &x, auto &y) {
        return std::tie(x.time_ms, x.account, x.object, x.generation, x.event,
                        x.message, x.actor) <
               std::tie(y.time_ms, y.account, y.object, y.generation, y.event,
                        y.message, y.actor);
    });
    Listing listing;
    listing.keys = {"time",   "actor", "account",    "peer_account", "kind",
                    "object", "event", "generation", "message"};
    listing.headings = {"TIME",  "ACTOR",      "KIND",   "OBJECT",
                        "EVENT", "GENERATION", "MESSAGE"};
    for (const Event &e : events) {
        ordered_json time = time_json(e.time_ms);
        listing.rows.push_back({cell_text(time), e.actor, e.kind,
                                a.say(e.account, e.object), e.event,
                                std::to_string(e.generation), e.message});
        listing.objects.push_back({{"time", time},
                                   {"actor", e.actor},
                                   {"account", e.account},
                                   {"peer_account", e.peer_account},
                                   {"kind", e.kind},
                                   {"object", e.object},
                                   {"event", e.event},
                                   {"generation", e.generation},
                                   {"message", e.message}});
    }
    print(ctx, listing);
}

std::vector<ctl_command_syntax>
make_commands()
{
    constexpr auto RO = ctl_command_syntax::RO;
    std::vector<ctl_command_syntax> commands = {
        {"route-list", 0, 1, "[SUBNET]", nullptr, run_route_list, nullptr, "",
         RO},
        {"resource-show", 1, 1, "NAME", nullptr, run_resource_show, nullptr,
         "", RO},
        {"event-list", 0, 0, "", nullptr, run_event_list, nullptr, "", RO},
    };
    for (const ListCommand &list : LISTS) {
        commands.push_back(
            {list.command, 0, 0, "", nullptr, run_list, nullptr, "", RO});
    }
    commands.push_back({});
    return commands;
}

} // namespace

const ctl_command_syntax *
list_commands()
{
    static const std::vector<ctl_command_syntax> COMMANDS = make_commands();
    return COMMANDS.data();
}

} // namespace pm::ctl
