// SPDX-License-Identifier: Apache-2.0
#include "engine/query/peer/peer_correlation.h"
#include "engine/query/peer/peer_gather.h"
#include "engine/query/peer/peer_groups.h"
#include "storage/base/memory.h"

#include <string.h>

struct posthog_run {
    const struct peer_posthog *question;
    struct posthog_rule rule;
    struct peer_gather gather;
    struct peer_groups groups;
    struct peer_times conversions;
    struct peer_contingencies contingencies;
    const struct peer_history *history;
    struct peer_histories *histories;
    uint32_t *stamps; ///< by value: user in whom it was seen last
    uint32_t stamp_capacity;
    uint32_t user;
    uint64_t charged_bytes;
};

struct entry_context {
    struct peer_groups *groups;
    uint32_t value;
};

static void add_entry(void *context, int64_t bucket_us, bool converted)
{
    const struct entry_context *entry = context;
    peer_groups_entry(entry->groups, entry->value, bucket_us, converted);
}

/// Time from one step to a later one, as PostHog sums gaps of required steps.
static void add_conversion(struct posthog_run *run, const struct posthog_match *match)
{
    uint32_t from = run->question->from_step;
    uint32_t to = run->rule.to_step;
    if ((match->made >> to & 1) != 0 && (match->made >> from & 1) != 0) {
        peer_times_add(&run->groups, &run->conversions,
                       match->times_us[to] - match->times_us[from]);
    }
}

/// Runs the rule for one value over some events of the user.
static void run_value(struct posthog_run *run, const struct posthog_event *events, uint32_t count,
                      uint32_t value)
{
    const struct peer_posthog *question = run->question;
    if (question->view == PEER_TRENDS) {
        struct entry_context entry = {&run->groups, value};
        posthog_trend(&run->rule, events, count, value, add_entry, &entry);
        return;
    }
    struct posthog_match match;
    posthog_match(&run->rule, events, count, value, &match);
    if (match.level == 0) {
        return;
    }
    peer_groups_match(&run->groups, value, &match);
    if (question->view == PEER_TIME_TO_CONVERT) {
        add_conversion(run, &match);
    } else if (question->view == PEER_CORRELATION) {
        peer_contingencies_user(&run->contingencies, run->histories, run->history, &match);
    }
    if (question->visit != NULL) {
        question->visit(question->context, run->history->user_namespace, run->history->user_id,
                        &match);
    }
}

/// The value of the first or last event that has one; the user's empty one where none has.
static uint32_t touched(const struct posthog_run *run)
{
    const struct peer_gather *gather = &run->gather;
    bool last = run->question->attribution == PEER_LAST_TOUCH;
    for (uint32_t i = 0; i < gather->count; i++) {
        uint32_t value = gather->events[last ? gather->count - 1 - i : i].value;
        if (gather->has_text[value]) {
            return value;
        }
    }
    return gather->events[0].value;
}

static bool is_new_value(struct posthog_run *run, uint32_t value)
{
    if (value >= run->stamp_capacity) {
        uint32_t capacity = value < 32 ? 64 : value * 2;
        run->stamps = memory_resize_array(run->stamps, capacity, sizeof(*run->stamps));
        memset(run->stamps + run->stamp_capacity, 0,
               (capacity - run->stamp_capacity) * sizeof(*run->stamps));
        run->stamp_capacity = capacity;
    }
    bool new = run->stamps[value] != run->user;
    run->stamps[value] = run->user;
    return new;
}

/// Each value by itself with its events only: they are copied behind the user's events.
static void run_own_events(struct posthog_run *run, uint32_t value)
{
    const struct peer_gather *gather = &run->gather;
    struct posthog_event *own = gather->events + gather->count;
    uint32_t count = 0;
    for (uint32_t i = 0; i < gather->count; i++) {
        if (gather->events[i].value == value) {
            own[count++] = gather->events[i];
        }
    }
    run_value(run, own, count, value);
}

