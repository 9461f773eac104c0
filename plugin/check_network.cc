#include "plugin/check_network.h"

#include <algorithm>
#include <set>
#include <vector>

namespace pm {

namespace {

Answer
answer_false(const std::string &code, const std::string &message)
{
    return {ConditionStatus::False, code, message};
}

Answer
answer_unknown(const std::string &code, const std::string &message)
{
    return {ConditionStatus::Unknown, code, message};
}

/* What joins one VPC to another: the peerings from it, or its connects, by
 * name. */
struct Crossings {
    std::set<std::string> active, inactive;

    /* Those that a route may lead over: the active ones, if there are. */
    const std::set<std::string> &usable() const
    {
        return active.empty() ? inactive : active;
    }
};

Crossings
peerings_between(const Model &model, const Uuid &from, const Uuid &to)
{
    Crossings crossings;
    for (const auto &[id, peering] : model.peerings) {
        if (peering.from == from && peering.to == to) {
            (peering.active ? crossings.active : crossings.inactive)
                .insert(peering.name);
        }
    }
    return crossings;
}

Crossings
connects_between(const Model &model, const Uuid &vpc, const Uuid &transit)
{
    Crossings crossings;
    for (const auto &[id, connect] : model.connects) {
        if (connect.vpc == vpc && connect.transit_vpc == transit) {
            (connect.active ? crossings.active : crossings.inactive)
                .insert(connect.name);
        }
    }
    return crossings;
}

/* Where the copies are to go: host prefixes of the addresses, or the whole
 * subnet of an end whose addresses nobody told. */
std::vector<Cidr>
targets_of(const End &source, const End &destination, Delivery delivery)
{
    std::vector<Cidr> targets;
    auto add = [&](const IpAddress &address) {
        targets.push_back({address, address.bits()});
    };
    if (destination.load_balancer) {
        for (const auto *member : receivers_of(*destination.load_balancer)) {
            add(member->address);
        }
    } else if (destination.nic && !destination.nic->addresses.empty()) {
        const std::vector<IpAddress> &addresses = destination.nic->addresses;
        auto pair = delivery == Delivery::Vpc && source.nic
                        ? outer_addresses(*source.nic, addresses)
                        : std::nullopt;
        add(pair ? pair->second : addresses.front());
    }
    if (targets.empty() && destination.subnet) {
        targets.push_back(destination.subnet->cidr);
    }
    return targets;
}

/* The route with the longest prefix that leads to all of 'target', or
 * nullptr. */
const std::pair<const Cidr, std::string> *
find_route(const Subnet &subnet, const Cidr &target)
{
    const std::pair<const Cidr, std::string> *best = nullptr;
    for (const auto &route : subnet.routes) {
        if (route.first.contains(target) &&
            (!best || route.first.prefix > best->first.prefix)) {
            best = &route;
        }
    }
    return best;
}

/* Words for the two ends.  Between accounts neither is told how the other's
 * network is called. */
class Words {
public:
    Words(const Tunnel &tunnel, const End &source, const End &destination)
        : source_(source), destination_(destination),
          one_account_(source.vpc->account == destination.vpc->account &&
                       tunnel.account == destination.resource->account)
    {
    }

