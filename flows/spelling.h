/* Our texts for flows that a switch spells its own way (adapter). */
#ifndef FLOWS_SPELLING_H
#define FLOWS_SPELLING_H 1

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "flows/cookie.h"
#include "flows/openflow.h"

namespace pm {

/* Of one owner's flows. */
class Spelling {
public:
    /* The flows, which must outlive this, are ours: later ones count where
     * two mean the same. */
    void know(const std::vector<Flow> &flows);

    /* Returns a flow as it was read under the text that is known of it, or
     * under its match's where another flow of that match is known. */
    Flow ours(const Flow &read);

private:
    struct Before {
        bool operator()(const Flow *a, const Flow *b) const { return *a < *b; }
    };
    void normalise_known();

    /* The latest known: most flows are spelled alike, and need not be
     * parsed. */
    std::set<const Flow *, Before> texts_;
    std::vector<const std::vector<Flow> *> known_;
    bool normalised_ = false;
    /* What the switch makes of our flows -> our flows. */
    std::map<FlowKey, std::map<Flow, const Flow *>> normal_;
};

/* All flows of a bridge of ours by owner, each under our text where one is
 * known.  Whoever's cookie is not ours, the flow is a stray one.  'known' has
 * a Spelling know what there is of an owner. */
std::map<FlowOwner, FlowList>
by_owner(const std::vector<FlowStats> &read,
         const std::function<void(const FlowOwner &, Spelling *)> &known);

} // namespace pm

#endif /* FLOWS_SPELLING_H */
