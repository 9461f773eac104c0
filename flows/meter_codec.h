/* Meters as values <-> OpenFlow 1.5 messages (adapter). */
#ifndef FLOWS_METER_CODEC_H
#define FLOWS_METER_CODEC_H 1

#include <map>

#include "flows/flow_codec.h"
#include "flows/meter.h"
#include "flows/openflow.h"

namespace pm {

Message encode_meter_mod(const MeterEdit &edit);

/* Requests for the configuration and for the counters of all meters. */
Message encode_meter_config_request();
Message encode_meter_stats_request();

/* Add to '*meters', by number, what 'reply' says, one part of an answer.
 * Return false if it cannot be decoded. */
bool decode_meter_config(const Message &reply,
                         std::map<uint32_t, MeterStats> *meters);
bool decode_meter_stats(const Message &reply,
                        std::map<uint32_t, MeterStats> *meters);

} // namespace pm

#endif /* FLOWS_METER_CODEC_H */
