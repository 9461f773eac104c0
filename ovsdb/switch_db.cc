#include "ovsdb/switch_db.h"

#include <algorithm>
#include <span>

#include "ovsdb/control_rows.h"
#include "ovsdb/switch_db_impl.h"
#include "plugin/switch_names.h"

VLOG_DEFINE_THIS_MODULE(switch_db);

namespace pm {

namespace {

std::map<std::string, std::string>
to_map(const struct smap *smap)
{
    std::map<std::string, std::string> map;
    struct smap_node *node;
    SMAP_FOR_EACH(node, smap)
    {
        map[node->key] = node->value;
    }
    return map;
}

std::string
type_name(const char *datapath_type)
{
    return datapath_type[0] ? datapath_type : "system";
}

/* The VLAN of the port's untagged frames (ovs-vswitchd.conf.db(5), Port
 * vlan_mode). */
std::optional<int>
vlan_of(const struct ovsrec_port *port)
{
    std::string mode = port->vlan_mode ? port->vlan_mode : "access";
    return port->n_tag && mode != "trunk"
               ? std::optional(static_cast<int>(port->tag[0]))
               : std::nullopt;
}

/* The tag that OVS adds to them for its own use. */
std::optional<int>
own_tag(const struct ovsrec_port *port)
{
    std::string mode = port->vlan_mode ? port->vlan_mode : "access";
    return mode == "native-tagged" ? std::nullopt : vlan_of(port);
}

/* In words that two ports have alike only if they are in the same VLANs: what
 * is not said is as ovs-vswitchd.conf.db(5) has it ("VLAN Configuration"). */
std::string
vlans_of(const struct ovsrec_port *port)
{
    std::string vlans = port->vlan_mode ? port->vlan_mode
                        : port->n_tag   ? "access"
                                        : "trunk";
    if (vlans == "trunk" && !port->n_trunks && !port->n_cvlans) {
        return ""; /* All of them: the common case takes no memory. */
    }
    if (vlans != "trunk") {
        vlans += " " + std::to_string(port->n_tag ? port->tag[0] : 0);
    }
    for (size_t i = 0; i < port->n_trunks && !vlans.starts_with("access");
         i++) {
        vlans += (i ? "," : " trunks=") + std::to_string(port->trunks[i]);
    }
    for (size_t i = 0; i < port->n_cvlans; i++) {
        vlans += (i ? "," : " cvlans=") + std::to_string(port->cvlans[i]);
    }
    return vlans;
}

BridgeRow
read_bridge(const struct ovsrec_bridge *bridge, const Mark &mark)
{
    BridgeRow row;
    row.datapath_type = bridge->datapath_type;
    row.mark = mark;
    row.tampered =
        !bridge->fail_mode || std::string(bridge->fail_mode) != "secure" ||
        bridge->n_controller > 0 || !admits_openflow_15(bridge) ||
        bridge->stp_enable || bridge->rstp_enable ||
        !smap_get_bool(&bridge->other_config, "disable-in-band", false);
    return row;
}

PortRow
read_port(const struct ovsrec_bridge *bridge, const struct ovsrec_port *port,
          const Mark &mark)
{
    PortRow row;
    row.bridge = bridge->name;
    row.mark = mark;
    row.trunks.insert(port->trunks, port->trunks + port->n_trunks);
    if (port->n_tag) {
        row.tag = port->tag[0];
    }
    row.tampered = port->vlan_mode || port->n_interfaces != 1;
    if (port->n_interfaces == 1) {
        const struct ovsrec_interface *iface = port->interfaces[0];
        row.type = iface->type;
        row.options = to_map(&iface->options);
        row.iface_id = smap_get_def(&iface->external_ids, "iface-id", "");
        row.ofport_request =
            iface->n_ofport_request ? iface->ofport_request[0] : 0;
        row.tampered |= std::string(iface->name) != port->name;
    }
    return row;
}

MirrorRow
read_mirror(const struct ovsrec_bridge *bridge,
            const struct ovsrec_mirror *mirror, const Mark &mark)
{
    MirrorRow row;
    row.bridge = bridge->name;
    row.mark = mark;
    for (size_t i = 0; i < mirror->n_select_src_port; i++) {
        row.select_src.insert(
            to_uuid(mirror->select_src_port[i]->header_.uuid));
    }
    for (size_t i = 0; i < mirror->n_select_dst_port; i++) {
        row.select_dst.insert(
            to_uuid(mirror->select_dst_port[i]->header_.uuid));
    }
    row.output_port = mirror->output_port ? mirror->output_port->name : "";
    row.tampered = mirror->select_all || mirror->n_select_vlan ||
                   mirror->n_output_vlan || mirror->n_snaplen;
    return row;
}

} // namespace

bool
admits_openflow_15(const struct ovsrec_bridge *bridge)
{
    const auto protocols = std::span(bridge->protocols, bridge->n_protocols);
    return protocols.empty() ||
           std::any_of(protocols.begin(), protocols.end(),
                       [](const std::string &protocol) {
                           return protocol == "OpenFlow15";
                       });
}

std::optional<Mark>
read_mark(const struct smap *external_ids)
{
    const char *purpose = smap_get(external_ids, MARK);
    if (!purpose) {
        return std::nullopt;
    }
    Mark mark{purpose, smap_get_def(external_ids, MARK_NIC, ""),
              smap_get_int(external_ids, MARK_NUMBER, 0)};
    mark.segment = smap_get_def(external_ids, MARK_SEGMENT, "");
    const std::string prefix = MARK_MEMBER;
    const struct smap_node *node;
    SMAP_FOR_EACH(node, external_ids)
    {
        int number;
        if (std::string(node->key).starts_with(prefix) &&
            str_to_int(node->key + prefix.size(), 10, &number) && number > 0 &&
            number <= NIC_NUMBER_MAX) {
            mark.members[number] = node->value;
        }
    }
    return mark;
}

SwitchDb::SwitchDb(const std::string &remote) : impl_(std::make_unique<Impl>())
{
    struct ovsdb_idl *idl =
        ovsdb_idl_create(remote.c_str(), &ovsrec_idl_class, false, true);
    impl_->idl = idl;
    ovsdb_idl_set_lock(idl, "ovs_mirrord");
    for (const struct ovsdb_idl_table_class *table :
         {&ovsrec_table_open_vswitch, &ovsrec_table_bridge, &ovsrec_table_port,
          &ovsrec_table_interface, &ovsrec_table_mirror}) {
        ovsdb_idl_add_table(idl, table);
    }
    /* Statistics change every few seconds, which is no news (see below). */
    for (const struct ovsdb_idl_column *column :
         {&ovsrec_open_vswitch_col_bridges,
          &ovsrec_open_vswitch_col_next_cfg,
          &ovsrec_open_vswitch_col_cur_cfg,
          &ovsrec_open_vswitch_col_external_ids,
          &ovsrec_open_vswitch_col_other_config,
          &ovsrec_open_vswitch_col_ovs_version,
          &ovsrec_open_vswitch_col_datapath_types,
          &ovsrec_open_vswitch_col_dpdk_initialized,
          &ovsrec_bridge_col_name,
          &ovsrec_bridge_col_ports,
          &ovsrec_bridge_col_mirrors,
          &ovsrec_bridge_col_datapath_type,
          &ovsrec_bridge_col_fail_mode,
          &ovsrec_bridge_col_controller,
          &ovsrec_bridge_col_protocols,
          &ovsrec_bridge_col_stp_enable,
          &ovsrec_bridge_col_rstp_enable,
          &ovsrec_bridge_col_external_ids,
          &ovsrec_bridge_col_other_config,
          &ovsrec_port_col_name,
          &ovsrec_port_col_interfaces,
          &ovsrec_port_col_tag,
          &ovsrec_port_col_vlan_mode,
          &ovsrec_port_col_trunks,
          &ovsrec_port_col_cvlans,
          &ovsrec_port_col_external_ids,
          &ovsrec_interface_col_name,
          &ovsrec_interface_col_type,
          &ovsrec_interface_col_options,
          &ovsrec_interface_col_ofport,
          &ovsrec_interface_col_error,
          &ovsrec_interface_col_ofport_request,
          &ovsrec_interface_col_external_ids,
          &ovsrec_interface_col_mtu,
          &ovsrec_mirror_col_name,
          &ovsrec_mirror_col_select_all,
          &ovsrec_mirror_col_select_src_port,
          &ovsrec_mirror_col_select_dst_port,
          &ovsrec_mirror_col_select_vlan,
          &ovsrec_mirror_col_output_port,
          &ovsrec_mirror_col_output_vlan,
          &ovsrec_mirror_col_snaplen,
          &ovsrec_mirror_col_external_ids}) {
        ovsdb_idl_add_column(idl, column);
    }
    ovsdb_idl_add_column(idl, &ovsrec_mirror_col_statistics);
    ovsdb_idl_omit_alert(idl, &ovsrec_mirror_col_statistics);
}

SwitchDb::~SwitchDb()
{
    if (impl_->txn) {
        ovsdb_idl_txn_destroy(impl_->txn);
    }
    ovsdb_idl_destroy(impl_->idl);
}

void
SwitchDb::run()
{
    ovsdb_idl_run(impl_->idl);
    impl_->commit();
}

/* Sends the open transaction, or sees how far it has come. */
void
SwitchDb::Impl::commit()
{
    if (!txn) {
        return;
    }
    enum ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(txn);
    if (status == TXN_INCOMPLETE) {
        return;
    }
    if (status == TXN_SUCCESS) {
        written_cfg = ovsdb_idl_txn_get_increment_new_value(txn);
    }
    if (status == TXN_SUCCESS || status == TXN_UNCHANGED) {
        error.clear();
        backoff.done();
    } else if (status == TXN_ERROR || status == TXN_NOT_LOCKED) {
        error = status == TXN_ERROR ? ovsdb_idl_txn_get_error(txn)
                                    : "another ovs-mirrord holds the lock";
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
        VLOG_WARN_RL(&rl, "switch database refused our rows: %s",
                     error.c_str());
        /* The next plan is made at once, and the server is production's. */
        backoff.refused(time_msec());
    }
    /* TXN_TRY_AGAIN and TXN_UNCHANGED: the next plan starts from what is
     * there. */
    ovsdb_idl_txn_destroy(txn);
    txn = nullptr;
}

void
SwitchDb::wait()
{
    ovsdb_idl_wait(impl_->idl);
    if (impl_->txn) {
        ovsdb_idl_txn_wait(impl_->txn);
    } else if (!may_start()) {
        poll_timer_wait_until(impl_->backoff.ends_ms());
    }
}

bool
SwitchDb::ready() const
{
    return ovsdb_idl_has_ever_connected(impl_->idl) &&
           ovsdb_idl_has_lock(impl_->idl) &&
           ovsrec_open_vswitch_first(impl_->idl);
}

bool
SwitchDb::contended() const
{
    return ovsdb_idl_is_lock_contended(impl_->idl);
}

unsigned int
SwitchDb::seqno() const
{
    return ovsdb_idl_get_seqno(impl_->idl);
}

bool
SwitchDb::busy() const
{
    return impl_->txn != nullptr;
}

bool
SwitchDb::may_start() const
{
    return !busy() && impl_->backoff.is_over(time_msec());
}

std::set<std::string>
SwitchDb::counted_mirrors() const
{
    std::set<std::string> counted;
    const struct ovsrec_mirror *mirror;
    OVSREC_MIRROR_FOR_EACH(mirror, impl_->idl)
    {
        if (mirror->n_statistics && smap_get(&mirror->external_ids, MARK)) {
            counted.insert(mirror->name);
        }
    }
    return counted;
}

std::map<std::string, std::vector<Uuid>>
SwitchDb::layouts() const
{
    std::map<std::string, std::vector<Uuid>> layouts;
    const struct ovsrec_bridge *bridge;
    OVSREC_BRIDGE_FOR_EACH(bridge, impl_->idl)
    {
        std::vector<Uuid> &layout = layouts[bridge->name];
        auto add = [&](struct ovsrec_port *const *ports, size_t n) {
            for (size_t i = 0; i < n; i++) {
                layout.push_back(to_uuid(ports[i]->header_.uuid));
            }
            layout.emplace_back();
        };
        add(bridge->ports, bridge->n_ports);
        for (size_t i = 0; i < bridge->n_mirrors; i++) {
            const struct ovsrec_mirror *mirror = bridge->mirrors[i];
            layout.push_back(to_uuid(mirror->header_.uuid));
            add(mirror->select_src_port, mirror->n_select_src_port);
            add(mirror->select_dst_port, mirror->n_select_dst_port);
            add(&mirror->output_port, mirror->output_port ? 1 : 0);
        }
    }
    return layouts;
}

int64_t
SwitchDb::statistics_interval_ms() const
{
    /* As vswitchd reads it (ovs-vswitchd.conf.db(5)). */
    const struct ovsrec_open_vswitch *ovs =
        ovsrec_open_vswitch_first(impl_->idl);
    int interval =
        ovs ? smap_get_int(&ovs->other_config, "stats-update-interval", 5000)
            : 5000;
    return std::max(interval, 5000);
}

int64_t
SwitchDb::revalidation_ms() const
{
    /* As above. */
    const struct ovsrec_open_vswitch *ovs =
        ovsrec_open_vswitch_first(impl_->idl);
    auto read = [&](const char *key, int otherwise) {
        int value =
            ovs ? smap_get_int(&ovs->other_config, key, otherwise) : otherwise;
        return std::max(value, 100);
    };
    return std::min(read("max-revalidator", 500), read("max-idle", 10000));
}

const std::string &
SwitchDb::error() const
{
    return impl_->error;
}

void
SwitchDb::forget_error()
{
    impl_->error.clear();
}

/* ------------------------------------------------------------------------
 * Reading. */

namespace {

void
read_bridge_ports(const struct ovsrec_bridge *bridge, bool ours,
                  const std::set<std::string> &unmade, SwitchFacts *facts)
{
    const std::string &plain = facts->settings.mirror_bridge;
    /* A bridge that vswitchd cannot make keeps the port numbers that it once
     * had in the database, and never answers. */
    bool made =
        !unmade.count(bridge->name) &&
        (facts->datapath_types.empty() ||
         facts->datapath_types.count(type_name(bridge->datapath_type)));
    for (size_t i = 0; i < bridge->n_ports; i++) {
        const struct ovsrec_port *port = bridge->ports[i];
        if (ours && std::string(port->name) == bridge->name) {
            continue;
        }
        /* Of production's ports a mark makes none of ours. */
        auto mark = may_be_name_of_ours(port->name, plain)
                        ? read_mark(&port->external_ids)
                        : std::nullopt;
        if (mark) {
            facts->rows.ports[port->name] = read_port(bridge, port, *mark);
        } else if (may_be_name_of_ours(port->name, plain)) {
            facts->taken_names.insert(port->name);
        }
        for (size_t j = 0; j < port->n_interfaces; j++) {
            const struct ovsrec_interface *iface = port->interfaces[j];
            if (!mark && may_be_name_of_ours(iface->name, plain)) {
                facts->taken_names.insert(iface->name);
            }
            if (mark && iface->error) {
                facts->port_errors[iface->name] = iface->error;
            }
            if (!iface->n_ofport || iface->ofport[0] <= 0) {
                continue;
            }
            if (mark) {
                facts->ofports[iface->name] =
                    static_cast<int>(iface->ofport[0]);
                continue;
            }
            const char *iface_id = smap_get(&iface->external_ids, "iface-id");
            if (!iface_id || !*iface_id || ours || !made) {
                continue; /* An empty one is nobody's. */
            }
            NicPort nic;
            nic.bridge = bridge->name;
            nic.datapath_type = type_name(bridge->datapath_type);
            nic.port = to_uuid(port->header_.uuid);
            nic.port_name = port->name;
            nic.own_tag = own_tag(port);
            nic.vlans = vlans_of(port);
            nic.vlan = vlan_of(port);
            nic.mac = smap_get_def(&iface->external_ids, "attached-mac", "");
            nic.ofport = iface->ofport[0];
            if (iface->n_mtu) {
                nic.mtu = static_cast<int>(iface->mtu[0]);
            }
            /* Of two ports that claim one iface-id the first by name counts,
             * whatever order the database gives them in. */
            auto [known, fresh] = facts->nics.try_emplace(iface_id, nic);
            if (!fresh && nic.port_name < known->second.port_name) {
                known->second = nic;
            }
        }
    }
}

} // namespace

SwitchFacts
read_switch_rows(const struct ovsrec_open_vswitch *ovs,
                 const std::set<std::string> &unmade)
{
    SwitchFacts facts;
    facts.settings = parse_settings(to_map(&ovs->external_ids));
    facts.ovs_version = ovs->ovs_version ? ovs->ovs_version : "";
    facts.has_dpdk = ovs->dpdk_initialized;
    for (size_t i = 0; i < ovs->n_datapath_types; i++) {
        facts.datapath_types.insert(ovs->datapath_types[i]);
    }
    for (size_t i = 0; i < ovs->n_bridges; i++) {
        const struct ovsrec_bridge *bridge = ovs->bridges[i];
        auto mark = read_mark(&bridge->external_ids);
        bool ours = mark.has_value();
        BridgeFacts b;
        b.datapath_type = type_name(bridge->datapath_type);
        b.ours = ours;
        if (ours) {
            facts.rows.bridges[bridge->name] = read_bridge(bridge, *mark);
        } else if (std::string(bridge->name)
                       .starts_with(facts.settings.mirror_bridge)) {
            facts.taken_names.insert(bridge->name);
        }
        for (size_t j = 0; j < bridge->n_mirrors; j++) {
            const struct ovsrec_mirror *mirror = bridge->mirrors[j];
            auto mirror_mark = read_mark(&mirror->external_ids);
            if (!mirror_mark) {
                b.foreign_mirrors++;
                continue;
            }
            auto [row, fresh] = facts.rows.mirrors.try_emplace(
                mirror->name, read_mirror(bridge, mirror, *mirror_mark));
            if (!fresh) {
                row->second.tampered = true;
            }
        }
        facts.bridges[bridge->name] = b;
        read_bridge_ports(bridge, ours, unmade, &facts);
    }
    return facts;
}

SwitchFacts
SwitchDb::read(const std::set<std::string> &unmade) const
{
    const struct ovsrec_open_vswitch *ovs =
        ovsrec_open_vswitch_first(impl_->idl);
    if (!ovs) {
        return SwitchFacts{};
    }
    SwitchFacts facts = read_switch_rows(ovs, unmade);
    /* It falls when an older copy of the database is restored. */
    if (!impl_->written_cfg || ovs->next_cfg < *impl_->written_cfg) {
        impl_->written_cfg = ovs->next_cfg;
    }
    facts.settled = !busy() && ovs->cur_cfg >= *impl_->written_cfg;
    return facts;
}

} // namespace pm
