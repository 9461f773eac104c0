/* What was copied, and dropped, of each tunnel (core).
 *
 * The switch counts by flow and meter, and forgets when one is made anew or
 * ovs-vswitchd is.  A Tunnel_Status row never counts backwards: beside a
 * counter it has a base, what to add to the switch's own count, by which a
 * daemon that begins anew goes on where the last one ended. */
#ifndef PLUGIN_COPY_COUNTERS_H
#define PLUGIN_COPY_COUNTERS_H 1

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "plugin/desired_state.h"

namespace pm {

/* Folds a count read from the switch into 'counters'.  One lower than the last
 * means that the flow was made anew. */
void count(Counters *counters, const std::string &name, int64_t value);

/* Whether something came between two counts; a later one that is lower was
 * begun anew. */
inline bool
has_risen(uint64_t before, uint64_t now)
{
    return now && now != before;
}

/* Tunnels are named by their numbers, which their rows tell. */
class CopyCounters {
public:
    /* 'desired' is the caller's, and is to outlive this. */
    explicit CopyCounters(const DesiredState &desired) : desired_(desired) {}

    /* The switch counts 'value' by now. */
    void note(int64_t number, const std::string &name, uint64_t value);
    /* It counts from zero what it may have counted before: that more has come
     * than then does not mean that it went on. */
    void begin(int64_t number, const std::string &name);
    /* Whether all of a tunnel's have been 0 as far as is known.  As long as
     * they are nothing is told of them: thousands of rows would be written
     * again for it. */
    bool is_uncounted(int64_t number) const;
    /* Status rows have come: what was counted and is told now is kept once. */
    void share(const ModelDelta &);
    /* A tunnel is gone.  Returns whether it had any. */
    bool forget(const Uuid &tunnel) { return counters_.erase(tunnel) > 0; }

    /* As last read; nullptr if nothing has been told of it. */
    const Counters *of(const Uuid &tunnel) const;
    const std::map<Uuid, Counters> &all() const { return counters_; }
    /* Tunnels whose counters have changed since they were last taken. */
    std::set<Uuid> take_news() { return std::exchange(news_, {}); }

private:
    const DesiredState &desired_;
    std::map<Uuid, Counters> counters_;
    std::set<Uuid> news_;
};

} // namespace pm

#endif /* PLUGIN_COPY_COUNTERS_H */
