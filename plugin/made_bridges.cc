#include "plugin/made_bridges.h"

#include <algorithm>
#include <iterator>
#include <sstream>
#include <utility>

#include "ovsdb/ovs_c.h"
#include "plugin/beat.h"

namespace pm {

bool
MadeBridges::run(bool doubt, const std::set<std::string> &bridges)
{
    doubt |= !unmade_.empty();
    if (!ticket_) {
        next_ms_ = doubt ? std::max<int64_t>(next_ms_, 1) : 0;
        if (doubt && time_msec() >= next_ms_) {
            asked_of_ = bridges;
            ticket_ = vswitchd_->call("ofproto/list", {});
        } else if (!doubt) {
            missed_.clear();
        }
        return false;
    }
    auto reply = vswitchd_->take(ticket_);
    if (!reply) {
        return false;
    }
    ticket_ = 0;
    next_ms_ = beat_after(time_msec());
    std::set<std::string> made, missed, unmade;
    std::istringstream lines(reply->ok ? reply->text : "");
    for (std::string line; std::getline(lines, line);) {
        made.insert(line);
    }
    if (made.empty()) {
        return false; /* It has yet to make any, or does not answer. */
    }
    std::set_difference(asked_of_.begin(), asked_of_.end(), made.begin(),
                        made.end(), std::inserter(missed, missed.end()));
    std::set_intersection(missed.begin(), missed.end(), missed_.begin(),
                          missed_.end(), std::inserter(unmade, unmade.end()));
    missed_ = std::move(missed);
    return std::exchange(unmade_, unmade) != unmade;
}

void
MadeBridges::wait() const
{
    if (!ticket_ && next_ms_) {
        poll_timer_wait_until(next_ms_);
    }
}

} // namespace pm
