/* A NIC in a tenant's own network that is mirrored into others. */
#ifndef TESTS_UNIT_TENANT_H
#define TESTS_UNIT_TENANT_H 1

#include <gtest/gtest.h>

#include "tests/unit/host.h"

namespace pm {

/* nic0 of VPC 0 mirrored to nic5 of VPC 1, and to a load balancer of VPC 2
 * with the members 10.2.0.9, 10.2.0.10 and 10.2.0.11. */
class Tenant : public testing::Test {
protected:
    Tenant()
    {
        for (uint32_t n = 0; n < 3; n++) {
            model.vpcs[row_id(Row::Vpc, n)] = {
                "vpc" + std::to_string(n), "acme", "kr",
                n == 2 ? VpcKind::Transit : VpcKind::Standard};
            Subnet subnet;
            subnet.name = "subnet" + std::to_string(n);
            subnet.vpc = row_id(Row::Vpc, n);
            subnet.cidr = *Cidr::parse("10." + std::to_string(n) + ".0.0/16");
            model.subnets[row_id(Row::Subnet, n)] = subnet;
        }
        source_subnet().routes = {{*Cidr::parse("10.1.0.0/16"), "p"},
                                  {*Cidr::parse("10.2.0.0/16"), "t"},
                                  {*Cidr::parse("fd00:b::/64"), "p"},
                                  {*Cidr::parse("fd00:c::/64"), "t"}};
        source_subnet().gateway_mac = "02:00:00:00:01:01";
        model.peerings[row_id(Row::Peering, 0)] = {"p", row_id(Row::Vpc, 0),
                                                   row_id(Row::Vpc, 1), true};
        model.connects[row_id(Row::Connect, 0)] = {"t", row_id(Row::Vpc, 0),
                                                   row_id(Row::Vpc, 2), true};
        host.plug("nic0", "br-int");
        host.facts.nics["nic0"].own_tag = host.facts.nics["nic0"].vlan = 5;
        host.add_source(0);
        nic(0).subnet = row_id(Row::Subnet, 0);
        nic(0).addresses = {ip_of("10.0.0.5"), ip_of("fd00:a::5")};
        host.add_nic(5);
        nic(5).subnet = row_id(Row::Subnet, 1);
        nic(5).addresses = {ip_of("10.1.0.9")};
        add_destination(5, ResourceType::NetworkInterface, "nic5",
                        row_id(Row::Nic, 5));
        LoadBalancer lb;
        lb.name = "lb";
        lb.vpc = row_id(Row::Vpc, 2);
        lb.subnet = row_id(Row::Subnet, 2);
        for (int n = 9; n <= 11; n++) {
            lb.members.push_back(
                {ip_of("10.2.0." + std::to_string(n)), true, std::nullopt});
        }
        model.load_balancers[row_id(Row::LoadBalancer, 0)] = lb;
        add_destination(6, ResourceType::LoadBalancer, "lb",
                        row_id(Row::LoadBalancer, 0));
    }

    void add_destination(uint32_t n, ResourceType type,
                         const std::string &target, const Uuid &target_id)
    {
        Resource resource;
        resource.name = "to-" + target;
        resource.account = "acme";
        resource.purpose = Purpose::Destination;
        resource.type = type;
        resource.target = target;
        resource.target_id = target_id;
        if (type == ResourceType::NetworkInterface) {
            resource.iface_id = target;
        }
        model.resources[row_id(Row::Destination, n)] = resource;
    }

    Nic &nic(uint32_t n) { return model.nics[row_id(Row::Nic, n)]; }
    Subnet &source_subnet() { return model.subnets[row_id(Row::Subnet, 0)]; }
    std::vector<LoadBalancerMember> &lb_members()
    {
        return model.load_balancers[row_id(Row::LoadBalancer, 0)].members;
    }

    const TunnelDesire &desire() { return host.desire(tunnel); }

    /* What the copies are on the wire, by handle. */
    std::vector<std::string> delivered()
    {
        std::vector<std::string> all;
        for (const auto &[handle, way] : desire().in_vpc->deliveries) {
            all.push_back(way.to_string());
        }
        return all;
    }

    void start(uint32_t destination)
    {
        tunnel = host.add_tunnel(0, 0, destination);
        ASSERT_TRUE(host.settle());
    }

    Host host;
    Model &model = host.model;
    Uuid tunnel;
};

} // namespace pm

#endif /* TESTS_UNIT_TENANT_H */
