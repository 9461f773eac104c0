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
    unsigned int generation;
    if (text && !str_to_uint(text, 10, &generation)) {
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

/* Takes away what hypervisors that are not heard from still say of a tunnel
 * (by its row, or by its name when that is gone).  A hypervisor that is alive
 * removes its own row, once nothing copies any more; the caller is told of it,
 * who thought it gone. */
void
forget_statuses(Attempt &a, const std::optional<Uuid> &id,
                const std::string &account, const std::string &name)
{
    auto is_heard_from = [&](const std::string &chassis) {
        return std::any_of(a.before.chassis.begin(), a.before.chassis.end(),
                           [&](const auto &c) {
                               return c.second.name == chassis &&
                                      is_alive(c.second, a.context.now_ms);
                           });
    };
    std::erase_if(a.edit.model.tunnel_statuses, [&](const auto &row) {
        const TunnelStatus &s = row.second;
        bool of_tunnel =
            id ? s.tunnel == *id : s.name == name && s.account == account;
        if (of_tunnel && is_heard_from(s.chassis)) {
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
