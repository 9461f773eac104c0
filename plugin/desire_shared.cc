/* DesiredState, between tunnels: the indexes by which one finds another, and
 * the flows of filters, which serve several of them. */
#include <algorithm>
#include <iterator>

#include "plugin/desired_state.h"
#include "plugin/switch_names.h"
#include "plugin/value_of.h"

namespace pm {

/* ------------------------------------------------------------------------
 * Between tunnels. */

namespace {

/* Moves 'id' between the sets of 'index' for keys 'from' and 'to'. */
template <typename Key>
void
move_in(std::map<Key, FlatSet<Uuid>> *index, const Uuid &id,
        const std::optional<Key> &from, const std::optional<Key> &to)
{
    if (from == to) {
        return;
    }
    if (from) {
        auto i = index->find(*from);
        i->second.erase(id);
        if (i->second.empty()) {
            index->erase(i);
        }
    }
    if (to) {
        (*index)[*to].insert(id);
    }
}

template <typename Key>
std::optional<Key>
only_if(bool condition, const Key &key)
{
    return condition ? std::optional(key) : std::nullopt;
}

} // namespace

/* Brings the indexes from what a tunnel was to what it is, and marks what it
 * shares with others. */
void
DesiredState::place(const Uuid &id, const TunnelDesire &before,
                    const TunnelDesire &after)
{
    move_in(&by_iface_id_, id,
            only_if(!before.iface_id.empty(), before.iface_id),
            only_if(!after.iface_id.empty(), after.iface_id));
    move_in(&by_path_, id, before.path, after.path);
    move_in(&by_vpcs_, id, before.in_vpc->vpcs, after.in_vpc->vpcs);
    if (before.path != after.path) { /* Whose port may be taken. */
        const FlatSet<Uuid> *users =
            after.path ? value_of(by_path_, *after.path) : nullptr;
        bool changed = (before.path && !by_path_.count(*before.path)) ||
                       (users && users->size() == 1);
        rows_dirty_ |= changed;
        paths_changed_ |= changed;
    }
    move_in(&on_bridge_, id,
            only_if(!before.nic_bridge.empty(), before.nic_bridge),
            only_if(!after.nic_bridge.empty(), after.nic_bridge));
    move_in(&wanting_, id, only_if(before.wants_slot, before.iface_id),
            only_if(after.wants_slot, after.iface_id));

    place_seat(id, before, after);
    if (before.egress != after.egress || before.tap != after.tap ||
        before.mirror_bridge != after.mirror_bridge ||
        before.iface_id != after.iface_id ||
        before.addresses != after.addresses) {
        dirty_taps_.insert(before.iface_id);
        dirty_taps_.insert(after.iface_id);
    }

    auto filter_user = [](const TunnelDesire &d) {
        using Key = std::pair<std::string, Uuid>;
        return d.egress && d.filter
                   ? std::optional<Key>({d.mirror_bridge, *d.filter})
                   : std::nullopt;
    };
    auto filter_before = filter_user(before),
         filter_after = filter_user(after);
    move_in(&filter_users_, id, filter_before, filter_after);
    if (filter_after &&
        (filter_before != filter_after || before.egress != after.egress)) {
        edited_.insert(id);
    }
    /* One more tunnel, or one less, changes nothing. */
    for (const auto &user : {filter_before, filter_after}) {
        auto users = user ? filter_users_.find(*user) : filter_users_.end();
        const OwnerKey *key = user ? filter_keys_.of(*user) : nullptr;
        if (user &&
            (users == filter_users_.end() || !key ||
             (user == filter_after && key->owner.number != after.tap.filter) ||
             (filter_before == filter_after &&
              before.tap.filter != after.tap.filter))) {
            dirty_filters_.insert(*user);
        }
    }

    auto egress_key = [](const TunnelDesire &d) {
        return OwnerKey{
            d.mirror_bridge,
            {FlowOwner::Egress, static_cast<uint32_t>(d.tap.tunnel)}};
    };
    /* A number can have gone from one tunnel to another in one step. */
    if (before.egress &&
        (!after.egress || egress_key(before) != egress_key(after))) {
        auto owner = egress_owners_.find(egress_key(before));
        if (owner != egress_owners_.end() && owner->second == id) {
            egress_owners_.erase(owner);
            set_flows(egress_key(before), {});
            set_meter(egress_key(before), std::nullopt);
        }
    }
    if (after.egress) {
        egress_owners_[egress_key(after)] = id;
        set_flows(egress_key(after),
                  egress_flows(after.tap.tunnel, *after.egress));
        set_meter(egress_key(after), after.egress->count_only
                                         ? std::nullopt
                                         : after.egress->rate_kbps);
    }

    place_guard(id, before, after);
    place_deliveries(id, before, after);
}

/* The name of our bridge for a datapath type, or "" if it is taken.  A bridge
 * that is there keeps its name, so that a restart, which has no memory, calls
 * it the same; else the plain name is of the first type that asks. */
std::string
DesiredState::bridge_for_type(const std::string &datapath_type)
{
    const std::string &plain = facts_.settings.mirror_bridge;
    const std::string suffixed = plain + "-" + datapath_type;
    auto row_type = [&](const std::string &name) -> std::string {
        auto row = facts_.rows.bridges.find(name);
        return row == facts_.rows.bridges.end()    ? ""
               : row->second.datapath_type.empty() ? "system"
                                                   : row->second.datapath_type;
    };
    std::string name = plain;
    if (!row_type(plain).empty()) {
        name = row_type(plain) == datapath_type ? plain : suffixed;
    } else if (row_type(suffixed) == datapath_type) {
        name = suffixed;
    } else {
        for (const auto &[type, used] : bridge_names_) {
            if (used == plain && type != datapath_type) {
                name = suffixed;
            }
        }
    }
    std::erase_if(bridge_names_,
                  [&](const auto &used) { return used.second == name; });
    if (!is_mirror_bridge_name(name) || facts_.taken_names.count(name)) {
        return "";
    }
    bridge_names_[datapath_type] = name;
    return name;
}

void
DesiredState::set_flows(const OwnerKey &key, std::vector<Flow> flows)
{
    auto i = flows_.find(key);
    if (flows.empty() ? i == flows_.end()
                      : i != flows_.end() && i->second.get() == flows) {
        return;
    }
    changed_flows_.insert(key);
    if (flows.empty()) {
        flows_.erase(i);
    } else {
        flows_[key] = std::move(flows);
    }
}

void
DesiredState::set_meter(const OwnerKey &key, std::optional<int64_t> rate_kbps)
{
    auto i = meters_.find(key);
    if (i == meters_.end() ? !rate_kbps : i->second == rate_kbps) {
        return;
    }
    changed_flows_.insert(key);
    if (rate_kbps) {
        meters_[key] = *rate_kbps;
    } else {
        meters_.erase(i);
    }
}

/* Nobody who had this owner's flows has them any more, unless another has its
 * number by now. */
void
DesiredState::release_flows(const OwnerKey &owner)
{
    if (tap_keys_.users(owner).empty() &&
        shared_tap_keys_.users(owner).empty() &&
        filter_keys_.users(owner).empty()) {
        set_flows(owner, {});
    }
}

/* ------------------------------------------------------------------------
 * Flows that tunnels share. */

/* Whether the tunnel goes on as it was until the path to where it is to send
 * is known, or the rows are here that say where: moments. */
bool
DesiredState::awaits_path(const Uuid &id) const
{
    const TunnelDesire &desire = tunnels_.at(id);
    if (held_.count(id)) {
        return true;
    }
    if (!desire.undecided || !desire.path) {
        return false;
    }
    const Path *path = value_of(paths_, *desire.path);
    return !path || !path->known;
}

/* Whom the rules of a filter that were edited wait for: who goes on as it was
 * when they are.  Who is edited later is not waited for: where its copies go
 * until then had the new rules, too, and others would wait for as long as
 * somebody is edited. */
void
DesiredState::find_awaited()
{
    for (const auto &user : dirty_filters_) {
        auto users = filter_users_.find(user);
        if (users != filter_users_.end()) {
            std::copy_if(users->second.begin(), users->second.end(),
                         std::inserter(awaited_[user], awaited_[user].end()),
                         [&](const Uuid &id) { return awaits_path(id); });
        }
    }
    for (auto &[user, tunnels] : awaited_) {
        auto users = filter_users_.find(user);
        std::erase_if(tunnels, [&](const Uuid &id) {
            return users == filter_users_.end() || !users->second.count(id) ||
                   !awaits_path(id);
        });
    }
    std::erase_if(awaited_,
                  [](const auto &entry) { return entry.second.empty(); });
    for (const auto &[user, edited] : put_off_filters_) {
        dirty_filters_.insert(user);
    }
}

/* Whether the new rules of a filter wait: edited together with some of its
 * users they are not for where the copies of these go now.  One that was
 * deleted goes on for who is to have another. */
bool
DesiredState::must_put_off(const std::pair<std::string, Uuid> &user,
                           const FlatSet<Uuid> &users) const
{
    return awaited_.count(user) ||
           (!find(model_.filters, user.second) &&
            std::any_of(users.begin(), users.end(), [&](const Uuid &id) {
                return tunnels_.at(id).undecided;
            }));
}

/* Who goes on as it was until its own row can be written, which may be long,
 * does so by the rules that it had.  By new ones to where its copies go now is
 * what no policy says, and nobody else's rules wait for it: so it stops. */
void
DesiredState::stop_whose_rules_change()
{
    for (const auto &user : dirty_filters_) {
        auto users = filter_users_.find(user);
        const OwnerKey *key = filter_keys_.of(user);
        if (users == filter_users_.end() || !key ||
            must_put_off(user, users->second)) {
            continue;
        }
        std::vector<Uuid> former;
        for (const Uuid &id : users->second) {
            if (tunnels_.at(id).undecided && !awaits_path(id)) {
                former.push_back(id);
            }
        }
        const Filter *filter = find(model_.filters, user.second);
        if (former.empty() || (filter && flows_.contains(*key) &&
                               flows_.at(*key).get() ==
                                   filter_flows(key->owner.number, *filter))) {
            continue;
        }
        for (const Uuid &id : former) {
            TunnelDesire &before = tunnels_.at(id);
            TunnelDesire after = before;
            after.egress.reset();
            after.in_vpc.set(&VpcDesire::deliveries, {});
            place(id, before, after);
            before = std::move(after);
            changed_tunnels_.insert(id);
        }
    }
}

void
DesiredState::desire_filters()
{
    std::set<std::pair<std::string, Uuid>> dirty;
    dirty.swap(dirty_filters_);
    for (const auto &user : dirty) {
        const auto &[bridge, filter] = user;
        auto users = filter_users_.find(user);
        if (users != filter_users_.end() &&
            must_put_off(user, users->second)) {
            std::set<Uuid> &waiting = put_off_filters_[user];
            std::set_intersection(edited_.begin(), edited_.end(),
                                  users->second.begin(), users->second.end(),
                                  std::inserter(waiting, waiting.end()));
            continue;
        }
        if (put_off_filters_.erase(user)) {
            /* What is in force is told now. */
            changed_filters_.insert(filter);
            if (users != filter_users_.end()) {
                changed_tunnels_.insert(users->second.begin(),
                                        users->second.end());
            }
        }
        const OwnerKey *key = filter_keys_.of(user);
        std::vector<Flow> flows;
        OwnerKey now;
        if (users != filter_users_.end()) {
            int64_t number = tunnels_.at(*users->second.begin()).tap.filter;
            now = {bridge, {FlowOwner::Filter, static_cast<uint32_t>(number)}};
            if (const Filter *f = find(model_.filters, filter)) {
                flows = filter_flows(number, *f);
            }
        }
        if (key && *key != now) {
            OwnerKey was = *key;
            filter_keys_.erase(user);
            release_flows(was);
        }
        if (users != filter_users_.end()) {
            set_flows(now, flows);
            filter_keys_.set(user, now);
        }
    }
    edited_.clear();
}

} // namespace pm
