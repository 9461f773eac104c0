/* DesiredState, our rows in the switch database: desired as a whole, since
 * they are few (a bridge has 32 Mirrors at most). */
#include <algorithm>

#include "plugin/desired_state.h"
#include "plugin/switch_flaws.h"
#include "plugin/switch_names.h"
#include "plugin/value_of.h"

namespace pm {

namespace {

/* This form takes nothing from any production VXLAN port, since no VNI is its
 * in_key: one that is a VNI, or key=flow, can.  A mark that production gave
 * the frame is taken off the copy, which would be routed by it; but that has
 * each datapath flow match all of the mark, and where they are made anew
 * one bit must be left (renewal_flow()).
 */
PortRow
vxlan_port(const std::string &mirror_bridge, bool renewed)
{
    PortRow row;
    row.bridge = mirror_bridge;
    row.type = "vxlan";
    row.options = {{"remote_ip", "flow"},
                   {"local_ip", "flow"},
                   {"in_key", "16777216"},
                   {"out_key", "flow"},
                   {"tos", std::to_string(COPY_TOS)}};
    if (!renewed) {
        row.options["egress_pkt_mark"] = "0";
    }
    row.ofport_request = VXLAN_OFPORT;
    row.mark.purpose = "vxlan";
    return row;
}

} // namespace

/* Nobody else on the switch has the name of our VXLAN port, or on this host
 * UDP port 4789, which one on a userspace datapath would deafen. */
bool
DesiredState::is_vxlan_port_free(const std::string &port_name,
                                 const std::string &datapath_type) const
{
    return !facts_.taken_names.count(port_name) &&
           std::none_of(by_path_.begin(), by_path_.end(),
                        [&](const auto &user) {
                            auto path = paths_.find(user.first);
                            return user.first.datapath_type == datapath_type &&
                                   path != paths_.end() &&
                                   !path->second.port_taken.empty();
                        });
}

/* Numbers of taps in rows of ours. */
struct DesiredState::TapNumbers {
    std::map<std::string, int64_t> by_nic;  /* At home, by iface-id. */
    std::map<std::string, int64_t> by_pair; /* Shared, by NIC bridge. */
    std::set<int64_t> used;
    const std::set<std::string> &taken_names;

    /* Whether nobody else's port has the name of one of the pair. */
    bool is_free(int64_t number) const
    {
        return std::none_of(
            DIRECTIONS.begin(), DIRECTIONS.end(), [&](Direction direction) {
                return taken_names.count(tap_port_name(number, direction)) ||
                       taken_names.count(nic_port_name(number, direction));
            });
    }

