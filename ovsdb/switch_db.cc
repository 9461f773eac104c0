#include "ovsdb/switch_db.h"

#include "ovsdb/control_rows.h"
#include "ovsdb/ovs_c.h"

VLOG_DEFINE_THIS_MODULE(switch_db);

namespace pm {

namespace {

const char MARK[] = "ovs-mirrord";
const char MARK_NIC[] = "ovs-mirrord-nic";
const char MARK_NUMBER[] = "ovs-mirrord-number";

std::optional<Mark>
read_mark(const struct smap *external_ids)
{
    const char *purpose = smap_get(external_ids, MARK);
    if (!purpose) {
        return std::nullopt;
    }
    return Mark{purpose, smap_get_def(external_ids, MARK_NIC, ""),
                smap_get_int(external_ids, MARK_NUMBER, 0)};
}

/* An smap with the right lifetime. */
class Smap {
public:
    Smap() { smap_init(&map_); }
    explicit Smap(const Mark &mark) : Smap()
    {
        smap_add(&map_, MARK, mark.purpose.c_str());
        if (!mark.iface_id.empty()) {
            smap_add(&map_, MARK_NIC, mark.iface_id.c_str());
            smap_add_format(&map_, MARK_NUMBER, "%lld",
                            static_cast<long long>(mark.number));
        }
    }
    explicit Smap(const std::map<std::string, std::string> &pairs) : Smap()
    {
        for (const auto &[key, value] : pairs) {
            smap_add(&map_, key.c_str(), value.c_str());
        }
    }
    ~Smap() { smap_destroy(&map_); }
    Smap(const Smap &) = delete;
    Smap &operator=(const Smap &) = delete;
    const struct smap *get() const { return &map_; }

private:
    struct smap map_;
};

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

/* The tag that OVS adds to the port's untagged frames for its own use
 * (ovs-vswitchd.conf.db(5), Port vlan_mode). */
std::optional<int>
own_tag(const struct ovsrec_port *port)
{
    if (!port->n_tag) {
        return std::nullopt;
    }
    std::string mode = port->vlan_mode ? port->vlan_mode : "access";
    if (mode == "access" || mode == "native-untagged" ||
        mode == "dot1q-tunnel") {
        return static_cast<int>(port->tag[0]);
    }
    return std::nullopt;
}

Settings
read_settings(const struct ovsrec_open_vswitch *ovs)
{
    Settings settings;
    const struct smap *ids = &ovs->external_ids;
    settings.chassis = smap_get_def(ids, "system-id", "");
    settings.remote = smap_get_def(ids, "mirror-remote", "");
    settings.mirror_bridge = smap_get_def(ids, "mirror-bridge", "br-mirror");
    if (settings.mirror_bridge.empty()) {
        settings.mirror_bridge = "br-mirror";
    }
    std::string ips = smap_get_def(ids, "mirror-encap-ip", "");
    for (size_t at = 0; at <= ips.size();) {
        size_t comma = std::min(ips.find(',', at), ips.size());
        if (auto ip = IpAddress::parse(ips.substr(at, comma - at))) {
            (ip->is_v6 ? settings.encap_v6 : settings.encap_v4) = ip;
        }
        at = comma + 1;
    }
    settings.stats_interval_s =
        std::max(1, smap_get_int(ids, "mirror-stats-interval", 30));
    settings.slots_reserve = std::clamp(
        smap_get_int(ids, "mirror-slots-reserve", 4), 0, MIRRORS_MAX);
    return settings;
}

BridgeRow
read_bridge(const struct ovsrec_bridge *bridge, const Mark &mark)
{
    BridgeRow row;
    row.datapath_type = bridge->datapath_type;
    row.mark = mark;
    row.tampered =
        !bridge->fail_mode || std::string(bridge->fail_mode) != "secure" ||
        bridge->n_controller > 0 ||
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
    row.tampered = port->n_tag || port->vlan_mode || port->n_interfaces != 1;
    if (port->n_interfaces == 1) {
        const struct ovsrec_interface *iface = port->interfaces[0];
        row.type = iface->type;
        row.options = to_map(&iface->options);
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

struct SwitchDb::Impl {
    struct ovsdb_idl *idl = nullptr;
    struct ovsdb_idl_txn *txn = nullptr;
    std::string error;
    /* next_cfg that our last transaction gave, so that cur_cfg can be waited
     * for; unset before the first read. */
    std::optional<int64_t> written_cfg;
    /* Rows that the open transaction inserts: partial mutations of a set do
     * not show in the IDL's copy of it, and a set of a new row must be
     * written whole. */
    std::set<const struct ovsrec_bridge *> fresh_bridges;
    std::map<std::string, const struct ovsrec_port *> fresh_ports;

    void commit();
    const struct ovsrec_port *find_port(const std::string &name,
                                        const struct ovsrec_bridge **on) const;
    const struct ovsrec_bridge *find_bridge(const std::string &name) const;
    void read_bridge_ports(const struct ovsrec_bridge *, bool ours,
                           SwitchFacts *) const;
    void add_port(const struct ovsrec_bridge *, const struct ovsrec_port *);
    void put_bridge(const std::string &name, const BridgeRow &);
    void put_port(const std::string &name, const PortRow &);
    void put_mirror(const std::string &name, const MirrorRow &);
    void remove(const RowEdit &);
    void remove_mirrors(const std::string &name,
                        const struct ovsrec_mirror *but);
};

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
    /* Statistics are left out: they would wake us every few seconds. */
    for (const struct ovsdb_idl_column *column :
         {&ovsrec_open_vswitch_col_bridges,
          &ovsrec_open_vswitch_col_next_cfg,
          &ovsrec_open_vswitch_col_cur_cfg,
          &ovsrec_open_vswitch_col_external_ids,
          &ovsrec_open_vswitch_col_ovs_version,
          &ovsrec_open_vswitch_col_datapath_types,
          &ovsrec_bridge_col_name,
          &ovsrec_bridge_col_ports,
          &ovsrec_bridge_col_mirrors,
          &ovsrec_bridge_col_datapath_type,
          &ovsrec_bridge_col_fail_mode,
          &ovsrec_bridge_col_controller,
          &ovsrec_bridge_col_external_ids,
          &ovsrec_bridge_col_other_config,
          &ovsrec_port_col_name,
          &ovsrec_port_col_interfaces,
          &ovsrec_port_col_tag,
          &ovsrec_port_col_vlan_mode,
          &ovsrec_port_col_trunks,
          &ovsrec_port_col_external_ids,
          &ovsrec_interface_col_name,
          &ovsrec_interface_col_type,
          &ovsrec_interface_col_options,
          &ovsrec_interface_col_ofport,
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
    error.clear();
    if (status == TXN_SUCCESS) {
        written_cfg = ovsdb_idl_txn_get_increment_new_value(txn);
    } else if (status == TXN_ERROR || status == TXN_NOT_LOCKED) {
        error = status == TXN_ERROR ? ovsdb_idl_txn_get_error(txn)
                                    : "another ovs-mirrord holds the lock";
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
        VLOG_WARN_RL(&rl, "switch database refused our rows: %s",
                     error.c_str());
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
    }
}

bool
SwitchDb::ready() const
{
    return ovsdb_idl_has_ever_connected(impl_->idl) &&
           ovsdb_idl_has_lock(impl_->idl) &&
           ovsrec_open_vswitch_first(impl_->idl);
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

const std::string &
SwitchDb::error() const
{
    return impl_->error;
}

/* ------------------------------------------------------------------------
 * Reading. */

void
SwitchDb::Impl::read_bridge_ports(const struct ovsrec_bridge *bridge,
                                  bool ours, SwitchFacts *facts) const
{
    const std::string &plain = facts->settings.mirror_bridge;
    for (size_t i = 0; i < bridge->n_ports; i++) {
        const struct ovsrec_port *port = bridge->ports[i];
        if (ours && std::string(port->name) == bridge->name) {
            continue;
        }
        auto mark = read_mark(&port->external_ids);
        if (mark) {
            facts->rows.ports[port->name] = read_port(bridge, port, *mark);
        } else if (std::string(port->name).starts_with(plain)) {
            facts->taken_names.insert(port->name);
        }
        for (size_t j = 0; j < port->n_interfaces; j++) {
            const struct ovsrec_interface *iface = port->interfaces[j];
            if (!iface->n_ofport || iface->ofport[0] <= 0) {
                continue;
            }
            if (mark) {
                facts->ofports[iface->name] =
                    static_cast<int>(iface->ofport[0]);
                continue;
            }
            const char *iface_id = smap_get(&iface->external_ids, "iface-id");
            if (!iface_id || ours) {
                continue;
            }
            NicPort nic;
            nic.bridge = bridge->name;
            nic.datapath_type = type_name(bridge->datapath_type);
            nic.port = to_uuid(port->header_.uuid);
            nic.port_name = port->name;
            nic.own_tag = own_tag(port);
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

SwitchFacts
SwitchDb::read() const
{
    SwitchFacts facts;
    const struct ovsrec_open_vswitch *ovs =
        ovsrec_open_vswitch_first(impl_->idl);
    if (!ovs) {
        return facts;
    }
    facts.settings = read_settings(ovs);
    if (!impl_->written_cfg) {
        impl_->written_cfg = ovs->next_cfg;
    }
    facts.settled = !busy() && ovs->cur_cfg >= *impl_->written_cfg;
    facts.ovs_version = ovs->ovs_version ? ovs->ovs_version : "";
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
        impl_->read_bridge_ports(bridge, ours, &facts);
    }
    return facts;
}

/* ------------------------------------------------------------------------
 * Writing. */

const struct ovsrec_bridge *
SwitchDb::Impl::find_bridge(const std::string &name) const
{
    const struct ovsrec_bridge *bridge;
    OVSREC_BRIDGE_FOR_EACH(bridge, idl)
    {
        if (name == bridge->name) {
            return bridge;
        }
    }
    return nullptr;
}

const struct ovsrec_port *
SwitchDb::Impl::find_port(const std::string &name,
                          const struct ovsrec_bridge **on) const
{
    const struct ovsrec_bridge *bridge;
    OVSREC_BRIDGE_FOR_EACH(bridge, idl)
    {
        for (size_t i = 0; i < bridge->n_ports; i++) {
            if (name == bridge->ports[i]->name) {
                *on = bridge;
                return bridge->ports[i];
            }
        }
    }
    return nullptr;
}

void
SwitchDb::Impl::add_port(const struct ovsrec_bridge *bridge,
                         const struct ovsrec_port *port)
{
    if (!fresh_bridges.count(bridge)) {
        ovsrec_bridge_update_ports_addvalue(bridge, port);
        return;
    }
    std::vector<struct ovsrec_port *> ports(bridge->ports,
                                            bridge->ports + bridge->n_ports);
    ports.push_back(const_cast<struct ovsrec_port *>(port));
    ovsrec_bridge_set_ports(bridge, ports.data(), ports.size());
}

void
SwitchDb::Impl::put_bridge(const std::string &name, const BridgeRow &desired)
{
    const struct ovsrec_bridge *bridge = find_bridge(name);
    Smap ids(desired.mark);
    if (!bridge) {
        bridge = ovsrec_bridge_insert(txn);
        fresh_bridges.insert(bridge);
        ovsrec_bridge_set_name(bridge, name.c_str());
        struct ovsrec_interface *iface = ovsrec_interface_insert(txn);
        ovsrec_interface_set_name(iface, name.c_str());
        ovsrec_interface_set_type(iface, "internal");
        ovsrec_interface_set_external_ids(iface, ids.get());
        struct ovsrec_port *port = ovsrec_port_insert(txn);
        ovsrec_port_set_name(port, name.c_str());
        ovsrec_port_set_interfaces(port, &iface, 1);
        ovsrec_port_set_external_ids(port, ids.get());
        ovsrec_bridge_set_ports(bridge, &port, 1);
        ovsrec_open_vswitch_update_bridges_addvalue(
            ovsrec_open_vswitch_first(idl), bridge);
    }
    ovsrec_bridge_set_datapath_type(bridge, desired.datapath_type.c_str());
    ovsrec_bridge_set_fail_mode(bridge, "secure");
    ovsrec_bridge_set_controller(bridge, nullptr, 0);
    ovsrec_bridge_update_other_config_setkey(bridge, "disable-in-band",
                                             "true");
    ovsrec_bridge_set_external_ids(bridge, ids.get());
}

void
SwitchDb::Impl::put_port(const std::string &name, const PortRow &desired)
{
    const struct ovsrec_bridge *bridge = find_bridge(desired.bridge);
    const struct ovsrec_bridge *on = nullptr;
    const struct ovsrec_port *port = find_port(name, &on);
    if (port && !read_mark(&port->external_ids)) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
        VLOG_WARN_RL(&rl, "port %s is not ours: left alone", name.c_str());
        return;
    }
    if (!bridge) {
        return;
    }
    if (port &&
        (port->n_interfaces != 1 || name != port->interfaces[0]->name)) {
        ovsrec_bridge_update_ports_delvalue(on, port);
        port = nullptr;
    } else if (port && on != bridge) {
        ovsrec_bridge_update_ports_delvalue(on, port);
        add_port(bridge, port);
    }
    Smap ids(desired.mark);
    const struct ovsrec_interface *iface;
    if (port) {
        iface = port->interfaces[0];
    } else {
        struct ovsrec_interface *fresh = ovsrec_interface_insert(txn);
        ovsrec_interface_set_name(fresh, name.c_str());
        ovsrec_interface_set_external_ids(fresh, ids.get());
        struct ovsrec_port *fresh_port = ovsrec_port_insert(txn);
        ovsrec_port_set_name(fresh_port, name.c_str());
        ovsrec_port_set_interfaces(fresh_port, &fresh, 1);
        add_port(bridge, fresh_port);
        fresh_ports[name] = fresh_port;
        iface = fresh;
        port = fresh_port;
    }
    Smap options(desired.options);
    ovsrec_interface_set_type(iface, desired.type.c_str());
    ovsrec_interface_set_options(iface, options.get());
    int64_t ofport = desired.ofport_request;
    ovsrec_interface_set_ofport_request(iface, &ofport, ofport ? 1 : 0);
    std::vector<int64_t> trunks(desired.trunks.begin(), desired.trunks.end());
    ovsrec_port_set_trunks(port, trunks.data(), trunks.size());
    ovsrec_port_set_tag(port, nullptr, 0);
    ovsrec_port_set_vlan_mode(port, nullptr);
    ovsrec_port_set_external_ids(port, ids.get());
}

/* Removes our Mirrors of that name, but for 'but'. */
void
SwitchDb::Impl::remove_mirrors(const std::string &name,
                               const struct ovsrec_mirror *but)
{
    const struct ovsrec_bridge *bridge;
    OVSREC_BRIDGE_FOR_EACH(bridge, idl)
    {
        /* Copied: delvalue changes the set that it walks. */
        std::vector<const struct ovsrec_mirror *> mirrors(
            bridge->mirrors, bridge->mirrors + bridge->n_mirrors);
        for (const struct ovsrec_mirror *mirror : mirrors) {
            if (mirror != but && name == mirror->name &&
                read_mark(&mirror->external_ids)) {
                ovsrec_bridge_update_mirrors_delvalue(bridge, mirror);
            }
        }
    }
}

void
SwitchDb::Impl::put_mirror(const std::string &name, const MirrorRow &desired)
{
    const struct ovsrec_bridge *bridge = find_bridge(desired.bridge);
    if (!bridge) {
        return;
    }
    const struct ovsrec_mirror *mirror = nullptr;
    for (size_t i = 0; i < bridge->n_mirrors; i++) {
        if (name == bridge->mirrors[i]->name &&
            read_mark(&bridge->mirrors[i]->external_ids)) {
            mirror = bridge->mirrors[i];
        }
    }
    remove_mirrors(name, mirror);
    if (!mirror) {
        struct ovsrec_mirror *fresh = ovsrec_mirror_insert(txn);
        ovsrec_mirror_set_name(fresh, name.c_str());
        ovsrec_bridge_update_mirrors_addvalue(bridge, fresh);
        mirror = fresh;
    }
    auto ports = [&](const std::set<Uuid> &ids) {
        std::vector<struct ovsrec_port *> rows;
        for (const Uuid &id : ids) {
            struct uuid uuid = to_ovs_uuid(id);
            const struct ovsrec_port *port =
                ovsrec_port_get_for_uuid(idl, &uuid);
            if (port) {
                rows.push_back(const_cast<struct ovsrec_port *>(port));
            }
        }
        return rows;
    };
    auto src = ports(desired.select_src), dst = ports(desired.select_dst);
    ovsrec_mirror_set_select_src_port(mirror, src.data(), src.size());
    ovsrec_mirror_set_select_dst_port(mirror, dst.data(), dst.size());
    ovsrec_mirror_set_select_all(mirror, false);
    ovsrec_mirror_set_select_vlan(mirror, nullptr, 0);
    ovsrec_mirror_set_output_vlan(mirror, nullptr, 0);
    ovsrec_mirror_set_snaplen(mirror, nullptr, 0);
    auto fresh_port = fresh_ports.find(desired.output_port);
    const struct ovsrec_bridge *on;
    ovsrec_mirror_set_output_port(mirror,
                                  fresh_port == fresh_ports.end()
                                      ? find_port(desired.output_port, &on)
                                      : fresh_port->second);
    Smap ids(desired.mark);
    ovsrec_mirror_set_external_ids(mirror, ids.get());
}

void
SwitchDb::Impl::remove(const RowEdit &edit)
{
    switch (edit.kind) {
    case RowEdit::Kind::Bridge: {
        const struct ovsrec_bridge *bridge = find_bridge(edit.name);
        if (bridge && read_mark(&bridge->external_ids)) {
            ovsrec_open_vswitch_update_bridges_delvalue(
                ovsrec_open_vswitch_first(idl), bridge);
        }
        break;
    }
    case RowEdit::Kind::Port: {
        const struct ovsrec_bridge *on = nullptr;
        const struct ovsrec_port *port = find_port(edit.name, &on);
        if (port && read_mark(&port->external_ids)) {
            ovsrec_bridge_update_ports_delvalue(on, port);
        }
        break;
    }
    case RowEdit::Kind::Mirror:
        remove_mirrors(edit.name, nullptr);
        break;
    }
}

void
SwitchDb::start(const std::vector<RowEdit> &edits, const SwitchRows &desired)
{
    Impl &i = *impl_;
    const struct ovsrec_open_vswitch *ovs = ovsrec_open_vswitch_first(i.idl);
    if (!ovs || i.txn) {
        return;
    }
    i.txn = ovsdb_idl_txn_create(i.idl);
    i.fresh_bridges.clear();
    i.fresh_ports.clear();
    ovsdb_idl_txn_add_comment(i.txn, "ovs-mirrord");
    for (const RowEdit &edit : edits) {
        if (edit.op == RowEdit::Op::Delete) {
            i.remove(edit);
        }
    }
    /* A Mirror names a port and a port's bridge must be there. */
    auto put = [&](RowEdit::Kind kind, const auto &rows, auto write) {
        for (const RowEdit &edit : edits) {
            auto row = rows.find(edit.name);
            if (edit.op == RowEdit::Op::Put && edit.kind == kind &&
                row != rows.end()) {
                (i.*write)(edit.name, row->second);
            }
        }
    };
    put(RowEdit::Kind::Bridge, desired.bridges, &Impl::put_bridge);
    put(RowEdit::Kind::Port, desired.ports, &Impl::put_port);
    put(RowEdit::Kind::Mirror, desired.mirrors, &Impl::put_mirror);
    ovsdb_idl_txn_increment(i.txn, &ovs->header_,
                            &ovsrec_open_vswitch_col_next_cfg, false);
    i.commit();
}

} // namespace pm
