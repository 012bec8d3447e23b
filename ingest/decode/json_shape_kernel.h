// SPDX-License-Identifier: Apache-2.0
/// Documents taken by learned steps; compiled once per kernel. A kernel is a file that defines
/// find_special() as the scanner's kernels do, `special_in(begin, at, end)`, the same where the
/// text from `begin` on has JSON_SHAPE_INLINE_SIZE bytes at least, `special_on_line(at)`, the same
/// where a line feed comes and JSON_SHAPE_INLINE_SIZE bytes behind it can be read, and
/// `literal_equal(step, at)`, whether the step's first bytes stand at `at`, where so many can be
/// read; then it includes this.
///
/// `on_line`: the document is followed by a line feed, which no step's text holds and which ends
/// every string and number. So nobody needs to look for the end beforehand, nor to compare with it.
/// Thread: functions of values.
#pragma once

#include "ingest/decode/json_scan_token.h"
#include "ingest/decode/json_shape.h"

static bool literal_ends(const struct json_step *step, const char *at, const char *end)
{
    if ((size_t)(end - at) < step->size) {
        return false;
    }
    for (uint32_t index = 0; index < step->size; index++) {
        if (at[index] != step->literal[index]) {
            return false;
        }
    }
    return true;
}

static __attribute__((noinline)) bool long_literal_equal(const struct json_shapes *shapes,
                                                         const struct json_step *step,
                                                         const char *at, const char *end)
{
    return (size_t)(end - at) >= step->size &&
           memcmp(shapes->pool + step->pool_at, at, step->size) == 0;
}

static inline bool step_fits(const struct json_shapes *shapes, const struct json_step *step,
                             const char *at, const char *end, bool on_line)
{
    if (!on_line && __builtin_expect(end - at < JSON_SHAPE_INLINE_SIZE, 0)) {
        return step->size < JSON_SHAPE_INLINE_SIZE && literal_ends(step, at, end);
    }
    return literal_equal(step, at) &&
           (__builtin_expect(!step->unusual, 1) || step->size <= JSON_SHAPE_INLINE_SIZE ||
            long_literal_equal(shapes, step, at, end));
}

/// The first step of a chain that fits at `at`; JSON_SHAPE_NONE: none, or it comes too late, when
/// the scanner is as fast.
static inline uint16_t find_in_chain(const struct json_shapes *shapes, uint16_t first,
                                     uint16_t context, const char *at, const char *end,
                                     bool on_line)
{
    uint32_t tries = 0;
    for (uint16_t index = first; index != JSON_SHAPE_NONE && tries < JSON_SHAPE_TRIES_MAX;
         index = shapes->steps[index].chained, tries++) {
        const struct json_step *step = &shapes->steps[index];
        if (step->before == context && step_fits(shapes, step, at, end, on_line)) {
            return index;
        }
    }
    return JSON_SHAPE_NONE;
}

/// The step at `at`, where it is not the one that was expected; JSON_SHAPE_NONE: it is not known.
static __attribute__((noinline)) uint16_t find_step(const struct json_shapes *shapes,
                                                    uint16_t context, const char *at,
                                                    const char *end, bool on_line)
{
    uint16_t found = JSON_SHAPE_NONE;
    if (end - at >= 8) {
        uint16_t first = shapes->buckets[json_shape_bucket(context, load_word(at))];
        found = find_in_chain(shapes, first, context, at, end, on_line);
    }
    if (found == JSON_SHAPE_NONE) {
        found = find_in_chain(shapes, shapes->contexts[context].shorts, context, at, end, on_line);
    }
    return found;
}

/// A container met twice: what the first one had below it would have to be forgotten.
static __attribute__((noinline)) bool enters_again(struct json_capture *capture,
                                                   const struct json_step *step)
{
    bool again = false;
    for (uint32_t index = 0; index < step->entered_count; index++) {
        uint64_t *stamp = &capture->stamps[step->entered[index]];
        again |= *stamp == capture->document_serial;
        *stamp = capture->document_serial;
    }
    return again;
}

static __attribute__((noinline)) const char *take_bare(struct json_scanner *scanner, const char *at,
                                                       struct decode_field *value)
{
    const char *after = NULL;
    uint8_t kind = FIELD_NUMBER;
    if (at == scanner->end) {
        return NULL;
    }
    if (*at == '-' || (unsigned char)(*at - '0') <= 9) {
        after = scan_number(scanner, at);
    } else if (*at == 't') {
        after = scan_literal(scanner, at, "true");
        kind = FIELD_TRUE;
    } else if (*at == 'f') {
        after = scan_literal(scanner, at, "false");
        kind = FIELD_FALSE;
    } else if (*at == 'n') {
        after = scan_literal(scanner, at, "null");
        kind = FIELD_MISSING;
    }
    // A step that was learned behind a string begins with that string's closing quote, which would
    // fit here too, where no string is open.
    if (after == NULL || (after < scanner->end && *after == '"')) {
        return NULL;
    }
    *value = (struct decode_field){at, (uint32_t)(after - at), kind, FIELD_PLAIN};
    return after;
}