    std::string source_vpc() const
    {
        return one_account_ ? "VPC " + quote(source_.vpc->name)
                            : "the source's VPC";
    }
    std::string destination_vpc() const
    {
        const char *kind = destination_.load_balancer ? "transit VPC" : "VPC";
        return one_account_ ? kind + (" " + quote(destination_.vpc->name))
                            : std::string("the destination's ") + kind;
    }
    std::string source_subnet() const
    {
        return one_account_ ? "subnet " + quote(source_.subnet->name)
                            : "the source's subnet";
    }
    std::string target(const Cidr &target) const
    {
        return !one_account_ ? "the destination"
               : target.prefix == target.address.bits()
                   ? target.address.to_string()
                   : target.to_string();
    }

private:
    const End &source_, &destination_;
    bool one_account_;
};

Answer
ask_crossing(const Crossings &crossings, bool is_connect, const Words &words)
{
    if (!crossings.active.empty()) {
        return {};
    }
    bool inactive = !crossings.inactive.empty();
    if (is_connect) {
        const std::string between =
            words.source_vpc() + " and " + words.destination_vpc();
        return answer_false(
            "TRANSIT_CONNECT_MISSING",
            (inactive ? "the Transit VPC Connect between " + between +
                            " is inactive: activate it"
                      : "there is no Transit VPC Connect between " + between +
                            ": add one, and a route over it"));
    }
    const std::string between =
        words.source_vpc() + " to " + words.destination_vpc();
    return answer_false(
        "PEERING_MISSING",
        (inactive ? "the peering from " + between + " is inactive: activate it"
                  : "there is no peering from " + between +
                        ": add one in that direction, and a route over it"));
}

/* Sets 'crossing' to the name that the routes lead over. */
Answer
ask_route(const Subnet &subnet, const std::vector<Cidr> &targets,
          const Crossings &crossings, bool is_connect, const Words &words,
          std::string *crossing)
{
    const std::string over =
        is_connect ? "the Transit VPC Connect" : "the peering";
    if (targets.empty()) {
        return answer_unknown("ROUTE_UNKNOWN",
                              "the inventory has no address of the "
                              "destination: give it one, so that the route "
                              "can be looked up");
    }
    for (const Cidr &target : targets) {
        const auto *route = find_route(subnet, target);
        const std::string mend = words.source_subnet() +
                                 " has no route over " + over + " to " +
                                 words.target(target) + ": ";
        if (!route) {
            return answer_false("ROUTE_MISSING", mend + "add one");
        }
        if (crossings.usable().count(route->second)) {
            *crossing = route->second;
            continue;
        }
        if (crossings.usable().empty() && route->second != "local") {
            /* It may be the one that is to be added. */
            return answer_unknown("ROUTE_UNKNOWN",
                                  "whether the route leads over " + over +
                                      " shows once there is one");
        }
        return answer_false("ROUTE_MISSING",
                            mend + "the longest prefix that matches leads "
                                   "elsewhere; change that or add a longer "
                                   "one");
    }
    return {};
}

/* Whether one NIC that receives copies admits them. */
Answer
ask_nic(const Nic &nic, const std::optional<IpAddress> &outer_source)
{
    if (!nic.permits_vxlan_from) {
        return answer_unknown("VXLAN_PERMISSION_UNKNOWN",
                              "the inventory does not say from where the "
                              "destination's ACG and NACL admit UDP 4789: "
                              "see that they do");
    }
    if (!outer_source) {
        return answer_unknown("OUTER_SOURCE_UNKNOWN",
                              "the address that the copies come from shows "
                              "once a hypervisor sends them");
    }
    const auto &permitted = *nic.permits_vxlan_from;
    if (std::any_of(permitted.begin(), permitted.end(), [&](const Cidr &cidr) {
            return cidr.contains(*outer_source);
        })) {
        return {};
    }
    return answer_false("VXLAN_NOT_PERMITTED",
                        "the destination's ACG or NACL does not admit UDP "
                        "4789 from " +
                            outer_source->to_string() +
                            ": have its owner add that inbound rule");
}

/* Whether 'a' is the one to tell of two: False before Unknown. */
bool
is_worse(const Answer &a, const Answer &b)
{
    auto badness = [](ConditionStatus status) {
        return status == ConditionStatus::False     ? 2
               : status == ConditionStatus::Unknown ? 1
                                                    : 0;
    };
    return badness(a.status) > badness(b.status);
}

} // namespace

Condition
Answer::to_condition() const
{
    return {status, code.empty() ? "" : code + ": " + message};
}

std::optional<Answer>
ask_permission(const Model &model, const End &destination,
               const std::optional<IpAddress> &outer_source)
{
    if (!destination.vpc) {
        return std::nullopt;
    }
    if (destination.nic) {
        return ask_nic(*destination.nic, outer_source);
    }
    std::optional<Answer> worst;
    for (const auto *member : receivers_of(*destination.load_balancer)) {
        /* A member of which only the address is told is as a NIC of which
         * nothing is. */
        const Nic *nic =
            member->nic ? find(model.nics, *member->nic) : nullptr;
        Answer answer = ask_nic(nic ? *nic : Nic{}, outer_source);
        if (!worst || is_worse(answer, *worst)) {
            worst = answer;
        }
    }
    return worst ? worst : ask_nic(Nic{}, outer_source);
}

NetworkAnswers
ask_network(const Model &model, const Tunnel &tunnel,
            const std::optional<IpAddress> &outer_source)
{
    NetworkAnswers answers;
    const End source = resolve_end(model, tunnel.source);
    const End destination = resolve_end(model, tunnel.destination);
    if (!source.vpc || !source.subnet || !destination.vpc) {
        return answers;
    }
    if (auto permission = ask_permission(model, destination, outer_source)) {
        answers.conditions[PERMITS_VXLAN] = *permission;
    }
    const Uuid &from = source.subnet->vpc;
    const Uuid &to = destination.load_balancer ? destination.load_balancer->vpc
                                               : destination.subnet->vpc;
    bool is_connect = destination.load_balancer;
    /* A load balancer outside of a transit VPC has another fault, and no
     * connect could mend that. */
    if (from == to ||
        (is_connect && destination.vpc->kind != VpcKind::Transit)) {
        return answers;
    }
    answers.vpcs = {from, to};
    const Crossings crossings = is_connect ? connects_between(model, from, to)
                                           : peerings_between(model, from, to);
    const Words words(tunnel, source, destination);
    answers.conditions[is_connect ? "TransitConnect" : "Peering"] =
        ask_crossing(crossings, is_connect, words);
    answers.conditions["Route"] =
        ask_route(*source.subnet,
                  targets_of(source, destination, delivery_of(model, tunnel)),
                  crossings, is_connect, words, &answers.crossing);
    return answers;
}

std::map<std::string, Answer>
obstacles(const NetworkAnswers &answers)
{
    std::map<std::string, Answer> found;
    for (const auto &[type, answer] : answers.conditions) {
        if (answer.status == ConditionStatus::False && type != PERMITS_VXLAN) {
            found[type] = answer;
        }
    }
    return found;
}

std::vector<std::string>
ends_without_target(const Model &model, const Tunnel &tunnel)
{
    std::vector<std::string> keys;
    auto look = [&](const char *key, const Uuid &id) {
        const Resource *resource = find(model.resources, id);
        if (resource && !resource->target_id) {
            keys.emplace_back(key);
        }
    };
    look("source", tunnel.source);
    look("destination", tunnel.destination);
    return keys;
}

std::string
target_missing(const Resource &resource)
{
    return "the target " + resource.target + " of resource " + resource.name +
           " is not in the inventory; add it again or delete the tunnel";
}

bool
is_stopped_by_inventory(const Model &model, const Tunnel &tunnel)
{
    return !ends_without_target(model, tunnel).empty() ||
           !obstacles(ask_network(model, tunnel, std::nullopt)).empty();
}

void
check_network(const Model &model, const Uuid &id, const std::string &path,
              Problems *problems)
{
    const Tunnel *tunnel = find(model.tunnels, id);
    if (!tunnel) {
        return;
    }
    for (const auto &[type, answer] :
         obstacles(ask_network(model, *tunnel, std::nullopt))) {
        problems->push_back(
            {answer.code, join_path(path, "destination"), answer.message});
    }
}

Delivery
delivery_of(const Model &model, const Tunnel &tunnel)
{
    if (tunnel.delivery != Delivery::Auto) {
        return tunnel.delivery;
    }
    return resolve_end(model, tunnel.destination).vpc ? Delivery::Vpc
                                                      : Delivery::Underlay;
}

std::optional<std::pair<IpAddress, IpAddress>>
outer_addresses(const Nic &source, const std::vector<IpAddress> &receiver)
{
    for (const IpAddress &to : receiver) {
        for (const IpAddress &from : source.addresses) {
            if (from.is_v6 == to.is_v6) {
                return std::pair(from, to);
            }
        }
    }
    return std::nullopt;
}

std::vector<const LoadBalancerMember *>
receivers_of(const LoadBalancer &lb)
{
    auto first = std::find_if(lb.members.begin(), lb.members.end(),
                              [](const auto &member) { return member.up; });
    std::vector<const LoadBalancerMember *> receivers;
    for (const LoadBalancerMember &member : lb.members) {
        if (first == lb.members.end() ||
            (member.up && member.address.is_v6 == first->address.is_v6)) {
            receivers.push_back(&member);
        }
    }
    return receivers;
}

std::optional<IpAddress>
outer_source_by_inventory(const Model &model, const Tunnel &tunnel)
{
    const End source = resolve_end(model, tunnel.source);
    const End destination = resolve_end(model, tunnel.destination);
    if (delivery_of(model, tunnel) != Delivery::Vpc || !source.nic ||
        source.nic->addresses.empty()) {
        return std::nullopt;
    }
    std::vector<IpAddress> receivers;
    if (destination.nic) {
        receivers = destination.nic->addresses;
    } else if (destination.load_balancer) {
        for (const auto &member : destination.load_balancer->members) {
            if (member.up) {
                receivers.push_back(member.address);
            }
        }
    }
    if (receivers.empty()) {
        return source.nic->addresses.front();
    }
    auto pair = outer_addresses(*source.nic, receivers);
    return pair ? std::optional(pair->first) : std::nullopt;
}

} // namespace pm
