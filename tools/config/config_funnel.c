// SPDX-License-Identifier: Apache-2.0
#include "tools/config/config_funnel.h"

#include "engine/dialect/dialect.h"
#include "tools/config/config_stage.h"

/// Keys of a question, not of a definition.
static const char *const QUESTION_KEYS[] = {"where", "where_entry", "where_user", "attribution",
                                            NULL};

static enum corong_status refuse_question_keys(const struct yaml_place *place, struct arena *arena)
{
    for (uint32_t index = 0; QUESTION_KEYS[index] != NULL; index++) {
        struct yaml_place value = yaml_walk_key(place, arena, QUESTION_KEYS[index]);
        if (value.node != NULL) {
            return yaml_walk_fail(&value, CORONG_INVALID,
                                  "'%s' belongs to a question, not to a funnel: write it beside "
                                  "'funnel' in the query object, or as a flag of 'corong funnel'",
                                  QUESTION_KEYS[index]);
        }
    }
    return CORONG_OK;
}

static enum corong_status find_stage(const struct config *config, const struct yaml_place *place,
                                     struct stage *stage_out)
{
    struct text name;
    TRY(yaml_walk_text(place, &name));
    const struct stage *stage = definitions_stage(&config->definitions, name);
    if (stage != NULL) {
        *stage_out = *stage;
        return CORONG_OK;
    }
    struct text nearest = definitions_nearest_stage(&config->definitions, name);
    if (nearest.bytes != NULL) {
        return yaml_walk_fail(place, CORONG_INVALID, "unknown stage '%.*s'; did you mean '%.*s'?",
                              (int)name.size, name.bytes, (int)nearest.size, nearest.bytes);
    }
    return yaml_walk_fail(place, CORONG_INVALID,
                          "unknown stage '%.*s'; define it under 'stages', or write "
                          "{ event: '%.*s' } for an event of that name",
                          (int)name.size, name.bytes, (int)name.size, name.bytes);
}

static enum corong_status load_inline(const struct config *config, struct arena *arena,
                                      const struct yaml_place *place, struct stage *stage)
{
    struct yaml_place name = yaml_walk_key(place, arena, "stage");
    struct yaml_place event = yaml_walk_key(place, arena, "event");
    struct yaml_place where = yaml_walk_key(place, arena, "where");
    if (name.node != NULL && event.node != NULL) {
        return yaml_walk_fail(&event, CORONG_INVALID,
                              "'stage' is given too; one of them is enough");
    }
    if (name.node == NULL && event.node == NULL) {
        // Any event whatever its name, as long as the filter accepts it.
        return where.node != NULL ? yaml_walk_text(&where, &stage->name)
                                  : yaml_walk_fail(place, CORONG_INVALID,
                                                   "a step needs 'stage', 'event' or 'where'");
    }
    if (name.node != NULL) {
        return find_stage(config, &name, stage);
    }
    TRY(yaml_walk_texts(&event, arena, STAGE_EVENT_COUNT_MAX, &stage->events, &stage->event_count));
    stage->name = stage->events[0];
    return CORONG_OK;
}

static enum corong_status load_stage(const struct config *config, struct arena *arena,
                                     const struct yaml_place *place, struct stage *stage)
{
    TRY(load_inline(config, arena, place, stage));
    struct yaml_place where = yaml_walk_key(place, arena, "where");
    struct yaml_place name = yaml_walk_key(place, arena, "name");
    struct text text;
    if (where.node != NULL) {
        TRY(yaml_walk_text(&where, &text));
        stage->where = config_stage_both(arena, stage->where, arena_copy_text(arena, text));
    }
    if (name.node != NULL) {
        TRY(yaml_walk_text(&name, &stage->name));
    }
    stage->name = arena_copy_text(arena, stage->name);
    return config_stage_label(stage, arena, place);
}

