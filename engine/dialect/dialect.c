// SPDX-License-Identifier: Apache-2.0
#include "engine/dialect/dialect_spec.h"

#include "storage/base/invariant.h"

static const struct dialect_spec *const SPECS[DIALECT_COUNT] = {
    [DIALECT_CLICKHOUSE] = &clickhouse_spec,
    [DIALECT_CLICKHOUSE_STRICT_ONCE] = &clickhouse_strict_once_spec,
    [DIALECT_DORIS] = &doris_spec,
    [DIALECT_STARROCKS] = &starrocks_spec,
    [DIALECT_POSTHOG] = &posthog_spec,
    [DIALECT_MIXPANEL] = &mixpanel_spec,
    [DIALECT_AMPLITUDE] = &amplitude_spec,
    [DIALECT_GA4] = &ga4_spec,
    [DIALECT_PINOT] = &pinot_spec,
};

static const struct dialect_spec *spec_of(uint32_t dialect)
{
    return dialect < DIALECT_COUNT ? SPECS[dialect] : NULL;
}

const char *dialect_name(enum dialect_name dialect)
{
    const struct dialect_spec *spec = spec_of(dialect);
    return spec == NULL ? NULL : spec->name;
}

const char *dialect_summary(enum dialect_name dialect)
{
    const struct dialect_spec *spec = spec_of(dialect);
    return spec == NULL ? NULL : spec->summary;
}

const char *dialect_mode(enum dialect_name dialect, uint32_t mode)
{
    const struct dialect_spec *spec = spec_of(dialect);
    uint32_t index = 0;
    while (spec != NULL && spec->modes[index] != NULL && index < mode) {
        index++;
    }
    return spec == NULL ? NULL : spec->modes[index];
}

const char *dialect_rule(enum dialect_name dialect)
{
    const struct dialect_spec *spec = spec_of(dialect);
    return spec == NULL ? NULL : spec->rule;
}

const char *dialect_mode_rule(enum dialect_name dialect, uint32_t mode)
{
    const struct dialect_spec *spec = spec_of(dialect);
    bool known = spec != NULL && spec->mode_rules != NULL && dialect_mode(dialect, mode) != NULL;
    return known ? spec->mode_rules[mode] : NULL;
}

/// The word that was meant, perhaps: at most a third of it is wrong.
static void look_nearer(struct text word, const char *candidate, const char **nearest, size_t *best)
{
    size_t distance = text_distance(word, text_from(candidate));
    if (distance <= 1 + word.size / 3 && distance < *best) {
        *best = distance;
        *nearest = candidate;
    }
}

static enum corong_status refuse_word(const char *what, struct text word, const char *nearest,
                                      const struct text_buffer *known, struct corong_error *error)
{
    return error_set(error, CORONG_INVALID, "unknown %s '%.*s'%s%s%s (%s)", what, (int)word.size,
                     word.bytes, nearest == NULL ? "" : "; did you mean '",
                     nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?",
                     known->bytes == NULL ? "it has none" : known->bytes);
}

static enum corong_status parse_name(struct text word, uint32_t *dialect_out,
                                     struct corong_error *error)
{
    struct text_buffer known = {0};
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    *dialect_out = DIALECT_NONE;
    for (uint32_t dialect = 1; dialect < DIALECT_COUNT; dialect++) {
        if (SPECS[dialect] == NULL) {
            continue;
        }
        if (text_equal(word, text_from(SPECS[dialect]->name))) {
            *dialect_out = dialect;
        }
        text_buffer_printf(&known, known.size == 0 ? "%s" : ", %s", SPECS[dialect]->name);
        look_nearer(word, SPECS[dialect]->name, &nearest, &best);
    }
    enum corong_status status = *dialect_out != DIALECT_NONE
                                    ? CORONG_OK
                                    : refuse_word("dialect", word, nearest, &known, error);
    text_buffer_deinit(&known);
    return status;
}

static enum corong_status parse_mode(const struct dialect_spec *spec, struct text word,
                                     uint32_t *modes, struct corong_error *error)
{
    struct text_buffer known = {0};
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    bool found = false;
    for (uint32_t mode = 0; spec->modes[mode] != NULL; mode++) {
        if (text_equal(word, text_from(spec->modes[mode]))) {
            *modes |= UINT32_C(1) << mode;
            found = true;
        }
        text_buffer_printf(&known, mode == 0 ? "%s" : ", %s", spec->modes[mode]);
        look_nearer(word, spec->modes[mode], &nearest, &best);
    }
    enum corong_status status =
        found ? CORONG_OK : refuse_word("mode", word, nearest, &known, error);
    text_buffer_deinit(&known);
    return status;
}

/// Cuts the text before `mark` off `rest`; all of it where there is none.
static struct text cut(struct text *rest, char mark)
{
    const char *end = rest->size == 0 ? NULL : memchr(rest->bytes, mark, rest->size);
    struct text head = {rest->bytes, end == NULL ? rest->size : (size_t)(end - rest->bytes)};
    size_t used = end == NULL ? rest->size : head.size + 1;
    *rest = (struct text){rest->bytes + used, rest->size - used};
    return head;
}

