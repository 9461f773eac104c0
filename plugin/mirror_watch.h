/* Which Mirrors of ours are dead (core).
 *
 * A Mirror that vswitchd did not put in force, because the bridge has too
 * many or its output port is lost, shows nowhere in the database but in that
 * its row has no statistics (ovs-vswitchd.conf.db(5), table Mirror). */
#ifndef PLUGIN_MIRROR_WATCH_H
#define PLUGIN_MIRROR_WATCH_H 1

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "plugin/switch_rows.h"

namespace pm {

/* Times are in milliseconds of any one clock that does not go back. */
class MirrorWatch {
public:
    /* How often it is worth judging. */
    static constexpr int64_t INTERVAL_MS = 1000;

    /* 'counted' are Mirrors of ours that have statistics, which vswitchd
     * writes each 'statistics_ms'.  A Mirror that is as desired and is not
     * counted for two such intervals and a second is dead.  Returns whether
     * dead() changed. */
    bool judge(const SwitchRows &actual, const SwitchRows &desired,
               const std::set<std::string> &counted, int64_t statistics_ms,
               int64_t now_ms);
    /* vswitchd cannot be expected to have counted; patience begins anew. */
    void excuse() { uncounted_since_ms_.clear(); }
    /* Mirror by the iface-id of its NIC. */
    const std::map<std::string, std::string> &dead() const { return dead_; }

private:
    std::map<std::string, int64_t> uncounted_since_ms_; /* By Mirror. */
    std::map<std::string, std::string> dead_;
};

} // namespace pm

#endif /* PLUGIN_MIRROR_WATCH_H */
