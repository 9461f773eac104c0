#include "flows/cookie.h"

namespace pm {

int
direction_code(Direction direction)
{
    return direction == Direction::Inbound ? 1 : 2;
}

std::string
FlowOwner::to_string() const
{
    switch (kind) {
    case Base:
        return "base";
    case Tap:
        return "tap " + std::to_string(number);
    case Filter:
        return "filter " + std::to_string(number);
    case Egress:
        return "tunnel " + std::to_string(number);
    case Deliver:
        return "delivery " + std::to_string(number);
    case Stray:
        return "somebody else";
    case Guard:
        return "loop guard " + std::to_string(number);
    case Renewal:
        return "renewal";
    }
    return "unknown kind " + std::to_string(kind);
}

uint64_t
Cookie::encode() const
{
    uint64_t dir = direction ? direction_code(*direction) : 0;
    return COOKIE_PREFIX | static_cast<uint64_t>(owner.kind & 0xf) << 44 |
           static_cast<uint64_t>(owner.number & NUMBER_MAX) << 20 | dir << 16 |
           (rule & 0xffff);
}

std::optional<Cookie>
Cookie::decode(uint64_t value)
{
    if ((value & COOKIE_PREFIX_MASK) != COOKIE_PREFIX) {
        return std::nullopt;
    }
    Cookie cookie;
    cookie.owner.kind = static_cast<FlowOwner::Kind>(value >> 44 & 0xf);
    cookie.owner.number = value >> 20 & NUMBER_MAX;
    int dir = value >> 16 & 0xf;
    if (dir == 1) {
        cookie.direction = Direction::Inbound;
    } else if (dir == 2) {
        cookie.direction = Direction::Outbound;
    }
    cookie.rule = value & 0xffff;
    return cookie;
}

uint64_t
cookie_of(FlowOwner::Kind kind, int64_t number,
          std::optional<Direction> direction, int rule)
{
    return Cookie{{kind, static_cast<uint32_t>(number)}, direction, rule}
        .encode();
}

} // namespace pm
