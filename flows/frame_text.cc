#include "flows/frame_text.h"

#include <arpa/inet.h>

#include <cstddef>
#include <cstring>

#include "ovsdb/ovs_c.h"
#include "plugin/check.h"

namespace pm {

namespace {

constexpr uint16_t ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd;
constexpr uint8_t ICMP = 1, TCP = 6, UDP = 17, FRAGMENT = 44, ICMPV6 = 58,
                  SCTP = 132;
/* Types of ICMPv6 (RFC 4861). */
constexpr uint16_t SOLICITATION = 135, ADVERTISEMENT = 136;
/* Bits of nw_frag; lib/packets.h has them, and cannot be included. */
constexpr uint8_t ANY_FRAGMENT = 1, LATER_FRAGMENT = 2;

template <typename T>
bool
is_zero(const T &field)
{
    static const T ZERO{};
    return !std::memcmp(&field, &ZERO, sizeof field);
}

/* Whether a field is given whole or not at all. */
template <typename T>
bool
is_whole(const T &mask)
{
    T whole;
    std::memset(&whole, 0xff, sizeof whole);
    return is_zero(mask) || !std::memcmp(&mask, &whole, sizeof mask);
}

/* Whether 'fm' has nothing but fields that are part of a frame. */
bool
is_of_a_frame(const struct ofputil_flow_mod &fm, const struct flow &mask)
{
    struct flow ours = mask;
    ours.packet_type = 0; /* "Ethernet", which "ip" says too. */
    /* struct flow begins with all that is the switch's own. */
    bool of_the_switch = !is_all_zeros(&ours, offsetof(struct flow, dl_dst));
    return fm.table_id == 0xff && fm.out_port == OFPP_ANY &&
           fm.out_group == OFPG_ANY && !fm.cookie_mask && !of_the_switch &&
           !mask.ct_nw_src && !mask.ct_nw_dst && is_zero(mask.ct_ipv6_src) &&
           is_zero(mask.ct_ipv6_dst) && !mask.ct_tp_src && !mask.ct_tp_dst;
}

bool
names_one_frame(const struct flow &mask)
{
    return is_whole(mask.dl_src) && is_whole(mask.dl_dst) &&
           is_whole(mask.dl_type) && is_whole(mask.nw_src) &&
           is_whole(mask.nw_dst) && is_whole(mask.ipv6_src) &&
           is_whole(mask.ipv6_dst) && is_whole(mask.nw_proto) &&
           is_whole(mask.tp_src) && is_whole(mask.tp_dst);
}

bool
is_icmp(const struct flow &flow)
{
    return (ntohs(flow.dl_type) == ETHERTYPE_IPV4 && flow.nw_proto == ICMP) ||
           (ntohs(flow.dl_type) == ETHERTYPE_IPV6 && flow.nw_proto == ICMPV6);
}

/* Whether 'flow' has flags of TCP or, which Open vSwitch keeps in their place,
 * the option's type of neighbour discovery, and is neither. */
bool
has_flags_of_another(const struct flow &flow, const struct flow &mask)
{
    if (!mask.tcp_flags || flow.nw_proto == TCP) {
        return false;
    }
    uint16_t type = ntohs(flow.tp_src);
    bool discovers = is_icmp(flow) && flow.nw_proto == ICMPV6 &&
                     (type == SOLICITATION || type == ADVERTISEMENT);
    return !discovers || ntohs(flow.tcp_flags) > UINT8_MAX;
}

IpAddress
address_of(const struct flow &flow, bool source, bool v6)
{
    IpAddress address;
    address.is_v6 = v6;
    const void *bytes =
        v6 ? static_cast<const void *>(source ? &flow.ipv6_src
                                              : &flow.ipv6_dst)
           : static_cast<const void *>(source ? &flow.nw_src : &flow.nw_dst);
    std::memcpy(address.bytes.data(), bytes, v6 ? 16 : 4);
    return address;
}

/* Takes away what the switch does not see of a later fragment. */
void
hide_layer4(struct flow *flow, struct flow *mask, bool v6)
{
    flow->tp_src = flow->tp_dst = mask->tp_src = mask->tp_dst = 0;
    flow->tcp_flags = mask->tcp_flags = 0;
    if (v6) {
        flow->nw_proto = FRAGMENT;
        mask->nw_proto = UINT8_MAX;
    }
}

Frame
frame_of(const struct flow &flow)
{
    Frame frame;
    uint16_t type = ntohs(flow.dl_type);
    frame.is_ip = type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6;
    if (!frame.is_ip) {
        return frame;
    }
    bool v6 = type == ETHERTYPE_IPV6;
    frame.source = address_of(flow, true, v6);
    frame.destination = address_of(flow, false, v6);
    frame.protocol = flow.nw_proto;
    frame.later_fragment = flow.nw_frag & LATER_FRAGMENT;
    switch (flow.nw_proto) {
    case TCP:
    case UDP:
    case SCTP:
        frame.source_port = ntohs(flow.tp_src);
        frame.destination_port = ntohs(flow.tp_dst);
        break;
    case ICMP:
    case ICMPV6:
        frame.icmp_type = static_cast<uint8_t>(ntohs(flow.tp_src));
        frame.icmp_code = static_cast<uint8_t>(ntohs(flow.tp_dst));
        break;
    default:
        break;
    }
    return frame;
}

/* OVS's 'refusal' of 'text', on one line whatever was in it. */
std::string
refused(const std::string &text, const std::string &refusal)
{
    std::string why = quote(refusal);
    return quote(text) + ": " + why.substr(1, why.size() - 2) +
           "; write a frame as ovs-ofctl(8) does, as in "
           "\"tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_dst=80\"";
}

/* 'flow' in words for ofproto/trace, which unlike ovs-ofctl takes ports
 * and ICMP types only by the protocol's name. */
std::string
trace_text(const struct flow &flow, const struct flow_wildcards &wc)
{
    struct match match;
    match_init(&match, &flow, &wc);
    match.wc.masks.packet_type = 0;
    char *words = match_to_string(&match, nullptr, OFP_DEFAULT_PRIORITY);
    std::string text = words;
    free(words);
    std::string name = flow.nw_proto == UDP      ? ",udp_"
                       : flow.nw_proto == SCTP   ? ",sctp_"
                       : flow.nw_proto == ICMPV6 ? ",icmpv6_"
                       : flow.nw_proto == ICMP   ? ",icmp_"
                                                 : ",tcp_";
    for (const char *generic :
         {",tp_src=", ",tp_dst=", ",icmp_type=", ",icmp_code="}) {
        size_t at = text.find(generic);
        if (at != std::string::npos) {
            text.replace(at, std::strchr(generic, '_') - generic + 1, name);
        }
    }
    return text;
}

} // namespace

std::optional<ParsedFrame>
parse_frame(const std::string &text, std::string *error)
{
    /* A "delete" is a flow without actions. */
    struct ofputil_flow_mod fm;
    enum ofputil_protocol usable;
    if (char *refusal = parse_ofp_str(&fm, OFPFC_DELETE, text.c_str(), nullptr,
                                      nullptr, &usable)) {
        *error = refused(text, refusal);
        free(refusal);
        return std::nullopt;
    }
    struct match match;
    minimatch_expand(&fm.match, &match);
    minimatch_destroy(&fm.match);
    const struct match given = match;
    struct flow flow = match.flow;
    struct flow_wildcards wc = match.wc;
    if (!is_of_a_frame(fm, wc.masks)) {
        *error = quote(text) +
                 ": only fields of the frame itself can be given, not "
                 "in_port, registers, metadata, tunnel or ct fields";
        return std::nullopt;
    }
    if (!names_one_frame(wc.masks)) {
        *error = quote(text) + ": it must say one frame: give addresses and "
                               "ports without masks";
        return std::nullopt;
    }
    if (!flow.dl_type) {
        *error = quote(text) +
                 ": what kind of frame is it? Begin with ip, ipv6, tcp, tcp6, "
                 "udp, udp6, icmp, icmp6, sctp, sctp6, arp or dl_type=N";
        return std::nullopt;
    }
    if (is_icmp(flow) &&
        (ntohs(flow.tp_src) > UINT8_MAX || ntohs(flow.tp_dst) > UINT8_MAX)) {
        *error = quote(text) + ": an ICMP type or code is at most 255";
        return std::nullopt;
    }
    ofputil_normalize_match_quiet(&match);
    if (has_flags_of_another(flow, wc.masks) || !match_equal(&match, &given)) {
        *error = quote(text) + ": it names a field that such a frame does not "
                               "have, as a port without tcp, udp or sctp";
        return std::nullopt;
    }
    bool v6 = ntohs(flow.dl_type) == ETHERTYPE_IPV6;
    if (flow.nw_frag & LATER_FRAGMENT) {
        flow.nw_frag |= ANY_FRAGMENT;
        hide_layer4(&flow, &wc.masks, v6);
    }
    if (wc.masks.nw_frag) {
        wc.masks.nw_frag = ANY_FRAGMENT | LATER_FRAGMENT;
    }
    return ParsedFrame{frame_of(flow), flow.vlans[0].tci != 0,
                       trace_text(flow, wc)};
}

} // namespace pm
