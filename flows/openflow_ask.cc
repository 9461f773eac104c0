#include "flows/openflow.h"

#include "flows/flow_codec.h"
#include "flows/packet_codec.h"
#include "ovsdb/ovs_c.h"

namespace pm {

namespace {

constexpr long long int TIME_LIMIT_MS = 700;

/* A short blocking conversation with a bridge, which ends by a deadline.
 * Functions return 0 or a positive errno. */
class Conversation {
public:
    Conversation() : deadline_(time_msec() + TIME_LIMIT_MS) {}
    ~Conversation()
    {
        vconn_close(vconn_);
        /* poll_block() has eaten the wake-ups that others in the caller's
         * main loop had asked for: go round once more. */
        poll_immediate_wake();
    }
    Conversation(const Conversation &) = delete;
    Conversation &operator=(const Conversation &) = delete;

    int open(const std::string &target, uint32_t versions)
    {
        return positive(vconn_open_block(target.c_str(), versions, 0,
                                         TIME_LIMIT_MS, &vconn_));
    }
    int version() const { return vconn_get_version(vconn_); }
    int send(Message);
    int receive(Message *);

private:
    /* The end of the stream is reported as EOF, which is negative. */
    static int positive(int error) { return error < 0 ? ECONNRESET : error; }
    int wait(enum vconn_wait_type);

    struct vconn *vconn_ = nullptr;
    long long int deadline_;
};

int
Conversation::wait(enum vconn_wait_type what)
{
    if (time_msec() >= deadline_) {
        return ETIMEDOUT;
    }
    vconn_run_wait(vconn_);
    vconn_wait(vconn_, what);
    poll_timer_wait_until(deadline_);
    poll_block();
    return 0;
}

int
Conversation::send(Message message)
{
    for (;;) {
        vconn_run(vconn_);
        int error = vconn_send(vconn_, message.get());
        if (!error) {
            static_cast<void>(message.release()); /* Now the vconn's. */
            return 0;
        }
        if (error != EAGAIN || (error = wait(WAIT_SEND))) {
            return positive(error);
        }
    }
}

int
Conversation::receive(Message *message)
{
    for (;;) {
        struct ofpbuf *b = nullptr;
        vconn_run(vconn_);
        int error = vconn_recv(vconn_, &b);
        if (!error) {
            message->reset(b);
            return 0;
        }
        if (error != EAGAIN || (error = wait(WAIT_RECV))) {
            return positive(error);
        }
    }
}

/* Receives until a message with 'xid' comes. */
int
receive_xid(Conversation *conversation, ovs_be32 xid, Message *message,
            enum ofptype *type)
{
    do {
        if (int error = conversation->receive(message)) {
            return error;
        }
    } while (header_of(*message)->xid != xid);
    return ofptype_decode(type, header_of(*message)) ? EPROTO : 0;
}

/* Finds OpenFlow port 'port_no' among the bridge's ports. */
int
find_port(Conversation *conversation, ofp_port_t port_no,
          struct ofputil_phy_port *found)
{
    Message request(
        ofputil_encode_port_desc_stats_request(OFP10_VERSION, OFPP_ANY));
    ovs_be32 xid = header_of(request)->xid;
    int error = conversation->send(std::move(request));

    bool is_found = false;
    for (bool more = true; !error && more;) {
        Message reply;
        enum ofptype type;
        error = receive_xid(conversation, xid, &reply, &type);
        if (!error && type != OFPTYPE_PORT_DESC_STATS_REPLY) {
            error = EPROTO;
        }
        if (!error) {
            more = ofpmp_more(header_of(reply));
            struct ofpbuf body = *reply;
            ofpraw_pull_assert(&body);
            struct ofputil_phy_port port;
            while (!ofputil_pull_phy_port(OFP10_VERSION, &body, &port)) {
                if (port.port_no == port_no) {
                    *found = port;
                    is_found = true;
                }
            }
        }
    }
    return error ? error : is_found ? 0 : ENODEV;
}

/* Sends a request that is answered only if it is refused, and sees that it was
 * not. */
int
send_and_confirm(Conversation *conversation, Message request)
{
    Message barrier(ofputil_encode_barrier_request(
        static_cast<enum ofp_version>(conversation->version())));
    ovs_be32 request_xid = header_of(request)->xid;
    ovs_be32 barrier_xid = header_of(barrier)->xid;
    int error = conversation->send(std::move(request));
    if (!error) {
        error = conversation->send(std::move(barrier));
    }
    bool refused = false;
    for (bool done = false; !error && !done;) {
        Message message;
        error = conversation->receive(&message);
        if (!error) {
            refused |= header_of(message)->xid == request_xid;
            done = header_of(message)->xid == barrier_xid;
        }
    }
    return error ? error : refused ? EPROTO : 0;
}

} // namespace

std::string
management_socket(const std::string &bridge)
{
    return "unix:" + std::string(ovs_rundir()) + "/" + bridge + ".mgmt";
}

int
count_flows_to(const std::string &target, const std::string &port,
               uint64_t *count)
{
    struct ofputil_flow_stats_request request = {};
    request.aggregate = true;
    match_init_catchall(&request.match);
    request.out_group = OFPG_ANY;
    request.table_id = OFPTT_ALL;
    if (!ofputil_port_from_string(port.c_str(), nullptr, &request.out_port)) {
        return EINVAL;
    }

    Conversation conversation;
    if (int error = conversation.open(target, OFPUTIL_SUPPORTED_VERSIONS)) {
        return error;
    }
    enum ofputil_protocol protocol = ofputil_protocol_from_ofp_version(
        static_cast<enum ofp_version>(conversation.version()));
    Message message(ofputil_encode_flow_stats_request(&request, protocol));
    ovs_be32 xid = header_of(message)->xid;
    if (int error = conversation.send(std::move(message))) {
        return error;
    }
    enum ofptype type;
    if (int error = receive_xid(&conversation, xid, &message, &type)) {
        return error;
    }
    struct ofputil_aggregate_stats stats;
    if (type != OFPTYPE_AGGREGATE_STATS_REPLY ||
        ofputil_decode_aggregate_stats_reply(&stats, header_of(message))) {
        return EPROTO;
    }
    *count = stats.flow_count;
    return 0;
}

int
set_no_flood(const std::string &target, uint32_t ofport)
{
    if (ofport >= OFPP_MAX) {
        return EINVAL;
    }
    Conversation conversation;
    if (int error = conversation.open(target, 1u << OFP10_VERSION)) {
        return error;
    }
    struct ofputil_phy_port port;
    if (int error = find_port(&conversation, OFP_PORT_C(ofport), &port)) {
        return error;
    }

    struct ofputil_port_mod change = {};
    change.port_no = port.port_no;
    change.hw_addr = port.hw_addr;
    change.config = change.mask = OFPUTIL_PC_NO_FLOOD;
    return send_and_confirm(&conversation, Message(ofputil_encode_port_mod(
                                               &change, OFPUTIL_P_OF10_STD)));
}

int
let_in(const std::string &target, int64_t in_port, const std::string &actions,
       const std::string &frame)
{
    Conversation conversation;
    if (int error = conversation.open(target, OFPUTIL_SUPPORTED_VERSIONS)) {
        return error;
    }
    std::string refusal;
    Message message = encode_packet_out(
        std::to_string(in_port), actions, frame,
        ofputil_protocol_from_ofp_version(
            static_cast<enum ofp_version>(conversation.version())),
        &refusal);
    return message ? send_and_confirm(&conversation, std::move(message))
                   : EINVAL;
}

} // namespace pm
