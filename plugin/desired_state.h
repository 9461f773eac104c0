/* What should be on this switch, re-desired piece by piece (core).
 *
 * Inputs are values: the control database's part that concerns us, the
 * switch's facts, the paths to destinations.  Whatever changes in one of them
 * marks the tunnels that depend on it; update() re-desires those and no
 * others.  A fresh DesiredState given the same inputs must agree with one
 * that lived through every edit: tests/unit/test_desired_state.cc holds it to
 * that.
 *
 * Nothing is remembered that the inputs do not say, but for two things that
 * exist to keep the switch still: numbers handed out and not yet written to
 * the database, and what a tunnel did before a row that it refers to went
 * missing from an incomplete view. */
#ifndef PLUGIN_DESIRED_STATE_H
#define PLUGIN_DESIRED_STATE_H 1

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "flows/delivery.h"
#include "flows/egress.h"
#include "flows/pipeline.h"
#include "plugin/check.h"
#include "plugin/flat_set.h"
#include "plugin/model.h"
#include "plugin/next_hops.h"
#include "plugin/owner_index.h"
#include "plugin/path.h"
#include "plugin/pool.h"
#include "plugin/seldom.h"
#include "plugin/slots.h"
#include "plugin/switch_rows.h"

namespace pm {

/* Where copies enter a tenant's network: a port of ours on the NIC's bridge,
 * in the NIC's own VLAN, or bound as a logical port of the NIC's subnet. */
struct DeliverySite {
    std::string nic_bridge;
    std::optional<int> tag;
    std::string iface_id; /* Under OVN; else empty. */

    auto operator<=>(const DeliverySite &) const = default;
    std::string to_string() const; /* As in the port's mark. */
};

/* What a tunnel comes to whose destination is in a VPC, beside the rest. */
struct VpcDesire {
    /* From and to: a peering or connect between them can change it. */
    std::optional<std::pair<Uuid, Uuid>> vpcs;
    std::string crossing; /* The peering or connect, by name; or empty. */

    /* Of delivery there: where, and what the copies are to become. */
    std::optional<DeliverySite> site;
    std::vector<DeliverySpec> ways;
    std::set<NextHopKey> next_hops; /* Of them. */
    /* The same of 'egress', by handle. */
    std::map<int64_t, DeliverySpec> deliveries;

    bool operator==(const VpcDesire &) const = default;
};

/* What one tunnel comes to on this hypervisor. */
struct TunnelDesire {
    /* Its row exists and it is accepted. */
    bool active = false;
    /* Rows that it refers to have not arrived. */
    bool pending = false;
    /* The source NIC is plugged in here. */
    bool bound = false;
    /* Something that decides is not known yet: its path, its bridge. */
    bool undecided = false;
    /* Wants a pair of Mirrors: nothing of its own stands in the way. */
    bool wants_slot = false;
    /* Has its slot, its number and its filter's. */
    bool wants_copy = false;
    /* The destination is a collector: see desire_guards.cc. */
    bool to_collector = false;
    Health health = Health::Ok; /* For the status, as what comes last. */
    std::string iface_id;       /* Of the source NIC; may be empty. */
    std::string mac;            /* Its MAC; empty: not known. */
    FlatSet<IpAddress> addresses;
    std::optional<Uuid> subnet; /* It is in. */
    std::optional<Uuid> filter;
    std::string nic_bridge;    /* Where it is plugged in. */
    std::string mirror_bridge; /* Ours, of the same datapath type. */
    std::optional<PathKey> path;
    /* What its flows do; absent when nothing is to be copied. */
    std::optional<EgressSpec> egress;
    TapTunnel tap;
    Seldom<VpcDesire> in_vpc;

    /* For the status. */
    SharedMap<std::string, std::string> reasons; /* Code -> message. */
    /* What it means that the NIC shares its Mirrors. */
    Seldom<std::string> sharing;
    SharedMap<std::string, Condition> conditions; /* By type. */
    std::optional<Delivery> delivery;
    std::optional<int> effective_packet_length;

    /* Where the copies come from and go to as they arrive: in a tenant's
     * network not what 'egress' says.  Of a balanced tunnel all members. */
    std::string source_text() const;
    std::string destination_text() const;

    void degrade(const std::string &code, const std::string &message);
    void set_condition(const std::string &type, ConditionStatus,
                       const std::string &reason = "");
    /* A cause that keeps it from copying, told as reason and condition. */
    void fail_condition(const std::string &type, const std::string &code,
                        const std::string &message);

