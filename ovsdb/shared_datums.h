/* What many of an IDL's rows have alike, kept once (adapter).
 *
 * The IDL keeps each column of each row in memory of its own, down to each
 * string as it was parsed: of ten thousand tunnels and their status rows four
 * hundred thousand pieces and a quarter of a million strings, nearly all like
 * one another.  They stand among the rest of the message that brought them,
 * whose pages they hold on to: so each, also one that is nowhere else, is made
 * anew, and those of many rows before the first of the old ones is let go.
 *
 * A column's content is shared as the IDL itself shares it: it makes a copy of
 * its own before it changes one (ovsdb_datum_unshare()). */
#ifndef OVSDB_SHARED_DATUMS_H
#define OVSDB_SHARED_DATUMS_H 1

#include <unordered_set>
#include <vector>

#include "ovsdb/ovs_c.h"

namespace pm {

class SharedDatums {
public:
    SharedDatums() = default;
    ~SharedDatums();
    SharedDatums(const SharedDatums &) = delete;
    SharedDatums &operator=(const SharedDatums &) = delete;

    /* Has what is new in a tracked row, if it has content, say the same in
     * shared datums.  Nothing may point into those that it had. */
    void share(const struct ovsdb_idl_row *);
    /* Lets go of what was replaced. */
    void release();

private:
    struct Typed {
        struct ovsdb_datum datum;
        const struct ovsdb_type *type; /* Of a column that had it first. */
    };
    struct Hash {
        size_t operator()(const Typed &) const;
        size_t operator()(const struct json *string) const;
    };
    struct Equal {
        bool operator()(const Typed &, const Typed &) const;
        bool operator()(const struct json *, const struct json *) const;
    };

    void share(struct ovsdb_datum *, const struct ovsdb_type *);
    struct ovsdb_datum make_anew(const Typed &);
    union ovsdb_atom *make_anew(const union ovsdb_atom *, unsigned int n,
                                enum ovsdb_atomic_type);
    struct json *shared_string(const struct json *);
    void sweep();

    std::unordered_set<Typed, Hash, Equal> datums_;
    std::unordered_set<struct json *, Hash, Equal> strings_;
    std::vector<Typed> replaced_;
    size_t most_ = 1000; /* Then those that only one row has are let go. */
};

} // namespace pm

#endif /* OVSDB_SHARED_DATUMS_H */
