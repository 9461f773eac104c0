/* DesiredState, newcomers: tunnels that wait to be looked at.
 *
 * What a tunnel comes to is asked anew whenever something that it shares with
 * thousands turns out: our bridge, the VXLAN port, a path.  Of thousands that
 * come at once some go through all of that, and the others find it done. */
#include <algorithm>

#include "plugin/desired_state.h"
#include "plugin/value_of.h"

namespace pm {

namespace {

/* Those that go ahead.  Until they have their status rows, later: enough for
 * the control database to have something to write. */
constexpr size_t AHEAD_MAX = 1000;

} // namespace

/* Whether there is no desire of the tunnel, and nothing of it on the switch:
 * it has no status row, or we have not begun. */
bool
DesiredState::is_newcomer(const Uuid &id) const
{
    return !tunnels_.count(id) && find(model_.tunnels, id) &&
           (!begun_ || !status_of(id));
}

bool
DesiredState::is_any_undecided() const
{
    return std::any_of(tunnels_.begin(), tunnels_.end(), [&](const auto &t) {
        return t.second.undecided && !excused_.count(t.first);
    });
}

/* How many newcomers may be taken in. */
size_t
DesiredState::room_for_newcomers() const
{
    size_t ahead = begun_ ? rowless_.size() : tunnels_.size();
    return AHEAD_MAX - std::min(AHEAD_MAX, ahead);
}

/* Whether those with status rows, at a start, need not wait any more: there is
 * nothing to be found out, or not soon, and they are told why. */
bool
DesiredState::may_begin() const
{
    return !begun_ && !tunnels_.empty() &&
           (!vswitchd_alive_ || !is_any_undecided());
}

/* Whether those that went ahead have found out all there is: then the others
 * follow at once, so that who has which Mirrors is planned for all of them. */
bool
DesiredState::may_follow() const
{
    return begun_ && !rowless_.empty() && !common_ports(facts_).empty() &&
           !is_any_undecided();
}

bool
DesiredState::may_take_in() const
{
    return !newcomers_.empty() &&
           (room_for_newcomers() || may_begin() || may_follow());
}

/* Has newcomers wait, and takes in as many as may be: a source's together,
 * whose tap is made for all of them then. */
void
DesiredState::take_in()
{
    if (may_begin()) {
        begun_ = true;
        dirty_.merge(newcomers_); /* Those without rows go on waiting. */
    }
    std::erase_if(dirty_, [&](const Uuid &id) {
        if (is_newcomer(id)) {
            newcomers_.insert(id);
            return true;
        }
        newcomers_.erase(id);
        return false;
    });
    if (newcomers_.empty()) {
        return;
    }
    size_t room = may_follow() ? newcomers_.size() : room_for_newcomers();
    for (size_t taken = 0; taken < room && !newcomers_.empty();) {
        const Uuid source = model_.tunnels.at(*newcomers_.begin()).source;
        for (const Uuid &id : by_source_.at(source)) {
            if (newcomers_.erase(id)) {
                dirty_.insert(id);
                taken++;
            }
        }
    }
}

/* Nobody who may have something on the switch waits, and each that does not
 * knows what it comes to. */
bool
DesiredState::decided() const
{
    return (begun_ || newcomers_.empty()) && !is_any_undecided();
}

size_t
DesiredState::stop_waiting()
{
    for (const auto &[id, desire] : tunnels_) {
        const BridgeFacts *bridge =
            value_of(facts_.bridges, desire.nic_bridge);
        if (desire.undecided && bridge && bridge->checked) {
            excused_.insert(id);
            dirty_.insert(id);
        }
    }
    return excused_.size();
}

} // namespace pm
