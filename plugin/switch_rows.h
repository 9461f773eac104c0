/* The switch database as values (core).
 *
 * SwitchRows are the rows of ours, by name: what diff() compares and the
 * adapter writes.  SwitchFacts are all that deciding needs to know of the
 * switch, those rows included. */
#ifndef PLUGIN_SWITCH_ROWS_H
#define PLUGIN_SWITCH_ROWS_H 1

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "plugin/model.h"
#include "plugin/settings.h"

namespace pm {

/* What a row of ours bears in external_ids: "ovs-mirrord" says the purpose,
 * for a tap's rows "ovs-mirrord-nic" the NIC's iface-id and
 * "ovs-mirrord-number" its number.  A row without the first is not ours.
 * Those of a delivery port have its number, and its site as
 * "ovs-mirrord-segment".
 *
 * The rows of a pair that NICs share have the pair's number; its Mirrors have
 * "ovs-mirrord-nic-N" for each NIC, where N is the NIC's own number, and
 * "ovs-mirrord-segment". */
struct Mark {
    /* "bridge", "vxlan", "balance", "tap", "shared", "delivery". */
    std::string purpose;
    std::string iface_id; /* Tap only. */
    int64_t number = 0;   /* Tap, shared; of a delivery port. */
    std::map<int64_t, std::string> members = {}; /* Number -> iface-id. */
    /* See SeatPlan; of a delivery port, see DeliverySite. */
    std::string segment = {};

    auto operator<=>(const Mark &) const = default;
};

/* A bridge of ours: fail_mode=secure, in-band off. */
struct BridgeRow {
    std::string datapath_type; /* As Bridge.datapath_type; "" is "system". */
    bool tampered = false;     /* Anything that is not as we write it. */
    Mark mark;

    bool operator==(const BridgeRow &) const = default;
};

/* A Port of ours with its one Interface of the same name. */
struct PortRow {
    std::string bridge;
    std::string type; /* "patch" or "vxlan". */
    std::map<std::string, std::string> options;
    std::set<int64_t> trunks;
    int64_t ofport_request = 0; /* 0: none. */
    bool tampered = false;      /* Anything that is not as we write it. */
    Mark mark;
    std::optional<int64_t> tag = {}; /* VLAN, of an access port. */
    std::string iface_id = {};       /* Of a logical port of OVN. */

    bool operator==(const PortRow &) const = default;
};

struct MirrorRow {
    std::string bridge;
    std::set<Uuid> select_src, select_dst; /* Port rows. */
    std::string output_port;               /* Port's name. */
    bool tampered = false; /* Anything that is not as we write it. */
    Mark mark;

    bool operator==(const MirrorRow &) const = default;
};

struct SwitchRows {
    std::map<std::string, BridgeRow> bridges;
    std::map<std::string, PortRow> ports;
    std::map<std::string, MirrorRow> mirrors;

    bool operator==(const SwitchRows &) const = default;
};

/* Where a NIC is plugged in. */
struct NicPort {
    std::string bridge;
    std::string datapath_type; /* Never empty: "system" for "". */
    Uuid port;                 /* Port row. */
    std::string port_name;
    /* The VLAN tag that OVS itself puts on this port's frames inside of the
     * bridge: Port.tag of access, native-untagged and dot1q-tunnel ports. */
    std::optional<int> own_tag;
    /* The VLAN of what the NIC sends without a tag; as above, and Port.tag of
     * native-tagged ports. */
    std::optional<int> vlan;
    /* Which VLANs the port is in, and how: the same of two ports only if
     * what floods goes to both. */
    std::string vlans;
    std::optional<int> mtu; /* Interface.mtu. */
    std::string mac;        /* external_ids:attached-mac; may be empty. */
    int64_t ofport = 0;     /* On its bridge; 0: not known. */

    bool operator==(const NicPort &) const = default;
};

struct BridgeFacts {
    std::string datapath_type; /* Never empty. */
    bool ours = false;
    int foreign_mirrors = 0; /* Mirror rows without our mark. */
    bool checked = false;    /* 'unsafe' has been looked at. */
    std::string unsafe;      /* Why its pipeline must not be tapped, or "". */
    /* It floods, and could not be asked to leave ports of ours out: what they
     * bring may be anybody's until it has been. */
    bool exposed = false;
    /* Why it cannot be asked though vswitchd lives, or "".  Not known before
     * that has lasted. */
    std::string unreachable;

    bool operator==(const BridgeFacts &) const = default;
};

struct SwitchFacts {
    Settings settings;
    std::map<std::string, NicPort> nics;        /* By iface-id. */
    std::map<std::string, BridgeFacts> bridges; /* By name. */
    SwitchRows rows;                            /* Ours. */
    std::map<std::string, int> ofports;         /* Of our ports, if > 0. */
    /* Of those of our ports that vswitchd could not make, why. */
    std::map<std::string, std::string> port_errors;
    /* Of bridges, ports and interfaces that are not ours: names that ones of
     * ours might have. */
    std::set<std::string> taken_names;
    /* NIC (iface-id) -> a Mirror row of it that is as we wrote it and that
     * vswitchd did not put in force. */
    std::map<std::string, std::string> dead_mirrors;
    /* vswitchd has put in force every row that we wrote. */
    bool settled = false;
    std::string ovs_version;
    std::set<std::string> datapath_types; /* Supported by vswitchd. */
    bool has_dpdk = false; /* Ports may be none of the kernel's devices. */

    bool operator==(const SwitchFacts &) const = default;
};

/* One edit of the switch database's rows of ours. */
struct RowEdit {
    enum class Op { Delete, Put } op = Op::Put;
    enum class Kind { Bridge, Port, Mirror } kind = Kind::Bridge;
    std::string name;
    std::string why; /* In words, for the plan. */

    auto operator<=>(const RowEdit &) const = default;
};

} // namespace pm

#endif /* PLUGIN_SWITCH_ROWS_H */
