/* Asynchronous calls to another OVS daemon's control socket, as ovs-appctl(8)
 * makes them (adapter). */
#ifndef OVSDB_UNIXCTL_CLIENT_H
#define OVSDB_UNIXCTL_CLIENT_H 1

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pm {

struct UnixctlReply {
    bool ok = false;    /* False: 'text' is the error. */
    bool lost = false;  /* The daemon could not be reached or went away. */
    std::string text;
};

/* A connection to one daemon, found by the pidfile "RUNDIR/DAEMON.pid"; it
 * reconnects for each call when need be.  Calls queue and are answered in
 * order.  Never blocks. */
class UnixctlClient {
public:
    explicit UnixctlClient(const std::string &daemon); /* "ovs-vswitchd". */
    ~UnixctlClient();

    void run();
    void wait();

    /* Queues a call and returns its ticket. */
    uint64_t call(const std::string &method,
                  const std::vector<std::string> &args);
    /* The reply to 'ticket', once, when it has come.  A call not answered
     * within 'timeout_ms' (default 5000) is "lost". */
    std::optional<UnixctlReply> take(uint64_t ticket);
    void set_timeout_ms(int timeout_ms);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace pm

#endif /* OVSDB_UNIXCTL_CLIENT_H */
