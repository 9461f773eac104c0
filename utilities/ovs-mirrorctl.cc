/* ovs-mirrorctl(8): options and usage. */
#include "utilities/ovs-mirrorctl.h"

#include <getopt.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>

#include "plugin/json_fields.h"

namespace pm::ctl {

namespace {

enum {
    OPT_DB = UCHAR_MAX + 1,
    OPT_ACCOUNT,
    OPT_DRY_RUN,
    OPT_WAIT,
    OPT_LEADER_ONLY,
    OPT_NO_LEADER_ONLY,
    OPT_BOOTSTRAP_CA_CERT,
    OPT_PEER_CA_CERT,
    OPT_COMMANDS,
    OPT_OPTIONS,
    OPT_LOCAL,
    VLOG_OPTION_ENUMS,
    TABLE_OPTION_ENUMS,
    SSL_OPTION_ENUMS
};

const option GLOBAL_OPTIONS[] = {
    {"db", required_argument, nullptr, OPT_DB},
    {"account", required_argument, nullptr, OPT_ACCOUNT},
    {"dry-run", no_argument, nullptr, OPT_DRY_RUN},
    {"wait", required_argument, nullptr, OPT_WAIT},
    {"timeout", required_argument, nullptr, 't'},
    {"leader-only", no_argument, nullptr, OPT_LEADER_ONLY},
    {"no-leader-only", no_argument, nullptr, OPT_NO_LEADER_ONLY},
    {"help", no_argument, nullptr, 'h'},
    {"version", no_argument, nullptr, 'V'},
    {"commands", no_argument, nullptr, OPT_COMMANDS},
    {"options", no_argument, nullptr, OPT_OPTIONS},
    VLOG_LONG_OPTIONS,
    TABLE_LONG_OPTIONS,
    STREAM_SSL_LONG_OPTIONS,
    {"bootstrap-ca-cert", required_argument, nullptr, OPT_BOOTSTRAP_CA_CERT},
    {"peer-ca-cert", required_argument, nullptr, OPT_PEER_CA_CERT},
    {nullptr, 0, nullptr, 0},
};
constexpr size_t N_GLOBAL_OPTIONS = std::size(GLOBAL_OPTIONS) - 1;

[[noreturn]] void
usage_error(const std::string &message)
{
    std::cerr << program_name << ": " << message << "\n";
    std::exit(EXIT_USAGE);
}

/* Options may stand anywhere, as people type them, while getopt and
 * db-ctl-base want global options first and a command's own before its name:
 * returns the arguments in their order. */
std::vector<std::string>
order_arguments(int argc, char *argv[], const std::vector<option> &options)
{
    std::vector<std::string> globals, rest, own, words;
    auto end_command = [&] {
        rest.insert(rest.end(), own.begin(), own.end());
        rest.insert(rest.end(), words.begin(), words.end());
        own.clear();
        words.clear();
    };
    for (int i = 1; i < argc; i++) {
        std::string arg = argv[i];
        if (arg == "--") {
            end_command();
            rest.push_back(arg);
            continue;
        }
        if (arg.size() < 2 || arg[0] != '-' ||
            std::isdigit(static_cast<unsigned char>(arg[1]))) {
            words.push_back(arg);
            continue;
        }
        bool is_long = arg[1] == '-';
        std::string name =
            is_long ? arg.substr(2, arg.find('=') - 2) : arg.substr(1, 1);
        auto o = std::find_if(options.begin(), options.end(), [&](auto &o) {
            return is_long ? name == o.name : o.val == name[0];
        });
        bool has_value =
            is_long ? arg.find('=') != std::string::npos : arg.size() > 2;
        if (o != options.end() && o->has_arg == required_argument &&
            !has_value && i + 1 < argc) {
            arg += is_long ? "=" : "";
            arg += argv[++i];
        }
        /* An unknown one goes to getopt, for its message. */
        bool is_own = o != options.end() && o->val == OPT_LOCAL;
        (is_own ? own : globals).push_back(arg);
    }
    end_command();
    globals.insert(globals.begin(), argv[0]);
    globals.insert(globals.end(), rest.begin(), rest.end());
    return globals;
}

void
parse_format(Settings *settings, const std::string &format)
{
    static const std::map<std::string, std::pair<Format, enum table_format>>
        FORMATS = {{"table", {Format::Table, TF_TABLE}},
                   {"list", {Format::Table, TF_LIST}},
                   {"html", {Format::Table, TF_HTML}},
                   {"json", {Format::Json, TF_JSON}},
                   {"csv", {Format::Csv, TF_CSV}}};
    auto f = FORMATS.find(format);
    if (f == FORMATS.end()) {
        usage_error("--format is table, json or csv, not \"" + format + "\"");
    }
    settings->format = f->second.first;
    settings->style.format = f->second.second;
}

void
parse_option(Settings *settings, int c)
{
    /* Empty for an option that takes no argument. */
    const std::string argument = optarg ? optarg : "";
    switch (c) {
    case OPT_DB:
        if (argument.empty()) {
            usage_error("--db must not be empty; leave it out for "
                        "$OVS_MIRROR_DB, or the default");
        }
        settings->db = argument;
        break;
    case OPT_ACCOUNT:
        if (argument.empty()) {
            usage_error("--account must not be empty; leave it out to act as "
                        "the operator");
        }
        if (argument.find('/') != std::string::npos) {
            usage_error("--account has a '/', which parts an account from a "
                        "name: " +
                        quote(argument));
        }
        if (!is_word(argument)) {
            usage_error("--account is 1 to 255 bytes without control "
                        "characters, not " +
                        quote(argument));
        }
        if (!settings->account.empty() && settings->account != argument) {
            usage_error("--account is given twice, as " +
                        quote(settings->account) + " and as " +
                        quote(argument) + ": act for one at a time");
        }
        settings->account = argument;
        break;
    case OPT_DRY_RUN:
        settings->dry_run = true;
        break;
    case OPT_WAIT:
        if (argument != "hv" && argument != "none") {
            usage_error("--wait is none or hv, not \"" + argument + "\"");
        }
        settings->wait_hv = argument == "hv";
        break;
    case 't':
        if (!str_to_uint(argument.c_str(), 10, &settings->timeout_secs) ||
            !settings->timeout_secs) {
            usage_error("--timeout is a number of seconds, not \"" + argument +
                        "\"");
        }
        break;
    case OPT_LEADER_ONLY:
        settings->leader_only = true;
        break;
    case OPT_NO_LEADER_ONLY:
        settings->leader_only = false;
        break;
    case 'h':
        settings->help = true;
        break;
    case 'V':
        ovs_print_version(0, 0);
        std::printf("DB Schema %s\n", pmrec_get_db_version());
        std::exit(finish_output(EXIT_DONE));
    case OPT_COMMANDS:
        ctl_print_commands();
        break;
    case OPT_OPTIONS:
        ctl_print_options(GLOBAL_OPTIONS);
        break;
    case 'f':
        parse_format(settings, argument);
        break;
    case 'd':
        table_parse_cell_format(&settings->style, optarg);
        break;
    case OPT_NO_HEADINGS:
        settings->style.headings = false;
        break;
    case OPT_PRETTY:
        settings->style.json_flags |= JSSF_PRETTY;
        break;
    case OPT_BARE:
        settings->style.format = TF_LIST;
        settings->style.cell_format = CF_BARE;
        settings->style.headings = false;
        break;
    case OPT_MAX_COLUMN_WIDTH:
        settings->style.max_column_width = atoi(argument.c_str());
        break;
        VLOG_OPTION_HANDLERS
        STREAM_SSL_OPTION_HANDLERS
    case OPT_PEER_CA_CERT:
        stream_ssl_set_peer_ca_cert_file(optarg);
        break;
    case OPT_BOOTSTRAP_CA_CERT:
        stream_ssl_set_ca_cert_file(optarg, true);
        break;
    default:
        /* getopt has said what is wrong. */
        std::exit(EXIT_USAGE);
    }
}

/* Parses the options into 'settings' and returns the commands' part of the
 * arguments; 'own' gets the options of the first command. */
std::vector<char *>
parse_options(int argc, char *argv[], Settings *settings, shash *own)
{
    size_t n = N_GLOBAL_OPTIONS, allocated = std::size(GLOBAL_OPTIONS);
    auto *raw =
        static_cast<option *>(xmemdup(GLOBAL_OPTIONS, sizeof GLOBAL_OPTIONS));
    ctl_add_cmd_options(&raw, &n, &allocated, OPT_LOCAL);
    std::vector<option> options(raw, raw + n - 1);

    /* getopt and db-ctl-base keep pointers into these. */
    static std::vector<std::string> arguments;
    arguments = order_arguments(argc, argv, options);
    std::vector<char *> pointers;
    pointers.reserve(arguments.size() + 1);
    for (std::string &argument : arguments) {
        pointers.push_back(argument.data());
    }
    pointers.push_back(nullptr);

    char *letters = ovs_cmdl_long_options_to_short_options(GLOBAL_OPTIONS);
    std::string short_options = "+" + std::string(letters);
    free(letters);

    int count = static_cast<int>(arguments.size());
    int index, c;
    while ((c = getopt_long(count, pointers.data(), short_options.c_str(), raw,
                            &index)) != -1) {
        if (c != OPT_LOCAL) {
            parse_option(settings, c);
        } else if (shash_find(own,
                              (std::string("--") + raw[index].name).c_str())) {
            usage_error("option --" + std::string(raw[index].name) +
                        " is given twice");
        } else {
            shash_add_nocopy(own, xasprintf("--%s", raw[index].name),
                             optarg ? xstrdup(optarg) : nullptr);
        }
    }
    for (size_t i = N_GLOBAL_OPTIONS; raw[i].name; i++) {
        free(const_cast<char *>(raw[i].name));
    }
    free(raw);
    pointers.pop_back();
    pointers.erase(pointers.begin(), pointers.begin() + optind);
    return pointers;
}

/* Of the first command, or of all. */
[[noreturn]] void
help(const std::vector<char *> &words)
{
    auto word = std::find_if(words.begin(), words.end(),
                             [](const char *w) { return w[0] != '-'; });
    if (word == words.end()) {
        print_help();
    } else if (!print_command_help(*word)) {
        usage_error("there is no command \"" + std::string(*word) + "\"; \"" +
                    program_name + " --help\" names them all");
    }
    std::exit(finish_output(EXIT_DONE));
}

/* Every text goes to the database as JSON, which knows only UTF-8. */
void
check_utf8(const std::vector<char *> &arguments)
{
    for (const char *argument : arguments) {
        try {
            nlohmann::json(argument).dump();
        } catch (const nlohmann::json::exception &) {
            usage_error("the argument " + quote(argument) +
                        " is not valid UTF-8");
        }
    }
}

} // namespace

} // namespace pm::ctl

