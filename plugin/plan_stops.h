/* What stops because it cannot be as it should (core; part of make_plan()). */
#ifndef PLUGIN_PLAN_STOPS_H
#define PLUGIN_PLAN_STOPS_H 1

#include <map>
#include <set>
#include <string>

#include "plugin/plan.h"

namespace pm {

/* What a tunnel sends while the switch refuses to let it have another filter,
 * destination or length, or its first limit, is by a policy that has been
 * withdrawn.  Turns the edits of such tunnels into deletions.  Returns whether
 * there are any.  A meter that the switch refuses to change keeps its rate. */
bool stop_refused(const Actual &, const DesiredState &,
                  const std::set<OwnerKey> &outstanding,
                  const std::set<std::string> &busy,
                  const std::map<OwnerKey, std::string> &refused, Plan *);

/* 'waiting' are tunnels whose flows must wait, for a delivery or a meter.  To
 * go on to another destination than is wanted, or with more of a frame, is
 * right for as long as what its frames pass before goes on as it was too: by
 * the new filter to the old destination is what no policy says.  Turns the
 * edits of those of whom another filter, or other rules of theirs, are in
 * 'plan' into deletions. Returns whether there are any. */
bool stop_halves(const Actual &, const DesiredState &,
                 const std::vector<OwnerKey> &waiting, Plan *);

/* A filter whose new rules are put off, for a tunnel that goes on as it was,
 * does as it did for all; by its former rules to a new destination, or more of
 * a frame, is what no policy says either.  So of the tunnels that were edited
 * together with it, or since, one that is to send more goes on as it was too,
 * and one that the filter is new to sends nothing, until the rules are in
 * force.  'busy' as for make_plan().  Returns whether there are deletions. */
bool wait_for_filters(const Actual &, const DesiredState &,
                      const std::set<std::string> &busy, Plan *);

} // namespace pm

#endif /* PLUGIN_PLAN_STOPS_H */
