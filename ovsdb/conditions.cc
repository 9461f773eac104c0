#include "ovsdb/conditions.h"

#include <algorithm>
#include <utility>

#include "ovsdb/control_rows.h"
#include "plugin/check.h"
#include "plugin/value_of.h"

namespace pm {

namespace {

/* Whether some row may have that text, a name or an iface_id: of a clause
 * that none can meet the server refuses the whole condition. */
bool
can_be_met(const std::string &text)
{
    return !text.empty() && count_characters(text) <= NAME_CHARACTERS_MAX;
}

/* "_uuid" is a column to the server, but the IDL generates none for it. */
const struct ovsdb_idl_column *
uuid_column()
{
    static char name[] = "_uuid";
    static const struct ovsdb_idl_column column = [] {
        struct ovsdb_idl_column c = {};
        c.name = name;
        ovsdb_base_type_init(&c.type.key, OVSDB_TYPE_UUID);
        ovsdb_base_type_init(&c.type.value, OVSDB_TYPE_VOID);
        c.type.n_min = c.type.n_max = 1;
        return c;
    }();
    return &column;
}

/* Collects clauses, following references from row to row. */
class Closure {
public:
    Closure(const Model &seen, const ConditionInputs &inputs,
            References *references)
        : seen_(seen), inputs_(inputs), references_(references)
    {
    }

    Conditions run()
    {
        by_text(&pmrec_table_tunnel_status, pmrec_tunnel_status_col_chassis,
                inputs_.chassis);
        by_text(&pmrec_table_filter_status, pmrec_filter_status_col_chassis,
                inputs_.chassis);
        by_text(&pmrec_table_chassis, pmrec_chassis_col_name, inputs_.chassis);
        by_text(&pmrec_table_probe, pmrec_probe_col_chassis, inputs_.chassis);
        by_text(&pmrec_table_probe_report, pmrec_probe_report_col_chassis,
                inputs_.chassis);
        /* Copies of other hypervisors are told by where they go.  These are
         * few, and change seldom. */
        every_row(&pmrec_table_collector);
        for (const std::string &iface_id : inputs_.local_nics) {
            by_text(&pmrec_table_network_interface,
                    pmrec_network_interface_col_iface_id, iface_id);
            by_text(&pmrec_table_mirror_resource,
                    pmrec_mirror_resource_col_iface_id, iface_id);
            by_text(&pmrec_table_probe, pmrec_probe_col_destination_nics,
                    iface_id);
        }
        follow_local_sources();
        follow_own_statuses();
        for (const auto &[id, tunnels] : references_->sources()) {
            follow_source(id);
        }
        for (const auto &[id, tunnels] : references_->destinations()) {
            follow_resource(id);
        }
        for (const auto &[id, tunnels] : references_->filters()) {
            follow_filter(id);
        }
        return std::move(conditions_);
    }

private:
    void by_text(const struct ovsdb_idl_table_class *table,
                 const struct ovsdb_idl_column &column,
                 const std::string &text)
    {
        if (can_be_met(text)) {
            conditions_[table].insert({&column, text, {}, false});
        }
    }
    void by_reference(const struct ovsdb_idl_table_class *table,
                      const struct ovsdb_idl_column &column, const Uuid &id)
    {
        conditions_[table].insert({&column, "", id, false});
    }
    void by_uuid(const struct ovsdb_idl_table_class *table, const Uuid &id)
    {
        conditions_[table].insert({nullptr, "", id, false});
    }
    void every_row(const struct ovsdb_idl_table_class *table)
    {
        conditions_[table].insert({nullptr, "", {}, true});
    }

    bool is_local(const Resource &resource) const
    {
        if (inputs_.local_nics.count(resource.iface_id)) {
            return true;
        }
        const Nic *nic = resource.target_id
                             ? find(seen_.nics, *resource.target_id)
                             : nullptr;
        return nic && inputs_.local_nics.count(nic->iface_id);
    }

    void follow_local_sources()
    {
        for (const auto &[id, nic] : seen_.nics) {
            if (inputs_.local_nics.count(nic.iface_id)) {
                by_reference(&pmrec_table_mirror_resource,
                             pmrec_mirror_resource_col_network_interface, id);
            }
        }
        std::set<Uuid> sources;
        for (const auto &[id, resource] : seen_.resources) {
            if (resource.purpose == Purpose::Source && is_local(resource)) {
                by_reference(&pmrec_table_mirror_tunnel,
                             pmrec_mirror_tunnel_col_source, id);
                sources.insert(id);
            }
        }
        references_->set_sources(std::move(sources));
    }

