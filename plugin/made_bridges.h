/* Which bridges of the database vswitchd has not made (adapter).
 *
 * It cannot where the datapath type is none that the host has: the bridge is
 * gone from the switch then, while the database goes on saying what was once
 * true of it, its ports' OpenFlow numbers among it.  "ofproto/list" tells. */
#ifndef PLUGIN_MADE_BRIDGES_H
#define PLUGIN_MADE_BRIDGES_H 1

#include <cstdint>
#include <set>
#include <string>

#include "ovsdb/unixctl_client.h"

namespace pm {

class MadeBridges {
public:
    /* 'vswitchd' must live as long. */
    explicit MadeBridges(UnixctlClient *vswitchd) : vswitchd_(vswitchd) {}

    /* Asks while there is a 'doubt': some of 'bridges', which are those of the
     * database, does not answer, though vswitchd has taken the database in.
     * Also while one is known not to be made.  Returns whether unmade() has
     * changed. */
    bool run(bool doubt, const std::set<std::string> &bridges);
    void wait() const;

    /* Those that two answers in a row, asked for in doubt, did not have, and
     * none has since. */
    const std::set<std::string> &unmade() const { return unmade_; }

private:
    UnixctlClient *vswitchd_;
    uint64_t ticket_ = 0; /* 0: not asked. */
    int64_t next_ms_ = 0; /* 0: no doubt. */
    std::set<std::string> asked_of_, missed_, unmade_;
    bool doubted_ = false; /* When it was asked. */
};

} // namespace pm

#endif /* PLUGIN_MADE_BRIDGES_H */
