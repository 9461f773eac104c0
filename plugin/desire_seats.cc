/* DesiredState, the seats: which NICs have Mirrors, alone or together, and who
 * gets what is flooded. */
#include <algorithm>
#include <iterator>

#include "plugin/desired_state.h"
#include "plugin/value_of.h"

namespace pm {

SeatPlan
DesiredState::plan_seats(const std::string &nic_bridge)
{
    auto facts = facts_.bridges.find(nic_bridge);
    if (facts == facts_.bridges.end()) {
        return {};
    }
    std::map<std::string, std::string> wanting;
    std::map<std::string, std::string> segments; /* By iface-id. */
    for (const auto &[iface_id, tunnels] : wanting_) {
        auto first =
            std::find_if(tunnels.begin(), tunnels.end(), [&](const Uuid &id) {
                return tunnels_.at(id).nic_bridge == nic_bridge;
            });
        if (first != tunnels.end()) {
            const TunnelDesire &desire = tunnels_.at(*first);
            wanting[iface_id] = desire.mac;
            const std::string &vlans = facts_.nics.at(iface_id).vlans;
            segments[iface_id] = desire.subnet
                                     ? desire.subnet->to_string() +
                                           (vlans.empty() ? "" : "/" + vlans)
                                     : "";
        }
    }
    SeatsHeld held;
    held.foreign_mirrors = facts->second.foreign_mirrors;
    for (const auto &[name, mirror] : facts_.rows.mirrors) {
        if (mirror.bridge != nic_bridge) {
            continue;
        }
        if (mirror.mark.purpose != "shared") {
            held.own.insert(mirror.mark.iface_id);
            continue;
        }
        held.has_shared_pair = true;
        for (const auto &[number, iface_id] : mirror.mark.members) {
            held.shared.insert(iface_id);
        }
    }
    SeatPlan plan = grant_seats(wanting, held, facts_.settings.slots_reserve);
    std::set<std::string> shared;
    for (const auto &[iface_id, seat] : plan.seats) {
        if (seat.shared) {
            shared.insert(segments[iface_id]);
        }
    }
    plan.segment = shared.size() == 1 ? *shared.begin() : "";
    return plan;
}

/* What a tunnel says of its NIC to have it served. */
struct DesiredState::Claim {
    std::string nic_bridge, iface_id, mac;
    std::optional<Uuid> subnet;

