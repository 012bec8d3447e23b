// SPDX-License-Identifier: Apache-2.0
/// Documents taken by learned steps; compiled once per kernel. A kernel is a file that defines
/// find_special() as the scanner's kernels do, `special_in(begin, at, end)`, the same where the
/// text from `begin` on has JSON_SHAPE_INLINE_SIZE bytes at least, and `literal_equal(step, at)`,
/// whether the step's first bytes stand at `at`, where so many can be read; then it includes this.
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

static bool long_literal_equal(const struct json_shapes *shapes, const struct json_step *step,
                               const char *at, const char *end)
{
    return (size_t)(end - at) >= step->size &&
           memcmp(shapes->pool + step->pool_at, at, step->size) == 0;
}

static inline bool step_fits(const struct json_shapes *shapes, const struct json_step *step,
                             const char *at, const char *end)
{
    if (__builtin_expect(end - at < JSON_SHAPE_INLINE_SIZE, 0)) {
        return step->size < JSON_SHAPE_INLINE_SIZE && literal_ends(step, at, end);
    }
    return literal_equal(step, at) && (__builtin_expect(step->size <= JSON_SHAPE_INLINE_SIZE, 1) ||
                                       long_literal_equal(shapes, step, at, end));
}

/// The step at `at`, where it is not the one that was expected; JSON_SHAPE_NONE: it is not known.
static uint16_t find_step(const struct json_shapes *shapes, uint16_t context, const char *at,
                          const char *end)
{
    uint16_t found = JSON_SHAPE_NONE;
    if (end - at >= 8) {
        found = shapes->buckets[json_shape_bucket(context, load_word(at))];
        while (found != JSON_SHAPE_NONE && (shapes->steps[found].before != context ||
                                            !step_fits(shapes, &shapes->steps[found], at, end))) {
            found = shapes->steps[found].chained;
        }
    }
    if (found == JSON_SHAPE_NONE) {
        found = shapes->contexts[context].shorts;
        while (found != JSON_SHAPE_NONE && !step_fits(shapes, &shapes->steps[found], at, end)) {
            found = shapes->steps[found].chained;
        }
    }
    return found;
}

/// A container met twice: what the first one had below it would have to be forgotten.
static bool enters_again(struct json_capture *capture, const struct json_step *step)
{
    bool again = false;
    for (uint32_t index = 0; index < step->entered_count; index++) {
        uint64_t *stamp = &capture->stamps[step->entered[index]];
        again |= *stamp == capture->document_serial;
        *stamp = capture->document_serial;
    }
    return again;
}

static const char *take_bare(struct json_scanner *scanner, const char *at,
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

/// Returns the closing quote, or NULL.
static inline const char *take_string(struct json_scanner *scanner, const char *at,
                                      struct decode_field *value)
{
    uint8_t escape = FIELD_PLAIN;
    const char *close = special_in(scanner->begin, at, scanner->end);
    if (__builtin_expect(close == scanner->end || *close != '"', 0)) {
        close = scan_string_slow(scanner, close, &escape);
        if (close == NULL) {
            return NULL;
        }
    }
    *value = (struct decode_field){at, (uint32_t)(close - at), FIELD_STRING, escape};
    return close;
}

static inline bool take_steps(struct json_shapes *shapes, struct json_scanner *scanner)
{
    const char *at = scanner->begin;
    const char *end = scanner->end;
    struct decode_field *fields = scanner->capture->fields;
    struct json_step *last = &shapes->steps[JSON_SHAPE_NONE];
    for (;;) {
        struct json_step *step = &shapes->steps[last->follows];
        if (__builtin_expect(!step_fits(shapes, step, at, end), 0)) {
            uint16_t found = find_step(shapes, last->after, at, end);
            step = &shapes->steps[found];
            last->follows = found;
        }
        if (__builtin_expect(step->entered_count > 0, 0) && enters_again(scanner->capture, step)) {
            return false;
        }
        at += step->size;
        if (step->value == JSON_STEP_STRING) {
            at = take_string(scanner, at, &fields[step->field]);
        } else if (step->value == JSON_STEP_BARE) {
            at = take_bare(scanner, at, &fields[step->field]);
        } else {
            return step->value == JSON_STEP_END && at == end;
        }
        if (at == NULL) {
            return false;
        }
        last = step;
    }
}

static inline bool shape_scan(const struct json_plan *plan, struct text text,
                              struct json_capture *capture)
{
    struct json_shapes *shapes = capture->shapes;
    if (shapes->pause > 0 || text.size < JSON_SHAPE_INLINE_SIZE) {
        return false;
    }
    for (uint32_t field = 0; field < plan->field_count; field++) {
        capture->fields[field] = (struct decode_field){0};
    }
    capture->tape_count = 0;
    capture->element_count = 0;
    capture->document_serial++;
    capture->document_kind = FIELD_OBJECT;
    struct json_scanner scanner;
    scanner.begin = text.bytes;
    scanner.end = text.bytes + text.size;
    scanner.capture = capture;
    return take_steps(shapes, &scanner);
}
