#include "plugin/prober.h"

#include "flows/frame_compose.h"
#include "flows/frame_text.h"
#include "flows/openflow.h"
#include "ovsdb/ovs_c.h"
#include "plugin/agent.h"

VLOG_DEFINE_THIS_MODULE(prober);

namespace pm {

namespace {

/* As ofproto/trace says it. */
constexpr const char *NO_NEIGHBOUR = "neighbor cache miss";

/* What people see in a capture, and may look for. */
std::string
payload_of(const Probe &probe)
{
    return "ovs-mirror probe " + probe_mac(probe.mark) + " of tunnel " +
           probe.tunnel.to_string();
}

/* Has the switch take the frame in; returns why not, or "". */
std::string
send(const ProbeEntry &entry, const std::string &payload)
{
    void *bytes = nullptr;
    size_t size = 0;
    if (char *error = frame_compose(entry.bytes_of.c_str(), payload.c_str(),
                                    &bytes, &size)) {
        std::string why = error;
        free(error);
        return why;
    }
    std::string frame(static_cast<const char *>(bytes), size);
    free(bytes);
    bool in = entry.direction == Direction::Inbound;
    int error = let_in(management_socket(entry.bridge), entry.in_port,
                       in ? "table" : "drop", frame);
    return error ? entry.bridge + ": " + ovs_strerror(error) : "";
}

Circumstances
circumstances_of(const Agent &agent, const Uuid &tunnel)
{
    return {agent.installed(tunnel), agent.paused()};
}

} // namespace

Prober::Task
Prober::start(const Agent &agent, const Uuid &id, const Probe &probe)
{
    const SwitchFacts &facts = agent.desired().facts();
    Task task;
    task.probe = probe;
    task.report.probe = id;
    task.report.chassis = facts.settings.chassis;
    /* For either direction: which one it is to be may be ours to choose. */
    task.watch = FrameWatch::open(probe.mark, &task.blind);
    for (const std::string &nic : probe.destination_nics) {
        auto port = facts.nics.find(nic);
        if (port == facts.nics.end()) {
            continue;
        }
        task.report.watches.insert(nic);
        if (task.watch) {
            task.devices[port->second.port_name] = nic;
        } else {
            task.report.stations[Station::Arrival] = {Passed::Unknown,
                                                      task.blind};
        }
    }
    return task;
}

/* Finds a frame for that direction. */
bool
Prober::choose_frame(const Agent &agent, const Probe &probe,
                     Direction direction, TraceFrame *frame, std::string *why)
{
    const Model &model = agent.desired().model();
    std::string words = probe.flow;
    if (words.empty()) {
        const Tunnel *tunnel = find(model.tunnels, probe.tunnel);
        End source = tunnel ? resolve_end(model, tunnel->source) : End{};
        const Filter *filter = tunnel && tunnel->filter
                                   ? find(model.filters, *tunnel->filter)
                                   : nullptr;
        if (tunnel && tunnel->filter && !filter) {
            *why = "its filter is not here";
            return false;
        }
        auto sample = sample_frame(filter, direction,
                                   source.nic ? source.nic->addresses
                                              : std::vector<IpAddress>{});
        if (!sample) {
            *why = std::string("the filter admits no ") +
                   to_string(direction) +
                   " frame that could be thought of; give one";
            return false;
        }
        words = flow_of(*sample);
    }
    auto parsed = parse_frame(words, why);
    if (!parsed) {
        return false;
    }
    *frame = {parsed->frame, parsed->tagged, parsed->flow};
    return true;
}

/* Asks the switch what it will do with the frame. */
void
Prober::begin(const Agent &agent, Task *task)
{
    const Probe &probe = task->probe;
    task->begun = true;
    if (probe.chassis != agent.desired().facts().settings.chassis) {
        task->deadline_ms = time_msec() + FLIGHT_MS * 3 / 2;
        return;
    }
    /* An outbound frame also shows that the Mirror works. */
    TraceFrame frame;
    std::string why;
    Direction direction = probe.direction.value_or(Direction::Outbound);
    bool found = choose_frame(agent, probe, direction, &frame, &why);
    if (!found && !probe.direction && probe.flow.empty()) {
        direction = Direction::Inbound;
        found = choose_frame(agent, probe, direction, &frame, &why);
    }
    task->report.direction = to_string(direction);
    if (!found) {
        task->report.stations[Station::Tap] = {Passed::No, why};
        return;
    }
    task->report.flow = frame.flow;
    task->entry = probe_entry(probe.tunnel, direction, frame, probe.mark,
                              agent.desired(), agent.actual());
    const TunnelStatus *status = agent.desired().status_of(probe.tunnel);
    if (!task->entry || !status) {
        task->report.stations = stations_of(
            probe.tunnel, direction, frame, std::nullopt, agent.desired(),
            circumstances_of(agent, probe.tunnel));
        return;
    }
    task->number = status->number;
    ask(task);
}

void
Prober::ask(Task *task)
{
    const TraceQuestion &question = task->entry->question;
    task->ask_ms = 0;
    task->ticket =
        vswitchd_->call("ofproto/trace", {question.bridge, question.flow()});
}

/* Lets the frame in, if it would come anywhere. */
void
Prober::on_answer(const Agent &agent, Task *task, const UnixctlReply &reply)
{
    task->ticket = 0;
    StationReports &stations = task->report.stations;
    if (!reply.ok) {
        stations[Station::Tap] = {Passed::Unknown,
                                  reply.lost ? "ovs-vswitchd does not answer"
                                             : "ovs-vswitchd: " + reply.text};
        return;
    }
    const ProbeEntry &entry = *task->entry;
    const Uuid &tunnel = task->probe.tunnel;
    TraceAnswer answer = read_trace(reply.text, task->number);
    if (answer.trouble.starts_with(NO_NEIGHBOUR) &&
        task->looks++ < LOOKS_MAX) {
        /* Often it is being looked for.  Where it is not, a first frame has
         * the switch do so, and goes no further. */
        if (task->looks == PATIENT_LOOKS + 1) {
            send(entry, payload_of(task->probe));
        }
        task->ask_ms = time_msec() + LOOK_MS;
        return;
    }
    auto says = stations_of(tunnel, entry.direction, entry.frame, answer,
                            agent.desired(), circumstances_of(agent, tunnel));
    stations.merge(says);
    auto delivery = stations.find(Station::Delivery);
    if (delivery == stations.end() || delivery->second.passed != Passed::Yes) {
        return;
    }
    std::string why = send(entry, payload_of(task->probe));
    if (!why.empty()) {
        stations[Station::Tap] = {Passed::Unknown,
                                  "the frame could not be let in: " + why};
        return;
    }
    VLOG_INFO("probe of tunnel %s: sent one %s frame with the mark %s",
              tunnel.to_string().c_str(), to_string(entry.direction),
              probe_mac(task->probe.mark).c_str());
    task->deadline_ms = time_msec() + FLIGHT_MS;
    if (!task->watch) {
        stations[Station::Wire] = {Passed::Unknown, task->blind};
    }
}

void
Prober::look(const Agent &agent, Task *task)
{
    const SwitchFacts &facts = agent.desired().facts();
    int64_t now = time_msec();
    bool ended = now >= task->deadline_ms;
    size_t seen = task->seen.size();
    task->seen.merge(task->watch->take());
    if (task->seen.size() > seen) {
        task->tell_ms = now + MORE_MS;
    }
    if (!ended && now < task->tell_ms) {
        return;
    }
    task->tell_ms = 0;
    bool sent_here = task->probe.chassis == facts.settings.chassis;
    auto own = sent_here ? own_sightings(task->seen, task->probe.tunnel,
                                         agent.desired())
                         : task->seen;
    judge_sightings(own, task->devices, sent_here, ended, !facts.has_dpdk,
                    &task->report.stations);
    task->report.arrivals = arrivals_of(own, task->devices);
    if (ended) {
        task->deadline_ms = 0;
        task->watch.reset();
    }
}

bool
Prober::is_too_old(const Probe &probe)
{
    return std::abs(time_wall_msec() - probe.created_ms) >= TOO_OLD_MS;
}

void
Prober::run(const Agent &agent, const std::map<Uuid, Probe> &probes)
{
    for (auto task = tasks_.begin(); task != tasks_.end();) {
        if (task->second.ticket ||
            (probes.count(task->first) && !is_too_old(task->second.probe))) {
            ++task;
        } else {
            task = tasks_.erase(task);
        }
    }
    const SwitchFacts &facts = agent.desired().facts();
    for (const auto &[id, probe] : probes) {
        bool concerns =
            probe.chassis == facts.settings.chassis ||
            std::any_of(
                probe.destination_nics.begin(), probe.destination_nics.end(),
                [&](const std::string &nic) { return facts.nics.count(nic); });
        auto known = tasks_.find(id);
        if (known != tasks_.end()) {
            known->second.probe = probe;
        } else if (concerns && !is_too_old(probe) &&
                   tasks_.size() < TASKS_MAX) {
            tasks_.emplace(id, start(agent, id, probe));
        }
    }
    for (auto &[id, task] : tasks_) {
        if (task.probe.send && !task.begun) {
            begin(agent, &task);
        }
        if (task.ask_ms && time_msec() >= task.ask_ms) {
            ask(&task);
        }
        if (task.ticket) {
            if (auto reply = vswitchd_->take(task.ticket)) {
                on_answer(agent, &task, *reply);
            }
        }
        if (task.deadline_ms && task.watch) {
            look(agent, &task);
        }
    }
}

void
Prober::wait() const
{
    for (const auto &[id, task] : tasks_) {
        if (!task.ticket) {
            poll_timer_wait_until(time_msec() + task.probe.created_ms +
                                  TOO_OLD_MS - time_wall_msec());
        }
        if (task.ask_ms) {
            poll_timer_wait_until(task.ask_ms);
        }
        if (task.deadline_ms && task.watch) {
            task.watch->wait();
            poll_timer_wait_until(task.deadline_ms);
            if (task.tell_ms) {
                poll_timer_wait_until(task.tell_ms);
            }
        }
    }
}

std::vector<ProbeReport>
Prober::reports(const std::map<Uuid, ProbeReport> &written) const
{
    std::vector<ProbeReport> reports;
    for (const auto &[id, task] : tasks_) {
        auto row = written.find(id);
        if (row == written.end() || !(row->second == task.report)) {
            reports.push_back(task.report);
        }
    }
    return reports;
}

} // namespace pm
