#include "plugin/probe.h"

#include <algorithm>
#include <cstdio>

namespace pm {

namespace {

constexpr uint8_t ICMP = 1, TCP = 6, UDP = 17, ICMPV6 = 58, SCTP = 132;
constexpr uint8_t ECHO = 8, ECHO_V6 = 128;
/* A port of a guest's, and the discard service's (RFC 863). */
constexpr uint16_t SOME_PORT = 49152, DISCARD_PORT = 9;
/* Kept for local experiments (IEEE 802). */
constexpr const char *NO_IP = "dl_type=0x88b5";

bool
has_ports(uint8_t protocol)
{
    return protocol == TCP || protocol == UDP || protocol == SCTP;
}

/* Addresses of documentation, of which no host is (RFC 5737, RFC 3849). */
IpAddress
elsewhere(bool v6)
{
    return *IpAddress::parse(v6 ? "2001:db8::1" : "192.0.2.1");
}

/* An address within 'cidr' (absent: any), one of 'preferred' if it can be. */
IpAddress
address_in(const std::optional<Cidr> &cidr,
           const std::vector<IpAddress> &preferred, bool v6)
{
    for (const IpAddress &address : preferred) {
        if (address.is_v6 == v6 && (!cidr || cidr->contains(address))) {
            return address;
        }
    }
    IpAddress any = elsewhere(v6);
    if (!cidr || cidr->contains(any)) {
        return any;
    }
    IpAddress first = cidr->address;
    if (first.bits() - cidr->prefix > 1) {
        first.bytes[v6 ? 15 : 3] |= 1;
    }
    return first;
}

/* No host sends to its own address: of two that are one makes two, where
 * 'cidr' of the second has another. */
void
tell_apart(const IpAddress &one, IpAddress *other,
           const std::optional<Cidr> &cidr)
{
    IpAddress next = *other;
    next.bytes[next.is_v6 ? 15 : 3] ^= 3;
    if (*other == one && (!cidr || cidr->contains(next))) {
        *other = next;
    }
}

/* Frames that might be what 'rule' is for. */
std::vector<Frame>
candidates(const Rule &rule, Direction direction,
           const std::vector<IpAddress> &addresses)
{
    std::vector<Frame> frames;
    for (bool v6 : {false, true}) {
        auto of_other_family = [&](const std::optional<Cidr> &cidr) {
            return cidr && cidr->address.is_v6 != v6;
        };
        if (of_other_family(rule.source) ||
            of_other_family(rule.destination)) {
            continue;
        }
        bool in = direction == Direction::Inbound;
        Frame frame;
        frame.is_ip = true;
        frame.source = address_in(
            rule.source, in ? std::vector<IpAddress>{} : addresses, v6);
        frame.destination = address_in(
            rule.destination, in ? addresses : std::vector<IpAddress>{}, v6);
        tell_apart(frame.source, &frame.destination, rule.destination);
        tell_apart(frame.destination, &frame.source, rule.source);
        frame.protocol = rule.protocol.value_or(UDP);
        if (has_ports(frame.protocol)) {
            frame.source_port =
                rule.source_port ? rule.source_port->first : SOME_PORT;
            frame.destination_port = rule.destination_port
                                         ? rule.destination_port->first
                                         : DISCARD_PORT;
        }
        if (frame.protocol == ICMP || frame.protocol == ICMPV6) {
            frame.icmp_type = static_cast<uint8_t>(
                rule.icmp_type.value_or(v6 ? ECHO_V6 : ECHO));
            frame.icmp_code = static_cast<uint8_t>(rule.icmp_code.value_or(0));
        }
        frames.push_back(frame);
        if (has_ports(frame.protocol)) {
            /* An earlier rule may have the beginning of the range. */
            if (rule.source_port) {
                frame.source_port = rule.source_port->last;
            }
            if (rule.destination_port) {
                frame.destination_port = rule.destination_port->last;
            }
            frames.push_back(frame);
        }
    }
    return frames;
}

/* The way that a copy takes once it has left our bridge. */
std::string
delivery_text(const TunnelDesire &desire)
{
    const auto &deliveries = desire.in_vpc->deliveries;
    if (deliveries.empty()) {
        return "over the host's routes";
    }
    /* A trace ends before the datapath has the hash that chooses a member. */
    std::string text =
        deliveries.size() > 1
            ? "to one of " + std::to_string(deliveries.size()) +
                  " members, by a hash of its addresses and ports: "
            : "";
    const char *between = "";
    for (const auto &[handle, way] : deliveries) {
        text += between + way.to_string();
        between = "; ";
    }
    return text;
}

std::string
join(const std::vector<std::pair<std::string, std::string>> &lines,
     const std::string &key)
{
    std::string text;
    for (const auto &[k, value] : lines) {
        if (k == key) {
            text += (text.empty() ? "" : "; ") + value;
        }
    }
    return text;
}

} // namespace

const char *
to_string(Station station)
{
    switch (station) {
    case Station::Tap:
        return "tap";
    case Station::Filter:
        return "filter";
    case Station::Egress:
        return "egress";
    case Station::Delivery:
        return "delivery";
    case Station::Wire:
        return "wire";
    case Station::Arrival:
        return "arrival";
    }
    return "";
}

const char *
to_string(Passed passed)
{
    return passed == Passed::Yes  ? "passed"
           : passed == Passed::No ? "failed"
                                  : "unknown";
}

std::string
probe_mac(uint32_t mark)
{
    char text[sizeof "xx:xx:xx:xx:xx:xx"];
    snprintf(text, sizeof text, "0a:6d:%02x:%02x:%02x:%02x", mark >> 24,
             (mark >> 16) & 0xff, (mark >> 8) & 0xff, mark & 0xff);
    return text;
}

std::string
flow_of(const Frame &frame)
{
    if (!frame.is_ip) {
        return NO_IP;
    }
    bool v6 = frame.source.is_v6;
    std::string source = frame.source.to_string();
    std::string destination = frame.destination.to_string();
    std::string text =
        v6 ? "ipv6,ipv6_src=" + source + ",ipv6_dst=" + destination
           : "ip,nw_src=" + source + ",nw_dst=" + destination;
    text += ",nw_proto=" + std::to_string(frame.protocol);
    if (has_ports(frame.protocol)) {
        text += ",tp_src=" + std::to_string(frame.source_port) +
                ",tp_dst=" + std::to_string(frame.destination_port);
    } else if (frame.protocol == (v6 ? ICMPV6 : ICMP)) {
        text += ",icmp_type=" + std::to_string(frame.icmp_type) +
                ",icmp_code=" + std::to_string(frame.icmp_code);
    }
    return text;
}

std::optional<Frame>
sample_frame(const Filter *filter, Direction direction,
             const std::vector<IpAddress> &addresses)
{
    if (!filter) {
        auto frames = candidates(Rule{}, direction, addresses);
        bool v6 = !addresses.empty() && addresses.front().is_v6;
        return v6 ? frames.back() : frames.front();
    }
    for (const Rule &rule : filter->rules(direction)) {
        if (rule.action != RuleAction::Accept) {
            continue;
        }
        for (const Frame &frame : candidates(rule, direction, addresses)) {
            if (decide(*filter, direction, frame).admitted) {
                return frame;
            }
        }
    }
    return filter->mirror_non_ip ? std::optional(Frame{}) : std::nullopt;
}

std::optional<ProbeEntry>
probe_entry(const Uuid &tunnel, Direction direction, TraceFrame frame,
            uint32_t mark, const DesiredState &desired, const Actual &actual)
{
    bool in = direction == Direction::Inbound;
    frame.flow += (in ? ",dl_src=" : ",dl_dst=") + probe_mac(mark);
    auto question = trace_question(tunnel, direction, frame, desired, actual);
    if (!question) {
        return std::nullopt;
    }
    if (in) {
        return ProbeEntry{direction,        frame,
                          *question,        question->bridge,
                          question->ofport, question->frame};
    }
    const TunnelDesire &desire = desired.tunnels().at(tunnel);
    auto nic = desired.facts().nics.find(desire.iface_id);
    if (nic == desired.facts().nics.end() || nic->second.ofport <= 0) {
        return std::nullopt;
    }
    bool says =
        desire.mac.empty() || frame.flow.find("dl_src=") != std::string::npos;
    std::string own = says ? "" : "dl_src=" + desire.mac + ",";
    return ProbeEntry{direction,          frame,
                      *question,          nic->second.bridge,
                      nic->second.ofport, own + frame.flow};
}

StationReports
stations_of(const Uuid &id, Direction direction, const TraceFrame &frame,
            const std::optional<TraceAnswer> &switch_says,
            const DesiredState &desired, const Circumstances &circumstances)
{
    StationReports stations;
    auto d = desired.tunnels().find(id);
    auto ways = obstacles(id, switch_says, desired, circumstances);
    if (!switch_says || d == desired.tunnels().end()) {
        std::string why = join(ways, "stopped by");
        stations[Station::Tap] = {
            Passed::No, why.empty() ? "nothing of it is on the switch" : why};
        return stations;
    }
    const TunnelDesire &desire = d->second;
    if (switch_says->is_own_copy) {
        stations[Station::Tap] = {
            Passed::No, "the frame looks like a copy, which is never copied "
                        "again"};
        return stations;
    }
    stations[Station::Tap] = {
        Passed::Yes, direction == Direction::Outbound
                         ? "by the Mirror of its port on " + desire.nic_bridge
                         : "behind the Mirror, which is not asked to show an "
                           "inbound frame to the VM"};
    Decision decision =
        decision_on(id, direction, frame, switch_says, desired);
    stations[Station::Filter] = {
        decision.admitted ? Passed::Yes : Passed::No,
        decision.rule
            ? "rule " + std::to_string(decision.rule) + ": " + decision.why
            : decision.why};
    if (!decision.admitted) {
        return stations;
    }
    const Tunnel *tunnel = find(desired.model().tunnels, id);
    if (switch_says->only_counted) {
        stations[Station::Egress] = {
            Passed::No, "COUNT_ONLY: mode=count: it is counted and not sent"};
        return stations;
    }
    if (!circumstances.installed) {
        /* What it would do is not what the tunnel is defined to do. */
        stations[Station::Egress] = {
            Passed::No, "the switch does not have the tunnel as it is: " +
                            join(ways, "note")};
        return stations;
    }
    stations[Station::Egress] = {
        Passed::Yes,
        "VNI " + std::to_string(tunnel ? tunnel->vni : 0) + ", " +
            (desire.effective_packet_length
                 ? "at most " +
                       std::to_string(*desire.effective_packet_length) +
                       " bytes kept"
                 : "the whole frame") +
            ", " + desire.source_text() + " to " + desire.destination_text()};
    std::string way = delivery_text(desire);
    stations[Station::Delivery] = {
        switch_says->trouble.empty() ? Passed::Yes : Passed::No,
        switch_says->trouble.empty() ? way
                                     : way + ": " + switch_says->trouble};
    return stations;
}

namespace {

constexpr size_t ETHERNET = 14, TAG = 4, ETHERTYPE = 12;
constexpr unsigned V4 = 0x0800, V6 = 0x86dd, TAGGED = 0x8100;
constexpr unsigned VXLAN_PORT = 4789, GENEVE_PORT = 6081;
constexpr size_t UDP_HEADER = 8, TUNNEL_HEADER = 8;

/* The number of 'n' bytes at 'at'; 0 where there are not so many. */
uint32_t
number_at(std::string_view bytes, size_t at, size_t n)
{
    uint32_t number = 0;
    for (size_t i = at; i < at + n && at + n <= bytes.size(); i++) {
        number = number << 8 | static_cast<uint8_t>(bytes[i]);
    }
    return number;
}

IpAddress
address_at(std::string_view bytes, size_t at, bool v6)
{
    IpAddress address;
    address.is_v6 = v6;
    for (size_t i = 0; i < (v6 ? 16 : 4) && at + i < bytes.size(); i++) {
        address.bytes[i] = static_cast<uint8_t>(bytes[at + i]);
    }
    return address;
}

/* Either address may bear the mark: see probe_mac(), where two bytes that are
 * always the same come first. */
bool
bears_mark(std::string_view bytes, size_t ethernet, uint32_t mark)
{
    return ethernet + ETHERNET <= bytes.size() &&
           (number_at(bytes, ethernet + 2, 4) == mark ||
            number_at(bytes, ethernet + 8, 4) == mark);
}

} // namespace

std::optional<CopyHeader>
read_copy(std::string_view bytes, uint32_t mark)
{
    size_t at = number_at(bytes, ETHERTYPE, 2) == TAGGED ? TAG : 0;
    for (int level = 0; level < 2; level++) {
        uint32_t type = number_at(bytes, at + ETHERTYPE, 2);
        bool v6 = type == V6;
        size_t ip = at + ETHERNET, udp = ip + (v6 ? 40 : 20);
        if ((type != V4 && !v6) ||
            number_at(bytes, ip + (v6 ? 6 : 9), 1) != UDP) {
            return std::nullopt;
        }
        uint32_t port = number_at(bytes, udp + 2, 2);
        size_t tunnel = udp + UDP_HEADER, inside = tunnel + TUNNEL_HEADER;
        if (port == GENEVE_PORT) {
            inside += (number_at(bytes, tunnel, 1) & 0x3f) * 4;
        } else if (port != VXLAN_PORT) {
            return std::nullopt;
        } else if (bears_mark(bytes, inside, mark)) {
            return CopyHeader{number_at(bytes, tunnel + 4, 3),
                              address_at(bytes, ip + (v6 ? 24 : 16), v6)};
        }
        at = inside;
    }
    return std::nullopt;
}

std::set<Sighting>
own_sightings(const std::set<Sighting> &sightings, const Uuid &id,
              const DesiredState &desired)
{
    std::set<Sighting> own;
    auto desire = desired.tunnels().find(id);
    if (desire == desired.tunnels().end() || !desire->second.egress) {
        return own;
    }
    std::set<IpAddress> destinations;
    for (const auto &[handle, way] : desire->second.in_vpc->deliveries) {
        destinations.insert(way.destination);
    }
    if (destinations.empty()) {
        destinations.insert(desire->second.egress->destination);
    }
    for (const Sighting &sighting : sightings) {
        if (sighting.copy.vni == desire->second.egress->vni &&
            destinations.count(sighting.copy.destination)) {
            own.insert(sighting);
        }
    }
    return own;
}

namespace {

void
add_sighting(std::string *text, const Sighting &sighting,
             const std::string &nic)
{
    *text += (text->empty() ? "" : "; ") + (nic.empty() ? "" : nic + " by ") +
             sighting.device + ", " + std::to_string(sighting.length) +
             " bytes";
}

} // namespace

std::map<int64_t, std::string>
arrivals_of(const std::set<Sighting> &sightings,
            const std::map<std::string, std::string> &watched)
{
    std::map<int64_t, std::string> arrivals;
    for (const Sighting &sighting : sightings) {
        auto nic = watched.find(sighting.device);
        if (sighting.outgoing && nic != watched.end()) {
            add_sighting(&arrivals[sighting.copy.vni], sighting, nic->second);
        }
    }
    return arrivals;
}

std::optional<StationReport>
arrival_of(const ProbeReport &report, int64_t vni)
{
    auto said = report.stations.find(Station::Arrival);
    if (said == report.stations.end()) {
        return std::nullopt;
    }
    if (said->second.passed != Passed::Yes || report.arrivals.empty()) {
        return said->second; /* An earlier version tells no VNIs. */
    }
    auto own = report.arrivals.find(vni);
    return own == report.arrivals.end()
               ? std::nullopt
               : std::optional(StationReport{Passed::Yes, own->second});
}

void
judge_sightings(const std::set<Sighting> &sightings,
                const std::map<std::string, std::string> &watched,
                bool sent_here, bool ended, bool sees_all,
                StationReports *stations)
{
    std::string wire, arrival;
    for (const Sighting &s : sightings) {
        if (!s.outgoing) {
            continue;
        }
        auto nic = watched.find(s.device);
        std::string *text = nic == watched.end() ? &wire : &arrival;
        add_sighting(text, s, nic == watched.end() ? "" : nic->second);
    }
    if (!arrival.empty()) {
        (*stations)[Station::Arrival] = {Passed::Yes, arrival};
    } else if (!watched.empty() && ended) {
        (*stations)[Station::Arrival] = {
            sees_all ? Passed::No : Passed::Unknown,
            "it was not seen at the destination's port"};
    }
    if (!sent_here) {
        return;
    }
    if (!wire.empty()) {
        (*stations)[Station::Wire] = {Passed::Yes, wire};
    } else if (!arrival.empty()) {
        (*stations)[Station::Wire] = {
            Passed::Yes, "not needed: the destination is on this hypervisor"};
    } else if (ended) {
        (*stations)[Station::Wire] = {
            sees_all ? Passed::No : Passed::Unknown,
            sees_all ? "it left by no network device; a rate limit may have "
                       "dropped it, or its next hop was not known yet"
                     : "no network device of the kernel carried it, and ports "
                       "of DPDK cannot be watched"};
    }
}

} // namespace pm
