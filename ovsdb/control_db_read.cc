/* ControlDb, the reading half: what the IDL holds, as values. */
#include <algorithm>

#include "ovsdb/control_db_impl.h"
#include "ovsdb/control_rows.h"
#include "plugin/value_of.h"

VLOG_DEFINE_THIS_MODULE(control_db);

namespace pm {

namespace {

std::set<Uuid>
raw_references(const struct ovsdb_idl_row &row,
               const struct ovsdb_idl_column &column)
{
    std::set<Uuid> ids;
    const struct ovsdb_datum *datum = ovsdb_idl_read(&row, &column);
    for (unsigned int i = 0; i < datum->n; i++) {
        ids.insert(to_uuid(datum->keys[i].uuid));
    }
    return ids;
}

/* The code for a row that cannot be read, from the sentence that says so:
 * which of a rule's checks it would have failed. */
std::string
code_of(const std::string &sentence)
{
    static const struct {
        const char *column, *code;
    } codes[] = {{"_port", "RULE_PORT"},
                 {"protocol", "RULE_PROTOCOL"},
                 {"source", "RULE_CIDR"},
                 {"destination", "RULE_CIDR"}};
    if (sentence.find("Mirror_Rule") != std::string::npos) {
        for (const auto &c : codes) {
            if (sentence.find(c.column) != std::string::npos) {
                return c.code;
            }
        }
    }
    return "SYNTAX";
}

} // namespace

void
ControlDb::Impl::set_broken(const Uuid &id, std::optional<Problem> problem)
{
    const Problem *was = find(seen.broken, id);
    if (was ? problem && *problem == *was : !problem) {
        return;
    }
    if (problem) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 10);
        VLOG_WARN_RL(&rl, "%s: %s", problem->code.c_str(),
                     problem->message.c_str());
        seen.broken[id] = *problem;
    } else {
        seen.broken.erase(id);
    }
    fresh.broken[id] = problem;
    gone.broken.erase(id);
}

std::set<Uuid>
ControlDb::Impl::seen_rows(const Table<Tunnel> Model::*) const
{
    return references.tunnels();
}

std::set<Uuid>
ControlDb::Impl::seen_rows(const Table<TunnelStatus> Model::*) const
{
    return references.statuses();
}

template <typename Value>
std::set<Uuid>
ControlDb::Impl::seen_rows(const Table<Value> Model::*rows) const
{
    std::set<Uuid> ids;
    for (const auto &[id, value] : seen.*rows) {
        ids.insert(id);
    }
    return ids;
}

bool
ControlDb::Impl::has_seen(const Table<Tunnel> Model::*, const Uuid &id) const
{
    return references.has_tunnel(id);
}

bool
ControlDb::Impl::has_seen(const Table<TunnelStatus> Model::*,
                          const Uuid &id) const
{
    return references.has_status(id);
}

template <typename Value>
bool
ControlDb::Impl::has_seen(const Table<Value> Model::*rows,
                          const Uuid &id) const
{
    return (seen.*rows).count(id) > 0;
}

/* What is seen of a row is 'now', or null if it is not there: conditions may
 * follow from it.  Returns false if it is known to have been the same. */
bool
ControlDb::Impl::see(Table<Tunnel> Model::*, const Uuid &id, const Tunnel *now)
{
    references.take(id, now);
    return true;
}

bool
ControlDb::Impl::see(Table<TunnelStatus> Model::*, const Uuid &id,
                     const TunnelStatus *now)
{
    references.take(id, now, inputs.chassis);
    return true;
}

template <typename Value>
bool
ControlDb::Impl::see(Table<Value> Model::*rows, const Uuid &id,
                     const Value *now)
{
    const Value *was = find(seen.*rows, id);
    if (was ? now && *was == *now : !now) {
        return false;
    }
    if constexpr (std::is_same_v<Value, FilterStatus>) {
        inputs_changed |= !was || !now || was->filter != now->filter;
    } else {
        /* A filter's rules are seen to by see_rules(). */
        inputs_changed |=
            !std::is_same_v<Value, Chassis> && !std::is_same_v<Value, Filter>;
    }
    if (now) {
        (seen.*rows)[id] = *now;
    } else {
        (seen.*rows).erase(id);
    }
    return true;
}

