/* What an operator types at "ovs-appctl mirror/..." and "filter-test": the
 * name of a tunnel, a direction, a FLOW; and what the switch answers to the
 * question that mirror/trace makes of it. */
#include "flows/frame_text.h"
#include "plugin/check.h"
#include "plugin/explain.h"
#include "plugin/tunnel_name.h"
#include "tests/fuzz/bytes.h"
#include "tests/unit/host.h"

namespace pm::fuzz {

namespace {

const std::vector<std::string> NAMES = {
    "", "tunnel0", "acme/tunnel0", "tunnel1", "7", "deadbeef", "/",
};
const std::vector<std::string> DIRECTIONS_GIVEN = {
    "in", "out", "inbound", "outbound", "", "IN"};
const std::vector<std::string> FIELDS = {
    "tcp",         "tcp6",          "udp",           "udp6",
    "icmp",        "icmp6",         "sctp",          "sctp6",
    "ip",          "ipv6",          "arp",           "rarp",
    "nw_src=",     "nw_dst=",       "ipv6_src=",     "ipv6_dst=",
    "tp_src=",     "tp_dst=",       "tcp_flags=",    "icmp_type=",
    "icmp_code=",  "nw_proto=",     "nw_tos=",       "nw_ttl=",
    "nw_ecn=",     "ip_frag=",      "nw_frag=",      "dl_src=",
    "dl_dst=",     "dl_type=",      "dl_vlan=",      "dl_vlan_pcp=",
    "vlan_tci=",   "mpls_label=",   "arp_spa=",      "arp_op=",
    "nd_target=",  "nsh_spi=",      "in_port=",      "reg0=",
    "metadata=",   "tun_src=",      "tun_id=",       "ct_state=",
    "ct_nw_src=",  "conj_id=",      "pkt_mark=",     "priority=",
    "table=",      "cookie=",       "actions=",      "duration=",
    "out_port=",   "packet_type=",  "recirc_id=",    "eth()",
    "ipv6_label=", "send_flow_rem", "idle_timeout=",
};
const std::vector<std::string> VALUES = {
    "10.0.0.1",
    "10.0.0.0/8",
    "192.0.2.1",
    "2001:db8::1",
    "::/0",
    "80",
    "65535",
    "65536",
    "-1",
    "0",
    "0x800",
    "0x86dd",
    "0x8847",
    "0x6558",
    "later",
    "first",
    "no",
    "not_later",
    "yes",
    "syn",
    "52:54:00:00:00:01",
    "ff:ff:ff:ff:ff:ff/01:00:00:00:00:00",
    "1",
    "58",
    "6",
    "44",
    "0x1005/0x1fff",
    "LOCAL",
    "ANY",
    "*",
    "+trk+new",
    "drop",
};
const std::vector<std::string> LINES = {
    " 0. in_port=1, priority 100, cookie 0x6d72100000100000\n",
    "    set_field:0x1->reg2\n",
    "    set_field:0x2->reg2\n",
    " 1. reg0=0x1,reg1=0x1, priority 39900, cookie 0x6d72200000110064\n",
    " 2. reg0=0x1,reg2=0x1, priority 100, cookie 0x6d72300000110000\n",
    "    drop\n",
    "     >> native tunnel routing failed\n",
    "     >> skipping output to input port\n",
    "-> neighbor cache miss for 192.0.2.1\n",
    "Datapath actions: drop\n",
    " 99999999999999999999. x, cookie 0xffffffffffffffffffff\n",
};

std::string
some_flow(Bytes *bytes)
{
    std::string flow;
    for (size_t n = bytes->pick(8); n; n--) {
        const std::string &field = bytes->one_of(FIELDS);
        flow += flow.empty() ? "" : bytes->pick(16) ? "," : " ";
        flow += field;
        if (field.back() == '=') {
            flow += bytes->pick(8) ? bytes->one_of(VALUES) : bytes->raw(12);
        }
    }
    return flow;
}

std::string
some_answer(Bytes *bytes)
{
    std::string text;
    for (size_t n = bytes->pick(12); n; n--) {
        text += bytes->pick(4) ? bytes->one_of(LINES) : bytes->raw(40);
    }
    return text;
}

Host
settled_host()
{
    Host host;
    host.plug("nic0", "br-int");
    host.add_source(0);
    host.add_collector(0);
    host.add_collector(1);
    host.add_tunnel(0, 0, 0, host.add_filter(0, 80));
    host.add_tunnel(1, 0, 1);
    hold(host.settle(), "the host that all begins with settles");
    return host;
}

Actual
actual_of(const Host &host)
{
    Actual actual;
    actual.rows = host.facts.rows;
    for (const auto &[key, flows] : host.desired.flows()) {
        actual.flows[key.bridge][key.owner] = flows;
    }
    return actual;
}

void
check_line(const std::string &line)
{
    hold(!line.empty() && line.find('\n') == std::string::npos &&
             line.find('\x1b') == std::string::npos && valid_utf8(line),
         "a refusal that is no line: " + line);
}

} // namespace

} // namespace pm::fuzz

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    using namespace pm::fuzz;
    static const pm::Host host = settled_host();
    static const pm::Actual actual = actual_of(host);

    Bytes bytes(data, size);
    std::string name = bytes.pick(4) ? bytes.one_of(NAMES) : bytes.raw(40);
    std::string word =
        bytes.pick(8) ? bytes.one_of(DIRECTIONS_GIVEN) : bytes.raw(8);
    std::string answer = some_answer(&bytes);
    /* As the shell gives arguments: without a zero byte. */
    std::string text =
        (bytes.pick(4) ? some_flow(&bytes) : bytes.rest()).c_str();

    auto ids = pm::tunnels_named(host.desired.model(), "hv1", name.c_str());
    auto direction = pm::direction_of(word);
    std::string error;
    auto frame = pm::parse_frame(text, &error);
    if (!frame) {
        check_line(error);
        return 0;
    }
    /* What the switch is asked is read by nobody else so. */
    auto again = pm::parse_frame(frame->flow, &error);
    hold(again.has_value(), "its own words are refused: " + error);
    hold(again->flow == frame->flow,
         "its own words change: " + frame->flow + " to " + again->flow);
    for (const auto &[id, filter] : host.desired.model().filters) {
        for (pm::Direction towards : pm::DIRECTIONS) {
            decide(filter, towards, frame->frame);
        }
    }
    pm::TraceFrame trace{frame->frame, frame->tagged, frame->flow};
    for (const auto &[id, tunnel] : host.desired.model().tunnels) {
        pm::Direction towards = direction.value_or(pm::Direction::Inbound);
        auto question =
            trace_question(id, towards, trace, host.desired, actual);
        pm::Circumstances circumstances{true, ids.count(id) > 0};
        explain(id, towards, trace,
                question ? std::optional(pm::read_trace(answer, 1))
                         : std::nullopt,
                host.desired, circumstances);
    }
    return 0;
}