/// The rest of a string from a byte on that is no quote. Returns the closing quote, or NULL.
static __attribute__((noinline)) const char *take_string_slow(struct json_scanner *scanner,
                                                              const char *at, const char *special,
                                                              struct decode_field *value)
{
    uint8_t escape = FIELD_PLAIN;
    const char *close = scan_string_slow(scanner, special, &escape);
    if (close != NULL) {
        *value = (struct decode_field){at, (uint32_t)(close - at), FIELD_STRING, escape};
    }
    return close;
}

/// Returns the closing quote, or NULL.
static inline __attribute__((always_inline)) const char *
take_string(struct json_scanner *scanner, const char *at, struct decode_field *value, bool on_line)
{
    const char *close =
        on_line ? special_on_line(at) : special_in(scanner->begin, at, scanner->end);
    if (__builtin_expect((!on_line && close == scanner->end) || *close != '"', 0)) {
        return take_string_slow(scanner, at, close, value);
    }
    *value = (struct decode_field){at, (uint32_t)(close - at), FIELD_STRING, FIELD_PLAIN};
    return close;
}

/// Returns the end of the document, or NULL.
static inline __attribute__((always_inline)) const char *
take_steps(struct json_shapes *shapes, struct json_scanner *scanner, bool on_line)
{
    const char *at = scanner->begin;
    const char *end = scanner->end;
    struct decode_field *fields = scanner->capture->fields;
    struct json_step *last = &shapes->steps[JSON_SHAPE_NONE];
    uint32_t count = 0;
    for (;;) {
        struct json_step *step = &shapes->steps[last->follows];
        if (__builtin_expect(!step_fits(shapes, step, at, end, on_line), 0)) {
            uint16_t found = find_step(shapes, last->after, at, end, on_line);
            step = &shapes->steps[found];
            last->follows = found;
        }
        shapes->path[count] = (uint16_t)(step - shapes->steps);
        count += count + 1 < JSON_SHAPE_PATH_COUNT;
        if (__builtin_expect(step->unusual, 0) && enters_again(scanner->capture, step)) {
            return NULL;
        }
        at += step->size;
        if (step->value == JSON_STEP_STRING) {
            at = take_string(scanner, at, &fields[step->field], on_line);
        } else if (step->value == JSON_STEP_BARE) {
            at = take_bare(scanner, at, &fields[step->field]);
        } else if (step->value == JSON_STEP_END) {
            shapes->path_count = count;
            return at;
        } else {
            return NULL;
        }
        if (at == NULL) {
            return NULL;
        }
        last = step;
    }
}

static inline void shape_begin(const struct json_plan *plan, struct text text,
                               struct json_capture *capture, struct json_scanner *scanner)
{
    memset(capture->fields, 0, plan->field_count * sizeof(*capture->fields));
    capture->tape_count = 0;
    capture->element_count = 0;
    capture->document_serial++;
    capture->document_kind = FIELD_OBJECT;
    capture->shapes->path_count = 0;
    scanner->begin = text.bytes;
    scanner->end = text.bytes + text.size;
    scanner->capture = capture;
}

static inline bool shape_scan(const struct json_plan *plan, struct text text,
                              struct json_capture *capture)
{
    struct json_scanner scanner;
    if (capture->shapes->pause > 0 || text.size < JSON_SHAPE_INLINE_SIZE) {
        return false;
    }
    shape_begin(plan, text, capture, &scanner);
    return take_steps(capture->shapes, &scanner, false) == scanner.end;
}

static inline bool ends_line(const char *end)
{
    return *end == '\n' || (*end == '\r' && end[1] == '\n');
}

static inline const char *shape_line(const struct json_plan *plan, struct text lines,
                                     struct json_capture *capture)
{
    struct json_scanner scanner;
    if (capture->shapes->pause > 0) {
        return NULL;
    }
    shape_begin(plan, lines, capture, &scanner);
    const char *end = take_steps(capture->shapes, &scanner, true);
    return __builtin_expect(end != NULL, 1) && ends_line(end) ? end : NULL;
}
