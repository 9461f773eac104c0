/* JSON text -> JSON value, with everything suspicious refused. */
#include <vector>

#include "plugin/json_fields.h"

namespace pm {

namespace {

using nlohmann::json;

/* A document nests 6 deep. */
constexpr size_t DEPTH_MAX = 32;

/* Builds the value while the text is read, so that a duplicate key or a
 * bottomless nesting is seen where it stands. */
class Builder : public nlohmann::json_sax<json> {
public:
    Builder(const std::string &text, Problems *problems)
        : text_(text), problems_(problems)
    {
    }

    json take() { return std::move(root_); }

    bool null() override { return add(nullptr); }
    bool boolean(bool value) override { return add(value); }
    bool number_integer(number_integer_t value) override { return add(value); }
    bool number_unsigned(number_unsigned_t value) override
    {
        return add(value);
    }
    bool number_float(number_float_t value, const string_t &) override
    {
        return add(value);
    }
    bool string(string_t &value) override { return add(std::move(value)); }
    bool binary(binary_t &) override { return refuse("binary data"); }

    bool start_object(size_t) override { return open(json::object()); }
    bool start_array(size_t) override { return open(json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(string_t &value) override
    {
        Level &level = levels_.back();
        level.key = value;
        if (level.value.contains(value)) {
            problems_->push_back(
                {"SYNTAX", join_path(path(), path_key(value)),
                 "the key occurs twice in one object: remove one"});
        }
        return true;
    }

    bool parse_error(size_t position, const std::string &,
                     const nlohmann::detail::exception &error) override
    {
        /* The library's sentence stands after its own tag. */
        std::string what = error.what();
        size_t end_of_tag = what.find("] ");
        if (end_of_tag != std::string::npos) {
            what = what.substr(end_of_tag + 2);
        }
        size_t end_of_place = what.find(": ");
        if (what.starts_with("parse error at") &&
            end_of_place != std::string::npos) {
            what = what.substr(end_of_place + 2);
        }
        for (char &c : what) {
            if (c < 0x20 || c > 0x7e) {
                c = '?';
            }
        }
        return refuse_line(position, what);
    }

    void refuse_nul(size_t position)
    {
        refuse_line(position, "there is a NUL in it");
    }

private:
    /* An array or object that is not yet complete. */
    struct Level {
        json value;
        std::string key; /* In an object: of the member being read. */
    };

    bool refuse(const std::string &message)
    {
        problems_->push_back({"SYNTAX", "document", message});
        return false;
    }

    bool refuse_line(size_t position, const std::string &what)
    {
        size_t line = 1, column = 1;
        for (size_t i = 0; i + 1 < position && i < text_.size(); i++) {
            bool ends = text_[i] == '\n';
            line += ends;
            column = ends ? 1 : column + 1;
        }
        return refuse("line " + std::to_string(line) + ", byte " +
                      std::to_string(column) + " is not valid JSON: " + what);
    }

    std::string path() const
    {
        std::string path;
        for (size_t i = 0; i + 1 < levels_.size(); i++) {
            const Level &level = levels_[i];
            if (level.value.is_array()) {
                path += "[" + std::to_string(level.value.size()) + "]";
            } else {
                path = join_path(path, path_key(level.key));
            }
        }
        return path;
    }

    bool open(json container)
    {
        if (levels_.size() >= DEPTH_MAX) {
            return refuse("the document nests deeper than " +
                          std::to_string(DEPTH_MAX) +
                          " levels: no document does");
        }
        levels_.push_back({std::move(container), {}});
        return true;
    }

    bool close()
    {
        json value = std::move(levels_.back().value);
        levels_.pop_back();
        return add(std::move(value));
    }

    bool add(json value)
    {
        if (levels_.empty()) {
            root_ = std::move(value);
        } else if (levels_.back().value.is_array()) {
            levels_.back().value.push_back(std::move(value));
        } else {
            levels_.back().value[levels_.back().key] = std::move(value);
        }
        return true;
    }

    const std::string &text_;
    Problems *problems_;
    json root_;
    std::vector<Level> levels_;
};

} // namespace

std::optional<json>
parse_json(const std::string &text, Problems *problems)
{
    size_t before = problems->size();
    Builder builder(text, problems);
    /* The library takes NUL for the end of the text: refuse it ourselves, as
     * something that stands in no JSON. */
    if (size_t nul = text.find('\0'); nul != std::string::npos) {
        builder.refuse_nul(nul);
        return std::nullopt;
    }
    if (!json::sax_parse(text, &builder) || problems->size() > before) {
        return std::nullopt;
    }
    return builder.take();
}

} // namespace pm
