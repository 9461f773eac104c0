/* ovs-mirrorctl: what its parts share.
 *
 * One invocation is one transaction.  Each try of it is an Attempt: the
 * database read into values, an Edit to which every command of the invocation
 * adds, and, when the edit is without problems, the difference written back.
 * A race lost means another attempt from fresh values. */
#ifndef UTILITIES_OVS_MIRRORCTL_H
#define UTILITIES_OVS_MIRRORCTL_H 1

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "ovsdb/control_rows.h"
#include "ovsdb/ovs_c.h"
#include "plugin/document.h"
#include "plugin/lifecycle.h"
#include "plugin/printable.h"
#include "plugin/probe.h"

namespace pm::ctl {

/* Exit codes: others script against them. */
inline constexpr int EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2,
                     EXIT_NOT_INSTALLED = 3;

enum class Format { Table, Json, Csv };

struct Settings {
    std::string db;
    std::string account; /* Empty: the operator. */
    Format format = Format::Table;
    bool help = false;
    bool dry_run = false;
    bool wait_hv = false;
    bool leader_only = true;
    unsigned timeout_secs = 0; /* 0: none given. */
    long long start_ms = 0;    /* Of the program, by time_msec(). */
    table_style style = TABLE_STYLE_DEFAULT; /* Of the generic commands. */
    std::string invocation; /* For the transaction's comment. */
    std::map<std::string, std::string> files; /* Read for "apply". */

    /* If a time-out was given. */
    long long deadline_ms() const { return start_ms + timeout_secs * 1000LL; }
};

struct Attempt {
    const Settings &settings;
    ovsdb_idl *idl;
    ovsdb_idl_txn *txn;
    EditContext context;
    Model before;
    Edit edit;
    bool sync = false; /* Wait for every hypervisor that may be known of. */
    /* What was done in the transaction itself, as lines for --dry-run. */
    std::vector<std::string> raw_edits;
    std::set<std::string> forgotten; /* Hypervisors. */
    /* Tunnels to name the VNI of that was chosen for them. */
    std::vector<std::string> vni_left_out;
    /* Lines to print once it is done: on standard output and error. */
    std::vector<std::string> notices, warnings;
    /* What "tunnel-probe" asks of the hypervisors, and the tunnel's name. */
    std::optional<Probe> probe;
    std::string probed;

