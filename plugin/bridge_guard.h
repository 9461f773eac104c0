/* Keeps frames of other NICs out of our patch ports.
 *
 * A bridge that carries mirrored NICs is not ours and no flow of it is
 * touched, but an output to FLOOD or ALL would send into our patch ports what
 * no Mirror admitted.  FLOOD can be stopped at the port ("no-flood", which
 * only OpenFlow 1.0 has and a restart of vswitchd forgets); a bridge that uses
 * ALL, or FLOOD where that is refused, must not be tapped.
 *
 * The bridge is asked by short blocking exchanges where something waits for
 * the answer, since the bridge is new here or was not kept from flooding, and
 * else each second while other work goes on.  After a question that was not
 * answered vswitchd is asked for a sign of life first, which does not
 * block.  A bridge that let a question wait too long while vswitchd lives has
 * many flows to look through: it is asked beside other work only, and longer
 * waited for. */
#ifndef PLUGIN_BRIDGE_GUARD_H
#define PLUGIN_BRIDGE_GUARD_H 1

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "flows/flood_question.h"
#include "ovsdb/unixctl_client.h"
#include "plugin/beat.h"
#include "plugin/switch_rows.h"

namespace pm {

class BridgeGuard {
public:
    /* 'vswitchd' must live as long. */
    explicit BridgeGuard(UnixctlClient *vswitchd) : vswitchd_(vswitchd) {}

    /* Takes in what came of the sign of life that is asked for, if any, and
     * what bridges answer; asks those whose turn it is, if it may. */
    void run(bool may_ask);
    void wait(bool may_ask) const;

    /* The bridges that carry mirrored NICs from now on. */
    void watch(const std::set<std::string> &bridges);
    bool watches(const std::string &bridge) const
    {
        return bridges_.count(bridge);
    }
    /* Some bridge is to be looked at, or has answered something new. */
    bool due() const;
    /* Looks at those that are due, if it may ask, which is pointless while
     * vswitchd does not answer others either.  Says in 'facts' what is known
     * of all.  Blocks for a short time. */
    void look(bool may_ask, SwitchFacts *facts);
    /* What is known holds until each has been looked at again, now, or has
     * answered the question that is under way. */
    void recheck();

    /* Every bridge has answered its last question. */
    bool answered() const;
    /* A question waited for its answer until its time was up, and the sign of
     * life that was asked for then has not come for long. */
    bool silent() const;
    /* A bridge looks through its flows for us, which may take vswitchd's main
     * loop long: others must not be taken for dead or slow by that. */
    bool looks_through() const;

private:
    /* How often a bridge is asked: this, or this many times as long as the
     * last answer took, since vswitchd does nothing else meanwhile. */
    static constexpr int64_t CHECK_MS = BEAT_MS;
    static constexpr int64_t PAUSE_FACTOR = 200;
    static constexpr int64_t PAUSE_MOST_MS = 30000;
    static constexpr int64_t LIFE_MS = 500;
    /* How long a sign of life may take where a bridge has let a question
     * wait: it may be that question which holds it up. */
    static constexpr int64_t SILENT_MS = 1000;
    /* Who answers within this is slow no more. */
    static constexpr int64_t QUICK_MS = 350;
    /* How long there may be nobody to be asked while vswitchd lives: the
     * bridge may be yet to be made. */
    static constexpr int64_t REACH_MS = 3000;

    struct Bridge {
        explicit Bridge(const std::string &name);
        bool is_due() const;

        FloodQuestion question;
        int64_t asked_ms = 0; /* When, while one is under way. */
        int64_t next_check_ms = 0;
        int64_t failed_ms = 0;   /* Since when it has not answered. */
        std::string unreachable; /* As BridgeFacts'. */
        FloodCount count;        /* The last answer. */
        bool checked = false;    /* There was one. */
        bool look = true;        /* At all of it, which blocks. */
        bool slow = false;       /* But not if it takes so long. */
        bool refused = false; /* A port of ours is, or would be, flooded to. */
        /* That could not be asked, or has not been yet. */
        bool exposed = false;
        bool news = false;  /* These texts are not what was last said. */
        std::string unsafe; /* As BridgeFacts'. */
        std::set<std::pair<std::string, int>> no_flood; /* Port, ofport. */
    };

    bool timed_out() const;
    static void keep_from_flooding(const std::string &name,
                                   const SwitchFacts &, bool may_ask,
                                   Bridge *);
    void take_in(const std::string &name, const FloodCount &, Bridge *);
    bool may_be_asked(const Bridge &) const;
    static void judge(const std::string &name, Bridge *);
    void take_life(bool lives);

    UnixctlClient *vswitchd_;
    std::map<std::string, Bridge> bridges_;
    uint64_t life_ticket_ = 0; /* 0: no sign of life is asked for. */
    int64_t next_life_ms_ = 0;
    int64_t timed_out_ms_ = 0; /* When a question did, if any has. */
};

} // namespace pm

#endif /* PLUGIN_BRIDGE_GUARD_H */
