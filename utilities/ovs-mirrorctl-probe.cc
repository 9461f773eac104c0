/* ovs-mirrorctl: "tunnel-probe", one marked frame down a tunnel. */
#include <cstdio>
#include <cstring>
#include <map>

#include "flows/frame_text.h"
#include "ovsdb/probe_rows.h"
#include "plugin/edit.h"
#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

namespace {

using ordered_json = nlohmann::ordered_json;

/* For how long the source's hypervisor may take to answer, those of the
 * destination to say that they watch, and the frame to arrive. */
constexpr long long ANSWER_MS = 5000, WATCH_MS = 700, FLIGHT_MS = 8000;
/* Rows so old were left behind by somebody who was interrupted. */
constexpr int64_t LEFT_BEHIND_MS = 60000;

std::set<std::string>
nics_of(const Model &model, const Uuid &destination)
{
    std::set<std::string> nics;
    auto add = [&](const Nic *nic) {
        if (nic && !nic->iface_id.empty()) {
            nics.insert(nic->iface_id);
        }
    };
    End end = resolve_end(model, destination);
    add(end.nic);
    if (end.load_balancer) {
        for (const LoadBalancerMember &member : end.load_balancer->members) {
            add(member.nic ? find(model.nics, *member.nic) : nullptr);
        }
    }
    return nics;
}

void
check_probe(ctl_context *ctx)
{
    if (ctx->argc > 2 && !direction_of(ctx->argv[2])) {
        ctl_error(ctx, "the direction is in or out, not \"%s\"", ctx->argv[2]);
    }
}

/* The frame that the caller gave. */
std::string
given_flow(ctl_context *ctx, Direction direction)
{
    Attempt &a = attempt_of(ctx);
    if (ctx->argc < 4) {
        return "";
    }
    std::string error;
    auto parsed = parse_frame(ctx->argv[3], &error);
    if (!parsed) {
        a.refuse("SYNTAX", "FLOW", error);
        return "";
    }
    const char *marked =
        direction == Direction::Inbound ? "dl_src=" : "dl_dst=";
    if (parsed->flow.find(marked) != std::string::npos) {
        a.refuse("SYNTAX", "FLOW",
                 std::string("leave out ") + marked +
                     ": the mark stands there");
    }
    return parsed->flow;
}

void
run_probe(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    auto id = find_named(ctx, "mirror_tunnels");
    if (!id) {
        return;
    }
    const Tunnel &tunnel = *find(a.edit.model.tunnels, *id);
    std::string path = path_of("mirror_tunnels", ctx->argv[1]);
    if (a.probe) {
        a.refuse("SYNTAX", path, "one probe an invocation; run it again");
        return;
    }
    if (!a.context.is_operator() &&
        a.context.own_account() != tunnel.account) {
        a.refuse("NOT_OWNER", path,
                 "only the account whose tunnel it is can send a probe");
        return;
    }
    if (!pmrec_server_has_probe_table(ctx->idl)) {
        a.refuse("SCHEMA_OUTDATED", path,
                 "the control database's schema has no table for probes; "
                 "convert it (docs/upgrade.md)");
        return;
    }
    Probe probe;
    probe.tunnel = *id;
    std::string why;
    for (const TunnelView &view : views_of(a)) {
        if (view.id == *id) {
            why = std::string("it is ") + to_string(view.state);
            for (const auto &[code, message] : view.reasons) {
                why.append("; ").append(code).append(": ").append(message);
            }
        }
    }
    /* A host that is dead may have left a row behind. */
    std::map<std::string, std::pair<bool, int64_t>> heard;
    for (const auto &[row, chassis] : a.edit.model.chassis) {
        heard[chassis.name] = {is_alive(chassis, a.context.now_ms),
                               chassis.heartbeat_ms};
    }
    for (const auto &[row, status] : a.edit.model.tunnel_statuses) {
        if (status.tunnel == *id && status.bound &&
            (probe.chassis.empty() ||
             heard[status.chassis] > heard[probe.chassis])) {
            probe.chassis = status.chassis;
        }
    }
    if (probe.chassis.empty()) {
        a.refuse("NOT_RUNNING", path,
                 "no hypervisor has it, so that none could send: " + why);
        return;
    }
    if (ctx->argc > 2) {
        probe.direction = direction_of(ctx->argv[2]);
        probe.flow = given_flow(ctx, *probe.direction);
    }
    probe.destination_nics = nics_of(a.edit.model, tunnel.destination);
    probe.mark = random_uint32();
    probe.created_ms = a.context.now_ms;
    if (!a.edit.problems.empty()) {
        return;
    }
    a.probe = probe;
    a.probed = a.say(tunnel.account, tunnel.name);
    a.raw_edits.push_back("probe tunnel " + a.probed);
    record_event(&a.edit, a.context, tunnel, "probed",
                 "mark " + probe_mac(probe.mark));
}

/* One change of the database, by the deadline; false if it did not succeed. */
bool
commit(ovsdb_idl *idl, const std::function<void(ovsdb_idl_txn *)> &change,
       long long deadline_ms)
{
    for (;;) {
        ovsdb_idl_txn *txn = ovsdb_idl_txn_create(idl);
        change(txn);
        ovsdb_idl_txn_status status;
        while ((status = ovsdb_idl_txn_commit(txn)) == TXN_INCOMPLETE &&
               time_msec() < deadline_ms) {
            ovsdb_idl_run(idl);
            ovsdb_idl_wait(idl);
            ovsdb_idl_txn_wait(txn);
            poll_timer_wait_until(deadline_ms);
            poll_block();
        }
        ovsdb_idl_txn_destroy(txn);
        if (status != TXN_TRY_AGAIN || time_msec() >= deadline_ms) {
            return status == TXN_SUCCESS || status == TXN_UNCHANGED;
        }
        ovsdb_idl_run(idl);
        ovsdb_idl_wait(idl);
        poll_timer_wait_until(deadline_ms);
        poll_block();
    }
}

/* A probe under way. */
class Probing {
public:
    Probing(ovsdb_idl *idl, const Uuid &id, const Probe &probe, int64_t vni)
        : idl_(idl), id_(id), probe_(probe), vni_(vni)
    {
    }

