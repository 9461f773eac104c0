/* ControlDb, its connection: which database it is, and coming back to a server
 * that was lost. */
#include <algorithm>
#include <iterator>

#include "ovsdb/control_db_impl.h"

VLOG_DEFINE_THIS_MODULE(control_db_connect);

namespace pm {

namespace {

/* How long servers are tried one after another, as the IDL does it, before
 * there is a pause: less than the pause of its own. */
constexpr long long ATTEMPT_MS = 900;
/* Of silence, until the server is asked whether it is there, and the same
 * again until it is given up.  While it has much to send it may have many
 * others to send it to, and who hangs up makes it begin anew. */
constexpr int PROBE_MS = 5000, PATIENT_PROBE_MS = 60000;
/* How long the others wait for one who is being sent his rows: it takes less
 * than a second, but something may be wrong with him or on the way. */
constexpr long long READING_MS = 20000;

/* Has the IDL keep a table's columns and nothing besides.  What the generated
 * structs hold is the same again, and nobody here reads it of these tables
 * (columns.h): of thousands of rows it is a kilobyte each.  Nor need a row be
 * parsed again when one that it refers to comes. */
template <size_t N>
void
keep_columns_only(struct ovsdb_idl_table_class *table,
                  struct ovsdb_idl_column (&columns)[N])
{
    for (struct ovsdb_idl_column &column : columns) {
        column.parse = [](struct ovsdb_idl_row *, const struct ovsdb_datum *) {
        };
        column.unparse = [](struct ovsdb_idl_row *) {};
    }
    table->allocation_size = sizeof(struct ovsdb_idl_row);
    table->row_init = [](struct ovsdb_idl_row *) {};
}

} // namespace

void
ControlDb::Impl::open()
{
    keep_columns_only(&pmrec_table_mirror_tunnel, pmrec_mirror_tunnel_columns);
    keep_columns_only(&pmrec_table_tunnel_status, pmrec_tunnel_status_columns);
    keep_columns_only(&pmrec_table_mirror_rule, pmrec_mirror_rule_columns);
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
    inputs.rules_name_filters = false;
    asked.clear();
    spare_rules_ms = LLONG_MAX;
    asked_seqno = ask_conditions(idl, nothing, &asked, 0);
    idl_seqno = connected_seqno = ovsdb_idl_get_seqno(idl);
    comeback.stood();
    turn.set_remote(remote);
    reading.set_remote(remote);
    queue();
}

/* A server that has lost all of its sessions has all their rows to send to
 * each: to one after another, the first knows all when it has been sent them;
 * to all at the same time, the first when the last does, and meanwhile no
 * change reaches anybody. */
void
ControlDb::Impl::queue()
{
    stage = Stage::Queued;
    reading.want(true);
}

/* What is under way will not be answered, and nobody is to wait for it. */
void
ControlDb::Impl::forget_writes()
{
    for (const auto &[number, transaction] : sent) {
        ovsdb_idl_txn_destroy(transaction);
        ended[number] = Outcome::Unknown;
    }
    sent.clear();
    sent_apart.clear();
    turn.want(false);
    turn_rows = 0;
    turn_over = turn_done = false;
}

void
ControlDb::Impl::pause()
{
    forget_writes();
    stage = Stage::Pausing;
    reading.want(false);
    queue_ms = leaving && !last_attempt
                   ? 0
                   : time_msec() + comeback.delay_ms(random_uint32());
}

/* Tries all servers, from now on. */
void
ControlDb::Impl::connect()
{
    stage = Stage::Trying;
    last_attempt = leaving;
    tried_ms = time_msec();
    ovsdb_idl_set_remote(idl, remote.c_str(), true);
    patient = false;
    be_patient(true);
}

void
ControlDb::Impl::be_patient(bool now_patient)
{
    /* As the IDL decides whether to probe at all. */
    if (now_patient != patient &&
        stream_or_pstream_needs_probes(remote.c_str())) {
        ovsdb_idl_set_probe_interval(idl, now_patient ? PATIENT_PROBE_MS
                                                      : PROBE_MS);
    }
    patient = now_patient;
}

/* Keeps the IDL, which would do so in step with that of each other
 * hypervisor, from connecting again before its time. */
void
ControlDb::Impl::come_back()
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
    long long now = time_msec();
    bool connected = ovsdb_idl_is_connected(idl);
    bool failed = was_connected || ovsdb_idl_get_last_error(idl);
    switch (stage) {
    case Stage::Pausing:
        if (now >= queue_ms) {
            queue();
        }
        break;
    case Stage::Queued:
        if (reading.held() || leaving) {
            connect();
        } else if (reading.fails()) {
            pause();
            VLOG_INFO_RL(&rl, "%s: no answer; next attempt in %lld ms",
                         remote.c_str(), queue_ms - now);
        }
        break;
    case Stage::Trying:
        if (now >= tried_ms + READING_MS) {
            reading.want(false);
        }
        if (connected) {
            be_patient(!complete || now < calm_ms);
        } else if (failed && now >= tried_ms + ATTEMPT_MS) {
            ovsdb_idl_set_remote(idl, nullptr, true);
            pause();
        }
        break;
    }
}

void
ControlDb::Impl::close()
{
    forget_writes();
    reading.want(false);
    turn.set_remote("");
    reading.set_remote("");
    if (idl) {
        ovsdb_idl_destroy(idl);
        idl = nullptr;
    }
}

/* What is taken back meanwhile counts when all has come again. */
void
ControlDb::Impl::begin_again()
{
    VLOG_INFO("%s: its schema is an earlier one now; reading all anew",
              remote.c_str());
    close();
    complete = false;
    last_attempt = false; /* Of a clean-up: it was answered. */
    forget_seen();
    open();
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
        i.turn.set_remote(remote);
        i.reading.set_remote(remote);
        if (i.stage == Impl::Stage::Trying) {
            i.connect();
        }
        return;
    }
    i.close();
    i.refused.clear();
    i.backoff.done();
    i.remote = remote;
    i.inputs.chassis = chassis;
    i.complete = false;
    i.forget_seen();
    if (!remote.empty() && !chassis.empty()) {
        i.open();
    }
}

void
ControlDb::Impl::wait_to_connect() const
{
    if (stage == Stage::Pausing) {
        poll_timer_wait_until(queue_ms);
    } else if (stage == Stage::Trying && !ovsdb_idl_is_connected(idl) &&
               time_msec() < tried_ms + ATTEMPT_MS) {
        poll_timer_wait_until(tried_ms + ATTEMPT_MS);
    }
    if (stage == Stage::Trying && reading.held()) {
        poll_timer_wait_until(tried_ms + READING_MS);
    }
}

} // namespace pm
