/* Rate limits as OpenFlow meters, as values (core).
 *
 * An owner of flows has one meter at most: a tunnel's limits its copies, that
 * of a bridge's base all copies of the bridge, or what it hands the daemon.  A
 * flow that names a meter is refused before the meter is there and deleted
 * with it, and bundles carry no meters, so the order matters: see plan.h. */
#ifndef FLOWS_METER_H
#define FLOWS_METER_H 1

#include <cstdint>
#include <string>

#include "flows/pipeline.h"

namespace pm {

/* The number of an owner's meter on its bridge: a tunnel's own number, and one
 * that no tunnel can have for all copies of the bridge. */
inline constexpr uint32_t METER_OF_ALL = NUMBER_MAX + 1;
uint32_t meter_of(const FlowOwner &);
/* Whose meter it is on a bridge of ours; Stray if nobody's. */
FlowOwner owner_of_meter(uint32_t meter);

/* How much may pass at once, in kbit: a tenth of a second's worth, so that a
 * limit holds over a second, and at least one 64-kB frame, or a low limit
 * would let nothing through at all. */
int64_t burst_of(int64_t rate_kbps);

struct MeterEdit {
    enum class Op { Add, Modify, Delete } op = Op::Add;
    FlowOwner owner;
    int64_t rate_kbps = 0; /* 0 for Delete. */

    bool operator==(const MeterEdit &) const = default;
    std::string to_string() const;
};

} // namespace pm

#endif /* FLOWS_METER_H */
