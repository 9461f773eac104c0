/* Putting objects into an edit. */
#include "plugin/edit.h"

#include <algorithm>
#include <cctype>
#include <limits>

#include "plugin/json_fields.h"
#include "plugin/lifecycle.h"
#include "plugin/parse.h"

namespace pm {

namespace {

using nlohmann::json;

/* Whether a fault of the object at 'path' tells others nothing wrong of it.
 * What others are held against of a tunnel are its ends and filter. */
template <typename T>
bool
is_harmless(const Problem &problem, const std::string &path)
{
    if (problem.code == "UNKNOWN_KEY" ||
        problem.path == join_path(path, "note")) {
        return true;
    }
    if constexpr (std::same_as<T, Tunnel>) {
        static const char *const told[] = {"name", "account", "source",
                                           "destination", "filter"};
        return problem.path != path &&
               std::none_of(std::begin(told), std::end(told),
                            [&](const char *key) {
                                return problem.path == join_path(path, key);
                            });
    }
    return false;
}

/* Reads what tells objects of a kind apart into '*value'.  Returns false if
 * the name cannot be read, after a problem. */
template <typename T>
bool
identify(const Scope &scope, T *value)
{
    if constexpr (CustomerKind<T>) {
        /* check_name() judges it, as it does on the hypervisor. */
        scope.fields->require("name");
        auto name = scope.fields->text("name");
        value->name = name.value_or("");
        auto account = scope.fields->account("account");
        value->account = account.value_or(scope.context->own_account());
        return name && (account || !scope.fields->has("account"));
    } else {
        if constexpr (std::same_as<T, TransitConnect>) {
            if (!scope.fields->has("name")) {
                const std::string vpc = scope.fields->text("vpc", "");
                const std::string transit =
                    scope.fields->text("transit_vpc", "");
                value->name = vpc + "-" + transit;
                if (is_word(vpc) && is_word(transit) &&
                    !is_word(value->name)) {
                    scope.fields->problem("SYNTAX", "name",
                                          "the names of its two VPCs are too "
                                          "long to make one of: give it a "
                                          "name of its own");
                }
                return scope.fields->has("vpc") &&
                       scope.fields->has("transit_vpc");
            }
        }
        value->name = scope.fields->required_word("name");
        return !value->name.empty();
    }
}

/* Whether the caller may write an object of this account.  What belongs to
 * another account is refused alike, there or not. */
template <typename T>
bool
may_write(const Scope &scope, const T &value, const T *existing, PutMode mode,
          const std::string &path)
{
    const EditContext &context = *scope.context;
    if (context.is_operator()) {
        return true;
    }
    if constexpr (!CustomerKind<T>) {
        scope.problems()->push_back(
            {"NOT_OWNER", path,
             "the inventory is the operator's to write: leave it out, or "
             "give no account to act as the operator"});
        return false;
    } else {
        if (value.account == context.own_account()) {
            return true;
        }
        bool acceptor = false;
        if constexpr (std::same_as<T, Tunnel>) {
            acceptor = existing &&
                       destination_account(scope.edit->model, *existing) ==
                           context.own_account();
        }
        if (mode == PutMode::Replace && !acceptor) {
            scope.fields->problem("NOT_FOUND", "name",
                                  "there is no such " +
                                      std::string(KIND<T>.word) +
                                      ": mend its name");
        } else {
            scope.fields->problem(
                "NOT_OWNER", "account",
                "you act for account " + quote(context.own_account()) +
                    " and can write only what is its own: name "
                    "that");
        }
        return false;
    }
}

/* Of a name that is none it is not known what was meant. */
template <typename T>
bool
has_good_name(const T &value)
{
    Problems problems;
    if constexpr (CustomerKind<T>) {
        check_name(value.name, "", &problems);
    }
    return problems.empty();
}

template <typename T>
void
check_mode(const Scope &scope, const T &value, const T *existing, PutMode mode)
{
    if (existing && mode == PutMode::Create) {
        scope.fields->problem(
            "DUPLICATE", "name",
            "there is already a " + std::string(KIND<T>.word) + " " +
                quote(value.name) + ": change that one or take another name");
    } else if (!existing && mode == PutMode::Replace) {
        scope.fields->problem("NOT_FOUND", "name",
                              "there is no " + std::string(KIND<T>.word) +
                                  " " + quote(value.name) + ": add it first");
    }
}

/* ------------------------------------------------------------------------
 * What is not the document's to say: settle() fills it in.  'before' is the
 * object as the edit found it, so that however many commands an edit has, the
 * generation grows by one, and content put back as it was has not changed. */

template <typename T>
void
settle(const EditContext &, const Edit &, const T *before, T *value)
{
    if constexpr (std::same_as<T, Nic>) {
        /* The database keeps these as sets, in an order of its own. */
        if (before) {
            Nic sorted = *before;
            std::sort(sorted.addresses.begin(), sorted.addresses.end());
            if (sorted.permits_vxlan_from) {
                std::sort(sorted.permits_vxlan_from->begin(),
                          sorted.permits_vxlan_from->end());
            }
            if (sorted == *value) {
                *value = *before;
            }
        }
    }
}

/* Past what the database can hold it stands still. */
int64_t
next_generation(int64_t generation)
{
    return generation + (generation < std::numeric_limits<int64_t>::max());
}

/* Times, and the generation where there is one. */
template <typename T>
void
settle_customers(const EditContext &context, const T *before, T *value)
{
    value->created_ms = before ? before->created_ms : context.now_ms;
    value->updated_ms = before ? before->updated_ms : context.now_ms;
    if constexpr (requires { value->generation; }) {
        value->generation = before ? before->generation : 1;
    }
    if (before && !(*before == *value)) {
        value->updated_ms = context.now_ms;
        if constexpr (requires { value->generation; }) {
            value->generation = next_generation(value->generation);
        }
    }
}

void
settle(const EditContext &context, const Edit &, const Resource *before,
       Resource *value)
{
    settle_customers(context, before, value);
}

void
settle(const EditContext &context, const Edit &, const Filter *before,
       Filter *value)
{
    settle_customers(context, before, value);
}

/* An account accepts a request by the generation that it has looked at: one
 * that is made anew under its name, with other contents, is another. */
int64_t
first_generation(const EditContext &context, const Edit &edit,
                 const Tunnel &tunnel)
{
    if (peer_account(edit.model, tunnel).empty()) {
        return 1;
    }
    int64_t last = context.last_generation
                       ? context.last_generation(tunnel.account, tunnel.name)
                       : 0;
    for (const Event &event : edit.events) {
        bool ended = event.event == "deleted" || event.event == "rejected";
        if (ended && event.kind == "tunnel" &&
            event.account == tunnel.account && event.object == tunnel.name) {
            last = std::max(last, event.generation);
        }
    }
    return next_generation(std::max<int64_t>(last, 0));
}

void
settle(const EditContext &context, const Edit &edit, const Tunnel *before,
       Tunnel *value)
{
    /* Acceptance is not content: it neither bumps the generation nor goes
     * away by being left out. */
    auto accepted = value->accepted;
    value->accepted = before ? before->accepted : std::nullopt;
    settle_customers(context, before, value);
    if (!before) {
        value->generation = first_generation(context, edit, *value);
    }
    if (accepted && accepted != value->accepted &&
        !is_accepted(edit.model, *value)) {
        value->accepted = accepted;
        value->accepted->generation = value->generation;
        value->updated_ms = context.now_ms;
    }
}

/* ------------------------------------------------------------------------ */

/* "vni, packet_length": the keys that differ. */
std::string
changed_keys(const json &before, const json &after)
{
    std::string keys;
    auto add = [&](const std::string &key) {
        keys += (keys.empty() ? "" : ", ") + key;
    };
    for (const auto &[key, value] : before.items()) {
        if (!after.contains(key) || after[key] != value) {
            add(key);
        }
    }
    for (const auto &[key, value] : after.items()) {
        if (!before.contains(key)) {
            add(key);
        }
    }
    return keys;
}

template <typename T>
void
store(const Scope &scope, const Uuid &id, const T *existing, const T &value)
{
    Edit *edit = scope.edit;
    if (existing && *existing == value) {
        return;
    }
    json before =
        existing ? to_json(edit->model, KIND<T>.key, id) : json::object();
    bool is_new = !existing;
    (edit->model.*KIND<T>.table)[id] = value;
    edit->book.changed.insert(id);
    if (is_new) {
        edit->book.created.push_back(id);
    }
    if constexpr (CustomerKind<T>) {
        std::string event = is_new ? "created" : "updated";
        std::string message =
            is_new
                ? ""
                : changed_keys(before, to_json(edit->model, KIND<T>.key, id));
        if constexpr (std::same_as<T, Tunnel>) {
            if (is_new && !is_accepted(edit->model, value)) {
                event = "requested";
            }
        }
        record_event(edit, *scope.context, value, event, message);
    }
}

template <typename T>
void
put_object(Edit *edit, const EditContext &context, const json &object,
           const std::string &path, PutMode mode)
{
    Fields fields(object, path, &edit->problems);
    if (!fields.is_object()) {
        edit->book.all_named = false;
        return;
    }
    const Scope scope{edit, &context, &fields};
    size_t problems_before = edit->problems.size();
    T value;
    bool identified = identify(scope, &value);
    std::optional<Uuid> id;
    if (identified) {
        erase_what_is_free(edit, context, KIND<T>.key, full_name(value));
        id = id_of(*edit, KIND<T>.key, full_name(value));
    }
    const T *existing = id ? find(edit->model.*KIND<T>.table, *id) : nullptr;
    if (!may_write(scope, value, existing, mode, path)) {
        edit->book.all_named = false;
        return;
    }
    edit->book.all_named &= identified && has_good_name(value);
    if (identified) {
        check_mode(scope, value, existing, mode);
    }
    if (existing && mode == PutMode::Create) {
        /* It is not the one that is there, and so not held against it. */
        id.reset();
        existing = nullptr;
        identified = false;
    }
    if (identified && !existing &&
        look_up_unreadable(*edit, context, KIND<T>.key, full_name(value))) {
        fields.problem("DUPLICATE", "name",
                       "there is a " + std::string(KIND<T>.word) + " " +
                           quote(value.name) +
                           " that cannot be read: delete it first");
    }
    if (id && edit->book.in_document && edit->book.listed.contains(*id)) {
        fields.problem("DUPLICATE", "name",
                       "the " + std::string(KIND<T>.word) + " " +
                           quote(value.name) +
                           " is also given elsewhere: remove one of the "
                           "two");
        id.reset();
        existing = nullptr;
        identified = false;
    }
    parse(scope, existing, &value);
    fields.done();

    if (!id) {
        id = context.new_uuid();
        if (identified) {
            edit->book.ids[KIND<T>.key][full_name(value)] = *id;
        }
    }
    edit->book.named[*id] = path;
    if (edit->book.in_document) {
        edit->book.listed.insert(*id);
    }
    auto first =
        edit->problems.begin() + static_cast<std::ptrdiff_t>(problems_before);
    if (!std::all_of(first, edit->problems.end(), [&](const Problem &problem) {
            return is_harmless<T>(problem, path);
        })) {
        edit->book.unsound.insert(*id);
    }
    if constexpr (std::same_as<T, Tunnel>) {
        if (!existing && !fields.has("vni")) {
            edit->book.vni_wanted.push_back(*id);
        }
    }
    settle(context, *edit, find(edit->book.before.*KIND<T>.table, *id),
           &value);
    store(scope, *id, existing, value);
}

} // namespace

std::optional<Uuid>
id_of(const Edit &edit, const char *kind, const std::string &full_name)
{
    auto names = edit.book.ids.find(kind);
    if (names == edit.book.ids.end()) {
        return std::nullopt;
    }
    auto id = names->second.find(full_name);
    return id == names->second.end() ? std::nullopt
                                     : std::optional(id->second);
}

void
begin(Edit *edit)
{
    if (edit->book.begun) {
        return;
    }
    edit->book.begun = true;
    for_each_kind([&](const auto &kind) {
        for (const auto &[id, object] : edit->model.*kind.table) {
            edit->book.ids[kind.key].emplace(full_name(object), id);
        }
    });
    /* Now, so that the caller is not blamed for what is wrong with a target of
     * others that came back by rows. */
    edit->relinked.merge(link_resources(edit));
    edit->book.before = edit->model;
    edit->book.changed = edit->relinked;
}

void
put(Edit *edit, const EditContext &context, const std::string &kind,
    const json &object, const std::string &path, PutMode mode)
{
    begin(edit);
    bool known = with_kind(kind, [&](const auto &k) {
        using T = typename std::remove_cvref_t<decltype(k)>::Type;
        put_object<T>(edit, context, object, path, mode);
    });
    if (!known) {
        edit->problems.push_back(
            {"UNKNOWN_KEY", path,
             quote(kind) + " is no kind of object: mend its spelling"});
    }
}

std::string
peer_account(const Model &model, const Tunnel &tunnel)
{
    std::string account = destination_account(model, tunnel);
    return account == tunnel.account ? "" : account;
}

namespace {

Event
new_event(const Edit &edit, const EditContext &context,
          const std::string &kind, const std::string &account,
          const std::string &object, const std::string &event,
          const std::string &message)
{
    Event record;
    /* Rows have no order but that of their times: a millisecond apart, the
     * events of one edit stay in the order of its commands. */
    record.time_ms = sum_of_counts(context.now_ms,
                                   static_cast<int64_t>(edit.events.size()));
    record.actor = context.own_account();
    record.account = account;
    record.kind = kind;
    record.object = object;
    record.event = event;
    record.message = message;
    return record;
}

} // namespace

void
record_event(Edit *edit, const EditContext &context, const Resource &resource,
             const std::string &event, const std::string &message)
{
    edit->events.push_back(new_event(*edit, context, "resource",
                                     resource.account, resource.name, event,
                                     message));
}

void
record_event(Edit *edit, const EditContext &context, const Filter &filter,
             const std::string &event, const std::string &message)
{
    edit->events.push_back(new_event(*edit, context, "filter", filter.account,
                                     filter.name, event, message));
    edit->events.back().generation = filter.generation;
}

void
record_event(Edit *edit, const EditContext &context, const Tunnel &tunnel,
             const std::string &event, const std::string &message)
{
    edit->events.push_back(new_event(*edit, context, "tunnel", tunnel.account,
                                     tunnel.name, event, message));
    edit->events.back().generation = tunnel.generation;
    edit->events.back().peer_account = peer_account(edit->model, tunnel);
}

} // namespace pm
