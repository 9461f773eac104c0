/* Our texts for flows that a switch spells its own way (adapter). */
#ifndef FLOWS_SPELLING_H
#define FLOWS_SPELLING_H 1

#include <map>
#include <set>
#include <vector>

#include "flows/flow.h"

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

} // namespace pm

#endif /* FLOWS_SPELLING_H */
