// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_ranking.h"

#include "engine/query/query_attribution.h"
#include "engine/query/query_pass.h"
#include "engine/query/query_value_range.h"
#include "storage/base/bytes.h"
#include "storage/base/hash.h"
#include "storage/base/memory.h"

#include <stdlib.h>

#define KEY_SIZE_MAX (QUERY_SLICE_ATTRIBUTE_COUNT_MAX * sizeof(uint64_t))
#define COUNT_SIZE (sizeof(struct slice_count))
/// Shares of the memory limit: numbered values of all attributes, and the workers' tables.
#define VALUES_SHARE 4u
#define TABLES_SHARE 4u
#define VALUE_NUMBER_SIZE 64u ///< of a numbered value beside its text, at most

struct slice_count {
    uint64_t reached; ///< step 1
    uint64_t units;
};

/// A slice that may be listed. All memory is its own.
struct candidate {
    uint64_t reached;
    struct text_buffer key; ///< see query_slices_key()
    struct text *values;    ///< as shown, in `arena`
    struct arena arena;
};

/// A ranking on its way.
struct ranking {
    struct store_snapshot *snapshot;
    const struct query_funnel *query;
    const struct schema *schema;
    uint32_t columns[QUERY_SLICE_ATTRIBUTE_COUNT_MAX];
    struct query_value_range values[QUERY_SLICE_ATTRIBUTE_COUNT_MAX]; ///< of string attributes
    uint64_t value_budget;                                            ///< of one attribute
    uint64_t table_budget;                                            ///< of one worker
    uint64_t low;  ///< of the hashes of the slices that are counted
    uint64_t high; ///< how far the last pass came
    uint64_t slice_count;
    struct candidate *best; ///< the largest so far, in order
    uint32_t best_count;
    uint32_t top;
};

static bool is_text(const struct ranking *ranking, uint32_t which)
{
    return ranking->schema->columns[ranking->columns[which]].type == COLUMN_STRING;
}

/// One worker's counts: slices as tuples of numbers and bits.
struct ranking_state {
    struct ranking *ranking;
    struct query_attribution_rule rule;
    uint64_t high; ///< slices with larger hashes were given up
    struct query_table slices;
    struct slice_count *counts;
    uint32_t capacity;
    uint32_t *taken; ///< slices of the present attempt
    uint32_t taken_count;
    uint32_t taken_capacity;
};

static void state_init(struct query_pass *pass, void *raw)
{
    struct ranking_state *state = raw;
    state->ranking = pass->context;
    state->high = UINT64_MAX;
    query_attribution_init(&state->rule, pass->query, pass->asked.columns);
}

static void state_deinit(void *raw)
{
    struct ranking_state *state = raw;
    query_table_deinit(&state->slices);
    memory_free(state->counts);
    memory_free(state->taken);
}

/// A slice's key: per attribute a number of its range, or bits; and which are present. False where
/// some value is not in its range.
static bool fill_key(const struct ranking *ranking, const struct query_raw *values, char *key,
                     size_t *size_out)
{
    uint32_t count = ranking->query->by_count;
    uint8_t present = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t part = (uint64_t)values[i].bits;
        if (!values[i].present) {
            // What is missing belongs to the first range.
            if (is_text(ranking, i) && ranking->values[i].low > 0) {
                return false;
            }
            part = 0;
        } else if (is_text(ranking, i)) {
            uint32_t number = query_value_range_number(
                &ranking->values[i], values[i].source->segment->origin, (uint32_t)values[i].bits);
            if (number == QUERY_VALUE_NONE) {
                return false;
            }
            part = number;
        }
        present |= (uint8_t)(values[i].present << i);
        bytes_store_u64(key + 1 + (size_t)i * sizeof(part), part);
    }
    key[0] = (char)present;
    *size_out = 1 + (size_t)count * sizeof(uint64_t);
    return true;
}

static uint64_t state_bytes(const struct ranking_state *state)
{
    return query_table_bytes(&state->slices) + (uint64_t)state->capacity * COUNT_SIZE;
}

static void reserve_count(struct ranking_state *state)
{
    if (state->slices.count > state->capacity) {
        uint32_t capacity = state->slices.capacity;
        state->counts = memory_resize_array(state->counts, capacity, COUNT_SIZE);
        memset(state->counts + state->capacity, 0,
               (size_t)(capacity - state->capacity) * COUNT_SIZE);
        state->capacity = capacity;
    }
}

