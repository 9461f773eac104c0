/* Rows with anything in them that a schema lets in.
 *
 * They are inserted into a transaction of an IDL that is connected to nothing
 * and is never committed, so that they are read by the very functions that
 * read a database's rows. */
#ifndef TESTS_FUZZ_ROWS_H
#define TESTS_FUZZ_ROWS_H 1

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ovsdb/ovs_c.h"
#include "plugin/model.h"
#include "tests/fuzz/bytes.h"

namespace pm::fuzz {

/* An IDL that is never connected. */
struct ovsdb_idl *idl_of(const struct ovsdb_idl_class *);

class Rows {
public:
    /* 'words' are texts that mean something to who reads the rows; texts of
     * no meaning come beside them. */
    Rows(struct ovsdb_idl *, Bytes *, std::vector<std::string> words);
    ~Rows();
    Rows(const Rows &) = delete;
    Rows &operator=(const Rows &) = delete;

    /* A row that is elsewhere and may be referred to. */
    void know(const std::string &table, const Uuid &);
    const struct ovsdb_idl_row *insert(const struct ovsdb_idl_table_class *);
    /* Gives the columns of every row that was inserted their values; those of
     * 'left_out' stay as they are. */
    void fill(const std::vector<const struct ovsdb_idl_column *> &left_out);

    /* Whether a text is one that OVSDB takes. */
    std::string text();

private:
    union ovsdb_atom atom(const struct ovsdb_base_type &);
    void write(const struct ovsdb_idl_row *, const struct ovsdb_idl_column *);
    Uuid reference(const char *table);

    struct ovsdb_idl_txn *txn_;
    Bytes *bytes_;
    std::vector<std::string> words_;
    std::vector<const struct ovsdb_idl_row *> inserted_;
    std::map<std::string, std::vector<Uuid>> known_; /* By table. */
    uint32_t n_ = 0;
};

} // namespace pm::fuzz

#endif /* TESTS_FUZZ_ROWS_H */
