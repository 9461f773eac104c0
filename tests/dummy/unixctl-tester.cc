/* Makes the calls named on standard input, one a line ("METHOD ARG..."), and
 * prints the replies in the order of the calls, each as a line of JSON.
 * "timeout MS" sets the time-out of the calls after it;
 * "sync" prints "{}" once the calls before it are sent. */
#include <poll.h>

#include <cstdlib>
#include <deque>
#include <iostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "ovsdb/ovs_c.h"
#include "ovsdb/unixctl_client.h"
#include "tests/line_reader.h"

int
main(int, char *argv[])
{
    set_program_name(argv[0]);
    fatal_ignore_sigpipe();
    vlog_set_levels(nullptr, VLF_ANY_DESTINATION, VLL_OFF);

    pm::UnixctlClient client("ovs-vswitchd");
    pm::LineReader input;
    std::deque<uint64_t> tickets;
    while (!input.eof()) {
        bool sync = false;
        for (const std::string &line : input.take()) {
            std::istringstream words(line);
            std::string method, arg;
            std::vector<std::string> args;
            words >> method;
            while (words >> arg) {
                args.push_back(arg);
            }
            if (method == "timeout" && args.size() == 1) {
                client.set_timeout_ms(std::atoi(args[0].c_str()));
            } else if (method == "sync") {
                sync = true;
            } else {
                tickets.push_back(client.call(method, args));
            }
        }
        client.run();
        if (sync) {
            std::cout << "{}" << std::endl;
        }
        while (!tickets.empty()) {
            auto reply = client.take(tickets.front());
            if (!reply) {
                break;
            }
            tickets.pop_front();
            nlohmann::json json = {{"ok", reply->ok},
                                   {"lost", reply->lost},
                                   {"text", reply->text}};
            std::cout << json.dump() << std::endl;
        }
        client.wait();
        input.wait();
        poll_block();
    }
    return 0;
}
