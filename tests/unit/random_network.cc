/* RandomHost, what joins the VPCs. */
#include "tests/unit/random_host.h"

namespace pm {

/* Its routes: over peerings to nic6 and nic7, as put_nic() has them, and over
 * a connect to the load balancer. */
void
RandomHost::put_subnet(uint32_t n)
{
    uint32_t vpc = n % VPCS;
    auto peering_to = [&](uint32_t to) {
        return numbered("peering",
                        vpc * VPCS + (chance(90) ? to : pick(VPCS)));
    };
    Subnet subnet;
    subnet.name = numbered("subnet", n);
    subnet.vpc = row_id(Row::Vpc, vpc);
    subnet.cidr = *Cidr::parse("10." + std::to_string(n) + ".0.0/16");
    subnet.routes = {{*Cidr::parse("10.1.0.0/29"), peering_to(6 % VPCS)},
                     {*Cidr::parse("10.1.0.0/16"), peering_to(7 % VPCS)},
                     {*Cidr::parse("10.2.0.9/32"), numbered("connect", vpc)}};
    if (chance(50)) {
        subnet.gateway = ip_of("10." + std::to_string(n) + ".0.1");
        subnet.gateway_mac = chance(90) ? mac_of(200 + n) : "junk";
    }
    model.subnets[row_id(Row::Subnet, n)] = subnet;
}

/* Peerings, connects and routes come, go and change. */
void
RandomHost::edit_network()
{
    uint32_t n = pick(VPCS * VPCS), from = n / VPCS, to = n % VPCS;
    Uuid peering = row_id(Row::Peering, n), connect = row_id(Row::Connect, to),
         subnet = row_id(Row::Subnet, pick(SUBNETS));
    switch (pick(5)) {
    case 0:
        if (!model.peerings.erase(peering)) {
            model.peerings[peering] = {
                numbered("peering", n), row_id(Row::Vpc, from),
                row_id(Row::Vpc, chance(80) ? to : pick(VPCS)), chance(80)};
        }
        break;
    case 1:
        if (model.peerings.count(peering)) {
            model.peerings[peering].active = !model.peerings[peering].active;
        }
        break;
    case 2:
        if (!model.connects.erase(connect)) {
            model.connects[connect] = {
                numbered("connect", to), row_id(Row::Vpc, to),
                row_id(Row::Vpc, pick(VPCS)), chance(80)};
        }
        break;
    case 3:
        if (model.subnets.count(subnet)) {
            put_subnet(subnet.parts[2]);
        }
        break;
    case 4:
        if (model.subnets.count(subnet) &&
            !model.subnets[subnet].routes.empty()) {
            auto &routes = model.subnets[subnet].routes;
            routes.erase(routes.begin());
        }
        break;
    }
}

} // namespace pm
