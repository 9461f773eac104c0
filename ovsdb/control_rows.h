/* Rows of the control database <-> values (adapter).
 *
 * read() copies one row; pointers of the IDL die at its next run, values do
 * not.  References are read raw, so a reference to a row that this client
 * does not monitor still has its uuid. */
#ifndef OVSDB_CONTROL_ROWS_H
#define OVSDB_CONTROL_ROWS_H 1

#include <optional>

#include "ovsdb/ovs_c.h"
#include "plugin/document.h"
#include "plugin/model.h"

namespace pm {

Uuid to_uuid(const struct uuid &);
struct uuid to_ovs_uuid(const Uuid &);

/* Each returns nullopt for a row that cannot be read whole: a text that is
 * no address or CIDR, or a child row (rule, member) that has not arrived.
 * For the former '*error', where not null, is a sentence naming the row,
 * column and value; for the latter it is empty.
 *
 * Lists that are sets in the database come sorted. */
std::optional<Vpc> read(const pmrec_vpc *, std::string *error);
std::optional<Peering> read(const pmrec_vpc_peering *, std::string *error);
std::optional<TransitConnect> read(const pmrec_transit_vpc_connect *,
                                   std::string *error);
std::optional<Subnet> read(const pmrec_subnet *, std::string *error);
std::optional<Nic> read(const pmrec_network_interface *, std::string *error);
std::optional<LoadBalancerMember> read(const pmrec_load_balancer_member *,
                                       std::string *error);
std::optional<LoadBalancer> read(const pmrec_load_balancer *,
                                 std::string *error);
std::optional<Collector> read(const pmrec_collector *, std::string *error);
std::optional<Resource> read(const pmrec_mirror_resource *,
                             std::string *error);
std::optional<Rule> read(const pmrec_mirror_rule *, std::string *error);
std::optional<Filter> read(const pmrec_mirror_filter *, std::string *error);
std::optional<Tunnel> read(const pmrec_mirror_tunnel *, std::string *error);
std::optional<TunnelStatus> read(const pmrec_tunnel_status *,
                                 std::string *error);
std::optional<FilterStatus> read(const pmrec_filter_status *,
                                 std::string *error);
std::optional<Chassis> read(const pmrec_chassis *, std::string *error);
std::optional<Event> read(const pmrec_event *, std::string *error);

/* Reads every row of an IDL that monitors everything, as the open
 * transaction (if any) has it.  Rows that cannot be read are left out, and
 * described in '*unreadable' unless that is null.  Not where there is a
 * ControlDb: of some tables it has the IDL keep no structs, which this
 * reads. */
Model read_model(struct ovsdb_idl *,
                 std::map<Uuid, UnreadableRow> *unreadable);

/* Writes 'delta' into the IDL's open transaction: inserts, changed columns
 * only, deletes.  References between new rows go by the delta's uuids; the
 * server gives the rows others.  Rules and members that stay as they are
 * keep their rows.
 *
 * Each column written over, and the generation and acceptance of a tunnel or
 * filter touched, is verified: the commit ends in TXN_TRY_AGAIN where somebody
 * else changed it since the IDL read it. */
void write_delta(struct ovsdb_idl *, struct ovsdb_idl_txn *,
                 const ModelDelta &delta);

/* Has the IDL's open transaction end in TXN_TRY_AGAIN if another that called
 * this was committed since the IDL read the database: for what was judged by
 * rows not being there, which OVSDB cannot verify.  Both change one value of
 * Mirror_Global, which hypervisors do not ask for. */
void yield_to_others(struct ovsdb_idl *, struct ovsdb_idl_txn *);

/* Deletes rows in the IDL's open transaction. */
void delete_rows(struct ovsdb_idl *,
                 const std::map<Uuid, UnreadableRow> &rows);

/* Takes rules out of a filter's row, for one that cannot be read whole, in
 * the IDL's open transaction.  Returns the filter's new generation, or
 * nullopt if it has no rule of that number. */
std::optional<int64_t> delete_rule(struct ovsdb_idl *, const Uuid &filter,
                                   Direction, int64_t number);

/* Adds 'events' and deletes the oldest rows that they leave no room for. */
void write_events(struct ovsdb_idl_txn *, const std::vector<Event> &events);

/* Writes the columns of 'status' that differ from the row's.  The row may be
 * one just inserted.  Of more events than the column holds, the latest stay.
 * 'before', unless null, is what the row is known to hold: what is the same
 * there is not compared again. */
void write(const pmrec_tunnel_status *row, const TunnelStatus &status,
           const TunnelStatus *before = nullptr);
void write(const pmrec_filter_status *row, const FilterStatus &status);
void write(const pmrec_chassis *row, const Chassis &chassis);

} // namespace pm

#endif /* OVSDB_CONTROL_ROWS_H */
