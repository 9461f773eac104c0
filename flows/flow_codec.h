/* Flows as values <-> OpenFlow 1.5 messages (adapter).
 *
 * The wire form is the common tongue: what is added and what is read back are
 * both turned into text by the same decoder, so that equal flows have equal
 * text however they were spelt. */
#ifndef FLOWS_FLOW_CODEC_H
#define FLOWS_FLOW_CODEC_H 1

#include <memory>
#include <string>
#include <vector>

#include "flows/openflow.h"
#include "ovsdb/ovs_c.h"

namespace pm {

struct MessageDeleter {
    void operator()(struct ofpbuf *b) const { ofpbuf_delete(b); }
};
using Message = std::unique_ptr<struct ofpbuf, MessageDeleter>;

inline const struct ofp_header *
header_of(const Message &message)
{
    return static_cast<const struct ofp_header *>(message->data);
}

/* Encodes 'edit' as a flow_mod: an add, or a strict delete of the key; as a
 * group_mod if it is of a group.  Returns null and sets '*error' if OVS cannot
 * parse or encode it. */
Message encode_flow_mod(const FlowEdit &edit, std::string *error);
/* Returns a message that gives a flow the actions that it has: it keeps its
 * age and counters, and vswitchd looks at its datapath flows again. */
Message encode_restatement(const Flow &, std::string *error);

/* Encodes a request for all flows whose cookie, under 'cookie_mask', is
 * 'cookie'. */
Message encode_dump_request(uint64_t cookie, uint64_t cookie_mask);

/* Encodes a request for the sum of their counters. */
Message encode_sum_request(const CookieMask &);
/* Returns false if it cannot be decoded. */
bool decode_sum_reply(const Message &reply, FlowSum *sum);

/* Encodes a request to be told of flows that others add, change or delete. */
Message encode_monitor_request();

/* Whether 'update' tells of flows that others added, changed or deleted.  Our
 * own changes come in short form. */
bool is_foreign_change(const Message &update);

/* Appends the flows of 'reply', one part of a dump's answer, to '*flows'; with
 * 'counters' without actions, and with the match of rules' flows only, since
 * to say these takes most of the time.  Returns false if it cannot be
 * decoded. */
bool decode_dump_reply(const Message &reply, bool counters,
                       std::vector<FlowStats> *flows);

} // namespace pm

#endif /* FLOWS_FLOW_CODEC_H */
