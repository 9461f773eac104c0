#include "plugin/suspects.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace pm {

namespace {

/* At once, of those that pass. */
constexpr size_t AT_ONCE_MAX = 256;

} // namespace

size_t
Suspects::count_good() const
{
    return tunnels_.size() + filters_.size() -
           static_cast<size_t>(
               std::count_if(bad_.begin(), bad_.end(), [&](const Uuid &id) {
                   return tunnels_.count(id) || filters_.count(id);
               }));
}

bool
Suspects::are_many() const
{
    return most_ > Pace::FEW && count_good() > Pace::FEW;
}

void
Suspects::add(Some some, const std::string &why)
{
    tunnels_.merge(some.tunnels);
    filters_.merge(some.filters);
    pause_.done();
    if (!why.empty()) {
        why_ = why;
    }
}

Suspects::Some
Suspects::take(size_t most)
{
    Some some;
    most = std::min(most, most_);
    for (auto [from, to] : {std::pair(&filters_, &some.filters),
                            std::pair(&tunnels_, &some.tunnels)}) {
        for (auto i = from->begin(); i != from->end() && some.size() < most;) {
            auto next = std::next(i);
            if (!bad_.count(*i)) {
                to->insert(from->extract(i));
            }
            i = next;
        }
        if (some.size()) {
            return some;
        }
    }
    if (!bad_.empty()) {
        auto next = bad_.upper_bound(last_bad_);
        last_bad_ = next == bad_.end() ? *bad_.begin() : *next;
        if (tunnels_.erase(last_bad_)) {
            some.tunnels.insert(last_bad_);
        } else if (filters_.erase(last_bad_)) {
            some.filters.insert(last_bad_);
        }
    }
    return some;
}

Suspects::Some
Suspects::take_all()
{
    bad_.clear();
    return {std::exchange(tunnels_, {}), std::exchange(filters_, {})};
}

void
Suspects::refused(Some some, const std::string &why, int64_t now_ms)
{
    most_ = 1;
    if (some.size() == 1) {
        bad_.insert(some.tunnels.begin(), some.tunnels.end());
        bad_.insert(some.filters.begin(), some.filters.end());
    }
    Backoff pause = pause_;
    pause.refused(now_ms);
    add(std::move(some), why);
    pause_ = pause;
}

void
Suspects::passed(const Some &some)
{
    most_ = std::min(2 * most_, AT_ONCE_MAX);
    pause_.done();
    for (const auto *ids : {&some.tunnels, &some.filters}) {
        for (const Uuid &id : *ids) {
            bad_.erase(id);
        }
    }
}

void
Suspects::clear(const Uuid &id)
{
    if (bad_.erase(id)) {
        pause_.done();
    }
}

} // namespace pm
