// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/question_rules.h"

#include <stdlib.h>

/// Cuts the text after the last `mark` off; false where there is no mark.
static bool split_last(struct text *text, const char *mark, struct text *rest_out)
{
    size_t size = strlen(mark);
    for (size_t at = text->size; at-- > 0;) {
        if (text->size - at > size && memcmp(text->bytes + at, mark, size) == 0) {
            *rest_out = (struct text){text->bytes + at + size, text->size - at - size};
            text->size = at;
            return true;
        }
    }
    return false;
}

/// A step by number or by name; from 1.
static enum corong_status find_step(const struct funnel *funnel, struct text word,
                                    uint32_t *step_out, struct corong_error *error)
{
    const char *names[FUNNEL_STEP_COUNT_MAX + 1] = {NULL};
    for (uint32_t step = 0; step < funnel->step_count; step++) {
        names[step] = funnel->steps[step].name.bytes;
        if (text_equal(funnel->steps[step].name, word)) {
            *step_out = step + 1;
            return CORONG_OK;
        }
    }
    uint32_t number = 0;
    for (size_t at = 0; at < word.size; at++) {
        bool digit = word.bytes[at] >= '0' && word.bytes[at] <= '9' && at < 2;
        number = digit ? number * 10 + (uint32_t)(word.bytes[at] - '0') : 100;
    }
    if (number >= 1 && number <= funnel->step_count) {
        *step_out = number;
        return CORONG_OK;
    }
    const char *nearest = words_nearest(word, names);
    return error_set(error, CORONG_INVALID,
                     "'%.*s' is no step; a number from 1 to %u or a step's name is expected%s%s%s",
                     (int)word.size, word.bytes, funnel->step_count,
                     nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                     nearest == NULL ? "" : "'?");
}

/// "STEP,STEP": adds their bits.
static enum corong_status take_optional(struct text list, struct funnel *funnel,
                                        struct corong_error *error)
{
    while (list.size > 0) {
        const char *comma = memchr(list.bytes, ',', list.size);
        size_t size = comma == NULL ? list.size : (size_t)(comma - list.bytes);
        uint32_t step;
        TRY(find_step(funnel, (struct text){list.bytes, size}, &step, error));
        funnel->optional |= UINT32_C(1) << (step - 1);
        size_t used = comma == NULL ? size : size + 1;
        list = (struct text){list.bytes + used, list.size - used};
    }
    return CORONG_OK;
}

/// "STEP=TIME".
static enum corong_status take_gap(struct text word, bool greatest, struct arena *arena,
                                   struct funnel *funnel, struct corong_error *error)
{
    struct text duration;
    uint32_t step;
    int64_t gap_us;
    if (!split_last(&word, "=", &duration)) {
        return error_set(error, CORONG_INVALID, "'%.*s': STEP=TIME is expected, such as order=2h",
                         (int)word.size, word.bytes);
    }
    TRY(find_step(funnel, word, &step, error));
    TRY(duration_parse(duration, &gap_us, error));
    struct funnel_gap *gaps = funnel_gaps_none(arena, funnel->step_count);
    if (funnel->gaps != NULL) { // those of the definition stay as they are
        memcpy(gaps, funnel->gaps, funnel->step_count * sizeof(*gaps));
    }
    funnel->gaps = gaps;
    *(greatest ? &gaps[step - 1].max_us : &gaps[step - 1].min_us) = gap_us;
    return CORONG_OK;
}

/// "first=STEP" or "last=STEP".
static enum corong_status take_anchor(struct text word, struct funnel *funnel,
                                      struct corong_error *error)
{
    struct text step = TEXT_MISSING;
    bool found = split_last(&word, "=", &step);
    bool first = text_equal(word, TEXT_LITERAL("first"));
    if (!found || (!first && !text_equal(word, TEXT_LITERAL("last")))) {
        return error_set(error, CORONG_INVALID, "first=STEP or last=STEP is expected");
    }
    return find_step(funnel, step, first ? &funnel->anchor_first : &funnel->anchor_last, error);
}

/// "STAGE [after STEP] [before STEP] [remove]".
static enum corong_status take_exclusion(const struct config *config, struct arena *arena,
                                         struct text word, struct funnel *funnel,
                                         struct corong_error *error)
{
    struct funnel_exclusion added = {.after = 1, .before = funnel->step_count};
    struct text rest;
    const struct text remove = TEXT_LITERAL(" remove");
    if (word.size > remove.size &&
        memcmp(word.bytes + word.size - remove.size, remove.bytes, remove.size) == 0) {
        added.remove = true;
        word.size -= remove.size;
    }
    if (split_last(&word, " before ", &rest)) {
        TRY(find_step(funnel, rest, &added.before, error));
    }
    if (split_last(&word, " after ", &rest)) {
        TRY(find_step(funnel, rest, &added.after, error));
    }
    if (memmem(word.bytes, word.size, " between ", strlen(" between ")) != NULL &&
        memmem(word.bytes, word.size, "where ", strlen("where ")) == NULL) {
        return error_set(error, CORONG_INVALID,
                         "'%.*s': STAGE after STEP before STEP [remove] is expected, such as "
                         "'logout after 1 before order'",
                         (int)word.size, word.bytes);
    }
    TRY(config_step(config, arena, word, &added.stage, error));
    TRY(funnel_check_exclusion(funnel, &added, error));
    uint32_t count = funnel->exclusion_count;
    struct funnel_exclusion *longer = arena_allocate_zeroed(arena, count + 1, sizeof(*longer));
    if (count > 0) {
        memcpy(longer, funnel->exclusions, count * sizeof(*longer));
    }
    longer[count] = added;
    funnel->exclusions = longer;
    funnel->exclusion_count = count + 1;
    return CORONG_OK;
}

