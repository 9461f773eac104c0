/* What the flows of our bridge are written with (core): actions, and matches
 * of the registers that tables hand to each other. */
#ifndef FLOWS_ACTIONS_H
#define FLOWS_ACTIONS_H 1

#include <cstdint>
#include <string>

#include "flows/pipeline.h"

namespace pm {

std::string hex(uint64_t);
std::string set_register(int reg, uint64_t value);
std::string resubmit(FlowTable);
std::string meter_action(const FlowOwner &);
/* reg0 is the direction, and 'reg' has 'number'. */
std::string match_registers(Direction, int reg, int64_t number);

} // namespace pm

#endif /* FLOWS_ACTIONS_H */
