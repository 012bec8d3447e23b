// SPDX-License-Identifier: Apache-2.0
#include "engine/query/next/next.h"

#include "engine/query/query_digest.h"
#include "engine/query/query_pass.h"
#include "engine/query/query_slices.h"
#include "engine/query/query_table.h"
#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdlib.h>

#define CHARGE_EVERY 1024u
#define NO_EVENT 0u ///< in a path: the user did nothing more

/// What all workers share.
struct next_way {
    const struct next_question *question;
    uint32_t column; ///< whose values are shown
    uint32_t depth;
};

/// Paths of one worker: labels are numbers of values + 1.
struct next_state {
    const struct next_way *way;
    const struct query_plan *plan;
    struct query_slices labels;
    struct query_table paths;
    uint64_t *counts; ///< by path
    uint32_t capacity;
    struct query_trail trail;
    uint64_t attempts;
    uint64_t charged_bytes;
    uint32_t since_charge;
};

static void state_init(struct query_pass *pass, void *state_raw)
{
    struct next_state *state = state_raw;
    state->way = pass->context;
    state->plan = &pass->plan;
    state->trail.tasks = pass->tasks;
    query_slices_init(&state->labels, &pass->plan, &state->way->column, 1);
}

static void state_deinit(void *state_raw)
{
    struct next_state *state = state_raw;
    query_slices_deinit(&state->labels);
    query_table_deinit(&state->paths);
    query_trail_deinit(&state->trail);
    memory_free(state->counts);
}

static enum corong_status charge(void *state_raw, struct query_units *units,
                                 struct corong_error *error)
{
    struct next_state *state = state_raw;
    uint64_t bytes = query_slices_bytes(&state->labels) + query_table_bytes(&state->paths) +
                     (uint64_t)state->capacity * sizeof(*state->counts);
    uint64_t grown = bytes - state->charged_bytes;
    state->charged_bytes = bytes;
    state->since_charge = 0;
    return grown == 0 ? CORONG_OK : query_tasks_charge(units->tasks, grown, "paths", error);
}

/// Whether the attempt is asked about.
static bool is_meant(const struct next_question *question, const struct query_attempt *attempt)
{
    uint32_t step = question->step;
    bool ends = !attempt->won && (step == 0 || attempt->ended == step);
    switch (question->kind) {
    case NEXT_DROPPED:
        return ends;
    case NEXT_OPEN:
        return ends && attempt->open;
    case NEXT_LOST:
        return ends && !attempt->open;
    case NEXT_REACHED:
        return (attempt->made >> (step - 1) & 1) != 0;
    case NEXT_WON:
        return attempt->won;
    }
    return false;
}

/// The place of the step whose followers are asked for.
static uint32_t last_place(const struct next_question *question,
                           const struct query_attempt *attempt)
{
    return question->kind == NEXT_REACHED ? question->step - 1 : attempt->ended - 1;
}

static int64_t until_of(const struct query_units *units, const struct query_attempt *attempt)
{
    int64_t until_us = query_time_add(attempt->entry_us, units->rule.window_us);
    return until_us < units->end_us ? until_us : query_time_add(units->end_us, -1);
}

static enum corong_status label(struct next_state *state, const struct query_source *source,
                                const struct row_group *looked, uint32_t row, uint32_t *label_out,
                                struct corong_error *error)
{
    struct query_raw value = query_history_raw(source, looked, state->way->column, row);
    TRY(query_slices_of(&state->labels, &value, label_out, error));
    ++*label_out;
    return CORONG_OK;
}

/// The user's source whose rows come first behind those of another, by time; NULL: there is none.
static const struct query_source *source_behind(const struct query_units *units,
                                                const struct query_source *source)
{
    const struct query_cursor *cursor = &units->cursor;
    int64_t from_us = query_source_time(source, source->row_end - 1);
    const struct query_source *next = NULL;
    for (uint32_t i = 0; i < cursor->part_count; i++) {
        const struct query_source *part = &cursor->sources[cursor->parts[i]];
        int64_t begin_us = query_source_time(part, part->row);
        if (begin_us > from_us && (next == NULL || begin_us < query_source_time(next, next->row))) {
            next = part;
        }
    }
    return next;
}

