// SPDX-License-Identifier: Apache-2.0
/// Lines side by side; compiled once per kernel, behind json_shape_kernel.h. A kernel defines
/// `lanes_equal(step, a, b, c, d)`, whether the first JSON_SHAPE_INLINE_SIZE bytes of the step's
/// text stand at each place, and `special_wide(at)`, special_on_line() for values that are not
/// always short, where JSON_LANES_WIDE_SIZE bytes can be read.
/// Thread: functions of values.
#pragma once

#include "ingest/decode/json_lanes.h"
#include "ingest/decode/json_shape_kernel.h"

/// Where the lanes stand: in registers, so no array.
struct lane_places {
    const char *a;
    const char *b;
    const char *c;
    const char *d;
};

/// As one vector they would have to be taken apart for every load.
static inline void keep_apart(struct lane_places *at)
{
#ifdef __x86_64__
    __asm__("" : "+r"(at->a), "+r"(at->b), "+r"(at->c), "+r"(at->d));
#else
    (void)at;
#endif
}

static __attribute__((noinline)) bool rest_equal(const struct json_lane_step *step, const char *at,
                                                 const char *end)
{
    return end - at >= step->size &&
           memcmp(step->rest, at + JSON_SHAPE_INLINE_SIZE, step->rest_size) == 0;
}

static inline __attribute__((always_inline)) bool
lanes_rest_equal(const struct json_lane_step *step, struct lane_places at, const char *end)
{
    return rest_equal(step, at.a, end) && rest_equal(step, at.b, end) &&
           rest_equal(step, at.c, end) && rest_equal(step, at.d, end);
}

static inline __attribute__((always_inline)) const char *
take_lane_string(struct decode_field *value, const char *begin, bool wide)
{
    const char *close = wide ? special_wide(begin) : special_on_line(begin);
    *value = (struct decode_field){begin, (uint32_t)(close - begin), FIELD_STRING, FIELD_PLAIN};
    return close;
}

/// A string that may hold more than plain bytes. Returns the closing quote, or NULL.
static __attribute__((noinline)) const char *
take_unusual_string(struct json_scanner *scanner, struct decode_field *value, const char *close)
{
    return *close == '"' ? close : take_string_slow(scanner, value->bytes, close, value);
}

/// The strings at `at`, which becomes their closing quotes. False: one is unsound.
static inline __attribute__((always_inline)) bool
take_lane_strings(const struct json_lanes *lanes, struct json_lane_step *step,
                  struct json_scanner *scanner, struct lane_places *at, bool wide)
{
    struct decode_field *value = lanes->fields[0] + step->field;
    size_t stride = lanes->field_count;
    struct lane_places close = {take_lane_string(value, at->a, wide),
                                take_lane_string(value + stride, at->b, wide),
                                take_lane_string(value + 2 * stride, at->c, wide),
                                take_lane_string(value + 3 * stride, at->d, wide)};
    size_t longest = (size_t)(close.a - at->a) | (size_t)(close.b - at->b) |
                     (size_t)(close.c - at->c) | (size_t)(close.d - at->d);
    if (!wide && __builtin_expect(longest >= JSON_SHAPE_INLINE_SIZE, 0)) {
        step->wide = true;
    }
    *at = close;
    if (__builtin_expect(((*at->a ^ '"') | (*at->b ^ '"') | (*at->c ^ '"') | (*at->d ^ '"')) == 0,
                         1)) {
        return true;
    }
    return (at->a = take_unusual_string(scanner, value, close.a)) != NULL &&
           (at->b = take_unusual_string(scanner, value + stride, close.b)) != NULL &&
           (at->c = take_unusual_string(scanner, value + 2 * stride, close.c)) != NULL &&
           (at->d = take_unusual_string(scanner, value + 3 * stride, close.d)) != NULL;
}

/// What follows the step's text in each lane.
static inline __attribute__((always_inline)) bool take_lane_values(const struct json_lanes *lanes,
                                                                   struct json_lane_step *step,
                                                                   struct json_scanner *scanner,
                                                                   struct lane_places *at)
{
    if (__builtin_expect(step->value == JSON_STEP_STRING, 1)) {
        // The last lane is the furthest.
        bool wide = step->wide && scanner->end - at->d >= (ptrdiff_t)JSON_LANES_WIDE_SIZE;
        return wide ? take_lane_strings(lanes, step, scanner, at, true)
                    : take_lane_strings(lanes, step, scanner, at, false);
    }
    if (step->value == JSON_STEP_END) {
        return true;
    }
    struct decode_field *value = lanes->fields[0] + step->field;
    size_t stride = lanes->field_count;
    return (at->a = take_bare(scanner, at->a, value)) != NULL &&
           (at->b = take_bare(scanner, at->b, value + stride)) != NULL &&
           (at->c = take_bare(scanner, at->c, value + 2 * stride)) != NULL &&
           (at->d = take_bare(scanner, at->d, value + 3 * stride)) != NULL;
}

static inline bool lane_ends(const char *at, const char *next)
{
    return ends_line(at) && at + 1 + (*at == '\r') == next;
}

static inline void group_begin(const struct json_lanes_group *group, struct json_capture *capture,
                               struct json_scanner *scanner)
{
    scanner->begin = group->lines.bytes;
    scanner->end = group->lines.bytes + group->lines.size;
    scanner->capture = capture;
}

