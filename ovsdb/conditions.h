/* Which rows of the control database concern a hypervisor (adapter). */
#ifndef OVSDB_CONDITIONS_H
#define OVSDB_CONDITIONS_H 1

#include <map>
#include <set>
#include <string>

#include "ovsdb/ovs_c.h"
#include "plugin/children.h"
#include "plugin/model.h"
#include "plugin/references.h"

namespace pm {

/* One clause of a monitor condition. */
struct Clause {
    const struct ovsdb_idl_column *column = nullptr; /* Null: _uuid. */
    std::string text; /* For a string column; else 'uuid'. */
    Uuid uuid;
    bool every_row = false; /* Whatever the others say. */

    auto operator<=>(const Clause &) const = default;
};

/* A table's clauses are alternatives; none means no row. */
using Conditions =
    std::map<const struct ovsdb_idl_table_class *, std::set<Clause>>;

/* What must be known beside the model to say what else concerns us. */
struct ConditionInputs {
    std::string chassis;
    std::set<std::string> local_nics; /* iface-ids. */
    Children members;                 /* Of load balancers. */
    /* The server's schema has Mirror_Rule's column 'filter', by which all of a
     * filter's rules are asked for at once: thousands of rules are few clauses
     * then.  The IDL sends all of a table's whenever one comes or goes. */
    bool rules_name_filters = false;
    /* By filter, its rules that are not here by that, since they do not name
     * it: to be asked for one by one. */
    std::map<Uuid, FlatSet<Uuid>> rules;
};

/* Returns the conditions that follow from what has arrived in 'seen'.  Calling
 * it again as rows arrive reaches a fixed point: the closure. */
Conditions desire_conditions(const Model &seen, const ConditionInputs &,
                             References *);

/* Asks for 'conditions' where they differ from 'asked', which it updates.
 * Returns the sequence number after which all are in force, or 'seqno' if
 * nothing changed. */
unsigned int ask_conditions(struct ovsdb_idl *, const Conditions &,
                            Conditions *asked, unsigned int seqno);

/* Whether the server's schema has all tables and columns that the IDL may have
 * been told to ask for: 'asked', by 'inputs'.  It would send them with each
 * new connection, whatever the schema there (docs/switch-notes.md, 33). */
bool can_ask(const struct ovsdb_idl *, const Conditions &asked,
             const ConditionInputs &inputs);

/* Asks once more for what was asked, which costs no message, and returns the
 * sequence number as of which it holds now.  The one that was given before a
 * connection was lost may never come: what changed meanwhile goes with the new
 * connection's first request, which the IDL does not count (3.1.0). */
unsigned int ask_again(struct ovsdb_idl *, const Conditions &asked);

} // namespace pm

#endif /* OVSDB_CONDITIONS_H */
