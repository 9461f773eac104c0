/* Drives flows/openflow.h against a running switch, and shows the flows that
 * flows/pipeline.h makes, for tests/dummy.
 *
 * Each command is one line of standard input, each answer one line or more of
 * standard output that ends with a line "."; so one process serves a whole
 * test. */
#include <cinttypes>
#include <cstdio>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "flows/egress.h"
#include "flows/flood_question.h"
#include "flows/openflow.h"
#include "flows/pipeline.h"
#include "ovsdb/ovs_c.h"
#include "plugin/document.h"
#include "plugin/filter_cost.h"

namespace {

using namespace pm;

constexpr long long int TIME_LIMIT_MS = 30 * 1000;

/* Turns the main loop until 'done' or until it has taken too long. */
template <typename F>
bool
run_until(Openflow *openflow, F done)
{
    long long int deadline = time_msec() + TIME_LIMIT_MS;
    for (;;) {
        openflow->run();
        if (done()) {
            return true;
        }
        if (time_msec() >= deadline) {
            return false;
        }
        openflow->wait();
        poll_timer_wait_until(deadline);
        poll_block();
    }
}

/* "TABLE PRIORITY COOKIE MATCH ACTIONS"; MATCH "-" is the empty one. */
Flow
parse_flow(std::istream &in)
{
    int table, priority;
    Flow flow;
    std::string actions;
    in >> table >> priority >> std::hex >> flow.cookie >> std::dec >>
        flow.key.match >> actions;
    flow.actions = actions;
    flow.key.table = static_cast<uint8_t>(table);
    flow.key.priority = static_cast<uint16_t>(priority);
    if (flow.key.match == "-") {
        flow.key.match.clear();
    }
    return flow;
}

/* 'what' is "dump", "counters" or "sum". */
void
dump(Openflow *openflow, const std::string &what, std::istream &in)
{
    CookieMask which;
    in >> std::hex >> which.cookie >> which.mask;
    if (what == "dump") {
        openflow->start_dump(which.cookie, which.mask);
    } else if (what == "counters") {
        openflow->start_counters(which);
    } else {
        openflow->start_sums({which}, true);
    }
    std::optional<SwitchDump> dumped;
    if (!run_until(openflow, [&] {
            dumped = openflow->take_dump();
            return dumped.has_value();
        })) {
        std::cout << "no answer\n";
        return;
    }
    for (const FlowSum &sum : dumped->sums) {
        std::cout << "n_packets=" << sum.packets << " n_bytes=" << sum.bytes
                  << " flow_count=" << sum.flows << "\n";
    }
    for (const FlowStats &flow : dumped->flows) {
        std::cout << flow.flow.to_string() << " n_packets=" << flow.n_packets
                  << " n_bytes=" << flow.n_bytes << "\n";
    }
}

void
bundle(Openflow *openflow, const std::vector<FlowEdit> &edits)
{
    openflow->start_bundle(edits);
    std::optional<std::string> result;
    if (!run_until(openflow, [&] {
            result = openflow->take_bundle_result();
            return result.has_value();
        })) {
        result = "no answer";
    }
    std::cout << (result->empty() ? "ok" : *result) << "\n";
}

/* Starts a bundle, drops it unfinished, and waits for a new connection: the
 * caller ends the switch meanwhile. */
void
lose(Openflow *openflow, const std::vector<FlowEdit> &edits)
{
    unsigned int seqno = openflow->connection_seqno();
    openflow->start_bundle(edits);
    std::cout << "started\n.\n" << std::flush;
    bool back = run_until(openflow, [&] {
        return openflow->connection_seqno() != seqno && openflow->idle();
    });
    std::cout << (back ? "back" : "not back") << " "
              << (openflow->take_bundle_result() ? "answered" : "dropped")
              << "\n";
}

void
show_flows(const std::vector<Flow> &flows)
{
    for (const Flow &flow : flows) {
        std::cout << flow.to_string() << "\n";
    }
}

/* Flows that the switch would say in other words. */
void
show_misspelt(const std::vector<FlowEdit> &edits)
{
    for (const FlowEdit &edit : edits) {
        std::string error;
        std::optional<Flow> said = normalise(edit.flow, &error);
        if (said != edit.flow) {
            std::cout << edit.flow.to_string() << ": "
                      << (said ? said->to_string() : error) << "\n";
        }
    }
}

/* "NUMBER JSON": adds a filter, of the document's form, to the edits.  Answers
 * with its flows, those of a cross product, its rules, and how many of those
 * are shadowed. */
void
add_filter(std::istream &in, std::vector<FlowEdit> *edits)
{
    int64_t number;
    std::string text;
    in >> number;
    std::getline(in, text);
    EditContext context;
    uint32_t rows = 0;
    context.new_uuid = [&] { return Uuid{{++rows, 1, 1, 1}}; };
    Edit edit;
    put(&edit, context, "mirror_filters", nlohmann::json::parse(text), "",
        PutMode::Create);
    for (const Problem &problem : edit.problems) {
        std::cout << problem.code << " " << problem.path << " "
                  << problem.message << "\n";
    }
    for (const auto &[id, filter] : edit.model.filters) {
        for (const Flow &flow : filter_flows(number, filter)) {
            edits->push_back({FlowEdit::Op::Add, flow});
        }
        FilterCost cost = filter_cost(filter);
        std::cout << cost.flows << " " << cost.cross_product << " "
                  << cost.inbound.size() + cost.outbound.size() << " "
                  << shadow_warnings(filter, "").size() << "\n";
    }
}

/* "DIRECTION OFPORT TUNNEL...": a tap whose tunnels have no filter. */
void
show_tap(std::istream &in)
{
    std::string direction;
    int ofport;
    std::vector<TapTunnel> tunnels;
    in >> direction >> ofport;
    for (int64_t tunnel; in >> tunnel;) {
        tunnels.push_back({0, tunnel});
    }
    show_flows(tap_flows(
        1, direction == "in" ? Direction::Inbound : Direction::Outbound,
        {ofport, std::nullopt, "", false}, tunnels));
}

/* "TUNNEL SOURCE DESTINATION VNI OFPORT LENGTH"; LENGTH 0 is the whole
 * frame. */
void
show_egress(std::istream &in)
{
    int64_t tunnel;
    std::string source, destination;
    EgressSpec spec;
    int length;
    in >> tunnel >> source >> destination >> spec.vni >> spec.vxlan_port >>
        length;
    spec.source = IpAddress::parse(source).value_or(IpAddress{});
    spec.destination = IpAddress::parse(destination).value_or(IpAddress{});
    if (length) {
        spec.max_len = length;
    }
    show_flows(egress_flows(tunnel, spec));
}

} // namespace