    bool operator==(const TunnelDesire &) const = default;
};

class DesiredState {
public:
    /* The control database's view: rows changed, and whether the view is
     * complete (every condition acknowledged, every reference resolved as
     * far as the server knows). */
    void apply(const ModelDelta &);
    void set_complete(bool);
    /* The control database has a place for handles, without which nothing can
     * be delivered in a VPC. */
    void set_keeps_handles(bool);
    /* Tunnels and filters whose rows it refuses, so that who waits for one
     * waits without end. */
    void set_refused(const std::set<Uuid> &);
    void set_switch(const SwitchFacts &);
    void set_paths(const std::map<PathKey, Path> &changed);
    void set_next_hops(const std::map<NextHopKey, NextHopState> &changed);
    /* No longer looked after. */
    void forget_path(const PathKey &key) { paths_.erase(key); }
    /* vswitchd answers; set_switch() knows only what the database says. */
    void set_vswitchd_alive(bool);

    /* Re-desires what depends on the inputs that changed. */
    void update();
    /* Inputs changed since, or some of the newcomers may be taken in. */
    bool outdated() const { return !dirty_.empty() || may_take_in(); }
    /* Tunnels that wait to be taken in: there is no desire of them yet. */
    const std::set<Uuid> &newcomers() const { return newcomers_; }

    /* Outcome. */
    const std::map<OwnerKey, FlowList> &flows() const;
    /* Rates in kbit/s of the meters that owners' flows use. */
    const std::map<OwnerKey, int64_t> &meters() const { return meters_; }
    const SwitchRows &rows() const { return rows_; }
    /* Rises when rows() may have changed. */
    uint64_t rows_revision() const { return rows_revision_; }
    const UuidMap<TunnelDesire> &tunnels() const { return tunnels_; }
    /* Filters with a status row of ours that no tunnel here names. */
    std::set<Uuid> idle_filters();
    std::set<PathKey> paths() const;
    /* Whether paths() may have changed since the last call. */
    bool take_changed_paths() { return std::exchange(paths_changed_, false); }
    /* Next hops whose site has its port. */
    std::set<NextHopKey> next_hops() const;
    /* The delivery bridge of a site, and its port there, once it is. */
    std::optional<std::pair<std::string, int>>
    port_of_site(const std::string &site) const;
    /* The MAC that copies bear there. */
    std::string mac_of_site(const DeliverySite &) const;
    std::string mac_of_site(const std::string &site) const;
    /* The site that a port of a delivery bridge leads to, or "". */
    std::string site_of_port(const std::string &bridge, int ofport) const;
    const Model &model() const { return model_; }
    const SwitchFacts &facts() const { return facts_; }

    /* This chassis' status row of a tunnel or filter, or nullptr. */
    const TunnelStatus *status_of(const Uuid &tunnel) const;
    const FilterStatus *filter_status_of(const Uuid &filter) const;
    /* Other chassis' status rows of a tunnel, as far as we see them. */
    std::set<Uuid> foreign_statuses_of(const Uuid &tunnel) const;
    /* Where the NIC's tap flows are desired, if they are. */
    std::optional<OwnerKey> tap_of(const std::string &iface_id) const;
    /* Its rows are in force, and none of its tunnels admits a frame: of a NIC
     * that shares its pair that takes no flow. */
    bool needs_no_tap(const std::string &iface_id) const
    {
        return idle_taps_.count(iface_id) > 0;
    }
    /* What the NIC's tap has in common with others', if it does. */
    std::optional<OwnerKey> shared_tap_of(const std::string &iface_id) const;
    /* The number of the pair of rows that serves the NIC, if any. */
    std::optional<int64_t> pair_of(const std::string &iface_id) const;
    /* NICs whose tap, or shared pair, has a number. */
    std::set<std::string> nics_of_tap(int64_t number) const;
    /* Whether a number is seen on the switch. */
    using Busy = std::function<bool(int64_t)>;
    /* The tunnel's number if it has one, else the lowest that is free in the
     * status rows and not busy. */
    int64_t number_for_tunnel(const Uuid &, const Busy &);
    int64_t number_for_filter(const Uuid &, const Busy &);
    /* The same of one way of a tunnel's copies; 0 if there is no handle
     * left. */
    int64_t handle_for(const Uuid &tunnel, const DeliverySpec &, const Busy &);
    /* Whether the tunnel's way has a handle that is no other's: rows may have
     * anything. */
    bool owns_handle(const Uuid &tunnel, const std::string &way) const;
    /* What an egress owner's flows send to: all must be there first. */
    std::set<OwnerKey> deliveries_of(const OwnerKey &egress) const;

