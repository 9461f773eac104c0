#include "tests/unit/simulated_agent.h"

#include "plugin/lifecycle.h"
#include "plugin/plan_revocations.h"

namespace pm {

namespace {

bool
sends(const Flow &flow)
{
    return flow.key.table == TABLE_EGRESS &&
           Cookie::decode(flow.cookie)->owner.kind == FlowOwner::Egress;
}

} // namespace

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
    host.restart();
    actual = Actual{};
    outstanding.clear();
    in_flight_.clear();
    meters_in_flight_.clear();
    proof_.reset();
    unreported_.clear();
    started_ = false;
}

void
SimulatedAgent::restart_vswitchd()
{
    tables.clear();
    hot.clear();
    lagging.clear();
    in_flight_.clear();
    meters_in_flight_.clear();
    actual.flows.clear();
    actual.meters.clear();
    meters.clear();
    host.facts.settled = false;
}

void
SimulatedAgent::forget_policies()
{
    policies_.clear();
    filters_.clear();
    budgets_.clear();
    note_policies();
}

void
SimulatedAgent::note_policies()
{
    const Model &model = host.model;
    for (const auto &[id, filter] : model.filters) {
        std::vector<Filter> &versions = filters_[id];
        if (versions.empty() || !(versions.back() == filter)) {
            versions.push_back(filter);
        }
    }
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
        auto admit = [&, &tunnel = tunnel](const IpAddress &address) {
            policy.destinations.insert({address, tunnel.vni});
            size_t versions =
                tunnel.filter ? filters_[*tunnel.filter].size() : 0;
            policy.together.insert(
                {address, tunnel.filter, versions ? versions - 1 : 0});
        };
        if (destination.collector) {
            admit(destination.collector->address);
        } else if (destination.nic && !destination.nic->addresses.empty()) {
            admit(destination.nic->addresses.front());
        }
        if (destination.load_balancer) {
            for (const auto &member : destination.load_balancer->members) {
                admit(member.address);
            }
        }
        policy.filters.insert(tunnel.filter);
        policy.rates.insert(tunnel.rate_kbps);
        policy.iface_ids.insert(source.nic ? source.nic->iface_id
                                           : source.resource->iface_id);
    }
    budgets_.insert(host.facts.settings.rate_kbps);
}

Plan
SimulatedAgent::plan()
{
    std::set<std::string> busy;
    for (const auto &[bridge, edits] : in_flight_) {
        busy.insert(bridge);
    }
    for (const auto &[bridge, edits] : meters_in_flight_) {
        busy.insert(bridge);
    }
    return make_plan(actual, host.desired, &outstanding, busy);
}

