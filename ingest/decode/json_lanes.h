// SPDX-License-Identifier: Apache-2.0
/// Lines by their steps (json_shape.h), JSON_LANE_COUNT at a time. Where a value ends is only known
/// when it was scanned, and where the next text stands only then: that chain of loads, not their
/// number, is what one line waits for. So lines go side by side. Where all take the steps of the
/// one before them, each step is loaded once for all; else each goes its own way. Whatever is not
/// known in one of them is left to json_shape_line(), which gives of each what is given here.
///
/// Thread: the capture's.
#pragma once

#include "ingest/decode/json_shape.h"

#include <stdbool.h>
#include <stdint.h>

#define JSON_LANE_COUNT 4u
#define JSON_LANES_WIDE_SIZE 128u ///< bytes looked at at once of values that were long
#define JSON_LINES_COUNT 256u     ///< line feeds that are looked for at once

/// A step of all lanes: `rest` is what of a longer text is not in `literal`.
struct json_lane_step {
    _Alignas(32) char literal[JSON_SHAPE_INLINE_SIZE];
    _Alignas(32) char mask[JSON_SHAPE_INLINE_SIZE]; ///< 0xff where `literal` has a byte
    const char *rest;
    uint16_t rest_size;
    uint16_t size;  ///< of the text
    uint16_t field; ///< where the value goes
    uint8_t value;  ///< enum json_step_value
    bool wide;      ///< a value was longer than JSON_SHAPE_INLINE_SIZE
};

/// Whether something pays: where it mostly fails, trying costs more than it saves.
struct json_lanes_trust {
    int32_t credit;
    uint32_t pause; ///< lines that are not tried
    uint32_t pause_next;
    uint32_t misses; ///< since one try took its lines
    uint64_t hits;   ///< lines taken
};

struct json_lanes {
    struct json_lane_step steps[JSON_SHAPE_PATH_COUNT];
    uint16_t path[JSON_SHAPE_PATH_COUNT];         ///< of which they are made
    uint32_t count;                               ///< 0: no lines are taken
    uint32_t field_count;                         ///< the spare one among them
    uint64_t forgotten;                           ///< of the shapes that the steps are of
    struct decode_field *fields[JSON_LANE_COUNT]; ///< of each lane, as the capture's
    bool mixed;                                   ///< the fields are of lines of other steps
    struct json_lanes_trust alike_trust;
    struct json_lanes_trust mixed_trust;
    struct json_lanes_trust guess_trust; ///< that a step follows the one it followed last time
    uint32_t missed_count;               ///< guesses that were wrong, of the lines in hand
};

/// Line feeds of some lines, as far as they were looked for.
struct json_lines {
    uint32_t next; ///< the first of `ends` that is ahead
    uint32_t count;
    uint32_t sought;                      ///< bytes looked at
    uint32_t ends[JSON_LINES_COUNT + 64]; ///< offsets of line feeds
};

struct json_lanes *json_lanes_create(const struct json_plan *plan);
void json_lanes_destroy(struct json_lanes *lanes);

/// Makes sure that the ends of the JSON_LANE_COUNT lines from `begin` on are ahead. False: there
/// are not so many, or trying them does not pay at present. 64 bytes behind the lines can be read;
/// they are less than 4 GiB.
bool json_lanes_seek(const struct json_shapes *shapes, struct json_lanes *lanes,
                     struct json_lines *index, struct text lines, const char *begin);
void json_lanes_seek_plain(struct json_lines *index, struct text lines);

/// Takes the next JSON_LANE_COUNT lines, the first of which begins at `begin`: true where all steps
/// are known; then lanes->fields are theirs. False: nothing is known of them.
bool json_lanes_take(const struct json_plan *plan, struct json_capture *capture,
                     struct json_lanes *lanes, const struct json_lines *index, struct text lines,
                     const char *begin);

/// Some lines side by side, and where they and the line behind them begin.
struct json_lanes_group {
    const char *begins[JSON_LANE_COUNT + 1];
    struct text lines;
    uint32_t field_count; ///< of the plan
};

/// Lines that all take lanes->steps.
bool json_lanes_alike_plain(struct json_capture *capture, struct json_lanes *lanes,
                            const struct json_lanes_group *group);
/// Lines of any known steps that enter no containers with fields below.
bool json_lanes_mixed_plain(struct json_capture *capture, struct json_lanes *lanes,
                            const struct json_lanes_group *group);
#ifdef __x86_64__
void json_lanes_seek_avx2(struct json_lines *index, struct text lines);
bool json_lanes_alike_avx2(struct json_capture *capture, struct json_lanes *lanes,
                           const struct json_lanes_group *group);
bool json_lanes_mixed_avx2(struct json_capture *capture, struct json_lanes *lanes,
                           const struct json_lanes_group *group);
#endif
