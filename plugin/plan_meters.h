/* The part of a plan that meters have in it (core): see plan.h for the order.
 */
#ifndef PLUGIN_PLAN_METERS_H
#define PLUGIN_PLAN_METERS_H 1

#include "plugin/plan.h"

namespace pm {

/* Puts into 'plan' what an owner's meter must come to, or what that waits for.
 * 'flows_differ': its flows are not as desired.  Returns false if there is
 * anything. */
bool plan_meter(const Actual &, const DesiredState &, const OwnerKey &,
                bool flows_differ, Plan *plan);

/* Whether the owner's flows must wait for a meter: its own, or, where copies
 * leave, that of all copies. */
bool must_wait_for_meter(const Actual &, const DesiredState &,
                         const OwnerKey &);

} // namespace pm

#endif /* PLUGIN_PLAN_METERS_H */
