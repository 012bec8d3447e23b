// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_narrow.h"

#include "engine/query/query_attribution.h"
#include "engine/query/query_durations.h"
#include "engine/query/query_pass.h"
#include "storage/base/memory.h"

#define BUCKET_BITS 8u
#define BUCKET_COUNT (1u << BUCKET_BITS)
/// Share of the memory limit that the workers' histograms take.
#define HISTOGRAM_SHARE 4u

/// Where one rank is: among the values whose distance to the least agrees with `base` above the
/// lowest `width` bits, `rank` of them before it.
struct narrow_target {
    uint64_t base;
    uint64_t rank;
    uint32_t width;
};

/// Durations of one output and step, of one kind.
struct narrow_group {
    struct query_durations *durations; ///< where they are shown
    uint32_t output;
    uint32_t step;
    bool from_previous;
    struct narrow_target targets[QUERY_DURATION_RANK_COUNT];
};

struct narrowing {
    const struct query_answer *answer;
    struct query_listing_map map;
    struct narrow_group *groups;
    uint32_t group_count;
    uint32_t first; ///< the groups of the present passes: [first, end)
    uint32_t end;
    uint32_t *group_of; ///< by output, step and kind: number + 1
};

struct narrow_state {
    struct narrowing *narrowing;
    struct query_attribution_rule rule;
    uint64_t *counts; ///< by group, target and bucket
    uint32_t *taken;  ///< outputs of the present attempt
    uint32_t taken_count;
    uint32_t taken_capacity;
};

static uint32_t shift_of(const struct narrow_target *target)
{
    return target->width > BUCKET_BITS ? target->width - BUCKET_BITS : 0;
}

static uint64_t *buckets_of(const struct narrowing *narrowing, uint64_t *counts, uint32_t group,
                            uint32_t target)
{
    size_t at = (size_t)(group - narrowing->first) * QUERY_DURATION_RANK_COUNT + target;
    return counts + at * BUCKET_COUNT;
}

static size_t count_size(const struct narrowing *narrowing)
{
    return (size_t)(narrowing->end - narrowing->first) * QUERY_DURATION_RANK_COUNT * BUCKET_COUNT;
}

static void state_init(struct query_pass *pass, void *raw)
{
    struct narrow_state *state = raw;
    state->narrowing = pass->context;
    query_attribution_init(&state->rule, pass->query, pass->asked.columns);
    state->counts =
        memory_allocate_zeroed(count_size(state->narrowing) + 1, sizeof(*state->counts));
}

static void state_deinit(void *raw)
{
    struct narrow_state *state = raw;
    memory_free(state->counts);
    memory_free(state->taken);
}

static enum corong_status take_output(void *context, const struct query_raw *values,
                                      struct corong_error *error)
{
    (void)error;
    struct narrow_state *state = context;
    uint32_t output = query_listing_output(&state->narrowing->map, values);
    for (uint32_t i = 0; i < state->taken_count; i++) {
        if (state->taken[i] == output) {
            return CORONG_OK;
        }
    }
    if (state->taken_count == state->taken_capacity) {
        state->taken_capacity = state->taken_capacity == 0 ? 16 : state->taken_capacity * 2;
        state->taken =
            memory_resize_array(state->taken, state->taken_capacity, sizeof(*state->taken));
    }
    state->taken[state->taken_count++] = output;
    return CORONG_OK;
}

static size_t slot_of(const struct narrowing *narrowing, uint32_t output, uint32_t step,
                      bool from_previous)
{
    return ((size_t)output * narrowing->answer->query->funnel.step_count + step) * 2 +
           from_previous;
}

