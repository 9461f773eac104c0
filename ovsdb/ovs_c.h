/* The only door to OVS's C headers.
 *
 * OVS's headers are C: some guard themselves for C++, some must stand inside
 * extern "C" (they compile plain and then fail to link), some must not
 * (templates), and two use C++ keywords as parameter names.  The order
 * matters.  Include no OVS header anywhere else. */
#ifndef OVSDB_OVS_C_H
#define OVSDB_OVS_C_H 1

/* OVS's config.h (ours is plugin-config.h): its headers ask for HAVE_*. */
#include <config.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"

/* ofp-errors.h first: ofp-flow.h and the others use its enum undeclared. */
#include <openvswitch/ofp-errors.h>

#include <openvswitch/dynamic-string.h>
#include <openvswitch/json.h>
#include <openvswitch/ofp-actions.h>
#include <openvswitch/ofp-bundle.h>
#include <openvswitch/ofp-flow.h>
#include <openvswitch/ofp-group.h>
#include <openvswitch/ofp-match.h>
#include <openvswitch/ofp-meter.h>
#include <openvswitch/ofp-monitor.h>
#include <openvswitch/ofp-msgs.h>
#include <openvswitch/ofp-packet.h>
#include <openvswitch/ofp-parse.h>
#include <openvswitch/ofp-port.h>
#include <openvswitch/ofp-print.h>
#include <openvswitch/ofp-protocol.h>
#include <openvswitch/ofp-switch.h>
#include <openvswitch/ofp-util.h>
#include <openvswitch/ofpbuf.h>
#include <openvswitch/poll-loop.h>
#include <openvswitch/rconn.h>
#include <openvswitch/shash.h>
#include <openvswitch/util.h>
#include <openvswitch/uuid.h>
#include <openvswitch/vconn.h>
#include <openvswitch/vlog.h>

/* Templates inside: never in extern "C". */
#include <smap.h>
#include <util.h>

#define new new_
#define class class_
#include <ovsdb-idl.h>
#include <vswitch-idl.h>

#include "ovsdb/packet-mirroring-idl.h"
#undef class
#undef new

/* Without guards of their own. */
extern "C" {
#include <command-line.h>
#include <daemon.h>
#include <dirs.h>
#include <fatal-signal.h>
#include <jsonrpc.h>
#include <memory.h>
#include <ovsdb-data.h>
#include <ovsdb-error.h>
#include <ovsdb-session.h>
#include <random.h>
#include <simap.h>
#include <sset.h>
#include <stream-ssl.h>
#include <stream.h>
#include <svec.h>
#include <table.h>
#include <timeval.h>
#include <unixctl.h>
#define new new_
#define class class_
#include <db-ctl-base.h>
#undef class
#undef new
}
/* db-ctl-base.h takes it away from everybody, for the sake of its own file. */
#undef ovs_fatal

#pragma GCC diagnostic pop

#endif /* OVSDB_OVS_C_H */
