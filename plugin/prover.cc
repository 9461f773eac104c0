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
/* After one that ended well by dumps, so many times as long as these took. */
constexpr int64_t PAUSE_FACTOR = 2;
/* Vswitchd may be starting anew, which is told elsewhere. */
constexpr int64_t WARN_AFTER_MS = 5000;
} // namespace

Prover::Prover(UnixctlClient *vswitchd, std::function<void()> hurry,
               std::function<std::set<TunnelSend>()> sending,
               std::function<bool()> bare)
    : vswitchd_(vswitchd), hurry_(std::move(hurry)),
      sending_(std::move(sending)), bare_(std::move(bare))
{
}

void
Prover::start(const ProofSubject &subject, int64_t revalidation_ms)
{
    subject_ = subject;
    revalidation_ms_ = revalidation_ms;
    proven_.reset();
    rounds_left_ = ROUNDS;
    left_ = alike_ = false;
    dumping_ms_ = 0;
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
    asked_ms_ = time_msec();
    tickets_.clear();
    for (const std::string &datapath : datapaths_) {
        tickets_.push_back(vswitchd_->call("dpctl/dump-flows", {datapath}));
    }
}

/* Takes those of whom a dump has a flow from among the tunnels that are to be
 * proven to have stopped. */
void
Prover::look_through(const std::string &dump)
{
    std::set<TunnelSend> seen;
    std::istringstream lines(dump);
    for (std::string line; std::getline(lines, line);) {
        for (const TunnelSend &send : sends_of(line)) {
            seen.insert(send);
        }
    }
    std::erase_if(subject_.stopped, [&](const auto &stopped) {
        bool copies = false;
        for (const EgressSpec &spec : stopped.second.specs) {
            for (const TunnelSend &send : sends_of(spec)) {
                bool may_be_others = others_.contains(send);
                copies |= seen.contains(send) && !may_be_others;
                alike_ |= seen.contains(send) && may_be_others;
            }
        }
        left_ |= copies;
        return copies;
    });
}

void
Prover::wait()
{
    if (step_ == Step::Wait) {
        poll_timer_wait_until(next_hurry_ms_);
    }
    if (step_ == Step::Pause) {
        poll_timer_wait_until(pause_ms_);
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
    if (step_ == Step::Pause) {
        if (time_msec() < pause_ms_) {
            return;
        }
        ask_dumps();
    }
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
        if (reply->lost || unknown || (step_ == Step::Dump && !reply->ok)) {
            failed_ = true;
            why_ = reply->text;
        }
        if (failed_) {
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
            if (datapaths_.empty() && (reply->ok || bare_())) {
                /* Of what is there nothing copies.  Where the kernel has no
                 * datapaths to list it is an error that there is none. */
                proven_ = std::exchange(subject_, {});
                end();
                return;
            }
            failed_ = datapaths_.empty();
            why_ = failed_ ? "it lists no datapath" : "";
            others_ = sending_();
            ask_dumps();
        } else if (step_ == Step::Dump) {
            look_through(reply->text);
            dumping_ms_ += time_msec() - std::exchange(asked_ms_, time_msec());
        }
    }
    if (step_ == Step::Idle) {
        return;
    }
    bool none = step_ == Step::Dump && subject_.stopped.empty();
    if (failed_ || none) {
        fail();
        return;
    }
    if (--rounds_left_ > 0) {
        if (step_ == Step::Wait) {
            ask_wait();
        } else if (alike_) {
            step_ = Step::Pause;
            /* A look that began just before our flows went may still be under
             * way: as long again. */
            pause_ms_ = time_msec() + 2 * revalidation_ms_;
        } else {
            ask_dumps();
        }
        return;
    }
    proven_ = std::exchange(subject_, {});
    if (left_) {
        fail();
        return;
    }
    /* Each dump keeps vswitchd from everything else. */
    retry_ms_ =
        step_ == Step::Dump
            ? time_msec() + std::min(PAUSE_FACTOR * dumping_ms_, RETRY_MAX_MS)
            : 0;
    end();
}

void
Prover::end()
{
    step_ = Step::Idle;
    failing_since_ms_ = 0;
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
