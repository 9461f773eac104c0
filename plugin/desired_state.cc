#include "plugin/desired_state.h"

#include <algorithm>

#include "plugin/value_of.h"

namespace pm {

/* ------------------------------------------------------------------------
 * Inputs. */

void
DesiredState::depend(const Uuid &tunnel, const Uuid &on)
{
    dependencies_[tunnel].insert(on);
    dependents_[on].insert(tunnel);
}

/* Forgets what a tunnel depended on, as of 'before', and does not any more. */
void
DesiredState::unlink(const Uuid &tunnel, const FlatSet<Uuid> &before)
{
    auto now = dependencies_.find(tunnel);
    for (const Uuid &on : before) {
        if (now != dependencies_.end() && now->second.count(on)) {
            continue;
        }
        auto i = dependents_.find(on);
        i->second.erase(tunnel);
        if (i->second.empty()) {
            dependents_.erase(i);
            if (own_filter_statuses_.count(on)) {
                maybe_idle_filters_.insert(on);
            }
        }
    }
}

void
DesiredState::dirty_dependents(const Uuid &on)
{
    if (const auto *tunnels = value_of(dependents_, on)) {
        dirty_.insert(tunnels->begin(), tunnels->end());
    }
}

namespace {

/* Resources that share one of these have the same target. */
std::set<std::string>
target_names(const Resource &resource)
{
    std::set<std::string> names = {"name " + resource.target};
    if (!resource.iface_id.empty()) {
        names.insert("iface " + resource.iface_id);
    }
    if (resource.target_id) {
        names.insert("row " + resource.target_id->to_string());
    }
    return names;
}

} // namespace

/* Indexes a resource that changes to 'after', and marks the tunnels of those
 * that have, or had, the same target: one of them may have become a duplicate
 * or taken the other role. */
void
DesiredState::index_target(const Uuid &id,
                           const std::optional<Resource> &after)
{
    const Resource *before = find(model_.resources, id);
    for (const Resource *resource : {before, after ? &*after : nullptr}) {
        if (!resource) {
            continue;
        }
        for (const std::string &name : target_names(*resource)) {
            FlatSet<Uuid> &sharing = by_target_[name];
            for (const Uuid &other : sharing) {
                dirty_dependents(other);
            }
            if (resource == before) {
                sharing.erase(id);
            } else {
                sharing.insert(id);
            }
            if (sharing.empty()) {
                by_target_.erase(name);
            }
        }
    }
}

/* Indexes a tunnel by its source, and marks those that share it where they may
 * be duplicates or too many. */
void
DesiredState::index_source(const Uuid &id, const Tunnel *before,
                           const std::optional<Tunnel> &after)
{
    auto mark = [&](const Tunnel &tunnel) {
        if (may_have_troubled_siblings(tunnel)) {
            const FlatSet<Uuid> &siblings = by_source_[tunnel.source];
            dirty_.insert(siblings.begin(), siblings.end());
        }
    };
    if (before) {
        mark(*before);
        auto siblings = by_source_.find(before->source);
        siblings->second.erase(id);
        if (siblings->second.empty()) {
            by_source_.erase(siblings);
        }
        auto alike = alike_.find(likeness(*before));
        if (--alike->second == 0) {
            alike_.erase(alike);
        }
    }
    if (after) {
        by_source_[after->source].insert(id);
        alike_[likeness(*after)]++;
        mark(*after);
    }
}

bool
DesiredState::may_have_troubled_siblings(const Tunnel &tunnel) const
{
    const FlatSet<Uuid> *siblings = value_of(by_source_, tunnel.source);
    const size_t *alike = value_of(alike_, likeness(tunnel));
    return (siblings && siblings->size() > Limits{}.tunnels_per_source) ||
           (alike && *alike > 1);
}

/* As check_resource(), but looks only at resources of the same target. */
void
DesiredState::check_end(const Uuid &id, const std::string &path,
                        Problems *problems)
{
    const Resource &resource = model_.resources.at(id);
    check_resource_itself(model_, resource, path, problems);
    Table<Resource> sharing;
    for (const std::string &name : target_names(resource)) {
        const FlatSet<Uuid> &resources = by_target_[name];
        if (resources.size() > 1) { /* Not itself alone, as mostly. */
            for (const Uuid &other : resources) {
                sharing[other] = model_.resources.at(other);
            }
        }
    }
    check_resource_among_others(sharing, id, target_account(model_, resource),
                                path, problems);
}

constexpr Uuid UUID_LAST{{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};

void
DesiredState::apply(const ModelDelta &delta)
{
    for (const auto &[id, resource] : delta.resources) {
        index_target(id, resource);
    }
    for_each_table(delta, delta, [&](const auto &changes, const auto &) {
        for (const auto &[id, value] : changes) {
            dirty_dependents(id);
        }
    });
    auto dirty_between = [&](const Uuid &from, const Uuid &to) {
        if (const auto *tunnels = value_of(by_vpcs_, {from, to})) {
            dirty_.insert(tunnels->begin(), tunnels->end());
        }
    };
    for (const auto &[id, peering] : delta.peerings) {
        for (const Peering *p :
             {find(model_.peerings, id), peering ? &*peering : nullptr}) {
            if (p) {
                dirty_between(p->from, p->to);
            }
        }
    }
    for (const auto &[id, connect] : delta.connects) {
        for (const TransitConnect *c :
             {find(model_.connects, id), connect ? &*connect : nullptr}) {
            if (c) {
                dirty_between(c->vpc, c->transit_vpc);
            }
        }
    }
    /* What is found by name, not by reference. */
    for (const auto &[id, nic] : delta.nics) {
        const Nic *before = find(model_.nics, id);
        for (const std::string &iface_id :
             {nic ? nic->iface_id : "", before ? before->iface_id : ""}) {
            auto i = by_iface_id_.find(iface_id);
            if (i != by_iface_id_.end()) {
                dirty_.insert(i->second.begin(), i->second.end());
            }
        }
    }
    for (const auto &[id, tunnel] : delta.tunnels) {
        const Tunnel *before = find(model_.tunnels, id);
        if (before && tunnel && *before == *tunnel) {
            continue; /* All are sent again after some losses of connection. */
        }
        dirty_.insert(id);
        index_source(id, before, tunnel);
    }
    for (const auto &[id, filter] : delta.filters) {
        filter_problems_.erase(id);
        /* By bridge, of which there are few; by filter there are many. */
        for (auto i = filter_users_.begin(); i != filter_users_.end();
             i = filter_users_.upper_bound({i->first.first, UUID_LAST})) {
            std::pair user(i->first.first, id);
            if (filter_users_.count(user)) {
                dirty_filters_.insert(user);
            }
        }
    }
    apply_statuses(delta);
    note_guarded(delta);
    pm::apply(&model_, delta);
    for (const auto &[id, status] : delta.tunnel_statuses) {
        if (status) {
            TunnelStatus &kept = model_.tunnel_statuses.at(id);
            conditions_.share(&kept.conditions);
            counts_.share(&kept.counters.bases);
            const auto &values = kept.counters.values;
            if (std::all_of(
                    values.begin(), values.end(), [](const auto &value) {
                        return value.second == 0;
                    })) { /* Others are hardly ever like one another. */
                counts_.share(&kept.counters.values);
            }
        }
    }
}

namespace {

/* Whether two states of a status row are the same to desire_tunnel(). */
bool
is_same_to_desire(const TunnelStatus &a, const TunnelStatus &b)
{
    return a.tunnel == b.tunnel && a.chassis == b.chassis &&
           a.number == b.number && a.handles == b.handles;
}

} // namespace

void
DesiredState::apply_statuses(const ModelDelta &delta)
{
    const std::string &chassis = facts_.settings.chassis;
    for (const auto &[id, status] : delta.tunnel_statuses) {
        const TunnelStatus *before = find(model_.tunnel_statuses, id);
        if (before && status && is_same_to_desire(*before, *status)) {
            /* As it comes back after each report of ours. */
            changed_tunnels_.insert(status->tunnel);
            continue;
        }
        if (before) {
            dirty_.insert(before->tunnel);
            auto own = own_statuses_.find(before->tunnel);
            if (own != own_statuses_.end() && own->second == id) {
                own_statuses_.erase(own);
                tunnel_numbers_.release(before->tunnel);
                for (const auto &[way, handle] : before->handles) {
                    handles_.release({before->tunnel, way});
                }
            }
            auto foreign = foreign_statuses_.find(before->tunnel);
            if (foreign != foreign_statuses_.end()) {
                foreign->second.erase(id);
                if (foreign->second.empty()) {
                    foreign_statuses_.erase(foreign);
                }
            }
        }
        if (status) {
            dirty_.insert(status->tunnel);
            if (status->chassis == chassis) {
                own_statuses_[status->tunnel] = id;
                tunnel_numbers_.assign(status->tunnel, status->number);
                for (const auto &[way, handle] : status->handles) {
                    handles_.assign({status->tunnel, way}, handle);
                }
            } else {
                foreign_statuses_[status->tunnel].insert(id);
            }
        }
    }
    for (const auto &[id, status] : delta.filter_statuses) {
        const FilterStatus *before = find(model_.filter_statuses, id);
        if (before && status && before->filter == status->filter &&
            before->chassis == status->chassis &&
            before->number == status->number) {
            changed_filters_.insert(status->filter); /* Hits, mostly. */
            continue;
        }
        if (before) {
            dirty_dependents(before->filter);
            auto own = own_filter_statuses_.find(before->filter);
            if (own != own_filter_statuses_.end() && own->second == id) {
                own_filter_statuses_.erase(own);
                filter_numbers_.release(before->filter);
            }
        }
        if (status && status->chassis == chassis) {
            dirty_dependents(status->filter);
            own_filter_statuses_[status->filter] = id;
            maybe_idle_filters_.insert(status->filter);
            filter_numbers_.assign(status->filter, status->number);
        }
    }
}

void
DesiredState::set_complete(bool complete)
{
    if (complete && !complete_) {
        dirty_.insert(held_.begin(), held_.end());
        /* Nothing more will come by itself.  Who is pending now may remain so:
         * then nobody waits for his row. */
        dirty_.insert(pending_.begin(), pending_.end());
    }
    complete_ = complete;
}

void
DesiredState::set_refused(const std::set<Uuid> &refused)
{
    std::set<Uuid> changed;
    std::set_symmetric_difference(refused.begin(), refused.end(),
                                  refused_.begin(), refused_.end(),
                                  std::inserter(changed, changed.end()));
    for (const Uuid &id : changed) {
        std::set<Uuid> waiting{id};
        if (const auto *tunnels = value_of(dependents_, id)) {
            waiting.insert(tunnels->begin(), tunnels->end());
        }
        /* For the others it makes no difference. */
        std::copy_if(waiting.begin(), waiting.end(),
                     std::inserter(dirty_, dirty_.end()),
                     [&](const Uuid &tunnel) {
                         auto i = tunnels_.find(tunnel);
                         return i != tunnels_.end() &&
                                (i->second.undecided || !i->second.egress);
                     });
    }
    refused_ = refused;
}

void
DesiredState::set_keeps_handles(bool keeps)
{
    if (keeps != keeps_handles_) {
        keeps_handles_ = keeps;
        for (const auto &[id, tunnel] : model_.tunnels) {
            dirty_.insert(id);
        }
    }
}

void
DesiredState::set_paths(const std::map<PathKey, Path> &changed)
{
    for (const auto &[key, path] : changed) {
        rows_dirty_ |= paths_[key].port_taken != path.port_taken;
        paths_[key] = path;
        if (const auto *tunnels = value_of(by_path_, key)) {
            dirty_.insert(tunnels->begin(), tunnels->end());
        }
    }
}

void
DesiredState::set_vswitchd_alive(bool alive)
{
    if (alive != vswitchd_alive_) {
        vswitchd_alive_ = alive;
        for (const auto &[id, desire] : tunnels_) {
            dirty_.insert(id);
        }
    }
}

/* ------------------------------------------------------------------------
 * Outcome. */

void
DesiredState::update()
{
    /* A pass over the tunnels that changed, then over what they share, until
     * sharing changes nothing more: grants depend on what tunnels want, and
     * wants do not depend on grants, so that is after two passes. */
    retry_handles();
    take_in();
    while (!dirty_.empty() || !dirty_bridges_.empty() ||
           !dirty_floods_.empty()) {
        std::set<Uuid> dirty;
        dirty.swap(dirty_);
        for (const Uuid &id : dirty) {
            auto node = dependencies_.extract(id);
            TunnelDesire after = desire_tunnel(id);
            if (!node.empty()) {
                unlink(id, node.mapped());
            }
            conditions_.share(&after.conditions);
            if (!after.undecided) {
                excused_.erase(id);
            }
            if (after.pending) {
                pending_.insert(id);
            } else {
                pending_.erase(id);
            }
            if ((after.pending ? !complete_ : after.active && after.bound) &&
                !status_of(id)) {
                rowless_.insert(id);
            } else {
                rowless_.erase(id);
            }
            TunnelDesire &before = tunnels_[id];
            if (!(before == after)) {
                place(id, before, after);
                before = std::move(after);
            }
            if (!find(model_.tunnels, id)) {
                tunnels_.erase(id);
                if (!status_of(id)) {
                    tunnel_numbers_.release(id);
                    release_handles(id);
                    handleless_.erase(id);
                }
            }
            changed_tunnels_.insert(id);
        }
        std::set<std::string> bridges;
        bridges.swap(dirty_bridges_);
        for (const std::string &bridge : bridges) {
            share_bridge(bridge);
        }
        std::set<std::string> floods;
        floods.swap(dirty_floods_);
        for (const std::string &bridge : floods) {
            share_floods(bridge);
        }
        retry_handles();
    }
    if (rows_dirty_) {
        desire_rows();
        rows_dirty_ = false;
        guards_dirty_ = true; /* On which bridges. */
    }
    if (guards_dirty_) {
        desire_guards();
        guards_dirty_ = false;
    }
    /* A name is remembered only for a bridge that is to be there. */
    std::erase_if(bridge_names_, [&](const auto &used) {
        return !rows_.bridges.count(used.second);
    });
    find_awaited();
    stop_whose_rules_change();
    std::set<std::string> taps;
    taps.swap(dirty_taps_);
    for (const std::string &iface_id : taps) {
        desire_tap(iface_id);
    }
    std::set<std::string> shared;
    shared.swap(dirty_shared_taps_);
    for (const std::string &nic_bridge : shared) {
        desire_shared_tap(nic_bridge);
    }
    desire_filters();
    desire_deliveries();
}

} // namespace pm
