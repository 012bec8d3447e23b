// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/json_lanes.h"
#include "ingest/decode/json_shape.h"

#include <string.h>

/// Byte by byte: the specification of the other kernel.
static inline const char *find_special(const char *at, const char *end)
{
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)(*at - 0x20) < 0x60) {
        at++;
    }
    return at;
}

static inline const char *special_in(const char *begin, const char *at, const char *end)
{
    (void)begin;
    return find_special(at, end);
}

static inline const char *special_on_line(const char *at)
{
    while (*at != '"' && *at != '\\' && (unsigned char)(*at - 0x20) < 0x60) {
        at++;
    }
    return at;
}

static inline bool literal_equal(const struct json_step *step, const char *at)
{
    uint32_t size = step->size < JSON_SHAPE_INLINE_SIZE ? step->size : JSON_SHAPE_INLINE_SIZE;
    return memcmp(step->literal, at, size) == 0;
}

static inline bool lanes_equal(const struct json_lane_step *step, const char *a, const char *b,
                               const char *c, const char *d)
{
    uint32_t size = step->size < JSON_SHAPE_INLINE_SIZE ? step->size : JSON_SHAPE_INLINE_SIZE;
    return memcmp(step->literal, a, size) == 0 && memcmp(step->literal, b, size) == 0 &&
           memcmp(step->literal, c, size) == 0 && memcmp(step->literal, d, size) == 0;
}

static inline const char *special_wide(const char *begin)
{
    return special_on_line(begin);
}

#include "ingest/decode/json_lanes_kernel.h"

bool json_lanes_alike_plain(struct json_capture *capture, struct json_lanes *lanes,
                            const struct json_lanes_group *group)
{
    return take_alike(capture, lanes, group);
}

bool json_lanes_mixed_plain(struct json_capture *capture, struct json_lanes *lanes,
                            const struct json_lanes_group *group)
{
    return lanes->guess_trust.pause == 0 ? take_mixed(capture, lanes, group, true)
                                         : take_mixed(capture, lanes, group, false);
}

bool json_shape_scan_plain(const struct json_plan *plan, struct text text,
                           struct json_capture *capture)
{
    return shape_scan(plan, text, capture);
}

const char *json_shape_line_plain(const struct json_plan *plan, struct text lines,
                                  struct json_capture *capture)
{
    return shape_line(plan, lines, capture);
}
