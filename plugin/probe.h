/* One marked frame, sent down a tunnel's own path to see how far it comes
 * (core).
 *
 * The console asks by a Probe row.  The hypervisor of the destination, if it
 * is one of ours, watches the destination's port; the source's hypervisor
 * makes a frame that the tunnel's filter admits, has the switch say what it
 * will do with it, and lets it in: an outbound frame at the NIC's own port,
 * where nothing but the Mirror takes notice of it, an inbound one behind the
 * Mirror, since before it stands the VM.  What left the host, and what came to
 * the destination's port, is known by the mark. */
#ifndef PLUGIN_PROBE_H
#define PLUGIN_PROBE_H 1

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "flows/decide.h"
#include "plugin/explain.h"

namespace pm {

/* What the console asks: a row of table Probe. */
struct Probe {
    Uuid tunnel;
    std::string chassis; /* The source NIC's. */
    /* iface-ids of the destination: of a load balancer its members'. */
    std::set<std::string> destination_nics;
    std::optional<Direction> direction; /* Absent: the hypervisor chooses. */
    std::string flow; /* As mirror/trace takes it; empty: the same. */
    uint32_t mark = 0;
    bool send = false; /* Whoever is to watch does. */
    int64_t created_ms = 0;

    bool operator==(const Probe &) const = default;
};

/* In the order in which a copy passes them. */
enum class Station { Tap, Filter, Egress, Delivery, Wire, Arrival };
inline constexpr std::array<Station, 6> STATIONS = {
    Station::Tap,      Station::Filter, Station::Egress,
    Station::Delivery, Station::Wire,   Station::Arrival};
const char *to_string(Station); /* "tap" ... */

enum class Passed { Yes, No, Unknown };
const char *to_string(Passed); /* "passed", "failed", "unknown". */

struct StationReport {
    Passed passed = Passed::Unknown;
    std::string detail; /* One line. */

    bool operator==(const StationReport &) const = default;
};
using StationReports = std::map<Station, StationReport>;

/* What one hypervisor says of a probe: a row of table Probe_Report. */
struct ProbeReport {
    Uuid probe;
    std::string chassis;
    /* NICs of the destination whose ports it watches. */
    std::set<std::string> watches;
    std::string direction, flow; /* Of the frame; empty until it is known. */
    StationReports stations;
    /* What came to those ports, by VNI: another tunnel of the NIC's copies the
     * frame too, and who only watches does not know whose VNI is which. */
    std::map<int64_t, std::string> arrivals;

    bool operator==(const ProbeReport &) const = default;
};

/* The locally administered MAC by which a probe's copies are known.  Of the
 * frame it is the address that is not the NIC's: the destination of an
 * outbound one, the source of an inbound one. */
std::string probe_mac(uint32_t mark);

/* A frame as ovs-ofctl(8) writes it. */
std::string flow_of(const Frame &);

/* Returns a frame that 'filter' (null: none, which admits all) admits of that
 * direction and that its NIC, with 'addresses', could have sent or received;
 * or nullopt if it admits none that could be thought of. */
std::optional<Frame> sample_frame(const Filter *filter, Direction,
                                  const std::vector<IpAddress> &addresses);

/* Where a probe's frame is to be let in, and as what. */
struct ProbeEntry {
    Direction direction = Direction::Inbound;
    TraceFrame frame; /* With the mark. */
    TraceQuestion question;
    /* Where it is sent: an outbound frame at the NIC's bridge, with no action;
     * an inbound one at ours, with the action "table". */
    std::string bridge;
    int64_t in_port = 0;
    std::string bytes_of; /* The frame to compose, in words. */
};

/* Returns where 'frame' enters, or nullopt while nothing of the tunnel is
 * there. */
std::optional<ProbeEntry> probe_entry(const Uuid &tunnel, Direction,
                                      TraceFrame frame, uint32_t mark,
                                      const DesiredState &, const Actual &);

/* The frame's stations up to the delivery, as far as the switch's word on it
 * goes; nullopt where it was not asked.  Says of those that it did not reach
 * nothing. */
StationReports stations_of(const Uuid &tunnel, Direction, const TraceFrame &,
                           const std::optional<TraceAnswer> &,
                           const DesiredState &, const Circumstances &);

/* What a copy of a frame with a probe's mark bears outside of it. */
struct CopyHeader {
    int64_t vni = 0;
    IpAddress destination;

    auto operator<=>(const CopyHeader &) const = default;
};

/* Reads it from the beginning of what passed a network device: VXLAN with the
 * marked frame right inside, itself inside of VXLAN or Geneve or not. */
std::optional<CopyHeader> read_copy(std::string_view bytes, uint32_t mark);

/* A copy of a frame with the mark that passed a network device of the host. */
struct Sighting {
    std::string device;
    bool outgoing = false; /* From the host's view. */
    size_t length = 0;     /* Bytes, without FCS. */
    CopyHeader copy;

    auto operator<=>(const Sighting &) const = default;
};

/* Those of the tunnel itself, on the hypervisor that sends: its VNI, to where
 * its copies go. */
std::set<Sighting> own_sightings(const std::set<Sighting> &,
                                 const Uuid &tunnel, const DesiredState &);

/* What came to the ports of 'watched' (device -> iface-id), by VNI. */
std::map<int64_t, std::string>
arrivals_of(const std::set<Sighting> &,
            const std::map<std::string, std::string> &watched);
/* What a report says of the arrival of copies with that VNI; nullopt if
 * nothing. */
std::optional<StationReport> arrival_of(const ProbeReport &, int64_t vni);

/* What was seen, as stations: the wire, and where 'watched' has the device of
 * a destination's NIC (device -> iface-id) the arrival.  'ended': nothing more
 * is waited for.  'sees_all': no frame can leave unseen. */
void judge_sightings(const std::set<Sighting> &,
                     const std::map<std::string, std::string> &watched,
                     bool sent_here, bool ended, bool sees_all,
                     StationReports *);

} // namespace pm

#endif /* PLUGIN_PROBE_H */
