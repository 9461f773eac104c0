#include "ovsdb/unixctl_client.h"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <deque>
#include <fstream>

#include "ovsdb/ovs_c.h"

namespace pm {

namespace {

/* Calls sent and not yet answered.  Enough to hide the round trip, and few
 * enough that neither side's buffers fill up. */
constexpr size_t MAX_IN_FLIGHT = 32;

constexpr int DEFAULT_TIMEOUT_MS = 5000;

/* For so long nobody need have asked again. */
constexpr int MOMENT_MS = 3000;

struct Call {
    uint64_t ticket;
    std::string method;
    std::vector<std::string> args;
    long long deadline_ms; /* By time_msec(). */
    int64_t id = 0;        /* In JSON-RPC, once sent. */
};

struct JsonrpcCloser {
    void operator()(struct jsonrpc *rpc) const { jsonrpc_close(rpc); }
};

/* Takes over a string or object from the reply; unixctl sends only strings,
 * anything else is shown as JSON. */
std::string
json_to_text(const struct json *json)
{
    if (json->type == JSON_STRING) {
        return json_string(json);
    }
    char *s = json_to_string(json, JSSF_SORT);
    std::string text = s;
    free(s);
    return text;
}

struct jsonrpc_msg *
make_request(const Call &call, int64_t *id)
{
    struct json *params = json_array_create_empty();
    for (const std::string &arg : call.args) {
        json_array_add(params, json_string_create(arg.c_str()));
    }
    struct json *json_id;
    struct jsonrpc_msg *msg =
        jsonrpc_create_request(call.method.c_str(), params, &json_id);
    *id = json_integer(json_id);
    json_destroy(json_id);
    return msg;
}

} // namespace

struct UnixctlClient::Impl {
    std::string daemon;
    int timeout_ms = DEFAULT_TIMEOUT_MS;
    long long unreachable_ms = LLONG_MIN; /* When that was last seen. */
    uint64_t last_ticket = 0;
    std::deque<Call> queued, in_flight;
    std::map<uint64_t, UnixctlReply> replies;
    std::unique_ptr<struct jsonrpc, JsonrpcCloser> rpc;

