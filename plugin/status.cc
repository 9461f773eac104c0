#include "plugin/status.h"

#include <algorithm>
#include <ctime>

#include "plugin/installed.h"
#include "plugin/lifecycle.h"

namespace pm {

namespace {

constexpr size_t EVENTS_MAX = 20; /* The schema's bound. */

std::string
rfc3339(int64_t ms)
{
    std::time_t seconds = ms / 1000;
    std::tm tm{};
    gmtime_r(&seconds, &tm);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return text;
}

/* Who and what the tunnel is, for a list made when its row is gone. */
void
snapshot(const Uuid &id, const Tunnel &tunnel, const DesiredState &desired,
         TunnelStatus *status)
{
    const Model &model = desired.model();
    status->tunnel = id;
    status->name = tunnel.name;
    status->account = tunnel.account;
    status->destination_account = destination_account(model, tunnel);
    status->vni = tunnel.vni;
    if (const Resource *r = find(model.resources, tunnel.source)) {
        status->source = r->name;
    }
    if (const Resource *r = find(model.resources, tunnel.destination)) {
        status->destination = r->name;
    }
}

/* Whether another hypervisor has the NIC and has installed the tunnel, or has
 * nothing to install.  Until then this one's word stays, so that what runs is
 * never shown as Setting again because its NIC moved. */
bool
runs_elsewhere(const Uuid &tunnel, const DesiredState &desired)
{
    for (const Uuid &id : desired.foreign_statuses_of(tunnel)) {
        const TunnelStatus *status = find(desired.model().tunnel_statuses, id);
        if (status && status->bound &&
            (status->observed_generation > 0 ||
             status->health == Health::Disabled ||
             status->health == Health::Error)) {
            return true;
        }
    }
    return false;
}

/* What the budget of all copies does not let through is nobody's in
 * particular: whoever copies is told. */
void
tell_budget(TunnelStatus *status, const TunnelDesire &desire,
            const Settings &settings, const StatusContext &context)
{
    if (!desire.egress || desire.egress->count_only || !settings.rate_kbps ||
        !context.exceeded.count(desire.mirror_bridge)) {
        return;
    }
    status->health = std::max(status->health, Health::Degraded);
    status->reasons["BUDGET_EXCEEDED"] =
        "all copies of this hypervisor together exceed its budget of " +
        std::to_string(*settings.rate_kbps) +
        " kbit/s, and some are dropped; raise external_ids:mirror-rate-kbps "
        "or limit tunnels by rate_kbps";
}

} // namespace

std::map<std::string, int64_t>
new_handles(const Uuid &tunnel, const Actual &actual, DesiredState *desired)
{
    std::map<std::string, int64_t> handles;
    auto desire = desired->tunnels().find(tunnel);
    if (desire == desired->tunnels().end() ||
        desire->second.in_vpc->ways.empty()) {
        return handles;
    }
    const TunnelStatus *status = desired->status_of(tunnel);
    for (const DeliverySpec &way : desire->second.in_vpc->ways) {
        const std::string text = way.to_string();
        if (status && status->handles.count(text) &&
            desired->owns_handle(tunnel, text)) {
            continue;
        }
        auto busy = [&](int64_t n) {
            return actual.is_busy(FlowOwner::Deliver, n);
        };
        if (int64_t handle = desired->handle_for(tunnel, way, busy)) {
            handles[text] = handle;
        }
    }
    return handles;
}

namespace {

/* The tunnel's handles: those of what its copies are to become, and until
 * nothing can be sent to them those of what they were. */
std::map<std::string, int64_t>
handles_of(const TunnelDesire &desire, const TunnelStatus *before,
           const Actual &actual, const StatusContext &context)
{
    std::map<std::string, int64_t> handles;
    if (before) {
        bool sends =
            !actual.flows_known() || actual.unproven.count(before->number);
        for (const auto &[way, handle] : before->handles) {
            if (sends || actual.has({FlowOwner::Deliver,
                                     static_cast<uint32_t>(handle)})) {
                handles[way] = handle;
            }
        }
    }
    for (const DeliverySpec &way : desire.in_vpc->ways) {
        const std::string text = way.to_string();
        if (context.handles.count(text)) {
            handles[text] = context.handles.at(text);
        } else if (before && before->handles.count(text)) {
            handles[text] = before->handles.at(text);
        }
    }
    for (const auto &[handle, way] : desire.in_vpc->deliveries) {
        handles[way.to_string()] = handle;
    }
    return handles;
}

} // namespace

namespace {

/* Whether a tap on the switch, which is to be changed and could not be yet,
 * hands copies to this tunnel. */
bool
is_tapped(int64_t number, const Actual &actual,
          const std::set<OwnerKey> &outstanding)
{
    return actual.any_tap(outstanding, [&](const Flow &flow) {
        return handed_by(flow).contains(number);
    });
}

/* Deletes the row of a tunnel that copies no more. */
StatusEdit
remove_status(const TunnelStatus &status, const Actual &actual,
              const std::set<OwnerKey> &outstanding)
{
    StatusEdit edit;
    edit.held = is_tapped(status.number, actual, outstanding);
    edit.op = edit.held ? StatusEdit::Op::Keep : StatusEdit::Op::Delete;
    return edit;
}

} // namespace

StatusEdit
desire_status(const Uuid &id, const DesiredState &desired,
              const Actual &actual, const std::set<OwnerKey> &outstanding,
              int64_t number, const StatusContext &context)
{
    const Tunnel *tunnel = find(desired.model().tunnels, id);
    const TunnelStatus *before = desired.status_of(id);
    auto d = desired.tunnels().find(id);
    const TunnelDesire nothing;
    const TunnelDesire &desire =
        d == desired.tunnels().end() ? nothing : d->second;

    FlowOwner egress{FlowOwner::Egress,
                     static_cast<uint32_t>(before ? before->number : 0)};
    /* What is on its way to the switch is not known to be there. */
    bool silent = actual.flows_known() && !actual.changing &&
                  !actual.has(egress) && !actual.unproven.count(egress.number);
    if (!tunnel || (!desire.active && !desire.pending)) {
        /* Deleted, or never accepted: gone once that is proven. */
        bool gone = before && silent && !context.unreachable;
        return gone ? remove_status(*before, actual, outstanding)
                    : StatusEdit{};
    }
    if (desire.pending) {
        return {};
    }
    if (!desire.bound) {
        if (!before) {
            return {};
        }
        if (silent && !context.unreachable && runs_elsewhere(id, desired)) {
            return remove_status(*before, actual, outstanding);
        }
    }

    TunnelStatus status = before ? *before : TunnelStatus{};
    if (!before) {
        status.chassis = desired.facts().settings.chassis;
        status.number = number;
        status.created_ms = context.now_ms;
    }
    snapshot(id, *tunnel, desired, &status);
    if (context.counters) {
        auto counters = context.counters->find(id);
        if (counters != context.counters->end()) {
            status.counters = counters->second;
        }
    }
    status.iface_id = desire.iface_id;
    status.bound = desire.bound;
    status.delivery = desire.delivery;
    status.effective_packet_length = desire.effective_packet_length;
    status.handles = handles_of(desire, before, actual, context);
    /* Kept while it is missing: the counters are of copies that crossed it. */
    if (!desire.in_vpc->crossing.empty() ||
        (desire.egress && !desire.in_vpc->vpcs)) {
        status.peering = desire.in_vpc->crossing;
    }
    status.health = desire.health;
    status.reasons = desire.reasons;
    if (status.health == Health::Disabled && silent) {
        status.reasons.erase("VSWITCHD_AWAY"); /* It has stopped. */
    }
    status.conditions = desire.conditions;
    if (context.paused && status.health == Health::Ok) {
        status.health = Health::Degraded;
        status.reasons["PAUSED"] = TOLD_PAUSED;
    }
    const Filter *filter = tunnel->filter
                               ? find(desired.model().filters, *tunnel->filter)
                               : nullptr;
    int64_t generation = std::max<int64_t>(tunnel->generation, 1);
    int64_t filter_generation = filter ? filter->generation : 0;
    /* What is told already is not taken back for as long as the datapath
     * follows what changed for others: a NIC's tunnels share its tap. */
    bool told = before && is_told_installed(*before) &&
                status.observed_generation == generation &&
                status.observed_filter_generation == filter_generation;
    InForce in_force = tell_installed(&status, told, id, desired, actual,
                                      outstanding, context);
    tell_budget(&status, desire, desired.facts().settings, context);
    /* "Observed" is what is in force: all of it, or, once it was, nothing. */
    if (in_force == InForce::Yes ||
        (status.observed_generation > 0 && !desire.egress && silent)) {
        status.observed_generation = generation;
        status.observed_filter_generation = filter_generation;
    }

    /* The clock may have been set back since. */
    bool was_away = before && context.away_until_ms > 0 &&
                    before->updated_ms <= context.away_from_ms &&
                    context.away_from_ms < context.now_ms;
    bool lags = in_force == InForce::Lags;
    if (before && status == *before && !was_away) {
        return {StatusEdit::Op::Keep, {}, lags, false};
    }
    bool news = !before || before->health != status.health;
    auto tell = [&](const std::string &what) {
        status.events.push_back(rfc3339(context.now_ms) + " " + what);
    };
    if (was_away) {
        tell("the control database was out of reach from " +
             rfc3339(context.away_from_ms) + " to " +
             rfc3339(context.away_until_ms) +
             "; what was installed stayed so");
    }
    if (before) {
        for (const auto &[code, message] : status.reasons) {
            if (!before->reasons.count(code)) {
                tell(std::string(to_string(status.health)) + " " + code +
                     ": " + message);
                news = false;
            }
        }
    }
    if (news) {
        tell(status.reasons.empty()
                 ? std::string(to_string(status.health))
                 : std::string(to_string(status.health)) + " " +
                       status.reasons.begin()->first + ": " +
                       status.reasons.begin()->second);
    }
    if (status.events.size() > EVENTS_MAX) {
        status.events.erase(status.events.begin(),
                            status.events.end() - EVENTS_MAX);
    }
    status.updated_ms = context.now_ms;
    return {StatusEdit::Op::Put, status, lags, false};
}

} // namespace pm
