/* SwitchDb's inside, shared by its reading and its writing half (adapter). */
#ifndef OVSDB_SWITCH_DB_IMPL_H
#define OVSDB_SWITCH_DB_IMPL_H 1

#include "ovsdb/ovs_c.h"
#include "ovsdb/switch_db.h"
#include "plugin/pace.h"

namespace pm {

/* Keys of external_ids that make a row ours. */
inline constexpr char MARK[] = "ovs-mirrord";
inline constexpr char MARK_NIC[] = "ovs-mirrord-nic";
inline constexpr char MARK_NUMBER[] = "ovs-mirrord-number";
inline constexpr char MARK_SEGMENT[] = "ovs-mirrord-segment";
/* Followed by the NIC's number. */
inline constexpr char MARK_MEMBER[] = "ovs-mirrord-nic-";

/* The mark of a row, or nullopt if it is not ours. */
std::optional<Mark> read_mark(const struct smap *external_ids);

/* Whether a bridge admits the version by which our flows are written. */
bool admits_openflow_15(const struct ovsrec_bridge *);

/* All that rows say; not whether vswitchd follows them. */
SwitchFacts read_switch_rows(const struct ovsrec_open_vswitch *,
                             const std::set<std::string> &unmade = {});

struct SwitchDb::Impl {
    struct ovsdb_idl *idl = nullptr;
    struct ovsdb_idl_txn *txn = nullptr;
    std::string error; /* What the server said, until one succeeds. */
    Backoff backoff;   /* Before the next one then. */
    /* next_cfg that our last transaction gave, so that cur_cfg can be waited
     * for; unset before the first read. */
    std::optional<int64_t> written_cfg;
    /* Rows that the open transaction inserts: partial mutations of a set do
     * not show in the IDL's copy of it, and a set of a new row must be
     * written whole. */
    std::set<const struct ovsrec_bridge *> fresh_bridges;
    std::map<std::string, const struct ovsrec_port *> fresh_ports;

    void commit();
    const struct ovsrec_port *find_own_port(const std::string &name);
    const struct ovsrec_port *find_port(const std::string &name,
                                        const struct ovsrec_bridge **on) const;
    const struct ovsrec_bridge *find_bridge(const std::string &name) const;
    void add_port(const struct ovsrec_bridge *, const struct ovsrec_port *);
    void put_bridge(const std::string &name, const BridgeRow &);
    void put_port(const std::string &name, const PortRow &);
    void put_iface_id(const struct ovsrec_interface *, const PortRow &,
                      bool fresh);
    void put_mirror(const std::string &name, const MirrorRow &);
    void remove(const RowEdit &);
    void remove_mirrors(const std::string &name,
                        const struct ovsrec_mirror *but,
                        const struct ovsrec_bridge *on);
};

} // namespace pm

#endif /* OVSDB_SWITCH_DB_IMPL_H */
