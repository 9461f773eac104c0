/* The life-cycle table of a Mirror Tunnel once more, for the random walk
 * (tests only): a state that each event moves along the table's rows, where
 * the product derives it from what is in the database.  Nothing of the
 * product is used here, so that the two can differ. */
#ifndef TESTS_UNIT_LIFE_TABLE_H
#define TESTS_UNIT_LIFE_TABLE_H 1

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pm::life {

/* What a caller is told: nothing, or codes of refusals. */
using Refusals = std::set<std::string>;

struct LifeTunnel {
    std::string key; /* The walk's, to tell namesakes apart. */
    std::string requester, name, acceptor, destination;
    std::string state; /* "Waiting" ... as in a list. */
    int64_t generation = 1;
    std::string note;
    bool enabled = true;
    std::set<std::string> chassis; /* That have a word on it. */

    std::string full_name() const { return requester + "/" + name; }
    /* The operator, whose account is empty, sees all. */
    bool is_seen_by(const std::string &account) const
    {
        return account.empty() || account == requester || account == acceptor;
    }
};

/* A change of a tunnel as a customer asks for it. */
struct Change {
    std::optional<std::string> note, source;
    std::optional<bool> enabled;
    /* "NAME" of the tunnel's own account or "ACCOUNT/NAME". */
    std::optional<std::string> destination;
};

/* Names of tunnels are NAME of the caller's account or ACCOUNT/NAME. */
class LifeTable {
public:
    /* Destinations that are there, as "ACCOUNT/NAME", and those of them that
     * no tunnel may have at present. */
    std::set<std::string> destinations, faulty;

    Refusals create(const std::string &by, const std::string &account,
                    const std::string &name, const std::string &destination);
    Refusals accept(const std::string &by, const std::string &name,
                    std::optional<int64_t> generation);
    Refusals reject(const std::string &by, const std::string &name);
    Refusals update(const std::string &by, const std::string &name,
                    const Change &);
    Refusals erase(const std::string &by, const std::string &name);
    Refusals erase_destination(const std::string &by, const std::string &name);

    /* Gives the tunnel that was created last its key. */
    void set_key(const std::string &key) { tunnels_.back().key = key; }
    /* A hypervisor has a word on the tunnel; has installed it; has none on
     * it any more. */
    void reported(const std::string &key, const std::string &chassis);
    void installed(const std::string &key);
    void purged(const std::string &key, const std::string &chassis);

    std::string state_of(const std::string &key) { return at(key).state; }

    /* All that is not gone. */
    const std::vector<LifeTunnel> &tunnels() const { return tunnels_; }
    /* "ACCOUNT/NAME GENERATION STATE", sorted, of what an account sees.  A
     * tunnel that is shutting down has no generation. */
    std::vector<std::string> seen_by(const std::string &account) const;
    /* Of the latest call that refused nothing: "WHAT ACCOUNT/NAME". */
    std::multiset<std::string> events;

private:
    LifeTunnel &at(const std::string &key);
    LifeTunnel *find(const std::string &full_name, bool shutting_down,
                     const std::string &by);
    LifeTunnel *find_request(const std::string &by, const std::string &name,
                             Refusals *);
    LifeTunnel *find_waiting(const std::string &by, const std::string &name,
                             Refusals *);
    void remove(LifeTunnel *, const std::string &event);

    std::vector<LifeTunnel> tunnels_;
};

} // namespace pm::life

#endif /* TESTS_UNIT_LIFE_TABLE_H */
