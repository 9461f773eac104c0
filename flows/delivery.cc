#include "flows/delivery.h"

#include <cstdio>

#include "flows/meter.h"
#include "flows/pipeline.h"

namespace pm {

namespace {

constexpr uint8_t TABLE_ENTRY = 0, TABLE_ADVERTISE = 1;
constexpr uint16_t PRIORITY_DEFAULT = 0, PRIORITY_ANSWER = 100,
                   PRIORITY_DELIVER = 200, PRIORITY_NEIGHBOUR = 300;

HandleRange
make_range(const std::string &source, const std::string &gateway,
           const std::string &link, const std::string &handles)
{
    return {*IpAddress::parse(source), *IpAddress::parse(gateway),
            *Cidr::parse(link), *Cidr::parse(handles)};
}

uint64_t
cookie(FlowOwner::Kind kind, int64_t number)
{
    return Cookie{{kind, static_cast<uint32_t>(number)}, std::nullopt, 0}
        .encode();
}

} // namespace

const HandleRange &
handle_range(bool is_v6)
{
    static const HandleRange V4 = make_range("169.254.192.1", "169.254.192.2",
                                             "169.254.192.0/30",
                                             "169.254.192.0/18"),
                             V6 = make_range("fd6d:7200::1", "fd6d:7200::2",
                                             "fd6d:7200::/126",
                                             "fd6d:7200::/64");
    return is_v6 ? V6 : V4;
}

IpAddress
handle_address(int64_t handle, bool is_v6)
{
    /* The link's four addresses come first. */
    auto offset = static_cast<uint16_t>(handle + 4);
    IpAddress address = handle_range(is_v6).handles.address;
    size_t last = is_v6 ? 15 : 3;
    address.bytes[last] = static_cast<uint8_t>(offset & 0xff);
    address.bytes[last - 1] =
        static_cast<uint8_t>(address.bytes[last - 1] + (offset >> 8));
    return address;
}

std::string
DeliverySpec::to_string() const
{
    return source.to_string() + ">" + destination.to_string() + " via " +
           next_hop + " on " + site;
}

std::string
delivery_mac(const std::string &chassis, const std::string &bridge)
{
    /* FNV-1a; any stable hash does. */
    uint64_t hash = UINT64_C(14695981039346656037);
    for (char c :
         "ovs-mirrord " + chassis + (bridge.empty() ? "" : " " + bridge)) {
        hash = (hash ^ static_cast<uint8_t>(c)) * UINT64_C(1099511628211);
    }
    char text[18];
    std::snprintf(text, sizeof text, "02:%02x:%02x:%02x:%02x:%02x",
                  static_cast<unsigned>(hash >> 32 & 0xff),
                  static_cast<unsigned>(hash >> 24 & 0xff),
                  static_cast<unsigned>(hash >> 16 & 0xff),
                  static_cast<unsigned>(hash >> 8 & 0xff),
                  static_cast<unsigned>(hash & 0xff));
    return text;
}

std::vector<Flow>
delivery_base_flows(const std::string &own_mac,
                    const std::set<std::string> &site_macs, bool metered)
{
    uint64_t id = cookie(FlowOwner::Base, 0);
    std::string to_daemon =
        metered ? "meter:" + std::to_string(meter_of({FlowOwner::Base, 0})) +
                      ",controller:128"
                : "controller:128";
    std::string gateway4 = handle_range(false).gateway.to_string();
    std::string gateway6 = handle_range(true).gateway.to_string();
    std::string to_sender =
        "move:eth_src->eth_dst,set_field:" + own_mac + "->eth_src,";
    std::vector<Flow> flows = {
        {{TABLE_ENTRY, PRIORITY_DEFAULT, ""}, id, "drop"},
        {{TABLE_ADVERTISE, PRIORITY_DEFAULT, ""}, id, "drop"},
        {{TABLE_ENTRY, PRIORITY_NEIGHBOUR,
          "in_port=LOCAL,arp,arp_op=1,arp_tpa=" + gateway4},
         id,
         to_sender +
             "set_field:2->arp_op,move:arp_sha->arp_tha,set_field:" + own_mac +
             "->arp_sha,move:arp_spa->arp_tpa,set_field:" + gateway4 +
             "->arp_spa,in_port"},
        /* A solicitation becomes an advertisement; only one that says that it
         * is one has a target's link-layer address to set. */
        {{TABLE_ENTRY, PRIORITY_NEIGHBOUR,
          "in_port=LOCAL,icmp6,icmpv6_type=135,icmpv6_code=0,nd_target=" +
              gateway6},
         id,
         to_sender + "move:ipv6_src->ipv6_dst,set_field:" + gateway6 +
             "->ipv6_src,set_field:2->nd_options_type,"
             "set_field:0x60000000->nd_reserved,"
             "set_field:136->icmpv6_type,resubmit(,1)"},
        {{TABLE_ADVERTISE, PRIORITY_NEIGHBOUR,
          "in_port=LOCAL,icmp6,icmpv6_type=136,nd_target=" + gateway6},
         id,
         "set_field:" + own_mac + "->nd_tll,in_port"},
    };
    for (const std::string &mac : site_macs) {
        for (const char *answer :
             {"arp,arp_op=2", "icmp6,icmpv6_type=136,icmpv6_code=0"}) {
            flows.push_back({{TABLE_ENTRY, PRIORITY_ANSWER,
                              std::string(answer) + ",dl_dst=" + mac},
                             id,
                             to_daemon});
        }
    }
    return flows;
}

std::vector<Flow>
delivery_flows(int64_t handle, const DeliverySpec &spec,
               const std::string &own_mac, int ofport)
{
    bool v6 = spec.destination.is_v6;
    std::string source = v6 ? "ipv6_src" : "ip_src";
    std::string destination = v6 ? "ipv6_dst" : "ip_dst";
    /* From the host itself only: what it forwards for a VM is not to enter
     * another tenant's network.  Spelled as the switch spells it: one that is
     * read before it is desired is known for it all the same, and not taken
     * for one that is to go, which would stay for as long as the new one waits
     * (plan.cc). */
    return {{{TABLE_ENTRY, PRIORITY_DELIVER,
              std::string(v6 ? "udp6,in_port=LOCAL,ipv6_src="
                             : "udp,in_port=LOCAL,nw_src=") +
                  handle_range(v6).source.to_string() +
                  (v6 ? ",ipv6_dst=" : ",nw_dst=") +
                  handle_address(handle, v6).to_string() + ",tp_dst=4789"},
             cookie(FlowOwner::Deliver, handle),
             "set_field:" + own_mac + "->eth_src,set_field:" + spec.next_hop +
                 "->eth_dst,set_field:" + spec.source.to_string() + "->" +
                 source + ",set_field:" + spec.destination.to_string() + "->" +
                 destination + ",output:" + std::to_string(ofport)}};
}

} // namespace pm
