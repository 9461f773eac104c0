/* How many flows of a bridge, ours or not, output to ALL and to FLOOD
 * (adapter).
 *
 * The same question over one connection, again and again: for an answer
 * vswitchd goes round its main loop once, and for a connection made anew
 * several times. */
#ifndef FLOWS_FLOOD_QUESTION_H
#define FLOWS_FLOOD_QUESTION_H 1

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace pm {

/* What came of a question. */
struct FloodCount {
    int error = 0; /* A positive errno, or what follows is true. */
    uint64_t all = 0, flood = 0;

    bool operator==(const FloodCount &) const = default;
};

class FloodQuestion {
public:
    /* 'target' as Openflow's. */
    explicit FloodQuestion(const std::string &target);
    ~FloodQuestion();
    FloodQuestion(const FloodQuestion &) = delete;
    FloodQuestion &operator=(const FloodQuestion &) = delete;

    /* Asks, unless a question is under way: for an answer within 0.7 s, or
     * within half a minute where the bridge is 'slow', which is asked one
     * thing after the other, so that vswitchd can turn to others between. */
    void ask(bool slow);
    bool asked() const;
    /* What came of it, once.  Call in each turn of the main loop while
     * asked(); wait() arms poll_block(). */
    std::optional<FloodCount> take();
    void wait() const;
    /* Asks and waits for the answer, for a short time. */
    FloodCount ask_now();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace pm

#endif /* FLOWS_FLOOD_QUESTION_H */
