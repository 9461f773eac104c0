/* What the kernel and vswitchd say of routes, neighbours and sockets: texts
 * and netlink messages, as they are or cut and bent. */
#include <cstring>

#include "plugin/netlink_message.h"
#include "plugin/path_text.h"
#include "tests/fuzz/bytes.h"

namespace pm::fuzz {

namespace {

constexpr const char *HEADING =
    "IP                                            "
    "MAC                 Bridge\n";
const std::vector<std::string> LINES = {
    "src 172.31.0.1\n",
    "gateway 172.31.0.9\n",
    "gateway ::\n",
    "dev br-phy\n",
    "dev\n",
    HEADING,
    "172.31.0.9  02:00:5e:00:53:01   br-phy\n",
    "fd00:31::9  02:00:5e:00:53:01   br-phy          STALE\n",
    "  sl  local_address rem_address   st tx_queue rx_queue\n",
    "  1: 00000000:12B5 00000000:0000 07 00000000:00000000\n",
    "  1: 0100007F:12B5 00000000:0000 07\n",
    "  1: B80D0120000000000000000001000000:12B5 0000:0000 07\n",
    "  1: ZZ:12B5\n",
};

std::string
some_text(Bytes *bytes)
{
    std::string text;
    for (size_t n = bytes->pick(8); n; n--) {
        text += bytes->pick(4) ? bytes->one_of(LINES) : bytes->raw(60);
    }
    return text;
}

void
read_texts(const std::string &text)
{
    auto route = parse_route_lookup(text);
    hold(!route || !route->device.empty(), "a route by no device");
    parse_tnl_neigh_show(text);
    for (bool v6 : {false, true}) {
        for (const IpAddress &ip : parse_proc_net_udp(text, v6, 4789)) {
            hold(ip.is_v6 == v6, "an address of another family");
        }
    }
    if (auto ip = IpAddress::parse(text)) {
        hold(IpAddress::parse(ip->to_string()) == ip, "an address changes");
    }
    if (auto cidr = Cidr::parse(text)) {
        hold(Cidr::parse(cidr->to_string()) == cidr, "a CIDR changes");
    }
    if (auto uuid = Uuid::parse(text)) {
        hold(Uuid::parse(uuid->to_string()) == uuid, "a UUID changes");
    }
    if (auto range = PortRange::parse(text)) {
        hold(range->first <= range->last &&
                 PortRange::parse(range->to_string()) == range,
             "a range changes");
    }
}

/* A datagram as the kernel's: one message or more, of which headers are
 * right and the rest is anything. */
Datagram
some_datagram(Bytes *bytes)
{
    std::string all;
    for (size_t n = 1 + bytes->pick(3); n; n--) {
        std::string body = bytes->raw(200);
        struct nlmsghdr header = {};
        header.nlmsg_len = static_cast<uint32_t>(sizeof header + body.size());
        if (bytes->pick(8) == 7) {
            header.nlmsg_len = static_cast<uint32_t>(bytes->word());
        }
        header.nlmsg_type = bytes->byte();
        all.append(reinterpret_cast<const char *>(&header), sizeof header);
        all += body;
        all.resize((all.size() + 3) / 4 * 4);
    }
    Datagram datagram;
    datagram.size = static_cast<int>(all.size());
    /* As long as it is and no longer, for the sanitizer to see. */
    datagram.data.reset(static_cast<unsigned char *>(malloc(all.size())));
    std::memcpy(datagram.data.get(), all.data(), all.size());
    return datagram;
}

} // namespace

} // namespace pm::fuzz

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    using namespace pm::fuzz;
    Bytes bytes(data, size);
    if (bytes.flag()) {
        read_texts(bytes.flag() ? some_text(&bytes) : bytes.rest());
        return 0;
    }
    some_datagram(&bytes).for_each([](struct nlmsghdr *header) {
        pm::parse_link(header);
        pm::parse_neighbour(header);
        if (auto cidr = pm::parse_route_prefix(header)) {
            hold(cidr->prefix >= 0 && cidr->prefix <= cidr->address.bits(),
                 "a prefix that is none");
        }
        pm::KernelRoute route = pm::parse_route(header);
        hold(!route.source || route.routed, "a source without a route");
    });
    return 0;
}