void
SimulatedAgent::read_flows()
{
    std::erase_if(actual.flows, [&](const auto &bridge) {
        return !actual.rows.bridges.count(bridge.first);
    });
    std::erase_if(actual.meters, [&](const auto &bridge) {
        return !actual.flows.count(bridge.first);
    });
    /* Its connection went with it, and whatever answer was to come. */
    std::erase_if(in_flight_, [&](const auto &bridge) {
        return !actual.rows.bridges.count(bridge.first);
    });
    std::erase_if(meters_in_flight_, [&](const auto &bridge) {
        return !actual.rows.bridges.count(bridge.first);
    });
    if (!started_ || !host.facts.settled) {
        return;
    }
    for (const auto &[name, row] : actual.rows.bridges) {
        if (actual.flows.count(name)) {
            continue;
        }
        actual.meters[name] = meters[name];
        auto &owners = actual.flows[name];
        for (const auto &[key, flow] : tables[name]) {
            owners[Cookie::decode(flow.cookie)->owner].edit().push_back(flow);
        }
        for (const auto &[owner, flows] : owners) {
            outstanding.insert({name, owner});
        }
        for (const auto &[owner, rate_kbps] : meters[name]) {
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
        actual.inherit(host.model, "hv1");
    }
    read_flows();
    if (started_) {
        actual.changing = !in_flight_.empty() || !meters_in_flight_.empty();
        Plan todo = plan();
        if (away) {
            keep_revocations(actual, host.desired, &todo);
        }
        judge_plan(todo);
        for (const auto &[bridge, edits] : todo.meters) {
            if (!in_flight_.count(bridge) &&
                !meters_in_flight_.count(bridge) &&
                (hurry || host.chance(80))) {
                run_meters(bridge, edits);
                meters_in_flight_[bridge] = edits;
            }
        }
        for (const std::string &bridge : todo.renew) {
            todo.flows[bridge]; /* With what else there is, or alone. */
        }
        for (auto &[bridge, edits] : todo.flows) {
            if (!in_flight_.count(bridge) &&
                !meters_in_flight_.count(bridge) &&
                (hurry || host.chance(80))) {
                renew(actual, host.desired, bridge, &edits);
                run_bundle(bridge, edits);
                in_flight_[bridge] = edits;
            }
        }
        if (todo.prove && !proof_) {
            proof_ = Proof{now_, actual.to_prove()};
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
    actual.changing = !in_flight_.empty() || !meters_in_flight_.empty();
    StatusContext context;
    context.now_ms = now_ * 1000;
    context.unreachable = away;
    auto busy = [&](int64_t number) {
        return actual.is_busy(FlowOwner::Egress, number);
    };
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
        context.handles = new_handles(id, actual, &host.desired);
        StatusEdit edit = desire_status(id, host.desired, actual, outstanding,
                                        number, context);
        auto row = host.desired.status_row_of(id);
        if (edit.op == StatusEdit::Op::Put && row) {
            judge_told(rows[*row], edit.status);
        }
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
    auto busy = [&](int64_t number) {
        return actual.is_busy(FlowOwner::Filter, number);
    };
    DesiredState &desired = host.desired;
    auto &rows = host.model.filter_statuses;
    for (const auto &[id, filter] : host.model.filters) {
        bool coming =
            desired.is_filter_needed(id) && !desired.filter_status_of(id);
        auto status = desire_filter_status(
            id, desired, actual, outstanding,
            coming ? desired.number_for_filter(id, busy) : 0, std::nullopt,
            now_ * 1000);
        if (status) {
            auto row = desired.filter_status_row_of(id);
            if (row) {
                judge_told(rows[*row], *status);
            }
            rows[row ? *row : row_id(Row::FilterStatus, next_status_++)] =
                *status;
        }
    }
    for (const Uuid &id : desired.idle_filters()) {
        if (is_filter_gone(*desired.filter_status_of(id), actual,
                           named_filters(actual, outstanding))) {
            rows.erase(*desired.filter_status_row_of(id));
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
        lagging[{bridge, Cookie::decode(edit.flow.cookie)->owner}] = now_;
        auto was = table.find(edit.flow.key);
        if (was != table.end()) {
            auto cookie = Cookie::decode(was->second.cookie);
            if (sends(was->second)) {
                hot[cookie->owner.number] = now_;
            }
            table.erase(was);
        } else if (edit.op == FlowEdit::Op::Delete) {
            fault("deletes what is not there: " + edit.to_string());
        }
        if (edit.op == FlowEdit::Op::Add) {
            table[edit.flow.key] = edit.flow;
            auto cookie = Cookie::decode(edit.flow.cookie);
            if (sends(edit.flow)) {
                hot.erase(cookie->owner.number);
            }
        }
    }
    flows_written++;
    judge_tables();
}

void
SimulatedAgent::run_meters(const std::string &bridge,
                           const std::vector<MeterEdit> &edits)
{
    for (const MeterEdit &edit : edits) {
        if ((edit.op == MeterEdit::Op::Add) ==
            (meters[bridge].count(edit.owner) > 0)) {
            fault("cannot " + edit.to_string());
        }
        if (edit.op == MeterEdit::Op::Delete) {
            meters[bridge].erase(edit.owner);
            if (edit.owner.kind == FlowOwner::Egress &&
                hot.count(edit.owner.number)) {
                fault(edit.to_string() + " while the datapath may copy");
            }
        } else {
            meters[bridge][edit.owner] = edit.rate_kbps;
        }
    }
    meters_written++;
    judge_tables();
}

/* A row of a NIC's pair comes only while the tap has no flows, which are then
 * the flow_mod that cached datapath flows need; and no port changes its
 * bridge, which vswitchd does not follow. */
void
SimulatedAgent::judge_row(const RowEdit &edit)
{
    Mark mark;
    if (edit.kind == RowEdit::Kind::Port) {
        const PortRow &row = host.desired.rows().ports.at(edit.name);
        mark = row.mark;
        auto before = host.facts.rows.ports.find(edit.name);
        if (before != host.facts.rows.ports.end() &&
            before->second.bridge != row.bridge) {
            fault(edit.why + ": moves to another bridge");
        }
    } else if (edit.kind == RowEdit::Kind::Mirror) {
        mark = host.desired.rows().mirrors.at(edit.name).mark;
    }
    for (const auto &[bridge, table] : tables) {
        for (const auto &[key, flow] : table) {
            FlowOwner owner = Cookie::decode(flow.cookie)->owner;
            if (mark.purpose == "tap" && owner.kind == FlowOwner::Tap &&
                owner.number == mark.number) {
                fault(edit.why + ": while the tap has flows");
                return;
            }
            if (mark.segment.empty() && !mark.members.empty() &&
                owner.kind == FlowOwner::Tap && owner.number == mark.number &&
                flow.actions != "drop") {
                fault(edit.why + ": while what is for all of another subnet "
                                 "is handed on");
                return;
            }
        }
    }
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
        if (edit.op == RowEdit::Op::Put) {
            judge_row(edit);
        }
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
    if (hurry || host.chance(80)) {
        host.answer_next_hops();
    }
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
        for (const auto &[bridge, edits] : meters_in_flight_) {
            for (const MeterEdit &edit : edits) {
                if (actual.flows.count(bridge)) {
                    apply_meter(&actual, bridge, edit);
                    outstanding.insert({bridge, edit.owner});
                }
            }
        }
        meters_in_flight_.clear();
    }
    if (proof_ && (hurry || host.chance(50))) {
        actual.proven(proof_->subject);
        auto covered = [&](const auto &entry) {
            return entry.second <= proof_->since;
        };
        std::erase_if(hot, covered);
        std::erase_if(lagging, covered);
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
        std::erase_if(meters, [&](const auto &bridge) {
            return !facts.rows.bridges.count(bridge.first);
        });
        facts.settled = true;
    }
}

bool
SimulatedAgent::settled() const
{
    return started_ && in_flight_.empty() && meters_in_flight_.empty() &&
           !proof_ && host.facts.settled && outstanding.empty() &&
           hot.empty() && actual.all_proven() &&
           host.facts.rows == host.desired.rows() &&
           host.facts == host.desired.facts() && host.seen == host.model;
}

} // namespace pm
