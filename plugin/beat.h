/* When what the daemon asks again and again is asked (core).
 *
 * All of it in the same pass, once a second: each question that comes by
 * itself makes ovs-vswitchd go round its main loop, in which the userspace
 * datapath looks at every port, and whoever else waits for the daemon's own
 * loop pays for another pass of it. */
#ifndef PLUGIN_BEAT_H
#define PLUGIN_BEAT_H 1

#include <cstdint>

namespace pm {

inline constexpr int64_t BEAT_MS = 1000;

/* The first beat after 'now_ms'. */
inline int64_t
beat_after(int64_t now_ms)
{
    return (now_ms / BEAT_MS + 1) * BEAT_MS;
}

} // namespace pm

#endif /* PLUGIN_BEAT_H */
