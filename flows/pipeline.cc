#include "flows/pipeline.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string_view>

#include "flows/actions.h"
#include "flows/egress.h"
#include "flows/rule_match.h"

namespace pm {

namespace {

constexpr uint16_t PRIORITY_DEFAULT = 0;
constexpr uint16_t PRIORITY_NON_IP_MIRROR = 2;
constexpr uint16_t PRIORITY_NON_IP_GUARD = 3;
constexpr uint16_t PRIORITY_TAP = 100;
constexpr uint16_t PRIORITY_TAP_MAC = 150;
constexpr uint16_t PRIORITY_TAP_TAGGED = 200;
constexpr uint16_t PRIORITY_TAP_MAC_TAGGED = 250;
constexpr uint16_t PRIORITY_GUARD_MARK = 280;
constexpr uint16_t PRIORITY_TAP_OWN = 290;
constexpr uint16_t PRIORITY_TAP_OWN_TAGGED = 295;
constexpr uint16_t PRIORITY_GUARD = 300;
/* Of TAP: before all taps, after those that are idle. */
constexpr uint16_t PRIORITY_TAP_UDP = 300;
/* Above the guards, so that the switch looks at no more than the port: they
 * would have it match addresses. */
constexpr uint16_t PRIORITY_TAP_IDLE = 350;
constexpr uint16_t PRIORITY_TAP_BALANCE = 350;
/* The classifier looks at what has the highest priority first, and stops where
 * nothing higher can come. */
constexpr uint16_t PRIORITY_RENEWAL = 400;
/* Of pkt_mark a balanced tunnel has the others: see egress.h.  A datapath flow
 * that is made while renewal flows take each other's place matches the bits of
 * all of them: so no bit may soon come again, and many bits are better than
 * pairs of few. */
constexpr int TURNS = 32 - HANDLE_BITS;
/* Minus the rule's number: a rule keeps its priority, and so its counters,
 * whatever happens to the rules round it. */
constexpr int PRIORITY_RULE_BASE = 40000;

/* Addresses of groups: broadcast and multicast. */
constexpr const char *TO_GROUP = "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00";

} // namespace

std::vector<Flow>
base_flows(bool budgeted, std::optional<int> balance_port)
{
    std::vector<Flow> flows;
    auto add = [&](FlowTable table, const std::string &actions) {
        flows.push_back({{table, PRIORITY_DEFAULT, ""},
                         cookie_of(FlowOwner::Base, 0),
                         actions});
    };
    for (FlowTable table : {TABLE_TAP, TABLE_FILTER, TABLE_EGRESS}) {
        add(table, "drop");
    }
    add(TABLE_LIMIT, resubmit(TABLE_BUDGET));
    add(TABLE_BUDGET, budgeted ? meter_action({FlowOwner::Base, 0}) : "drop");
    add(TABLE_MEMBER, "drop");
    add(TABLE_SPREAD, "drop");
    add(TABLE_GUARD, set_register(5, 1) + "," + resubmit(TABLE_TAP));
    add(TABLE_BALANCE, "drop");
    if (balance_port) {
        flows.push_back({{TABLE_TAP, PRIORITY_TAP_BALANCE,
                          "in_port=" + std::to_string(*balance_port)},
                         cookie_of(FlowOwner::Base, 0),
                         resubmit(TABLE_BALANCE)});
    }
    for (const char *udp : {"udp", "udp6"}) {
        flows.push_back(
            {{TABLE_TAP, PRIORITY_TAP_UDP, std::string(udp) + ",reg5=0"},
             cookie_of(FlowOwner::Base, 0),
             resubmit(TABLE_GUARD)});
    }
    return flows;
}

namespace {

/* Actions that hand a frame to each of 'tunnels', sorted by filter, so that
 * reg1 is set once for those that share one. */
std::string
hand_to(const std::vector<TapTunnel> &tunnels, Direction direction)
{
    std::string actions = set_register(0, direction_code(direction));
    int64_t filter = 0;
    for (const TapTunnel &t : tunnels) {
        if (t.filter && t.filter != filter) {
            actions += "," + set_register(1, t.filter);
            filter = t.filter;
        }
        actions += "," + set_register(2, t.tunnel) + "," +
                   resubmit(t.filter ? TABLE_FILTER : TABLE_EGRESS);
    }
    return actions;
}

/* Where a flow of a tap is, and its twin for OVS's own tag. */
struct TapPlace {
    FlowTable table;
    uint16_t plain, tagged; /* Priorities. */
};
constexpr TapPlace ANY{TABLE_TAP, PRIORITY_TAP, PRIORITY_TAP_TAGGED};
constexpr TapPlace BY_MAC{TABLE_TAP, PRIORITY_TAP_MAC,
                          PRIORITY_TAP_MAC_TAGGED};
constexpr TapPlace OWN{TABLE_GUARD, PRIORITY_TAP_OWN, PRIORITY_TAP_OWN_TAGGED};

/* Appends a flow of a tap and, where OVS adds a tag, its twin that pops it. */
void
add_tap(const std::string &match, TapPlace place, std::optional<int> own_tag,
        uint64_t id, const std::string &actions, std::vector<Flow> *flows)
{
    flows->push_back({{place.table, place.plain, match}, id, actions});
    if (own_tag) {
        flows->push_back({{place.table, place.tagged,
                           match + ",dl_vlan=" + std::to_string(*own_tag)},
                          id,
                          "pop_vlan," + actions});
    }
}

/* What a copy is besides its addresses; 'address' begins as a field of the
 * IP version does, "nw_" or "ipv6_". */
std::string
match_marked(bool is_v6, const std::string &address = "")
{
    return std::string(is_v6 ? "udp6," : "udp,") + address +
           "nw_tos=" + std::to_string(COPY_TOS) + ",tp_dst=4789";
}

} // namespace

std::vector<Flow>
tap_flows(int64_t nic, Direction direction, const TapPort &port,
          std::vector<TapTunnel> tunnels)
{
    if (tunnels.empty()) {
        return {};
    }
    uint64_t id = cookie_of(FlowOwner::Tap, nic, direction);
    std::string in_port = "in_port=" + std::to_string(port.ofport);
    std::erase_if(tunnels,
                  [&](const TapTunnel &t) { return t.idle(direction); });
    if (tunnels.empty()) {
        return port.shared ? std::vector<Flow>{}
                           : std::vector<Flow>{
                                 {{TABLE_TAP, PRIORITY_TAP_IDLE, in_port},
                                  id,
                                  "drop"}};
    }
    std::sort(tunnels.begin(), tunnels.end());
    std::vector<TapTunnel> flooded = tunnels;
    if (direction == Direction::Inbound) {
        std::erase_if(flooded, [](const TapTunnel &t) { return !t.floods; });
    }
    std::vector<Flow> flows;
    if (port.shared || flooded.size() < tunnels.size()) {
        add_tap(
            in_port +
                (direction == Direction::Inbound ? ",dl_dst=" : ",dl_src=") +
                port.mac,
            BY_MAC, port.own_tag, id, hand_to(tunnels, direction), &flows);
    }
    if (direction == Direction::Outbound) {
        for (const IpAddress &own : port.addresses) {
            add_tap(
                in_port + (port.shared ? ",dl_src=" + port.mac : "") + "," +
                    match_marked(own.is_v6,
                                 (own.is_v6 ? "ipv6_src=" : "nw_src=") +
                                     own.to_string() + ","),
                OWN, port.own_tag, id, hand_to(tunnels, direction), &flows);
        }
    }
    if (flooded.empty()) {
        return flows;
    }
    std::string to_flooded = hand_to(flooded, direction);
    if (!port.shared) {
        add_tap(in_port, ANY, port.own_tag, id, to_flooded, &flows);
    } else if (direction == Direction::Inbound) {
        std::string member = "reg3=" + hex(nic);
        flows.push_back(
            {{TABLE_MEMBER, PRIORITY_TAP, member}, id, to_flooded});
        flows.push_back(
            {{TABLE_MEMBER, PRIORITY_TAP_MAC, member + ",dl_src=" + port.mac},
             id,
             "drop"});
    }
    return flows;
}

std::map<int64_t, int64_t>
handed_by(const Flow &flow)
{
    constexpr std::string_view SET = "set_field:";
    const std::string to_filter = "->reg2," + resubmit(TABLE_FILTER);
    std::string_view rest = flow.actions.str();
    std::map<int64_t, int64_t> tunnels;
    int64_t filter = 0;
    for (size_t at = rest.find(SET); at != rest.npos; at = rest.find(SET)) {
        rest.remove_prefix(at + SET.size());
        /* It ends where no digit is; the whole text ends in a null. */
        int64_t number = std::strtoll(rest.data(), nullptr, 0);
        rest.remove_prefix(std::min(rest.find("->"), rest.size()));
        if (rest.starts_with("->reg1,")) {
            filter = number;
        } else if (rest.starts_with("->reg2,")) {
            tunnels[number] = rest.starts_with(to_filter) ? filter : 0;
        }
    }
    return tunnels;
}

std::vector<Flow>
shared_tap_flows(int64_t pair, Direction direction, int ofport,
                 std::optional<int> own_tag, bool copying,
                 const std::set<int64_t> &members)
{
    uint64_t id = cookie_of(FlowOwner::Tap, pair, direction);
    std::string in_port = "in_port=" + std::to_string(ofport);
    std::vector<Flow> flows;
    if (!copying) {
        flows.push_back({{TABLE_TAP, PRIORITY_TAP_IDLE, in_port}, id, "drop"});
    } else if (!members.empty()) {
        std::string actions;
        for (int64_t nic : members) {
            actions += (actions.empty() ? "" : ",") + set_register(3, nic) +
                       "," + resubmit(TABLE_MEMBER);
        }
        add_tap(in_port + "," + TO_GROUP, ANY, own_tag, id, actions, &flows);
    }
    return flows;
}

namespace {

/* A rule's match with the registers that say which filter's it is, in the
 * order in which a switch says them: what is read back need not be parsed to
 * be known then. */
std::string
match_in_filter(const std::string &registers, const std::string &match)
{
    if (match.empty()) {
        return registers;
    }
    size_t word = std::min(match.find(','), match.size());
    return match.substr(0, word) + "," + registers + match.substr(word);
}

} // namespace

std::vector<Flow>
filter_flows(int64_t filter_number, const Filter &filter)
{
    std::vector<Flow> flows;
    for (Direction direction : DIRECTIONS) {
        std::string registers = match_registers(direction, 1, filter_number);
        auto add = [&](int priority, const std::string &match,
                       const std::string &actions, int rule) {
            flows.push_back(
                {{TABLE_FILTER, static_cast<uint16_t>(priority),
                  match_in_filter(registers, match)},
                 cookie_of(FlowOwner::Filter, filter_number, direction, rule),
                 actions});
        };
        const std::vector<Rule> &rules = filter.rules(direction);
        std::vector<RuleFate> fates = rule_fates(rules);
        for (size_t i = 0; i < rules.size(); i++) {
            const Rule &rule = rules[i];
            std::string id = std::to_string(rule.number);
            for (const RuleMatch &m : rule_matches(rule, fates[i].live)) {
                /* The registers tell filters apart, so that the rule's number
                 * will do as the conjunction's. */
                add(PRIORITY_RULE_BASE - rule.number, m.match,
                    m.clause ? "conjunction(" + id + "," +
                                   std::to_string(m.clause) + "/2)"
                    : rule.action == RuleAction::Accept
                        ? resubmit(TABLE_EGRESS)
                        : "drop",
                    rule.number);
            }
        }
        if (filter.mirror_non_ip) {
            /* IP that no rule decided is not mirrored; the rest is. */
            add(PRIORITY_NON_IP_GUARD, "ip", "drop", 0);
            add(PRIORITY_NON_IP_GUARD, "ipv6", "drop", 0);
            add(PRIORITY_NON_IP_MIRROR, "", resubmit(TABLE_EGRESS), 0);
        }
    }
    return flows;
}

Flow
renewal_flow(int turn)
{
    std::string mark = hex(UINT64_C(1) << (HANDLE_BITS + turn % TURNS));
    /* A register is 0 behind a patch port. */
    return {{TABLE_TAP, PRIORITY_RENEWAL,
             "pkt_mark=" + mark + "/" + mark + ",reg7=0x1"},
            cookie_of(FlowOwner::Renewal, 0, std::nullopt, turn % TURNS),
            "drop"};
}

int
turn_of(const Flow &renewal)
{
    auto cookie = Cookie::decode(renewal.cookie);
    return cookie ? cookie->rule : 0;
}

Flow
guard_flow(const std::optional<IpAddress> &source,
           const IpAddress &destination)
{
    std::string s = source ? source->to_string() : "";
    std::string d = destination.to_string();
    /* FNV-1a; any stable hash does: two pairs of one number share an owner. */
    uint32_t hash = 2166136261u;
    for (char c : s + ">" + d) {
        hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
    }
    std::string field = destination.is_v6 ? "ipv6_" : "nw_";
    std::string match = destination.is_v6 ? "udp6," : "udp,";
    if (source) {
        match += field + "src=" + s + ",";
    }
    match += field + "dst=" + d + ",tp_dst=4789";
    return {{TABLE_GUARD, PRIORITY_GUARD, match},
            cookie_of(FlowOwner::Guard, (hash >> 24 ^ hash) & NUMBER_MAX),
            "drop"};
}

Flow
mark_guard_flow(bool is_v6)
{
    return {{TABLE_GUARD, PRIORITY_GUARD_MARK, match_marked(is_v6)},
            cookie_of(FlowOwner::Guard, 0),
            "drop"};
}

bool
hands_on(const Flow &flow)
{
    auto cookie = Cookie::decode(flow.cookie);
    if (!cookie || flow.actions == "drop") {
        return false;
    }
    switch (cookie->owner.kind) {
    case FlowOwner::Tap:
    case FlowOwner::Deliver:
        return true;
    case FlowOwner::Filter:
        return flow.actions == resubmit(TABLE_EGRESS);
    case FlowOwner::Egress:
        return flow.key.table != TABLE_LIMIT;
    default:
        return false;
    }
}

bool
admits_nothing(const Filter &filter, Direction direction)
{
    return filter.rules(direction).empty() && !filter.mirror_non_ip;
}

int
resubmits_of(const TapTunnel &tunnel)
{
    /* The last three are to LIMIT, BUDGET and, once a NIC, MEMBER.  Each tap
     * takes two more of UDP, to GUARD and back: few beside what is left. Those
     * of a balanced tunnel are to TAP and BALANCE. */
    return (tunnel.filter ? 2 : 1) + (tunnel.balanced ? 2 : 0) + 3;
}

std::vector<FlowEdit>
diff_flows(const std::vector<Flow> &actual, const std::vector<Flow> &desired)
{
    std::map<FlowKey, const Flow *> wanted;
    for (const Flow &flow : desired) {
        wanted[flow.key] = &flow;
    }
    std::vector<FlowEdit> edits;
    for (const Flow &flow : actual) {
        auto i = wanted.find(flow.key);
        if (i == wanted.end()) {
            edits.push_back({FlowEdit::Op::Delete, flow});
        } else if (*i->second == flow) {
            wanted.erase(i);
        }
    }
    for (const Flow &flow : desired) {
        auto i = wanted.find(flow.key);
        if (i != wanted.end() && i->second == &flow) {
            edits.push_back({FlowEdit::Op::Add, flow});
        }
    }
    return edits;
}

} // namespace pm
