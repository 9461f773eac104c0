/* What our flows and meters have counted (adapter).
 *
 * What to ask next is flows/counting.h's to say, what it comes to of a rule
 * hits.h's.  Here both are asked of the bridges, at the interval of
 * statistics or since somebody wants to know at once, and what tunnels and
 * filters have new counters is remembered for the one who writes rows. */
#ifndef PLUGIN_COUNTS_H
#define PLUGIN_COUNTS_H 1

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "flows/counting.h"
#include "plugin/bridge_link.h"
#include "plugin/copy_counters.h"
#include "plugin/desired_state.h"
#include "plugin/hits.h"
#include "plugin/plan.h"

namespace pm {

class Counts {
public:
    using Links = std::map<std::string, std::unique_ptr<BridgeLink>>;

    /* All of these are the caller's, and are to outlive this. */
    Counts(const DesiredState &desired, const Actual &actual,
           const Links &links)
        : desired_(desired), actual_(actual), links_(links), copies_(desired)
    {
    }

    /* Begins a count, if one is due. */
    void run();
    /* Asks what is to be asked next, of bridges that do nothing else. */
    void ask();
    void wait(bool runs) const;

    /* What comes from a bridge.  All flows have been read, and their counters
     * with them; */
    void read(const std::string &bridge, const LinkEvent &);
    /* sums have; if they tell that somebody else added or deleted flows or
     * meters, or changed a group, all is read anew; */
    void summed(const std::string &bridge, const LinkEvent &);
    /* some flows have; */
    void counted(const std::string &bridge, const LinkEvent &);
    /* these edits are in force, by which these flows have come; */
    void applied(const std::string &bridge, const std::vector<FlowEdit> &edits,
                 const std::vector<const Flow *> &came);
    /* a meter is; */
    void metered(const FlowOwner &);
    /* its connection, or itself, is gone. */
    void lost(const std::string &bridge);

    /* Status rows have come. */
    void share(const ModelDelta &delta) { copies_.share(delta); }
    /* A tunnel is gone. */
    void forget(const Uuid &tunnel);
    /* A filter's row is, and its number may become another's. */
    void forget_filter(const Uuid &filter, int64_t number);

    /* Calls 'done' once counters have been read from the switch anew, of each
     * bridge of which they can be, or when that takes too long. */
    void with_fresh(std::function<void()> done);
    const CopyCounters &copies() const { return copies_; }
    /* The filter's status row with its rules' hits as last read; nullopt
     * while it has none. */
    std::optional<FilterStatus> hits_of(const Uuid &filter);
    /* Copies that the budget of all copies did not let through, by bridge,
     * since its meter came. */
    const std::map<std::string, uint64_t> &over_budget() const
    {
        return over_budget_;
    }
    /* Bridges whose budget had no room lately. */
    const std::set<std::string> &exceeded() const { return exceeded_; }

    /* Of whom something else has been counted since they were last taken. */
    std::set<Uuid> take_tunnels();
    std::set<Uuid> take_filters() { return std::exchange(filters_, {}); }

private:
    static constexpr int64_t FRESH_MS = 2000;

    struct Waiter {
        std::set<std::string> bridges; /* Whose counts are under way. */
        int64_t until_ms;
        std::function<void()> done;
    };

    void begin(const std::string &bridge);
    void end(const std::string &bridge);
    void release_waiters(const std::string &bridge);
    void answer_waiters();
    void judge_budgets();
    size_t flows_on(const std::string &bridge) const;
    std::map<FlowOwner, int64_t> rates_on(const std::string &bridge) const;
    bool are_as_known(const std::string &bridge,
                      const std::vector<Flow> &groups) const;
    bool is_elsewhere(const std::string &bridge, const FlowOwner &) const;
    bool is_for_delivery(const std::string &bridge) const;
    void note_flows(const std::string &bridge, const LinkEvent &,
                    const CookieMask &which);
    void note_hits(const std::string &bridge, const std::vector<FlowStats> &,
                   const CookieMask &which);
    void note_meters(const std::string &bridge,
                     const std::map<uint32_t, MeterStats> &);
    void begin_counters(const std::string &bridge, const Flow &);
    void forget_hits(const std::string &bridge, const Flow &);

    const DesiredState &desired_;
    const Actual &actual_;
    const Links &links_;

    CopyCounters copies_;
    std::map<std::string, Counting> counting_; /* By bridge. */
    /* Likewise: as read with the sums of a count that is under way. */
    std::map<std::string, std::map<uint32_t, MeterStats>> summed_meters_;
    std::map<std::string, uint64_t> over_budget_, over_budget_before_;
    std::set<std::string> exceeded_;
    Hits hits_;
    std::set<Uuid> tunnels_, filters_; /* That were not taken yet. */
    int64_t next_ms_ = 0;              /* 0: the first is not due yet. */
    std::vector<Waiter> waiters_;
};

} // namespace pm

#endif /* PLUGIN_COUNTS_H */
