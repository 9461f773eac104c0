#include "tests/fuzz/rows.h"

#include "ovsdb/control_rows.h"

namespace pm::fuzz {

namespace {

/* Texts that tend to break what reads, prints or quotes them. */
const std::vector<std::string> ODD_TEXTS = {
    "",
    " ",
    "a/b",
    "-",
    "../../x",
    "\n",
    "\x1b[2J",
    "\x7f\x01",
    "%s%n",
    "\"',\\",
    "\xed\x95\x9c\xea\xb8\x80",
    "\xef\xbf\xbf",
    "0x10",
    "-1",
    "9223372036854775807",
    "18446744073709551616",
    "1e9",
    "::ffff:1.2.3.4",
    "1.2.3.4/33",
    "0.0.0.0/0",
    "::/0",
    "65535-0",
    "0-65535",
    "255.255.255.255",
    "ff02::1",
    "00:00:00:00:00:00",
    "actions=drop",
    "tcp,actions=output:1",
    std::string(300, 'x'),
    std::string(70000, 'y'),
};

/* As the IDL gives a new row: nothing may lean on the order of uuids. */
Uuid
numbered(uint32_t n)
{
    return Uuid{{(n + 1) * 2654435761u, 0xf0220000u, n, 9}};
}

void
put_code_point(std::string *text, uint32_t c)
{
    if (c < 0x80) {
        *text += static_cast<char>(c ? c : ' ');
    } else if (c < 0x800) {
        *text += static_cast<char>(0xc0 | c >> 6);
        *text += static_cast<char>(0x80 | (c & 0x3f));
    } else {
        *text += static_cast<char>(0xe0 | c >> 12);
        *text += static_cast<char>(0x80 | (c >> 6 & 0x3f));
        *text += static_cast<char>(0x80 | (c & 0x3f));
    }
}

} // namespace

struct ovsdb_idl *
idl_of(const struct ovsdb_idl_class *content)
{
    return ovsdb_idl_create_unconnected(content, true);
}

Rows::Rows(struct ovsdb_idl *idl, Bytes *bytes, std::vector<std::string> words)
    : txn_(ovsdb_idl_txn_create(idl)), bytes_(bytes), words_(std::move(words))
{
}

Rows::~Rows()
{
    ovsdb_idl_txn_abort(txn_);
    ovsdb_idl_txn_destroy(txn_);
}

void
Rows::know(const std::string &table, const Uuid &id)
{
    known_[table].push_back(id);
}

const struct ovsdb_idl_row *
Rows::insert(const struct ovsdb_idl_table_class *table)
{
    Uuid id = numbered(n_++);
    struct uuid uuid = to_ovs_uuid(id);
    inserted_.push_back(ovsdb_idl_txn_insert(txn_, table, &uuid));
    known_[table->name].push_back(id);
    return inserted_.back();
}

void
Rows::fill(const std::vector<const struct ovsdb_idl_column *> &left_out)
{
    for (const struct ovsdb_idl_row *row : inserted_) {
        const struct ovsdb_idl_table_class *table = row->table->class_;
        for (size_t i = 0; i < table->n_columns; i++) {
            const struct ovsdb_idl_column *column = &table->columns[i];
            if (std::find(left_out.begin(), left_out.end(), column) ==
                left_out.end()) {
                write(row, column);
            }
        }
    }
}

std::string
Rows::text()
{
    size_t how = bytes_->pick(8);
    if (how < 4 && !words_.empty()) {
        return bytes_->one_of(words_);
    }
    if (how < 6) {
        return bytes_->one_of(ODD_TEXTS);
    }
    std::string text;
    for (size_t left = bytes_->pick(24); left; left--) {
        uint32_t c = bytes_->byte();
        put_code_point(&text, how == 6 ? c : c << 4 & 0xcfff);
    }
    return text;
}

Uuid
Rows::reference(const char *table)
{
    if (bytes_->pick(16) == 15) {
        return numbered(1000 + bytes_->byte()); /* Of no row. */
    }
    if (table) {
        const std::vector<Uuid> &ids = known_[table];
        return ids.empty() ? numbered(2000) : bytes_->one_of(ids);
    }
    std::vector<Uuid> all;
    for (const auto &[name, ids] : known_) {
        all.insert(all.end(), ids.begin(), ids.end());
    }
    return bytes_->one_of(all);
}

union ovsdb_atom
Rows::atom(const struct ovsdb_base_type &type)
{
    union ovsdb_atom atom;
    if (type.enum_) {
        ovsdb_atom_clone(&atom, &type.enum_->keys[bytes_->pick(type.enum_->n)],
                         type.type);
        return atom;
    }
    switch (type.type) {
    case OVSDB_TYPE_INTEGER:
        atom.integer = bytes_->number(type.integer.min, type.integer.max);
        break;
    case OVSDB_TYPE_REAL:
        atom.real = static_cast<double>(bytes_->number(-1000, 1000));
        break;
    case OVSDB_TYPE_BOOLEAN:
        atom.boolean = bytes_->flag();
        break;
    case OVSDB_TYPE_STRING: {
        std::string value = text();
        while (value.size() < type.string.minLen) {
            value += 'z';
        }
        atom.s = ovsdb_atom_string_create(value.c_str());
        break;
    }
    case OVSDB_TYPE_UUID:
        atom.uuid = to_ovs_uuid(reference(type.uuid.refTableName));
        break;
    case OVSDB_TYPE_VOID:
    case OVSDB_N_TYPES:
    default:
        std::abort();
    }
    if (struct ovsdb_error *error =
            ovsdb_atom_check_constraints(&atom, &type)) {
        /* Too long, or no UTF-8: what the schema lets in instead. */
        ovsdb_error_destroy(error);
        ovsdb_atom_destroy(&atom, type.type);
        atom.s = ovsdb_atom_string_create(
            std::string(std::max(type.string.minLen, 1u), 'q').c_str());
    }
    return atom;
}

void
Rows::write(const struct ovsdb_idl_row *row,
            const struct ovsdb_idl_column *column)
{
    const struct ovsdb_type &type = column->type;
    size_t least = type.n_min;
    size_t most = std::min<size_t>(type.n_max, 4);
    size_t n = least + bytes_->pick(most - least + 1);
    if (type.n_max > 100 && bytes_->byte() == 255) {
        n = 101; /* More than the product takes of anything. */
    }
    struct ovsdb_datum datum;
    ovsdb_datum_init_empty(&datum);
    if (n) {
        auto atoms = [n] {
            return static_cast<union ovsdb_atom *>(
                xmalloc(n * sizeof(union ovsdb_atom)));
        };
        bool map = ovsdb_type_is_map(&type);
        datum.keys = atoms();
        datum.values = map ? atoms() : nullptr;
        for (datum.n = 0; datum.n < n; datum.n++) {
            datum.keys[datum.n] = atom(type.key);
            if (map) {
                datum.values[datum.n] = atom(type.value);
            }
        }
        ovsdb_datum_sort_unique(&datum, &type);
    }
    ovsdb_idl_txn_write(row, column, &datum);
}

} // namespace pm::fuzz