/// The same of the events behind a place, where the user's rows are still loaded.
static enum corong_status follow_rows(struct next_state *state, struct query_units *units,
                                      const struct query_attempt *attempt, struct query_place place,
                                      uint32_t *path, struct corong_error *error)
{
    int64_t until_us = until_of(units, attempt);
    const struct query_source *source = &units->cursor.sources[place.source];
    uint32_t row = place.row;
    for (uint32_t i = 0; i < state->way->depth; i++) {
        const struct row_group *looked;
        if (++row == source->row_end) {
            source = source_behind(units, source);
            row = source == NULL ? 0 : source->row;
        }
        if (source == NULL || query_source_time(source, row) > until_us) {
            break;
        }
        struct query_place next = {source->index, source->group, row};
        TRY(query_units_look(units, next, &looked, error));
        TRY(label(state, source, looked, row, &path[i], error));
    }
    return CORONG_OK;
}

/// The labels of the events behind row `at` of the trail, as far as the window goes.
static enum corong_status follow(struct next_state *state, struct query_units *units,
                                 const struct query_attempt *attempt, uint32_t at, uint32_t *path,
                                 struct corong_error *error)
{
    const struct query_trail_row *rows = state->trail.rows;
    int64_t until_us = until_of(units, attempt);
    for (uint32_t i = 0; i < state->way->depth; i++) {
        uint32_t next = at + 1 + i;
        if (next >= state->trail.count || rows[next].time_us > until_us ||
            rows[next].session != rows[at].session) {
            break;
        }
        struct query_place place = query_gather_unpack(rows[next].place);
        const struct query_source *source = &units->cursor.sources[place.source];
        const struct row_group *looked;
        TRY(query_units_look(units, place, &looked, error));
        TRY(label(state, source, looked, place.row, &path[i], error));
    }
    return CORONG_OK;
}

static void count_path(struct next_state *state, const uint32_t *path)
{
    struct text key = {(const char *)path, state->way->depth * sizeof(*path)};
    uint32_t number = query_table_number(&state->paths, key);
    if (number >= state->capacity) {
        uint32_t capacity = state->capacity == 0 ? 64 : state->capacity * 2;
        state->counts = memory_resize_array(state->counts, capacity, sizeof(*state->counts));
        memset(state->counts + state->capacity, 0,
               (capacity - state->capacity) * sizeof(*state->counts));
        state->capacity = capacity;
    }
    state->counts[number]++;
}

static enum corong_status report(void *context, struct query_units *units,
                                 const struct query_attempt *attempt, struct corong_error *error)
{
    struct next_state *state = context;
    if (!is_meant(state->way->question, attempt)) {
        return CORONG_OK;
    }
    uint32_t path[NEXT_DEPTH_MAX] = {NO_EVENT};
    uint32_t index = last_place(state->way->question, attempt);
    if (units->at_rows) {
        TRY(follow_rows(state, units, attempt, attempt->places[index], path, error));
    } else {
        uint32_t at = query_trail_find(&state->trail, attempt->matched_us[index],
                                       query_gather_packed(&attempt->places[index]));
        ASSERT(at < state->trail.count);
        TRY(follow(state, units, attempt, at, path, error));
    }
    count_path(state, path);
    state->attempts++;
    return ++state->since_charge < CHARGE_EVERY ? CORONG_OK : charge(state, units, error);
}

static struct query_trail *trail_of(void *state)
{
    return &((struct next_state *)state)->trail;
}

static const struct query_pass_calls next_calls = {
    .state_size = sizeof(struct next_state),
    .init = state_init,
    .report = report,
    .settle = charge,
    .deinit = state_deinit,
    .trail = trail_of,
};

/// ---- the answer

/// A path of one worker as it is sorted: its bytes are equal for equal paths of any worker.
struct next_row {
    struct text key;
    uint64_t attempts;
    const struct next_state *state;
    uint32_t path;
};

static int compare_keys(const void *left_raw, const void *right_raw)
{
    const struct next_row *left = left_raw;
    const struct next_row *right = right_raw;
    return text_compare(left->key, right->key);
}

static int compare_counts(const void *left_raw, const void *right_raw)
{
    const struct next_row *left = left_raw;
    const struct next_row *right = right_raw;
    if (left->attempts != right->attempts) {
        return left->attempts > right->attempts ? -1 : 1;
    }
    return text_compare(left->key, right->key);
}

/// The bits of a value so that they order as unsigned bytes, the largest first, as values do.
static uint64_t ordered_bits(enum column_type type, uint64_t bits)
{
    const uint64_t sign = UINT64_C(1) << 63;
    bool negative = type == COLUMN_NUMBER && (bits & sign) != 0;
    return negative ? ~bits : bits ^ sign;
}

