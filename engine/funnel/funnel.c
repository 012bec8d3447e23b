// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/funnel.h"

#include "engine/event/event.h"
#include "storage/base/memory.h"

#include <inttypes.h>
#include <stdlib.h>

/// Enumerator names in the order of their values; NULL-terminated.
static const char *const FUNNEL_ORDER_NAMES[] = {"loose", "strict", "any", NULL};
static const char *const FUNNEL_UNIT_NAMES[] = {"user", "session", "attributes", NULL};
static const char *const FUNNEL_ATTEMPTS_NAMES[] = {"best", "first", "last", "all", NULL};
static const char *const FUNNEL_TIES_NAMES[] = {"any", "strict", NULL};
static const char *const FUNNEL_SCOPE_NAMES[] = {"all", "funnel", NULL};
static const char *const FUNNEL_REPEAT_NAMES[] = {"break", "allow", NULL};

#define FUNNEL_TOLERANCE_MAX_US (INT64_C(24) * 3600 * 1000000)

#define FUNNEL_SHOWN(text) (int)((text).size < 64 ? (text).size : 64), (text).bytes

/// One choice out of `names`.
static enum corong_status funnel_check_choice(const char *what, uint32_t value,
                                              const char *const *names, struct corong_error *error)
{
    uint32_t count = 0;
    while (names[count] != NULL) {
        count++;
    }
    if (value >= count) {
        return error_set(error, CORONG_INVALID, "%s has no value number %u", what, value);
    }
    return CORONG_OK;
}

static enum corong_status funnel_check_stage(const struct stage *stage, struct corong_error *error)
{
    if (stage->name.size == 0) {
        return error_set(error, CORONG_INVALID, "has no name");
    }
    if (stage->event_count > STAGE_EVENT_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "lists %u events (at most %u)", stage->event_count,
                         STAGE_EVENT_COUNT_MAX);
    }
    for (uint32_t index = 0; index < stage->event_count; index++) {
        struct text event = stage->events[index];
        if (event.bytes == NULL) {
            return error_set(error, CORONG_INVALID, "event %u has no name", index + 1);
        }
        if (event.size > EVENT_NAME_SIZE_MAX) {
            return error_set(error, CORONG_INVALID,
                             "event %u has a name of %zu bytes (at most %u, so it never matches)",
                             index + 1, event.size, EVENT_NAME_SIZE_MAX);
        }
    }
    return CORONG_OK;
}

static enum corong_status funnel_check_steps(const struct funnel *funnel,
                                             struct corong_error *error)
{
    if (funnel->step_count < 1 || funnel->step_count > FUNNEL_STEP_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "%u steps (1 to %u are allowed)",
                         funnel->step_count, FUNNEL_STEP_COUNT_MAX);
    }
    for (uint32_t step = 0; step < funnel->step_count; step++) {
        TRY_IN(funnel_check_stage(&funnel->steps[step], error), error, "step %u", step + 1);
    }
    return CORONG_OK;
}

static enum corong_status funnel_check_window(const struct funnel *funnel,
                                              struct corong_error *error)
{
    if (funnel->window_us < 0) {
        return error_set(error, CORONG_INVALID,
                         "window of %" PRId64 " us is negative (0 means simultaneous)",
                         funnel->window_us);
    }
    return CORONG_OK;
}

enum corong_status funnel_check_gap(const struct funnel_gap *gap, uint32_t step,
                                    struct corong_error *error)
{
    if (gap->min_us < 0 || gap->max_us < 0) {
        return error_set(error, CORONG_INVALID, "a gap is negative");
    }
    if (gap->min_us > gap->max_us) {
        return error_set(error, CORONG_INVALID,
                         "min_gap is longer than max_gap, so nothing can fill the step");
    }
    if (step == 0 && (gap->min_us != 0 || gap->max_us != FUNNEL_WINDOW_NONE)) {
        return error_set(error, CORONG_INVALID,
                         "a gap runs from the step before, and the first step has none");
    }
    return CORONG_OK;
}

