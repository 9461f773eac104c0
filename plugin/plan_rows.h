/* The part of a plan that rows of the switch database have in it (core): see
 * plan.h for the order. */
#ifndef PLUGIN_PLAN_ROWS_H
#define PLUGIN_PLAN_ROWS_H 1

#include "plugin/plan.h"

namespace pm {

/* Puts into 'plan' the edits of rows, or what they wait for.  'may_delete':
 * nothing copies that must not any more. */
void plan_rows(const Actual &, const DesiredState &, bool may_delete,
               Plan *plan);

} // namespace pm

#endif /* PLUGIN_PLAN_ROWS_H */
