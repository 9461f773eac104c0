/* Inventory that an edit makes contradict what else is there. */
#include "plugin/edit.h"
#include "plugin/json_fields.h"

namespace pm {

namespace {

/* Whether the transit VPC of that connect, if it is there, is not one. */
bool
is_not_transit(const Model &model, const Uuid &connect_id)
{
    const TransitConnect *connect = find(model.connects, connect_id);
    const Vpc *vpc =
        connect ? find(model.vpcs, connect->transit_vpc) : nullptr;
    return vpc && vpc->kind != VpcKind::Transit;
}

/* Whether the subnet of that load balancer, if it is there, is in another
 * VPC. */
bool
is_elsewhere(const Model &model, const Uuid &lb_id)
{
    const LoadBalancer *lb = find(model.load_balancers, lb_id);
    const Subnet *subnet =
        lb && lb->subnet ? find(model.subnets, *lb->subnet) : nullptr;
    return subnet && !subnet->vpc.is_zero() && !lb->vpc.is_zero() &&
           subnet->vpc != lb->vpc;
}

} // namespace

void
check_inventory(Edit *edit)
{
    /* What was put with a fault has heard of it; what was wrong before is not
     * this edit's. */
    auto refuse = [&](const Uuid &id, const Uuid &row, const char *key,
                      bool was_wrong, const std::string &message) {
        auto named = edit->book.named.find(row);
        if (!was_wrong && named != edit->book.named.end() &&
            !edit->book.unsound.contains(id)) {
            edit->problems.push_back(
                {"MISMATCH", join_path(named->second, key), message});
        }
    };
    for (const auto &[id, connect] : edit->model.connects) {
        if (is_not_transit(edit->model, id)) {
            refuse(id, connect.transit_vpc, "kind",
                   is_not_transit(edit->book.before, id),
                   "connect " + quote(connect.name) +
                       " needs a transit VPC here: leave it one, or delete "
                       "the connect");
        }
    }
    for (const auto &[id, lb] : edit->model.load_balancers) {
        if (is_elsewhere(edit->model, id)) {
            refuse(id, *lb.subnet, "vpc", is_elsewhere(edit->book.before, id),
                   "load balancer " + quote(lb.name) +
                       " of another VPC is in this subnet: leave the subnet "
                       "where it is, or move the load balancer too");
        }
    }
}

} // namespace pm
