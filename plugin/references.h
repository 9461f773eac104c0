/* Which rows tunnels and their status rows refer to (core). */
#ifndef PLUGIN_REFERENCES_H
#define PLUGIN_REFERENCES_H 1

#include <map>
#include <optional>
#include <set>
#include <string>

#include "plugin/flat_set.h"
#include "plugin/model.h"

namespace pm {

/* What tunnels and their status rows refer to.  There are many of them, and
 * they refer to few rows, so this is kept as they come and go. */
class References {
public:
    /* Row 'id' is 'now'; null: not there. */
    void take(const Uuid &id, const Tunnel *now);
    void take(const Uuid &id, const TunnelStatus *now,
              const std::string &own_chassis);
    /* Resources whose tunnels are asked for; others' are, one by one, where
     * there is a status row of ours. */
    void set_sources(std::set<Uuid> sources);

    /* Rows that are there. */
    bool has_tunnel(const Uuid &id) const { return tunnels_.count(id) > 0; }
    bool has_status(const Uuid &id) const { return statuses_.count(id) > 0; }
    std::set<Uuid> tunnels() const;
    std::set<Uuid> statuses() const;
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
    struct Ends { /* Of a tunnel. */
        Uuid source, destination;
        std::optional<Uuid> filter;
    };
    struct Word { /* Of a status row. */
        Uuid tunnel;
        bool own, bound;
    };

    void count(std::map<Uuid, int> *counts, const Uuid &id, int more);
    void count(const std::optional<Ends> &, int more);
    void judge(const Uuid &tunnel);

    std::map<Uuid, int> sources_, destinations_, filters_;
    /* There are thousands of both: what follows from them and no more. */
    UuidMap<Ends> tunnels_;
    UuidMap<Word> statuses_;
    UuidMap<FlatSet<Uuid>> own_by_tunnel_; /* Tunnel -> status rows. */
    std::set<Uuid> asked_sources_, singles_, unbound_;
    std::set<Uuid> gone_; /* Tunnels that went while they were asked for. */
    bool changed_ = false;
};

} // namespace pm

#endif /* PLUGIN_REFERENCES_H */
