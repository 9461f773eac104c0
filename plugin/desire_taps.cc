/* DesiredState, the taps: the flows that take in what the Mirrors give. */
#include <algorithm>

#include "plugin/desired_state.h"
#include "plugin/switch_names.h"
#include "plugin/value_of.h"

namespace pm {

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
DesiredState::is_exposed(const std::string &bridge) const
{
    const BridgeFacts *facts = value_of(facts_.bridges, bridge);
    return facts && facts->exposed;
}

bool
DesiredState::are_ports_live(int64_t pair) const
{
    return std::all_of(
        DIRECTIONS.begin(), DIRECTIONS.end(), [&](Direction direction) {
            std::string peer = nic_port_name(pair, direction);
            std::string tap = tap_port_name(pair, direction);
            return is_same(facts_.rows.ports, rows_.ports, tap) &&
                   !is_exposed(rows_.ports.at(tap).bridge) &&
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
    if (const FlatSet<Uuid> *wanting = value_of(wanting_, iface_id)) {
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
    const OwnerKey *key = tap_keys_.of(iface_id);
    std::vector<Flow> flows;
    OwnerKey now;
    bool idle = false, was_idle = idle_taps_.count(iface_id);
    if (seat && !tunnels.empty() && nic_numbers_.count(iface_id) &&
        is_tap_live(iface_id, *seat)) {
        const NicPort &nic = facts_.nics.at(iface_id);
        int64_t number = nic_numbers_.at(iface_id);
        now = {bridge_for_type(nic.datapath_type),
               {FlowOwner::Tap, static_cast<uint32_t>(number)}};
        /* Once live, a change elsewhere that vswitchd has yet to put in
         * force does not matter. */
        if (facts_.settled || was_idle || (key && *key == now)) {
            TapPort port;
            port.own_tag = nic.own_tag;
            port.mac = seat->mac;
            port.shared = seat->shared;
            port.addresses = addresses_of(iface_id);
            for (Direction direction : DIRECTIONS) {
                port.ofport = facts_.ofports.at(
                    nic_port_name(*pair_of(iface_id), direction));
                auto some = tap_flows(number, direction, port, tunnels);
                flows.insert(flows.end(), some.begin(), some.end());
            }
            idle = flows.empty();
        }
    }
    if (idle != was_idle) {
        if (idle) {
            idle_taps_.insert(iface_id);
        } else {
            idle_taps_.erase(iface_id);
        }
        if (const FlatSet<Uuid> *ids = value_of(by_iface_id_, iface_id)) {
            changed_tunnels_.insert(ids->begin(), ids->end());
        }
    }
    if (key && (flows.empty() || *key != now)) {
        OwnerKey was = *key;
        tap_keys_.erase(iface_id);
        release_flows(was);
        if (const FlatSet<Uuid> *ids = value_of(by_iface_id_, iface_id);
            ids && flows.empty()) {
            untapped_.insert(ids->begin(), ids->end());
        }
    }
    if (!flows.empty()) {
        set_flows(now, flows);
        tap_keys_.set(iface_id, now);
    }
    std::optional<TapShare> share;
    if (seat && seat->shared && !flows.empty()) {
        const NicPort &nic = facts_.nics.at(iface_id);
        share = TapShare{nic.bridge, nic.own_tag, {}, false};
        for (const TapTunnel &tunnel : tunnels) {
            for (Direction direction : DIRECTIONS) {
                share->copies[direction] |= !tunnel.idle(direction);
            }
            share->floods |= tunnel.floods && !tunnel.idle_inbound;
        }
    }
    set_tap_share(iface_id, share);
}

void
DesiredState::set_tap_share(const std::string &iface_id,
                            std::optional<TapShare> share)
{
    auto i = tap_shares_.find(iface_id);
    if (i == tap_shares_.end() ? !share : share && i->second == *share) {
        return;
    }
    if (i != tap_shares_.end()) {
        dirty_shared_taps_.insert(i->second.nic_bridge);
        tap_shares_.erase(i);
    }
    if (share) {
        dirty_shared_taps_.insert(share->nic_bridge);
        tap_shares_[iface_id] = *std::move(share);
    }
}

void
DesiredState::desire_shared_tap(const std::string &nic_bridge)
{
    auto pair = pair_numbers_.find(nic_bridge);
    const OwnerKey *key = shared_tap_keys_.of(nic_bridge);
    std::vector<Flow> flows;
    OwnerKey now;
    const SeatPlan *seats = value_of(seats_, nic_bridge);
    if (seats && pair != pair_numbers_.end() && are_ports_live(pair->second)) {
        now = {bridge_for_type(facts_.bridges.at(nic_bridge).datapath_type),
               {FlowOwner::Tap, static_cast<uint32_t>(pair->second)}};
        /* While it is in force more NICs of the segment may join. */
        auto had = flows_.find(now);
        bool was_flooding = key && *key == now && had != flows_.end() &&
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
            const TapShare *share = value_of(tap_shares_, iface_id);
            if (!seat.shared || !share) {
                continue;
            }
            own_tag = share->own_tag;
            for (const auto &[direction, copied] : share->copies) {
                copies[direction] |= copied;
            }
            if (floods && share->floods) {
                members.insert(nic_numbers_.at(iface_id));
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
    if (key && (flows.empty() || *key != now)) {
        OwnerKey was = *key;
        shared_tap_keys_.erase(nic_bridge);
        release_flows(was);
        if (const auto *ids = value_of(on_bridge_, nic_bridge);
            ids && flows.empty()) {
            untapped_.insert(ids->begin(), ids->end());
        }
    }
    if (!flows.empty()) {
        set_flows(now, flows);
        shared_tap_keys_.set(nic_bridge, now);
    }
}

} // namespace pm