    void refuse(const std::string &code, const std::string &path,
                const std::string &message)
    {
        edit.problems.push_back(Problem{code, path, message});
    }
    /* How the caller says the name of an object. */
    std::string say(const std::string &account, const std::string &name) const
    {
        return account == context.own_account() ? name : account + "/" + name;
    }
};

/* What db-ctl-base hands to a command, and ours behind it. */
struct Context {
    ctl_context base;
    Attempt *attempt;
};

inline Attempt &
attempt_of(ctl_context *ctx)
{
    return *reinterpret_cast<Context *>(ctx)->attempt;
}

/* The commands, each array ending in a null name. */
const ctl_command_syntax *edit_commands();
const ctl_command_syntax *list_commands();
const ctl_command_syntax *filter_commands();
const ctl_command_syntax *tunnel_commands();
const ctl_command_syntax *tunnel_show_commands();
const ctl_command_syntax *show_commands();
const ctl_command_syntax *init_commands();
const ctl_command_syntax *lifecycle_commands();
const ctl_command_syntax *probe_commands();
/* All of these. */
std::vector<const ctl_command_syntax *> own_commands();
/* How db-ctl-base's commands name the rows of each table. */
const ctl_table_class *table_classes();
/* Whether db-ctl-base has it: these work on rows, not through an Edit. */
bool is_generic(const ctl_command_syntax *);

/* Puts something in the place of each standard stream that the caller closed:
 * else the next thing opened would have it, and what is printed would go to
 * the database's socket.  First of all. */
void occupy_standard_streams();
/* Reads the files that commands name, before anything is locked or waited
 * for; standard input can be read but once.  Returns false, having said why,
 * if that cannot be. */
bool read_files(Settings *, const ctl_command *, size_t n);
/* Prints a text, and remembers why if that cannot be. */
void print_output(const char *text);
/* Writes out what was printed, before anything is waited for or complained
 * of. */
void flush_output();
/* The same, last.  Returns 'status', or EXIT_REFUSED after saying so if
 * something could not be written. */
int finish_output(int status);

/* Whether each row that a command refers to by "@NAME" is made by one;
 * complains of one that is not. */
bool are_all_created(const ovsdb_symbol_table *);

/* Prints the help of all commands. */
void print_help();
/* Prints one command's help; false if there is no such command. */
bool print_command_help(const std::string &name);

/* KEY=VALUE arguments: the key as the document spells it. */
std::string key_of(const std::string &argument);
/* What is no number or truth stays text: the check then names the key. */
nlohmann::json value_of(const std::string &key, const std::string &text);
/* Puts the command's arguments from the 'first' on into '*object'.  An empty
 * value takes a key back to its default. */
void put_values(const ctl_context *, int first, nlohmann::json *object);
/* The same into a load balancer that is there: of its members, those whose
 * addresses are given keep their state and NIC. */
void put_load_balancer_values(const ctl_context *, int first,
                              nlohmann::json *object);
/* A usage error unless each argument from the 'first' on is KEY=VALUE, with
 * no key twice. */
void require_values(ctl_context *, int first);

/* What is wrong with the form of a remote, and how to mend it, or "". */
std::string fault_of_remote(const std::string &db);
/* Why a server that takes the connection may have nothing to say. */
std::string why_unserved(const Settings &);

/* Connects, runs the commands in one transaction, prints; returns the exit
 * code. */
int run_commands(const Settings &, ctl_command *, size_t n);

/* Prints "ovs-mirrorctl: CODE: PATH: MESSAGE" on standard error. */
void complain(const std::string &code, const std::string &path,
              const std::string &message);

/* What an edit would do, one line an object that the caller may see: it also
 * finds others' lost NICs again. */
std::vector<std::string> describe(const Model &before, const Model &after,
                                  const EditContext &);

/* What --dry-run says of a command that edits rows by itself. */
std::string words_of(const ctl_command &);
/* Whether 'delta' was judged by other rows not being there: a second resource
 * of a target, a tunnel like another, one that has the VNI. */
bool is_judged_among_others(const Model &before, const ModelDelta &delta);

/* Adds to the notices and warnings what the caller would not see otherwise:
 * VNIs chosen, approval awaited, the edit's own warnings. */
void say_more(Attempt *, const ModelDelta &);

/* What --wait=hv and "sync" wait for. */
struct Awaited {
    int64_t cfg = 0;
    /* Whether the edit named the tunnel itself: it is to run then. */
    std::map<Uuid, bool> tunnels;
    std::set<std::string> chassis; /* Those concerned before the edit. */
    bool all_chassis = false;      /* Of tunnels that the caller may see. */
};
/* The tunnels that the edit bears on, and their hypervisors. */
Awaited awaited_by(const Attempt &);
/* Counts the edit, so that hypervisors answer it.  Returns false, having said
 * why, if that cannot be. */
bool raise_cfg(ovsdb_idl *, ovsdb_idl_txn *);
/* Names the tunnels as the server does, now that it has made them. */
void take_given_uuids(Awaited *, const ovsdb_idl_txn *);
/* Returns EXIT_DONE or, having said why, EXIT_NOT_INSTALLED. */
int wait_installed(const Settings &, ovsdb_idl *, const Awaited &,
                   long long deadline_ms);
/* A hypervisor that has missed three heartbeats of one a minute is not, nor
 * is one whose last lies as far ahead: nobody knows when that was. */
bool is_alive(const Chassis &, int64_t now_ms);

/* Writes the attempt's probe in its transaction, and deletes what others left
 * behind; '*id' is its row, until the server gives it another. */
void put_probe(const Attempt &, Uuid *id);
/* Sees it through and prints what came of it.  Returns EXIT_DONE if all
 * stations were passed as far as can be seen from here, else EXIT_REFUSED.
 * 'limit_ms' is by time_msec(). */
int finish_probe(const Attempt &, const Uuid &id, long long limit_ms);

/* What a list command shows, in the format asked for: 'objects' as JSON, and
 * their 'keys' as CSV, the same of an empty list; the rest as a table with
 * lines below it. */
struct Listing {
    std::vector<std::string> keys;
    std::vector<std::string> headings;
    std::vector<std::vector<std::string>> rows;
    nlohmann::ordered_json objects = nlohmann::ordered_json::array();
    std::vector<std::string> below;
};
void print(ctl_context *, const Listing &);
/* Its objects, each with all of its keys: null is what it does not have. */
nlohmann::ordered_json complete_objects(const Listing &);
/* Prints one object: as JSON, as a row of CSV, else "key: value" lines. */
void print_object(ctl_context *, const nlohmann::ordered_json &);
/* A value in one word or a few. */
std::string cell_text(const nlohmann::ordered_json &);
/* Refuses what needs an object that the caller does not have, or has in a row
 * that cannot be read. */
void refuse_missing(Attempt *, const std::string &kind,
                    const std::string &name);
/* Finds the object that the first argument names, or refuses. */
std::optional<Uuid> find_named(ctl_context *, const char *kind);
/* Names of the tunnels, as far as the caller may see them, for which 'uses'
 * holds. */
nlohmann::ordered_json
used_by(const Attempt &, const std::function<bool(const Tunnel &)> &uses);
/* A problem's path: as in a document, but by name. */
std::string path_of(const std::string &kind, const std::string &name);
/* JSON as it is printed: nothing in it steers a terminal. */
std::string json_text(const nlohmann::ordered_json &);
/* Columns of the terminal: $COLUMNS, else what standard output says of
 * itself; without limit if it is no terminal. */
size_t terminal_width();
/* A table of at most 'limit' columns, if that can be: cells that are too wide
 * go on in a line below.  Nothing is cut off. */
std::string table_text(const std::vector<std::string> &headings,
                       const std::vector<std::vector<std::string>> &rows,
                       bool with_heading, size_t limit);
/* RFC 3339 in UTC; null for 0. */
nlohmann::ordered_json time_json(int64_t time_ms);

/* The tunnels that the caller may see, those shutting down included. */
std::vector<TunnelView> views_of(const Attempt &);
/* Others script against its keys: they are fixed. */
nlohmann::ordered_json view_json(const TunnelView &);
/* "-" for what is not known. */
std::string number_text(const std::optional<int64_t> &);
/* "VPC/ADDRESS" of what the resource is, as far as it is known. */
std::string place_text(const Model &, const Uuid &resource);
/* What is configured, and after it what becomes of it when that differs. */
std::string length_text(const TunnelView &);

/* For people: "45s", "3m", "5h", "2d". */
std::string age_text(int64_t since_ms, int64_t now_ms);
/* Exact below 10,000, then "12.3k", "4.56M"; "-" for what is not known. */
std::string count_text(const std::optional<int64_t> &);
/* "512 bytes", "1.23 kB", "45.6 MB". */
std::string bytes_text(const std::optional<int64_t> &);
/* "640 bit/s", "1.20 Mbit/s". */
std::string rate_text(double bits_per_second);

} // namespace pm::ctl

#endif /* UTILITIES_OVS_MIRRORCTL_H */
