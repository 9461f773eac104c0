/* How the flows of a bridge are counted: what to ask next (core).
 *
 * To show all flows of 10,000 tunnels takes ovs-vswitchd long, and to take
 * them in takes the daemon long.  So the sum of all is asked for first.  While
 * no flow is added or deleted no counter falls, so that a sum which is as it
 * was says that each counter is.  Otherwise the same is asked of chunks, and
 * the flows of those whose sums differ, one chunk at a time, so that other
 * work goes in between.
 *
 * A sum is known as of before its flows were read: what came in between is in
 * the next sum. */
#ifndef FLOWS_COUNTING_H
#define FLOWS_COUNTING_H 1

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "flows/pipeline.h"

namespace pm {

/* The flows whose cookie, under 'mask', is 'cookie'. */
struct CookieMask {
    uint64_t cookie = 0, mask = 0;

    bool covers(uint64_t other) const { return (other & mask) == cookie; }
    auto operator<=>(const CookieMask &) const = default;
};

/* Of some flows together. */
struct FlowSum {
    uint64_t packets = 0, bytes = 0, flows = 0;

    bool operator==(const FlowSum &) const = default;
};

/* All flows that are counted: what rules decide on, and what is sent. */
CookieMask counted_flows();
/* Those that are counted together with this owner's; nullopt if its are
 * not. */
std::optional<CookieMask> chunk_of(const FlowOwner &);

class Counting {
public:
    struct Question {
        enum class Of { Sums, Flows } of = Of::Sums;
        std::vector<CookieMask> what; /* One, of flows. */

        bool operator==(const Question &) const = default;
    };

    /* All flows have been read, with these sums of chunks. */
    void know(const std::map<CookieMask, FlowSum> &);
    /* What is known of this owner's flows holds no more. */
    void changed(const FlowOwner &);
    /* A flow of this owner came, with counters of 0. */
    void came(const FlowOwner &);
    /* One went whose counters were 0 as far as is known. */
    void went(const FlowOwner &);

    /* Counts the flows of these owners.  Ends a count that is under way. */
    void begin(const std::set<CookieMask> &chunks);
    void cancel();
    bool under_way() const { return question().has_value(); }
    /* What to ask next; nullopt once all counters are known. */
    std::optional<Question> question() const;
    /* The answers to it. */
    void take_sums(const std::vector<FlowSum> &);
    void take_flows();

private:
    void step(const FlowOwner &, int flows, std::map<CookieMask, FlowSum> *);
    void know_taken(const CookieMask &);
    void end_if_done();

    /* Sums asked for at once: for each the switch looks at all flows. */
    static constexpr size_t SUMS_AT_ONCE = 8;

    std::map<CookieMask, FlowSum> known_;
    /* Of the count under way, as far as no flow has changed since. */
    std::map<CookieMask, FlowSum> taken_;
    bool whole_ = false;                /* The sum of all is to be asked. */
    std::set<CookieMask> chunks_;       /* To be asked for their sums. */
    std::vector<CookieMask> differing_; /* To be asked for their flows. */
};

} // namespace pm

#endif /* FLOWS_COUNTING_H */
