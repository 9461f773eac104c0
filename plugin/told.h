/* What the two accounts of one tunnel are told of why it does not copy (core).
 *
 * A reason as a hypervisor writes it names rows of both accounts, addresses
 * and bridges.  The operator reads it so, and so does an account of which both
 * ends are; else each account reads the code, with what it means and who mends
 * it, and no name. */
#ifndef PLUGIN_TOLD_H
#define PLUGIN_TOLD_H 1

#include <map>
#include <string>

#include "plugin/model.h"

namespace pm {

/* The meaning of a code, without a name in it. */
std::string plain_reason(const std::string &code);

/* Puts plain words in place of those of a hypervisor. */
void tell_plainly(std::map<std::string, std::string> *reasons,
                  std::map<std::string, Condition> *conditions);

/* A status row as 'viewer' reads it; an empty viewer is the operator. */
TunnelStatus as_told_to(const std::string &viewer, TunnelStatus);

} // namespace pm

#endif /* PLUGIN_TOLD_H */
