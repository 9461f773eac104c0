/* What a bridge's tunnels share and may not exceed (core): Mirror slots and
 * the work that one frame can cause. */
#ifndef PLUGIN_SLOTS_H
#define PLUGIN_SLOTS_H 1

#include <map>
#include <set>
#include <string>

#include "plugin/switch_rows.h"

namespace pm {

/* The MAC of a NIC in lower case; "" for what is none of a NIC's: malformed, a
 * group's, or all zeros. */
std::string nic_mac(const std::string &text);

/* A place among a bridge's Mirrors. */
struct Seat {
    bool shared =
        false;       /* The bridge's shared pair; else a pair of its own. */
    std::string mac; /* As wished; not empty where it is shared. */

    auto operator<=>(const Seat &) const = default;
};

/* What NICs have of a bridge's Mirrors now, wanting or not: a pair that is
 * being removed still has its slots. */
struct SeatsHeld {
    std::set<std::string> own;    /* NICs with rows of their own. */
    std::set<std::string> shared; /* NICs that the shared pair's rows name. */
    bool has_shared_pair = false;
    int foreign_mirrors = 0;
};

struct SeatPlan {
    std::map<std::string, Seat> seats; /* By iface-id. */
    /* NICs for which there is a shared pair, and why they cannot share. */
    std::map<std::string, std::string> unable;
    /* The one subnet of all NICs that share and the VLANs that all of their
     * ports are in, so that frames to group addresses are for all of them; or
     * "". */
    std::string segment;

    bool operator==(const SeatPlan &) const = default;
};

/* Returns which NICs of a bridge get a pair of Mirrors, and which share one.
 * 'wanting' maps the iface-ids of NICs with something to mirror to their MACs
 * ("": not known).  A NIC keeps what it holds; then the others, in order of
 * iface-id, get pairs of their own while slots last, 'reserve' of them are
 * left, and there is room for a shared pair; then they share that.  With those
 * of others there are never more than MIRRORS_MAX written. */
SeatPlan grant_seats(const std::map<std::string, std::string> &wanting,
                     const SeatsHeld &, int reserve);

/* OVS gives one packet 4,096 resubmits and 64 KiB of actions, production's
 * included, and drops the packet past them.  What one frame may cause: */
inline constexpr int COPIES_PER_FRAME_MAX = 128;
inline constexpr int RESUBMITS_PER_FRAME_MAX = 1000;

/* Returns which tunnels of a bridge get what is flooded, so that a broadcast
 * stays below both, and leaves what tunnels of its sender and of one receiver
 * can cause at most: in order of tunnel number, so that a new one displaces an
 * old one only where it has a number that became free.  'resubmits' is by
 * tunnel number. */
std::set<int64_t> admit_floods(const std::map<int64_t, int> &resubmits);

} // namespace pm

#endif /* PLUGIN_SLOTS_H */
