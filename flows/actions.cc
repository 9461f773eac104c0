#include "flows/actions.h"

#include <cstdio>

#include "flows/meter.h"

namespace pm {

std::string
hex(uint64_t value)
{
    char text[19];
    std::snprintf(text, sizeof text, "0x%llx",
                  static_cast<unsigned long long>(value));
    return text;
}

std::string
set_register(int reg, uint64_t value)
{
    return "set_field:" + hex(value) + "->reg" + std::to_string(reg);
}

std::string
resubmit(FlowTable table)
{
    return "resubmit(," + std::to_string(table) + ")";
}

std::string
meter_action(const FlowOwner &owner)
{
    return "meter:" + std::to_string(meter_of(owner));
}

std::string
match_registers(Direction direction, int reg, int64_t number)
{
    return "reg0=" + hex(direction_code(direction)) + ",reg" +
           std::to_string(reg) + "=" + hex(number);
}

} // namespace pm
