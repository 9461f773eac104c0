#include "plugin/namesake.h"

#include <algorithm>
#include <utility>

namespace pm {

bool
Namesake::saw(int64_t heartbeat_ms, int64_t now_ms)
{
    bool later = heartbeat_ms > latest_ms_, other = is_news(heartbeat_ms);
    note(heartbeat_ms);
    if (until_ms_) {
        /* We write none meanwhile, so that what is new is his, also where his
         * clock was set back: of two it is the one ahead that stays. */
        if (other) {
            until_ms_ = now_ms + ABSENCE_MS;
            looked_ms_ = -1;
        } else if (looked_ms_ < 0 && heartbeat_ms) {
            looked_ms_ = now_ms;
        } else if (!heartbeat_ms || now_ms >= looked_ms_ + LOOK_MS) {
            until_ms_ = 0;
            looked_ms_ = -1;
        }
        return other;
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
    if (last_ms_ && is_news(heartbeat_ms)) {
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

/* Whether it is neither of the last two. */
bool
Namesake::is_news(int64_t heartbeat_ms) const
{
    return heartbeat_ms && heartbeat_ms != last_ms_ &&
           heartbeat_ms != before_ms_;
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
