// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_load.h"

#include "engine/live/live_way.h"
#include "engine/query/walk/walk.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

// A block with this many values takes no further user; the rest is for one user's own.
#define VALUE_COUNT_FULL (LIVE_VALUE_COUNT_MAX / 2)
// Nor does one of this size: there may be many funnels.
#define BLOCK_BYTES_MAX (UINT64_C(4) << 20)
// A session that began before the range is recognised by looking this far back.
#define LOOK_BACK_US(timeout_us) (MICROSECONDS_PER_DAY + 2 * (timeout_us) + 1)

struct live_load {
    struct live_load_options options;
    struct walk_plan *walks;
    uint32_t **name_steps; // by segment: [name code * followed_count + funnel]
    uint32_t segment_count;
};

struct live_reader {
    struct live_load *load;
    struct walk *walk;
    union canonical_value *values; // of the row in hand, where a filter asks
    struct live_block *block;
    struct live_block_user user; // in hand
    bool any;                    // some event of it was seen
    struct live_way way;
    uint32_t base_value_count; // of the block, before the user
};

static void fill_steps(const struct live_followed *followed, const struct dictionary *names,
                       uint32_t stride, uint32_t *steps)
{
    for (uint32_t k = 0; k < followed->rule.step_count; k++) {
        const struct stage *step = &followed->funnel->steps[k];
        for (uint32_t i = 0; i < step->event_count; i++) {
            uint32_t code = dictionary_find(names, step->events[i]);
            if (code != COLUMN_CODE_MISSING) {
                steps[(size_t)code * stride] |= UINT32_C(1) << k;
            }
        }
        for (uint32_t code = 0; step->event_count == 0 && code < names->count; code++) {
            steps[(size_t)code * stride] |= UINT32_C(1) << k;
        }
    }
}

static enum corong_status prepare_names(struct live_load *load, struct corong_error *error)
{
    const struct live_plan *plan = load->options.plan;
    load->segment_count = walk_plan_segment_count(load->walks);
    load->name_steps = memory_allocate_zeroed(load->segment_count + 1, sizeof(uint32_t *));
    for (uint32_t i = 0; i < load->segment_count; i++) {
        const struct dictionary *names = walk_plan_names(load->walks, i);
        size_t count = (size_t)names->count * plan->followed_count;
        TRY(walk_plan_charge(load->walks, count * sizeof(uint32_t), "the steps of event names",
                             error));
        load->name_steps[i] = memory_allocate_zeroed(count + 1, sizeof(uint32_t));
        for (uint32_t f = 0; f < plan->followed_count; f++) {
            fill_steps(&plan->followed[f], names, plan->followed_count, load->name_steps[i] + f);
        }
    }
    return CORONG_OK;
}

enum corong_status live_load_open(struct live_load **load_out,
                                  const struct live_load_options *options,
                                  struct corong_error *error)
{
    struct live_load *load = memory_allocate_zeroed(1, sizeof(*load));
    load->options = *options;
    struct walk_options walk_options = {
        .snapshot = options->snapshot,
        .schema = options->plan->schema,
        .from_us = options->from_us == LIVE_TIME_NONE
                       ? QUERY_TIME_NONE
                       : options->from_us - LOOK_BACK_US(options->session_timeout_us),
        .columns = options->plan->columns,
        .column_count = options->plan->column_count,
        .limits = options->limits,
    };
    walk_options.limits.thread_count = 1;
    enum corong_status status = walk_plan_open(&load->walks, &walk_options, error);
    if (status == CORONG_OK) {
        status = prepare_names(load, error);
    }
    if (status != CORONG_OK) {
        live_load_close(load);
        return status;
    }
    *load_out = load;
    return CORONG_OK;
}

int64_t live_load_from(const struct live_load *load)
{
    return load->options.from_us;
}

void live_load_close(struct live_load *load)
{
    if (load == NULL) {
        return;
    }
    for (uint32_t i = 0; i < load->segment_count; i++) {
        memory_free(load->name_steps[i]);
    }
    memory_free(load->name_steps);
    walk_plan_close(load->walks);
    memory_free(load);
}

struct live_reader *live_reader_open(struct live_load *load)
{
    const struct live_plan *plan = load->options.plan;
    struct live_reader *reader = memory_allocate_zeroed(1, sizeof(*reader));
    reader->load = load;
    reader->walk = walk_open(load->walks);
    reader->values =
        memory_allocate_zeroed(plan->schema->column_count, sizeof(union canonical_value));
    live_way_init(&reader->way, plan);
    return reader;
}

void live_reader_close(struct live_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    live_way_deinit(&reader->way);
    memory_free(reader->values);
    walk_close(reader->walk);
    memory_free(reader);
}

