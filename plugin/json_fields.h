/* Reading JSON that anybody may have written (core).
 *
 * Whatever the text holds, the answer is values and problems with exact
 * paths: never an exception, and never a fault passed over in silence. */
#ifndef PLUGIN_JSON_FIELDS_H
#define PLUGIN_JSON_FIELDS_H 1

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "plugin/check.h"

namespace pm {

/* Parses 'text' as one JSON value.  Refuses as SYNTAX what is no JSON, what
 * nests deeper than any document does, and a key given twice in one object
 * (of which JSON readers silently keep one).  Returns nullopt after a
 * problem. */
std::optional<nlohmann::json> parse_json(const std::string &text, Problems *);

/* Whether it has 1 to 255 bytes without control characters, as every name that
 * the database holds. */
bool is_word(const std::string &text);

/* A key as part of a path: as it is, or quoted if it is not a plain word. */
std::string path_key(const std::string &key);

/* One JSON object, read key by key.
 *
 * A key that is absent gives nullopt or the default; one of the wrong type
 * gives the same and a problem.  done() reports the keys nobody asked for. */
class Fields {
public:
    /* 'object' and 'problems' must outlive the reader.  An 'object' that is
     * none is reported, and read as if it were empty. */
    Fields(const nlohmann::json &object, std::string path, Problems *problems);

    bool is_object() const { return object_ != nullptr; }
    bool has(const std::string &key);
    std::string at(const std::string &key) const;
    void problem(const char *code, const std::string &key,
                 std::string message);

    /* Text is UTF-8 without NUL. */
    std::optional<std::string> text(const std::string &key);
    std::string text(const std::string &key, const std::string &otherwise);
    /* As text(), and is_word(). */
    std::optional<std::string> word(const std::string &key);
    /* As word(), and without '/', which parts an account from a name. */
    std::optional<std::string> account(const std::string &key);
    /* As word(); its absence is a problem, and gives the empty string. */
    std::string required_word(const std::string &key);
    std::optional<bool> boolean(const std::string &key);
    /* A whole number; beyond 64 bits, where it may be a text, too, the nearest
     * that 64 bits hold. */
    std::optional<int64_t> integer(const std::string &key);
    /* The same as it was given; empty if there is none. */
    std::string integer_text(const std::string &key);
    /* As integer(); what is outside of 'min' to 'max' is a problem. */
    std::optional<int64_t> integer_in(const std::string &key, int64_t min,
                                      int64_t max);
    /* A whole number or a text, as text. */
    std::optional<std::string> text_or_integer(const std::string &key);
    /* An absent key is a problem. */
    void require(const std::string &key);
    /* An array, or nullptr. */
    const nlohmann::json *array(const std::string &key);

    std::optional<IpAddress> address(const std::string &key);
    std::optional<Cidr> cidr(const std::string &key, const char *code);
    std::optional<std::string> mac(const std::string &key);

    /* One of a few words; 'otherwise' when absent or a problem. */
    template <typename T>
    T choice(const std::string &key,
             std::initializer_list<std::pair<const char *, T>> choices,
             T otherwise, const char *code = "TYPE")
    {
        auto given = text(key);
        if (!given) {
            return otherwise;
        }
        std::string names;
        for (const auto &[name, value] : choices) {
            if (*given == name) {
                return value;
            }
            names += std::string(names.empty() ? "" : ", ") + name;
        }
        problem(code, key,
                quote(*given) + " is not known here: give one of " + names);
        return otherwise;
    }

    /* Reports the keys that nobody has asked for. */
    void done();

private:
    const nlohmann::json *get(const std::string &key);

    const nlohmann::json *object_ = nullptr;
    std::string path_;
    Problems *problems_;
    std::set<std::string> asked_;
};

/* Elements of arrays, with the path of the element. */
std::optional<std::string> element_text(const nlohmann::json &,
                                        const std::string &path, Problems *);
std::optional<IpAddress> element_address(const nlohmann::json &,
                                         const std::string &path, Problems *);
std::optional<Cidr> element_cidr(const nlohmann::json &,
                                 const std::string &path, Problems *);

} // namespace pm

#endif /* PLUGIN_JSON_FIELDS_H */
