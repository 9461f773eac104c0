/* The resources that one resource can be in conflict with: those of its
 * target, be it by name, by row, or by the iface_id of a NIC that had another
 * name when one of them was made.  Part of finish(), which cannot compare each
 * of ten thousand resources with all. */
#ifndef PLUGIN_TARGET_PEERS_H
#define PLUGIN_TARGET_PEERS_H 1

#include <map>
#include <set>
#include <string>
#include <vector>

#include "plugin/model.h"

namespace pm {

class TargetPeers {
public:
    /* 'resources' must outlive this. */
    explicit TargetPeers(const Table<Resource> &resources)
        : resources_(resources)
    {
        for (const auto &[id, resource] : resources) {
            for (const std::string &key : keys(resource)) {
                ids_[key].insert(id);
            }
        }
    }

    /* The resource itself among them. */
    Table<Resource> of(const Uuid &resource_id) const
    {
        Table<Resource> peers;
        if (const Resource *resource = find(resources_, resource_id)) {
            for (const std::string &key : keys(*resource)) {
                for (const Uuid &id : ids_.at(key)) {
                    peers.emplace(id, resources_.at(id));
                }
            }
        }
        return peers;
    }

private:
    static std::vector<std::string> keys(const Resource &resource)
    {
        std::vector<std::string> keys{"name " + resource.target};
        if (resource.target_id) {
            keys.push_back("row " + resource.target_id->to_string());
        }
        if (!resource.iface_id.empty()) {
            keys.push_back("nic " + resource.iface_id);
        }
        return keys;
    }

    const Table<Resource> &resources_;
    std::map<std::string, std::set<Uuid>> ids_;
};

} // namespace pm

#endif /* PLUGIN_TARGET_PEERS_H */
