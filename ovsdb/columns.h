/* Columns of one row <-> values (adapter; for control_rows*.cc only).
 *
 * Everything goes through raw datums, by column.  The generated structs turn
 * a reference to a row that is not here into a null pointer, and the uuid is
 * then lost; and a new row's reference to another new row is, raw, just the
 * uuid under which that one was inserted. */
#ifndef OVSDB_COLUMNS_H
#define OVSDB_COLUMNS_H 1

#include "ovsdb/control_rows.h"

namespace pm {

using Column = struct ovsdb_idl_column;

/* Reads one row's columns, keeping the first fault. */
class RowReader {
public:
    RowReader(const ovsdb_idl_row *row, const Column *name, std::string *error)
        : row_(row), name_(name), error_(error)
    {
        if (error_) {
            error_->clear();
        }
    }

    bool ok() const { return ok_; }
    /* Ends a read: 'value', or nothing if a column had no good value. */
    template <typename T> std::optional<T> result(T &&value) const
    {
        return ok_ ? std::optional<T>(std::forward<T>(value)) : std::nullopt;
    }

    std::string text(const Column &c) const
    {
        return optional_text(c).value_or("");
    }
    std::optional<std::string> optional_text(const Column &c) const
    {
        const ovsdb_datum &d = datum(c);
        return d.n ? std::optional<std::string>(string_of(d.keys[0]))
                   : std::nullopt;
    }
    std::vector<std::string> texts(const Column &c) const
    {
        const ovsdb_datum &d = datum(c);
        std::vector<std::string> result;
        for (size_t i = 0; i < d.n; i++) {
            result.emplace_back(string_of(d.keys[i]));
        }
        std::sort(result.begin(), result.end());
        return result;
    }
    int64_t number(const Column &c) const
    {
        return optional_number<int64_t>(c).value_or(0);
    }
    template <typename T>
    std::optional<T> optional_number(const Column &c) const
    {
        const ovsdb_datum &d = datum(c);
        return d.n ? std::optional<T>(static_cast<T>(d.keys[0].integer))
                   : std::nullopt;
    }
    bool flag(const Column &c) const
    {
        const ovsdb_datum &d = datum(c);
        return d.n && d.keys[0].boolean;
    }
    Uuid uuid(const Column &c) const
    {
        return optional_uuid(c).value_or(Uuid{});
    }
    std::optional<Uuid> optional_uuid(const Column &c) const
    {
        const ovsdb_datum &d = datum(c);
        return d.n ? std::optional<Uuid>(to_uuid(d.keys[0].uuid))
                   : std::nullopt;
    }
    size_t count(const Column &c) const { return datum(c).n; }

    std::map<std::string, std::string> text_map(const Column &c) const
    {
        return map<std::string, std::string>(c, string_of, string_of);
    }
    std::map<std::string, int64_t> counts(const Column &c) const
    {
        return map<std::string, int64_t>(c, string_of, integer_of);
    }
    std::map<int, int64_t> hits(const Column &c) const
    {
        return map<int, int64_t>(c, integer_of, integer_of);
    }

    /* The values of a column whose texts are of type T (IpAddress, Cidr,
     * PortRange), sorted. */
    template <typename T>
    std::vector<T> parsed_set(const Column &c, const char *what)
    {
        std::vector<T> result;
        for (const std::string &s : texts(c)) {
            result.push_back(parse<T>(c, s, what));
        }
        std::sort(result.begin(), result.end());
        return result;
    }
    template <typename T>
    std::optional<T> optional_parsed(const Column &c, const char *what)
    {
        auto s = optional_text(c);
        return s ? std::optional<T>(parse<T>(c, *s, what)) : std::nullopt;
    }
    template <typename T>
    T parse(const Column &c, const std::string &s, const char *what)
    {
        auto value = T::parse(s);
        if (!value) {
            fail(c, s, what);
            return T{};
        }
        return *value;
    }

    /* The enumeration's value whose name the column has. */
    template <typename T>
    T choice(const Column &c,
             std::initializer_list<std::pair<const char *, T>> choices)
    {
        return choice(c, text(c), choices);
    }
    template <typename T>
    T choice(const Column &c, const std::string &s,
             std::initializer_list<std::pair<const char *, T>> choices)
    {
        for (const auto &[name, value] : choices) {
            if (s == name) {
                return value;
            }
        }
        fail(c, s, "a value known to this version");
        return choices.begin()->second;
    }

    void fail(const Column &c, const std::string &value, const char *what)
    {
        if (ok_ && error_) {
            *error_ =
                std::string(row_->table->class_->name) + " " +
                (name_ ? text(*name_) : to_uuid(row_->uuid).to_string()) +
                ": column " + c.name + " has \"" + value +
                "\", which is not " + what;
        }
        ok_ = false;
    }
    /* For a child that has not arrived, or whose own fault is 'error'. */
    void fail_child(const std::string &error)
    {
        if (ok_ && error_) {
            *error_ = error;
        }
        ok_ = false;
    }

private:
    static const char *string_of(const ovsdb_atom &a)
    {
        return json_string(a.s);
    }
    static int64_t integer_of(const ovsdb_atom &a) { return a.integer; }

