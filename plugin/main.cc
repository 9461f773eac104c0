/* ovs-mirrord: keeps this hypervisor's switch as the Mirror Tunnels of the
 * control database say. */
#include <getopt.h>
#ifdef HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

#include <cstdio>
#include <cstdlib>

#include "ovsdb/ovs_c.h"
#include "plugin/agent.h"
#include "plugin/appctl.h"
#include "plugin/appctl_trace.h"

VLOG_DEFINE_THIS_MODULE(mirrord);

#ifdef HAVE_JEMALLOC
/* jemalloc(3), TUNING.  One thread allocates, and what a start with thousands
 * of tunnels took for the moment goes back to the system at once. */
const char *malloc_conf = "narenas:1,dirty_decay_ms:500,muzzy_decay_ms:0";
#endif

namespace {

struct Exit {
    bool requested = false;
    bool cleanup = false;
    /* Answered when the daemon is about to end. */
    std::vector<struct unixctl_conn *> conns;
};

[[noreturn]] void
usage()
{
    std::printf("%s: packet mirroring daemon for Open vSwitch\n"
                "usage: %s [OPTIONS] [SWITCH-DB]\n"
                "where SWITCH-DB is the switch database "
                "(default: unix:%s/db.sock).\n",
                program_name, program_name, ovs_rundir());
    stream_usage("SWITCH-DB", true, false, false);
    daemon_usage();
    vlog_usage();
    std::printf("\nOther options:\n"
                "  --unixctl=SOCKET        override default control socket "
                "name\n"
                "  -h, --help              display this help message\n"
                "  -V, --version           display version information\n");
    std::exit(EXIT_SUCCESS);
}

/* Returns the switch database's remote. */
std::string
parse_options(int argc, char *argv[], std::string *unixctl_path)
{
    enum {
        OPT_UNIXCTL = UCHAR_MAX + 1,
        OPT_PEER_CA_CERT,
        OPT_BOOTSTRAP_CA_CERT,
        VLOG_OPTION_ENUMS,
        DAEMON_OPTION_ENUMS,
        SSL_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        {"help", no_argument, nullptr, 'h'},
        {"version", no_argument, nullptr, 'V'},
        {"unixctl", required_argument, nullptr, OPT_UNIXCTL},
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        STREAM_SSL_LONG_OPTIONS,
        {"peer-ca-cert", required_argument, nullptr, OPT_PEER_CA_CERT},
        {"bootstrap-ca-cert", required_argument, nullptr,
         OPT_BOOTSTRAP_CA_CERT},
        {nullptr, 0, nullptr, 0},
    };
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);
    for (;;) {
        int c = getopt_long(argc, argv, short_options, long_options, nullptr);
        if (c == -1) {
            break;
        }
        switch (c) {
        case 'h':
            usage();
        case 'V':
            ovs_print_version(0, 0);
            std::exit(EXIT_SUCCESS);
        case OPT_UNIXCTL:
            *unixctl_path = optarg;
            break;
            DAEMON_OPTION_HANDLERS
            VLOG_OPTION_HANDLERS
            STREAM_SSL_OPTION_HANDLERS
        case OPT_PEER_CA_CERT:
            stream_ssl_set_peer_ca_cert_file(optarg);
            break;
        case OPT_BOOTSTRAP_CA_CERT:
            stream_ssl_set_ca_cert_file(optarg, true);
            break;
        default:
            std::exit(EXIT_FAILURE);
        }
    }
    std::free(short_options);
    if (argc - optind > 1) {
        ovs_fatal(0, "at most one argument, the switch database, is "
                     "accepted; use --help for usage");
    }
    return argc > optind ? argv[optind]
                         : "unix:" + std::string(ovs_rundir()) + "/db.sock";
}

void
on_exit_command(struct unixctl_conn *conn, int argc, const char *argv[],
                void *aux)
{
    Exit *exit = static_cast<Exit *>(aux);
    if (argc > 1 && std::string(argv[1]) != "--cleanup") {
        unixctl_command_reply_error(conn, "the only option is --cleanup");
        return;
    }
    exit->requested = true;
    exit->cleanup |= argc > 1;
    exit->conns.push_back(conn);
}

void
on_memory_usage(const pm::Agent &agent)
{
    if (!memory_should_report()) {
        return;
    }
    struct simap usage = SIMAP_INITIALIZER(&usage);
    simap_increase(&usage, "tunnels", agent.desired().tunnels().size());
    simap_increase(&usage, "flow-owners", agent.desired().flows().size());
    memory_report(&usage);
    simap_destroy(&usage);
}

/* jemalloc looks at the clock only when memory is taken or given back, so that
 * a daemon at rest would keep what its start took for the moment. */
void
release_memory()
{
#ifdef HAVE_JEMALLOC
    constexpr int64_t INTERVAL_MS = 1000;
    static int64_t next_ms = 0;
    if (time_msec() >= next_ms) {
        next_ms = time_msec() + INTERVAL_MS;
        mallctl("arena.0.decay", nullptr, nullptr, nullptr, 0);
    }
#endif
}

} // namespace

int
main(int argc, char *argv[])
{
    ovs_cmdl_proctitle_init(argc, argv);
    ovs_set_program_name(argv[0], PM_VERSION);
    service_start(&argc, &argv);
    std::string unixctl_path;
    std::string remote = parse_options(argc, argv, &unixctl_path);
    fatal_ignore_sigpipe();
    /* With --user, keep CAP_NET_ADMIN: the kernel asks for it before it looks
     * for a neighbour. */
    daemonize_start(true);

    struct unixctl_server *unixctl;
    int retval = unixctl_server_create(
        unixctl_path.empty() ? nullptr : unixctl_path.c_str(), &unixctl);
    if (retval) {
        std::exit(EXIT_FAILURE);
    }
    Exit exit;
    unixctl_command_register("exit", "[--cleanup]", 0, 1, on_exit_command,
                             &exit);
    std::string left;
    {
        pm::Agent agent(remote);
        pm::register_appctl(&agent);
        pm::TraceCommand trace(&agent);
        daemonize_complete();
        VLOG_INFO("%s %s (Open vSwitch library %s)", program_name, PM_VERSION,
                  PM_OVS_VERSION);
        for (;;) {
            on_memory_usage(agent);
            memory_run();
            agent.run();
            trace.run();
            unixctl_server_run(unixctl);
            if (exit.cleanup) {
                agent.start_cleanup();
            }
            if (exit.requested && (!exit.cleanup || agent.cleaned())) {
                left = agent.left_behind();
                break;
            }
            memory_wait();
            agent.wait();
            trace.wait();
            unixctl_server_wait(unixctl);
            release_memory();
            poll_block();
        }
    }
    if (!left.empty()) {
        VLOG_WARN("exit --cleanup: %s", left.c_str());
    }
    for (struct unixctl_conn *conn : exit.conns) {
        if (left.empty()) {
            unixctl_command_reply(conn, nullptr);
        } else {
            unixctl_command_reply_error(conn, left.c_str());
        }
    }
    unixctl_server_destroy(unixctl);
    service_stop();
    return EXIT_SUCCESS;
}
