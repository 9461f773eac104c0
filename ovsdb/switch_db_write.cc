/* SwitchDb, the writing half: edits of rows of ours as one transaction. */
#include "ovsdb/control_rows.h"
#include "ovsdb/switch_db_impl.h"

VLOG_DEFINE_THIS_MODULE(switch_db_write);

namespace pm {

namespace {

/* An smap with the right lifetime. */
class Smap {
public:
    Smap() { smap_init(&map_); }
    explicit Smap(const Mark &mark) : Smap()
    {
        smap_add(&map_, MARK, mark.purpose.c_str());
        if (!mark.iface_id.empty()) {
            smap_add(&map_, MARK_NIC, mark.iface_id.c_str());
        }
        if (mark.number) {
            smap_add_format(&map_, MARK_NUMBER, "%lld",
                            static_cast<long long>(mark.number));
        }
        if (!mark.segment.empty()) {
            smap_add(&map_, MARK_SEGMENT, mark.segment.c_str());
        }
        for (const auto &[number, iface_id] : mark.members) {
            smap_add(&map_, (MARK_MEMBER + std::to_string(number)).c_str(),
                     iface_id.c_str());
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
    struct smap *get() { return &map_; }

private:
    struct smap map_;
};

} // namespace

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
    if (!admits_openflow_15(bridge)) {
        ovsrec_bridge_set_protocols(bridge, nullptr, 0); /* All of them. */
    }
    ovsrec_bridge_set_stp_enable(bridge, false);
    ovsrec_bridge_set_rstp_enable(bridge, false);
    ovsrec_bridge_update_other_config_setkey(bridge, "disable-in-band",
                                             "true");
    ovsrec_bridge_set_external_ids(bridge, ids.get());
}

/* ovn-controller writes into the same column, of which no more than the one
 * key is ours once the row is there. */
void
SwitchDb::Impl::put_iface_id(const struct ovsrec_interface *iface,
                             const PortRow &desired, bool fresh)
{
    if (fresh && !desired.iface_id.empty()) {
        Smap ids(desired.mark);
        smap_add(ids.get(), "iface-id", desired.iface_id.c_str());
        ovsrec_interface_set_external_ids(iface, ids.get());
    } else if (!desired.iface_id.empty()) {
        ovsrec_interface_update_external_ids_setkey(iface, "iface-id",
                                                    desired.iface_id.c_str());
    } else if (smap_get(&iface->external_ids, "iface-id")) {
        ovsrec_interface_update_external_ids_delkey(iface, "iface-id");
    }
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
    put_iface_id(iface, desired, fresh_ports.count(name) > 0);
    std::vector<int64_t> trunks(desired.trunks.begin(), desired.trunks.end());
    ovsrec_port_set_trunks(port, trunks.data(), trunks.size());
    ovsrec_port_set_tag(port, desired.tag ? &*desired.tag : nullptr,
                        desired.tag ? 1 : 0);
    ovsrec_port_set_vlan_mode(port, nullptr);
    ovsrec_port_set_external_ids(port, ids.get());
}

/* Removes our Mirrors of that name, but for 'but' of bridge 'on'. */
void
SwitchDb::Impl::remove_mirrors(const std::string &name,
                               const struct ovsrec_mirror *but,
                               const struct ovsrec_bridge *on)
{
    const struct ovsrec_bridge *bridge;
    OVSREC_BRIDGE_FOR_EACH(bridge, idl)
    {
        /* Copied: delvalue changes the set that it walks. */
        std::vector<const struct ovsrec_mirror *> mirrors(
            bridge->mirrors, bridge->mirrors + bridge->n_mirrors);
        for (const struct ovsrec_mirror *mirror : mirrors) {
            /* The row itself may be another bridge's, too. */
            bool kept = mirror == but && bridge == on;
            if (!kept && name == mirror->name &&
                read_mark(&mirror->external_ids)) {
                ovsrec_bridge_update_mirrors_delvalue(bridge, mirror);
            }
        }
    }
}

/* One of ours, or nullptr. */
const struct ovsrec_port *
SwitchDb::Impl::find_own_port(const std::string &name)
{
    auto fresh = fresh_ports.find(name);
    if (fresh != fresh_ports.end()) {
        return fresh->second;
    }
    const struct ovsrec_bridge *on;
    const struct ovsrec_port *port = find_port(name, &on);
    return port && read_mark(&port->external_ids) ? port : nullptr;
}

void
SwitchDb::Impl::put_mirror(const std::string &name, const MirrorRow &desired)
{
    const struct ovsrec_bridge *bridge = find_bridge(desired.bridge);
    const struct ovsrec_port *output = find_own_port(desired.output_port);
    if (!bridge || !output) {
        return; /* Nor is anything copied to another's port. */
    }
    const struct ovsrec_mirror *mirror = nullptr;
    for (size_t i = 0; i < bridge->n_mirrors; i++) {
        if (name == bridge->mirrors[i]->name &&
            read_mark(&bridge->mirrors[i]->external_ids)) {
            mirror = bridge->mirrors[i];
        }
    }
    remove_mirrors(name, mirror, bridge);
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
    ovsrec_mirror_set_output_port(mirror, output);
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
        remove_mirrors(edit.name, nullptr, nullptr);
        break;
    }
}

void
SwitchDb::start(const std::vector<RowEdit> &edits, const SwitchRows &desired)
{
    Impl &i = *impl_;
    const struct ovsrec_open_vswitch *ovs = ovsrec_open_vswitch_first(i.idl);
    if (!ovs || !may_start()) {
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
                            &ovsrec_open_vswitch_col_next_cfg, edits.empty());
    i.commit();
}

} // namespace pm
