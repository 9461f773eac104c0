/* ovs-mirrorctl: KEY=VALUE arguments. */
#include <charconv>
#include <cstring>

#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

namespace {

using json = nlohmann::json;

bool
is_one_of(const std::string &key, std::initializer_list<const char *> keys)
{
    return std::find(keys.begin(), keys.end(), key) != keys.end();
}

json
split(const std::string &text)
{
    json list = json::array();
    for (size_t start = 0; start <= text.size();) {
        size_t end = std::min(text.find(',', start), text.size());
        list.push_back(text.substr(start, end - start));
        start = end + 1;
    }
    return list;
}

/* The address of a load balancer's member in either of its forms; nullopt of
 * what is none, which is refused when it is put. */
std::optional<IpAddress>
address_of(const json &member)
{
    const json &text = member.is_object() ? member["address"] : member;
    return IpAddress::parse(text.get<std::string>());
}

/* Who gives the addresses of a load balancer says which members there are, not
 * what becomes of those that stay: they keep their state and NIC. */
void
keep_members(const json &before, json *after)
{
    for (json &member : *after) {
        auto old = std::find_if(before.begin(), before.end(), [&](auto &m) {
            return address_of(m) == address_of(member);
        });
        if (old != before.end()) {
            member = *old;
        }
    }
}

} // namespace

std::string
key_of(const std::string &argument)
{
    std::string key = argument.substr(0, argument.find('='));
    std::replace(key.begin(), key.end(), '-', '_');
    return key == "length" ? "packet_length" : key;
}

json
value_of(const std::string &key, const std::string &text)
{
    if (is_one_of(key, {"vni", "packet_length", "rate_kbps", "mtu",
                        "icmp_type", "icmp_code", "number"})) {
        int64_t number = 0;
        auto [end, error] =
            std::from_chars(text.data(), text.data() + text.size(), number);
        if (error == std::errc() && end == text.data() + text.size()) {
            return number; /* A larger one stays a text: see Fields. */
        }
    } else if (key == "enabled" && is_one_of(text, {"true", "false"})) {
        return text == "true";
    } else if (is_one_of(key,
                         {"addresses", "members", "permits_vxlan_from"})) {
        return text == "none" ? json::array() : split(text);
    }
    return text;
}

void
put_values(const ctl_context *ctx, int first, json *object)
{
    for (int i = first; i < ctx->argc; i++) {
        std::string argument = ctx->argv[i];
        std::string key = key_of(argument);
        std::string text = argument.substr(argument.find('=') + 1);
        if (text.empty()) {
            object->erase(key);
        } else {
            (*object)[key] = value_of(key, text);
        }
    }
}

void
put_load_balancer_values(const ctl_context *ctx, int first, json *object)
{
    const json members = object->value("members", json::array());
    for (int i = first; i < ctx->argc; i++) {
        if (key_of(ctx->argv[i]) == "addresses") {
            object->erase("members"); /* The same by another word. */
        }
    }
    put_values(ctx, first, object);
    for (const char *key : {"members", "addresses"}) {
        if (object->contains(key)) {
            keep_members(members, &(*object)[key]);
        }
    }
}

void
require_values(ctl_context *ctx, int first)
{
    std::set<std::string> keys;
    for (int i = first; i < ctx->argc && !ctx->error; i++) {
        const char *equals = strchr(ctx->argv[i], '=');
        if (!equals || equals == ctx->argv[i]) {
            ctl_error(ctx, "\"%s\" is not KEY=VALUE", ctx->argv[i]);
        } else if (!keys.insert(key_of(ctx->argv[i])).second) {
            ctl_error(ctx, "\"%s\" is given twice",
                      key_of(ctx->argv[i]).c_str());
        }
    }
}

} // namespace pm::ctl
