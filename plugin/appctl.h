/* The "mirror/..." commands of "ovs-appctl -t ovs-mirrord". */
#ifndef PLUGIN_APPCTL_H
#define PLUGIN_APPCTL_H 1

#include "plugin/agent.h"

namespace pm {

/* Registers the commands.  'agent' must live as long as the process answers
 * them. */
void register_appctl(Agent *agent);

} // namespace pm

#endif /* PLUGIN_APPCTL_H */
