#include "ovsdb/turn.h"

#include "ovsdb/ovs_c.h"
#include "plugin/pace.h"

VLOG_DEFINE_THIS_MODULE(turn);

namespace pm {

namespace {

/* A server may be busy with others for long. */
constexpr int PROBE_MS = 60000;
/* How long a connection stays that nobody needs. */
constexpr int IDLE_MS = 5000;

} // namespace

struct Turn::Impl {
    enum class Place { None, Asked, Queued, First };

    explicit Impl(const char *its_lock) : lock(its_lock) {}

    const char *lock;
    std::string remote;
    struct svec remotes = SVEC_EMPTY_INITIALIZER;
    size_t next_remote = 0;
    Comeback comeback;
    long long open_ms = 0; /* When to try, or to give up an attempt. */
    struct stream *stream = nullptr; /* Being connected. */
    struct jsonrpc_session *session = nullptr;
    bool answered = false; /* On this connection, whatever it was. */
    Place place = Place::None;
    int64_t lock_id = -1, unlock_id = -1; /* Of requests not yet answered. */
    bool wanted = false, failed = false;
    Patience patience;
    long long idle_ends_ms = 0;

    void open();
    void connect();
    void close();
    bool is_unanswered() const;
    void lose();
    int64_t ask(const char *method);
    void leave();
    void take(const struct jsonrpc_msg &);
};

/* Not jsonrpc_session_open(), by which each turn would have its lines in the
 * log. */
void
Turn::Impl::open()
{
    const char *name = remotes.names[next_remote % remotes.n];
    open_ms = time_msec() + comeback.attempt_ms();
    if (jsonrpc_stream_open(name, &stream, 0)) {
        stream = nullptr;
        lose();
    }
}

void
Turn::Impl::connect()
{
    stream_run(stream);
    int error = stream_connect(stream);
    if (!error) {
        const char *name = remotes.names[next_remote % remotes.n];
        session = jsonrpc_session_open_unreliably(jsonrpc_open(stream), 0);
        jsonrpc_session_set_probe_interval(
            session, stream_or_pstream_needs_probes(name) ? PROBE_MS : 0);
        stream = nullptr;
    } else if (error != EAGAIN) {
        lose();
    } else if (time_msec() >= open_ms) {
        comeback.ran_out();
        lose();
    }
}

void
Turn::Impl::close()
{
    stream_close(stream);
    stream = nullptr;
    jsonrpc_session_close(session);
    session = nullptr;
    answered = false;
    place = Place::None;
    lock_id = unlock_id = -1;
}

bool
Turn::Impl::is_unanswered() const
{
    return place == Place::Asked && !answered && time_msec() >= open_ms;
}

/* The next server is tried, after a while. */
void
Turn::Impl::lose()
{
    close();
    failed = true;
    next_remote++;
    open_ms = time_msec() + comeback.delay_ms(random_uint32());
}

int64_t
Turn::Impl::ask(const char *method)
{
    struct json *id;
    struct jsonrpc_msg *msg = jsonrpc_create_request(
        method, json_array_create_1(json_string_create(lock)), &id);
    int64_t number = json_integer(id);
    json_destroy(id);
    jsonrpc_session_send(session, msg);
    return number;
}

void
Turn::Impl::leave()
{
    if (place != Place::None) {
        unlock_id = ask("unlock");
        lock_id = -1;
        place = Place::None;
    }
}

void
Turn::Impl::take(const struct jsonrpc_msg &msg)
{
    if (msg.type == JSONRPC_NOTIFY) {
        /* Before the answer to what was asked last it is about a place in
         * the queue that has been left. */
        if (!strcmp(msg.method, "locked") && place == Place::Queued) {
            place = Place::First;
        } else if (!strcmp(msg.method, "stolen") && place == Place::First) {
            place = Place::Queued;
        }
        return;
    }
    if (!msg.id || msg.id->type != JSON_INTEGER) {
        return;
    }
    answered = true;
    failed = false;
    comeback.stood();
    int64_t id = json_integer(msg.id);
    if (id == unlock_id) {
        unlock_id = -1;
    } else if (id == lock_id && place == Place::Asked) {
        lock_id = -1;
        const struct json *locked = nullptr;
        if (msg.type == JSONRPC_REPLY && msg.result &&
            msg.result->type == JSON_OBJECT) {
            locked = static_cast<const struct json *>(
                shash_find_data(json_object(msg.result), "locked"));
        }
        /* One that refuses has no queue. */
        place = locked && locked->type == JSON_FALSE ? Place::Queued
                                                     : Place::First;
    }
}

Turn::Turn(const char *lock) : impl_(std::make_unique<Impl>(lock)) {}

Turn::~Turn()
{
    set_remote("");
}

void
Turn::set_remote(const std::string &remote)
{
    Impl &i = *impl_;
    if (remote == i.remote) {
        return;
    }
    i.close();
    i.remote = remote;
    i.comeback = Comeback();
    i.open_ms = 0;
    svec_destroy(&i.remotes);
    svec_init(&i.remotes);
    if (!remote.empty()) {
        struct uuid cluster;
        ovsdb_session_parse_remote(remote.c_str(), &i.remotes, &cluster);
        svec_shuffle(&i.remotes);
    }
}

void
Turn::want(bool wanted)
{
    Impl &i = *impl_;
    if (wanted == i.wanted) {
        return;
    }
    i.wanted = wanted;
    long long now = time_msec();
    if (wanted) {
        i.patience.begin(now, random_uint32());
        i.failed = false;
        if (!i.stream) {
            i.open_ms = now;
        }
        poll_immediate_wake();
    } else {
        i.patience.end(now, i.place == Impl::Place::First);
        if (i.session) {
            i.leave();
        }
        i.idle_ends_ms = now + IDLE_MS;
    }
}

bool
Turn::held() const
{
    return impl_->wanted && (impl_->place == Impl::Place::First ||
                             impl_->patience.is_over(time_msec()));
}

bool
Turn::ended() const
{
    return !impl_->session || impl_->unlock_id < 0;
}

bool
Turn::connected() const
{
    return impl_->session;
}

void
Turn::forgive()
{
    impl_->patience = Patience();
}

bool
Turn::fails() const
{
    return impl_->failed;
}

void
Turn::run()
{
    Impl &i = *impl_;
    if (!i.session && !i.stream) {
        if (!i.wanted || !i.remotes.n || time_msec() < i.open_ms) {
            return;
        }
        i.open();
    }
    if (i.stream) {
        i.connect();
    }
    if (!i.session) {
        return;
    }
    jsonrpc_session_run(i.session);
    while (struct jsonrpc_msg *msg = jsonrpc_session_recv(i.session)) {
        i.take(*msg);
        jsonrpc_msg_destroy(msg);
    }
    if (!jsonrpc_session_is_alive(i.session)) {
        /* The server has forgotten us. */
        i.lose();
    } else if (i.is_unanswered()) {
        /* Or does not know us yet. */
        i.comeback.ran_out();
        i.lose();
    } else if (i.wanted && i.place == Impl::Place::None) {
        i.place = Impl::Place::Asked;
        i.lock_id = i.ask("lock");
        i.open_ms = time_msec() + i.comeback.attempt_ms();
    } else if (!i.wanted && time_msec() >= i.idle_ends_ms) {
        i.close();
        i.open_ms = 0;
    }
}

void
Turn::wait()
{
    Impl &i = *impl_;
    if (i.stream) {
        stream_run_wait(i.stream);
        stream_connect_wait(i.stream);
        poll_timer_wait_until(i.open_ms);
    } else if (i.session) {
        jsonrpc_session_wait(i.session);
        jsonrpc_session_recv_wait(i.session);
        if (i.place == Impl::Place::Asked && !i.answered) {
            poll_timer_wait_until(i.open_ms);
        }
        if (!i.wanted) {
            poll_timer_wait_until(i.idle_ends_ms);
        }
    } else if (i.wanted && i.remotes.n) {
        poll_timer_wait_until(i.open_ms);
    }
    if (i.wanted && !i.patience.is_over(time_msec())) {
        poll_timer_wait_until(i.patience.ends_ms());
    }
}

} // namespace pm
