#include "plugin/plan_stops.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "plugin/plan_meters.h"

namespace pm {

namespace {

/* Tunnels to whom a tap, as it is on the switch, hands frames that it should
 * not, or by another filter. */
std::set<int64_t>
handed_wrongly(const Actual &actual, const DesiredState &desired,
               const OwnerKey &tap)
{
    std::set<std::tuple<FlowKey, int64_t, int64_t>> right;
    auto want = desired.flows().find(tap);
    if (want != desired.flows().end()) {
        for (const Flow &flow : want->second) {
            for (const auto &[tunnel, filter] : handed_by(flow)) {
                right.emplace(flow.key, tunnel, filter);
            }
        }
    }
    std::set<int64_t> wrongly;
    for (const Flow &flow : actual.flows_of(tap)) {
        for (const auto &[tunnel, filter] : handed_by(flow)) {
            if (!right.contains({flow.key, tunnel, filter})) {
                wrongly.insert(tunnel);
            }
        }
    }
    return wrongly;
}

/* Whether the switch refuses a tunnel's own flows, or what these wait for: a
 * meter, the flows that deliver its copies. */
bool
is_kept_from(const OwnerKey &egress, const Actual &actual,
             const DesiredState &desired,
             const std::map<OwnerKey, std::string> &refused)
{
    const FlowOwner base{FlowOwner::Base, 0};
    auto deliveries = desired.deliveries_of(egress);
    return refused.contains(egress) ||
           (refused.contains({egress.bridge, base}) &&
            must_wait_for_meter(actual, desired, egress)) ||
           std::any_of(deliveries.begin(), deliveries.end(),
                       [&](const OwnerKey &delivery) {
                           return refused.contains(delivery) ||
                                  refused.contains({delivery.bridge, base});
                       });
}

/* What is planned instead for some owners, taken into the plan at once when
 * all of them are known: there may be thousands. */
class Instead {
public:
    explicit Instead(Plan *plan) : plan_(plan) {}
    ~Instead() { take(); }
    Instead(const Instead &) = delete;
    Instead &operator=(const Instead &) = delete;

    /* Leaves the owner's flows as they are. */
    void leave(const OwnerKey &key, const std::string &why)
    {
        owners_.insert(key);
        plan_->waiting.push_back(key.bridge + ": " + why);
    }

    /* Has a tunnel copy no more.  Returns whether it may have. */
    bool stop(const OwnerKey &egress, const Actual &actual,
              const std::string &why)
    {
        leave(egress,
              egress.owner.to_string() + " sends nothing while " + why);
        const FlowList &sends = actual.flows_of(egress);
        for (const Flow &flow : sends) {
            deletions_[egress.bridge].push_back({FlowEdit::Op::Delete, flow});
        }
        return !sends.empty();
    }

private:
    void take()
    {
        for (auto &[bridge, edits] : plan_->flows) {
            std::erase_if(edits, [&, &name = bridge](const FlowEdit &edit) {
                return owners_.contains(
                    {name, Cookie::decode(edit.flow.cookie)->owner});
            });
        }
        for (auto &[bridge, deletions] : deletions_) {
            auto &edits = plan_->flows[bridge];
            edits.insert(edits.end(), deletions.begin(), deletions.end());
        }
        std::erase_if(plan_->flows, [](const auto &bundle) {
            return bundle.second.empty();
        });
    }

    Plan *plan_;
    std::set<OwnerKey> owners_;
    std::map<std::string, std::vector<FlowEdit>> deletions_;
};

/* The tunnels to whom flows hand frames, each with its filter. */
std::set<std::pair<int64_t, int64_t>>
handed_by_all(const FlowList &flows)
{
    std::set<std::pair<int64_t, int64_t>> handed;
    for (const Flow &flow : flows) {
        auto by_flow = handed_by(flow);
        handed.insert(by_flow.begin(), by_flow.end());
    }
    return handed;
}

/* Where flows send to, and how much of a frame. */
struct Sending {
    std::set<std::pair<IpAddress, int64_t>> to;
    int kept = 0;

    explicit Sending(const FlowList &flows)
    {
        for (const Flow &flow : flows) {
            if (auto spec = parse_egress(flow.actions)) {
                to.emplace(spec->destination, spec->vni);
                kept = std::max(
                    kept, kept_by(flow.actions)
                              .value_or(std::numeric_limits<int>::max()));
            }
        }
    }

    bool is_within(const Sending &other) const
    {
        return kept <= other.kept &&
               std::includes(other.to.begin(), other.to.end(), to.begin(),
                             to.end());
    }
};

/* What of a bridge's bundle decides otherwise than it did who gets a frame. */
struct Deciding {
    std::set<int64_t> filters, tunnels; /* Numbers. */

