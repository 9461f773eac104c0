/* One pass of the daemon: read, desire, diff, apply, report.
 *
 * Decides nothing that a value can decide (see desired_state.h, plan.h,
 * status.h); it carries values between those and the edges, and holds what
 * is under way. */
#ifndef PLUGIN_AGENT_H
#define PLUGIN_AGENT_H 1

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "flows/spelling.h"
#include "ovsdb/control_db.h"
#include "ovsdb/switch_db.h"
#include "ovsdb/unixctl_client.h"
#include "plugin/bridge_guard.h"
#include "plugin/bridge_link.h"
#include "plugin/cfg_answer.h"
#include "plugin/contest.h"
#include "plugin/counts.h"
#include "plugin/desired_state.h"
#include "plugin/made_bridges.h"
#include "plugin/mirror_watch.h"
#include "plugin/namesake.h"
#include "plugin/pace.h"
#include "plugin/plan.h"
#include "plugin/prober.h"
#include "plugin/prover.h"
#include "plugin/refusals.h"
#include "plugin/status.h"
#include "plugin/suspects.h"
#include "plugin/underlay.h"

namespace pm {

class Agent {
public:
    explicit Agent(const std::string &switch_remote);

    void run();
    void wait();

    /* For operators (appctl.cc). */
    const DesiredState &desired() const { return desired_; }
    const Actual &actual() const { return actual_; }
    bool installed(const Uuid &tunnel) const;
    Plan plan() const;
    /* Why nothing, or no row, is applied at present, or "". */
    std::string holding() const;
    void resync();
    void set_paused(bool);
    bool paused() const { return paused_; }
    const Counts &counts() const { return counts_; }
    Counts &counts() { return counts_; }
    int64_t control_lost_since_ms() const { return control_lost_ms_; }
    /* What the control database refuses, be it one row alone; or "". */
    std::string control_refused() const
    {
        return control_.refused().empty() ? suspects_.why()
                                          : control_.refused();
    }
    /* Of tunnels and filters, by themselves. */
    size_t rows_refused() const { return suspects_.refused().size(); }

    /* Removes everything of ours; cleaned() once that is so, or cannot be. */
    void start_cleanup();
    bool cleaned() const;
    /* Then: what could not be removed, in words, or "". */
    std::string left_behind() const;

private:
    struct Subjects { /* Whom a transaction tells of. */
        Suspects::Some some;
        bool others = false; /* Than tunnels. */
        bool hosts = false;  /* Chassis row or probe reports. */
        bool trial = false;  /* Of those that were refused. */
    };
    /* vswitchd is away when it owes us something for so long. */
    static constexpr int64_t AWAY_MS = 1500;
    /* Or when it does not answer a question for so long. */
    static constexpr int64_t SILENT_MS = 1000;
    /* How long a control socket is waited for. */
    static constexpr int64_t CUT_OFF_MS = 10000;
    /* The control database's absence is worth an event after so long. */
    static constexpr int64_t LONG_AWAY_MS = 10000;
    /* How soon, and how seldom, vswitchd, which looks at all of its ports
     * then, is made to try again. */
    static constexpr int64_t PORT_RETRY_MS = 5000, PORT_RETRY_MOST_MS = 120000;

    void read_switch();
    bool watch_layouts(const SwitchFacts &);
    bool is_name_anothers() const;
    void leave_name(Settings *);
    void read_control();
    void watch_name();
    void read_underlay();
    void watch_paths();
    void run_links();
    void know_flows(const OwnerKey &, Spelling *) const;
    void on_read(const std::string &bridge, const LinkEvent &);
    void on_metered(const std::string &bridge, const LinkEvent &);
    void on_applied(const std::string &bridge, const LinkEvent &);
    void on_refused(const std::string &bridge, const LinkEvent &);
    void on_lost(const std::string &bridge);
    void tell_contest();
    void run_next_hops();
    void hurry();
    void run_prover();
    void judge_vswitchd();
    void judge_bridges();
    bool is_bare() const;
    void judge_mirrors();
    void retry_ports(int64_t now_ms);
    bool is_connected() const;
    bool is_changing() const;
    bool may_desire() const;
    bool is_switch_clean() const;
    bool is_control_clean() const;
    void judge_socket();
    void start();
    void register_inherited();
    void prove_inherited();
    bool may_act();
    bool acts() const;
    bool may_revoke() const;
    void compare_rows();
    void apply_plan();
    bool may_report() const;
    void report();
    void await_turn(ControlWrite *, Subjects *);
    void take_reported(uint64_t number, ControlDb::Outcome);
    bool is_uncertain() const;
    bool is_early() const;
    bool is_reading() const;
    bool is_judged(const Uuid &tunnel) const;
    bool is_filter_judged(const Uuid &) const;
    void report_others(ControlWrite *);
    bool may_try_suspects() const;
    void try_suspects(StatusContext &);
    bool has_more_to_say() const;
    bool is_reporting_others() const;
    bool is_underway(const Uuid &, const TunnelStatus &, bool lags);
    void run_underway();
    bool is_reporting(const Uuid &tunnel) const;
    bool is_told_observed(const Uuid &filter) const;
    bool waits_in_vain(const Uuid &tunnel) const;
    bool is_said(const Uuid &tunnel, const Subjects &telling) const;
    bool is_filter_said(const Uuid &filter, const Subjects &telling) const;
    void begin_answer(const Subjects &telling);
    void run_answer(const Subjects &telling);
    Chassis own_chassis() const;
    void take_neighbours();
    std::vector<Uuid> take_unreported(const Uuid &, size_t most);
    void report_tunnels(StatusContext &, size_t rows_max, ControlWrite *,
                        Subjects *);
    bool report_tunnel(const Uuid &, StatusContext &, ControlWrite *);
    bool report_filter(const Uuid &, const std::set<int64_t> &named,
                       ControlWrite *);
    void report_filters(ControlWrite *, Subjects *);
    void report_chassis(ControlWrite *);
    Chassis desire_chassis(const Chassis &before) const;
    void mark(const OwnerKey &);

