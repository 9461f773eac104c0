/* Frames sent to and by a switch <-> OpenFlow 1.5 messages (adapter). */
#ifndef FLOWS_PACKET_CODEC_H
#define FLOWS_PACKET_CODEC_H 1

#include <optional>
#include <string>

#include "flows/flow_codec.h"

namespace pm {

/* Encodes a request to send 'frame' out of a port. */
Message encode_packet_out(int ofport, const std::string &frame,
                          std::string *error);
/* What a flow sent to us, or nullopt if it cannot be decoded. */
std::optional<PacketIn> decode_packet_in(const Message &);

} // namespace pm

#endif /* FLOWS_PACKET_CODEC_H */