    std::optional<Uuid> status_row_of(const Uuid &tunnel) const;
    std::optional<Uuid> filter_status_row_of(const Uuid &filter) const;
    /* Tunnels that 'key's flows serve. */
    std::set<Uuid> tunnels_of(const OwnerKey &key) const;
    std::optional<Uuid> tunnel_of_number(int64_t) const;
    /* Tunnels whose source NIC this is. */
    std::set<Uuid> tunnels_of_nic(const std::string &iface_id) const;
    /* Some tunnel that is active and bound here names the filter. */
    bool is_filter_needed(const Uuid &filter) const;
    /* The filter's new rules wait for a tunnel that goes on as it was. */
    bool is_put_off(const std::string &bridge, const Uuid &filter) const
    {
        return put_off_filters_.count({bridge, filter}) > 0;
    }
    bool is_put_off(const Uuid &filter) const; /* On some bridge. */
    /* The same, all of them: mirror bridges and filters, with the tunnels that
     * were edited together with them, or since. */
    const std::map<std::pair<std::string, Uuid>, std::set<Uuid>> &
    put_off_filters() const
    {
        return put_off_filters_;
    }
    /* No tunnel that may have something on the switch is undecided. */
    bool decided() const;
    /* Nobody is to wait any longer for those that are undecided now, but for
     * their paths alone; returns how many these are. */
    size_t stop_waiting();
    void wait_again() { excused_.clear(); }
    /* Filter that is installed under a number. */
    std::optional<Uuid> filter_of_number(int64_t) const;
    /* Re-desires everything, as after a start. */
    void refresh();

    /* What changed since the last call: of an owner its flows or meter. */
    std::set<OwnerKey> take_changed_flows();
    std::set<Uuid> take_changed_tunnels();
    std::set<Uuid> take_changed_filters(); /* What their status rows say. */
    /* Whose tap has lost its flows, since somebody took its Mirror or ports
     * away: soon they are back, or it is to be told. */
    std::set<Uuid> take_untapped();

private:
    template <typename Id> struct Numbers { /* Handed out, and in rows. */
        std::map<Id, int64_t> by_id;
        std::map<int64_t, Id> by_number;
        /* All below are in 'by_number' or among the gaps. */
        int64_t first_fresh = 1;
        std::set<int64_t> gaps;
        int64_t allocate(const Id &, const Busy &);
        void assign(const Id &, int64_t);
        void release(const Id &);
    };

    void release_handles(const Uuid &tunnel);
    void retry_handles();
    void dirty_dependents(const Uuid &);
    void apply_statuses(const ModelDelta &);
    void index_target(const Uuid &resource, const std::optional<Resource> &);
    /* Of source, destination and filter: two with the same are duplicates.
     * Others may hash alike, which costs a look at them. */
    static size_t likeness(const Tunnel &t)
    {
        UuidHash hash;
        return (hash(t.source) * 31 + hash(t.destination)) * 31 +
               (t.filter ? hash(*t.filter) : 0);
    }
    bool may_have_troubled_siblings(const Tunnel &) const;
    void index_source(const Uuid &id, const Tunnel *before,
                      const std::optional<Tunnel> &after);
    void check_end(const Uuid &resource, const std::string &path, Problems *);
    void depend(const Uuid &tunnel, const Uuid &on);
    void unlink(const Uuid &tunnel, const FlatSet<Uuid> &before);

    /* Those of our ports that all tunnels of a bridge go by. */
    struct CommonPort {
        int ofport = 0;
        std::string bridge, peer; /* Of a patch port. */

        bool operator==(const CommonPort &) const = default;
    };
    /* desire_switch.cc: what the switch's facts change. */
    static std::map<std::string, CommonPort> common_ports(const SwitchFacts &);
    bool are_strangers(const std::set<std::string> &nics) const;
    void retry_taps();

