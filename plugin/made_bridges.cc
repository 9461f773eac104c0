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
    if (!doubt) {
        missed_.clear();
    }
    if (!ticket_) {
        bool ask = doubt || !unmade_.empty();
        next_ms_ = ask ? std::max<int64_t>(next_ms_, 1) : 0;
        if (ask && time_msec() >= next_ms_) {
            asked_of_ = bridges;
            doubted_ = doubt;
            ticket_ = vswitchd_->call("ofproto/list", {});
        }
        return false;
    }
    auto reply = vswitchd_->take(ticket_);
    if (!reply) {
        return false;
    }
    ticket_ = 0;
    next_ms_ = beat_after(time_msec() + BEAT_MS / 2);
    if (!reply->ok) {
        return false; /* It is starting, and has yet to make any. */
    }
    std::set<std::string> made, missing;
    std::istringstream lines(reply->text);
    for (std::string line; std::getline(lines, line);) {
        made.insert(line);
    }
    std::set_difference(asked_of_.begin(), asked_of_.end(), made.begin(),
                        made.end(), std::inserter(missing, missing.end()));
    const std::set<std::string> before = unmade_;
    std::erase_if(unmade_,
                  [&](const auto &name) { return !missing.count(name); });
    if (doubt && doubted_) {
        std::set_intersection(missing.begin(), missing.end(), missed_.begin(),
                              missed_.end(),
                              std::inserter(unmade_, unmade_.end()));
        missed_ = std::move(missing);
    }
    return unmade_ != before;
}

void
MadeBridges::wait() const
{
    if (!ticket_ && next_ms_) {
        poll_timer_wait_until(next_ms_);
    }
}

} // namespace pm
