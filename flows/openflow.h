/* One bridge's OpenFlow 1.5 connection: dump, bundle, meters, barrier
 * (adapter).
 *
 * Nothing here blocks and nothing here decides: the agent says what to send
 * and polls for what came back.  One operation is under way at a time. */
#ifndef FLOWS_OPENFLOW_H
#define FLOWS_OPENFLOW_H 1

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "flows/counting.h"
#include "flows/flow.h"
#include "flows/meter.h"

namespace pm {

/* A flow read from the switch. */
struct FlowStats {
    Flow flow; /* Text normalised as normalise() does. */
    uint64_t n_packets = 0, n_bytes = 0;
    uint32_t duration_s = 0;
};

/* A meter read from the switch. */
struct MeterStats {
    int64_t rate_kbps = 0; /* 0: not in the form that we write. */
    uint64_t n_dropped = 0;
};

/* A frame that a flow sent to us. */
struct PacketIn {
    int in_port = 0;
    std::string frame;
};

struct SwitchDump {
    std::vector<FlowStats> flows;
    std::map<uint32_t, MeterStats> meters; /* By number. */
    std::vector<Flow> groups;              /* As flows are; without cookies. */
    std::vector<FlowSum> sums;             /* Of what they were asked for. */
};

/* Returns 'flow' with match and actions as they look after a round trip
 * through the switch's wire format, so that equal flows have equal text.
 * On a flow that OVS would not parse returns nullopt and sets '*error'. */
std::optional<Flow> normalise(const Flow &flow, std::string *error);

/* On each connection the bridge is told to show flows the ports of first
 * fragments ("ovs-ofctl set-frags BRIDGE nx-match"), without which a rule's
 * port test would miss them. */
class Openflow {
public:
    /* 'target' as in ovs-ofctl(8): "unix:/run/openvswitch/br.mgmt". */
    explicit Openflow(const std::string &target);
    ~Openflow();
    Openflow(Openflow &&) noexcept;
    Openflow &operator=(Openflow &&) noexcept;

    /* Call in each turn of the main loop; wait() arms poll_block(). */
    void run();
    void wait();

    bool connected() const;
    /* Rises with each new connection.  What was under way when a connection
     * was lost never completes; the switch may have kept or lost its flows. */
    unsigned int connection_seqno() const;
    bool idle() const; /* Connected and nothing under way. */
    /* Whether somebody else changed the bridge's flows since the last call.
     * Open vSwitch before 3.0 does not say so in OpenFlow 1.5. */
    bool take_foreign_change();
    /* For how long the switch has not answered, in milliseconds: 0 while it
     * answers, or is not connected.  It is asked once a second. */
    int64_t silent_ms() const;

    /* Asks for all flows whose cookie, under 'cookie_mask', is 'cookie', and
     * for all meters and groups.  Requires idle().  take_dump() gives the
     * answer once. */
    void start_dump(uint64_t cookie, uint64_t cookie_mask);
    std::optional<SwitchDump> take_dump();
    /* Likewise, for the counters of some flows: without actions, and with the
     * match of rules' flows only. */
    void start_counters(const CookieMask &);
    /* Likewise, for sums, and if 'rest' for all meters and groups. */
    void start_sums(const std::vector<CookieMask> &, bool rest);

    /* Sends 'edits' as one atomic, ordered bundle, with a barrier after its
     * commit.  Requires idle().  The result arrives when the barrier's reply
     * does: an empty string for success, else what the switch or the parser
     * refused; on failure nothing of the bundle is in force. */
    void start_bundle(const std::vector<FlowEdit> &edits);
    std::optional<std::string> take_bundle_result();

    /* Sends 'edits', each of which is in force or refused by itself, with a
     * barrier after them.  Requires idle().  The result has, for each edit, an
     * empty string or why it was refused. */
    void start_meters(const std::vector<MeterEdit> &edits);
    std::optional<std::vector<std::string>> take_meters_result();

    /* Writes a flow that is there already, if connected: it changes nothing,
     * but that vswitchd looks at its datapath flows again at once. */
    void restate(const Flow &);
    /* Sends a frame out of a port, if connected. */
    void send_frame(int ofport, const std::string &frame);
    /* Frames that flows sent here since the last call. */
    std::vector<PacketIn> take_packets();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/* The management socket of a bridge, a 'target' as below and above. */
std::string management_socket(const std::string &bridge);

/* One-shot requests, to bridges that are not ours too, with short blocking
 * exchanges over their management socket.  Each returns 0 or a positive
 * errno. */

/* Sets "no-flood" on OpenFlow ports (OpenFlow 1.0 only, ovs-ofctl(8)), all in
 * one exchange: each waits for vswitchd to go round its main loop, and lists
 * the bridge's ports.  'done' gets those that bear it now; on an error some
 * others may as well. */
int set_no_flood(const std::string &target, const std::set<uint32_t> &ofports,
                 std::set<uint32_t> *done);
/* Has the bridge treat 'frame' as if it had come in by port 'in_port', with
 * 'actions' as ovs-ofctl(8) has them: "table" to go through its flows, "drop"
 * for no more than what Mirrors copy of it. */
int let_in(const std::string &target, int64_t in_port,
           const std::string &actions, const std::string &frame);

} // namespace pm

#endif /* FLOWS_OPENFLOW_H */
