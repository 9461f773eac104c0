/* The next hops of copies in tenants' networks: who is asked when, and what is
 * known of them (core).
 *
 * A learning switch floods what goes to a MAC that it has not seen.  Copies
 * would show the whole segment what they carry, so they wait until the next
 * hop has answered, which makes the switches on the way learn where it is; and
 * as it may never send anything else (a router without traffic, a receiver
 * that only listens), it is asked again long before they forget, and at once
 * where they may have. */
#ifndef PLUGIN_NEXT_HOPS_H
#define PLUGIN_NEXT_HOPS_H 1

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "plugin/model.h"

namespace pm {

struct NextHopKey {
    std::string site; /* See DeliverySite. */
    IpAddress address;
    /* The MAC that it has by the inventory; empty: not told.  If it is, no
     * other answer counts: a VM of the segment can send one for anybody. */
    std::string expected = {};

    auto operator<=>(const NextHopKey &) const = default;
};

struct NextHopState {
    bool known = false; /* False until it answered or had its time. */
    std::string mac;    /* Empty: it does not answer. */
    std::string other;  /* What answers in its place, if anything. */
    /* It did answer, but the switch has been started anew since: no copy may
     * go there until it answers again. */
    bool stale = false;

    bool operator==(const NextHopState &) const = default;
};

class NextHops {
public:
    /* Between questions to one that answers: bridges forget a MAC after 300
     * seconds unless told otherwise (ovs-vswitchd.conf.db(5),
     * mac-aging-time). */
    static constexpr int64_t REFRESH_MS = 20000;
    /* To one that does not, at first and after its time is up. */
    static constexpr int64_t RETRY_MS = 500, SLOW_RETRY_MS = 5000;
    /* To one that did, and is doubted: copies may be flooded meanwhile. */
    static constexpr int64_t HURRIED_RETRY_MS = 50;
    /* How long one that was never heard has to answer, and one that was. */
    static constexpr int64_t PATIENCE_MS = 2000, SILENCE_MS = 120000;

    /* Those that matter from now on. */
    void want(const std::set<NextHopKey> &);
    /* Whom to ask now.  Each counts as asked. */
    std::vector<NextHopKey> due(int64_t now_ms);
    /* An answer, asked for or not.  Who is known by another MAC is asked, and
     * stays so unless he is silent for PATIENCE_MS. */
    void heard(const std::string &site, const IpAddress &,
               const std::string &mac, int64_t now_ms);
    /* Bridges may have forgotten where everybody is, or do so in a moment,
     * and flood: all are asked again, and have to answer as if never heard. */
    void doubt(int64_t now_ms);
    /* The switch was started anew, and has forgotten: no copy may go to who
     * does not answer first. */
    void restarted(int64_t now_ms);
    /* What differs from what was last returned. */
    std::map<NextHopKey, NextHopState> take_changes(int64_t now_ms);
    /* When due() or take_changes() may have news; nullopt: never. */
    std::optional<int64_t> next_ms() const;

private:
    struct Hop {
        std::string mac, other;
        int64_t heard_ms = 0;        /* 0: never. */
        int64_t rivalled_ms = 0;     /* Since then another answers; or 0. */
        int64_t since_ms = 0;        /* First asked; 0: not yet. */
        int64_t next_ms = 0;         /* To ask. */
        bool doubted = false;        /* Not heard since doubt(). */
        int64_t doubted_ms = 0;      /* First asked since; 0: not yet. */
        int64_t uneasy_until_ms = 0; /* Until then no answer is the last. */
        bool stale = false;          /* Not heard since restarted(). */
        NextHopState told;
    };
    /* When it is silent for good. */
    static int64_t deadline_of(const Hop &);
    static bool gives_way(Hop *, int64_t now_ms);

    std::map<NextHopKey, Hop> hops_;
    std::set<NextHopKey> forgotten_; /* To be told. */
};

/* An Ethernet frame that asks for 'address': an ARP probe, which claims no
 * address of the tenant's network (RFC 5227), or a neighbour solicitation from
 * the link-local address of 'own_mac'. */
std::string ask_frame(const std::string &own_mac, const IpAddress &address);

struct NextHopAnswer {
    IpAddress address;
    std::string mac;

    bool operator==(const NextHopAnswer &) const = default;
};
/* What a frame answers to ask_frame(), or nullopt if it does not. */
std::optional<NextHopAnswer> parse_answer(const std::string &frame);

} // namespace pm

#endif /* PLUGIN_NEXT_HOPS_H */