struct funnel_gap *funnel_gaps_none(struct arena *arena, uint32_t step_count)
{
    struct funnel_gap *gaps = arena_allocate(arena, step_count * sizeof(*gaps));
    for (uint32_t step = 0; step < step_count; step++) {
        gaps[step] = (struct funnel_gap){0, FUNNEL_WINDOW_NONE};
    }
    return gaps;
}

static enum corong_status funnel_check_gaps(const struct funnel *funnel, struct corong_error *error)
{
    for (uint32_t step = 0; funnel->gaps != NULL && step < funnel->step_count; step++) {
        TRY_IN(funnel_check_gap(&funnel->gaps[step], step, error), error, "step %u", step + 1);
    }
    return CORONG_OK;
}

enum corong_status funnel_check_exclusion(const struct funnel *funnel,
                                          const struct funnel_exclusion *exclusion,
                                          struct corong_error *error)
{
    if (exclusion->after < 1 || exclusion->before > funnel->step_count) {
        return error_set(error, CORONG_INVALID, "after %u and before %u are not steps 1 to %u",
                         exclusion->after, exclusion->before, funnel->step_count);
    }
    if (exclusion->after >= exclusion->before) {
        return error_set(error, CORONG_INVALID,
                         "nothing lies after step %u and before step %u (after < before)",
                         exclusion->after, exclusion->before);
    }
    return funnel_check_stage(&exclusion->stage, error);
}

static enum corong_status funnel_check_exclusions(const struct funnel *funnel,
                                                  struct corong_error *error)
{
    if (funnel->exclusion_count > FUNNEL_EXCLUSION_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "%u exclusions (at most %u)",
                         funnel->exclusion_count, FUNNEL_EXCLUSION_COUNT_MAX);
    }
    for (uint32_t i = 0; i < funnel->exclusion_count; i++) {
        TRY_IN(funnel_check_exclusion(funnel, &funnel->exclusions[i], error), error, "exclusion %u",
               i + 1);
    }
    return CORONG_OK;
}

static enum corong_status funnel_check_optional(const struct funnel *funnel,
                                                struct corong_error *error)
{
    uint32_t ends = 1 | UINT32_C(1) << (funnel->step_count - 1);
    if ((funnel->optional & ends) != 0) {
        return error_set(error, CORONG_INVALID,
                         "the first and the last step cannot be optional: without them nothing "
                         "begins or is won");
    }
    if (funnel->step_count < FUNNEL_STEP_COUNT_MAX && funnel->optional >> funnel->step_count != 0) {
        return error_set(error, CORONG_INVALID, "a step that does not exist is optional");
    }
    return CORONG_OK;
}

/// Options that say what lies between steps have no meaning where steps have no order.
static enum corong_status funnel_check_any(const struct funnel *funnel, struct corong_error *error)
{
    if (funnel->order != FUNNEL_ORDER_ANY) {
        return funnel->anchor_first == 0 && funnel->anchor_last == 0
                   ? CORONG_OK
                   : error_set(error, CORONG_INVALID,
                               "an anchor needs 'order: any' (other orders have a first and a last "
                               "step already)");
    }
    const char *other =
        funnel->optional != 0  ? "optional steps (row k already means k of the steps)"
        : funnel->gaps != NULL ? "max_gap and min_gap (no step comes before another)"
        : funnel->entry_open   ? "'entry: open' (any step is an entry already)"
                               : NULL;
    for (uint32_t i = 0; i < funnel->exclusion_count; i++) {
        const struct funnel_exclusion *exclusion = &funnel->exclusions[i];
        if (exclusion->after != 1 || exclusion->before != funnel->step_count) {
            other = "an exclusion between two steps (leave 'after' and 'before' out: the whole "
                    "attempt)";
        }
    }
    if (other != NULL) {
        return error_set(error, CORONG_INVALID, "'order: any' does not go with %s", other);
    }
    if (funnel->anchor_first > funnel->step_count || funnel->anchor_last > funnel->step_count) {
        return error_set(error, CORONG_INVALID, "an anchor is none of the %u steps",
                         funnel->step_count);
    }
    return funnel->anchor_first == 0 || funnel->anchor_first != funnel->anchor_last
               ? CORONG_OK
               : error_set(error, CORONG_INVALID, "step %u cannot be both anchors",
                           funnel->anchor_first);
}

