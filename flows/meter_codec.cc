#include "flows/meter_codec.h"

namespace pm {

namespace {

constexpr uint16_t FLAGS = OFPMF13_KBPS | OFPMF13_BURST | OFPMF13_STATS;

/* Room for decoded bands, released at the end of its scope. */
class BandBuffer {
public:
    BandBuffer() { ofpbuf_init(&buffer_, 64); }
    ~BandBuffer() { ofpbuf_uninit(&buffer_); }
    BandBuffer(const BandBuffer &) = delete;
    BandBuffer &operator=(const BandBuffer &) = delete;

    struct ofpbuf *get() { return &buffer_; }

private:
    struct ofpbuf buffer_;
};

uint32_t
clamped(int64_t value)
{
    return static_cast<uint32_t>(std::clamp<int64_t>(value, 1, UINT32_MAX));
}

/* The rate of a meter in the form that encode_meter_mod() gives it, else 0. */
int64_t
rate_of(const struct ofputil_meter_config &meter)
{
    bool ours =
        meter.flags == FLAGS && meter.n_bands == 1 &&
        meter.bands->type == OFPMBT13_DROP &&
        meter.bands->burst_size == clamped(burst_of(meter.bands->rate));
    return ours ? meter.bands->rate : 0;
}

} // namespace

Message
encode_meter_mod(const MeterEdit &edit)
{
    struct ofputil_meter_band band = {};
    band.type = OFPMBT13_DROP;
    band.rate = clamped(edit.rate_kbps);
    band.burst_size = clamped(burst_of(band.rate));
    struct ofputil_meter_mod mod = {};
    mod.command = edit.op == MeterEdit::Op::Add      ? OFPMC13_ADD
                  : edit.op == MeterEdit::Op::Modify ? OFPMC13_MODIFY
                                                     : OFPMC13_DELETE;
    mod.meter.meter_id = meter_of(edit.owner);
    if (edit.op != MeterEdit::Op::Delete) {
        mod.meter.flags = FLAGS;
        mod.meter.n_bands = 1;
        mod.meter.bands = &band;
    }
    return Message(ofputil_encode_meter_mod(OFP15_VERSION, &mod));
}

Message
encode_meter_config_request()
{
    return Message(ofputil_encode_meter_request(
        OFP15_VERSION, OFPUTIL_METER_CONFIG, OFPM13_ALL));
}

Message
encode_meter_stats_request()
{
    return Message(ofputil_encode_meter_request(
        OFP15_VERSION, OFPUTIL_METER_STATS, OFPM13_ALL));
}

bool
decode_meter_config(const Message &reply,
                    std::map<uint32_t, MeterStats> *meters)
{
    BandBuffer bands;
    struct ofputil_meter_config meter;
    int retval;
    while (!(retval = ofputil_decode_meter_config(reply.get(), &meter,
                                                  bands.get()))) {
        (*meters)[meter.meter_id].rate_kbps = rate_of(meter);
    }
    return retval == EOF;
}

bool
decode_meter_stats(const Message &reply,
                   std::map<uint32_t, MeterStats> *meters)
{
    BandBuffer bands;
    struct ofputil_meter_stats stats;
    int retval;
    while (!(retval = ofputil_decode_meter_stats(reply.get(), &stats,
                                                 bands.get()))) {
        uint64_t drops = stats.n_bands ? stats.bands->packet_count : 0;
        (*meters)[stats.meter_id].n_dropped = drops == UINT64_MAX ? 0 : drops;
    }
    return retval == EOF;
}

} // namespace pm
