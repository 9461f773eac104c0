/* ovs-mirrorctl: tables that fit a terminal. */
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

namespace {

/* How narrow columns are made that words are parted for: rather the first. */
constexpr size_t COLUMN_MIN[] = {6, 2};
/* Where a text is parted rather than elsewhere. */
constexpr char AFTER_WORDS[] = " /,-:";

/* How many places of a terminal the character takes: Hangul and other East
 * Asian ones take two. */
size_t
places_of(char32_t c)
{
    static constexpr std::pair<char32_t, char32_t> WIDE[] = {
        {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
        {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
        {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
        {0x1f300, 0x1faff}, {0x20000, 0x3fffd},
    };
    bool wide = std::any_of(std::begin(WIDE), std::end(WIDE), [&](auto range) {
        return c >= range.first && c <= range.second;
    });
    return wide ? 2 : 1;
}

/* In places of a terminal. */
size_t
width_of(const std::string &text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.size(); i++) {
        if (begins_character(text[i])) {
            width += places_of(character_at(text, i));
        }
    }
    return width;
}

std::string
padded(const std::string &text, size_t width)
{
    return text + std::string(width - std::min(width_of(text), width), ' ');
}

/* Takes off '*rest' what goes into one line of a column: all of it if it
 * fits, else up to the last blank or sign between words, else as much as
 * there is room for. */
std::string
take_line(std::string *rest, size_t width)
{
    size_t n = 0, seen = 0, at_word = 0;
    for (; n < rest->size(); n++) {
        if (begins_character((*rest)[n])) {
            seen += places_of(character_at(*rest, n));
            if (n && seen > width) {
                break;
            }
        }
        if (n && strchr(AFTER_WORDS, (*rest)[n])) {
            /* A blank need not fit. */
            at_word = (*rest)[n] == ' ' ? n : n + 1;
        }
    }
    if (n < rest->size()) {
        n = (*rest)[n] == ' ' ? n : at_word ? at_word : n;
    }
    std::string line = rest->substr(0, n);
    size_t next = rest->find_first_not_of(' ', n);
    *rest = next == std::string::npos ? "" : rest->substr(next);
    return line;
}

/* The widest part of the text that take_line() would rather not part. */
size_t
longest_word(std::string text)
{
    size_t longest = 0;
    while (!text.empty()) {
        size_t end = text.find_first_of(AFTER_WORDS);
        bool is_sign = end != std::string::npos && text[end] != ' ';
        longest = std::max(longest, width_of(text.substr(0, end)) + is_sign);
        text.erase(0, end == std::string::npos ? end : end + 1);
    }
    return longest;
}

/* A column as wide as it would be and as narrow as it may be. */
struct Column {
    size_t width, least;

    size_t spare() const { return width - std::min(width, least); }
};

/* Takes from the widest that have something to spare until they fit. */
void
shrink(std::vector<Column> *columns, size_t limit)
{
    size_t total = columns->size() - 1;
    for (const Column &column : *columns) {
        total += column.width;
    }
    for (; total > limit; total--) {
        Column *widest = nullptr;
        for (Column &column : *columns) {
            if (column.spare() && (!widest || column.width > widest->width)) {
                widest = &column;
            }
        }
        if (!widest) {
            return;
        }
        widest->width--;
    }
}

/* One row, on as many lines as its longest cell needs. */
std::string
row_text(std::vector<std::string> cells, const std::vector<Column> &columns)
{
    std::string text;
    do {
        std::string line;
        for (size_t i = 0; i < columns.size(); i++) {
            size_t width = columns[i].width;
            line +=
                (i ? " " : "") + padded(take_line(&cells[i], width), width);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    } while (std::any_of(cells.begin(), cells.end(),
                         [](const auto &cell) { return !cell.empty(); }));
    return text;
}

} // namespace

std::string
json_text(const nlohmann::ordered_json &value)
{
    /* The line ends of dump() itself; those in texts it has escaped. */
    return escape_steering(value.dump(1));
}

size_t
terminal_width()
{
    const char *columns = getenv("COLUMNS");
    unsigned int width;
    if (columns && str_to_uint(columns, 10, &width) && width) {
        return width;
    }
    winsize size;
    if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) &&
        size.ws_col) {
        return size.ws_col;
    }
    return SIZE_MAX;
}

std::string
table_text(const std::vector<std::string> &headings,
           const std::vector<std::vector<std::string>> &rows,
           bool with_heading, size_t limit)
{
    std::vector<Column> columns;
    for (size_t i = 0; i < headings.size(); i++) {
        Column column{0, 0};
        auto consider = [&](const std::string &text) {
            column.width = std::max(column.width, width_of(text));
            column.least = std::max(column.least, longest_word(text));
        };
        if (with_heading) {
            consider(headings[i]);
        }
        for (const auto &row : rows) {
            consider(row[i]);
        }
        columns.push_back(column);
    }
    shrink(&columns, limit);
    for (size_t least : COLUMN_MIN) {
        for (Column &column : columns) {
            column.least = std::min(column.least, least);
        }
        shrink(&columns, limit);
    }
    std::string text;
    if (with_heading) {
        text = row_text(headings, columns);
        for (size_t i = 0; i < columns.size(); i++) {
            text += (i ? " " : "") + std::string(columns[i].width, '-');
        }
        text += "\n";
    }
    for (const auto &row : rows) {
        text += row_text(row, columns);
    }
    return text;
}

} // namespace pm::ctl
