#include "plugin/plan_revocations.h"

namespace pm {

void
keep_revocations(const Actual &actual, const DesiredState &desired, Plan *plan)
{
    plan->meters.clear();
    plan->rows.clear();
    for (auto &bundle : plan->flows) {
        std::erase_if(bundle.second, [&](const FlowEdit &edit) {
            auto cookie = Cookie::decode(edit.flow.cookie);
            if (edit.op != FlowEdit::Op::Delete || !cookie ||
                cookie->owner.kind != FlowOwner::Egress) {
                return true;
            }
            auto want = desired.flows().find({bundle.first, cookie->owner});
            return want != desired.flows().end() && !want->second.empty();
        });
    }
    std::erase_if(plan->flows,
                  [](const auto &bundle) { return bundle.second.empty(); });
    plan->prove |=
        !actual.unproven.empty() && plan->flows.empty() && plan->renew.empty();
}

} // namespace pm
