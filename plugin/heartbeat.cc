#include "plugin/heartbeat.h"

namespace pm {

namespace {

ConditionStatus
host_alive(int64_t heartbeat_ms, int64_t now_ms)
{
    if (!heartbeat_ms) {
        return ConditionStatus::Unknown;
    }
    int64_t silent_ms = now_ms - heartbeat_ms;
    /* One of a clock that is ahead would speak for a dead host until then. */
    return silent_ms > HOST_SILENCE_MS    ? ConditionStatus::False
           : silent_ms < -HOST_SILENCE_MS ? ConditionStatus::Unknown
                                          : ConditionStatus::True;
}

} // namespace

Condition
host_condition(const std::string &chassis, int64_t heartbeat_ms,
               int64_t now_ms)
{
    Condition condition{host_alive(heartbeat_ms, now_ms), ""};
    if (condition.status == ConditionStatus::False) {
        condition.reason =
            "HOST_DEAD: hypervisor " + chassis +
            " has not been heard of for three minutes: see that ovs-mirrord "
            "runs there and reaches the database";
    } else if (condition.status == ConditionStatus::Unknown) {
        condition.reason =
            heartbeat_ms
                ? "HOST_CLOCK: the last heartbeat of hypervisor " + chassis +
                      " lies more than three minutes ahead: set its clock, "
                      "or the one here, right"
                : "HOST_UNKNOWN: hypervisor " + chassis +
                      " has sent no heartbeat yet: see that ovs-mirrord runs "
                      "there";
    }
    return condition;
}

} // namespace pm
