/* The checks of Mirror Resources and Mirror Tunnels: what an end is, and
 * which two ends may meet. */
#include <algorithm>
#include <tuple>

#include "plugin/check.h"

namespace pm {

namespace {

constexpr int KVM_STANDARD_CAP = 1450;

/* Whether 'a' is in the right when it and 'b' conflict: the older.  A row
 * without its time came past the console, after those that it meets. */
template <typename T>
bool
precedes(const Uuid &a_id, const T &a, const Uuid &b_id, const T &b)
{
    return std::tuple(!a.created_ms, a.created_ms, a_id) <
           std::tuple(!b.created_ms, b.created_ms, b_id);
}

/* A resource keeps the name that its target was given by, and another may have
 * that now: names tell only where nothing better is known of both. */
bool
same_target(const Resource &a, const Resource &b)
{
    if (a.type != b.type) {
        return false;
    }
    if (a.target_id && b.target_id) {
        return a.target_id == b.target_id;
    }
    if (!a.iface_id.empty() && !b.iface_id.empty()) {
        return a.iface_id == b.iface_id;
    }
    return a.target == b.target;
}

std::optional<int>
nic_cap(const Model &model, const Nic &nic)
{
    if (!nic.subnet) {
        return std::nullopt;
    }
    if (nic.hypervisor == Hypervisor::Xen) {
        return PACKET_LENGTH_MAX;
    }
    const Subnet *subnet = find(model.subnets, *nic.subnet);
    const Vpc *vpc = subnet ? find(model.vpcs, subnet->vpc) : nullptr;
    if (!vpc) {
        return std::nullopt;
    }
    return vpc->kind == VpcKind::Transit ? PACKET_LENGTH_MAX
                                         : KVM_STANDARD_CAP;
}

/* The lesser of two caps, of which either may be absent. */
std::optional<int>
least(const std::optional<int> &a, const std::optional<int> &b)
{
    return a && b ? std::optional(std::min(*a, *b)) : a ? a : b;
}

std::optional<int>
cap_of_both(const Model &model, const Tunnel &tunnel)
{
    return least(
        packet_length_cap(model, resolve_end(model, tunnel.source)),
        packet_length_cap(model, resolve_end(model, tunnel.destination)));
}

/* A NIC that receives copies: in a standard VPC only eth0; in a transit VPC
 * eth0 to eth2 on KVM, and eth0 on Xen.  An unknown device passes. */
void
check_destination_nic(const End &end, bool own, const std::string &path,
                      Problems *problems)
{
    if (!end.nic || !end.vpc || end.nic->device.empty()) {
        return;
    }
    bool transit = end.vpc->kind == VpcKind::Transit;
    bool kvm = end.nic->hypervisor == Hypervisor::Kvm;
    const std::string &device = end.nic->device;
    bool allowed = device == "eth0" ||
                   (transit && kvm && (device == "eth1" || device == "eth2"));
    if (!allowed) {
        problems->push_back(
            {"NIC_NOT_ALLOWED", join_path(path, "destination"),
             "the NIC of destination " + quote(end.resource->name) +
                 " cannot receive copies: " +
                 (own ? std::string("name one that is ") +
                            (transit && kvm ? "eth0, eth1 or eth2" : "eth0") +
                            ", as a " + (kvm ? "KVM" : "Xen") +
                            " server in a " +
                            (transit ? "transit" : "standard") + " VPC needs"
                      : "only some NICs can, eth0 always: have its account "
                        "name another")});
    }
}

/* Whether the copies would go back to the NIC they are of. */
bool
loops(const End &source, const End &destination)
{
    if (same_target(*source.resource, *destination.resource)) {
        return true;
    }
    if (!destination.load_balancer || !source.resource->target_id) {
        return false;
    }
    const auto &members = destination.load_balancer->members;
    return std::any_of(members.begin(), members.end(),
                       [&](const LoadBalancerMember &member) {
                           return member.nic == source.resource->target_id;
                       });
}

void
check_both_ends(const End &source, const End &destination,
                const std::string &path, Problems *problems)
{
    const std::string at = join_path(path, "destination");
    if (loops(source, destination)) {
        problems->push_back({"SAME_NIC", at,
                             "source and destination are one NIC: name "
                             "another destination"});
    } else if (source.subnet && source.subnet == destination.subnet) {
        problems->push_back({"SAME_SUBNET", at,
                             "source and destination are both in subnet " +
                                 quote(source.subnet->name) +
                                 ": name a destination in another subnet"});
    }
    if (source.vpc && destination.vpc &&
        source.vpc->region != destination.vpc->region) {
        /* Where its end is, is each account's own affair. */
        bool own = source.resource->account == destination.resource->account;
        problems->push_back({"REGION_MISMATCH", at,
                             "the source is in " +
                                 (own ? "region " + quote(source.vpc->region) +
                                            " and the destination is not: "
                                            "name a destination in that "
                                            "region"
                                      : "another region than the "
                                        "destination: name a destination in "
                                        "the source's region")});
    }
}

void
check_source(const Model &model, const Tunnel &tunnel, const End &source,
             const std::string &path, Problems *problems)
{
    const std::string at = join_path(path, "source");
    const Resource &resource = *source.resource;
    if (resource.account != tunnel.account) {
        problems->push_back({"NOT_OWNER", at,
                             "the source must be a resource of the tunnel's "
                             "own account " +
                                 quote(tunnel.account)});
    } else {
        auto owner = target_account(model, resource);
        if (owner && *owner != resource.account) {
            problems->push_back(
                {"NOT_OWNER", at,
                 "the target of the source is not of account " +
                     quote(resource.account) +
                     ": name a source whose target is"});
        }
    }
    if (resource.purpose != Purpose::Source ||
        resource.type != ResourceType::NetworkInterface) {
        problems->push_back(
            {"PURPOSE_MISMATCH", at,
             "the resource " + quote(resource.name) +
                 " is no source: name a resource of purpose source and type "
                 "network-interface"});
    }
}

void
check_destination(const Model &model, const Tunnel &tunnel,
                  const End &destination, const std::string &path,
                  Problems *problems)
{
    const std::string at = join_path(path, "destination");
    const Resource &resource = *destination.resource;
    auto owner = target_account(model, resource);
    if (owner && *owner != resource.account) {
        problems->push_back({"NOT_OWNER", at,
                             "the target of the destination is not of its "
                             "account: name a destination whose target is"});
    }
    if (resource.purpose != Purpose::Destination) {
        problems->push_back({"PURPOSE_MISMATCH", at,
                             "the resource " + quote(resource.name) +
                                 " is no destination: name a resource of "
                                 "purpose destination"});
    }
    /* What its NIC and VPC are is each account's own affair. */
    check_destination_nic(destination, resource.account == tunnel.account,
                          path, problems);
    if (destination.load_balancer && destination.vpc &&
        destination.vpc->kind != VpcKind::Transit) {
        problems->push_back({"LB_NOT_TRANSIT", at,
                             "the load balancer of destination " +
                                 quote(resource.name) +
                                 " is not in a transit VPC: name one that "
                                 "is"});
    }
}

void
check_length(const Model &model, const Tunnel &tunnel, const std::string &path,
             Problems *problems)
{
    if (!tunnel.packet_length) {
        return;
    }
    int length = *tunnel.packet_length;
    if (!PACKET_LENGTHS.holds(length)) {
        problems->push_back({PACKET_LENGTHS.code,
                             join_path(path, PACKET_LENGTHS.key),
                             PACKET_LENGTHS.refuse(std::to_string(length))});
        return;
    }
    auto cap = cap_of_both(model, tunnel);
    if (cap && length > *cap) {
        problems->push_back(
            {"PACKET_LENGTH_TOO_LARGE", join_path(path, PACKET_LENGTHS.key),
             "packet length " + std::to_string(length) +
                 " is more than the smaller of the two ends takes: give at "
                 "most " +
                 std::to_string(*cap) + ", or none"});
    }
}

} // namespace

End
resolve_end(const Model &model, const Uuid &resource_id)
{
    const Resource *resource = find(model.resources, resource_id);
    return resource ? resolve_end(model, *resource) : End();
}

End
resolve_end(const Model &model, const Resource &resource)
{
    End end;
    end.resource = &resource;
    if (!resource.target_id) {
        return end;
    }
    const Uuid &target = *resource.target_id;
    switch (resource.type) {
    case ResourceType::NetworkInterface:
        end.nic = find(model.nics, target);
        if (end.nic && end.nic->subnet) {
            end.subnet = find(model.subnets, *end.nic->subnet);
        }
        if (end.subnet) {
            end.vpc = find(model.vpcs, end.subnet->vpc);
        }
        break;
    case ResourceType::LoadBalancer:
        end.load_balancer = find(model.load_balancers, target);
        if (end.load_balancer) {
            end.vpc = find(model.vpcs, end.load_balancer->vpc);
            if (end.load_balancer->subnet) {
                end.subnet = find(model.subnets, *end.load_balancer->subnet);
            }
        }
        break;
    case ResourceType::Collector:
        end.collector = find(model.collectors, target);
        break;
    }
    return end;
}

std::optional<int>
packet_length_cap(const Model &model, const End &end)
{
    if (end.nic) {
        return nic_cap(model, *end.nic);
    }
    std::optional<int> cap;
    if (end.load_balancer) {
        for (const LoadBalancerMember &member : end.load_balancer->members) {
            const Nic *nic =
                member.nic ? find(model.nics, *member.nic) : nullptr;
            if (nic) {
                cap = least(cap, nic_cap(model, *nic));
            }
        }
    }
    return cap;
}

std::optional<int>
configured_packet_length(const Model &model, const Tunnel &tunnel)
{
    return tunnel.packet_length ? tunnel.packet_length
                                : cap_of_both(model, tunnel);
}

void
check_resource_itself(const Model &model, const Resource &resource,
                      const std::string &path, Problems *problems)
{
    check_name(resource.name, path, problems);
    check_note(resource.note, path, problems);
    if (resource.purpose == Purpose::Source &&
        resource.type != ResourceType::NetworkInterface) {
        problems->push_back({"PURPOSE_MISMATCH", join_path(path, "type"),
                             "only a network-interface can be a source: "
                             "change type or purpose"});
    }
    auto owner = target_account(model, resource);
    if (owner && *owner != resource.account) {
        problems->push_back(
            {"NOT_OWNER", join_path(path, "target"),
             "the target " + quote(resource.target) + " is not of account " +
                 quote(resource.account) + ": name a target of that account"});
    }
}

void
check_resource_among_others(const Table<Resource> &resources, const Uuid &id,
                            const std::optional<std::string> &owner,
                            const std::string &path, Problems *problems)
{
    const Resource *resource = find(resources, id);
    if (!resource) {
        return;
    }
    bool duplicate = false, conflict = false, own = false;
    for (const auto &[other_id, other] : resources) {
        if (other_id == id || !same_target(*resource, other) ||
            !precedes(other_id, other, id, *resource) ||
            (owner == resource->account && other.account != *owner)) {
            continue;
        }
        Problems faults;
        check_resource_itself(Model{}, other, "", &faults);
        if (!faults.empty()) {
            continue;
        }
        if (other.purpose == resource->purpose) {
            duplicate = true;
            own |= other.account == resource->account;
        }
        conflict =
            conflict || (other.purpose != resource->purpose &&
                         resource->type == ResourceType::NetworkInterface);
    }
    const std::string at = join_path(path, "target");
    if (duplicate) {
        const std::string target = quote(resource->target);
        problems->push_back(
            {"DUPLICATE_RESOURCE", at,
             own ? "there is already a resource of that purpose for target " +
                       target + ": use that one"
                 : "the target " + target +
                       " is in use by another account: name another target"});
    }
    if (conflict) {
        problems->push_back({"ROLE_CONFLICT", at,
                             "the NIC " + quote(resource->target) +
                                 " is already a resource of the other "
                                 "purpose, and is never both source and "
                                 "destination: name another target"});
    }
}

void
check_resource(const Model &model, const Uuid &id, const std::string &path,
               Problems *problems)
{
    const Resource *resource = find(model.resources, id);
    if (resource) {
        check_resource_itself(model, *resource, path, problems);
        check_resource_among_others(model.resources, id,
                                    target_account(model, *resource), path,
                                    problems);
    }
}

void
check_tunnel(const Model &model, const Uuid &id, const std::string &path,
             Problems *problems)
{
    const Tunnel *tunnel = find(model.tunnels, id);
    if (!tunnel) {
        return;
    }
    check_name(tunnel->name, path, problems);
    check_note(tunnel->note, path, problems);

    End source = resolve_end(model, tunnel->source);
    End destination = resolve_end(model, tunnel->destination);
    if (source.resource) {
        check_source(model, *tunnel, source, path, problems);
    }
    if (destination.resource) {
        check_destination(model, *tunnel, destination, path, problems);
    }
    if (source.resource && destination.resource) {
        check_both_ends(source, destination, path, problems);
    }
    const Filter *filter =
        tunnel->filter ? find(model.filters, *tunnel->filter) : nullptr;
    if (filter && filter->account != tunnel->account) {
        problems->push_back({"NOT_OWNER", join_path(path, "filter"),
                             "the filter must be of the tunnel's own "
                             "account " +
                                 quote(tunnel->account) +
                                 ": name one that is"});
    }
    if (!VNIS.holds(tunnel->vni)) {
        problems->push_back({VNIS.code, join_path(path, VNIS.key),
                             VNIS.refuse(std::to_string(tunnel->vni))});
    }
    check_length(model, *tunnel, path, problems);
}

void
check_tunnel_among_others(const Model &model, const Uuid &id,
                          const Limits &limits, const std::string &path,
                          Problems *problems)
{
    const Tunnel *tunnel = find(model.tunnels, id);
    if (!tunnel || tunnel->source.is_zero()) {
        return;
    }
    size_t older = 0;
    const Tunnel *duplicate = nullptr;
    for (const auto &[other_id, other] : model.tunnels) {
        if (other_id == id || other.source != tunnel->source ||
            other.account != tunnel->account ||
            !precedes(other_id, other, id, *tunnel)) {
            continue;
        }
        Problems own;
        check_tunnel(model, other_id, "", &own);
        if (!own.empty()) {
            continue;
        }
        older++;
        if (other.destination == tunnel->destination &&
            other.filter == tunnel->filter) {
            duplicate = &other;
        }
    }
    if (duplicate && !tunnel->destination.is_zero()) {
        problems->push_back({"DUPLICATE_TUNNEL", path,
                             "the tunnel " + quote(duplicate->name) +
                                 " has the same source, destination and "
                                 "filter: change one of them or use that "
                                 "tunnel"});
    }
    if (older >= limits.tunnels_per_source) {
        problems->push_back({"TUNNEL_LIMIT", join_path(path, "source"),
                             "the source has " + std::to_string(older) +
                                 " tunnels already and may have " +
                                 std::to_string(limits.tunnels_per_source) +
                                 ": delete one first"});
    }
}

} // namespace pm
