/* Who else writes what we write (core).
 *
 * What somebody removes or changes once, by mistake, is put back at once.
 * Who goes on doing so is not fought: after a few repairs in a row we put
 * back what we need about once in ten seconds, and say so, until it stays. */
#ifndef PLUGIN_CONTEST_H
#define PLUGIN_CONTEST_H 1

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "flows/flow.h"
#include "plugin/switch_rows.h"

namespace pm {

/* Times are in milliseconds of any one clock that does not go back. */
class Contest {
public:
    /* So many repairs at once, then one in each interval. */
    static constexpr int BURST = 5;
    static constexpr int64_t INTERVAL_MS = 10000;

    /* Takes note of which rows are as desired.  One that was, and is not any
     * more though the same is desired, was changed by somebody else. */
    void saw(const SwitchRows &actual, const SwitchRows &desired);
    /* Leaves out of 'edits' the repairs that must wait.  What is left is
     * taken to be written. */
    void restrain(std::vector<RowEdit> *edits, const SwitchRows &desired,
                  int64_t now_ms);
    /* Somebody else changed or deleted flows of ours on a bridge.  Returns
     * whether they may be repaired now. */
    bool flows_changed(const std::string &bridge, const FlowLoss &,
                       int64_t now_ms);
    /* Leaves out of 'edits' of the bridge's flows the repairs that must wait:
     * of those without which less is copied (hands_on()), of which one that
     * has been changed is deleted at once.  The others never wait, nor does
     * anything that is not a repair. */
    void restrain(const std::string &bridge, std::vector<FlowEdit> *edits,
                  int64_t now_ms);
    bool waits(const std::string &bridge, int64_t now_ms) const;

    /* What waits now, by bridge: "Mirror mirror-out-1". */
    std::map<std::string, std::string> waiting(int64_t now_ms) const;

    struct News {
        std::set<std::string> bridges; /* On which something else waits. */
        /* What is worth saying, by bridge: it began to wait, and that has not
         * been said since the last time that all was quiet there. */
        std::map<std::string, std::string> began;
    };
    /* What changed in waiting() since the last call. */
    News take_news(int64_t now_ms);
    /* waiting() as of that call. */
    const std::map<std::string, std::string> &told() const { return told_; }

    /* When the first that waits may go on, or 0 if nothing waits. */
    int64_t next_ms(int64_t now_ms) const;

private:
    struct Account {
        int spent = 0;
        int64_t since_ms = 0; /* Of the oldest repair still counted. */
        int64_t until_ms = 0; /* Waits until then. */
        std::string bridge;   /* For waiting(). */
    };

    /* Bridges of which repairs are not forgotten yet. */
    std::set<std::string> remembered(int64_t now_ms) const;
    bool spend(const std::string &bridge, const std::string &what,
               int64_t now_ms);

    SwitchRows in_force_;
    std::map<std::string, FlowLoss> lost_;    /* By bridge. */
    std::map<std::string, Account> accounts_; /* By 'what'. */
    std::map<std::string, std::string> told_;
    std::set<std::string> said_; /* Bridges; see News. */
};

} // namespace pm

#endif /* PLUGIN_CONTEST_H */
