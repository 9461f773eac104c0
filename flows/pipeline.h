/* The tables of our own bridge (core).
 *
 *     patch port, one a NIC and direction, or one a direction for the NICs
 *        |         of a bridge that share a pair of Mirrors
 *        v
 *   +- 0 TAP ----------------------------------------------------------+
 *   | 400  renewal, on some switches: never matches                    |
 *   | 350  in_port, of our own pair: resubmit(,8)                      |
 *   | 350  in_port, where no tunnel of the NIC admits anything in its  |
 *   |        direction: drop, before anything but the port is looked at |
 *   | 300  UDP whose guards have not been asked: resubmit(,7)          |
 *   | 250  as 150, OVS's own tag: pop it, then as below                |
 *   | 200  as 100, OVS's own tag: pop it, then as below                |
 *   | 150  in_port, the NIC's MAC, where NICs share the port, or not   |
 *   |        all of the NIC's tunnels get what is flooded              |
 *   | 100  in_port: reg0 = direction; for each tunnel of the NIC       |
 *   |        reg1 = filter, reg2 = tunnel, resubmit(,1)                |
 *   |        without a filter: reg2 = tunnel, resubmit(,2)             |
 *   |        where NICs share it, of group addresses only: for each    |
 *   |        NIC reg3 = NIC, resubmit(,5)                              |
 *   +------------------------------------------------------------------+
 *   +- 7 GUARD, of UDP -----------------------------------------------+
 *   | 300  copies (UDP 4789 to a collector; or from our outer source   |
 *   |        to another destination of ours): drop                     |
 *   | 290  in_port, outbound, UDP 4789 with the copies' mark, from an  |
 *   |        address of the NIC's own: as 100 (tagged, 295: as 200)    |
 *   | 280  UDP 4789 with the copies' mark: drop                        |
 *   |   0  reg5 = asked, resubmit(,0)                                  |
 *   +------------------------------------------------------------------+
 *   +- 5 MEMBER: a NIC that shares, and a frame for all of them -------+
 *   | 150  reg3, from its own MAC: drop, it has not received that      |
 *   | 100  reg3: for each tunnel of the NIC, as in table 0             |
 *   +------------------------------------------------------------------+
 *   +- 1 FILTER, once a filter however many tunnels share it ----------+
 *   | 40000 - N  reg0, reg1, rule N: accept resubmit(,2); reject drop  |
 *   |              its ranges of ports by conjunction(N), if many        |
 *   |         3  reg0, reg1, ip or ipv6: drop       (non_ip mirror)    |
 *   |         2  reg0, reg1: resubmit(,2)           (non_ip mirror)    |
 *   +------------------------------------------------------------------+
 *   +- 2 EGRESS -------------------------------------------------------+
 *   | 100  reg0, reg2: clone(outer addresses, VNI, resubmit(,3),       |
 *   |        output, max_len)                                          |
 *   |        of a balanced tunnel: clone(pkt_mark = its first handle,  |
 *   |        output to our own pair, which leads back to table 0)      |
 *   +------------------------------------------------------------------+
 *   +- 8 BALANCE ------------------------------------------------------+
 *   | 100  pkt_mark: pkt_mark = 0, reg2 = tunnel, group:TUNNEL, whose  |
 *   |        64 slots are reg4 = handle of a member, resubmit(,6)      |
 *   +------------------------------------------------------------------+
 *   +- 6 SPREAD -------------------------------------------------------+
 *   | 100  reg2, reg4: clone(...), as in table 2                       |
 *   +------------------------------------------------------------------+
 *   +- 3 LIMIT, from inside of the clone ------------------------------+
 *   | 100  reg2, of a tunnel with a rate limit: meter, resubmit(,4)    |
 *   |   0  resubmit(,4)                                                |
 *   +------------------------------------------------------------------+
 *   +- 4 BUDGET of all copies of the bridge ---------------------------+
 *   |   0  meter                                                       |
 *   +------------------------------------------------------------------+
 *   Every table has a flow of priority 0, "drop" where nothing else is said:
 *   in a fail-mode=secure bridge a miss would cost an upcall.
 *
 * The guards have a table of their own, since the switch looks at a prefix of
 * an address of whatever passes a table in which some flow has that address:
 * TCP would take a datapath flow for each length of prefix.
 *
 * Everything of a copy happens inside one clone(): the Mirror runs before the
 * guest's own output in the same translation, so what happened outside of it
 * would happen to the guest, or to the next tunnel.  Open vSwitch makes a
 * clone of its own only of what it cannot undo, and does not see that in a
 * resubmit: a meter polices the guest unless a truncating output stands in the
 * clone itself.  So where nothing is to be cut the clone ends in one to a port
 * that it makes the input port first, which therefore does nothing.
 *
 * A truncating output to a tunnel costs userspace datapaths a recirculation.
 * There is a form that does not, and it is not used: it needs a flaw whose
 * mend would send frames whole (docs/switch-notes.md, 31).
 *
 * A group has the frame hashed and recirculated.  The hash would stay with the
 * guest's own, and production's groups would choose by it; inside of a clone
 * the recirculation would take the guest's frame with it.  Behind a patch port
 * it ends with the bridge that the port leads to: so a pair of ours leads from
 * the clone back to this bridge.  Registers do not pass it, the low bits of
 * pkt_mark do.  A bucket that truncates sends nothing; so slots do nothing but
 * choose, and the clone that sends comes after.  No selection method is named:
 * Open vSwitch's own choice is the one that gives both directions of a
 * connection one slot. */
