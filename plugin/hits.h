/* How many packets each rule of a filter decided on (core).
 *
 * The switch counts by flow, and forgets when a flow is made anew or
 * ovs-vswitchd is; a Filter_Status row never counts backwards.  Beside a
 * rule's hits the row has a base, what to add to the switch's own count to
 * get them, by which a daemon that begins anew goes on where the last one
 * ended. */
#ifndef PLUGIN_HITS_H
#define PLUGIN_HITS_H 1

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "flows/counting.h"
#include "flows/flow.h"
#include "plugin/model.h"

namespace pm {

/* One flow of a rule, as the switch counts it. */
struct RuleCount {
    FlowKey key;
    uint64_t cookie = 0;
    int64_t packets = 0;
};

class Hits {
public:
    /* The flows of rules on 'bridge' have been counted: all of them the first
     * time, else all of the filters whose cookies 'which' covers.  Returns the
     * numbers of those that have flows, or packets decided, since. */
    std::set<int64_t> counted(const std::string &bridge,
                              const std::vector<RuleCount> &,
                              const CookieMask &which = counted_flows());
    bool has_counted(const std::string &bridge) const
    {
        return seen_.count(bridge);
    }

    bool has_counted(const std::string &bridge, int64_t number) const;

    /* A flow of a filter has gone from 'bridge', or come, or come back: it
     * counts from zero if it is counted again.  'key' as counted() had it. */
    void forget_flow(const std::string &bridge, int64_t number,
                     const FlowKey &key);

    /* Brings the hits of 'filter's rules in its status row, 'status', up to
     * date.  Rules that are not installed and never were have none.  Call it
     * only once every bridge of ours has been counted. */
    void fold(const Uuid &id, const Filter &filter, FilterStatus *status);
    /* The filter's row is gone, and its number may become another's. */
    void forget(const Uuid &id, int64_t number);

private:
    using RuleKey = std::pair<Direction, int>;
    using RuleSums = std::map<RuleKey, int64_t>;

    struct Seen {
        RuleKey rule;
        int64_t packets = 0;
    };
    using SeenFlows = std::map<FlowKey, Seen>;

    /* By bridge and filter number: flows as last counted. */
    std::map<std::string, std::map<int64_t, SeenFlows>> seen_;
    /* By filter number: what came since the last fold(). */
    std::map<int64_t, RuleSums> news_;
    std::map<Uuid, RuleSums> totals_;
};

} // namespace pm

#endif /* PLUGIN_HITS_H */