static void count_value(struct narrow_state *state, uint32_t output, uint32_t step,
                        bool from_previous, int64_t value)
{
    const struct narrowing *narrowing = state->narrowing;
    uint32_t number = narrowing->group_of[slot_of(narrowing, output, step, from_previous)];
    if (number == 0 || number - 1 < narrowing->first || number - 1 >= narrowing->end) {
        return;
    }
    const struct narrow_group *group = &narrowing->groups[number - 1];
    uint64_t distance = (uint64_t)value - (uint64_t)group->durations->min_us;
    for (uint32_t t = 0; t < QUERY_DURATION_RANK_COUNT; t++) {
        const struct narrow_target *target = &group->targets[t];
        if (target->width > 0 && (distance ^ target->base) >> target->width == 0) {
            uint64_t bucket = distance >> shift_of(target) & (BUCKET_COUNT - 1);
            buckets_of(narrowing, state->counts, number - 1, t)[bucket]++;
        }
    }
}

static void count_attempt(struct narrow_state *state, const struct query_attempt *attempt,
                          uint32_t output)
{
    int64_t previous_us = attempt->entry_us;
    for (uint32_t made = attempt->made; made != 0; made &= made - 1) {
        uint32_t k = (uint32_t)__builtin_ctz(made);
        int64_t time_us = attempt->matched_us[k];
        if (k + 1 > attempt->entered) {
            count_value(state, output, k, false, time_us - attempt->entry_us);
            count_value(state, output, k, true, time_us - previous_us);
        }
        previous_us = time_us;
    }
}

static enum corong_status report(void *context, struct query_units *units,
                                 const struct query_attempt *attempt, struct corong_error *error)
{
    struct narrow_state *state = context;
    const struct query_listing *listing = state->narrowing->answer->listing;
    state->taken_count = 0;
    if (listing->by_count > 0) {
        TRY(query_attribution_visit(&state->rule, units, attempt, take_output, state, error));
    }
    for (uint32_t i = 0; i < state->taken_count; i++) {
        count_attempt(state, attempt, state->taken[i]);
    }
    count_attempt(state, attempt, listing->count + 1);
    return CORONG_OK;
}

static const struct query_pass_calls narrow_calls = {
    .state_size = sizeof(struct narrow_state),
    .init = state_init,
    .report = report,
    .deinit = state_deinit,
};

/// Goes down to the bucket that holds the rank.
static void step_down(const struct narrowing *narrowing, const struct query_pass *pass,
                      uint32_t group, uint32_t which)
{
    struct narrow_target *target = &narrowing->groups[group].targets[which];
    uint32_t bucket = 0;
    for (; target->width > 0 && bucket < BUCKET_COUNT; bucket++) {
        uint64_t count = 0;
        for (uint32_t w = 0; w < pass->worker_count; w++) {
            const struct narrow_state *state = pass->workers[w].state;
            count += buckets_of(narrowing, state->counts, group, which)[bucket];
        }
        if (target->rank < count) {
            break;
        }
        target->rank -= count;
    }
    if (target->width > 0) {
        target->base |= (uint64_t)bucket << shift_of(target);
        target->width = shift_of(target);
    }
}

static bool is_done(const struct narrowing *narrowing)
{
    uint32_t widest = 0;
    for (uint32_t g = narrowing->first; g < narrowing->end; g++) {
        for (uint32_t t = 0; t < QUERY_DURATION_RANK_COUNT; t++) {
            uint32_t width = narrowing->groups[g].targets[t].width;
            widest = width > widest ? width : widest;
        }
    }
    return widest == 0;
}

static enum corong_status run_pass(struct narrowing *narrowing, struct query_pass *pass,
                                   struct corong_error *error)
{
    const struct query_answer *answer = narrowing->answer;
    TRY(query_listing_bind(&narrowing->map, answer->listing, &pass->plan, pass->asked.columns,
                           error));
    enum corong_status status = query_pass_run(pass, error);
    query_listing_unbind(&narrowing->map);
    for (uint32_t g = narrowing->first; g < narrowing->end && status == CORONG_OK; g++) {
        for (uint32_t t = 0; t < QUERY_DURATION_RANK_COUNT; t++) {
            step_down(narrowing, pass, g, t);
        }
    }
    return status;
}

