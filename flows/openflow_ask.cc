#include "flows/openflow.h"

#include <map>
#include <set>
#include <vector>

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

/* Lists the bridge's ports. */
int
list_ports(Conversation *conversation,
           std::vector<struct ofputil_phy_port> *ports)
{
    Message request(
        ofputil_encode_port_desc_stats_request(OFP10_VERSION, OFPP_ANY));
    ovs_be32 xid = header_of(request)->xid;
    int error = conversation->send(std::move(request));

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
                ports->push_back(port);
            }
        }
    }
    return error;
}

/* Sends requests that are answered only if they are refused; tells the xids of
 * those that were. */
int
send_and_confirm(Conversation *conversation, std::vector<Message> requests,
                 std::set<ovs_be32> *refused)
{
    requests.emplace_back(ofputil_encode_barrier_request(
        static_cast<enum ofp_version>(conversation->version())));
    ovs_be32 barrier_xid = header_of(requests.back())->xid;
    int error = 0;
    for (Message &request : requests) {
        error = error ? error : conversation->send(std::move(request));
    }
    for (bool done = false; !error && !done;) {
        Message message;
        error = conversation->receive(&message);
        if (!error) {
            ovs_be32 xid = header_of(message)->xid;
            done = xid == barrier_xid;
            if (!done) {
                refused->insert(xid);
            }
        }
    }
    return error;
}

} // namespace

std::string
management_socket(const std::string &bridge)
{
    return "unix:" + std::string(ovs_rundir()) + "/" + bridge + ".mgmt";
}

int
set_no_flood(const std::string &target, const std::set<uint32_t> &ofports,
             std::set<uint32_t> *done)
{
    Conversation conversation;
    std::vector<struct ofputil_phy_port> ports;
    int error = conversation.open(target, 1u << OFP10_VERSION);
    if (!error) {
        error = list_ports(&conversation, &ports);
    }
    std::vector<Message> requests;
    std::map<ovs_be32, uint32_t> asked;
    for (const struct ofputil_phy_port &port : ports) {
        uint32_t ofport = static_cast<uint32_t>(port.port_no);
        if (ofports.count(ofport) && port.config & OFPUTIL_PC_NO_FLOOD) {
            done->insert(ofport);
        } else if (ofports.count(ofport)) {
            struct ofputil_port_mod change = {};
            change.port_no = port.port_no;
            change.hw_addr = port.hw_addr;
            change.config = change.mask = OFPUTIL_PC_NO_FLOOD;
            requests.emplace_back(
                ofputil_encode_port_mod(&change, OFPUTIL_P_OF10_STD));
            asked[header_of(requests.back())->xid] = ofport;
        }
    }
    std::set<ovs_be32> refused;
    if (!error && !requests.empty()) {
        error = send_and_confirm(&conversation, std::move(requests), &refused);
    }
    if (error) {
        return error;
    }
    for (auto [xid, ofport] : asked) {
        if (!refused.count(xid)) {
            done->insert(ofport);
        }
    }
    return 0;
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
    if (!message) {
        return EINVAL;
    }
    ovs_be32 xid = header_of(message)->xid;
    std::vector<Message> requests;
    requests.push_back(std::move(message));
    std::set<ovs_be32> refused;
    int error = send_and_confirm(&conversation, std::move(requests), &refused);
    return error ? error : refused.count(xid) ? EPROTO : 0;
}

} // namespace pm