/// Gaps of step `index`; the array is there only where some step has one.
static enum corong_status load_gap(struct arena *arena, const struct yaml_place *place,
                                   struct funnel *funnel, uint32_t index)
{
    struct yaml_place max_gap = yaml_walk_key(place, arena, "max_gap");
    struct yaml_place min_gap = yaml_walk_key(place, arena, "min_gap");
    if (max_gap.node == NULL && min_gap.node == NULL) {
        return CORONG_OK;
    }
    if (funnel->gaps == NULL) {
        funnel->gaps = funnel_gaps_none(arena, funnel->step_count);
    }
    struct funnel_gap *gap = &funnel->gaps[index];
    struct corong_error inner;
    TRY(max_gap.node == NULL ? CORONG_OK : yaml_walk_duration(&max_gap, &gap->max_us));
    TRY(min_gap.node == NULL ? CORONG_OK : yaml_walk_duration(&min_gap, &gap->min_us));
    return funnel_check_gap(gap, index, &inner) == CORONG_OK
               ? CORONG_OK
               : yaml_walk_fail(min_gap.node != NULL ? &min_gap : &max_gap, CORONG_INVALID, "%s",
                                inner.message);
}

static enum corong_status load_word(const struct yaml_place *place, struct arena *arena,
                                    const char *key, const char *const *words, uint32_t *index_out)
{
    struct yaml_place value = yaml_walk_key(place, arena, key);
    return value.node == NULL ? CORONG_OK : yaml_walk_word(&value, words, index_out);
}

/// Whether step `index` may be skipped, and whether it is an anchor.
static enum corong_status load_place(struct arena *arena, const struct yaml_place *place,
                                     struct funnel *funnel, uint32_t index)
{
    static const char *const BOOLEANS[] = {"false", "true", NULL};
    static const char *const ANCHORS[] = {"none", "first", "last", NULL};
    uint32_t optional = 0;
    uint32_t anchor = 0;
    TRY(load_word(place, arena, "optional", BOOLEANS, &optional));
    TRY(load_word(place, arena, "anchor", ANCHORS, &anchor));
    funnel->optional |= optional << index;
    if (anchor == 0) {
        return CORONG_OK;
    }
    uint32_t *anchored = anchor == 1 ? &funnel->anchor_first : &funnel->anchor_last;
    if (*anchored != 0) {
        struct yaml_place value = yaml_walk_key(place, arena, "anchor");
        return yaml_walk_fail(&value, CORONG_INVALID, "step %u is the %s anchor already", *anchored,
                              ANCHORS[anchor]);
    }
    *anchored = index + 1;
    return CORONG_OK;
}

static enum corong_status load_step(const struct config *config, struct arena *arena,
                                    const struct yaml_place *place, struct funnel *funnel,
                                    uint32_t index)
{
    static const char *const KEYS[] = {"stage",    "event",    "where",   "name",
                                       "optional", "anchor",   "max_gap", "min_gap",
                                       "group",    "priority", NULL};
    if (!yaml_walk_is_mapping(place)) {
        return find_stage(config, place, &funnel->steps[index]);
    }
    TRY(yaml_walk_check_keys(place, KEYS));
    TRY(load_stage(config, arena, place, &funnel->steps[index]));
    TRY(load_place(arena, place, funnel, index));
    return load_gap(arena, place, funnel, index);
}

static enum corong_status load_steps(const struct config *config, struct arena *arena,
                                     const struct yaml_place *funnel_place, struct funnel *funnel)
{
    struct yaml_place place = yaml_walk_key(funnel_place, arena, "steps");
    uint32_t count = yaml_walk_count(&place);
    if (place.node == NULL) {
        return yaml_walk_fail(funnel_place, CORONG_INVALID, "'steps' is missing");
    }
    if (!yaml_walk_is_sequence(&place) || count == 0 || count > FUNNEL_STEP_COUNT_MAX) {
        return yaml_walk_fail(&place, CORONG_INVALID,
                              "a list of 1 to %u steps is expected, found %u",
                              FUNNEL_STEP_COUNT_MAX, count);
    }
    funnel->steps = arena_allocate_zeroed(arena, count, sizeof(funnel->steps[0]));
    funnel->step_count = count;
    for (uint32_t index = 0; index < count; index++) {
        struct yaml_place step = yaml_walk_item(&place, arena, index);
        TRY(load_step(config, arena, &step, funnel, index));
    }
    return CORONG_OK;
}

