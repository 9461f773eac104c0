#include "plugin/namesake.h"

#include <algorithm>

namespace pm {

bool
Namesake::saw(int64_t heartbeat_ms, int64_t now_ms)
{
    bool others = claimed_ && heartbeat_ms > latest_ms_;
    latest_ms_ = std::max(latest_ms_, heartbeat_ms);
    if (others) {
        until_ms_ = now_ms + ABSENCE_MS;
    } else if (until_ms_) {
        until_ms_ = 0;
        claimed_ = false;
    }
    return others;
}

void
Namesake::tells(int64_t heartbeat_ms)
{
    latest_ms_ = std::max(latest_ms_, heartbeat_ms);
    claimed_ = true;
}

} // namespace pm