static enum corong_status narrow_groups(struct narrowing *narrowing, struct corong_error *error)
{
    const struct query_answer *answer = narrowing->answer;
    const struct query_pass_options options = {
        .no_money = true, .no_texts = answer->frugal, .context = narrowing};
    while (!is_done(narrowing)) {
        struct query_pass pass;
        TRY(query_pass_open(&pass, answer->snapshot, answer->query, &narrow_calls, &options,
                            error));
        enum corong_status status = run_pass(narrowing, &pass, error);
        query_pass_close(&pass);
        TRY(status);
    }
    return CORONG_OK;
}

static void add_group(struct narrowing *narrowing, struct query_durations *durations,
                      uint32_t output, uint32_t step, bool from_previous)
{
    if (durations->count == 0) {
        return;
    }
    struct narrow_group *group = &narrowing->groups[narrowing->group_count++];
    *group = (struct narrow_group){durations, output, step, from_previous, {{0}}};
    narrowing->group_of[slot_of(narrowing, output, step, from_previous)] = narrowing->group_count;
    size_t ranks[QUERY_DURATION_RANK_COUNT];
    query_durations_ranks(durations->count, ranks);
    uint64_t span = (uint64_t)durations->max_us - (uint64_t)durations->min_us;
    for (uint32_t t = 0; t < QUERY_DURATION_RANK_COUNT; t++) {
        group->targets[t].rank = ranks[t];
        group->targets[t].width = span == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(span);
    }
}

static void add_groups(struct narrowing *narrowing, struct query_slice *slice, uint32_t output)
{
    for (uint32_t k = 1; k < narrowing->answer->query->funnel.step_count; k++) {
        add_group(narrowing, &slice->steps[k].from_entry, output, k, false);
        add_group(narrowing, &slice->steps[k].from_previous, output, k, true);
    }
}

static void show(const struct narrow_group *group)
{
    int64_t found[QUERY_DURATION_RANK_COUNT];
    for (uint32_t t = 0; t < QUERY_DURATION_RANK_COUNT; t++) {
        found[t] = (int64_t)((uint64_t)group->durations->min_us + group->targets[t].base);
    }
    query_durations_interpolate(group->durations->count, found, group->durations->percentiles_us);
}

static uint32_t groups_at_once(const struct query_answer *answer)
{
    const struct query_limits *limits = &answer->query->limits;
    uint64_t limit =
        limits->memory_limit_bytes == 0 ? QUERY_MEMORY_LIMIT_DEFAULT : limits->memory_limit_bytes;
    struct query_tasks *tasks = query_tasks_create(limits);
    uint64_t each = (uint64_t)QUERY_DURATION_RANK_COUNT * BUCKET_COUNT * sizeof(uint64_t) *
                    query_tasks_thread_count(tasks);
    query_tasks_destroy(tasks);
    return limit / HISTOGRAM_SHARE < each ? 1 : (uint32_t)(limit / HISTOGRAM_SHARE / each);
}

enum corong_status query_narrow(const struct query_answer *answer,
                                struct query_funnel_result *result, struct corong_error *error)
{
    struct narrowing narrowing = {.answer = answer};
    uint32_t outputs = answer->listing->count + 2;
    size_t slots = (size_t)outputs * answer->query->funnel.step_count * 2;
    enum corong_status status = CORONG_OK;
    narrowing.groups = memory_allocate((slots + 1) * sizeof(*narrowing.groups));
    narrowing.group_of = memory_allocate_zeroed(slots + 1, sizeof(*narrowing.group_of));
    for (uint32_t i = 0; i < result->slice_count; i++) {
        add_groups(&narrowing, &result->slices[i], i);
    }
    add_groups(&narrowing, &result->other, answer->listing->count);
    add_groups(&narrowing, &result->total, answer->listing->count + 1);
    uint32_t width = groups_at_once(answer);
    for (uint32_t first = 0; first < narrowing.group_count && status == CORONG_OK; first += width) {
        narrowing.first = first;
        narrowing.end =
            narrowing.group_count - first < width ? narrowing.group_count : first + width;
        status = narrow_groups(&narrowing, error);
    }
    for (uint32_t g = 0; g < narrowing.group_count && status == CORONG_OK; g++) {
        show(&narrowing.groups[g]);
    }
    memory_free(narrowing.groups);
    memory_free(narrowing.group_of);
    return status;
}