static inline bool take_alike(struct json_capture *capture, struct json_lanes *lanes,
                              const struct json_lanes_group *group)
{
    struct json_scanner scanner;
    group_begin(group, capture, &scanner);
    const char *const *begins = group->begins;
    struct lane_places at = {begins[0], begins[1], begins[2], begins[3]};
    struct json_lane_step *step = lanes->steps;
    for (const struct json_lane_step *last = step + lanes->count; step < last; step++) {
        if (!lanes_equal(step, at.a, at.b, at.c, at.d) ||
            (step->rest_size > 0 && !lanes_rest_equal(step, at, scanner.end))) {
            return false;
        }
        size_t size = step->size;
        at = (struct lane_places){at.a + size, at.b + size, at.c + size, at.d + size};
        keep_apart(&at);
        if (__builtin_expect(!take_lane_values(lanes, step, &scanner, &at), 0)) {
            return false;
        }
        keep_apart(&at);
    }
    return lane_ends(at.a, begins[1]) && lane_ends(at.b, begins[2]) && lane_ends(at.c, begins[3]) &&
           lane_ends(at.d, begins[4]);
}

/// A line on its own way.
struct lane_walk {
    const char *at;
    struct json_step *last;
    struct decode_field *fields;
};

static inline bool fits_mixed(const struct json_step *step, uint16_t context, const char *at)
{
    return step->before == context && !step->unusual && literal_equal(step, at);
}

/// The step at `at` behind `last`. Where it is guessed that it is the one that came last time, what
/// is scanned next does not wait for a look-up; where keys have no order a guess is in the way.
static inline __attribute__((always_inline)) struct json_step *
find_mixed(struct json_shapes *shapes, struct json_lanes *lanes, struct json_step *last,
           const char *at, const char *end, bool guesses)
{
    if (guesses) {
        struct json_step *guess = &shapes->steps[last->follows];
        if (__builtin_expect(fits_mixed(guess, last->after, at), 1)) {
            return guess;
        }
        lanes->missed_count++;
    }
    uint16_t index = shapes->buckets[json_shape_bucket(last->after, load_word(at))];
    if (__builtin_expect(!fits_mixed(&shapes->steps[index], last->after, at), 0)) {
        index = find_step(shapes, last->after, at, end, true);
    }
    struct json_step *step = &shapes->steps[index];
    // Any key may be the last one of a line.
    if (guesses && step->value != JSON_STEP_END) {
        last->follows = index;
    }
    return step;
}

/// One step of a line. False: it is not known.
static inline __attribute__((always_inline)) bool walk_step(struct json_shapes *shapes,
                                                            struct json_lanes *lanes,
                                                            struct json_scanner *scanner,
                                                            struct lane_walk *walk, bool guesses)
{
    struct json_step *step = find_mixed(shapes, lanes, walk->last, walk->at, scanner->end, guesses);
    const char *at = walk->at + step->size;
    struct decode_field *value = &walk->fields[step->field];
    walk->last = step;
    if (__builtin_expect(step->value == JSON_STEP_STRING, 1)) {
        walk->at = take_string(scanner, at, value, true);
    } else if (step->value == JSON_STEP_BARE) {
        walk->at = take_bare(scanner, at, value);
    } else {
        walk->at = step->value == JSON_STEP_END ? at : NULL;
    }
    return __builtin_expect(walk->at != NULL && step->entered_count == 0, 1);
}

static inline struct lane_walk walk_begin(struct json_shapes *shapes,
                                          const struct json_lanes *lanes,
                                          const struct json_lanes_group *group, uint32_t lane)
{
    memset(lanes->fields[lane], 0, group->field_count * sizeof(*lanes->fields[lane]));
    return (struct lane_walk){group->begins[lane], &shapes->steps[JSON_SHAPE_NONE],
                              lanes->fields[lane]};
}

static inline bool is_open(const struct lane_walk *walk)
{
    return walk->last->value != JSON_STEP_END;
}

/// The steps of the last lane are noted: those that come may be like it.
static inline void note_step(struct json_shapes *shapes, const struct lane_walk *walk)
{
    shapes->path[shapes->path_count] = (uint16_t)(walk->last - shapes->steps);
    shapes->path_count += shapes->path_count + 1 < JSON_SHAPE_PATH_COUNT;
}

static inline __attribute__((always_inline)) bool take_mixed(struct json_capture *capture,
                                                             struct json_lanes *lanes,
                                                             const struct json_lanes_group *group,
                                                             bool guesses)
{
    struct json_shapes *shapes = capture->shapes;
    struct json_scanner scanner;
    group_begin(group, capture, &scanner);
    struct lane_walk a = walk_begin(shapes, lanes, group, 0);
    struct lane_walk b = walk_begin(shapes, lanes, group, 1);
    struct lane_walk c = walk_begin(shapes, lanes, group, 2);
    struct lane_walk d = walk_begin(shapes, lanes, group, 3);
    shapes->path_count = 0;
    while (is_open(&a) || is_open(&b) || is_open(&c) || is_open(&d)) {
        if ((is_open(&a) && !walk_step(shapes, lanes, &scanner, &a, guesses)) ||
            (is_open(&b) && !walk_step(shapes, lanes, &scanner, &b, guesses)) ||
            (is_open(&c) && !walk_step(shapes, lanes, &scanner, &c, guesses)) ||
            (is_open(&d) && (!walk_step(shapes, lanes, &scanner, &d, guesses) ||
                             (note_step(shapes, &d), false)))) {
            shapes->path_count = 0;
            return false;
        }
    }
    return lane_ends(a.at, group->begins[1]) && lane_ends(b.at, group->begins[2]) &&
           lane_ends(c.at, group->begins[3]) && lane_ends(d.at, group->begins[4]);
}
