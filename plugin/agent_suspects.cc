/* Agent: what the control database refused, and what has been written. */
#include <algorithm>

#include "ovsdb/ovs_c.h"
#include "plugin/agent.h"
#include "plugin/filter_status.h"

namespace pm {

bool
Agent::may_try_suspects() const
{
    return may_report() && !cleanup_ && !suspects_.empty() &&
           std::none_of(reporting_.begin(), reporting_.end(),
                        [](const auto &transaction) {
                            return transaction.second.trial;
                        });
}

/* Writes what is to be said of those who are tried next. */
void
Agent::try_suspects(StatusContext &context)
{
    ControlWrite write;
    Subjects tried;
    tried.trial = true;
    const bool reading = is_reading(), early = is_early();
    while (write.empty() && !suspects_.empty()) {
        Suspects::Some some = suspects_.take(control_.room());
        for (const Uuid &id : some.tunnels) {
            underway_[id] = 0; /* It is told, whatever is under way. */
            if (early && !desired_.status_of(id)) {
                unreported_.insert(id);
            } else if (reading && desired_.status_of(id)) {
                unjudged_.insert(id);
            } else if (!report_tunnel(id, context, &write)) {
                if (!is_judged(id)) {
                    unjudged_.insert(id);
                }
            } else if (early && !write.delete_tunnels.empty()) {
                write.delete_tunnels.clear();
                unreported_.insert(id);
            } else {
                tried.some.tunnels.insert(id);
                continue;
            }
            suspects_.forget(id);
        }
        if (!some.filters.empty()) {
            std::set<int64_t> named = named_filters(actual_, outstanding_);
            for (const Uuid &id : some.filters) {
                if (early || !is_filter_judged(id)) {
                    unreported_filters_.insert(id);
                } else if (report_filter(id, named, &write)) {
                    tried.some.filters.insert(id);
                    continue;
                }
                suspects_.forget(id);
            }
        }
    }
    if (!write.empty()) {
        tried.others = !tried.some.filters.empty();
        reporting_[control_.start(write, true)] = std::move(tried);
    } else {
        poll_immediate_wake(); /* Who waited for these need not any more. */
    }
}

/* What has been written, or was refused, is said as far as it still differs.
 */
void
Agent::take_reported(uint64_t number, ControlDb::Outcome outcome)
{
    auto ended = reporting_.extract(number);
    if (ended.empty()) {
        return;
    }
    Subjects &of = ended.mapped();
    if (!of.some.tunnels.empty()) {
        /* Who saw our rows as they were waits for us to answer. */
        answer_.wrote(control_.cfg());
    }
    bool refused = outcome == ControlDb::Outcome::Refused;
    if (of.hosts) {
        others_apart_ = refused;
        if (refused) {
            others_pause_.refused(time_msec());
        } else {
            others_pause_.done();
        }
    }
    if (of.trial && outcome == ControlDb::Outcome::Written) {
        suspects_.passed(of.some);
    } else if (of.trial && refused && !cleanup_) {
        suspects_.refused(std::move(of.some), control_.refused(), time_msec());
        return;
    } else if (of.trial && !cleanup_) {
        suspects_.not_known(std::move(of.some), time_msec());
        return;
    } else if (refused && !cleanup_) {
        suspects_.add(std::move(of.some), control_.refused());
        return;
    }
    unreported_.merge(of.some.tunnels);
    unreported_filters_.merge(of.some.filters);
}

} // namespace pm