/// "user", "session", or attributes with commas between them.
static enum corong_status take_unit(const struct options *options, struct funnel *funnel,
                                    struct corong_error *error)
{
    struct text rest = options->values[OPTION_UNIT].text;
    bool session = text_equal(rest, TEXT_LITERAL("session"));
    funnel->unit_attribute_count = 0;
    funnel->unit = session ? FUNNEL_UNIT_SESSION : FUNNEL_UNIT_USER;
    if (session || text_equal(rest, TEXT_LITERAL("user"))) {
        return CORONG_OK;
    }
    funnel->unit = FUNNEL_UNIT_ATTRIBUTES;
    funnel->unit_attributes = arena_allocate_zeroed(options->arena, FUNNEL_UNIT_ATTRIBUTE_COUNT_MAX,
                                                    sizeof(*funnel->unit_attributes));
    while (rest.size > 0) {
        const char *comma = memchr(rest.bytes, ',', rest.size);
        size_t size = comma == NULL ? rest.size : (size_t)(comma - rest.bytes);
        if (funnel->unit_attribute_count == FUNNEL_UNIT_ATTRIBUTE_COUNT_MAX) {
            return error_set(error, CORONG_INVALID, "more than %u attributes",
                             FUNNEL_UNIT_ATTRIBUTE_COUNT_MAX);
        }
        funnel->unit_attributes[funnel->unit_attribute_count++] = (struct text){rest.bytes, size};
        size_t used = comma == NULL ? size : size + 1;
        rest = (struct text){rest.bytes + used, rest.size - used};
    }
    return CORONG_OK;
}

/// Flags that say something about one step each, or about an event between steps.
static enum corong_status take_lists(const struct options *options, const struct config *config,
                                     struct funnel *funnel, struct corong_error *error)
{
    static const enum option_id LISTS[] = {OPTION_OPTIONAL, OPTION_MAX_GAP, OPTION_MIN_GAP,
                                           OPTION_ANCHOR, OPTION_EXCLUDE};
    for (size_t which = 0; which < sizeof(LISTS) / sizeof(LISTS[0]); which++) {
        enum option_id id = LISTS[which];
        const struct option_value *given = &options->values[id];
        for (uint32_t index = 0; index < given->list_count; index++) {
            struct text word = given->list[index];
            enum corong_status status =
                id == OPTION_OPTIONAL ? take_optional(word, funnel, error)
                : id == OPTION_ANCHOR ? take_anchor(word, funnel, error)
                : id == OPTION_EXCLUDE
                    ? take_exclusion(config, options->arena, word, funnel, error)
                    : take_gap(word, id == OPTION_MAX_GAP, options->arena, funnel, error);
            TRY_IN(status, error, "--%s", OPTION_SPECS[id].name);
        }
    }
    return CORONG_OK;
}

enum corong_status question_rules(const struct options *options, const struct config *config,
                                  struct funnel *funnel, struct corong_error *error)
{
    if (options_given(options, OPTION_WINDOW)) {
        TRY_IN(words_window_parse(options->values[OPTION_WINDOW].text, funnel, error), error,
               "--window");
    }
    if (options_given(options, OPTION_UNIT)) {
        TRY_IN(take_unit(options, funnel, error), error, "--unit");
    }
    funnel->order = (enum funnel_order)options_number(options, OPTION_ORDER, funnel->order);
    funnel->scope = (enum funnel_scope)options_number(options, OPTION_SCOPE, funnel->scope);
    funnel->repeat = (enum funnel_repeat)options_number(options, OPTION_REPEATS, funnel->repeat);
    funnel->entry_open = options_number(options, OPTION_ENTRY, funnel->entry_open) != 0;
    funnel->ties = (enum funnel_ties)options_number(options, OPTION_TIES, funnel->ties);
    funnel->attempts =
        (enum funnel_attempts)options_number(options, OPTION_ATTEMPTS, funnel->attempts);
    funnel->tie_tolerance_us =
        options_number(options, OPTION_TIE_TOLERANCE, funnel->tie_tolerance_us);
    funnel->range_inside = options_number(options, OPTION_RANGE, funnel->range_inside) != 0;
    return take_lists(options, config, funnel, error);
}
