/* ControlDb's inside, shared by its reading and its writing half (adapter). */
#ifndef OVSDB_CONTROL_DB_IMPL_H
#define OVSDB_CONTROL_DB_IMPL_H 1

#include <climits>

#include "ovsdb/conditions.h"
#include "ovsdb/control_db.h"
#include "ovsdb/ovs_c.h"
#include "ovsdb/shared_datums.h"
#include "ovsdb/turn.h"
#include "plugin/nic_links.h"
#include "plugin/pace.h"

namespace pm {

struct ControlDb::Impl {
    struct ovsdb_idl *idl = nullptr;
    struct ovsdb_idl_txn *txn = nullptr;             /* Being made. */
    std::map<uint64_t, struct ovsdb_idl_txn *> sent; /* By number. */
    uint64_t transactions = 0;                       /* So many began. */
    std::map<uint64_t, Outcome> ended;               /* Not yet taken. */
    std::string refused; /* What the server said, until one succeeds. */
    std::set<uint64_t> sent_apart; /* Of 'sent'. */
    Backoff backoff;               /* Before the next one then. */
    Pace pace;
    Turn turn{"ovs_mirrord_turn"}; /* To write. */
    size_t turn_rows = 0;   /* Of the turn, and until it is known how long it
                             * took. */
    bool turn_done = false; /* It is to be given back. */
    bool turn_over = false; /* It has been. */
    long long turn_ended_ms = 0; /* For us. */

    std::string remote;
    /* On its way to a server: a pause, the queue of those who are to be sent
     * all their rows, and attempts until it is lost again. */
    enum class Stage { Pausing, Queued, Trying };
    Stage stage = Stage::Pausing;
    Turn reading{"ovs_mirrord_reading"}; /* That queue. */
    Comeback comeback;
    /* A clean-up has begun: one attempt more, that waits for nothing. */
    bool leaving = false, last_attempt = false;
    long long queue_ms = 0; /* When the pause is over. */
    long long tried_ms = 0; /* Since when it is being tried. */
    bool patient = false;   /* The server is given time to answer. */
    bool known = false;     /* All has come, on this connection. */
    long long calm_ms = 0;  /* Until when it is given time after that. */
    ConditionInputs inputs;
    Children rules; /* Of filters. */
    Conditions asked;
    unsigned int asked_seqno = 0;
    /* When rules that nobody needs are asked for no more; LLONG_MAX: there
     * are none. */
    long long spare_rules_ms = LLONG_MAX;
    bool was_connected = false;
    unsigned int idl_seqno = 0;
    unsigned int connected_seqno = 0; /* The IDL's, when it was connected. */
    bool complete = false;
    bool inputs_changed = false; /* Or rows that conditions follow from. */
    References references;

    /* What the IDL holds, but for tunnels and their status rows: there are
     * thousands, of which 'references' knows what is needed here. */
    Model seen;
    SharedDatums datums; /* Of these thousands. */
    ModelDelta fresh;    /* Not yet taken; additions and changes. */
    NicLinks links;      /* Of what has been taken. */
    ModelDelta gone;     /* Deletions that count once the view is complete. */
    /* Rows of which a child is on its way. */
    std::set<Uuid> waiting_for_children;

    void open();
    void close();
    void begin_again();
    uint64_t send(bool apart);
    bool has_ended(uint64_t number, struct ovsdb_idl_txn *);
    void see_ended();
    void queue();
    void pause();
    void forget_writes();
    void connect();
    void come_back();
    void wait_to_connect() const;
    void be_patient(bool);
    void end_turn();
    void keep_spare_rules(Conditions *wanted);
    void share_datums();
    void collect();
    bool sent_again() const;
    void forget_children();
    template <typename Row, typename Value>
    void collect_table(const struct ovsdb_idl_table_class *,
                       const Row *(*get)(const struct ovsdb_idl *,
                                         const struct uuid *),
                       Table<Value> Model::*rows,
                       TableDelta<Value> ModelDelta::*delta,
                       const std::set<Uuid> &also);
    /* Parents of child rows that changed, to be read again. */
    std::set<Uuid> changed_parents(const struct ovsdb_idl_table_class *,
                                   const Children &) const;
    std::map<const struct ovsdb_idl_table_class *, std::set<Uuid>>
    collect_children();
    void see_rules(const Uuid &filter);
    std::set<Uuid> seen_rows(const Table<Tunnel> Model::*) const;
    std::set<Uuid> seen_rows(const Table<TunnelStatus> Model::*) const;
    template <typename Value>
    std::set<Uuid> seen_rows(const Table<Value> Model::*) const;
    bool has_seen(const Table<Tunnel> Model::*, const Uuid &) const;
    bool has_seen(const Table<TunnelStatus> Model::*, const Uuid &) const;
    template <typename Value>
    bool has_seen(const Table<Value> Model::*, const Uuid &) const;
    bool see(Table<Tunnel> Model::*, const Uuid &, const Tunnel *);
    bool see(Table<TunnelStatus> Model::*, const Uuid &, const TunnelStatus *);
    template <typename Value>
    bool see(Table<Value> Model::*, const Uuid &, const Value *);
    void forget_seen();
    void set_broken(const Uuid &, std::optional<Problem>);
    void put(const ControlWrite::PutTunnel &);
    void put(const std::optional<Uuid> &, const FilterStatus &);
    void put(const Chassis &);
    void put(const ProbeReport &);
    const struct pmrec_chassis *own_chassis() const;
};

} // namespace pm

#endif /* OVSDB_CONTROL_DB_IMPL_H */
