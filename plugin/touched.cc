#include "plugin/touched.h"

#include <algorithm>
#include <utility>

#include "plugin/check_network.h"

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

/* From and to, where the edit has a peering or connect: no row of a tunnel
 * refers to those. */
class CrossedVpcs {
public:
    CrossedVpcs(const Edit &edit, const std::set<Uuid> &rows)
    {
        for (const Model *model : {&edit.book.before, &edit.model}) {
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

/* What was named without a change is touched too: an earlier edit of it may
 * not be in force yet. */
void
note_touched_tunnels(Edit *edit)
{
    std::set<Uuid> from = edit->book.changed;
    for (const auto &[id, path] : edit->book.named) {
        from.insert(id);
    }
    const CrossedVpcs crossed(*edit, from);
    const Reach touched(edit->model, std::move(from));
    for (const auto &[id, tunnel] : edit->model.tunnels) {
        if (touched.contains(id) || crossed.by(edit->model, tunnel)) {
            edit->touched_tunnels.push_back(id);
        }
    }
    for (const auto &[id, tunnel] : edit->book.before.tunnels) {
        if (!find(edit->model.tunnels, id)) {
            edit->touched_tunnels.push_back(id);
        }
    }
}

} // namespace pm
