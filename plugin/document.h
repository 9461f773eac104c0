/* The console's edits: JSON in, an edited model or problems out (core).
 *
 * A document and a single command are the same thing: "tunnel-add" builds
 * one JSON object of kind "mirror_tunnels" and puts it; so each check and
 * each key is known in one place. */
#ifndef PLUGIN_DOCUMENT_H
#define PLUGIN_DOCUMENT_H 1

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
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
    /* The highest generation that is still remembered of a tunnel "ACCOUNT",
     * "NAME", or 0: a request of that name begins above it. */
    std::function<int64_t(const std::string &, const std::string &)>
        last_generation = nullptr;

    bool is_operator() const { return account.empty(); }
    std::string own_account() const
    {
        return account.empty() ? OPERATOR_ACCOUNT : account;
    }
};

/* The document's kinds, by their key: "vpcs", "peerings",
 * "transit_connects", "subnets", "network_interfaces", "load_balancers",
 * "collectors", "mirror_resources", "mirror_filters", "mirror_tunnels"; in an
 * order in which each refers only to earlier ones. */
const std::vector<std::string> &document_kinds();

/* A row of the database that is there but cannot be read: it can only be
 * named and taken away. */
struct UnreadableRow {
    std::string kind;          /* A document's; empty for no kind of it. */
    std::string account, name; /* Inventory has no account. */
    std::string part;          /* Where in it, as ".inbound[100]"; or empty. */
    std::string error;

    std::string full_name() const
    {
        return account.empty() ? name : account + "/" + name;
    }
};

/* What the functions below keep between calls; not for their callers. */
struct EditBook {
    bool begun = false;
    bool in_document = false; /* Where an object may stand only once. */
    Model before;             /* As the edit found it, resources linked. */
    /* Kind -> "NAME" or, of the customer's kinds, "ACCOUNT/NAME" -> row. */
    std::map<std::string, std::map<std::string, Uuid>> ids;
    std::map<Uuid, std::string> named; /* Rows put, by the path that did. */
    std::set<Uuid> listed;     /* Rows put by the document under way. */
    bool all_named = true;     /* What each of its objects is, is known. */
    std::vector<Uuid> created; /* In the order of their puts. */
    std::set<Uuid> changed;    /* Rows written or erased. */
    /* Rows with a fault in what others' checks read: those pass them over,
     * so that one mistake is reported once. */
    std::set<Uuid> unsound;
    std::vector<Uuid> vni_wanted; /* Tunnels that finish() gives a VNI, and
                                   * afterwards those that it gave one. */
    /* Erases of what is in use: finish() tries them again, since what uses it
     * may yet go in the same edit. */
    struct Erase {
        std::string kind, name, path;
        Uuid id; /* Another may have the name by then. */
        bool in_document;
    };
    std::vector<Erase> put_off;
    bool finishing = false;
};

/* An edit in progress: a model being changed, the problems found, and the
 * events to record.  Nothing counts unless 'problems' stays empty after
 * finish().  Begin with a default Edit and set 'model'. */
struct Edit {
    Model model;
    /* What 'model' leaves out; erase() moves a row from there to 'erased'. */
    std::map<Uuid, UnreadableRow> unreadable, erased;
    Problems problems;
    /* What the caller should know and that refuses nothing: "VNI_SHARED",
     * "NETWORK_FEES", "RULE_SHADOWED", "TARGET_MISSING", and why the
     * destination does not admit the copies. */
    Problems warnings;
    std::vector<Event> events;
    /* Resources whose target has come back by rows: 'model' has them linked,
     * which an edit writes, whosesoever they are. */
    std::set<Uuid> relinked;
    /* Tunnels that the edit named or changed, themselves or what they refer
     * to, for --wait=hv; those it deleted included, and those that it would
     * have deleted were they not shutting down; none that the caller may not
     * see.  Complete after finish(). */
    std::vector<Uuid> touched_tunnels;
    EditBook book;
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
/* Removes an object of the caller's (or ACCOUNT/NAME).  What the rest of the
 * edit still uses in the end is IN_USE, whatever the order of its commands.
 * Deleting a tunnel that is already shutting down succeeds and changes
 * nothing. */
void erase(Edit *, const EditContext &, const std::string &kind,
           const std::string &name, const std::string &path);
/* Life-cycle edits of tunnels; 'name' is NAME or ACCOUNT/NAME.  A bare NAME
 * is first looked for among the requests of other accounts to the caller,
 * then among the caller's own tunnels.  Problems' paths begin with
 * "mirror_tunnels[NAME]". */
void accept_tunnel(Edit *, const EditContext &, const std::string &name,
                   std::optional<int64_t> generation);
void reject_tunnel(Edit *, const EditContext &, const std::string &name);

/* Checks that need the whole edited model, after all puts and erases: every
 * tunnel, resource and filter that the edit touched or whose references it
 * touched.  Chooses the VNIs that were left out, links resources to targets
 * that came back, and completes 'touched_tunnels' and 'warnings'.  Call it
 * once, last; an edit that nothing was put into or erased from is left as it
 * is. */
void finish(Edit *, const EditContext &);

/* Applies a whole document: parse, put, prune.  finish() is the caller's, who
 * may join other edits to it. */
void apply_document(Edit *, const EditContext &, const std::string &text,
                    bool prune);

/* One object in the document's form; null if there is none. */
nlohmann::json to_json(const Model &, const std::string &kind, const Uuid &);
/* Uuid of an object by its name as the caller says it, or nullopt (which is
 * also what a third account gets for what it may not see). */
std::optional<Uuid> look_up(const Model &, const EditContext &,
                            const std::string &kind, const std::string &name);
/* The same of what cannot be read. */
std::optional<Uuid> look_up_unreadable(const Edit &, const EditContext &,
                                       const std::string &kind,
                                       const std::string &name);
/* Whether the caller may know of such a row: its own, and the operator of
 * all. */
bool may_see(const EditContext &, const UnreadableRow &);
/* What is wrong with such a row, and how the caller has it mended. */
std::string reason_of(const EditContext &, const UnreadableRow &);
/* The refusal, at 'path', of what needs the object of that name, which is not
 * in the model: it cannot be read, if the caller may know that, or else
 * 'missing'. */
Problem missing_or_unreadable(const Edit &, const EditContext &,
                              const std::string &kind, const std::string &name,
                              Problem missing);
/* Whether the caller may see an object at all: its own, the inventory of its
 * own VPCs and what is anyone's, and tunnels it requested or accepts. */
bool may_see(const Model &, const EditContext &, const std::string &kind,
             const Uuid &);
/* The whole document, stable order; the operator's has all accounts and
 * "accepted" on accepted tunnels, an account's its own resources, filters and
 * tunnels. */
nlohmann::json export_document(const Model &, const EditContext &);

} // namespace pm

#endif /* PLUGIN_DOCUMENT_H */
