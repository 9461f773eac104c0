/* ovs-mirrorctl: numbers as people read them. */
#include <cstdio>

#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

namespace {

/* Three digits that count and a prefix: "12.3k". */
std::string
scaled(double value, const char *separator)
{
    static const char *const PREFIXES[] = {"", "k", "M", "G", "T", "P", "E"};
    size_t prefix = 0;
    /* What would round up to 1000 is of the next prefix. */
    while (value >= 999.5 && prefix + 1 < std::size(PREFIXES)) {
        value /= 1000;
        prefix++;
    }
    char text[32];
    int decimals = !prefix ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    std::snprintf(text, sizeof text, "%.*f%s%s", decimals, value, separator,
                  PREFIXES[prefix]);
    return text;
}

} // namespace

std::string
age_text(int64_t since_ms, int64_t now_ms)
{
    if (!since_ms) {
        return "";
    }
    int64_t s = std::max<int64_t>(now_ms - since_ms, 0) / 1000;
    return s < 120      ? std::to_string(s) + "s"
           : s < 7200   ? std::to_string(s / 60) + "m"
           : s < 172800 ? std::to_string(s / 3600) + "h"
                        : std::to_string(s / 86400) + "d";
}

std::string
count_text(const std::optional<int64_t> &n)
{
    constexpr int64_t EXACT_MAX = 9999;
    return !n                ? "-"
           : *n <= EXACT_MAX ? std::to_string(*n)
                             : scaled(static_cast<double>(*n), "");
}

std::string
bytes_text(const std::optional<int64_t> &n)
{
    return !n          ? "-"
           : *n == 1   ? "1 byte"
           : *n < 1000 ? std::to_string(*n) + " bytes"
                       : scaled(static_cast<double>(*n), " ") + "B";
}

std::string
rate_text(double bits_per_second)
{
    return scaled(bits_per_second, " ") + "bit/s";
}

} // namespace pm::ctl
