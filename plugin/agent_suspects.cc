/* Agent: what the control database refused, and what has been written. */
#include <algorithm>

#include "ovsdb/ovs_c.h"
#include "plugin/agent.h"
#include "plugin/filter_status.h"

namespace pm {

namespace {

/* At once, of those that pass again. */
constexpr size_t SUSPECTS_MOST = 256;

} // namespace

bool
Agent::may_try_suspects() const
{
    return may_report() && started_ && !cleanup_ &&
           (vswitchd_away_ || actual_.flows_known()) &&
           !(suspects_.tunnels.empty() && suspects_.filters.empty()) &&
           std::none_of(reporting_.begin(), reporting_.end(),
                        [](const auto &transaction) {
                            return transaction.second.trial;
                        });
}

/* Writes what is to be said of some of those that were refused: of filters, or
 * else of tunnels, the next after those of last time. */
void
Agent::try_suspects(StatusContext &context)
{
    ControlWrite write;
    Subjects tried;
    tried.trial = true;
    size_t most = std::min(suspects_most_, control_.room());
    auto take = [&](std::set<Uuid> *from) {
        auto next = from->upper_bound(tried_last_);
        return from->extract(next == from->end() ? from->begin() : next)
            .value();
    };
    std::set<int64_t> named = named_filters(actual_, outstanding_);
    for (bool filters : {tried_filters_, !tried_filters_}) {
        std::set<Uuid> *from =
            filters ? &suspects_.filters : &suspects_.tunnels;
        while (write.empty() && !from->empty()) {
            for (size_t i = 0; i < most && !from->empty(); i++) {
                tried_last_ = take(from);
                if (filters ? report_filter(tried_last_, named, &write)
                            : report_tunnel(tried_last_, context, &write)) {
                    (filters ? tried.filters : tried.tunnels)
                        .insert(tried_last_);
                }
            }
        }
    }
    tried_filters_ = tried.filters.empty();
    if (!write.empty()) {
        tried.others = !tried.filters.empty();
        reporting_[control_.start(write, true)] = std::move(tried);
    }
}

/* What has been written, or was refused, is said as far as it still differs.
 */
void
Agent::take_reported(uint64_t number, bool refused)
{
    auto ended = reporting_.extract(number);
    if (ended.empty()) {
        return;
    }
    Subjects &of = ended.mapped();
    if (!of.tunnels.empty()) {
        /* Who saw our rows as they were waits for us to answer. */
        answer_.wrote(control_.cfg());
    }
    if (of.trial && refused) {
        suspects_most_ = 1;
        suspects_pause_.refused(time_msec());
    } else if (of.trial) {
        suspects_most_ = std::min(2 * suspects_most_, SUSPECTS_MOST);
        suspects_pause_.done();
    } else if (of.others) {
        others_apart_ = refused;
    }
    if (refused && !cleanup_) {
        suspects_.tunnels.merge(of.tunnels);
        suspects_.filters.merge(of.filters);
    } else {
        unreported_.merge(of.tunnels);
        unreported_filters_.merge(of.filters);
    }
}

} // namespace pm
