/* The random walk's cloud: three accounts alike, peered with one another. */
#ifndef TESTS_UNIT_LIFE_CLOUD_H
#define TESTS_UNIT_LIFE_CLOUD_H 1

#include "tests/unit/world.h"

namespace pm {

inline const std::vector<std::string> ACCOUNTS = {"acme", "beta", "gamma"};
inline constexpr int N_SOURCES = 3;

/* An account has a VPC that is peered with the others', three servers that
 * are mirrored by tunnels of the same number, and two that receive. */
inline json
life_cloud()
{
    json doc;
    int net = 0;
    for (const std::string &a : ACCOUNTS) {
        net++;
        json routes = json::array();
        int other_net = 0;
        for (const std::string &b : ACCOUNTS) {
            other_net++;
            if (a != b) {
                std::string peering = a + "-to-" + b;
                doc["peerings"].push_back({{"name", peering},
                                           {"from", "vpc-" + a},
                                           {"to", "vpc-" + b}});
                routes.push_back(
                    {{"to", "10." + std::to_string(other_net) + ".0.0/16"},
                     {"via", peering}});
            }
        }
        doc["vpcs"].push_back(
            {{"name", "vpc-" + a}, {"account", a}, {"region", "kr"}});
        auto add_subnet = [&](const std::string &name, int third) {
            doc["subnets"].push_back(
                {{"name", name},
                 {"vpc", "vpc-" + a},
                 {"cidr", "10." + std::to_string(net) + "." +
                              std::to_string(third) + ".0/24"},
                 {"routes", routes}});
        };
        auto add_nic = [&](const std::string &name, const std::string &subnet,
                           const std::string &purpose,
                           const std::string &address) {
            std::string nic = a + "-" + name;
            doc["network_interfaces"].push_back(
                {{"name", nic},
                 {"iface_id", "if-" + nic},
                 {"device", "eth0"},
                 {"subnet", subnet},
                 {"addresses", json::array({address})}});
            doc["mirror_resources"].push_back(
                resource(name, purpose, nic, "network-interface", a));
        };
        std::string base = "10." + std::to_string(net);
        add_subnet("web-" + a, 0);
        add_subnet("ids-" + a, 1);
        for (int i = 0; i < N_SOURCES; i++) {
            add_nic("src-" + std::to_string(i), "web-" + a, "source",
                    base + ".0.1" + std::to_string(i));
        }
        add_nic("ids", "ids-" + a, "destination", base + ".1.10");
        add_nic("spare", "ids-" + a, "destination", base + ".1.11");
    }
    return doc;
}

} // namespace pm

#endif /* TESTS_UNIT_LIFE_CLOUD_H */
