#include "flows/spelling.h"

#include "flows/openflow.h"

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

} // namespace pm
