/* What a switch says of its flows and meters, by somebody else's hand or
 * none: messages to values, values to a plan, the plan to messages. */
#include <endian.h>

#include "flows/egress.h"
#include "flows/flow_codec.h"
#include "flows/meter_codec.h"
#include "flows/spelling.h"
#include "plugin/hits.h"
#include "plugin/plan.h"
#include "tests/fuzz/bytes.h"
#include "tests/unit/host.h"

namespace pm::fuzz {

namespace {

const std::vector<std::string> MATCHES = {
    "",
    "in_port=1",
    "reg0=0x1,reg1=0x1,tcp",
    "reg0=0x1,reg2=0x1",
    "reg2=0x1",
    "udp,tp_dst=4789,nw_src=198.51.100.1,nw_dst=192.0.2.1",
    "pkt_mark=0x1/0x1",
    "conj_id=7,reg0=0x1,reg1=0x1",
    "ipv6,ipv6_src=2001:db8::1",
    "dl_vlan=7",
    "ct_state=+trk+new,ip",
    "tun_id=0x5",
};
constexpr const char *COPY =
    "clone(set_field:198.51.100.1->tun_src,set_field:192.0.2.1->tun_dst,"
    "set_field:0x65->tun_id,resubmit(,3),output(port=1,max_len=100))";
const std::vector<std::string> ACTIONS = {
    "drop",
    "resubmit(,1)",
    "set_field:0x1->reg0,set_field:0x1->reg2,resubmit(,2)",
    COPY,
    "clone(set_field:1.1.1.1->tun_src,output:1)",
    "meter:1,resubmit(,4)",
    "output:1,output:2",
    "NORMAL",
    "conjunction(7,1/2)",
    "learn(table=1,output:NXM_OF_IN_PORT[])",
    "note:00.11.22",
    "group:1",
    "set_field:0x0/0x3fff->pkt_mark,set_field:0x7->reg2,group:7",
    "clone(set_field:0x7/0x3fff->pkt_mark,output:2,"
    "set_field:64000->in_port,output(port=64000,max_len=65535))",
    "set_field:0xffffff->tun_id,output(port=1,max_len=65535)",
    "clone(clone(clone(drop)))",
};
const uint64_t COOKIES[] = {
    0,
    UINT64_MAX,
    UINT64_C(0x6d72000000000000),
    UINT64_C(0x6d72100000110000),
    UINT64_C(0x6d72200000110064),
    UINT64_C(0x6d72300000110000),
    UINT64_C(0x6d72300000120000),
    UINT64_C(0x6d72400000110000),
    UINT64_C(0x6d725fffffffffff),
    UINT64_C(0x6d72600000000000),
    UINT64_C(0x6d72f00000ffffff),
};

/* The first message of an answer, as it comes from a connection: bytes of
 * which nothing is known yet. */
Message
received(struct ovs_list *replies)
{
    Message first(ofpbuf_from_list(ovs_list_pop_front(replies)));
    ofpbuf_list_delete(replies);
    ofpmsg_update_length(first.get());
    return Message(ofpbuf_clone_data(first->data, first->size));
}

/* An answer with flows in it, as a switch would send it. */
Message
some_flows(Bytes *bytes)
{
    struct ovs_list replies;
    Message request = encode_dump_request(0, 0);
    ofpmp_init(&replies, header_of(request));
    for (size_t n = bytes->pick(5); n; n--) {
        FlowEdit edit;
        Flow &flow = edit.flow;
        flow.key.match = bytes->one_of(MATCHES);
        flow.actions = bytes->one_of(ACTIONS);
        struct ofputil_flow_mod fm;
        enum ofputil_protocol usable;
        std::string text = flow.key.match +
                           (flow.key.match.empty() ? "" : ",") +
                           "actions=" + flow.actions.str();
        char *error = parse_ofp_str(&fm, OFPFC_ADD, text.c_str(), nullptr,
                                    nullptr, &usable);
        if (error) {
            broken("a seed is refused: " + std::string(error) + ": " + text);
        }
        struct ofputil_flow_stats stats = {};
        minimatch_expand(&fm.match, &stats.match);
        stats.table_id = bytes->pick(OFPTT_ALL);
        stats.priority = static_cast<uint16_t>(bytes->word());
        stats.cookie =
            htobe64(bytes->flag() ? COOKIES[bytes->pick(std::size(COOKIES))]
                                  : bytes->word());
        stats.packet_count = bytes->word();
        stats.byte_count = bytes->word();
        stats.ofpacts = fm.ofpacts;
        stats.ofpacts_len = fm.ofpacts_len;
        ofputil_append_flow_stats_reply(&stats, &replies, nullptr);
        free(fm.ofpacts);
        minimatch_destroy(&fm.match);
    }
    return received(&replies);
}

/* An answer about meters. */
Message
some_meters(Bytes *bytes, bool config)
{
    struct ovs_list replies;
    Message request =
        config ? encode_meter_config_request() : encode_meter_stats_request();
    ofpmp_init(&replies, header_of(request));
    for (size_t n = bytes->pick(4); n; n--) {
        struct ofputil_meter_band band = {};
        band.type = OFPMBT13_DROP;
        band.rate = static_cast<uint32_t>(bytes->word());
        band.burst_size = static_cast<uint32_t>(bytes->word());
        auto id = static_cast<uint32_t>(bytes->flag() ? bytes->pick(4)
                                                      : bytes->word());
        if (config) {
            struct ofputil_meter_config meter = {};
            meter.meter_id = id;
            meter.flags = static_cast<uint16_t>(bytes->pick(16));
            meter.n_bands = static_cast<uint16_t>(bytes->pick(2));
            meter.bands = &band;
            ofputil_append_meter_config(&replies, &meter);
        } else {
            struct ofputil_meter_band_stats counts = {};
            counts.packet_count = bytes->word();
            struct ofputil_meter_stats meter = {};
            meter.meter_id = id;
            meter.n_bands = static_cast<uint16_t>(bytes->pick(2));
            meter.bands = &counts;
            ofputil_append_meter_stats(&replies, &meter);
        }
    }
    return received(&replies);
}

/* Changes bytes behind the header, which has been looked at before. */
void
corrupt(Bytes *bytes, const Message &message)
{
    constexpr size_t HEADER = 16;
    auto *at = static_cast<uint8_t *>(message->data);
    for (size_t n = bytes->pick(8); n && message->size > HEADER; n--) {
        at[HEADER + bytes->pick(message->size - HEADER)] = bytes->byte();
    }
}

std::map<FlowOwner, int64_t>
meters_of(const Host &host, const std::string &bridge)
{
    return host.in_place().meters.at(bridge);
}

/* What the daemon makes of flows that it finds on its bridge. */
void
take(const Host &host, const std::vector<FlowStats> &stats)
{
    Actual actual;
    actual.rows = host.facts.rows;
    std::set<OwnerKey> outstanding;
    auto bridge = host.facts.rows.bridges.begin()->first;
    auto read =
        by_owner(stats, [&](const FlowOwner &owner, Spelling *spelling) {
            auto want = host.desired.flows().find({bridge, owner});
            if (want != host.desired.flows().end()) {
                spelling->know(want->second);
            }
        });
    for (const auto &[owner, flows] : read) {
        outstanding.insert({bridge, owner});
    }
    std::vector<RuleCount> counts;
    for (const FlowStats &flow : stats) {
        parse_egress(flow.flow.actions);
        turn_of(flow.flow);
        counts.push_back(
            {flow.flow.key, flow.flow.cookie, count_of(flow.n_packets)});
    }
    actual.take_read(bridge, read, meters_of(host, bridge));
    for (const auto &[key, flows] : host.desired.flows()) {
        outstanding.insert(key);
    }
    Hits hits;
    hits.counted(bridge, counts);
    hits.counted(bridge, counts);
    for (const auto &[id, filter] : host.model.filters) {
        FilterStatus status = *host.desired.filter_status_of(id);
        hits.fold(id, filter, &status);
    }
    /* What still sends keeps its delivery until it has gone. */
    constexpr int BUNDLES_MOST = 2;
    for (int n = 0; n <= BUNDLES_MOST; n++) {
        Plan plan = make_plan(actual, host.desired, &outstanding);
        std::string lines;
        for (const std::string &line : plan.describe()) {
            lines += "\n" + line;
        }
        hold(n < BUNDLES_MOST || plan.flows.empty(),
             "bundles follow one another:" + lines);
        for (auto &[name, edits] : plan.flows) {
            renew(actual, host.desired, name, &edits);
            for (const FlowEdit &edit : edits) {
                std::string error;
                hold(encode_flow_mod(edit, &error) != nullptr,
                     "what it reads it cannot delete: " + error);
                outstanding.insert(
                    {name, Cookie::decode(edit.flow.cookie)->owner});
            }
            apply_bundle(&actual, name, edits);
        }
    }
}

Host
settled_host()
{
    Host host;
    host.plug("nic0", "br-int");
    host.add_source(0);
    host.add_collector(0);
    host.add_tunnel(0, 0, 0, host.add_filter(0, 80));
    hold(host.settle(), "the host that all begins with settles");
    return host;
}

} // namespace

} // namespace pm::fuzz

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    using namespace pm::fuzz;
    static const pm::Host host = settled_host();
    vlog_set_levels(nullptr, VLF_ANY_DESTINATION, VLL_OFF);

    Bytes bytes(data, size);
    size_t kind = bytes.pick(4);
    if (kind < 2) {
        pm::Message message = some_flows(&bytes);
        if (kind == 1) {
            corrupt(&bytes, message);
        }
        /* Who decodes a message takes what it holds out of it. */
        pm::Message same(ofpbuf_clone(message.get()));
        std::vector<pm::FlowStats> flows, counts;
        bool counted = decode_dump_reply(same, true, &counts);
        if (decode_dump_reply(message, false, &flows)) {
            hold(counted && counts.size() == flows.size(),
                 "who counts flows reads as many as who reads them");
            take(host, flows);
        } else {
            hold(kind == 1, "what a switch says is read");
        }
        return 0;
    }
    bool config = kind == 2;
    pm::Message message = some_meters(&bytes, config);
    bool whole = !bytes.flag();
    if (!whole) {
        corrupt(&bytes, message);
    }
    std::map<uint32_t, pm::MeterStats> meters;
    if (config ? decode_meter_config(message, &meters)
               : decode_meter_stats(message, &meters)) {
        for (const auto &[number, stats] : meters) {
            pm::FlowOwner owner = pm::owner_of_meter(number);
            for (auto op :
                 {pm::MeterEdit::Op::Modify, pm::MeterEdit::Op::Delete}) {
                pm::encode_meter_mod({op, owner, stats.rate_kbps});
            }
        }
    } else {
        hold(!whole, "what a switch says of its meters is read");
    }
    return 0;
}
