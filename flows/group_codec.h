/* Groups as values <-> OpenFlow 1.5 messages (adapter). */
#ifndef FLOWS_GROUP_CODEC_H
#define FLOWS_GROUP_CODEC_H 1

#include <string>
#include <vector>

#include "flows/flow_codec.h"

namespace pm {

/* Encodes 'edit', of a flow in GROUP_TABLE, as a group_mod: one that creates
 * or replaces the group, or deletes it.  Returns null and sets '*error' if OVS
 * cannot parse it. */
Message encode_group_mod(const FlowEdit &edit, std::string *error);
/* The group of a message of encode_group_mod(), in the text of
 * decode_groups(); nullopt, with '*error', if it cannot be decoded. */
std::optional<Flow> decode_group_mod(const Message &, std::string *error);

/* A request for all groups. */
Message encode_groups_request();
/* Appends the groups of 'reply', one part of its answer, as flows in
 * GROUP_TABLE without a cookie, which groups do not have.  Returns false if it
 * cannot be decoded. */
bool decode_groups(const Message &reply, std::vector<Flow> *groups);

} // namespace pm

#endif /* FLOWS_GROUP_CODEC_H */
