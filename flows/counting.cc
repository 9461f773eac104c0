#include "flows/counting.h"

namespace pm {

namespace {

constexpr int NUMBER_SHIFT = 20; /* As the cookie has it. */
/* Numbers of a chunk, as a power of 2.  A tunnel has two flows or some more, a
 * filter a hundred or some more. */
constexpr int EGRESS_SHIFT = 10;
constexpr int FILTER_SHIFT = 4;

constexpr uint64_t
mask_above(int bits)
{
    return ~((UINT64_C(1) << bits) - 1);
}

} // namespace

CookieMask
counted_flows()
{
    /* Kinds 2 and 3. */
    static_assert((FlowOwner::Filter ^ FlowOwner::Egress) == 1);
    Cookie cookie{{FlowOwner::Filter, 0}, std::nullopt, 0};
    return {cookie.encode(), COOKIE_PREFIX_MASK | UINT64_C(0xe) << 44};
}

std::optional<CookieMask>
chunk_of(const FlowOwner &owner)
{
    if (owner.kind != FlowOwner::Egress && owner.kind != FlowOwner::Filter) {
        return std::nullopt;
    }
    uint64_t mask = mask_above(NUMBER_SHIFT + (owner.kind == FlowOwner::Egress
                                                   ? EGRESS_SHIFT
                                                   : FILTER_SHIFT));
    return CookieMask{Cookie{owner, std::nullopt, 0}.encode() & mask, mask};
}

void
Counting::know(const std::map<CookieMask, FlowSum> &sums)
{
    cancel();
    known_ = sums;
    FlowSum all;
    for (const auto &[chunk, sum] : sums) {
        all.packets += sum.packets;
        all.bytes += sum.bytes;
        all.flows += sum.flows;
    }
    known_[counted_flows()] = all;
}

void
Counting::changed(const FlowOwner &owner)
{
    if (auto chunk = chunk_of(owner)) {
        for (const CookieMask &sum : {*chunk, counted_flows()}) {
            known_.erase(sum);
            taken_.erase(sum);
        }
    }
}

/* Sums stay as they are known but for how many flows there are. */
void
Counting::step(const FlowOwner &owner, int flows,
               std::map<CookieMask, FlowSum> *sums)
{
    if (auto chunk = chunk_of(owner)) {
        for (const CookieMask &what : {*chunk, counted_flows()}) {
            if (auto sum = sums->find(what); sum != sums->end()) {
                sum->second.flows += flows;
            }
        }
    }
}

void
Counting::came(const FlowOwner &owner)
{
    step(owner, 1, &known_);
    step(owner, 1, &taken_);
}

void
Counting::went(const FlowOwner &owner)
{
    step(owner, -1, &known_);
    if (auto chunk = chunk_of(owner)) {
        /* There it may have counted since it was known. */
        taken_.erase(*chunk);
        taken_.erase(counted_flows());
    }
}

void
Counting::begin(const std::set<CookieMask> &chunks)
{
    cancel();
    whole_ = true;
    chunks_ = chunks;
    std::erase_if(known_, [&](const auto &sum) {
        return sum.first != counted_flows() && !chunks.count(sum.first);
    });
}

void
Counting::cancel()
{
    whole_ = false;
    chunks_.clear();
    differing_.clear();
    taken_.clear();
}

std::optional<Counting::Question>
Counting::question() const
{
    if (whole_) {
        return Question{Question::Of::Sums, {counted_flows()}};
    }
    if (!differing_.empty()) {
        return Question{Question::Of::Flows, {differing_.back()}};
    }
    if (chunks_.empty()) {
        return std::nullopt;
    }
    Question question;
    for (const CookieMask &chunk : chunks_) {
        question.what.push_back(chunk);
        if (question.what.size() == SUMS_AT_ONCE) {
            break;
        }
    }
    return question;
}

void
Counting::take_sums(const std::vector<FlowSum> &sums)
{
    auto asked = question();
    if (!asked || asked->of != Question::Of::Sums ||
        asked->what.size() != sums.size()) {
        return;
    }
    for (size_t i = 0; i < sums.size(); i++) {
        const CookieMask &what = asked->what[i];
        auto known = known_.find(what);
        bool same = known != known_.end() && known->second == sums[i];
        if (whole_) {
            whole_ = false;
            if (same) {
                cancel();
            } else {
                known_.erase(what);
                taken_[what] = sums[i];
            }
            return;
        }
        chunks_.erase(what);
        if (!same) {
            known_.erase(what);
            taken_[what] = sums[i];
            differing_.push_back(what);
        }
    }
    end_if_done();
}

void
Counting::take_flows()
{
    auto asked = question();
    if (asked && asked->of == Question::Of::Flows) {
        differing_.pop_back();
        know_taken(asked->what.front());
        end_if_done();
    }
}

/* The sum holds of what is known now, unless a flow has changed since. */
void
Counting::know_taken(const CookieMask &what)
{
    if (auto sum = taken_.extract(what)) {
        known_.insert(std::move(sum));
    }
}

void
Counting::end_if_done()
{
    if (!question()) {
        know_taken(counted_flows());
        cancel();
    }
}

} // namespace pm
