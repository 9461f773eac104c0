/* Taking objects out of an edit. */
#include <algorithm>

#include "plugin/edit.h"
#include "plugin/lifecycle.h"
#include "plugin/parse.h"

namespace pm {

namespace {

/* What stands in the way of a removal: "subnet \"sn-a\"" ... */
using Users = std::vector<std::string>;

template <typename T, typename F>
void
add_users(const Model &model, F uses, Users *users)
{
    for (const auto &[id, object] : model.*KIND<T>.table) {
        if (uses(object)) {
            users->push_back(std::string(KIND<T>.word) + " " +
                             quote(object.name));
        }
    }
}

/* Most kinds are referred to weakly or not at all. */
template <typename T>
Users
users_of(const Edit &, const Uuid &, const T &)
{
    return {};
}

Users
users_of(const Edit &edit, const Uuid &id, const Vpc &)
{
    Users users;
    add_users<Peering>(
        edit.model,
        [&](const Peering &p) { return p.from == id || p.to == id; }, &users);
    add_users<TransitConnect>(
        edit.model,
        [&](const TransitConnect &c) {
            return c.vpc == id || c.transit_vpc == id;
        },
        &users);
    add_users<Subnet>(
        edit.model, [&](const Subnet &s) { return s.vpc == id; }, &users);
    add_users<LoadBalancer>(
        edit.model, [&](const LoadBalancer &l) { return l.vpc == id; },
        &users);
    return users;
}

Users
users_of(const Edit &edit, const Uuid &id, const Subnet &)
{
    Users users;
    add_users<Nic>(
        edit.model, [&](const Nic &n) { return n.subnet == id; }, &users);
    add_users<LoadBalancer>(
        edit.model, [&](const LoadBalancer &l) { return l.subnet == id; },
        &users);
    return users;
}

/* Whether the very document that is being pruned says that there is such an
 * object: then none may go to which it refers weakly, either. */
bool
is_said(const Edit &edit, const Uuid &id)
{
    return edit.book.in_document && edit.book.named.contains(id);
}

/* Whether what the document being pruned says of the object is in part not
 * known: what that refers to, it may have meant something else. */
bool
is_misread(const Edit &edit, const Uuid &id)
{
    return edit.book.in_document && edit.book.unsound.contains(id);
}

/* What the target may go from under, but not where that is said. */
void
add_resources(const Edit &edit, const Uuid &target, Users *users)
{
    for (const auto &[id, resource] : edit.model.resources) {
        if (resource.target_id == target && is_said(edit, id)) {
            users->push_back("resource " + quote(full_name(resource)));
        }
    }
}

Users
users_of(const Edit &edit, const Uuid &id, const LoadBalancer &)
{
    Users users;
    add_resources(edit, id, &users);
    return users;
}

Users
users_of(const Edit &edit, const Uuid &id, const Collector &)
{
    Users users;
    add_resources(edit, id, &users);
    return users;
}

/* Whether another NIC has its iface_id: then that is the one that is meant. */
bool
has_heir(const Model &model, const Uuid &id, const Nic &nic)
{
    return std::any_of(
        model.nics.begin(), model.nics.end(), [&](const auto &other) {
            return other.first != id && other.second.iface_id == nic.iface_id;
        });
}

Users
users_of(const Edit &edit, const Uuid &id, const Nic &nic)
{
    Users users;
    if (!has_heir(edit.model, id, nic)) {
        add_resources(edit, id, &users);
    }
    for (const auto &[lb_id, lb] : edit.model.load_balancers) {
        bool member = std::any_of(
            lb.members.begin(), lb.members.end(),
            [&](const LoadBalancerMember &m) { return m.nic == id; });
        if (member && is_said(edit, lb_id)) {
            users.push_back("load balancer " + quote(lb.name));
        }
    }
    return users;
}

/* Whether the tunnel is a request of another account that still waits: it
 * cannot pin the destination, and is rejected when that goes. */
bool
is_waiting_request(const Model &model, const Tunnel &tunnel,
                   const Uuid &destination)
{
    return tunnel.destination == destination && !is_accepted(model, tunnel);
}

void
add_tunnel(const std::string &account, const Tunnel &tunnel, Users *users)
{
    users->push_back("tunnel " + quote(name_seen_from(account, tunnel.account,
                                                      tunnel.name)));
}

Users
users_of(const Edit &edit, const Uuid &id, const Resource &resource)
{
    Users users;
    for (const auto &[tunnel_id, tunnel] : edit.model.tunnels) {
        bool uses = tunnel.source == id || tunnel.destination == id;
        if (uses && !is_misread(edit, tunnel_id) &&
            (!is_waiting_request(edit.model, tunnel, id) ||
             is_said(edit, tunnel_id))) {
            add_tunnel(resource.account, tunnel, &users);
        }
    }
    return users;
}

Users
users_of(const Edit &edit, const Uuid &id, const Filter &filter)
{
    Users users;
    for (const auto &[tunnel_id, tunnel] : edit.model.tunnels) {
        if (tunnel.filter == id && !is_misread(edit, tunnel_id)) {
            add_tunnel(filter.account, tunnel, &users);
        }
    }
    return users;
}

/* ------------------------------------------------------------------------
 * What goes with an object: weak references to it are cleared. */

template <typename T>
void
release(Edit *, const EditContext &, const Uuid &, const T &)
{
}

void
orphan_resources(Edit *edit, const Uuid &target)
{
    for (auto &[id, resource] : edit->model.resources) {
        if (resource.target_id == target) {
            resource.target_id.reset();
            edit->book.changed.insert(id);
        }
    }
}

void
release(Edit *edit, const EditContext &, const Uuid &id, const Nic &)
{
    orphan_resources(edit, id);
    for (auto &[lb_id, lb] : edit->model.load_balancers) {
        for (LoadBalancerMember &member : lb.members) {
            if (member.nic == id) {
                member.nic.reset();
                edit->book.changed.insert(lb_id);
            }
        }
    }
}

void
release(Edit *edit, const EditContext &, const Uuid &id, const LoadBalancer &)
{
    orphan_resources(edit, id);
}

void
release(Edit *edit, const EditContext &, const Uuid &id, const Collector &)
{
    orphan_resources(edit, id);
}

void
release(Edit *edit, const EditContext &context, const Uuid &id,
        const Resource &)
{
    std::vector<Uuid> waiting;
    for (const auto &[tunnel_id, tunnel] : edit->model.tunnels) {
        if (is_waiting_request(edit->model, tunnel, id)) {
            waiting.push_back(tunnel_id);
        }
    }
    for (const Uuid &tunnel_id : waiting) {
        remove_tunnel(edit, context, tunnel_id, "rejected",
                      "the destination was deleted");
    }
}

/* Clears what refers to the object and records that it is deleted; returns
 * false if something uses it still. */
template <typename T>
bool
let_go(Edit *edit, const EditContext &context, const Uuid &id, const T &object,
       const std::string &path)
{
    Users users = users_of(*edit, id, object);
    if (!users.empty() && !edit->book.finishing) {
        edit->book.put_off.push_back({KIND<T>.key, full_name(object), path, id,
                                      edit->book.in_document});
        return false;
    }
    if (!users.empty()) {
        edit->problems.push_back({"IN_USE", path,
                                  "the " + std::string(KIND<T>.word) + " " +
                                      quote(object.name) + " is in use by " +
                                      list_some(users) +
                                      ": delete or change that first"});
        return false;
    }
    release(edit, context, id, object);
    if constexpr (CustomerKind<T>) {
        record_event(edit, context, object, "deleted", "");
    }
    return true;
}

/* Of a row that cannot be read no more is known than its name. */
template <typename T>
void
remove_unreadable(Edit *edit, const EditContext &context, const Uuid &id,
                  const std::string &path)
{
    const UnreadableRow row = edit->unreadable.at(id);
    T object;
    object.name = row.name;
    if constexpr (CustomerKind<T>) {
        object.account = row.account;
    }
    if (let_go(edit, context, id, object, path)) {
        edit->book.changed.insert(id);
        edit->erased.emplace(id, row);
        edit->unreadable.erase(id);
    }
}

template <typename T>
void
remove_object(Edit *edit, const EditContext &context, const Uuid &id,
              const std::string &path)
{
    const T object = *find(edit->model.*KIND<T>.table, id);
    if constexpr (std::same_as<T, Tunnel>) {
        bool requester =
            context.is_operator() || object.account == context.own_account();
        /* What this very edit accepts waited all the same. */
        const Tunnel *before = find(edit->book.before.tunnels, id);
        if (!requester && before && !is_accepted(edit->book.before, *before)) {
            edit->problems.push_back(
                {"ACCEPT_OR_REJECT_ONLY", path,
                 "the request waits for you: accept or reject it"});
            return;
        }
        remove_tunnel(edit, context, id, "deleted", "");
    } else if (let_go(edit, context, id, object, path)) {
        remove_row<T>(edit, id);
    }
}

template <typename T>
void
erase_object(Edit *edit, const EditContext &context, const std::string &name,
             const std::string &path)
{
    if constexpr (!CustomerKind<T>) {
        if (!context.is_operator()) {
            edit->problems.push_back(
                {"NOT_OWNER", path,
                 "the inventory is the operator's to delete: give no "
                 "account to act as the operator"});
            return;
        }
    }
    auto id = id_of(*edit, KIND<T>.key,
                    full_name_of<T>(name, context.own_account()));
    if (id && may_see(edit->model, context, KIND<T>.key, *id)) {
        remove_object<T>(edit, context, *id, path);
        return;
    }
    if (auto broken = look_up_unreadable(*edit, context, KIND<T>.key, name)) {
        remove_unreadable<T>(edit, context, *broken, path);
        return;
    }
    if constexpr (std::same_as<T, Tunnel>) {
        std::set<Uuid> leaving = shutting_down(*edit, context, name);
        if (!leaving.empty()) {
            edit->touched_tunnels.insert(edit->touched_tunnels.end(),
                                         leaving.begin(), leaving.end());
            return;
        }
    }
    edit->problems.push_back({"NOT_FOUND", path,
                              "there is no " + std::string(KIND<T>.word) +
                                  " " + quote(name) +
                                  ": mend its name, or its account as "
                                  "ACCOUNT/NAME"});
}

} // namespace

std::string
list_some(const std::vector<std::string> &all)
{
    constexpr size_t SHOWN_MAX = 10;
    std::string text;
    for (size_t i = 0; i < all.size() && i < SHOWN_MAX; i++) {
        text += (i ? ", " : "") + all[i];
    }
    if (all.size() > SHOWN_MAX) {
        text += " and " + std::to_string(all.size() - SHOWN_MAX) + " more";
    }
    return text;
}

void
remove_tunnel(Edit *edit, const EditContext &context, const Uuid &id,
              const std::string &event, const std::string &message)
{
    record_event(edit, context, edit->model.tunnels.at(id), event, message);
    remove_row<Tunnel>(edit, id);
}

void
erase(Edit *edit, const EditContext &context, const std::string &kind,
      const std::string &name, const std::string &path)
{
    begin(edit);
    bool known = with_kind(kind, [&](const auto &k) {
        using T = typename std::remove_cvref_t<decltype(k)>::Type;
        erase_object<T>(edit, context, name, path);
    });
    if (!known) {
        edit->problems.push_back(
            {"UNKNOWN_KEY", path,
             quote(kind) + " is no kind of object: mend its spelling"});
    }
}

void
erase_what_is_free(Edit *edit, const EditContext &context,
                   const std::string &kind, const std::string &full_name)
{
    auto &put_off = edit->book.put_off;
    auto e = std::find_if(put_off.begin(), put_off.end(), [&](const auto &o) {
        return o.kind == kind && o.name == full_name &&
               id_of(*edit, kind.c_str(), full_name) == o.id;
    });
    if (e != put_off.end()) {
        const EditBook::Erase again = *e;
        put_off.erase(e);
        erase(edit, context, again.kind, again.name, again.path);
    }
}

void
erase_what_was_put_off(Edit *edit, const EditContext &context)
{
    edit->book.finishing = true;
    /* Users before what they use. */
    const std::vector<std::string> &kinds = document_kinds();
    for (auto kind = kinds.rbegin(); kind != kinds.rend(); ++kind) {
        for (const EditBook::Erase &e : edit->book.put_off) {
            bool there = id_of(*edit, e.kind.c_str(), e.name) == e.id ||
                         edit->unreadable.contains(e.id);
            if (e.kind == *kind && there) {
                edit->book.in_document = e.in_document;
                erase(edit, context, e.kind, e.name, e.path);
            }
        }
    }
    edit->book.in_document = false;
}

} // namespace pm
