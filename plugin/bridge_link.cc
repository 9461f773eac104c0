#include "plugin/bridge_link.h"

#include "ovsdb/ovs_c.h"

namespace pm {

namespace {
/* Between readings of all flows, however often they change. */
constexpr int64_t READ_INTERVAL_MS = 200;
} // namespace

BridgeLink::BridgeLink(const std::string &bridge)
    : openflow_(management_socket(bridge))
{
}

std::optional<LinkEvent>
BridgeLink::run()
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
    case Doing::Counting:
        if (auto dump = openflow_.take_dump()) {
            bool reading = doing_ == Doing::Reading;
            doing_ = Doing::Nothing;
            read_ = read_ || reading;
            LinkEvent event;
            event.kind =
                reading ? LinkEvent::Kind::Read : LinkEvent::Kind::Counted;
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
    return read_ && !stale_ && doing_ == Doing::Nothing && openflow_.idle();
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
BridgeLink::start_count()
{
    /* Kinds 2 and 3: what rules decide on, and what is sent. */
    static_assert((FlowOwner::Filter ^ FlowOwner::Egress) == 1);
    Cookie cookie{{FlowOwner::Filter, 0}, std::nullopt, 0};
    openflow_.start_dump(cookie.encode(), COOKIE_PREFIX_MASK | UINT64_C(0xe)
                                                                   << 44);
    doing_ = Doing::Counting;
}

} // namespace pm
