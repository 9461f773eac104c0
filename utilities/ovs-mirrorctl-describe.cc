/* ovs-mirrorctl: what it says of an edit. */
#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

namespace {

using ordered_json = nlohmann::ordered_json;

std::string
value_text(const ordered_json &value)
{
    return value.is_null() ? "none" : value.dump();
}

/* "KEY VALUE, ..." of what a new object says besides its 'full_name'. */
std::string
describe_new(const ordered_json &object, const std::string &full_name)
{
    bool names_account = full_name != object.value("name", "");
    std::string text;
    for (const auto &[key, value] : object.items()) {
        bool is_said = key == "name" || (key == "account" && names_account);
        /* Who admits nobody says so; of whom it is not known has no key. */
        bool is_default =
            cell_text(value).empty() && key != "permits_vxlan_from";
        if (!is_said && !is_default) {
            text += (text.empty() ? "" : ", ") + key + " " + value.dump();
        }
    }
    return text;
}

/* "KEY OLD -> NEW, ..." of what differs. */
std::string
describe_change(const ordered_json &before, const ordered_json &after)
{
    std::set<std::string> keys;
    for (const ordered_json &object : {before, after}) {
        for (const auto &[key, value] : object.items()) {
            keys.insert(key);
        }
    }
    std::string text;
    for (const std::string &key : keys) {
        ordered_json old_value = before.value(key, ordered_json());
        ordered_json new_value = after.value(key, ordered_json());
        if (old_value != new_value) {
            text += (text.empty() ? "" : ", ") + key + " " +
                    value_text(old_value) + " -> " + value_text(new_value);
        }
    }
    return text;
}

/* The object with what a resource keeps of its target, which may change
 * though nothing of the document does. */
ordered_json
with_target(const Model &model, const Uuid &id, ordered_json object)
{
    if (const Resource *resource = find(model.resources, id)) {
        object["orphaned"] = !resource->target_id.has_value();
        object["iface_id"] = resource->iface_id;
    }
    return object;
}

template <typename T>
void
describe_table(const Model &before, const Model &after,
               const EditContext &context, const std::string &kind,
               const TableDelta<T> &delta, std::vector<std::string> *lines)
{
    for (const auto &[id, value] : delta) {
        if (!may_see(before, context, kind, id) &&
            !may_see(after, context, kind, id)) {
            continue;
        }
        ordered_json old_object = to_json(before, kind, id);
        ordered_json new_object = to_json(after, kind, id);
        const ordered_json &any = value ? new_object : old_object;
        std::string account = any.value("account", "");
        std::string name = any.value("name", "");
        if constexpr (requires(T t) { t.created_ms; }) {
            name.insert(0, account + "/");
        }
        std::string what = old_object.is_null()   ? "create"
                           : new_object.is_null() ? "delete"
                                                  : "change";
        std::string how =
            old_object.is_null() ? describe_new(new_object, name)
            : new_object.is_null()
                ? ""
                : describe_change(with_target(before, id, old_object),
                                  with_target(after, id, new_object));
        what.append(" ").append(kind).append(" ").append(name);
        if (!how.empty()) {
            what.append(": ").append(how);
        }
        lines->push_back(what);
    }
}

bool
is_of(const TunnelStatus &status, const std::string &account)
{
    return status.account == account || status.destination_account == account;
}

} // namespace

std::vector<std::string>
describe(const Model &before, const Model &after, const EditContext &context)
{
    ModelDelta delta = diff(before, after);
    std::vector<std::string> lines;
    auto describe_kind = [&](const std::string &kind, const auto &table) {
        describe_table(before, after, context, kind, table, &lines);
    };
    describe_kind("vpcs", delta.vpcs);
    describe_kind("peerings", delta.peerings);
    describe_kind("transit_connects", delta.connects);
    describe_kind("subnets", delta.subnets);
    describe_kind("network_interfaces", delta.nics);
    describe_kind("load_balancers", delta.load_balancers);
    describe_kind("collectors", delta.collectors);
    describe_kind("mirror_resources", delta.resources);
    describe_kind("mirror_filters", delta.filters);
    describe_kind("mirror_tunnels", delta.tunnels);
    for (const auto &[id, value] : delta.tunnel_statuses) {
        const TunnelStatus *status = find(before.tunnel_statuses, id);
        if (!context.is_operator() &&
            !(status && is_of(*status, context.own_account()))) {
            continue;
        }
        lines.push_back("delete the status of tunnel " +
                        (status ? status->account + "/" + status->name +
                                      " on hypervisor " + status->chassis
                                : id.to_string()));
    }
    return lines;
}

std::string
words_of(const ctl_command &command)
{
    std::string text = "past the checks:";
    std::map<std::string, const void *> options;
    shash_node *node;
    SHASH_FOR_EACH(node, &command.options)
    {
        options[node->name] = node->data;
    }
    for (const auto &[name, value] : options) {
        text.append(" ").append(name);
        if (value) {
            text.append("=").append(static_cast<const char *>(value));
        }
    }
    for (int i = 0; i < command.argc; i++) {
        text.append(" ").append(command.argv[i]);
    }
    return text;
}

bool
is_judged_among_others(const Model &before, const ModelDelta &delta)
{
    auto is_new_tunnel = [&](const auto &change) {
        const auto &[id, tunnel] = change;
        const Tunnel *old = find(before.tunnels, id);
        return tunnel && (!old || old->destination != tunnel->destination ||
                          old->filter != tunnel->filter);
    };
    auto is_new_resource = [&](const auto &change) {
        return change.second && !find(before.resources, change.first);
    };
    return std::any_of(delta.tunnels.begin(), delta.tunnels.end(),
                       is_new_tunnel) ||
           std::any_of(delta.resources.begin(), delta.resources.end(),
                       is_new_resource);
}

void
say_more(Attempt *a, const ModelDelta &delta)
{
    for (const std::string &name : a->vni_left_out) {
        auto id = look_up(a->edit.model, a->context, "mirror_tunnels", name);
        const auto &chosen = a->edit.book.vni_wanted;
        const Tunnel *t = id ? find(a->edit.model.tunnels, *id) : nullptr;
        if (t &&
            std::find(chosen.begin(), chosen.end(), *id) != chosen.end()) {
            a->notices.push_back(name + ": vni " + std::to_string(t->vni) +
                                 " was chosen");
        }
    }
    for (const auto &[id, tunnel] : delta.tunnels) {
        if (tunnel && !find(a->before.tunnels, id) &&
            !is_accepted(a->edit.model, *tunnel)) {
            a->notices.push_back(a->say(tunnel->account, tunnel->name) +
                                 ": waits for account " +
                                 destination_account(a->edit.model, *tunnel) +
                                 " to accept it (\"tunnel-accept " +
                                 tunnel->account + "/" + tunnel->name + "\")");
        }
    }
    for (const auto &[id, row] : a->edit.unreadable) {
        if (may_see(a->context, row) && !a->edit.book.changed.contains(id)) {
            std::string path =
                row.kind.empty()
                    ? ""
                    : path_of(row.kind, row.full_name()) + row.part + ": ";
            a->warnings.push_back("warning: UNREADABLE: " + path +
                                  reason_of(a->context, row));
        }
    }
    const Problems &warnings = a->edit.warnings;
    for (const Problem &p :
         std::set<Problem>(warnings.begin(), warnings.end())) {
        a->warnings.push_back("warning: " + p.code + ": " + p.path + ": " +
                              p.message);
    }
}

} // namespace pm::ctl
