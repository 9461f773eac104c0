/* ovs-mirrorctl: how lists and objects are printed. */
#include "utilities/ovs-mirrorctl.h"

#include <ctime>

#include "plugin/json_fields.h"

namespace pm::ctl {

using ordered_json = nlohmann::ordered_json;

std::string
cell_text(const ordered_json &value)
{
    if (value.is_null()) {
        return "";
    }
    if (value.is_string()) {
        return value.get<std::string>();
    }
    if (value.is_array()) {
        std::string text;
        for (const auto &element : value) {
            text += (text.empty() ? "" : ",") + cell_text(element);
        }
        return text;
    }
    if (value.is_object() && value.contains("address")) {
        bool down = value.value("state", "up") == "down";
        return cell_text(value["address"]) + (down ? " (down)" : "");
    }
    return value.dump();
}

std::string
path_of(const std::string &kind, const std::string &name)
{
    return kind + "[" + path_key(name) + "]";
}

ordered_json
time_json(int64_t time_ms)
{
    if (!time_ms) {
        return nullptr;
    }
    std::time_t seconds = time_ms / 1000;
    std::tm tm;
    char text[32];
    if (!gmtime_r(&seconds, &tm) ||
        !std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm)) {
        return nullptr;
    }
    return text;
}

namespace {

/* Fills the command's table, which is printed as CSV. */
void
fill_table(ctl_context *ctx, const std::vector<std::string> &headings,
           const std::vector<std::vector<std::string>> &rows)
{
    ctx->table = static_cast<table *>(xmalloc(sizeof *ctx->table));
    table_init(ctx->table);
    for (const std::string &h : headings) {
        table_add_column(ctx->table, "%s", h.c_str());
    }
    for (const auto &row : rows) {
        table_add_row(ctx->table);
        for (const std::string &text : row) {
            table_add_cell(ctx->table)->text = xstrdup(text.c_str());
        }
    }
}

/* One line an object, whatever a note holds. */
std::vector<std::vector<std::string>>
one_line_each(std::vector<std::vector<std::string>> rows)
{
    for (auto &row : rows) {
        for (std::string &text : row) {
            text = one_line(text);
        }
    }
    return rows;
}

} // namespace

ordered_json
complete_objects(const Listing &listing)
{
    ordered_json objects = listing.objects;
    for (ordered_json &object : objects) {
        for (const std::string &key : listing.keys) {
            if (!object.contains(key)) {
                object[key] = nullptr;
            }
        }
    }
    return objects;
}

void
print(ctl_context *ctx, const Listing &listing)
{
    switch (attempt_of(ctx).settings.format) {
    case Format::Json:
        ds_put_format(&ctx->output, "%s\n",
                      json_text(complete_objects(listing)).c_str());
        break;

    case Format::Csv: {
        std::vector<std::vector<std::string>> rows;
        for (const auto &object : listing.objects) {
            std::vector<std::string> row;
            for (const std::string &key : listing.keys) {
                ordered_json value = object.value(key, ordered_json());
                row.push_back(value.is_structured() ? value.dump()
                                                    : cell_text(value));
            }
            rows.push_back(row);
        }
        fill_table(ctx, listing.keys, one_line_each(rows));
        break;
    }

    case Format::Table:
        ds_put_cstr(&ctx->output,
                    table_text(listing.headings, one_line_each(listing.rows),
                               attempt_of(ctx).settings.style.headings,
                               terminal_width())
                        .c_str());
        for (const std::string &line : listing.below) {
            ds_put_format(&ctx->output, "%s\n", one_line(line).c_str());
        }
        break;
    }
}

void
print_object(ctl_context *ctx, const ordered_json &object)
{
    if (attempt_of(ctx).settings.format == Format::Json) {
        ds_put_format(&ctx->output, "%s\n", json_text(object).c_str());
        return;
    }
    if (attempt_of(ctx).settings.format == Format::Csv) {
        Listing one;
        one.objects.push_back(object);
        for (const auto &[key, value] : object.items()) {
            one.keys.push_back(key);
        }
        print(ctx, one);
        return;
    }
    for (const auto &[key, value] : object.items()) {
        ds_put_format(&ctx->output, "%s: %s\n", key.c_str(),
                      one_line(cell_text(value)).c_str());
    }
}

} // namespace pm::ctl
