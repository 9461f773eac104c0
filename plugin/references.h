/* Which rows tunnels and their status rows refer to (core). */
#ifndef PLUGIN_REFERENCES_H
#define PLUGIN_REFERENCES_H 1

#include <map>
#include <set>
#include <string>

#include "plugin/model.h"

namespace pm {

/* What tunnels and their status rows refer to.  There are many of them, and
 * they refer to few rows, so this is kept as they come and go. */
class References {
public:
    /* Row 'id' of the model was 'before' and is 'after'; null: not there. */
    void take(const Uuid &id, const Tunnel *before, const Tunnel *after);
    void take(const Uuid &id, const TunnelStatus *before,
              const TunnelStatus *after, const std::string &own_chassis);
    /* Resources whose tunnels are asked for; others' are, one by one, where
     * there is a status row of ours. */
    void set_sources(std::set<Uuid> sources);

    /* How many tunnels refer to each. */
    const std::map<Uuid, int> &sources() const { return sources_; }
    const std::map<Uuid, int> &destinations() const { return destinations_; }
    const std::map<Uuid, int> &filters() const { return filters_; }
    /* Tunnels to be asked for one by one. */
    const std::set<Uuid> &singles() const { return singles_; }
    /* Tunnels whose NIC left while their status row here is not gone. */
    const std::set<Uuid> &unbound() const { return unbound_; }
    /* Whether any of these sets has changed since the last call. */
    bool take_changed();

private:
    void count(std::map<Uuid, int> *counts, const Uuid &id, int more);
    void judge(const Uuid &tunnel);

    std::map<Uuid, int> sources_, destinations_, filters_;
    std::map<Uuid, Uuid> source_of_; /* Of each tunnel. */
    /* Own status rows by tunnel, and whether they say that it is bound. */
    std::map<Uuid, std::map<Uuid, bool>> statuses_;
    std::set<Uuid> asked_sources_, singles_, unbound_;
    std::set<Uuid> gone_; /* Tunnels that went while they were asked for. */
    bool changed_ = false;
};

} // namespace pm

#endif /* PLUGIN_REFERENCES_H */
