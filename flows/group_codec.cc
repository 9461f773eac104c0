#include "flows/group_codec.h"

namespace pm {

namespace {

const char *
type_name(uint8_t type)
{
    return type == OFPGT11_SELECT     ? "select"
           : type == OFPGT11_ALL      ? "all"
           : type == OFPGT11_INDIRECT ? "indirect"
                                      : "ff";
}

Flow
to_flow(uint32_t id, uint8_t type, const struct ovs_list &buckets,
        const struct ofputil_group_props &props)
{
    Flow flow;
    flow.key.table = GROUP_TABLE;
    flow.key.match = "group_id=" + std::to_string(id);
    std::string text = std::string("type=") + type_name(type);
    if (props.selection_method[0]) {
        text += std::string(",selection_method=") + props.selection_method;
    }
    const struct ofputil_bucket *bucket;
    LIST_FOR_EACH(bucket, list_node, &buckets)
    {
        struct ds actions = DS_EMPTY_INITIALIZER;
        struct ofpact_format_params params = {nullptr, nullptr, &actions};
        ofpacts_format(bucket->ofpacts, bucket->ofpacts_len, &params);
        text += ",bucket=bucket_id:" + std::to_string(bucket->bucket_id) +
                ",weight:" + std::to_string(bucket->weight) +
                ",actions=" + ds_cstr(&actions);
        ds_destroy(&actions);
    }
    flow.actions = text;
    return flow;
}

} // namespace

Message
encode_group_mod(const FlowEdit &edit, std::string *error)
{
    bool add = edit.op == FlowEdit::Op::Add;
    std::string text = edit.flow.key.match;
    if (add) {
        text += "," + edit.flow.actions.str();
    }
    struct ofputil_group_mod gm;
    enum ofputil_protocol usable;
    if (char *refusal = parse_ofp_group_mod_str(
            &gm, add ? OFPGC15_ADD_OR_MOD : OFPGC15_DELETE, text.c_str(),
            nullptr, nullptr, &usable)) {
        *error = std::string(refusal) + ": " + edit.to_string();
        free(refusal);
        return nullptr;
    }
    Message message(ofputil_encode_group_mod(OFP15_VERSION, &gm, nullptr, -1));
    ofputil_uninit_group_mod(&gm);
    return message;
}

std::optional<Flow>
decode_group_mod(const Message &message, std::string *error)
{
    struct ofputil_group_mod gm;
    if (enum ofperr refusal =
            ofputil_decode_group_mod(header_of(message), &gm)) {
        *error = ofperr_get_name(refusal);
        return std::nullopt;
    }
    Flow flow = to_flow(gm.group_id, gm.type, gm.buckets, gm.props);
    ofputil_uninit_group_mod(&gm);
    return flow;
}

Message
encode_groups_request()
{
    return Message(ofputil_encode_group_desc_request(OFP15_VERSION, OFPG_ALL));
}

bool
decode_groups(const Message &reply, std::vector<Flow> *groups)
{
    for (;;) {
        struct ofputil_group_desc gd;
        int retval =
            ofputil_decode_group_desc_reply(&gd, reply.get(), OFP15_VERSION);
        if (retval) {
            return retval == EOF;
        }
        groups->push_back(to_flow(gd.group_id, gd.type, gd.buckets, gd.props));
        ofputil_uninit_group_desc(&gd);
    }
}

} // namespace pm
