/* Flaws of Open vSwitch releases that we work round (core). */
#ifndef PLUGIN_SWITCH_FLAWS_H
#define PLUGIN_SWITCH_FLAWS_H 1

#include <string>

namespace pm {

/* Whether vswitchd, changing the actions of a cached datapath flow, may change
 * another one that matches the same packets instead, and leave the first as it
 * was for as long as it is in use (docs/switch-notes.md).  'version' is
 * Open_vSwitch.ovs_version; one that cannot be read is taken to be so. */
bool modifies_wrong_flow(const std::string &version,
                         const std::string &datapath_type);

} // namespace pm

#endif /* PLUGIN_SWITCH_FLAWS_H */
