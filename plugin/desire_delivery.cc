/* DesiredState, delivery in a tenant's own network: what the copies become
 * there (flows/delivery.h). */
#include <algorithm>

#include "flows/balance.h"
#include "plugin/check_network.h"
#include "plugin/desired_state.h"
#include "plugin/switch_names.h"
#include "plugin/value_of.h"

namespace pm {

std::string
DeliverySite::to_string() const
{
    return nic_bridge + (tag ? " tag " + std::to_string(*tag) : "") +
           (iface_id.empty() ? "" : " lport " + iface_id);
}

std::string
TunnelDesire::source_text() const
{
    const auto &deliveries = in_vpc->deliveries;
    return !deliveries.empty() ? deliveries.begin()->second.source.to_string()
           : egress            ? egress->source.to_string()
                               : "";
}

std::string
TunnelDesire::destination_text() const
{
    std::string text;
    const auto &deliveries = in_vpc->deliveries;
    for (const auto &[handle, way] : deliveries) {
        text += (text.empty() ? "" : ",") + way.destination.to_string();
    }
    return !deliveries.empty() ? text
           : in_vpc->site      ? "no member"
           : egress            ? egress->destination.to_string()
                               : "";
}

/* ------------------------------------------------------------------------
 * One tunnel. */

/* Adds the way to one receiver, which has 'addresses' and perhaps a MAC;
 * false, told, if there is none. */
bool
DesiredState::add_way(const End &source,
                      const std::vector<IpAddress> &addresses,
                      const std::string &mac, TunnelDesire *desire,
                      std::vector<Draft> *drafts)
{
    auto fail = [&](const char *code, const std::string &message) {
        desire->fail_condition("DestinationReachable", code, message);
        return false;
    };
    if (addresses.empty()) {
        return fail("DESTINATION_ADDRESS_MISSING",
                    "the inventory has no address of the destination NIC; "
                    "add it");
    }
    if (auto pair = outer_addresses(*source.nic, addresses)) {
        const auto &[from, to] = *pair;
        /* Without a router both sit on one segment. */
        const Subnet *subnet = source.subnet;
        bool routed = subnet && (subnet->gateway || subnet->gateway_mac);
        Draft draft{{from, to,
                     nic_mac(routed ? subnet->gateway_mac.value_or("") : mac),
                     desire->in_vpc->site->to_string()},
                    routed ? subnet->gateway : to,
                    {}};
        if (draft.way.next_hop.empty() && !draft.next_hop) {
            return fail("NEXT_HOP_UNKNOWN",
                        "the inventory has a gateway_mac of subnet " +
                            subnet->name +
                            " that is none, and no gateway to ask for it; "
                            "correct it");
        }
        if (draft.next_hop) {
            draft.key = {draft.way.site, *draft.next_hop, draft.way.next_hop};
            desire->in_vpc.edit().next_hops.insert(draft.key);
        }
        drafts->push_back(draft);
        return true;
    }
    return fail("SOURCE_ADDRESS_MISSING",
                "the inventory has no address of the source NIC of the "
                "destination's IP version, from which the copies are to "
                "come; add it");
}

/* What the copies are to become in the tenant's network; false, told, if that
 * is not known.  A load balancer whose members are all down has no way, which
 * is told and no more: what it would get is counted. */
bool
DesiredState::find_ways(const Tunnel &tunnel, TunnelDesire *desire,
                        std::vector<Draft> *drafts)
{
    const NicPort &nic = facts_.nics.at(desire->iface_id);
    End source = resolve_end(model_, tunnel.source);
    End destination = resolve_end(model_, tunnel.destination);
    if (destination.collector || !source.nic) {
        desire->degrade("DELIVERY_UNSUPPORTED",
                        destination.collector
                            ? "a collector is outside of any VPC; change the "
                              "tunnel's delivery to auto or underlay"
                            : "the source NIC is in no inventory row, so "
                              "that its address is not known; add it");
        return false;
    }
    if (!keeps_handles_) {
        desire->degrade("SCHEMA_OUTDATED",
                        "the control database's schema is older than 1.1.0, "
                        "which delivery in VPCs needs; convert it "
                        "and restart its server (docs/upgrade.md)");
        return false;
    }
    DeliverySite site{nic.bridge, nic.vlan, ""};
    if (nic.bridge == facts_.settings.ovn_bridge && source.subnet) {
        site.tag.reset();
        site.iface_id =
            "mirror-" + facts_.settings.chassis + "-" + source.subnet->name;
    }
    desire->in_vpc.edit().site = site;
    if (destination.nic) {
        return add_way(source, destination.nic->addresses,
                       destination.nic->mac, desire, drafts);
    }
    for (const LoadBalancerMember &member :
         destination.load_balancer->members) {
        const Nic *behind =
            member.nic ? find(model_.nics, *member.nic) : nullptr;
        if (!member.up) {
            continue;
        }
        if (!drafts->empty() &&
            drafts->front().way.destination.is_v6 != member.address.is_v6) {
            desire->degrade("MEMBER_IP_VERSION",
                            "member " + member.address.to_string() +
                                " gets nothing, since the first of the load "
                                "balancer is of another IP version; give all "
                                "addresses of one");
        } else if (!add_way(source, {member.address},
                            behind ? behind->mac : "", desire, drafts)) {
            return false;
        }
    }
    if (drafts->empty()) {
        desire->fail_condition("DestinationReachable", "MEMBERS_DOWN",
                               "no member of load balancer " +
                                   destination.load_balancer->name +
                                   " is up, so that nothing is sent; bring "
                                   "one up");
    }
    return true;
}

/* Gives each way its handle, as the status row says; false if it does not
 * yet. */
bool
DesiredState::take_handles(const TunnelStatus &status, bool balanced,
                           TunnelDesire *desire, EgressSpec *egress)
{
    bool v6 = desire->path->destination.is_v6;
    for (const DeliverySpec &way : desire->in_vpc->ways) {
        const int64_t *handle = value_of(status.handles, way.to_string());
        bool owned = owns_handle(status.tunnel, way.to_string());
        if (!handle || !owned) {
            /* One that is owned and not in the row is on its way there. */
            if (!owned && (handleless_.count(status.tunnel) ||
                           handles_.by_number.size() >=
                               static_cast<size_t>(HANDLE_MAX))) {
                handleless_.insert(status.tunnel);
                desire->fail_condition(
                    "DestinationReachable", "HANDLES_EXHAUSTED",
                    "this hypervisor delivers " + std::to_string(HANDLE_MAX) +
                        " ways in VPCs already; remove tunnels");
            }
            return false;
        }
        desire->in_vpc.edit().deliveries[*handle] = way;
    }
    handleless_.erase(status.tunnel);
    if (desire->in_vpc->deliveries.empty()) {
        egress->count_only = true;
        egress->destination = handle_address(0, v6);
        return true;
    }
    egress->destination =
        handle_address(desire->in_vpc->deliveries.begin()->first, v6);
    if (balanced) {
        std::map<IpAddress, int64_t> handles;
        std::vector<IpAddress> members;
        for (const auto &[handle, way] : desire->in_vpc->deliveries) {
            handles[way.destination] = handle;
        }
        for (const auto &[member, handle] : handles) {
            members.push_back(member);
        }
        for (size_t member : spread(members)) {
            egress->slots.push_back(handles.at(members[member]));
        }
    }
    return true;
}

/* ------------------------------------------------------------------------
 * Between tunnels. */

void
DesiredState::place_deliveries(const Uuid &id, const TunnelDesire &before,
                               const TunnelDesire &after)
{
    auto site_of = [](const TunnelDesire &d) {
        return d.wants_slot ? d.in_vpc->site : std::nullopt;
    };
    auto was = site_of(before), is = site_of(after);
    if (was != is) {
        if (was) {
            FlatSet<Uuid> &users = site_users_[*was];
            users.erase(id);
            if (users.empty()) {
                site_users_.erase(*was);
                rows_dirty_ = true;
            }
        }
        if (is) {
            rows_dirty_ |= !site_users_.count(*is);
            site_users_[*is].insert(id);
        }
    }
    for (const NextHopKey &key : before.in_vpc->next_hops) {
        auto users = by_next_hop_.find(key);
        if (!after.in_vpc->next_hops.count(key) &&
            users != by_next_hop_.end()) {
            users->second.erase(id);
            if (users->second.empty()) {
                by_next_hop_.erase(users);
            }
        }
    }
    for (const NextHopKey &key : after.in_vpc->next_hops) {
        by_next_hop_[key].insert(id);
    }
    auto key_of = [](const TunnelDesire &d, int64_t handle) {
        return OwnerKey{delivery_bridge_name(d.mirror_bridge),
                        {FlowOwner::Deliver, static_cast<uint32_t>(handle)}};
    };
    for (const auto &[handle, way] : before.in_vpc->deliveries) {
        OwnerKey key = key_of(before, handle);
        auto owner = delivery_owners_.find(key);
        if (owner != delivery_owners_.end() && owner->second == id &&
            !(after.in_vpc->deliveries.count(handle) &&
              key_of(after, handle) == key)) {
            delivery_owners_.erase(owner);
            set_flows(key, {});
        }
    }
    for (const auto &[handle, way] : after.in_vpc->deliveries) {
        delivery_owners_[key_of(after, handle)] = id;
    }
    if (!after.in_vpc->deliveries.empty()) {
        dirty_deliveries_.insert(id);
    }
}

/* Whether the switch may have forgotten where the way's next hop is. */
bool
DesiredState::is_stale(const TunnelDesire &desire,
                       const DeliverySpec &way) const
{
    return std::any_of(
        desire.in_vpc->next_hops.begin(), desire.in_vpc->next_hops.end(),
        [&](const NextHopKey &key) {
            const NextHopState *state = value_of(next_hops_, key);
            return state && state->stale && state->mac == way.next_hop;
        });
}

/* Flows of deliveries, which need their port's number, and next hops that the
 * switch knows. */
void
DesiredState::desire_deliveries()
{
    std::set<Uuid> dirty;
    dirty.swap(dirty_deliveries_);
    for (const Uuid &id : dirty) {
        auto desire = tunnels_.find(id);
        if (desire == tunnels_.end() ||
            desire->second.in_vpc->deliveries.empty()) {
            continue;
        }
        const int64_t *number =
            value_of(site_numbers_, *desire->second.in_vpc->site);
        bool live = number && facts_.ofports.count(site_peer_name(*number));
        for (const std::string &name :
             {site_port_name(number ? *number : 0),
              site_peer_name(number ? *number : 0)}) {
            const PortRow *is = value_of(facts_.rows.ports, name);
            const PortRow *should = value_of(rows_.ports, name);
            live = live && is && should && *is == *should;
        }
        std::string bridge =
            delivery_bridge_name(desire->second.mirror_bridge);
        for (const auto &[handle, way] : desire->second.in_vpc->deliveries) {
            set_flows(
                {bridge, {FlowOwner::Deliver, static_cast<uint32_t>(handle)}},
                live && !is_stale(desire->second, way)
                    ? delivery_flows(
                          handle, way,
                          mac_of_site(*desire->second.in_vpc->site),
                          facts_.ofports.at(site_peer_name(*number)))
                    : std::vector<Flow>{});
        }
    }
}

std::set<OwnerKey>
DesiredState::deliveries_of(const OwnerKey &egress) const
{
    std::set<OwnerKey> keys;
    auto owner = egress_owners_.find(egress);
    if (owner != egress_owners_.end()) {
        for (const auto &[handle, way] :
             tunnels_.at(owner->second).in_vpc->deliveries) {
            keys.insert({delivery_bridge_name(egress.bridge),
                         {FlowOwner::Deliver, static_cast<uint32_t>(handle)}});
        }
    }
    return keys;
}

} // namespace pm
