#include "plugin/pace.h"

#include <algorithm>

namespace pm {

void
Pace::took(size_t rows, int64_t ms)
{
    /* Of a turn that was far from full nothing follows for a full one but
     * that it may well be. */
    int64_t fit =
        static_cast<int64_t>(rows) * TURN_MS / std::max<int64_t>(ms, 1);
    size_t full = static_cast<size_t>(
        std::clamp<int64_t>(fit, LEAST, static_cast<int64_t>(MOST)));
    turn_rows_ = std::min(full, 2 * turn_rows_);
}

void
Backoff::refused(int64_t now_ms)
{
    pause_ms_ = pause_ms_ ? std::min(2 * pause_ms_, longest_ms_) : first_ms_;
    ends_ms_ = now_ms + pause_ms_;
}

int64_t
Comeback::delay_ms(uint32_t random)
{
    int64_t delay = random % static_cast<uint64_t>(most_ms_);
    /* Thrice what it was now, and not less than at first: so one that was
     * lucky does not hurry for long, and nobody keeps step with another. */
    most_ms_ = std::clamp(3 * delay, FIRST_MS, LONGEST_MS);
    return delay;
}

void
Comeback::ran_out()
{
    attempt_ms_ = std::min(2 * attempt_ms_, LONGEST_ATTEMPT_MS);
}

void
Patience::begin(int64_t now_ms, uint32_t random)
{
    ends_ms_ = now_ms + (lost_ ? 0 : LEAST_MS + random % LEAST_MS);
}

void
Patience::end(int64_t now_ms, bool served)
{
    lost_ = !served && (lost_ || is_over(now_ms));
}

} // namespace pm
