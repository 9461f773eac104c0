/* How the copies of a balanced tunnel are spread over its receivers (core). */
#ifndef FLOWS_BALANCE_H
#define FLOWS_BALANCE_H 1

#include <vector>

#include "plugin/model.h"

namespace pm {

/* Slots of a group.  Each datapath flow of a mirrored NIC becomes so many at
 * most, however many connections there are. */
inline constexpr int BALANCE_SLOTS = 64;

/* Which of 'members' has each slot, by index; empty if there are none.
 *
 * Each slot goes to the member with the highest hash of both (rendezvous
 * hashing), so one that leaves or comes moves its own slots and no others, and
 * every tunnel to the same members, on whatever hypervisor, after whatever
 * history, has the same answer: both ends of a connection are seen by one
 * member. */
std::vector<size_t> spread(const std::vector<IpAddress> &members);

} // namespace pm

#endif /* FLOWS_BALANCE_H */
