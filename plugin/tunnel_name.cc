#include "plugin/tunnel_name.h"

#include <algorithm>
#include <cctype>

#include "plugin/kinds.h"

namespace pm {

namespace {

constexpr size_t UUID_PART_MIN = 4;

std::string
lower_case(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    return text;
}

} // namespace

std::set<Uuid>
tunnels_named(const Model &model, const std::string &chassis,
              const std::string &name)
{
    std::string uuid_part = lower_case(name);
    std::set<Uuid> named, begun;
    auto look_at = [&](const Uuid &id, const std::string &account,
                       const std::string &own_name) {
        if (name == own_name || name == account + "/" + own_name) {
            named.insert(id);
        } else if (name.size() >= UUID_PART_MIN &&
                   id.to_string().starts_with(uuid_part)) {
            begun.insert(id);
        }
    };
    for (const auto &[id, tunnel] : model.tunnels) {
        look_at(id, tunnel.account, tunnel.name);
    }
    for (const auto &[row, status] : model.tunnel_statuses) {
        if (status.chassis == chassis && !find(model.tunnels, status.tunnel)) {
            look_at(status.tunnel, status.account, status.name);
        }
    }
    return named.empty() ? begun : named;
}

} // namespace pm
