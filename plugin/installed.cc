#include "plugin/installed.h"

#include <algorithm>

#include "plugin/status.h"

namespace pm {

namespace {

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
    if (!before || desire.egress) {
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
        tell("PAUSED", TOLD_PAUSED);
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
        condition.reason = code + ": " + message;
    };
    std::string refusal = refusal_of(desire, desired, context);
    std::string contested = contested_of(desire, context);
    /* A reason that leaves it its copies does not keep it from them. */
    bool lacks_nothing = status->health != Health::Disabled &&
                         (desire.egress || status->reasons.empty());
    if (!refusal.empty()) {
        degrade("SWITCH_REFUSED", "the switch refused our flows (" + refusal +
                                      "); see the daemon's log");
    } else if (!contested.empty()) {
        degrade("CONTESTED",
                "somebody keeps removing or changing " + contested +
                    ", which is put back every few seconds only; find out "
                    "who and stop it");
    } else if (context.paused && desire.egress) {
        condition.reason = std::string("PAUSED: ") + TOLD_PAUSED;
    } else if (lacks_nothing && !copying && !context.rows_refused.empty()) {
        degrade("SWITCH_REFUSED",
                "the switch's database refuses our rows (" +
                    context.rows_refused +
                    "), which is tried again; see the daemon's log");
    } else if (lacks_nothing && !copying && status->observed_generation > 0) {
        degrade("INSTALLING", "the switch is being brought to it again; "
                              "wait");
    }
    if (!condition.reason.empty()) {
        return;
    }
    if (!desire.egress && !status->reasons.empty()) {
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

} // namespace

bool
is_told_installing(const TunnelStatus &status)
{
    auto installed = status.conditions.find("Installed");
    return installed != status.conditions.end() &&
           installed->second.status == ConditionStatus::False &&
           installed->second.reason.starts_with("INSTALLING: ");
}

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

InForce
tell_installed(TunnelStatus *status, bool told, const Uuid &tunnel,
               const DesiredState &desired, const Actual &actual,
               const std::set<OwnerKey> &outstanding,
               const StatusContext &context)
{
    const TunnelDesire &desire = desired.tunnels().at(tunnel);
    const TunnelStatus *before = desired.status_of(tunnel);
    InForce in_force =
        !is_installed(tunnel, desired, actual, outstanding)    ? InForce::No
        : told || is_followed(desire, before, desired, actual) ? InForce::Yes
                                                               : InForce::Lags;
    set_installed(status, in_force == InForce::Yes, in_force == InForce::Lags,
                  is_copying(desire, desired, actual), context, desired,
                  desire);
    if (is_stopping(desire, before, actual)) {
        set_stopping(status, context);
    }
    return in_force;
}

} // namespace pm
