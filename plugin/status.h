/* What this hypervisor says of a tunnel (core). */
#ifndef PLUGIN_STATUS_H
#define PLUGIN_STATUS_H 1

#include <map>
#include <optional>
#include <set>
#include <string>

#include "plugin/desired_state.h"
#include "plugin/plan.h"

namespace pm {

/* What a status needs beside what is desired. */
struct StatusContext {
    int64_t now_ms = 0;
    bool paused = false;
    /* The switch's database is: taps may go on naming what has stopped, so
     * that its number must not become another's. */
    bool unreachable = false;
    /* Why the switch refused an owner's flows; absent if it did not. */
    std::map<OwnerKey, std::string> refused;
    /* Why the switch's database refuses the rows that it lacks, or "". */
    std::string rows_refused = {};
    /* What of ours somebody keeps changing, by bridge. */
    std::map<std::string, std::string> contested;
    /* Bridges whose budget for all copies drops some. */
    std::set<std::string> exceeded;
    /* The control database was away for long until just now: from when to
     * when; 0 if it was not. */
    int64_t away_from_ms = 0, away_until_ms = 0;
    /* Handles for those of the tunnel's ways that have none yet. */
    std::map<std::string, int64_t> handles = {};
    /* Counters as last read, by tunnel; absent keeps the row's. */
    const std::map<Uuid, Counters> *counters = nullptr;
};

/* Hands out handles for those of the tunnel's ways that have none, none of
 * which the switch still knows from another way.  Each by the way's words. */
std::map<std::string, int64_t> new_handles(const Uuid &tunnel, const Actual &,
                                           DesiredState *);

/* What to do with the tunnel's status row: */
struct StatusEdit {
    enum class Op { Keep, Put, Delete } op = Op::Keep;
    TunnelStatus status; /* For Put. */
    /* All is on the switch, and to be told when the datapath follows. */
    bool lags = false;
    /* It is to go, and waits until no tap hands copies to its number, which
     * may be another's then. */
    bool held = false;
};

/* Returns the edit that makes the tunnel's row true.  A row comes with the
 * first activity (write-ahead: before the switch is touched) and goes when
 * the tunnel is gone, or its NIC reported elsewhere, and removal is proven.
 * 'number' is used for a row that is new.  Times and events are those of the
 * row as it is, unless something else changed. */
StatusEdit desire_status(const Uuid &tunnel, const DesiredState &,
                         const Actual &, const std::set<OwnerKey> &outstanding,
                         int64_t number, const StatusContext &);

} // namespace pm

#endif /* PLUGIN_STATUS_H */
