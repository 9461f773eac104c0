/* The end of an edit: what needs all of it. */
#include <algorithm>

#include "plugin/check_network.h"
#include "plugin/edit.h"
#include "plugin/filter_cost.h"
#include "plugin/json_fields.h"
#include "plugin/nic_links.h"
#include "plugin/parse.h"
#include "plugin/target_peers.h"
#include "plugin/touched.h"

namespace pm {

namespace {

/* ------------------------------------------------------------------------
 * Completing the edit. */

/* Gives each tunnel put without a VNI the least that its account does not
 * use, neither in a tunnel nor in one still shutting down. */
void
choose_vnis(Edit *edit)
{
    /* A later command may have given it, or taken the tunnel away. */
    std::erase_if(edit->book.vni_wanted, [&](const Uuid &id) {
        const Tunnel *tunnel = find(edit->model.tunnels, id);
        return !tunnel || tunnel->vni;
    });
    std::map<std::string, std::set<int64_t>> used;
    if (!edit->book.vni_wanted.empty()) {
        for (const auto &[id, tunnel] : edit->model.tunnels) {
            used[tunnel.account].insert(tunnel.vni);
        }
        for (const auto &[id, status] : edit->model.tunnel_statuses) {
            used[status.account].insert(status.vni);
        }
    }
    std::map<std::string, int64_t> last;
    for (const Uuid &id : edit->book.vni_wanted) {
        Tunnel &tunnel = edit->model.tunnels.at(id);
        const std::string &account = tunnel.account;
        int64_t vni = last[account];
        do {
            vni++;
        } while (used[account].contains(vni));
        last[account] = vni;
        tunnel.vni = vni;
    }
}

/* ------------------------------------------------------------------------
 * Checking. */

/* The edited model as the checks shall see it: what the edit created is
 * younger than what was there, in the order given, whatever the clock says.
 */
Model
with_ages(const Edit &edit)
{
    Model model = edit.model;
    int64_t youngest = 0;
    for (const auto &[id, tunnel] : edit.book.before.tunnels) {
        youngest = std::max(youngest, tunnel.created_ms);
    }
    for (const auto &[id, resource] : edit.book.before.resources) {
        youngest = std::max(youngest, resource.created_ms);
    }
    /* A row without its time is younger than all that have one (precedes()),
     * and older than what comes now. */
    youngest = sum_of_counts(youngest, 1);
    auto give_age = [&](auto &rows) {
        for (auto &[id, row] : rows) {
            row.created_ms = row.created_ms ? row.created_ms : youngest;
        }
    };
    give_age(model.tunnels);
    give_age(model.resources);
    for (const Uuid &id : edit.book.created) {
        youngest = sum_of_counts(youngest, 1);
        if (auto tunnel = model.tunnels.find(id);
            tunnel != model.tunnels.end()) {
            tunnel->second.created_ms = youngest;
        } else if (auto resource = model.resources.find(id);
                   resource != model.resources.end()) {
            resource->second.created_ms = youngest;
        }
    }
    return model;
}

/* Takes the unsound rows out of what tunnels may refer to: the checks pass
 * over a reference whose row is missing, and so no fault is reported again
 * for each tunnel that meets it. */
void
leave_out(Model *model, const std::set<Uuid> &unsound)
{
    for (const Uuid &id : unsound) {
        model->vpcs.erase(id);
        model->subnets.erase(id);
        model->nics.erase(id);
        model->load_balancers.erase(id);
        model->collectors.erase(id);
        model->resources.erase(id);
        model->filters.erase(id);
    }
}

/* Runs the checks of one edit over what it reached. */
class Checker {
public:
    Checker(Edit *edit, const EditContext &context)
        : edit_(edit), context_(context),
          reach_(edit->model, edit->book.changed), after_(with_ages(*edit))
    {
        for (const Problem &problem : edit->problems) {
            faulty_paths_.insert(problem.path);
        }
    }

    void check()
    {
        check_iface_ids();
        check_readable();
        check_targets();
        check_filters();
        check_resources();
        leave_out(&after_, edit_->book.unsound);
        check_tunnels();
    }

private:
    const std::string *named_path(const Uuid &id) const
    {
        auto i = edit_->book.named.find(id);
        return i == edit_->book.named.end() ? nullptr : &i->second;
    }

    /* Runs 'check(model, path, problems)' for one row: all of its faults if
     * the edit named it, else only those that the edit brought about. */
    template <typename T, typename F>
    void run(const Uuid &id, const T &object, F check)
    {
        const std::string *named = named_path(id);
        Problems found;
        if (named) {
            check(after_, *named, &found);
        } else if (reach_.contains(id)) {
            const std::string path = std::string(KIND<T>.key) + "[" +
                                     path_key(full_name(object)) + "]";
            Problems old;
            check(edit_->book.before, path, &old);
            check(after_, path, &found);
            std::erase_if(found, [&](const Problem &problem) {
                return std::any_of(old.begin(), old.end(),
                                   [&](const Problem &other) {
                                       return other.code == problem.code &&
                                              other.path == problem.path;
                                   });
            });
        }
        for (Problem &problem : found) {
            if (!faulty_paths_.contains(problem.path)) {
                note_unsound(id, problem);
                edit_->problems.push_back(std::move(problem));
            }
        }
    }

