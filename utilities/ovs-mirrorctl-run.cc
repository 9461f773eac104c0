/* ovs-mirrorctl: connection, transaction, output. */
#include "utilities/ovs-mirrorctl.h"

#include <climits>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <optional>

#include "plugin/nic_links.h"

namespace pm::ctl {

namespace {

/* Without --timeout: how long a database may take to answer, and
 * hypervisors to install. */
constexpr long long DEFAULT_TIMEOUT_MS = 30000;
/* How often a transaction that the server refused is tried again because
 * somebody else's came between. */
constexpr int REFUSALS_MAX = 5;
/* Between rounds of a cluster's servers. */
constexpr int ROUND_MS = 100;

struct IdlDeleter {
    void operator()(ovsdb_idl *idl) const { ovsdb_idl_destroy(idl); }
};
using IdlPtr = std::unique_ptr<ovsdb_idl, IdlDeleter>;

struct TxnDeleter {
    void operator()(ovsdb_idl_txn *txn) const { ovsdb_idl_txn_destroy(txn); }
};
using TxnPtr = std::unique_ptr<ovsdb_idl_txn, TxnDeleter>;

struct SymbolsDeleter {
    void operator()(ovsdb_symbol_table *t) const
    {
        ovsdb_symbol_table_destroy(t);
    }
};
using SymbolsPtr = std::unique_ptr<ovsdb_symbol_table, SymbolsDeleter>;

/* Of each tunnel, by account and name, the highest generation that the event
 * table has. */
using Generations = std::map<std::pair<std::string, std::string>, int64_t>;

Generations
last_generations(ovsdb_idl *idl)
{
    Generations last;
    const pmrec_event *row;
    PMREC_EVENT_FOR_EACH(row, idl)
    {
        if (!strcmp(row->kind, "tunnel")) {
            int64_t &highest = last[{row->account, row->object}];
            highest = std::max(highest, row->generation);
        }
    }
    return last;
}

/* One connection to the database and the commands to run over it. */
class Session {
public:
    Session(const Settings &settings, ctl_command *commands, size_t n)
        : settings_(settings), commands_(commands), n_(n)
    {
        for (size_t i = 0; i < n_; i++) {
            ds_init(&commands_[i].output);
            commands_[i].table = nullptr;
        }
    }
    ~Session() { reset_output(); }
    Session(const Session &) = delete;
    Session &operator=(const Session &) = delete;

    int run();

private:
    bool check_probe_is_alone();
    bool check_commands();
    bool prepare_generic();
    std::optional<int> attempt();
    bool run_all(Attempt *, ovsdb_symbol_table *, bool *try_again);
    bool elects();
    ovsdb_idl_txn_status commit(ovsdb_idl_txn *);
    std::optional<int> settle(Attempt *, ovsdb_idl_txn_status,
                              ovsdb_symbol_table *);
    void post_process(Attempt *, ovsdb_symbol_table *);
    void print_output(const Attempt &);
    void reset_output();
    int wait(const Awaited &);
    int lost(const char *doing) const;
    int timed_out(const std::string &doing) const;

