// SPDX-License-Identifier: Apache-2.0
#include "tests/cases/case_peer.h"
#include "tests/cases/case_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/// What stands for the user: "user", or the first key where the user is none of them.
static const char *unit_of(const struct case_run *run)
{
    const json_t *keys = json_object_get(run->funnel, "correlate_by");
    size_t index;
    json_t *key;
    json_array_foreach((json_t *)(uintptr_t)keys, index, key)
    {
        if (strcmp(json_string_value(key), "user") == 0) {
            return "user";
        }
    }
    return json_array_size(keys) == 0 ? "user" : json_string_value(json_array_get(keys, 0));
}

struct pinot_answer {
    struct case_peer *peer;
    uint32_t step_count;
    json_t *levels;
    json_t *vectors;
    json_t *complete;
    json_t *durations;
};

static json_t *vector_of(uint32_t step_count, uint32_t level)
{
    json_t *vector = json_array();
    for (uint32_t k = 0; k < step_count; k++) {
        json_array_append_new(vector, json_integer(k < level));
    }
    return vector;
}

/// In microseconds.
static double duration_figure(const char *function, const struct pinot_durations *durations,
                              uint32_t step)
{
    if (strcasecmp(function, "avg") == 0) {
        return pinot_durations_mean(durations, step);
    }
    double quantile = strcasecmp(function, "median") == 0 ? 0.5
                      : strcasecmp(function, "min") == 0  ? 0
                      : strcasecmp(function, "max") == 0  ? 1
                                                          : strtod(function + 10, NULL) / 100;
    return pinot_durations_quantile(durations, step, quantile);
}

/// For each step the figures asked for, in their order: Pinot's flat list of doubles.
static json_t *durations_of(const struct pinot_answer *answer,
                            const struct pinot_durations *durations)
{
    const json_t *functions = json_object_get(answer->peer->run->funnel, "duration_functions");
    json_t *list = json_array();
    bool counted = false;
    size_t index;
    json_t *function;
    json_array_foreach((json_t *)(uintptr_t)functions, index, function)
    {
        counted |= strcasecmp(json_string_value(function), "count") == 0;
    }
    for (uint32_t k = 0; (counted || durations->matched) && k < answer->step_count; k++) {
        json_array_foreach((json_t *)(uintptr_t)functions, index, function)
        {
            const char *name = json_string_value(function);
            bool none = !durations->matched || k + 1 == answer->step_count;
            double figure = strcasecmp(name, "count") == 0 ? durations->counted >> k & 1
                            : none                         ? 0
                                                           : duration_figure(name, durations, k);
            bool time = !none && strcasecmp(name, "count") != 0;
            json_array_append_new(
                list, json_real(time ? figure / (double)answer->peer->run->unit_us : figure));
        }
    }
    return list;
}

static void visit(void *context, const struct peer_pinot_unit *unit)
{
    struct pinot_answer *answer = context;
    char user[256];
    snprintf(user, sizeof(user), "%.*s", (int)unit->user_id.size, unit->user_id.bytes);
    json_object_set_new(answer->levels, user, json_integer(unit->level));
    json_object_set_new(answer->vectors, user, vector_of(answer->step_count, unit->level));
    json_object_set_new(answer->complete, user, json_integer((json_int_t)unit->complete_count));
    if (unit->durations != NULL) {
        json_object_set_new(answer->durations, user, durations_of(answer, unit->durations));
    }
}

static const char *fill_modes(const struct case_peer *peer, struct peer_pinot *question)
{
    static const char *const words[] = {"strict_deduplication", "strict_order", "strict_increase",
                                        "keep_all"};
    size_t index;
    json_t *mode;
    json_array_foreach((json_t *)(uintptr_t)json_object_get(peer->run->funnel, "mode"), index, mode)
    {
        uint32_t found = 0;
        for (uint32_t i = 0; i < 4; i++) {
            bool same = strcasecmp(json_string_value(mode), words[i]) == 0;
            found |= same ? UINT32_C(1) << i : 0;
        }
        bool set = strcasecmp(json_string_value(mode), "bitmap") == 0 ||
                   strcasecmp(json_string_value(mode), "set") == 0 ||
                   strcasecmp(json_string_value(mode), "sorted") == 0;
        if (found == 0 && !set) {
            return "a mode that is approximate, depends on segments, or is not known";
        }
        question->modes |= found;
    }
    return NULL;
}

static const char *fill_function(const struct case_peer *peer, struct peer_pinot *question)
{
    static const char *const words[] = {"funnelMaxStep",           "funnelCompleteCount",
                                        "funnelStepDurationStats", "funnelCount",
                                        "funnelMatchStep",         "FUNNEL_COUNT"};
    static const enum peer_pinot_function functions[] = {
        PEER_PINOT_MAX_STEP,     PEER_PINOT_COMPLETE_COUNT, PEER_PINOT_STEP_DURATIONS,
        PEER_PINOT_FUNNEL_COUNT, PEER_PINOT_MAX_STEP,       PEER_PINOT_FUNNEL_COUNT};
    const char *function = json_string_value(json_object_get(peer->run->funnel, "function"));
    const json_t *longest = json_object_get(peer->run->funnel, "max_step_duration_ms");
    question->max_step_duration_us = json_integer_value(longest) * peer->run->unit_us;
    for (uint32_t i = 0; function != NULL && i < 6; i++) {
        if (strcasecmp(function, words[i]) == 0) {
            question->function = functions[i];
            return fill_modes(peer, question);
        }
    }
    return "a function of Pinot that is not answered";
}

