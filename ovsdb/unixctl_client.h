/* Asynchronous calls to another OVS daemon's control socket, as ovs-appctl(8)
 * makes them (adapter). */
#ifndef OVSDB_UNIXCTL_CLIENT_H
#define OVSDB_UNIXCTL_CLIENT_H 1

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pm {

struct UnixctlReply {
    bool ok = false;   /* False: 'text' is the error. */
    bool lost = false; /* The daemon could not be reached or went away. */
    std::string text;
};

/* A connection to one daemon, found by the pidfile "RUNDIR/DAEMON.pid", which
 * names the socket "RUNDIR/DAEMON.PID.ctl".  Never blocks.
 *
 * Several calls may be under way; they are answered in the order made.  A
 * connection that the daemon closed is opened anew for the next call, so a
 * restart of the daemon costs only the calls that it had not answered: those
 * are "lost", and may or may not have been executed. */
class UnixctlClient {
public:
    explicit UnixctlClient(const std::string &daemon); /* "ovs-vswitchd". */
    ~UnixctlClient();
    UnixctlClient(const UnixctlClient &) = delete;
    UnixctlClient &operator=(const UnixctlClient &) = delete;

    /* Call in each turn of the main loop, before take(). */
    void run();
    /* Wakes the poll loop when run() has something to do. */
    void wait();

    /* Queues a call and returns its ticket.  Each ticket must be taken. */
    uint64_t call(const std::string &method,
                  const std::vector<std::string> &args);
    /* The reply to 'ticket', once, when it has come.  A call not answered
     * within 'timeout_ms' (default 5000) of being made is "lost", and with it
     * those sent after it: the daemon answers in order. */
    std::optional<UnixctlReply> take(uint64_t ticket);
    void set_timeout_ms(int timeout_ms);
    /* There was no socket to be opened a moment ago, when it was last wanted:
     * the pidfile or the socket is missing, or not ours to open.  False where
     * nobody answers, or has room for one more who asks. */
    bool is_unreachable() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace pm

#endif /* OVSDB_UNIXCTL_CLIENT_H */
