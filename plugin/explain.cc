#include "plugin/explain.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "plugin/switch_names.h"

namespace pm {

namespace {

/* The number of the pair of rows that serves 'iface_id' on the switch. */
std::optional<int64_t>
pair_number(const DesiredState &desired, const std::string &iface_id)
{
    if (auto pair = desired.pair_of(iface_id)) {
        return pair;
    }
    for (const auto &[name, mirror] : desired.facts().rows.mirrors) {
        const Mark &mark = mirror.mark;
        if (!iface_id.empty() &&
            (mark.iface_id == iface_id ||
             std::any_of(mark.members.begin(), mark.members.end(),
                         [&](const auto &member) {
                             return member.second == iface_id;
                         }))) {
            return mark.number;
        }
    }
    return std::nullopt;
}

/* Our bridge that has the tunnel's egress flows. */
std::optional<std::string>
egress_bridge(const Actual &actual, int64_t number)
{
    FlowOwner egress{FlowOwner::Egress, static_cast<uint32_t>(number)};
    for (const auto &[bridge, owners] : actual.flows) {
        if (owners.count(egress)) {
            return bridge;
        }
    }
    return std::nullopt;
}

/* One line of a trace that names a flow of ours: " 1. MATCH, priority P,
 * cookie 0x6d72...". */
struct TraceStep {
    int table = 0;
    Cookie cookie;
};

std::optional<TraceStep>
parse_step(const std::string &line)
{
    size_t start = line.find_first_not_of(' ');
    size_t at = line.find(", cookie 0x");
    if (start == std::string::npos || at == std::string::npos) {
        return std::nullopt;
    }
    char *end;
    long table = std::strtol(line.c_str() + start, &end, 10);
    auto cookie = Cookie::decode(std::strtoull(
        line.c_str() + at + std::string(", cookie ").size(), nullptr, 16));
    if (*end != '.' || !cookie) {
        return std::nullopt;
    }
    return TraceStep{static_cast<int>(table), *cookie};
}

/* N of a line "set_field:0xN->REGISTER". */
std::optional<int64_t>
parse_register(const std::string &line, const std::string &name)
{
    const std::string set = "set_field:";
    size_t at = line.find(set);
    if (at == std::string::npos || !line.ends_with("->" + name)) {
        return std::nullopt;
    }
    return std::strtoll(line.c_str() + at + set.size(), nullptr, 0);
}

/* What the switch says went wrong, if 'line' is such. */
std::string
trouble_in(const std::string &line)
{
    size_t error = line.find(">> ");
    if (error != std::string::npos) {
        std::string what = line.substr(error + 3);
        /* That is how a limited copy's clone ends: see pipeline.h. */
        return what == "skipping output to input port" ? "" : what;
    }
    size_t miss = line.find("neighbor cache miss");
    return miss == std::string::npos ? "" : line.substr(miss);
}

void
add_line(std::string *text, const std::string &key, const std::string &value)
{
    *text += key + ": " + value + "\n";
}

/* The rule and the reason as the switch gave them. */
Decision
decision_of(const TraceAnswer &answer, const Filter *filter,
            Direction direction, bool is_ip)
{
    Decision decision{answer.admitted, answer.rule, ""};
    if (answer.is_own_copy) {
        decision.why = "it is a copy, which is never copied again";
    } else if (!answer.filtered && answer.admitted) {
        decision.why = "the tunnel has no filter: every frame is mirrored";
    } else if (!filter) {
        decision.why = "the tunnel's filter is not here";
    } else if (!answer.rule) {
        decision.why = no_rule_text(*filter, direction, is_ip);
    } else {
        const std::vector<Rule> &rules = filter->rules(direction);
        auto rule =
            std::find_if(rules.begin(), rules.end(), [&](const Rule &r) {
                return r.number == answer.rule;
            });
        decision.why = rule == rules.end()
                           ? "a rule that the filter has no more"
                           : rule_text(*rule);
    }
    return decision;
}

} // namespace

std::optional<TraceQuestion>
trace_question(const Uuid &tunnel, Direction direction,
               const TraceFrame &frame, const DesiredState &desired,
               const Actual &actual)
{
    const TunnelStatus *status = desired.status_of(tunnel);
    auto desire = desired.tunnels().find(tunnel);
    if (!status || desire == desired.tunnels().end()) {
        return std::nullopt;
    }
    const std::string &iface_id = desire->second.iface_id;
    auto bridge = egress_bridge(actual, status->number);
    auto pair = pair_number(desired, iface_id);
    if (!bridge || !pair) {
        return std::nullopt;
    }
    const SwitchFacts &facts = desired.facts();
    auto ofport = facts.ofports.find(nic_port_name(*pair, direction));
    if (ofport == facts.ofports.end()) {
        return std::nullopt;
    }
    std::string words;
    auto port = facts.nics.find(iface_id);
    if (!frame.tagged && port != facts.nics.end() && port->second.own_tag) {
        /* As it comes by the Mirror. */
        words = "dl_vlan=" + std::to_string(*port->second.own_tag) + ",";
    }
    /* What tells the NIC's frames from others' where it shares. */
    std::string own = direction == Direction::Inbound ? "dl_dst=" : "dl_src=";
    if (!desire->second.mac.empty() &&
        frame.flow.find(own) == std::string::npos) {
        words += own + desire->second.mac + ",";
    }
    return TraceQuestion{*bridge, ofport->second, words + frame.flow};
}

TraceAnswer
read_trace(const std::string &text, int64_t number)
{
    TraceAnswer answer;
    int64_t tunnel = 0; /* Whose turn it is. */
    bool sending = false;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("Final flow:")) {
            break;
        }
        if (auto turn = parse_register(line, "reg2")) {
            /* BALANCE says once more whose it is. */
            sending &= tunnel == *turn;
            tunnel = *turn;
        }
        auto step = parse_step(line);
        if (step && step->cookie.owner.kind == FlowOwner::Guard) {
            answer.is_own_copy = true;
        } else if (step && tunnel == number) {
            if (step->table == TABLE_FILTER) {
                answer.filtered = true;
                answer.rule = step->cookie.rule;
            } else if (step->table == TABLE_EGRESS &&
                       step->cookie.owner.kind == FlowOwner::Egress) {
                answer.admitted = sending = true;
                /* The one flow of ours that drops what came so far. */
                std::getline(lines, line);
                answer.only_counted = line.find("drop") != std::string::npos;
            }
        }
        if (sending && answer.trouble.empty()) {
            answer.trouble = trouble_in(line);
        }
    }
    return answer;
}

