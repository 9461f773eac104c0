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
Suspects::put_back(Some some)
{
    for (auto *ids : {&some.tunnels, &some.filters}) {
        for (const Uuid &id : *ids) {
            on_trial_.erase(id);
            changed_.erase(id);
        }
    }
    tunnels_.merge(some.tunnels);
    filters_.merge(some.filters);
}

void
Suspects::add(Some some, const std::string &why)
{
    if (!some.size()) {
        return;
    }
    put_back(std::move(some));
    pause_.done();
    finding_.done();
    say(why);
}

void
Suspects::say(const std::string &why)
{
    if (!why.empty()) {
        why_ = why;
    }
}

Suspects::Some
Suspects::take(size_t most)
{
    Some some;
    most = std::min(most, most_);
    /* In rounds, since one that changes again and again is ever new. */
    auto take_of = [&](std::set<Uuid> *from, std::set<Uuid> *to, Uuid *last) {
        for (size_t looks = from->size(); looks && to->size() < most;
             looks--) {
            auto i = from->upper_bound(*last);
            if (i == from->end()) {
                i = from->begin();
            }
            *last = *i;
            if (!bad_.count(*i)) {
                to->insert(from->extract(i));
            }
        }
    };
    for (int kinds = 0; kinds < 2 && !some.size(); kinds++) {
        if (std::exchange(tunnels_next_, !tunnels_next_)) {
            take_of(&tunnels_, &some.tunnels, &last_tunnel_);
        } else {
            take_of(&filters_, &some.filters, &last_filter_);
        }
    }
    if (!some.size() && !bad_.empty()) {
        auto next = bad_.upper_bound(last_bad_);
        last_bad_ = next == bad_.end() ? *bad_.begin() : *next;
        if (tunnels_.erase(last_bad_)) {
            some.tunnels.insert(last_bad_);
        } else if (filters_.erase(last_bad_)) {
            some.filters.insert(last_bad_);
        }
    }
    for (const auto *ids : {&some.tunnels, &some.filters}) {
        on_trial_.insert(ids->begin(), ids->end());
    }
    return some;
}

Suspects::Some
Suspects::take_all()
{
    refused_.clear();
    bad_.clear();
    on_trial_.clear();
    changed_.clear();
    return {std::exchange(tunnels_, {}), std::exchange(filters_, {})};
}

void
Suspects::refused(Some some, const std::string &why, int64_t now_ms)
{
    most_ = 1;
    say(why);
    bool known = false;
    if (some.size() == 1) {
        const Uuid id =
            *(some.tunnels.empty() ? some.filters : some.tunnels).begin();
        known = bad_.count(id) && !changed_.count(id);
        refused_.insert(id);
        if (changed_.count(id)) {
            bad_.erase(id);
        } else {
            bad_.insert(id);
        }
    }
    /* To find one more who is bad is to come on. */
    (known ? pause_ : finding_).refused(now_ms);
    put_back(std::move(some));
}

void
Suspects::not_known(Some some, int64_t now_ms)
{
    put_back(std::move(some));
    pause_.refused(now_ms);
}

void
Suspects::passed(const Some &some)
{
    most_ = std::min(2 * most_, AT_ONCE_MAX);
    pause_.done();
    finding_.done();
    for (const auto *ids : {&some.tunnels, &some.filters}) {
        for (const Uuid &id : *ids) {
            forget(id);
        }
    }
}

void
Suspects::clear(const Uuid &id)
{
    if (on_trial_.count(id)) {
        changed_.insert(id);
    } else if (bad_.erase(id)) {
        pause_.done();
    }
}

void
Suspects::forget(const Uuid &id)
{
    refused_.erase(id);
    bad_.erase(id);
    on_trial_.erase(id);
    changed_.erase(id);
}

} // namespace pm
