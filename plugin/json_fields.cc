#include "plugin/json_fields.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "plugin/printable.h"

namespace pm {

namespace {

using nlohmann::json;

constexpr size_t WORD_BYTES_MAX = 255;

const char *
type_name(const json &value)
{
    return value.is_number_float() ? "a fraction or too large a number"
           : value.is_number()     ? "a number"
           : value.is_string()     ? "a text"
           : value.is_boolean()    ? "true or false"
           : value.is_null()       ? "null"
           : value.is_array()      ? "an array"
                                   : "an object";
}

void
report_type(const json &value, const char *wanted, const std::string &path,
            Problems *problems)
{
    problems->push_back(
        {"TYPE", path,
         std::string("this must be ") + wanted + ", not " + type_name(value)});
}

/* Whether a text is a whole number that 64 bits do not hold. */
bool
is_beyond(const std::string &text)
{
    int64_t number = 0;
    const char *end = text.data() + text.size();
    auto [last, error] = std::from_chars(text.data(), end, number);
    return error == std::errc::result_out_of_range && last == end;
}

int64_t
clamped_integer(const json &value)
{
    if (value.is_string()) {
        return value.get_ref<const std::string &>().front() == '-'
                   ? std::numeric_limits<int64_t>::min()
                   : std::numeric_limits<int64_t>::max();
    }
    if (value.is_number_unsigned()) {
        constexpr uint64_t MAX = std::numeric_limits<int64_t>::max();
        return static_cast<int64_t>(std::min(value.get<uint64_t>(), MAX));
    }
    return value.get<int64_t>();
}

} // namespace

bool
is_word(const std::string &text)
{
    return !text.empty() && text.size() <= WORD_BYTES_MAX &&
           !has_steering(text);
}

std::string
path_key(const std::string &key)
{
    bool plain = !key.empty() && key.size() <= 64;
    for (char c : key) {
        plain = plain && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '_' || c == '-');
    }
    return plain ? key : quote(key);
}

std::optional<std::string>
element_text(const json &value, const std::string &path, Problems *problems)
{
    if (!value.is_string()) {
        report_type(value, "a text", path, problems);
        return std::nullopt;
    }
    const auto &text = value.get_ref<const std::string &>();
    if (!valid_utf8(text) || text.find('\0') != std::string::npos) {
        problems->push_back({"SYNTAX", path,
                             "this is not valid UTF-8 text without NUL: give "
                             "it in UTF-8"});
        return std::nullopt;
    }
    return text;
}

std::optional<IpAddress>
element_address(const json &value, const std::string &path, Problems *problems)
{
    auto text = element_text(value, path, problems);
    if (!text) {
        return std::nullopt;
    }
    auto address = IpAddress::parse(*text);
    if (!address) {
        problems->push_back({"SYNTAX", path,
                             quote(*text) +
                                 " is no IPv4 or IPv6 address: give one such "
                                 "as 192.0.2.10"});
    } else if (!address->is_of_a_host()) {
        problems->push_back({"SYNTAX", path,
                             quote(*text) +
                                 " is no address that a host elsewhere can "
                                 "have: give one such as 192.0.2.10"});
    }
    return address;
}

std::optional<Cidr>
element_cidr(const json &value, const std::string &path, Problems *problems)
{
    auto text = element_text(value, path, problems);
    if (!text) {
        return std::nullopt;
    }
    auto cidr = Cidr::parse(*text);
    if (!cidr) {
        problems->push_back({"SYNTAX", path,
                             quote(*text) +
                                 " is no CIDR with host bits zero: give one "
                                 "such as 10.1.0.0/24"});
    }
    return cidr;
}

Fields::Fields(const json &object, std::string path, Problems *problems)
    : path_(std::move(path)), problems_(problems)
{
    if (object.is_object()) {
        object_ = &object;
    } else {
        report_type(object, "an object", path_, problems_);
    }
}

const json *
Fields::get(const std::string &key)
{
    asked_.insert(key);
    if (!object_) {
        return nullptr;
    }
    auto i = object_->find(key);
    return i == object_->end() ? nullptr : &*i;
}

bool
Fields::has(const std::string &key)
{
    asked_.insert(key);
    return object_ && object_->contains(key);
}

std::string
Fields::at(const std::string &key) const
{
    return join_path(path_, key);
}

void
Fields::problem(const char *code, const std::string &key, std::string message)
{
    problems_->push_back({code, at(key), std::move(message)});
}

