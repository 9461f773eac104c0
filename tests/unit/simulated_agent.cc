#include "tests/unit/simulated_agent.h"

#include <algorithm>
#include <sstream>

#include "plugin/lifecycle.h"
#include "plugin/switch_names.h"

namespace pm {

void
SimulatedAgent::fault(const std::string &what)
{
    faults.push_back("at " + std::to_string(now_) + ": " + what);
}

/* ------------------------------------------------------------------------
 * The daemon. */

void
SimulatedAgent::restart()
{
    host.desired = DesiredState();
    host.seen = Model{};
    actual = Actual{};
    outstanding.clear();
    in_flight_.clear();
    proof_.reset();
    unreported_.clear();
    started_ = false;
}

void
SimulatedAgent::restart_vswitchd()
{
    tables.clear();
    hot.clear();
    in_flight_.clear();
    actual.flows.clear();
    host.facts.settled = false;
}

void
SimulatedAgent::forget_policies()
{
    policies_.clear();
    filters_.clear();
    note_policies();
}

void
SimulatedAgent::note_policies()
{
    const Model &model = host.model;
    for (const auto &[id, tunnel] : model.tunnels) {
        if (!tunnel.enabled || !is_accepted(model, tunnel)) {
            continue;
        }
        End source = resolve_end(model, tunnel.source);
        End destination = resolve_end(model, tunnel.destination);
        if (!source.resource || !destination.resource) {
            continue;
        }
        Policy &policy = policies_[id];
        if (destination.collector) {
            policy.destinations.insert(
                {destination.collector->address, tunnel.vni});
        } else if (destination.nic && !destination.nic->addresses.empty()) {
            policy.destinations.insert(
                {destination.nic->addresses.front(), tunnel.vni});
        }
        policy.filters.insert(tunnel.filter);
        policy.iface_ids.insert(source.nic ? source.nic->iface_id
                                           : source.resource->iface_id);
    }
    for (const auto &[id, filter] : model.filters) {
        std::vector<Filter> &versions = filters_[id];
        if (versions.empty() || !(versions.back() == filter)) {
            versions.push_back(filter);
        }
    }
}

Plan
SimulatedAgent::plan()
{
    return make_plan(actual, host.desired, &outstanding);
}

void
SimulatedAgent::read_flows()
{
    std::erase_if(actual.flows, [&](const auto &bridge) {
        return !actual.rows.bridges.count(bridge.first);
    });
    if (!started_ || !host.facts.settled) {
        return;
    }
    for (const auto &[name, row] : actual.rows.bridges) {
        if (actual.flows.count(name)) {
            continue;
        }
        auto &owners = actual.flows[name];
        for (const auto &[key, flow] : tables[name]) {
            owners[Cookie::decode(flow.cookie)->owner].push_back(flow);
        }
        for (const auto &[owner, flows] : owners) {
            outstanding.insert({name, owner});
        }
        for (const auto &[key, flows] : host.desired.flows()) {
            if (key.bridge == name) {
                outstanding.insert(key);
            }
        }
    }
}

void
SimulatedAgent::pass(bool hurry)
{
    now_++;
    note_policies();
    host.feed();
    actual.rows = host.facts.rows;
    unreported_.merge(host.desired.take_changed_tunnels());
    for (const OwnerKey &key : host.desired.take_changed_flows()) {
        outstanding.insert(key);
    }
    if (!started_ && host.desired.decided()) {
        started_ = true;
        for (const auto &[id, status] : host.model.tunnel_statuses) {
            if (status.chassis == "hv1") {
                actual.unproven[status.number];
            }
        }
    }
    read_flows();
    if (started_) {
        actual.changing = !in_flight_.empty();
        Plan todo = plan();
        judge_plan(todo);
        for (const auto &[bridge, edits] : todo.flows) {
            if (!in_flight_.count(bridge) && (hurry || host.chance(80))) {
                run_bundle(bridge, edits);
                in_flight_[bridge] = edits;
            }
        }
        if (todo.prove && !proof_ && todo.flows.empty()) {
            proof_ = Proof{now_, actual.unproven};
        }
        if (!todo.rows.empty() && (hurry || host.chance(80))) {
            write_rows(todo.rows);
        }
        report();
    }
    answer(hurry);
}

void
SimulatedAgent::report()
{
    StatusContext context;
    context.now_ms = now_ * 1000;
    std::set<int64_t> busy;
    for (const auto &[bridge, owners] : actual.flows) {
        for (const auto &[owner, flows] : owners) {
            busy.insert(owner.kind == FlowOwner::Egress ? owner.number : 0);
        }
    }
    for (const auto &[number, spec] : actual.unproven) {
        busy.insert(number);
    }
    auto &rows = host.model.tunnel_statuses;
    std::set<Uuid> ids;
    for (const auto &[id, desire] : host.desired.tunnels()) {
        ids.insert(id);
    }
    for (const auto &[id, status] : rows) {
        ids.insert(status.tunnel);
    }
    for (const Uuid &id : ids) {
        auto d = host.desired.tunnels().find(id);
        bool coming = d != host.desired.tunnels().end() && d->second.bound &&
                      !host.desired.status_of(id);
        int64_t number = coming ? host.desired.number_for_tunnel(id, busy) : 0;
        StatusEdit edit = desire_status(id, host.desired, actual, outstanding,
                                        number, context);
        auto row = host.desired.status_row_of(id);
        if (edit.op == StatusEdit::Op::Put &&
            (row || host.model.tunnels.count(id))) {
            rows[row ? *row : row_id(Row::Status, next_status_++)] =
                edit.status;
        } else if (edit.op == StatusEdit::Op::Delete) {
            int64_t gone = rows.at(*row).number;
            if (hot.count(gone)) {
                fault("status of tunnel " + std::to_string(gone) +
                      " deleted while the datapath may copy for it");
            }
            rows.erase(*row);
            statuses_deleted++;
        }
    }
    report_filters();
}

void
SimulatedAgent::report_filters()
{
    std::set<int64_t> busy;
    for (const auto &[bridge, owners] : actual.flows) {
        for (const auto &[owner, flows] : owners) {
            busy.insert(owner.kind == FlowOwner::Filter ? owner.number : 0);
        }
    }
    DesiredState &desired = host.desired;
    for (const auto &[id, filter] : host.model.filters) {
        if (desired.is_filter_needed(id) && !desired.filter_status_of(id)) {
            FilterStatus &status = host.model.filter_statuses[row_id(
                Row::FilterStatus, next_status_++)];
            status.filter = id;
            status.chassis = "hv1";
            status.number = desired.number_for_filter(id, busy);
        }
    }
    for (const Uuid &id : desired.idle_filters()) {
        FlowOwner owner{
            FlowOwner::Filter,
            static_cast<uint32_t>(desired.filter_status_of(id)->number)};
        if (actual.flows_known() && !actual.has(owner)) {
            host.model.filter_statuses.erase(
                *desired.filter_status_row_of(id));
        }
    }
}

/* ------------------------------------------------------------------------
 * The switch. */

void
SimulatedAgent::run_bundle(const std::string &bridge,
                           const std::vector<FlowEdit> &edits)
{
    auto &table = tables[bridge];
    for (const FlowEdit &edit : edits) {
        auto was = table.find(edit.flow.key);
        if (was != table.end()) {
            auto cookie = Cookie::decode(was->second.cookie);
            if (cookie->owner.kind == FlowOwner::Egress) {
                hot[cookie->owner.number] = now_;
            }
            table.erase(was);
        } else if (edit.op == FlowEdit::Op::Delete) {
            fault("deletes what is not there: " + edit.to_string());
        }
        if (edit.op == FlowEdit::Op::Add) {
            table[edit.flow.key] = edit.flow;
            auto cookie = Cookie::decode(edit.flow.cookie);
            if (cookie->owner.kind == FlowOwner::Egress) {
                hot.erase(cookie->owner.number);
            }
        }
    }
    flows_written++;
    judge_tables();
}

void
SimulatedAgent::write_rows(const std::vector<RowEdit> &edits)
{
    SwitchRows &rows = host.facts.rows;
    auto put = [](auto *table, const auto &desired, const RowEdit &edit) {
        if (edit.op == RowEdit::Op::Delete) {
            table->erase(edit.name);
        } else {
            (*table)[edit.name] = desired.at(edit.name);
        }
    };
    for (const RowEdit &edit : edits) {
        if (edit.op == RowEdit::Op::Delete) {
            rows_deleted++;
            if (!hot.empty()) {
                fault(edit.why + ", while the datapath may copy");
            }
        }
        switch (edit.kind) {
        case RowEdit::Kind::Bridge:
            put(&rows.bridges, host.desired.rows().bridges, edit);
            break;
        case RowEdit::Kind::Port:
            put(&rows.ports, host.desired.rows().ports, edit);
            break;
        case RowEdit::Kind::Mirror:
            put(&rows.mirrors, host.desired.rows().mirrors, edit);
            break;
        }
    }
    host.facts.settled = false;
}

/* Some of what is under way comes to its end. */
void
SimulatedAgent::answer(bool hurry)
{
    SwitchFacts &facts = host.facts;
    host.answer_paths();
    for (auto &[key, path] : host.paths) {
        path.known |= hurry || host.chance(50);
    }
    for (auto &[name, bridge] : facts.bridges) {
        bridge.checked |= hurry || host.chance(50);
    }
    if (hurry || host.chance(70)) {
        for (const auto &[bridge, edits] : in_flight_) {
            if (actual.flows.count(bridge)) {
                apply_bundle(&actual, bridge, edits);
                for (const FlowEdit &edit : edits) {
                    outstanding.insert(
                        {bridge, Cookie::decode(edit.flow.cookie)->owner});
                }
            }
        }
        in_flight_.clear();
    }
    if (proof_ && (hurry || host.chance(50))) {
        for (const auto &[number, spec] : proof_->stopped) {
            auto i = actual.unproven.find(number);
            if (i != actual.unproven.end() && i->second == spec) {
                actual.unproven.erase(i);
            }
        }
        std::erase_if(hot, [&](const auto &entry) {
            return entry.second <= proof_->since;
        });
        proof_.reset();
        proofs++;
    }
    if (hurry || host.chance(70)) {
        std::erase_if(facts.ofports, [&](const auto &port) {
            return !facts.rows.ports.count(port.first);
        });
        for (const auto &[name, port] : facts.rows.ports) {
            facts.ofports.try_emplace(name, next_ofport_);
            next_ofport_++;
        }
        std::erase_if(facts.bridges,
                      [](const auto &bridge) { return bridge.second.ours; });
        for (const auto &[name, row] : facts.rows.bridges) {
            std::string type = row.datapath_type;
            facts.bridges[name] = {type.empty() ? "system" : type, true, 0,
                                   false, ""};
        }
        std::erase_if(tables, [&](const auto &bridge) {
            return !facts.rows.bridges.count(bridge.first);
        });
        facts.settled = true;
    }
}

bool
SimulatedAgent::settled() const
{
    return started_ && in_flight_.empty() && !proof_ && host.facts.settled &&
           outstanding.empty() && hot.empty() && actual.unproven.empty() &&
           host.facts.rows == host.desired.rows() &&
           host.facts == host.desired.facts() && host.seen == host.model;
}

/* ------------------------------------------------------------------------
 * The laws. */

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

void
SimulatedAgent::judge_tables()
{
    for (const auto &[bridge, table] : tables) {
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
