#include "plugin/suspects.h"

#include <algorithm>
#include <utility>

namespace pm {

void
Suspects::add(Some some, const std::string &why)
{
    tunnels_.ids.merge(some.tunnels);
    filters_.ids.merge(some.filters);
    why_ = why;
}

Suspects::Some
Suspects::take(size_t most)
{
    Some some;
    if (empty()) {
        return some;
    }
    bool filters =
        tunnels_.ids.empty() || (filters_next_ && !filters_.ids.empty());
    filters_next_ = !filters;
    Kind &kind = filters ? filters_ : tunnels_;
    most = std::min(most, most_);
    for (size_t i = 0; i < most && !kind.ids.empty(); i++) {
        auto next = kind.ids.upper_bound(kind.last);
        auto taken =
            kind.ids.extract(next == kind.ids.end() ? kind.ids.begin() : next);
        kind.last = taken.value();
        (filters ? some.filters : some.tunnels).insert(std::move(taken));
    }
    return some;
}

Suspects::Some
Suspects::take_all()
{
    return {std::exchange(tunnels_.ids, {}), std::exchange(filters_.ids, {})};
}

void
Suspects::refused(Some some, const std::string &why, int64_t now_ms)
{
    most_ = 1;
    pause_.refused(now_ms);
    if (some.size() == 1) {
        bad_.insert(some.tunnels.begin(), some.tunnels.end());
        bad_.insert(some.filters.begin(), some.filters.end());
    }
    add(std::move(some), why);
}

void
Suspects::passed(const Some &some)
{
    most_ = std::min(2 * most_, Pace::FEW);
    pause_.done();
    for (const auto *ids : {&some.tunnels, &some.filters}) {
        for (const Uuid &id : *ids) {
            bad_.erase(id);
        }
    }
}

} // namespace pm
