/* How a tunnel's copies leave: tables EGRESS, BALANCE, SPREAD and LIMIT (core;
 * see pipeline.h). */
#ifndef FLOWS_EGRESS_H
#define FLOWS_EGRESS_H 1

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "flows/flow.h"
#include "plugin/model.h"

namespace pm {

/* Of pkt_mark a balanced tunnel's first handle has the lower bits while a
 * frame passes our own pair; renewal_flow() has the others. */
inline constexpr int HANDLE_BITS = 14;

/* How one tunnel's copies leave. */
struct EgressSpec {
    IpAddress source, destination; /* Outer; of one family. */
    int64_t vni = 0;
    int vxlan_port = 0; /* OpenFlow port number. */
    /* Bytes kept of a frame; absent when no frame can be longer. */
    std::optional<int> max_len;
    bool count_only = false;
    /* Of a balanced tunnel: the handle that has each slot; 'destination' is
     * the first. */
    std::vector<int64_t> slots = {};
    int balance_port = 0; /* OpenFlow port that leads to BALANCE. */
    /* Of frames before the cut; absent: no limit of its own. */
    std::optional<int64_t> rate_kbps;
    bool budgeted = false; /* All copies of the bridge have a limit. */

    /* Whether meters stand in the way of a copy. */
    bool limited() const { return rate_kbps || budgeted; }
    auto operator<=>(const EgressSpec &) const = default;
};

std::vector<Flow> egress_flows(int64_t tunnel, const EgressSpec &);
/* The cookie that a group of ours would bear; 0 for somebody else's. */
uint64_t cookie_of_group(const Flow &group);
/* Source, destination and VNI of an egress flow's actions, ours or as a
 * switch gives them back; nullopt where nothing is sent. */
std::optional<EgressSpec> parse_egress(const std::string &actions);
/* Bytes that the copy of such a flow keeps of a frame; nullopt where all is
 * kept, or nothing is sent. */
std::optional<int> kept_by(const std::string &actions);

} // namespace pm

#endif /* FLOWS_EGRESS_H */