static enum corong_status funnel_check_strict(const struct funnel *funnel,
                                              struct corong_error *error)
{
    if (funnel->order != FUNNEL_ORDER_STRICT) {
        return funnel->scope == FUNNEL_SCOPE_ALL && funnel->repeat == FUNNEL_REPEAT_BREAK
                   ? CORONG_OK
                   : error_set(error, CORONG_INVALID,
                               "'scope' and 'repeat' say what 'order: strict' forbids between "
                               "steps; the order is %s",
                               FUNNEL_ORDER_NAMES[funnel->order]);
    }
    return !funnel->entry_open
               ? CORONG_OK
               : error_set(error, CORONG_INVALID,
                           "'order: strict' does not go with 'entry: open' (strict counts from "
                           "the first step on)");
}

static enum corong_status funnel_check_ties(const struct funnel *funnel, struct corong_error *error)
{
    if (funnel->tie_tolerance_us < 0 || funnel->tie_tolerance_us > FUNNEL_TOLERANCE_MAX_US) {
        return error_set(error, CORONG_INVALID, "tie_tolerance is not within 0 and 24h");
    }
    if (funnel->tie_tolerance_us > 0 && funnel->ties == FUNNEL_TIES_STRICT) {
        return error_set(error, CORONG_INVALID,
                         "'tie_tolerance' does not go with 'ties: strict': it makes events "
                         "simultaneous that the other then keeps apart");
    }
    return CORONG_OK;
}

static enum corong_status funnel_check_unit(const struct funnel *funnel, struct corong_error *error)
{
    bool attributes = funnel->unit == FUNNEL_UNIT_ATTRIBUTES;
    if (attributes && funnel->unit_attribute_count == 0) {
        return error_set(error, CORONG_INVALID, "the unit lists no attribute");
    }
    if (funnel->unit_attribute_count > FUNNEL_UNIT_ATTRIBUTE_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "the unit lists %u attributes (at most %u)",
                         funnel->unit_attribute_count, FUNNEL_UNIT_ATTRIBUTE_COUNT_MAX);
    }
    return CORONG_OK;
}

static enum corong_status funnel_check_choices(const struct funnel *funnel,
                                               struct corong_error *error)
{
    TRY(funnel_check_choice("order", funnel->order, FUNNEL_ORDER_NAMES, error));
    TRY(funnel_check_choice("unit", funnel->unit, FUNNEL_UNIT_NAMES, error));
    TRY(funnel_check_choice("attempts", funnel->attempts, FUNNEL_ATTEMPTS_NAMES, error));
    TRY(funnel_check_choice("scope", funnel->scope, FUNNEL_SCOPE_NAMES, error));
    TRY(funnel_check_choice("repeat", funnel->repeat, FUNNEL_REPEAT_NAMES, error));
    return funnel_check_choice("ties", funnel->ties, FUNNEL_TIES_NAMES, error);
}

static enum corong_status funnel_check_all(const struct funnel *funnel, struct corong_error *error)
{
    TRY(funnel_check_steps(funnel, error));
    TRY(funnel_check_window(funnel, error));
    TRY(funnel_check_gaps(funnel, error));
    TRY(funnel_check_exclusions(funnel, error));
    TRY(funnel_check_choices(funnel, error));
    TRY(funnel_check_optional(funnel, error));
    TRY(funnel_check_any(funnel, error));
    TRY(funnel_check_strict(funnel, error));
    TRY(funnel_check_ties(funnel, error));
    return funnel_check_unit(funnel, error);
}

enum corong_status funnel_check(const struct funnel *funnel, struct corong_error *error)
{
    if (funnel->name.bytes == NULL) {
        return funnel_check_all(funnel, error);
    }
    TRY_IN(funnel_check_all(funnel, error), error, "funnel '%.*s'", FUNNEL_SHOWN(funnel->name));
    return CORONG_OK;
}

