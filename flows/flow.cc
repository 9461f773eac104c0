#include "flows/flow.h"

#include <cinttypes>
#include <cstdio>

namespace pm {

namespace {

std::string
key_to_string(const FlowKey &key)
{
    std::string s = "table=" + std::to_string(key.table) +
                    ",priority=" + std::to_string(key.priority);
    return key.match.empty() ? s : s + "," + key.match;
}

} // namespace

std::string
Flow::to_string() const
{
    char cookie_text[32];
    std::snprintf(cookie_text, sizeof cookie_text, "cookie=0x%" PRIx64,
                  cookie);
    FlowKey named = key;
    named.match = cookie_text;
    if (!key.match.empty()) {
        named.match += "," + key.match;
    }
    return key_to_string(named) + " actions=" + actions.str();
}

std::string
FlowEdit::to_string() const
{
    return op == Op::Add ? "add " + flow.to_string()
                         : "delete " + key_to_string(flow.key);
}

} // namespace pm