    bool wait_for(const std::function<bool()> &reached, long long deadline_ms);
    bool has_answered() const { return report_of_source().has_value(); }
    bool all_watch() const;
    bool is_known() const;
    bool start();
    void forget();

    std::vector<ProbeReport> reports() const;
    std::optional<ProbeReport> report_of_source() const;
    int64_t vni() const { return vni_; }

private:
    ovsdb_idl *idl_;
    Uuid id_;
    Probe probe_;
    int64_t vni_;
};

bool
Probing::wait_for(const std::function<bool()> &reached, long long deadline_ms)
{
    for (;;) {
        ovsdb_idl_run(idl_);
        if (reached()) {
            return true;
        }
        if (time_msec() >= deadline_ms) {
            return false;
        }
        ovsdb_idl_wait(idl_);
        poll_timer_wait_until(deadline_ms);
        poll_block();
    }
}

std::vector<ProbeReport>
Probing::reports() const
{
    std::vector<ProbeReport> reports;
    const pmrec_probe_report *row;
    PMREC_PROBE_REPORT_FOR_EACH(row, idl_)
    {
        ProbeReport report = read(row);
        if (report.probe == id_) {
            reports.push_back(report);
        }
    }
    return reports;
}

std::optional<ProbeReport>
Probing::report_of_source() const
{
    for (const ProbeReport &report : reports()) {
        if (report.chassis == probe_.chassis) {
            return report;
        }
    }
    return std::nullopt;
}

/* Each NIC of the destination has somebody who looks at its port. */
bool
Probing::all_watch() const
{
    std::set<std::string> left = probe_.destination_nics;
    for (const ProbeReport &report : reports()) {
        for (const std::string &nic : report.watches) {
            left.erase(nic);
        }
    }
    return left.empty();
}

/* Nothing more will come. */
bool
Probing::is_known() const
{
    bool watched = false, arrival = false, lost = false, wire = false;
    for (const ProbeReport &report : reports()) {
        watched |= !report.watches.empty();
        arrival |= arrival_of(report, vni_).has_value();
        for (const auto &[station, said] : report.stations) {
            wire |= station == Station::Wire;
            lost |= station < Station::Wire && said.passed != Passed::Yes;
        }
    }
    return lost || (wire && (arrival || !watched));
}

bool
Probing::start()
{
    return commit(
        idl_,
        [&](ovsdb_idl_txn *) {
            struct uuid uuid = to_ovs_uuid(id_);
            if (auto row = pmrec_probe_get_for_uuid(idl_, &uuid)) {
                pmrec_probe_set_send(row, true);
            }
        },
        time_msec() + ANSWER_MS);
}

void
Probing::forget()
{
    commit(
        idl_,
        [&](ovsdb_idl_txn *) {
            const pmrec_probe_report *report, *next;
            PMREC_PROBE_REPORT_FOR_EACH_SAFE(report, next, idl_)
            {
                if (to_uuid(report->probe) == id_) {
                    pmrec_probe_report_delete(report);
                }
            }
            struct uuid uuid = to_ovs_uuid(id_);
            if (auto row = pmrec_probe_get_for_uuid(idl_, &uuid)) {
                pmrec_probe_delete(row);
            }
        },
        time_msec() + ANSWER_MS);
}

struct Line {
    Station station;
    std::string chassis;
    StationReport said;
};

/* What to tell of each station, of the arrival the best that anyone says. */
std::vector<Line>
lines_of(const Probing &probing, const Probe &probe, bool shows_ports)
{
    std::vector<Line> lines;
    auto source = probing.report_of_source();
    bool goes_on = true;
    for (Station station : STATIONS) {
        if (station == Station::Arrival) {
            break;
        }
        Line line{station, probe.chassis, {}};
        if (source && source->stations.count(station)) {
            line.said = source->stations.at(station);
        } else {
            line.said.detail = goes_on ? "not heard of in time"
                                       : "the frame did not come so far";
            line.said.passed = goes_on ? Passed::Unknown : Passed::No;
        }
        goes_on &= line.said.passed != Passed::No;
        lines.push_back(line);
    }
    Line arrival{Station::Arrival, "", {}};
    arrival.said.detail =
        probe.destination_nics.empty()
            ? "the destination is on no hypervisor of ours; look there for "
              "the mark"
            : "no hypervisor of ours has the destination's port, or could "
              "watch it; look there for the mark";
    bool heard = false;
    for (const ProbeReport &report : probing.reports()) {
        if (!report.stations.count(Station::Arrival)) {
            continue;
        }
        StationReport said =
            arrival_of(report, probing.vni())
                .value_or(StationReport{Passed::No,
                                        "none but other tunnels' copies were "
                                        "seen at the destination's port"});
        if (heard && said.passed != Passed::Yes) {
            continue;
        }
        heard = true;
        arrival.chassis = report.chassis;
        arrival.said = said;
        if (!shows_ports) {
            arrival.said.detail = arrival.said.passed == Passed::Yes
                                      ? "at the destination's port"
                                      : "not seen at the destination's port";
        }
    }
    if (!goes_on && arrival.said.passed != Passed::Yes) {
        arrival.said = {Passed::No, "the frame did not come so far"};
    }
    lines.push_back(arrival);
    return lines;
}

void
print_lines(const Settings &settings, const std::string &tunnel,
            const Probe &probe, const ProbeReport &source,
            const std::vector<Line> &lines)
{
    std::vector<std::vector<std::string>> rows;
    ordered_json stations = ordered_json::array();
    for (const Line &line : lines) {
        rows.push_back({to_string(line.station), to_string(line.said.passed),
                        one_line(line.chassis), one_line(line.said.detail)});
        stations.push_back(
            {{"station", rows.back()[0]},
             {"result", rows.back()[1]},
             {"chassis", line.chassis.empty() ? ordered_json()
                                              : ordered_json(line.chassis)},
             {"detail", rows.back()[3]}});
    }
    const std::string mark = probe_mac(probe.mark);
    switch (settings.format) {
    case Format::Json:
        std::printf("%s\n", json_text({{"tunnel", tunnel},
                                       {"direction", source.direction},
                                       {"flow", source.flow},
                                       {"mark", mark},
                                       {"stations", stations}})
                                .c_str());
        break;

    case Format::Csv:
        std::printf("station,result,chassis,detail\n");
        for (const auto &row : rows) {
            std::printf("%s,%s,%s,\"", row[0].c_str(), row[1].c_str(),
                        row[2].c_str());
            for (char c : row[3]) {
                std::printf(c == '"' ? "\"\"" : "%c", c);
            }
            std::printf("\"\n");
        }
        break;

    case Format::Table:
        std::printf("%s",
                    table_text({"STATION", "RESULT", "HYPERVISOR", "DETAIL"},
                               rows, settings.style.headings, terminal_width())
                        .c_str());
        if (!source.flow.empty()) {
            std::printf("frame: %s %s\n", one_line(source.direction).c_str(),
                        one_line(source.flow).c_str());
        }
        std::printf("mark: %s\n", mark.c_str());
        break;
    }
}

bool
has_passed(const Line &line)
{
    return line.said.passed == Passed::Yes ||
           (line.said.passed == Passed::Unknown &&
            line.station >= Station::Wire);
}

} // namespace

