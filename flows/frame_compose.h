/* Frames from words (adapter, in C: what it needs of Open vSwitch is in no
 * header that C++ can read). */
#ifndef FLOWS_FRAME_COMPOSE_H
#define FLOWS_FRAME_COMPOSE_H 1

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes the frame that 'flow' describes, as ofproto/trace takes it, with
 * 'payload' behind TCP, UDP and ICMP, a TTL of 64 where none is given, right
 * checksums, and at least 60 bytes.  Returns NULL and sets '*frame' (the
 * caller's to free) and '*size', or returns why not, for the caller to free.
 */
char *frame_compose(const char *flow, const char *payload, void **frame,
                    size_t *size);

#ifdef __cplusplus
}
#endif

#endif /* FLOWS_FRAME_COMPOSE_H */
