#include "ovsdb/control_db.h"

#include <algorithm>

#include "ovsdb/control_db_impl.h"
#include "ovsdb/control_rows.h"
#include "ovsdb/probe_rows.h"

namespace pm {

namespace {

/* How long rules that nobody here needs any more are asked for at most. */
constexpr long long SPARE_RULES_MS = 30000;

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

/* The server looks at all rows of a table of which somebody asks for others,
 * a microsecond each, and nobody is answered meanwhile: of rules there may be
 * a hundred thousand.  So it is not asked for less of these at once, as it
 * would be whenever a tunnel stops that has a filter of its own. */
void
ControlDb::Impl::keep_spare_rules(Conditions *wanted)
{
    const std::set<Clause> &had = asked[&pmrec_table_mirror_rule];
    std::set<Clause> &wants = (*wanted)[&pmrec_table_mirror_rule];
    bool less =
        had.size() > wants.size() &&
        std::includes(had.begin(), had.end(), wants.begin(), wants.end());
    if (!less) {
        spare_rules_ms = LLONG_MAX;
        return;
    }
    if (spare_rules_ms == LLONG_MAX) {
        spare_rules_ms = time_msec() + SPARE_RULES_MS;
    }
    /* What is asked without a connection waits for its answer until there is
     * one. */
    if (time_msec() < spare_rules_ms || !ovsdb_idl_is_connected(idl)) {
        wants = had;
    } else {
        spare_rules_ms = LLONG_MAX;
    }
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
    i.reading.run();
    i.see_ended();
    i.end_turn();
    i.come_back();
    bool connected = ovsdb_idl_is_connected(i.idl);
    if (!can_ask(i.idl, i.asked, i.inputs)) {
        i.begin_again();
        return;
    }
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
    /* What the server can be asked for is known with its schema.  Asked sooner
     * than with the first answer the IDL (3.1.0) would send it whenever
     * something else wakes us. */
    if (changed && !i.inputs.rules_name_filters) {
        i.inputs.rules_name_filters =
            pmrec_server_has_mirror_rule_table_col_filter(i.idl);
        i.inputs_changed |= i.inputs.rules_name_filters;
    }
    i.inputs_changed |= changed && !i.asked.count(&pmrec_table_probe);
    if (i.references.take_changed() || i.inputs_changed ||
        (connected && time_msec() >= i.spare_rules_ms)) {
        i.inputs_changed = false;
        Conditions wanted = desire_conditions(i.seen, i.inputs, &i.references);
        i.keep_spare_rules(&wanted);
        i.asked_seqno = ask_conditions(i.idl, wanted, &i.asked, i.asked_seqno);
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
        i.reading.want(false);
        i.reading.forgive();
    }
}

void
ControlDb::wait()
{
    if (!impl_->ended.empty()) {
        poll_immediate_wake();
    }
    if (impl_->idl) {
        ovsdb_idl_wait(impl_->idl);
        impl_->turn.wait();
        impl_->reading.wait();
        impl_->wait_to_connect();
        if (connected()) {
            poll_timer_wait_until(impl_->spare_rules_ms);
        }
        for (const auto &[number, transaction] : impl_->sent) {
            ovsdb_idl_txn_wait(transaction);
        }
        if (!impl_->backoff.is_over(time_msec())) {
            poll_timer_wait_until(impl_->backoff.ends_ms());
        }
    }
}

bool
ControlDb::connected() const
{
    return impl_->idl && ovsdb_idl_is_connected(impl_->idl);
}

bool
ControlDb::serves() const
{
    return connected() && impl_->known;
}

bool
ControlDb::connecting() const
{
    return impl_->idl && !connected() &&
           (!impl_->last_attempt || impl_->stage == Impl::Stage::Trying);
}

void
ControlDb::leave()
{
    impl_->leaving = true;
    impl_->queue_ms = 0;
    poll_immediate_wake();
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
