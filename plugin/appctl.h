/* The "mirror/..." commands of "ovs-appctl -t ovs-mirrord". */
#ifndef PLUGIN_APPCTL_H
#define PLUGIN_APPCTL_H 1

#include "plugin/agent.h"

struct unixctl_conn;

namespace pm {

/* Registers the commands.  'agent' must live as long as the process answers
 * them. */
void register_appctl(Agent *agent);

/* The tunnel that 'name' means: NAME, ACCOUNT/NAME, or four or more
 * characters of its uuid.  On none or several replies with an error. */
std::optional<Uuid> find_tunnel(struct unixctl_conn *, const Agent &,
                                const std::string &name);

} // namespace pm

#endif /* PLUGIN_APPCTL_H */
