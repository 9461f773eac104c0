#include "plugin/slots.h"

#include <algorithm>

#include "plugin/check.h"

namespace pm {

namespace {

constexpr int MIRRORS_PER_PAIR = 2;
/* TAP and FILTER, EGRESS, LIMIT, BUDGET, MEMBER of one copy. */
constexpr int RESUBMITS_PER_COPY = 5;

int
mirrors_of(size_t pairs)
{
    return MIRRORS_PER_PAIR * static_cast<int>(pairs);
}

/* Gives seats at the shared pair: one a MAC. */
class SharedPair {
public:
    explicit SharedPair(SeatPlan *plan) : plan_(plan) {}

    bool seat(const std::string &nic, const std::string &mac)
    {
        auto [holder, fresh] = holders_.try_emplace(mac, nic);
        if (mac.empty()) {
            plan_->unable[nic] = "its MAC is in no inventory row";
        } else if (!fresh) {
            plan_->unable[nic] =
                "NIC " + holder->second + " has the same MAC " + mac;
        } else {
            plan_->seats[nic] = {true, mac};
            return true;
        }
        return false;
    }

private:
    SeatPlan *plan_;
    std::map<std::string, std::string> holders_; /* By MAC. */
};

} // namespace

std::string
nic_mac(const std::string &text)
{
    const size_t length = 17;
    std::string mac;
    bool zero = true;
    for (char c : text) {
        bool separates = mac.size() % 3 == 2;
        char low = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
        if (mac.size() == length ||
            (separates ? c != ':'
                       : !((low >= '0' && low <= '9') ||
                           (low >= 'a' && low <= 'f')))) {
            return "";
        }
        zero &= separates || c == '0';
        mac += low;
    }
    const std::string group_digits = "13579bdf";
    return mac.size() != length || zero ||
                   group_digits.find(mac[1]) != std::string::npos
               ? ""
               : mac;
}

SeatPlan
grant_seats(const std::map<std::string, std::string> &wanting,
            const SeatsHeld &held, int reserve)
{
    SeatPlan plan;
    SharedPair shared(&plan);
    for (const auto &[nic, mac] : wanting) {
        if (held.own.count(nic)) {
            plan.seats[nic] = {false, mac};
        } else if (held.shared.count(nic)) {
            shared.seat(nic, mac);
        }
    }
    int room = MIRRORS_MAX - reserve - held.foreign_mirrors -
               mirrors_of(held.own.size()) -
               mirrors_of(held.has_shared_pair ? 1 : 0);
    bool has_shared_pair = held.has_shared_pair;
    for (const auto &[nic, mac] : wanting) {
        if (plan.seats.count(nic)) {
            continue;
        }
        int needed = mirrors_of(has_shared_pair ? 1 : 2);
        bool own = room >= needed;
        if (!own && (has_shared_pair || room >= MIRRORS_PER_PAIR)) {
            if (shared.seat(nic, mac)) {
                room -= mirrors_of(has_shared_pair ? 0 : 1);
                has_shared_pair = true;
                continue;
            }
            /* It may have the last pair, if nobody shares that yet. */
            own = room >= MIRRORS_PER_PAIR;
        }
        if (own) {
            plan.seats[nic] = {false, mac};
            plan.unable.erase(nic);
            room -= MIRRORS_PER_PAIR;
        }
    }
    return plan;
}

std::set<int64_t>
admit_floods(const std::map<int64_t, int> &resubmits)
{
    constexpr int UNICAST = 2 * static_cast<int>(Limits{}.tunnels_per_source);
    constexpr size_t COPIES = COPIES_PER_FRAME_MAX - UNICAST;
    constexpr int RESUBMITS =
        RESUBMITS_PER_FRAME_MAX - UNICAST * RESUBMITS_PER_COPY;
    std::set<int64_t> admitted;
    int sum = 0;
    for (const auto &[tunnel, cost] : resubmits) {
        if (admitted.size() == COPIES || sum + cost > RESUBMITS) {
            break;
        }
        admitted.insert(tunnel);
        sum += cost;
    }
    return admitted;
}

} // namespace pm
