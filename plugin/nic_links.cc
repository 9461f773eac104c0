#include "plugin/nic_links.h"

namespace pm {

namespace {

void
erase(std::map<std::string, std::set<Uuid>> *index, const std::string &key,
      const Uuid &id)
{
    auto i = index->find(key);
    if (i != index->end()) {
        i->second.erase(id);
        if (i->second.empty()) {
            index->erase(i);
        }
    }
}

bool
names_no_nic(const Resource &resource)
{
    return resource.type == ResourceType::NetworkInterface &&
           !resource.target_id && !resource.iface_id.empty();
}

} // namespace

void
NicLinks::complete(ModelDelta *delta)
{
    std::set<Uuid> concerned;
    for (const auto &[id, resource] : delta->resources) {
        if (auto was = unlinked_.find(id); was != unlinked_.end()) {
            erase(&waiting_, was->second.iface_id, id);
            unlinked_.erase(was);
        }
        if (resource && names_no_nic(*resource)) {
            unlinked_[id] = *resource;
            waiting_[resource->iface_id].insert(id);
            concerned.insert(id);
        }
    }
    for (const auto &[id, nic] : delta->nics) {
        std::string was = iface_ids_[id];
        std::string is = nic ? nic->iface_id : "";
        erase(&nics_, was, id);
        iface_ids_.erase(id);
        if (nic && !is.empty()) {
            nics_[is].insert(id);
            iface_ids_[id] = is;
        }
        for (const std::string &iface_id : {was, is}) {
            if (auto i = waiting_.find(iface_id); i != waiting_.end()) {
                concerned.insert(i->second.begin(), i->second.end());
            }
        }
    }
    for (const Uuid &id : concerned) {
        Resource resource = unlinked_.at(id);
        resource.target_id = nic_of(resource.iface_id);
        delta->resources[id] = resource;
    }
}

/* The first, should several rows have it. */
std::optional<Uuid>
NicLinks::nic_of(const std::string &iface_id) const
{
    auto i = nics_.find(iface_id);
    return i == nics_.end() ? std::nullopt : std::optional(*i->second.begin());
}

std::set<Uuid>
link_lost_nics(Model *model)
{
    std::map<std::string, std::set<Uuid>> lost;
    for (const auto &[id, resource] : model->resources) {
        if (names_no_nic(resource)) {
            lost[resource.iface_id].insert(id);
        }
    }
    std::set<Uuid> linked;
    if (lost.empty()) {
        return linked;
    }
    for (const auto &[nic, of_nic] : model->nics) {
        for (const Uuid &id : lost[of_nic.iface_id]) {
            model->resources.at(id).target_id = nic;
        }
        linked.merge(lost[of_nic.iface_id]);
        lost.erase(of_nic.iface_id);
    }
    return linked;
}

} // namespace pm