    const ovsdb_datum &datum(const Column &c) const
    {
        return *ovsdb_idl_read(row_, &c);
    }
    template <typename K, typename V, typename FK, typename FV>
    std::map<K, V> map(const Column &c, FK key, FV value) const
    {
        const ovsdb_datum &d = datum(c);
        std::map<K, V> result;
        for (size_t i = 0; i < d.n; i++) {
            result[static_cast<K>(key(d.keys[i]))] = value(d.values[i]);
        }
        return result;
    }

    const ovsdb_idl_row *row_;
    const Column *name_;
    std::string *error_;
    bool ok_ = true;
};

/* Whether to guard against others' writes: an edit depends on what it read;
 * a hypervisor's rows have no other writer. */
enum class Verify { No, Yes };

/* Writes columns of one row, those that differ. */
class RowWriter {
public:
    RowWriter(const ovsdb_idl_row *row, Verify verify)
        : row_(row), verify_(verify)
    {
    }

    void set(const Column &c, const std::string &s) const
    {
        put(c, one(ovsdb_atom{.s = ovsdb_atom_string_create(s.c_str())}));
    }
    void set(const Column &c, const char *s) const
    {
        put(c, one(ovsdb_atom{.s = ovsdb_atom_string_create(s)}));
    }
    void set(const Column &c, int64_t n) const
    {
        put(c, one(ovsdb_atom{.integer = n}));
    }
    void set(const Column &c, bool b) const
    {
        put(c, one(ovsdb_atom{.boolean = b}));
    }
    void set(const Column &c, const Uuid &id) const
    {
        put(c, one(ovsdb_atom{.uuid = to_ovs_uuid(id)}));
    }
    void set(const Column &c, const std::vector<Uuid> &ids) const
    {
        ovsdb_datum d = space(ids.size(), false);
        for (size_t i = 0; i < ids.size(); i++) {
            d.keys[i].uuid = to_ovs_uuid(ids[i]);
        }
        put(c, d);
    }
    void set(const Column &c, const std::vector<std::string> &texts) const
    {
        ovsdb_datum d = space(texts.size(), false);
        for (size_t i = 0; i < texts.size(); i++) {
            d.keys[i].s = ovsdb_atom_string_create(texts[i].c_str());
        }
        put(c, d);
    }
    /* Maps of texts or numbers to texts or numbers. */
    template <typename K, typename V>
    void set(const Column &c, const std::map<K, V> &map) const
    {
        ovsdb_datum d = space(map.size(), true);
        size_t i = 0;
        for (const auto &[key, value] : map) {
            d.keys[i] = atom(key);
            d.values[i++] = atom(value);
        }
        put(c, d);
    }
    template <typename K, typename V>
    void set(const Column &c, const SharedMap<K, V> &map) const
    {
        set(c, map.get());
    }
    /* An optional column: 'value' through 'convert', or empty. */
    template <typename T, typename F>
    void set_optional(const Column &c, const std::optional<T> &value,
                      F convert) const
    {
        if (value) {
            set(c, convert(*value));
        } else {
            clear(c);
        }
    }
    template <typename T>
    void set_optional(const Column &c, const std::optional<T> &value) const
    {
        set_optional(c, value, [](const T &v) { return v; });
    }
    void set_number(const Column &c, const std::optional<int> &value) const
    {
        set_optional(c, value, [](int v) { return int64_t{v}; });
    }
    void clear(const Column &c) const { put(c, space(0, false)); }

    void verify(const Column &c) const { ovsdb_idl_txn_verify(row_, &c); }

private:
    static ovsdb_atom atom(const std::string &s)
    {
        return {.s = ovsdb_atom_string_create(s.c_str())};
    }
    static ovsdb_atom atom(int64_t n) { return {.integer = n}; }

    static ovsdb_datum space(size_t n, bool map)
    {
        ovsdb_datum d;
        ovsdb_datum_init_empty(&d);
        auto atoms = [n] {
            return static_cast<ovsdb_atom *>(xmalloc(n * sizeof(ovsdb_atom)));
        };
        if (n) {
            d.n = n;
            d.keys = atoms();
            d.values = map ? atoms() : nullptr;
        }
        return d;
    }
    static ovsdb_datum one(const ovsdb_atom &a)
    {
        ovsdb_datum d = space(1, false);
        d.keys[0] = a;
        return d;
    }

    /* Takes 'd' over. */
    void put(const Column &c, ovsdb_datum d) const
    {
        ovsdb_datum_sort_unique(&d, &c.type);
        if (ovsdb_datum_equals(ovsdb_idl_read(row_, &c), &d, &c.type)) {
            ovsdb_datum_destroy(&d, &c.type);
            return;
        }
        if (verify_ == Verify::Yes) {
            verify(c);
        }
        ovsdb_idl_txn_write(row_, &c, &d);
    }

    const ovsdb_idl_row *row_;
    Verify verify_;
};

} // namespace pm

#endif /* OVSDB_COLUMNS_H */