static void use_slices(const struct live_reader *reader, uint16_t *numbers)
{
    for (uint32_t f = 0; f < reader->load->options.plan->followed_count; f++) {
        const struct live_state *state = &reader->way.states[f];
        numbers[state->slice] = 1;
        for (uint32_t k = 0; k < FUNNEL_STEP_COUNT_MAX; k++) {
            numbers[state->slices[k]] = 1;
        }
        for (uint32_t i = 0; i < reader->way.instant[f].count; i++) {
            numbers[reader->way.instant[f].events[i].slice] = 1;
        }
    }
}

static void renumber_slices(struct live_reader *reader, const uint16_t *numbers)
{
    for (uint32_t f = 0; f < reader->load->options.plan->followed_count; f++) {
        struct live_state *state = &reader->way.states[f];
        state->slice = numbers[state->slice];
        for (uint32_t k = 0; k < FUNNEL_STEP_COUNT_MAX; k++) {
            state->slices[k] = numbers[state->slices[k]];
        }
        for (uint32_t i = 0; i < reader->way.instant[f].count; i++) {
            reader->way.instant[f].events[i].slice =
                numbers[reader->way.instant[f].events[i].slice];
        }
    }
}

// One user has more slice values than there are numbers: those that it does not need any more go.
static uint16_t number_after_compacting(struct live_reader *reader, struct text value)
{
    uint16_t *numbers = memory_allocate_zeroed(UINT16_MAX + 1, sizeof(uint16_t));
    use_slices(reader, numbers);
    live_values_compact(&reader->block->values, reader->base_value_count, numbers);
    numbers[LIVE_SLICE_NONE] = LIVE_SLICE_NONE;
    numbers[LIVE_SLICE_OTHER] = LIVE_SLICE_OTHER;
    renumber_slices(reader, numbers);
    memory_free(numbers);
    uint16_t number;
    return live_values_number(&reader->block->values, value, &number) ? number : LIVE_SLICE_OTHER;
}

static enum corong_status slice_of(struct live_reader *reader, const struct walk_run *run,
                                   uint32_t row, uint32_t column, uint16_t *slice_out,
                                   struct corong_error *error)
{
    union canonical_value value;
    char buffer[LIVE_PLAN_TEXT_SIZE];
    enum column_type type = reader->load->options.plan->schema->columns[column].type;
    TRY(walk_look(reader->walk, run, row, column, &value, error));
    struct text text =
        type == COLUMN_STRING ? value.string : live_plan_slice_text(type, value.integer, buffer);
    if (!live_values_number(&reader->block->values, text, slice_out)) {
        *slice_out = number_after_compacting(reader, text);
    }
    return CORONG_OK;
}

static enum corong_status look_values(struct live_reader *reader, const struct walk_run *run,
                                      uint32_t row, struct corong_error *error)
{
    const struct live_plan *plan = reader->load->options.plan;
    for (uint32_t i = 0; i < plan->column_count; i++) {
        uint32_t column = plan->columns[i];
        TRY(walk_look(reader->walk, run, row, column, &reader->values[column], error));
    }
    return CORONG_OK;
}

// A row that fills some step by its name.
static enum corong_status take_named(struct live_reader *reader, const struct walk_run *run,
                                     uint32_t row, const uint32_t *by_name,
                                     struct corong_error *error)
{
    const struct live_plan *plan = reader->load->options.plan;
    bool looked = false;
    for (uint32_t i = 0; i < plan->followed_count; i++) {
        const struct live_followed *followed = &plan->followed[i];
        uint32_t steps = by_name[i];
        uint16_t slice = LIVE_SLICE_NONE;
        if ((steps & followed->filter_steps) != 0) {
            if (!looked) {
                TRY(look_values(reader, run, row, error));
                looked = true;
            }
            steps = live_plan_filter_steps(followed, steps, reader->values, run->times[row]);
        }
        if (steps == 0) {
            continue;
        }
        if ((steps & 1) != 0 && followed->slice_column >= 0) {
            TRY(slice_of(reader, run, row, (uint32_t)followed->slice_column, &slice, error));
        }
        reader->user.matter_us = run->times[row];
        live_way_take(&reader->way, i, steps, slice);
    }
    return CORONG_OK;
}

static void step_session(struct live_reader *reader, int64_t time_us)
{
    const struct live_load_options *options = &reader->load->options;
    bool begins;
    if (!reader->any) {
        reader->any = true;
        reader->user.session = session_begin(time_us);
        begins = true;
    } else {
        begins = session_step(&reader->user.session, time_us, options->session_timeout_us);
    }
    reader->user.session_count += begins && time_us >= options->from_us;
}

