// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live.h"

#include "engine/live/live_instant.h"
#include "engine/session/session.h"
#include "storage/base/bytes.h"
#include "storage/base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PREFETCH_DISTANCE 8u
#define REFERENCE_SIZE sizeof(uint32_t) // of the last record, behind the entry's head

// What is known about the codes of the present tail.
struct code_cache {
    uint32_t *name_steps; // [name code * followed_count + funnel]; UINT32_MAX: not yet known
    uint32_t name_capacity;
    uint16_t **slices; // per funnel, by code of its slice column; UINT16_MAX: not yet known
    uint32_t *slice_capacities;
};

struct live {
    struct live_options options;
    uint32_t followed_count;
    uint32_t state_size; // packed states of all followed funnels
    struct session_table users;
    struct live_recent recent;
    struct live_counts *counts;
    struct code_cache cache;
    struct live_instant instant;
    struct live_event *events;     // of the row in hand, per funnel
    union canonical_value *values; // of the row in hand, where a filter asks
    uint64_t pending_count;
    uint64_t session_count;
};

static uint32_t packed_size(const struct live_plan *plan)
{
    uint32_t size = 0;
    for (uint32_t i = 0; i < plan->followed_count; i++) {
        size += live_funnel_packed_size(&plan->followed[i].rule);
    }
    return size;
}

// The budget: an eighth for recent events and as much for their bytes, an eighth for the slices,
// the rest for users.
uint64_t live_budget_min(const struct live_plan *plan)
{
    uint64_t recent =
        LIVE_RECENT_COUNT_MIN * live_recent_record_size(plan->followed_count, packed_size(plan));
    uint64_t for_users = SESSION_BUDGET_MIN / 5;
    return 8 * (recent > for_users ? recent : for_users);
}

struct live *live_create(const struct live_options *options)
{
    const struct live_plan *plan = options->plan;
    struct live *live = memory_allocate_zeroed(1, sizeof(*live));
    live->options = *options;
    live->followed_count = plan->followed_count;
    live->state_size = packed_size(plan);
    uint32_t extra_size = plan->followed_count == 0 ? 0 : REFERENCE_SIZE + live->state_size;
    uint64_t eighth = options->budget_bytes / 8;
    session_table_init(&live->users, extra_size, eighth * 5 + 8);
    if (plan->followed_count == 0) {
        return live;
    }
    live_recent_init(&live->recent, plan->followed_count, live->state_size, eighth);
    live->counts = memory_allocate_zeroed(plan->followed_count, sizeof(struct live_counts));
    for (uint32_t i = 0; i < plan->followed_count; i++) {
        live_counts_init(&live->counts[i], plan->followed[i].rule.step_count, options->secret,
                         eighth / plan->followed_count);
    }
    live->cache.slices = memory_allocate_zeroed(plan->followed_count, sizeof(uint16_t *));
    live->cache.slice_capacities = memory_allocate_zeroed(plan->followed_count, sizeof(uint32_t));
    live->events = memory_allocate_zeroed(plan->followed_count, sizeof(struct live_event));
    live->values =
        memory_allocate_zeroed(plan->schema->column_count, sizeof(union canonical_value));
    live_instant_init(&live->instant, plan->followed_count, live->state_size);
    return live;
}

void live_destroy(struct live *live)
{
    if (live == NULL) {
        return;
    }
    session_table_deinit(&live->users);
    live_recent_deinit(&live->recent);
    live_instant_deinit(&live->instant);
    for (uint32_t i = 0; i < live->followed_count; i++) {
        live_counts_deinit(&live->counts[i]);
        memory_free(live->cache.slices[i]);
    }
    memory_free(live->counts);
    memory_free(live->cache.name_steps);
    memory_free(live->cache.slices);
    memory_free(live->cache.slice_capacities);
    memory_free(live->events);
    memory_free(live->values);
    memory_free(live);
}

const struct live_counts *live_counts(const struct live *live, uint32_t index)
{
    return &live->counts[index];
}

static uint64_t counts_memory(const struct live *live)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < live->followed_count; i++) {
        sum += live_counts_memory(&live->counts[i]);
    }
    return sum;
}

struct live_figures live_figures(const struct live *live)
{
    return (struct live_figures){
        .users = live->users.user_count,
        .users_evicted = live->users.evicted_count,
        .pending = live->pending_count,
        .sessions = live->session_count,
        .state_bytes = live->users.bytes,
        .memory_bytes = live->users.bytes + live_recent_memory(&live->recent) +
                        counts_memory(live) +
                        (live->users.returned_filter == NULL ? 0 : live->users.filter_words * 8),
    };
}

