#include "plugin/netlink_message.h"

#include <netlink/attr.h>

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace pm {

namespace {

std::optional<IpAddress>
to_ip(int family, const void *data, size_t size)
{
    IpAddress ip;
    ip.is_v6 = family == AF_INET6;
    if (size != (ip.is_v6 ? 16u : 4u) ||
        (family != AF_INET && family != AF_INET6)) {
        return std::nullopt;
    }
    std::memcpy(ip.bytes.data(), data, size);
    return ip;
}

std::optional<IpAddress>
to_ip(int family, const struct nlattr *attr)
{
    if (!attr) {
        return std::nullopt;
    }
    return to_ip(family, nla_data(attr), nla_len(attr));
}

/* The MAC of one host, or empty. */
std::string
to_mac(const struct nlattr *attr)
{
    static const uint8_t NONE[6] = {};
    if (!attr || nla_len(attr) != sizeof NONE) {
        return "";
    }
    auto *mac = static_cast<const uint8_t *>(nla_data(attr));
    if (mac[0] & 1 || !std::memcmp(mac, NONE, sizeof NONE)) {
        return "";
    }
    char text[18];
    std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
                  mac[1], mac[2], mac[3], mac[4], mac[5]);
    return text;
}

/* Attributes of a message or of a nest, by number; null where absent. */
template <int MAX> struct Attrs {
    struct nlattr *at[MAX + 1] = {};

    Attrs(struct nlmsghdr *hdr, int header_size)
    {
        nlmsg_parse(hdr, header_size, at, MAX, nullptr);
    }
    explicit Attrs(struct nlattr *nest)
    {
        if (nest) {
            nla_parse_nested(at, MAX, nest, nullptr);
        }
    }
    std::optional<uint32_t> u32(int type) const
    {
        if (!at[type] || nla_len(at[type]) < 4) {
            return std::nullopt;
        }
        return nla_get_u32(at[type]);
    }
};

std::optional<Neighbour>
to_neighbour(int nud_state)
{
    if (nud_state & NUD_INCOMPLETE) {
        return std::nullopt;
    } else if (nud_state & NUD_FAILED) {
        return Neighbour::Failed;
    } else if (nud_state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE |
                            NUD_PERMANENT | NUD_NOARP)) {
        return Neighbour::Reachable;
    }
    return Neighbour::Unknown;
}

} // namespace

Datagram
receive(struct nl_sock *sock)
{
    struct sockaddr_nl from;
    unsigned char *data = nullptr;
    int n = nl_recv(sock, &from, &data, nullptr);
    Datagram datagram;
    datagram.data.reset(data);
    datagram.size = std::max(n, 0);
    /* A socket shut down would return 0 without end. */
    datagram.error = n > 0 ? 0 : n < 0 ? n : -NLE_AGAIN;
    return datagram;
}

Message
make_dump_request(int type)
{
    size_t header_size =
        type == RTM_GETLINK ? sizeof(struct ifinfomsg) : sizeof(struct ndmsg);
    Message msg(nlmsg_alloc_simple(type, NLM_F_DUMP));
    if (!msg || !nlmsg_reserve(msg.get(), header_size, NLMSG_ALIGNTO)) {
        return nullptr;
    }
    std::memset(nlmsg_data(nlmsg_hdr(msg.get())), 0, header_size);
    if (type == RTM_GETLINK) {
        nla_put_u32(msg.get(), IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    }
    return msg;
}

Message
make_route_request(const IpAddress &destination)
{
    struct rtmsg rtm = {};
    rtm.rtm_family = destination.is_v6 ? AF_INET6 : AF_INET;
    rtm.rtm_dst_len = destination.bits();
    Message msg(nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST));
    if (!msg || nlmsg_append(msg.get(), &rtm, sizeof rtm, NLMSG_ALIGNTO) ||
        nla_put(msg.get(), RTA_DST, destination.bits() / 8,
                destination.bytes.data())) {
        return nullptr;
    }
    return msg;
}