template <typename Row, typename Value>
void
ControlDb::Impl::collect_table(const struct ovsdb_idl_table_class *table,
                               const Row *(*get)(const struct ovsdb_idl *,
                                                 const struct uuid *),
                               Table<Value> Model::*rows,
                               TableDelta<Value> ModelDelta::*delta,
                               const std::set<Uuid> &also)
{
    std::set<Uuid> changed = also;
    for (const struct ovsdb_idl_row *row =
             ovsdb_idl_track_get_first(idl, table);
         row; row = ovsdb_idl_track_get_next(row)) {
        changed.insert(to_uuid(row->uuid));
    }
    for (const Uuid &id : changed) {
        struct uuid uuid = to_ovs_uuid(id);
        const Row *row = get(idl, &uuid);
        waiting_for_children.erase(id);
        /* The IDL also finds orphans: rows that others refer to, whose
         * content is not here. */
        if (!row || !row->header_.new_datum) {
            if (has_seen(rows, id)) {
                see(rows, id, static_cast<const Value *>(nullptr));
                (fresh.*delta).erase(id);
                (gone.*delta)[id] = std::nullopt;
            }
            set_broken(id, std::nullopt);
            continue;
        }
        std::string why;
        std::optional<Value> value = read(row, &why);
        if (value) {
            set_broken(id, std::nullopt);
            if (see(rows, id, &*value) || (gone.*delta).count(id)) {
                (fresh.*delta)[id] = *std::move(value);
                (gone.*delta).erase(id);
            }
        } else if (!why.empty()) {
            /* There, but not to be read: what it was no longer holds. */
            set_broken(id, Problem{code_of(why), "", why});
            see(rows, id, static_cast<const Value *>(nullptr));
            (fresh.*delta)[id] = std::nullopt;
            (gone.*delta).erase(id);
        } else {
            /* A child is on its way: until then it stays as it was. */
            waiting_for_children.insert(id);
        }
    }
}

std::set<Uuid>
ControlDb::Impl::changed_parents(const struct ovsdb_idl_table_class *table,
                                 const Children &children) const
{
    std::set<Uuid> found;
    for (const struct ovsdb_idl_row *row =
             ovsdb_idl_track_get_first(idl, table);
         row; row = ovsdb_idl_track_get_next(row)) {
        for (const Uuid &parent : children.parents_of(to_uuid(row->uuid))) {
            found.insert(parent);
        }
    }
    return found;
}

/* Tables whose rows are values of Model, and Model's member for them. */
#define FOR_EACH_TABLE(DO)                                                    \
    DO(vpc, vpcs)                                                             \
    DO(vpc_peering, peerings)                                                 \
    DO(transit_vpc_connect, connects)                                         \
    DO(subnet, subnets)                                                       \
    DO(network_interface, nics)                                               \
    DO(load_balancer, load_balancers)                                         \
    DO(collector, collectors)                                                 \
    DO(mirror_resource, resources)                                            \
    DO(mirror_filter, filters)                                                \
    DO(mirror_tunnel, tunnels)                                                \
    DO(tunnel_status, tunnel_statuses)                                        \
    DO(filter_status, filter_statuses)                                        \
    DO(chassis, chassis)

/* Whether the server has sent all rows anew, as it does after most losses of
 * the connection.  The IDL then drops what it had and does not track that as
 * deletions; rows that are still there come as new ones though we know them,
 * and in a database that was emptied our own Chassis row is missing. */
