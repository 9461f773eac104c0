/* One JSON object -> one value (core; the inside of document.h).
 *
 * Each parse() reads the keys of its kind and reports what is wrong with
 * them; ranges and what depends on other objects is left to check.h, so that
 * the console and the hypervisor say the same. */
#ifndef PLUGIN_PARSE_H
#define PLUGIN_PARSE_H 1

#include <optional>
#include <string>

#include "plugin/document.h"
#include "plugin/json_fields.h"
#include "plugin/kinds.h"

namespace pm {

/* Where an object is being read: into which edit, for whom. */
struct Scope {
    Edit *edit;
    const EditContext *context;
    Fields *fields;

    Problems *problems() const { return &edit->problems; }
};

/* The row of that full name in the edited model. */
std::optional<Uuid> id_of(const Edit &, const char *kind,
                          const std::string &full_name);

/* Each is given the name, account and defaults in '*value', and the object
 * as it stands, or null; whatever is not the document's to say (generation,
 * times) is the caller's to keep. */
void parse(const Scope &, const Vpc *existing, Vpc *value);
void parse(const Scope &, const Peering *existing, Peering *value);
void parse(const Scope &, const TransitConnect *existing,
           TransitConnect *value);
void parse(const Scope &, const Subnet *existing, Subnet *value);
void parse(const Scope &, const Nic *existing, Nic *value);
void parse(const Scope &, const LoadBalancer *existing, LoadBalancer *value);
void parse(const Scope &, const Collector *existing, Collector *value);
void parse(const Scope &, const Resource *existing, Resource *value);
void parse(const Scope &, const Filter *existing, Filter *value);
/* Leaves 'vni' 0 with 'vni' left out: finish() chooses. */
void parse(const Scope &, const Tunnel *existing, Tunnel *value);

} // namespace pm

#endif /* PLUGIN_PARSE_H */
