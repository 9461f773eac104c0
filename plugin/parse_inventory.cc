/* What the cloud knows: VPCs and what is in them. */
#include <algorithm>

#include "plugin/parse.h"

namespace pm {

namespace {

using nlohmann::json;

const std::initializer_list<std::pair<const char *, bool>> LINK_STATES = {
    {"active", true}, {"inactive", false}};

/* The row that the name under 'key' means.  An absent key is a problem only
 * if 'needed'.  A reference that 'was' to a row which cannot be read stands,
 * by its name or as to_json() says it. */
template <typename T>
std::optional<Uuid>
refer(const Scope &scope, const char *key, bool needed,
      const std::optional<Uuid> &was = std::nullopt)
{
    auto name = needed ? std::optional(scope.fields->required_word(key))
                       : scope.fields->word(key);
    if (!name || name->empty()) {
        return std::nullopt;
    }
    const auto &unreadable = scope.edit->unreadable;
    if (auto row = was ? unreadable.find(*was) : unreadable.end();
        row != unreadable.end() &&
        (*name == was->to_string() || *name == row->second.full_name())) {
        return was;
    }
    auto id = id_of(*scope.edit, KIND<T>.key, *name);
    if (!id) {
        scope.problems()->push_back(missing_or_unreadable(
            *scope.edit, *scope.context, KIND<T>.key, *name,
            {"NOT_FOUND", scope.fields->at(key),
             "there is no " + std::string(KIND<T>.word) + " " + quote(*name) +
                 ": add it or name another"}));
    }
    return id;
}

/* What 'existing', or null, refers to by this member. */
template <typename T, typename Member>
std::optional<Uuid>
reference_of(const T *existing, Member T::*member)
{
    return existing ? std::optional<Uuid>(existing->*member) : std::nullopt;
}

/* Reads the array under 'key', each element by 'read', into ascending order
 * without duplicates. */
template <typename T, typename F>
std::optional<std::vector<T>>
sorted_list(const Scope &scope, const char *key, F read)
{
    const json *array = scope.fields->array(key);
    if (!array) {
        return std::nullopt;
    }
    std::vector<T> values;
    for (size_t i = 0; i < array->size(); i++) {
        auto value = read(
            (*array)[i], scope.fields->at(key) + "[" + std::to_string(i) + "]",
            scope.problems());
        if (value) {
            values.push_back(*value);
        }
    }
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return values;
}

/* A route via one so called could not be told from a route that needs
 * neither. */
template <typename T>
void
refuse_name_local(const Scope &scope, const T *existing, const T &value)
{
    if (!existing && value.name == "local") {
        scope.fields->problem("SYNTAX", "name",
                              "\"local\" is what a route says that stays in "
                              "its VPC: give another name");
    }
}

/* The MAC under 'key', of a host or a router.  'before' is what the row has:
 * it may stay, so that the rest of the row can be edited. */
std::optional<std::string>
host_mac(const Scope &scope, const char *key, const std::string &before)
{
    auto mac = scope.fields->mac(key);
    if (!mac || *mac == before) {
        return mac;
    }
    bool of_group =
        std::string("13579bdf").find((*mac)[1]) != std::string::npos;
    if (of_group || *mac == "00:00:00:00:00:00") {
        scope.fields->problem("SYNTAX", key,
                              quote(*mac) +
                                  " is no MAC address that one host can "
                                  "have: give one such as "
                                  "52:54:00:00:00:01");
    }
    return mac;
}

bool
is_route_target(const Scope &scope, const std::string &via)
{
    return via == "local" || id_of(*scope.edit, KIND<Peering>.key, via) ||
           id_of(*scope.edit, KIND<TransitConnect>.key, via);
}

void
parse_routes(const Scope &scope, const Subnet *existing, Subnet *value)
{
    const json *routes = scope.fields->array("routes");
    for (size_t i = 0; routes && i < routes->size(); i++) {
        Fields route((*routes)[i],
                     scope.fields->at("routes") + "[" + std::to_string(i) +
                         "]",
                     scope.problems());
        route.require("to");
        auto to = route.cidr("to", "SYNTAX");
        std::string via = route.required_word("via");
        route.done();
        if (!to || via.empty()) {
            continue;
        }
        if (!value->routes.emplace(*to, via).second) {
            route.problem("DUPLICATE", "to",
                          "the subnet has another route to " +
                              to->to_string() + ": remove one");
        }
        /* A peering may go while routes still name it; such a route stays
         * valid where it is, and condition Route tells. */
        bool stands = existing && existing->routes.contains(*to) &&
                      existing->routes.at(*to) == via;
        if (!stands && !is_route_target(scope, via)) {
            route.problem("NOT_FOUND", "via",
                          "there is no peering or connect " + quote(via) +
                              ": add it, or say \"local\"");
        }
    }
}

std::optional<LoadBalancerMember>
parse_member(const Scope &scope, const LoadBalancer *existing,
             const json &element, const std::string &path)
{
    LoadBalancerMember member;
    if (!element.is_object()) {
        auto address = element_address(element, path, scope.problems());
        if (address) {
            member.address = *address;
        }
        return address ? std::optional(member) : std::nullopt;
    }
    Fields fields(element, path, scope.problems());
    fields.require("address");
    auto address = fields.address("address");
    member.up =
        fields.choice<bool>("state", {{"up", true}, {"down", false}}, true);
    std::optional<Uuid> had;
    if (existing && address) {
        for (const LoadBalancerMember &other : existing->members) {
            had = other.address == *address ? other.nic : had;
        }
    }
    member.nic = refer<Nic>({scope.edit, scope.context, &fields},
                            "network_interface", false, had);
    fields.done();
    if (!address) {
        return std::nullopt;
    }
    member.address = *address;
    return member;
}

} // namespace

void
parse(const Scope &scope, const Vpc *, Vpc *value)
{
    value->account = scope.fields->account("account").value_or(
        scope.context->own_account());
    value->region = scope.fields->text("region", "");
    value->kind = scope.fields->choice<VpcKind>(
        "kind",
        {{"standard", VpcKind::Standard}, {"transit", VpcKind::Transit}},
        VpcKind::Standard);
}

void
parse(const Scope &scope, const Peering *existing, Peering *value)
{
    refuse_name_local(scope, existing, *value);
    auto from = refer<Vpc>(scope, "from", true,
                           reference_of(existing, &Peering::from));
    auto to =
        refer<Vpc>(scope, "to", true, reference_of(existing, &Peering::to));
    value->from = from.value_or(Uuid{});
    value->to = to.value_or(Uuid{});
    value->active = scope.fields->choice<bool>("state", LINK_STATES, true);
    if (from && from == to) {
        scope.fields->problem("MISMATCH", "to",
                              "a peering joins two different VPCs: name "
                              "another");
    }
}

void
parse(const Scope &scope, const TransitConnect *existing,
      TransitConnect *value)
{
    refuse_name_local(scope, existing, *value);
    auto vpc = refer<Vpc>(scope, "vpc", true,
                          reference_of(existing, &TransitConnect::vpc));
    auto transit_vpc =
        refer<Vpc>(scope, "transit_vpc", true,
                   reference_of(existing, &TransitConnect::transit_vpc));
    const Vpc *transit =
        transit_vpc ? find(scope.edit->model.vpcs, *transit_vpc) : nullptr;
    value->vpc = vpc.value_or(Uuid{});
    value->transit_vpc = transit_vpc.value_or(Uuid{});
    value->active = scope.fields->choice<bool>("state", LINK_STATES, true);
    bool stands = existing && existing->vpc == value->vpc &&
                  existing->transit_vpc == value->transit_vpc;
    if (vpc && vpc == transit_vpc && !stands) {
        scope.fields->problem("MISMATCH", "transit_vpc",
                              "a connect joins a VPC with another that is of "
                              "kind transit: name another");
    } else if (transit && transit->kind != VpcKind::Transit &&
               !scope.edit->book.unsound.contains(*transit_vpc)) {
        scope.fields->problem("MISMATCH", "transit_vpc",
                              "this VPC is not of kind transit: name one "
                              "that is");
    }
}

void
parse(const Scope &scope, const Subnet *existing, Subnet *value)
{
    value->vpc =
        refer<Vpc>(scope, "vpc", true, reference_of(existing, &Subnet::vpc))
            .value_or(Uuid{});
    scope.fields->require("cidr");
    auto cidr = scope.fields->cidr("cidr", "SYNTAX");
    value->cidr = cidr.value_or(Cidr{});
    value->gateway = scope.fields->address("gateway");
    bool stands = existing && existing->gateway == value->gateway &&
                  existing->cidr == value->cidr;
    if (cidr && value->gateway && !stands &&
        cidr->address.is_v6 != value->gateway->is_v6) {
        scope.fields->problem("MISMATCH", "gateway",
                              "the gateway is of another IP version than the "
                              "subnet's CIDR: give one of the same");
    }
    value->gateway_mac = host_mac(scope, "gateway_mac",
                                  existing ? existing->gateway_mac.value_or("")
                                           : std::string());
    parse_routes(scope, existing, value);
}

void
parse(const Scope &scope, const Nic *existing, Nic *value)
{
    Fields *fields = scope.fields;
    value->iface_id = fields->required_word("iface_id");
    value->server = fields->text("server", "");
    value->device = fields->text("device", "");
    value->hypervisor = fields->choice<Hypervisor>(
        "hypervisor", {{"kvm", Hypervisor::Kvm}, {"xen", Hypervisor::Xen}},
        Hypervisor::Kvm);
    value->mac =
        host_mac(scope, "mac", existing ? existing->mac : "").value_or("");
    value->addresses =
        sorted_list<IpAddress>(scope, "addresses", element_address)
            .value_or(std::vector<IpAddress>());
    value->subnet = refer<Subnet>(scope, "subnet", false,
                                  reference_of(existing, &Nic::subnet));
    if (auto mtu = fields->integer_in("mtu", 68, 65535)) {
        value->mtu = static_cast<int>(*mtu);
    }
    value->permits_vxlan_from =
        sorted_list<Cidr>(scope, "permits_vxlan_from", element_cidr);

    /* The account of a NIC in a subnet is its VPC's: given, it is verified
     * and not kept. */
    auto account = fields->account("account");
    if (!fields->has("subnet")) {
        value->account = account;
    } else if (account && value->subnet) {
        const Subnet *subnet = find(scope.edit->model.subnets, *value->subnet);
        const Vpc *vpc =
            subnet ? find(scope.edit->model.vpcs, subnet->vpc) : nullptr;
        if (vpc && vpc->account != *account) {
            fields->problem("MISMATCH", "account",
                            "a NIC in a subnet belongs to the account of its "
                            "VPC: leave the account out");
        }
    }
}

void
parse(const Scope &scope, const LoadBalancer *existing, LoadBalancer *value)
{
    Fields *fields = scope.fields;
    value->vpc = refer<Vpc>(scope, "vpc", true,
                            reference_of(existing, &LoadBalancer::vpc))
                     .value_or(Uuid{});
    value->subnet = refer<Subnet>(
        scope, "subnet", false, reference_of(existing, &LoadBalancer::subnet));
    const Subnet *subnet =
        value->subnet ? find(scope.edit->model.subnets, *value->subnet)
                      : nullptr;
    if (subnet && !value->vpc.is_zero() && !subnet->vpc.is_zero() &&
        subnet->vpc != value->vpc) {
        fields->problem("MISMATCH", "subnet",
                        "the subnet is not in the load balancer's VPC: name "
                        "one that is");
    }

    const json *members = fields->array("members");
    const json *addresses = fields->array("addresses");
    if (fields->has("members") && fields->has("addresses")) {
        fields->problem("MISMATCH", "addresses",
                        "this is another word for members: give one of the "
                        "two");
    }
    const char *key = addresses ? "addresses" : "members";
    members = addresses ? addresses : members;
    for (size_t i = 0; members && i < members->size(); i++) {
        const std::string path =
            fields->at(key) + "[" + std::to_string(i) + "]";
        auto member = parse_member(scope, existing, (*members)[i], path);
        if (!member) {
            continue;
        }
        auto same_address = [&](const LoadBalancerMember &other) {
            return other.address == member->address;
        };
        if (std::any_of(value->members.begin(), value->members.end(),
                        same_address)) {
            scope.problems()->push_back({"DUPLICATE", path,
                                         "the member " +
                                             member->address.to_string() +
                                             " occurs twice: remove one"});
        }
        value->members.push_back(*member);
    }
    std::sort(value->members.begin(), value->members.end(),
              [](const LoadBalancerMember &a, const LoadBalancerMember &b) {
                  return a.address < b.address;
              });
}

void
parse(const Scope &scope, const Collector *, Collector *value)
{
    scope.fields->require("address");
    value->address = scope.fields->address("address").value_or(IpAddress{});
    value->account = scope.fields->account("account");
}

} // namespace pm