    /* desire_newcomers.cc: tunnels that wait to be looked at. */
    bool is_newcomer(const Uuid &) const;
    bool is_any_undecided() const;
    size_t room_for_newcomers() const;
    bool may_begin() const;
    bool may_follow() const;
    bool may_take_in() const;
    void take_in();

    /* desire_tunnel.cc: one tunnel, from values alone. */
    TunnelDesire desire_tunnel(const Uuid &);
    bool can_hold(const Uuid &id, const TunnelDesire &);
    TunnelDesire as_it_was(const Uuid &id, const TunnelDesire &);
    TunnelDesire until_filter_written(const Uuid &id, const Uuid &filter,
                                      const TunnelDesire &);
    TunnelDesire until_handles_written(const Uuid &id, const TunnelDesire &,
                                       const EgressSpec &);
    bool was_decided_between(const Uuid &id, const TunnelDesire &) const;
    template <typename T>
    bool has_arrived(const Uuid &id, const Table<T> &, const Uuid &row,
                     TunnelDesire *);
    bool resolve(const Uuid &id, const Tunnel &, TunnelDesire *,
                 std::optional<IpAddress> *destination,
                 std::optional<int> *length);
    bool resolve_target(const Uuid &id, const Resource &, TunnelDesire *);
    void check(const Uuid &id, const Tunnel &, TunnelDesire *);
    void check_siblings(const Uuid &id, const Tunnel &, Problems *);
    bool take_seat(const BridgeFacts &, TunnelDesire *);
    bool take_flood(TunnelDesire *);

    /* desire_path.cc: the way to a destination. */
    bool knows_path(const Uuid &id, const IpAddress &destination,
                    TunnelDesire *);
    bool has_vxlan_port(const Path &, TunnelDesire *) const;
    bool find_way(const IpAddress &destination, TunnelDesire *, EgressSpec *);
    std::optional<std::pair<int, std::string>>
    mtu_of_way(const Tunnel &, int nic_mtu_or_0, const TunnelDesire &);
    bool fit_length(const Tunnel &, std::optional<int> length,
                    int nic_mtu_or_0, TunnelDesire *, EgressSpec *);

    /* desire_delivery.cc: copies in a tenant's network. */
    struct Draft { /* Of a way: its next hop may have to be asked. */
        DeliverySpec way;
        std::optional<IpAddress> next_hop;
        NextHopKey key; /* If it is asked. */
    };
    bool find_ways(const Tunnel &, TunnelDesire *, std::vector<Draft> *);
    bool add_way(const End &source, const std::vector<IpAddress> &addresses,
                 const std::string &mac, TunnelDesire *, std::vector<Draft> *);
    std::optional<DeliverySpec> way_by_next_hop(const Uuid &id, const Draft &,
                                                bool may_flood,
                                                Problem *trouble) const;
    bool find_next_hops(const Uuid &id, const std::vector<Draft> &,
                        TunnelDesire *);
    bool take_handles(const TunnelStatus &, bool balanced, TunnelDesire *,
                      EgressSpec *);
    void place_deliveries(const Uuid &id, const TunnelDesire &before,
                          const TunnelDesire &after);
    bool is_stale(const TunnelDesire &, const DeliverySpec &) const;
    void desire_deliveries();

    /* desire_leg.cc: how copies come to the delivery bridges, and leave. */
    std::string delivery_bridge_for_type(const std::string &datapath_type);
    bool find_leg(bool spreads, TunnelDesire *, EgressSpec *);
    bool find_balance_pair(TunnelDesire *, EgressSpec *);
    void desire_sites(SwitchRows *);
    void add_balance_pair(const std::string &datapath_type, SwitchRows *);
    std::optional<int> balance_ofport(const std::string &bridge,
                                      Direction) const;
    bool has_balance_pair(const TunnelDesire &before) const;

    /* desire_network.cc: what the network must have. */
    bool ask_network_of(const Tunnel &, TunnelDesire *);
    void ask_permission_of(const Tunnel &, const IpAddress &outer_source,
                           TunnelDesire *);
    TunnelDesire hold(const Uuid &, TunnelDesire);

    /* desire_guards.cc: that no copy is copied again. */
    void place_guard(const Uuid &id, const TunnelDesire &before,
                     const TunnelDesire &after);
    void use_guard(const std::pair<std::string, Flow> &, const Uuid &user,
                   bool use);
    void note_guarded(const ModelDelta &);
    void desire_guards();