Message
make_neighbour_use(int ifindex, const IpAddress &address)
{
    struct ndmsg ndm = {};
    ndm.ndm_family = address.is_v6 ? AF_INET6 : AF_INET;
    ndm.ndm_ifindex = ifindex;
    ndm.ndm_flags = NTF_USE;
    Message msg(nlmsg_alloc_simple(RTM_NEWNEIGH,
                                   NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK));
    if (!msg || nlmsg_append(msg.get(), &ndm, sizeof ndm, NLMSG_ALIGNTO) ||
        nla_put(msg.get(), NDA_DST, address.bits() / 8,
                address.bytes.data())) {
        return nullptr;
    }
    return msg;
}

Message
make_link_up(int ifindex)
{
    struct ifinfomsg ifi = {};
    ifi.ifi_index = ifindex;
    ifi.ifi_flags = ifi.ifi_change = IFF_UP;
    Message msg(nlmsg_alloc_simple(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK));
    if (!msg || nlmsg_append(msg.get(), &ifi, sizeof ifi, NLMSG_ALIGNTO)) {
        return nullptr;
    }
    return msg;
}

Message
make_new_address(int ifindex, const IpAddress &address, int prefix)
{
    struct ifaddrmsg ifa = {};
    ifa.ifa_family = address.is_v6 ? AF_INET6 : AF_INET;
    ifa.ifa_index = ifindex;
    ifa.ifa_prefixlen = prefix;
    ifa.ifa_flags = IFA_F_NODAD;
    ifa.ifa_scope = RT_SCOPE_LINK;
    Message msg(nlmsg_alloc_simple(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_CREATE |
                                                    NLM_F_REPLACE |
                                                    NLM_F_ACK));
    size_t size = address.bits() / 8;
    if (!msg || nlmsg_append(msg.get(), &ifa, sizeof ifa, NLMSG_ALIGNTO) ||
        nla_put(msg.get(), IFA_LOCAL, size, address.bytes.data()) ||
        nla_put(msg.get(), IFA_ADDRESS, size, address.bytes.data())) {
        return nullptr;
    }
    return msg;
}

Message
make_new_route(int ifindex, const Cidr &to, const IpAddress &gateway)
{
    struct rtmsg rtm = {};
    rtm.rtm_family = to.address.is_v6 ? AF_INET6 : AF_INET;
    rtm.rtm_dst_len = to.prefix;
    rtm.rtm_table = RT_TABLE_MAIN;
    rtm.rtm_protocol = RTPROT_STATIC;
    rtm.rtm_scope = RT_SCOPE_UNIVERSE;
    rtm.rtm_type = RTN_UNICAST;
    Message msg(nlmsg_alloc_simple(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_CREATE |
                                                     NLM_F_EXCL | NLM_F_ACK));
    size_t size = to.address.bits() / 8;
    if (!msg || nlmsg_append(msg.get(), &rtm, sizeof rtm, NLMSG_ALIGNTO) ||
        nla_put(msg.get(), RTA_DST, size, to.address.bytes.data()) ||
        nla_put(msg.get(), RTA_GATEWAY, size, gateway.bytes.data()) ||
        nla_put_u32(msg.get(), RTA_OIF, ifindex)) {
        return nullptr;
    }
    return msg;
}

std::optional<std::pair<int, Link>>
parse_link(struct nlmsghdr *hdr)
{
    if (!nlmsg_valid_hdr(hdr, sizeof(struct ifinfomsg))) {
        return std::nullopt;
    }
    auto *ifi = static_cast<struct ifinfomsg *>(nlmsg_data(hdr));
    if (ifi->ifi_family != AF_UNSPEC) {
        return std::nullopt;
    }
    Attrs<IFLA_MAX> attrs(hdr, sizeof *ifi);
    Attrs<IFLA_INFO_MAX> info(attrs.at[IFLA_LINKINFO]);
    Link link;
    if (attrs.at[IFLA_IFNAME]) {
        link.name = nla_get_string(attrs.at[IFLA_IFNAME]);
    }
    link.mtu = static_cast<int>(attrs.u32(IFLA_MTU).value_or(0));
    link.up = ifi->ifi_flags & IFF_UP && ifi->ifi_flags & IFF_RUNNING;
    if (info.at[IFLA_INFO_KIND] &&
        !strcmp(nla_get_string(info.at[IFLA_INFO_KIND]), "vxlan")) {
        Attrs<IFLA_VXLAN_MAX> vxlan(info.at[IFLA_INFO_DATA]);
        if (const struct nlattr *port = vxlan.at[IFLA_VXLAN_PORT]) {
            link.vxlan_port = ntohs(nla_get_u16(port));
        }
    }
    return std::pair(ifi->ifi_index, link);
}

