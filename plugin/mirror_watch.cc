#include "plugin/mirror_watch.h"

#include <utility>

namespace pm {

bool
MirrorWatch::judge(const SwitchRows &actual, const SwitchRows &desired,
                   const std::set<std::string> &counted, int64_t statistics_ms,
                   int64_t now_ms)
{
    std::erase_if(uncounted_since_ms_, [&](const auto &mirror) {
        return counted.count(mirror.first) ||
               !desired.mirrors.count(mirror.first);
    });
    /* Statistics are refreshed late, at times: one more interval. */
    int64_t patience_ms = 2 * statistics_ms + INTERVAL_MS;
    std::map<std::string, std::string> dead;
    for (const auto &[name, row] : desired.mirrors) {
        if (counted.count(name)) {
            /* Those of hundreds of NICs are long to compare. */
            continue;
        }
        auto is = actual.mirrors.find(name);
        if (is == actual.mirrors.end() || !(is->second == row)) {
            uncounted_since_ms_.erase(name);
        } else {
            auto since = uncounted_since_ms_.try_emplace(name, now_ms).first;
            if (now_ms >= since->second + patience_ms) {
                if (!row.mark.iface_id.empty()) {
                    dead[row.mark.iface_id] = name;
                }
                for (const auto &[number, iface_id] : row.mark.members) {
                    dead[iface_id] = name;
                }
            }
        }
    }
    return std::exchange(dead_, std::move(dead)) != dead_;
}

} // namespace pm