    SwitchDb switch_;
    ControlDb control_;
    Underlay underlay_;
    UnixctlClient vswitchd_;
    Prover prover_;
    Prober prober_;
    BridgeGuard guard_;
    MadeBridges made_;
    DesiredState desired_;
    Actual actual_;
    Counts::Links links_;
    Counts counts_;

    /* Owners whose desired or actual flows changed since they were equal. */
    std::set<OwnerKey> outstanding_;
    std::set<Uuid> unreported_; /* Tunnels whose status may have changed. */
    std::set<Uuid> unreported_filters_;
    /* Tunnels of whom flows may have changed and nothing else: the tap's,
     * mostly, since another tunnel of the NIC did. */
    std::set<Uuid> neighbours_;
    /* Those that, when last looked at, were not told to have what they have.
     */
    std::set<Uuid> unsettled_;
    std::string rows_refused_; /* As last told of these. */
    /* Tunnels of which nothing is told yet but that they are under way, and
     * since when (ms). */
    std::map<Uuid, int64_t> underway_;
    int64_t next_underway_ms_ = 0;
    /* Those that wait for the datapath to follow. */
    std::set<Uuid> lagging_;
    /* Those that were looked at where it cannot be judged yet whether they
     * are silent. */
    std::set<Uuid> unjudged_;
    /* Those that are gone, and whose rows a tap still needs that the switch,
     * or somebody, keeps as it is. */
    std::set<Uuid> held_;
    std::map<uint64_t, Subjects> reporting_; /* Under way, by number. */
    /* More than may be written among others: they wait for our turn. */
    std::set<Uuid> backlog_, backlog_filters_;
    Uuid reported_last_{}; /* After whom it is the next one's turn. */
    Suspects suspects_;
    bool more_to_report_ = false;
    /* A transaction with probe reports or the Chassis row was refused: each
     * has its own until one is not. */
    bool others_apart_ = false, chassis_next_ = false;
    Backoff others_pause_;
    Namesake namesake_;
    std::pair<std::string, std::string> name_; /* Ours, and where it counts. */
    std::string namesakes_host_;
    bool holds_ = false;          /* Acts on the switch by that name. */
    bool name_left_ = false;      /* To a namesake, who is on that host. */
    bool layouts_settled_ = true; /* vswitchd has put them in force: */
    std::map<std::string, std::vector<Uuid>> layouts_;
    NextHops next_hops_;
    MirrorWatch mirror_watch_;
    Refusals refusals_;
    Contest contest_;

    std::string heir_of_; /* Whose status rows were found at the start. */
    /* What the daemon before us may have stopped, and whether a proof that
     * began when we alone act on the switch has ended. */
    ProofSubject inherited_;
    enum class Inheritance {
        Unproven,
        Proving,
        Proven
    } inheritance_ = Inheritance::Unproven;
    /* Since when vswitchd's control socket alone has not been to be found, or
     * since tunnels were last excused for it. */
    int64_t cut_off_ms_ = 0;
    bool started_ = false; /* Every input has been known at once. */
    bool paused_ = false;
    bool cleanup_ = false;
    bool left_ = false; /* Our Chassis row is on its way out. */
    CfgAnswer answer_;
    uint64_t rows_read_ = 0; /* How often. */
    /* As of which readings, and which desires, they were compared. */
    std::pair<uint64_t, uint64_t> rows_compared_{UINT64_MAX, 0};
    unsigned int switch_seqno_ = 0;
    bool switch_was_busy_ = false;
    bool switch_read_ = false;  /* Ever. */
    bool reread_switch_ = true; /* Whether or not it has changed. */
    bool vswitchd_away_ = false;
    bool unguarded_ = false; /* A bridge is to be watched by guard_. */
    /* What was desired before this pass must not be applied in it, nor what
     * is installed judged by it. */
    bool reconsider_ = false;
    std::set<PathKey> watched_;
    int64_t control_lost_ms_ = 0; /* 0: it serves. */
    /* The last time that the control database was away for long. */
    int64_t away_from_ms_ = 0, away_until_ms_ = 0;
    int64_t away_since_ms_ = 0; /* 0: vswitchd answers. */
    int64_t next_mirror_check_ms_ = 0;
    Backoff port_retry_{PORT_RETRY_MS, PORT_RETRY_MOST_MS};
    int64_t cleanup_deadline_ms_ = 0;
    int64_t heartbeat_due_ms_ = 0; /* Since the epoch. */
};

} // namespace pm

#endif /* PLUGIN_AGENT_H */
