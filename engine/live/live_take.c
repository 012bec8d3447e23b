// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_private.h"
#include "storage/base/bytes.h"

#include <string.h>

#define PREFETCH_DISTANCE 8u

// Moves the users' counts from the states in the entry to those given, and packs them.
void live_put_states(struct live *live, uint8_t *packed, const struct live_state *states)
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
static void take_alone(struct live *live, uint8_t *packed, int64_t time_us)
{
    for (uint32_t i = 0; i < live->followed_count; i++) {
        const struct live_rule *rule = &live->options.plan->followed[i].rule;
        if (live->events[i].steps != 0) {
            struct live_state state;
            live_funnel_load(rule, packed, &state);
            uint32_t old_level = state.level;
            uint16_t old_slice = state.slice;
            live_funnel_take(rule, &state, time_us, &live->events[i], 1);
            live_funnel_store(rule, &state, packed);
            live_counts_move(&live->counts[i], old_level, old_slice, state.level, state.slice);
        }
        packed += live_funnel_packed_size(rule);
    }
}

static bool has_id(const struct live *live, const struct live_hand *hand)
{
    return event_row_integer(hand->row, live->options.format, COLUMN_ID_HASH) !=
           COLUMN_INTEGER_MISSING;
}

// Remembers the event in hand. `before` is the packed state before its instant.
static struct live_record *record(struct live *live, const struct live_hand *hand,
                                  uint32_t previous, const uint8_t *before, uint32_t *reference_out)
{
    struct live_record *made = live_recent_add(&live->recent, reference_out);
    made->time_us = hand->row->time_us;
    made->sequence = event_row_integer(hand->row, live->options.format, COLUMN_SEQUENCE);
    made->id_hash = event_row_integer(hand->row, live->options.format, COLUMN_ID_HASH);
    made->key_high = (uint32_t)hand->row->user_key.high;
    made->previous = previous;
    made->row = hand->tail_row;
    memcpy(live_recent_events(made), live->events,
           live->followed_count * sizeof(struct live_event));
    memcpy(live_recent_state(&live->recent, made), before, live->state_size);
    return made;
}

// Takes the instant again, together with the event just recorded. False: that is not possible.
static bool take_again(struct live *live, const struct live_hand *hand, uint8_t *packed,
                       uint32_t reference)
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
        live_funnel_take(rule, &states[i], hand->row->time_us, instant->events, count);
    }
    live_put_states(live, packed, states);
    return true;
}

// An event at the time of its user's last one. False: the user becomes pending.
static bool take_tied(struct live *live, const struct live_hand *hand, uint8_t *extra)
{
    uint8_t *packed = extra + LIVE_REFERENCE_SIZE;
    uint32_t reference = bytes_load_u32(extra);
    int64_t sequence = event_row_integer(hand->row, live->options.format, COLUMN_SEQUENCE);
    struct live_record *last = live_recent_find(
        &live->recent, reference, (uint32_t)hand->row->user_key.high, hand->row->time_us);
    if (last == NULL || sequence < last->sequence ||
        last->depth + 1 >= LIVE_INSTANT_RECORD_COUNT_MAX) {
        return false;
    }
    bool later = sequence > last->sequence;
    // The record's own copy may be the one that is overwritten, so it is taken before.
    uint8_t *before = live->instant.packed;
    memcpy(before, later ? packed : live_recent_state(&live->recent, last), live->state_size);
    uint32_t depth = last->depth + 1;
    uint32_t made;
    record(live, hand, reference, before, &made)->depth = depth;
    bytes_store_u32(extra, made);
    return take_again(live, hand, packed, made);
}

// Advances the funnels of the row's user. False: the user becomes pending.
static bool take_funnels(struct live *live, const struct live_hand *hand, uint8_t *entry,
                         struct session_user *user, bool is_tie)
{
    bool matches = live_match_row(live, hand);
    uint8_t *extra = session_extra(entry);
    if (!matches && !has_id(live, hand)) {
        return true;
    }
    // Of a pending user nothing exact is promised, so its instants are not taken again.
    if (is_tie && user->recorded && !user->pending) {
        return take_tied(live, hand, extra);
    }
    uint32_t made;
    record(live, hand, LIVE_RECENT_NONE, extra + LIVE_REFERENCE_SIZE, &made);
    bytes_store_u32(extra, made);
    user->recorded = true;
    take_alone(live, extra + LIVE_REFERENCE_SIZE, hand->row->time_us);
    return true;
}

// An event before its user's last: it changes no state, but an answer that has it may differ. One
// with an id may be a copy that takes the place of an event that counts.
static void take_late(struct live *live, const struct live_hand *hand, struct session_user *user)
{
    if (live->followed_count > 0 && (live_match_row(live, hand) || has_id(live, hand))) {
        live_make_pending(live, hand->row->user_key, user);
    }
}

static void take_row(struct live *live, const struct live_hand *hand)
{
    bool is_new;
    bool returned;
    struct hash128 key = hand->row->user_key;
    uint8_t *entry = session_table_find(&live->users, key, &is_new, &returned);
    struct session_user user = {0};
    int64_t time_us = hand->row->time_us;
    bool is_tie = false;
    if (is_new) {
        user.session = session_begin(time_us);
        user.mark = live_mark(live, key);
        user.returned = returned;
        live->session_count++;
    } else {
        session_load(entry, &user);
        if (time_us < user.session.last_us) {
            take_late(live, hand, &user);
            session_store(entry, &user);
            return;
        }
        is_tie = time_us == user.session.last_us;
        user.recorded = is_tie && user.recorded;
        live->session_count +=
            session_step(&user.session, time_us, live->options.session_timeout_us);
    }
    if (returned) {
        live_make_pending(live, key, &user);
    }
    if (live->followed_count > 0 && !take_funnels(live, hand, entry, &user, is_tie)) {
        live_make_pending(live, key, &user);
    }
    session_store(entry, &user);
}

// The latest time by which the batch says that its events were known.
static int64_t batch_as_of(const struct live *live, const struct event_batch *batch)
{
    int64_t as_of_us = LIVE_TIME_NONE;
    for (uint32_t i = 0; i < batch->row_count; i++) {
        const struct event_row *row = event_batch_row(batch, live->options.format, i);
        int64_t received_us = event_row_integer(row, live->options.format, COLUMN_RECEIVED);
        bool missing = received_us == COLUMN_INTEGER_MISSING || row->time_us < received_us;
        int64_t known_us = missing ? row->time_us : received_us;
        as_of_us = known_us > as_of_us && row->future == 0 ? known_us : as_of_us;
    }
    return as_of_us;
}

void live_take(struct live *live, const struct live_batch *batch)
{
    const struct event_format *format = live->options.format;
    uint32_t count = batch->batch->row_count;
    live_range_advance(live->options.range, batch_as_of(live, batch->batch));
    live_look(live);
    for (uint32_t i = 0; i < count; i++) {
        if (i + PREFETCH_DISTANCE < count) {
            const struct event_row *ahead =
                event_batch_row(batch->batch, format, i + PREFETCH_DISTANCE);
            session_table_prefetch(&live->users, ahead->user_key);
        }
        struct live_hand hand = {batch, event_batch_row(batch->batch, format, i),
                                 batch->first_row + i};
        int64_t time_us = hand.row->time_us;
        if (time_us > live->as_of_us) {
            live_hold(live, time_us, hand.row->user_key);
        } else if (time_us >= live->day.from_us) {
            take_row(live, &hand);
        }
    }
}
