// SPDX-License-Identifier: Apache-2.0
/// Events of a log, kept in few bytes each, so that they can be looked at by user and in the order
/// in which they came. Bounded: what comes after SAMPLE_BYTES_MAX is not looked at. Private to
/// tools/bench/. Thread: one at a time.
#pragma once

#include "ingest/pump_shared.h"
#include "tools/bench/recording.h"
#include "tools/crowd/crowd.h"

#define SAMPLE_BYTES_MAX (UINT64_C(512) << 20)
#define SAMPLE_NAME_COUNT_MAX 1024u
#define SAMPLE_MISSING INT64_MIN

struct sample_row {
    uint64_t user; ///< a hash
    int64_t time_us;
    uint64_t identity; ///< a hash of what makes an event the same as another
    int64_t amount;    ///< 1/10000; SAMPLE_MISSING
    uint32_t name;     ///< number of it
    uint32_t arrival;
};

/// Start from {0}.
struct sample {
    struct arena arena;
    const struct schema *schema;
    uint32_t attribute_count;
    uint32_t columns[CROWD_ATTRIBUTE_COUNT_MAX]; ///< of the schema
    struct sample_row *rows;
    int64_t *values; ///< attribute_count per row: a hash, or a number in 1/10000; SAMPLE_MISSING
    uint64_t *sizes; ///< by attribute: bytes of all its texts
    uint32_t count;
    uint32_t capacity;
    bool full; ///< more came than is kept
    struct text names[SAMPLE_NAME_COUNT_MAX];
    uint32_t name_count;
    uint64_t user_bytes;
    bool has_ids;
    bool has_fractions; ///< times have digits behind the second
    struct text currency;
    uint64_t bytes; ///< of lines
    uint64_t lines;
    uint64_t rejected;
};

/// Reads all of a recording.
CORONG_MUST_CHECK enum corong_status sample_read(struct sample *sample, struct recording *recording,
                                                 const struct pump_stop *stop,
                                                 struct corong_error *error);
/// Reads as many events of a crowd, through the same decoder.
CORONG_MUST_CHECK enum corong_status
sample_generate(struct sample *sample, const struct crowd_shape *shape, struct corong_error *error);
void sample_deinit(struct sample *sample);
/// The value of a row's attribute.
static inline int64_t sample_value(const struct sample *sample, uint32_t row, uint32_t attribute)
{
    return sample->values[(size_t)row * sample->attribute_count + attribute];
}