std::optional<NeighbourNews>
parse_neighbour(struct nlmsghdr *hdr)
{
    if (!nlmsg_valid_hdr(hdr, sizeof(struct ndmsg))) {
        return std::nullopt;
    }
    auto *ndm = static_cast<struct ndmsg *>(nlmsg_data(hdr));
    Attrs<NDA_MAX> attrs(hdr, sizeof *ndm);
    auto address = to_ip(ndm->ndm_family, attrs.at[NDA_DST]);
    if (!address) {
        return std::nullopt;
    }
    NeighbourNews news{ndm->ndm_ifindex, *address,
                       to_neighbour(ndm->ndm_state)};
    if (news.state == Neighbour::Reachable) {
        news.mac = to_mac(attrs.at[NDA_LLADDR]);
        news.is_fixed = ndm->ndm_state & (NUD_PERMANENT | NUD_NOARP);
    }
    return news;
}

std::optional<Cidr>
parse_route_prefix(struct nlmsghdr *hdr)
{
    if (!nlmsg_valid_hdr(hdr, sizeof(struct rtmsg))) {
        return std::nullopt;
    }
    auto *rtm = static_cast<struct rtmsg *>(nlmsg_data(hdr));
    if ((rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6) ||
        rtm->rtm_flags & RTM_F_CLONED) {
        return std::nullopt;
    }
    Attrs<RTA_MAX> attrs(hdr, sizeof *rtm);
    Cidr cidr;
    cidr.address.is_v6 = rtm->rtm_family == AF_INET6;
    if (auto address = to_ip(rtm->rtm_family, attrs.at[RTA_DST])) {
        cidr.address = *address;
        cidr.prefix = rtm->rtm_dst_len;
    }
    return cidr;
}

KernelRoute
parse_route(struct nlmsghdr *hdr)
{
    KernelRoute route;
    if (!nlmsg_valid_hdr(hdr, sizeof(struct rtmsg))) {
        return route;
    }
    auto *rtm = static_cast<struct rtmsg *>(nlmsg_data(hdr));
    Attrs<RTA_MAX> attrs(hdr, sizeof *rtm);
    auto oif = attrs.u32(RTA_OIF);
    if (!oif || rtm->rtm_type == RTN_BLACKHOLE ||
        rtm->rtm_type == RTN_UNREACHABLE || rtm->rtm_type == RTN_PROHIBIT ||
        rtm->rtm_type == RTN_THROW) {
        return route;
    }
    route.routed = true;
    route.local = rtm->rtm_type == RTN_LOCAL;
    route.broadcast = rtm->rtm_type == RTN_BROADCAST;
    route.ifindex = static_cast<int>(*oif);
    route.source = to_ip(rtm->rtm_family, attrs.at[RTA_PREFSRC]);
    route.gateway = to_ip(rtm->rtm_family, attrs.at[RTA_GATEWAY]);
    if (const struct nlattr *via = attrs.at[RTA_VIA];
        via && nla_len(via) > static_cast<int>(sizeof(struct rtvia))) {
        auto *rtvia = static_cast<struct rtvia *>(nla_data(via));
        route.gateway = to_ip(rtvia->rtvia_family, rtvia->rtvia_addr,
                              nla_len(via) - sizeof *rtvia);
    }
    if (auto mtu = Attrs<RTAX_MAX>(attrs.at[RTA_METRICS]).u32(RTAX_MTU);
        mtu && *mtu) {
        route.mtu = static_cast<int>(*mtu);
    }
    return route;
}

} // namespace pm