int
main(int argc, char *argv[])
{
    if (argc != 2) {
        std::cerr << "usage: openflow-tester TARGET\n";
        return 2;
    }
    std::string target = argv[1];
    set_program_name(argv[0]);
    fatal_ignore_sigpipe();
    vlog_set_levels(nullptr, VLF_ANY_DESTINATION, VLL_OFF);
    Openflow openflow(target);
    std::vector<FlowEdit> edits;
    std::map<std::string, FloodQuestion> questions;

    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream in(line);
        std::string command;
        in >> command;
        if (command == "connect") {
            bool ok = run_until(&openflow, [&] { return openflow.idle(); });
            std::cout << (ok ? "connected" : "not connected") << " "
                      << openflow.connection_seqno() << "\n";
        } else if (command == "reconnect") {
            unsigned int seqno = openflow.connection_seqno();
            bool ok = run_until(&openflow, [&] {
                return openflow.connection_seqno() != seqno && openflow.idle();
            });
            std::cout << (ok ? "connected" : "not connected") << " "
                      << openflow.connection_seqno() << "\n";
        } else if (command == "normalise") {
            std::string error;
            std::optional<Flow> flow = normalise(parse_flow(in), &error);
            std::cout << (flow ? flow->to_string() : "error: " + error)
                      << "\n";
        } else if (command == "add") {
            edits.push_back({FlowEdit::Op::Add, parse_flow(in)});
        } else if (command == "delete") {
            edits.push_back({FlowEdit::Op::Delete, parse_flow(in)});
        } else if (command == "bundle") {
            bundle(&openflow, edits);
            edits.clear();
        } else if (command == "lose") {
            lose(&openflow, edits);
            edits.clear();
        } else if (command == "filter") {
            add_filter(in, &edits);
        } else if (command == "misspelt") {
            show_misspelt(edits);
        } else if (command == "base") {
            show_flows(base_flows(false));
        } else if (command == "tap") {
            show_tap(in);
        } else if (command == "egress") {
            show_egress(in);
        } else if (command == "dump" || command == "counters" ||
                   command == "sum") {
            dump(&openflow, command, in);
        } else if (command == "count") {
            std::string bridge;
            in >> bridge;
            FloodCount count =
                questions.try_emplace(bridge, bridge).first->second.ask_now();
            std::cout << count.error << " " << count.all << " " << count.flood
                      << "\n";
        } else if (command == "no-flood") {
            std::string bridge;
            std::set<uint32_t> ports, done;
            in >> bridge;
            for (uint32_t port; in >> port;) {
                ports.insert(port);
            }
            std::cout << set_no_flood(bridge, ports, &done);
            for (uint32_t port : done) {
                std::cout << " " << port;
            }
            std::cout << "\n";
        } else {
            std::cout << "unknown command\n";
        }
        std::cout << ".\n" << std::flush;
    }
    return 0;
}
