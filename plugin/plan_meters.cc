#include "plugin/plan_meters.h"

#include "plugin/value_of.h"

namespace pm {

namespace {

/* The rate of an owner's meter as it is, or nullptr. */
const int64_t *
actual_meter(const Actual &actual, const OwnerKey &key)
{
    const auto *meters = value_of(actual.meters, key.bridge);
    return meters ? value_of(*meters, key.owner) : nullptr;
}

} // namespace

bool
plan_meter(const Actual &actual, const DesiredState &desired,
           const OwnerKey &key, bool flows_differ, Plan *plan)
{
    const int64_t *wanted = value_of(desired.meters(), key);
    const int64_t *is = actual_meter(actual, key);
    if (wanted ? is && *wanted == *is : !is) {
        return true;
    }
    if (wanted) {
        plan->meters[key.bridge].push_back(
            {is ? MeterEdit::Op::Modify : MeterEdit::Op::Add, key.owner,
             *wanted});
        return false;
    }
    MeterEdit gone{MeterEdit::Op::Delete, key.owner, 0};
    if (flows_differ || (key.owner.kind == FlowOwner::Egress &&
                         actual.unproven.count(key.owner.number))) {
        plan->waiting.push_back(key.bridge + ": " + gone.to_string() +
                                " (waits until its flows are proven gone from "
                                "the datapath)");
    } else {
        plan->meters[key.bridge].push_back(gone);
    }
    return false;
}

bool
must_wait_for_meter(const Actual &actual, const DesiredState &desired,
                    const OwnerKey &key)
{
    auto lacks = [&](const OwnerKey &owner) {
        return desired.meters().count(owner) && !actual_meter(actual, owner);
    };
    return lacks(key) || (key.owner.kind == FlowOwner::Egress &&
                          lacks({key.bridge, {FlowOwner::Base, 0}}));
}

void
apply_meter(Actual *actual, const std::string &bridge, const MeterEdit &edit)
{
    auto &meters = actual->meters[bridge];
    if (edit.op != MeterEdit::Op::Delete) {
        meters[edit.owner] = edit.rate_kbps;
    } else {
        meters.erase(edit.owner);
    }
}

} // namespace pm
