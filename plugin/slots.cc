#include "plugin/slots.h"

namespace pm {

namespace {
constexpr int MIRRORS_PER_NIC = 2;
}

std::set<std::string>
grant_slots(const std::set<std::string> &wanting,
            const std::set<std::string> &holding, int foreign_mirrors,
            int reserve)
{
    std::set<std::string> granted;
    for (const std::string &nic : wanting) {
        if (holding.count(nic)) {
            granted.insert(nic);
        }
    }
    int used =
        foreign_mirrors + MIRRORS_PER_NIC * static_cast<int>(holding.size());
    for (const std::string &nic : wanting) {
        if (!granted.count(nic) &&
            used + MIRRORS_PER_NIC <= MIRRORS_MAX - reserve) {
            granted.insert(nic);
            used += MIRRORS_PER_NIC;
        }
    }
    return granted;
}

std::set<int64_t>
admit_copies(const std::map<int64_t, int> &resubmits)
{
    std::set<int64_t> admitted;
    int sum = 0;
    for (const auto &[tunnel, cost] : resubmits) {
        if (admitted.size() == COPIES_PER_FRAME_MAX ||
            sum + cost > RESUBMITS_PER_FRAME_MAX) {
            break;
        }
        admitted.insert(tunnel);
        sum += cost;
    }
    return admitted;
}

} // namespace pm
