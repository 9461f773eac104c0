/* What the switch refused, and what is sent because of it (core).
 *
 * A bundle is all or nothing, so one flow that the switch refuses would keep
 * everybody's edits out, revocations among them.  After a refusal those of a
 * bridge's owners go first who merely lose flows, owner by owner if that is
 * refused too, and the rest follows owner by owner; an owner refused by itself
 * is tried again every second and holds up no other.  Meters are refused one
 * by one.  What is copied by a policy that the switch does not let go of is
 * stopped: see plan_stops.h. */
#ifndef PLUGIN_REFUSALS_H
#define PLUGIN_REFUSALS_H 1

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "plugin/plan.h"

namespace pm {

class Refusals {
public:
    static constexpr int64_t RETRY_MS = 1000;

    /* A bundle of these edits came to this end. */
    void refused(const std::string &bridge, const std::vector<FlowEdit> &,
                 const std::string &error, int64_t now_ms);
    void applied(const std::string &bridge, const std::vector<FlowEdit> &);
    /* A meter's edit came to this end; 'error' is empty if it was made. */
    void judged(const std::string &bridge, const MeterEdit &,
                const std::string &error, int64_t now_ms);
    /* The connection is new: the switch may be another. */
    void forget(const std::string &bridge);

    /* Leaves in 'edits', all that a bridge lacks, what goes into its next
     * bundle. */
    void select(const std::string &bridge, std::vector<FlowEdit> *edits,
                int64_t now_ms);

    void select(const std::string &bridge, std::vector<MeterEdit> *edits,
                int64_t now_ms);

    /* Why an owner's flows, or its meter, are refused. */
    std::map<OwnerKey, std::string> reasons() const;
    /* When the first of a bridge is tried again, or 0. */
    int64_t next_ms(const std::string &bridge) const;

private:
    struct Refusal {
        std::string error;
        int64_t retry_ms = 0;
        bool of_going = false; /* Of edits that were deletions alone. */
    };

    std::map<OwnerKey, Refusal> refusals_;
    std::map<OwnerKey, Refusal> meters_;
    /* Bridges, and those of them where that holds of mere losses, too. */
    std::set<std::string> one_by_one_, losses_one_by_one_;
};

} // namespace pm

#endif /* PLUGIN_REFUSALS_H */