/// In double quotes, with the bytes that would end the quote or the line escaped.
static void funnel_append_quoted(struct text_buffer *out, struct text text)
{
    text_buffer_append_string(out, "\"");
    for (size_t index = 0; index < text.size; index++) {
        unsigned char byte = (unsigned char)text.bytes[index];
        if (byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\') {
            text_buffer_printf(out, "\\x%02x", byte);
        } else {
            text_buffer_append(out, &text.bytes[index], 1);
        }
    }
    text_buffer_append_string(out, "\"");
}

static int funnel_compare_texts(const void *left, const void *right)
{
    return text_compare(*(const struct text *)left, *(const struct text *)right);
}

/// The events of a stage are a set: sorted, each once.
static void funnel_describe_events(const struct stage *stage, struct text_buffer *out)
{
    if (stage->event_count == 0) {
        text_buffer_append_string(out, " events=*");
        return;
    }
    struct text *sorted = memory_resize_array(NULL, stage->event_count, sizeof(*sorted));
    memcpy(sorted, stage->events, stage->event_count * sizeof(*sorted));
    qsort(sorted, stage->event_count, sizeof(*sorted), funnel_compare_texts);
    text_buffer_append_string(out, " events=[");
    for (uint32_t index = 0; index < stage->event_count; index++) {
        if (index > 0 && text_equal(sorted[index], sorted[index - 1])) {
            continue;
        }
        text_buffer_append_string(out, index > 0 ? "," : "");
        funnel_append_quoted(out, sorted[index]);
    }
    text_buffer_append_string(out, "]");
    memory_free(sorted);
}

static void funnel_describe_stage(const struct stage *stage, struct text_buffer *out)
{
    text_buffer_append_string(out, "{");
    funnel_append_quoted(out, stage->name);
    funnel_describe_events(stage, out);
    if (stage->where.bytes != NULL) {
        struct text_buffer canonical = {0};
        filter_canonicalize(stage->where, &canonical);
        text_buffer_append_string(out, " where=");
        funnel_append_quoted(out, (struct text){canonical.bytes, canonical.size});
        text_buffer_deinit(&canonical);
    }
    text_buffer_printf(out, " priority=%" PRId32, stage->priority);
    if (stage->group.bytes != NULL) {
        text_buffer_append_string(out, " group=");
        funnel_append_quoted(out, stage->group);
    }
    text_buffer_append_string(out, "}");
}

bool funnel_is_plain(const struct funnel *funnel)
{
    struct match_rule rule;
    match_rule_from(&rule, funnel);
    return match_rule_is_plain(&rule);
}

void match_rule_from(struct match_rule *rule, const struct funnel *funnel)
{
    *rule = (struct match_rule){
        .step_count = funnel->step_count,
        .window_us = funnel->window_us,
        .ties = funnel->ties,
        .attempts = funnel->attempts,
        .gaps = funnel->gaps,
        .exclusions = funnel->exclusions,
        .exclusion_count = funnel->exclusion_count,
        .as_of_us = INT64_MAX,
        .until_us = INT64_MAX,
        .order = funnel->order,
        .scope = funnel->scope,
        .repeat = funnel->repeat,
        .optional = funnel->optional,
        .entry_open = funnel->entry_open,
        .anchor_first = funnel->anchor_first,
        .anchor_last = funnel->anchor_last,
        .tie_tolerance_us = funnel->tie_tolerance_us,
    };
}

const char *funnel_live_obstacle(const struct funnel *funnel)
{
    bool one_start =
        funnel->attempts == FUNNEL_ATTEMPTS_BEST || funnel->attempts == FUNNEL_ATTEMPTS_FIRST;
    return funnel->order != FUNNEL_ORDER_LOOSE ? "its order"
           : funnel->unit != FUNNEL_UNIT_USER  ? "its unit"
           : funnel->window_session            ? "its session window"
           : !one_start                        ? "its attempts"
           : funnel->gaps != NULL              ? "its gaps"
           : funnel->exclusion_count > 0       ? "its exclusions"
           : funnel->optional != 0             ? "its optional steps"
           : funnel->entry_open                ? "its open entry"
           : funnel->tie_tolerance_us > 0      ? "its tie tolerance"
           : funnel->range_inside              ? "its range"
           : funnel->dialect != 0              ? "its dialect"
                                               : NULL;
}