    bool operator==(const Claim &) const = default;
};

std::optional<DesiredState::Claim>
DesiredState::claim_of(const TunnelDesire &d)
{
    return d.wants_slot ? std::optional<Claim>(
                              {d.nic_bridge, d.iface_id, d.mac, d.subnet})
                        : std::nullopt;
}

/* Whether the NIC is served the same whether or not 'id' says so, too: of its
 * tunnels it is the first that plan_seats() asks. */
bool
DesiredState::is_claimed_by_others(const Uuid &id, const Claim &claim) const
{
    if (const FlatSet<Uuid> *wanting = value_of(wanting_, claim.iface_id)) {
        for (const Uuid &other : *wanting) {
            if (other != id) {
                return claim_of(tunnels_.at(other)) == claim;
            }
        }
    }
    return false;
}

/* Whether the tunnel is to have what is flooded, as far as its seat goes. */
bool
DesiredState::may_flood(const TunnelDesire &desire) const
{
    const SeatPlan *plan = value_of(seats_, desire.nic_bridge);
    const Seat *seat = plan ? value_of(plan->seats, desire.iface_id) : nullptr;
    return desire.wants_copy && seat &&
           (!seat->shared || !plan->segment.empty());
}

/* Marks the bridges that are to be shared anew, now that tunnel 'id' wants
 * something else. */
void
DesiredState::place_seat(const Uuid &id, const TunnelDesire &before,
                         const TunnelDesire &after)
{
    auto was = claim_of(before), is = claim_of(after);
    for (const auto &claim : {was, is}) {
        if (claim && was != is && !is_claimed_by_others(id, *claim)) {
            dirty_bridges_.insert(claim->nic_bridge);
        }
    }
    bool flooded = may_flood(before), floods = may_flood(after);
    int cost_before = flooded ? resubmits_of(before.tap) : 0;
    int cost_after = floods ? resubmits_of(after.tap) : 0;
    if (before.nic_bridge == after.nic_bridge && flooded == floods &&
        before.tap.tunnel == after.tap.tunnel && cost_before == cost_after) {
        return;
    }
    auto bridge = flood_costs_.find(before.nic_bridge);
    if (bridge != flood_costs_.end()) {
        auto cost = bridge->second.find(before.tap.tunnel);
        if (cost != bridge->second.end() && cost->second.second == id) {
            bridge->second.erase(cost);
            dirty_floods_.insert(before.nic_bridge);
        }
    }
    if (floods) {
        flood_costs_[after.nic_bridge][after.tap.tunnel] = {cost_after, id};
        dirty_floods_.insert(after.nic_bridge);
    }
}

/* Shares a NIC bridge's slots among its tunnels; marks those for whom that
 * changes something. */
void
DesiredState::share_bridge(const std::string &nic_bridge)
{
    SeatPlan plan = plan_seats(nic_bridge);
    SeatPlan &had = seats_[nic_bridge];
    if (had != plan) {
        bool segment_changed = had.segment != plan.segment;
        for (const SeatPlan *some : {&had, &plan}) {
            for (const auto &[nic, seat] : some->seats) {
                const Seat *was = value_of(had.seats, nic);
                const Seat *is = value_of(plan.seats, nic);
                if (!was || !is || *was != *is ||
                    (seat.shared && segment_changed)) {
                    dirty_taps_.insert(nic);
                    auto i = wanting_.find(nic);
                    if (i != wanting_.end()) {
                        dirty_.insert(i->second.begin(), i->second.end());
                    }
                }
            }
            for (const auto &[nic, why] : some->unable) {
                auto i = wanting_.find(nic);
                if (i != wanting_.end()) {
                    dirty_.insert(i->second.begin(), i->second.end());
                }
            }
        }
        dirty_shared_taps_.insert(nic_bridge);
        had = plan;
        rows_dirty_ = true;
        auto &costs = flood_costs_[nic_bridge];
        costs.clear();
        if (const FlatSet<Uuid> *on = value_of(on_bridge_, nic_bridge)) {
            for (const Uuid &id : *on) {
                const TunnelDesire &desire = tunnels_.at(id);
                if (may_flood(desire)) {
                    costs[desire.tap.tunnel] = {resubmits_of(desire.tap), id};
                }
            }
        }
        dirty_floods_.insert(nic_bridge);
    }
}

/* Shares what one flooded frame may cause. */
void
DesiredState::share_floods(const std::string &nic_bridge)
{
    const auto &costs = flood_costs_[nic_bridge];
    std::map<int64_t, int> first; /* No more are ever admitted. */
    for (auto i = costs.begin();
         i != costs.end() && first.size() <= COPIES_PER_FRAME_MAX; ++i) {
        first[i->first] = i->second.first;
    }
    std::set<int64_t> flooded = admit_floods(first);
    std::set<int64_t> &was = flooded_[nic_bridge];
    std::set<int64_t> changed;
    std::set_symmetric_difference(was.begin(), was.end(), flooded.begin(),
                                  flooded.end(),
                                  std::inserter(changed, changed.end()));
    for (int64_t number : changed) {
        auto of = costs.find(number);
        if (of != costs.end()) {
            dirty_.insert(of->second.second);
        } else if (auto id = tunnel_of_number(number)) {
            dirty_.insert(*id);
        }
    }
    was = std::move(flooded);
}

const Seat *
DesiredState::seat_of(const std::string &iface_id) const
{
    auto nic = facts_.nics.find(iface_id);
    const SeatPlan *plan = nic == facts_.nics.end()
                               ? nullptr
                               : value_of(seats_, nic->second.bridge);
    return plan ? value_of(plan->seats, iface_id) : nullptr;
}

} // namespace pm
