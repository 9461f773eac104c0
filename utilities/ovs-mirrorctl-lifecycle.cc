/* ovs-mirrorctl: tunnels between accounts, deletion, whole documents. */
#include "utilities/ovs-mirrorctl.h"

#include <climits>

namespace pm::ctl {

namespace {

void
check_accept(ctl_context *ctx)
{
    auto text = static_cast<const char *>(
        shash_find_data(&ctx->options, "--generation"));
    long long generation;
    if (text && (!str_to_llong(text, 10, &generation) || generation < 0)) {
        ctl_error(ctx, "--generation is a number, not \"%s\"", text);
    }
}

void
run_accept(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    auto text = static_cast<const char *>(
        shash_find_data(&ctx->options, "--generation"));
    std::optional<int64_t> generation;
    if (text) {
        generation = strtoll(text, nullptr, 10);
    }
    accept_tunnel(&a.edit, a.context, ctx->argv[1], generation);
}

void
run_reject(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    reject_tunnel(&a.edit, a.context, ctx->argv[1]);
}

bool
is_heard_from(const Attempt &a, const std::string &chassis)
{
    return std::any_of(a.before.chassis.begin(), a.before.chassis.end(),
                       [&](const auto &c) {
                           return c.second.name == chassis &&
                                  is_alive(c.second, a.context.now_ms);
                       });
}

/* Takes away what hypervisors that are not heard from still say of a tunnel
 * (by its row, or by its name when that is gone).  A hypervisor that is alive
 * removes its own row, once nothing copies any more; the caller is told of it,
 * who thought it gone. */
void
forget_statuses(Attempt &a, const std::optional<Uuid> &id,
                const std::string &account, const std::string &name)
{
    std::erase_if(a.edit.model.tunnel_statuses, [&](const auto &row) {
        const TunnelStatus &s = row.second;
        bool of_tunnel =
            id ? s.tunnel == *id : s.name == name && s.account == account;
        if (of_tunnel && is_heard_from(a, s.chassis)) {
            a.notices.push_back(account + "/" + name + ": hypervisor " +
                                s.chassis +
                                " is alive, and forgets it by itself once "
                                "nothing copies");
            return false;
        }
        return of_tunnel;
    });
}

void
run_tunnel_del(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    bool force = shash_find(&ctx->options, "--force");
    if (force && !a.context.is_operator()) {
        a.refuse("NOT_OWNER", "--force",
                 "only the operator knows that a hypervisor is gone for "
                 "good; leave it out");
        return;
    }
    for (int i = 1; i < ctx->argc; i++) {
        std::string name = ctx->argv[i], account = a.context.own_account();
        auto id = look_up(a.edit.model, a.context, "mirror_tunnels", name);
        size_t n_problems = a.edit.problems.size();
        erase(&a.edit, a.context, "mirror_tunnels", name,
              path_of("mirror_tunnels", name));
        if (force && a.edit.problems.size() == n_problems) {
            size_t slash = name.find('/');
            if (slash != std::string::npos) {
                account = name.substr(0, slash);
                name.erase(0, slash + 1);
            }
            forget_statuses(a, id, account, name);
        }
    }
}

/* Deletes the rows that a hypervisor has written; false if there is none. */
bool
forget_rows_of(const std::string &chassis, const ovsdb_idl *idl)
{
    bool found = false;
    auto is_of = [&](const char *text) {
        bool is = text == chassis;
        found |= is;
        return is;
    };
    const pmrec_chassis *host, *next_host;
    PMREC_CHASSIS_FOR_EACH_SAFE(host, next_host, idl)
    {
        if (is_of(host->name)) {
            pmrec_chassis_verify_heartbeat(host); /* It is dead still. */
            pmrec_chassis_delete(host);
        }
    }
    const pmrec_tunnel_status *tunnel, *next_tunnel;
    PMREC_TUNNEL_STATUS_FOR_EACH_SAFE(tunnel, next_tunnel, idl)
    {
        if (is_of(tunnel->chassis)) {
            pmrec_tunnel_status_delete(tunnel);
        }
    }
    const pmrec_filter_status *filter, *next_filter;
    PMREC_FILTER_STATUS_FOR_EACH_SAFE(filter, next_filter, idl)
    {
        if (is_of(filter->chassis)) {
            pmrec_filter_status_delete(filter);
        }
    }
    return found;
}

void
run_chassis_del(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    for (int i = 1; i < ctx->argc; i++) {
        const std::string name = ctx->argv[i];
        const std::string path = "hypervisor " + name;
        if (!a.context.is_operator()) {
            a.refuse("NOT_OWNER", path,
                     "only the operator knows that a hypervisor is gone for "
                     "good; give no account to act as the operator");
        } else if (is_heard_from(a, name)) {
            a.refuse("INVALID_STATE", path,
                     "it is alive: end its ovs-mirrord by \"exit "
                     "--cleanup\", which takes its rows away");
        } else if (forget_rows_of(name, ctx->idl)) {
            a.raw_edits.push_back("forget " + path);
            a.forgotten.insert(name);
            std::erase_if(a.edit.model.tunnel_statuses, [&](const auto &row) {
                return row.second.chassis == name;
            });
        } else {
            a.refuse("NOT_FOUND", path,
                     "no hypervisor of that name has reported anything: mend "
                     "the name");
        }
    }
}

void
run_apply(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    apply_document(&a.edit, a.context, a.settings.files.at(ctx->argv[1]),
                   shash_find(&ctx->options, "--prune"));
}

void
run_export(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    ds_put_format(&ctx->output, "%s\n",
                  json_text(export_document(a.edit.model, a.context)).c_str());
}

constexpr auto RW = ctl_command_syntax::RW;
constexpr auto RO = ctl_command_syntax::RO;
const ctl_command_syntax COMMANDS[] = {
    {"apply", 1, 1, "FILE", nullptr, run_apply, nullptr, "--prune", RW},
    {"chassis-del", 1, INT_MAX, "NAME...", nullptr, run_chassis_del, nullptr,
     "", RW},
    {"export", 0, 0, "", nullptr, run_export, nullptr, "", RO},
    {"tunnel-accept", 1, 1, "[ACCOUNT/]NAME", check_accept, run_accept,
     nullptr, "--generation=", RW},
    {"tunnel-reject", 1, 1, "[ACCOUNT/]NAME", nullptr, run_reject, nullptr, "",
     RW},
    {"tunnel-del", 1, INT_MAX, "NAME...", nullptr, run_tunnel_del, nullptr,
     "--force", RW},
    {},
};

} // namespace

const ctl_command_syntax *
lifecycle_commands()
{
    return COMMANDS;
}

} // namespace pm::ctl
