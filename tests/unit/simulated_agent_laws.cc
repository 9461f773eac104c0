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

void
SimulatedAgent::judge_plan(const Plan &todo)
{
    const SwitchRows &rows = host.facts.rows;
    for (const auto &[bridge, edits] : todo.flows) {
        for (const FlowEdit &edit : edits) {
            FlowOwner owner = Cookie::decode(edit.flow.cookie)->owner;
            if (edit.op != FlowEdit::Op::Add || owner.kind != FlowOwner::Tap) {
                continue;
            }
            for (Direction direction : DIRECTIONS) {
                std::string mirror = mirror_name(owner.number, direction);
                std::string port = nic_port_name(owner.number, direction);
                if (!rows.mirrors.count(mirror) ||
                    !(rows.mirrors.at(mirror) ==
                      host.desired.rows().mirrors.at(mirror)) ||
                    !rows.ports.count(port) ||
                    !(rows.ports.at(port) ==
                      host.desired.rows().ports.at(port))) {
                    fault("tap " + std::to_string(owner.number) +
                          " without its rows");
                }
            }
        }
    }
    for (const RowEdit &edit : todo.rows) {
        if (edit.op == RowEdit::Op::Delete && !hot.empty()) {
            fault("would " + edit.why + ", while the datapath may copy");
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
        uint32_t nic = Cookie::decode(flow.cookie)->owner.number;
        auto port =
            host.facts.rows.ports.find(nic_port_name(nic, Direction::Inbound));
        if (port != host.facts.rows.ports.end() &&
            !policy.iface_ids.count(port->second.mark.iface_id)) {
            fault(name + " is of another NIC");
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
        if (flow.actions.find("meter:") == std::string::npos) {
            continue;
        }
        if (flow.actions.find("meter:" + std::to_string(meter_of(owner))) ==
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
        bool passes = flow.actions.find("resubmit(,3)") != std::string::npos;
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

void
SimulatedAgent::judge_tables()
{
    for (const auto &[bridge, table] : tables) {
        judge_limits(bridge);
        std::map<uint32_t, std::vector<Flow>> filters;
        for (const auto &[key, flow] : table) {
            FlowOwner owner = Cookie::decode(flow.cookie)->owner;
            if (owner.kind == FlowOwner::Tap) {
                judge_tap(flow);
            } else if (owner.kind == FlowOwner::Filter) {
                filters[owner.number].push_back(flow);
            } else if (owner.kind == FlowOwner::Egress) {
                const TunnelStatus *status = status_of_number(owner.number);
                if (!status) {
                    fault("no status row speaks for " + flow.to_string());
                    continue;
                }
                auto spec = parse_egress(flow.actions);
                const Policy &policy = policies_[status->tunnel];
                if (policy.filters.empty() ||
                    (spec && !policy.destinations.count(
                                 {spec->destination, spec->vni}))) {
                    fault("no policy admits " + flow.to_string());
                }
            }
        }
        for (auto &[number, flows] : filters) {
            const FilterStatus *status = filter_status_of_number(number);
            if (!status) {
                fault("no status row speaks for filter " +
                      std::to_string(number));
                continue;
            }
            bool known = false;
            for (const Filter &version : filters_[status->filter]) {
                auto expected = filter_flows(number, version);
                std::sort(expected.begin(), expected.end());
                known |= expected == flows;
            }
            if (!known) {
                fault("filter " + std::to_string(number) +
                      " is none that there ever was");
            }
        }
    }
}

} // namespace pm