    void follow_own_statuses()
    {
        for (const Uuid &tunnel : references_->singles()) {
            by_uuid(&pmrec_table_mirror_tunnel, tunnel);
        }
        /* Whether another hypervisor has its NIC now. */
        for (const Uuid &tunnel : references_->unbound()) {
            by_reference(&pmrec_table_tunnel_status,
                         pmrec_tunnel_status_col_tunnel, tunnel);
        }
        for (const auto &[id, status] : seen_.filter_statuses) {
            follow_filter(status.filter);
        }
    }

    void follow_source(const Uuid &id)
    {
        if (std::optional<Uuid> vpc = follow_resource(id)) {
            by_reference(&pmrec_table_vpc_peering,
                         pmrec_vpc_peering_col_from_vpc, *vpc);
            by_reference(&pmrec_table_transit_vpc_connect,
                         pmrec_transit_vpc_connect_col_vpc, *vpc);
        }
    }

    void follow_filter(const Uuid &id)
    {
        by_uuid(&pmrec_table_mirror_filter, id);
        if (inputs_.rules_name_filters) {
            by_reference(&pmrec_table_mirror_rule,
                         pmrec_mirror_rule_col_filter, id);
        }
        if (const FlatSet<Uuid> *rules = value_of(inputs_.rules, id)) {
            for (const Uuid &rule : *rules) {
                by_uuid(&pmrec_table_mirror_rule, rule);
            }
        }
    }

    std::optional<Uuid> follow_subnet(const std::optional<Uuid> &id)
    {
        if (!id) {
            return std::nullopt;
        }
        by_uuid(&pmrec_table_subnet, *id);
        const Subnet *subnet = find(seen_.subnets, *id);
        if (!subnet) {
            return std::nullopt;
        }
        by_uuid(&pmrec_table_vpc, subnet->vpc);
        return subnet->vpc;
    }

    /* A NIC that went from the inventory may come back (plugin/nic_links.h).
     */
    std::optional<Uuid> follow_lost_nic(const Resource &resource)
    {
        if (resource.type != ResourceType::NetworkInterface ||
            resource.iface_id.empty()) {
            return std::nullopt;
        }
        by_text(&pmrec_table_network_interface,
                pmrec_network_interface_col_iface_id, resource.iface_id);
        if (nics_.empty()) {
            for (const auto &[id, nic] : seen_.nics) {
                nics_.emplace(nic.iface_id, &nic);
            }
        }
        auto nic = nics_.find(resource.iface_id);
        return nic == nics_.end() ? std::nullopt
                                  : follow_subnet(nic->second->subnet);
    }

    /* Returns the VPC of the resource's target, as far as it is known. */
    std::optional<Uuid> follow_resource(const Uuid &id)
    {
        by_uuid(&pmrec_table_mirror_resource, id);
        const Resource *resource = find(seen_.resources, id);
        if (!resource) {
            return std::nullopt;
        }
        if (!resource->target_id) {
            return follow_lost_nic(*resource);
        }
        /* Besides itself, who has the same target and ought not to. */
        const Uuid &target = *resource->target_id;
        switch (resource->type) {
        case ResourceType::Collector:
            by_reference(&pmrec_table_mirror_resource,
                         pmrec_mirror_resource_col_collector, target);
            return std::nullopt;
        case ResourceType::NetworkInterface: {
            by_reference(&pmrec_table_mirror_resource,
                         pmrec_mirror_resource_col_network_interface, target);
            by_uuid(&pmrec_table_network_interface, target);
            const Nic *nic = find(seen_.nics, target);
            return nic ? follow_subnet(nic->subnet) : std::nullopt;
        }
        case ResourceType::LoadBalancer: {
            by_reference(&pmrec_table_mirror_resource,
                         pmrec_mirror_resource_col_load_balancer, target);
            by_uuid(&pmrec_table_load_balancer, target);
            for (const Uuid &member : inputs_.members.of(target)) {
                by_uuid(&pmrec_table_load_balancer_member, member);
            }
            const LoadBalancer *lb = find(seen_.load_balancers, target);
            if (!lb) {
                return std::nullopt;
            }
            for (const LoadBalancerMember &member : lb->members) {
                if (member.nic) {
                    by_uuid(&pmrec_table_network_interface, *member.nic);
                    const Nic *nic = find(seen_.nics, *member.nic);
                    follow_subnet(nic ? nic->subnet : std::nullopt);
                }
            }
            by_uuid(&pmrec_table_vpc, lb->vpc);
            follow_subnet(lb->subnet);
            return lb->vpc;
        }
        }
        return std::nullopt;
    }

