#include "plugin/namesake.h"

#include <algorithm>
#include <utility>

namespace pm {

bool
Namesake::saw(int64_t heartbeat_ms, int64_t now_ms)
{
    bool later = heartbeat_ms > latest_ms_;
    note(heartbeat_ms);
    if (until_ms_) {
        if (later) {
            until_ms_ = now_ms + ABSENCE_MS;
            looked_ms_ = -1;
        } else if (looked_ms_ < 0 && heartbeat_ms) {
            looked_ms_ = now_ms;
        } else if (!heartbeat_ms || now_ms >= looked_ms_ + LOOK_MS) {
            until_ms_ = 0;
            looked_ms_ = -1;
        }
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
Namesake::overheard(int64_t heartbeat_ms, int64_t now_ms)
{
    if (last_ms_ && heartbeat_ms && heartbeat_ms != last_ms_ &&
        heartbeat_ms != before_ms_) {
        mute_ms_ = now_ms + ABSENCE_MS;
    }
    note(heartbeat_ms);
}

void
Namesake::tells(int64_t heartbeat_ms, bool holds)
{
    note(heartbeat_ms);
    claimed_ |= holds;
}

void
Namesake::note(int64_t heartbeat_ms)
{
    latest_ms_ = std::max(latest_ms_, heartbeat_ms);
    if (heartbeat_ms && heartbeat_ms != last_ms_) {
        before_ms_ = std::exchange(last_ms_, heartbeat_ms);
    }
}

} // namespace pm
