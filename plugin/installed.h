/* Whether what a tunnel is to do is in force on the switch, and how its
 * condition Installed says so (core; part of desire_status()). */
#ifndef PLUGIN_INSTALLED_H
#define PLUGIN_INSTALLED_H 1

#include <set>

#include "plugin/desired_state.h"
#include "plugin/plan.h"

namespace pm {

struct StatusContext;

/* Whether all that makes the tunnel copy is on the switch, be it that the
 * datapath does not follow yet. */
bool is_installed(const Uuid &tunnel, const DesiredState &, const Actual &,
                  const std::set<OwnerKey> &outstanding);

/* Whether the row says so, or that the switch is being brought to it and
 * nothing stands in the way. */
bool is_told_installed(const TunnelStatus &);
bool is_told_installing(const TunnelStatus &);

/* Whether nothing is on its way for the tunnel: it is in force and the
 * datapath follows, or it has stopped or is not to run, or its row says that
 * the switch or somebody else keeps it from that. */
bool is_at_rest(const Uuid &tunnel, const DesiredState &, const Actual &,
                const std::set<OwnerKey> &outstanding);

inline constexpr const char *TOLD_PAUSED =
    "the daemon is paused; ovs-appctl -t ovs-mirrord mirror/resume";

enum class InForce { No, Lags /* The datapath is yet to follow. */, Yes };

/* Sets the condition, and the reasons that come with it, in 'status', which
 * has those that do not depend on the switch.  'told': the row as it is says
 * that just this is installed, which is not taken back for as long as the
 * datapath follows what changed for others. */
InForce tell_installed(TunnelStatus *status, bool told, const Uuid &tunnel,
                       const DesiredState &, const Actual &,
                       const std::set<OwnerKey> &outstanding,
                       const StatusContext &);

} // namespace pm

#endif /* PLUGIN_INSTALLED_H */
