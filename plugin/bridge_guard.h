/* Keeps frames of other NICs out of our patch ports.
 *
 * A bridge that carries mirrored NICs is not ours and no flow of it is
 * touched, but an output to FLOOD or ALL would send into our patch ports what
 * no Mirror admitted.  FLOOD can be stopped at the port ("no-flood", which
 * only OpenFlow 1.0 has and a restart of vswitchd forgets); a bridge that uses
 * ALL, or FLOOD where that is refused, must not be tapped.
 *
 * The bridge is asked by short blocking exchanges.  After one that was not
 * answered vswitchd is asked for a sign of life first, which does not
 * block. */
#ifndef PLUGIN_BRIDGE_GUARD_H
#define PLUGIN_BRIDGE_GUARD_H 1

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "ovsdb/unixctl_client.h"
#include "plugin/switch_rows.h"

namespace pm {

class BridgeGuard {
public:
    /* 'vswitchd' must live as long. */
    explicit BridgeGuard(UnixctlClient *vswitchd) : vswitchd_(vswitchd) {}

    /* Takes in what came of the sign of life that is asked for, if any. */
    void run();
    void wait(bool may_ask) const;

    /* The bridges that carry mirrored NICs from now on. */
    void watch(const std::set<std::string> &bridges);
    bool watches(const std::string &bridge) const
    {
        return bridges_.count(bridge);
    }
    /* Some bridge is to be looked at. */
    bool due() const;
    /* Looks at those that are due, if it may ask, which is pointless while
     * vswitchd does not answer others either.  Says in 'facts' what is known
     * of all. */
    void look(bool may_ask, SwitchFacts *facts);
    /* What is known holds until each has been looked at again, now. */
    void recheck();

    /* Every bridge has answered its last question. */
    bool answered() const;
    /* A question waited for its answer until its time was up, and there was no
     * sign of life since. */
    bool timed_out() const;

private:
    /* How often a bridge is asked: this, or this many times as long as the
     * last answer took, since vswitchd does nothing else meanwhile. */
    static constexpr int64_t CHECK_MS = 1000;
    static constexpr int64_t PAUSE_FACTOR = 200;
    static constexpr int64_t LIFE_MS = 500;

    struct Bridge {
        int64_t next_check_ms = 0;
        int error = 0; /* Of the last question, an errno. */
        bool checked = false;
        std::string unsafe;                             /* As BridgeFacts'. */
        std::set<std::pair<std::string, int>> no_flood; /* Port, ofport. */
    };

    static void look_at(const std::string &name, const SwitchFacts &,
                        Bridge *);

    UnixctlClient *vswitchd_;
    std::map<std::string, Bridge> bridges_;
    uint64_t life_ticket_ = 0; /* 0: no sign of life is asked for. */
    int64_t next_life_ms_ = 0;
};

} // namespace pm

#endif /* PLUGIN_BRIDGE_GUARD_H */
