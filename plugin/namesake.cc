#include "plugin/namesake.h"

#include <algorithm>
#include <utility>

namespace pm {

bool
Namesake::saw(int64_t heartbeat_ms, int64_t now_ms)
{
    bool later = heartbeat_ms > latest_ms_;
    latest_ms_ = std::max(latest_ms_, heartbeat_ms);
    if (until_ms_) {
        until_ms_ = later ? now_ms + ABSENCE_MS : 0;
        return later;
    }
    if (!later || !std::exchange(claimed_, false)) {
        return false;
    }
    int64_t before_ms = std::exchange(contested_ms_, now_ms);
    if (before_ms < 0 || now_ms - before_ms >= ABSENCE_MS) {
        return false;
    }
    contested_ms_ = -1;
    until_ms_ = now_ms + ABSENCE_MS;
    return true;
}

void
Namesake::tells(int64_t heartbeat_ms)
{
    latest_ms_ = std::max(latest_ms_, heartbeat_ms);
    claimed_ = true;
}

} // namespace pm
