/* The product's objects as plain values.
 *
 * This is the vocabulary of the core: what the control database holds, read
 * into values that can be compared, copied and stored in sorted containers.
 * Nothing here knows about OVSDB, OpenFlow or sockets.  Words are those of
 * the packet mirroring guide ("Mirror Resource", "Mirror Filter", "Mirror
 * Tunnel"); docs/ARCHITECTURE.md says how they meet the switch. */
#ifndef PLUGIN_MODEL_H
#define PLUGIN_MODEL_H 1

#include <array>
#include <compare>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugin/shared.h"

namespace pm {

/* A row's identity in OVSDB. */
struct Uuid {
    std::array<uint32_t, 4> parts{};

    bool operator==(const Uuid &) const = default;
    /* As by default, but in two steps: it is what trees of thousands of rows
     * are searched by. */
    std::strong_ordering operator<=>(const Uuid &other) const
    {
        auto half = [](const Uuid &uuid, size_t i) {
            return uint64_t{uuid.parts[i]} << 32 | uuid.parts[i + 1];
        };
        auto first = half(*this, 0) <=> half(other, 0);
        return first != 0 ? first : half(*this, 2) <=> half(other, 2);
    }
    bool is_zero() const;
    /* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", lower case. */
    std::string to_string() const;
    /* Accepts exactly the form that to_string() gives, in either case. */
    static std::optional<Uuid> parse(std::string_view);
};

/* Random uuids need no more. */
struct UuidHash {
    size_t operator()(const Uuid &uuid) const
    {
        return uint64_t{uuid.parts[0]} << 32 | uuid.parts[1];
    }
};

/* By uuid, where order is nothing: among ten thousand one is found in two
 * steps, in a tree in a dozen, most of which are in no cache. */
template <typename T> using UuidMap = std::unordered_map<Uuid, T, UuidHash>;

/* An IPv4 or IPv6 address. */
struct IpAddress {
    bool is_v6 = false;
    std::array<uint8_t, 16> bytes{}; /* IPv4 uses the first four. */

    auto operator<=>(const IpAddress &) const = default;
    int bits() const { return is_v6 ? 128 : 32; }
    /* Whether one host somewhere else can have it: neither unspecified,
     * loopback, multicast nor broadcast. */
    bool is_of_a_host() const;
    std::string to_string() const;
    static std::optional<IpAddress> parse(const std::string &);
};

/* An address prefix.  Host bits are zero. */
struct Cidr {
    IpAddress address;
    int prefix = 0; /* 0..32 for IPv4, 0..128 for IPv6. */

    auto operator<=>(const Cidr &) const = default;
    bool contains(const IpAddress &) const;
    bool contains(const Cidr &) const;
    /* "10.0.0.0/8"; always with the prefix length. */
    std::string to_string() const;
    /* "A/P"; a bare address is taken as a host prefix.  Fails on host bits
     * that are not zero. */
    static std::optional<Cidr> parse(const std::string &);
};

/* One fault in what a user asked for.  Faults are values, collected and
 * reported together, never thrown. */
struct Problem {
    std::string code;    /* "VNI_RANGE" ...: see plugin/check.h. */
    std::string path;    /* "mirror_tunnels[3].vni". */
    std::string message; /* One sentence that says how to mend it. */

    auto operator<=>(const Problem &) const = default;
};

/* ------------------------------------------------------------------------
 * Inventory: written by the control plane, read by us. */

enum class VpcKind { Standard, Transit };
enum class Hypervisor { Kvm, Xen };

struct Vpc {
    std::string name, account, region;
    VpcKind kind = VpcKind::Standard;

    bool operator==(const Vpc &) const = default;
};

/* Directional: copies travel from 'from' to 'to' only. */
struct Peering {
    std::string name;
    Uuid from, to; /* Vpc. */
    bool active = true;

    bool operator==(const Peering &) const = default;
};

struct TransitConnect {
    std::string name;
    Uuid vpc, transit_vpc; /* Vpc. */
    bool active = true;

    bool operator==(const TransitConnect &) const = default;
};

struct Subnet {
    std::string name;
    Uuid vpc; /* Vpc. */
    Cidr cidr;
    std::optional<IpAddress> gateway;
    std::optional<std::string> gateway_mac;
    /* Destination -> name of a peering or connect, or "local". */
    std::map<Cidr, std::string> routes;