static void funnel_describe_gap(const struct funnel_gap *gap, struct text_buffer *out)
{
    if (gap->min_us > 0) {
        text_buffer_append_string(out, " min_gap=");
        duration_format(gap->min_us, out);
    }
    if (gap->max_us != FUNNEL_WINDOW_NONE) {
        text_buffer_append_string(out, " max_gap=");
        duration_format(gap->max_us, out);
    }
}

static void funnel_describe_exclusions(const struct funnel *funnel, struct text_buffer *out)
{
    for (uint32_t i = 0; i < funnel->exclusion_count; i++) {
        const struct funnel_exclusion *exclusion = &funnel->exclusions[i];
        text_buffer_append_string(out, i == 0 ? " exclude=[" : ",");
        funnel_describe_stage(&exclusion->stage, out);
        text_buffer_printf(out, " after=%u before=%u effect=%s", exclusion->after,
                           exclusion->before, exclusion->remove ? "remove" : "end");
    }
    text_buffer_append_string(out, funnel->exclusion_count > 0 ? "]" : "");
}

/// What is said only where it is not the default, so that older definitions keep their line.
static void funnel_describe_rules(const struct funnel *funnel, struct text_buffer *out)
{
    text_buffer_append_string(out, funnel->entry_open ? " entry=open" : "");
    text_buffer_append_string(out, funnel->scope == FUNNEL_SCOPE_FUNNEL ? " scope=funnel" : "");
    text_buffer_append_string(out, funnel->repeat == FUNNEL_REPEAT_ALLOW ? " repeat=allow" : "");
    if (funnel->anchor_first != 0) {
        text_buffer_printf(out, " anchor_first=%u", funnel->anchor_first);
    }
    if (funnel->anchor_last != 0) {
        text_buffer_printf(out, " anchor_last=%u", funnel->anchor_last);
    }
    if (funnel->tie_tolerance_us > 0) {
        text_buffer_append_string(out, " tie_tolerance=");
        duration_format(funnel->tie_tolerance_us, out);
    }
    for (uint32_t i = 0; i < funnel->unit_attribute_count; i++) {
        text_buffer_append_string(out, i == 0 ? " per=[" : ",");
        funnel_append_quoted(out, funnel->unit_attributes[i]);
    }
    text_buffer_append_string(out, funnel->unit_attribute_count > 0 ? "]" : "");
}

void funnel_describe(const struct funnel *funnel, struct text_buffer *out)
{
    text_buffer_append_string(out, "funnel ");
    funnel_append_quoted(out, funnel->name);
    text_buffer_append_string(out, " steps=[");
    for (uint32_t step = 0; step < funnel->step_count; step++) {
        text_buffer_append_string(out, step > 0 ? "," : "");
        funnel_describe_stage(&funnel->steps[step], out);
        text_buffer_append_string(out, (funnel->optional >> step & 1) != 0 ? " optional" : "");
        if (funnel->gaps != NULL) {
            funnel_describe_gap(&funnel->gaps[step], out);
        }
    }
    text_buffer_append_string(out, "] window=");
    if (funnel->window_session) {
        text_buffer_append_string(out, "session+");
    }
    duration_format(funnel->window_us, out);
    text_buffer_printf(out, " order=%s unit=%s attempts=%s ties=%s",
                       FUNNEL_ORDER_NAMES[funnel->order], FUNNEL_UNIT_NAMES[funnel->unit],
                       FUNNEL_ATTEMPTS_NAMES[funnel->attempts], FUNNEL_TIES_NAMES[funnel->ties]);
    text_buffer_append_string(out, funnel->range_inside ? " range=inside" : "");
    funnel_describe_rules(funnel, out);
    funnel_describe_exclusions(funnel, out);
    if (funnel->dialect != 0) {
        text_buffer_printf(out, " dialect=%u modes=%u", funnel->dialect, funnel->dialect_modes);
    }
    if (funnel->live_slice.bytes != NULL) {
        text_buffer_append_string(out, " live=");
        funnel_append_quoted(out, funnel->live_slice);
    }
}
