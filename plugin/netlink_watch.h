/* The kernel's links, neighbours and routes, by rtnetlink (adapter: libnl).
 *
 * Links and neighbours are mirrored from a dump and the kernel's events.
 * Routes are not: a host may have a million, so the kernel is asked for the
 * few destinations that matter, and events say when to ask again.
 *
 * Built without OVS's headers, whose include/linux clashes with libnl's; hence
 * the clock as an argument and no log. */
#ifndef PLUGIN_NETLINK_WATCH_H
#define PLUGIN_NETLINK_WATCH_H 1

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugin/model.h"
#include "plugin/path.h"

struct nl_msg;
struct nl_sock;
struct nlmsghdr;

namespace pm {

struct Link {
    std::string name;
    int mtu = 0;
    bool up = false;               /* Set up, and with carrier. */
    std::optional<int> vxlan_port; /* UDP port, of a vxlan device. */

    bool operator==(const Link &) const = default;
};

/* The kernel's answer on one destination. */
struct KernelRoute {
    bool routed = false;
    bool local = false;     /* An address of this host. */
    bool broadcast = false; /* That of a network of this host. */
    std::optional<IpAddress> source;
    std::optional<IpAddress> gateway;
    int ifindex = 0;
    std::optional<int> mtu; /* The route's own, or learned for the path. */

    bool operator==(const KernelRoute &) const = default;
};

/* What the kernel has of a neighbour. */
struct KernelNeighbour {
    Neighbour state = Neighbour::Unknown;
    /* Where it sends to; empty if it does not know, or to more than one. */
    std::string mac;
    /* Somebody set it, and the kernel asks nobody. */
    bool is_fixed = false;

    bool operator==(const KernelNeighbour &) const = default;
};

/* What events since the last look may have changed. */
struct NetlinkNews {
    bool links = false;
    bool neighbours = false;
    bool all_routes = false;
    std::vector<Cidr> routes; /* Destinations within these. */

    bool any_route() const { return all_routes || !routes.empty(); }
    /* The route to 'destination' may be another now. */
    bool concerns(const IpAddress &destination) const;
};

class NetlinkWatch {
public:
    NetlinkWatch();
    ~NetlinkWatch();

    /* Takes the events that have come. */
    NetlinkNews run(long long now_ms);
    /* What to wait for: to be readable (-1: none), and a time. */
    int fd() const;
    std::optional<long long> wake_ms() const;
    /* What went wrong since the last call, for the log; mostly empty. */
    std::string take_trouble() { return std::exchange(trouble_, ""); }
    /* Makes the next run() read everything anew. */
    void resync()
    {
        synced_ = false;
        retry_ms_ = 0;
    }

    /* Null if there is no such link. */
    const Link *link(int ifindex) const;
    const Link *link(const std::string &name) const;
    /* The name of an up vxlan device at 'udp_port', or empty. */
    std::string vxlan_at(int udp_port) const;
    KernelNeighbour neighbour(int ifindex, const IpAddress &) const;
    KernelNeighbour neighbour(const std::string &name,
                              const IpAddress &) const;

    /* Nullopt if the kernel cannot be asked now. */
    std::optional<KernelRoute> lookup(const IpAddress &destination);
    /* Has the kernel look whether a neighbour is there, unless somebody set
     * where it is.  What comes of it is news, later. */
    void probe(const std::string &link, const IpAddress &neighbour);
    /* Brings a link up and gives it an address, and a route by way of a
     * gateway on it, unless somebody has that route.  Returns "" or why that
     * cannot be. */
    std::string give_address(const std::string &link, const Cidr &net,
                             const IpAddress &address, const Cidr &route,
                             const IpAddress &gateway);

private:
    struct Closer {
        void operator()(struct nl_sock *) const;
    };
    using Socket = std::unique_ptr<struct nl_sock, Closer>;

    bool open();
    /* Sends a request and calls 'answer' with each message that the kernel
     * answers, which returns whether it was the last.  Returns 0 or a
     * negative NLE_*. */
    int ask(struct nl_msg *,
            const std::function<bool(struct nlmsghdr *)> &answer);
    int command(struct nl_msg *);
    enum class DumpEnd { Whole, Interrupted, Failed };
    bool dump(int type, NetlinkNews *);
    DumpEnd dump_once(int type, NetlinkNews *);
    void read_all(long long now_ms, NetlinkNews *);
    void accept(struct nlmsghdr *, NetlinkNews *);
    void accept_link(struct nlmsghdr *, NetlinkNews *);
    void accept_neighbour(struct nlmsghdr *, NetlinkNews *);

    /* Two sockets, so that an answer never stands behind a queue of events:
     * the kernel answers a request before the call that sends it returns. */
    Socket events_, requests_;
    bool synced_ = false;
    long long retry_ms_ = 0; /* When to read all, if not synced. */
    std::string trouble_;
    std::map<int, Link> links_;
    std::map<std::string, int> by_name_;
    std::map<std::pair<int, IpAddress>, KernelNeighbour> neighbours_;
};

} // namespace pm

#endif /* PLUGIN_NETLINK_WATCH_H */