/// Attributes beside the unit, which is the user or, where he is not a key, the first one.
static void fill_correlation(const struct case_peer *peer, struct peer_pinot *question)
{
    const char *unit = unit_of(peer->run);
    struct text *list =
        arena_allocate_zeroed(peer->run->arena, QUERY_SLICE_ATTRIBUTE_COUNT_MAX, sizeof(*list));
    size_t index;
    json_t *key;
    json_array_foreach(json_object_get(peer->run->funnel, "correlate_by"), index, key)
    {
        const char *name = json_string_value(key);
        if (strcmp(name, unit) != 0 &&
            question->correlate_count < QUERY_SLICE_ATTRIBUTE_COUNT_MAX) {
            list[question->correlate_count++] =
                text_from(arena_copy_string(peer->run->arena, case_store_attribute(name)));
        }
    }
    question->correlate = list;
}

static void add_figures(struct pinot_answer *answer, const struct peer_pinot_result *result)
{
    struct case_peer *peer = answer->peer;
    json_t *groups = json_object();
    for (uint32_t i = 0; i < result->group_count; i++) {
        const struct peer_pinot_group *group = &result->groups[i];
        json_t *counts = json_array();
        for (uint32_t k = 0; k < answer->step_count; k++) {
            json_array_append_new(counts, json_integer((json_int_t)group->reached[k]));
        }
        if (peer->query.by_count == 0) {
            case_peer_add(peer, "step_counts", counts);
            continue;
        }
        char *key = case_peer_key(peer, group->values, peer->query.by_count);
        json_object_set_new(groups, key, json_pack("{s:o}", "step_counts", counts));
    }
    case_peer_add(peer, "breakdown", groups);
    case_kind_add_absent(peer->run, answer->levels, json_integer(0));
    case_kind_add_absent(peer->run, answer->vectors, vector_of(answer->step_count, 0));
    case_kind_add_absent(peer->run, answer->complete, json_integer(0));
    case_kind_add_absent(peer->run, answer->durations, json_array());
    json_object_set(peer->run->line, "levels_by_user", answer->levels);
    json_object_set(peer->run->line, "match_by_user", answer->vectors);
    json_object_set(peer->run->line, "complete_count_by_user", answer->complete);
}

/// The vectors' own word for a duration's list ends in `_by_user`.
static void add_durations(struct pinot_answer *answer)
{
    const char *key;
    json_t *ignored;
    json_object_foreach(json_object_get(answer->peer->run->given, "expected"), key, ignored)
    {
        size_t size = strlen(key);
        if (size > 8 && strcmp(key + size - 8, "_by_user") == 0 &&
            json_object_get(answer->peer->run->line, key) == NULL) {
            json_object_set(answer->peer->run->line, key, answer->durations);
        }
    }
}

/// The ordinary pipe with the dialect must count the same, where it can ask the same.
static enum corong_status check_dialect(const struct case_peer *peer,
                                        const struct peer_pinot *question,
                                        const struct peer_pinot_result *result,
                                        struct corong_error *error)
{
    struct query_funnel query = peer->query;
    struct query_funnel_result counted;
    struct corong_error refused;
    bool sets = question->function == PEER_PINOT_FUNNEL_COUNT;
    query.funnel.dialect = DIALECT_PINOT;
    query.funnel.dialect_modes = sets ? 1u << 4 : question->modes; // funnel_count
    if (query.by_count > 0 || question->correlate_count > 0 || question->max_step_duration_us > 0 ||
        dialect_apply(&query.funnel, &refused) != CORONG_OK) {
        return CORONG_OK;
    }
    TRY(query_funnel_run(peer->run->store, &query, peer->run->arena, &counted, error));
    for (uint32_t k = 0; k < query.funnel.step_count; k++) {
        if (counted.total.steps[k].reached != result->groups[0].reached[k]) {
            return error_set(error, CORONG_INVALID,
                             "step %u: dialect pinot counts %" PRIu64 ", Pinot's rule %" PRIu64,
                             k + 1, counted.total.steps[k].reached, result->groups[0].reached[k]);
        }
    }
    return CORONG_OK;
}

static enum corong_status answer(struct case_run *run)
{
    struct case_peer peer;
    struct peer_pinot_result result;
    TRY(case_peer_init(&peer, run));
    struct pinot_answer answers = {.peer = &peer,
                                   .step_count = peer.query.funnel.step_count,
                                   .levels = json_object(),
                                   .vectors = json_object(),
                                   .complete = json_object(),
                                   .durations = json_object()};
    struct peer_pinot question = {.query = &peer.query, .visit = visit, .context = &answers};
    const char *why = fill_function(&peer, &question);
    fill_correlation(&peer, &question);
    enum corong_status status =
        why != NULL ? error_set(&run->error, CORONG_UNSUPPORTED, "%s", why)
                    : peer_pinot_run(run->store, &question, run->arena, &result, &run->error);
    status = status == CORONG_OK ? check_dialect(&peer, &question, &result, &run->error) : status;
    if (status == CORONG_OK) {
        add_figures(&answers, &result);
        if (question.function == PEER_PINOT_STEP_DURATIONS) {
            add_durations(&answers);
        }
    }
    json_decref(answers.levels);
    json_decref(answers.vectors);
    json_decref(answers.complete);
    json_decref(answers.durations);
    return status;
}

static bool takes(const struct case_run *run)
{
    return strcmp(run->peer, "pinot") == 0;
}

static const char *user_path(const struct case_run *run)
{
    const char *unit = unit_of(run);
    return strcmp(unit, "user") == 0 ? NULL : case_peer_property_path(run, unit);
}

const struct case_kind case_pinot_kind = {
    .takes = takes, .answer = answer, .user_path = user_path, .in_order = true};
