#include <config.h>

#include "flows/frame_compose.h"

#include <string.h>

#include <dp-packet.h>
#include <flow.h>
#include <openvswitch/ofp-flow.h>
#include <packets.h>

/* Without FCS. */
enum { FRAME_MIN = 60, TTL = 64 };

char *
frame_compose(const char *words, const char *payload, void **frame,
              size_t *size)
{
    struct flow flow;
    char *error = parse_ofp_exact_flow(&flow, NULL, NULL, words, NULL);
    if (error) {
        return error;
    }
    if (is_ip_any(&flow) && !flow.nw_ttl) {
        flow.nw_ttl = TTL;
    }
    struct dp_packet packet;
    dp_packet_init(&packet, 0);
    flow_compose(&packet, &flow, payload, strlen(payload));
    if (dp_packet_size(&packet) < FRAME_MIN) {
        dp_packet_put_zeros(&packet, FRAME_MIN - dp_packet_size(&packet));
    }
    *size = dp_packet_size(&packet);
    *frame = xmemdup(dp_packet_data(&packet), *size);
    dp_packet_uninit(&packet);
    return NULL;
}
