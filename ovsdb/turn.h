/* A hypervisor's turn at the control database's server (adapter).
 *
 * Whoever has many rows to write, or is to be sent all of its rows, takes a
 * lock first, which the server gives to one session at a time and in the order
 * of asking: so a thousand hypervisors that all have much to write are a
 * queue, and one that is alone has waited for an answer.  Each server has
 * queues of its own, a relay and each of a cluster too.
 *
 * The lock is asked for on a connection of its own, since by the IDL's
 * nothing could be written while the lock is somebody else's.  The connection
 * is there only while it is of use. */
#ifndef OVSDB_TURN_H
#define OVSDB_TURN_H 1

#include <memory>
#include <string>

namespace pm {

class Turn {
public:
    /* In the queue that is called 'lock'. */
    explicit Turn(const char *lock);
    ~Turn();

    /* The servers, as for the IDL; empty for none. */
    void set_remote(const std::string &);

    /* Asks for a turn, or gives it back, or leaves the queue. */
    void want(bool);
    /* It is this hypervisor's turn.  So it is, too, after minutes in the
     * queue, and with a server that knows no locks: order is good, but what
     * is to be written must be. */
    bool held() const;
    /* The server has gone on: it has answered that the turn was given back,
     * and before it all its sessions' news.  True until the next turn. */
    bool ended() const;
    bool connected() const;
    /* It could not be asked for since it was wanted. */
    bool fails() const;
    /* A turn that never came is not held against the queue. */
    void forgive();

    void run();
    void wait();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace pm

#endif /* OVSDB_TURN_H */
