#include "plugin/dump_text.h"

#include <charconv>
#include <string_view>
#include <system_error>

#include "flows/delivery.h"

namespace pm {

namespace {

/* What is behind 'name' as far as the next comma or parenthesis; nothing if
 * there is no such name. */
std::string_view
value_behind(std::string_view name, std::string_view text)
{
    size_t at = text.find(name);
    if (at == text.npos) {
        return {};
    }
    text.remove_prefix(at + name.size());
    return text.substr(0, text.find_first_of(",)"));
}

/* 'text' as far as the parenthesis that closes its first. */
std::string_view
to_closing(std::string_view text)
{
    int depth = 0;
    for (size_t i = 0; i < text.size(); i++) {
        if (text[i] == '(') {
            depth++;
        } else if (text[i] == ')' && --depth == 0) {
            return text.substr(0, i + 1);
        }
    }
    return text;
}

/* Adds what 'segment' says, whose first addresses are the outer ones: "src="
 * ends "ipv6_src=" of the kernel's too. */
void
add_send(std::string_view segment, std::string_view vni_name,
         std::vector<TunnelSend> *sends)
{
    auto source = IpAddress::parse(std::string(value_behind("src=", segment)));
    auto destination =
        IpAddress::parse(std::string(value_behind("dst=", segment)));
    std::string_view digits = value_behind(vni_name, segment);
    int64_t vni;
    auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), vni, 16);
    if (source && destination && error == std::errc()) {
        sends->push_back({*source, *destination, vni});
    }
}

} // namespace

std::vector<TunnelSend>
sends_of(const std::string &line)
{
    std::vector<TunnelSend> sends;
    /* What a flow matches may be a tunnel's as well. */
    size_t actions = line.find("actions:");
    if (actions == line.npos) {
        return sends;
    }
    std::string_view text = std::string_view(line).substr(actions);
    auto for_each = [&](std::string_view name, auto &&add) {
        for (size_t at = text.find(name); at != text.npos;
             at = text.find(name, at + name.size())) {
            add(to_closing(text.substr(at)));
        }
    };
    for_each("set(tunnel(", [&](std::string_view set) {
        add_send(set, "tun_id=0x", &sends);
    });
    for_each("tnl_push(", [&](std::string_view push) {
        /* Ethernet's addresses come first. */
        size_t ip = push.find(",ipv");
        if (ip != push.npos) {
            add_send(push.substr(ip), "vni=0x", &sends);
        }
    });
    return sends;
}

std::set<TunnelSend>
sends_of(const EgressSpec &spec)
{
    std::set<TunnelSend> sends = {{spec.source, spec.destination, spec.vni}};
    for (int64_t handle : spec.slots) {
        sends.insert({spec.source,
                      handle_address(handle, spec.destination.is_v6),
                      spec.vni});
    }
    return sends;
}

std::set<TunnelSend>
sends_of(const Actual &actual)
{
    std::set<TunnelSend> sends;
    for (const auto &[bridge, owners] : actual.flows) {
        for (const auto &[owner, flows] : owners) {
            if (owner.kind != FlowOwner::Egress) {
                continue;
            }
            for (const Flow &flow : flows) {
                if (auto spec = parse_egress(flow.actions)) {
                    sends.merge(sends_of(*spec));
                }
            }
        }
    }
    return sends;
}

} // namespace pm
