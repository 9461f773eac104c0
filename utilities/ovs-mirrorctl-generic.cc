/* ovs-mirrorctl: what db-ctl-base's own commands need to know. */
#include "utilities/ovs-mirrorctl.h"

#include <cstring>
#include <iostream>

namespace pm::ctl {

const ctl_table_class *
table_classes()
{
    static ctl_table_class classes[PMREC_N_TABLES];
    auto by = [](int table, const ovsdb_idl_column *column) {
        classes[table].row_ids[0] = ctl_row_id{column, nullptr, nullptr};
    };
    by(PMREC_TABLE_CHASSIS, &pmrec_chassis_col_name);
    by(PMREC_TABLE_COLLECTOR, &pmrec_collector_col_name);
    by(PMREC_TABLE_CONNECTION, &pmrec_connection_col_target);
    by(PMREC_TABLE_LOAD_BALANCER, &pmrec_load_balancer_col_name);
    by(PMREC_TABLE_MIRROR_FILTER, &pmrec_mirror_filter_col_name);
    by(PMREC_TABLE_MIRROR_RESOURCE, &pmrec_mirror_resource_col_name);
    by(PMREC_TABLE_MIRROR_TUNNEL, &pmrec_mirror_tunnel_col_name);
    by(PMREC_TABLE_NETWORK_INTERFACE, &pmrec_network_interface_col_name);
    by(PMREC_TABLE_RBAC_PERMISSION, &pmrec_rbac_permission_col_table);
    by(PMREC_TABLE_RBAC_ROLE, &pmrec_rbac_role_col_name);
    by(PMREC_TABLE_SUBNET, &pmrec_subnet_col_name);
    by(PMREC_TABLE_TRANSIT_VPC_CONNECT, &pmrec_transit_vpc_connect_col_name);
    by(PMREC_TABLE_TUNNEL_STATUS, &pmrec_tunnel_status_col_name);
    by(PMREC_TABLE_FILTER_STATUS, &pmrec_filter_status_col_name);
    by(PMREC_TABLE_VPC, &pmrec_vpc_col_name);
    by(PMREC_TABLE_VPC_PEERING, &pmrec_vpc_peering_col_name);
    return classes;
}

std::vector<const ctl_command_syntax *>
own_commands()
{
    return {edit_commands(),   list_commands(),        filter_commands(),
            tunnel_commands(), tunnel_show_commands(), show_commands(),
            init_commands(),   lifecycle_commands(),   probe_commands()};
}

bool
is_generic(const ctl_command_syntax *syntax)
{
    for (const ctl_command_syntax *ours : own_commands()) {
        for (; ours->name; ours++) {
            if (!strcmp(ours->name, syntax->name)) {
                return false;
            }
        }
    }
    return true;
}

bool
are_all_created(const ovsdb_symbol_table *symbols)
{
    shash_node *node;
    SHASH_FOR_EACH(node, &symbols->sh)
    {
        auto symbol = static_cast<const ovsdb_symbol *>(node->data);
        if (!symbol->created) {
            std::cerr << program_name << ": row id \"" << node->name
                      << "\" is referenced but never created (with \"-- --id="
                      << node->name << " create ...\")\n";
            return false;
        }
    }
    return true;
}

} // namespace pm::ctl
