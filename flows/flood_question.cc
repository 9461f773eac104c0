#include "flows/flood_question.h"

#include <deque>
#include <map>
#include <utility>

#include "flows/flow_codec.h"
#include "ovsdb/ovs_c.h"

namespace pm {

namespace {

constexpr int64_t TIME_LIMIT_MS = 700;
constexpr int64_t SLOW_LIMIT_MS = 30000;

Message
encode_count(int version, ofp_port_t port)
{
    struct ofputil_flow_stats_request request = {};
    request.aggregate = true;
    match_init_catchall(&request.match);
    request.out_group = OFPG_ANY;
    request.table_id = OFPTT_ALL;
    request.out_port = port;
    return Message(ofputil_encode_flow_stats_request(
        &request, ofputil_protocol_from_ofp_version(
                      static_cast<enum ofp_version>(version))));
}

} // namespace

struct FloodQuestion::Impl {
    std::string target;
    struct vconn *vconn = nullptr;
    bool reused = false;     /* It has answered an earlier question. */
    int64_t deadline_ms = 0; /* 0: nothing is under way. */
    bool slow = false;       /* One thing after the other. */
    bool late = false;       /* It has been looked at once after that. */
    bool begun = false;
    std::deque<std::pair<ofp_port_t, uint64_t *>> questions; /* To be put. */
    std::deque<Message> unsent;
    std::map<ovs_be32, uint64_t *> awaited; /* By xid: where it goes. */
    FloodCount count;

    ~Impl() { vconn_close(vconn); }

    void close();
    int run();
    int take_in(const Message &);
};

void
FloodQuestion::Impl::close()
{
    vconn_close(vconn);
    vconn = nullptr;
    begun = reused = false;
    questions.clear();
    unsent.clear();
    awaited.clear();
}

/* Returns 0 once all is answered, EAGAIN before, or why it never will be.  The
 * end of the stream is reported as EOF, which is negative. */
int
FloodQuestion::Impl::run()
{
    auto positive = [](int error) { return error < 0 ? ECONNRESET : error; };
    int error = 0;
    if (!vconn) {
        error =
            vconn_open(target.c_str(), OFPUTIL_SUPPORTED_VERSIONS, 0, &vconn);
        if (error) {
            return positive(error);
        }
    }
    vconn_run(vconn);
    if ((error = vconn_connect(vconn))) {
        return positive(error);
    }
    if (!begun) {
        begun = true;
        count = {};
        questions = {{OFPP_ALL, &count.all}, {OFPP_FLOOD, &count.flood}};
    }
    for (;;) {
        for (; !questions.empty() && (!slow || awaited.empty());
             questions.pop_front()) {
            auto [port, where] = questions.front();
            unsent.push_back(encode_count(vconn_get_version(vconn), port));
            awaited[header_of(unsent.back())->xid] = where;
        }
        for (; !unsent.empty(); unsent.pop_front()) {
            if ((error = vconn_send(vconn, unsent.front().get()))) {
                return positive(error);
            }
            static_cast<void>(unsent.front().release()); /* Now the vconn's. */
        }
        if (awaited.empty()) {
            return 0;
        }
        struct ofpbuf *b = nullptr;
        if ((error = vconn_recv(vconn, &b)) || (error = take_in(Message(b)))) {
            return positive(error);
        }
    }
}

int
FloodQuestion::Impl::take_in(const Message &message)
{
    enum ofptype type;
    if (ofptype_decode(&type, header_of(message))) {
        return 0;
    }
    if (type == OFPTYPE_ECHO_REQUEST) {
        unsent.emplace_back(ofputil_encode_echo_reply(header_of(message)));
        return 0;
    }
    auto where = awaited.find(header_of(message)->xid);
    if (where == awaited.end()) {
        return 0;
    }
    struct ofputil_aggregate_stats stats;
    if (type != OFPTYPE_AGGREGATE_STATS_REPLY ||
        ofputil_decode_aggregate_stats_reply(&stats, header_of(message))) {
        return EPROTO;
    }
    *where->second = stats.flow_count;
    awaited.erase(where);
    return 0;
}

FloodQuestion::FloodQuestion(const std::string &target)
    : impl_(std::make_unique<Impl>())
{
    impl_->target = target;
}

FloodQuestion::~FloodQuestion() = default;

void
FloodQuestion::ask(bool slow)
{
    if (!asked()) {
        impl_->slow = slow;
        impl_->deadline_ms =
            time_msec() + (slow ? SLOW_LIMIT_MS : TIME_LIMIT_MS);
    }
}

bool
FloodQuestion::asked() const
{
    return impl_->deadline_ms;
}

std::optional<FloodCount>
FloodQuestion::take()
{
    Impl &impl = *impl_;
    if (!asked()) {
        return std::nullopt;
    }
    int error = impl.run();
    if (error && error != EAGAIN && impl.reused) {
        /* A vswitchd that has ended since says nothing of the one that may
         * be there now. */
        impl.close();
        error = impl.run();
    }
    if (error == EAGAIN) {
        if (time_msec() < impl.deadline_ms) {
            return std::nullopt;
        }
        if (!std::exchange(impl.late, true)) {
            /* It may have been us who did not look: once more. */
            poll_immediate_wake();
            return std::nullopt;
        }
        error = ETIMEDOUT;
    }
    FloodCount count = impl.count;
    count.error = error;
    if (error) {
        impl.close();
    }
    impl.deadline_ms = 0;
    impl.late = false;
    impl.begun = false;
    impl.reused = !error;
    return count;
}

void
FloodQuestion::wait() const
{
    if (!asked()) {
        return;
    }
    if (!impl_->vconn) {
        poll_immediate_wake();
        return;
    }
    vconn_run_wait(impl_->vconn);
    vconn_wait(impl_->vconn, impl_->unsent.empty() ? WAIT_RECV : WAIT_SEND);
    poll_timer_wait_until(impl_->deadline_ms);
}

FloodCount
FloodQuestion::ask_now()
{
    ask(false);
    std::optional<FloodCount> count;
    while (!(count = take())) {
        wait();
        poll_block();
    }
    /* poll_block() has eaten the wake-ups that others in the caller's main
     * loop had asked for: go round once more. */
    poll_immediate_wake();
    return *count;
}

} // namespace pm
