/* DesiredState, newcomers: tunnels of which nothing is here yet.
 *
 * What a tunnel comes to is asked anew whenever something that it shares with
 * thousands turns out: our bridge, the VXLAN port, a path.  Of thousands that
 * come at once some go through all of that, and the others find it done. */
#include "plugin/desired_state.h"
#include "plugin/value_of.h"

namespace pm {

namespace {

/* Those that may wait for their status rows: enough for the control database
 * to have something to write while others are taken in. */
constexpr size_t ROWLESS_MAX = 1000;

} // namespace

/* Whether nothing of the tunnel is anywhere but its row. */
bool
DesiredState::is_newcomer(const Uuid &id) const
{
    return !tunnels_.count(id) && find(model_.tunnels, id) && !status_of(id);
}

bool
DesiredState::may_take_in() const
{
    return !newcomers_.empty() && rowless_.size() < ROWLESS_MAX;
}

/* Has newcomers wait, and takes in as many as may be: a source's together,
 * whose tap is made for all of them then. */
void
DesiredState::take_in()
{
    std::erase_if(dirty_, [&](const Uuid &id) {
        if (is_newcomer(id)) {
            newcomers_.insert(id);
            return true;
        }
        newcomers_.erase(id);
        return false;
    });
    size_t most = ROWLESS_MAX - std::min(ROWLESS_MAX, rowless_.size());
    for (size_t taken = 0; taken < most && !newcomers_.empty();) {
        const Uuid source = model_.tunnels.at(*newcomers_.begin()).source;
        for (const Uuid &id : by_source_.at(source)) {
            if (newcomers_.erase(id)) {
                dirty_.insert(id);
                taken++;
            }
        }
    }
}

} // namespace pm
