/* ovs-mirrorctl: "init" and "sync". */
#include "utilities/ovs-mirrorctl.h"

#include <algorithm>

namespace pm::ctl {

namespace {

constexpr char ROLE[] = "ovs-mirrord";

/* What a hypervisor may write: rows whose 'authorization' column is the name
 * in its certificate. */
struct Permission {
    const ovsdb_idl_table_class *table;
    const char *authorization;
};

std::vector<const char *>
columns_of(const Permission &permission)
{
    std::vector<const char *> columns;
    for (size_t i = 0; i < permission.table->n_columns; i++) {
        const char *column = permission.table->columns[i].name;
        /* The server looks at whose a row was, not whose it becomes: who
         * might change this column could give its row to another. */
        if (strcmp(column, permission.authorization) != 0) {
            columns.push_back(column);
        }
    }
    return columns;
}

bool
says(const pmrec_rbac_permission &row, const Permission &permission)
{
    auto columns = columns_of(permission);
    return row.insert_delete && row.n_authorization == 1 &&
           !strcmp(row.authorization[0], permission.authorization) &&
           std::set<std::string>(columns.begin(), columns.end()) ==
               std::set<std::string>(row.update, row.update + row.n_update);
}

/* Brings one RBAC_Permission row, perhaps a new one, to what it must be. */
const pmrec_rbac_permission *
write_permission(Attempt *a, const pmrec_rbac_permission *row,
                 const Permission &permission)
{
    const std::string name =
        std::string("RBAC_Permission ") + permission.table->name;
    if (!row) {
        row = pmrec_rbac_permission_insert(a->txn);
        pmrec_rbac_permission_set_table(row, permission.table->name);
        a->raw_edits.push_back("create " + name);
    } else if (!says(*row, permission)) {
        a->raw_edits.push_back("change " + name);
    }
    const char *authorization[] = {permission.authorization};
    auto columns = columns_of(permission);
    pmrec_rbac_permission_set_authorization(row, authorization, 1);
    pmrec_rbac_permission_set_insert_delete(row, true);
    pmrec_rbac_permission_set_update(row, columns.data(), columns.size());
    return row;
}

void
run_init(ctl_context *ctx)
{
    Attempt &a = attempt_of(ctx);
    if (!a.context.is_operator()) {
        a.refuse("NOT_OWNER", "init",
                 "only the operator prepares the database; leave out "
                 "--account");
        return;
    }
    if (!pmrec_mirror_global_first(ctx->idl)) {
        pmrec_mirror_global_insert(ctx->txn);
        a.raw_edits.push_back("create Mirror_Global");
    }

    const pmrec_rbac_role *role = nullptr, *r;
    PMREC_RBAC_ROLE_FOR_EACH(r, ctx->idl)
    {
        if (!strcmp(r->name, ROLE)) {
            role = r;
        }
    }
    std::map<std::string, const pmrec_rbac_permission *> rows;
    if (role) {
        for (size_t i = 0; i < role->n_permissions; i++) {
            rows[role->key_permissions[i]] = role->value_permissions[i];
        }
    } else {
        role = pmrec_rbac_role_insert(ctx->txn);
        a.raw_edits.push_back(std::string("create RBAC_Role ") + ROLE);
        pmrec_rbac_role_set_name(role, ROLE);
    }

    std::vector<const char *> tables;
    std::vector<pmrec_rbac_permission *> permissions;
    for (const Permission &p :
         {Permission{&pmrec_table_chassis, "name"},
          Permission{&pmrec_table_filter_status, "chassis"},
          Permission{&pmrec_table_probe_report, "chassis"},
          Permission{&pmrec_table_tunnel_status, "chassis"}}) {
        auto row = rows.find(p.table->name);
        tables.push_back(p.table->name);
        permissions.push_back(
            const_cast<pmrec_rbac_permission *>(write_permission(
                &a, row == rows.end() ? nullptr : row->second, p)));
    }
    for (const auto &[table, row] : rows) {
        if (std::find(tables.begin(), tables.end(), table) == tables.end()) {
            a.raw_edits.push_back(std::string("change RBAC_Role ") + ROLE +
                                  ": no permission for " + table);
        }
    }
    pmrec_rbac_role_set_permissions(role, tables.data(), permissions.data(),
                                    tables.size());
}

void
run_sync(ctl_context *ctx)
{
    attempt_of(ctx).sync = true;
}

const ctl_command_syntax COMMANDS[] = {
    {"init", 0, 0, "", nullptr, run_init, nullptr, "", ctl_command_syntax::RW},
    {"sync", 0, 0, "", nullptr, run_sync, nullptr, "", ctl_command_syntax::RW},
    {},
};

} // namespace

const ctl_command_syntax *
init_commands()
{
    return COMMANDS;
}

} // namespace pm::ctl
