/* ovs-mirrorctl: tables that fit a terminal. */
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

namespace {

/* Columns of sentences, which are read as well on several lines. */
constexpr const char *SENTENCES[] = {"NOTE", "MESSAGE", "WARNING", "DETAIL"};
/* How narrow these are made before any word of others is parted, and how
 * narrow headings are: rather the first. */
constexpr size_t SENTENCE_MIN[] = {12, 6}, HEADING_MIN[] = {6, 3};
/* How narrow any column is made that words are parted for. */
constexpr size_t COLUMN_MIN[] = {6, 2};
/* Where a text is parted rather than elsewhere: between its words and the
 * elements of a list, else at the signs within these, as of a CIDR. */
constexpr char BETWEEN_WORDS[] = " ,";
constexpr char AT_SIGNS[] = " ,/-:";

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
 * fits, else up to the end of a word, else to a sign, else as much as there is
 * room for. */
std::string
take_line(std::string *rest, size_t width)
{
    size_t n = 0, seen = 0, at_word = 0, at_sign = 0;
    for (; n < rest->size(); n++) {
        if (begins_character((*rest)[n])) {
            seen += places_of(character_at(*rest, n));
            if (n && seen > width) {
                break;
            }
        }
        if (n && strchr(AT_SIGNS, (*rest)[n])) {
            /* A blank need not fit. */
            at_sign = (*rest)[n] == ' ' ? n : n + 1;
            at_word = strchr(BETWEEN_WORDS, (*rest)[n]) ? at_sign : at_word;
        }
    }
    if (n < rest->size() && (*rest)[n] != ' ') {
        n = at_word ? at_word : at_sign ? at_sign : n;
    }
    std::string line = rest->substr(0, n);
    size_t next = rest->find_first_not_of(' ', n);
    *rest = next == std::string::npos ? "" : rest->substr(next);
    return line;
}

/* The widest part of a text that is parted at 'signs' alone. */
size_t
longest_part(std::string text, const char *signs)
{
    size_t longest = 0;
    while (!text.empty()) {
        size_t end = text.find_first_of(signs);
        bool is_sign = end != std::string::npos && text[end] != ' ';
        longest = std::max(longest, width_of(text.substr(0, end)) + is_sign);
        text.erase(0, end == std::string::npos ? end : end + 1);
    }
    return longest;
}

/* A column as wide as it would be and as narrow as it may be, and of its texts
 * the widest: words, parts of words, and words of the heading. */
struct Column {
    size_t width, least, word, part, heading;
    bool is_sentences;

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

/* Makes them fit, from what is lost least by to what is most. */
void
fit(std::vector<Column> *columns, size_t limit)
{
    auto narrow = [&](auto least_of) {
        for (Column &column : *columns) {
            column.least = std::min(column.least, least_of(column));
        }
        shrink(columns, limit);
    };
    auto whole_words = [](const Column &c) {
        return std::max(c.word, c.heading);
    };
    narrow([&](const Column &c) {
        return c.is_sentences ? std::min(whole_words(c), SENTENCE_MIN[0])
                              : c.width;
    });
    narrow(whole_words);
    for (int i : {0, 1}) {
        narrow([i](const Column &c) {
            size_t word =
                c.is_sentences ? std::min(c.word, SENTENCE_MIN[i]) : c.word;
            return std::max(word, HEADING_MIN[i]);
        });
    }
    narrow([](const Column &c) { return std::max(c.part, HEADING_MIN[1]); });
    for (size_t least : COLUMN_MIN) {
        narrow([least](const Column &) { return least; });
    }
}

/* The column 'i' of the rows. */
Column
column_of(const std::string &heading,
          const std::vector<std::vector<std::string>> &rows, size_t i)
{
    Column column{};
    column.width = width_of(heading);
    column.heading = longest_part(heading, BETWEEN_WORDS);
    for (const auto &row : rows) {
        column.width = std::max(column.width, width_of(row[i]));
        column.word =
            std::max(column.word, longest_part(row[i], BETWEEN_WORDS));
        column.part = std::max(column.part, longest_part(row[i], AT_SIGNS));
    }
    column.least = column.width;
    return column;
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
        columns.push_back(column_of(with_heading ? headings[i] : "", rows, i));
        columns.back().is_sentences =
            std::find(std::begin(SENTENCES), std::end(SENTENCES),
                      headings[i]) != std::end(SENTENCES);
    }
    fit(&columns, limit);
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
