/* Accepting and rejecting requests of other accounts. */
#include <algorithm>

#include "plugin/edit.h"
#include "plugin/lifecycle.h"
#include "plugin/parse.h"

namespace pm {

namespace {

/* The tunnels that are shutting down and the caller's to know of, with whose
 * status 'is_meant' agrees. */
template <typename F>
std::set<Uuid>
select_shutting_down(const Edit &edit, const EditContext &context, F is_meant)
{
    std::set<Uuid> found;
    for (const auto &[id, status] : edit.model.tunnel_statuses) {
        if (!find(edit.model.tunnels, status.tunnel) &&
            (context.is_operator() ||
             context.own_account() == status.account ||
             context.own_account() == status.destination_account) &&
            is_meant(status)) {
            found.insert(status.tunnel);
        }
    }
    return found;
}

/* Whether 'name', a bare one, is of a request to the caller that was accepted
 * and is shutting down. */
bool
is_request_shutting_down(const Edit &edit, const EditContext &context,
                         const std::string &name)
{
    return !select_shutting_down(edit, context, [&](const auto &status) {
                return status.name == name &&
                       status.account != status.destination_account &&
                       (context.is_operator() ||
                        status.destination_account == context.own_account());
            }).empty();
}

std::string
tunnel_path(const std::string &name)
{
    return "mirror_tunnels[" + path_key(name) + "]";
}

/* The tunnel whose request 'name' means, or nullopt after a problem. */
std::optional<Uuid>
find_request(Edit *edit, const EditContext &context, const std::string &name)
{
    std::vector<Uuid> waiting, others;
    auto own =
        id_of(*edit, KIND<Tunnel>.key, context.own_account() + "/" + name);
    if (name.find('/') != std::string::npos) {
        own = id_of(*edit, KIND<Tunnel>.key, name);
        if (own && !may_see(edit->model, context, KIND<Tunnel>.key, *own)) {
            own.reset();
        }
    } else {
        for (const auto &[id, tunnel] : edit->model.tunnels) {
            std::string peer = peer_account(edit->model, tunnel);
            if (tunnel.name == name && !peer.empty() &&
                (context.is_operator() || peer == context.own_account())) {
                (is_accepted(edit->model, tunnel) ? others : waiting)
                    .push_back(id);
            }
        }
    }
    if (waiting.size() > 1) {
        edit->problems.push_back(
            {"AMBIGUOUS", tunnel_path(name),
             "several accounts request a tunnel of that name: say "
             "ACCOUNT/NAME"});
        return std::nullopt;
    }
    if (!waiting.empty()) {
        return waiting[0];
    }
    if (own) {
        return own;
    }
    if (!others.empty()) {
        return others[0];
    }
    if (!shutting_down(*edit, context, name).empty() ||
        is_request_shutting_down(*edit, context, name)) {
        edit->problems.push_back({"INVALID_STATE", tunnel_path(name),
                                  "the tunnel is shutting down: there is "
                                  "nothing to accept or reject"});
    } else {
        edit->problems.push_back(
            {"NOT_FOUND", tunnel_path(name),
             "there is no tunnel " + quote(name) +
                 ": mend its name, or its account as ACCOUNT/NAME"});
    }
    return std::nullopt;
}

/* Finds a request that the caller may answer. */
std::optional<Uuid>
find_answerable(Edit *edit, const EditContext &context,
                const std::string &name)
{
    begin(edit);
    auto id = find_request(edit, context, name);
    if (!id) {
        return std::nullopt;
    }
    const Tunnel &tunnel = edit->model.tunnels.at(*id);
    if (is_accepted(edit->model, tunnel)) {
        edit->problems.push_back({"INVALID_STATE", tunnel_path(name),
                                  "the tunnel is not waiting for "
                                  "acceptance: there is nothing to accept "
                                  "or reject"});
        return std::nullopt;
    }
    if (!context.is_operator() &&
        peer_account(edit->model, tunnel) != context.own_account()) {
        edit->problems.push_back(
            {"NOT_ACCEPTOR", tunnel_path(name),
             "only the destination's account accepts or rejects: ask it to, "
             "or delete the tunnel"});
        return std::nullopt;
    }
    return id;
}

} // namespace

std::set<Uuid>
shutting_down(const Edit &edit, const EditContext &context,
              const std::string &name)
{
    const std::string wanted =
        full_name_of<Tunnel>(name, context.own_account());
    return select_shutting_down(edit, context, [&](const auto &status) {
        return status.account + "/" + status.name == wanted;
    });
}

void
accept_tunnel(Edit *edit, const EditContext &context, const std::string &name,
              std::optional<int64_t> generation)
{
    auto id = find_answerable(edit, context, name);
    if (!id) {
        return;
    }
    Tunnel &tunnel = edit->model.tunnels.at(*id);
    if (generation && *generation != tunnel.generation) {
        edit->problems.push_back({"STALE_REQUEST", tunnel_path(name),
                                  "the request is now generation " +
                                      std::to_string(tunnel.generation) +
                                      ", not " + std::to_string(*generation) +
                                      ": look at it again and accept that"});
        return;
    }
    tunnel.accepted =
        Acceptance{context.own_account(), context.now_ms, tunnel.generation};
    tunnel.updated_ms = context.now_ms;
    edit->book.named.emplace(*id, tunnel_path(name));
    edit->book.changed.insert(*id);
    record_event(edit, context, tunnel, "accepted", "");
}

void
reject_tunnel(Edit *edit, const EditContext &context, const std::string &name)
{
    auto id = find_answerable(edit, context, name);
    if (id) {
        remove_tunnel(edit, context, *id, "rejected", "");
    }
}

} // namespace pm