enum corong_status dialect_parse(struct text words, struct funnel *funnel,
                                 struct corong_error *error)
{
    struct text rest = words;
    struct text name = cut(&rest, ':');
    uint32_t dialect;
    uint32_t modes = 0;
    TRY(parse_name(name, &dialect, error));
    if (words.size > name.size && rest.size == 0) {
        return error_set(error, CORONG_INVALID, "dialect '%.*s': a mode is missing after the colon",
                         (int)name.size, name.bytes);
    }
    while (rest.size > 0) {
        struct text mode = cut(&rest, ',');
        TRY_IN(parse_mode(SPECS[dialect], mode, &modes, error), error, "dialect '%.*s'",
               (int)name.size, name.bytes);
    }
    funnel->dialect = dialect;
    funnel->dialect_modes = modes;
    return CORONG_OK;
}

void dialect_describe(const struct funnel *funnel, struct text_buffer *out)
{
    const struct dialect_spec *spec = spec_of(funnel->dialect);
    if (spec == NULL) {
        return;
    }
    text_buffer_append_string(out, spec->name);
    bool first = true;
    for (uint32_t mode = 0; spec->modes[mode] != NULL; mode++) {
        if (dialect_has(funnel, mode)) {
            text_buffer_printf(out, "%s%s", first ? ":" : ",", spec->modes[mode]);
            first = false;
        }
    }
}

struct funnel dialect_plain(const struct funnel *funnel)
{
    return (struct funnel){.name = funnel->name,
                           .steps = funnel->steps,
                           .step_count = funnel->step_count,
                           .window_us = funnel->window_us,
                           .live_slice = funnel->live_slice,
                           .dialect = funnel->dialect,
                           .dialect_modes = funnel->dialect_modes};
}

struct funnel dialect_plain_path(const struct funnel *funnel)
{
    struct funnel plain = dialect_plain(funnel);
    plain.order = funnel->order;
    plain.anchor_first = funnel->anchor_first;
    plain.anchor_last = funnel->anchor_last;
    plain.unit = funnel->unit;
    plain.unit_attributes = funnel->unit_attributes;
    plain.unit_attribute_count = funnel->unit_attribute_count;
    plain.exclusions = funnel->exclusions;
    plain.exclusion_count = funnel->exclusion_count;
    return plain;
}

/// True where both say the same: descriptions name everything that a definition says.
static bool same_funnel(const struct funnel *left, const struct funnel *right)
{
    struct text_buffer texts[2] = {{0}, {0}};
    funnel_describe(left, &texts[0]);
    funnel_describe(right, &texts[1]);
    bool same = text_equal((struct text){texts[0].bytes, texts[0].size},
                           (struct text){texts[1].bytes, texts[1].size});
    text_buffer_deinit(&texts[0]);
    text_buffer_deinit(&texts[1]);
    return same;
}

enum corong_status dialect_set_like(struct funnel *funnel, const struct funnel *plain,
                                    const struct funnel *target, const char *knows,
                                    struct corong_error *error)
{
    if (!same_funnel(funnel, plain) && !same_funnel(funnel, target)) {
        return error_set(error, CORONG_INVALID,
                         "dialect '%s' knows %s; leave out all other rules of the funnel",
                         SPECS[funnel->dialect]->name, knows);
    }
    *funnel = *target;
    return CORONG_OK;
}

enum corong_status dialect_set_plain(struct funnel *funnel, const struct funnel *target,
                                     struct corong_error *error)
{
    struct funnel plain = dialect_plain(funnel);
    return dialect_set_like(funnel, &plain, target, "steps and a window", error);
}

enum corong_status dialect_apply(struct funnel *funnel, struct corong_error *error)
{
    if (funnel->dialect == DIALECT_NONE) {
        return CORONG_OK;
    }
    const struct dialect_spec *spec = spec_of(funnel->dialect);
    if (spec == NULL) {
        return error_set(error, CORONG_INVALID, "there is no dialect number %u", funnel->dialect);
    }
    TRY(spec->set(funnel, error));
    if (dialect_needs_of(funnel).every_event &&
        dialect_seen_step(funnel) >= FUNNEL_STEP_COUNT_MAX) {
        return error_set(error, CORONG_UNSUPPORTED,
                         "dialect '%s' in this mode looks at every event; it has at most %u steps "
                         "and exclusions together",
                         spec->name, FUNNEL_STEP_COUNT_MAX - 1);
    }
    return CORONG_OK;
}

enum corong_status dialect_check(const struct funnel *funnel, struct corong_error *error)
{
    struct funnel applied = *funnel;
    TRY(dialect_apply(&applied, error));
    return funnel->dialect == DIALECT_NONE || same_funnel(funnel, &applied)
               ? CORONG_OK
               : error_set(error, CORONG_INVALID,
                           "the funnel does not have the rules of its "
                           "dialect");
}

struct dialect_needs dialect_needs_of(const struct funnel *funnel)
{
    const struct dialect_spec *spec = spec_of(funnel->dialect);
    return spec == NULL || spec->needs == NULL ? (struct dialect_needs){0} : spec->needs(funnel);
}

void dialect_match(const struct funnel *funnel, const struct match_rule *rule,
                   const struct match_event *events, uint32_t event_count,
                   struct match_result *result_out)
{
    const struct dialect_spec *spec = spec_of(funnel->dialect);
    ASSERT(spec != NULL && spec->match != NULL);
    *result_out = (struct match_result){0};
    spec->match(funnel, rule, events, event_count, result_out);
}

uint64_t dialect_match_bytes(const struct funnel *funnel, uint32_t event_count)
{
    const struct dialect_spec *spec = spec_of(funnel->dialect);
    return spec == NULL || spec->bytes == NULL ? 0 : spec->bytes(funnel, event_count);
}
