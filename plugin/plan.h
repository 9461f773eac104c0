/* What must be done to the switch, in the order in which it must be done
 * (core).
 *
 *   1. status   a row that speaks for the tunnel, committed first (the flows
 *               of a tunnel without one are not desired: status.h);
 *   2. meters   those that come or change, before a bundle of their bridge:
 *               a flow that names a meter which is not there is refused;
 *   3. flows    one atomic bundle a bridge: what stops, what changes, and
 *               what starts with its rows already in force.  What delivers
 *               in a VPC comes before the flows that send to it, and goes
 *               after the proof that nothing does;
 *   4. prove    that the datapath does as the flows say: that it copies no
 *               more for what stopped, and follows what changed;
 *   5. meters   that go: deleting one deletes the flows that name it, so
 *               only after them, and after the proof;
 *   6. rows     one transaction; deletions only when nothing is unproven, a
 *               NIC's own only while its tap's flows are away;
 *   7. wait     for vswitchd's cur_cfg; then flows again for what starts.
 *
 * The order is privacy and correctness, not style: OVS goes on copying for a
 * Mirror row that is gone, and misses connections older than a row that is
 * new, until a flow_mod makes it look again.
 *
 * A plan is made anew in each pass from what is actually there, so a step
 * that failed, or that somebody undid, is simply in the next plan. */
#ifndef PLUGIN_PLAN_H
#define PLUGIN_PLAN_H 1

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "flows/egress.h"
#include "flows/meter.h"
#include "plugin/desired_state.h"

namespace pm {

/* A tunnel that stopped copying. */
struct Stopped {
    /* What its copies looked like, as far as that is known. */
    std::vector<EgressSpec> specs;
    std::string bridge; /* Of ours, where it copied; empty: not known. */
    /* Tells this stop from a later one of the same tunnel. */
    uint64_t stop = 0;

    bool operator==(const Stopped &) const = default;
};

/* What one proof covers. */
struct ProofSubject {
    std::map<int64_t, Stopped> stopped; /* Tunnels, by number. */
    /* Owners whose flows changed, each with what tells this change from a
     * later one. */
    std::map<OwnerKey, uint64_t> changed;
};

/* What is in place, as far as it is ours. */
struct Actual {
    SwitchRows rows;
    /* They are known to be as desired, so that nobody need compare them. */
    bool rows_as_desired = false;
    /* By bridge, then owner.  A bridge whose flows have not been read since
     * it (re)connected is absent: its flows are unknown. */
    std::map<std::string, std::map<FlowOwner, FlowList>> flows;
    /* Rates of the meters of the same bridges, by bridge, then owner; 0 for a
     * meter that is not as we write it. */
    std::map<std::string, std::map<FlowOwner, int64_t>> meters;
    /* Tunnels that stopped copying without proof yet, by number. */
    std::map<int64_t, Stopped> unproven;
    /* Owners whose flows changed, of which it is not proven that the datapath
     * follows: with thousands of connections it does some time after the
     * switch has taken the bundle.  Their bridge is "" if it is not known. */
    std::map<OwnerKey, uint64_t> unfollowed;
    uint64_t steps = 0; /* So many stops and changes there have been. */
    /* Bridges of which somebody else may have changed flows since the last
     * bundle of ours. */
    std::set<std::string> disturbed;
    /* Bridges of ours in the database that are not on the switch, since
     * vswitchd cannot make them: there is no flow there to be known. */
    std::set<std::string> unmade;
    /* Flows of bridges that were lost, until they are read again. */
    std::map<std::string, std::map<FlowOwner, FlowList>> before_loss;
    /* A bundle is under way: what it stops is not in 'unproven' yet. */
    bool changing = false;

    /* Flows of every bridge of ours are known. */
    bool flows_known() const;
    /* Some bridge has flows of this owner. */
    bool has(const FlowOwner &) const;
    /* Those of an owner on a bridge, as far as they are known. */
    const FlowList &flows_of(const OwnerKey &) const;
    /* A tap of 'keys' has a flow that is such. */
    bool any_tap(const std::set<OwnerKey> &keys,
                 const std::function<bool(const Flow &)> &is_such) const;
    /* The number is in use on the switch, or may be. */
    bool is_busy(FlowOwner::Kind, int64_t number) const;

