/* ovs-mirrorctl: waiting for the hypervisors. */
#include "utilities/ovs-mirrorctl.h"

#include <limits>

#include "plugin/check_network.h"
#include "plugin/heartbeat.h"
#include "plugin/nic_links.h"
#include "plugin/touched.h"

namespace pm::ctl {

namespace {

bool
is_silent(const Chassis &chassis, int64_t now_ms)
{
    return now_ms - chassis.heartbeat_ms > HOST_SILENCE_MS;
}

/* The chassis that have, or had, something to do with 'tunnel'. */
void
add_chassis(const Model &model, const Uuid &tunnel,
            std::set<std::string> *chassis)
{
    for (const auto &[id, status] : model.tunnel_statuses) {
        if (status.tunnel == tunnel) {
            chassis->insert(status.chassis);
        }
    }
}

/* Whether the hypervisor says that nothing is in force: it has seen that
 * generation, and something else keeps it from installing it. */
bool
is_told_absent(const TunnelStatus &status)
{
    auto condition = status.conditions.find("Installed");
    return condition != status.conditions.end() &&
           condition->second.status == ConditionStatus::False;
}

/* What commands on rows bear on: these are in the transaction alone. */
void
add_touched_by_rows(const Attempt &attempt, Awaited *awaited)
{
    Model before = attempt.before;
    Model after = read_model(attempt.idl, nullptr);
    link_lost_nics(&before);
    link_lost_nics(&after);
    ModelDelta delta = diff(before, after);
    std::set<Uuid> changed;
    for_each_table(delta, delta, [&](const auto &rows, const auto &) {
        for (const auto &[id, row] : rows) {
            changed.insert(id);
        }
    });
    for (const Uuid &id : touched_tunnels(before, after, changed)) {
        awaited->tunnels.emplace(id, changed.contains(id));
        add_chassis(attempt.before, id, &awaited->chassis);
    }
}

/* Why tunnel 'id' is not (or not yet) as the database wants it, or nullopt
 * if it is.  One that was not 'named' may have been stopped on purpose, by
 * what was: then it is as wanted when its hypervisors have seen that. */
std::optional<std::string>
lacks(const Model &model, const Uuid &id, bool named,
      const std::vector<TunnelView> &views)
{
    const Tunnel *tunnel = find(model.tunnels, id);
    bool runs = tunnel && tunnel->enabled && is_accepted(model, *tunnel) &&
                (named || !is_stopped_by_inventory(model, *tunnel));
    bool has_row = false, installed = false, lags = false;
    for (const auto &[row_id, s] : model.tunnel_statuses) {
        if (s.tunnel != id) {
            continue;
        }
        has_row = true;
        bool current = tunnel && s.observed_generation >= tunnel->generation;
        if (current && tunnel->filter) {
            const Filter *f = find(model.filters, *tunnel->filter);
            current = f && s.observed_filter_generation >= f->generation;
        }
        installed |= s.bound && current && !is_told_absent(s);
        /* What never was in force has no generation that was. */
        lags |= !current && (s.observed_generation || !is_told_absent(s));
    }
    if (runs ? installed : tunnel ? !lags : !has_row) {
        return std::nullopt;
    }
    std::string why;
    for (const TunnelView &view : views) {
        if (view.id == id) {
            for (const auto &[code, message] : view.reasons) {
                why.append(why.empty() ? "" : "; ");
                why.append(code).append(": ").append(message);
            }
        }
    }
    if (!why.empty()) {
        return why;
    }
    return !tunnel   ? "a hypervisor has not yet removed it"
           : !runs   ? "a hypervisor has not yet stopped copying for it"
           : has_row ? "its hypervisor has not yet installed this generation"
                     : "no hypervisor has reported its source";
}

/* How output names a tunnel that may be gone. */
std::string
tunnel_name(const Model &model, const Uuid &id,
            const std::vector<TunnelView> &views)
{
    auto view = std::find_if(views.begin(), views.end(),
                             [&](const auto &v) { return v.id == id; });
    return view == views.end() ? id.to_string()
                               : view->account + "/" + view->name;
}

/* What is still missing: path and reason of each. */
std::vector<std::pair<std::string, std::string>>
missing(const Model &model, const Awaited &awaited, const std::string &viewer,
        int64_t now_ms)
{
    std::vector<std::pair<std::string, std::string>> result;
    std::vector<TunnelView> views = tunnel_views(model, now_ms, viewer);
    std::set<std::string> chassis = awaited.chassis;
    for (const auto &[id, named] : awaited.tunnels) {
        add_chassis(model, id, &chassis);
        if (auto why = lacks(model, id, named, views)) {
            result.emplace_back(tunnel_name(model, id, views), *why);
        }
    }
    if (awaited.all_chassis) {
        for (const TunnelView &view : views) {
            chassis.insert(view.chassis.begin(), view.chassis.end());
        }
    }
    for (const std::string &name : chassis) {
        auto row =
            std::find_if(model.chassis.begin(), model.chassis.end(),
                         [&](const auto &c) { return c.second.name == name; });
        bool known = row != model.chassis.end();
        bool silent = !known || is_silent(row->second, now_ms);
        if (known && row->second.cfg >= awaited.cfg) {
            continue;
        }
        if (awaited.all_chassis && silent) {
            continue;
        }
        result.emplace_back("hypervisor " + name,
                            silent ? "HostAlive: is not heard from; if it is "
                                     "gone for good, \"chassis-del\" forgets "
                                     "it and what it had"
                                   : "has not yet answered");
    }
    return result;
}

} // namespace

bool
is_alive(const Chassis &chassis, int64_t now_ms)
{
    /* One of a clock that is ahead would speak for a dead host until then. */
    return !is_silent(chassis, now_ms) &&
           chassis.heartbeat_ms - now_ms <= HOST_SILENCE_MS;
}

Awaited
awaited_by(const Attempt &attempt)
{
    Awaited awaited;
    awaited.all_chassis = attempt.sync;
    if (!attempt.settings.wait_hv) {
        return awaited;
    }
    for (const Uuid &id : attempt.edit.touched_tunnels) {
        awaited.tunnels[id] = attempt.edit.book.named.contains(id);
        add_chassis(attempt.edit.model, id, &awaited.chassis);
    }
    if (!attempt.raw_edits.empty()) {
        add_touched_by_rows(attempt, &awaited);
    }
    for (const std::string &name : attempt.forgotten) {
        awaited.chassis.erase(name);
    }
    return awaited;
}

bool
raise_cfg(ovsdb_idl *idl, ovsdb_idl_txn *txn)
{
    const pmrec_mirror_global *global = pmrec_mirror_global_first(idl);
    if (!global) {
        global = pmrec_mirror_global_insert(txn);
    } else if (global->cfg == std::numeric_limits<int64_t>::max()) {
        complain("DATABASE", "Mirror_Global.cfg",
                 "it can count no edit more, so that none could be waited "
                 "for: \"ovs-mirrorctl set Mirror_Global . cfg=0\", then "
                 "try again");
        return false;
    }
    ovsdb_idl_txn_increment(txn, &global->header_,
                            &pmrec_mirror_global_col_cfg, true);
    return true;
}

void
take_given_uuids(Awaited *awaited, const ovsdb_idl_txn *txn)
{
    std::map<Uuid, bool> tunnels;
    for (const auto &[id, named] : awaited->tunnels) {
        struct uuid uuid = to_ovs_uuid(id);
        const struct uuid *given = ovsdb_idl_txn_get_insert_uuid(txn, &uuid);
        tunnels.emplace(given ? to_uuid(*given) : id, named);
    }
    awaited->tunnels = tunnels;
}

int
wait_installed(const Settings &settings, ovsdb_idl *idl,
               const Awaited &awaited, long long deadline_ms)
{
    /* A server that restarts meanwhile is no reason to give up. */
    ovsdb_idl_enable_reconnect(idl);
    unsigned int seqno = ovsdb_idl_get_seqno(idl) - 1;
    std::vector<std::pair<std::string, std::string>> still;
    for (;;) {
        ovsdb_idl_run(idl);
        if (seqno != ovsdb_idl_get_seqno(idl)) {
            seqno = ovsdb_idl_get_seqno(idl);
            Model model = read_model(idl, nullptr);
            link_lost_nics(&model);
            still =
                missing(model, awaited, settings.account, time_wall_msec());
            if (still.empty()) {
                return EXIT_DONE;
            }
        }
        if (time_msec() >= deadline_ms) {
            break;
        }
        ovsdb_idl_wait(idl);
        poll_timer_wait_until(deadline_ms);
        poll_block();
    }
    for (const auto &[path, reason] : still) {
        complain("NOT_INSTALLED", path, reason);
    }
    return EXIT_NOT_INSTALLED;
}

} // namespace pm::ctl
