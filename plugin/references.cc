#include "plugin/references.h"

#include <algorithm>
#include <utility>

namespace pm {

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
References::take(const Uuid &id, const Tunnel *before, const Tunnel *after)
{
    /* First what comes: what stays is not missed in between. */
    for (const auto &[tunnel, more] :
         {std::pair(after, 1), std::pair(before, -1)}) {
        if (tunnel) {
            count(&sources_, tunnel->source, more);
            count(&destinations_, tunnel->destination, more);
            if (tunnel->filter) {
                count(&filters_, *tunnel->filter, more);
            }
        }
    }
    if (after) {
        source_of_[id] = after->source;
        gone_.erase(id);
    } else {
        source_of_.erase(id);
        if (before && statuses_.count(id) &&
            asked_sources_.count(before->source)) {
            gone_.insert(id);
        }
    }
    judge(id);
}

void
References::take(const Uuid &id, const TunnelStatus *before,
                 const TunnelStatus *after, const std::string &own_chassis)
{
    if (before && before->chassis == own_chassis) {
        auto of = statuses_.find(before->tunnel);
        of->second.erase(id);
        if (of->second.empty()) {
            statuses_.erase(of);
        }
    }
    if (after && after->chassis == own_chassis) {
        statuses_[after->tunnel][id] = after->bound;
    }
    for (const TunnelStatus *status : {before, after}) {
        if (status) {
            if (!statuses_.count(status->tunnel)) {
                gone_.erase(status->tunnel);
            }
            judge(status->tunnel);
        }
    }
}

/* Whether the tunnel, or others' status rows of it, are to be asked for. */
void
References::judge(const Uuid &tunnel)
{
    auto statuses = statuses_.find(tunnel);
    auto source = source_of_.find(tunnel);
    bool ours = statuses != statuses_.end();
    /* Most are found by their source: a clause less for each.  One that went
     * although it was asked for is deleted, or some row writer gave it another
     * source: either way it is not ours to serve, and each change of a
     * condition sends all of its clauses. */
    bool single =
        ours && !gone_.count(tunnel) &&
        (source == source_of_.end() || !asked_sources_.count(source->second));
    bool unbound =
        ours && std::any_of(statuses->second.begin(), statuses->second.end(),
                            [](const auto &s) { return !s.second; });
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
        for (const auto &[tunnel, rows] : statuses_) {
            judge(tunnel);
        }
    }
}

bool
References::take_changed()
{
    return std::exchange(changed_, false);
}

} // namespace pm
