#include "plugin/status.h"

#include <algorithm>
#include <ctime>

#include "plugin/lifecycle.h"
#include "plugin/value_of.h"

namespace pm {

namespace {

constexpr const char *PAUSED =
    "the daemon is paused; ovs-appctl -t ovs-mirrord mirror/resume";

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

/* Whether some form of the tunnel's copies is on the switch, be it not yet
 * the latest. */
bool
is_copying(const TunnelDesire &desire, const DesiredState &desired,
           const Actual &actual)
{
    auto flows = actual.flows.find(desire.mirror_bridge);
    auto tap = desired.tap_of(desire.iface_id);
    return tap && flows != actual.flows.end() &&
           flows->second.count(tap->owner) &&
           flows->second.count(
               {FlowOwner::Egress, static_cast<uint32_t>(desire.tap.tunnel)});
}

/* Whether 'holds' of some owner of flows on our bridges that make the tunnel's
 * copies. */
template <typename Predicate>
bool
any_owner(const TunnelDesire &desire, const DesiredState &desired,
          Predicate holds)
{
    auto owner_on = [](const std::string &bridge, FlowOwner::Kind kind,
                       int64_t number) {
        return OwnerKey{bridge, {kind, static_cast<uint32_t>(number)}};
    };
    const std::string &bridge = desire.mirror_bridge;
    OwnerKey egress = owner_on(bridge, FlowOwner::Egress, desire.tap.tunnel);
    if (holds(owner_on(bridge, FlowOwner::Base, 0)) || holds(egress) ||
        (desire.tap.filter &&
         holds(owner_on(bridge, FlowOwner::Filter, desire.tap.filter)))) {
        return true;
    }
    for (const OwnerKey &delivery : desired.deliveries_of(egress)) {
        if (holds(delivery) ||
            holds(owner_on(delivery.bridge, FlowOwner::Base, 0))) {
            return true;
        }
    }
    auto tap = desired.tap_of(desire.iface_id);
    auto shared = desired.shared_tap_of(desire.iface_id);
    return (tap && holds(*tap)) || (shared && holds(*shared));
}

/* Why the switch refuses what the tunnel needs, or "". */
std::string
refusal_of(const TunnelDesire &desire, const DesiredState &desired,
           const StatusContext &context)
{
    std::string refusal;
    any_owner(desire, desired, [&](const OwnerKey &owner) {
        auto refused = context.refused.find(owner);
        if (refused == context.refused.end()) {
            return false;
        }
        refusal = refused->second;
        return true;
    });
    return refusal;
}

/* Why the switch refuses to have a tunnel of that number stop, or "". */
std::string
refusal_to_stop(int64_t number, const StatusContext &context)
{
    FlowOwner egress{FlowOwner::Egress, static_cast<uint32_t>(number)};
    for (const auto &[owner, error] : context.refused) {
        if (owner.owner == egress) {
            return error;
        }
    }
    return "";
}

/* Whether a tunnel of which nothing is to be copied may still be copied for:
 * what was told to have ended has. */
bool
is_stopping(const TunnelDesire &desire, const TunnelStatus *before,
            const Actual &actual)
{
    if (!before || desire.egress || desire.undecided) {
        return false;
    }
    FlowOwner egress{FlowOwner::Egress, static_cast<uint32_t>(before->number)};
    auto told = before->conditions.find("Installed");
    return actual.has(egress) ||
           (actual.unproven.count(egress.number) &&
            told != before->conditions.end() &&
            told->second.status != ConditionStatus::False);
}

/* What the tunnel needs and somebody keeps changing, or "". */
std::string
contested_of(const TunnelDesire &desire, const StatusContext &context)
{
    for (const std::string &bridge :
         {desire.mirror_bridge, desire.nic_bridge}) {
        auto contested = context.contested.find(bridge);
        if (contested != context.contested.end()) {
            return contested->second;
        }
    }
    return "";
}

/* Says of a tunnel that is to copy nothing why it may still. */
void
set_stopping(TunnelStatus *status, const StatusContext &context)
{
    Condition &condition = status->conditions["Installed"];
    condition.status = ConditionStatus::Unknown;
    std::string refusal = refusal_to_stop(status->number, context);
    auto tell = [&](const std::string &code, const std::string &message) {
        status->reasons[code] = message;
        condition.reason = code + ": " + message;
    };
    if (context.paused) {
        tell("PAUSED", PAUSED);
    } else if (!refusal.empty()) {
        tell("SWITCH_REFUSED", "the switch refused to have it stop (" +
                                   refusal + "); see the daemon's log");
    } else if (status->reasons.empty()) { /* Else it is told why. */
        condition.reason =
            "STOPPING: that its copies have ended is not proven yet; wait";
    }
}

/* Says whether the tunnel is installed, and why not: 'lagging' if that is only
 * since the datapath is yet to follow. */
void
set_installed(TunnelStatus *status, bool installed, bool lagging, bool copying,
              const StatusContext &context, const DesiredState &desired,
              const TunnelDesire &desire)
{
    Condition &condition = status->conditions["Installed"];
    auto away = status->reasons.find("VSWITCHD_AWAY");
    if (away != status->reasons.end()) {
        /* What it does meanwhile cannot be seen. */
        condition = {ConditionStatus::Unknown,
                     away->first + ": " + away->second};
        return;
    }
    condition = {installed ? ConditionStatus::True : ConditionStatus::False,
                 ""};
    auto dead = status->reasons.find("MIRROR_DEAD");
    if (dead != status->reasons.end()) {
        condition = {ConditionStatus::False,
                     dead->first + ": " + dead->second};
        return;
    }
    if (installed) {
        condition.reason = *desire.sharing;
        return;
    }
    auto degrade = [&](const std::string &code, const std::string &message) {
        status->reasons[code] = message;
        status->health = std::max(status->health, Health::Degraded);
    };
    std::string refusal = refusal_of(desire, desired, context);
    std::string contested = contested_of(desire, context);
    if (!refusal.empty()) {
        degrade("SWITCH_REFUSED", "the switch refused our flows (" + refusal +
                                      "); see the daemon's log");
    } else if (!contested.empty()) {
        degrade("CONTESTED",
                "somebody keeps removing or changing " + contested +
                    ", which is put back every few seconds only; find out "
                    "who and stop it");
    } else if (status->reasons.empty() && status->health != Health::Disabled &&
               !copying && status->observed_generation > 0) {
        degrade("INSTALLING", "the switch is being brought to it again; "
                              "wait");
    }
    if (!status->reasons.empty()) {
        condition.reason = status->reasons.begin()->first + ": " +
                           status->reasons.begin()->second;
    } else if (status->health == Health::Disabled) {
        condition.reason = "DISABLED: set enabled=true to start it";
    } else if (lagging) {
        condition.reason = "INSTALLING: the switch has it, but its datapath "
                           "is not known to follow yet; wait";
    } else {
        condition.reason =
            "INSTALLING: the switch is being brought to it; wait";
    }
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

bool
is_told_installed(const TunnelStatus &status)
{
    auto installed = status.conditions.find("Installed");
    return installed != status.conditions.end() &&
           installed->second.status == ConditionStatus::True;
}

bool
is_installed(const Uuid &tunnel, const DesiredState &desired,
             const Actual &actual, const std::set<OwnerKey> &outstanding)
{
    auto i = desired.tunnels().find(tunnel);
    if (i == desired.tunnels().end() || !i->second.egress ||
        i->second.undecided) {
        return false;
    }
    const TunnelDesire &desire = i->second;
    return actual.flows.count(desire.mirror_bridge) &&
           !(desire.filter &&
             desired.is_put_off(desire.mirror_bridge, *desire.filter)) &&
           (desired.tap_of(desire.iface_id) ||
            desired.needs_no_tap(desire.iface_id)) &&
           !any_owner(desire, desired, [&](const OwnerKey &owner) {
               return outstanding.count(owner) ||
                      (owner.owner.kind == FlowOwner::Deliver &&
                       !desired.flows().count(owner));
           });
}

namespace {

/* Whether the datapath is proven to follow what makes the tunnel's copies,
 * and to do nothing for it any more that it did before. */
bool
is_followed(const TunnelDesire &desire, const TunnelStatus *before,
            const DesiredState &desired, const Actual &actual)
{
    if (before && before->iface_id != desire.iface_id &&
        !actual.unfollowed.empty()) {
        return false; /* The tap that it had may be among them. */
    }
    return !actual.unproven.count(desire.tap.tunnel) &&
           !any_owner(desire, desired, [&](const OwnerKey &owner) {
               return actual.unfollowed.count(owner);
           });
}

} // namespace

bool
is_at_rest(const Uuid &tunnel, const DesiredState &desired,
           const Actual &actual, const std::set<OwnerKey> &outstanding)
{
    const TunnelStatus *told = desired.status_of(tunnel);
    auto i = desired.tunnels().find(tunnel);
    if (!told || (i != desired.tunnels().end() && i->second.pending)) {
        return true; /* Nothing of it is here. */
    }
    if (i == desired.tunnels().end() || !i->second.active) {
        return false; /* Its row goes last. */
    }
    const TunnelDesire &desire = i->second;
    if (told->reasons.count("SWITCH_REFUSED") ||
        told->reasons.count("CONTESTED")) {
        return true;
    }
    if (is_installed(tunnel, desired, actual, outstanding)) {
        return is_followed(desire, told, desired, actual);
    }
    /* Who wants a slot and has no reason told waits for rows or ports. */
    bool coming = desire.egress || ((desire.undecided || desire.wants_slot) &&
                                    desire.reasons.empty());
    return !coming && !actual.is_busy(FlowOwner::Egress, told->number);
}

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
        status.reasons["PAUSED"] = PAUSED;
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
    bool in_place = is_installed(id, desired, actual, outstanding);
    bool installed =
        in_place && (told || is_followed(desire, before, desired, actual));
    bool lags = in_place && !installed;
    set_installed(&status, installed, lags,
                  is_copying(desire, desired, actual), context, desired,
                  desire);
    if (is_stopping(desire, before, actual)) {
        set_stopping(&status, context);
    }
    tell_budget(&status, desire, desired.facts().settings, context);
    /* "Observed" is what is in force: all of it, or, once it was, nothing. */
    if (installed ||
        (status.observed_generation > 0 && !desire.egress && silent)) {
        status.observed_generation = generation;
        status.observed_filter_generation = filter_generation;
    }

    /* The clock may have been set back since. */
    bool was_away = before && context.away_until_ms > 0 &&
                    before->updated_ms <= context.away_from_ms &&
                    context.away_from_ms < context.now_ms;
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
