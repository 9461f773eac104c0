/* One netlink message at a time: from bytes to values (adapter: libnl).
 *
 * Built without OVS's headers: its include/linux clashes with libnl's. */
#ifndef PLUGIN_NETLINK_MESSAGE_H
#define PLUGIN_NETLINK_MESSAGE_H 1

#include <memory>
#include <optional>
#include <utility>

#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "plugin/netlink_watch.h"

namespace pm {

struct Freer {
    void operator()(void *p) const { free(p); }
    void operator()(struct nl_msg *msg) const { nlmsg_free(msg); }
};
using Message = std::unique_ptr<struct nl_msg, Freer>;

/* What one receive gave. */
struct Datagram {
    int error = 0; /* 0 or a negative NLE_*. */
    std::unique_ptr<unsigned char, Freer> data;
    int size = 0;

    /* Calls 'f' with each message in it. */
    template <typename F> void for_each(F f) const
    {
        auto *hdr = reinterpret_cast<struct nlmsghdr *>(data.get());
        for (int left = size; hdr && nlmsg_ok(hdr, left);
             hdr = nlmsg_next(hdr, &left)) {
            f(hdr);
        }
    }
};

Datagram receive(struct nl_sock *);

/* An empty request for everything of a kind (RTM_GETLINK, RTM_GETNEIGH). */
Message make_dump_request(int type);
/* RTM_GETROUTE for one destination. */
Message make_route_request(const IpAddress &destination);
/* RTM_NEWNEIGH that has the kernel look whether a neighbour is there, as if
 * it had something to send to it. */
Message make_neighbour_use(int ifindex, const IpAddress &address);

/* RTM_NEWLINK that sets a link up. */
Message make_link_up(int ifindex);
/* RTM_NEWADDR, without a look whether somebody else has it. */
Message make_new_address(int ifindex, const IpAddress &, int prefix);
/* RTM_NEWROUTE by way of 'gateway', unless there is a route to 'to'. */
Message make_new_route(int ifindex, const Cidr &, const IpAddress &gateway);

/* Each reads one message, or returns nullopt if it is malformed or about
 * something else than is wanted here. */

/* The index and state of a link.  Not of its place in a bridge, which comes
 * under the same type. */
std::optional<std::pair<int, Link>> parse_link(struct nlmsghdr *);
/* Where a neighbour is and its state, if it says anything new: while the
 * kernel looks for one that did not answer before, it does not.  Only IP. */
struct NeighbourNews {
    int ifindex = 0;
    IpAddress address;
    std::optional<Neighbour> state;
    std::string mac; /* See KernelNeighbour. */
    bool is_fixed = false;
};
std::optional<NeighbourNews> parse_neighbour(struct nlmsghdr *);
/* The prefix that a route's event is about; only IP, no cached routes. */
std::optional<Cidr> parse_route_prefix(struct nlmsghdr *);
/* The answer to make_route_request(). */
KernelRoute parse_route(struct nlmsghdr *);

} // namespace pm

#endif /* PLUGIN_NETLINK_MESSAGE_H */
