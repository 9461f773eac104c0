/* Our end of one of our bridges: its OpenFlow connection and what it is doing
 * (adapter). */
#ifndef PLUGIN_BRIDGE_LINK_H
#define PLUGIN_BRIDGE_LINK_H 1

#include <optional>
#include <string>
#include <vector>

#include "flows/openflow.h"
#include "flows/pipeline.h"

namespace pm {

/* What came of an operation. */
struct LinkEvent {
    enum class Kind {
        Lost,    /* Connection lost: flows unknown. */
        Read,    /* 'flows' and 'meters' are everything on the bridge. */
        Applied, /* 'edits' are in force, barrier answered. */
        Refused, /* 'edits' are not; 'error' says why. */
        Metered, /* 'meter_edits' are in force but for those with an error. */
        Summed,  /* 'sums' are as asked for; 'meters', 'groups' if asked. */
        Counted  /* 'flows' has the counters of those asked for. */
    } kind = Kind::Lost;
    std::vector<FlowStats> flows;
    std::map<uint32_t, MeterStats> meters;
    std::vector<Flow> groups; /* Likewise, of both. */
    std::vector<FlowSum> sums;
    CookieMask counted; /* Which flows are. */
    std::vector<FlowEdit> edits;
    std::string error;
    std::vector<MeterEdit> meter_edits;
    std::vector<std::string> meter_errors; /* One an edit, or empty. */

    /* What 'meters' let through (kbps), by whose they are. */
    std::map<FlowOwner, int64_t> rates() const;
};

class BridgeLink {
public:
    explicit BridgeLink(const std::string &bridge);

    /* Runs the connection; reads all flows after each connect, and after
     * somebody else changed some.  Returns what happened since the last call,
     * if anything. */
    std::optional<LinkEvent> run();
    /* Does the same for who cannot take it in yet.  run() returns what was
     * read, if it is of late and the connection was not lost since.  Returns
     * whether one was lost. */
    bool run_ahead();
    void wait();

    bool connected() const { return openflow_.connected(); }
    /* Flows were read, run() has returned them, and nothing is known to have
     * changed them since. */
    bool fresh() const
    {
        return read_ && !stale_ && doing_ != Doing::Reading && !ahead_;
    }
    /* Connected, flows read and taken in, nothing under way. */
    bool idle() const;
    bool applying() const
    {
        return doing_ == Doing::Applying || doing_ == Doing::Metering;
    }
    /* These require idle(). */
    void apply(const std::vector<FlowEdit> &);
    void apply(const std::vector<MeterEdit> &);
    void count(const Counting::Question &);
    void send_frame(int ofport, const std::string &frame)
    {
        openflow_.send_frame(ofport, frame);
    }
    void restate(const Flow &flow) { openflow_.restate(flow); }
    std::vector<PacketIn> take_packets() { return openflow_.take_packets(); }
    /* Reads all flows again as soon as possible. */
    void reread() { stale_ = true; }
    /* For how long vswitchd has not answered, in milliseconds. */
    int64_t silent_ms() const { return openflow_.silent_ms(); }

private:
    enum class Doing {
        Nothing,
        Reading,
        Applying,
        Metering,
        Summing,
        Counting
    };

    std::optional<LinkEvent> step();

    Openflow openflow_;
    std::optional<LinkEvent> ahead_; /* What run() has not returned yet, */
    int64_t ahead_ms_ = 0;           /* and when it came. */
    unsigned int seqno_ = 0;
    bool read_ = false;  /* Flows were read on this connection. */
    bool stale_ = false; /* They may have changed since that began. */
    bool was_connected_ = false;
    int64_t next_read_ms_ = 0;
    Doing doing_ = Doing::Nothing;
    CookieMask counted_;
    std::vector<FlowEdit> edits_;
    std::vector<MeterEdit> meter_edits_;
};

} // namespace pm

#endif /* PLUGIN_BRIDGE_LINK_H */
