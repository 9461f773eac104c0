#include "tests/unit/life_table.h"

#include <algorithm>
#include <stdexcept>

namespace pm::life {

namespace {

const char *const WAITING = "Waiting";
const char *const SETTING = "Setting";
const char *const RUNNING = "Running";
const char *const SHUTTING_DOWN = "Shutting down";

std::string
full(const std::string &name, const std::string &account)
{
    return name.find('/') == std::string::npos ? account + "/" + name : name;
}

std::string
account_of(const std::string &full_name)
{
    return full_name.substr(0, full_name.find('/'));
}

} // namespace

Refusals
LifeTable::create(const std::string &by, const std::string &account,
                  const std::string &name, const std::string &destination)
{
    events.clear();
    if (!by.empty() && by != account) {
        return {"NOT_OWNER"};
    }
    if (find(account + "/" + name, false, "")) {
        return {"DUPLICATE"};
    }
    const std::string end = full(destination, account);
    if (!destinations.count(end)) {
        return {"NOT_FOUND"};
    }
    if (faulty.count(end)) {
        return {"NIC_NOT_ALLOWED"};
    }
    LifeTunnel tunnel;
    tunnel.requester = account;
    tunnel.name = name;
    tunnel.acceptor = account_of(end);
    tunnel.destination = end;
    bool own = tunnel.acceptor == account;
    tunnel.state = own ? SETTING : WAITING;
    tunnels_.push_back(tunnel);
    events = {(own ? "created " : "requested ") + tunnel.full_name()};
    return {};
}

Refusals
LifeTable::accept(const std::string &by, const std::string &name,
                  std::optional<int64_t> generation)
{
    events.clear();
    Refusals refusals;
    LifeTunnel *tunnel = find_waiting(by, name, &refusals);
    if (!tunnel) {
        return refusals;
    }
    if (generation && *generation != tunnel->generation) {
        return {"STALE_REQUEST"};
    }
    if (faulty.count(tunnel->destination)) {
        return {"NIC_NOT_ALLOWED"};
    }
    tunnel->state = SETTING;
    events = {"accepted " + tunnel->full_name()};
    return {};
}

Refusals
LifeTable::reject(const std::string &by, const std::string &name)
{
    events.clear();
    Refusals refusals;
    LifeTunnel *tunnel = find_waiting(by, name, &refusals);
    if (tunnel) {
        remove(tunnel, "rejected");
    }
    return refusals;
}

Refusals
LifeTable::update(const std::string &by, const std::string &name,
                  const Change &change)
{
    events.clear();
    LifeTunnel *tunnel = find(full(name, by), false, by);
    if (!tunnel) {
        return {"NOT_FOUND"};
    }
    if (!by.empty() && by != tunnel->requester) {
        return {"NOT_OWNER"};
    }
    Refusals refusals;
    if (change.source) {
        refusals.insert("IMMUTABLE");
    }
    std::string end = tunnel->destination;
    if (change.destination) {
        end = full(*change.destination, tunnel->requester);
        if (!destinations.count(end)) {
            refusals.insert("NOT_FOUND");
        } else if (end != tunnel->destination &&
                   (account_of(end) != tunnel->requester ||
                    tunnel->acceptor != tunnel->requester)) {
            refusals.insert("DESTINATION_IMMUTABLE");
        } else if (faulty.count(end)) {
            refusals.insert("NIC_NOT_ALLOWED");
        }
    } else if (faulty.count(end)) {
        refusals.insert("NIC_NOT_ALLOWED");
    }
    if (!refusals.empty()) {
        return refusals;
    }
    LifeTunnel before = *tunnel;
    tunnel->destination = end;
    tunnel->note = change.note.value_or(tunnel->note);
    tunnel->enabled = change.enabled.value_or(tunnel->enabled);
    if (tunnel->destination != before.destination ||
        tunnel->note != before.note || tunnel->enabled != before.enabled) {
        tunnel->generation++;
        events = {"updated " + tunnel->full_name()};
    }
    return {};
}

Refusals
LifeTable::erase(const std::string &by, const std::string &name)
{
    events.clear();
    const std::string wanted = full(name, by);
    LifeTunnel *tunnel = find(wanted, false, by);
    if (!tunnel) {
        return find(wanted, true, by) ? Refusals{} : Refusals{"NOT_FOUND"};
    }
    if (tunnel->state == WAITING && !by.empty() && by != tunnel->requester) {
        return {"ACCEPT_OR_REJECT_ONLY"};
    }
    remove(tunnel, "deleted");
    return {};
}

Refusals
LifeTable::erase_destination(const std::string &by, const std::string &name)
{
    events.clear();
    const std::string end = by + "/" + name;
    if (!destinations.count(end)) {
        return {"NOT_FOUND"};
    }
    std::vector<std::string> waiting;
    for (const LifeTunnel &tunnel : tunnels_) {
        if (tunnel.destination == end && tunnel.state == WAITING) {
            waiting.push_back(tunnel.full_name());
        } else if (tunnel.destination == end &&
                   tunnel.state != SHUTTING_DOWN) {
            return {"IN_USE"};
        }
    }
    for (const std::string &one : waiting) {
        remove(find(one, false, ""), "rejected");
    }
    destinations.erase(end);
    return {};
}

void
LifeTable::reported(const std::string &key, const std::string &chassis)
{
    at(key).chassis.insert(chassis);
}

void
LifeTable::installed(const std::string &key)
{
    if (at(key).state == SETTING) {
        at(key).state = RUNNING;
    }
}

void
LifeTable::purged(const std::string &key, const std::string &chassis)
{
    at(key).chassis.erase(chassis);
    std::erase_if(tunnels_, [](const LifeTunnel &tunnel) {
        return tunnel.state == SHUTTING_DOWN && tunnel.chassis.empty();
    });
}

std::vector<std::string>
LifeTable::seen_by(const std::string &account) const
{
    std::vector<std::string> seen;
    for (const LifeTunnel &tunnel : tunnels_) {
        if (tunnel.is_seen_by(account)) {
            bool going = tunnel.state == SHUTTING_DOWN;
            seen.push_back(tunnel.full_name() + " " +
                           (going ? "-" : std::to_string(tunnel.generation)) +
                           " " + tunnel.state);
        }
    }
    std::sort(seen.begin(), seen.end());
    return seen;
}

LifeTunnel &
LifeTable::at(const std::string &key)
{
    for (LifeTunnel &tunnel : tunnels_) {
        if (tunnel.key == key) {
            return tunnel;
        }
    }
    throw std::out_of_range("no tunnel " + key);
}

LifeTunnel *
LifeTable::find(const std::string &full_name, bool shutting_down,
                const std::string &by)
{
    for (LifeTunnel &tunnel : tunnels_) {
        if (tunnel.full_name() == full_name && tunnel.is_seen_by(by) &&
            (tunnel.state == SHUTTING_DOWN) == shutting_down) {
            return &tunnel;
        }
    }
    return nullptr;
}

/* A bare name means first a request that waits for the caller, then a tunnel
 * of its own, then one that it accepted, then what is shutting down. */
LifeTunnel *
LifeTable::find_request(const std::string &by, const std::string &name,
                        Refusals *refusals)
{
    bool bare = name.find('/') == std::string::npos;
    std::vector<LifeTunnel *> requests[3]; /* Waiting, answered, going. */
    for (LifeTunnel &tunnel : tunnels_) {
        if (tunnel.name == name && tunnel.requester != tunnel.acceptor &&
            (by.empty() || tunnel.acceptor == by)) {
            requests[tunnel.state == WAITING         ? 0
                     : tunnel.state != SHUTTING_DOWN ? 1
                                                     : 2]
                .push_back(&tunnel);
        }
    }
    if (bare && requests[0].size() > 1) {
        refusals->insert("AMBIGUOUS");
        return nullptr;
    }
    LifeTunnel *own = find(full(name, by), false, by);
    LifeTunnel *own_going = find(full(name, by), true, by);
    return !requests[0].empty()   ? requests[0][0]
           : own                  ? own
           : !requests[1].empty() ? requests[1][0]
           : own_going            ? own_going
           : !requests[2].empty() ? requests[2][0]
                                  : nullptr;
}

LifeTunnel *
LifeTable::find_waiting(const std::string &by, const std::string &name,
                        Refusals *refusals)
{
    LifeTunnel *tunnel = find_request(by, name, refusals);
    if (tunnel && tunnel->state != WAITING) {
        refusals->insert("INVALID_STATE");
    } else if (tunnel && !by.empty() && by != tunnel->acceptor) {
        refusals->insert("NOT_ACCEPTOR");
    } else if (!tunnel && refusals->empty()) {
        refusals->insert("NOT_FOUND");
    }
    return refusals->empty() ? tunnel : nullptr;
}

/* Gone at once, unless a hypervisor has a word on it. */
void
LifeTable::remove(LifeTunnel *tunnel, const std::string &event)
{
    events.insert(event + " " + tunnel->full_name());
    if (tunnel->chassis.empty()) {
        tunnels_.erase(tunnels_.begin() + (tunnel - tunnels_.data()));
    } else {
        tunnel->state = SHUTTING_DOWN;
    }
}

} // namespace pm::life
