/* Strings that many of an IDL's rows have alike, kept once (adapter).
 *
 * The IDL keeps each string of each row as a JSON value of its own, with a
 * count of references, as it was parsed: of ten thousand status rows a quarter
 * of a million, nearly all of them like one another.  They stand among the
 * rest of the message that brought them, whose pages they hold on to: so each
 * string, also one that is nowhere else, is made anew, and those of many rows
 * before the first of the old ones is let go. */
#ifndef OVSDB_SHARED_STRINGS_H
#define OVSDB_SHARED_STRINGS_H 1

#include <unordered_set>
#include <vector>

#include "ovsdb/ovs_c.h"

namespace pm {

class SharedStrings {
public:
    SharedStrings() = default;
    ~SharedStrings();
    SharedStrings(const SharedStrings &) = delete;
    SharedStrings &operator=(const SharedStrings &) = delete;

    /* Has what is new in a tracked row, if it has content, say the same in
     * shared strings.  Nothing may point into those that it had. */
    void share(const struct ovsdb_idl_row *);
    /* Lets go of the strings that were replaced. */
    void release();

private:
    struct Hash {
        size_t operator()(const struct json *) const;
    };
    struct Equal {
        bool operator()(const struct json *, const struct json *) const;
    };

    void share(union ovsdb_atom *atoms, unsigned int n);
    void sweep();

    std::unordered_set<struct json *, Hash, Equal> strings_;
    std::vector<struct json *> replaced_;
    size_t most_ = 1000; /* Then those that only one row has are let go. */
};

} // namespace pm

#endif /* OVSDB_SHARED_STRINGS_H */
