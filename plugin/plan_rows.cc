#include "plugin/plan_rows.h"

#include <algorithm>

#include "plugin/switch_names.h"

namespace pm {

namespace {

std::string
kind_name(RowEdit::Kind kind)
{
    switch (kind) {
    case RowEdit::Kind::Bridge:
        return "bridge";
    case RowEdit::Kind::Port:
        return "port";
    case RowEdit::Kind::Mirror:
        return "mirror";
    }
    return "";
}

/* Appends what turns one table of rows into another. */
template <typename Row>
void
diff_table(RowEdit::Kind kind, const std::map<std::string, Row> &actual,
           const std::map<std::string, Row> &desired, bool may_delete,
           std::vector<RowEdit> *edits)
{
    if (may_delete) {
        for (const auto &[name, row] : actual) {
            if (!desired.count(name)) {
                edits->push_back({RowEdit::Op::Delete, kind, name,
                                  "delete " + kind_name(kind) + " " + name +
                                      ": no tunnel needs it"});
            }
        }
    }
    for (const auto &[name, row] : desired) {
        auto i = actual.find(name);
        if (i == actual.end()) {
            edits->push_back({RowEdit::Op::Put, kind, name,
                              "create " + kind_name(kind) + " " + name});
        } else if (!(i->second == row)) {
            edits->push_back({RowEdit::Op::Put, kind, name,
                              "repair " + kind_name(kind) + " " + name});
        }
    }
}

} // namespace

std::vector<RowEdit>
diff_rows(const SwitchRows &actual, const SwitchRows &desired, bool may_delete)
{
    std::vector<RowEdit> edits;
    diff_table(RowEdit::Kind::Mirror, actual.mirrors, desired.mirrors,
               may_delete, &edits);
    diff_table(RowEdit::Kind::Port, actual.ports, desired.ports, may_delete,
               &edits);
    diff_table(RowEdit::Kind::Bridge, actual.bridges, desired.bridges,
               may_delete, &edits);
    return edits;
}

namespace {

/* Whether writing the row would move a port to another bridge.  vswitchd does
 * not follow that within one change of its configuration: it keeps a patch
 * port on both. */
bool
moves_port(const RowEdit &edit, const SwitchRows &actual,
           const SwitchRows &desired)
{
    auto row = actual.ports.find(edit.name);
    return edit.op == RowEdit::Op::Put && edit.kind == RowEdit::Kind::Port &&
           row != actual.ports.end() &&
           row->second.bridge != desired.ports.at(edit.name).bridge;
}

/* Whether the port may just have been deleted from another bridge without
 * vswitchd having followed. */
bool
comes_too_soon(const RowEdit &edit, const DesiredState &desired)
{
    if (edit.op != RowEdit::Op::Put || edit.kind != RowEdit::Kind::Port) {
        return false;
    }
    const PortRow &row = desired.rows().ports.at(edit.name);
    return (row.mark.purpose == "vxlan" || row.mark.purpose == "balance") &&
           !desired.facts().settled &&
           !desired.facts().rows.ports.count(edit.name);
}

/* Whether the tap 'number' has flows that are not to stay. */
bool
has_unwanted(const Actual &actual, const DesiredState &desired, int64_t number)
{
    FlowOwner owner{FlowOwner::Tap, static_cast<uint32_t>(number)};
    return std::any_of(
        actual.flows.begin(), actual.flows.end(), [&](const auto &bridge) {
            auto flows = bridge.second.find(owner);
            auto wanted = desired.flows().find({bridge.first, owner});
            return flows != bridge.second.end() &&
                   (wanted == desired.flows().end() ||
                    std::any_of(flows->second.begin(), flows->second.end(),
                                [&](const Flow &flow) {
                                    return std::find(wanted->second.begin(),
                                                     wanted->second.end(),
                                                     flow) ==
                                           wanted->second.end();
                                }));
        });
}

/* Whether a row of a pair may not be written yet.  Cached datapath flows
 * follow it only when a flow_mod comes after it, so the flows that it concerns
 * have to come after it; those that are there would only stay.  And flows that
 * are right for the NICs which a pair serves may be wrong once it serves
 * more. */
bool
must_wait_for_tap(const RowEdit &edit, const Actual &actual,
                  const DesiredState &desired)
{
    const SwitchRows &rows = desired.rows();
    const Mark *mark = nullptr;
    if (edit.op == RowEdit::Op::Put && edit.kind == RowEdit::Kind::Port) {
        mark = &rows.ports.at(edit.name).mark;
    } else if (edit.op == RowEdit::Op::Put &&
               edit.kind == RowEdit::Kind::Mirror) {
        mark = &rows.mirrors.at(edit.name).mark;
    }
    if (!mark || (mark->purpose != "tap" && mark->purpose != "shared")) {
        return false;
    }
    if (!actual.flows_known() || actual.changing ||
        has_unwanted(actual, desired, mark->number)) {
        return true;
    }
    const auto &members =
        rows.mirrors.at(mirror_name(mark->number, Direction::Inbound))
            .mark.members;
    return std::any_of(members.begin(), members.end(), [&](const auto &nic) {
        return has_unwanted(actual, desired, nic.first);
    });
}

/* Whether a Mirror is to give up a port while something may still copy. */
bool
shrinks_too_soon(const RowEdit &edit, const Actual &actual,
                 const SwitchRows &desired, bool may_delete)
{
    if (edit.op != RowEdit::Op::Put || edit.kind != RowEdit::Kind::Mirror ||
        may_delete) {
        return false;
    }
    auto is = actual.rows.mirrors.find(edit.name);
    const MirrorRow &row = desired.mirrors.at(edit.name);
    auto keeps = [](const std::set<Uuid> &all, const std::set<Uuid> &some) {
        return std::includes(all.begin(), all.end(), some.begin(), some.end());
    };
    return is != actual.rows.mirrors.end() && row.mark.purpose == "shared" &&
           !(keeps(row.select_src, is->second.select_src) &&
             keeps(row.select_dst, is->second.select_dst));
}

/* Has new Mirrors wait where a bridge would have more than it takes, with
 * everybody's, until others have gone: vswitchd would choose which count. */
void
keep_to_most_mirrors(const SwitchRows &actual, const DesiredState &desired,
                     Plan *plan)
{
    std::map<std::string, int64_t> mirrors;
    for (const auto &[name, bridge] : desired.facts().bridges) {
        mirrors[name] = bridge.foreign_mirrors;
    }
    for (const auto &[name, mirror] : actual.mirrors) {
        mirrors[mirror.bridge]++;
    }
    std::erase_if(plan->rows, [&](const RowEdit &edit) {
        if (edit.op != RowEdit::Op::Put ||
            edit.kind != RowEdit::Kind::Mirror ||
            actual.mirrors.count(edit.name)) {
            return false;
        }
        const std::string &bridge =
            desired.rows().mirrors.at(edit.name).bridge;
        if (mirrors[bridge] < MIRRORS_MAX) {
            mirrors[bridge]++;
            return false;
        }
        plan->waiting.push_back(edit.why + " (waits until " + bridge +
                                " has fewer than " +
                                std::to_string(MIRRORS_MAX) + " Mirrors)");
        return true;
    });
}

} // namespace

void
plan_rows(const Actual &actual, const DesiredState &desired, bool may_delete,
          Plan *plan)
{
    plan->rows = diff_rows(actual.rows, desired.rows(), may_delete);
    for (RowEdit &edit : plan->rows) {
        if (moves_port(edit, actual.rows, desired.rows())) {
            edit.op = RowEdit::Op::Delete;
            edit.why = "delete port " + edit.name +
                       ": it is needed on another bridge";
        }
    }
    std::erase_if(plan->rows, [&](const RowEdit &edit) {
        if (edit.op == RowEdit::Op::Delete && !may_delete) {
            plan->waiting.push_back(edit.why +
                                    " (waits until its flows are proven gone "
                                    "from the datapath)");
            return true;
        }
        if (comes_too_soon(edit, desired)) {
            plan->waiting.push_back(edit.why +
                                    " (waits until vswitchd's cur_cfg has "
                                    "reached our rows)");
            return true;
        }
        if (shrinks_too_soon(edit, actual, desired.rows(), may_delete)) {
            plan->waiting.push_back(edit.why +
                                    " (waits until flows of the NIC that "
                                    "leaves are proven gone from the "
                                    "datapath)");
            return true;
        }
        bool waits = must_wait_for_tap(edit, actual, desired);
        if (waits) {
            plan->waiting.push_back(edit.why +
                                    " (waits until its tap's flows are gone)");
        }
        return waits;
    });
    keep_to_most_mirrors(actual.rows, desired, plan);
    if (!may_delete) {
        for (const RowEdit &edit :
             diff_rows(actual.rows, desired.rows(), true)) {
            if (edit.op == RowEdit::Op::Delete) {
                plan->waiting.push_back(edit.why +
                                        " (waits until its flows are proven "
                                        "gone from the datapath)");
            }
        }
    }
}

} // namespace pm