int
main(int argc, char *argv[])
{
    using namespace pm::ctl;

    occupy_standard_streams();
    ovs_set_program_name(argv[0], PM_VERSION);
    fatal_ignore_sigpipe();
    vlog_set_levels(nullptr, VLF_CONSOLE, VLL_WARN);
    /* What these would say is said in one line of our own, or is nothing to
     * a user. */
    for (const char *module :
         {"reconnect", "jsonrpc", "ovsdb_idl", "timeval"}) {
        vlog_set_levels_from_string_assert(
            (std::string(module) + ":console:off").c_str());
    }
    vlog_set_levels(nullptr, VLF_SYSLOG, VLL_WARN);

    ctl_init__(&pmrec_idl_class, table_classes(), nullptr, nullptr);
    for (const ctl_command_syntax *commands : own_commands()) {
        ctl_register_commands(commands);
    }

    Settings settings;
    settings.start_ms = time_msec();
    for (int i = 0; i < argc; i++) {
        settings.invocation += (i ? " " : "") + std::string(argv[i]);
    }
    shash own = SHASH_INITIALIZER(&own);
    std::vector<char *> words = parse_options(argc, argv, &settings, &own);
    check_utf8(std::vector<char *>(argv, argv + argc));
    if (settings.help) {
        help(words);
    }
    if (settings.db.empty()) {
        const char *db = getenv("OVS_MIRROR_DB");
        settings.db =
            db && db[0] ? db
                        : "unix:" + std::string(ovs_rundir()) + "/mirror.sock";
    }
    std::string fault = fault_of_remote(settings.db);
    if (!fault.empty()) {
        complain("SYNTAX", settings.db, fault);
        return EXIT_USAGE;
    }

    ctl_command *commands;
    size_t n_commands;
    char *error =
        ctl_parse_commands(static_cast<int>(words.size()), words.data(), &own,
                           &commands, &n_commands);
    if (error) {
        std::string text = error;
        free(error);
        usage_error(text);
    }
    int status = read_files(&settings, commands, n_commands)
                     ? run_commands(settings, commands, n_commands)
                     : EXIT_REFUSED;
    for (size_t i = 0; i < n_commands; i++) {
        shash_destroy_free_data(&commands[i].options);
    }
    free(commands);
    shash_destroy(&own);
    return finish_output(status);
}
