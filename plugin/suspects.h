/* Of whom the control database refused to be told, and who is tried next
 * (core).
 *
 * One bad row takes with it all that is in its transaction.  So who was in one
 * that was refused is tried by himself, and of those that pass ever more at
 * once; who was refused alone is the bad one, and comes last. */
#ifndef PLUGIN_SUSPECTS_H
#define PLUGIN_SUSPECTS_H 1

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

    bool empty() const { return tunnels_.empty() && filters_.empty(); }
    const std::set<Uuid> &tunnels() const { return tunnels_; }
    const std::set<Uuid> &filters() const { return filters_; }
    /* It was refused by itself, when it was last tried. */
    bool is_bad(const Uuid &id) const { return bad_.count(id) > 0; }
    bool any_bad() const { return !bad_.empty(); }
    /* What the server said last; "" if there are none. */
    std::string why() const { return empty() ? "" : why_; }
    /* So many may pass that they should go in turn with other hypervisors'. */
    bool are_many() const;

    void add(Some, const std::string &why);
    /* When the next may be tried. */
    int64_t due_ms() const { return pause_.ends_ms(); }
    /* The next, who are none any more: 'most' of one kind, or fewer. */
    Some take(size_t most);
    Some take_all();
    /* What came of it.  'some' that were refused are suspects again. */
    void refused(Some, const std::string &why, int64_t now_ms);
    void passed(const Some &);
    /* What is to be said of it is not what was refused, or nothing. */
    void clear(const Uuid &id);

private:
    size_t count_good() const;

    std::set<Uuid> tunnels_, filters_;
    std::set<Uuid> bad_; /* Of these, and of those that are being tried. */
    Uuid last_bad_;      /* That was taken: they take turns. */
    size_t most_ = 1;
    Backoff pause_;
    std::string why_;
};

} // namespace pm

#endif /* PLUGIN_SUSPECTS_H */
