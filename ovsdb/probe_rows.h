/* Probes and what hypervisors say of them <-> values (adapter). */
#ifndef OVSDB_PROBE_ROWS_H
#define OVSDB_PROBE_ROWS_H 1

#include "ovsdb/ovs_c.h"
#include "plugin/probe.h"

namespace pm {

Probe read(const pmrec_probe *);
ProbeReport read(const pmrec_probe_report *);

/* Each writes the columns that differ from the row's, which may be one just
 * inserted. */
void write(const pmrec_probe *row, const Probe &);
void write(const pmrec_probe_report *row, const ProbeReport &);

} // namespace pm

#endif /* OVSDB_PROBE_ROWS_H */
