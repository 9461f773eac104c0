/* The steps that put(), erase(), the life cycle and the console's own edits
 * share (core; the inside of document.h). */
#ifndef PLUGIN_EDIT_H
#define PLUGIN_EDIT_H 1

#include <string>
#include <vector>

#include "plugin/document.h"
#include "plugin/kinds.h"

namespace pm {

/* Makes ready for the first edit: remembers the model as it is and indexes
 * the names in it. */
void begin(Edit *);

/* Takes a row out of the edited model. */
template <typename T>
void
remove_row(Edit *edit, const Uuid &id)
{
    auto &table = edit->model.*KIND<T>.table;
    auto row = table.find(id);
    edit->book.ids[KIND<T>.key].erase(full_name(row->second));
    edit->book.changed.insert(id);
    table.erase(row);
}

/* Whose request it is to accept, when it is another account's than the
 * tunnel's; else empty. */
std::string peer_account(const Model &, const Tunnel &);

void record_event(Edit *, const EditContext &, const Resource &,
                  const std::string &event, const std::string &message);
void record_event(Edit *, const EditContext &, const Filter &,
                  const std::string &event, const std::string &message);
/* Records for both ends' accounts to see. */
void record_event(Edit *, const EditContext &, const Tunnel &,
                  const std::string &event, const std::string &message);

/* Takes a tunnel away, with its event ("deleted" or "rejected"). */
void remove_tunnel(Edit *, const EditContext &, const Uuid &,
                   const std::string &event, const std::string &message);

/* The tunnels of that name that are shutting down, as far as the caller may
 * know of them. */
std::set<Uuid> shutting_down(const Edit &, const EditContext &,
                             const std::string &name);

/* Whether a resource, its target or the network that the target is in has a
 * row that cannot be read: checks pass over what such a row would say. */
bool leads_to_unreadable(const Edit &, const Uuid &resource);

/* Inventory that the edit makes contradict rows which it may not have put: a
 * connect whose VPC is not transit any more, a load balancer whose subnet is
 * in another VPC. */
void check_inventory(Edit *);

/* Links resources to their targets: a NIC by its iface_id, whatever its name
 * is now, so that a VM that comes back is mirrored again; the others by
 * name.  The resource keeps the name its target was given by.  A NIC that
 * changes its iface_id takes its resources along.  Returns the resources that
 * this changes. */
std::set<Uuid> link_resources(Edit *);

/* The first ten of these, and how many more there are. */
std::string list_some(const std::vector<std::string> &);

/* Completes 'warnings'. */
void warn(Edit *, const EditContext &);

/* Tries again to erase the object of that name, if the edit has said so and
 * it was in use: what used it may have gone meanwhile. */
void erase_what_is_free(Edit *, const EditContext &, const std::string &kind,
                        const std::string &full_name);

/* Erases what was in use when the edit first said so; what is so still is a
 * problem now. */
void erase_what_was_put_off(Edit *, const EditContext &);

} // namespace pm

#endif /* PLUGIN_EDIT_H */
