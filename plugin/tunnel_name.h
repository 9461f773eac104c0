/* Tunnels by what an operator calls them (core). */
#ifndef PLUGIN_TUNNEL_NAME_H
#define PLUGIN_TUNNEL_NAME_H 1

#include <set>
#include <string>

#include "plugin/model.h"

namespace pm {

/* Returns the tunnels that 'name' may mean, those that are gone and of which
 * 'chassis' has a status row still among them: it is NAME, ACCOUNT/NAME or, in
 * upper or lower case, a UUID or the first four or more characters of one.
 * Whose name it is comes before whose UUID begins so. */
std::set<Uuid> tunnels_named(const Model &, const std::string &chassis,
                             const std::string &name);

} // namespace pm

#endif /* PLUGIN_TUNNEL_NAME_H */
