#include "ovsdb/control_db.h"

#include "ovsdb/control_db_impl.h"
#include "ovsdb/control_rows.h"
#include "ovsdb/probe_rows.h"

VLOG_DEFINE_THIS_MODULE(control_db);

namespace pm {

namespace {

template <typename Value>
std::set<Uuid>
ids_of(const Table<Value> &table)
{
    std::set<Uuid> ids;
    for (const auto &[id, value] : table) {
        ids.insert(id);
    }
    return ids;
}

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

ControlDb::ControlDb() : impl_(std::make_unique<Impl>()) {}

ControlDb::~ControlDb()
{
    impl_->close();
}

void
ControlDb::set_local_nics(const std::set<std::string> &nics)
{
    if (nics != impl_->inputs.local_nics) {
        impl_->inputs.local_nics = nics;
        impl_->inputs_changed = true;
    }
}

/* ------------------------------------------------------------------------
 * Reading. */

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
}

/* What 'seen' has of a row changes: conditions may follow from it. */
void
ControlDb::Impl::note(const Uuid &id, const Tunnel *before,
                      const Tunnel *after)
{
    references.take(id, before, after);
}

void
ControlDb::Impl::note(const Uuid &id, const TunnelStatus *before,
                      const TunnelStatus *after)
{
    references.take(id, before, after, inputs.chassis);
}

template <typename Value>
void
ControlDb::Impl::note(const Uuid &, const Value *before, const Value *after)
{
    if constexpr (std::is_same_v<Value, FilterStatus>) {
        inputs_changed |= !before || !after || before->filter != after->filter;
    } else {
        inputs_changed |= !std::is_same_v<Value, Chassis>;
    }
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
            if (const Value *was = find(seen.*rows, id)) {
                note(id, was, static_cast<const Value *>(nullptr));
                (seen.*rows).erase(id);
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
            const Value *was = find(seen.*rows, id);
            if (!was || !(*was == *value) || (gone.*delta).count(id)) {
                note(id, was, &*value);
                (seen.*rows)[id] = *value;
                (fresh.*delta)[id] = *value;
                (gone.*delta).erase(id);
            }
        } else if (!why.empty()) {
            /* There, but not to be read: what it was no longer holds. */
            set_broken(id, Problem{code_of(why), "", why});
            if (const Value *was = find(seen.*rows, id)) {
                note(id, was, static_cast<const Value *>(nullptr));
                (seen.*rows).erase(id);
            }
            (fresh.*delta)[id] = std::nullopt;
            (gone.*delta).erase(id);
        } else {
            /* A child is on its way: until then it stays as it was. */
            waiting_for_children.insert(id);
        }
    }
}

std::set<Uuid>
ControlDb::Impl::changed_parents(
    const struct ovsdb_idl_table_class *table,
    const std::map<Uuid, std::set<Uuid>> &children_of)
{
    std::set<Uuid> children, parents;
    for (const struct ovsdb_idl_row *row =
             ovsdb_idl_track_get_first(idl, table);
         row; row = ovsdb_idl_track_get_next(row)) {
        children.insert(to_uuid(row->uuid));
    }
    if (children.empty()) {
        return parents;
    }
    for (const auto &[parent, ids] : children_of) {
        for (const Uuid &id : ids) {
            if (children.count(id)) {
                parents.insert(parent);
                break;
            }
        }
    }
    return parents;
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
            seen.MEMBER.count(to_uuid(row->uuid))) {                          \
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
    inputs.rules.clear();
    inputs.members.clear();
    inputs_changed = true;
    for (const auto &[id, problem] : seen.broken) {
        fresh.broken[id] = std::nullopt;
    }
    seen.broken.clear();
}