    std::string open();
    void lose(std::deque<Call> *, const std::string &why);
    void disconnect(const std::string &why);
    void receive();
    void accept(const struct jsonrpc_msg *);
    void send();
    void expire();
};

/* Opens 'rpc'.  Returns an empty string or why it cannot be had.
 *
 * The pidfile is read, not locked as read_pidfile() does, which needs the
 * right to write it and logs each failure: connect() tells a stale one. */
std::string
UnixctlClient::Impl::open()
{
    std::string base = std::string(ovs_rundir()) + "/" + daemon;
    std::string pidfile = base + ".pid";
    std::ifstream in(pidfile);
    long pid = 0;
    if (!(in >> pid) || pid <= 0) {
        unreachable_ms = time_msec();
        return daemon + " is not running (no pid in " + pidfile + ")";
    }

    std::string path = base + "." + std::to_string(pid) + ".ctl";
    struct stream *stream;
    int error = stream_open(("unix:" + path).c_str(), &stream, 0);
    if (error) {
        if (error == ENOENT || error == ECONNREFUSED || error == EACCES) {
            unreachable_ms = time_msec();
        }
        return daemon + " does not answer on " + path + " (" +
               ovs_strerror(error) + ")";
    }
    rpc.reset(jsonrpc_open(stream));
    return "";
}

void
UnixctlClient::Impl::lose(std::deque<Call> *calls, const std::string &why)
{
    for (const Call &call : *calls) {
        replies[call.ticket] = {.ok = false, .lost = true, .text = why};
    }
    calls->clear();
}

/* Drops the connection and what was asked over it. */
void
UnixctlClient::Impl::disconnect(const std::string &why)
{
    rpc.reset();
    lose(&in_flight, why);
}

void
UnixctlClient::Impl::accept(const struct jsonrpc_msg *msg)
{
    if (in_flight.empty() || !msg->id || msg->id->type != JSON_INTEGER ||
        json_integer(msg->id) != in_flight.front().id) {
        disconnect(daemon + " sent a reply that nothing asked for");
        return;
    }
    bool ok = msg->type == JSONRPC_REPLY;
    replies[in_flight.front().ticket] = {
        .ok = ok,
        .lost = false,
        .text = json_to_text(ok ? msg->result : msg->error)};
    in_flight.pop_front();
}

void
UnixctlClient::Impl::receive()
{
    while (rpc) {
        struct jsonrpc_msg *msg;
        int error = jsonrpc_recv(rpc.get(), &msg);
        if (error == EAGAIN) {
            return;
        } else if (error) {
            disconnect(daemon + " closed the connection (" +
                       ovs_retval_to_string(error) + ")");
        } else if (msg->type == JSONRPC_REPLY || msg->type == JSONRPC_ERROR) {
            accept(msg);
            jsonrpc_msg_destroy(msg);
        } else {
            jsonrpc_msg_destroy(msg);
            disconnect(daemon + " sent a request to its client");
        }
    }
}

void
UnixctlClient::Impl::send()
{
    while (!queued.empty() && in_flight.size() < MAX_IN_FLIGHT) {
        if (!rpc) {
            std::string why = open();
            if (!why.empty()) {
                lose(&queued, why);
                return;
            }
            unreachable_ms = LLONG_MIN;
        }
        Call call = std::move(queued.front());
        queued.pop_front();
        struct jsonrpc_msg *msg = make_request(call, &call.id);
        /* A failure here shows in the next receive(). */
        jsonrpc_send(rpc.get(), msg);
        in_flight.push_back(std::move(call));
    }
}

void
UnixctlClient::Impl::expire()
{
    long long now = time_msec();
    std::string why = daemon + " did not answer within " +
                      std::to_string(timeout_ms) + " ms";
    if (!in_flight.empty() && in_flight.front().deadline_ms <= now) {
        disconnect(why);
    }
    std::deque<Call> late;
    while (!queued.empty() && queued.front().deadline_ms <= now) {
        late.push_back(std::move(queued.front()));
        queued.pop_front();
    }
    lose(&late, why);
}

UnixctlClient::UnixctlClient(const std::string &daemon)
    : impl_(std::make_unique<Impl>())
{
    impl_->daemon = daemon;
}

UnixctlClient::~UnixctlClient() = default;

void
UnixctlClient::run()
{
    if (impl_->rpc) {
        jsonrpc_run(impl_->rpc.get());
    }
    impl_->receive();
    impl_->expire();
    impl_->send();
}

void
UnixctlClient::wait()
{
    if (impl_->rpc) {
        jsonrpc_wait(impl_->rpc.get());
        jsonrpc_recv_wait(impl_->rpc.get());
    }
    if (!impl_->queued.empty() && impl_->in_flight.size() < MAX_IN_FLIGHT) {
        poll_immediate_wake();
    } else if (!impl_->in_flight.empty()) {
        poll_timer_wait_until(impl_->in_flight.front().deadline_ms);
    }
}

uint64_t
UnixctlClient::call(const std::string &method,
                    const std::vector<std::string> &args)
{
    uint64_t ticket = ++impl_->last_ticket;
    impl_->queued.push_back({.ticket = ticket,
                             .method = method,
                             .args = args,
                             .deadline_ms = time_msec() + impl_->timeout_ms});
    return ticket;
}

std::optional<UnixctlReply>
UnixctlClient::take(uint64_t ticket)
{
    auto node = impl_->replies.extract(ticket);
    if (node.empty()) {
        return std::nullopt;
    }
    return std::move(node.mapped());
}

void
UnixctlClient::set_timeout_ms(int timeout_ms)
{
    impl_->timeout_ms = timeout_ms;
}

bool
UnixctlClient::is_unreachable() const
{
    return impl_->unreachable_ms >= time_msec() - MOMENT_MS;
}

} // namespace pm