    bool operator==(const Subnet &) const = default;
};

/* A Network Interface of a VM.  Without a subnet it is "unmanaged": checks
 * that need VPC facts do not apply. */
struct Nic {
    std::string name;
    std::string iface_id; /* Interface external_ids:iface-id. */
    std::string server, device;
    Hypervisor hypervisor = Hypervisor::Kvm;
    std::string mac; /* "xx:xx:xx:xx:xx:xx", lower case. */
    std::vector<IpAddress> addresses;
    std::optional<Uuid> subnet;         /* Subnet. */
    std::optional<int> mtu;             /* Bytes, inner IP packet. */
    std::optional<std::string> account; /* Only without a subnet. */
    /* Where its ACG/NACL admits UDP 4789 from; absent means unknown. */
    std::optional<std::vector<Cidr>> permits_vxlan_from;

    bool operator==(const Nic &) const = default;
};

struct LoadBalancerMember {
    IpAddress address;
    bool up = true;
    std::optional<Uuid> nic; /* Nic. */

    bool operator==(const LoadBalancerMember &) const = default;
};

struct LoadBalancer {
    std::string name;
    Uuid vpc;                                /* Vpc. */
    std::optional<Uuid> subnet;              /* Subnet. */
    std::vector<LoadBalancerMember> members; /* Sorted by address. */

    bool operator==(const LoadBalancer &) const = default;
};

/* A collector outside of any VPC, on the underlay. */
struct Collector {
    std::string name;
    IpAddress address;
    std::optional<std::string> account; /* Absent: anyone's. */

    bool operator==(const Collector &) const = default;
};

/* ------------------------------------------------------------------------
 * What the customer defines. */

enum class Purpose { Source, Destination };
enum class ResourceType { NetworkInterface, LoadBalancer, Collector };

struct Resource {
    std::string name, account;
    Purpose purpose = Purpose::Source;
    ResourceType type = ResourceType::NetworkInterface;
    /* Name of the Nic, LoadBalancer or Collector.  The name and 'iface_id'
     * outlive the row that 'target_id' (a weak reference) names. */
    std::string target;
    std::string iface_id; /* Only for network-interface. */
    std::optional<Uuid> target_id;
    std::string note;
    int64_t created_ms = 0, updated_ms = 0; /* Since the epoch; 0: unknown. */

    bool operator==(const Resource &) const = default;
};

enum class RuleAction { Accept, Reject };

/* "N" or "N-M", inclusive. */
struct PortRange {
    uint16_t first = 0, last = 65535;

    auto operator<=>(const PortRange &) const = default;
    std::string to_string() const;
    static std::optional<PortRange> parse(const std::string &);
};

struct Rule {
    int number = 0; /* 1..32766; lowest first. */
    RuleAction action = RuleAction::Accept;
    /* IP protocol; absent is "any".  icmp (1) is of IPv4 only and icmpv6 (58)
     * of IPv6 only. */
    std::optional<uint8_t> protocol;
    std::optional<Cidr> source, destination;
    std::optional<PortRange> source_port, destination_port;
    std::optional<int> icmp_type, icmp_code; /* 0..255. */
    std::string note;

    bool operator==(const Rule &) const = default;
};

/* "tcp", "udp", "icmp", "icmpv6", "sctp", "any" or a number. */
std::string protocol_to_string(const std::optional<uint8_t> &);
/* Returns false if the text is none of these; 'any' gives no protocol. */
bool protocol_parse(const std::string &, std::optional<uint8_t> *);

/* Of the source NIC: inbound is received by it, outbound sent by it. */
enum class Direction { Inbound, Outbound };
inline constexpr std::array<Direction, 2> DIRECTIONS = {Direction::Inbound,
                                                        Direction::Outbound};
const char *to_string(Direction); /* "inbound", "outbound". */

struct Filter {
    std::string name, account, note;
    bool mirror_non_ip = false;
    SharedVector<Rule> inbound, outbound; /* Sorted by number. */
    int64_t generation = 0;
    int64_t created_ms = 0, updated_ms = 0;

