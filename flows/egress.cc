#include "flows/egress.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "flows/actions.h"
#include "flows/delivery.h"

namespace pm {

namespace {

constexpr uint16_t PRIORITY_EGRESS = 100;
constexpr uint16_t PRIORITY_LIMIT = 100;
constexpr uint16_t PRIORITY_BALANCE = 100;
static_assert(HANDLE_MAX < 1 << HANDLE_BITS);

/* No bridge has this port. */
constexpr const char *NO_PORT = "64000";

std::string
truncate(const std::string &port, int max_len)
{
    return "output(port=" + port + ",max_len=" + std::to_string(max_len) + ")";
}

/* To end a clone of which Open vSwitch must make one: it copies nothing. */
std::string
truncate_nowhere()
{
    return std::string("set_field:") + NO_PORT + "->in_port," +
           truncate(NO_PORT, UINT16_MAX);
}

/* The part of pkt_mark that is ours while a frame passes our own pair. */
std::string
mark_field(int64_t handle)
{
    return hex(handle) + "/" + hex((1 << HANDLE_BITS) - 1);
}

/* What a balanced tunnel's frames are marked with there: a handle is one
 * tunnel's alone. */
std::string
own_mark(const EgressSpec &spec)
{
    return mark_field(*std::min_element(spec.slots.begin(), spec.slots.end()));
}

/* Sends one copy to 'destination'. */
std::string
copy_to(const IpAddress &destination, const EgressSpec &spec)
{
    std::string v6 = destination.is_v6 ? "ipv6_" : "";
    std::string port = std::to_string(spec.vxlan_port);
    std::string actions =
        "clone(set_field:" + spec.source.to_string() + "->tun_" + v6 +
        "src,set_field:" + destination.to_string() + "->tun_" + v6 +
        "dst,set_field:" + hex(spec.vni) + "->tun_id,";
    if (spec.limited()) {
        actions += resubmit(TABLE_LIMIT) + ",";
    }
    if (spec.max_len) {
        actions += truncate(port, *spec.max_len);
    } else {
        actions += "output:" + port;
        if (spec.limited()) {
            actions += "," + truncate_nowhere();
        }
    }
    return actions + ")";
}

/* The group that chooses a slot, the flow before it, and one for each handle
 * that has some. */
std::vector<Flow>
spread_flows(int64_t tunnel, const EgressSpec &spec)
{
    uint64_t id = cookie_of(FlowOwner::Egress, tunnel);
    std::string buckets = "type=select";
    for (size_t i = 0; i < spec.slots.size(); i++) {
        buckets += ",bucket=bucket_id:" + std::to_string(i) +
                   ",weight:1,actions=" + set_register(4, spec.slots[i]) +
                   "," + resubmit(TABLE_SPREAD);
    }
    const std::string group = std::to_string(tunnel);
    std::vector<Flow> flows{
        {{GROUP_TABLE, 0, "group_id=" + group}, id, buckets},
        {{TABLE_BALANCE, PRIORITY_BALANCE, "pkt_mark=" + own_mark(spec)},
         id,
         "set_field:" + mark_field(0) + "->pkt_mark," +
             set_register(2, tunnel) + ",group:" + group}};
    for (int64_t handle :
         std::set<int64_t>(spec.slots.begin(), spec.slots.end())) {
        flows.push_back(
            {{TABLE_SPREAD, PRIORITY_EGRESS,
              "reg2=" + hex(tunnel) + ",reg4=" + hex(handle)},
             id,
             copy_to(handle_address(handle, spec.destination.is_v6), spec)});
    }
    return flows;
}

} // namespace

std::vector<Flow>
egress_flows(int64_t tunnel, const EgressSpec &spec)
{
    std::vector<Flow> flows;
    SharedText actions = "drop"; /* One text for both directions. */
    if (!spec.count_only && spec.slots.empty()) {
        std::string copy = copy_to(spec.destination, spec);
        copy.shrink_to_fit(); /* There are thousands of them. */
        actions = std::move(copy);
    } else if (!spec.count_only) {
        actions = "clone(set_field:" + own_mark(spec) +
                  "->pkt_mark,output:" + std::to_string(spec.balance_port) +
                  "," + truncate_nowhere() + ")";
        flows = spread_flows(tunnel, spec);
    }
    for (Direction direction : DIRECTIONS) {
        flows.push_back({{TABLE_EGRESS, PRIORITY_EGRESS,
                          match_registers(direction, 2, tunnel)},
                         cookie_of(FlowOwner::Egress, tunnel, direction),
                         actions});
    }
    if (spec.rate_kbps && !spec.count_only) {
        flows.push_back(
            {{TABLE_LIMIT, PRIORITY_LIMIT, "reg2=" + hex(tunnel)},
             cookie_of(FlowOwner::Egress, tunnel),
             meter_action({FlowOwner::Egress, static_cast<uint32_t>(tunnel)}) +
                 "," + resubmit(TABLE_BUDGET)});
    }
    return flows;
}

uint64_t
cookie_of_group(const Flow &group)
{
    const std::string prefix = "group_id=";
    int64_t number =
        group.key.match.starts_with(prefix)
            ? std::strtoll(group.key.match.c_str() + prefix.size(), nullptr,
                           10)
            : 0;
    return number > 0 && number <= NUMBER_MAX
               ? cookie_of(FlowOwner::Egress, number)
               : 0;
}

std::optional<EgressSpec>
parse_egress(const std::string &actions)
{
    auto field = [&](const std::string &name) -> std::optional<std::string> {
        size_t end = actions.find("->" + name);
        size_t start =
            end == std::string::npos ? end : actions.rfind("set_field:", end);
        if (start == std::string::npos) {
            return std::nullopt;
        }
        start += std::string("set_field:").size();
        return actions.substr(start, end - start);
    };
    auto address = [&](const std::string &name) {
        auto text = field("tun_" + name);
        text = text ? text : field("tun_ipv6_" + name);
        return text ? IpAddress::parse(*text) : std::nullopt;
    };
    auto source = address("src"), destination = address("dst");
    auto vni = field("tun_id");
    if (!source || !destination || !vni) {
        return std::nullopt;
    }
    EgressSpec spec;
    spec.source = *source;
    spec.destination = *destination;
    spec.vni = std::strtoll(vni->c_str(), nullptr, 0);
    return spec;
}

std::optional<int>
kept_by(const std::string &actions)
{
    const std::string output = "output(port=", length = ",max_len=";
    for (size_t at = actions.find(output); at != std::string::npos;
         at = actions.find(output, at + 1)) {
        size_t port = at + output.size();
        size_t end = actions.find(length, port);
        if (end != std::string::npos &&
            actions.compare(port, end - port, NO_PORT) != 0) {
            return std::atoi(actions.c_str() + end + length.size());
        }
    }
    return std::nullopt;
}

} // namespace pm
