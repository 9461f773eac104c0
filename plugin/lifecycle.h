/* A tunnel's state, derived and never stored (core). */
#ifndef PLUGIN_LIFECYCLE_H
#define PLUGIN_LIFECYCLE_H 1

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plugin/model.h"

namespace pm {

enum class TunnelState { Waiting, Setting, Running, ShuttingDown };
const char *to_string(TunnelState); /* "Waiting", "Shutting down" ... */

/* The account of the tunnel's destination, or the tunnel's own when it is
 * not known. */
std::string destination_account(const Model &, const Tunnel &);
/* Whether the tunnel may have data-plane state at all: within one account,
 * or accepted by the destination's or the operator.  A row may name anybody:
 * the requester, or the account of a former destination. */
bool is_accepted(const Model &, const Tunnel &);

/* What "tunnel-list" shows of one tunnel; the names of its members are those
 * of the JSON form. */
struct TunnelView {
    Uuid id;
    std::string name, account;
    TunnelState state = TunnelState::Setting;
    Health health = Health::Ok;
    std::string source, destination, destination_account;
    std::optional<std::string> filter;
    std::optional<int64_t> vni;
    std::optional<int> packet_length, effective_packet_length;
    /* Absent of one that is shutting down: nothing keeps what they were. */
    std::optional<Delivery> delivery;
    std::optional<Mode> mode;
    std::optional<int64_t> rate_kbps;
    std::optional<bool> enabled;
    std::optional<int64_t> generation;
    /* Absent while no hypervisor has reported the tunnel. */
    std::optional<int64_t> observed_generation;
    std::vector<std::string> chassis;
    std::map<std::string, Condition> conditions;
    std::map<std::string, std::string> reasons; /* Code -> message. */
    /* Absent means unknown, never a made-up zero. */
    std::optional<int64_t> inbound_packets, outbound_packets;
    std::optional<int64_t> inbound_bytes, outbound_bytes;
    /* With mode=count: bytes on the wire, outer headers included, at most. */
    std::optional<int64_t> inbound_would_send, outbound_would_send;
    std::optional<int64_t> dropped_packets;
    int64_t created_ms = 0, updated_ms = 0;
};

/* All tunnels, those shutting down (a status row without its tunnel)
 * included, sorted by account and name.  'now_ms' judges heartbeats: three
 * missed (of one a minute) make HostAlive False.  'viewer' empty sees all;
 * else only tunnels of which it is requester or acceptor. */
std::vector<TunnelView> tunnel_views(const Model &, int64_t now_ms,
                                     const std::string &viewer);

} // namespace pm

#endif /* PLUGIN_LIFECYCLE_H */
