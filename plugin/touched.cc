#include "plugin/touched.h"

#include <algorithm>
#include <utility>

#include "plugin/check_network.h"
#include "plugin/kinds.h"

namespace pm {

Reach::Reach(const Model &model, std::set<Uuid> from)
    : reached_(std::move(from))
{
    for (const auto &[id, subnet] : model.subnets) {
        spread(id, {subnet.vpc});
    }
    for (const auto &[id, nic] : model.nics) {
        spread(id, {nic.subnet.value_or(Uuid{})});
    }
    for (const auto &[id, lb] : model.load_balancers) {
        spread(id, {lb.vpc, lb.subnet.value_or(Uuid{})});
        for (const LoadBalancerMember &member : lb.members) {
            spread(id, {member.nic.value_or(Uuid{})});
        }
    }
    for (const auto &[id, resource] : model.resources) {
        spread(id, {resource.target_id.value_or(Uuid{})});
    }
    for (const auto &[id, tunnel] : model.tunnels) {
        spread(id, {tunnel.source, tunnel.destination,
                    tunnel.filter.value_or(Uuid{})});
    }
}

void
Reach::spread(const Uuid &to, std::initializer_list<Uuid> from)
{
    if (std::any_of(from.begin(), from.end(),
                    [&](const Uuid &id) { return reached_.contains(id); })) {
        reached_.insert(to);
    }
}

namespace {

/* From and to, where a peering or connect changes: no row of a tunnel refers
 * to those. */
class CrossedVpcs {
public:
    CrossedVpcs(const Model &before, const Model &after,
                const std::set<Uuid> &rows)
    {
        for (const Model *model : {&before, &after}) {
            for (const Uuid &id : rows) {
                if (const Peering *peering = find(model->peerings, id)) {
                    pairs_.emplace(peering->from, peering->to);
                }
                if (const TransitConnect *connect =
                        find(model->connects, id)) {
                    pairs_.emplace(connect->vpc, connect->transit_vpc);
                }
            }
        }
    }

    bool by(const Model &model, const Tunnel &tunnel) const
    {
        if (pairs_.empty()) {
            return false;
        }
        auto vpcs = ask_network(model, tunnel, std::nullopt).vpcs;
        return vpcs && pairs_.contains(*vpcs);
    }

private:
    std::set<std::pair<Uuid, Uuid>> pairs_;
};

} // namespace

std::vector<Uuid>
touched_tunnels(const Model &before, const Model &after,
                std::set<Uuid> changed)
{
    const CrossedVpcs crossed(before, after, changed);
    const Reach reached(after, std::move(changed));
    std::vector<Uuid> touched;
    for (const auto &[id, tunnel] : after.tunnels) {
        if (reached.contains(id) || crossed.by(after, tunnel)) {
            touched.push_back(id);
        }
    }
    for (const auto &[id, tunnel] : before.tunnels) {
        if (!find(after.tunnels, id)) {
            touched.push_back(id);
        }
    }
    return touched;
}

/* What was named without a change is touched too: an earlier edit of it may
 * not be in force yet.  What the caller may not see is no doing of his: a
 * target that came back by rows was found again by his edit. */
void
note_touched_tunnels(Edit *edit, const EditContext &context)
{
    std::set<Uuid> from = edit->book.changed;
    for (const auto &[id, path] : edit->book.named) {
        from.insert(id);
    }
    for (const Uuid &id :
         touched_tunnels(edit->book.before, edit->model, std::move(from))) {
        const char *kind = KIND<Tunnel>.key;
        if (may_see(edit->book.before, context, kind, id) ||
            may_see(edit->model, context, kind, id)) {
            edit->touched_tunnels.push_back(id);
        }
    }
}

} // namespace pm
