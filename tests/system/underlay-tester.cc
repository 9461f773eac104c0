/* Runs an Underlay and prints each change as a line of JSON.  Lines on
 * standard input, also JSON, tell it what to do:
 *
 *     {"watch": [["netdev", "10.0.0.9"], ...]}
 *     {"mtus": {"br0": 1400, ...}}
 *     {"refresh": true} */
#include <poll.h>

#include <iostream>

#include <nlohmann/json.hpp>

#include "ovsdb/ovs_c.h"
#include "plugin/underlay.h"
#include "tests/line_reader.h"

namespace {

void
obey(const std::string &line, pm::Underlay *underlay)
{
    nlohmann::json order = nlohmann::json::parse(line);
    if (order.contains("watch")) {
        std::set<pm::PathKey> keys;
        for (const auto &key : order["watch"]) {
            keys.insert({key[0], *pm::IpAddress::parse(key[1])});
        }
        underlay->watch(keys);
    }
    if (order.contains("mtus")) {
        underlay->set_switch_mtus(
            order["mtus"].get<std::map<std::string, int>>());
    }
    if (order.contains("refresh")) {
        underlay->refresh();
    }
}

nlohmann::json
to_json(const pm::PathKey &key, const pm::Path &path)
{
    static const char *const NEIGHBOURS[] = {"unknown", "reachable", "failed"};
    nlohmann::json json = {
        {"type", key.datapath_type},
        {"destination", key.destination.to_string()},
        {"known", path.known},
        {"routed", path.routed},
        {"broadcast", path.broadcast},
        {"device", path.device},
        {"device_up", path.device_up},
        {"neighbour", NEIGHBOURS[static_cast<int>(path.neighbour)]},
        {"port_taken", path.port_taken},
        {"source", nullptr},
        {"mtu", nullptr}};
    if (path.source) {
        json["source"] = path.source->to_string();
    }
    if (path.mtu) {
        json["mtu"] = *path.mtu;
    }
    return json;
}

} // namespace

int
main(int, char *argv[])
{
    set_program_name(argv[0]);
    fatal_ignore_sigpipe();
    vlog_set_levels(nullptr, VLF_ANY_DESTINATION, VLL_OFF);

    pm::Underlay underlay;
    pm::LineReader input;
    bool answers = true;
    while (!input.eof()) {
        for (const std::string &line : input.take()) {
            obey(line, &underlay);
        }
        underlay.run();
        for (const auto &[key, path] : underlay.take_changes()) {
            std::cout << to_json(key, path).dump() << '\n';
        }
        if (underlay.switch_answers() != answers) {
            answers = !answers;
            std::cout << nlohmann::json{{"answers", answers}}.dump() << '\n';
        }
        std::cout << std::flush;
        underlay.wait();
        input.wait();
        poll_block();
    }
    return 0;
}
