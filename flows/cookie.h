/* Whose a flow is, and how its cookie says so (core).
 *
 * The layout never changes meaning:
 *
 *     63       48 47  44 43            20 19   16 15             0
 *    +-----------+------+----------------+-------+----------------+
 *    |  0x6d72   | kind |     number     |  dir  |      rule      |
 *    +-----------+------+----------------+-------+----------------+
 *
 * In hexadecimal each field stands on its own digits:
 * 0x6d72 3 000007 2 0000 is tunnel 7's egress flow for outbound frames, and
 * "ovs-ofctl dump-flows br-mirror
 * cookie=0x6d72300000700000/0xfffffffffff00000" shows all of it.  Numbers are
 * kept in the Tunnel_Status and Filter_Status rows and, for NICs, in the rows
 * of their patch ports or of the Mirrors that they share. */
#ifndef FLOWS_COOKIE_H
#define FLOWS_COOKIE_H 1

#include <cstdint>
#include <optional>
#include <string>

#include "plugin/model.h"

namespace pm {

/* What a flow serves.  The unit in which flows are desired and compared. */
struct FlowOwner {
    enum Kind : uint8_t {
        Base = 0,    /* What each table ends in, and the budget. */
        Tap = 1,     /* 'number' is the NIC's, or a shared pair's. */
        Filter = 2,  /* 'number' is the filter's. */
        Egress = 3,  /* 'number' is the tunnel's. */
        Deliver = 4, /* 'number' is a handle: see delivery.h. */
        Guard = 5,   /* 'number' hashes the outer addresses. */
        Renewal = 6, /* See renewal_flow(). */
        Stray = 15   /* Somebody else's, on our bridge: never desired. */
    };
    Kind kind = Base;
    uint32_t number = 0; /* 24 bits. */

    auto operator<=>(const FlowOwner &) const = default;
    std::string to_string() const; /* "tunnel 7", "tap 3" ... */
};

/* As cookies and registers have it. */
int direction_code(Direction);

inline constexpr uint64_t COOKIE_PREFIX = UINT64_C(0x6d72) << 48;
inline constexpr uint64_t COOKIE_PREFIX_MASK = UINT64_C(0xffff) << 48;
inline constexpr int64_t NUMBER_MAX = 0xffffff;

struct Cookie {
    FlowOwner owner;
    std::optional<Direction> direction;
    int rule = 0; /* 0: no rule. */

    uint64_t encode() const;
    /* nullopt for a cookie without our prefix. */
    static std::optional<Cookie> decode(uint64_t);
};

uint64_t cookie_of(FlowOwner::Kind, int64_t number,
                   std::optional<Direction> = std::nullopt, int rule = 0);

} // namespace pm

#endif /* FLOWS_COOKIE_H */
