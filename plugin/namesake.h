/* Whether another daemon goes by this hypervisor's name (core).
 *
 * Rows of a hypervisor are told apart by its system-id alone.  Two with one,
 * as a cloned image has it, would write over each other's rows without end,
 * and remove those that speak for the other's copies.  Only a daemon writes
 * its Chassis row's heartbeat, so one that is later than all of ours is
 * another's.  It may be the last word of one that ended, or of one that has
 * lost the switch to us: the name is claimed once more, which a living one
 * does not leave unanswered.  Then it is left to him who came later: he cannot
 * know whether the other lives, and a restart must not wait for that. */
#ifndef PLUGIN_NAMESAKE_H
#define PLUGIN_NAMESAKE_H 1

#include <cstdint>

#include "plugin/heartbeat.h"

namespace pm {

/* Heartbeats are as the rows have them, in ms since the epoch; 0: there is no
 * row.  'now_ms' is of a clock that does not go back. */
class Namesake {
public:
    /* After so long without a heartbeat the other may be gone. */
    static constexpr int64_t ABSENCE_MS = HOST_SILENCE_MS;
    /* And then is looked for once more, for longer than a heartbeat takes:
     * the database may have been away. */
    static constexpr int64_t LOOK_MS = HEARTBEAT_MS + 5000;
    /* Clocks of one and the same moment. */
    static constexpr int64_t NEAR_MS = 1000;

    /* Others may have gone by the name, who are not held against it. */
    void begin()
    {
        claimed_ = false;
        contested_ms_ = -1;
        mute_ms_ = 0;
    }
    /* What the database has.  Returns whether the name is left to another, or
     * still is when it is looked for him again. */
    bool saw(int64_t heartbeat_ms, int64_t now_ms);
    /* The database is out of sight. */
    void lost_sight() { looked_ms_ = -1; }
    /* The same as saw() of one who does not act on the switch, and has no
     * claim: whoever writes meanwhile is left to speak. */
    void overheard(int64_t heartbeat_ms, int64_t now_ms);
    bool is_spoken_for(int64_t now_ms) const { return now_ms < mute_ms_; }
    /* The heartbeat to write at this time: later than one that came in the
     * same moment, which would pass for an answer to none. */
    int64_t stamp(int64_t wall_ms) const
    {
        bool near = latest_ms_ >= wall_ms && latest_ms_ < wall_ms + NEAR_MS;
        return near ? latest_ms_ + 1 : wall_ms;
    }
    /* What is written to it; who 'holds' the switch claims the name by it. */
    void tells(int64_t heartbeat_ms, bool holds);
    /* A heartbeat is to be written: none was, or another's came after it. */
    bool is_to_claim() const { return !claimed_; }
    bool is_ours() const { return !until_ms_; }
    /* The other has the name. */
    bool has_name(int64_t now_ms) const { return now_ms < until_ms_; }
    /* When what is to be known of him changes by itself; -1: never. */
    int64_t next_ms(int64_t now_ms) const
    {
        return has_name(now_ms)  ? until_ms_
               : looked_ms_ >= 0 ? looked_ms_ + LOOK_MS
                                 : -1;
    }
    /* He has had it, and saw() is yet to say whether he lives. */
    bool is_in_doubt(int64_t now_ms) const
    {
        return !is_ours() && !has_name(now_ms);
    }

private:
    bool is_news(int64_t heartbeat_ms) const;
    void note(int64_t heartbeat_ms);

    int64_t latest_ms_ = 0; /* Of all that were seen or written. */
    int64_t last_ms_ = 0, before_ms_ = 0; /* The last two of these. */
    int64_t mute_ms_ = 0;
    int64_t looked_ms_ = -1;    /* Since when, without seeing him. */
    int64_t contested_ms_ = -1; /* When another's came last; -1: never. */
    int64_t until_ms_ = 0;
    bool claimed_ = false;
};

} // namespace pm

#endif /* PLUGIN_NAMESAKE_H */