std::optional<std::string>
Fields::text(const std::string &key)
{
    const json *value = get(key);
    return value ? element_text(*value, at(key), problems_) : std::nullopt;
}

std::string
Fields::text(const std::string &key, const std::string &otherwise)
{
    return text(key).value_or(otherwise);
}

std::optional<std::string>
Fields::word(const std::string &key)
{
    auto value = text(key);
    if (value && !is_word(*value)) {
        problem("SYNTAX", key,
                quote(*value) + " is no such text: give 1 to 255 bytes "
                                "without control characters");
        return std::nullopt;
    }
    return value;
}

std::string
Fields::required_word(const std::string &key)
{
    require(key);
    return word(key).value_or("");
}

void
Fields::require(const std::string &key)
{
    if (object_ && !has(key)) {
        problem("TYPE", key, "this key is needed: give it");
    }
}

std::optional<std::string>
Fields::account(const std::string &key)
{
    auto value = word(key);
    if (value && value->find('/') != std::string::npos) {
        problem("SYNTAX", key,
                quote(*value) + " has a '/', which parts an account from a "
                                "name: leave it out");
        return std::nullopt;
    }
    return value;
}

std::optional<bool>
Fields::boolean(const std::string &key)
{
    const json *value = get(key);
    if (value && !value->is_boolean()) {
        report_type(*value, "true or false", at(key), problems_);
        return std::nullopt;
    }
    return value ? std::optional(value->get<bool>()) : std::nullopt;
}

std::optional<int64_t>
Fields::integer(const std::string &key)
{
    const json *value = get(key);
    if (!value) {
        return std::nullopt;
    }
    if (integer_text(key).empty()) {
        report_type(*value, "a whole number", at(key), problems_);
        return std::nullopt;
    }
    return clamped_integer(*value);
}

std::string
Fields::integer_text(const std::string &key)
{
    const json *value = get(key);
    if (value && value->is_string() &&
        is_beyond(value->get_ref<const std::string &>())) {
        return *value;
    }
    return value && value->is_number_integer() ? value->dump() : "";
}

std::optional<int64_t>
Fields::integer_in(const std::string &key, int64_t min, int64_t max)
{
    auto value = integer(key);
    if (value && (*value < min || *value > max)) {
        problem("TYPE", key,
                "this must be a whole number in " + std::to_string(min) + "-" +
                    std::to_string(max) + ", not " + integer_text(key));
        return std::nullopt;
    }
    return value;
}

std::optional<std::string>
Fields::text_or_integer(const std::string &key)
{
    const json *value = get(key);
    if (value && value->is_number_integer()) {
        return value->dump();
    }
    if (value && !value->is_string()) {
        report_type(*value, "a text or a whole number", at(key), problems_);
        return std::nullopt;
    }
    return text(key);
}

const json *
Fields::array(const std::string &key)
{
    const json *value = get(key);
    if (value && !value->is_array()) {
        report_type(*value, "an array", at(key), problems_);
        return nullptr;
    }
    return value;
}

std::optional<IpAddress>
Fields::address(const std::string &key)
{
    const json *value = get(key);
    return value ? element_address(*value, at(key), problems_) : std::nullopt;
}

std::optional<Cidr>
Fields::cidr(const std::string &key, const char *code)
{
    const json *value = get(key);
    if (!value) {
        return std::nullopt;
    }
    size_t before = problems_->size();
    auto cidr = element_cidr(*value, at(key), problems_);
    if (problems_->size() > before && problems_->back().code == "SYNTAX") {
        problems_->back().code = code;
    }
    return cidr;
}

std::optional<std::string>
Fields::mac(const std::string &key)
{
    auto value = text(key);
    if (!value) {
        return std::nullopt;
    }
    bool ok = value->size() == 17;
    for (size_t i = 0; i < value->size(); i++) {
        char &c = (*value)[i];
        c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        ok = ok && (i % 3 == 2 ? c == ':' : hex);
    }
    if (!ok) {
        problem("SYNTAX", key,
                quote(*value) + " is no MAC address: give one such as "
                                "52:54:00:00:00:01");
        return std::nullopt;
    }
    return value;
}

void
Fields::done()
{
    if (!object_) {
        return;
    }
    std::string known;
    for (const std::string &key : asked_) {
        known += (known.empty() ? "" : ", ") + key;
    }
    for (const auto &[key, value] : object_->items()) {
        if (!asked_.contains(key)) {
            problem("UNKNOWN_KEY", path_key(key),
                    "no such key is known here: remove it or mend its "
                    "spelling; there are " +
                        known);
        }
    }
}

} // namespace pm
