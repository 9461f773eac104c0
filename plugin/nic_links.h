/* Finds the NIC of a resource again (core).
 *
 * A resource's reference to its NIC is weak: it is empty once the NIC's row is
 * gone from the inventory.  When a NIC of that iface_id returns the console
 * writes the reference anew; a control plane that writes rows need not, the
 * iface_id decides. */
#ifndef PLUGIN_NIC_LINKS_H
#define PLUGIN_NIC_LINKS_H 1

#include <map>
#include <optional>
#include <set>
#include <string>

#include "plugin/model.h"

namespace pm {

class NicLinks {
public:
    /* Takes in the changes of rows and completes them in place: a resource
     * that names no NIC has the one of its iface_id for target, if there is
     * one. */
    void complete(ModelDelta *delta);

private:
    std::optional<Uuid> nic_of(const std::string &iface_id) const;

    std::map<Uuid, std::string> iface_ids_; /* Of NICs. */
    std::map<std::string, std::set<Uuid>> nics_;
    /* Resources that name no NIC, as their rows have it, and by iface_id. */
    std::map<Uuid, Resource> unlinked_;
    std::map<std::string, std::set<Uuid>> waiting_;
};

/* The same of a whole model.  Returns the resources that it completed. */
std::set<Uuid> link_lost_nics(Model *);

} // namespace pm

#endif /* PLUGIN_NIC_LINKS_H */
