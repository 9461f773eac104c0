/* ControlDb, the writing half: what a hypervisor may write, as one
 * transaction. */
#include <algorithm>
#include <utility>

#include "ovsdb/control_db_impl.h"
#include "ovsdb/control_rows.h"
#include "ovsdb/probe_rows.h"

VLOG_DEFINE_THIS_MODULE(control_db_write);

namespace pm {

namespace {

/* Transactions under way: one that the server works on, one that waits there,
 * and those on their way. */
constexpr size_t UNDER_WAY_MAX = 4;
/* Rows of a transaction, of many.  Ten times as many take a server two to
 * three times as long for each (docs/performance/control.md). */
constexpr size_t TRANSACTION_MAX = 250;

} // namespace

/* Sends the open transaction. */
uint64_t
ControlDb::Impl::send(bool apart)
{
    uint64_t number = ++transactions;
    if (apart) {
        sent_apart.insert(number);
    }
    struct ovsdb_idl_txn *made = std::exchange(txn, nullptr);
    if (!has_ended(number, made)) {
        sent[number] = made;
    }
    return number;
}

/* Whether there is an answer, or needs be none; takes it in. */
bool
ControlDb::Impl::has_ended(uint64_t number, struct ovsdb_idl_txn *transaction)
{
    enum ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(transaction);
    if (status == TXN_INCOMPLETE) {
        return false;
    }
    if (status == TXN_ERROR) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
        refused = ovsdb_idl_txn_get_error(transaction);
        VLOG_WARN_RL(&rl, "control database refused our status: %s",
                     refused.c_str());
        /* Mostly somebody's change came between, and the next attempt knows
         * of it.  Where each is refused, a fleet must not keep the server
         * busy with that. */
        if (!sent_apart.count(number)) {
            backoff.refused(time_msec());
        }
    } else if (status == TXN_SUCCESS) {
        refused.clear();
        if (!sent_apart.count(number)) {
            backoff.done();
        }
    }
    ended[number] = status == TXN_ERROR ? Outcome::Refused
                    : status == TXN_SUCCESS || status == TXN_UNCHANGED
                        ? Outcome::Written
                        : Outcome::Unknown;
    sent_apart.erase(number);
    ovsdb_idl_txn_destroy(transaction);
    return true;
}

/* Gives the turn back when what was written in it has been answered.  What it
 * cost others is known when the server answers again: not from how long the
 * transactions took, most of which may have been ours. */
void
ControlDb::Impl::end_turn()
{
    long long now = time_msec();
    if (turn_rows && !turn_over && sent.empty() &&
        (turn_done || turn_rows >= pace.rows(true))) {
        turn.want(false);
        turn_over = true;
        turn_ended_ms = now;
    }
    if (turn_over && turn.ended()) {
        if (turn.connected()) { /* Else it is not known. */
            pace.took(turn_rows, now - turn_ended_ms);
        }
        turn_rows = 0;
        turn_over = turn_done = false;
    }
}

void
ControlDb::Impl::see_ended()
{
    std::erase_if(sent, [this](const auto &transaction) {
        return has_ended(transaction.first, transaction.second);
    });
}

void
ControlDb::Impl::put(const ControlWrite::PutTunnel &put)
{
    if (put.row) {
        struct uuid uuid = to_ovs_uuid(*put.row);
        const struct pmrec_tunnel_status *row =
            pmrec_tunnel_status_get_for_uuid(idl, &uuid);
        if (row) {
            write(row, put.status, put.before);
        }
        return;
    }
    /* The row must not outlive its reason: the commit fails if the tunnel
     * went meanwhile. */
    struct uuid uuid = to_ovs_uuid(put.status.tunnel);
    const struct pmrec_mirror_tunnel *tunnel =
        pmrec_mirror_tunnel_get_for_uuid(idl, &uuid);
    if (tunnel) {
        pmrec_mirror_tunnel_verify_account(tunnel);
        write(pmrec_tunnel_status_insert(txn), put.status, nullptr);
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
    return impl_->sent.size() >= UNDER_WAY_MAX ||
           !impl_->backoff.is_over(time_msec());
}

bool
ControlDb::writing() const
{
    return !impl_->sent.empty();
}

std::map<uint64_t, ControlDb::Outcome>
ControlDb::take_ended()
{
    return std::exchange(impl_->ended, {});
}

size_t
ControlDb::room() const
{
    return in_turn() ? std::min(TRANSACTION_MAX,
                                impl_->pace.rows(true) - impl_->turn_rows)
                     : impl_->pace.rows(false);
}

bool
ControlDb::in_turn() const
{
    return impl_->idl && !impl_->turn_over && impl_->turn.held() &&
           impl_->turn_rows < impl_->pace.rows(true);
}

void
ControlDb::want_turn(bool wanted)
{
    if (!impl_->idl) {
        return;
    }
    if (!wanted && impl_->turn_rows && !impl_->turn_over) {
        impl_->turn_done = true;
        impl_->end_turn(); /* Or later, when all has been answered. */
    } else {
        impl_->turn.want(wanted);
    }
}

const std::string &
ControlDb::refused() const
{
    return impl_->refused;
}

uint64_t
ControlDb::start(const ControlWrite &w, bool apart)
{
    Impl &i = *impl_;
    if (!i.idl || busy() || w.empty()) {
        i.ended[++i.transactions] = Outcome::Unknown;
        return i.transactions;
    }
    if (in_turn()) {
        i.turn_rows += w.rows();
    }
    i.txn = ovsdb_idl_txn_create(i.idl);
    ovsdb_idl_txn_add_comment(i.txn, "ovs-mirrord %s",
                              i.inputs.chassis.c_str());
    for (const ControlWrite::PutTunnel &put : w.put_tunnels) {
        i.put(put);
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
    return i.send(apart);
}

void
ControlDb::start_leaving()
{
    Impl &i = *impl_;
    const struct pmrec_chassis *row =
        i.idl && i.sent.empty() ? i.own_chassis() : nullptr;
    if (row) {
        i.txn = ovsdb_idl_txn_create(i.idl);
        pmrec_chassis_delete(row);
        i.send(false);
    }
}

} // namespace pm
