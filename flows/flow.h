/* An OpenFlow flow as a plain value (core).
 *
 * 'match' and 'actions' are in ovs-ofctl(8) syntax, without table, priority
 * and cookie.  Two texts may mean one flow: flows/openflow.h compares what is
 * on a switch by parsed form, never by text. */
#ifndef FLOWS_FLOW_H
#define FLOWS_FLOW_H 1

#include <compare>
#include <cstdint>
#include <set>
#include <string>

#include "plugin/shared.h"
#include "plugin/shared_text.h"

namespace pm {

/* A group, which bundles carry like flows, stands among them: in this table,
 * which no flow can be in, its match is "group_id=N" and its actions are
 * "type=T,bucket=...". */
inline constexpr uint8_t GROUP_TABLE = 255;

struct FlowKey {
    uint8_t table = 0;
    uint16_t priority = 0;
    std::string match; /* "tcp,reg0=0x1,reg1=0x5"; empty matches all. */

    auto operator<=>(const FlowKey &) const = default;
};

struct Flow {
    FlowKey key;
    uint64_t cookie = 0;
    SharedText actions; /* "resubmit(,2)" or "drop". */

    auto operator<=>(const Flow &) const = default;
    /* "table=1,priority=3,cookie=0x...,MATCH actions=ACTIONS". */
    std::string to_string() const;
};

/* Of one owner.  Copies share them: of thousands both what is desired and what
 * is there is kept. */
using FlowList = SharedVector<Flow>;

/* Flows that somebody else deleted or changed, as they were before. */
struct FlowLoss {
    std::set<Flow> deleted, changed;
};

/* One edit of a flow table.  Add replaces a flow of the same key and keeps
 * its counters (ovs-ofctl(8), add-flow without reset_counts). */
struct FlowEdit {
    enum class Op { Add, Delete } op = Op::Add;
    Flow flow; /* For Delete only the key counts. */

    auto operator<=>(const FlowEdit &) const = default;
    std::string to_string() const;
};

} // namespace pm

#endif /* FLOWS_FLOW_H */