/// A value's bytes, so that keys order as values do: two zeroes end it, one within is marked.
static void append_label(struct text_buffer *buffer, struct text value)
{
    char ordered[1 + sizeof(uint64_t)];
    enum column_type type = (enum column_type)value.bytes[0];
    if (type != COLUMN_STRING && value.size == sizeof(ordered)) {
        uint64_t bits = ordered_bits(type, bytes_load_u64(value.bytes + 1));
        ordered[0] = value.bytes[0];
        for (uint32_t i = 0; i < sizeof(bits); i++) {
            ordered[1 + i] = (char)(bits >> (56 - 8 * i));
        }
        value.bytes = ordered;
    }
    for (size_t i = 0; i < value.size; i++) {
        text_buffer_append_u8(buffer, (uint8_t)value.bytes[i]);
        if (value.bytes[i] == 0) {
            text_buffer_append_u8(buffer, UINT8_MAX);
        }
    }
    text_buffer_append_u8(buffer, 0);
    text_buffer_append_u8(buffer, 0);
}

static struct text key_of(const struct next_state *state, uint32_t path, struct arena *arena)
{
    struct text_buffer buffer = {0};
    const uint32_t *labels = (const uint32_t *)(const void *)state->paths.keys[path].bytes;
    for (uint32_t i = 0; i < state->way->depth; i++) {
        text_buffer_append_u8(&buffer, labels[i] != NO_EVENT);
        if (labels[i] != NO_EVENT) {
            append_label(&buffer, state->labels.values.keys[labels[i] - 1]);
        }
    }
    struct text key = arena_copy_text(arena, (struct text){buffer.bytes, buffer.size});
    text_buffer_deinit(&buffer);
    return key;
}

/// Rows for the paths of one worker.
static enum corong_status take_paths(const struct query_pass *pass, const struct next_state *state,
                                     struct arena *arena, struct next_row *rows,
                                     struct corong_error *error)
{
    for (uint32_t i = 0; i < state->paths.count; i++) {
        rows[i] = (struct next_row){key_of(state, i, arena), state->counts[i], state, i};
        TRY(query_tasks_charge(pass->tasks, sizeof(*rows) + rows[i].key.size, "paths", error));
    }
    return CORONG_OK;
}

/// Paths of all workers, equal ones together, the most frequent first.
static enum corong_status bring_together(const struct query_pass *pass, struct arena *arena,
                                         struct next_row **rows_out, uint32_t *count_out,
                                         struct next_result *result, struct corong_error *error)
{
    size_t count = 0;
    for (uint32_t w = 0; w < pass->worker_count; w++) {
        count += ((struct next_state *)pass->workers[w].state)->paths.count;
    }
    struct next_row *rows = arena_allocate(arena, (count + 1) * sizeof(*rows));
    uint32_t filled = 0;
    for (uint32_t w = 0; w < pass->worker_count; w++) {
        const struct next_state *state = pass->workers[w].state;
        result->attempts += state->attempts;
        TRY(take_paths(pass, state, arena, rows + filled, error));
        filled += state->paths.count;
    }
    qsort(rows, filled, sizeof(*rows), compare_keys);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < filled; i++) {
        if (kept > 0 && text_equal(rows[kept - 1].key, rows[i].key)) {
            rows[kept - 1].attempts += rows[i].attempts;
        } else {
            rows[kept++] = rows[i];
        }
    }
    qsort(rows, kept, sizeof(*rows), compare_counts);
    *rows_out = rows;
    *count_out = kept;
    return CORONG_OK;
}

static void fill_path(const struct next_row *row, struct arena *arena, struct next_path *path)
{
    const struct next_state *state = row->state;
    const uint32_t *labels = (const uint32_t *)(const void *)state->paths.keys[row->path].bytes;
    uint32_t depth = state->way->depth;
    *path = (struct next_path){.attempts = row->attempts};
    path->labels = arena_allocate(arena, depth * sizeof(*path->labels));
    while (path->label_count < depth && labels[path->label_count] != NO_EVENT) {
        path->labels[path->label_count] =
            query_slices_text(&state->labels, labels[path->label_count] - 1, arena);
        path->label_count++;
    }
}

