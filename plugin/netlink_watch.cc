#include "plugin/netlink_watch.h"

#include <netlink/socket.h>

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "plugin/netlink_message.h"

namespace pm {

namespace {

constexpr int RECEIVE_BUFFER_BYTES = 4 << 20;
constexpr int RETRY_MS = 1000;
constexpr int MIN_BETWEEN_DUMPS_MS = 100;
/* Of one kind, where the kernel says each time that it was interrupted. */
constexpr int DUMPS_MAX = 3;
/* Datagrams taken in one turn of the main loop. */
constexpr int MAX_RECEIVES = 512;
/* Prefixes told apart in the news; more are told as "all". */
constexpr size_t MAX_PREFIXES = 64;

const int GROUPS[] = {
    RTNLGRP_LINK,        RTNLGRP_NEIGH,      RTNLGRP_IPV4_IFADDR,
    RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
    RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,  RTNLGRP_NEXTHOP,
};

} // namespace

bool
NetlinkNews::concerns(const IpAddress &destination) const
{
    return all_routes ||
           std::any_of(routes.begin(), routes.end(), [&](const Cidr &route) {
               return route.contains(destination);
           });
}

void
NetlinkWatch::Closer::operator()(struct nl_sock *sock) const
{
    nl_socket_free(sock);
}

NetlinkWatch::NetlinkWatch() = default;
NetlinkWatch::~NetlinkWatch() = default;

bool
NetlinkWatch::open()
{
    events_.reset(nl_socket_alloc());
    requests_.reset(nl_socket_alloc());
    if (!events_ || !requests_) {
        return false;
    }
    int error = nl_connect(events_.get(), NETLINK_ROUTE);
    if (!error) {
        error = nl_connect(requests_.get(), NETLINK_ROUTE);
    }
    if (!error) {
        error = nl_socket_set_nonblocking(events_.get());
    }
    if (error) {
        trouble_ = std::string("cannot open netlink: ") + nl_geterror(error);
        events_.reset();
        requests_.reset();
        return false;
    }

    int fd = nl_socket_get_fd(events_.get());
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &RECEIVE_BUFFER_BYTES,
                   sizeof RECEIVE_BUFFER_BYTES)) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &RECEIVE_BUFFER_BYTES,
                   sizeof RECEIVE_BUFFER_BYTES);
    }
    for (int group : GROUPS) {
        error = nl_socket_add_membership(events_.get(), group);
        if (error) {
            trouble_ = "cannot join netlink group " + std::to_string(group) +
                       ": " + nl_geterror(error);
        }
    }
    /* Should the kernel ever leave a request unanswered. */
    struct timeval timeout = {.tv_sec = 1, .tv_usec = 0};
    setsockopt(nl_socket_get_fd(requests_.get()), SOL_SOCKET, SO_RCVTIMEO,
               &timeout, sizeof timeout);
    nl_socket_disable_auto_ack(requests_.get());
    return true;
}

NetlinkNews
NetlinkWatch::run(long long now_ms)
{
    NetlinkNews news;
    if (!events_) {
        if (now_ms < retry_ms_) {
            return news;
        }
        synced_ = false;
        if (!open()) {
            retry_ms_ = now_ms + RETRY_MS;
            return news;
        }
    }

    for (int i = 0; i < MAX_RECEIVES; i++) {
        Datagram datagram = receive(events_.get());
        if (datagram.error == -NLE_AGAIN) {
            break;
        } else if (datagram.error == -NLE_INTR) {
            continue;
        } else if (datagram.error) {
            /* Mostly NLE_NOMEM: the kernel had more events than the buffer
             * holds and dropped some. */
            trouble_ = std::string("netlink events lost, reading all anew: ") +
                       nl_geterror(datagram.error);
            synced_ = false;
        } else if (synced_) {
            /* Else it may be older than what was dropped; the dump below is
             * newer than both. */
            datagram.for_each(
                [&](struct nlmsghdr *hdr) { accept(hdr, &news); });
        }
    }
    if (!synced_ && now_ms >= retry_ms_) {
        read_all(now_ms, &news);
    }
    return news;
}

int
NetlinkWatch::fd() const
{
    return events_ ? nl_socket_get_fd(events_.get()) : -1;
}

std::optional<long long>
NetlinkWatch::wake_ms() const
{
    return synced_ ? std::nullopt : std::optional(retry_ms_);
}

