#include "ovsdb/control_db.h"

#include <algorithm>

#include "ovsdb/control_db_impl.h"
#include "ovsdb/control_rows.h"
#include "ovsdb/probe_rows.h"

namespace pm {

ControlDb::ControlDb() : impl_(std::make_unique<Impl>()) {}

ControlDb::~ControlDb()
{
    impl_->close();
}

void
ControlDb::Impl::open()
{
    idl = ovsdb_idl_create_unconnected(&pmrec_idl_class, false);
    /* Followers and relays do: what we write waits for the commit anyway. */
    ovsdb_idl_set_leader_only(idl, false);
    static const struct ovsdb_idl_table_class *const tables[] = {
        &pmrec_table_mirror_global, &pmrec_table_vpc,
        &pmrec_table_vpc_peering,   &pmrec_table_transit_vpc_connect,
        &pmrec_table_subnet,        &pmrec_table_network_interface,
        &pmrec_table_load_balancer, &pmrec_table_load_balancer_member,
        &pmrec_table_collector,     &pmrec_table_mirror_resource,
        &pmrec_table_mirror_filter, &pmrec_table_mirror_rule,
        &pmrec_table_mirror_tunnel, &pmrec_table_chassis,
        &pmrec_table_tunnel_status, &pmrec_table_filter_status,
        &pmrec_table_probe,         &pmrec_table_probe_report,
    };
    /* What nobody here reads, of rows of which there are thousands. */
    static const struct ovsdb_idl_column *const unread[] = {
        &pmrec_mirror_tunnel_col_accepted_at,
        &pmrec_mirror_tunnel_col_external_ids,
        &pmrec_mirror_tunnel_col_updated,
    };
    Conditions nothing;
    for (const struct ovsdb_idl_table_class *table : tables) {
        ovsdb_idl_add_table(idl, table);
        bool global = table == &pmrec_table_mirror_global;
        for (size_t i = 0; i < table->n_columns; i++) {
            const struct ovsdb_idl_column *column = &table->columns[i];
            if (global ? column == &pmrec_mirror_global_col_cfg
                       : std::find(std::begin(unread), std::end(unread),
                                   column) == std::end(unread)) {
                /* Not ovsdb_idl_track_add_all(), by which we would be told of
                 * all other tables too, with each event of each console. */
                ovsdb_idl_track_add_column(idl, column);
            }
        }
        if (!global) {
            nothing[table] = {};
        }
    }
    /* No row until a condition asks for it. */
    was_connected = false;
    asked.clear();
    asked_seqno = ask_conditions(idl, nothing, &asked, 0);
    idl_seqno = ovsdb_idl_get_seqno(idl);
    ovsdb_idl_set_remote(idl, remote.c_str(), true);
}

void
ControlDb::Impl::close()
{
    for (const auto &[number, transaction] : sent) {
        ovsdb_idl_txn_destroy(transaction);
        ended.insert(number);
    }
    sent.clear();
    if (idl) {
        ovsdb_idl_destroy(idl);
        idl = nullptr;
    }
}

void
ControlDb::configure(const std::string &remote, const std::string &chassis)
{
    Impl &i = *impl_;
    if (remote == i.remote && chassis == i.inputs.chassis) {
        return;
    }
    if (chassis == i.inputs.chassis && i.idl && !remote.empty()) {
        /* Another way to the same database. */
        i.remote = remote;
        ovsdb_idl_set_remote(i.idl, remote.c_str(), true);
        return;
    }
    i.close();
    i.refused.clear();
    i.pause_ms = i.resume_ms = 0;
    i.remote = remote;
    i.inputs.chassis = chassis;
    i.complete = false;
    i.forget_seen();
    if (!remote.empty() && !chassis.empty()) {
        i.open();
    }
}

void
ControlDb::set_local_nics(const std::set<std::string> &nics)
{
    if (nics != impl_->inputs.local_nics) {
        impl_->inputs.local_nics = nics;
        impl_->inputs_changed = true;
    }
}

void
ControlDb::run()
{
    Impl &i = *impl_;
    if (!i.idl) {
        return;
    }
    ovsdb_idl_run(i.idl);
    i.see_ended();
    bool connected = ovsdb_idl_is_connected(i.idl);
    if (connected && !i.was_connected) {
        i.asked_seqno = ask_again(i.idl, i.asked);
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
    i.complete = ovsdb_idl_has_ever_connected(i.idl) &&
                 ovsdb_idl_get_condition_seqno(i.idl) == i.asked_seqno;
}

void
ControlDb::wait()
{
    if (impl_->idl) {
        ovsdb_idl_wait(impl_->idl);
        for (const auto &[number, transaction] : impl_->sent) {
            ovsdb_idl_txn_wait(transaction);
        }
        if (time_msec() < impl_->resume_ms) {
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
