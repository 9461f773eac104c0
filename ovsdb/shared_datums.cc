#include "ovsdb/shared_datums.h"

#include <string_view>

namespace pm {

size_t
SharedDatums::Hash::operator()(const Typed &typed) const
{
    return ovsdb_datum_hash(&typed.datum, typed.type, 0);
}

size_t
SharedDatums::Hash::operator()(const struct json *string) const
{
    return std::hash<std::string_view>()(json_string(string));
}

bool
SharedDatums::Equal::operator()(const Typed &a, const Typed &b) const
{
    return a.type->key.type == b.type->key.type &&
           a.type->value.type == b.type->value.type &&
           ovsdb_datum_equals(&a.datum, &b.datum, a.type);
}

bool
SharedDatums::Equal::operator()(const struct json *a,
                                const struct json *b) const
{
    return !strcmp(json_string(a), json_string(b));
}

SharedDatums::~SharedDatums()
{
    release();
    for (Typed kept : datums_) {
        ovsdb_datum_destroy(&kept.datum, kept.type);
    }
    for (struct json *string : strings_) {
        json_destroy(string);
    }
}

void
SharedDatums::share(const struct ovsdb_idl_row *row)
{
    if (!row->old_datum) {
        return;
    }
    const struct ovsdb_idl_table_class *table = row->table->class_;
    bool fresh = !ovsdb_idl_row_get_seqno(row, OVSDB_IDL_CHANGE_MODIFY);
    for (size_t i = 0; i < table->n_columns; i++) {
        if (fresh || ovsdb_idl_track_is_updated(row, &table->columns[i])) {
            /* What the server has; of what a transaction changes 'new_datum'
             * has only that. */
            share(&row->old_datum[i], &table->columns[i].type);
        }
    }
}

void
SharedDatums::share(struct ovsdb_datum *datum, const struct ovsdb_type *type)
{
    if (!datum->n) {
        return;
    }
    Typed old{*datum, type};
    auto kept = datums_.find(old);
    if (kept == datums_.end()) {
        kept = datums_.insert({make_anew(old), type}).first;
    }
    if (kept->datum.keys != datum->keys) {
        replaced_.push_back(old);
        ovsdb_datum_clone(datum, &kept->datum);
    }
}

struct ovsdb_datum
SharedDatums::make_anew(const Typed &old)
{
    struct ovsdb_datum datum = old.datum;
    datum.keys = make_anew(datum.keys, datum.n, old.type->key.type);
    datum.values = make_anew(datum.values, datum.n, old.type->value.type);
    datum.refcnt = nullptr;
    return datum;
}

union ovsdb_atom *
SharedDatums::make_anew(const union ovsdb_atom *old, unsigned int n,
                        enum ovsdb_atomic_type type)
{
    if (type == OVSDB_TYPE_VOID) {
        return nullptr;
    }
    auto *atoms =
        static_cast<union ovsdb_atom *>(xmemdup(old, n * sizeof *old));
    for (unsigned int i = 0; type == OVSDB_TYPE_STRING && i < n; i++) {
        atoms[i].s = shared_string(old[i].s);
    }
    return atoms;
}

/* Returns a reference of the caller's. */
struct json *
SharedDatums::shared_string(const struct json *old)
{
    auto kept = strings_.find(const_cast<struct json *>(old));
    if (kept == strings_.end()) {
        kept = strings_.insert(json_string_create(json_string(old))).first;
    }
    return json_clone(*kept);
}

void
SharedDatums::release()
{
    for (Typed &old : replaced_) {
        ovsdb_datum_destroy(&old.datum, old.type);
    }
    replaced_.clear();
    replaced_.shrink_to_fit();
    if (datums_.size() + strings_.size() > most_) {
        sweep();
    }
}

void
SharedDatums::sweep()
{
    constexpr unsigned int ONE_ROW_AND_US = 2;
    for (auto i = datums_.begin(); i != datums_.end();) {
        Typed kept = *i;
        if (*kept.datum.refcnt > ONE_ROW_AND_US) {
            ++i;
        } else {
            i = datums_.erase(i);
            ovsdb_datum_destroy(&kept.datum, kept.type);
        }
    }
    constexpr size_t ONE_DATUM_AND_US = 2;
    for (auto i = strings_.begin(); i != strings_.end();) {
        struct json *string = *i;
        if (string->count > ONE_DATUM_AND_US) {
            ++i;
        } else {
            i = strings_.erase(i);
            json_destroy(string);
        }
    }
    most_ = 2 * (datums_.size() + strings_.size()) + 1000;
}

} // namespace pm
