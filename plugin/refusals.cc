#include "plugin/refusals.h"

#include <algorithm>

namespace pm {

namespace {

OwnerKey
owner_of(const std::string &bridge, const FlowEdit &edit)
{
    return {bridge, Cookie::decode(edit.flow.cookie)->owner};
}

/* Owners who get flows; of the others flows merely go. */
std::set<OwnerKey>
adding_owners(const std::string &bridge, const std::vector<FlowEdit> &edits)
{
    std::set<OwnerKey> owners;
    for (const FlowEdit &edit : edits) {
        if (edit.op != FlowEdit::Op::Delete) {
            owners.insert(owner_of(bridge, edit));
        }
    }
    return owners;
}

} // namespace

void
Refusals::refused(const std::string &bridge,
                  const std::vector<FlowEdit> &edits, const std::string &error,
                  int64_t now_ms)
{
    std::set<OwnerKey> owners;
    for (const FlowEdit &edit : edits) {
        owners.insert(owner_of(bridge, edit));
    }
    const OwnerKey renewal{bridge, {FlowOwner::Renewal, 0}};
    owners.erase(renewal); /* Goes with any. */
    std::set<OwnerKey> adding = adding_owners(bridge, edits);
    adding.erase(renewal);
    if (owners.size() > 1) {
        bool together = one_by_one_.insert(bridge).second;
        if (adding.empty()) {
            together |= losses_one_by_one_.insert(bridge).second;
        }
        if (together) {
            return;
        }
    }
    for (const OwnerKey &owner : owners) {
        refusals_[owner] = {error, now_ms + RETRY_MS, !adding.count(owner)};
    }
}

void
Refusals::applied(const std::string &bridge,
                  const std::vector<FlowEdit> &edits)
{
    for (const FlowEdit &edit : edits) {
        refusals_.erase(owner_of(bridge, edit));
    }
}

void
Refusals::judged(const std::string &bridge, const MeterEdit &edit,
                 const std::string &error, int64_t now_ms)
{
    if (error.empty()) {
        meters_.erase({bridge, edit.owner});
    } else {
        meters_[{bridge, edit.owner}] = {
            error + "; where the switch has no meters, leave out rate_kbps "
                    "and set external_ids:mirror-rate-kbps=unlimited",
            now_ms + RETRY_MS};
    }
}

void
Refusals::forget(const std::string &bridge)
{
    for (auto *refusals : {&refusals_, &meters_}) {
        std::erase_if(*refusals, [&](const auto &refusal) {
            return refusal.first.bridge == bridge;
        });
    }
    one_by_one_.erase(bridge);
    losses_one_by_one_.erase(bridge);
}

void
Refusals::select(const std::string &bridge, std::vector<FlowEdit> *edits,
                 int64_t now_ms)
{
    std::erase_if(refusals_, [&](const auto &refusal) {
        return refusal.first.bridge == bridge &&
               std::none_of(edits->begin(), edits->end(),
                            [&](const FlowEdit &edit) {
                                return owner_of(bridge, edit) == refusal.first;
                            });
    });
    std::set<OwnerKey> adding = adding_owners(bridge, *edits);
    auto merely_goes = [&](const FlowEdit &edit) {
        return !adding.count(owner_of(bridge, edit));
    };
    std::erase_if(*edits, [&](const FlowEdit &edit) {
        auto refusal = refusals_.find(owner_of(bridge, edit));
        return refusal != refusals_.end() &&
               now_ms < refusal->second.retry_ms &&
               (refusal->second.of_going || !merely_goes(edit));
    });
    if (edits->empty()) {
        one_by_one_.erase(bridge);
        losses_one_by_one_.erase(bridge);
    }
    if (!one_by_one_.count(bridge)) {
        return;
    }
    if (std::any_of(edits->begin(), edits->end(), merely_goes)) {
        std::erase_if(*edits,
                      [&](const auto &edit) { return !merely_goes(edit); });
        if (losses_one_by_one_.count(bridge)) {
            const OwnerKey first = owner_of(bridge, edits->front());
            std::erase_if(*edits, [&](const auto &edit) {
                return owner_of(bridge, edit) != first;
            });
        }
        return;
    }
    /* Taps and filters before what they hand frames to: else that would send
     * what was admitted before. */
    OwnerKey first = owner_of(bridge, edits->front());
    for (const FlowEdit &edit : *edits) {
        first = std::min(first, owner_of(bridge, edit));
    }
    /* A flow whose match becomes another owner's goes with that. */
    std::set<FlowKey> taken;
    for (const FlowEdit &edit : *edits) {
        if (edit.op != FlowEdit::Op::Delete &&
            owner_of(bridge, edit) == first) {
            taken.insert(edit.flow.key);
        }
    }
    std::erase_if(*edits, [&](const FlowEdit &edit) {
        return owner_of(bridge, edit) != first &&
               (edit.op != FlowEdit::Op::Delete ||
                !taken.count(edit.flow.key));
    });
}

void
Refusals::select(const std::string &bridge, std::vector<MeterEdit> *edits,
                 int64_t now_ms)
{
    std::erase_if(meters_, [&](const auto &refusal) {
        return refusal.first.bridge == bridge &&
               std::none_of(edits->begin(), edits->end(),
                            [&](const MeterEdit &edit) {
                                return edit.owner == refusal.first.owner;
                            });
    });
    std::erase_if(*edits, [&](const MeterEdit &edit) {
        auto refusal = meters_.find({bridge, edit.owner});
        return refusal != meters_.end() && now_ms < refusal->second.retry_ms;
    });
}

std::map<OwnerKey, std::string>
Refusals::reasons() const
{
    std::map<OwnerKey, std::string> reasons;
    for (const auto *refusals : {&refusals_, &meters_}) {
        for (const auto &[owner, refusal] : *refusals) {
            reasons[owner] = refusal.error;
        }
    }
    return reasons;
}

int64_t
Refusals::next_ms(const std::string &bridge) const
{
    int64_t next = 0;
    for (const auto *refusals : {&refusals_, &meters_}) {
        for (const auto &[owner, refusal] : *refusals) {
            if (owner.bridge == bridge) {
                next =
                    next ? std::min(next, refusal.retry_ms) : refusal.retry_ms;
            }
        }
    }
    return next;
}

} // namespace pm