void
ControlDb::Impl::collect()
{
    bool again = sent_again();
    if (again) {
        forget_children();
    }
    /* Which children each parent has, present or not. */
    const struct pmrec_mirror_filter *filter;
    PMREC_MIRROR_FILTER_FOR_EACH_TRACKED(filter, idl)
    {
        Uuid id = to_uuid(filter->header_.uuid);
        inputs_changed = true;
        if (pmrec_mirror_filter_is_deleted(filter)) {
            inputs.rules.erase(id);
        } else {
            inputs.rules[id] = raw_references(filter->header_,
                                              pmrec_mirror_filter_col_inbound);
            inputs.rules[id].merge(raw_references(
                filter->header_, pmrec_mirror_filter_col_outbound));
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
            inputs.members[id] =
                raw_references(lb->header_, pmrec_load_balancer_col_members);
        }
    }
    std::map<const struct ovsdb_idl_table_class *, std::set<Uuid>> parents;
    parents[&pmrec_table_mirror_filter] =
        changed_parents(&pmrec_table_mirror_rule, inputs.rules);
    parents[&pmrec_table_load_balancer] =
        changed_parents(&pmrec_table_load_balancer_member, inputs.members);

#define COLLECT(RECORD, MEMBER)                                               \
    {                                                                         \
        std::set<Uuid> also = again ? ids_of(seen.MEMBER) : std::set<Uuid>{}; \
        also.merge(parents[&pmrec_table_##RECORD]);                           \
        collect_table(&pmrec_table_##RECORD, pmrec_##RECORD##_get_for_uuid,   \
                      &Model::MEMBER, &ModelDelta::MEMBER, also);             \
    }
    FOR_EACH_TABLE(COLLECT)
#undef COLLECT
    ovsdb_idl_track_clear(idl);
}

void
ControlDb::run()
{
    Impl &i = *impl_;
    if (!i.idl) {
        return;
    }
    unsigned int seqno_before = ovsdb_idl_get_seqno(i.idl);
    ovsdb_idl_run(i.idl);
    i.turn.run();
    i.commit();
    i.end_turn();
    i.come_back();
    bool connected = ovsdb_idl_is_connected(i.idl);
    if (connected && !i.was_connected) {
        i.asked_seqno = ask_again(i.idl, i.asked);
        /* The answer may have come in the same moment. */
        i.connected_seqno = seqno_before;
        i.known = false;
    }
    i.was_connected = connected;
    unsigned int seqno = ovsdb_idl_get_seqno(i.idl);
    bool changed = seqno != i.idl_seqno;
    if (changed) {
        i.idl_seqno = seqno;
        i.collect();
    }
    /* Whether the server has them all is known with its schema. */
    i.inputs_changed |= changed && !i.asked.count(&pmrec_table_probe);
    if (i.references.take_changed() || i.inputs_changed) {
        i.inputs_changed = false;
        i.asked_seqno = ask_conditions(
            i.idl, desire_conditions(i.seen, i.inputs, &i.references),
            &i.asked, i.asked_seqno);
    }
    /* Of conditions that are what they were nothing is to be acknowledged on
     * a new connection: it is its first answer that is waited for. */
    i.complete = ovsdb_idl_has_ever_connected(i.idl) &&
                 seqno != i.connected_seqno &&
                 ovsdb_idl_get_condition_seqno(i.idl) == i.asked_seqno;
    if (connected && i.complete && !i.known) {
        i.known = true;
        i.calm_ms = Comeback::calm_ms(i.tried_ms, time_msec());
        i.comeback.stood();
    }
}

void
ControlDb::wait()
{
    if (impl_->idl) {
        ovsdb_idl_wait(impl_->idl);
        impl_->turn.wait();
        impl_->wait_to_connect();
        if (impl_->txn) {
            ovsdb_idl_txn_wait(impl_->txn);
        } else if (busy()) {
            poll_timer_wait_until(impl_->resume_ms);
        }
    }
}

bool
ControlDb::connected() const
{
    return impl_->idl && ovsdb_idl_is_connected(impl_->idl);
}

bool
ControlDb::keeps_handles() const
{
    return impl_->idl &&
           pmrec_server_has_tunnel_status_table_col_handles(impl_->idl);
}

bool
ControlDb::complete() const
{
    return impl_->complete;
}

int64_t
ControlDb::cfg() const
{
    const struct pmrec_mirror_global *global =
        impl_->idl ? pmrec_mirror_global_first(impl_->idl) : nullptr;
    return global ? global->cfg : 0;
}

std::map<Uuid, Probe>
ControlDb::probes() const
{
    std::map<Uuid, Probe> probes;
    const struct pmrec_probe *row;
    if (impl_->idl) {
        PMREC_PROBE_FOR_EACH(row, impl_->idl)
        {
            probes[to_uuid(row->header_.uuid)] = read(row);
        }
    }
    return probes;
}

std::map<Uuid, ProbeReport>
ControlDb::reports() const
{
    std::map<Uuid, ProbeReport> reports;
    const struct pmrec_probe_report *row;
    if (impl_->idl) {
        PMREC_PROBE_REPORT_FOR_EACH(row, impl_->idl)
        {
            ProbeReport report = read(row);
            if (report.chassis == impl_->inputs.chassis) {
                reports[report.probe] = report;
            }
        }
    }
    return reports;
}

ModelDelta
ControlDb::take_changes()
{
    Impl &i = *impl_;
    ModelDelta delta;
    if (!i.complete && !i.waiting_for_children.empty()) {
        /* What came in one transaction takes effect in one step. */
        return delta;
    }
    std::swap(delta, i.fresh);
    if (i.complete || !i.idl) {
        for_each_table(delta, i.gone, [](auto &to, auto &from) {
            to.merge(from);
            from.clear();
        });
    }
    i.links.complete(&delta);
    return delta;
}

} // namespace pm
