/* What dumps of datapath flows say of where these send, read into values
 * (core). */
#ifndef PLUGIN_DUMP_TEXT_H
#define PLUGIN_DUMP_TEXT_H 1

#include <compare>
#include <set>
#include <string>
#include <vector>

#include "flows/egress.h"
#include "plugin/model.h"
#include "plugin/plan.h"

namespace pm {

/* Outer addresses and VNI that a datapath flow sends frames with. */
struct TunnelSend {
    IpAddress source, destination;
    int64_t vni = 0;

    auto operator<=>(const TunnelSend &) const = default;
};

/* Reads the actions of one line of "ovs-appctl dpctl/dump-flows": the headers
 * of a userspace "tnl_push(...)" and the kernel's "set(tunnel(...))".  Those
 * without a VNI or an address are passed over. */
std::vector<TunnelSend> sends_of(const std::string &line);

/* All that a tunnel's copies are sent with: those of a balanced one to the
 * handles of its members. */
std::set<TunnelSend> sends_of(const EgressSpec &);

/* All that our flows send frames with. */
std::set<TunnelSend> sends_of(const Actual &);

} // namespace pm

#endif /* PLUGIN_DUMP_TEXT_H */