void
NetlinkWatch::read_all(long long now_ms, NetlinkNews *news)
{
    links_.clear();
    by_name_.clear();
    neighbours_.clear();
    synced_ = dump(RTM_GETLINK, news) && dump(RTM_GETNEIGH, news);
    retry_ms_ = now_ms + (synced_ ? MIN_BETWEEN_DUMPS_MS : RETRY_MS);
    news->links = news->neighbours = news->all_routes = true;
}

/* Reads everything of a kind.  The kernel says of a dump that something came
 * or went meanwhile; another that did not may be missing then, of which no
 * event would ever tell. */
bool
NetlinkWatch::dump(int type, NetlinkNews *news)
{
    DumpEnd end = DumpEnd::Interrupted;
    for (int i = 0; i < DUMPS_MAX && end == DumpEnd::Interrupted; i++) {
        end = dump_once(type, news);
    }
    return end != DumpEnd::Failed;
}

NetlinkWatch::DumpEnd
NetlinkWatch::dump_once(int type, NetlinkNews *news)
{
    Message msg = make_dump_request(type);
    if (!msg || nl_send_auto(requests_.get(), msg.get()) < 0) {
        return DumpEnd::Failed;
    }
    bool interrupted = false;
    uint32_t seq = nlmsg_hdr(msg.get())->nlmsg_seq;
    for (;;) {
        Datagram datagram = receive(requests_.get());
        if (datagram.error) {
            trouble_ = std::string("netlink dump failed: ") +
                       nl_geterror(datagram.error);
            return DumpEnd::Failed;
        }
        bool done = false, failed = false;
        datagram.for_each([&](struct nlmsghdr *hdr) {
            if (hdr->nlmsg_seq != seq) {
                return;
            }
            done = done || hdr->nlmsg_type == NLMSG_DONE;
            failed = failed || hdr->nlmsg_type == NLMSG_ERROR;
            interrupted = interrupted || (hdr->nlmsg_flags & NLM_F_DUMP_INTR);
            accept(hdr, news);
        });
        if (done || failed) {
            return failed        ? DumpEnd::Failed
                   : interrupted ? DumpEnd::Interrupted
                                 : DumpEnd::Whole;
        }
    }
}

void
NetlinkWatch::accept(struct nlmsghdr *hdr, NetlinkNews *news)
{
    switch (hdr->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        accept_link(hdr, news);
        break;
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
        accept_neighbour(hdr, news);
        break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        if (auto prefix = parse_route_prefix(hdr)) {
            news->routes.push_back(*prefix);
            if (news->routes.size() > MAX_PREFIXES) {
                news->routes.clear();
                news->all_routes = true;
            }
        }
        break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
    case RTM_NEWRULE:
    case RTM_DELRULE:
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
        news->all_routes = true;
        break;
    default:
        break;
    }
}

void
NetlinkWatch::accept_link(struct nlmsghdr *hdr, NetlinkNews *news)
{
    auto parsed = parse_link(hdr);
    if (!parsed) {
        return;
    }
    const auto &[ifindex, link] = *parsed;
    bool gone = hdr->nlmsg_type == RTM_DELLINK;
    auto old = links_.find(ifindex);
    if (old == links_.end() ? gone : !gone && old->second == link) {
        return;
    }
    if (old != links_.end()) {
        auto name = by_name_.find(old->second.name);
        if (name != by_name_.end() && name->second == ifindex) {
            by_name_.erase(name);
        }
        links_.erase(old);
    }
    if (!gone) {
        by_name_[link.name] = ifindex;
        links_[ifindex] = link;
    }
    /* A link that goes down takes IPv4 routes with it without a word. */
    news->links = news->all_routes = true;
}

void
NetlinkWatch::accept_neighbour(struct nlmsghdr *hdr, NetlinkNews *news)
{
    auto parsed = parse_neighbour(hdr);
    if (!parsed) {
        return;
    }
    std::pair key(parsed->ifindex, parsed->address);
    KernelNeighbour before = neighbour(key.first, key.second), now;
    if (hdr->nlmsg_type == RTM_NEWNEIGH) {
        now = {parsed->state.value_or(before.state), parsed->mac,
               parsed->is_fixed};
    }
    if (now == before) {
        return;
    }
    if (now == KernelNeighbour{}) {
        neighbours_.erase(key);
    } else {
        neighbours_[key] = now;
    }
    news->neighbours = true;
}

const Link *
NetlinkWatch::link(int ifindex) const
{
    auto i = links_.find(ifindex);
    return i == links_.end() ? nullptr : &i->second;
}

const Link *
NetlinkWatch::link(const std::string &name) const
{
    auto i = by_name_.find(name);
    return i == by_name_.end() ? nullptr : link(i->second);
}

