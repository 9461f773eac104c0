/* Many hypervisors as the control database sees them, in one process: real
 * ControlDb sessions with a daemon's own conditions, and no switch.
 *
 * usage: fanout-clients REMOTE FIRST COUNT NICS
 *
 * Hypervisor number N is called "hvN" and has the NICs "hvN-nic0" to
 * "hvN-nic(NICS - 1)".  Lines on standard input tell it what to do:
 *
 *     write SPREAD-MS     each session writes the status of all its tunnels,
 *                         counters grown, at a random time within SPREAD-MS
 *
 * and it prints, with CLOCK_MONOTONIC in seconds:
 *
 *     up HV TIME          its view is complete, on a connection that stands
 *     down HV TIME        it lost the connection
 *     changed TUNNEL GENERATION TIME     since its view was complete first
 *     written HV TIME     all it was told to write is committed
 *     refused HV TIME     the server refused it; it tries again */
#include <cstdio>
#include <cstdlib>

#include "ovsdb/control_db.h"
#include "ovsdb/ovs_c.h"
#include "tests/line_reader.h"

namespace {

using namespace pm;

void
say(const std::string &what)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    std::printf("%s %.6f\n", what.c_str(),
                static_cast<double>(now.tv_sec) +
                    static_cast<double>(now.tv_nsec) / 1e9);
}

class Session {
public:
    Session(const std::string &remote, int number, int nics)
        : name_("hv" + std::to_string(number))
    {
        std::set<std::string> local;
        for (int i = 0; i < nics; i++) {
            local.insert(name_ + "-nic" + std::to_string(i));
        }
        db_.set_local_nics(local);
        db_.configure(remote, name_);
    }

    void run()
    {
        db_.run();
        take_changes();
        bool up = db_.connected() && db_.complete();
        if (up != up_) {
            up_ = up;
            was_up_ |= up;
            say((up ? "up " : "down ") + name_);
        }
        run_write();
    }

    void wait()
    {
        db_.wait();
        if (write_at_ms_ && !db_.busy()) {
            poll_timer_wait_until(write_at_ms_);
        }
    }

    void write_within(int spread_ms)
    {
        write_at_ms_ = time_msec() + (spread_ms ? random_range(spread_ms) : 0);
    }

private:
    void take_changes()
    {
        ModelDelta delta = db_.take_changes();
        for (const auto &[id, tunnel] : delta.tunnels) {
            const Tunnel *was = find(model_.tunnels, id);
            if (was_up_ && tunnel && (!was || !(*was == *tunnel))) {
                say("changed " + tunnel->name + " " +
                    std::to_string(tunnel->generation));
            }
        }
        apply(&model_, delta);
    }

    void run_write()
    {
        db_.take_ended();
        if (db_.writing() || db_.busy()) {
            return;
        }
        if (!writing_.empty()) {
            if (db_.refused().empty()) {
                for (const Uuid &id : writing_) {
                    unwritten_.erase(id);
                }
            }
            writing_.clear();
            if (unwritten_.empty() || !db_.refused().empty()) {
                say((unwritten_.empty() ? "written " : "refused ") + name_);
            }
        }
        if (write_at_ms_ && time_msec() >= write_at_ms_) {
            write_at_ms_ = 0;
            for (const auto &[id, tunnel] : model_.tunnels) {
                unwritten_.insert(id);
            }
        }
        /* As Agent::report(). */
        bool wait = unwritten_.size() > Pace::FEW && !db_.in_turn();
        if (up_) {
            db_.want_turn(unwritten_.size() > Pace::FEW);
        }
        if (up_ && !wait && !unwritten_.empty()) {
            db_.start(statuses(db_.room()));
        }
    }

    /* As report_tunnel() in plugin/agent_report.cc would have them. */
    ControlWrite statuses(size_t room)
    {
        std::map<Uuid, Uuid> rows;
        for (const auto &[row, status] : model_.tunnel_statuses) {
            rows[status.tunnel] = row;
        }
        ControlWrite write;
        auto number = static_cast<int64_t>(rows.size()); /* Each has one. */
        for (const Uuid &id : unwritten_) {
            const Tunnel *known = find(model_.tunnels, id);
            if (!known || writing_.size() >= room) {
                continue;
            }
            const Tunnel &tunnel = *known;
            writing_.insert(id);
            auto row = rows.find(id);
            TunnelStatus status = row == rows.end()
                                      ? first_status(id, tunnel, ++number)
                                      : model_.tunnel_statuses.at(row->second);
            status.observed_generation = tunnel.generation;
            for (const char *name : {"inbound_packets", "inbound_bytes",
                                     "outbound_packets", "outbound_bytes"}) {
                status.counters.values[name] += 1000 + random_range(1000000);
            }
            status.updated_ms = time_wall_msec();
            std::optional<Uuid> over;
            if (row != rows.end()) {
                over = row->second;
            }
            write.put_tunnels.push_back({over, status, nullptr});
        }
        return write;
    }

    TunnelStatus first_status(const Uuid &id, const Tunnel &tunnel,
                              int64_t number) const
    {
        TunnelStatus status;
        status.tunnel = id;
        status.chassis = name_;
        status.number = number;
        status.name = tunnel.name;
        status.account = status.destination_account = tunnel.account;
        status.vni = tunnel.vni;
        if (const Resource *source = find(model_.resources, tunnel.source)) {
            status.source = source->name;
            status.iface_id = source->iface_id;
        }
        if (const Resource *to = find(model_.resources, tunnel.destination)) {
            status.destination = to->name;
        }
        status.bound = true;
        status.delivery = Delivery::Underlay;
        status.observed_filter_generation = 1;
        for (const char *type : {"SourceBound", "DestinationReachable",
                                 "MtuSufficient", "Installed"}) {
            status.conditions[type] = {ConditionStatus::True, ""};
        }
        status.created_ms = time_wall_msec();
        status.events = {std::to_string(status.created_ms) + " Running"};
        return status;
    }

    std::string name_;
    ControlDb db_;
    Model model_;
    bool up_ = false, was_up_ = false;
    long long write_at_ms_ = 0; /* When to begin; 0: nothing to write. */
    std::set<Uuid> unwritten_, writing_; /* Tunnels. */
};

} // namespace

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    fatal_ignore_sigpipe();
    vlog_set_levels(nullptr, VLF_ANY_DESTINATION, VLL_OFF);
    if (argc != 5) {
        ovs_fatal(0, "usage: %s REMOTE FIRST COUNT NICS", argv[0]);
    }
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);

    LineReader input;
    std::vector<std::unique_ptr<Session>> sessions;
    int first = std::atoi(argv[2]), count = std::atoi(argv[3]);
    for (int i = first; i < first + count; i++) {
        sessions.push_back(
            std::make_unique<Session>(argv[1], i, std::atoi(argv[4])));
    }
    while (!input.eof()) {
        for (const std::string &line : input.take()) {
            for (auto &session : sessions) {
                session->write_within(
                    std::atoi(line.substr(line.find(' ') + 1).c_str()));
            }
        }
        for (auto &session : sessions) {
            session->run();
        }
        input.wait();
        for (auto &session : sessions) {
            session->wait();
        }
        poll_block();
    }
    return EXIT_SUCCESS;
}
