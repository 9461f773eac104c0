/* How often a hypervisor says that it is there, and what is said of one that
 * has not (core).
 *
 * The heartbeat is in its Chassis row; three missed make HostAlive False. */
#ifndef PLUGIN_HEARTBEAT_H
#define PLUGIN_HEARTBEAT_H 1

#include <cstdint>
#include <string>

#include "plugin/model.h"

namespace pm {

inline constexpr int64_t HEARTBEAT_MS = 60000;
inline constexpr int64_t HOST_SILENCE_MS = 3 * HEARTBEAT_MS;

/* HostAlive of a hypervisor that was last heard of then, in ms since the
 * epoch (0: never), in the words of a status. */
Condition host_condition(const std::string &chassis, int64_t heartbeat_ms,
                         int64_t now_ms);

} // namespace pm

#endif /* PLUGIN_HEARTBEAT_H */
