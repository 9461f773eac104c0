/* ovs-mirrorctl: help.
 *
 * What a command does stands here, once; its arguments and options are those
 * of its ctl_command_syntax, which parsing, "--commands" and the completion of
 * bash use too. */
#include <cstdio>
#include <cstring>

#include "utilities/ovs-mirrorctl.h"

namespace pm::ctl {

namespace {

constexpr size_t WIDTH = 79;

/* 'about' begins with a sentence that says it all in few words. */
struct Help {
    std::string name, about, example;
};

struct Section {
    const char *title;
    std::vector<Help> commands;
};

struct OptionHelp {
    const char *name, *value, *about;
};

const OptionHelp OPTIONS[] = {
    {"--prune", "",
     "also delete objects of the kinds present, in the accounts that the "
     "document names, that it does not list"},
    {"--generation", "N",
     "accept only the request as it was when it was looked at"},
    {"--force", "",
     "also delete what hypervisors not heard from for three minutes last "
     "said of the tunnel; the operator's"},
    {"--if-exists", "", "a record that does not exist is no error"},
    {"--columns", "COLUMN,...", "print these columns only"},
    {"--id", "@NAME", "a name for the row, for the other commands"},
    {"--all", "", "every record of the table"},
};

/* A kind of object with commands to add, list, set and delete. */
struct Kind {
    const char *noun, *objects;
    Help add;         /* Without its name. */
    const char *name; /* For the examples. */
    const char *change;
    const char *of_set = ""; /* What else there is to say of "-set". */
    /* What becomes of those that refer to one that is deleted. */
    const char *of_del = "  One that something refers to is not deleted, and "
                         "what refers to it is named.";
};

const char TARGET_DEL[] =
    "  Resources that stand for it are kept, and their tunnels, which a "
    "warning names, copy nothing until it is added again.";
const char WAY_DEL[] = "  Routes that name it are kept, and lead nowhere "
                       "until it is added again.";

const Kind RESOURCE = {
    "resource",
    "Mirror Resources",
    {"",
     "Makes a Mirror Resource.  A source is a network interface; a "
     "destination is one, or a load balancer, or a collector.  TARGET is its "
     "name in the inventory.  Purpose, type and target do not change.",
     "web1-src source network-interface web1-eth0"},
    "web1-src",
    "note=\"web server\""};

const Kind FILTER = {
    "filter",
    "Mirror Filters",
    {"",
     "Makes a Mirror Filter, without rules.  Nothing of a direction without "
     "rules is mirrored.  non-ip=mirror also mirrors frames that are not IP, "
     "of both directions whatever their rules.",
     "web note=\"web traffic\""},
    "web",
    "non-ip=mirror"};

const Kind TUNNEL = {
    "tunnel",
    "Mirror Tunnels",
    {"",
     "Makes a Mirror Tunnel.  Without a filter every frame is mirrored; "
     "without a VNI one is chosen and printed; length is the bytes kept of "
     "each frame.  A tunnel to another account waits until that accepts it.",
     "web1-ids source=web1-src destination=ids filter=web length=128"},
    "web1-ids",
    "vni=7002"};

const Kind INVENTORY[] = {
    {"vpc",
     "VPCs",
     {"", "Adds a VPC.", "vpc-a account=acme region=kr"},
     "vpc-a",
     "region=jp"},
    {"subnet",
     "subnets",
     {"", "Adds a subnet of a VPC.",
      "sn-a vpc-a 10.1.0.0/24 gateway=10.1.0.1"},
     "sn-a",
     "gateway=10.1.0.254"},
    {"nic",
     "network interfaces",
     {"",
      "Adds a network interface.  ID is external_ids:iface-id of its "
      "Interface in Open vSwitch.  Without a subnet it needs no VPC.  "
      "permits-vxlan-from is from where its ACG and NACL admit UDP 4789.",
      "web1-eth0 iface-id=web1-eth0 mac=52:54:00:00:00:01 subnet=sn-a"},
     "web1-eth0",
     "addresses=10.1.0.5,10.1.0.6",
     "",
     TARGET_DEL},
    {"lb",
     "inline load balancers",
     {"", "Adds an inline load balancer with its members' addresses.",
      "ids-lb vpc=tvpc members=10.9.0.10,10.9.0.11"},
     "ids-lb",
     "members=10.9.0.10,10.9.0.12",
     "  Members that are there already keep their state and NIC; \"apply\" "
     "changes these.",
     TARGET_DEL},
    {"peering",
     "VPC peerings",
     {"",
      "Adds a VPC peering.  Copies travel from the first VPC to the second "
      "only.",
      "a-to-b vpc-a vpc-b"},
     "a-to-b",
     "state=inactive",
     "",
     WAY_DEL},
    {"connect",
     "Transit VPC Connects",
     {"", "Adds a Transit VPC Connect of a VPC with a transit VPC.",
      "a-to-t vpc-a tvpc"},
     "a-to-t",
     "state=inactive",
     "",
     WAY_DEL},
    {"collector",
     "collectors",
     {"",
      "Adds a collector on the underlay, outside of any VPC.  Without an "
      "account it is anyone's.",
      "suricata1 192.0.2.10"},
     "suricata1",
     "address=192.0.2.11",
     "",
     TARGET_DEL},
};

void
append_kind(const Kind &kind, std::vector<Help> *commands)
{
    auto command = [&](const char *verb) {
        return std::string(kind.noun) + "-" + verb;
    };
    const std::string objects = kind.objects;
    const std::string name = kind.name;
    commands->push_back({command("add"), kind.add.about, kind.add.example});
    commands->push_back({command("list"),
                         "Lists the " + objects + " that the account may see.",
                         ""});
    commands->push_back({command("set"),
                         "Changes one of the " + objects +
                             ".  The keys are those of " + command("add") +
                             "; an empty value takes a key back to its "
                             "default." +
                             kind.of_set,
                         name + " " + kind.change});
    if (kind.noun != std::string("tunnel")) {
        commands->push_back(
            {command("del"), "Deletes " + objects + "." + kind.of_del, name});
    }
}

std::vector<Section>
make_sections()
{
    std::vector<Section> sections = {
        {"General",
         {{"init",
           "Prepares a new control database.  Safe to run again, and to be "
           "run after an upgrade.",
           ""},
          {"show", "Shows hypervisors and tunnels at a glance.", ""},
          {"apply",
           "Makes the database say what a JSON document says.  FILE is \"-\" "
           "for standard input.  A key left out takes its default; kinds of "
           "objects left out are untouched.",
           "apply --dry-run mirror.json"},
          {"export", "Prints such a document.", ""},
          {"sync",
           "Waits until every live hypervisor has done what the database says "
           "now.  What cannot be installed is done, too: tunnel-list says "
           "why.",
           "--timeout=10 sync"},
          {"chassis-del",
           "Forgets hypervisors that are gone for good, with all that they "
           "have reported.  One that has been heard of within three minutes "
           "is refused.  The operator's.",
           "hv7"}}},
        {"Mirror Resources", {}},
        {"Mirror Filters", {}},
        {"Mirror Tunnels", {}},
        {"Inventory", {}},
        {"Log", {{"event-list", "Shows who did what, when.", "--format=csv"}}},
        {"Database",
         {{"list", "Prints records of a table.", "Chassis"},
          {"find", "Prints the records that satisfy a condition.",
           "Mirror_Tunnel enabled=false"},
          {"get", "Prints values of a record.", "Chassis hv1 slots_used"},
          {"set", "Sets columns of a record, past all checks.",
           "VPC vpc-a external_ids:project=web"},
          {"add", "Adds values to a column of a record, past all checks.",
           "VPC vpc-a external_ids project=web"},
          {"remove",
           "Removes values from a column of a record, past all checks.",
           "VPC vpc-a external_ids project"},
          {"clear", "Clears columns of a record, past all checks.",
           "VPC vpc-a external_ids"},
          {"create", "Makes a record, past all checks.",
           "VPC name=vpc-a account=acme"},
          {"destroy", "Deletes records, past all checks.",
           "Tunnel_Status web1-ids"},
          {"wait-until",
           "Waits until a record exists and satisfies the conditions.",
           "--timeout=10 wait-until Chassis hv1"},
          {"comment", "Puts words into the transaction's log record.",
           "by hand"}}},
    };
    auto section = [&](const char *title) {
        return &std::find_if(sections.begin(), sections.end(), [&](auto &s) {
                    return !strcmp(s.title, title);
                })->commands;
    };
    append_kind(RESOURCE, section("Mirror Resources"));
    section("Mirror Resources")
        ->push_back({"resource-show",
                     "Shows one Mirror Resource and the tunnels that use it.",
                     "web1-src"});
    append_kind(FILTER, section("Mirror Filters"));
    for (const Help &help : {
             Help{"filter-show",
                  "Shows one Mirror Filter with its rules in the order of "
                  "their evaluation, and the tunnels that use it.",
                  "web"},
             Help{"rule-add",
                  "Adds a rule to a filter.  Inbound is what the source NIC "
                  "receives, outbound what it sends.  Of the rules that match "
                  "the one with the lowest number decides; what none matches "
                  "is not mirrored.",
                  "web inbound 100 accept protocol=tcp "
                  "destination-port=80-443"},
             Help{"rule-list", "Lists a filter's rules in their order.",
                  "web"},
             Help{"rule-del", "Deletes a rule by its number.",
                  "web inbound 100"},
             Help{
                 "filter-test",
                 "Says which rule decides on a frame.  FLOW is one frame as "
                 "ovs-ofctl(8) writes it; \"in\" is received by the NIC.  No "
                 "switch is asked: \"ovs-appctl -t ovs-mirrord mirror/trace\" "
                 "asks it.",
                 "web in tcp,nw_src=10.1.0.9,tp_dst=80"},
         }) {
        section("Mirror Filters")->push_back(help);
    }
    append_kind(TUNNEL, section("Mirror Tunnels"));
    for (const Help &help : {
             Help{"tunnel-del",
                  "Deletes tunnels.  Each is Shutting down until its "
                  "hypervisors have proven that they copy nothing for it.",
                  "web1-ids"},
             Help{"tunnel-show",
                  "Shows all that is known of one tunnel.  That is its "
                  "conditions, both ends, who asked and who accepted, its "
                  "hypervisors, counters and events.",
                  "web1-ids"},
             Help{"tunnel-probe",
                  "Sends one marked frame down a tunnel's own path, and says "
                  "how far it came.  The source's hypervisor makes a frame "
                  "that the filter admits, or takes FLOW, one frame as "
                  "ovs-ofctl(8) writes it; \"in\" is received by the NIC, "
                  "which itself sees nothing of it.  It reaches the "
                  "destination and counts as any copy.  It is joined with no "
                  "command that writes.",
                  "web1-ids out udp,nw_src=10.1.0.5,tp_dst=53"},
             Help{"tunnel-inbox",
                  "Lists the requests of other accounts that wait for this "
                  "one.",
                  "--account=beta tunnel-inbox"},
             Help{"tunnel-accept",
                  "Accepts a request.  Only the destination's account may.  "
                  "Copies between accounts cost network fees.",
                  "--account=beta tunnel-accept acme/web1-ids --generation=1"},
             Help{"tunnel-reject",
                  "Rejects a request, which deletes it.  Only the "
                  "destination's account may.",
                  "--account=beta tunnel-reject acme/web1-ids"},
         }) {
        section("Mirror Tunnels")->push_back(help);
    }
    for (const Kind &kind : INVENTORY) {
        append_kind(kind, section("Inventory"));
    }
    for (const Help &help : {
             Help{"route-add",
                  "Adds a route to a subnet.  It leads to a CIDR over a "
                  "peering, a connect, or stays local.",
                  "sn-a 10.2.0.0/16 a-to-b"},
             Help{"route-list", "Lists routes, of one subnet or of all.",
                  "sn-a"},
             Help{"route-set", "Changes where a subnet's route leads.",
                  "sn-a 10.2.0.0/16 local"},
             Help{"route-del", "Deletes a route of a subnet.",
                  "sn-a 10.2.0.0/16"},
         }) {
        section("Inventory")->push_back(help);
    }
    return sections;
}

/* The command's syntax, or nullptr.  db-ctl-base tells it only of a command
 * line that parses: as many arguments as it takes are tried. */
const ctl_command_syntax *
syntax_of(const std::string &name)
{
    constexpr size_t TRIED_MAX = 8;
    std::string word = name, argument = "x";
    std::vector<char *> words = {word.data()};
    while (words.size() <= TRIED_MAX) {
        shash own = SHASH_INITIALIZER(&own);
        ctl_command *commands;
        size_t n;
        char *error = ctl_parse_commands(static_cast<int>(words.size()),
                                         words.data(), &own, &commands, &n);
        if (!error) {
            const ctl_command_syntax *syntax = commands[0].syntax;
            shash_destroy(&commands[0].options);
            free(commands);
            return syntax;
        }
        free(error);
        words.push_back(argument.data());
    }
    return nullptr;
}

/* 'text' in lines of at most WIDTH, each indented, and the first by 'first'
 * instead. */
std::string
wrap(const std::string &text, size_t indent, const std::string &first)
{
    std::string out, line = first;
    bool begun = false;
    for (size_t at = 0; at < text.size();) {
        size_t end = std::min(text.find(' ', at), text.size());
        const std::string word = text.substr(at, end - at);
        /* Two spaces between sentences stay two. */
        if (begun && line.size() + 1 + word.size() > WIDTH) {
            line.erase(line.find_last_not_of(' ') + 1);
            out += line + "\n";
            line = std::string(indent, ' ');
            begun = false;
        }
        if (!word.empty() || begun) {
            line += (begun ? " " : "") + word;
            begun = true;
        }
        at = end + 1;
    }
    return out + line + "\n";
}

const OptionHelp *
option_help(const std::string &name)
{
    auto help =
        std::find_if(std::begin(OPTIONS), std::end(OPTIONS),
                     [&](const OptionHelp &o) { return name == o.name; });
    return help == std::end(OPTIONS) ? nullptr : help;
}

/* The names of a command's own options. */
std::vector<std::string>
options_of(const ctl_command_syntax &syntax)
{
    std::vector<std::string> names;
    const std::string text = syntax.options;
    for (size_t at = 0; at < text.size();) {
        size_t end = std::min(text.find(',', at), text.size());
        std::string name = text.substr(at, end - at);
        names.push_back(name.substr(0, name.find_first_of("=?")));
        at = end + 1;
    }
    return names;
}

std::string
option_text(const std::string &name)
{
    const OptionHelp *help = option_help(name);
    return help && *help->value ? name + "=" + help->value : name;
}

/* "tunnel-del [--force] NAME...". */
std::string
synopsis(const ctl_command_syntax &syntax)
{
    std::string text = syntax.name;
    for (const std::string &option : options_of(syntax)) {
        text.append(" [").append(option_text(option)).append("]");
    }
    return *syntax.arguments ? text + " " + syntax.arguments : text;
}

std::string
first_sentence(const std::string &text)
{
    return text.substr(0, text.find('.'));
}

} // namespace

bool
print_command_help(const std::string &name)
{
    const ctl_command_syntax *syntax = syntax_of(name);
    if (!syntax) {
        return false;
    }
    const std::string program = program_name;
    std::string text =
        wrap(synopsis(*syntax), 11, "usage: " + program + " [OPTION...] ");
    for (const Section &section : make_sections()) {
        for (const Help &help : section.commands) {
            if (help.name != name) {
                continue;
            }
            text += "\n" + wrap(help.about, 0, "");
            auto options = options_of(*syntax);
            text += options.empty() ? "" : "\nOptions:\n";
            for (const std::string &option : options) {
                text += "  " + option_text(option) + "\n";
                if (const OptionHelp *its = option_help(option)) {
                    text += wrap(its->about, 6, "      ");
                }
            }
            /* An example with options before the name has the name too. */
            bool whole = help.example.find(name) != std::string::npos;
            text += "\nExample:\n  " + program + " " +
                    (whole ? "" : name + (help.example.empty() ? "" : " ")) +
                    help.example + "\n";
        }
    }
    text += "\n\"" + program +
            " --help\" has the options of all commands and the other "
            "commands.\n";
    print_output(text.c_str());
    return true;
}

void
print_help()
{
    const std::string program = program_name;
    std::string text =
        program + ": packet mirroring for Open vSwitch\nusage: " + program +
        " [OPTION...] COMMAND [ARG...] [-- COMMAND "
        "[ARG...]]...\n       " +
        program + " COMMAND --help\n";
    for (const Section &section : make_sections()) {
        text.append("\n").append(section.title).append(":\n");
        for (const Help &help : section.commands) {
            text += wrap(synopsis(*syntax_of(help.name)), 8, "  ");
            text += wrap(first_sentence(help.about), 6, "      ");
        }
    }
    text += "\n\
Options:\n\
  --db=REMOTE                 the control database (default: $OVS_MIRROR_DB,\n\
                              else unix:" +
            std::string(ovs_rundir()) + "/mirror.sock)\n\
  --account=NAME              act for this account (default: the operator)\n\
  -f, --format=table|json|csv\n\
  --dry-run                   print what would be written, write nothing\n\
  --wait=none|hv              hv: return once the hypervisors have it\n\
  -t, --timeout=SECS          wait at most SECS seconds (default: 30)\n\
  --no-leader-only            any server of a cluster will do\n";
    print_output(text.c_str());
    vlog_usage();
    stream_usage("database", true, true, true);
    print_output("\n\
Other options:\n\
  -h, --help                  display this help, or that of COMMAND\n\
  -V, --version               display version information\n");
}

} // namespace pm::ctl
