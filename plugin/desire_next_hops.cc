/* DesiredState, the next hops of deliveries: who is to be asked where, and
 * which copies have to wait for the answer (next_hops.h). */
#include <algorithm>

#include "plugin/desired_state.h"
#include "plugin/switch_names.h"
#include "plugin/value_of.h"

namespace pm {

namespace {

/* Whether the words of a handle are those of 'way' but for its next hop. */
bool
differ_in_next_hop_only(const std::string &text, const DeliverySpec &way)
{
    DeliverySpec known = way;
    const std::string before =
        way.source.to_string() + ">" + way.destination.to_string() + " via ";
    known.next_hop = text.substr(std::min(before.size(), text.size()), 17);
    return known.to_string() == text;
}

} // namespace

/* The way by its next hop, once that has answered; nullopt, told in 'trouble',
 * while it has not.  What copied before goes on until silence is certain. */
std::optional<DeliverySpec>
DesiredState::way_by_next_hop(const Uuid &id, const Draft &draft,
                              bool may_flood, Problem *trouble) const
{
    DeliverySpec way = draft.way;
    if (!draft.next_hop) {
        return way;
    }
    const std::string name = "the next hop " + draft.next_hop->to_string();
    const NextHopState *state = value_of(next_hops_, draft.key);
    if (state && !state->mac.empty()) {
        way.next_hop = state->mac;
        return way;
    }
    if (state && !may_flood && !way.next_hop.empty()) {
        return way;
    }
    if (state && !state->other.empty()) {
        *trouble = {"NEXT_HOP_DIFFERS", "",
                    name + " answers from " + state->other +
                        " only, and the inventory says " + way.next_hop +
                        "; correct it"};
        return std::nullopt;
    }
    if (state) {
        *trouble = {"NEXT_HOP_SILENT", "",
                    name + " does not answer ARP or ND on " + way.site +
                        ", so that copies would be flooded; see that it is "
                        "up and its address right"};
        return std::nullopt;
    }
    if (const TunnelStatus *status = status_of(id)) {
        for (const auto &[text, handle] : status->handles) {
            if (text == way.to_string()) {
                return way;
            }
            if (way.next_hop.empty() && differ_in_next_hop_only(text, way)) {
                way.next_hop = text.substr(text.find(" via ") + 5, 17);
                return way;
            }
        }
    }
    *trouble = {"NEXT_HOP_ASKED", "", name + " is being asked for; wait"};
    return std::nullopt;
}

/* Gives each way its next hop; false, told, while none has one.  Of several
 * members those without are left out. */
bool
DesiredState::find_next_hops(const Uuid &id, const std::vector<Draft> &drafts,
                             TunnelDesire *desire)
{
    const char *type = "DestinationReachable";
    /* OVN floods nothing, and answers for whom it knows. */
    bool may_flood = desire->in_vpc->site->iface_id.empty();
    bool all_heard = true;
    Problem trouble;
    for (const Draft &draft : drafts) {
        const NextHopState *state =
            draft.next_hop ? value_of(next_hops_, draft.key) : nullptr;
        all_heard &= state && !state->mac.empty();
        if (auto way = way_by_next_hop(id, draft, may_flood, &trouble)) {
            desire->in_vpc.edit().ways.push_back(*way);
        }
    }
    if (trouble.code == "NEXT_HOP_ASKED") {
        desire->set_condition(type, ConditionStatus::Unknown,
                              trouble.code + ": " + trouble.message);
    } else if (!trouble.code.empty()) {
        desire->fail_condition(type, trouble.code, trouble.message);
    } else if (!drafts.empty() && all_heard) {
        desire->set_condition(type, ConditionStatus::True);
    } else if (!drafts.empty()) {
        desire->set_condition(type, ConditionStatus::Unknown,
                              "NEXT_HOP_UNHEARD: the next hop has not been "
                              "heard from here; see at the destination "
                              "whether copies arrive");
    }
    return drafts.empty() || !desire->in_vpc->ways.empty();
}

void
DesiredState::set_next_hops(const std::map<NextHopKey, NextHopState> &changed)
{
    for (const auto &[key, state] : changed) {
        if (state.known) {
            next_hops_[key] = state;
        } else {
            next_hops_.erase(key);
        }
        auto users = by_next_hop_.find(key);
        if (users != by_next_hop_.end()) {
            dirty_.insert(users->second.begin(), users->second.end());
            dirty_deliveries_.insert(users->second.begin(),
                                     users->second.end());
        }
    }
}

std::optional<std::pair<std::string, int>>
DesiredState::port_of_site(const std::string &site) const
{
    auto known = sites_.find(site);
    return known == sites_.end()
               ? std::nullopt
               : port_of_site(site_numbers_.at(known->second));
}

std::optional<std::pair<std::string, int>>
DesiredState::port_of_site(int64_t number) const
{
    const std::string peer = site_peer_name(number);
    const PortRow *row = value_of(rows_.ports, peer);
    const int *ofport = value_of(facts_.ofports, peer);
    return row && ofport ? std::optional(std::pair(row->bridge, *ofport))
                         : std::nullopt;
}

std::string
DesiredState::mac_of_site(const DeliverySite &site) const
{
    return delivery_mac(facts_.settings.chassis,
                        site.iface_id.empty() ? site.nic_bridge : "");
}

std::string
DesiredState::mac_of_site(const std::string &site) const
{
    auto known = sites_.find(site);
    return known == sites_.end() ? "" : mac_of_site(known->second);
}

std::string
DesiredState::site_of_port(const std::string &bridge, int ofport) const
{
    for (const auto &[site, number] : site_numbers_) {
        if (port_of_site(number) == std::pair(bridge, ofport)) {
            return site.to_string();
        }
    }
    return "";
}

std::set<NextHopKey>
DesiredState::next_hops() const
{
    std::set<NextHopKey> keys;
    for (const auto &[key, users] : by_next_hop_) {
        if (port_of_site(key.site)) {
            keys.insert(key);
        }
    }
    return keys;
}

} // namespace pm
