#include "flows/meter.h"

#include <algorithm>

namespace pm {

namespace {
constexpr int64_t BURST_MIN_KBIT = 64 * 8 + 13; /* 65,535 bytes, rounded up. */
constexpr int64_t BURSTS_A_SECOND = 10;
} // namespace

uint32_t
meter_of(const FlowOwner &owner)
{
    return owner.kind == FlowOwner::Base ? METER_OF_ALL : owner.number;
}

FlowOwner
owner_of_meter(uint32_t meter)
{
    if (meter == METER_OF_ALL) {
        return {FlowOwner::Base, 0};
    }
    return {meter <= NUMBER_MAX ? FlowOwner::Egress : FlowOwner::Stray, meter};
}

int64_t
burst_of(int64_t rate_kbps)
{
    return std::max(rate_kbps / BURSTS_A_SECOND, BURST_MIN_KBIT);
}

std::string
MeterEdit::to_string() const
{
    const char *verb = op == Op::Add      ? "add"
                       : op == Op::Modify ? "modify"
                                          : "delete";
    std::string text =
        std::string(verb) + " meter " + std::to_string(meter_of(owner)) +
        " of " +
        (owner.kind == FlowOwner::Base ? "the bridge" : owner.to_string());
    if (op != Op::Delete) {
        text += ": " + std::to_string(rate_kbps) + " kbit/s";
    }
    return text;
}

} // namespace pm
