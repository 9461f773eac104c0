/* Whole documents. */
#include "plugin/document.h"

#include <algorithm>

#include "plugin/edit.h"
#include "plugin/json_fields.h"
#include "plugin/kinds.h"

namespace pm {

namespace {

using nlohmann::json;

/* Of whose object nobody knows: a row that would say so names no account, or
 * cannot be read.  No account has this name. */
constexpr const char *NOBODY = "/";

/* The account an object belongs to; empty for what is anyone's. */
std::string
owner_of(const Model &, const auto &object) requires requires
{
    object.account.size();
}
{
    return object.account.empty() ? NOBODY : object.account;
}

/* Of what need not be anybody's; a row that names "" does not say so. */
std::string
owner_named(const std::optional<std::string> &account)
{
    return !account ? "" : account->empty() ? NOBODY : *account;
}

std::string
owner_of_vpc(const Model &model, const Uuid &id)
{
    const Vpc *vpc = find(model.vpcs, id);
    return vpc ? owner_of(model, *vpc) : NOBODY;
}

std::string
owner_of(const Model &model, const Peering &peering)
{
    return owner_of_vpc(model, peering.from);
}

std::string
owner_of(const Model &model, const TransitConnect &connect)
{
    return owner_of_vpc(model, connect.vpc);
}

std::string
owner_of(const Model &model, const Subnet &subnet)
{
    return owner_of_vpc(model, subnet.vpc);
}

std::string
owner_of(const Model &model, const Nic &nic)
{
    if (!nic.subnet) {
        return owner_named(nic.account);
    }
    const Subnet *subnet = find(model.subnets, *nic.subnet);
    return subnet ? owner_of(model, *subnet) : NOBODY;
}

std::string
owner_of(const Model &model, const LoadBalancer &lb)
{
    return owner_of_vpc(model, lb.vpc);
}

std::string
owner_of(const Model &, const Collector &collector)
{
    return owner_named(collector.account);
}

bool
may_see_object(const Model &model, const std::string &account,
               const auto &object)
{
    std::string owner = owner_of(model, object);
    return owner.empty() || owner == account;
}

bool
may_see_object(const Model &model, const std::string &account,
               const Peering &peering)
{
    return owner_of_vpc(model, peering.from) == account ||
           owner_of_vpc(model, peering.to) == account;
}

bool
may_see_object(const Model &model, const std::string &account,
               const TransitConnect &connect)
{
    return owner_of_vpc(model, connect.vpc) == account ||
           owner_of_vpc(model, connect.transit_vpc) == account;
}

bool
may_see_object(const Model &model, const std::string &account,
               const Tunnel &tunnel)
{
    return tunnel.account == account || peer_account(model, tunnel) == account;
}

/* Erases, of the kinds that the document has, what it does not list in the
 * accounts that it names: those of its objects, and "no account" when it has
 * an object of none.  A document without objects means the caller's own. */
void
prune(Edit *edit, const EditContext &context, const json &document)
{
    std::set<std::string> accounts;
    for_each_kind([&](const auto &kind) {
        for (const auto &[id, object] : edit->model.*kind.table) {
            if (edit->book.listed.contains(id)) {
                accounts.insert(owner_of(edit->model, object));
            }
        }
    });
    if (edit->book.listed.empty()) {
        accounts.insert(context.own_account());
        accounts.insert("");
    }
    accounts.erase(NOBODY);

    /* Users before what they use. */
    std::vector<std::string> kinds = document_kinds();
    for (auto key = kinds.rbegin(); key != kinds.rend(); ++key) {
        if (!document.contains(*key)) {
            continue;
        }
        with_kind(*key, [&](const auto &kind) {
            std::vector<std::string> names;
            for (const auto &[id, object] : edit->model.*kind.table) {
                if (!edit->book.listed.contains(id) &&
                    accounts.contains(owner_of(edit->model, object)) &&
                    (context.is_operator() ||
                     owner_of(edit->model, object) == context.own_account())) {
                    names.push_back(full_name(object));
                }
            }
            for (const std::string &name : names) {
                erase(edit, context, kind.key, name,
                      std::string(kind.key) + "[" + path_key(name) + "]");
            }
        });
    }
}

} // namespace

const std::vector<std::string> &
document_kinds()
{
    static const std::vector<std::string> kinds = [] {
        std::vector<std::string> keys;
        for_each_kind([&](const auto &kind) { keys.push_back(kind.key); });
        return keys;
    }();
    return kinds;
}

void
apply_document(Edit *edit, const EditContext &context, const std::string &text,
               bool pruning)
{
    begin(edit);
    auto document = parse_json(text, &edit->problems);
    if (!document) {
        return;
    }
    if (!document->is_object()) {
        edit->problems.push_back({"TYPE", "document",
                                  "the document must be a JSON object with "
                                  "kinds as its keys"});
        return;
    }
    edit->book.in_document = true;
    edit->book.listed.clear();
    edit->book.all_named = true;
    Problems of_kinds;
    Fields fields(*document, "", &of_kinds);
    for (const std::string &kind : document_kinds()) {
        const json *objects = fields.array(kind);
        for (size_t i = 0; objects && i < objects->size(); i++) {
            put(edit, context, kind, (*objects)[i],
                kind + "[" + std::to_string(i) + "]", PutMode::Either);
        }
    }
    fields.done();
    /* An object whose name cannot be read would be taken away, and what is
     * then missing be reported; so would those of a kind that is misspelled.
     * With all known the document is pruned, whatever else is wrong with it:
     * what goes is not to be in the way of what comes. */
    if (pruning && of_kinds.empty() && edit->book.all_named) {
        prune(edit, context, *document);
    }
    edit->problems.insert(edit->problems.end(), of_kinds.begin(),
                          of_kinds.end());
    edit->book.in_document = false;
}

std::optional<Uuid>
look_up(const Model &model, const EditContext &context,
        const std::string &kind, const std::string &name)
{
    std::optional<Uuid> found;
    with_kind(kind, [&](const auto &k) {
        using T = typename std::remove_cvref_t<decltype(k)>::Type;
        const std::string wanted =
            full_name_of<T>(name, context.own_account());
        for (const auto &[id, object] : model.*k.table) {
            if (full_name(object) == wanted &&
                may_see(model, context, kind, id)) {
                found = id;
            }
        }
    });
    return found;
}

bool
may_see(const EditContext &context, const UnreadableRow &row)
{
    return context.is_operator() ||
           (!row.account.empty() && row.account == context.own_account());
}

std::optional<Uuid>
look_up_unreadable(const Edit &edit, const EditContext &context,
                   const std::string &kind, const std::string &name)
{
    std::optional<Uuid> found;
    with_kind(kind, [&](const auto &k) {
        using T = typename std::remove_cvref_t<decltype(k)>::Type;
        const std::string wanted =
            full_name_of<T>(name, context.own_account());
        for (const auto &[id, row] : edit.unreadable) {
            if (row.kind == kind && row.full_name() == wanted &&
                may_see(context, row)) {
                found = id;
            }
        }
    });
    return found;
}

std::string
reason_of(const EditContext &context, const UnreadableRow &row)
{
    if (row.kind.empty()) {
        return row.error + "; remove it with \"destroy\"";
    }
    return row.error + "; delete " +
           (row.part.empty() ? "it" : "that rule with \"rule-del\"") +
           (context.is_operator() ? ", or correct it with \"set\""
                                  : ", or have the operator correct it");
}

Problem
missing_or_unreadable(const Edit &edit, const EditContext &context,
                      const std::string &kind, const std::string &name,
                      Problem missing)
{
    if (auto id = look_up_unreadable(edit, context, kind, name)) {
        const UnreadableRow &row = edit.unreadable.at(*id);
        missing.code = "UNREADABLE";
        missing.message =
            "it is there and cannot be read" +
            (row.part.empty() ? "" : ", for " + row.part.substr(1)) + ": " +
            reason_of(context, row);
    }
    return missing;
}

bool
leads_to_unreadable(const Edit &edit, const Uuid &resource_id)
{
    const Model &model = edit.model;
    std::vector<Uuid> rows = {resource_id};
    auto add_subnet = [&](const std::optional<Uuid> &id) {
        if (id) {
            rows.push_back(*id);
        }
    };
    auto add_nic = [&](const Uuid &id) {
        rows.push_back(id);
        if (const Nic *nic = find(model.nics, id)) {
            add_subnet(nic->subnet);
        }
    };
    const Resource *resource = find(model.resources, resource_id);
    if (resource && resource->target_id) {
        add_nic(*resource->target_id);
        if (const LoadBalancer *lb =
                find(model.load_balancers, *resource->target_id)) {
            add_subnet(lb->subnet);
            for (const LoadBalancerMember &member : lb->members) {
                if (member.nic) {
                    add_nic(*member.nic);
                }
            }
        }
    }
    return std::any_of(rows.begin(), rows.end(), [&](const Uuid &id) {
        return edit.unreadable.contains(id);
    });
}

bool
may_see(const Model &model, const EditContext &context,
        const std::string &kind, const Uuid &id)
{
    bool visible = false;
    with_kind(kind, [&](const auto &k) {
        auto row = (model.*k.table).find(id);
        visible = row != (model.*k.table).end() &&
                  (context.is_operator() ||
                   may_see_object(model, context.own_account(), row->second));
    });
    return visible;
}

} // namespace pm
