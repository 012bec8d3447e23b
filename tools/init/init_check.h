// SPDX-License-Identifier: Apache-2.0
/// Reads a sample by a mapping, as a replay would. Private to tools/init. Thread: main.
#pragma once

#include "tools/init/init.h"

#include <stdbool.h>

#define INIT_NAME_COUNT_MAX 512u

struct init_name {
    struct text name;
    uint64_t count;
};

/// What a mapping makes of a sample.
struct init_tally {
    struct arena *arena;
    struct init_outcome outcome;
    uint64_t known;   ///< events whose user is known, the others are anonymous
    uint64_t with_id; ///< events that have an id
    uint64_t with_amount;
    int64_t first_us;
    int64_t last_us;
    struct init_name names[INIT_NAME_COUNT_MAX]; ///< by count, descending
    uint32_t name_count;
};

/// `mapping` is the YAML text of a mapping. CORONG_INVALID where it is none. `from_kafka`: as if
/// each message had come from Kafka with a key and a time, of which nothing is known.
CORONG_MUST_CHECK enum corong_status init_check(struct init_tally *tally, struct text sample,
                                                struct text mapping, bool from_kafka,
                                                struct arena *arena, struct corong_error *error);
/// Cuts the next line off the front; false at the end.
bool init_check_line(struct text *rest, struct text *line_out);
