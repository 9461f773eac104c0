/* Which child rows each parent has, found from either side (core). */
#ifndef PLUGIN_CHILDREN_H
#define PLUGIN_CHILDREN_H 1

#include <set>

#include "plugin/flat_set.h"
#include "plugin/model.h"
#include "plugin/value_of.h"

namespace pm {

/* Rules of filters, members of load balancers: whether they have arrived or
 * not.  Rows that the schema lets in may have a child in common. */
class Children {
public:
    const FlatSet<Uuid> &of(const Uuid &parent) const
    {
        return or_none(value_of(by_parent_, parent));
    }
    const FlatSet<Uuid> &parents_of(const Uuid &child) const
    {
        return or_none(value_of(by_child_, child));
    }

    void set(const Uuid &parent, const std::set<Uuid> &children)
    {
        erase(parent);
        for (const Uuid &child : children) {
            by_parent_[parent].insert(child);
            by_child_[child].insert(parent);
        }
    }
    void erase(const Uuid &parent)
    {
        for (const Uuid &child : of(parent)) {
            auto parents = by_child_.find(child);
            parents->second.erase(parent);
            if (parents->second.empty()) {
                by_child_.erase(parents);
            }
        }
        by_parent_.erase(parent);
    }
    void clear() { *this = Children(); }

private:
    static const FlatSet<Uuid> &or_none(const FlatSet<Uuid> *rows)
    {
        static const FlatSet<Uuid> none;
        return rows ? *rows : none;
    }

    UuidMap<FlatSet<Uuid>> by_parent_, by_child_;
};

} // namespace pm

#endif /* PLUGIN_CHILDREN_H */
