/* The document's kinds: their keys, tables and names (core).
 *
 * Code over all kinds is written once, as a generic function that with_kind()
 * calls for the one a key names. */
#ifndef PLUGIN_KINDS_H
#define PLUGIN_KINDS_H 1

#include <concepts>
#include <string>
#include <string_view>
#include <tuple>

#include "plugin/model.h"

namespace pm {

template <typename T> struct Kind {
    using Type = T;

    const char *key;  /* In the document. */
    const char *word; /* In a sentence. */
    Table<T> Model::*table;
};

/* Each refers only to earlier ones. */
inline constexpr std::tuple KINDS = {
    Kind<Vpc>{"vpcs", "VPC", &Model::vpcs},
    Kind<Peering>{"peerings", "peering", &Model::peerings},
    Kind<TransitConnect>{"transit_connects", "connect", &Model::connects},
    Kind<Subnet>{"subnets", "subnet", &Model::subnets},
    Kind<Nic>{"network_interfaces", "NIC", &Model::nics},
    Kind<LoadBalancer>{"load_balancers", "load balancer",
                       &Model::load_balancers},
    Kind<Collector>{"collectors", "collector", &Model::collectors},
    Kind<Resource>{"mirror_resources", "resource", &Model::resources},
    Kind<Filter>{"mirror_filters", "filter", &Model::filters},
    Kind<Tunnel>{"mirror_tunnels", "tunnel", &Model::tunnels},
};

template <typename T> inline constexpr Kind<T> KIND = std::get<Kind<T>>(KINDS);

/* What the customer defines, and so what an account owns by its 'account';
 * the rest is inventory, with names that are global. */
template <typename T>
concept CustomerKind = std::same_as<T, Resource> || std::same_as<T, Filter> ||
    std::same_as<T, Tunnel>;

/* Calls f(Kind<T>) for each kind, in order. */
template <typename F>
void
for_each_kind(F f)
{
    std::apply([&](const auto &...kinds) { (f(kinds), ...); }, KINDS);
}

/* Calls f(Kind<T>) for the kind whose key is 'key'; returns false, without
 * a call, if there is none. */
template <typename F>
bool
with_kind(std::string_view key, F f)
{
    bool found = false;
    for_each_kind([&](const auto &kind) {
        if (key == kind.key) {
            found = true;
            f(kind);
        }
    });
    return found;
}

/* The name that is unique among its kind: "NAME", or "ACCOUNT/NAME". */
template <typename T>
std::string
full_name(const T &object)
{
    if constexpr (CustomerKind<T>) {
        return object.account + "/" + object.name;
    } else {
        return object.name;
    }
}

/* "ACCOUNT/NAME" as seen from 'account', whose own are just "NAME". */
inline std::string
name_seen_from(const std::string &account, const std::string &owner,
               const std::string &name)
{
    return owner == account ? name : owner + "/" + name;
}

/* Splits "ACCOUNT/NAME"; a bare name is in 'account'. */
inline std::pair<std::string, std::string>
split_name(const std::string &text, const std::string &account)
{
    size_t slash = text.find('/');
    return slash == std::string::npos
               ? std::pair(account, text)
               : std::pair(text.substr(0, slash), text.substr(slash + 1));
}

/* The full_name() of what 'account' calls 'name'. */
template <typename T>
std::string
full_name_of(const std::string &name, const std::string &account)
{
    if constexpr (CustomerKind<T>) {
        auto [owner, bare] = split_name(name, account);
        return owner + "/" + bare;
    } else {
        return name;
    }
}

} // namespace pm

#endif /* PLUGIN_KINDS_H */