    Deciding(const std::string &bridge, const std::vector<FlowEdit> &bundle,
             const Actual &actual, const DesiredState &desired)
    {
        std::set<FlowOwner> taps;
        for (const FlowEdit &edit : bundle) {
            FlowOwner owner = Cookie::decode(edit.flow.cookie)->owner;
            if (owner.kind == FlowOwner::Filter) {
                filters.insert(owner.number);
            } else if (owner.kind == FlowOwner::Tap &&
                       taps.insert(owner).second) {
                OwnerKey tap{bridge, owner};
                auto want = desired.flows().find(tap);
                auto right = want == desired.flows().end()
                                 ? std::set<std::pair<int64_t, int64_t>>()
                                 : handed_by_all(want->second);
                for (const auto &handed :
                     handed_by_all(actual.flows_of(tap))) {
                    if (!right.contains(handed)) {
                        tunnels.insert(handed.first);
                    }
                }
            }
        }
    }
};

} // namespace

bool
stop_refused(const Actual &actual, const DesiredState &desired,
             const std::set<OwnerKey> &outstanding,
             const std::set<std::string> &busy,
             const std::map<OwnerKey, std::string> &refused, Plan *plan)
{
    std::map<std::string, std::set<int64_t>> wrongly;
    for (const auto &[key, error] : refused) {
        if (key.owner.kind == FlowOwner::Tap) {
            wrongly[key.bridge].merge(handed_wrongly(actual, desired, key));
        }
    }
    bool any = false;
    Instead instead(plan);
    for (const auto &[id, desire] : desired.tunnels()) {
        const std::string &bridge = desire.mirror_bridge;
        if (!desire.egress || busy.contains(bridge)) {
            continue;
        }
        auto key = [&](FlowOwner::Kind kind, int64_t number) {
            return OwnerKey{bridge, {kind, static_cast<uint32_t>(number)}};
        };
        OwnerKey egress = key(FlowOwner::Egress, desire.tap.tunnel);
        const FlowList &sends = actual.flows_of(egress);
        auto want = desired.flows().find(egress);
        OwnerKey filter = key(FlowOwner::Filter, desire.tap.filter);
        bool by_others =
            (refused.contains(filter) && outstanding.contains(filter)) ||
            wrongly[bridge].contains(desire.tap.tunnel);
        bool by_itself = is_kept_from(egress, actual, desired, refused) &&
                         !sends.empty() && want != desired.flows().end() &&
                         !diff_flows(sends, want->second).empty();
        if (!by_others && !by_itself) {
            continue;
        }
        any |=
            instead.stop(egress, actual, "the switch refuses what it should");
    }
    return any;
}

bool
stop_halves(const Actual &actual, const DesiredState &desired,
            const std::vector<OwnerKey> &waiting, Plan *plan)
{
    std::map<std::string, Deciding> deciding;
    std::vector<OwnerKey> halves;
    for (const OwnerKey &egress : waiting) {
        const std::string &bridge = egress.bridge;
        auto ids = desired.tunnels_of(egress);
        const FlowList &sends = actual.flows_of(egress);
        auto want = desired.flows().find(egress);
        if (ids.empty() || sends.empty() || want == desired.flows().end() ||
            !plan->flows.contains(bridge) ||
            Sending(sends).is_within(Sending(want->second))) {
            continue;
        }
        auto i = deciding.find(bridge);
        if (i == deciding.end()) {
            i = deciding
                    .emplace(bridge, Deciding(bridge, plan->flows.at(bridge),
                                              actual, desired))
                    .first;
        }
        const TunnelDesire &desire = desired.tunnels().at(*ids.begin());
        if (i->second.filters.contains(desire.tap.filter) ||
            i->second.tunnels.contains(egress.owner.number)) {
            halves.push_back(egress);
        }
    }
    Instead instead(plan);
    for (const OwnerKey &egress : halves) {
        instead.stop(egress, actual,
                     "its new flows wait and its filter does not");
    }
    return !halves.empty();
}

bool
wait_for_filters(const Actual &actual, const DesiredState &desired,
                 const std::set<std::string> &busy, Plan *plan)
{
    bool any = false;
    Instead instead(plan);
    std::map<OwnerKey, std::set<std::pair<int64_t, int64_t>>> handed;
    for (const auto &[user, edited] : desired.put_off_filters()) {
        const auto &[bridge, filter] = user;
        for (const Uuid &id : edited) {
            auto i = desired.tunnels().find(id);
            if (i == desired.tunnels().end() || busy.contains(bridge)) {
                continue;
            }
            const TunnelDesire &desire = i->second;
            OwnerKey egress{
                bridge,
                {FlowOwner::Egress, static_cast<uint32_t>(desire.tap.tunnel)}};
            auto want = desired.flows().find(egress);
            if (desire.filter != filter || desire.mirror_bridge != bridge ||
                want == desired.flows().end()) {
                continue;
            }
            auto tap = desired.tap_of(desire.iface_id);
            if (tap && !handed.contains(*tap)) {
                handed[*tap] = handed_by_all(actual.flows_of(*tap));
            }
            if (!tap || !handed.at(*tap).contains(
                            {desire.tap.tunnel, desire.tap.filter})) {
                any |= instead.stop(egress, actual,
                                    "its filter's new rules wait");
            } else if (!Sending(want->second)
                            .is_within(Sending(actual.flows_of(egress)))) {
                instead.leave(egress, "flows of " + egress.owner.to_string() +
                                          " wait for its filter's new rules");
            }
        }
    }
    return any;
}

} // namespace pm
