/* What stops because the switch refuses something (core; part of
 * make_plan()). */
#ifndef PLUGIN_PLAN_REFUSED_H
#define PLUGIN_PLAN_REFUSED_H 1

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

} // namespace pm

#endif /* PLUGIN_PLAN_REFUSED_H */
