// SPDX-License-Identifier: Apache-2.0
#include "engine/query/peer/peer_correlation.h"

#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)

void peer_contingencies_init(struct peer_contingencies *contingencies,
                             const struct peer_posthog *question, uint32_t every)
{
    *contingencies = (struct peer_contingencies){.question = question, .every = every};
}

void peer_contingencies_deinit(struct peer_contingencies *contingencies)
{
    memory_free(contingencies->names);
    arena_deinit(&contingencies->arena);
}

static struct peer_name *name_at(struct peer_contingencies *contingencies,
                                 const struct peer_histories *histories, uint32_t name)
{
    if (name >= contingencies->count) {
        uint32_t count = name < 8 ? 16 : name * 2;
        contingencies->names =
            memory_resize_array(contingencies->names, count, sizeof(*contingencies->names));
        memset(contingencies->names + contingencies->count, 0,
               (count - contingencies->count) * sizeof(*contingencies->names));
        contingencies->bytes += (count - contingencies->count) * sizeof(*contingencies->names);
        contingencies->count = count;
    }
    struct peer_name *found = &contingencies->names[name];
    if (found->text.bytes == NULL) {
        found->text = arena_copy_text(&contingencies->arena, peer_histories_name(histories, name));
        contingencies->bytes += found->text.size;
    }
    return found;
}

/// PostHog compares whole seconds of other events with the exact times of the steps.
static int64_t whole_second(int64_t time_us)
{
    int64_t into = time_us % SECOND_US;
    return time_us - (into < 0 ? into + SECOND_US : into);
}

static int64_t end_of(const struct peer_contingencies *contingencies,
                      const struct posthog_match *match, bool success)
{
    const struct query_funnel *query = contingencies->question->query;
    int64_t end_us = INT64_MAX;
    if (success) {
        end_us = match->times_us[query->funnel.step_count - 1];
    } else if (query->funnel.window_us != FUNNEL_WINDOW_NONE) {
        end_us = query_time_add(match->times_us[0], query->funnel.window_us);
    }
    return end_us;
}

void peer_contingencies_user(struct peer_contingencies *contingencies,
                             const struct peer_histories *histories,
                             const struct peer_history *history, const struct posthog_match *match)
{
    uint32_t last = contingencies->question->query->funnel.step_count - 1;
    bool success = (match->made >> last & 1) != 0;
    int64_t end_us = end_of(contingencies, match, success);
    contingencies->success_total += success;
    contingencies->failure_total += !success;
    contingencies->user++;
    for (uint32_t i = 0; i < history->count; i++) {
        const struct peer_event *row = &history->events[i];
        int64_t second_us = whole_second(row->time_us);
        if ((row->stages & contingencies->every) == 0 || second_us <= match->times_us[0] ||
            second_us >= end_us) {
            continue;
        }
        struct peer_name *name = name_at(contingencies, histories, row->name);
        if (name->stamp != contingencies->user) {
            name->stamp = contingencies->user;
            name->success += success;
            name->failure += !success;
        }
    }
}

/// An event that some step names is the funnel's own.
static bool is_own_event(const struct peer_contingencies *contingencies, struct text name)
{
    const struct funnel *funnel = &contingencies->question->query->funnel;
    for (uint32_t k = 0; k < funnel->step_count; k++) {
        for (uint32_t i = 0; i < funnel->steps[k].event_count; i++) {
            if (text_equal(funnel->steps[k].events[i], name)) {
                return true;
            }
        }
    }
    return false;
}

static int compare_correlations(const void *left, const void *right)
{
    const struct peer_correlation *a = left;
    const struct peer_correlation *b = right;
    if (a->odds_ratio != b->odds_ratio) {
        return a->odds_ratio > b->odds_ratio ? -1 : 1;
    }
    return text_compare(a->event, b->event);
}

void peer_contingencies_fill(const struct peer_contingencies *contingencies, struct arena *arena,
                             struct peer_posthog_result *result_out)
{
    struct peer_correlation *list =
        arena_allocate_zeroed(arena, contingencies->count + 1, sizeof(*list));
    uint32_t count = 0;
    for (uint32_t i = 0; i < contingencies->count; i++) {
        const struct peer_name *name = &contingencies->names[i];
        struct posthog_contingency cells = {name->success, name->failure,
                                            contingencies->success_total,
                                            contingencies->failure_total};
        if (name->text.bytes == NULL || is_own_event(contingencies, name->text) ||
            posthog_is_insignificant(&cells)) {
            continue;
        }
        list[count++] = (struct peer_correlation){.event = arena_copy_text(arena, name->text),
                                                  .cells = cells,
                                                  .odds_ratio = posthog_odds_ratio(&cells)};
    }
    qsort(list, count, sizeof(*list), compare_correlations);
    result_out->correlations = list;
    result_out->correlation_count = count;
}
