/* Every check of the product, as pure functions (core).
 *
 * One function answers for the console (which refuses a write) and for the
 * hypervisor (which puts the tunnel in health "error" and keeps it off the
 * switch), so the two cannot differ.  Codes are those of the product's
 * semantics, listed in docs/status.md. */
#ifndef PLUGIN_CHECK_H
#define PLUGIN_CHECK_H 1

#include <string>
#include <vector>

#include "plugin/model.h"

namespace pm {

/* Settings of the installation. */
struct Limits {
    size_t rules_per_direction = 100;
    size_t tunnels_per_source = 16;
};

inline constexpr int PACKET_LENGTH_MIN = 64, PACKET_LENGTH_MAX = 8900;
inline constexpr int64_t VNI_MAX = 16777215;
inline constexpr int RULE_NUMBER_MAX = 32766;
inline constexpr size_t NOTE_BYTES_MAX = 1000;

using Problems = std::vector<Problem>;

/* Fields that need nothing but themselves.  'path' is prefixed to each
 * problem's path ("mirror_tunnels[3]" gives "mirror_tunnels[3].name"; an
 * empty one gives "name"). */
void check_name(const std::string &name, const std::string &path, Problems *);
/* At most 1,000 bytes of valid UTF-8. */
void check_note(const std::string &note, const std::string &path, Problems *);
void check_rule(const Rule &, const std::string &path, Problems *);

/* An object with all that it refers to in 'model'.  A reference whose row
 * 'model' lacks is passed over: the caller knows whether that means
 * NOT_FOUND (console) or pending (hypervisor). */
void check_resource(const Model &, const Uuid &, const std::string &path,
                    Problems *);
void check_filter(const Model &, const Uuid &, const Limits &,
                  const std::string &path, Problems *);
/* Includes the checks of its resources' purposes, accounts, regions, NICs,
 * subnets and lengths; not of the network (peering, route, connect) and not
 * TUNNEL_LIMIT or DUPLICATE_TUNNEL, which need the other tunnels. */
void check_tunnel(const Model &, const Uuid &, const std::string &path,
                  Problems *);
/* Against the other rows: DUPLICATE_TUNNEL and TUNNEL_LIMIT.  In both cases
 * the older tunnel (by creation, then uuid) is in the right. */
void check_tunnel_among_others(const Model &, const Uuid &, const Limits &,
                               const std::string &path, Problems *);

/* Bytes kept of a frame: the given length, else the least of both ends'
 * caps, else absent (the whole frame). */
std::optional<int> configured_packet_length(const Model &, const Tunnel &);

} // namespace pm

#endif /* PLUGIN_CHECK_H */
