/* SimulatedAgent, the laws by which each step is judged. */
#include <algorithm>
#include <sstream>

#include "plugin/switch_names.h"
#include "tests/unit/simulated_agent.h"

namespace pm {

const TunnelStatus *
SimulatedAgent::status_of_number(int64_t number) const
{
    for (const auto &[id, status] : host.model.tunnel_statuses) {
        if (status.chassis == "hv1" && status.number == number) {
            return &status;
        }
    }
    return nullptr;
}

const FilterStatus *
SimulatedAgent::filter_status_of_number(int64_t number) const
{
    for (const auto &[id, status] : host.model.filter_statuses) {
        if (status.chassis == "hv1" && status.number == number) {
            return &status;
        }
    }
    return nullptr;
}

/* Whether the rows that bring frames to a flow of TAP or MEMBER are there: of
 * a pair that NICs share, with this NIC among those selected. */
bool
SimulatedAgent::serves(const Flow &flow) const
{
    int64_t number = Cookie::decode(flow.cookie)->owner.number;
    const SwitchRows &rows = host.facts.rows, &desired = host.desired.rows();
    for (const auto &[name, row] : desired.mirrors) {
        auto member = row.mark.members.find(number);
        bool shares = member != row.mark.members.end();
        if (row.mark.number != number && !shares) {
            continue;
        }
        auto is = rows.mirrors.find(name);
        if (is == rows.mirrors.end() || is->second.tampered ||
            (row.mark.purpose == "tap" && !(is->second == row))) {
            return false;
        }
        if (shares) {
            auto nic = host.facts.nics.find(member->second);
            if (nic == host.facts.nics.end() ||
                is->second.select_src.count(nic->second.port) +
                        is->second.select_dst.count(nic->second.port) ==
                    0) {
                return false;
            }
        }
        for (const auto &[port_name, port] : desired.ports) {
            auto port_is = rows.ports.find(port_name);
            if (port.mark.number == row.mark.number &&
                port.mark.purpose == row.mark.purpose &&
                (port_is == rows.ports.end() || !(port_is->second == port))) {
                return false;
            }
        }
    }
    return true;
}

void
SimulatedAgent::judge_plan(const Plan &todo)
{
    for (const auto &[bridge, edits] : todo.flows) {
        for (const FlowEdit &edit : edits) {
            FlowOwner owner = Cookie::decode(edit.flow.cookie)->owner;
            if (edit.op != FlowEdit::Op::Add || owner.kind != FlowOwner::Tap) {
                continue;
            }
            if (!serves(edit.flow)) {
                fault("without its rows: " + edit.to_string());
            }
        }
    }
    for (const RowEdit &edit : todo.rows) {
        if (edit.op == RowEdit::Op::Delete && !hot.empty()) {
            fault("would " + edit.why + ", while the datapath may copy");
        }
    }
}

/* Of each filter on the bridge the versions that its flows are. */
SimulatedAgent::Versions
SimulatedAgent::judge_filters(const std::string &bridge)
{
    std::map<int64_t, std::vector<Flow>> filters;
    for (const auto &[key, flow] : tables[bridge]) {
        FlowOwner owner = Cookie::decode(flow.cookie)->owner;
        if (owner.kind == FlowOwner::Filter) {
            filters[owner.number].push_back(flow);
        }
    }
    Versions standing;
    for (const auto &[number, flows] : filters) {
        const std::string name = "filter " + std::to_string(number);
        const FilterStatus *status = filter_status_of_number(number);
        if (!status) {
            fault("no status row speaks for " + name);
            continue;
        }
        const std::vector<Filter> &versions = filters_[status->filter];
        for (size_t i = 0; i < versions.size(); i++) {
            auto expected = filter_flows(number, versions[i]);
            std::sort(expected.begin(), expected.end());
            if (expected == flows) {
                standing[number].insert(i);
            }
        }
        if (standing[number].empty()) {
            fault(name + " is none that there ever was");
        }
    }
    return standing;
}

/* No frame goes by one policy's rules to another one's destination. */
void
SimulatedAgent::judge_together(const std::string &bridge,
                               const Versions &standing)
{
    std::map<int64_t, std::set<int64_t>> handed; /* Numbers. */
    for (const auto &[key, flow] : tables[bridge]) {
        if (Cookie::decode(flow.cookie)->owner.kind == FlowOwner::Tap) {
            for (const auto &[tunnel, filter] : handed_by(flow)) {
                handed[tunnel].insert(filter);
            }
        }
    }
    for (const auto &[key, flow] : tables[bridge]) {
        FlowOwner owner = Cookie::decode(flow.cookie)->owner;
        auto spec = arriving(bridge, flow);
        const TunnelStatus *status = status_of_number(owner.number);
        if (owner.kind != FlowOwner::Egress || !spec || !status) {
            continue;
        }
        const Policy &policy = policies_[status->tunnel];
        for (int64_t number : handed[owner.number]) {
            const FilterStatus *f = filter_status_of_number(number);
            auto versions = standing.find(number);
            if (f && versions == standing.end()) {
                continue; /* It admits nothing. */
            }
            auto filter = f ? std::optional(f->filter) : std::nullopt;
            std::set<size_t> by = f ? versions->second : std::set<size_t>{0};
            if (std::none_of(by.begin(), by.end(), [&](size_t version) {
                    return policy.together.count(
                        {spec->destination, filter, version});
                })) {
                fault("never together with these rules of filter " +
                      (filter ? filter->to_string() : "none") + ": " +
                      flow.to_string());
            }
        }
    }
}

void
SimulatedAgent::judge_tap(const Flow &flow)
{
    /* set_field:0xN->regR,... resubmit(,T) */
    std::istringstream words(flow.actions);
    int64_t filter = 0, tunnel = 0;
    for (std::string word; std::getline(words, word, ',');) {
        size_t arrow = word.find("->reg");
        if (arrow != std::string::npos) {
            int64_t value =
                std::stoll(word.substr(word.find(':') + 1), nullptr, 0);
            (word.back() == '1' ? filter : tunnel) = value;
            continue;
        }
        if (word != "1)" && word != "2)") {
            continue;
        }
        std::string name = "tap of tunnel " + std::to_string(tunnel);
        const TunnelStatus *status = status_of_number(tunnel);
        if (!status) {
            fault(name + ": no status row speaks for it");
            continue;
        }
        const Policy &policy = policies_[status->tunnel];
        std::optional<Uuid> through;
        if (word == "1)") {
            const FilterStatus *f = filter_status_of_number(filter);
            through = f ? f->filter : Uuid{};
        }
        if (!policy.filters.count(through)) {
            fault(name + " goes through a filter that it never had: " +
                  flow.to_string());
        }
        for (const std::string &nic : host.desired.nics_of_tap(
                 Cookie::decode(flow.cookie)->owner.number)) {
            if (!policy.iface_ids.count(nic)) {
                fault(name + " is of another NIC");
            }
        }
    }
}

/* No flow names a meter that is not there, and no copy leaves without a limit
 * that its tunnel, or the host, has had all the time. */
void
SimulatedAgent::judge_limits(const std::string &bridge)
{
    const auto &table = tables[bridge];
    std::map<int64_t, bool> limited; /* By tunnel: by its own meter. */
    bool budgeted = false;
    for (const auto &[key, flow] : table) {
        FlowOwner owner = Cookie::decode(flow.cookie)->owner;
        if (flow.actions.str().find("meter:") == std::string::npos) {
            continue;
        }
        if (flow.actions.str().find("meter:" +
                                    std::to_string(meter_of(owner))) ==
                std::string::npos ||
            !meters[bridge].count(owner)) {
            fault("no such meter: " + flow.to_string());
        }
        (owner.kind == FlowOwner::Base ? budgeted : limited[owner.number]) =
            true;
    }
    for (const auto &[key, flow] : table) {
        auto spec = parse_egress(flow.actions);
        if (!spec) {
            continue;
        }
        bool passes =
            flow.actions.str().find("resubmit(,3)") != std::string::npos;
        FlowOwner owner = Cookie::decode(flow.cookie)->owner;
        const TunnelStatus *status = status_of_number(owner.number);
        if (status && !policies_[status->tunnel].rates.count(std::nullopt) &&
            !(passes && limited[owner.number])) {
            fault("copies without its limit: " + flow.to_string());
        }
        if (!budgets_.count(std::nullopt) && !budgets_.count(0) &&
            !(passes && budgeted)) {
            fault("copies outside of the budget: " + flow.to_string());
        }
    }
}

/* What a flow sends, as it arrives: in a tenant's network it is what the
 * delivery bridge makes of it. */
std::optional<EgressSpec>
SimulatedAgent::arriving(const std::string &bridge, const Flow &flow)
{
    auto spec = parse_egress(flow.actions);
    bool v6 = spec && spec->destination.is_v6;
    if (!spec || !handle_range(v6).handles.contains(spec->destination)) {
        return spec;
    }
    std::string to = "dst=" + spec->destination.to_string() + ",";
    for (const auto &[key, delivery] : tables[delivery_bridge_name(bridge)]) {
        if (key.match.find(to) == std::string::npos) {
            continue;
        }
        std::string before = "set_field:";
        size_t end =
            delivery.actions.str().find(v6 ? "->ipv6_dst" : "->ip_dst");
        size_t start =
            delivery.actions.str().rfind(before, end) + before.size();
        spec->destination =
            ip_of(delivery.actions.str().substr(start, end - start));
        return spec;
    }
    return std::nullopt; /* Dropped. */
}

/* A generation is told when the datapath does as it says. */
void
SimulatedAgent::judge_told(const TunnelStatus &before,
                           const TunnelStatus &status)
{
    auto desire = host.desired.tunnels().find(status.tunnel);
    if ((status.observed_generation == before.observed_generation &&
         status.observed_filter_generation ==
             before.observed_filter_generation) ||
        desire == host.desired.tunnels().end()) {
        return;
    }
    generations_told++;
    auto tap = host.desired.tap_of(status.iface_id);
    for (const auto &[key, since] : lagging) {
        int64_t number = key.owner.number;
        bool ours =
            key.owner.kind == FlowOwner::Egress && number == status.number;
        if (desire->second.egress) {
            ours |= tap && key == *tap;
            ours |= key.owner.kind == FlowOwner::Filter &&
                    key.bridge == desire->second.mirror_bridge &&
                    number == desire->second.tap.filter;
        }
        if (ours) {
            fault("generation " + std::to_string(status.observed_generation) +
                  " of tunnel " + std::to_string(status.number) +
                  " told while the datapath may not follow " +
                  key.owner.to_string());
        }
    }
}

/* A filter is told to be in force when on every bridge the datapath decides by
 * what it says now, and by nothing that it said. */
void
SimulatedAgent::judge_told(const FilterStatus &before,
                           const FilterStatus &status)
{
    if (status.observed_generation == before.observed_generation) {
        return;
    }
    generations_told++;
    FlowOwner owner{FlowOwner::Filter, static_cast<uint32_t>(status.number)};
    auto expected = filter_flows(
        status.number, host.desired.model().filters.at(status.filter));
    std::sort(expected.begin(), expected.end());
    for (const auto &[bridge, table] : tables) {
        std::vector<Flow> flows;
        for (const auto &[key, flow] : table) {
            if (Cookie::decode(flow.cookie)->owner == owner) {
                flows.push_back(flow);
            }
        }
        if (lagging.count({bridge, owner}) ||
            (!flows.empty() && flows != expected)) {
            fault("generation " + std::to_string(status.observed_generation) +
                  " of filter " + std::to_string(status.number) +
                  " told while " + bridge + " may decide otherwise");
        }
    }
}

void
SimulatedAgent::judge_tables()
{
    for (const auto &[bridge, table] : tables) {
        judge_limits(bridge);
        judge_together(bridge, judge_filters(bridge));
        for (const auto &[key, flow] : table) {
            FlowOwner owner = Cookie::decode(flow.cookie)->owner;
            if (owner.kind == FlowOwner::Tap) {
                judge_tap(flow);
            } else if (owner.kind == FlowOwner::Egress) {
                const TunnelStatus *status = status_of_number(owner.number);
                if (!status) {
                    fault("no status row speaks for " + flow.to_string());
                    continue;
                }
                auto spec = arriving(bridge, flow);
                const Policy &policy = policies_[status->tunnel];
                if (policy.filters.empty() ||
                    (spec && !policy.destinations.count(
                                 {spec->destination, spec->vni}))) {
                    fault("no policy admits " + flow.to_string());
                }
            }
        }
    }
}

} // namespace pm
