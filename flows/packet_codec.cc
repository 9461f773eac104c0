#include "flows/packet_codec.h"

#include <cstdio>

namespace pm {

Message
encode_packet_out(const std::string &in_port, const std::string &actions,
                  const std::string &frame, enum ofputil_protocol protocol,
                  std::string *error)
{
    std::string text = "in_port=" + in_port + ",packet=";
    for (unsigned char byte : frame) {
        char digits[3];
        snprintf(digits, sizeof digits, "%02x", byte);
        text += digits;
    }
    text += ",actions=" + actions;
    struct ofputil_packet_out po;
    enum ofputil_protocol usable;
    if (char *refusal = parse_ofp_packet_out_str(&po, text.c_str(), nullptr,
                                                 nullptr, &usable)) {
        *error = refusal;
        free(refusal);
        return nullptr;
    }
    Message message(ofputil_encode_packet_out(&po, protocol));
    free(const_cast<void *>(po.packet));
    free(po.ofpacts);
    return message;
}

std::optional<PacketIn>
decode_packet_in(const Message &message)
{
    struct ofputil_packet_in pin;
    if (ofputil_decode_packet_in(header_of(message), true, nullptr, nullptr,
                                 &pin, nullptr, nullptr, nullptr)) {
        return std::nullopt;
    }
    return PacketIn{
        static_cast<int>(pin.flow_metadata.flow.in_port.ofp_port),
        std::string(static_cast<const char *>(pin.packet), pin.packet_len)};
}

} // namespace pm
