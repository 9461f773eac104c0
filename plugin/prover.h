/* Proves that the datapath does as the flows say: that it no longer copies for
 * tunnels that stopped, and follows what changed (adapter).
 *
 * After the flows are gone, or are others, and their barrier answered,
 * datapath flows made from the former live on until vswitchd's revalidators
 * have been over them twice ("revalidator/wait").  With two datapath types
 * vswitchd refuses to wait for both; then two dumps of every datapath must
 * show no flow that sends to the stopped tunnels.  What others rightly send to
 * the same place cannot be told from that: then the second dump comes once the
 * revalidators must have been over all flows by themselves, and such flows are
 * taken to be others'.  Of a change a dump shows nothing, and it is taken to
 * be followed. */
#ifndef PLUGIN_PROVER_H
#define PLUGIN_PROVER_H 1

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ovsdb/unixctl_client.h"
#include "plugin/dump_text.h"
#include "plugin/plan.h"

namespace pm {

class Prover {
public:
    /* 'hurry' has vswitchd look at all datapath flows again.  By itself it
     * does so every 500 ms, and tells who waits only of what began after
     * that; each step of a proof would take that long.  'sending' says where
     * our flows send now, 'bare' that there is no bridge at all. */
    Prover(UnixctlClient *vswitchd, std::function<void()> hurry,
           std::function<std::set<TunnelSend>()> sending,
           std::function<bool()> bare);

    /* Under way, or it is too soon after one that failed, or took dumps. */
    bool busy() const;
    /* Requires !busy().  By itself vswitchd has looked at every datapath flow
     * after 'revalidation_ms'. */
    void start(const ProofSubject &, int64_t revalidation_ms);
    void run();
    void wait();
    /* What was proven, once, when a proof has ended well, or a part of it
     * has.  What was not (vswitchd gone, silent or refusing, a flow still
     * there) is simply started again, a little later. */
    std::optional<ProofSubject> take();

private:
    enum class Step { Idle, Wait, ListDatapaths, Dump, Pause };

    void ask_wait();
    void hurry_on();
    void ask_dumps();
    void fail();
    void end();
    void look_through(const std::string &dump);

    UnixctlClient *vswitchd_;
    std::function<void()> hurry_;
    std::function<std::set<TunnelSend>()> sending_;
    std::function<bool()> bare_;
    /* When to do so again, while it has not answered, and after how long. */
    int64_t next_hurry_ms_ = 0, hurry_interval_ms_ = 0;
    Step step_ = Step::Idle;
    int rounds_left_ = 0;
    bool failed_ = false;
    std::string why_; /* Vswitchd's word, where it failed by that. */
    int64_t failing_since_ms_ = 0; /* 0: the last one ended well. */
    int64_t retry_ms_ = 0;         /* Not before, after dumps or a failure. */
    int64_t asked_ms_ = 0, dumping_ms_ = 0; /* The dumps, and since when. */
    int64_t revalidation_ms_ = 0;
    int64_t pause_ms_ = 0;        /* Until when, before the second dump. */
    std::set<TunnelSend> others_; /* What is sent rightly. */
    bool left_ = false;           /* A stopped tunnel was seen to copy. */
    bool alike_ = false;          /* Or perhaps was: others send the same. */
    std::vector<uint64_t> tickets_;
    std::vector<std::string> datapaths_;
    ProofSubject subject_;
    std::optional<ProofSubject> proven_;
};

} // namespace pm

#endif /* PLUGIN_PROVER_H */
