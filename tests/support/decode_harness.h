// SPDX-License-Identifier: Apache-2.0
/// A decoder without a store: events become lines of text that tests can compare. Thread: one.
#pragma once

#include "ingest/decode/decode.h"

#include <stdint.h>

struct decode_harness {
    struct arena arena;
    struct schema schema;
    struct mapping *mapping;
    struct decoder *decoder;
    const struct metadata *metadata; ///< beside the messages fed from here on; NULL: nothing
    struct text_buffer lines; ///< one per event: "known u1 view 1000000 revenue=... country=DE"
    struct decode_outcome outcome; ///< of the last message
    uint64_t event_count;
    uint64_t rejected_events;
    enum reject_reason event_reason; ///< of the last rejected event
    struct corong_error error;
};

/// Builds a mapping from YAML text, of a mapping or of a configuration that has one. CORONG_INVALID
/// with harness->error where it is refused.
enum corong_status decode_harness_parse(struct decode_harness *harness, const char *yaml);
/// As above, and a decoder; aborts the test program where the mapping is refused.
void decode_harness_open(struct decode_harness *harness, const char *yaml);
void decode_harness_close(struct decode_harness *harness);
/// Decodes one message. The message is copied to memory of exactly its size, so that a sanitizer
/// sees a read past its end.
void decode_harness_feed(struct decode_harness *harness, struct text message);
/// The same for a C string; returns the lines made by this message.
const char *decode_harness_lines(struct decode_harness *harness, const char *message);
