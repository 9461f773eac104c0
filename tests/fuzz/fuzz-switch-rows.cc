/* Rows of the switch database, with whatever its schema lets in: settings,
 * bridges, ports, marks of ours that somebody changed. */
#include "flows/openflow.h"
#include "ovsdb/switch_db_impl.h"
#include "plugin/mirror_watch.h"
#include "plugin/plan.h"
#include "plugin/switch_names.h"
#include "tests/fuzz/rows.h"
#include "tests/unit/host.h"

namespace pm::fuzz {

namespace {

const std::vector<std::string> WORDS = {
    "iface-id",
    "nic0",
    "nic1",
    "nic2",
    "ovs-mirrord",
    "ovs-mirrord-nic",
    "ovs-mirrord-number",
    "bridge",
    "vxlan",
    "tap",
    "balance",
    "patch",
    "internal",
    "br-int",
    "br-mirror",
    "br-mirror-netdev",
    "br-mirror/x",
    "mirror-vxlan",
    "mvxlan-netdev",
    "mtap-in-1",
    "mtap-out-1",
    "mnic-in-1",
    "mnic-out-1",
    "mbal-out",
    "mbal-in",
    "mirror-in-1",
    "mirror-out-1",
    "1",
    "2",
    "30000",
    "16777215",
    "16777217",
    "4294967297",
    "netdev",
    "system",
    "dummy",
    "secure",
    "standalone",
    "disable-in-band",
    "true",
    "access",
    "trunk",
    "native-untagged",
    "native-tagged",
    "dot1q-tunnel",
    "system-id",
    "hv1",
    "mirror-remote",
    "unix:x",
    "mirror-encap-ip",
    "198.51.100.2,fd00::2",
    "127.0.0.1",
    "mirror-bridge",
    "mirror-stats-interval",
    "mirror-slots-reserve",
    "mirror-rate-kbps",
    "unlimited",
    "0",
    "32",
    "peer",
    "remote_ip",
    "flow",
};

/* What is on the switch and not ours. */
struct Foreign {
    std::set<std::string> names; /* Of bridges, ports and interfaces. */
};

Foreign
foreign_rows(struct ovsdb_idl *idl)
{
    Foreign foreign;
    const struct ovsrec_bridge *bridge;
    OVSREC_BRIDGE_FOR_EACH(bridge, idl)
    {
        if (!read_mark(&bridge->external_ids)) {
            foreign.names.insert(bridge->name);
        }
    }
    return foreign;
}

/* Names are unique among bridges, ports and interfaces each: rows that the
 * database's indexes keep out are not asked about. */
template <typename Row, typename Next>
bool
has_twins(const Row *first, Next next)
{
    std::set<std::string> names;
    for (const Row *row = first; row; row = next(row)) {
        if (!names.insert(row->name).second) {
            return true;
        }
    }
    return false;
}

std::optional<std::pair<SwitchFacts, Foreign>>
read_rows(Bytes *bytes)
{
    static struct ovsdb_idl *const idl = idl_of(&ovsrec_idl_class);
    Rows rows(idl, bytes, WORDS);
    rows.insert(&ovsrec_table_open_vswitch);
    const struct ovsdb_idl_table_class *const TABLES[] = {
        &ovsrec_table_bridge, &ovsrec_table_port, &ovsrec_table_interface,
        &ovsrec_table_mirror};
    for (const struct ovsdb_idl_table_class *table : TABLES) {
        for (size_t n = bytes->pick(6); n; n--) {
            rows.insert(table);
        }
    }
    rows.fill({});
    if (has_twins(ovsrec_bridge_first(idl), ovsrec_bridge_next) ||
        has_twins(ovsrec_port_first(idl), ovsrec_port_next) ||
        has_twins(ovsrec_interface_first(idl), ovsrec_interface_next)) {
        return std::nullopt;
    }
    return std::pair(read_switch_rows(ovsrec_open_vswitch_first(idl)),
                     foreign_rows(idl));
}

void
check_settings(const Settings &settings)
{
    hold(settings.stats_interval_s >= 1 &&
             settings.stats_interval_s <= 86400 &&
             settings.slots_reserve >= 0 &&
             settings.slots_reserve <= MIRRORS_MAX &&
             settings.rate_kbps.value_or(0) >= 0,
         "a setting out of its range");
    hold(!settings.encap_v4 || settings.encap_v4->is_of_a_host(),
         "an outer source that is no host's");
    for (const auto &[key, why] : settings.ignored) {
        hold(valid_utf8(why) && why.find('\n') == std::string::npos,
             "a sentence that is no line");
    }
}

void
check_flows(const DesiredState &desired)
{
    for (const auto &[key, flows] : desired.flows()) {
        for (const Flow &flow : flows) {
            std::string error;
            hold(normalise(flow, &error).has_value(),
                 "a flow is refused: " + error);
            auto cookie = Cookie::decode(flow.cookie);
            hold(cookie && cookie->owner == key.owner,
                 "a cookie that says something else: " + flow.to_string());
        }
    }
}

/* Nothing of others is written, and nothing that the schema refuses. */
void
check_rows(const SwitchFacts &facts, const Foreign &foreign,
           const DesiredState &desired)
{
    for (const auto &[name, row] : desired.rows().bridges) {
        hold(!foreign.names.count(name), "a bridge of others is ours");
    }
    for (const auto &[name, row] : desired.rows().ports) {
        hold(row.ofport_request >= 0 && row.ofport_request <= 65279,
             "a port number that the schema refuses: " +
                 std::to_string(row.ofport_request));
        hold(name.size() < 16, "a port's name is too long: " + name);
    }
    for (const RowEdit &edit : diff_rows(facts.rows, desired.rows(), true)) {
        if (edit.op == RowEdit::Op::Delete) {
            hold(facts.rows.bridges.count(edit.name) ||
                     facts.rows.ports.count(edit.name) ||
                     facts.rows.mirrors.count(edit.name),
                 "deletes what is not there");
        }
    }
}

Host
host_with_tunnels()
{
    Host host;
    host.facts.settings.chassis = "hv1";
    for (uint32_t n = 0; n < 3; n++) {
        host.add_source(n);
    }
    host.add_collector(0);
    host.add_collector(1);
    Uuid filter = host.add_filter(0, 80);
    host.add_tunnel(0, 0, 0, filter);
    host.add_tunnel(1, 1, 1);
    host.add_tunnel(2, 2, 0);
    return host;
}

} // namespace

} // namespace pm::fuzz

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    using namespace pm::fuzz;
    static const pm::Host begun = host_with_tunnels();

    Bytes bytes(data, size);
    auto read = read_rows(&bytes);
    if (!read) {
        return 0;
    }
    auto &[facts, foreign] = *read;
    check_settings(facts.settings);
    pm::MirrorWatch watch;
    watch.judge(facts.rows, facts.rows, {}, 5000, 1000);
    watch.judge(facts.rows, facts.rows, {}, 5000, 100000);
    facts.dead_mirrors = watch.dead();
    facts.settled = bytes.flag();
    for (auto &[name, bridge] : facts.bridges) {
        bridge.checked = bytes.pick(4) != 0;
    }

    pm::Host host = begun;
    facts.settings.chassis = "hv1";
    host.facts = facts;
    for (int i = 0; i < 3; i++) {
        host.feed();
        check_rows(facts, foreign, host.desired);
        check_flows(host.desired);
        host.answer_paths();
        host.write_statuses();
    }
    if (host.settle()) {
        check_rows(host.facts, foreign, host.desired);
        check_flows(host.desired);
        if (host.desired.decided()) {
            std::string what = difference(host.desired, host.restarted());
            hold(what.empty(), "a restart differs: " + what);
        }
    }
    return 0;
}
