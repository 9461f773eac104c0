#include "plugin/printable.h"

#include <cstdio>

namespace pm {

bool
begins_character(char c)
{
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

char32_t
character_at(const std::string &text, size_t i)
{
    unsigned char first = text[i];
    char32_t c = first < 0x80   ? first
                 : first < 0xe0 ? first & 0x1fU
                 : first < 0xf0 ? first & 0xfU
                                : first & 7U;
    while (++i < text.size() && !begins_character(text[i])) {
        c = c << 6 | (text[i] & 0x3fU);
    }
    return c;
}

namespace {

bool
steers_terminal(char32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* The text with 'replacement(character)' for each that steers. */
template <typename F>
std::string
replace_steering(const std::string &text, F replacement)
{
    std::string result;
    for (size_t i = 0; i < text.size();) {
        size_t next = i + 1;
        while (next < text.size() && !begins_character(text[next])) {
            next++;
        }
        char32_t c = character_at(text, i);
        result +=
            steers_terminal(c) ? replacement(c) : text.substr(i, next - i);
        i = next;
    }
    return result;
}

} // namespace

bool
has_steering(const std::string &text)
{
    return one_line(text) != text;
}

std::string
one_line(const std::string &text)
{
    return replace_steering(text, [](char32_t) { return " "; });
}

std::string
escape_steering(const std::string &text)
{
    return replace_steering(text, [](char32_t c) {
        char escape[sizeof "\\u0000"];
        std::snprintf(escape, sizeof escape, "\\u%04x",
                      static_cast<unsigned int>(c));
        return c == '\n' ? std::string("\n") : escape;
    });
}

} // namespace pm