    const Settings &settings_;
    ctl_command *commands_;
    size_t n_;
    IdlPtr idl_;
    long long deadline_ = LLONG_MAX;
    unsigned int seqno_ = 0;
    int refusals_ = 0;
    bool sent_ = false;     /* The transaction under way. */
    bool unserved_ = false; /* The last of several servers did not serve us. */
};

int
Session::lost(const char *doing) const
{
    /* 0 where we left: the server leads its cluster no more. */
    int error = ovsdb_idl_get_last_error(idl_.get());
    std::string why;
    if (error) {
        why = std::string(" (") + ovs_retval_to_string(error) +
              "); is ovsdb-server running there?";
    } else if (!ovsdb_idl_has_ever_connected(idl_.get())) {
        why = ": " + why_unserved(settings_);
    }
    complain("DATABASE", settings_.db, doing + why);
    return EXIT_REFUSED;
}

int
Session::timed_out(const std::string &doing) const
{
    complain("TIMEOUT", settings_.db, doing);
    return EXIT_REFUSED;
}

/* Says what is wrong with a command, and is done with it. */
bool
fail(const std::string &of, ctl_context *context)
{
    std::cerr << program_name << ": " << one_line(of + context->error) << "\n";
    free(context->error);
    context->error = nullptr;
    return false;
}

/* A probe tells of what is in force, which what is written beside it is not
 * yet; and its exit status is of the frame alone. */
bool
Session::check_probe_is_alone()
{
    auto probes = [](const ctl_command &c) {
        return !strcmp(c.syntax->name, "tunnel-probe");
    };
    auto end = commands_ + n_;
    auto other = std::find_if(commands_, end, [&](const auto &c) {
        return c.syntax->mode == ctl_command_syntax::RW && !probes(c);
    });
    if (other == end || std::none_of(commands_, end, probes)) {
        return true;
    }
    std::string name = other->syntax->name;
    complain("SYNTAX", "tunnel-probe",
             "its frame would not wait for what \"" + name +
                 "\" does: give \"" + name +
                 "\" first, with --wait=hv, then the probe by itself");
    return false;
}

/* Faults of form, which are found without a database. */
bool
Session::check_commands()
{
    if (!check_probe_is_alone()) {
        return false;
    }
    for (size_t i = 0; i < n_; i++) {
        ctl_command *c = &commands_[i];
        if (is_generic(c->syntax)) {
            if (!settings_.account.empty()) {
                std::cerr << program_name << ": " << c->syntax->name
                          << " shows every account's rows: it is the "
                             "operator's, leave out --account\n";
                return false;
            }
            continue;
        }
        if (c->syntax->prerequisites) {
            Context ctx{};
            ctl_context_init(&ctx.base, c, nullptr, nullptr, nullptr, nullptr);
            c->syntax->prerequisites(&ctx.base);
            if (ctx.base.error) {
                return fail(std::string(c->syntax->name) + ": ", &ctx.base);
            }
            ctl_context_done(&ctx.base, c);
        }
    }
    return true;
}

/* db-ctl-base warns here of what will have no effect, such as "create" of a
 * row that nothing refers to.  Returns false after an error. */
bool
Session::prepare_generic()
{
    for (size_t i = 0; i < n_; i++) {
        ctl_command *c = &commands_[i];
        if (!is_generic(c->syntax) || !c->syntax->prerequisites) {
            continue;
        }
        Context ctx{};
        ctl_context_init(&ctx.base, c, idl_.get(), nullptr, nullptr, nullptr);
        c->syntax->prerequisites(&ctx.base);
        if (ctx.base.error) {
            return fail("", &ctx.base);
        }
        ctl_context_done(&ctx.base, c);
    }
    return true;
}

int
Session::run()
{
    if (!check_commands()) {
        return EXIT_USAGE;
    }
    bool waits_until = std::any_of(commands_, commands_ + n_, [](auto &c) {
        return !strcmp(c.syntax->name, "wait-until");
    });
    if (settings_.timeout_secs) {
        deadline_ = settings_.deadline_ms();
    } else if (!waits_until) {
        deadline_ = time_msec() + DEFAULT_TIMEOUT_MS;
    }

    idl_.reset(ovsdb_idl_create_unconnected(&pmrec_idl_class, true));
    if (!prepare_generic()) {
        return EXIT_REFUSED;
    }
    ovsdb_idl_set_remote(idl_.get(), settings_.db.c_str(), false);
    ovsdb_idl_set_leader_only(idl_.get(), settings_.leader_only);

    seqno_ = ovsdb_idl_get_seqno(idl_.get());
    for (;;) {
        ovsdb_idl_run(idl_.get());
        if (!ovsdb_idl_is_alive(idl_.get()) && !elects()) {
            return lost(ovsdb_idl_has_ever_connected(idl_.get())
                            ? "lost the connection"
                            : "cannot connect");
        }
        if (seqno_ != ovsdb_idl_get_seqno(idl_.get())) {
            seqno_ = ovsdb_idl_get_seqno(idl_.get());
            if (auto status = attempt()) {
                return *status;
            }
            reset_output();
        }
        if (time_msec() >= deadline_) {
            return timed_out(
                (ovsdb_idl_has_ever_connected(idl_.get())
                     ? "gave up waiting for the database to change"
                 : unserved_ ? why_unserved(settings_)
                             : "the database does not answer") +
                "; nothing was written");
        }
        if (seqno_ == ovsdb_idl_get_seqno(idl_.get())) {
            ovsdb_idl_wait(idl_.get());
            poll_timer_wait_until(deadline_);
            poll_block();
        }
    }
}

void
Session::reset_output()
{
    for (size_t i = 0; i < n_; i++) {
        ds_destroy(&commands_[i].output);
        ds_init(&commands_[i].output);
        table_destroy(commands_[i].table);
        free(commands_[i].table);
        commands_[i].table = nullptr;
    }
}

/* Runs the commands.  Returns false if one failed, having said why, or (with
 * '*try_again') waits for the database to change. */
bool
Session::run_all(Attempt *attempt, ovsdb_symbol_table *symbols,
                 bool *try_again)
{
    Context ctx{};
    ctx.attempt = attempt;
    ctl_context_init(&ctx.base, nullptr, attempt->idl, attempt->txn, symbols,
                     nullptr);
    for (size_t i = 0; i < n_; i++) {
        ctl_command *c = &commands_[i];
        ctl_context_init_command(&ctx.base, c, i == n_ - 1);
        if (c->syntax->run) {
            c->syntax->run(&ctx.base);
        }
        if (ctx.base.error) {
            return fail("", &ctx.base);
        }
        ctl_context_done_command(&ctx.base, c);
        if (is_generic(c->syntax) &&
            c->syntax->mode == ctl_command_syntax::RW) {
            attempt->raw_edits.push_back(words_of(*c));
        }
        if (ctx.base.try_again) {
            *try_again = true;
            return false;
        }
    }
    ctl_context_done(&ctx.base, nullptr);
    return true;
}

/* Whether the servers, none of which would do, may soon: those of a cluster
 * may be electing a leader.  Goes round them again then, until the deadline.
 * The IDL's own way of trying again waits ever longer. */
bool
Session::elects()
{
    if (settings_.db.find(',') == std::string::npos) {
        return false;
    }
    unserved_ = !ovsdb_idl_get_last_error(idl_.get());
    if (time_msec() < deadline_) {
        poll_timer_wait(ROUND_MS);
        poll_block();
        ovsdb_idl_set_remote(idl_.get(), nullptr, false);
        ovsdb_idl_set_remote(idl_.get(), settings_.db.c_str(), false);
    }
    return true;
}

/* Like ovsdb_idl_txn_commit_block(), but notes whether it was sent and ends at
 * the deadline, with TXN_INCOMPLETE. */
ovsdb_idl_txn_status
Session::commit(ovsdb_idl_txn *txn)
{
    sent_ = false;
    for (;;) {
        ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(txn);
        if (status != TXN_INCOMPLETE || time_msec() >= deadline_) {
            return status;
        }
        sent_ = true;
        ovsdb_idl_run(idl_.get());
        ovsdb_idl_wait(idl_.get());
        ovsdb_idl_txn_wait(txn);
        poll_timer_wait_until(deadline_);
        poll_block();
    }
}

/* Tries once; nullopt means to try again when the database has changed. */
std::optional<int>
Session::attempt()
{
    TxnPtr txn(ovsdb_idl_txn_create(idl_.get()));
    SymbolsPtr symbols(ovsdb_symbol_table_create());
    ovsdb_idl_txn_add_comment(txn.get(), "%s", settings_.invocation.c_str());

    Attempt a{settings_, idl_.get(), txn.get(), {}, {}, {}, false,
              {},        {},         {},        {}, {}, {}};
    a.context.account = settings_.account;
    a.context.now_ms = time_wall_msec();
    a.context.new_uuid = [] {
        struct uuid uuid;
        uuid_generate(&uuid);
        return to_uuid(uuid);
    };
    std::optional<Generations> generations; /* Once asked. */
    a.context.last_generation = [&](const auto &account, const auto &name) {
        if (!generations) {
            generations = last_generations(idl_.get());
        }
        auto last = generations->find({account, name});
        return last == generations->end() ? 0 : last->second;
    };
    a.before = read_model(idl_.get(), &a.edit.unreadable);
    a.edit.model = a.before;
    a.edit.relinked = link_lost_nics(&a.edit.model);

    bool try_again = false;
    if (!run_all(&a, symbols.get(), &try_again)) {
        return try_again ? std::nullopt : std::optional<int>(EXIT_REFUSED);
    }
    if (!are_all_created(symbols.get())) {
        return EXIT_REFUSED;
    }
    finish(&a.edit, a.context);
    if (!a.edit.book.begun) {
        a.edit.model = a.before; /* Who looks writes nothing. */
    }
    ModelDelta delta = diff(a.before, a.edit.model);
    if (!a.edit.problems.empty()) {
        std::set<Problem> said;
        for (const Problem &p : a.edit.problems) {
            if (said.insert(p).second) {
                complain(p.code, p.path, p.message);
            }
        }
        return EXIT_REFUSED;
    }

    say_more(&a, delta);
    if (settings_.dry_run) {
        std::vector<std::string> lines =
            describe(a.before, a.edit.model, a.context);
        for (const auto &[id, row] : a.edit.erased) {
            lines.push_back("delete " + row.kind + " " + row.full_name());
        }
        lines.insert(lines.end(), a.raw_edits.begin(), a.raw_edits.end());
        for (const std::string &line : lines) {
            std::cout << one_line(line) << "\n";
        }
        ovsdb_idl_txn_set_dry_run(txn.get());
    } else {
        write_delta(idl_.get(), txn.get(), delta);
        delete_rows(idl_.get(), a.edit.erased);
        write_events(txn.get(), a.edit.events);
        if (is_judged_among_others(a.before, delta)) {
            yield_to_others(idl_.get(), txn.get());
        }
    }
    Uuid probe;
    bool probes = a.probe && !settings_.dry_run;
    if (probes) {
        put_probe(a, &probe);
    }
    bool waits = (settings_.wait_hv || a.sync) && !settings_.dry_run;
    if (waits && !raise_cfg(idl_.get(), txn.get())) {
        return EXIT_REFUSED;
    }
    Awaited awaited = awaited_by(a);
    auto status = settle(&a, commit(txn.get()), symbols.get());
    if (status == EXIT_DONE && probes) {
        struct uuid uuid = to_ovs_uuid(probe);
        probe = to_uuid(*ovsdb_idl_txn_get_insert_uuid(txn.get(), &uuid));
        txn.reset();
        return finish_probe(a, probe,
                            settings_.timeout_secs ? deadline_ : LLONG_MAX);
    }
    if (!status || *status != EXIT_DONE || !waits) {
        return status;
    }

    awaited.cfg = ovsdb_idl_txn_get_increment_new_value(txn.get());
    take_given_uuids(&awaited, txn.get());
    txn.reset();
    return wait(awaited);
}

std::optional<int>
Session::settle(Attempt *a, ovsdb_idl_txn_status status,
                ovsdb_symbol_table *symbols)
{
    switch (status) {
    case TXN_UNCHANGED:
    case TXN_SUCCESS:
        post_process(a, symbols);
        print_output(*a);
        return EXIT_DONE;

    case TXN_TRY_AGAIN:
        if (sent_ && !ovsdb_idl_is_connected(idl_.get())) {
            return lost("lost the connection while writing; whether it was "
                        "written is not known");
        }
        return std::nullopt;

    case TXN_INCOMPLETE:
        return timed_out("the database does not answer; whether it was "
                         "written is not known");

    case TXN_ERROR:
        /* Somebody else's change can be the cause: with fresh values, the
         * checks say it better than the server does. */
        if (seqno_ != ovsdb_idl_get_seqno(idl_.get()) &&
            ++refusals_ < REFUSALS_MAX) {
            return std::nullopt;
        }
        complain("DATABASE", settings_.db,
                 std::string("refused the transaction: ") +
                     ovsdb_idl_txn_get_error(a->txn));
        return EXIT_REFUSED;

    case TXN_UNCOMMITTED:
    case TXN_ABORTED:
    case TXN_NOT_LOCKED:
        break;
    }
    complain("DATABASE", settings_.db,
             std::string("the transaction ended unexpectedly: ") +
                 ovsdb_idl_txn_status_to_string(status));
    return EXIT_REFUSED;
}

/* Lets "create" print the uuids that the server gave. */
void
Session::post_process(Attempt *a, ovsdb_symbol_table *symbols)
{
    for (size_t i = 0; i < n_; i++) {
        if (commands_[i].syntax->postprocess) {
            Context ctx{};
            ctx.attempt = a;
            ctl_context_init(&ctx.base, &commands_[i], a->idl, a->txn, symbols,
                             nullptr);
            commands_[i].syntax->postprocess(&ctx.base);
            ctl_context_done(&ctx.base, &commands_[i]);
        }
        if (settings_.dry_run &&
            !strcmp(commands_[i].syntax->name, "create")) {
            /* The uuid of a row that there will never be. */
            ds_clear(&commands_[i].output);
        }
    }
}

void
Session::print_output(const Attempt &a)
{
    for (size_t i = 0; i < n_; i++) {
        ctl_command *c = &commands_[i];
        if (c->table) {
            table_style style = settings_.style;
            if (!is_generic(c->syntax)) {
                /* Other tables of ours are in the output. */
                style.format = TF_CSV;
                style.cell_format = CF_STRING;
            }
            table_format(c->table, &style, &c->output);
        }
        /* Commands on rows print what is in them as it is. */
        pm::ctl::print_output(escape_steering(ds_cstr(&c->output)).c_str());
    }
    reset_output();
    for (const std::string &line : a.notices) {
        std::printf("%s\n", one_line(line).c_str());
    }
    flush_output();
    for (const std::string &line : a.warnings) {
        std::cerr << program_name << ": " << one_line(line) << "\n";
    }
}

int
Session::wait(const Awaited &awaited)
{
    long long deadline =
        settings_.timeout_secs ? deadline_ : time_msec() + DEFAULT_TIMEOUT_MS;
    return wait_installed(settings_, idl_.get(), awaited, deadline);
}

} // namespace

int
run_commands(const Settings &settings, ctl_command *commands, size_t n)
{
    return Session(settings, commands, n).run();
}

} // namespace pm::ctl
