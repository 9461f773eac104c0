#include "plugin/bridge_link.h"

#include <utility>

#include "ovsdb/ovs_c.h"

namespace pm {

namespace {
/* Between readings of all flows, however often they change. */
constexpr int64_t READ_INTERVAL_MS = 200;
/* For how long what was read ahead will do: of groups and meters, and before
 * Open vSwitch 3.0 of flows, nobody is told that they were changed. */
constexpr int64_t AHEAD_MS = 3000;
} // namespace

std::map<FlowOwner, int64_t>
LinkEvent::rates() const
{
    std::map<FlowOwner, int64_t> rates;
    for (const auto &[number, meter] : meters) {
        rates[owner_of_meter(number)] = meter.rate_kbps;
    }
    return rates;
}

BridgeLink::BridgeLink(const std::string &bridge)
    : openflow_(management_socket(bridge))
{
}

std::optional<LinkEvent>
BridgeLink::run()
{
    if (auto event = std::exchange(ahead_, std::nullopt)) {
        if (time_msec() < ahead_ms_ + AHEAD_MS) {
            return event;
        }
        read_ = false;
    }
    return step();
}

bool
BridgeLink::run_ahead()
{
    bool lost = false;
    while (auto event = step()) {
        ahead_.reset();
        if (event->kind == LinkEvent::Kind::Read) {
            ahead_ = std::move(event);
            ahead_ms_ = time_msec();
        }
        lost |= !ahead_;
    }
    return lost;
}

std::optional<LinkEvent>
BridgeLink::step()
{
    openflow_.run();
    if (was_connected_ &&
        (!openflow_.connected() || openflow_.connection_seqno() != seqno_)) {
        was_connected_ = false;
        read_ = false;
        doing_ = Doing::Nothing;
        next_read_ms_ = 0;
        return LinkEvent{};
    }
    if (!openflow_.connected()) {
        return std::nullopt;
    }
    was_connected_ = true;
    seqno_ = openflow_.connection_seqno();
    stale_ |= openflow_.take_foreign_change();
    switch (doing_) {
    case Doing::Nothing:
        if ((!read_ || stale_) && openflow_.idle() &&
            time_msec() >= next_read_ms_) {
            stale_ = false;
            next_read_ms_ = time_msec() + READ_INTERVAL_MS;
            openflow_.start_dump(0, 0);
            doing_ = Doing::Reading;
        }
        break;
    case Doing::Reading:
    case Doing::Summing:
    case Doing::Counting:
        if (auto dump = openflow_.take_dump()) {
            Doing done = std::exchange(doing_, Doing::Nothing);
            read_ |= done == Doing::Reading;
            LinkEvent event;
            event.kind = done == Doing::Reading   ? LinkEvent::Kind::Read
                         : done == Doing::Summing ? LinkEvent::Kind::Summed
                                                  : LinkEvent::Kind::Counted;
            event.sums = std::move(dump->sums);
            event.counted = counted_;
            event.flows = std::move(dump->flows);
            event.meters = std::move(dump->meters);
            event.groups = std::move(dump->groups);
            return event;
        }
        break;
    case Doing::Metering:
        if (auto errors = openflow_.take_meters_result()) {
            doing_ = Doing::Nothing;
            LinkEvent event;
            event.kind = LinkEvent::Kind::Metered;
            event.meter_edits = std::move(meter_edits_);
            event.meter_errors = std::move(*errors);
            return event;
        }
        break;
    case Doing::Applying:
        if (auto error = openflow_.take_bundle_result()) {
            doing_ = Doing::Nothing;
            LinkEvent event;
            event.kind = error->empty() ? LinkEvent::Kind::Applied
                                        : LinkEvent::Kind::Refused;
            event.edits = std::move(edits_);
            event.error = *error;
            return event;
        }
        break;
    }
    return std::nullopt;
}

void
BridgeLink::wait()
{
    openflow_.wait();
    if ((!read_ || stale_) && openflow_.idle()) {
        poll_timer_wait_until(next_read_ms_);
    }
}

bool
BridgeLink::idle() const
{
    return read_ && !stale_ && !ahead_ && doing_ == Doing::Nothing &&
           openflow_.idle();
}

void
BridgeLink::apply(const std::vector<FlowEdit> &edits)
{
    edits_ = edits;
    openflow_.start_bundle(edits_);
    doing_ = Doing::Applying;
}

void
BridgeLink::apply(const std::vector<MeterEdit> &edits)
{
    meter_edits_ = edits;
    openflow_.start_meters(meter_edits_);
    doing_ = Doing::Metering;
}

void
BridgeLink::count(const Counting::Question &question)
{
    if (question.of == Counting::Question::Of::Sums) {
        openflow_.start_sums(question.what,
                             question.what.front() == counted_flows());
        doing_ = Doing::Summing;
    } else {
        counted_ = question.what.front();
        openflow_.start_counters(counted_);
        doing_ = Doing::Counting;
    }
}

} // namespace pm