static enum corong_status load_window(const struct yaml_place *place, struct funnel *funnel)
{
    struct text text;
    struct corong_error inner;
    if (place->node == NULL) {
        return CORONG_OK;
    }
    TRY(yaml_walk_text(place, &text));
    return words_window_parse(text, funnel, &inner) == CORONG_OK
               ? CORONG_OK
               : yaml_walk_fail(place, CORONG_INVALID, "%s", inner.message);
}

/// `unit: [attribute, ...]`.
static enum corong_status load_unit(struct arena *arena, const struct yaml_place *place,
                                    struct funnel *funnel)
{
    static const char *const UNITS[] = {"user", "session", NULL};
    uint32_t unit = 0;
    if (!yaml_walk_is_sequence(place)) {
        TRY(place->node == NULL ? CORONG_OK : yaml_walk_word(place, UNITS, &unit));
        funnel->unit = (enum funnel_unit)unit;
        return CORONG_OK;
    }
    funnel->unit = FUNNEL_UNIT_ATTRIBUTES;
    return yaml_walk_texts(place, arena, FUNNEL_UNIT_ATTRIBUTE_COUNT_MAX, &funnel->unit_attributes,
                           &funnel->unit_attribute_count);
}

/// What only some orders know.
static enum corong_status load_order(struct arena *arena, const struct yaml_place *place,
                                     struct funnel *funnel)
{
    static const char *const ORDERS[] = {"loose", "strict", "any", NULL};
    static const char *const ENTRIES[] = {"closed", "open", NULL};
    static const char *const SCOPES[] = {"all", "funnel", NULL};
    static const char *const REPEATS[] = {"break", "allow", NULL};
    uint32_t order = 0;
    uint32_t entry = 0;
    uint32_t scope = 0;
    uint32_t repeat = 0;
    TRY(load_word(place, arena, "order", ORDERS, &order));
    TRY(load_word(place, arena, "entry", ENTRIES, &entry));
    TRY(load_word(place, arena, "scope", SCOPES, &scope));
    TRY(load_word(place, arena, "repeat", REPEATS, &repeat));
    funnel->order = (enum funnel_order)order;
    funnel->entry_open = entry == 1;
    funnel->scope = (enum funnel_scope)scope;
    funnel->repeat = (enum funnel_repeat)repeat;
    return CORONG_OK;
}

static enum corong_status load_tolerance(struct arena *arena, const struct yaml_place *place,
                                         struct funnel *funnel)
{
    struct yaml_place value = yaml_walk_key(place, arena, "tie_tolerance");
    struct text text;
    if (value.node == NULL) {
        return CORONG_OK;
    }
    TRY(yaml_walk_text(&value, &text));
    return text_equal(text, TEXT_LITERAL("0"))
               ? CORONG_OK
               : yaml_walk_duration(&value, &funnel->tie_tolerance_us);
}

static enum corong_status load_rules(struct arena *arena, const struct yaml_place *place,
                                     struct funnel *funnel)
{
    static const char *const ATTEMPTS[] = {"best", "first", "last", "all", NULL};
    static const char *const TIES[] = {"any", "strict", NULL};
    static const char *const RANGES[] = {"entry", "inside", NULL};
    uint32_t attempts = 0;
    uint32_t ties = 0;
    uint32_t range = 0;
    struct yaml_place window = yaml_walk_key(place, arena, "window");
    struct yaml_place unit = yaml_walk_key(place, arena, "unit");
    TRY(load_window(&window, funnel));
    TRY(load_unit(arena, &unit, funnel));
    TRY(load_order(arena, place, funnel));
    TRY(load_tolerance(arena, place, funnel));
    TRY(load_word(place, arena, "attempts", ATTEMPTS, &attempts));
    TRY(load_word(place, arena, "ties", TIES, &ties));
    TRY(load_word(place, arena, "range", RANGES, &range));
    funnel->range_inside = range == 1;
    funnel->attempts = (enum funnel_attempts)attempts;
    funnel->ties = (enum funnel_ties)ties;
    return CORONG_OK;
}

