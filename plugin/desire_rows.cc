/* DesiredState, our rows in the switch database: desired as a whole, since
 * they are few (a bridge has 32 Mirrors at most). */
#include <algorithm>

#include "plugin/desired_state.h"
#include "plugin/switch_names.h"

namespace pm {

namespace {

/* This form takes nothing from any production VXLAN port: an explicit key, or
 * key=flow, can. */
PortRow
vxlan_port(const std::string &mirror_bridge)
{
    PortRow row;
    row.bridge = mirror_bridge;
    row.type = "vxlan";
    row.options = {{"remote_ip", "flow"},
                   {"local_ip", "flow"},
                   {"in_key", "16777215"},
                   {"out_key", "flow"}};
    row.ofport_request = VXLAN_OFPORT;
    row.mark.purpose = "vxlan";
    return row;
}

} // namespace

/* Nobody else on this host has UDP port 4789, which a VXLAN port on a
 * userspace datapath would deafen. */
bool
DesiredState::is_vxlan_port_free(const std::string &datapath_type) const
{
    return std::none_of(
        by_path_.begin(), by_path_.end(), [&](const auto &user) {
            auto path = paths_.find(user.first);
            return user.first.datapath_type == datapath_type &&
                   path != paths_.end() && !path->second.port_taken.empty();
        });
}

/* Whether no port of a NIC's pair is on a bridge where the NIC's no longer
 * are.  The NIC gets a new pair then, under a new number: vswitchd keeps a
 * patch port that one transaction moves on both bridges (3.1.0). */
bool
DesiredState::is_tap_at_home(const Mark &mark)
{
    auto nic = facts_.nics.find(mark.iface_id);
    if (nic == facts_.nics.end()) {
        return true;
    }
    auto is_on = [&](const std::string &name, const std::string &bridge) {
        auto port = facts_.rows.ports.find(name);
        return port == facts_.rows.ports.end() ||
               port->second.bridge == bridge;
    };
    std::string mirror_bridge = bridge_for_type(nic->second.datapath_type);
    return std::all_of(
        DIRECTIONS.begin(), DIRECTIONS.end(), [&](Direction direction) {
            return is_on(tap_port_name(mark.number, direction),
                         nic->second.bridge) &&
                   is_on(nic_port_name(mark.number, direction), mirror_bridge);
        });
}

void
DesiredState::desire_rows()
{
    /* Numbers in rows stay; the others are for those who have a grant. */
    std::map<std::string, int64_t> numbers;
    std::set<int64_t> used;
    for (const auto &[name, port] : facts_.rows.ports) {
        if (port.mark.purpose == "tap") {
            used.insert(port.mark.number);
            if (is_tap_at_home(port.mark)) {
                numbers.try_emplace(port.mark.iface_id, port.mark.number);
            }
        }
    }
    SwitchRows rows;
    std::set<std::string> mirror_bridges;
    for (const auto &[nic_bridge, nics] : granted_) {
        for (const std::string &iface_id : nics) {
            const NicPort &nic = facts_.nics.at(iface_id);
            std::string mirror_bridge = bridge_for_type(nic.datapath_type);
            if (!numbers.count(iface_id)) {
                int64_t number = 1;
                auto had = nic_numbers_.find(iface_id);
                if (had != nic_numbers_.end()) {
                    number = had->second;
                }
                while (used.count(number)) {
                    number++;
                }
                numbers[iface_id] = number;
                used.insert(number);
            }
            int64_t number = numbers[iface_id];
            Mark mark{"tap", iface_id, number};
            for (Direction direction : DIRECTIONS) {
                std::string tap = tap_port_name(number, direction);
                std::string peer = nic_port_name(number, direction);
                /* trunks: while its Mirror is not live, NORMAL would flood
                 * other NICs' frames into the patch port; 4095 is a VLAN
                 * that no frame has. */
                rows.ports[tap] = {nic_bridge, "patch", {{"peer", peer}},
                                   {4095},     0,       false,
                                   mark};
                rows.ports[peer] = {mirror_bridge,
                                    "patch",
                                    {{"peer", tap}},
                                    {},
                                    nic_ofport(number, direction),
                                    false,
                                    mark};
                MirrorRow mirror;
                mirror.bridge = nic_bridge;
                (direction == Direction::Outbound
                     ? mirror.select_src
                     : mirror.select_dst) = {nic.port};
                mirror.output_port = tap;
                mirror.mark = mark;
                rows.mirrors[mirror_name(number, direction)] = mirror;
            }
            if (mirror_bridges.insert(mirror_bridge).second) {
                rows.bridges[mirror_bridge] = {
                    nic.datapath_type == "system" ? "" : nic.datapath_type,
                    false,
                    {"bridge", "", 0}};
                if (is_vxlan_port_free(nic.datapath_type)) {
                    rows.ports[vxlan_port_name(
                        mirror_bridge, facts_.settings.mirror_bridge,
                        nic.datapath_type)] = vxlan_port(mirror_bridge);
                }
            }
        }
    }
    nic_numbers_ = std::move(numbers);
    /* The default drops stay as long as the bridge does. */
    std::set<std::string> bases;
    for (const auto &bridges : {facts_.rows.bridges, rows.bridges}) {
        for (const auto &[name, bridge] : bridges) {
            bases.insert(name);
        }
    }
    std::optional<int64_t> budget = facts_.settings.rate_kbps;
    if (budget == 0) {
        budget.reset(); /* Nothing is copied: see desire_tunnel(). */
    }
    for (const std::string &name : bases) {
        set_flows({name, {FlowOwner::Base, 0}},
                  base_flows(budget.has_value()));
        set_meter({name, {FlowOwner::Base, 0}}, budget);
    }
    for (const std::string &name : bases_) {
        if (!bases.count(name)) {
            set_flows({name, {FlowOwner::Base, 0}}, {});
            set_meter({name, {FlowOwner::Base, 0}}, std::nullopt);
        }
    }
    bases_ = std::move(bases);
    for (const auto &[bridge, nics] : granted_) {
        dirty_taps_.insert(nics.begin(), nics.end());
    }
    rows_ = std::move(rows);
}

} // namespace pm