std::string
NetlinkWatch::vxlan_at(int udp_port) const
{
    for (const auto &[ifindex, link] : links_) {
        if (link.vxlan_port == udp_port && link.up) {
            return link.name;
        }
    }
    return "";
}

KernelNeighbour
NetlinkWatch::neighbour(int ifindex, const IpAddress &address) const
{
    auto i = neighbours_.find({ifindex, address});
    return i == neighbours_.end() ? KernelNeighbour{} : i->second;
}

KernelNeighbour
NetlinkWatch::neighbour(const std::string &name,
                        const IpAddress &address) const
{
    auto i = by_name_.find(name);
    return i == by_name_.end() ? KernelNeighbour{}
                               : neighbour(i->second, address);
}

int
NetlinkWatch::ask(struct nl_msg *msg,
                  const std::function<bool(struct nlmsghdr *)> &answer)
{
    if (!requests_ || !msg) {
        return -NLE_AGAIN;
    }
    int error = nl_send_auto(requests_.get(), msg);
    if (error < 0) {
        return error;
    }
    uint32_t seq = nlmsg_hdr(msg)->nlmsg_seq;
    for (bool last = false; !last;) {
        Datagram datagram = receive(requests_.get());
        if (datagram.error) {
            return datagram.error;
        }
        datagram.for_each([&](struct nlmsghdr *hdr) {
            last = last || (hdr->nlmsg_seq == seq && answer(hdr));
        });
    }
    return 0;
}

/* Asks the kernel by which route a packet to 'destination' would go. */
std::optional<KernelRoute>
NetlinkWatch::lookup(const IpAddress &destination)
{
    Message msg = make_route_request(destination);
    std::optional<KernelRoute> route;
    int error = ask(msg.get(), [&](struct nlmsghdr *hdr) {
        if (hdr->nlmsg_type == RTM_NEWROUTE) {
            route = parse_route(hdr);
        } else if (hdr->nlmsg_type == NLMSG_ERROR) {
            /* ENETUNREACH, EACCES, EINVAL (blackhole) ... */
            route = KernelRoute{};
        }
        return route.has_value();
    });
    if (error) {
        trouble_ =
            std::string("netlink route lookup failed: ") + nl_geterror(error);
    }
    return route;
}

void
NetlinkWatch::probe(const std::string &link, const IpAddress &neighbour)
{
    auto i = by_name_.find(link);
    /* Kernels since 5.16 make an entry that somebody set for good one of their
     * own when they are told that it is in use, and lose it when nobody
     * answers. */
    if (i == by_name_.end() || !synced_ ||
        this->neighbour(i->second, neighbour).is_fixed) {
        return;
    }
    /* A refusal, for want of the right to or of memory, is like a neighbour
     * that is not looked for: nothing is known of it. */
    Message msg = make_neighbour_use(i->second, neighbour);
    ask(msg.get(),
        [](struct nlmsghdr *hdr) { return hdr->nlmsg_type == NLMSG_ERROR; });
}

/* Sends a request that is merely acknowledged.  Returns 0 or an errno. */
int
NetlinkWatch::command(struct nl_msg *msg)
{
    int refusal = 0;
    int error = ask(msg, [&](struct nlmsghdr *hdr) {
        if (hdr->nlmsg_type == NLMSG_ERROR &&
            nlmsg_datalen(hdr) >= static_cast<int>(sizeof(struct nlmsgerr))) {
            refusal = -static_cast<struct nlmsgerr *>(nlmsg_data(hdr))->error;
        }
        return hdr->nlmsg_type == NLMSG_ERROR;
    });
    return error ? EIO : refusal;
}

std::string
NetlinkWatch::give_address(const std::string &link, const Cidr &net,
                           const IpAddress &address, const Cidr &route,
                           const IpAddress &gateway)
{
    auto i = by_name_.find(link);
    if (i == by_name_.end()) {
        return "there is no link " + link;
    }
    int ifindex = i->second;
    auto refused = [&](const Message &msg, const std::string &what) {
        int error = msg ? command(msg.get()) : ENOMEM;
        return error ? "cannot " + what + " " + link + ": " +
                           (error == EEXIST ? "something else has that"
                                            : std::strerror(error))
                     : "";
    };
    std::string why = refused(make_link_up(ifindex), "bring up");
    if (why.empty()) {
        why = refused(make_new_address(ifindex, address, net.prefix),
                      "give address " + address.to_string() + " to");
    }
    if (why.empty()) {
        why = refused(make_new_route(ifindex, route, gateway),
                      "route " + route.to_string() + " to");
    }
    return why;
}

} // namespace pm