    /* Of a fault in itself tunnels need not hear again; of a conflict with
     * another they may have their own to say (SAME_NIC). */
    void note_unsound(const Uuid &id, const Problem &problem)
    {
        if (problem.code == "NOT_OWNER" ||
            problem.code == "PURPOSE_MISMATCH") {
            edit_->book.unsound.insert(id);
        }
    }

    void check_iface_ids()
    {
        std::map<std::string, std::vector<Uuid>> nics;
        for (const auto &[id, nic] : edit_->model.nics) {
            if (!nic.iface_id.empty()) {
                nics[nic.iface_id].push_back(id);
            }
        }
        for (const auto &[iface_id, ids] : nics) {
            for (const Uuid &id : ids) {
                const std::string *path = named_path(id);
                if (ids.size() < 2 || !path || !is_blamed(id, ids)) {
                    continue;
                }
                edit_->problems.push_back(
                    {"DUPLICATE", join_path(*path, "iface_id"),
                     "another NIC has the iface_id " + quote(iface_id) +
                         ": give each its own"});
            }
        }
    }

    /* Refuses to begin what the checks cannot judge: a new resource, a tunnel
     * that is made, accepted or turned to another destination. */
    void check_readable()
    {
        auto refuse = [&](const Uuid &id, const std::string &path,
                          const char *key, const Uuid &resource) {
            if (!faulty_paths_.contains(join_path(path, key)) &&
                leads_to_unreadable(*edit_, resource)) {
                edit_->problems.push_back(
                    {"UNREADABLE", join_path(path, key),
                     "a row of it, or of the network that it is in, cannot be "
                     "read, so that nothing can be checked: the operator "
                     "mends that row, which each of his lists names"});
                edit_->book.unsound.insert(id);
            }
        };
        for (const auto &[id, path] : edit_->book.named) {
            if (find(edit_->model.resources, id) &&
                !find(edit_->book.before.resources, id)) {
                refuse(id, path, "target", id);
            }
        }
        for (const auto &[id, path] : edit_->book.named) {
            const Tunnel *tunnel = find(edit_->model.tunnels, id);
            const Tunnel *before = find(edit_->book.before.tunnels, id);
            if (tunnel &&
                (begins(id, *tunnel) ||
                 before->destination != tunnel->destination) &&
                !edit_->book.unsound.contains(tunnel->destination)) {
                refuse(id, path, "source", tunnel->source);
                refuse(id, path, "destination", tunnel->destination);
            }
        }
    }

    /* Refuses to begin what leads to or from a target that is gone. */
    void check_targets()
    {
        for (const auto &[id, path] : edit_->book.named) {
            const Tunnel *tunnel = find(edit_->model.tunnels, id);
            const Tunnel *before = find(edit_->book.before.tunnels, id);
            if (!tunnel || (!begins(id, *tunnel) &&
                            before->destination == tunnel->destination)) {
                continue;
            }
            for (const std::string &key :
                 ends_without_target(edit_->model, *tunnel)) {
                const Uuid &end =
                    key == "source" ? tunnel->source : tunnel->destination;
                const std::string at = join_path(path, key);
                if (faulty_paths_.contains(at) ||
                    edit_->book.unsound.contains(end)) {
                    continue;
                }
                edit_->problems.push_back(
                    {"TARGET_MISSING", at, say_missing(end)});
                edit_->book.unsound.insert(id);
            }
        }
    }

    /* Without a name for whom the resource is not to know of. */
    std::string say_missing(const Uuid &id) const
    {
        const Resource &resource = edit_->model.resources.at(id);
        if (!may_see(edit_->model, context_, KIND<Resource>.key, id)) {
            return "what its resource stands for is not in the inventory: "
                   "the resource's account adds that again";
        }
        return "the target " + quote(resource.target) + " of resource " +
               quote(resource.name) +
               " is not in the inventory: add it again, or name another "
               "resource";
    }

    /* Of rows in conflict those are to blame that the edit changed, or all
     * but one when it created them all. */
    bool is_blamed(const Uuid &id, const std::vector<Uuid> &ids) const
    {
        const auto &created = edit_->book.created;
        auto at = std::find(created.begin(), created.end(), id);
        if (at == created.end()) {
            return edit_->book.changed.contains(id);
        }
        return std::any_of(ids.begin(), ids.end(), [&](const Uuid &other) {
            return std::find(at, created.end(), other) == created.end();
        });
    }

    void check_filters()
    {
        /* Rules were checked when put: nothing else can make one wrong. */
        for (const auto &[id, path] : edit_->book.named) {
            if (const Filter *filter = find(edit_->model.filters, id)) {
                run(id, *filter,
                    [&](const Model &, const std::string &at, Problems *out) {
                        check_name(filter->name, at, out);
                        check_note(filter->note, at, out);
                        check_filter_cost(*filter, context_.limits, at, out);
                    });
            }
        }
    }

