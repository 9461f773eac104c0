#include "ovsdb/shared_strings.h"

#include <string_view>

namespace pm {

size_t
SharedStrings::Hash::operator()(const struct json *string) const
{
    return std::hash<std::string_view>()(json_string(string));
}

bool
SharedStrings::Equal::operator()(const struct json *a,
                                 const struct json *b) const
{
    return !strcmp(json_string(a), json_string(b));
}

SharedStrings::~SharedStrings()
{
    release();
    for (struct json *string : strings_) {
        json_destroy(string);
    }
}

void
SharedStrings::share(const struct ovsdb_idl_row *row)
{
    if (!row->old_datum) {
        return;
    }
    const struct ovsdb_idl_table_class *table = row->table->class_;
    bool fresh = !ovsdb_idl_row_get_seqno(row, OVSDB_IDL_CHANGE_MODIFY);
    for (size_t i = 0; i < table->n_columns; i++) {
        if (!fresh && !ovsdb_idl_track_is_updated(row, &table->columns[i])) {
            continue;
        }
        const struct ovsdb_type &type = table->columns[i].type;
        /* What the server has; of what a transaction changes 'new_datum' has
         * only that. */
        struct ovsdb_datum &datum = row->old_datum[i];
        if (type.key.type == OVSDB_TYPE_STRING) {
            share(datum.keys, datum.n);
        }
        if (type.value.type == OVSDB_TYPE_STRING) {
            share(datum.values, datum.n);
        }
    }
}

void
SharedStrings::share(union ovsdb_atom *atoms, unsigned int n)
{
    for (union ovsdb_atom *atom = atoms; atom < atoms + n; atom++) {
        auto kept = strings_.find(atom->s);
        if (kept == strings_.end()) {
            kept = strings_.insert(json_string_create(json_string(atom->s)))
                       .first;
        }
        if (*kept != atom->s) {
            replaced_.push_back(atom->s);
            atom->s = json_clone(*kept);
        }
    }
}

void
SharedStrings::release()
{
    for (struct json *string : replaced_) {
        json_destroy(string);
    }
    replaced_.clear();
    replaced_.shrink_to_fit();
    if (strings_.size() > most_) {
        sweep();
    }
}

void
SharedStrings::sweep()
{
    constexpr size_t ONE_ROW_AND_US = 2;
    for (auto i = strings_.begin(); i != strings_.end();) {
        struct json *string = *i;
        if (string->count > ONE_ROW_AND_US) {
            ++i;
        } else {
            i = strings_.erase(i);
            json_destroy(string);
        }
    }
    most_ = 2 * strings_.size() + 1000;
}

} // namespace pm
