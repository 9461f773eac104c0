/* What is on the switch, and what is not yet proven of it. */
#include <algorithm>

#include "plugin/plan.h"

namespace pm {

bool
Actual::flows_known() const
{
    return std::all_of(
        rows.bridges.begin(), rows.bridges.end(), [&](const auto &bridge) {
            return flows.count(bridge.first) || unmade.count(bridge.first);
        });
}

bool
Actual::has(const FlowOwner &owner) const
{
    return std::any_of(flows.begin(), flows.end(), [&](const auto &bridge) {
        return bridge.second.count(owner) > 0;
    });
}

const FlowList &
Actual::flows_of(const OwnerKey &key) const
{
    static const FlowList none;
    auto bridge = flows.find(key.bridge);
    if (bridge == flows.end()) {
        return none;
    }
    auto owner = bridge->second.find(key.owner);
    return owner == bridge->second.end() ? none : owner->second;
}

bool
Actual::any_tap(const std::set<OwnerKey> &keys,
                const std::function<bool(const Flow &)> &is_such) const
{
    return std::any_of(keys.begin(), keys.end(), [&](const OwnerKey &key) {
        if (key.owner.kind != FlowOwner::Tap) {
            return false; /* Of most there is nothing to look up. */
        }
        const FlowList &flows = flows_of(key);
        return std::any_of(flows.begin(), flows.end(), is_such);
    });
}

bool
Actual::is_busy(FlowOwner::Kind kind, int64_t number) const
{
    return has({kind, static_cast<uint32_t>(number)}) ||
           (kind == FlowOwner::Egress && unproven.count(number));
}

void
Actual::stopped(int64_t number, const std::vector<EgressSpec> &specs,
                const std::string &bridge)
{
    Stopped &stop = unproven[number];
    for (const EgressSpec &spec : specs) {
        if (std::find(stop.specs.begin(), stop.specs.end(), spec) ==
            stop.specs.end()) {
            stop.specs.push_back(spec);
        }
    }
    stop.bridge = bridge;
    stop.stop = ++steps;
}

void
Actual::resumed(int64_t number, const EgressSpec &spec,
                const std::string &bridge)
{
    auto stop = unproven.find(number);
    if (stop != unproven.end() && stop->second.bridge == bridge) {
        std::erase(stop->second.specs, spec);
        if (stop->second.specs.empty()) {
            unproven.erase(stop);
        }
    }
}

void
Actual::inherit(const Model &model, const std::string &chassis)
{
    for (const auto &[id, status] : model.tunnel_statuses) {
        if (status.chassis == chassis) {
            stopped(status.number, {}, "");
        }
    }
    for (const auto &[id, status] : model.filter_statuses) {
        if (status.chassis == chassis) {
            FlowOwner owner{FlowOwner::Filter,
                            static_cast<uint32_t>(status.number)};
            unfollowed[{"", owner}] = ++steps;
        }
    }
}

bool
Actual::only_inherited() const
{
    return std::all_of(unfollowed.begin(), unfollowed.end(),
                       [](const auto &changed) {
                           return changed.first.bridge.empty();
                       }) &&
           std::all_of(unproven.begin(), unproven.end(),
                       [](const auto &stopped) {
                           return stopped.second.specs.empty();
                       });
}

void
Actual::proven(const ProofSubject &proof)
{
    for (const auto &[number, stopped] : proof.stopped) {
        auto i = unproven.find(number);
        if (i != unproven.end() && i->second.stop == stopped.stop) {
            unproven.erase(i);
        }
    }
    for (const auto &[key, step] : proof.changed) {
        auto i = unfollowed.find(key);
        if (i != unfollowed.end() && i->second == step) {
            unfollowed.erase(i);
        }
    }
}

namespace {

/* What the copies of an owner's flows look like. */
std::vector<EgressSpec>
specs_of(const FlowList &flows)
{
    std::vector<EgressSpec> specs;
    for (const Flow &flow : flows) {
        if (auto spec = parse_egress(flow.actions)) {
            specs.push_back(*spec);
        }
    }
    return specs;
}

/* So that two can be compared whatever became of them in between. */
void
sort(FlowList *flows)
{
    if (!std::is_sorted(flows->begin(), flows->end())) {
        std::sort(flows->edit().begin(), flows->edit().end());
    }
}

} // namespace

std::optional<FlowLoss>
Actual::take_read(const std::string &bridge,
                  std::map<FlowOwner, FlowList> read,
                  std::map<FlowOwner, int64_t> read_meters)
{
    meters[bridge] = std::move(read_meters);
    for (auto &[owner, now] : read) {
        sort(&now);
    }
    auto known = flows.find(bridge);
    std::optional<FlowLoss> lost;
    if (known != flows.end()) {
        for (auto &[owner, was] : known->second) {
            sort(&was);
            if (owner.kind == FlowOwner::Egress && !read.count(owner)) {
                stopped(owner.number, specs_of(was), bridge);
            }
        }
        if (known->second != read) {
            std::map<FlowKey, const Flow *> is;
            for (const auto &[owner, now] : read) {
                for (const Flow &flow : now) {
                    is[flow.key] = &flow;
                }
            }
            lost.emplace();
            for (const auto &[owner, was] : known->second) {
                for (const Flow &flow : was) {
                    auto i = is.find(flow.key);
                    if (i == is.end()) {
                        lost->deleted.insert(flow);
                    } else if (!(*i->second == flow)) {
                        lost->changed.insert(flow);
                    }
                }
            }
        }
    }
    flows[bridge] = std::move(read);
    auto before = before_loss.find(bridge);
    if (lost ||
        (before != before_loss.end() && before->second != flows[bridge])) {
        disturbed.insert(bridge);
        for (const auto &[owner, now] : flows[bridge]) {
            unfollowed[{bridge, owner}] = ++steps;
        }
    }
    before_loss.erase(bridge);
    return lost;
}

void
Actual::lose(const std::string &bridge)
{
    auto known = flows.find(bridge);
    if (known == flows.end()) {
        return;
    }
    for (const auto &[owner, was] : known->second) {
        if (owner.kind == FlowOwner::Egress) {
            stopped(owner.number, specs_of(was), bridge);
        }
    }
    for (auto &[owner, was] : known->second) {
        sort(&was);
    }
    before_loss[bridge] = std::move(known->second);
    flows.erase(known);
    meters.erase(bridge);
}

} // namespace pm