/// Every value seen at the step (all events of an unordered funnel), or at any event.
static void run_values(struct posthog_run *run)
{
    const struct peer_gather *gather = &run->gather;
    bool own = run->question->attribution == PEER_ALL_EVENTS;
    bool all = own || run->rule.order == FUNNEL_ORDER_ANY;
    run->user++;
    for (uint32_t i = 0; i < gather->count; i++) {
        const struct posthog_event *event = &gather->events[i];
        bool at_step = (event->steps >> run->question->attribution_step & 1) != 0;
        if ((!all && !at_step) || !is_new_value(run, event->value)) {
            continue;
        }
        if (own) {
            run_own_events(run, event->value);
        } else {
            run_value(run, gather->events, gather->count, event->value);
        }
    }
}

static enum corong_status visit_user(void *context, struct peer_histories *histories,
                                     const struct peer_history *history, struct corong_error *error)
{
    struct posthog_run *run = context;
    run->history = history;
    run->histories = histories;
    TRY(peer_gather_user(&run->gather, histories, history, error));
    if (run->gather.count > 0) {
        enum peer_attribution attribution = run->question->attribution;
        if (run->question->query->by_count == 0) {
            run_value(run, run->gather.events, run->gather.count, 0);
        } else if (attribution == PEER_FIRST_TOUCH || attribution == PEER_LAST_TOUCH) {
            run_value(run, run->gather.events, run->gather.count, touched(run));
        } else {
            run_values(run);
        }
    }
    uint64_t bytes = run->groups.bytes + run->contingencies.bytes;
    uint64_t grown = bytes - run->charged_bytes;
    run->charged_bytes = bytes;
    return peer_histories_charge(histories, grown, error);
}

static void set_rule(struct posthog_run *run)
{
    const struct peer_posthog *question = run->question;
    const struct funnel *funnel = &question->query->funnel;
    bool at_step = question->query->by_count > 0 && question->attribution == PEER_STEP;
    run->rule = (struct posthog_rule){
        .step_count = funnel->step_count,
        .window_us = funnel->window_us,
        .order = funnel->order,
        .tie_window_us = question->tie_window_us,
        .optional = question->optional,
        .value_step = at_step ? question->attribution_step : POSTHOG_STEP_NONE,
        .from_step = question->from_step,
        .to_step = question->to_step > 0 ? question->to_step : funnel->step_count - 1,
    };
}

static struct text *texts_of(const void *context, uint32_t value, struct arena *arena)
{
    return peer_gather_texts(context, value, arena);
}

enum corong_status peer_posthog_run(struct store_snapshot *snapshot,
                                    const struct peer_posthog *question, struct arena *arena,
                                    struct peer_posthog_result *result_out,
                                    struct corong_error *error)
{
    struct posthog_run run = {.question = question, .groups = {.question = question}};
    *result_out = (struct peer_posthog_result){.group_count = 0};
    TRY(peer_gather_init(&run.gather, question, error));
    set_rule(&run);
    const struct query_funnel *query = question->query;
    struct peer_ask ask = {
        .stages = run.gather.stages,
        .stage_count = run.gather.stage_count,
        .not_hidden = run.gather.not_hidden,
        .where = query->where,
        .by = query->by,
        .by_count = query->by_count,
        .names = question->view == PEER_CORRELATION,
        .rows = query->range,
        .as_of_us = query->as_of_us,
        .limits = &query->limits,
    };
    // The first event of a name may lie before the range.
    ask.rows.from_us = question->first_time != 0 || question->first_matching != 0
                           ? QUERY_TIME_NONE
                           : query->range.from_us;
    peer_contingencies_init(&run.contingencies, question, run.gather.bits.every);
    enum corong_status status = peer_histories_run(snapshot, &ask, visit_user, &run, error);
    if (status == CORONG_OK) {
        peer_groups_fill(&run.groups, texts_of, &run.gather, arena, result_out);
        posthog_bins(run.conversions.list, run.conversions.count, question->bin_count,
                     &result_out->bins);
        peer_contingencies_fill(&run.contingencies, arena, result_out);
    }
    memory_free(run.conversions.list);
    memory_free(run.stamps);
    peer_contingencies_deinit(&run.contingencies);
    peer_groups_deinit(&run.groups);
    peer_gather_deinit(&run.gather);
    return status;
}
