/* What this hypervisor says of a filter (core). */
#ifndef PLUGIN_FILTER_STATUS_H
#define PLUGIN_FILTER_STATUS_H 1

#include <cstdint>
#include <optional>
#include <set>

#include "plugin/desired_state.h"
#include "plugin/plan.h"

namespace pm {

/* Returns what the filter's status row is to become, or nullopt where it is to
 * stay as it is, or is not needed.  A row comes, as a tunnel's does, before
 * the switch is touched: its flows bear 'number', which is used for a row that
 * is new.  'counted' is the row with hits as last read, if they are known. */
std::optional<FilterStatus>
desire_filter_status(const Uuid &filter, const DesiredState &, const Actual &,
                     const std::set<OwnerKey> &outstanding, int64_t number,
                     const std::optional<FilterStatus> &counted,
                     int64_t now_ms);

/* The numbers of filters to which taps on the switch, which are to be changed
 * and could not be yet, hand frames. */
std::set<int64_t> named_filters(const Actual &,
                                const std::set<OwnerKey> &outstanding);

/* Whether no flow of the filter's is left and no tap names it, so that its
 * row, of a filter that is not needed any more, may go, and its number be
 * another's. */
bool is_filter_gone(const FilterStatus &, const Actual &,
                    const std::set<int64_t> &named);

} // namespace pm

#endif /* PLUGIN_FILTER_STATUS_H */