/// Gives up the slices with hashes above `high`; those of the present attempt are renumbered.
static void cut(struct ranking_state *state, uint64_t high)
{
    struct query_table old = state->slices;
    struct slice_count *old_counts = state->counts;
    uint32_t *numbers = memory_allocate(((size_t)old.count + 1) * sizeof(*numbers));
    state->slices = (struct query_table){0};
    state->counts = NULL;
    state->capacity = 0;
    state->high = high;
    for (uint32_t i = 0; i < old.count; i++) {
        numbers[i] = QUERY_VALUE_NONE;
        if (hash_bytes64(old.keys[i].bytes, old.keys[i].size) <= high) {
            numbers[i] = query_table_number(&state->slices, old.keys[i]);
            reserve_count(state);
            state->counts[numbers[i]] = old_counts[i];
        }
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < state->taken_count; i++) {
        if (numbers[state->taken[i]] != QUERY_VALUE_NONE) {
            state->taken[kept++] = numbers[state->taken[i]];
        }
    }
    state->taken_count = kept;
    query_table_deinit(&old);
    memory_free(old_counts);
    memory_free(numbers);
}

/// The number of a slice, or QUERY_VALUE_NONE where its hash is out of the range.
static uint32_t number_slice(struct ranking_state *state, struct text key)
{
    uint64_t low = state->ranking->low;
    uint64_t hash = hash_bytes64(key.bytes, key.size);
    if (hash < low || hash > state->high) {
        return QUERY_VALUE_NONE;
    }
    // A table doubles where it is full: what it takes then is looked at before it does.
    while (state->slices.count > 0 && state->slices.count == state->slices.capacity &&
           state->high > low && state_bytes(state) * 2 > state->ranking->table_budget) {
        cut(state, low + (state->high - low) / 2);
    }
    if (hash > state->high) {
        return QUERY_VALUE_NONE;
    }
    uint32_t number = query_table_number(&state->slices, key);
    reserve_count(state);
    return number;
}

/// Takes one slice of the present attempt, once.
static enum corong_status take_slice(void *context, const struct query_raw *values,
                                     struct corong_error *error)
{
    (void)error;
    struct ranking_state *state = context;
    char key[1 + KEY_SIZE_MAX];
    size_t size;
    if (!fill_key(state->ranking, values, key, &size)) {
        return CORONG_OK;
    }
    uint32_t number = number_slice(state, (struct text){key, size});
    if (number == QUERY_VALUE_NONE) {
        return CORONG_OK;
    }
    for (uint32_t i = 0; i < state->taken_count; i++) {
        if (state->taken[i] == number) {
            return CORONG_OK;
        }
    }
    if (state->taken_count == state->taken_capacity) {
        state->taken_capacity = state->taken_capacity == 0 ? 16 : state->taken_capacity * 2;
        state->taken =
            memory_resize_array(state->taken, state->taken_capacity, sizeof(*state->taken));
    }
    state->taken[state->taken_count++] = number;
    return CORONG_OK;
}

static enum corong_status report(void *context, struct query_units *units,
                                 const struct query_attempt *attempt, struct corong_error *error)
{
    struct ranking_state *state = context;
    state->taken_count = 0;
    TRY(query_attribution_visit(&state->rule, units, attempt, take_slice, state, error));
    for (uint32_t i = 0; i < state->taken_count; i++) {
        struct slice_count *count = &state->counts[state->taken[i]];
        count->reached += attempt->made & 1;
        count->units++;
    }
    return CORONG_OK;
}

static const struct query_pass_calls ranking_calls = {
    .state_size = sizeof(struct ranking_state),
    .init = state_init,
    .report = report,
    .deinit = state_deinit,
};

/// The value of one attribute of a slice as query_slices_key() has it.
static void append_value(const struct ranking *ranking, uint32_t which, struct text key,
                         struct text_buffer *value)
{
    uint8_t present = (uint8_t)key.bytes[0];
    uint64_t part = bytes_load_u64(key.bytes + 1 + (size_t)which * sizeof(part));
    text_buffer_reset(value);
    if ((present >> which & 1) == 0) {
        text_buffer_append_u8(value, QUERY_SLICES_MISSING);
        return;
    }
    text_buffer_append_u8(value, (uint8_t)ranking->schema->columns[ranking->columns[which]].type);
    if (is_text(ranking, which)) {
        text_buffer_append_text(value, ranking->values[which].texts.keys[part]);
    } else {
        text_buffer_append_i64(value, (int64_t)part);
    }
}

static int compare_values(struct text left, struct text right)
{
    if ((left.bytes == NULL) != (right.bytes == NULL)) {
        return left.bytes == NULL ? -1 : 1;
    }
    return text_compare(left, right);
}