static enum corong_status take_row(struct live_reader *reader, const struct walk_run *run,
                                   uint32_t row, struct corong_error *error)
{
    const struct live_load *load = reader->load;
    int64_t time_us = run->times[row];
    if (time_us > load->options.as_of_us) {
        reader->user.held_us = time_us < reader->user.held_us ? time_us : reader->user.held_us;
        return CORONG_OK;
    }
    step_session(reader, time_us);
    if (time_us < load->options.from_us) {
        return CORONG_OK;
    }
    if (run->ids) {
        reader->user.matter_us = time_us;
    }
    uint32_t followed_count = load->options.plan->followed_count;
    const uint32_t *by_name =
        load->name_steps[run->segment] + (size_t)run->names[row] * followed_count;
    uint32_t any = 0;
    for (uint32_t i = 0; i < followed_count; i++) {
        any |= by_name[i];
    }
    if (any == 0) {
        return CORONG_OK;
    }
    live_way_at(&reader->way, time_us, run->sequences == NULL ? 0 : run->sequences[row]);
    return take_named(reader, run, row, by_name, error);
}

static enum corong_status take_run(void *context, struct walk *walk, const struct walk_run *run,
                                   struct corong_error *error)
{
    (void)walk;
    struct live_reader *reader = context;
    int64_t oldest_us = reader->load->options.from_us;
    if (oldest_us != LIVE_TIME_NONE) {
        oldest_us -= LOOK_BACK_US(reader->load->options.session_timeout_us);
    }
    for (uint32_t row = 0; row < run->row_count; row++) {
        if (run->times[row] >= oldest_us) {
            TRY(take_row(reader, run, row, error));
        }
    }
    return CORONG_OK;
}

// Users whose last session ended before the range, without anything in it, leave no trace.
static bool leaves_a_trace(const struct live_reader *reader)
{
    const struct live_load_options *options = &reader->load->options;
    if (reader->user.held_us != INT64_MAX) {
        return true;
    }
    return reader->any &&
           (options->from_us == LIVE_TIME_NONE ||
            reader->user.session.last_us >= options->from_us - options->session_timeout_us);
}

static enum corong_status take_user(struct live_reader *reader, struct hash128 key,
                                    struct corong_error *error)
{
    reader->any = false;
    reader->user = (struct live_block_user){.key = key,
                                            .session = {.last_us = LIVE_TIME_NONE},
                                            .matter_us = LIVE_TIME_NONE,
                                            .held_us = INT64_MAX};
    live_way_begin(&reader->way);
    reader->base_value_count = reader->block->values.count;
    TRY(walk_rows(reader->walk, take_run, reader, error));
    live_way_end(&reader->way);
    if (leaves_a_trace(reader)) {
        live_block_add(reader->block, &reader->user, reader->way.states);
    }
    return CORONG_OK;
}

static void begin_block(struct live_reader *reader, struct live_block *block)
{
    live_block_reset(block);
    block->from_us = reader->load->options.from_us;
    block->as_of_us = reader->load->options.as_of_us;
    block->has_end = false;
    reader->block = block;
}

static bool block_is_full(const struct live_block *block, uint32_t user_max)
{
    uint64_t user_bytes = sizeof(struct live_block_user) + block->state_size;
    return block->user_count >= user_max || block->user_count * user_bytes >= BLOCK_BYTES_MAX ||
           block->values.count > VALUE_COUNT_FULL;
}

enum corong_status live_reader_range(struct live_reader *reader, struct hash128 from,
                                     const struct hash128 *end, uint32_t user_max,
                                     struct live_block *block, struct corong_error *error)
{
    struct hash128 key;
    begin_block(reader, block);
    block->is_range = true;
    TRY(walk_seek(reader->walk, from, end, error));
    while (walk_next(reader->walk, &key)) {
        if (block_is_full(block, user_max)) {
            block->has_end = true;
            block->end = key;
            return CORONG_OK;
        }
        TRY(take_user(reader, key, error));
    }
    return CORONG_OK;
}

enum corong_status live_reader_users(struct live_reader *reader, const struct hash128 *keys,
                                     uint32_t key_count, struct live_block *block,
                                     uint32_t *done_out, struct corong_error *error)
{
    struct hash128 key;
    begin_block(reader, block);
    block->is_range = false;
    *done_out = key_count;
    struct hash128 end = keys[key_count - 1];
    end.high += ++end.low == 0;
    bool is_last = end.high == 0 && end.low == 0;
    TRY(walk_seek(reader->walk, keys[0], is_last ? NULL : &end, error));
    for (uint32_t i = 0; i < key_count; i++) {
        if (block_is_full(block, UINT32_MAX)) {
            *done_out = i;
            break;
        }
        TRY(walk_advance(reader->walk, keys[i], error));
        if (!walk_next(reader->walk, &key)) {
            break;
        }
        if (hash128_equal(key, keys[i])) {
            TRY(take_user(reader, key, error));
        }
    }
    return CORONG_OK;
}
