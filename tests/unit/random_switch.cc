/* RandomHost, the switch's part. */
#include "tests/unit/random_host.h"

namespace pm {

void
RandomHost::edit_nics()
{
    std::string iface_id = numbered("nic", pick(6));
    auto nic = facts.nics.find(iface_id);
    if (nic == facts.nics.end()) {
        std::string bridge = BRIDGES[pick(3)];
        if (facts.bridges.count(bridge)) {
            plug(iface_id, bridge);
        }
        return;
    }
    switch (pick(4)) {
    case 0:
        facts.nics.erase(nic);
        break;
    case 1:
        if (chance(50)) {
            nic->second.vlan = 1 + pick(4);
        } else {
            nic->second.vlan.reset();
        }
        nic->second.own_tag = chance(80) ? nic->second.vlan : std::nullopt;
        break;
    case 2:
        nic->second.mtu = 100 + pick(3000);
        break;
    case 3: {
        std::string bridge = BRIDGES[pick(3)];
        if (facts.bridges.count(bridge)) {
            plug(iface_id, bridge);
        }
        break;
    }
    }
}

void
RandomHost::edit_bridges()
{
    int which = pick(3);
    std::string name = BRIDGES[which];
    auto bridge = facts.bridges.find(name);
    if (bridge == facts.bridges.end()) {
        facts.bridges[name] = {TYPES[which], false, pick(4), chance(80), ""};
        return;
    }
    switch (pick(7)) {
    case 6:
        bridge->second.exposed = !bridge->second.exposed;
        break;
    case 0:
        bridge->second.foreign_mirrors = chance(50) ? pick(6) : 20 + pick(13);
        break;
    case 1:
        bridge->second.checked = !bridge->second.checked;
        break;
    case 2:
        bridge->second.unsafe = bridge->second.unsafe.empty() ? "ALL" : "";
        break;
    case 3: /* The datapath type changes, with all that is plugged in. */
        bridge->second.datapath_type = TYPES[pick(3)];
        for (auto &[iface_id, nic] : facts.nics) {
            if (nic.bridge == name) {
                nic.datapath_type = bridge->second.datapath_type;
            }
        }
        break;
    case 4:
        facts.bridges.erase(bridge);
        std::erase_if(facts.nics, [&](const auto &nic) {
            return nic.second.bridge == name;
        });
        std::erase_if(facts.rows.mirrors, [&](const auto &mirror) {
            return mirror.second.bridge == name;
        });
        std::erase_if(facts.rows.ports, [&](const auto &port) {
            return port.second.bridge == name;
        });
        break;
    case 5:
        bridge->second.foreign_mirrors = 0;
        bridge->second.unsafe = "";
        break;
    }
}

void
RandomHost::edit_settings()
{
    Settings &settings = facts.settings;
    switch (pick(7)) {
    case 6:
        settings.rate_kbps.reset();
        if (chance(70)) {
            settings.rate_kbps = chance(10) ? 0 : 1 + pick(2);
        }
        break;
    case 0:
        settings.mirror_bridge = chance(70) ? "br-mirror" : "br-other";
        break;
    case 1:
        settings.encap_v4 =
            chance(50) ? std::optional(ip_of("198.51.100.2")) : std::nullopt;
        break;
    case 2:
        settings.encap_v6 =
            chance(50) ? std::optional(ip_of("fd00::2")) : std::nullopt;
        break;
    case 3:
        settings.slots_reserve = chance(70) ? 4 : 28 + pick(5);
        break;
    case 4:
        if (chance(30)) {
            facts.taken_names = {chance(50) ? "br-mirror"
                                            : "br-mirror-netdev"};
            for (const auto &[name, bridge] : facts.rows.bridges) {
                facts.taken_names.erase(name);
            }
        } else if (chance(50)) {
            /* Somebody else's, or ours that has lost its mark. */
            static const char *const PORTS[] = {
                "mtap-in-1", "mnic-out-2", "mdlv-1", "mvpc-1", "mirror-vxlan"};
            std::string name = PORTS[pick(5)];
            facts.taken_names = {name};
            facts.rows.ports.erase(name);
            facts.ofports.erase(name);
        } else {
            facts.taken_names.clear();
        }
        break;
    case 5:
        if (hostile_) {
            settings.chassis = chance(70) ? "hv1" : "hv2";
        }
        break;
    }
}

Path
RandomHost::find_path(const PathKey &key)
{
    Path path = Host::find_path(key);
    path.known = chance(95);
    path.routed = chance(95);
    path.broadcast = chance(3);
    path.device = chance(70) ? "br-int" : chance(80) ? "br-ext" : "eth0";
    path.device_up = chance(95);
    path.mtu = chance(80) ? std::optional(80 + pick(3000)) : std::nullopt;
    path.neighbour = static_cast<Neighbour>(pick(3));
    path.port_taken = chance(3) ? "a vxlan device" : "";
    if (chance(3) && facts.settings.encap_v4) {
        path.absent_sources = {*facts.settings.encap_v4};
    }
    if (chance(3)) {
        path.source.reset();
    }
    return path;
}

void
RandomHost::edit_path()
{
    if (paths.empty()) {
        return;
    }
    auto i = std::next(paths.begin(), pick(static_cast<int>(paths.size())));
    i->second = find_path(i->first);
}

void
RandomHost::tamper_with_rows()
{
    SwitchRows &rows = facts.rows;
    auto some = [&](auto &table) {
        return std::next(table.begin(), pick(static_cast<int>(table.size())));
    };
    switch (pick(6)) {
    case 0:
        if (!rows.mirrors.empty()) {
            rows.mirrors.erase(some(rows.mirrors));
        }
        break;
    case 1:
        if (!rows.mirrors.empty()) {
            some(rows.mirrors)->second.select_src.clear();
        }
        break;
    case 2:
        if (!rows.ports.empty()) {
            auto port = some(rows.ports);
            facts.ofports.erase(port->first);
            rows.ports.erase(port);
        }
        break;
    case 3:
        if (!rows.ports.empty()) {
            some(rows.ports)->second.tampered = true;
        }
        break;
    case 4:
        if (!rows.bridges.empty()) {
            some(rows.bridges)->second.tampered = true;
        }
        break;
    case 5: /* vswitchd numbers a port anew. */
        if (!facts.ofports.empty()) {
            some(facts.ofports)->second = 1000 + pick(1000000);
        }
        break;
    }
}

void
RandomHost::write_some_rows()
{
    SwitchRows before = facts.rows;
    write_rows();
    facts.rows.bridges.insert(before.bridges.begin(), before.bridges.end());
    facts.rows.ports.insert(before.ports.begin(), before.ports.end());
    facts.rows.mirrors.insert(before.mirrors.begin(), before.mirrors.end());
    std::erase_if(facts.rows.mirrors, [&](const auto &row) {
        return !before.mirrors.count(row.first) && chance(30);
    });
}

} // namespace pm