    const Model &seen_;
    const ConditionInputs &inputs_;
    References *references_;
    Conditions conditions_;
    std::map<std::string, const Nic *> nics_; /* By iface_id, once asked. */
};

void
add_clause(struct ovsdb_idl_condition *condition, const Clause &clause)
{
    if (clause.every_row) {
        ovsdb_idl_condition_add_clause_true(condition);
        return;
    }
    const struct ovsdb_idl_column *column =
        clause.column ? clause.column : uuid_column();
    /* The condition shares the datum: its atom must be on the heap. */
    union ovsdb_atom *atom =
        static_cast<union ovsdb_atom *>(xmalloc(sizeof *atom));
    if (column->type.key.type == OVSDB_TYPE_STRING) {
        atom->s = ovsdb_atom_string_create(clause.text.c_str());
    } else {
        atom->uuid = to_ovs_uuid(clause.uuid);
    }
    struct ovsdb_datum datum = {};
    datum.n = 1;
    datum.keys = atom;
    /* A set "includes" what another column "equals".  Where all clauses of a
     * table are of the latter kind the server looks a row up among them, else
     * it compares it with each. */
    bool plain = column->type.n_max == 1;
    ovsdb_idl_condition_add_clause(
        condition, plain ? OVSDB_F_EQ : OVSDB_F_INCLUDES, column, &datum);
    ovsdb_datum_destroy(&datum, &column->type);
}

/* A server whose schema is older refuses conditions on tables that it has
 * not; false before the schema is known. */
bool
has_table(const struct ovsdb_idl *idl,
          const struct ovsdb_idl_table_class *table)
{
    return table == &pmrec_table_probe ? pmrec_server_has_probe_table(idl)
           : table == &pmrec_table_probe_report
               ? pmrec_server_has_probe_report_table(idl)
               : true;
}

/* Returns the IDL's condition sequence number as of which it holds. */
unsigned int
set_condition(struct ovsdb_idl *idl, const struct ovsdb_idl_table_class *table,
              const std::set<Clause> &clauses)
{
    struct ovsdb_idl_condition condition;
    ovsdb_idl_condition_init(&condition);
    /* No row meets this one.  "_uuid" is in no request as a column, and an
     * ovsdb-server of several hypervisors dies when one is the first to name
     * it later than that (3.1.0: docs/switch-notes.md). */
    add_clause(&condition, Clause{});
    for (const Clause &clause : clauses) {
        add_clause(&condition, clause);
    }
    unsigned int seqno = ovsdb_idl_set_condition(idl, table, &condition);
    ovsdb_idl_condition_destroy(&condition);
    return seqno;
}

} // namespace

bool
can_ask(const struct ovsdb_idl *idl, const Conditions &asked,
        const ConditionInputs &inputs)
{
    return std::all_of(asked.begin(), asked.end(),
                       [&](const auto &table) {
                           return has_table(idl, table.first);
                       }) &&
           (!inputs.rules_name_filters ||
            pmrec_server_has_mirror_rule_table_col_filter(idl));
}

unsigned int
ask_again(struct ovsdb_idl *idl, const Conditions &asked)
{
    unsigned int seqno = 0;
    for (const auto &[table, clauses] : asked) {
        seqno = std::max(seqno, set_condition(idl, table, clauses));
    }
    return seqno;
}

Conditions
desire_conditions(const Model &seen, const ConditionInputs &inputs,
                  References *references)
{
    return Closure(seen, inputs, references).run();
}

unsigned int
ask_conditions(struct ovsdb_idl *idl, const Conditions &conditions,
               Conditions *asked, unsigned int seqno)
{
    static const std::set<Clause> none;
    std::set<const struct ovsdb_idl_table_class *> tables;
    for (const Conditions *c :
         std::initializer_list<const Conditions *>{&conditions, asked}) {
        for (const auto &[table, clauses] : *c) {
            tables.insert(table);
        }
    }
    for (const struct ovsdb_idl_table_class *table : tables) {
        if (!has_table(idl, table)) {
            continue;
        }
        auto want = conditions.find(table);
        auto have = asked->find(table);
        const std::set<Clause> &clauses =
            want == conditions.end() ? none : want->second;
        if (have != asked->end() && have->second == clauses) {
            continue;
        }
        seqno = std::max(seqno, set_condition(idl, table, clauses));
        (*asked)[table] = clauses;
    }
    return seqno;
}

} // namespace pm