Decision
decision_on(const Uuid &id, Direction direction, const TraceFrame &frame,
            const std::optional<TraceAnswer> &switch_says,
            const DesiredState &desired)
{
    const Tunnel *tunnel = find(desired.model().tunnels, id);
    const Filter *filter = tunnel && tunnel->filter
                               ? find(desired.model().filters, *tunnel->filter)
                               : nullptr;
    if (switch_says) {
        return decision_of(*switch_says, filter, direction, frame.frame.is_ip);
    }
    if (filter) {
        return decide(*filter, direction, frame.frame);
    }
    return tunnel && !tunnel->filter
               ? Decision{true, 0,
                          "the tunnel has no filter: every frame is mirrored"}
               : Decision{false, 0, "the tunnel's filter is not here yet"};
}

std::vector<std::pair<std::string, std::string>>
obstacles(const Uuid &id, const std::optional<TraceAnswer> &switch_says,
          const DesiredState &desired, const Circumstances &circumstances)
{
    const Tunnel *tunnel = find(desired.model().tunnels, id);
    auto d = desired.tunnels().find(id);
    const TunnelDesire desire =
        d == desired.tunnels().end() ? TunnelDesire{} : d->second;
    std::vector<std::pair<std::string, std::string>> result;
    if (switch_says && switch_says->only_counted) {
        result.emplace_back("stopped by",
                            "COUNT_ONLY: mode=count: it is counted and not "
                            "sent");
    }
    if (switch_says && !switch_says->trouble.empty()) {
        result.emplace_back("stopped by", "SWITCH: " + switch_says->trouble);
    }
    /* What keeps the tunnel from being installed, or, where its copies go on
     * all the same, what its status says. */
    const char *key = switch_says ? "note" : "stopped by";
    for (const auto &[code, message] : desire.reasons) {
        result.emplace_back(key, code + ": " + message);
    }
    if (desire.health == Health::Disabled) {
        result.emplace_back(key, "DISABLED: set enabled=true to start it");
    }
    if (tunnel && !desire.active && !desire.pending) {
        result.emplace_back(key, "WAITING: the tunnel is not accepted yet");
    }
    if (desire.pending) {
        result.emplace_back(key, "PENDING: rows that it refers to have not "
                                 "arrived from the control database");
    }
    if (circumstances.paused) {
        result.emplace_back("note",
                            "PAUSED: nothing is applied until mirror/resume");
    }
    if (!circumstances.installed && (desire.egress || !switch_says) &&
        desire.reasons.empty() && desire.active && !desire.pending &&
        desire.health != Health::Disabled) {
        result.emplace_back(
            key, "INSTALLING: the switch is being brought to it; wait");
    }
    return result;
}

std::string
explain(const Uuid &id, Direction direction, const TraceFrame &frame,
        const std::optional<TraceAnswer> &switch_says,
        const DesiredState &desired, const Circumstances &circumstances)
{
    const Tunnel *tunnel = find(desired.model().tunnels, id);
    auto d = desired.tunnels().find(id);
    const TunnelDesire desire =
        d == desired.tunnels().end() ? TunnelDesire{} : d->second;
    Decision decision =
        decision_on(id, direction, frame, switch_says, desired);
    bool mirrored = switch_says && switch_says->admitted &&
                    !switch_says->only_counted && switch_says->trouble.empty();

    std::string text;
    if (tunnel) {
        add_line(&text, "tunnel", tunnel->account + "/" + tunnel->name);
    }
    add_line(&text, "direction", to_string(direction));
    add_line(&text, "flow", frame.flow);
    add_line(&text, "mirrored", mirrored ? "true" : "false");
    add_line(&text, "rule",
             decision.rule ? std::to_string(decision.rule) : "");
    add_line(&text, "why", decision.why);
    for (const auto &[key, value] :
         obstacles(id, switch_says, desired, circumstances)) {
        add_line(&text, key, value);
    }
    if (desire.egress) {
        add_line(&text, "destination", desire.destination_text());
    }
    if (tunnel) {
        add_line(&text, "vni", std::to_string(tunnel->vni));
    }
    /* Where nothing is sent the path is not known, which could cut more. */
    auto kept = desire.effective_packet_length;
    if (!kept && tunnel) {
        kept = configured_packet_length(desired.model(), *tunnel);
    }
    add_line(&text, "kept",
             kept ? std::to_string(*kept) + " bytes" : "the whole frame");
    return text;
}

} // namespace pm