void
put_probe(const Attempt &a, Uuid *id)
{
    const pmrec_probe *probe, *next;
    PMREC_PROBE_FOR_EACH_SAFE(probe, next, a.idl)
    {
        if (std::abs(a.context.now_ms - probe->created) > LEFT_BEHIND_MS) {
            pmrec_probe_delete(probe);
        }
    }
    const pmrec_probe_report *report, *next_report;
    PMREC_PROBE_REPORT_FOR_EACH_SAFE(report, next_report, a.idl)
    {
        const pmrec_probe *of =
            pmrec_probe_get_for_uuid(a.idl, &report->probe);
        if (!of) {
            pmrec_probe_report_delete(report);
        }
    }
    probe = pmrec_probe_insert(a.txn);
    write(probe, *a.probe);
    *id = to_uuid(probe->header_.uuid);
}

int
finish_probe(const Attempt &a, const Uuid &id, long long limit_ms)
{
    const Settings &settings = a.settings;
    auto within = [&](long long ms) {
        return std::min(time_msec() + ms, limit_ms);
    };
    /* A server that restarts meanwhile is no reason to give up. */
    ovsdb_idl_enable_reconnect(a.idl);
    const Tunnel *tunnel = find(a.before.tunnels, a.probe->tunnel);
    Probing probing(a.idl, id, *a.probe, tunnel ? tunnel->vni : 0);
    std::string path = path_of("mirror_tunnels", a.probed);
    if (!probing.wait_for([&] { return probing.has_answered(); },
                          within(ANSWER_MS))) {
        probing.forget();
        complain("NO_ANSWER", path,
                 "hypervisor " + a.probe->chassis +
                     " has not answered; is its ovs-mirrord running, and its "
                     "clock less than a minute from ours?");
        return EXIT_REFUSED;
    }
    probing.wait_for([&] { return probing.all_watch(); }, within(WATCH_MS));
    if (!probing.start()) {
        complain("DATABASE", settings.db, "the probe could not be started");
        return EXIT_REFUSED;
    }
    probing.wait_for([&] { return probing.is_known(); }, within(FLIGHT_MS));

    End end = tunnel ? resolve_end(a.before, tunnel->destination) : End{};
    bool own = end.resource && tunnel->account == end.resource->account;
    auto lines = lines_of(probing, *a.probe, own || a.context.is_operator());
    print_lines(settings, a.probed, *a.probe,
                probing.report_of_source().value_or(ProbeReport{}), lines);
    probing.forget();
    auto stopped = std::find_if_not(lines.begin(), lines.end(), has_passed);
    if (stopped == lines.end()) {
        return EXIT_DONE;
    }
    complain(
        "NOT_PASSED", path,
        "the frame did not pass " + std::string(to_string(stopped->station)) +
            (stopped->said.detail.empty() ? "" : ": " + stopped->said.detail));
    return EXIT_REFUSED;
}

const ctl_command_syntax *
probe_commands()
{
    static const ctl_command_syntax COMMANDS[] = {
        {"tunnel-probe", 1, 3, "NAME [in|out] [FLOW]", check_probe, run_probe,
         nullptr, "", ctl_command_syntax::RW},
        {}};
    return COMMANDS;
}

} // namespace pm::ctl
