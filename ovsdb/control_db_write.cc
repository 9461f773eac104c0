/* ControlDb, the writing half: what a hypervisor may write, as one
 * transaction. */
#include <algorithm>

#include "ovsdb/control_db_impl.h"
#include "ovsdb/control_rows.h"
#include "ovsdb/probe_rows.h"

VLOG_DEFINE_THIS_MODULE(control_db_write);

namespace pm {

namespace {

constexpr long long FIRST_PAUSE_MS = 10, LONGEST_PAUSE_MS = 8000;

} // namespace

/* Sends the open transaction, or sees how far it has come. */
void
ControlDb::Impl::commit()
{
    if (!txn) {
        return;
    }
    enum ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(txn);
    if (status == TXN_INCOMPLETE) {
        return;
    }
    if (status == TXN_ERROR) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
        refused = ovsdb_idl_txn_get_error(txn);
        VLOG_WARN_RL(&rl, "control database refused our status: %s",
                     refused.c_str());
        /* Mostly somebody's change came between, and the next attempt knows
         * of it.  Where each is refused, a fleet must not keep the server
         * busy with that. */
        pause_ms = pause_ms ? std::min(2 * pause_ms, LONGEST_PAUSE_MS)
                            : FIRST_PAUSE_MS;
        resume_ms = time_msec() + pause_ms;
    } else if (status == TXN_SUCCESS) {
        refused.clear();
        pause_ms = 0;
    }
    ovsdb_idl_txn_destroy(txn);
    txn = nullptr;
    if (turn_rows) {
        turn.want(false);
        turn_ended_ms = time_msec();
    }
}

/* What a turn cost others is known when the server answers again: not from how
 * long the transaction took, most of which may have been ours. */
void
ControlDb::Impl::end_turn()
{
    if (turn_rows && !txn && turn.ended()) {
        pace.took(turn_rows, time_msec() - turn_ended_ms);
        turn_rows = 0;
    }
}

void
ControlDb::Impl::put(const std::optional<Uuid> &id, const TunnelStatus &status)
{
    if (id) {
        struct uuid uuid = to_ovs_uuid(*id);
        const struct pmrec_tunnel_status *row =
            pmrec_tunnel_status_get_for_uuid(idl, &uuid);
        if (row) {
            write(row, status);
        }
        return;
    }
    /* The row must not outlive its reason: the commit fails if the tunnel
     * went meanwhile. */
    struct uuid uuid = to_ovs_uuid(status.tunnel);
    const struct pmrec_mirror_tunnel *tunnel =
        pmrec_mirror_tunnel_get_for_uuid(idl, &uuid);
    if (tunnel) {
        pmrec_mirror_tunnel_verify_account(tunnel);
        write(pmrec_tunnel_status_insert(txn), status);
    }
}

void
ControlDb::Impl::put(const std::optional<Uuid> &id, const FilterStatus &status)
{
    if (!id) {
        write(pmrec_filter_status_insert(txn), status);
        return;
    }
    struct uuid uuid = to_ovs_uuid(*id);
    const struct pmrec_filter_status *row =
        pmrec_filter_status_get_for_uuid(idl, &uuid);
    if (row) {
        write(row, status);
    }
}

const struct pmrec_chassis *
ControlDb::Impl::own_chassis() const
{
    const struct pmrec_chassis *row;
    PMREC_CHASSIS_FOR_EACH(row, idl)
    {
        if (inputs.chassis == row->name) {
            return row;
        }
    }
    return nullptr;
}

void
ControlDb::Impl::put(const Chassis &chassis)
{
    const struct pmrec_chassis *own = own_chassis();
    write(own ? own : pmrec_chassis_insert(txn), chassis);
}

void
ControlDb::Impl::put(const ProbeReport &report)
{
    const struct pmrec_probe_report *row;
    PMREC_PROBE_REPORT_FOR_EACH(row, idl)
    {
        if (to_uuid(row->probe) == report.probe &&
            report.chassis == row->chassis) {
            write(row, report);
            return;
        }
    }
    /* Not for a probe that has ended. */
    struct uuid uuid = to_ovs_uuid(report.probe);
    const struct pmrec_probe *probe = pmrec_probe_get_for_uuid(idl, &uuid);
    if (probe) {
        pmrec_probe_verify_created(probe);
        write(pmrec_probe_report_insert(txn), report);
    }
}

bool
ControlDb::busy() const
{
    return impl_->txn || time_msec() < impl_->resume_ms;
}

size_t
ControlDb::room() const
{
    return impl_->pace.rows(in_turn());
}

bool
ControlDb::in_turn() const
{
    return impl_->idl && impl_->turn.held();
}

void
ControlDb::want_turn(bool wanted)
{
    if (impl_->idl) {
        impl_->turn.want(wanted);
    }
}

const std::string &
ControlDb::refused() const
{
    return impl_->refused;
}

void
ControlDb::start(const ControlWrite &w)
{
    Impl &i = *impl_;
    if (!i.idl || busy() || w.empty()) {
        return;
    }
    if (w.rows() > Pace::FEW && in_turn()) {
        i.turn_rows = w.rows();
    }
    i.txn = ovsdb_idl_txn_create(i.idl);
    ovsdb_idl_txn_add_comment(i.txn, "ovs-mirrord %s",
                              i.inputs.chassis.c_str());
    for (const auto &[row, status] : w.put_tunnels) {
        i.put(row, status);
    }
    for (const auto &[row, status] : w.put_filters) {
        i.put(row, status);
    }
    for (const Uuid &id : w.delete_tunnels) {
        struct uuid uuid = to_ovs_uuid(id);
        const struct pmrec_tunnel_status *row =
            pmrec_tunnel_status_get_for_uuid(i.idl, &uuid);
        if (row) {
            pmrec_tunnel_status_delete(row);
        }
    }
    for (const Uuid &id : w.delete_filters) {
        struct uuid uuid = to_ovs_uuid(id);
        const struct pmrec_filter_status *row =
            pmrec_filter_status_get_for_uuid(i.idl, &uuid);
        if (row) {
            pmrec_filter_status_delete(row);
        }
    }
    for (const ProbeReport &report : w.put_reports) {
        i.put(report);
    }
    if (w.chassis) {
        i.put(*w.chassis);
    }
    i.commit();
}

void
ControlDb::start_leaving()
{
    Impl &i = *impl_;
    const struct pmrec_chassis *row =
        i.idl && !i.txn ? i.own_chassis() : nullptr;
    if (row) {
        i.txn = ovsdb_idl_txn_create(i.idl);
        pmrec_chassis_delete(row);
        i.commit();
    }
}

} // namespace pm