// The row in hand.
struct row_in_hand {
    const struct live_batch *batch;
    const struct event_row *row;
    uint32_t tail_row;
};

static const uint32_t *name_steps(struct live *live, const struct row_in_hand *hand)
{
    struct code_cache *cache = &live->cache;
    uint32_t code = hand->batch->columns[COLUMN_NAME].codes[hand->tail_row];
    if (code >= cache->name_capacity) {
        uint32_t capacity = code + code / 2 + 64;
        size_t row_size = live->followed_count * sizeof(uint32_t);
        cache->name_steps = memory_resize_array(cache->name_steps, capacity, row_size);
        memset((char *)cache->name_steps + cache->name_capacity * row_size, 0xff,
               (capacity - cache->name_capacity) * row_size);
        cache->name_capacity = capacity;
    }
    return cache->name_steps + (size_t)code * live->followed_count;
}

static struct text row_text(const struct row_in_hand *hand, uint32_t column)
{
    return event_batch_text(hand->batch->batch, hand->row->values[column].string);
}

// Steps by name, worked out once per name and flush. A name that fills every one of 32 steps looks
// like "not known" and is worked out again, which is right as well.
static const uint32_t *known_name_steps(struct live *live, const struct row_in_hand *hand)
{
    uint32_t *steps = (uint32_t *)(uintptr_t)name_steps(live, hand);
    for (uint32_t i = 0; i < live->followed_count; i++) {
        if (steps[i] == UINT32_MAX) {
            steps[i] =
                live_plan_name_steps(&live->options.plan->followed[i], row_text(hand, COLUMN_NAME));
        }
    }
    return steps;
}

static void fill_values(struct live *live, const struct row_in_hand *hand)
{
    const struct event_format *format = live->options.format;
    for (uint32_t i = 0; i < format->schema->column_count; i++) {
        if (format->is_string[i]) {
            live->values[i].string = row_text(hand, i);
        } else {
            live->values[i].integer = hand->row->values[i].integer;
        }
    }
}

static uint16_t cached_slice(struct live *live, uint32_t funnel, uint32_t code, struct text value)
{
    struct code_cache *cache = &live->cache;
    if (code == COLUMN_CODE_MISSING) {
        return LIVE_SLICE_NONE;
    }
    if (code >= cache->slice_capacities[funnel]) {
        uint32_t capacity = code + code / 2 + 64;
        cache->slices[funnel] =
            memory_resize_array(cache->slices[funnel], capacity, sizeof(uint16_t));
        memset(cache->slices[funnel] + cache->slice_capacities[funnel], 0xff,
               (capacity - cache->slice_capacities[funnel]) * sizeof(uint16_t));
        cache->slice_capacities[funnel] = capacity;
    }
    uint16_t *known = &cache->slices[funnel][code];
    if (*known == UINT16_MAX) {
        *known = live_counts_code(&live->counts[funnel], value);
    }
    return *known;
}

// Values of other types are sliced by their text.
static uint16_t number_slice(struct live *live, uint32_t funnel, enum column_type type,
                             int64_t integer)
{
    char text[32];
    int size = 0;
    double number;
    memcpy(&number, &integer, sizeof(number));
    bool missing = type == COLUMN_NUMBER ? (uint64_t)integer == COLUMN_NUMBER_MISSING_BITS
                                         : integer == COLUMN_INTEGER_MISSING;
    if (missing) {
        return LIVE_SLICE_NONE;
    }
    if (type == COLUMN_BOOLEAN) {
        size = snprintf(text, sizeof(text), "%s", integer != 0 ? "true" : "false");
    } else if (type == COLUMN_INTEGER) {
        size = snprintf(text, sizeof(text), "%" PRId64, integer);
    } else {
        size = snprintf(text, sizeof(text), "%.12g", number);
    }
    return live_counts_code(&live->counts[funnel], (struct text){text, (size_t)size});
}

static uint16_t slice_of(struct live *live, const struct row_in_hand *hand, uint32_t funnel)
{
    int32_t column = live->options.plan->followed[funnel].slice_column;
    if (column < 0) {
        return LIVE_SLICE_NONE;
    }
    enum column_type type = live->options.plan->schema->columns[column].type;
    if (type != COLUMN_STRING) {
        return number_slice(live, funnel, type, hand->row->values[column].integer);
    }
    const uint32_t *codes = hand->batch->columns[column].codes;
    uint32_t code = codes == NULL ? COLUMN_CODE_MISSING : codes[hand->tail_row];
    return cached_slice(live, funnel, code, row_text(hand, (uint32_t)column));
}