/// A step of an exclusion, by number or by name.
static enum corong_status load_step_number(const struct yaml_place *place,
                                           const struct funnel *funnel, uint32_t *number_out)
{
    struct text text;
    if (place->node == NULL) {
        return CORONG_OK;
    }
    TRY(yaml_walk_text(place, &text));
    for (uint32_t index = 0; index < funnel->step_count; index++) {
        if (text_equal(funnel->steps[index].name, text)) {
            *number_out = index + 1;
            return CORONG_OK;
        }
    }
    const char *names[FUNNEL_STEP_COUNT_MAX + 1] = {NULL};
    bool number = text.size > 0 && text.bytes[0] >= '0' && text.bytes[0] <= '9';
    if (number) {
        int64_t value;
        TRY(yaml_walk_integer(place, 1, funnel->step_count, &value));
        *number_out = (uint32_t)value;
        return CORONG_OK;
    }
    for (uint32_t index = 0; index < funnel->step_count; index++) {
        names[index] = funnel->steps[index].name.bytes;
    }
    const char *nearest = words_nearest(text, names);
    return yaml_walk_fail(place, CORONG_INVALID,
                          "'%.*s' is no step; a number from 1 to %u or a step's name is "
                          "expected%s%s%s",
                          (int)text.size, text.bytes, funnel->step_count,
                          nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                          nearest == NULL ? "" : "'?");
}

static enum corong_status load_exclusion(const struct config *config, struct arena *arena,
                                         const struct yaml_place *place,
                                         const struct funnel *funnel,
                                         struct funnel_exclusion *exclusion)
{
    static const char *const KEYS[] = {"stage",  "event",  "where", "name",     "after",
                                       "before", "effect", "group", "priority", NULL};
    static const char *const EFFECTS[] = {"end", "remove", NULL};
    struct corong_error inner;
    uint32_t effect = 0;
    exclusion->after = 1;
    exclusion->before = funnel->step_count;
    if (!yaml_walk_is_mapping(place)) {
        TRY(find_stage(config, place, &exclusion->stage));
    } else {
        TRY(yaml_walk_check_keys(place, KEYS));
        TRY(load_stage(config, arena, place, &exclusion->stage));
        struct yaml_place after = yaml_walk_key(place, arena, "after");
        struct yaml_place before = yaml_walk_key(place, arena, "before");
        TRY(load_step_number(&after, funnel, &exclusion->after));
        TRY(load_step_number(&before, funnel, &exclusion->before));
        TRY(load_word(place, arena, "effect", EFFECTS, &effect));
    }
    exclusion->remove = effect == 1;
    return funnel_check_exclusion(funnel, exclusion, &inner) == CORONG_OK
               ? CORONG_OK
               : yaml_walk_fail(place, CORONG_INVALID, "%s", inner.message);
}

static enum corong_status load_exclusions(const struct config *config, struct arena *arena,
                                          const struct yaml_place *funnel_place,
                                          struct funnel *funnel)
{
    struct yaml_place place = yaml_walk_key(funnel_place, arena, "exclude");
    uint32_t count = yaml_walk_count(&place);
    if (place.node == NULL) {
        return CORONG_OK;
    }
    if (!yaml_walk_is_sequence(&place)) {
        return yaml_walk_fail(&place, CORONG_INVALID, "a list of exclusions is expected");
    }
    funnel->exclusions = arena_allocate_zeroed(arena, count, sizeof(funnel->exclusions[0]));
    funnel->exclusion_count = count;
    for (uint32_t index = 0; index < count; index++) {
        struct yaml_place item = yaml_walk_item(&place, arena, index);
        TRY(load_exclusion(config, arena, &item, funnel, &funnel->exclusions[index]));
    }
    return CORONG_OK;
}

/// The rules of another system; last, because it must know all others.
static enum corong_status load_dialect(struct arena *arena, const struct yaml_place *funnel_place,
                                       struct funnel *funnel)
{
    struct yaml_place place = yaml_walk_key(funnel_place, arena, "dialect");
    struct corong_error inner;
    struct text text;
    int64_t window_us = funnel->window_us;
    if (place.node == NULL) {
        return CORONG_OK;
    }
    TRY(yaml_walk_text(&place, &text));
    enum corong_status status = dialect_parse(text, funnel, &inner);
    if (status == CORONG_OK) {
        status = dialect_apply(funnel, &inner);
    }
    if (status != CORONG_OK) {
        return yaml_walk_fail(&place, status, "%s", inner.message);
    }
    struct yaml_place window = yaml_walk_key(funnel_place, arena, "window");
    if (window.node != NULL && window_us != funnel->window_us &&
        funnel->window_us == FUNNEL_WINDOW_NONE) {
        return yaml_walk_fail(&window, CORONG_INVALID,
                              "dialect '%s' knows no window over the whole funnel; max_gap of a "
                              "step bounds the time before it",
                              dialect_name(funnel->dialect));
    }
    return CORONG_OK;
}

