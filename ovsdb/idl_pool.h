/* One copy of what many rows of the IDL hold (adapter).
 *
 * The IDL has its own copy of each column of each row, and one more of maps of
 * texts as its generated structs have them: for thousands of tunnels that are
 * of one account, on one hypervisor and in one condition that is most of what
 * the daemon takes.  Columns share what is equal here, as the IDL itself has
 * them share where it copies one; it takes a column its own when it changes
 * it. */
#ifndef OVSDB_IDL_POOL_H
#define OVSDB_IDL_POOL_H 1

#include <unordered_map>

#include "ovsdb/ovs_c.h"

namespace pm {

class IdlPool {
public:
    IdlPool() = default;
    ~IdlPool() { clear(); }
    IdlPool(const IdlPool &) = delete;
    IdlPool &operator=(const IdlPool &) = delete;

    /* After the row has been read; not while a transaction has changed it. */
    void take(const pmrec_mirror_tunnel *);
    void take(const pmrec_tunnel_status *);
    void clear();

private:
    struct Kept {
        const struct ovsdb_idl_column *column;
        struct ovsdb_datum datum;
    };

    void share(const struct ovsdb_idl_row &, const struct ovsdb_idl_column &);
    void sweep();

    std::unordered_multimap<uint32_t, Kept> kept_; /* By hash. */
    size_t sweep_at_ = 0;
};

} // namespace pm

#endif /* OVSDB_IDL_POOL_H */
