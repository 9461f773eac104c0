/* Of whom the control database refused to be told, and who is tried next
 * (core).
 *
 * One bad row takes with it all that is in its transaction.  So who was in one
 * that was refused is tried by himself, and of those that pass ever more at
 * once; who was refused alone is the bad one, and comes last. */
#ifndef PLUGIN_SUSPECTS_H
#define PLUGIN_SUSPECTS_H 1

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "plugin/model.h"
#include "plugin/pace.h"

namespace pm {

class Suspects {
public:
    struct Some {
        std::set<Uuid> tunnels, filters;

        size_t size() const { return tunnels.size() + filters.size(); }
    };
    /* Between two of whom it is not known yet who is bad, at the most. */
    static constexpr int64_t FINDING_MS = 1000;

    bool empty() const { return tunnels_.empty() && filters_.empty(); }
    const std::set<Uuid> &tunnels() const { return tunnels_; }
    const std::set<Uuid> &filters() const { return filters_; }
    /* They were refused by themselves when they were last tried, which they
     * are until they pass. */
    const std::set<Uuid> &refused() const { return refused_; }
    /* And nothing has changed of them since. */
    const std::set<Uuid> &bad() const { return bad_; }
    bool is_bad(const Uuid &id) const { return bad_.count(id) > 0; }
    /* What the server said last; "" if there are none. */
    std::string why() const { return empty() ? "" : why_; }
    /* So many may pass that they should go in turn with other hypervisors'. */
    bool are_many() const;

    void add(Some, const std::string &why);
    /* When the next may be tried. */
    int64_t due_ms() const
    {
        return std::max(pause_.ends_ms(), finding_.ends_ms());
    }
    /* The next, who are none any more but on trial: 'most' of one kind, or
     * fewer. */
    Some take(size_t most);
    Some take_all();
    /* What came of a trial.  'some' that were refused are suspects again, and
     * so are those of whom nobody knows what came of it. */
    void refused(Some, const std::string &why, int64_t now_ms);
    void passed(const Some &);
    void not_known(Some, int64_t now_ms);
    /* What is to be said of it is not what was refused, or is being tried. */
    void clear(const Uuid &id);
    /* Nothing is to be said of one who was taken. */
    void forget(const Uuid &id);

private:
    size_t count_good() const;
    void put_back(Some);
    void say(const std::string &why);

    std::set<Uuid> tunnels_, filters_;
    /* Of these, and of those on trial. */
    std::set<Uuid> refused_, bad_;
    std::set<Uuid> on_trial_, changed_; /* Of whom some changed since. */
    Uuid last_tunnel_, last_filter_, last_bad_; /* They take turns. */
    bool tunnels_next_ = false;
    size_t most_ = 1;
    Backoff pause_; /* After the bad were refused again. */
    Backoff finding_{Backoff::FIRST_MS, FINDING_MS}; /* After others were. */
    std::string why_;
};

} // namespace pm

#endif /* PLUGIN_SUSPECTS_H */
