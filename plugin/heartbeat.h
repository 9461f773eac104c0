/* How often a hypervisor says that it is there, and when it is taken for
 * dead (core).
 *
 * The heartbeat is in its Chassis row; three missed make HostAlive False. */
#ifndef PLUGIN_HEARTBEAT_H
#define PLUGIN_HEARTBEAT_H 1

#include <cstdint>

namespace pm {

inline constexpr int64_t HEARTBEAT_MS = 60000;
inline constexpr int64_t HOST_SILENCE_MS = 3 * HEARTBEAT_MS;

} // namespace pm

#endif /* PLUGIN_HEARTBEAT_H */