    bool operator==(const Filter &) const = default;
    const std::vector<Rule> &rules(Direction) const;
};

enum class Mode { Mirror, Count };
enum class Delivery { Auto, Underlay, Vpc };

/* Of two counts, which rows may have as large, or as far below zero, as they
 * like: stays at the end of the range. */
inline int64_t
sum_of_counts(int64_t a, int64_t b)
{
    int64_t sum = 0;
    return !__builtin_add_overflow(a, b, &sum) ? sum
           : a < 0 ? std::numeric_limits<int64_t>::min()
                   : std::numeric_limits<int64_t>::max();
}

/* The same of a product; neither is below zero. */
inline int64_t
product_of_counts(int64_t a, int64_t b)
{
    int64_t product = 0;
    return __builtin_mul_overflow(a, b, &product)
               ? std::numeric_limits<int64_t>::max()
               : product;
}

/* A switch counts to greater numbers than a row can have. */
inline int64_t
count_of(uint64_t n)
{
    constexpr auto MAX = std::numeric_limits<int64_t>::max();
    return n > static_cast<uint64_t>(MAX) ? MAX : static_cast<int64_t>(n);
}

/* The account that the operator works in, who may do all. */
inline const std::string OPERATOR_ACCOUNT = "default";

struct Acceptance {
    std::string by; /* Account. */
    int64_t at_ms = 0;
    int64_t generation = 0; /* Of the tunnel, when accepted. */

    bool operator==(const Acceptance &) const = default;
};

struct Tunnel {
    std::string name, account;  /* The requester's account. */
    Uuid source, destination;   /* Resource. */
    std::optional<Uuid> filter; /* Filter; absent mirrors every frame. */
    Mode mode = Mode::Mirror;
    int64_t vni = 0;
    std::optional<int> packet_length; /* Bytes kept of a frame. */
    std::optional<int64_t> rate_kbps;
    Delivery delivery = Delivery::Auto;
    bool enabled = true;
    std::string note;
    int64_t generation = 0;
    std::optional<Acceptance> accepted;
    int64_t created_ms = 0, updated_ms = 0;

    bool operator==(const Tunnel &) const = default;
};

/* ------------------------------------------------------------------------
 * What hypervisors report. */

enum class Health { Ok, Degraded, Error, Disabled };
const char *to_string(Health); /* "ok" ... */
enum class ConditionStatus { True, False, Unknown };
const char *to_string(ConditionStatus); /* "True" ... */

struct Condition {
    ConditionStatus status = ConditionStatus::Unknown;
    std::string reason; /* "CODE: how to mend it", empty when True. */

    auto operator<=>(const Condition &) const = default;
};

struct Counters {
    SharedMap<std::string, int64_t> values; /* "inbound_packets" ... */
    /* What to add to the switch's own count to get 'values'. */
    SharedMap<std::string, int64_t> bases;

    bool operator==(const Counters &) const = default;
};

/* A Tunnel_Status row: one hypervisor's word on one tunnel. */
struct TunnelStatus {
    Uuid tunnel;
    std::string chassis;
    int64_t number = 0; /* In registers and cookies of that switch. */
    std::string name, account, destination_account, source, destination;
    std::string peering; /* Empty: none crossed. */
    int64_t vni = 0;
    std::string iface_id;
    bool bound = false; /* The source NIC is on that hypervisor. */
    std::optional<Delivery> delivery;
    std::optional<int> effective_packet_length; /* Absent: unknown or whole. */
    int64_t observed_generation = 0;            /* 0: never installed. */
    int64_t observed_filter_generation = 0;
    Health health = Health::Ok;
    SharedMap<std::string, std::string> reasons;  /* Code -> message. */
    SharedMap<std::string, Condition> conditions; /* By type. */
    Counters counters;
    /* Of delivery in a VPC: what the copies become there -> the handle that
     * stands for it (flows/delivery.h). */
    SharedMap<std::string, int64_t> handles;
    std::vector<std::string> events; /* Bounded, oldest first. */
    int64_t created_ms = 0, updated_ms = 0;

    bool operator==(const TunnelStatus &) const = default;
};

struct FilterStatus {
    Uuid filter;
    std::string chassis;
    int64_t number = 0;
    std::string name, account;
    int64_t observed_generation = 0;
    SharedMap<int, int64_t> inbound_hits, outbound_hits; /* By rule number. */
    SharedMap<std::string, int64_t> hit_bases; /* "inbound:100" ... */
    int64_t updated_ms = 0;

