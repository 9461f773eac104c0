/* What an edit reaches beyond the rows that it changes (core; part of
 * finish()). */
#ifndef PLUGIN_TOUCHED_H
#define PLUGIN_TOUCHED_H 1

#include <initializer_list>
#include <set>
#include <vector>

#include "plugin/document.h"

namespace pm {

/* Some rows and those that depend on them by inventory. */
class Reach {
public:
    Reach(const Model &, std::set<Uuid> from);

    bool contains(const Uuid &id) const { return reached_.contains(id); }

private:
    void spread(const Uuid &to, std::initializer_list<Uuid> from);

    std::set<Uuid> reached_;
};

/* The tunnels that 'changed' rows bear on by reference or by a VPC crossed,
 * 'before' or 'after' the change; those that it takes away included. */
std::vector<Uuid> touched_tunnels(const Model &before, const Model &after,
                                  std::set<Uuid> changed);
/* Completes 'touched_tunnels'. */
void note_touched_tunnels(Edit *, const EditContext &);

} // namespace pm

#endif /* PLUGIN_TOUCHED_H */
