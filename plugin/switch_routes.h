/* The routes and neighbours by which the userspace datapath sends: vswitchd's
 * own tables, asked over its control socket, by which it is told of neighbours
 * as well (adapter).
 *
 * Questions are gathered and put in rounds, one under way at a time, so that
 * a storm of events loads vswitchd no more than a part of its time.  A round
 * has so few that a slow vswitchd answers it in time. */
#ifndef PLUGIN_SWITCH_ROUTES_H
#define PLUGIN_SWITCH_ROUTES_H 1

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ovsdb/unixctl_client.h"
#include "plugin/path_text.h"

namespace pm {

class SwitchRoutes {
public:
    SwitchRoutes();

    /* Asks for the route to 'destination', and for all neighbours, as soon as
     * the round under way is over. */
    void ask(const IpAddress &destination);
    void ask_neighbours();
    /* Tells vswitchd where a neighbour is, then asks for all. */
    void tell(const NextHop &, const std::string &mac);
    /* Drops what is known of 'destination'. */
    void forget(const IpAddress &destination);

    /* Returns true if a round ended that changed any answer. */
    bool run();
    void wait();

    /* There is no control socket to be asked at, as of a moment ago. */
    bool is_unreachable() const { return client_.is_unreachable(); }
    /* False from a lost call on until the next that is answered. */
    bool answers() const { return answers_; }
    /* True once after vswitchd came back: all it said before is in doubt. */
    bool take_returned() { return std::exchange(returned_, false); }

    /* Null until there is an answer; an absent value is "no route". */
    const std::optional<SwitchRoute> *route(const IpAddress &) const;
    bool has_neighbour(const NextHop &hop) const
    {
        return neighbours_.count(hop) > 0;
    }

private:
    void begin_round();
    void ask_some(bool known);
    void end_round();
    void accept(const IpAddress &, const UnixctlReply &);

    UnixctlClient client_;
    bool answers_ = true, returned_ = false;

    std::set<IpAddress> wanted_; /* Asked for and not forgotten. */
    /* Gathered for the next round. */
    std::set<IpAddress> pending_;
    bool neighbours_pending_ = false;
    std::map<NextHop, std::string> tells_;
    long long next_round_ms_ = 0; /* Not before, by time_msec(). */

    /* The round under way; replies come in this order. */
    bool in_round_ = false;
    long long round_began_ms_ = 0;
    std::vector<uint64_t> told_;     /* Tickets. */
    uint64_t neighbours_ticket_ = 0; /* 0 when answered. */
    std::vector<std::pair<uint64_t, IpAddress>> asked_;
    size_t n_answered_ = 0;
    bool lost_ = false, unready_ = false, changed_ = false;

    std::map<IpAddress, std::optional<SwitchRoute>> routes_;
    std::set<NextHop> neighbours_;
};

} // namespace pm

#endif /* PLUGIN_SWITCH_ROUTES_H */
