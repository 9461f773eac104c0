/* What the customer defines: resources, filters and tunnels. */
#include <algorithm>
#include <limits>
#include <set>

#include "plugin/lifecycle.h"
#include "plugin/parse.h"

namespace pm {

namespace {

using nlohmann::json;

constexpr int64_t RATE_KBPS_MAX = 4294967295;

/* The whole number under the range's key.  What no T holds is a problem at
 * once, what is merely outside of the range the checks'. */
template <typename T>
std::optional<T>
integer_of(Fields *fields, const NumberRange &range)
{
    auto value = fields->integer(range.key);
    if (!value) {
        return std::nullopt;
    }
    auto held = static_cast<T>(*value);
    std::string text = fields->integer_text(range.key);
    if (text != std::to_string(held)) {
        fields->problem(range.code, range.key, range.refuse(text));
        return std::nullopt;
    }
    return held;
}

/* ------------------------------------------------------------------------
 * Resources. */

const char *
kind_of_target(ResourceType type)
{
    switch (type) {
    case ResourceType::NetworkInterface:
        return KIND<Nic>.key;
    case ResourceType::LoadBalancer:
        return KIND<LoadBalancer>.key;
    case ResourceType::Collector:
        return KIND<Collector>.key;
    }
    return "";
}

void
check_resource_is_same(const Scope &scope, const Resource &existing,
                       Resource *value)
{
    auto check_field = [&](bool same, const char *key) {
        if (!same) {
            scope.fields->problem("IMMUTABLE", key,
                                  std::string("the ") + key +
                                      " of a resource cannot be changed: "
                                      "add another resource");
        }
    };
    check_field(existing.purpose == value->purpose, "purpose");
    check_field(existing.type == value->type, "type");
    auto named =
        id_of(*scope.edit, kind_of_target(value->type), value->target);
    bool same_row = existing.target_id && named == existing.target_id;
    if (value->type == ResourceType::NetworkInterface) {
        /* A NIC that came back may have another name, as may one whose name
         * this very document changes: it is the one of its iface_id.  Of one
         * that has gone again nobody can say what it was called. */
        const Nic *nic =
            named ? find(scope.edit->model.nics, *named) : nullptr;
        bool seen = nic && may_see(scope.edit->model, *scope.context,
                                   KIND<Nic>.key, *named);
        same_row |= nic && !nic->iface_id.empty() &&
                    nic->iface_id == existing.iface_id;
        same_row |= !existing.target_id && !seen;
    }
    check_field(existing.target == value->target || same_row, "target");
    value->purpose = existing.purpose;
    value->type = existing.type;
    value->target = existing.target;
    value->target_id = existing.target_id;
    value->iface_id = existing.iface_id;
}

/* ------------------------------------------------------------------------
 * Filters. */

std::optional<Cidr>
parse_rule_cidr(Fields *fields, const char *key)
{
    return fields->cidr(key, "RULE_CIDR");
}

std::optional<PortRange>
parse_rule_port(Fields *fields, const char *key)
{
    auto text = fields->text_or_integer(key);
    if (!text) {
        return std::nullopt;
    }
    auto range = PortRange::parse(*text);
    if (!range) {
        fields->problem("RULE_PORT", key,
                        quote(*text) + " is no port or range of ports: give "
                                       "N or N-M with 0 <= N <= M <= 65535");
    }
    return range;
}

/* Reads the protocol.  One that cannot be read is taken to be whatever the
 * rule's other fields need, so that they are not faulted for it. */
void
parse_rule_protocol(Fields *fields, Rule *rule)
{
    if (!fields->has("protocol")) {
        return;
    }
    auto text = fields->text_or_integer("protocol");
    if (text && protocol_parse(*text, &rule->protocol)) {
        return;
    }
    if (text) {
        fields->problem("RULE_PROTOCOL", "protocol",
                        quote(*text) +
                            " is no protocol: give any, tcp, udp, icmp, "
                            "icmpv6, sctp or a number in 0-255");
    }
    const auto &cidr = rule->source ? rule->source : rule->destination;
    bool icmp = rule->icmp_type || rule->icmp_code;
    bool v6 = cidr && cidr->address.is_v6;
    protocol_parse(!icmp ? "tcp" : v6 ? "icmpv6" : "icmp", &rule->protocol);
}

/* 'index' tells rules apart whose number cannot be read. */
Rule
parse_rule(const json &element, const std::string &path, int index,
           Problems *problems)
{
    Fields fields(element, path, problems);
    Rule rule;
    fields.require("number");
    rule.number = integer_of<int>(&fields, RULE_NUMBERS).value_or(-1 - index);
    fields.require("action");
    rule.action = fields.choice<RuleAction>(
        "action",
        {{"accept", RuleAction::Accept}, {"reject", RuleAction::Reject}},
        RuleAction::Reject, "RULE_ACTION");
    rule.source = parse_rule_cidr(&fields, "source");
    rule.destination = parse_rule_cidr(&fields, "destination");
    rule.source_port = parse_rule_port(&fields, "source_port");
    rule.destination_port = parse_rule_port(&fields, "destination_port");
    rule.icmp_type = integer_of<int>(&fields, ICMP_TYPES);
    rule.icmp_code = integer_of<int>(&fields, ICMP_CODES);
    rule.note = fields.text("note", "");
    parse_rule_protocol(&fields, &rule);
    fields.done();
    return rule;
}

/* Reads one direction's rules and checks them here, where the paths still
 * are those of the document and not of the sorted list. */
std::vector<Rule>
parse_rules(const Scope &scope, Direction direction)
{
    const json *array = scope.fields->array(to_string(direction));
    std::vector<Rule> rules;
    const std::string path = scope.fields->at(to_string(direction));
    Problems faults;
    for (size_t i = 0; array && i < array->size(); i++) {
        rules.push_back(parse_rule((*array)[i],
                                   path + "[" + std::to_string(i) + "]",
                                   static_cast<int>(i), &faults));
    }
    /* A tenant may send any number of them. */
    std::set<std::string> faulty;
    for (const Problem &fault : faults) {
        faulty.insert(fault.path);
    }
    auto is_known = [&](const Problem &problem) {
        for (size_t end = problem.path.size(); end != std::string::npos;
             end = end ? problem.path.rfind('.', end - 1)
                       : std::string::npos) {
            if (faulty.contains(problem.path.substr(0, end))) {
                return true;
            }
        }
        return false;
    };
    Problems checked;
    check_rules(rules, scope.context->limits, path, &checked);
    std::erase_if(checked, is_known);
    faults.insert(faults.end(), checked.begin(), checked.end());
    scope.problems()->insert(scope.problems()->end(), faults.begin(),
                             faults.end());
    std::stable_sort(
        rules.begin(), rules.end(),
        [](const Rule &a, const Rule &b) { return a.number < b.number; });
    return rules;
}

/* ------------------------------------------------------------------------
 * Tunnels. */

/* A reference to an object of the tunnel's own account. */
template <typename T>
Uuid
refer_to_own(const Scope &scope, const Tunnel &tunnel, const char *key)
{
    auto text = scope.fields->word(key);
    if (!text) {
        return Uuid{};
    }
    auto [account, name] = split_name(*text, tunnel.account);
    if (account != tunnel.account) {
        scope.fields->problem("NOT_OWNER", key,
                              std::string("the ") + key +
                                  " must be of the tunnel's own account " +
                                  quote(tunnel.account) + ": name one");
        return Uuid{};
    }
    auto id = id_of(*scope.edit, KIND<T>.key, account + "/" + name);
    if (!id) {
        scope.problems()->push_back(missing_or_unreadable(
            *scope.edit, *scope.context, KIND<T>.key, account + "/" + name,
            {"NOT_FOUND", scope.fields->at(key),
             "account " + quote(account) + " has no " + KIND<T>.word + " " +
                 quote(name) + ": add it or name another"}));
    }
    return id.value_or(Uuid{});
}

/* Whether the tunnel's filter is one that cannot be read, and the text under
 * "filter" means it, by its name or as to_json() says it.  The tunnel keeps it
 * then, so that it can still be disabled: without one it would mirror every
 * frame. */
bool
keeps_unreadable_filter(const Scope &scope, const Tunnel &existing)
{
    auto row = existing.filter ? scope.edit->unreadable.find(*existing.filter)
                               : scope.edit->unreadable.end();
    if (row == scope.edit->unreadable.end()) {
        return false;
    }
    std::string text = scope.fields->text("filter", "");
    auto [account, name] = split_name(text, existing.account);
    return text == existing.filter->to_string() ||
           account + "/" + name == row->second.full_name();
}

/* The destination, which may be another account's.  Of what is another's
 * only destinations can be named; anything else is as good as not there. */
Uuid
refer_to_destination(const Scope &scope, const Tunnel &tunnel)
{
    Fields *fields = scope.fields;
    std::string text = fields->required_word("destination");
    auto given_account = fields->account("destination_account");
    if (text.empty()) {
        return Uuid{};
    }
    auto [account, name] =
        split_name(text, given_account.value_or(tunnel.account));
    if (given_account && *given_account != account) {
        fields->problem("MISMATCH", "destination_account",
                        "the destination names account " + quote(account) +
                            ": leave this key out or say the same");
    }
    const Model &model = scope.edit->model;
    auto id = id_of(*scope.edit, KIND<Resource>.key, account + "/" + name);
    bool hidden = id && account != scope.context->own_account() &&
                  !scope.context->is_operator() &&
                  find(model.resources, *id)->purpose != Purpose::Destination;
    if (!id || hidden) {
        scope.problems()->push_back(missing_or_unreadable(
            *scope.edit, *scope.context, KIND<Resource>.key,
            account + "/" + name,
            {"NOT_FOUND", fields->at("destination"),
             "account " + quote(account) + " has no destination " +
                 quote(name) +
                 ": name one that it has, as ACCOUNT/NAME if it is another "
                 "account's"}));
        return Uuid{};
    }
    return *id;
}

/* What the guide's form asks for and this system derives: given, it must be
 * what is derived. */
void
verify_derived(const Scope &scope, const Tunnel &tunnel)
{
    auto verify_vpc = [&](const char *key, const Uuid &resource) {
        auto given = scope.fields->word(key);
        if (!given || scope.edit->book.unsound.contains(resource)) {
            return;
        }
        End end = resolve_end(scope.edit->model, resource);
        if (end.resource && (!end.vpc || end.vpc->name != *given)) {
            scope.fields->problem("MISMATCH", key,
                                  "the resource is not in VPC " +
                                      quote(*given) +
                                      ": mend this key or leave it out");
        }
    };
    verify_vpc("source_vpc", tunnel.source);
    verify_vpc("destination_vpc", tunnel.destination);

    bool given = scope.fields->has("destination_type");
    auto type = scope.fields->choice<std::optional<ResourceType>>(
        "destination_type",
        {{"network-interface", ResourceType::NetworkInterface},
         {"load-balancer", ResourceType::LoadBalancer},
         {"collector", ResourceType::Collector}},
        std::nullopt);
    const Resource *destination =
        find(scope.edit->model.resources, tunnel.destination);
    if (given && type && destination && destination->type != *type &&
        !scope.edit->book.unsound.contains(tunnel.destination)) {
        scope.fields->problem("MISMATCH", "destination_type",
                              "the destination is of another type: mend "
                              "this key or leave it out");
    }
}

void
check_tunnel_is_same(const Scope &scope, const Tunnel &existing, Tunnel *value)
{
    if (!value->source.is_zero() && value->source != existing.source) {
        scope.fields->problem("IMMUTABLE", "source",
                              "the source of a tunnel cannot be changed: add "
                              "another tunnel");
    }
    value->source = existing.source;
    if (value->destination.is_zero() ||
        value->destination == existing.destination) {
        value->destination = existing.destination;
        return;
    }
    auto is_own = [&](const Uuid &id) {
        const Resource *resource = find(scope.edit->model.resources, id);
        return !resource || resource->account == existing.account;
    };
    if (!is_own(existing.destination) || !is_own(value->destination)) {
        scope.fields->problem("DESTINATION_IMMUTABLE", "destination",
                              "the destination of a tunnel between accounts "
                              "cannot be changed: delete the tunnel and add "
                              "another");
        value->destination = existing.destination;
    }
}

} // namespace

void
parse(const Scope &scope, const Resource *existing, Resource *value)
{
    Fields *fields = scope.fields;
    size_t before = scope.problems()->size();
    fields->require("purpose");
    value->purpose = fields->choice<Purpose>(
        "purpose",
        {{"source", Purpose::Source}, {"destination", Purpose::Destination}},
        existing ? existing->purpose : Purpose::Destination);
    fields->require("type");
    size_t before_type = scope.problems()->size();
    value->type = fields->choice<ResourceType>(
        "type",
        {{"network-interface", ResourceType::NetworkInterface},
         {"load-balancer", ResourceType::LoadBalancer},
         {"collector", ResourceType::Collector}},
        existing ? existing->type : ResourceType::NetworkInterface);
    bool type_known =
        fields->has("type") && scope.problems()->size() == before_type;
    value->target = fields->required_word("target");
    value->note = fields->text("note", "");
    if (existing) {
        if (scope.problems()->size() == before) {
            check_resource_is_same(scope, *existing, value);
        }
        return;
    }
    if (!type_known || value->target.empty()) {
        return;
    }
    const char *kind = kind_of_target(value->type);
    value->target_id = id_of(*scope.edit, kind, value->target);
    if (!scope.context->is_operator() &&
        !(value->target_id && may_see(scope.edit->model, *scope.context, kind,
                                      *value->target_id))) {
        /* The same words for what is another account's and what is not there:
         * names in the inventory are global, and what there is is not a
         * customer's to find out. */
        fields->problem("NOT_OWNER", "target",
                        "the target " + quote(value->target) +
                            " is not of account " + quote(value->account) +
                            ": name a target of that account");
        return;
    }
    if (!value->target_id) {
        scope.problems()->push_back(missing_or_unreadable(
            *scope.edit, *scope.context, kind, value->target,
            {"NOT_FOUND", fields->at("target"),
             "there is no target " + quote(value->target) +
                 " of that type: add it or name another"}));
        return;
    }
    if (value->type == ResourceType::NetworkInterface) {
        value->iface_id =
            find(scope.edit->model.nics, *value->target_id)->iface_id;
    }
}

void
parse(const Scope &scope, const Filter *, Filter *value)
{
    value->note = scope.fields->text("note", "");
    value->mirror_non_ip = scope.fields->choice<bool>(
        "non_ip", {{"drop", false}, {"mirror", true}}, false);
    value->inbound = parse_rules(scope, Direction::Inbound);
    value->outbound = parse_rules(scope, Direction::Outbound);
}

void
parse(const Scope &scope, const Tunnel *existing, Tunnel *value)
{
    Fields *fields = scope.fields;
    fields->require("source");
    value->source = refer_to_own<Resource>(scope, *value, "source");
    value->destination = refer_to_destination(scope, *value);
    if (existing && keeps_unreadable_filter(scope, *existing)) {
        value->filter = existing->filter;
    } else if (fields->has("filter")) {
        value->filter = refer_to_own<Filter>(scope, *value, "filter");
    }
    verify_derived(scope, *value);
    if (existing) {
        check_tunnel_is_same(scope, *existing, value);
    }

    value->vni = existing ? existing->vni : 0;
    if (auto vni = integer_of<int64_t>(fields, VNIS)) {
        value->vni = *vni;
    }
    value->packet_length = integer_of<int>(fields, PACKET_LENGTHS);
    value->rate_kbps = fields->integer_in("rate_kbps", 1, RATE_KBPS_MAX);
    value->mode = fields->choice<Mode>(
        "mode", {{"mirror", Mode::Mirror}, {"count", Mode::Count}},
        Mode::Mirror);
    value->delivery =
        fields->choice<Delivery>("delivery",
                                 {{"auto", Delivery::Auto},
                                  {"underlay", Delivery::Underlay},
                                  {"vpc", Delivery::Vpc}},
                                 Delivery::Auto);
    value->note = fields->text("note", "");
    value->enabled = fields->boolean("enabled").value_or(true);
    if (existing) {
        value->accepted = existing->accepted;
    }
    auto accepted = fields->boolean("accepted");
    if (accepted == false && existing && existing->accepted &&
        is_accepted(scope.edit->model, *existing)) {
        fields->problem("IMMUTABLE", "accepted",
                        "the tunnel is accepted, which is not taken back: "
                        "leave the key out, or delete the tunnel");
    }
    if (accepted.value_or(false) &&
        !(existing && is_accepted(scope.edit->model, *existing))) {
        if (scope.context->is_operator()) {
            value->accepted = Acceptance{scope.context->own_account(),
                                         scope.context->now_ms, 0};
        } else {
            fields->problem("NOT_ACCEPTOR", "accepted",
                            "only the operator may write this key: the other "
                            "account accepts by tunnel-accept");
        }
    }
}

} // namespace pm
