/* What the caller should know of an edit, and that refuses nothing. */
#include <map>
#include <utility>
#include <vector>

#include "plugin/edit.h"
#include "plugin/filter_cost.h"
#include "plugin/json_fields.h"
#include "plugin/parse.h"

namespace pm {

void
warn(Edit *edit, const EditContext &context)
{
    std::map<std::pair<Uuid, int64_t>, std::vector<Uuid>> sharing;
    for (const auto &[id, tunnel] : edit->model.tunnels) {
        if (may_see(edit->model, context, KIND<Tunnel>.key, id)) {
            sharing[{tunnel.destination, tunnel.vni}].push_back(id);
        }
    }
    for (const auto &[id, path] : edit->book.named) {
        const Filter *filter = find(edit->model.filters, id);
        if (filter && edit->book.changed.contains(id)) {
            Problems shadows = shadow_warnings(*filter, path);
            edit->warnings.insert(edit->warnings.end(), shadows.begin(),
                                  shadows.end());
        }
        const Tunnel *tunnel = find(edit->model.tunnels, id);
        if (!tunnel || !edit->book.changed.contains(id)) {
            continue;
        }
        for (const Uuid &other : sharing[{tunnel->destination, tunnel->vni}]) {
            if (other != id) {
                const Tunnel &twin = edit->model.tunnels.at(other);
                edit->warnings.push_back(
                    {"VNI_SHARED", join_path(path, "vni"),
                     "tunnel " +
                         quote(name_seen_from(tunnel->account, twin.account,
                                              twin.name)) +
                         " has VNI " + std::to_string(tunnel->vni) +
                         " at the same destination: the collector cannot "
                         "tell the two apart by it"});
                break;
            }
        }
        std::string peer = peer_account(edit->model, *tunnel);
        const Tunnel *before = find(edit->book.before.tunnels, id);
        if (!peer.empty() &&
            (!before || before->accepted != tunnel->accepted)) {
            edit->warnings.push_back(
                {"NETWORK_FEES", path,
                 "copies from account " + quote(tunnel->account) +
                     " to account " + quote(peer) +
                     " use the peering section between them and cost network "
                     "fees"});
        }
    }
}

} // namespace pm