#ifndef FLOWS_PIPELINE_H
#define FLOWS_PIPELINE_H 1

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "flows/cookie.h"
#include "flows/flow.h"
#include "plugin/model.h"

namespace pm {

enum FlowTable : uint8_t {
    TABLE_TAP = 0,
    TABLE_FILTER = 1,
    TABLE_EGRESS = 2,
    TABLE_LIMIT = 3,
    TABLE_BUDGET = 4,
    TABLE_MEMBER = 5,
    TABLE_SPREAD = 6,
    TABLE_GUARD = 7,
    TABLE_BALANCE = 8
};

/* The TOS that copies bear, by which every hypervisor knows them wherever they
 * pass: DSCP 3, of the pool that RFC 2474 leaves to local use.  Its precedence
 * is 0, so that a network that has no rule for it treats it as best effort. */
inline constexpr int COPY_TOS = 12;

/* One tunnel as the TAP table sees it. */
struct TapTunnel {
    int64_t filter = 0; /* Filter number; 0 without a filter. */
    int64_t tunnel = 0; /* Tunnel number. */
    /* Its filter admits nothing in that direction, whatever comes. */
    bool idle_inbound = false, idle_outbound = false;
    /* It gets inbound frames that are not for the NIC's own MAC, which one
     * frame can cause on all ports of a bridge. */
    bool floods = true;
    bool balanced = false;

    bool idle(Direction direction) const
    {
        return direction == Direction::Inbound ? idle_inbound : idle_outbound;
    }
    auto operator<=>(const TapTunnel &) const = default;
};

/* 'budgeted': the meter of all copies is there.  'balance_port' is where what
 * balanced tunnels copy comes back to the bridge. */
std::vector<Flow> base_flows(bool budgeted,
                             std::optional<int> balance_port = std::nullopt);

/* Where a NIC's frames of one direction arrive. */
struct TapPort {
    int ofport = 0;
    /* The VLAN tag that OVS adds for its own use and that the copy must not
     * carry, if any. */
    std::optional<int> own_tag;
    std::string mac;     /* The NIC's; may be empty if all floods. */
    bool shared = false; /* With other NICs: 'mac' tells them apart. */
    /* The NIC's own: what it sends from them is no copy, whatever mark the
     * guest puts on it.  Copies from there are known by guard_flow(). */
    std::set<IpAddress> addresses = {};
};

/* A NIC's own flows.  'tunnels' need not be sorted. */
std::vector<Flow> tap_flows(int64_t nic, Direction, const TapPort &,
                            std::vector<TapTunnel> tunnels);
/* The tunnels that a flow of a NIC's own hands frames to, each with the number
 * of the filter before it, or 0. */
std::map<int64_t, int64_t> handed_by(const Flow &);
/* What NICs that share a pair have in common, of one direction.  'copying':
 * some tunnel of theirs admits something.  'members' are the numbers of NICs
 * that get frames to group addresses; none in the outbound direction. */
std::vector<Flow> shared_tap_flows(int64_t pair, Direction, int ofport,
                                   std::optional<int> own_tag, bool copying,
                                   const std::set<int64_t> &members);
std::vector<Flow> filter_flows(int64_t filter_number, const Filter &);
/* A flow that matches nothing, and has each frame that passes the bridge
 * looked at for one bit of its pkt_mark.  Revalidation deletes the cached
 * datapath flows that do not match that bit, where it would else change what
 * they do: with each change of the bridge's flows the next bit has all of them
 * made anew.  'turn' counts changes, modulo what there are bits. */
Flow renewal_flow(int turn);
/* The turn of a renewal flow. */
int turn_of(const Flow &renewal);
/* Drops copies to 'destination' that come by a tap: those from 'source', or
 * without one those of any hypervisor. */
Flow guard_flow(const std::optional<IpAddress> &source,
                const IpAddress &destination);
/* Drops whatever bears the mark of copies, of one IP version. */
Flow mark_guard_flow(bool is_v6);

/* Whether a flow of ours hands frames on, so that without it fewer are copied.
 * Drops do not, nor guards and limits, nor the clauses of conjunctions, which
 * may be a rejecting rule's. */
bool hands_on(const Flow &);

/* Whether no frame in that direction can pass. */
bool admits_nothing(const Filter &, Direction);

/* Resubmits that one tunnel costs a frame, at most. */
int resubmits_of(const TapTunnel &);

/* Returns the edits that turn 'actual' into 'desired', deletions first. */
std::vector<FlowEdit> diff_flows(const std::vector<Flow> &actual,
                                 const std::vector<Flow> &desired);

} // namespace pm

#endif /* FLOWS_PIPELINE_H */
