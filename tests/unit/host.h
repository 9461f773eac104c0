/* One hypervisor for the tests: what its daemon is told, as values, and what
 * the daemon and vswitchd would answer to what is desired. */
#ifndef TESTS_UNIT_HOST_H
#define TESTS_UNIT_HOST_H 1

#include <string>

#include "plugin/desired_state.h"
#include "plugin/plan.h"

namespace pm {

/* Kinds of rows, so that no two rows of a test share a uuid. */
enum class Row : uint32_t {
    Vpc = 1,
    Subnet,
    Nic,
    LoadBalancer,
    Collector,
    Source,
    Destination,
    Filter,
    Tunnel,
    Port,
    Status,
    FilterStatus,
    Peering,
    Connect
};

/* In no order that anything may lean on. */
inline Uuid
row_id(Row kind, uint32_t n)
{
    Uuid id;
    id.parts = {(n + 1) * 2654435761u, static_cast<uint32_t>(kind), n, 7};
    return id;
}

/* Of NIC 'n'. */
std::string mac_of(uint32_t n);

inline IpAddress
ip_of(const std::string &text)
{
    return *IpAddress::parse(text);
}

class Host {
public:
    /* All that is true out there. */
    Model model;
    SwitchFacts facts;
    std::map<PathKey, Path> paths;
    bool alive = true;
    /* What of 'model' the daemon has been shown. */
    Model seen;
    DesiredState desired;

    Host();

    /* Builders; 'n' names the row among its kind. */
    void plug(const std::string &iface_id, const std::string &bridge);
    Uuid add_nic(uint32_t n);       /* "nicN"; returns its row. */
    Uuid add_source(uint32_t n);    /* Of nicN. */
    Uuid add_collector(uint32_t n); /* Its address; returns the resource. */
    Uuid add_filter(uint32_t n, int port);
    Uuid add_tunnel(uint32_t n, uint32_t nic, uint32_t collector,
                    std::optional<Uuid> filter = std::nullopt);

    /* Shows the daemon everything as it is. */
    void feed();
    /* The daemon begins anew, and has been shown nothing. */
    void restart();
    /* Tells the daemon of the paths that changed, and of no others. */
    void show_paths();
    /* A switch that has all as it is desired. */
    Actual in_place() const;
    /* A daemon that starts now, told what ours was told. */
    DesiredState restarted() const;

    /* Answers that the world gives to what is desired; each returns whether
     * there was anything to answer. */
    bool answer_paths();
    bool answer_next_hops();
    bool write_statuses();
    bool write_rows();
    /* Feeds and answers until nothing is left; false if that never is. */
    bool settle();

    const TunnelDesire &desire(const Uuid &tunnel) const
    {
        return desired.tunnels().at(tunnel);
    }
    /* What the route to a destination looks like when first asked for. */
    virtual Path find_path(const PathKey &);
    /* The MAC that a next hop answers from, or "". */
    virtual std::string find_next_hop(const NextHopKey &);
    virtual ~Host() = default;

protected:
    uint32_t next_row_ = 0;

private:
    std::map<PathKey, Path> seen_paths_;
    std::map<NextHopKey, NextHopState> seen_next_hops_;
    int next_ofport_ = 1;
};

/* "" if both say the same, else the first difference in words. */
std::string difference(const DesiredState &a, const DesiredState &b);
std::string difference_of_tunnels(const DesiredState &a,
                                  const DesiredState &b);

} // namespace pm

#endif /* TESTS_UNIT_HOST_H */