    bool operator==(const FilterStatus &) const = default;
};

struct Chassis {
    std::string name, hostname, version, ovs_version;
    std::vector<std::string> datapath_types, encap_ips;
    std::map<std::string, int64_t> slots;      /* Bridge -> Mirror slots. */
    std::map<std::string, int64_t> slots_used; /* Everybody's. */
    int64_t cfg = 0;          /* Latest Mirror_Global cfg fully installed. */
    int64_t heartbeat_ms = 0; /* Since the epoch. */

    bool operator==(const Chassis &) const = default;
};

/* A row of the Event table: who did what, when. */
struct Event {
    int64_t time_ms = 0;
    std::string actor;        /* Account, or OPERATOR_ACCOUNT. */
    std::string account;      /* The object's. */
    std::string peer_account; /* The other end's, when another's; or empty. */
    std::string kind;         /* "resource", "filter", "rule", "tunnel". */
    std::string object, event, message;
    int64_t generation = 0;

    bool operator==(const Event &) const = default;
};

/* ------------------------------------------------------------------------
 * All of it. */

template <typename T> using Table = std::map<Uuid, T>;

/* The control database, or the part of it that a hypervisor sees. */
struct Model {
    Table<Vpc> vpcs;
    Table<Peering> peerings;
    Table<TransitConnect> connects;
    Table<Subnet> subnets;
    Table<Nic> nics;
    Table<LoadBalancer> load_balancers;
    Table<Collector> collectors;
    Table<Resource> resources;
    Table<Filter> filters;
    Table<Tunnel> tunnels;
    Table<TunnelStatus> tunnel_statuses; /* Keyed by the status row's uuid. */
    Table<FilterStatus> filter_statuses;
    Table<Chassis> chassis;
    /* Rows that are there but cannot be read, with the reason: the schema
     * lets in texts that are no address or CIDR. */
    Table<Problem> broken;

    bool operator==(const Model &) const = default;
};

/* Rows that changed: a value to put in place, or nullopt for a row gone. */
template <typename T> using TableDelta = std::map<Uuid, std::optional<T>>;

struct ModelDelta {
    TableDelta<Vpc> vpcs;
    TableDelta<Peering> peerings;
    TableDelta<TransitConnect> connects;
    TableDelta<Subnet> subnets;
    TableDelta<Nic> nics;
    TableDelta<LoadBalancer> load_balancers;
    TableDelta<Collector> collectors;
    TableDelta<Resource> resources;
    TableDelta<Filter> filters;
    TableDelta<Tunnel> tunnels;
    TableDelta<TunnelStatus> tunnel_statuses;
    TableDelta<FilterStatus> filter_statuses;
    TableDelta<Chassis> chassis;
    TableDelta<Problem> broken;

    bool empty() const;
};

/* Returns the delta that turns 'from' into 'to'. */
ModelDelta diff(const Model &from, const Model &to);
/* Puts 'delta' in place. */
void apply(Model *, const ModelDelta &);

/* Returns the value in 'table' whose key is 'id', or nullptr. */
template <typename T>
const T *
find(const Table<T> &table, const Uuid &id)
{
    auto i = table.find(id);
    return i == table.end() ? nullptr : &i->second;
}

/* The account a resource's target makes it belong to, or nullopt if it is
 * anyone's (or not known). */
std::optional<std::string> target_account(const Model &, const Resource &);

/* Applies 'f' to each table of a model or delta beside the table of the same
 * kind in another, so that code over all kinds is written once. */
template <typename A, typename B, typename F>
void
for_each_table(A &a, B &b, F f)
{
    f(a.vpcs, b.vpcs);
    f(a.peerings, b.peerings);
    f(a.connects, b.connects);
    f(a.subnets, b.subnets);
    f(a.nics, b.nics);
    f(a.load_balancers, b.load_balancers);
    f(a.collectors, b.collectors);
    f(a.resources, b.resources);
    f(a.filters, b.filters);
    f(a.tunnels, b.tunnels);
    f(a.tunnel_statuses, b.tunnel_statuses);
    f(a.filter_statuses, b.filter_statuses);
    f(a.chassis, b.chassis);
    f(a.broken, b.broken);
}

} // namespace pm

#endif /* PLUGIN_MODEL_H */