bool
ControlDb::Impl::sent_again() const
{
    for (const auto &[id, chassis] : seen.chassis) {
        struct uuid uuid = to_ovs_uuid(id);
        const struct pmrec_chassis *row =
            pmrec_chassis_get_for_uuid(idl, &uuid);
        if (chassis.name == inputs.chassis &&
            (!row || !row->header_.new_datum)) {
            return true;
        }
    }
#define KNOWN_AND_NEW(RECORD, MEMBER)                                         \
    for (const struct ovsdb_idl_row *row =                                    \
             ovsdb_idl_track_get_first(idl, &pmrec_table_##RECORD);           \
         row; row = ovsdb_idl_track_get_next(row)) {                          \
        if (ovsdb_idl_row_get_seqno(row, OVSDB_IDL_CHANGE_INSERT) > 0 &&      \
            has_seen(&Model::MEMBER, to_uuid(row->uuid))) {                   \
            return true;                                                      \
        }                                                                     \
    }
    FOR_EACH_TABLE(KNOWN_AND_NEW)
#undef KNOWN_AND_NEW
    return false;
}

/* Before everything is read again: what rows consist of, and which of them
 * cannot be read. */
void
ControlDb::Impl::forget_children()
{
    rules.clear();
    inputs.rules.clear();
    inputs.members.clear();
    inputs_changed = true;
    for (const auto &[id, problem] : seen.broken) {
        fresh.broken[id] = std::nullopt;
    }
    seen.broken.clear();
}

/* All that was seen is gone. */
void
ControlDb::Impl::forget_seen()
{
    /* Beside what went before and does not count yet. */
    ModelDelta all = diff(seen, Model{});
    for_each_table(gone, all, [](auto &to, auto &from) { to.merge(from); });
    for (const Uuid &id : references.tunnels()) {
        gone.tunnels[id] = std::nullopt;
    }
    for (const Uuid &id : references.statuses()) {
        gone.tunnel_statuses[id] = std::nullopt;
    }
    seen = Model{};
    references = References{};
    rules.clear();
    inputs.rules.clear();
    inputs.members.clear();
    waiting_for_children.clear();
    fresh = ModelDelta{};
}

/* Which rules of 'filter' the condition that asks for all of them at once has
 * not brought with it: they name no filter, as those that an earlier version
 * wrote, or another one. */
void
ControlDb::Impl::see_rules(const Uuid &filter)
{
    FlatSet<Uuid> others;
    for (const Uuid &id : rules.of(filter)) {
        struct uuid uuid = to_ovs_uuid(id);
        const struct pmrec_mirror_rule *row =
            pmrec_mirror_rule_get_for_uuid(idl, &uuid);
        if (!row || !row->header_.new_datum ||
            !raw_references(row->header_, pmrec_mirror_rule_col_filter)
                 .count(filter)) {
            others.insert(id);
        }
    }
    const FlatSet<Uuid> *had = value_of(inputs.rules, filter);
    if (had ? *had == others : others.empty()) {
        return;
    }
    inputs_changed = true;
    if (others.empty()) {
        inputs.rules.erase(filter);
    } else {
        inputs.rules[filter] = std::move(others);
    }
}

/* Which children each parent has, present or not.  Returns, by table, parents
 * whose children changed: to be read again. */
std::map<const struct ovsdb_idl_table_class *, std::set<Uuid>>
ControlDb::Impl::collect_children()
{
    std::set<Uuid> filters;
    const struct pmrec_mirror_filter *filter;
    PMREC_MIRROR_FILTER_FOR_EACH_TRACKED(filter, idl)
    {
        Uuid id = to_uuid(filter->header_.uuid);
        filters.insert(id);
        if (pmrec_mirror_filter_is_deleted(filter)) {
            rules.erase(id);
        } else {
            std::set<Uuid> ids = raw_references(
                filter->header_, pmrec_mirror_filter_col_inbound);
            ids.merge(raw_references(filter->header_,
                                     pmrec_mirror_filter_col_outbound));
            rules.set(id, ids);
        }
    }
    const struct pmrec_load_balancer *lb;
    PMREC_LOAD_BALANCER_FOR_EACH_TRACKED(lb, idl)
    {
        Uuid id = to_uuid(lb->header_.uuid);
        inputs_changed = true;
        if (pmrec_load_balancer_is_deleted(lb)) {
            inputs.members.erase(id);
        } else {
            inputs.members.set(
                id,
                raw_references(lb->header_, pmrec_load_balancer_col_members));
        }
    }
    std::map<const struct ovsdb_idl_table_class *, std::set<Uuid>> parents;
    parents[&pmrec_table_mirror_filter] =
        changed_parents(&pmrec_table_mirror_rule, rules);
    parents[&pmrec_table_load_balancer] =
        changed_parents(&pmrec_table_load_balancer_member, inputs.members);
    filters.insert(parents[&pmrec_table_mirror_filter].begin(),
                   parents[&pmrec_table_mirror_filter].end());
    for (const Uuid &id : filters) {
        see_rules(id);
    }
    return parents;
}

/* Of the tables of which the IDL keeps columns only (keep_columns_only()). */
void
ControlDb::Impl::share_datums()
{
    for (const struct ovsdb_idl_table_class *table :
         {&pmrec_table_mirror_tunnel, &pmrec_table_tunnel_status,
          &pmrec_table_mirror_rule}) {
        ovs_assert(table->allocation_size == sizeof(struct ovsdb_idl_row));
        for (const struct ovsdb_idl_row *row =
                 ovsdb_idl_track_get_first(idl, table);
             row; row = ovsdb_idl_track_get_next(row)) {
            datums.share(row);
        }
        datums.release();
    }
}

void
ControlDb::Impl::collect()
{
    bool again = sent_again();
    if (again) {
        forget_children();
    }
    auto parents = collect_children();
    share_datums();

#define COLLECT(RECORD, MEMBER)                                               \
    {                                                                         \
        std::set<Uuid> also;                                                  \
        if (again) {                                                          \
            also = seen_rows(&Model::MEMBER);                                 \
        }                                                                     \
        also.merge(parents[&pmrec_table_##RECORD]);                           \
        collect_table(&pmrec_table_##RECORD, pmrec_##RECORD##_get_for_uuid,   \
                      &Model::MEMBER, &ModelDelta::MEMBER, also);             \
    }
    FOR_EACH_TABLE(COLLECT)
#undef COLLECT
    ovsdb_idl_track_clear(idl);
}

} // namespace pm
