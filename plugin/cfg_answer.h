/* When a cfg of the control database is answered (core).
 *
 * '--wait=hv' bumps it, and whoever did so waits until each hypervisor
 * concerned has answered with it, as of OVN's nb_cfg.  It is answered once
 * each tunnel and filter that had something to come when the cfg came was at
 * rest, and nothing of it was left to be said, once since: what came later
 * holds up nobody. */
#ifndef PLUGIN_CFG_ANSWER_H
#define PLUGIN_CFG_ANSWER_H 1

#include <cstdint>
#include <functional>
#include <optional>
#include <set>

#include "plugin/model.h"

namespace pm {

class CfgAnswer {
public:
    using IsSaid = std::function<bool(const Uuid &)>;

    /* What the daemon before us answered last, as our row says. */
    void inherit(int64_t cfg) { answered_ = cfg; }
    /* Whether 'cfg' has come since, and it is its turn. */
    bool is_next(int64_t cfg) const;
    /* It waits for these. */
    void begin(int64_t cfg, std::set<Uuid> tunnels, std::set<Uuid> filters);
    /* Goes on as far as these are at rest, one after the other, so that not
     * all of thousands are looked at again and again.  Returns whether it is
     * answered by that. */
    bool advance(const IsSaid &tunnel, const IsSaid &filter);
    /* The last one that was. */
    std::optional<int64_t> answered() const { return answered_; }
    /* Something of this hypervisor's was written while this cfg was the last
     * that had come. */
    void wrote(int64_t cfg) { written_ = cfg; }
    /* What our row, in which 'told' is read, is to say: the last one that was
     * answered, if this hypervisor has tunnels or that cfg concerned it.  Says
     * so again until it is read there. */
    std::optional<int64_t> to_tell(int64_t told, bool has_tunnels) const;
    /* Another control database, or another name there, counts for itself. */
    void forget();
    /* The control database is out of sight, and may come back as it was
     * earlier, to count the same once more: what our row says then is what
     * was answered, and the rest begins anew. */
    void lost_sight();
    /* What our row says now.  One that had the answer and has it no more is
     * of a database that was put back while it ran. */
    void read(int64_t told);

private:
    std::optional<int64_t> answering_, answered_, written_, read_;
    std::set<Uuid> tunnels_, filters_; /* That 'answering_' waits for. */
};

} // namespace pm

#endif /* PLUGIN_CFG_ANSWER_H */