    /* desire_shared.cc: between tunnels. */
    void place(const Uuid &id, const TunnelDesire &before,
               const TunnelDesire &after);
    std::string bridge_for_type(const std::string &datapath_type);
    bool awaits_path(const Uuid &) const;
    void find_awaited();
    bool must_put_off(const std::pair<std::string, Uuid> &user,
                      const FlatSet<Uuid> &users) const;
    void stop_whose_rules_change();
    void desire_filters();
    void set_flows(const OwnerKey &, std::vector<Flow>);
    void set_meter(const OwnerKey &, std::optional<int64_t> rate_kbps);
    void release_flows(const OwnerKey &);

    /* desire_rows.cc: our rows in the switch database. */
    bool is_vxlan_port_free(const std::string &port_name,
                            const std::string &datapath_type) const;
    struct TapNumbers;
    bool is_pair_at_home(int64_t number, const std::string &nic_bridge,
                         const std::string &datapath_type);
    std::optional<std::pair<std::string, int>>
    port_of_site(int64_t number) const;
    TapNumbers numbers_in_rows();
    void desire_rows();
    void desire_bases();

    /* desire_seats.cc: who has Mirrors; desire_taps.cc: what they give. */
    struct TapShare { /* What a NIC's tap comes to on a shared pair. */
        std::string nic_bridge;
        std::optional<int> own_tag;
        std::map<Direction, bool> copies;
        bool floods = false;

        bool operator==(const TapShare &) const = default;
    };
    void set_tap_share(const std::string &iface_id, std::optional<TapShare>);
    SeatPlan plan_seats(const std::string &nic_bridge);
    struct Claim;
    static std::optional<Claim> claim_of(const TunnelDesire &);
    bool is_claimed_by_others(const Uuid &id, const Claim &) const;
    bool may_flood(const TunnelDesire &) const;
    void place_seat(const Uuid &id, const TunnelDesire &before,
                    const TunnelDesire &after);
    void share_bridge(const std::string &nic_bridge);
    void share_floods(const std::string &nic_bridge);
    const Seat *seat_of(const std::string &iface_id) const;
    bool is_exposed(const std::string &bridge) const;
    bool are_ports_live(int64_t pair) const;
    bool is_tap_live(const std::string &iface_id, const Seat &) const;
    bool is_segment_live(const std::string &nic_bridge) const;
    std::vector<TapTunnel> copying(const std::string &iface_id) const;
    std::set<IpAddress> addresses_of(const std::string &iface_id) const;
    void desire_tap(const std::string &iface_id);
    void desire_shared_tap(const std::string &nic_bridge);

    Model model_;
    bool complete_ = false, keeps_handles_ = true, vswitchd_alive_ = true;
    SwitchFacts facts_;
    Pool<SharedMap<std::string, Condition>> conditions_;
    Pool<SharedMap<std::string, int64_t>> counts_; /* Zero, mostly. */
    std::map<PathKey, Path> paths_;

