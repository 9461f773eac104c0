#include "plugin/references.h"

#include <algorithm>
#include <utility>

namespace pm {

namespace {

template <typename Value>
std::set<Uuid>
keys_of(const UuidMap<Value> &map)
{
    std::set<Uuid> keys;
    for (const auto &[id, value] : map) {
        keys.insert(id);
    }
    return keys;
}

} // namespace

void
References::count(std::map<Uuid, int> *counts, const Uuid &id, int more)
{
    int &n = (*counts)[id];
    n += more;
    changed_ |= n == 0 || n == more;
    if (n == 0) {
        counts->erase(id);
    }
}

void
References::count(const std::optional<Ends> &ends, int more)
{
    if (ends) {
        count(&sources_, ends->source, more);
        count(&destinations_, ends->destination, more);
        if (ends->filter) {
            count(&filters_, *ends->filter, more);
        }
    }
}

void
References::take(const Uuid &id, const Tunnel *now)
{
    auto known = tunnels_.find(id);
    std::optional<Ends> before, after;
    if (known != tunnels_.end()) {
        before = known->second;
    }
    if (now) {
        after = Ends{now->source, now->destination, now->filter};
    }
    /* First what comes: what stays is not missed in between. */
    count(after, 1);
    count(before, -1);
    if (after) {
        tunnels_[id] = *after;
        gone_.erase(id);
    } else if (before) {
        tunnels_.erase(known);
        if (own_by_tunnel_.count(id) && asked_sources_.count(before->source)) {
            gone_.insert(id);
        }
    }
    judge(id);
}

void
References::take(const Uuid &id, const TunnelStatus *now,
                 const std::string &own_chassis)
{
    std::set<Uuid> concerned;
    auto known = statuses_.find(id);
    if (known != statuses_.end()) {
        const Uuid &tunnel = known->second.tunnel;
        concerned.insert(tunnel);
        if (known->second.own) {
            auto of = own_by_tunnel_.find(tunnel);
            of->second.erase(id);
            if (of->second.empty()) {
                own_by_tunnel_.erase(of);
            }
        }
        statuses_.erase(known);
    }
    if (now) {
        bool own = now->chassis == own_chassis;
        concerned.insert(now->tunnel);
        statuses_[id] = {now->tunnel, own, now->bound};
        if (own) {
            own_by_tunnel_[now->tunnel].insert(id);
        }
    }
    for (const Uuid &tunnel : concerned) {
        if (!own_by_tunnel_.count(tunnel)) {
            gone_.erase(tunnel);
        }
        judge(tunnel);
    }
}

/* Whether the tunnel, or others' status rows of it, are to be asked for. */
void
References::judge(const Uuid &tunnel)
{
    auto rows = own_by_tunnel_.find(tunnel);
    auto ends = tunnels_.find(tunnel);
    bool ours = rows != own_by_tunnel_.end();
    /* Most are found by their source: a clause less for each.  One that went
     * although it was asked for is deleted, or some row writer gave it another
     * source: either way it is not ours to serve, and each change of a
     * condition sends all of its clauses. */
    bool single =
        ours && !gone_.count(tunnel) &&
        (ends == tunnels_.end() || !asked_sources_.count(ends->second.source));
    bool unbound =
        ours &&
        std::any_of(rows->second.begin(), rows->second.end(),
                    [&](const Uuid &id) { return !statuses_.at(id).bound; });
    changed_ |=
        single ? singles_.insert(tunnel).second : singles_.erase(tunnel) > 0;
    changed_ |=
        unbound ? unbound_.insert(tunnel).second : unbound_.erase(tunnel) > 0;
}

void
References::set_sources(std::set<Uuid> sources)
{
    if (sources != asked_sources_) {
        asked_sources_ = std::move(sources);
        for (const auto &[tunnel, rows] : own_by_tunnel_) {
            judge(tunnel);
        }
    }
}

std::set<Uuid>
References::tunnels() const
{
    return keys_of(tunnels_);
}

std::set<Uuid>
References::statuses() const
{
    return keys_of(statuses_);
}

bool
References::take_changed()
{
    return std::exchange(changed_, false);
}

} // namespace pm
