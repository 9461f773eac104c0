/* The control database as one hypervisor sees it (adapter).
 *
 * Only what concerns this hypervisor is monitored, level by level: NICs by
 * local iface-id, resources by target, tunnels by source and by our own
 * status rows, the rest by the uuids that those refer to.  A row's absence
 * counts only when the view is complete: each condition acknowledged by the
 * server, and no condition left to ask for. */
#ifndef OVSDB_CONTROL_DB_H
#define OVSDB_CONTROL_DB_H 1

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "plugin/model.h"
#include "plugin/pace.h"
#include "plugin/probe.h"

namespace pm {

/* One transaction's worth of what a hypervisor may write. */
struct ControlWrite {
    struct PutTunnel {
        std::optional<Uuid> row; /* To write over, or none for a new one. */
        TunnelStatus status;
        const TunnelStatus *before; /* What that row holds, or null. */
    };
    std::vector<PutTunnel> put_tunnels;
    /* Each with the row to write over, or none for a new one. */
    std::vector<std::pair<std::optional<Uuid>, FilterStatus>> put_filters;
    std::vector<Uuid> delete_tunnels; /* Tunnel_Status rows, ours. */
    std::vector<Uuid> delete_filters; /* Filter_Status rows, ours. */
    std::vector<ProbeReport> put_reports;
    std::optional<Chassis> chassis;

    /* Of tunnels and filters: what there may be many of. */
    size_t rows() const
    {
        return put_tunnels.size() + put_filters.size() +
               delete_tunnels.size() + delete_filters.size();
    }
    bool empty() const
    {
        return put_tunnels.empty() && delete_tunnels.empty() &&
               put_filters.empty() && delete_filters.empty() &&
               put_reports.empty() && !chassis;
    }
};

class ControlDb {
public:
    ControlDb();
    ~ControlDb();

    /* Comma-separated remotes; empty disconnects.  A change of either starts
     * anew, with nothing known. */
    void configure(const std::string &remote, const std::string &chassis);
    /* iface-ids plugged in here. */
    void set_local_nics(const std::set<std::string> &);

    void run();
    void wait();

    bool connected() const;
    /* All that concerns us has come, on this connection: a server may take
     * connections and not answer on them, or answer that it has nothing. */
    bool serves() const;
    /* Whether it may be connected soon; after leave(), once more. */
    bool connecting() const;
    bool complete() const;
    /* The server's schema has a place for handles, as from 1.1.0 on; false
     * before it is known. */
    bool keeps_handles() const;
    int64_t cfg() const; /* Mirror_Global cfg; 0 if there is none. */
    /* Probes that concern this hypervisor. */
    std::map<Uuid, Probe> probes() const;
    /* What this hypervisor has written of them, by probe. */
    std::map<Uuid, ProbeReport> reports() const;
    /* What changed since the last call; rows gone only when complete. */
    ModelDelta take_changes();

    /* How many rows a transaction may have now: Pace::FEW but in this
     * hypervisor's turn at the server. */
    size_t room() const;
    bool in_turn() const;
    /* There are more rows to write than a few. */
    void want_turn(bool);

    /* Starts a transaction, and returns its number.  Where it creates a
     * tunnel's status row it checks that the tunnel still exists.
     *
     * Several may be under way, so that the server works on one while the next
     * is made; what one writes must be in no other.  Busy is who has as many
     * as there may be, or pauses after a refusal.  What becomes of one that
     * is 'apart' makes no difference to that: its caller pauses himself. */
    bool busy() const;
    bool writing() const; /* Some transaction is under way. */
    uint64_t start(const ControlWrite &, bool apart = false);
    /* Those that have ended since the last call, by number. */
    enum class Outcome { Written, Refused, Unknown };
    std::map<uint64_t, Outcome> take_ended();
    /* Why the server refused the last one; empty if it did not. */
    const std::string &refused() const;
    /* A clean-up has begun: if it is not connected it tries once more, and
     * waits for no turn. */
    void leave();
    /* Removes our Chassis row: the last thing of a clean-up. */
    void start_leaving();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace pm

#endif /* OVSDB_CONTROL_DB_H */