    /* The number of 'key', or 'had' if it is free, else another. */
    int64_t choose(std::map<std::string, int64_t> *numbers,
                   const std::string &key, const int64_t *had)
    {
        auto known = numbers->find(key);
        if (known != numbers->end() && is_free(known->second)) {
            return known->second;
        }
        int64_t number = had ? *had : 1;
        while (used.count(number) || !is_free(number)) {
            number++;
        }
        used.insert(number);
        (*numbers)[key] = number;
        return number;
    }
};

/* Whether no port of a pair is on another bridge than it should be.  A new
 * pair comes, under a new number, where one is: vswitchd keeps a patch port
 * that one transaction moves on both bridges (3.1.0). */
bool
DesiredState::is_pair_at_home(int64_t number, const std::string &nic_bridge,
                              const std::string &datapath_type)
{
    auto is_on = [&](const std::string &name, const std::string &bridge) {
        auto port = facts_.rows.ports.find(name);
        return port == facts_.rows.ports.end() ||
               port->second.bridge == bridge;
    };
    std::string mirror_bridge = bridge_for_type(datapath_type);
    return std::all_of(
        DIRECTIONS.begin(), DIRECTIONS.end(), [&](Direction direction) {
            return is_on(tap_port_name(number, direction), nic_bridge) &&
                   is_on(nic_port_name(number, direction), mirror_bridge);
        });
}

DesiredState::TapNumbers
DesiredState::numbers_in_rows()
{
    TapNumbers numbers{{}, {}, {}, facts_.taken_names};
    for (const auto &[name, port] : facts_.rows.ports) {
        const Mark &mark = port.mark;
        if (mark.purpose != "tap" && mark.purpose != "shared") {
            continue;
        }
        numbers.used.insert(mark.number);
        auto nic = facts_.nics.find(mark.iface_id);
        auto bridge = facts_.bridges.find(port.bridge);
        if (!numbers.is_free(mark.number)) {
            continue; /* One of the pair has lost its mark. */
        }
        if (mark.purpose == "tap" &&
            (nic == facts_.nics.end() ||
             is_pair_at_home(mark.number, nic->second.bridge,
                             nic->second.datapath_type))) {
            numbers.by_nic.try_emplace(mark.iface_id, mark.number);
        } else if (mark.purpose == "shared" &&
                   bridge != facts_.bridges.end() && !bridge->second.ours &&
                   is_pair_at_home(mark.number, port.bridge,
                                   bridge->second.datapath_type)) {
            numbers.by_pair.try_emplace(port.bridge, mark.number);
        }
    }
    for (const auto &[name, mirror] : facts_.rows.mirrors) {
        auto pair = numbers.by_pair.find(mirror.bridge);
        for (const auto &[number, iface_id] : mirror.mark.members) {
            numbers.used.insert(number);
            auto nic = facts_.nics.find(iface_id);
            if (pair != numbers.by_pair.end() &&
                pair->second == mirror.mark.number &&
                (nic == facts_.nics.end() ||
                 nic->second.bridge == mirror.bridge)) {
                numbers.by_nic.try_emplace(iface_id, number);
            }
        }
    }
    return numbers;
}

namespace {

/* Adds a pair of Mirrors and their patch ports. */
void
add_pair(const Mark &mark, const std::string &nic_bridge,
         const std::string &mirror_bridge, const std::set<Uuid> &nic_ports,
         SwitchRows *rows)
{
    Mark port_mark = mark;
    port_mark.members.clear();
    port_mark.segment.clear();
    for (Direction direction : DIRECTIONS) {
        std::string tap = tap_port_name(mark.number, direction);
        std::string peer = nic_port_name(mark.number, direction);
        /* trunks: while its Mirror is not live, NORMAL would flood other NICs'
         * frames into the patch port; 4095 is a VLAN that no frame has. */
        rows->ports[tap] = {nic_bridge, "patch", {{"peer", peer}}, {4095},
                            0,          false,   port_mark};
        rows->ports[peer] = {mirror_bridge,
                             "patch",
                             {{"peer", tap}},
                             {},
                             nic_ofport(mark.number, direction),
                             false,
                             port_mark};
        MirrorRow mirror;
        mirror.bridge = nic_bridge;
        (direction == Direction::Outbound ? mirror.select_src
                                          : mirror.select_dst) = nic_ports;
        mirror.output_port = tap;
        mirror.mark = mark;
        rows->mirrors[mirror_name(mark.number, direction)] = mirror;
    }
}

} // namespace

void
DesiredState::desire_rows()
{
    /* Numbers in rows stay; the others are for those who have a seat. */
    TapNumbers numbers = numbers_in_rows();
    SwitchRows rows;
    for (const auto &[nic_bridge, plan] : seats_) {
        if (plan.seats.empty()) {
            continue;
        }
        const std::string &type = facts_.bridges.at(nic_bridge).datapath_type;
        std::string mirror_bridge = bridge_for_type(type);
        Mark shared{"shared", "", 0};
        std::set<Uuid> shared_ports;
        for (const auto &[iface_id, seat] : plan.seats) {
            int64_t number = numbers.choose(&numbers.by_nic, iface_id,
                                            value_of(nic_numbers_, iface_id));
            const Uuid &port = facts_.nics.at(iface_id).port;
            if (seat.shared) {
                shared.members[number] = iface_id;
                shared_ports.insert(port);
            } else {
                add_pair({"tap", iface_id, number}, nic_bridge, mirror_bridge,
                         {port}, &rows);
            }
        }
        if (!shared.members.empty()) {
            shared.number =
                numbers.choose(&numbers.by_pair, nic_bridge,
                               value_of(pair_numbers_, nic_bridge));
            shared.segment = plan.segment;
            add_pair(shared, nic_bridge, mirror_bridge, shared_ports, &rows);
        }
        rows.bridges[mirror_bridge] = {
            type == "system" ? "" : type, false, {"bridge", "", 0}};
        std::string vxlan_name = vxlan_port_name(
            mirror_bridge, facts_.settings.mirror_bridge, type);
        if (is_vxlan_port_free(vxlan_name, type)) {
            rows.ports[vxlan_name] = vxlan_port(
                mirror_bridge, modifies_wrong_flow(facts_.ovs_version, type));
        }
        dirty_shared_taps_.insert(nic_bridge);
    }
    desire_sites(&rows);
    for (const auto &[nic_bridge, key] : shared_tap_keys_.all()) {
        dirty_shared_taps_.insert(nic_bridge);
    }
    nic_numbers_ = std::move(numbers.by_nic);
    pair_numbers_ = std::move(numbers.by_pair);
    rows_ = std::move(rows);
    rows_revision_++;
    desire_bases();
    for (const auto &[bridge, plan] : seats_) {
        for (const auto &[iface_id, seat] : plan.seats) {
            dirty_taps_.insert(iface_id);
        }
    }
}

/* What each table ends in stays as long as the bridge does. */
void
DesiredState::desire_bases()
{
    std::set<std::string> bases, delivery_bases;
    for (const auto &bridges : {facts_.rows.bridges, rows_.bridges}) {
        for (const auto &[name, bridge] : bridges) {
            (bridge.mark.purpose == "delivery" ? delivery_bases : bases)
                .insert(name);
        }
    }
    std::optional<int64_t> budget = facts_.settings.rate_kbps;
    if (budget == 0) {
        budget.reset(); /* Nothing is copied: see desire_tunnel(). */
    }
    const FlowOwner base{FlowOwner::Base, 0};
    for (const std::string &name : bases) {
        set_flows({name, base},
                  base_flows(budget.has_value(),
                             balance_ofport(name, Direction::Inbound)));
        set_meter({name, base}, budget);
    }
    std::set<std::string> site_macs;
    for (const auto &[site, number] : site_numbers_) {
        site_macs.insert(mac_of_site(site));
    }
    for (const std::string &name : delivery_bases) {
        set_flows({name, base},
                  delivery_base_flows(delivery_mac(facts_.settings.chassis),
                                      site_macs, budget.has_value()));
        /* Where copies have no budget the switch may have no meters. */
        set_meter({name, base},
                  budget ? std::optional(ANSWERS_KBPS) : std::nullopt);
    }
    for (const auto &before : {bases_, delivery_bases_}) {
        for (const std::string &name : before) {
            if (!bases.count(name) && !delivery_bases.count(name)) {
                set_flows({name, base}, {});
                set_meter({name, base}, std::nullopt);
            }
        }
    }
    bases_ = std::move(bases);
    delivery_bases_ = std::move(delivery_bases);
}

} // namespace pm