    void check_resources()
    {
        const TargetPeers peers(after_.resources);
        for (const auto &[id, resource] : edit_->model.resources) {
            auto check = [&, id = id](const Model &model,
                                      const std::string &path, Problems *out) {
                const Resource *row = find(model.resources, id);
                if (row) {
                    check_resource_itself(model, *row, path, out);
                }
            };
            auto check_others = [&, id = id](const Model &model,
                                             const std::string &path,
                                             Problems *out) {
                const Resource *row = find(model.resources, id);
                if (row) {
                    check_resource_among_others(
                        &model == &after_ ? peers.of(id) : model.resources, id,
                        target_account(model, *row), path, out);
                }
            };
            run(id, resource, check);
            if (!edit_->book.unsound.contains(id)) {
                run(id, resource, check_others);
            }
        }
    }

    void check_tunnels()
    {
        std::map<Uuid, Model> by_source;
        for (const auto &[id, tunnel] : after_.tunnels) {
            by_source[tunnel.source].tunnels[id] = tunnel;
        }
        for (const auto &[id, tunnel] : edit_->model.tunnels) {
            run(id, tunnel,
                [&, id = id](const Model &model, const std::string &path,
                             Problems *out) {
                    check_tunnel(model, id, path, out);
                });
            /* Only an edit of the tunnel itself can make these wrong. */
            if (named_path(id) && !edit_->book.unsound.contains(id)) {
                run(id, tunnel,
                    [&, id = id, source = tunnel.source](
                        const Model &, const std::string &path,
                        Problems *out) {
                        check_tunnel_among_others(by_source[source], id,
                                                  context_.limits, path, out);
                        if (out->empty()) {
                            check_made_alike(by_source[source], id, path, out);
                        }
                    });
            }
            if (begins(id, tunnel)) {
                run(id, tunnel,
                    [&, id = id](const Model &model, const std::string &path,
                                 Problems *out) {
                        check_network(model, id, path, out);
                    });
            }
        }
    }

    /* Of two tunnels alike the younger is at fault, unless the edit made the
     * older one so: else that would put the other into error. */
    void check_made_alike(const Model &peers, const Uuid &id,
                          const std::string &path, Problems *out)
    {
        const Tunnel &tunnel = peers.tunnels.at(id);
        const Tunnel *before = find(edit_->book.before.tunnels, id);
        if (!before || (before->destination == tunnel.destination &&
                        before->filter == tunnel.filter)) {
            return;
        }
        Model model;
        for (const auto &[other_id, other] : peers.tunnels) {
            if (!named_path(other_id)) {
                model.tunnels[other_id] = other;
                model.tunnels[other_id].created_ms = 1;
            }
        }
        model.tunnels[id] = tunnel;
        model.tunnels[id].created_ms = 2;
        check_tunnel_among_others(model, id, context_.limits, path, out);
        std::erase_if(*out, [](const Problem &problem) {
            return problem.code != "DUPLICATE_TUNNEL";
        });
    }

    /* Whether the edit creates or accepts the tunnel.  Later the network is
     * a standing condition, which refuses nothing. */
    bool begins(const Uuid &id, const Tunnel &tunnel) const
    {
        const Tunnel *before = find(edit_->book.before.tunnels, id);
        return !before ||
               (tunnel.accepted && before->accepted != tunnel.accepted);
    }

    Edit *edit_;
    const EditContext &context_;
    Reach reach_;
    Model after_;
    std::set<std::string> faulty_paths_;
};

/* Keeps the first of the problems that name the same code and path. */
void
drop_repeated(Problems *problems)
{
    std::set<std::pair<std::string, std::string>> seen;
    std::erase_if(*problems, [&](const Problem &problem) {
        return !seen.emplace(problem.code, problem.path).second;
    });
}

} // namespace

std::set<Uuid>
link_resources(Edit *edit)
{
    std::set<Uuid> linked = link_lost_nics(&edit->model);
    for (auto &[id, resource] : edit->model.resources) {
        const Resource old = resource;
        switch (resource.type) {
        case ResourceType::NetworkInterface:
            if (resource.target_id) {
                const Nic *nic = find(edit->model.nics, *resource.target_id);
                if (nic) {
                    resource.iface_id = nic->iface_id;
                }
            }
            break;
        case ResourceType::LoadBalancer:
            if (!resource.target_id) {
                resource.target_id =
                    id_of(*edit, KIND<LoadBalancer>.key, resource.target);
            }
            break;
        case ResourceType::Collector:
            if (!resource.target_id) {
                resource.target_id =
                    id_of(*edit, KIND<Collector>.key, resource.target);
            }
            break;
        }
        if (!(resource == old)) {
            linked.insert(id);
        }
    }
    return linked;
}

void
finish(Edit *edit, const EditContext &context)
{
    if (!edit->book.begun) {
        return;
    }
    erase_what_was_put_off(edit, context);
    edit->book.changed.merge(link_resources(edit));
    choose_vnis(edit);
    check_inventory(edit);
    Checker checker(edit, context);
    checker.check();
    drop_repeated(&edit->problems);
    note_touched_tunnels(edit, context);
    warn(edit, context);
}

} // namespace pm
