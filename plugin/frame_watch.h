/* Sees frames with a probe's mark pass the host's network devices (adapter).
 *
 * A packet socket on all devices (packet(7)), with a filter in the kernel that
 * lets through nothing but copies that bear the mark: VXLAN to UDP 4789, by
 * itself or inside of VXLAN or Geneve, over IPv4 or IPv6, VLAN-tagged or not.
 * Needs CAP_NET_RAW.  Frames that a process moves without the kernel, as DPDK
 * does, are not seen. */
#ifndef PLUGIN_FRAME_WATCH_H
#define PLUGIN_FRAME_WATCH_H 1

#include <optional>
#include <set>
#include <string>

#include "plugin/probe.h"

namespace pm {

class FrameWatch {
public:
    /* On failure returns nullopt and sets '*error' to why. */
    static std::optional<FrameWatch> open(uint32_t mark, std::string *error);
    ~FrameWatch();
    FrameWatch(FrameWatch &&) noexcept;
    FrameWatch &operator=(FrameWatch &&) noexcept;

    /* What passed since the last call. */
    std::set<Sighting> take();
    void wait() const;

private:
    FrameWatch(int fd, uint32_t mark) : fd_(fd), mark_(mark) {}

    int fd_ = -1;
    uint32_t mark_ = 0;
};

} // namespace pm

#endif /* PLUGIN_FRAME_WATCH_H */
