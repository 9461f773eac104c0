#include "plugin/settings.h"

#include <algorithm>
#include <charconv>

#include "plugin/check.h"

namespace pm {

namespace {

using Ids = std::map<std::string, std::string>;

constexpr int STATS_INTERVAL_MAX_S = 86400;

std::string
text_of(const Ids &ids, const char *key)
{
    auto i = ids.find(key);
    return i == ids.end() ? "" : i->second;
}

/* The whole of 'text' as a number of 'min' to 'max'. */
std::optional<int64_t>
parse_number(const std::string &text, int64_t min, int64_t max)
{
    int64_t number;
    auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number);
    bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && number >= min && number <= max ? std::optional(number)
                                                   : std::nullopt;
}

class Parser {
public:
    explicit Parser(const Ids &ids) : ids_(ids) {}

    Settings parse()
    {
        settings_.chassis = text_of(ids_, "system-id");
        if (count_characters(settings_.chassis) > NAME_CHARACTERS_MAX) {
            ignore("system-id", settings_.chassis,
                   "a name of at most " + std::to_string(NAME_CHARACTERS_MAX) +
                       " characters",
                   "without one nothing is copied");
            settings_.chassis.clear();
        }
        settings_.remote = text_of(ids_, "mirror-remote");
        std::string bridge = text_of(ids_, "mirror-bridge");
        if (!bridge.empty()) {
            settings_.mirror_bridge = bridge;
        }
        /* As ovn-controller(8) reads them. */
        if (!text_of(ids_, "ovn-remote").empty()) {
            std::string ovn_bridge = text_of(ids_, "ovn-bridge");
            settings_.ovn_bridge = ovn_bridge.empty() ? "br-int" : ovn_bridge;
        }
        parse_addresses("mirror-encap-ip");
        parse_number_of("mirror-stats-interval", 1, STATS_INTERVAL_MAX_S,
                        &settings_.stats_interval_s);
        parse_number_of("mirror-slots-reserve", 0, MIRRORS_MAX,
                        &settings_.slots_reserve);
        parse_rate("mirror-rate-kbps");
        return settings_;
    }

private:
    void ignore(const char *key, const std::string &text,
                const std::string &wanted, const std::string &instead)
    {
        settings_.ignored[key] = "external_ids:" + std::string(key) + " has " +
                                 quote(text) + ", which is not " + wanted +
                                 "; " + instead;
    }

    void parse_number_of(const char *key, int min, int max, int *value)
    {
        std::string text = text_of(ids_, key);
        if (text.empty()) {
            return;
        }
        if (auto number = parse_number(text, min, max)) {
            *value = static_cast<int>(*number);
        } else {
            ignore(key, text,
                   "a number of " + std::to_string(min) + " to " +
                       std::to_string(max),
                   std::to_string(*value) + " counts");
        }
    }

    void parse_rate(const char *key)
    {
        std::string text = text_of(ids_, key);
        if (text.empty()) {
            return;
        }
        auto number =
            parse_number(text, 0, std::numeric_limits<int64_t>::max());
        if (number) {
            settings_.rate_kbps = std::min<int64_t>(*number, UINT32_MAX);
        } else if (text == "unlimited") {
            settings_.rate_kbps.reset();
        } else {
            ignore(key, text, "a number of kbit/s, nor \"unlimited\"",
                   std::to_string(*settings_.rate_kbps) + " counts");
        }
    }

    /* One of each family at most. */
    void parse_addresses(const char *key)
    {
        std::string text = text_of(ids_, key);
        for (size_t at = 0; at < text.size();) {
            size_t comma = std::min(text.find(',', at), text.size());
            std::string one = text.substr(at, comma - at);
            at = comma + 1;
            auto ip = IpAddress::parse(one);
            if (!ip || !ip->is_of_a_host()) {
                ignore(key, one, "the address of a host",
                       "it is passed over, and copies leave from another, or "
                       "from what the route says");
                continue;
            }
            auto &own = ip->is_v6 ? settings_.encap_v6 : settings_.encap_v4;
            if (own && *own != *ip) {
                ignore(key, one, "the only one of its family",
                       own->to_string() + " counts");
                continue;
            }
            own = ip;
        }
    }

    const Ids &ids_;
    Settings settings_;
};

} // namespace

std::set<IpAddress>
Settings::encap_ips() const
{
    std::set<IpAddress> ips;
    for (const auto &ip : {encap_v4, encap_v6}) {
        if (ip) {
            ips.insert(*ip);
        }
    }
    return ips;
}

Settings
parse_settings(const Ids &ids)
{
    return Parser(ids).parse();
}

} // namespace pm
