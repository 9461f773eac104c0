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

/* Gives each way its next hop, once that has answered; false, told, while it
 * has not.  What copied before goes on until silence is certain. */
bool
DesiredState::find_next_hops(const Uuid &id, const std::vector<Draft> &drafts,
                             TunnelDesire *desire)
{
    const TunnelStatus *status = status_of(id);
    auto fail = [&](const char *code, const std::string &message) {
        desire->ways.clear();
        desire->fail_condition("DestinationReachable", code, message);
        return false;
    };
    /* OVN floods nothing, and answers for whom it knows. */
    bool may_flood = desire->site->iface_id.empty();
    bool all_answered = true;
    for (Draft draft : drafts) {
        DeliverySpec &way = draft.way;
        NextHopState state;
        if (draft.next_hop) {
            const NextHopState *known = value_of(next_hops_, draft.key);
            state = known ? *known : NextHopState{};
        }
        const std::string name =
            draft.next_hop ? draft.next_hop->to_string() : way.next_hop;
        bool answered = !state.mac.empty();
        if (answered && way.next_hop.empty()) {
            way.next_hop = state.mac;
        } else if (!state.other.empty() && may_flood) {
            return fail("NEXT_HOP_DIFFERS",
                        "the next hop " + name + " answers from " +
                            state.other + " only, and the inventory says " +
                            way.next_hop + "; correct it");
        } else if (draft.next_hop && state.known && !answered &&
                   (may_flood || way.next_hop.empty())) {
            return fail("NEXT_HOP_SILENT",
                        "the next hop " + name +
                            " does not answer ARP or ND on " + way.site +
                            ", so that copies would be flooded; see that it "
                            "is up and its address right");
        } else if (draft.next_hop && !state.known) {
            bool remembered = false;
            for (const auto &[text, handle] :
                 status ? status->handles : std::map<std::string, int64_t>{}) {
                if (way.next_hop.empty() &&
                    differ_in_next_hop_only(text, way)) {
                    way.next_hop = text.substr(text.find(" via ") + 5, 17);
                }
                remembered |= text == way.to_string();
            }
            if (!remembered) {
                desire->ways.clear();
                desire->set_condition("DestinationReachable",
                                      ConditionStatus::Unknown,
                                      "NEXT_HOP_ASKED: the next hop " + name +
                                          " is being asked for; wait");
                return false;
            }
        }
        all_answered &= answered;
        desire->ways.push_back(way);
    }
    if (!desire->conditions.count("DestinationReachable")) {
        if (all_answered) {
            desire->set_condition("DestinationReachable",
                                  ConditionStatus::True);
        } else {
            desire->set_condition(
                "DestinationReachable", ConditionStatus::Unknown,
                "NEXT_HOP_UNHEARD: the next hop has not been heard from here; "
                "see at the destination whether copies arrive");
        }
    }
    return true;
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
        }
    }
}

std::optional<std::pair<std::string, int>>
DesiredState::port_of_site(const std::string &site) const
{
    for (const auto &[known, number] : site_numbers_) {
        const std::string peer = site_peer_name(number);
        const PortRow *row = value_of(rows_.ports, peer);
        if (known.to_string() == site && row && facts_.ofports.count(peer)) {
            return std::pair(row->bridge, facts_.ofports.at(peer));
        }
    }
    return std::nullopt;
}

std::string
DesiredState::site_of_port(const std::string &bridge, int ofport) const
{
    for (const auto &[site, number] : site_numbers_) {
        if (port_of_site(site.to_string()) == std::pair(bridge, ofport)) {
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
