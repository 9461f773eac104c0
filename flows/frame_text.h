/* A frame in words, as ovs-ofctl(8) and ofproto/trace take them (adapter). */
#ifndef FLOWS_FRAME_TEXT_H
#define FLOWS_FRAME_TEXT_H 1

#include <optional>
#include <string>

#include "flows/decide.h"

namespace pm {

struct ParsedFrame {
    Frame frame;
    bool tagged = false; /* It has a VLAN tag. */
    /* The same as the switch would see it, in words for ofproto/trace: later
     * fragments without ports and, of IPv6, with protocol 44. */
    std::string flow;
};

/* Reads "tcp,nw_src=10.0.0.1,tp_dst=80".  Fields that are not of a frame
 * (in_port, registers, metadata ...) are refused.  On failure returns nullopt
 * and sets '*error' to one line that says how to mend it. */
std::optional<ParsedFrame> parse_frame(const std::string &text,
                                       std::string *error);

} // namespace pm

#endif /* FLOWS_FRAME_TEXT_H */