    std::set<Uuid> dirty_;
    std::set<Uuid> newcomers_;
    std::set<Uuid> rowless_; /* Taken in, and to have a status row. */
    bool begun_ = false;     /* Those that were taken in first were decided. */
    std::set<Uuid> excused_; /* stop_waiting(), until they are decided. */
    std::set<Uuid> held_;    /* Kept as they were while rows are missing. */
    std::set<Uuid> pending_; /* Of which rows are missing. */
    std::set<Uuid> untapped_;
    std::set<Uuid> refused_; /* Tunnels and filters: see set_refused(). */
    UuidMap<FlatSet<Uuid>> dependents_;   /* On -> tunnels. */
    UuidMap<FlatSet<Uuid>> dependencies_; /* Tunnel -> on. */
    std::map<std::string, FlatSet<Uuid>> by_iface_id_;
    std::map<PathKey, FlatSet<Uuid>> by_path_;
    std::map<std::pair<Uuid, Uuid>, FlatSet<Uuid>> by_vpcs_;
    std::map<Uuid, FlatSet<Uuid>> by_source_;  /* Resource -> tunnels. */
    std::unordered_map<size_t, size_t> alike_; /* How many have it. */
    /* What names a target -> resources. */
    std::map<std::string, FlatSet<Uuid>> by_target_;
    UuidMap<Uuid> own_statuses_;               /* Tunnel -> status row. */
    std::map<Uuid, Uuid> own_filter_statuses_; /* Filter -> status row. */
    std::map<Uuid, FlatSet<Uuid>> foreign_statuses_; /* Tunnel -> rows. */
    std::map<Uuid, Problems> filter_problems_;
    std::set<Uuid> maybe_idle_filters_;
    Numbers<Uuid> tunnel_numbers_, filter_numbers_;
    Numbers<std::pair<Uuid, std::string>> handles_; /* Tunnel and way. */
    std::set<Uuid> handleless_; /* Tunnels that found none left. */
    size_t handles_used_ = 0;   /* When that was last looked at. */
    std::map<std::string, int64_t> nic_numbers_;      /* By iface-id. */
    std::map<std::string, int64_t> pair_numbers_;     /* Shared, by bridge. */
    OwnerIndex<std::string> tap_keys_;                /* Flows, by iface-id. */
    std::set<std::string> idle_taps_;                 /* NICs. */
    std::map<std::string, TapShare> tap_shares_;      /* By iface-id. */
    OwnerIndex<std::string> shared_tap_keys_;         /* By NIC bridge. */
    std::map<OwnerKey, Uuid> egress_owners_;          /* Flows -> tunnel. */
    std::map<std::string, std::string> bridge_names_; /* By type. */
    std::map<NextHopKey, NextHopState> next_hops_;
    std::map<NextHopKey, FlatSet<Uuid>> by_next_hop_;
    std::map<DeliverySite, FlatSet<Uuid>> site_users_;
    std::map<DeliverySite, int64_t> site_numbers_;
    std::map<std::string, DeliverySite> sites_; /* The same, by to_string(). */
    std::map<OwnerKey, Uuid> delivery_owners_;  /* Flows -> tunnel. */
    std::set<Uuid> dirty_deliveries_;

    UuidMap<TunnelDesire> tunnels_;
    std::map<std::string, FlatSet<Uuid>> wanting_;   /* NIC -> tunnels. */
    std::map<std::string, FlatSet<Uuid>> on_bridge_; /* NIC bridge ->. */
    std::map<std::string, SeatPlan> seats_;          /* By NIC bridge. */
    /* Tunnels that get what is flooded, by NIC bridge. */
    std::map<std::string, std::set<int64_t>> flooded_;
    /* Those that might: by NIC bridge and number, the resubmits of each. */
    std::map<std::string, std::map<int64_t, std::pair<int, Uuid>>>
        flood_costs_;
    std::set<std::string> dirty_bridges_;     /* NIC bridges to share anew. */
    std::set<std::string> dirty_floods_;      /* The same, of floods. */
    std::set<std::string> dirty_taps_;        /* By iface-id. */
    std::set<std::string> dirty_shared_taps_; /* By NIC bridge. */
    std::set<std::pair<std::string, Uuid>> dirty_filters_;
    /* Of these, those that wait: see is_put_off(). */
    std::map<std::pair<std::string, Uuid>, std::set<Uuid>> put_off_filters_;
    /* For whom: see find_awaited(). */
    std::map<std::pair<std::string, Uuid>, std::set<Uuid>> awaited_;
    std::set<Uuid> edited_; /* Of those with a filter, since the last. */
    /* (mirror bridge, filter) -> tunnels that copy through it. */
    std::map<std::pair<std::string, Uuid>, FlatSet<Uuid>> filter_users_;
    OwnerIndex<std::pair<std::string, Uuid>> filter_keys_;
    /* (mirror bridge, guard flow) -> tunnels that need it, and the zero uuid
     * if it stands whatever tunnels there are. */
    std::map<std::pair<std::string, Flow>, FlatSet<Uuid>> guard_users_;
    std::set<std::pair<std::string, Flow>> standing_guards_;
    std::set<Uuid> destination_nics_; /* Resources. */

    std::set<std::string> bases_; /* Bridges with default drops. */
    std::set<std::string> delivery_bases_;
    SwitchRows rows_;
    uint64_t rows_revision_ = 0;
    bool rows_dirty_ = true, guards_dirty_ = true, paths_changed_ = false;
    std::map<OwnerKey, FlowList> flows_;
    std::map<OwnerKey, int64_t> meters_;
    std::set<OwnerKey> changed_flows_;
    std::set<Uuid> changed_tunnels_, changed_filters_;
};

} // namespace pm

#endif /* PLUGIN_DESIRED_STATE_H */
