#include "plugin/plan.h"

#include <algorithm>

#include "plugin/plan_meters.h"
#include "plugin/plan_rows.h"
#include "plugin/plan_stops.h"
#include "plugin/switch_flaws.h"

namespace pm {

namespace {

const FlowList NO_FLOWS;
constexpr FlowOwner LAST_OWNER{FlowOwner::Stray, UINT32_MAX};

} // namespace

bool
Plan::empty() const
{
    return meters.empty() && flows.empty() && renew.empty() && !prove &&
           rows.empty() && waiting.empty();
}

std::vector<std::string>
Plan::describe() const
{
    std::vector<std::string> lines;
    for (const auto &[bridge, edits] : meters) {
        for (const MeterEdit &edit : edits) {
            lines.push_back(bridge + ": " + edit.to_string());
        }
    }
    for (const auto &[bridge, edits] : flows) {
        for (const FlowEdit &edit : edits) {
            auto cookie = Cookie::decode(edit.flow.cookie);
            lines.push_back(bridge + ": " +
                            (edit.op == FlowEdit::Op::Add ? "add" : "delete") +
                            " flow of " +
                            (cookie ? cookie->owner.to_string() : "?") + ": " +
                            edit.flow.to_string());
        }
    }
    for (const std::string &bridge : renew) {
        lines.push_back(bridge + ": have its datapath flows made anew");
    }
    if (prove) {
        lines.push_back("prove that the datapath does as the flows say");
    }
    for (const RowEdit &edit : rows) {
        lines.push_back(edit.why);
    }
    lines.insert(lines.end(), waiting.begin(), waiting.end());
    return lines;
}

namespace {

/* Whether a bridge's cached datapath flows must be renewed when they are to
 * do something else. */
bool
needs_renewal(const DesiredState &desired, const std::string &bridge)
{
    const SwitchFacts &facts = desired.facts();
    auto row = facts.rows.bridges.find(bridge);
    return row != facts.rows.bridges.end() &&
           modifies_wrong_flow(facts.ovs_version, row->second.datapath_type);
}

/* Whether something that the flows of a tunnel are to send to is not in place
 * on the delivery bridge, which would drop the copies. */
bool
must_wait_for_delivery(const Actual &actual, const DesiredState &desired,
                       const OwnerKey &key)
{
    if (key.owner.kind != FlowOwner::Egress) {
        return false;
    }
    std::set<OwnerKey> deliveries = desired.deliveries_of(key);
    return std::any_of(
        deliveries.begin(), deliveries.end(), [&](const OwnerKey &delivery) {
            auto want = desired.flows().find(delivery);
            return want == desired.flows().end() ||
                   !diff_flows(actual.flows_of(delivery), want->second)
                        .empty();
        });
}

/* Where an edit comes in a bundle.  Two owners can hand one match from one to
 * the other (a patch port's number used again): what goes, goes first.  A
 * group is there as long as a flow names it, and takes those with it that
 * still do. */
int
rank(const FlowEdit &edit)
{
    bool group = edit.flow.key.table == GROUP_TABLE;
    if (group) {
        return edit.op == FlowEdit::Op::Delete ? 3 : 1;
    }
    return edit.op == FlowEdit::Op::Delete ? 0 : 2;
}

/* Keeps the deliveries that are to go for as long as something may send to
 * them.  Returns whether there are any. */
bool
keep_deliveries(const Actual &actual, bool changing, Plan *plan)
{
    bool sending = !actual.unproven.empty() || actual.changing || changing;
    if (!sending) {
        return false;
    }
    bool kept = false;
    for (auto &bundle : plan->flows) {
        std::erase_if(bundle.second, [&](const FlowEdit &edit) {
            auto cookie = Cookie::decode(edit.flow.cookie);
            bool keep = edit.op == FlowEdit::Op::Delete && cookie &&
                        cookie->owner.kind == FlowOwner::Deliver;
            if (keep) {
                plan->waiting.push_back(
                    bundle.first + ": " + cookie->owner.to_string() +
                    " goes when it is proven that nothing is sent to it");
            }
            kept |= keep;
            return keep;
        });
    }
    std::erase_if(plan->flows,
                  [](const auto &bundle) { return bundle.second.empty(); });
    return kept;
}

} // namespace

void
renew(const Actual &actual, const DesiredState &desired,
      const std::string &bridge, std::vector<FlowEdit> *edits)
{
    if (!needs_renewal(desired, bridge)) {
        return;
    }
    const FlowList &before =
        actual.flows_of({bridge, {FlowOwner::Renewal, 0}});
    for (const Flow &flow : before) {
        edits->push_back({FlowEdit::Op::Delete, flow});
    }
    int turn = before.empty() ? 0 : turn_of(before.back()) + 1;
    edits->push_back({FlowEdit::Op::Add, renewal_flow(turn)});
}

Plan
make_plan(const Actual &actual, const DesiredState &desired,
          std::set<OwnerKey> *outstanding, const std::set<std::string> &busy,
          const std::map<OwnerKey, std::string> &refused)
{
    Plan plan;
    auto settle = [&](std::set<OwnerKey>::iterator i) {
        plan.settled.push_back(*i);
        return outstanding->erase(i);
    };
    bool deletions_outstanding = false, sends_change = false;
    std::vector<OwnerKey> egress_waits;
    for (auto i = outstanding->begin(); i != outstanding->end();) {
        const OwnerKey &key = *i;
        if (busy.count(key.bridge)) {
            deletions_outstanding = sends_change = true;
            i = outstanding->upper_bound({key.bridge, LAST_OWNER});
            continue;
        }
        if (key.owner.kind == FlowOwner::Renewal &&
            needs_renewal(desired, key.bridge)) {
            /* It is as it is; see renew(). */
            i = settle(i);
            continue;
        }
        auto want = desired.flows().find(key);
        const FlowList &wanted =
            want == desired.flows().end() ? NO_FLOWS : want->second;
        if (!actual.flows.count(key.bridge)) {
            if (wanted.empty() && (!actual.rows.bridges.count(key.bridge) ||
                                   actual.unmade.count(key.bridge))) {
                /* The bridge is gone and its flows with it. */
                i = settle(i);
                continue;
            }
            /* Not yet there, or not yet read. */
            ++i;
            continue;
        }
        std::vector<FlowEdit> edits = diff_flows(actual.flows_of(key), wanted);
        bool settled = plan_meter(actual, desired, key, !edits.empty(), &plan);
        if (edits.empty()) {
            i = settled ? settle(i) : std::next(i);
            continue;
        }
        bool delivers = key.owner.kind == FlowOwner::Deliver;
        deletions_outstanding |= wanted.empty() && !delivers;
        /* Who has none on the switch yet sends to nothing that is to go. */
        sends_change |= key.owner.kind == FlowOwner::Egress &&
                        !actual.flows_of(key).empty();
        ++i;
        if (!wanted.empty() && must_wait_for_meter(actual, desired, key)) {
            plan.waiting.push_back(key.bridge + ": flows of " +
                                   key.owner.to_string() +
                                   " wait for the meter of their limit");
            if (key.owner.kind == FlowOwner::Egress) {
                egress_waits.push_back(key);
            }
            continue;
        }
        if (!wanted.empty() && must_wait_for_delivery(actual, desired, key)) {
            plan.waiting.push_back(key.bridge + ": flows of " +
                                   key.owner.to_string() +
                                   " wait for those of their delivery");
            egress_waits.push_back(key);
            continue;
        }
        std::vector<FlowEdit> &bundle = plan.flows[key.bridge];
        bundle.insert(bundle.end(), edits.begin(), edits.end());
    }
    if (stop_halves(actual, desired, egress_waits, &plan)) {
        deletions_outstanding = true;
    }
    if (wait_for_filters(actual, desired, busy, &plan)) {
        deletions_outstanding = sends_change = true;
    }
    if (!refused.empty() &&
        stop_refused(actual, desired, *outstanding, busy, refused, &plan)) {
        deletions_outstanding = sends_change = true;
    }
    bool kept = keep_deliveries(actual, sends_change, &plan);
    for (auto &[bridge, edits] : plan.flows) {
        std::stable_sort(edits.begin(), edits.end(),
                         [](const FlowEdit &a, const FlowEdit &b) {
                             return rank(a) < rank(b);
                         });
    }
    for (const std::string &bridge : actual.disturbed) {
        if (actual.flows.count(bridge) && needs_renewal(desired, bridge)) {
            plan.renew.insert(bridge);
        }
    }
    /* What stops is proven at once; who waits to be told that it is in force
     * does not wait for others. */
    bool stopped = !actual.unproven.empty() && !deletions_outstanding;
    plan.prove = (stopped || !actual.unfollowed.empty()) && plan.renew.empty();
    bool may_delete = actual.unproven.empty() && !deletions_outstanding &&
                      !kept && !actual.changing && actual.flows_known();
    if (!actual.rows_as_desired) {
        plan_rows(actual, desired, may_delete, &plan);
    }
    for (const OwnerKey &key : *outstanding) {
        if (!actual.flows.count(key.bridge)) {
            plan.waiting.push_back("flows of " + key.owner.to_string() +
                                   " wait for the OpenFlow connection to " +
                                   key.bridge);
        }
    }
    if (!desired.facts().settled && !desired.rows().mirrors.empty()) {
        plan.waiting.push_back("what starts waits until vswitchd's cur_cfg "
                               "has reached our rows");
    }
    return plan;
}

namespace {

/* Bundles add flows in another order than they are desired in. */
std::vector<Flow>
sorted(const FlowList &flows)
{
    std::vector<Flow> copy = flows.get();
    std::sort(copy.begin(), copy.end());
    return copy;
}

} // namespace

void
share_flows(Actual *actual, const DesiredState &desired,
            const std::vector<OwnerKey> &settled)
{
    for (const OwnerKey &key : settled) {
        auto want = desired.flows().find(key);
        auto bridge = actual->flows.find(key.bridge);
        if (want == desired.flows().end() || bridge == actual->flows.end()) {
            continue;
        }
        auto have = bridge->second.find(key.owner);
        if (have != bridge->second.end() &&
            &have->second.get() != &want->second.get() &&
            have->second.size() == want->second.size() &&
            sorted(have->second) == sorted(want->second)) {
            have->second = want->second;
        }
    }
}

std::vector<const Flow *>
apply_bundle(Actual *actual, const std::string &bridge,
             const std::vector<FlowEdit> &edits)
{
    std::vector<const Flow *> come;
    auto &owners = actual->flows[bridge];
    for (const FlowEdit &edit : edits) {
        FlowOwner owner = Cookie::decode(edit.flow.cookie)->owner;
        std::vector<Flow> &flows = owners[owner].edit();
        SharedText was;
        for (const Flow &flow : flows) {
            if (flow.key == edit.flow.key) {
                was = flow.actions;
            }
        }
        bool new_here = !std::erase_if(flows, [&](const Flow &flow) {
            return flow.key == edit.flow.key;
        });
        bool sends = owner.kind == FlowOwner::Egress &&
                     (edit.flow.key.table == TABLE_EGRESS ||
                      edit.flow.key.table == TABLE_SPREAD);
        auto before = parse_egress(was);
        std::optional<EgressSpec> after;
        if (edit.op == FlowEdit::Op::Add) {
            flows.push_back(edit.flow);
            if (new_here) {
                come.push_back(&edit.flow);
            }
            after = parse_egress(edit.flow.actions);
            if (owner.kind == FlowOwner::Renewal) {
                actual->disturbed.erase(bridge);
            }
        }
        if (sends && before && before != after) {
            /* It may go on so for a while. */
            actual->stopped(owner.number, {*before}, bridge);
        } else if (sends && edit.op == FlowEdit::Op::Delete) {
            actual->stopped(owner.number, {}, bridge);
        }
        if (sends && after) {
            actual->resumed(owner.number, *after, bridge);
        }
        if (flows.empty()) {
            owners.erase(owner);
        }
        OwnerKey key{bridge, owner};
        if (owner.kind == FlowOwner::Tap || owner.kind == FlowOwner::Filter ||
            owners.count(owner)) {
            /* A NIC that is no longer mirrored may be that of a tunnel that
             * goes on elsewhere; a filter may have lost its last rule. */
            actual->unfollowed[key] = ++actual->steps;
        } else {
            actual->unfollowed.erase(key);
        }
    }
    return come;
}

} // namespace pm
