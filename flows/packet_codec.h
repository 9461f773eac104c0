/* Frames sent to and by a switch <-> OpenFlow 1.5 messages (adapter). */
#ifndef FLOWS_PACKET_CODEC_H
#define FLOWS_PACKET_CODEC_H 1

#include <optional>
#include <string>

#include "flows/flow_codec.h"

namespace pm {

/* Encodes a request to treat 'frame' as if it had come in by 'in_port', with
 * 'actions' as ovs-ofctl(8) has them.  Returns null and sets '*error' where
 * that is refused. */
Message encode_packet_out(const std::string &in_port,
                          const std::string &actions, const std::string &frame,
                          enum ofputil_protocol, std::string *error);
/* What a flow sent to us, or nullopt if it cannot be decoded. */
std::optional<PacketIn> decode_packet_in(const Message &);

} // namespace pm

#endif /* FLOWS_PACKET_CODEC_H */
