/* What the caller should know of an edit, and that refuses nothing. */
#include <map>
#include <utility>
#include <vector>

#include "plugin/check_network.h"
#include "plugin/edit.h"
#include "plugin/filter_cost.h"
#include "plugin/json_fields.h"
#include "plugin/parse.h"
#include "plugin/told.h"

namespace pm {

namespace {

class Warner {
public:
    Warner(Edit *edit, const EditContext &context)
        : edit_(edit), context_(context)
    {
        for (const auto &[id, tunnel] : edit->model.tunnels) {
            if (may_see(edit->model, context, KIND<Tunnel>.key, id)) {
                sharing_[{tunnel.destination, tunnel.vni}].push_back(id);
            }
        }
    }

    void warn()
    {
        for (const auto &[id, path] : edit_->book.named) {
            if (!edit_->book.changed.contains(id)) {
                continue;
            }
            if (const Filter *filter = find(edit_->model.filters, id)) {
                for (const Problem &shadow : shadow_warnings(*filter, path)) {
                    edit_->warnings.push_back(shadow);
                }
            }
            if (const Tunnel *tunnel = find(edit_->model.tunnels, id)) {
                warn_of_vni(id, *tunnel, path);
                const Tunnel *before = find(edit_->book.before.tunnels, id);
                if (!before || before->accepted != tunnel->accepted) {
                    warn_of_fees(*tunnel, path);
                    warn_of_permission(*tunnel, path);
                }
            }
        }
        for (const auto &[id, before] : edit_->book.before.resources) {
            const Resource *resource = find(edit_->model.resources, id);
            if (resource && before.target_id && !resource->target_id) {
                warn_of_loss(id, *resource);
            }
        }
    }

private:
    void add(const std::string &code, const std::string &path,
             const std::string &message)
    {
        edit_->warnings.push_back({code, path, message});
    }

    void warn_of_vni(const Uuid &id, const Tunnel &tunnel,
                     const std::string &path)
    {
        for (const Uuid &other : sharing_[{tunnel.destination, tunnel.vni}]) {
            if (other != id) {
                const Tunnel &twin = edit_->model.tunnels.at(other);
                add("VNI_SHARED", join_path(path, "vni"),
                    "tunnel " +
                        quote(name_seen_from(tunnel.account, twin.account,
                                             twin.name)) +
                        " has VNI " + std::to_string(tunnel.vni) +
                        " at the same destination: the collector cannot "
                        "tell the two apart by it");
                break;
            }
        }
    }

    void warn_of_fees(const Tunnel &tunnel, const std::string &path)
    {
        std::string peer = peer_account(edit_->model, tunnel);
        if (!peer.empty()) {
            add("NETWORK_FEES", path,
                "copies from account " + quote(tunnel.account) +
                    " to account " + quote(peer) +
                    " use the peering section between them and cost network "
                    "fees");
        }
    }

    /* What the guide cautions against; the ACG may yet be changed. */
    void warn_of_permission(const Tunnel &tunnel, const std::string &path)
    {
        auto answers =
            ask_network(edit_->model, tunnel,
                        outer_source_by_inventory(edit_->model, tunnel));
        auto permits = answers.conditions.find(PERMITS_VXLAN);
        if (permits != answers.conditions.end() &&
            permits->second.status == ConditionStatus::False) {
            const Answer &answer = permits->second;
            bool both_ends = context_.is_operator() ||
                             peer_account(edit_->model, tunnel).empty();
            add(answer.code, join_path(path, "destination"),
                both_ends ? answer.message : plain_reason(answer.code));
        }
    }

    void warn_of_loss(const Uuid &id, const Resource &resource)
    {
        std::vector<std::string> tunnels;
        for (const auto &[tunnel_id, tunnel] : edit_->model.tunnels) {
            if (tunnel.source == id || tunnel.destination == id) {
                tunnels.push_back(quote(tunnel.account + "/" + tunnel.name));
            }
        }
        if (!tunnels.empty() &&
            may_see(edit_->model, context_, KIND<Resource>.key, id)) {
            add("TARGET_MISSING",
                std::string(KIND<Resource>.key) + "[" +
                    path_key(full_name(resource)) + "].target",
                quote(to_json(edit_->book.before, KIND<Resource>.key, id)
                          .value("target", "")) +
                    " is not in the inventory any more; until it is, nothing "
                    "is copied by " +
                    list_some(tunnels));
        }
    }

    Edit *edit_;
    const EditContext &context_;
    std::map<std::pair<Uuid, int64_t>, std::vector<Uuid>> sharing_;
};

} // namespace

void
warn(Edit *edit, const EditContext &context)
{
    Warner(edit, context).warn();
}

} // namespace pm
