/* Texts of others on somebody's terminal (core).
 *
 * Whoever may write a row chooses texts in it.  Printed as they are, control
 * characters among them would steer the terminal of whoever reads. */
#ifndef PLUGIN_PRINTABLE_H
#define PLUGIN_PRINTABLE_H 1

#include <string>

namespace pm {

/* Whether a character of UTF-8 begins with 'c'. */
bool begins_character(char c);
/* The character that begins at byte 'i' of a text in UTF-8. */
char32_t character_at(const std::string &text, size_t i);

/* Whether there are control characters in it, or such that part lines or turn
 * their direction: those steer a terminal. */
bool has_steering(const std::string &text);
/* The text with a blank for each character that steers. */
std::string one_line(const std::string &text);
/* The text with each but the ends of lines escaped as JSON does it, by \u and
 * four digits. */
std::string escape_steering(const std::string &text);

} // namespace pm

#endif /* PLUGIN_PRINTABLE_H */