// Which steps of which funnels the event may fill. False: of none.
static bool match_row(struct live *live, const struct row_in_hand *hand)
{
    const uint32_t *by_name = known_name_steps(live, hand);
    bool any = false;
    bool filled = false;
    for (uint32_t i = 0; i < live->followed_count; i++) {
        const struct live_followed *followed = &live->options.plan->followed[i];
        uint32_t steps = by_name[i];
        if ((steps & followed->filter_steps) != 0) {
            if (!filled) {
                fill_values(live, hand);
                filled = true;
            }
            steps = live_plan_filter_steps(followed, steps, live->values, hand->row->time_us);
        }
        live->events[i].steps = steps;
        live->events[i].slice = (steps & 1) != 0 ? slice_of(live, hand, i) : LIVE_SLICE_NONE;
        any |= steps != 0;
    }
    return any;
}

// Moves the users' counts from the states in the entry to those given, and packs them.
static void put_states(struct live *live, uint8_t *packed, const struct live_state *states)
{
    for (uint32_t i = 0; i < live->followed_count; i++) {
        const struct live_rule *rule = &live->options.plan->followed[i].rule;
        struct live_state old;
        live_funnel_load(rule, packed, &old);
        live_counts_move(&live->counts[i], old.level, old.slice, states[i].level, states[i].slice);
        live_funnel_store(rule, &states[i], packed);
        packed += live_funnel_packed_size(rule);
    }
}

// An event later than all before of its user: the usual case, without detours.
static bool take_alone(struct live *live, uint8_t *packed, uint64_t now)
{
    bool taken = true;
    for (uint32_t i = 0; i < live->followed_count; i++) {
        const struct live_rule *rule = &live->options.plan->followed[i].rule;
        if (live->events[i].steps != 0) {
            struct live_state state;
            live_funnel_load(rule, packed, &state);
            uint32_t old_level = state.level;
            uint16_t old_slice = state.slice;
            taken &= live_funnel_take(rule, &state, now, &live->events[i], 1);
            live_funnel_store(rule, &state, packed);
            live_counts_move(&live->counts[i], old_level, old_slice, state.level, state.slice);
        }
        packed += live_funnel_packed_size(rule);
    }
    return taken;
}

// Remembers the event in hand. `before` is the packed state before its instant.
static struct live_record *record(struct live *live, const struct row_in_hand *hand,
                                  uint32_t previous, const uint8_t *before, uint32_t *reference_out)
{
    struct live_record *made = live_recent_add(&live->recent, reference_out);
    made->time_us = hand->row->time_us;
    made->sequence = hand->row->values[COLUMN_SEQUENCE].integer;
    made->id_hash = hand->row->values[COLUMN_ID_HASH].integer;
    made->key_high = (uint32_t)hand->row->user_key.high;
    made->previous = previous;
    made->row = hand->tail_row;
    memcpy(live_recent_events(made), live->events,
           live->followed_count * sizeof(struct live_event));
    memcpy(live_recent_state(&live->recent, made), before, live->state_size);
    return made;
}

// Takes the instant again, together with the event just recorded. False: that is not possible.
static bool take_again(struct live *live, const struct row_in_hand *hand, uint8_t *packed,
                       uint32_t reference, uint32_t ordinal)
{
    struct live_instant *instant = &live->instant;
    if (!live_instant_gather(instant, &live->recent, &hand->batch->rows, reference,
                             (uint32_t)hand->row->user_key.high, hand->row->time_us)) {
        return false;
    }
    const uint8_t *before = instant->before;
    struct live_state *states = instant->states;
    for (uint32_t i = 0; i < live->followed_count; i++) {
        const struct live_rule *rule = &live->options.plan->followed[i].rule;
        live_funnel_load(rule, before, &states[i]);
        before += live_funnel_packed_size(rule);
        uint32_t count = live_instant_events(instant, i);
        if (!live_funnel_take(rule, &states[i], live_start(hand->row->time_us, ordinal),
                              instant->events, count)) {
            return false;
        }
    }
    put_states(live, packed, states);
    return true;
}

