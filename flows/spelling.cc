#include "flows/spelling.h"

namespace pm {

void
Spelling::know(const std::vector<Flow> &flows)
{
    known_.push_back(&flows);
    texts_.clear();
    for (const Flow &flow : flows) {
        texts_.insert(&flow);
    }
}

Flow
Spelling::ours(const Flow &read)
{
    if (texts_.count(&read)) {
        return read;
    }
    normalise_known();
    Flow flow = read;
    auto match = normal_.find(flow.key);
    if (match != normal_.end()) {
        auto same = match->second.find(flow);
        if (same != match->second.end()) {
            flow = *same->second;
        } else {
            flow.key = match->second.begin()->second->key;
        }
    }
    return flow;
}

void
Spelling::normalise_known()
{
    if (normalised_) {
        return;
    }
    normalised_ = true;
    for (const std::vector<Flow> *flows : known_) {
        for (const Flow &flow : *flows) {
            std::string error;
            if (auto n = normalise(flow, &error)) {
                normal_[n->key][*n] = &flow;
            }
        }
    }
}

std::map<FlowOwner, FlowList>
by_owner(const std::vector<FlowStats> &read,
         const std::function<void(const FlowOwner &, Spelling *)> &known)
{
    std::map<FlowOwner, FlowList> owners;
    std::map<FlowOwner, Spelling> spellings;
    for (const FlowStats &stats : read) {
        auto cookie = Cookie::decode(stats.flow.cookie);
        if (!cookie) {
            /* The bridge is ours alone: what somebody adds could copy what
             * no policy admits, or keep from copying what one does. */
            cookie = Cookie{{FlowOwner::Stray, 0}, std::nullopt, 0};
            Flow stray = stats.flow;
            stray.cookie = cookie->encode();
            owners[cookie->owner].edit().push_back(stray);
            continue;
        }
        auto [spelling, fresh] = spellings.try_emplace(cookie->owner);
        if (fresh) {
            known(cookie->owner, &spelling->second);
        }
        owners[cookie->owner].edit().push_back(
            spelling->second.ours(stats.flow));
    }
    return owners;
}

} // namespace pm