/// Whether the slice made in `made` goes before `other`.
static bool goes_before(const struct candidate *made, const struct candidate *other,
                        uint32_t by_count)
{
    if (made->reached != other->reached) {
        return made->reached > other->reached;
    }
    int order = 0;
    for (uint32_t i = 0; i < by_count && order == 0; i++) {
        order = compare_values(made->values[i], other->values[i]);
    }
    return order < 0;
}

static void candidate_deinit(struct candidate *candidate)
{
    text_buffer_deinit(&candidate->key);
    arena_deinit(&candidate->arena);
}

/// Makes the candidate of a slice.
static void make_candidate(const struct ranking *ranking, struct text key, uint64_t reached,
                           struct candidate *made)
{
    struct text_buffer value = {0};
    uint32_t by_count = ranking->query->by_count;
    *made = (struct candidate){.reached = reached};
    made->values = arena_allocate(&made->arena, (size_t)by_count * sizeof(struct text));
    for (uint32_t i = 0; i < by_count; i++) {
        append_value(ranking, i, key, &value);
        struct text written = {value.bytes, value.size};
        made->values[i] = query_slices_show(written, &made->arena);
        text_buffer_append_sized(&made->key, written);
    }
    text_buffer_deinit(&value);
}

/// Offers a slice to the list of the largest.
static void offer(struct ranking *ranking, struct text key, uint64_t reached)
{
    uint32_t count = ranking->best_count;
    if (count == ranking->top && reached < ranking->best[count - 1].reached) {
        return;
    }
    struct candidate made;
    make_candidate(ranking, key, reached, &made);
    uint32_t by_count = ranking->query->by_count;
    if (count == ranking->top && !goes_before(&made, &ranking->best[count - 1], by_count)) {
        candidate_deinit(&made);
        return;
    }
    if (count == ranking->top) {
        candidate_deinit(&ranking->best[--count]);
    }
    uint32_t low = 0;
    for (uint32_t high = count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (goes_before(&made, &ranking->best[middle], by_count)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    memmove(&ranking->best[low + 1], &ranking->best[low], (count - low) * sizeof(made));
    ranking->best[low] = made;
    ranking->best_count = count + 1;
}

/// Brings the workers' counts together in the first one's table, as far as all of them came, and
/// offers the slices.
static void gather(struct ranking *ranking, const struct query_pass *pass)
{
    struct ranking_state *all = pass->workers[0].state;
    ranking->high = UINT64_MAX;
    for (uint32_t w = 0; w < pass->worker_count; w++) {
        const struct ranking_state *state = pass->workers[w].state;
        ranking->high = state->high < ranking->high ? state->high : ranking->high;
    }
    for (uint32_t w = 0; w < pass->worker_count; w++) {
        struct ranking_state *state = pass->workers[w].state;
        state->taken_count = 0;
        if (state->high > ranking->high) {
            cut(state, ranking->high);
        }
        for (uint32_t i = 0; w > 0 && i < state->slices.count; i++) {
            uint32_t number = query_table_number(&all->slices, state->slices.keys[i]);
            reserve_count(all);
            all->counts[number].reached += state->counts[i].reached;
            all->counts[number].units += state->counts[i].units;
        }
    }
    for (uint32_t i = 0; i < all->slices.count; i++) {
        if (all->counts[i].units > 0) {
            ranking->slice_count++;
            offer(ranking, all->slices.keys[i], all->counts[i].reached);
        }
    }
}

/// Counts the slices of the present ranges of values, in as many passes as memory asks for.
static enum corong_status count_slices(struct ranking *ranking, struct corong_error *error)
{
    const struct query_pass_options options = {
        .no_money = true, .no_texts = true, .context = ranking};
    ranking->low = 0;
    do {
        struct query_pass pass;
        TRY(query_pass_open(&pass, ranking->snapshot, ranking->query, &ranking_calls, &options,
                            error));
        enum corong_status status = query_pass_run(&pass, error);
        if (status == CORONG_OK) {
            gather(ranking, &pass);
        }
        query_pass_close(&pass);
        TRY(status);
        ranking->low = ranking->high + 1;
    } while (ranking->high < UINT64_MAX);
    return CORONG_OK;
}

/// Goes through the ranges of attribute `which` and of those behind it.
static enum corong_status go_through(struct ranking *ranking, uint32_t which,
                                     struct corong_error *error)
{
    if (which == ranking->query->by_count) {
        return count_slices(ranking, error);
    }
    if (!is_text(ranking, which)) {
        return go_through(ranking, which + 1, error);
    }
    uint64_t low = 0;
    uint64_t high;
    do {
        struct query_value_range *values = &ranking->values[which];
        TRY(query_value_range_fill(values, ranking->snapshot, ranking->columns[which], low,
                                   ranking->value_budget, error));
        high = values->high;
        enum corong_status status = go_through(ranking, which + 1, error);
        query_value_range_deinit(values);
        TRY(status);
        low = high + 1;
    } while (high < UINT64_MAX);
    return CORONG_OK;
}

static void take_best(const struct ranking *ranking, struct arena *arena,
                      struct query_listing *listing_out)
{
    uint32_t count = ranking->best_count;
    uint32_t by_count = ranking->query->by_count;
    *listing_out = (struct query_listing){
        .by_count = by_count, .count = count, .other_count = ranking->slice_count - count};
    listing_out->values = arena_allocate(arena, ((size_t)count + 1) * sizeof(struct text *));
    listing_out->keys = arena_allocate(arena, ((size_t)count + 1) * sizeof(struct text));
    for (uint32_t i = 0; i < count; i++) {
        const struct candidate *best = &ranking->best[i];
        listing_out->keys[i] =
            arena_copy_text(arena, (struct text){best->key.bytes, best->key.size});
        listing_out->values[i] = arena_allocate(arena, by_count * sizeof(struct text));
        for (uint32_t v = 0; v < by_count; v++) {
            listing_out->values[i][v] = arena_copy_text(arena, best->values[v]);
        }
    }
}

static uint64_t limit_of(const struct query_funnel *query)
{
    return query->limits.memory_limit_bytes == 0 ? QUERY_MEMORY_LIMIT_DEFAULT
                                                 : query->limits.memory_limit_bytes;
}

static uint32_t threads_of(const struct query_funnel *query)
{
    struct query_tasks *tasks = query_tasks_create(&query->limits);
    uint32_t count = query_tasks_thread_count(tasks);
    query_tasks_destroy(tasks);
    return count;
}

static void share_memory(struct ranking *ranking)
{
    const struct query_funnel *query = ranking->query;
    uint64_t limit = limit_of(query);
    uint32_t texts = 0;
    for (uint32_t i = 0; i < query->by_count; i++) {
        texts += is_text(ranking, i);
    }
    ranking->value_budget = limit / VALUES_SHARE / (texts == 0 ? 1 : texts);
    // Bringing them together takes as much again as one of them has.
    ranking->table_budget = limit / TABLES_SHARE / (threads_of(query) + 1);
    if (query->limits.ranking_bytes != 0) {
        ranking->value_budget = query->limits.ranking_bytes;
        ranking->table_budget = query->limits.ranking_bytes;
    }
}

enum corong_status query_ranking_list(struct store_snapshot *snapshot,
                                      const struct query_funnel *query, struct arena *arena,
                                      struct query_listing *listing_out, struct corong_error *error)
{
    struct ranking ranking = {.snapshot = snapshot,
                              .query = query,
                              .schema = store_snapshot_schema(snapshot),
                              .top = query->top == 0 ? QUERY_TOP_DEFAULT : query->top};
    for (uint32_t i = 0; i < query->by_count; i++) {
        TRY_IN(query_plan_attribute(ranking.schema, query->by[i], &ranking.columns[i], error),
               error, "by");
    }
    share_memory(&ranking);
    ranking.best = memory_allocate_zeroed((size_t)ranking.top + 1, sizeof(*ranking.best));
    enum corong_status status = go_through(&ranking, 0, error);
    if (status == CORONG_OK) {
        take_best(&ranking, arena, listing_out);
    }
    for (uint32_t i = 0; i < ranking.best_count; i++) {
        candidate_deinit(&ranking.best[i]);
    }
    memory_free(ranking.best);
    return status;
}

bool query_ranking_needed(const struct store_snapshot *snapshot, const struct query_funnel *query)
{
    const struct schema *schema = store_snapshot_schema(snapshot);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < query->by_count; i++) {
        int32_t column = schema_find(schema, query->by[i]);
        for (uint32_t s = 0; column >= 0 && s < store_snapshot_segment_count(snapshot); s++) {
            const struct segment_reader *reader = store_snapshot_segment(snapshot, s);
            bytes += segment_reader_dictionary_bytes(reader, (uint32_t)column) +
                     (uint64_t)segment_reader_dictionary_count(reader, (uint32_t)column) *
                         VALUE_NUMBER_SIZE;
        }
    }
    return query->limits.ranking_bytes != 0 || bytes > limit_of(query) / 2;
}