static void digest(const struct next_way *way, const struct next_row *rows, uint32_t count,
                   struct next_result *result)
{
    const struct next_question *question = way->question;
    struct text_buffer definition = {0};
    struct text_buffer bytes = {0};
    text_buffer_append_string(&definition, "next;");
    query_funnel_describe(question->funnel, &definition);
    query_digest_integer(&definition, "kind", question->kind);
    query_digest_integer(&definition, "after", question->step);
    query_digest_integer(&definition, "depth", way->depth);
    query_digest_text(&definition, "show", question->show);
    query_digest_integer(&definition, "listed", question->top);
    text_buffer_append_u64(&bytes, result->attempts);
    for (uint32_t i = 0; i < count; i++) { // all of them: what is listed must not matter
        text_buffer_append_sized(&bytes, rows[i].key);
        text_buffer_append_u64(&bytes, rows[i].attempts);
    }
    query_digest_seal(&result->provenance, &definition, &bytes);
}

static void fill_result(const struct query_pass *pass, struct store_snapshot *snapshot,
                        int64_t start_us, const struct next_row *rows, uint32_t count,
                        struct arena *arena, struct next_result *result)
{
    const struct next_way *way = pass->context;
    struct query_work work = {.start_us = start_us, .thread_count = pass->worker_count};
    uint32_t top = way->question->top == 0 ? QUERY_TOP_DEFAULT : way->question->top;
    result->path_count = count < top ? count : top;
    result->paths =
        arena_allocate(arena, ((size_t)result->path_count + 1) * sizeof(struct next_path));
    for (uint32_t i = 0; i < count; i++) {
        if (i < result->path_count) {
            fill_path(&rows[i], arena, &result->paths[i]);
        } else {
            result->other_paths++;
            result->other_attempts += rows[i].attempts;
        }
    }
    for (uint32_t i = 0; i < pass->worker_count; i++) {
        query_units_add_work(&pass->workers[i].units, &work);
    }
    query_digest_provenance(&pass->plan, snapshot, &work, &result->provenance);
    digest(way, rows, count, result);
}

static enum corong_status finish(const struct query_pass *pass, struct store_snapshot *snapshot,
                                 int64_t start_us, struct arena *arena, struct next_result *result,
                                 struct corong_error *error)
{
    struct arena scratch = {0};
    struct next_row *rows;
    uint32_t count;
    enum corong_status status = bring_together(pass, &scratch, &rows, &count, result, error);
    if (status == CORONG_OK) {
        fill_result(pass, snapshot, start_us, rows, count, arena, result);
    }
    arena_deinit(&scratch);
    return status;
}

static enum corong_status check(struct store_snapshot *snapshot, struct next_way *way,
                                struct corong_error *error)
{
    const struct next_question *question = way->question;
    const struct funnel *funnel = &question->funnel->funnel;
    bool anywhere = question->kind == NEXT_OPEN || question->kind == NEXT_LOST;
    uint32_t last = question->kind == NEXT_REACHED ? funnel->step_count : funnel->step_count - 1;
    if (funnel->dialect != 0) {
        return error_set(error, CORONG_INVALID,
                         "what people do next goes by our own rules, not by a dialect");
    }
    if (question->kind != NEXT_WON &&
        (question->step > last || (question->step == 0 && !anywhere))) {
        return error_set(error, CORONG_INVALID,
                         "step %u: steps 1 to %u can be asked about in this way%s", question->step,
                         last,
                         question->step == last + 1 ? " (who did the last step has won)" : "");
    }
    if (way->depth > NEXT_DEPTH_MAX) {
        return error_set(error, CORONG_INVALID, "%u events, at most %u are followed", way->depth,
                         NEXT_DEPTH_MAX);
    }
    way->column = COLUMN_NAME;
    return question->show.bytes == NULL ? CORONG_OK
                                        : query_plan_attribute(store_snapshot_schema(snapshot),
                                                               question->show, &way->column, error);
}

enum corong_status next_run(struct store_snapshot *snapshot, const struct next_question *question,
                            struct arena *arena, struct next_result *result_out,
                            struct corong_error *error)
{
    int64_t start_us = clock_monotonic_us();
    struct next_way way = {.question = question,
                           .depth = question->depth == 0 ? 1 : question->depth};
    struct query_pass pass;
    *result_out = (struct next_result){0};
    TRY(check(snapshot, &way, error));
    struct query_funnel funnel = *question->funnel;
    funnel.by_count = 0;
    struct query_pass_options options = {
        .context = &way, .no_money = true, .trail_column = &way.column};
    TRY(query_pass_open(&pass, snapshot, &funnel, &next_calls, &options, error));
    enum corong_status status = query_pass_run(&pass, error);
    if (status == CORONG_OK) {
        status = finish(&pass, snapshot, start_us, arena, result_out, error);
    }
    query_pass_close(&pass);
    return status;
}