    /* The tunnel may have copied so and must not any more. */
    void stopped(int64_t number, const std::vector<EgressSpec> &,
                 const std::string &bridge);
    /* It copies so again, and rightly. */
    void resumed(int64_t number, const EgressSpec &,
                 const std::string &bridge);
    /* The daemon before us, which had these status rows, may have stopped any
     * tunnel and changed any filter without proof, whatever is there now. */
    void inherit(const Model &, const std::string &chassis);
    /* Nothing is unproven but that, as far as it is known. */
    bool only_inherited() const;
    ProofSubject to_prove() const { return {unproven, unfollowed}; }
    bool all_proven() const { return unproven.empty() && unfollowed.empty(); }
    /* A proof that covers these, and nothing later, has ended well. */
    void proven(const ProofSubject &);
    /* A bridge's flows and meters have been read.  If the flows differ from
     * what they were known to be, which somebody else must have done, returns
     * those that are not as they were any more. */
    std::optional<FlowLoss> take_read(const std::string &bridge,
                                      std::map<FlowOwner, FlowList> read,
                                      std::map<FlowOwner, int64_t> meters);
    /* A bridge's connection, or the bridge, is gone.  Whether what copied
     * there still does is not known. */
    void lose(const std::string &bridge);
};

struct Plan {
    /* By bridge; those of a bridge go before its flows. */
    std::map<std::string, std::vector<MeterEdit>> meters;
    std::map<std::string, std::vector<FlowEdit>> flows;
    /* Bridges of which cached datapath flows may be wrong for good unless they
     * are renewed. */
    std::set<std::string> renew;
    bool prove = false;
    std::vector<RowEdit> rows;
    /* Owners that were found to be as desired. */
    std::vector<OwnerKey> settled;
    /* What waits, and for what. */
    std::vector<std::string> waiting;

    bool empty() const;
    /* One line an edit, in order. */
    std::vector<std::string> describe() const;
};

/* Returns the edits that turn 'actual' into 'desired', in the order they must
 * be made.  Rows without our mark are in neither and are never edited.
 * 'may_delete' false keeps rows to be deleted for a later plan. */
std::vector<RowEdit> diff_rows(const SwitchRows &actual,
                               const SwitchRows &desired, bool may_delete);

/* Returns the plan for the owners in 'outstanding' (whose desired or actual
 * flows changed since they were last equal), and removes from it those that
 * turn out to be equal.  Owners on bridges that are 'busy', and take no edits
 * for now, are left for later: comparing a large bundle each time that
 * something happens until it is there would cost more than the bundle.  What
 * is copied otherwise than desired because the switch 'refused' an owner's
 * flows or meter is stopped. */
Plan make_plan(const Actual &actual, const DesiredState &desired,
               std::set<OwnerKey> *outstanding,
               const std::set<std::string> &busy = {},
               const std::map<OwnerKey, std::string> &refused = {});

/* Keeps the flows of those of 'settled' that are as desired once, as desired
 * and as actual. */
void share_flows(Actual *actual, const DesiredState &desired,
                 const std::vector<OwnerKey> &settled);

/* Completes the edits of a bridge's bundle: on a switch that has to be told so
 * the cached datapath flows are made anew with it. */
void renew(const Actual &actual, const DesiredState &desired,
           const std::string &bridge, std::vector<FlowEdit> *edits);

/* Puts a bundle that the switch accepted in place: 'actual' as it is then.
 * Tunnels whose egress flows went are unproven from there on, owners whose
 * flows changed unfollowed.  Returns those flows of 'edits' that have come,
 * not in another's place: the switch counts them from zero. */
std::vector<const Flow *> apply_bundle(Actual *actual,
                                       const std::string &bridge,
                                       const std::vector<FlowEdit> &edits);
/* The same of a meter. */
void apply_meter(Actual *actual, const std::string &bridge, const MeterEdit &);

} // namespace pm

#endif /* PLUGIN_PLAN_H */
