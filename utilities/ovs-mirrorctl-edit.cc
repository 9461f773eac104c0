/* ovs-mirrorctl: the commands that change objects.
 *
 * Each builds one object in the form of the JSON document and puts it, so
 * that a key and a check are the same here and there. */
#include "utilities/ovs-mirrorctl.h"

#include <climits>
#include <cstring>
#include <deque>

#include "flows/decide.h"
#include "plugin/edit.h"
#include "plugin/json_fields.h"

namespace pm::ctl {

namespace {

using json = nlohmann::json;

/* "NOUN-add NAME POSITIONAL... [KEY=VALUE]..." makes an object of 'kind'. */
struct Noun {
    const char *noun, *kind;
    std::vector<const char *> positional;
    const char *arguments;
    bool of_account; /* NAME may be ACCOUNT/NAME. */
};

const Noun NOUNS[] = {
    {"resource",
     "mirror_resources",
     {"purpose", "type", "target"},
     "NAME source|destination network-interface|load-balancer|collector "
     "TARGET [note=TEXT]",
     true},
    {"filter",
     "mirror_filters",
     {},
     "NAME [non-ip=drop|mirror] [note=TEXT]",
     true},
    {"tunnel",
     "mirror_tunnels",
     {},
     "NAME source=RESOURCE destination=[ACCOUNT/]RESOURCE [filter=FILTER] "
     "[vni=N] [length=BYTES] [rate-kbps=N] [mode=mirror|count] "
     "[delivery=auto|underlay|vpc] [enabled=true|false] [note=TEXT]",
     true},
    {"vpc",
     "vpcs",
     {},
     "NAME [account=ACCOUNT] [region=REGION] [kind=standard|transit]",
     false},
    {"subnet",
     "subnets",
     {"vpc", "cidr"},
     "NAME VPC CIDR [gateway=IP] [gateway-mac=MAC]",
     false},
    {"nic",
     "network_interfaces",
     {},
     "NAME iface-id=ID [mac=MAC] [addresses=IP,...] [subnet=SUBNET] "
     "[server=TEXT] [device=ethN] [hypervisor=kvm|xen] [mtu=BYTES] "
     "[permits-vxlan-from=CIDR,...|none] [account=ACCOUNT]",
     false},
    {"lb",
     "load_balancers",
     {},
     "NAME vpc=VPC [members=IP,...] [subnet=SUBNET]",
     false},
    {"peering",
     "peerings",
     {"from", "to"},
     "NAME FROM-VPC TO-VPC [state=active|inactive]",
     false},
    {"connect",
     "transit_connects",
     {"vpc", "transit_vpc"},
     "NAME VPC TRANSIT-VPC [state=active|inactive]",
     false},
    {"collector",
     "collectors",
     {"address"},
     "NAME IP [account=ACCOUNT]",
     false},
};

/* The noun of the command "NOUN-verb". */
const Noun &
noun_of(const ctl_context *ctx)
{
    std::string command = ctx->argv[0];
    std::string noun = command.substr(0, command.rfind('-'));
    return *std::find_if(std::begin(NOUNS), std::end(NOUNS),
                         [&](const Noun &n) { return noun == n.noun; });
}

/* ------------------------------------------------------------------------
 * NOUN-add, NOUN-set, NOUN-del. */

/* Whether the arguments from 'first' on are KEY=VALUE, and of other keys than
 * 'said', which arguments without key have said. */
void
check_values(ctl_context *ctx, int first, const std::set<std::string> &said)
{
    require_values(ctx, first);
    for (int i = first; i < ctx->argc && !ctx->error; i++) {
        std::string key = key_of(ctx->argv[i]);
        if (said.contains(key)) {
            ctl_error(ctx, "\"%s\" is given twice", key.c_str());
        }
    }
}

void
check_add(ctl_context *ctx)
{
    const Noun &noun = noun_of(ctx);
    std::set<std::string> said(noun.positional.begin(), noun.positional.end());
    said.insert("name");
    if (noun.of_account && strchr(ctx->argv[1], '/')) {
        said.insert("account");
    }
    check_values(ctx, 2 + static_cast<int>(noun.positional.size()), said);
}

/* Refuses to accept a tunnel by the arguments from 'first' on, for which there
 * is a command, and takes that out of 'object'. */
void
refuse_accepted(ctl_context *ctx, const Noun &noun, int first, json *object)
{
    if (strcmp(noun.kind, "mirror_tunnels") != 0) {
        return;
    }
    object->erase("accepted");
    for (int i = first; i < ctx->argc; i++) {
        if (key_of(ctx->argv[i]) == "accepted") {
            attempt_of(ctx).refuse(
                "IMMUTABLE", path_of(noun.kind, ctx->argv[1]) + ".accepted",
                "this is not set here: \"tunnel-accept\" accepts a tunnel");
        }
    }
}

void
run_add(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    const Noun &noun = noun_of(ctx);
    std::string full_name = ctx->argv[1], name = full_name;
    json object = json::object();
    size_t slash = name.find('/');
    if (noun.of_account && slash != std::string::npos) {
        object["account"] = name.substr(0, slash);
        name.erase(0, slash + 1);
    }
    object["name"] = name;
    int next = 2;
    for (const char *key : noun.positional) {
        object[key] = ctx->argv[next++];
    }
    put_values(ctx, next, &object);
    refuse_accepted(ctx, noun, next, &object);
    put(&a.edit, a.context, noun.kind, object, path_of(noun.kind, full_name),
        PutMode::Create);
    if (!strcmp(noun.noun, "tunnel") && !object.contains("vni")) {
        /* The account may be an argument of its own. */
        a.vni_left_out.push_back(object.contains("account")
                                     ? cell_text(object["account"]) + "/" +
                                           name
                                     : full_name);
    }
}

/* Returns the object of 'kind' called 'name', in the document's form, or
 * null, having refused. */
json
existing(Attempt &a, const std::string &kind, const std::string &name)
{
    auto id = look_up(a.edit.model, a.context, kind, name);
    json object = id ? to_json(a.edit.model, kind, *id) : json();
    if (object.is_null()) {
        refuse_missing(&a, kind, name);
    } else {
        /* Not for the caller to say; it stays as it is. */
        object.erase("accepted");
    }
    return object;
}

void
check_set(ctl_context *ctx)
{
    require_values(ctx, 2);
}

void
replace(Attempt &a, const std::string &kind, const std::string &name,
        const json &object)
{
    put(&a.edit, a.context, kind, object, path_of(kind, name),
        PutMode::Replace);
}

/* Refuses what would make it another object: a name does not change. */
void
refuse_renaming(ctl_context *ctx, const Noun &noun)
{
    for (int i = 2; i < ctx->argc; i++) {
        std::string key = key_of(ctx->argv[i]);
        if (key == "name" || (key == "account" && noun.of_account)) {
            attempt_of(ctx).refuse(
                "IMMUTABLE", path_of(noun.kind, ctx->argv[1]) + "." + key,
                "the " + key + " does not change: add another object");
        }
    }
}

void
run_set(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    const Noun &noun = noun_of(ctx);
    json object = existing(a, noun.kind, ctx->argv[1]);
    if (!object.is_null()) {
        const json before = object;
        if (!strcmp(noun.noun, "lb")) {
            put_load_balancer_values(ctx, 2, &object);
        } else {
            put_values(ctx, 2, &object);
        }
        /* What does not change here is refused, and no reason to keep to
         * oneself what else is wrong. */
        refuse_renaming(ctx, noun);
        refuse_accepted(ctx, noun, 2, &object);
        object["name"] = before["name"];
        if (noun.of_account) {
            object["account"] = before["account"];
        }
        replace(a, noun.kind, ctx->argv[1], object);
    }
}

void
run_del(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    const Noun &noun = noun_of(ctx);
    for (int i = 1; i < ctx->argc; i++) {
        erase(&a.edit, a.context, noun.kind, ctx->argv[i],
              path_of(noun.kind, ctx->argv[i]));
    }
}

/* ------------------------------------------------------------------------
 * Parts of objects: rules of filters, routes of subnets. */

/* Index of the element of 'list' whose 'key' is 'value' (as text), or its
 * size. */
size_t
index_of(const json &list, const char *key, const std::string &value)
{
    size_t i = 0;
    while (i < list.size() && list[i].contains(key) &&
           (list[i][key].is_string() ? list[i][key].get<std::string>()
                                     : list[i][key].dump()) != value) {
        i++;
    }
    return i;
}

void
check_direction(ctl_context *ctx)
{
    if (!direction_of(ctx->argv[2])) {
        ctl_error(ctx, "the direction is inbound or outbound, not \"%s\"",
                  ctx->argv[2]);
    } else if (!strcmp(ctx->argv[0], "rule-add")) {
        check_values(ctx, 5, {"number", "action"});
    }
}

void
run_rule_add(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    const char *direction = to_string(*direction_of(ctx->argv[2]));
    json filter = existing(a, "mirror_filters", ctx->argv[1]);
    if (filter.is_null()) {
        return;
    }
    json rule = {{"number", value_of("number", ctx->argv[3])},
                 {"action", ctx->argv[4]}};
    put_values(ctx, 5, &rule);
    json &rules = filter[direction];
    /* The caller knows the rule by its number, not by its place. */
    std::string rules_path =
        path_of("mirror_filters", ctx->argv[1]) + "." + direction;
    std::string rule_path = rules_path + "[" + path_key(ctx->argv[3]) + "]";
    size_t at = index_of(rules, "number", ctx->argv[3]);
    if (at < rules.size()) {
        a.refuse("RULE_NUMBER", rule_path + ".number",
                 std::string("there is a rule ") + ctx->argv[3] +
                     " already; delete it first or take another number");
        rules.erase(at); /* What else there is to say of the new one. */
    }
    rules.insert(rules.begin() + static_cast<json::difference_type>(at), rule);
    size_t n_before = a.edit.problems.size();
    std::string place = rules_path + "[" + std::to_string(at) + "]";
    replace(a, "mirror_filters", ctx->argv[1], filter);
    for (size_t i = n_before; i < a.edit.problems.size(); i++) {
        std::string &path = a.edit.problems[i].path;
        if (path.starts_with(place)) {
            path.replace(0, place.size(), rule_path);
        }
    }
}

/* Of a filter that cannot be read, perhaps for that very rule. */
void
delete_unreadable_rule(Attempt &a, const Uuid &id, const char *direction,
                       const std::string &number)
{
    const UnreadableRow &row = a.edit.unreadable.at(id);
    Filter filter;
    filter.account = row.account;
    filter.name = row.name;
    json value = value_of("number", number);
    auto generation =
        value.is_number()
            ? delete_rule(a.idl, id,
                          !strcmp(direction, "inbound") ? Direction::Inbound
                                                        : Direction::Outbound,
                          value.get<int64_t>())
            : std::nullopt;
    if (!generation) {
        a.refuse("NOT_FOUND",
                 path_of("mirror_filters", row.full_name()) + "." + direction,
                 "there is no rule " + number +
                     ": rule-list shows those that are");
        return;
    }
    filter.generation = *generation;
    record_event(&a.edit, a.context, filter, "updated", direction);
    begin(&a.edit);
    a.edit.book.changed.insert(id);
    a.raw_edits.push_back("change mirror_filters " + row.full_name() +
                          ": delete " + direction + " rule " + number);
}

void
run_rule_del(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    const char *direction = to_string(*direction_of(ctx->argv[2]));
    if (auto broken = look_up_unreadable(a.edit, a.context, "mirror_filters",
                                         ctx->argv[1])) {
        delete_unreadable_rule(a, *broken, direction, ctx->argv[3]);
        return;
    }
    json filter = existing(a, "mirror_filters", ctx->argv[1]);
    if (filter.is_null()) {
        return;
    }
    json &rules = filter[direction];
    size_t i = index_of(rules, "number", ctx->argv[3]);
    if (i >= rules.size()) {
        a.refuse("NOT_FOUND",
                 path_of("mirror_filters", ctx->argv[1]) + "." + direction,
                 std::string("there is no rule ") + ctx->argv[3] +
                     ": rule-list shows those that are");
        return;
    }
    rules.erase(i);
    replace(a, "mirror_filters", ctx->argv[1], filter);
}

/* The text of a CIDR as the database has it, so that forms compare. */
std::string
cidr_text(const std::string &text)
{
    auto cidr = Cidr::parse(text);
    return cidr ? cidr->to_string() : text;
}

void
run_route(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    std::string verb = std::string(ctx->argv[0]).substr(strlen("route-"));
    std::string to = cidr_text(ctx->argv[2]);
    std::string path = path_of("subnets", ctx->argv[1]) + ".routes";
    json subnet = existing(a, "subnets", ctx->argv[1]);
    if (subnet.is_null()) {
        return;
    }
    json &routes = subnet["routes"];
    size_t i = index_of(routes, "to", to);
    bool exists = i < routes.size();
    if (verb == "add" && exists) {
        a.refuse("DUPLICATE", path,
                 "there is a route to " + to +
                     " already; \"route-set\" changes it");
        return;
    } else if (verb != "add" && !exists) {
        a.refuse("NOT_FOUND", path,
                 "there is no route to " + to +
                     ": route-list shows those that are");
        return;
    }
    if (exists) {
        routes.erase(i);
    }
    if (verb != "del") {
        routes.push_back({{"to", to}, {"via", ctx->argv[3]}});
    }
    replace(a, "subnets", ctx->argv[1], subnet);
}

/* '*names' keeps the texts that the commands point to. */
std::vector<ctl_command_syntax>
make_commands(std::deque<std::string> *names)
{
    constexpr auto RW = ctl_command_syntax::RW;
    std::vector<ctl_command_syntax> commands = {
        {"rule-add", 4, INT_MAX,
         "FILTER inbound|outbound NUMBER accept|reject "
         "[protocol=any|tcp|udp|icmp|icmpv6|sctp|N] [source=CIDR] "
         "[destination=CIDR] [source-port=N[-M]] [destination-port=N[-M]] "
         "[icmp-type=N] [icmp-code=N] [note=TEXT]",
         check_direction, run_rule_add, nullptr, "", RW},
        {"rule-del", 3, 3, "FILTER inbound|outbound NUMBER", check_direction,
         run_rule_del, nullptr, "", RW},
        {"route-add", 3, 3, "SUBNET CIDR PEERING|CONNECT|local", nullptr,
         run_route, nullptr, "", RW},
        {"route-set", 3, 3, "SUBNET CIDR PEERING|CONNECT|local", nullptr,
         run_route, nullptr, "", RW},
        {"route-del", 2, 2, "SUBNET CIDR", nullptr, run_route, nullptr, "",
         RW},
    };
    for (const Noun &n : NOUNS) {
        std::string noun = n.noun;
        auto name = [&](const char *verb) {
            return names->emplace_back(noun + "-" + verb).c_str();
        };
        commands.push_back({name("add"),
                            1 + static_cast<int>(n.positional.size()), INT_MAX,
                            n.arguments, check_add, run_add, nullptr, "", RW});
        commands.push_back({name("set"), 2, INT_MAX, "NAME KEY=VALUE...",
                            check_set, run_set, nullptr, "", RW});
        if (noun != "tunnel") {
            commands.push_back({name("del"), 1, INT_MAX, "NAME...", nullptr,
                                run_del, nullptr, "", RW});
        }
    }
    commands.push_back({});
    return commands;
}

} // namespace

const ctl_command_syntax *
edit_commands()
{
    static std::deque<std::string> names;
    static const std::vector<ctl_command_syntax> COMMANDS =
        make_commands(&names);
    return COMMANDS.data();
}

} // namespace pm::ctl
