/* The console's edits: JSON in, an edited model or problems out (core).
 *
 * A document and a single command are the same thing: "tunnel-add" builds
 * one JSON object of kind "mirror_tunnels" and puts it; so each check and
 * each key is known in one place. */
#ifndef PLUGIN_DOCUMENT_H
#define PLUGIN_DOCUMENT_H 1

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plugin/check.h"
#include "plugin/model.h"

namespace pm {

/* Who edits, and what an edit cannot know by itself. */
struct EditContext {
    std::string account; /* Empty: the operator, who works in "default". */
    int64_t now_ms = 0;
    std::function<Uuid()> new_uuid;
    Limits limits;

    bool is_operator() const { return account.empty(); }
    std::string own_account() const
    {
        return account.empty() ? "default" : account;
    }
};

/* The document's kinds, by their key: "vpcs", "peerings",
 * "transit_connects", "subnets", "network_interfaces", "load_balancers",
 * "collectors", "mirror_resources", "mirror_filters", "mirror_tunnels"; in an
 * order in which each refers only to earlier ones. */
const std::vector<std::string> &document_kinds();

/* An edit in progress: a model being changed, the problems found, and the
 * events to record.  Nothing counts unless 'problems' stays empty. */
struct Edit {
    Model model;
    Problems problems;
    std::vector<Event> events;
    /* Tunnels that the edit touched, for --wait=hv and for output. */
    std::vector<Uuid> touched_tunnels;
};

enum class PutMode {
    Create,  /* Refused if the object exists (DUPLICATE). */
    Replace, /* Refused if it does not (NOT_FOUND). */
    Either   /* Documents. */
};

/* Puts one whole object, given in the document's form: a key left out takes
 * its default.  Bumps the generation when the content changes, and only
 * then.  Problems' paths begin with 'path'. */
void put(Edit *, const EditContext &, const std::string &kind,
         const nlohmann::json &object, const std::string &path, PutMode);
/* Removes an object of the caller's (or ACCOUNT/NAME). */
void erase(Edit *, const EditContext &, const std::string &kind,
           const std::string &name, const std::string &path);
/* Life-cycle edits of tunnels; 'name' is NAME or ACCOUNT/NAME. */
void accept_tunnel(Edit *, const EditContext &, const std::string &name,
                   std::optional<int64_t> generation);
void reject_tunnel(Edit *, const EditContext &, const std::string &name);

/* Checks that need the whole edited model, after all puts and erases: every
 * tunnel, resource and filter that the edit touched or whose references it
 * touched. */
void finish(Edit *, const EditContext &);

/* Applies a whole document, in one go: parse, put, prune, finish. */
void apply_document(Edit *, const EditContext &, const std::string &text,
                    bool prune);

/* One object in the document's form; null if there is none. */
nlohmann::json to_json(const Model &, const std::string &kind, const Uuid &);
/* Uuid of an object by its name as the caller says it, or nullopt (which is
 * also what a third account gets for what it may not see). */
std::optional<Uuid> look_up(const Model &, const EditContext &,
                            const std::string &kind, const std::string &name);
/* The whole document, stable order; the operator's has all accounts and
 * "accepted" on accepted tunnels. */
nlohmann::json export_document(const Model &, const EditContext &);

} // namespace pm

#endif /* PLUGIN_DOCUMENT_H */
