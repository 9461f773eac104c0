/* What a bridge's tunnels share and may not exceed (core): Mirror slots and
 * the work that one frame can cause. */
#ifndef PLUGIN_SLOTS_H
#define PLUGIN_SLOTS_H 1

#include <map>
#include <set>
#include <string>

#include "plugin/switch_rows.h"

namespace pm {

/* Returns which NICs of a bridge get a pair of Mirrors: those that hold one
 * keep it; then the others in order of iface-id while slots last, leaving
 * 'reserve' free and never writing more than MIRRORS_MAX with those of
 * others.  'wanting' are the NICs with something to mirror, 'holding' those
 * with rows now (wanting or not: a pair being removed still has its slots).
 */
std::set<std::string> grant_slots(const std::set<std::string> &wanting,
                                  const std::set<std::string> &holding,
                                  int foreign_mirrors, int reserve);

/* OVS gives one packet 4,096 resubmits and 64 KiB of actions, production's
 * included, and drops the packet past them.  A broadcast reaches every tap of
 * the bridge, so the worst case is the sum over its tunnels. */
inline constexpr int COPIES_PER_FRAME_MAX = 128;
inline constexpr int RESUBMITS_PER_FRAME_MAX = 1000;

/* Returns which tunnels of a bridge fit: in order of tunnel number, so that a
 * new one never displaces an old one.  'resubmits' is by tunnel number. */
std::set<int64_t> admit_copies(const std::map<int64_t, int> &resubmits);

} // namespace pm

#endif /* PLUGIN_SLOTS_H */
