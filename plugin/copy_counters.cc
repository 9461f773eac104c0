#include "plugin/copy_counters.h"

#include "plugin/value_of.h"

namespace pm {

void
count(Counters *counters, const std::string &name, int64_t value)
{
    int64_t &total = counters->values[name];
    const int64_t *before = value_of(counters->bases, name);
    int64_t base = before ? *before : 0;
    if (sum_of_counts(base, value) < total) {
        base = total;
    }
    if (!before || *before != base) {
        counters->bases[name] = base; /* Else all tunnels' are shared. */
    }
    total = sum_of_counts(base, value);
}

void
CopyCounters::note(int64_t number, const std::string &name, uint64_t value)
{
    auto id = desired_.tunnel_of_number(number);
    const TunnelStatus *status = id ? desired_.status_of(*id) : nullptr;
    if (!status) {
        return;
    }
    auto [counters, fresh] = counters_.try_emplace(*id);
    if (fresh) {
        counters->second = status->counters;
    }
    Counters before = counters->second;
    count(&counters->second, name, count_of(value));
    if (before == counters->second) {
        counters->second = before; /* Which its row shares, mostly. */
    } else {
        news_.insert(*id);
    }
}

void
CopyCounters::begin(int64_t number, const std::string &name)
{
    auto id = desired_.tunnel_of_number(number);
    const TunnelStatus *status = id ? desired_.status_of(*id) : nullptr;
    const Counters *counters = id ? of(*id) : nullptr;
    if (!counters && status) {
        counters = &status->counters;
    }
    if (counters && value_of(counters->values, name)) {
        note(number, name, 0);
    }
}

bool
CopyCounters::is_uncounted(int64_t number) const
{
    auto id = desired_.tunnel_of_number(number);
    const TunnelStatus *status = id ? desired_.status_of(*id) : nullptr;
    return status && status->counters.values.empty() && !counters_.count(*id);
}

void
CopyCounters::share(const ModelDelta &delta)
{
    for (const auto &[id, told] : delta.tunnel_statuses) {
        const TunnelStatus *status =
            find(desired_.model().tunnel_statuses, id);
        auto counters =
            status ? counters_.find(status->tunnel) : counters_.end();
        if (counters != counters_.end() &&
            counters->second == status->counters) {
            counters->second = status->counters;
        }
    }
}

const Counters *
CopyCounters::of(const Uuid &tunnel) const
{
    return value_of(counters_, tunnel);
}

} // namespace pm
