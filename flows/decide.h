/* What a filter says of one frame, and why: plain first match over what the
 * switch sees of it (core).
 *
 * This is for people's questions.  The switch decides by the flows that
 * flows/pipeline.h makes of the filter; tests hold the two against each
 * other. */
#ifndef FLOWS_DECIDE_H
#define FLOWS_DECIDE_H 1

#include <cstdint>
#include <optional>
#include <string>

#include "plugin/model.h"

namespace pm {

/* A frame as the switch parses it. */
struct Frame {
    bool is_ip = false; /* IPv4 or IPv6; else nothing below counts. */
    IpAddress source, destination;
    uint8_t protocol = 0; /* 44 in later fragments of IPv6. */
    bool later_fragment = false;
    /* 0 in later fragments, and where the protocol has none. */
    uint16_t source_port = 0, destination_port = 0;
    uint8_t icmp_type = 0, icmp_code = 0;
};

struct Decision {
    bool admitted = false;
    int rule = 0;    /* The number of the rule that decided; 0: none did. */
    std::string why; /* That rule as the console takes it, or what else. */

    auto operator<=>(const Decision &) const = default;
};

/* "in" or "inbound", "out" or "outbound"; nullopt for another word. */
std::optional<Direction> direction_of(const std::string &word);

Decision decide(const Filter &, Direction, const Frame &);

/* "accept protocol=tcp destination-port=80-443". */
std::string rule_text(const Rule &);
/* Why 'filter' says what it says where no rule matched. */
std::string no_rule_text(const Filter &, Direction, bool is_ip);

} // namespace pm

#endif /* FLOWS_DECIDE_H */
