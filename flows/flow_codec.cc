#include "flows/flow_codec.h"

#include <endian.h>

#include "flows/group_codec.h"

namespace pm {

namespace {

constexpr enum ofputil_protocol PROTOCOL = OFPUTIL_P_OF15_OXM;

/* An OpenFlow message's length is 16 bits wide, and a bundle puts two more
 * headers before the flow_mod. */
constexpr size_t FLOW_MOD_MAX_BYTES = 65535 - 64;

/* A string that grows, released at the end of its scope. */
class DynamicString {
public:
    DynamicString() { ds_init(&ds_); }
    ~DynamicString() { ds_destroy(&ds_); }
    DynamicString(const DynamicString &) = delete;
    DynamicString &operator=(const DynamicString &) = delete;

    struct ds *get() { return &ds_; }
    std::string take()
    {
        std::string s(ds_.string ? ds_.string : "", ds_.length);
        ds_clear(&ds_);
        return s;
    }

private:
    struct ds ds_;
};

/* Room for decoded actions, released at the end of its scope. */
class ActionBuffer {
public:
    ActionBuffer() { ofpbuf_init(&buffer_, 256); }
    ~ActionBuffer() { ofpbuf_uninit(&buffer_); }
    ActionBuffer(const ActionBuffer &) = delete;
    ActionBuffer &operator=(const ActionBuffer &) = delete;

