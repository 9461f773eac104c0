/* The switch database (Open_vSwitch): read as facts, written as rows of ours
 * (adapter). */
#ifndef OVSDB_SWITCH_DB_H
#define OVSDB_SWITCH_DB_H 1

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "plugin/switch_rows.h"

namespace pm {

class SwitchDb {
public:
    explicit SwitchDb(const std::string &remote);
    ~SwitchDb();

    void run();
    void wait();

    /* The database's content has arrived, and the lock "ovs_mirrord" is ours:
     * of two daemons on one switch, one acts. */
    bool ready() const;
    /* Another ovs-mirrord has the lock. */
    bool contended() const;
    /* Changes whenever read() might give something else. */
    unsigned int seqno() const;
    /* Reads the whole of it, but for what bridges say that are known to be
     * 'unmade': a switch has hundreds of ports, not millions. */
    SwitchFacts read(const std::set<std::string> &unmade) const;

    /* What makes vswitchd forget where MACs are when it changes: by bridge its
     * ports, and its Mirrors with what they select. */
    std::map<std::string, std::vector<Uuid>> layouts() const;

    /* Starts a transaction that makes 'edits' so, with content from
     * 'desired'.  At most one is under way, and after a refusal there is a
     * pause.  Without edits it only has vswitchd look at all that it should
     * have. */
    bool busy() const;
    bool may_start() const;
    void start(const std::vector<RowEdit> &edits, const SwitchRows &desired);
    /* Mirrors of ours for which vswitchd keeps statistics, which it does of
     * those only that are in force. */
    std::set<std::string> counted_mirrors() const;
    /* How often it refreshes them. */
    int64_t statistics_interval_ms() const;
    /* How long vswitchd lets a datapath flow be before it looks at it again.
     */
    int64_t revalidation_ms() const;
    /* Why the server refuses our rows, or "". */
    const std::string &error() const;
    void forget_error();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace pm

#endif /* OVSDB_SWITCH_DB_H */
