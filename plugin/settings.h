/* What an operator sets in the Open_vSwitch row's external_ids (core). */
#ifndef PLUGIN_SETTINGS_H
#define PLUGIN_SETTINGS_H 1

#include <map>
#include <optional>
#include <set>
#include <string>

#include "plugin/model.h"

namespace pm {

/* OVS mirrors at most this many a bridge; more are accepted and dead
 * (ofproto/ofproto-dpif-mirror.h). */
inline constexpr int MIRRORS_MAX = 32;

struct Settings {
    std::string chassis; /* system-id; empty: not set. */
    std::string remote;  /* mirror-remote. */
    std::string mirror_bridge = "br-mirror";
    std::optional<IpAddress> encap_v4, encap_v6;
    std::string ovn_bridge; /* OVN's integration bridge; empty: no OVN. */
    int stats_interval_s = 30;
    int slots_reserve = 4;
    /* Of all copies of a bridge of ours; absent: no limit.  0: none. */
    std::optional<int64_t> rate_kbps = 1000000;
    /* Key -> why what it says does not count, and what does. */
    std::map<std::string, std::string> ignored;

    /* Of both families, as far as they are set. */
    std::set<IpAddress> encap_ips() const;

    bool operator==(const Settings &) const = default;
};

/* Reads the settings.  What is no value of its key leaves the default in
 * force, and is told in 'ignored': a slip of the pen must neither lift a limit
 * that protects production nor pass unseen. */
Settings parse_settings(const std::map<std::string, std::string> &ids);

} // namespace pm

#endif /* PLUGIN_SETTINGS_H */
