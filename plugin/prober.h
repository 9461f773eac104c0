/* Carries out what probes ask of this hypervisor (adapter; see probe.h). */
#ifndef PLUGIN_PROBER_H
#define PLUGIN_PROBER_H 1

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ovsdb/unixctl_client.h"
#include "plugin/frame_watch.h"
#include "plugin/probe.h"

namespace pm {

class Agent;

class Prober {
public:
    /* 'vswitchd' must live as long. */
    explicit Prober(UnixctlClient *vswitchd) : vswitchd_(vswitchd) {}

    /* In each turn of the main loop, after vswitchd's run(). */
    void run(const Agent &, const std::map<Uuid, Probe> &);
    void wait() const;
    /* Reports that differ from what is 'written', by probe. */
    std::vector<ProbeReport>
    reports(const std::map<Uuid, ProbeReport> &written) const;

private:
    /* At once; more wait until one has ended. */
    static constexpr size_t TASKS_MAX = 8;
    /* Whose rows are older has left them behind, or has another clock: nothing
     * is begun or watched for him any more. */
    static constexpr int64_t TOO_OLD_MS = 60000;
    /* For how long what was sent may take. */
    static constexpr int64_t FLIGHT_MS = 1000;
    /* After a sighting, before it is told: a copy that a router sends on is
     * seen again. */
    static constexpr int64_t MORE_MS = 50;
    /* How often a switch that has to look for a next hop first is given the
     * time for it. */
    static constexpr int LOOKS_MAX = 7, PATIENT_LOOKS = 3;
    static constexpr int64_t LOOK_MS = 100;

    struct Task {
        Probe probe;
        ProbeReport report;
        std::optional<FrameWatch> watch;
        std::string blind; /* Why there is no watch. */
        std::map<std::string, std::string> devices; /* -> iface-id. */
        std::set<Sighting> seen;
        int64_t tell_ms = 0; /* Something new, then; 0: nothing. */
        bool begun = false;  /* "send" has been acted on. */
        std::optional<ProbeEntry> entry;
        uint64_t ticket = 0;     /* Of what the switch is asked; 0: nothing. */
        int64_t number = 0;      /* The tunnel's, when it was asked. */
        int looks = 0;           /* Answers that it has to look first. */
        int64_t ask_ms = 0;      /* When to ask it again; 0: not. */
        int64_t deadline_ms = 0; /* 0: nothing is in flight. */
    };

    static Task start(const Agent &, const Uuid &, const Probe &);
    void begin(const Agent &, Task *);
    void ask(Task *);
    void on_answer(const Agent &, Task *, const UnixctlReply &);
    static bool choose_frame(const Agent &, const Probe &, Direction,
                             TraceFrame *, std::string *why);
    static void look(const Agent &, Task *);
    static bool is_too_old(const Probe &);

    UnixctlClient *vswitchd_;
    std::map<Uuid, Task> tasks_;
};

} // namespace pm

#endif /* PLUGIN_PROBER_H */
