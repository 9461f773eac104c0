/* Every check of the product, as pure functions (core).
 *
 * One function answers for the console (which refuses a write) and for the
 * hypervisor (which puts the tunnel in health "error" and keeps it off the
 * switch), so the two cannot differ.  Codes are those of the product's
 * semantics, listed in docs/status.md. */
#ifndef PLUGIN_CHECK_H
#define PLUGIN_CHECK_H 1

#include <string>
#include <string_view>
#include <vector>

#include "plugin/model.h"

namespace pm {

/* Settings of the installation. */
struct Limits {
    size_t rules_per_direction = 100;
    size_t tunnels_per_source = 16;
    /* On the switch: some 60 ms to install.  Filters that people write take
     * a few hundred at most. */
    size_t flows_per_filter = 4096;
};

inline constexpr int PACKET_LENGTH_MIN = 64, PACKET_LENGTH_MAX = 8900;
inline constexpr int64_t VNI_MAX = 16777215;
inline constexpr int RULE_NUMBER_MAX = 32766;
inline constexpr size_t NOTE_BYTES_MAX = 1000;

using Problems = std::vector<Problem>;

/* The whole numbers that a field may be. */
struct NumberRange {
    const char *key;
    const char *what; /* "rule number" ... */
    int64_t min, max;
    const char *code; /* Of what is outside. */
    const char *otherwise = "";

    bool holds(int64_t value) const { return value >= min && value <= max; }
    /* Says why not, of a value as it was given. */
    std::string refuse(const std::string &value) const;
};
inline constexpr NumberRange RULE_NUMBERS{"number", "rule number", 1,
                                          RULE_NUMBER_MAX, "RULE_NUMBER"};
inline constexpr NumberRange ICMP_TYPES{"icmp_type", "icmp_type", 0, 255,
                                        "RULE_ICMP"};
inline constexpr NumberRange ICMP_CODES{"icmp_code", "icmp_code", 0, 255,
                                        "RULE_ICMP"};
inline constexpr NumberRange PACKET_LENGTHS{
    "packet_length",   "packet length",       PACKET_LENGTH_MIN,
    PACKET_LENGTH_MAX, "PACKET_LENGTH_RANGE", ", or none"};
inline constexpr NumberRange VNIS{
    "vni", "VNI", 1, VNI_MAX, "VNI_RANGE", ", or none to have one chosen"};

/* "PATH.KEY", or "KEY" when 'path' is empty. */
std::string join_path(const std::string &path, std::string_view key);
/* Returns 'text' in double quotes, fit for one line of output: control
 * characters escaped, bytes that are no UTF-8 replaced, long texts cut. */
std::string quote(std::string_view text);
bool valid_utf8(std::string_view);
/* Of a name, or iface_id, of a row (the schema's). */
inline constexpr size_t NAME_CHARACTERS_MAX = 255;
/* Of valid UTF-8, as OVSDB counts them. */
size_t count_characters(std::string_view);

/* Fields that need nothing but themselves.  'path' is prefixed to each
 * problem's path ("mirror_tunnels[3]" gives "mirror_tunnels[3].name"; an
 * empty one gives "name"). */
void check_name(const std::string &name, const std::string &path, Problems *);
/* At most 1,000 bytes of valid UTF-8. */
void check_note(const std::string &note, const std::string &path, Problems *);
void check_rule(const Rule &, const std::string &path, Problems *);
/* One direction's rules, each and together (numbers, RULE_LIMIT), with paths
 * "PATH[i]..." in the order given. */
void check_rules(const std::vector<Rule> &, const Limits &,
                 const std::string &path, Problems *);

/* An object with all that it refers to in 'model'.  A reference whose row
 * 'model' lacks is passed over: the caller knows whether that means
 * NOT_FOUND (console) or pending (hypervisor). */
void check_resource(const Model &, const Uuid &, const std::string &path,
                    Problems *);
/* The two halves of check_resource(): by itself with its target, and against
 * the other rows (DUPLICATE_RESOURCE and ROLE_CONFLICT).  The older resource,
 * by creation, then uuid, is in the right, unless its own row has a fault, or
 * the target is 'owner's and it is another account's. */
void check_resource_itself(const Model &, const Resource &,
                           const std::string &path, Problems *);
void check_resource_among_others(const Table<Resource> &, const Uuid &,
                                 const std::optional<std::string> &owner,
                                 const std::string &path, Problems *);
void check_filter(const Model &, const Uuid &, const Limits &,
                  const std::string &path, Problems *);
/* Includes the checks of its resources' purposes, accounts, regions, NICs,
 * subnets and lengths; not of the network (peering, route, connect) and not
 * TUNNEL_LIMIT or DUPLICATE_TUNNEL, which need the other tunnels. */
void check_tunnel(const Model &, const Uuid &, const std::string &path,
                  Problems *);
/* Against the other rows: DUPLICATE_TUNNEL and TUNNEL_LIMIT.  In both cases
 * the older tunnel (by creation, then uuid) is in the right, unless it has
 * itself a fault that check_tunnel() finds in this model, or is of another
 * account, and so of a source not its own.  The model need hold nothing but
 * tunnels; such faults are then those of the tunnel's own row. */
void check_tunnel_among_others(const Model &, const Uuid &, const Limits &,
                               const std::string &path, Problems *);

/* One end of a tunnel with all that 'model' holds of it; what is missing or
 * does not apply is null. */
struct End {
    const Resource *resource = nullptr;
    const Nic *nic = nullptr;
    const LoadBalancer *load_balancer = nullptr;
    const Collector *collector = nullptr;
    const Subnet *subnet = nullptr;
    const Vpc *vpc = nullptr;
};
End resolve_end(const Model &, const Resource &);
End resolve_end(const Model &, const Uuid &resource);

/* The most bytes of a frame that an end takes, or absent for no cap. */
std::optional<int> packet_length_cap(const Model &, const End &);
/* Bytes kept of a frame: the given length, else the least of both ends'
 * caps, else absent (the whole frame). */
std::optional<int> configured_packet_length(const Model &, const Tunnel &);

} // namespace pm

#endif /* PLUGIN_CHECK_H */