    struct ofpbuf *get() { return &buffer_; }

private:
    struct ofpbuf buffer_;
};

std::string
format_match(const struct match &match, DynamicString *s)
{
    /* The default priority is the one that is not written out. */
    match_format(&match, nullptr, s->get(), OFP_DEFAULT_PRIORITY);
    return s->take();
}

std::string
format_actions(const struct ofpact *actions, size_t length, DynamicString *s)
{
    struct ofpact_format_params params = {nullptr, nullptr, s->get()};
    ofpacts_format(actions, length, &params);
    return s->take();
}

/* OVS leaves out of the message a field whose prerequisite the match lacks
 * ("nw_src" without "ip"), which would make the flow match more than it
 * says. */
bool
says_all(const struct minimatch &match)
{
    struct match normal;
    minimatch_expand(&match, &normal);
    ofputil_normalize_match_quiet(&normal);
    struct minimatch after;
    minimatch_init(&after, &normal);
    bool equal = minimatch_equal(&match, &after);
    minimatch_destroy(&after);
    return equal;
}

std::string
take_c_string(char *s)
{
    std::string copy = s;
    free(s);
    return copy;
}

/* Returns the text that OVS's parser is to read.  A strict delete names no
 * cookie: it would restrict what is deleted. */
std::string
text_to_parse(const FlowEdit &edit)
{
    const FlowKey &key = edit.flow.key;
    std::string s = "table=" + std::to_string(key.table) +
                    ",priority=" + std::to_string(key.priority) + "," +
                    key.match;
    if (edit.op == FlowEdit::Op::Add) {
        s += ",actions=" + edit.flow.actions.str();
    }
    return s;
}

/* Of a flow in a table; 'add_command' is OFPFC_ADD or another that has
 * actions. */
Message
encode(const FlowEdit &edit, enum ofp_flow_mod_command add_command,
       std::string *error)
{
    bool add = edit.op == FlowEdit::Op::Add;
    struct ofputil_flow_mod fm;
    enum ofputil_protocol usable;
    if (char *refusal = parse_ofp_str(
            &fm, add ? static_cast<int>(add_command) : OFPFC_DELETE_STRICT,
            text_to_parse(edit).c_str(), nullptr, nullptr, &usable)) {
        *error = take_c_string(refusal) + ": " + edit.to_string();
        return nullptr;
    }

    Message message;
    if (!(usable & PROTOCOL)) {
        *error = "flow cannot be said in OpenFlow 1.5: " + edit.to_string();
    } else if (!says_all(fm.match)) {
        *error =
            "a field of the match lacks its prerequisite: " + edit.to_string();
    } else {
        /* Whatever the match's text says, the key and cookie are the
         * flow's. */
        fm.table_id = edit.flow.key.table;
        fm.priority = edit.flow.key.priority;
        if (add) {
            fm.new_cookie = htobe64(edit.flow.cookie);
        }
        message.reset(ofputil_encode_flow_mod(&fm, PROTOCOL));
        if (message->size > FLOW_MOD_MAX_BYTES) {
            *error =
                "flow is larger than an OpenFlow message: " + edit.to_string();
            message.reset();
        }
    }
    free(fm.ofpacts);
    minimatch_destroy(&fm.match);
    return message;
}

} // namespace

Message
encode_flow_mod(const FlowEdit &edit, std::string *error)
{
    return edit.flow.key.table == GROUP_TABLE ? encode_group_mod(edit, error)
                                              : encode(edit, OFPFC_ADD, error);
}

Message
encode_restatement(const Flow &flow, std::string *error)
{
    return encode({FlowEdit::Op::Add, flow}, OFPFC_MODIFY_STRICT, error);
}

std::optional<Flow>
normalise(const Flow &flow, std::string *error)
{
    FlowEdit edit{FlowEdit::Op::Add, flow};
    Message message = encode_flow_mod(edit, error);
    if (!message) {
        return std::nullopt;
    }
    if (flow.key.table == GROUP_TABLE) {
        auto group = decode_group_mod(message, error);
        if (group) {
            group->cookie = flow.cookie;
        }
        return group;
    }

    struct ofputil_flow_mod fm;
    ActionBuffer actions;
    if (enum ofperr refusal = ofputil_decode_flow_mod(
            &fm, header_of(message), PROTOCOL, nullptr, nullptr, actions.get(),
            OFPP_MAX, UINT8_MAX)) {
        *error =
            std::string(ofperr_get_name(refusal)) + ": " + edit.to_string();
        return std::nullopt;
    }
    struct match match;
    minimatch_expand(&fm.match, &match);
    minimatch_destroy(&fm.match);

    DynamicString s;
    Flow result = flow;
    result.key.match = format_match(match, &s);
    result.actions = format_actions(fm.ofpacts, fm.ofpacts_len, &s);
    return result;
}

namespace {

/* Encodes a request for flows, or for the sum of their counters. */
Message
encode_stats_request(const CookieMask &which, bool aggregate)
{
    struct ofputil_flow_stats_request request = {};
    request.aggregate = aggregate;
    match_init_catchall(&request.match);
    request.cookie = htobe64(which.cookie);
    request.cookie_mask = htobe64(which.mask);
    request.out_port = OFPP_ANY;
    request.out_group = OFPG_ANY;
    request.table_id = OFPTT_ALL;
    return Message(ofputil_encode_flow_stats_request(&request, PROTOCOL));
}

} // namespace

Message
encode_dump_request(uint64_t cookie, uint64_t cookie_mask)
{
    return encode_stats_request({cookie, cookie_mask}, false);
}

Message
encode_sum_request(const CookieMask &which)
{
    return encode_stats_request(which, true);
}

bool
decode_sum_reply(const Message &reply, FlowSum *sum)
{
    struct ofputil_aggregate_stats stats;
    if (ofputil_decode_aggregate_stats_reply(&stats, header_of(reply))) {
        return false;
    }
    *sum = {stats.packet_count, stats.byte_count, stats.flow_count};
    return true;
}

Message
encode_monitor_request()
{
    struct ofputil_flow_monitor_request request = {};
    match_init_catchall(&request.match);
    request.id = 1;
    request.command = OFPFMC_ADD;
    request.flags = static_cast<enum ofp14_flow_monitor_flags>(
        OFPFMF_ADD | OFPFMF_REMOVED | OFPFMF_MODIFY);
    request.out_port = OFPP_ANY;
    request.out_group = OFPG_ANY;
    request.table_id = OFPTT_ALL;
    Message message(ofpbuf_new(0));
    ofputil_append_flow_monitor_request(&request, message.get(), PROTOCOL);
    ofpmsg_update_length(message.get());
    return message;
}

bool
is_foreign_change(const Message &update)
{
    struct ofpbuf body = ofpbuf_const_initializer(update->data, update->size);
    ActionBuffer actions;
    for (;;) {
        struct ofputil_flow_update flow;
        if (int retval =
                ofputil_decode_flow_update(&flow, &body, actions.get())) {
            /* What cannot be read is no flow of ours. */
            return retval != EOF;
        }
        if (flow.event != OFPFME_ABBREV) {
            return true;
        }
    }
}

bool
decode_dump_reply(const Message &reply, bool counters,
                  std::vector<FlowStats> *flows)
{
    auto counter = [](uint64_t n) { return n == UINT64_MAX ? 0 : n; };
    ActionBuffer actions;
    DynamicString s;
    for (;;) {
        struct ofputil_flow_stats stats;
        int retval = ofputil_decode_flow_stats_reply(&stats, reply.get(),
                                                     false, actions.get());
        if (retval) {
            return retval == EOF;
        }
        if (stats.table_id == OFPTT_ALL) {
            /* No flow is there, and what we keep there is no flow. */
            return false;
        }
        FlowStats &flow = flows->emplace_back();
        flow.flow.key.table = stats.table_id;
        flow.flow.key.priority = stats.priority;
        flow.flow.cookie = be64toh(stats.cookie);
        auto cookie = Cookie::decode(flow.flow.cookie);
        if (!counters || (cookie && cookie->rule)) {
            flow.flow.key.match = format_match(stats.match, &s);
        }
        if (!counters) {
            flow.flow.actions =
                format_actions(stats.ofpacts, stats.ofpacts_len, &s);
        }
        flow.n_packets = counter(stats.packet_count);
        flow.n_bytes = counter(stats.byte_count);
        flow.duration_s = stats.duration_sec;
    }
}

} // namespace pm
