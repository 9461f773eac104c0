#include "flows/openflow.h"

#include <set>
#include <unordered_map>
#include <utility>

#include "flows/flow_codec.h"
#include "flows/group_codec.h"
#include "flows/meter_codec.h"
#include "flows/packet_codec.h"
#include "ovsdb/ovs_c.h"
#include "plugin/beat.h"

VLOG_DEFINE_THIS_MODULE(mirror_openflow);

namespace pm {

namespace {

/* A switch that says nothing for this long is asked whether it lives.  Long,
 * since a bridge of thousands of ports is silent for seconds while it is
 * reconfigured; a switch that ends closes the connection at once. */
constexpr int PROBE_INTERVAL_S = 30;
constexpr int MAX_BACKOFF_S = 1;

/* Of a frame that a flow sends to us, and how many wait to be taken. */
constexpr uint16_t PACKET_BYTES = 128;
constexpr size_t PACKETS_MAX = 64;

/* Messages taken in one turn of the main loop. */
constexpr int MESSAGES_A_RUN = 50;

constexpr uint16_t BUNDLE_FLAGS = OFPBF_ATOMIC | OFPBF_ORDERED;

ovs_be32
xid_of(const Message &message)
{
    return header_of(message)->xid;
}

} // namespace

struct Openflow::Impl {
    /* What is under way.  A bundle is filled and a barrier's reply awaited
     * before it is committed or discarded: a message that the switch refuses
     * is merely left out of the bundle, which would then be committed without
     * it. */
    enum class Stage {
        Idle,
        Dumping,
        Metering,
        Filling,
        Committing,
        Discarding
    };

    struct rconn *rconn;
    unsigned int rconn_seqno; /* As of the last run(). */
    unsigned int seqno = 0;   /* What connection_seqno() returns. */
    ovs_be32 monitor_xid = 0;
    bool foreign_change = false;
    ovs_be32 echo_xid = 0;
    int64_t echo_sent_ms = 0; /* 0: answered. */
    int64_t next_echo_ms = 0;

    Stage stage = Stage::Idle;
    ovs_be32 awaited_xid = 0; /* Of the latest barrier. */

    ovs_be32 flows_xid = 0;
    std::set<ovs_be32> asked; /* Whose answers a dump still lacks. */
    bool counters = false;    /* Of flows no more is asked for. */
    std::unordered_map<ovs_be32, size_t> sum_by_xid;
    SwitchDump dumped;
    std::optional<SwitchDump> dump;

    std::vector<MeterEdit> meter_edits;
    std::vector<std::string> meter_errors;
    std::optional<std::vector<std::string>> meters_result;

    std::vector<PacketIn> packets;

    uint32_t bundle_id = 0;
    std::vector<FlowEdit> edits;
    std::unordered_map<ovs_be32, size_t> edit_by_xid;
    std::unordered_map<ovs_be32, const char *> control_by_xid;
    std::string bundle_error; /* The first one. */
    std::optional<std::string> bundle_result;

    explicit Impl(const std::string &target)
        : rconn(rconn_create(PROBE_INTERVAL_S, MAX_BACKOFF_S, 0,
                             1u << OFP15_VERSION))
    {
        rconn_connect(rconn, target.c_str(), nullptr);
        rconn_seqno = rconn_get_connection_seqno(rconn);
    }
    ~Impl() { rconn_destroy(rconn); }
    Impl(const Impl &) = delete;
    Impl &operator=(const Impl &) = delete;