// An event at the time of its user's last one. False: the user becomes pending.
static bool take_tied(struct live *live, const struct row_in_hand *hand, struct session_user *user,
                      uint8_t *extra)
{
    uint8_t *packed = extra + REFERENCE_SIZE;
    uint32_t reference = bytes_load_u32(extra);
    int64_t sequence = hand->row->values[COLUMN_SEQUENCE].integer;
    struct live_record *last = live_recent_find(
        &live->recent, reference, (uint32_t)hand->row->user_key.high, hand->row->time_us);
    if (last == NULL || sequence < last->sequence ||
        last->depth + 1 >= LIVE_INSTANT_RECORD_COUNT_MAX) {
        return false;
    }
    bool later = sequence > last->sequence;
    if (later && user->ordinal == SESSION_ORDINAL_MAX) {
        return false;
    }
    user->ordinal += later;
    // The record's own copy may be the one that is overwritten, so it is taken before.
    uint8_t *before = live->instant.packed;
    memcpy(before, later ? packed : live_recent_state(&live->recent, last), live->state_size);
    uint32_t depth = last->depth + 1;
    uint32_t made;
    record(live, hand, reference, before, &made)->depth = depth;
    bytes_store_u32(extra, made);
    return take_again(live, hand, packed, made, user->ordinal);
}

// Advances the funnels of the row's user. False: the user becomes pending.
static bool take_funnels(struct live *live, const struct row_in_hand *hand, uint8_t *entry,
                         struct session_user *user, bool is_tie)
{
    bool matches = match_row(live, hand);
    bool has_id = hand->row->values[COLUMN_ID_HASH].integer != COLUMN_INTEGER_MISSING;
    uint8_t *extra = session_extra(entry);
    if (!matches && !has_id) {
        return true;
    }
    // Of a pending user nothing exact is promised, so its instants are not taken again.
    if (is_tie && user->recorded && !user->pending) {
        return take_tied(live, hand, user, extra);
    }
    uint32_t made;
    record(live, hand, LIVE_RECENT_NONE, extra + REFERENCE_SIZE, &made);
    bytes_store_u32(extra, made);
    user->recorded = true;
    return take_alone(live, extra + REFERENCE_SIZE, live_start(hand->row->time_us, user->ordinal));
}

static void make_pending(struct live *live, struct session_user *user)
{
    live->pending_count += !user->pending;
    user->pending = true;
}

// An event before its user's last: it changes no state, but an answer that has it may differ.
static void take_late(struct live *live, const struct row_in_hand *hand, struct session_user *user)
{
    if (live->followed_count > 0 && match_row(live, hand)) {
        make_pending(live, user);
    }
}

static void take_row(struct live *live, const struct row_in_hand *hand)
{
    bool is_new;
    bool returned;
    uint8_t *entry = session_table_find(&live->users, hand->row->user_key, &is_new, &returned);
    struct session_user user = {0};
    int64_t time_us = hand->row->time_us;
    bool is_tie = false;
    if (is_new) {
        user.session = session_begin(time_us);
        live->session_count++;
    } else {
        session_load(entry, &user);
        if (time_us < user.session.last_us) {
            take_late(live, hand, &user);
            session_store(entry, &user);
            return;
        }
        is_tie = time_us == user.session.last_us;
        user.ordinal = is_tie ? user.ordinal : 0;
        user.recorded = is_tie && user.recorded;
        live->session_count +=
            session_step(&user.session, time_us, live->options.session_timeout_us);
    }
    if (returned) {
        make_pending(live, &user);
    }
    if (live->followed_count > 0 && !take_funnels(live, hand, entry, &user, is_tie)) {
        make_pending(live, &user);
    }
    session_store(entry, &user);
}

void live_take(struct live *live, const struct live_batch *batch)
{
    const struct event_format *format = live->options.format;
    uint32_t count = batch->batch->row_count;
    for (uint32_t i = 0; i < count; i++) {
        if (i + PREFETCH_DISTANCE < count) {
            const struct event_row *ahead =
                event_batch_row(batch->batch, format, i + PREFETCH_DISTANCE);
            session_table_prefetch(&live->users, ahead->user_key);
        }
        struct row_in_hand hand = {batch, event_batch_row(batch->batch, format, i),
                                   batch->first_row + i};
        if (hand.row->future == 0) {
            take_row(live, &hand);
        }
    }
}

static void forget(void *codes, size_t size)
{
    if (size > 0) {
        memset(codes, 0xff, size);
    }
}

void live_before_flush(struct live *live, const struct live_rows *rows)
{
    struct code_cache *cache = &live->cache;
    if (live->followed_count == 0) {
        return;
    }
    live_recent_before_flush(&live->recent, rows);
    forget(cache->name_steps,
           (size_t)cache->name_capacity * live->followed_count * sizeof(uint32_t));
    for (uint32_t i = 0; i < live->followed_count; i++) {
        forget(cache->slices[i], cache->slice_capacities[i] * sizeof(uint16_t));
    }
}
