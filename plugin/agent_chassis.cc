/* Agent, who it is: this hypervisor's Chassis row, and whether another daemon
 * goes by its name. */
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "ovsdb/ovs_c.h"
#include "plugin/agent.h"
#include "plugin/check.h"
#include "plugin/heartbeat.h"

namespace pm {

/* Who is to leave does not look again whether the other lives. */
bool
Agent::is_name_anothers() const
{
    return namesake_.has_name(time_msec()) || (cleanup_ && name_left_);
}

/* Where another goes by our name, we go by none. */
void
Agent::leave_name(Settings *settings)
{
    std::pair name(settings->chassis, settings->remote);
    if (std::exchange(name_, name) != name) {
        namesake_ = Namesake();
    }
    name_left_ = is_name_anothers();
    if (name_left_) {
        settings->ignored["system-id"] =
            "external_ids:system-id has " + quote(settings->chassis) +
            ", by which an ovs-mirrord on host " + quote(namesakes_host_) +
            " goes, too; nothing is to be copied here until this hypervisor "
            "has a system-id of its own, or that one has not been heard of "
            "for four minutes";
        settings->chassis.clear();
    }
}

/* Looks for a daemon that goes by our name, before this pass writes. */
void
Agent::watch_name()
{
    int64_t now = time_msec();
    bool held = std::exchange(holds_, started_ && switch_.ready());
    if (held != holds_) {
        namesake_.begin(); /* Who acts on it meanwhile has our name. */
    }
    if (!control_.connected()) {
        namesake_.lost_sight();
        return;
    }
    /* What is asked for changes as NICs come and go, who is in sight all the
     * time: a look at him must not begin anew with each of them. */
    if (!control_.complete()) {
        return;
    }
    if (cleanup_ || namesake_.has_name(now)) {
        return;
    }
    const Chassis row = own_chassis();
    if (!holds_) {
        namesake_.overheard(row.heartbeat_ms, now);
    } else if (namesake_.saw(row.heartbeat_ms, now)) {
        namesakes_host_ = row.hostname;
        reconsider_ = true;
    }
}

Chassis
Agent::desire_chassis(const Chassis &before) const
{
    const SwitchFacts &facts = desired_.facts();
    Chassis chassis;
    chassis.name = facts.settings.chassis;
    char hostname[256] = "";
    gethostname(hostname, sizeof hostname - 1);
    chassis.hostname = hostname;
    chassis.version = PM_VERSION;
    chassis.ovs_version = facts.ovs_version;
    chassis.datapath_types.assign(facts.datapath_types.begin(),
                                  facts.datapath_types.end());
    for (const IpAddress &ip : facts.settings.encap_ips()) {
        chassis.encap_ips.push_back(ip.to_string());
    }
    /* As they are read back. */
    std::sort(chassis.encap_ips.begin(), chassis.encap_ips.end());
    std::map<std::string, int64_t> ours;
    for (const auto &[name, mirror] : facts.rows.mirrors) {
        ours[mirror.bridge]++;
    }
    for (const auto &[name, bridge] : facts.bridges) {
        if (!bridge.ours) {
            chassis.slots[name] = MIRRORS_MAX;
            chassis.slots_used[name] = bridge.foreign_mirrors + ours[name];
        }
    }
    chassis.cfg = before.cfg;
    chassis.heartbeat_ms = before.heartbeat_ms;
    return chassis;
}

/* What our row holds; what a new one does, if there is none. */
Chassis
Agent::own_chassis() const
{
    for (const auto &[id, row] : desired_.model().chassis) {
        if (row.name == desired_.facts().settings.chassis) {
            return row;
        }
    }
    return Chassis();
}

void
Agent::report_chassis(ControlWrite *write)
{
    const Chassis before = own_chassis();
    Chassis chassis = desire_chassis(before);
    if (auto cfg = answer_.to_tell(before.cfg, !desired_.tunnels().empty())) {
        chassis.cfg = *cfg;
    }
    /* One that lies ahead, as a clock set back leaves it, is none. */
    int64_t since_heartbeat_ms = time_wall_msec() - chassis.heartbeat_ms;
    bool due = since_heartbeat_ms >= HEARTBEAT_MS ||
               since_heartbeat_ms < -Namesake::NEAR_MS;
    /* Who does not act on the switch does not contend for the name. */
    if (due || chassis.cfg != before.cfg ||
        (holds_ && (namesake_.is_to_claim() || !(chassis == before)))) {
        chassis.heartbeat_ms = namesake_.stamp(time_wall_msec());
        namesake_.tells(chassis.heartbeat_ms, holds_);
        write->chassis = chassis;
    }
    heartbeat_due_ms_ = chassis.heartbeat_ms + HEARTBEAT_MS;
}

} // namespace pm
