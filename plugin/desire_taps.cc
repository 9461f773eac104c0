/* DesiredState, the taps: which NICs have Mirrors, alone or together, and the
 * flows that take in what the Mirrors give. */
#include <algorithm>

#include "plugin/desired_state.h"
#include "plugin/switch_names.h"
#include "plugin/value_of.h"

namespace pm {

/* ------------------------------------------------------------------------
 * Seats. */

SeatPlan
DesiredState::plan_seats(const std::string &nic_bridge)
{
    auto facts = facts_.bridges.find(nic_bridge);
    if (facts == facts_.bridges.end()) {
        return {};
    }
    std::map<std::string, std::string> wanting;
    std::map<std::string, std::string> segments; /* By iface-id. */
    if (const std::set<Uuid> *on = value_of(on_bridge_, nic_bridge)) {
        for (const Uuid &id : *on) {
            const TunnelDesire &desire = tunnels_.at(id);
            if (desire.wants_slot && !wanting.count(desire.iface_id)) {
                wanting[desire.iface_id] = desire.mac;
                auto tag = facts_.nics.at(desire.iface_id).own_tag;
                segments[desire.iface_id] =
                    desire.subnet ? desire.subnet->to_string() +
                                        (tag ? "/" + std::to_string(*tag) : "")
                                  : "";
            }
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

/* Shares a NIC bridge's slots and budget among its tunnels; marks those for
 * whom that changes something. */
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
    }

    std::map<int64_t, int> resubmits;
    std::map<int64_t, Uuid> by_number;
    if (const std::set<Uuid> *on = value_of(on_bridge_, nic_bridge)) {
        for (const Uuid &id : *on) {
            const TunnelDesire &desire = tunnels_.at(id);
            const Seat *seat = value_of(plan.seats, desire.iface_id);
            if (desire.wants_copy && seat &&
                (!seat->shared || !plan.segment.empty())) {
                resubmits[desire.tap.tunnel] = resubmits_of(desire.tap);
            }
            by_number[desire.tap.tunnel] = id;
        }
    }
    std::set<int64_t> flooded = admit_floods(resubmits);
    std::set<int64_t> &was = flooded_[nic_bridge];
    if (was != flooded) {
        for (const auto &[number, id] : by_number) {
            if (was.count(number) != flooded.count(number)) {
                dirty_.insert(id);
            }
        }
        was = std::move(flooded);
    }
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

/* ------------------------------------------------------------------------
 * Flows. */

namespace {

template <typename Row>
bool
is_same(const std::map<std::string, Row> &actual,
        const std::map<std::string, Row> &desired, const std::string &name)
{
    auto a = actual.find(name), d = desired.find(name);
    return a != actual.end() && d != desired.end() && a->second == d->second;
}

/* The Mirror of that name if it takes nothing but selected ports to where ours
 * should. */
const MirrorRow *
find_sound(const SwitchRows &actual, const SwitchRows &desired,
           const std::string &name)
{
    const MirrorRow *is = value_of(actual.mirrors, name);
    const MirrorRow *should = value_of(desired.mirrors, name);
    return is && should && !is->tampered && is->bridge == should->bridge &&
                   is->output_port == should->output_port &&
                   is->mark.purpose == should->mark.purpose
               ? is
               : nullptr;
}

const std::set<Uuid> &
selected(const MirrorRow &mirror, Direction direction)
{
    return direction == Direction::Outbound ? mirror.select_src
                                            : mirror.select_dst;
}

} // namespace

bool
DesiredState::are_ports_live(int64_t pair) const
{
    return std::all_of(
        DIRECTIONS.begin(), DIRECTIONS.end(), [&](Direction direction) {
            std::string peer = nic_port_name(pair, direction);
            return is_same(facts_.rows.ports, rows_.ports,
                           tap_port_name(pair, direction)) &&
                   is_same(facts_.rows.ports, rows_.ports, peer) &&
                   facts_.ofports.count(peer);
        });
}

/* Whether the rows that serve the NIC are as desired, so that flows may
 * follow: rows first, or a connection older than the rows would never be seen
 * (OVS 3.1.0 does not look again when a Mirror row comes).  Of a pair that
 * NICs share it counts that this NIC is selected: others come and go, and what
 * is theirs has another MAC. */
bool
DesiredState::is_tap_live(const std::string &iface_id, const Seat &seat) const
{
    auto pair = pair_of(iface_id);
    auto nic = facts_.nics.find(iface_id);
    return pair && nic != facts_.nics.end() && are_ports_live(*pair) &&
           std::all_of(
               DIRECTIONS.begin(), DIRECTIONS.end(), [&](Direction direction) {
                   std::string name = mirror_name(*pair, direction);
                   if (!seat.shared) {
                       return is_same(facts_.rows.mirrors, rows_.mirrors,
                                      name);
                   }
                   const MirrorRow *mirror =
                       find_sound(facts_.rows, rows_, name);
                   return mirror && selected(*mirror, direction)
                                            .count(nic->second.port) > 0;
               });
}

/* Whether all that the shared pair of a bridge takes in is of the one segment
 * that its NICs are to be of. */
bool
DesiredState::is_segment_live(const std::string &nic_bridge) const
{
    const SeatPlan &plan = seats_.at(nic_bridge);
    auto pair = pair_numbers_.find(nic_bridge);
    if (plan.segment.empty() || pair == pair_numbers_.end()) {
        return false;
    }
    const MirrorRow *mirror = find_sound(
        facts_.rows, rows_, mirror_name(pair->second, Direction::Inbound));
    if (!mirror || mirror->mark.segment != plan.segment) {
        return false;
    }
    std::set<Uuid> known;
    auto know = [&](const std::string &iface_id) {
        if (const NicPort *nic = value_of(facts_.nics, iface_id)) {
            known.insert(nic->port);
        }
    };
    for (const auto &[iface_id, seat] : plan.seats) {
        if (seat.shared) {
            know(iface_id);
        }
    }
    for (const auto &[number, iface_id] : mirror->mark.members) {
        know(iface_id);
    }
    return std::includes(known.begin(), known.end(),
                         mirror->select_dst.begin(), mirror->select_dst.end());
}

/* What copies of a NIC's frames. */
std::vector<TapTunnel>
DesiredState::copying(const std::string &iface_id) const
{
    std::vector<TapTunnel> tunnels;
    if (const std::set<Uuid> *wanting = value_of(wanting_, iface_id)) {
        for (const Uuid &id : *wanting) {
            const TunnelDesire &desire = tunnels_.at(id);
            if (desire.egress) {
                tunnels.push_back(desire.tap);
            }
        }
    }
    return tunnels;
}

/* The addresses of a NIC that is copied. */
std::set<IpAddress>
DesiredState::addresses_of(const std::string &iface_id) const
{
    std::set<IpAddress> addresses;
    for (const Uuid &id : wanting_.at(iface_id)) {
        const TunnelDesire &desire = tunnels_.at(id);
        addresses.insert(desire.addresses.begin(), desire.addresses.end());
    }
    return addresses;
}

void
DesiredState::desire_tap(const std::string &iface_id)
{
    std::vector<TapTunnel> tunnels = copying(iface_id);
    const Seat *seat = seat_of(iface_id);
    auto key = tap_keys_.find(iface_id);
    std::vector<Flow> flows;
    OwnerKey now;
    if (seat && !tunnels.empty() && nic_numbers_.count(iface_id) &&
        is_tap_live(iface_id, *seat)) {
        const NicPort &nic = facts_.nics.at(iface_id);
        int64_t number = nic_numbers_.at(iface_id);
        now = {bridge_for_type(nic.datapath_type),
               {FlowOwner::Tap, static_cast<uint32_t>(number)}};
        /* Once live, a change elsewhere that vswitchd has yet to put in
         * force does not matter. */
        if (facts_.settled || (key != tap_keys_.end() && key->second == now)) {
            for (Direction direction : DIRECTIONS) {
                TapPort port;
                port.ofport = facts_.ofports.at(
                    nic_port_name(*pair_of(iface_id), direction));
                port.own_tag = nic.own_tag;
                port.mac = seat->mac;
                port.shared = seat->shared;
                port.addresses = addresses_of(iface_id);
                auto some = tap_flows(number, direction, port, tunnels);
                flows.insert(flows.end(), some.begin(), some.end());
            }
        }
    }
    if (key != tap_keys_.end() && (flows.empty() || key->second != now)) {
        OwnerKey was = key->second;
        tap_keys_.erase(key);
        release_flows(was);
    }
    if (!flows.empty()) {
        set_flows(now, flows);
        tap_keys_[iface_id] = now;
    }
    if (auto nic = facts_.nics.find(iface_id); nic != facts_.nics.end()) {
        dirty_shared_taps_.insert(nic->second.bridge);
    }
}

void
DesiredState::desire_shared_tap(const std::string &nic_bridge)
{
    auto pair = pair_numbers_.find(nic_bridge);
    auto key = shared_tap_keys_.find(nic_bridge);
    std::vector<Flow> flows;
    OwnerKey now;
    const SeatPlan *seats = value_of(seats_, nic_bridge);
    if (seats && pair != pair_numbers_.end() && are_ports_live(pair->second)) {
        now = {bridge_for_type(facts_.bridges.at(nic_bridge).datapath_type),
               {FlowOwner::Tap, static_cast<uint32_t>(pair->second)}};
        /* While it is in force more NICs of the segment may join. */
        auto had = flows_.find(now);
        bool was_flooding = key != shared_tap_keys_.end() &&
                            key->second == now && had != flows_.end() &&
                            std::any_of(had->second.begin(), had->second.end(),
                                        [](const Flow &flow) {
                                            return flow.actions != "drop";
                                        });
        bool floods =
            is_segment_live(nic_bridge) && (facts_.settled || was_flooding);
        std::optional<int> own_tag;
        std::map<Direction, bool> copies;
        std::set<int64_t> members;
        for (const auto &[iface_id, seat] : seats->seats) {
            if (!seat.shared || !tap_keys_.count(iface_id)) {
                continue;
            }
            own_tag = facts_.nics.at(iface_id).own_tag;
            for (const TapTunnel &tunnel : copying(iface_id)) {
                for (Direction direction : DIRECTIONS) {
                    copies[direction] |= !tunnel.idle(direction);
                }
                if (floods && tunnel.floods && !tunnel.idle_inbound) {
                    members.insert(nic_numbers_.at(iface_id));
                }
            }
        }
        for (Direction direction : DIRECTIONS) {
            auto some = shared_tap_flows(
                pair->second, direction,
                facts_.ofports.at(nic_port_name(pair->second, direction)),
                own_tag, copies[direction],
                direction == Direction::Inbound ? members
                                                : std::set<int64_t>{});
            flows.insert(flows.end(), some.begin(), some.end());
        }
    }
    if (key != shared_tap_keys_.end() &&
        (flows.empty() || key->second != now)) {
        OwnerKey was = key->second;
        shared_tap_keys_.erase(key);
        release_flows(was);
    }
    if (!flows.empty()) {
        set_flows(now, flows);
        shared_tap_keys_[nic_bridge] = now;
    }
}

} // namespace pm
