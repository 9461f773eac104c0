/* The part of a plan that waits for nobody (core; see plan.h). */
#ifndef PLUGIN_PLAN_REVOCATIONS_H
#define PLUGIN_PLAN_REVOCATIONS_H 1

#include "plugin/plan.h"

namespace pm {

/* Leaves in the plan what takes away all that a tunnel sends, of whom nothing
 * is to be sent any more, and the proof of it.  That copies nothing that
 * policy does not admit, whoever else acts on the switch; to delete a tap's or
 * a filter's flows might. */
void keep_revocations(const Actual &actual, const DesiredState &desired,
                      Plan *plan);

} // namespace pm

#endif /* PLUGIN_PLAN_REVOCATIONS_H */
