/* Whether another daemon goes by this hypervisor's name (core).
 *
 * Rows of a hypervisor are told apart by its system-id alone.  Two with one,
 * as a cloned image has it, would write over each other's rows without end,
 * and remove those that speak for the other's copies.  Only a daemon writes
 * its Chassis row's heartbeat, so one that is later than all of ours is
 * another's.  Who comes later has the name: he cannot know whether the other
 * one lives, and a restart must not wait for that. */
#ifndef PLUGIN_NAMESAKE_H
#define PLUGIN_NAMESAKE_H 1

#include <cstdint>

namespace pm {

/* Heartbeats are as the rows have them, in ms since the epoch; 0: there is no
 * row.  'now_ms' is of a clock that does not go back. */
class Namesake {
public:
    /* After so long without a heartbeat the other is taken for gone: three
     * are missing, as for HostAlive. */
    static constexpr int64_t ABSENCE_MS = 180000;

    /* What the database has.  Returns whether it is another's, to whom the
     * name is left from now on. */
    bool saw(int64_t heartbeat_ms, int64_t now_ms);
    /* What is written to it. */
    void tells(int64_t heartbeat_ms);
    /* Nothing was written yet since the name was free. */
    bool is_to_claim() const { return !claimed_; }
    /* The other has the name; when that is over, saw() says whether he lives.
     */
    bool has_name(int64_t now_ms) const { return now_ms < until_ms_; }
    int64_t until_ms() const { return until_ms_; }

private:
    int64_t latest_ms_ = 0; /* Of ours, and of those before we claimed it. */
    int64_t until_ms_ = 0;
    bool claimed_ = false; /* By us, or by him when we last saw. */
};

} // namespace pm

#endif /* PLUGIN_NAMESAKE_H */