static enum corong_status load_rest(struct arena *arena, const struct yaml_place *place,
                                    struct funnel *funnel)
{
    struct yaml_place live = yaml_walk_key(place, arena, "live");
    if (live.node != NULL) {
        struct text text;
        TRY(yaml_walk_text(&live, &text));
        funnel->live_slice = arena_copy_text(arena, text);
    }
    return refuse_question_keys(place, arena);
}

/// Only a definition that stands alone has its name inside.
static enum corong_status load_name(struct arena *arena, const struct yaml_place *place,
                                    struct funnel *funnel)
{
    struct text text;
    struct yaml_place name = yaml_walk_key(place, arena, "name");
    if (name.node == NULL) {
        return CORONG_OK;
    }
    if (funnel->name.bytes != NULL) {
        return yaml_walk_fail(&name, CORONG_INVALID, "the funnel has a name already: '%.*s'",
                              (int)funnel->name.size, funnel->name.bytes);
    }
    TRY(yaml_walk_text(&name, &text));
    funnel->name = arena_copy_text(arena, text);
    return CORONG_OK;
}

static enum corong_status load_funnel(const struct config *config, struct arena *arena,
                                      const struct yaml_place *place, struct funnel *funnel)
{
    static const char *const KEYS[] = {
        "steps",   "window",        "order",   "unit",        "attempts",   "entry", "ties",
        "exclude", "live",          "where",   "where_entry", "where_user", "range", "scope",
        "repeat",  "tie_tolerance", "dialect", "attribution", "name",       NULL};
    struct corong_error inner;
    funnel->window_us = FUNNEL_WINDOW_DEFAULT_US;
    TRY(yaml_walk_check_keys(place, KEYS));
    TRY(load_name(arena, place, funnel));
    TRY(load_steps(config, arena, place, funnel));
    TRY(load_rules(arena, place, funnel));
    TRY(load_exclusions(config, arena, place, funnel));
    TRY(load_rest(arena, place, funnel));
    TRY(load_dialect(arena, place, funnel));
    enum corong_status status = funnel_check(funnel, &inner);
    return status == CORONG_OK ? CORONG_OK : yaml_walk_fail(place, status, "%s", inner.message);
}

enum corong_status config_funnel_load(struct config *config, struct arena *arena,
                                      const struct yaml_place *place)
{
    struct definitions *definitions = &config->definitions;
    if (place->node == NULL) {
        return CORONG_OK;
    }
    TRY(yaml_walk_check_keys(place, NULL));
    uint32_t count = yaml_walk_count(place);
    definitions->funnels = arena_allocate_zeroed(arena, count, sizeof(struct funnel));
    config->funnel_origins = arena_allocate_zeroed(arena, count, sizeof(uint32_t));
    for (uint32_t index = 0; index < count; index++) {
        struct text name;
        struct yaml_place member = yaml_walk_member(place, arena, index, &name);
        struct funnel *funnel = &definitions->funnels[index];
        if (name.size == 0) {
            return yaml_walk_fail(&member, CORONG_INVALID, "a funnel needs a name");
        }
        funnel->name = arena_copy_text(arena, name);
        config->funnel_origins[index] = yaml_walk_line(&member);
        TRY(load_funnel(config, arena, &member, funnel));
    }
    definitions->funnel_count = count;
    return CORONG_OK;
}

enum corong_status config_funnel_inline(const struct config *config, struct arena *arena,
                                        const struct yaml_place *place, struct funnel *funnel_out)
{
    *funnel_out = (struct funnel){0};
    return load_funnel(config, arena, place, funnel_out);
}
