/* The daemon's pass without its edges, against a switch that takes its time.
 *
 * What the daemon believes ('actual', 'outstanding') and what is true
 * ('tables', 'hot') are kept apart, and each step is judged by what is true.
 */
#ifndef TESTS_UNIT_SIMULATED_AGENT_H
#define TESTS_UNIT_SIMULATED_AGENT_H 1

#include <tuple>

#include "flows/egress.h"
#include "plugin/filter_status.h"
#include "plugin/plan.h"
#include "plugin/status.h"
#include "tests/unit/random_host.h"

namespace pm {

class SimulatedAgent {
public:
    explicit SimulatedAgent(uint32_t seed) : host(seed, false) {}

    RandomHost host;
    Actual actual;
    std::set<OwnerKey> outstanding;
    bool away = false; /* The switch's database cannot be reached. */
    /* Our bridges' flows as they are. */
    std::map<std::string, std::map<FlowKey, Flow>> tables;
    /* Their meters. */
    std::map<std::string, std::map<FlowOwner, int64_t>> meters;
    /* Tunnel numbers for which the datapath may go on copying, and when
     * their flows went. */
    std::map<int64_t, int> hot;
    /* Owners whose former flows the datapath may follow still, and since
     * when it has had others to follow. */
    std::map<OwnerKey, int> lagging;
    /* Broken laws, in words. */
    std::vector<std::string> faults;
    int meters_written = 0;
    int flows_written = 0, rows_deleted = 0, statuses_deleted = 0, proofs = 0;
    int generations_told = 0;

    /* One pass of the daemon, then some of what it asked for happens. */
    void pass(bool hurry);
    void restart();
    /* The rows stay, the flows are lost. */
    void restart_vswitchd();
    bool settled() const;
    /* What was admitted before is so no longer. */
    void forget_policies();
    Plan plan();

private:
    /* What a tunnel was ever told to do since forget_policies(). */
    struct Policy {
        std::set<std::pair<IpAddress, int64_t>> destinations;
        std::set<std::optional<Uuid>> filters;
        /* At one time, with the version of the filter (0 without one). */
        std::set<std::tuple<IpAddress, std::optional<Uuid>, size_t>> together;
        std::set<std::string> iface_ids;
        std::set<std::optional<int64_t>> rates;
    };

    void note_policies();
    void read_flows();
    void start_proof();
    void run_bundle(const std::string &bridge,
                    const std::vector<FlowEdit> &edits);
    void run_meters(const std::string &bridge,
                    const std::vector<MeterEdit> &edits);
    void judge_row(const RowEdit &);
    void write_rows(const std::vector<RowEdit> &edits);
    void report();
    void report_filters();
    void answer(bool hurry);
    void fault(const std::string &what);
    void judge_plan(const Plan &);
    void judge_tables();
    void judge_told(const TunnelStatus &before, const TunnelStatus &);
    void judge_told(const FilterStatus &before, const FilterStatus &);
    void judge_limits(const std::string &bridge);
    using Versions = std::map<int64_t, std::set<size_t>>; /* By number. */
    Versions judge_filters(const std::string &bridge);
    void judge_together(const std::string &bridge, const Versions &standing);
    std::optional<EgressSpec> arriving(const std::string &bridge,
                                       const Flow &);
    void judge_tap(const Flow &);
    bool serves(const Flow &) const;
    const TunnelStatus *status_of_number(int64_t) const;
    const FilterStatus *filter_status_of_number(int64_t) const;

    int now_ = 0;
    bool started_ = false;
    int next_ofport_ = 1, next_status_ = 100000;
    std::set<Uuid> unreported_;
    std::map<std::string, std::vector<FlowEdit>> in_flight_;
    std::map<std::string, std::vector<MeterEdit>> meters_in_flight_;
    struct Proof {
        int since;
        ProofSubject subject;
    };
    std::optional<Proof> proof_;
    std::map<Uuid, Policy> policies_;
    std::map<Uuid, std::vector<Filter>> filters_;
    std::set<std::optional<int64_t>> budgets_;
};

} // namespace pm

#endif /* TESTS_UNIT_SIMULATED_AGENT_H */
