/* "mirror/trace" of "ovs-appctl -t ovs-mirrord" (adapter). */
#ifndef PLUGIN_APPCTL_TRACE_H
#define PLUGIN_APPCTL_TRACE_H 1

#include <list>

#include "ovsdb/ovs_c.h"
#include "ovsdb/unixctl_client.h"
#include "plugin/agent.h"
#include "plugin/explain.h"

namespace pm {

/* Answers mirror/trace.  The switch is asked meanwhile other work goes on, so
 * that a switch that is slow or gone holds up nobody else. */
class TraceCommand {
public:
    /* Registers the command; both must live as long as it is answered. */
    explicit TraceCommand(const Agent *agent);
    ~TraceCommand();
    TraceCommand(const TraceCommand &) = delete;
    TraceCommand &operator=(const TraceCommand &) = delete;

    /* In each turn of the main loop. */
    void run();
    void wait() { vswitchd_.wait(); }

private:
    struct Question {
        struct unixctl_conn *conn = nullptr;
        uint64_t ticket = 0;
        Uuid tunnel;
        Direction direction = Direction::Inbound;
        TraceFrame frame;
        int64_t number = 0; /* The tunnel's, when it was asked. */
    };

    static void on_command(struct unixctl_conn *, int argc, const char *argv[],
                           void *aux);
    void ask(struct unixctl_conn *, const char *tunnel, const char *direction,
             const char *flow);
    void answer(const Question &, const std::optional<TraceAnswer> &);

    const Agent *agent_;
    UnixctlClient vswitchd_;
    std::list<Question> questions_;
};

} // namespace pm

#endif /* PLUGIN_APPCTL_TRACE_H */
