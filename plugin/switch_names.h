/* Names of our rows on the switch (core).
 *
 * A NIC's rows carry its number, so that they stay below the fifteen
 * characters that an interface name may have and survive a rename. */
#ifndef PLUGIN_SWITCH_NAMES_H
#define PLUGIN_SWITCH_NAMES_H 1

#include <string>

#include "plugin/model.h"

namespace pm {

inline std::string
short_name(Direction direction)
{
    return direction == Direction::Inbound ? "in" : "out";
}

/* vswitchd passes over bridges of other names, for good and without telling
 * in the database. */
inline bool
is_bridge_name(const std::string &name)
{
    return name.find_first_of("/\\") == std::string::npos;
}

/* Nobody connects to the socket of a longer name: its path would be too long.
 * Of a bridge that is ours everything goes through that. */
inline bool
is_mirror_bridge_name(const std::string &name)
{
    return is_bridge_name(name) && name.size() <= 64;
}

/* On the NIC's bridge: the output port of its Mirror. */
inline std::string
tap_port_name(int64_t nic, Direction direction)
{
    return "mtap-" + short_name(direction) + "-" + std::to_string(nic);
}

/* The peer of tap_port_name() on our bridge. */
inline std::string
nic_port_name(int64_t nic, Direction direction)
{
    return "mnic-" + short_name(direction) + "-" + std::to_string(nic);
}

inline std::string
mirror_name(int64_t nic, Direction direction)
{
    return "mirror-" + short_name(direction) + "-" + std::to_string(nic);
}

inline std::string
vxlan_port_name(const std::string &mirror_bridge,
                const std::string &plain_mirror_bridge,
                const std::string &datapath_type)
{
    return mirror_bridge == plain_mirror_bridge
               ? "mirror-vxlan"
               : ("mvxlan-" + datapath_type).substr(0, 15);
}

/* A pair that leads from our bridge back to itself: see pipeline.h. */
inline std::string
balance_port_name(const std::string &mirror_bridge,
                  const std::string &plain_mirror_bridge,
                  const std::string &datapath_type, Direction direction)
{
    return "mbal-" + short_name(direction) +
           (mirror_bridge == plain_mirror_bridge ? "" : "-" + datapath_type);
}

/* Our bridge that hands copies to tenants' networks. */
inline std::string
delivery_bridge_name(const std::string &mirror_bridge)
{
    return mirror_bridge + "-dlv";
}

/* Its LOCAL port is an interface of the kernel, whose name is at most this
 * long. */
inline constexpr size_t INTERFACE_NAME_MAX = 15;

/* On a NIC's bridge: where copies enter the tenant's network. */
inline std::string
site_port_name(int64_t site)
{
    return "mdlv-" + std::to_string(site);
}

/* The peer of site_port_name() on the delivery bridge. */
inline std::string
site_peer_name(int64_t site)
{
    return "mvpc-" + std::to_string(site);
}

/* Whether a port of ours might have this name. */
inline bool
may_be_name_of_ours(const std::string &name,
                    const std::string &plain_mirror_bridge)
{
    for (const char *prefix : {"mtap-", "mnic-", "mdlv-", "mvpc-", "mbal-",
                               "mvxlan-", "mirror-vxlan"}) {
        if (name.starts_with(prefix)) {
            return true;
        }
    }
    return name.starts_with(plain_mirror_bridge);
}

/* OpenFlow port numbers that we ask for, so that flows which another program
 * saves and restores go back to the same ports. */
inline constexpr int VXLAN_OFPORT = 1;
inline constexpr int BALANCE_OFPORT = 2; /* And the next. */
inline constexpr int NIC_NUMBER_MAX = 30000;

inline int
nic_ofport(int64_t nic, Direction direction)
{
    return static_cast<int>(100 + 2 * nic) +
           (direction == Direction::Inbound ? 1 : 0);
}

inline int
site_ofport(int64_t site)
{
    return static_cast<int>(100 + site);
}

} // namespace pm

#endif /* PLUGIN_SWITCH_NAMES_H */