    ovs_be32 send(Message message);
    void send_fragment_mode();
    void send_monitor_request();
    void send_echo_when_due();
    void send_bundle_control(uint16_t type, const char *name);
    void send_barrier();
    void begin(Stage);
    void end();
    void forget_results();
    void notice_connection();
    void receive(const Message &);
    void ask_rest();
    bool decode_dump_part(const Message &, enum ofptype);
    void receive_dump_part(const Message &, enum ofptype);
    void end_of_dump_part(ovs_be32 xid);
    void receive_error(const Message &);
    void receive_packet(const Message &);
    void receive_barrier_reply();
};

/* Queues 'message' and returns its xid.  Should the connection be lost,
 * notice_connection() sees it. */
ovs_be32
Openflow::Impl::send(Message message)
{
    ovs_be32 xid = xid_of(message);
    rconn_send(rconn, message.release(), nullptr);
    return xid;
}

/* By default a switch hides the ports of first fragments from flows, as if
 * they were later ones.  The mode is the bridge's, lost when vswitchd
 * restarts, and said again with each echo, since others may set it.  The last
 * number is this connection's: with none it would get no frames at all. */
void
Openflow::Impl::send_fragment_mode()
{
    struct ofputil_switch_config config = {OFPUTIL_FRAG_NX_MATCH, -1,
                                           PACKET_BYTES};
    send(Message(ofputil_encode_set_config(&config, OFP15_VERSION)));
}

void
Openflow::Impl::send_monitor_request()
{
    monitor_xid = send(encode_monitor_request());
    foreign_change = false;
}

void
Openflow::Impl::send_echo_when_due()
{
    if (rconn_is_connected(rconn) && !echo_sent_ms &&
        time_msec() >= next_echo_ms) {
        send_fragment_mode();
        echo_sent_ms = time_msec();
        echo_xid = send(Message(ofputil_encode_echo_request(OFP15_VERSION)));
    }
}

void
Openflow::Impl::send_bundle_control(uint16_t type, const char *name)
{
    struct ofputil_bundle_ctrl_msg control = {bundle_id, type, BUNDLE_FLAGS};
    ovs_be32 xid = send(
        Message(ofputil_encode_bundle_ctrl_request(OFP15_VERSION, &control)));
    control_by_xid[xid] = name;
}

void
Openflow::Impl::send_barrier()
{
    awaited_xid = send(Message(ofputil_encode_barrier_request(OFP15_VERSION)));
}

void
Openflow::Impl::begin(Stage new_stage)
{
    ovs_assert(stage == Stage::Idle && rconn_is_connected(rconn));
    stage = new_stage;
    forget_results();
}

void
Openflow::Impl::forget_results()
{
    dump.reset();
    meters_result.reset();
    bundle_result.reset();
}

void
Openflow::Impl::end()
{
    stage = Stage::Idle;
    asked.clear();
    sum_by_xid.clear();
    counters = false;
    dumped = {};
    meter_edits.clear();
    meter_errors.clear();
    edits.clear();
    edit_by_xid.clear();
    control_by_xid.clear();
    bundle_error.clear();
}

/* What was under way on a connection dies with it, and so does an answer that
 * nobody took: it says nothing about the switch any more. */
void
Openflow::Impl::notice_connection()
{
    unsigned int now = rconn_get_connection_seqno(rconn);
    if (now == rconn_seqno) {
        return;
    }
    rconn_seqno = now;
    end();
    forget_results();
    echo_sent_ms = 0;
    next_echo_ms = beat_after(time_msec());
    if (rconn_is_connected(rconn)) {
        seqno++;
        send_fragment_mode();
        send_monitor_request();
    }
}

bool
Openflow::Impl::decode_dump_part(const Message &message, enum ofptype type)
{
    switch (static_cast<int>(type)) {
    case OFPTYPE_FLOW_STATS_REPLY:
        return decode_dump_reply(message, counters, &dumped.flows);
    case OFPTYPE_AGGREGATE_STATS_REPLY: {
        auto sum = sum_by_xid.find(xid_of(message));
        return sum != sum_by_xid.end() &&
               decode_sum_reply(message, &dumped.sums[sum->second]);
    }
    case OFPTYPE_GROUP_DESC_STATS_REPLY:
        return decode_groups(message, &dumped.groups);
    case OFPTYPE_METER_STATS_REPLY:
        return decode_meter_stats(message, &dumped.meters);
    default:
        return decode_meter_config(message, &dumped.meters);
    }
}

void
Openflow::Impl::receive_dump_part(const Message &message, enum ofptype type)
{
    ovs_be32 xid = xid_of(message);
    if (stage != Stage::Dumping || !asked.count(xid)) {
        return;
    }
    bool more = ofpmp_more(header_of(message));
    if (!decode_dump_part(message, type)) {
        VLOG_WARN("%s: the switch's flows and meters cannot be decoded",
                  rconn_get_name(rconn));
        rconn_reconnect(rconn);
    } else if (!more) {
        end_of_dump_part(xid);
    }
}

void
Openflow::Impl::end_of_dump_part(ovs_be32 xid)
{
    asked.erase(xid);
    if (asked.empty()) {
        dump = std::move(dumped);
        end();
    }
}

/* What is no flow: groups and meters, all of them. */
void
Openflow::Impl::ask_rest()
{
    for (auto encode : {encode_groups_request, encode_meter_config_request,
                        encode_meter_stats_request}) {
        asked.insert(send(encode()));
    }
}

void
Openflow::Impl::receive_error(const Message &message)
{
    enum ofperr code = ofperr_decode_msg(header_of(message), nullptr);
    std::string name = code ? ofperr_get_name(code) : "unknown error";
    ovs_be32 xid = xid_of(message);

    bool of_flows = xid == flows_xid || sum_by_xid.count(xid);
    if (stage == Stage::Dumping && !of_flows && asked.count(xid)) {
        /* A switch that knows no meters, or groups, has none. */
        end_of_dump_part(xid);
        return;
    }
    if (stage == Stage::Dumping && of_flows) {
        VLOG_WARN("%s: the switch refuses to show its flows: %s",
                  rconn_get_name(rconn), name.c_str());
        rconn_reconnect(rconn);
        return;
    }
    if (xid == monitor_xid) {
        VLOG_INFO("%s: the switch does not tell of flows that others change "
                  "(%s)",
                  rconn_get_name(rconn), name.c_str());
        return;
    }
    if (auto i = edit_by_xid.find(xid);
        stage == Stage::Metering && i != edit_by_xid.end()) {
        meter_errors[i->second] =
            name + ": " + meter_edits[i->second].to_string();
        return;
    }
    if (auto i = edit_by_xid.find(xid); i != edit_by_xid.end()) {
        name += ": " + edits[i->second].to_string();
    } else if (auto j = control_by_xid.find(xid); j != control_by_xid.end()) {
        name += std::string(": ") + j->second;
    } else {
        VLOG_DBG("%s: stray error %s", rconn_get_name(rconn), name.c_str());
        return;
    }
    if (bundle_error.empty()) {
        bundle_error = name;
    }
}

void
Openflow::Impl::receive_barrier_reply()
{
    switch (stage) {
    case Stage::Metering:
        meters_result = std::move(meter_errors);
        end();
        break;
    case Stage::Filling:
        if (bundle_error.empty()) {
            stage = Stage::Committing;
            send_bundle_control(OFPBCT_COMMIT_REQUEST, "bundle commit");
        } else {
            stage = Stage::Discarding;
            send_bundle_control(OFPBCT_DISCARD_REQUEST, "bundle discard");
        }
        send_barrier();
        break;
    case Stage::Committing:
    case Stage::Discarding:
        bundle_result = std::move(bundle_error);
        end();
        break;
    case Stage::Idle:
    case Stage::Dumping:
        break;
    }
}

void
Openflow::Impl::receive_packet(const Message &message)
{
    auto packet = decode_packet_in(message);
    if (packet && packets.size() < PACKETS_MAX) {
        packets.push_back(*packet);
    }
}

void
Openflow::Impl::receive(const Message &message)
{
    enum ofptype type;
    if (ofptype_decode(&type, header_of(message))) {
        return;
    }
    /* Whatever else a switch may say unasked is of no interest here. */
    if (type == OFPTYPE_ECHO_REQUEST) {
        send(Message(ofputil_encode_echo_reply(header_of(message))));
    } else if (type == OFPTYPE_FLOW_STATS_REPLY ||
               type == OFPTYPE_AGGREGATE_STATS_REPLY ||
               type == OFPTYPE_GROUP_DESC_STATS_REPLY ||
               type == OFPTYPE_METER_CONFIG_STATS_REPLY ||
               type == OFPTYPE_METER_STATS_REPLY) {
        receive_dump_part(message, type);
    } else if (type == OFPTYPE_PACKET_IN) {
        receive_packet(message);
    } else if (type == OFPTYPE_ERROR) {
        receive_error(message);
    } else if (type == OFPTYPE_ECHO_REPLY && xid_of(message) == echo_xid) {
        echo_sent_ms = 0;
        next_echo_ms = beat_after(time_msec());
    } else if (type == OFPTYPE_FLOW_MONITOR_STATS_REPLY) {
        foreign_change |= is_foreign_change(message);
    } else if (type == OFPTYPE_BARRIER_REPLY &&
               xid_of(message) == awaited_xid) {
        receive_barrier_reply();
    }
}

Openflow::Openflow(const std::string &target)
    : impl_(std::make_unique<Impl>(target))
{
}

Openflow::~Openflow() = default;
Openflow::Openflow(Openflow &&) noexcept = default;
Openflow &Openflow::operator=(Openflow &&) noexcept = default;

void
Openflow::run()
{
    rconn_run(impl_->rconn);
    impl_->notice_connection();
    for (int i = 0; i < MESSAGES_A_RUN; i++) {
        Message message(rconn_recv(impl_->rconn));
        impl_->notice_connection();
        if (!message) {
            break;
        }
        impl_->receive(message);
        impl_->notice_connection();
    }
    impl_->send_echo_when_due();
}

void
Openflow::wait()
{
    rconn_run_wait(impl_->rconn);
    rconn_recv_wait(impl_->rconn);
    if (rconn_is_connected(impl_->rconn) && !impl_->echo_sent_ms) {
        poll_timer_wait_until(impl_->next_echo_ms);
    }
}

bool
Openflow::connected() const
{
    return rconn_is_connected(impl_->rconn);
}

unsigned int
Openflow::connection_seqno() const
{
    return impl_->seqno;
}

bool
Openflow::idle() const
{
    return connected() && impl_->stage == Impl::Stage::Idle;
}

bool
Openflow::take_foreign_change()
{
    return std::exchange(impl_->foreign_change, false);
}

int64_t
Openflow::silent_ms() const
{
    return impl_->echo_sent_ms ? time_msec() - impl_->echo_sent_ms : 0;
}

void
Openflow::start_dump(uint64_t cookie, uint64_t cookie_mask)
{
    impl_->begin(Impl::Stage::Dumping);
    impl_->flows_xid = impl_->send(encode_dump_request(cookie, cookie_mask));
    impl_->asked = {impl_->flows_xid};
    impl_->ask_rest();
}

void
Openflow::start_counters(const CookieMask &which)
{
    impl_->begin(Impl::Stage::Dumping);
    impl_->counters = true;
    impl_->flows_xid =
        impl_->send(encode_dump_request(which.cookie, which.mask));
    impl_->asked = {impl_->flows_xid};
}

void
Openflow::start_sums(const std::vector<CookieMask> &which, bool rest)
{
    impl_->begin(Impl::Stage::Dumping);
    impl_->dumped.sums.resize(which.size());
    for (size_t i = 0; i < which.size(); i++) {
        ovs_be32 xid = impl_->send(encode_sum_request(which[i]));
        impl_->sum_by_xid[xid] = i;
        impl_->asked.insert(xid);
    }
    if (rest) {
        impl_->ask_rest();
    }
}

std::optional<SwitchDump>
Openflow::take_dump()
{
    return std::exchange(impl_->dump, std::nullopt);
}

void
Openflow::start_bundle(const std::vector<FlowEdit> &edits)
{
    Impl &impl = *impl_;
    impl.begin(Impl::Stage::Filling);

    std::vector<Message> flow_mods;
    flow_mods.reserve(edits.size());
    for (const FlowEdit &edit : edits) {
        std::string error;
        Message flow_mod = encode_flow_mod(edit, &error);
        if (!flow_mod) {
            impl.bundle_result = std::move(error);
            impl.end();
            /* The answer is there already: do not sleep on it. */
            poll_immediate_wake();
            return;
        }
        flow_mods.push_back(std::move(flow_mod));
    }

    impl.edits = edits;
    impl.bundle_id++;
    impl.send_bundle_control(OFPBCT_OPEN_REQUEST, "bundle open");
    for (size_t i = 0; i < flow_mods.size(); i++) {
        struct ofputil_bundle_add_msg add = {impl.bundle_id, BUNDLE_FLAGS,
                                             header_of(flow_mods[i])};
        ovs_be32 xid =
            impl.send(Message(ofputil_encode_bundle_add(OFP15_VERSION, &add)));
        impl.edit_by_xid[xid] = i;
        flow_mods[i].reset();
    }
    impl.send_barrier();
}

std::optional<std::string>
Openflow::take_bundle_result()
{
    return std::exchange(impl_->bundle_result, std::nullopt);
}

void
Openflow::start_meters(const std::vector<MeterEdit> &edits)
{
    Impl &impl = *impl_;
    impl.begin(Impl::Stage::Metering);
    impl.meter_edits = edits;
    impl.meter_errors.resize(edits.size());
    for (size_t i = 0; i < edits.size(); i++) {
        impl.edit_by_xid[impl.send(encode_meter_mod(edits[i]))] = i;
    }
    impl.send_barrier();
}

std::optional<std::vector<std::string>>
Openflow::take_meters_result()
{
    return std::exchange(impl_->meters_result, std::nullopt);
}

void
Openflow::restate(const Flow &flow)
{
    std::string error;
    if (Message message = encode_restatement(flow, &error);
        message && connected()) {
        impl_->send(std::move(message));
    }
}

void
Openflow::send_frame(int ofport, const std::string &frame)
{
    if (!connected()) {
        return;
    }
    std::string error;
    if (Message message =
            encode_packet_out("CONTROLLER", "output:" + std::to_string(ofport),
                              frame, OFPUTIL_P_OF15_OXM, &error)) {
        impl_->send(std::move(message));
    } else {
        VLOG_WARN("%s: %s", rconn_get_name(impl_->rconn), error.c_str());
    }
}

std::vector<PacketIn>
Openflow::take_packets()
{
    return std::exchange(impl_->packets, {});
}

} // namespace pm
