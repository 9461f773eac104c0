#include "plugin/prover.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

#include "ovsdb/ovs_c.h"
#include "plugin/dump_text.h"

VLOG_DEFINE_THIS_MODULE(prover);

namespace pm {

namespace {
/* One wait was seen to leave copies behind, two never. */
constexpr int ROUNDS = 2;
/* After a proof that failed: half as long as it has been failing, since each
 * has vswitchd look at, or dump, all its datapath flows. */
constexpr int64_t RETRY_MS = 100, RETRY_MAX_MS = 2000;
constexpr int64_t FIRST_HURRY_MS = 10;
/* Vswitchd may be starting anew, which is told elsewhere. */
constexpr int64_t WARN_AFTER_MS = 5000;
} // namespace

Prover::Prover(UnixctlClient *vswitchd, std::function<void()> hurry)
    : vswitchd_(vswitchd), hurry_(std::move(hurry))
{
}

void
Prover::start(const ProofSubject &subject)
{
    subject_ = subject;
    proven_.reset();
    rounds_left_ = ROUNDS;
    ask_wait();
}

std::optional<ProofSubject>
Prover::take()
{
    return std::exchange(proven_, std::nullopt);
}

void
Prover::ask_wait()
{
    step_ = Step::Wait;
    tickets_ = {vswitchd_->call("revalidator/wait", {})};
    hurry_interval_ms_ = FIRST_HURRY_MS;
    next_hurry_ms_ = time_msec() + hurry_interval_ms_;
    hurry_();
}

/* The call and the bridge reach vswitchd by two connections: what it did for
 * the one may be over when it takes the other.  Looking at many flows takes
 * long, so it is hurried less and less. */
void
Prover::hurry_on()
{
    int64_t now = time_msec();
    if (step_ == Step::Wait && now >= next_hurry_ms_) {
        hurry_interval_ms_ *= 2;
        next_hurry_ms_ = now + hurry_interval_ms_;
        hurry_();
    }
}

void
Prover::ask_dumps()
{
    step_ = Step::Dump;
    tickets_.clear();
    for (const std::string &datapath : datapaths_) {
        tickets_.push_back(vswitchd_->call("dpctl/dump-flows", {datapath}));
    }
}

/* Whether a dump has a flow that sends to one of the stopped tunnels. */
bool
Prover::copies_left(const std::string &dump) const
{
    std::set<TunnelSend> stopped;
    for (const auto &[number, tunnel] : subject_.stopped) {
        for (const EgressSpec &spec : tunnel.specs) {
            stopped.merge(sends_of(spec));
        }
    }
    std::istringstream lines(dump);
    for (std::string line; std::getline(lines, line);) {
        for (const TunnelSend &send : sends_of(line)) {
            if (stopped.count(send)) {
                return true;
            }
        }
    }
    return false;
}

void
Prover::wait()
{
    if (step_ == Step::Wait) {
        poll_timer_wait_until(next_hurry_ms_);
    }
    if (step_ == Step::Idle && time_msec() < retry_ms_) {
        poll_timer_wait_until(retry_ms_);
    }
}

bool
Prover::busy() const
{
    return step_ != Step::Idle || time_msec() < retry_ms_;
}

void
Prover::run()
{
    hurry_on();
    while (!tickets_.empty()) {
        std::optional<UnixctlReply> reply = vswitchd_->take(tickets_.back());
        if (!reply) {
            return;
        }
        tickets_.pop_back();
        bool refused = step_ == Step::Wait && !reply->ok;
        /* It has just started and does not know the command yet. */
        bool unknown =
            refused && reply->text.find("multiple") == std::string::npos;
        if (reply->lost || failed_ || unknown) {
            failed_ = true;
            why_ = reply->text;
            continue;
        }
        if (refused) {
            proven_ = ProofSubject{{}, std::exchange(subject_.changed, {})};
            if (subject_.stopped.empty()) {
                step_ = Step::Idle;
                return;
            }
            step_ = Step::ListDatapaths;
            tickets_ = {vswitchd_->call("dpctl/dump-dps", {})};
        } else if (step_ == Step::ListDatapaths) {
            std::istringstream lines(reply->text);
            datapaths_.clear();
            for (std::string line; std::getline(lines, line);) {
                if (!line.empty()) {
                    datapaths_.push_back(line);
                }
            }
            failed_ = datapaths_.empty();
            ask_dumps();
        } else if (step_ == Step::Dump &&
                   (!reply->ok || copies_left(reply->text))) {
            failed_ = true;
        }
    }
    if (step_ == Step::Idle) {
        return;
    }
    if (failed_) {
        fail();
        return;
    }
    if (--rounds_left_ > 0) {
        if (step_ == Step::Wait) {
            ask_wait();
        } else {
            ask_dumps();
        }
        return;
    }
    step_ = Step::Idle;
    failing_since_ms_ = 0;
    proven_ = std::exchange(subject_, {});
}

/* Nothing is told to run or to have ended meanwhile, so an operator must be
 * able to find out why. */
void
Prover::fail()
{
    int64_t now = time_msec();
    failed_ = false;
    step_ = Step::Idle;
    if (!failing_since_ms_) {
        failing_since_ms_ = now;
    }
    retry_ms_ = now + std::clamp((now - failing_since_ms_) / 2, RETRY_MS,
                                 RETRY_MAX_MS);
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
    if (!why_.empty() && now >= failing_since_ms_ + WARN_AFTER_MS) {
        VLOG_WARN_RL(&rl,
                     "ovs-vswitchd does not say whether its datapath follows "
                     "our flows (%s): nothing is told to run, or to have "
                     "ended, until it does",
                     why_.c_str());
    }
    why_.clear();
}

} // namespace pm
