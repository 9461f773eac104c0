/* Why a frame is, or is not, at a tunnel's collector (core).
 *
 * The switch is asked by ofproto/trace, from the NIC's patch port on our
 * bridge; what it says is read here and told in the customer's words. */
#ifndef PLUGIN_EXPLAIN_H
#define PLUGIN_EXPLAIN_H 1

#include <optional>
#include <string>

#include "flows/decide.h"
#include "plugin/desired_state.h"
#include "plugin/plan.h"

namespace pm {

/* A frame that the source NIC sends or receives. */
struct TraceFrame {
    Frame frame;
    bool tagged = false; /* By the guest. */
    std::string flow;    /* In words for ofproto/trace, without in_port. */
};

/* What to ask ofproto/trace. */
struct TraceQuestion {
    std::string bridge;
    int64_t ofport = 0; /* Of the NIC's patch port there. */
    std::string frame;  /* As it comes out of that: in words. */

    std::string flow() const
    {
        return "in_port=" + std::to_string(ofport) + "," + frame;
    }
    auto operator<=>(const TraceQuestion &) const = default;
};

/* Returns what to ask of the switch about 'tunnel', or nullopt while nothing
 * of it is there to be asked about. */
std::optional<TraceQuestion> trace_question(const Uuid &tunnel, Direction,
                                            const TraceFrame &,
                                            const DesiredState &,
                                            const Actual &);

/* What the switch's answer says of one tunnel. */
struct TraceAnswer {
    bool is_own_copy = false; /* The loop guard stopped it. */
    bool filtered = false;    /* The tunnel's filter was asked. */
    int rule = 0;             /* The rule that decided; 0: none did. */
    bool admitted = false;    /* It came to the tunnel's egress flow. */
    bool only_counted = false;
    std::string trouble; /* Why a copy could not be sent, as it says. */

    auto operator<=>(const TraceAnswer &) const = default;
};

/* Reads the output of ofproto/trace; 'number' is the tunnel's. */
TraceAnswer read_trace(const std::string &text, int64_t number);

/* What stands in the way beside filter and switch. */
struct Circumstances {
    bool installed = false;
    bool paused = false;
};

/* What stands in the way of the tunnel's copies, or goes with them, as keys
 * and values; 'switch_says' as below. */
std::vector<std::pair<std::string, std::string>>
obstacles(const Uuid &tunnel, const std::optional<TraceAnswer> &switch_says,
          const DesiredState &, const Circumstances &);

/* The rule and the reason, as the switch gave them or, where it was not asked,
 * the filter. */
Decision decision_on(const Uuid &tunnel, Direction, const TraceFrame &,
                     const std::optional<TraceAnswer> &switch_says,
                     const DesiredState &);

/* Returns the answer in lines "KEY: VALUE"; 'switch_says' is absent where the
 * switch was not asked. */
std::string explain(const Uuid &tunnel, Direction, const TraceFrame &,
                    const std::optional<TraceAnswer> &switch_says,
                    const DesiredState &, const Circumstances &);

} // namespace pm

#endif /* PLUGIN_EXPLAIN_H */
