// SPDX-License-Identifier: Apache-2.0
// What was read from the store comes into the shard: before the first event (prime), or in exchange
// for the state of users who are pending, together with their rows of the tail (install).
#include "engine/live/live_private.h"
#include "engine/live/live_tail_rows.h"
#include "engine/live/live_way.h"
#include "storage/base/bytes.h"
#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define NOT_STORED UINT32_MAX
#define ITEM_CAPACITY_MIN 64u

// A user to be put into memory.
struct item {
    struct hash128 key;
    uint32_t stored; // index in the block, or NOT_STORED
    bool in_memory;  // when the block came
};

// A block under way.
struct install {
    struct live *live;
    const struct live_block *block;
    uint16_t *slices; // per funnel and number of a value: the shard's code
    struct item *items;
    uint32_t item_count;
    uint32_t item_capacity;
    struct live_way way;
    union canonical_value *values; // of the tail's row in hand
};

// Where a user stands after all its events.
struct standing {
    struct session_state session;
    bool any; // the session is one
    int64_t matter_us;
};

static void begin(struct install *install, struct live *live, const struct live_block *block)
{
    *install = (struct install){.live = live, .block = block};
    size_t numbers = (size_t)block->values.count + LIVE_SLICE_FIRST;
    install->slices = memory_allocate_zeroed(numbers * live->followed_count + 1, sizeof(uint16_t));
    install->values = memory_allocate_zeroed(live->options.plan->schema->column_count,
                                             sizeof(union canonical_value));
    live_way_init(&install->way, live->options.plan);
}

static void end(struct install *install)
{
    memory_free(install->slices);
    memory_free(install->items);
    memory_free(install->values);
    live_way_deinit(&install->way);
}

// The shard's code of a value of the block; 0 in the table means that it was not asked for yet.
static uint16_t slice_of(struct install *install, uint32_t funnel, uint16_t number)
{
    if (number < LIVE_SLICE_FIRST) {
        return number;
    }
    const struct live_values *values = &install->block->values;
    uint16_t *code = &install->slices[funnel * ((size_t)values->count + LIVE_SLICE_FIRST) + number];
    if (*code == 0) {
        *code = live_counts_code(&install->live->counts[funnel],
                                 values->texts[number - LIVE_SLICE_FIRST]);
    }
    return *code;
}

// The stored user's states, in the shard's codes, into the way; and how it stands.
static struct standing begin_user(struct install *install, uint32_t stored)
{
    struct standing standing = {.matter_us = LIVE_TIME_NONE};
    const struct live_block *block = install->block;
    live_way_begin(&install->way);
    if (stored == NOT_STORED) {
        return standing;
    }
    const struct live_block_user *user = &block->users[stored];
    const uint8_t *packed = block->states + (size_t)stored * block->state_size;
    for (uint32_t f = 0; f < install->live->followed_count; f++) {
        const struct live_rule *rule = &block->plan->followed[f].rule;
        struct live_state *state = &install->way.states[f];
        live_funnel_load(rule, packed, state);
        packed += live_funnel_packed_size(rule);
        state->slice = slice_of(install, f, state->slice);
        for (uint32_t k = 0; rule->sliced && k + 1 < rule->step_count; k++) {
            state->slices[k] = slice_of(install, f, state->slices[k]);
        }
    }
    if (user->held_us != INT64_MAX) {
        live_hold(install->live, user->held_us, user->key);
    }
    standing.any = user->session.last_us != LIVE_TIME_NONE;
    standing.session = user->session;
    standing.matter_us = user->matter_us;
    return standing;
}

static void step_session(const struct live *live, struct standing *standing, int64_t time_us)
{
    if (!standing->any) {
        standing->any = true;
        standing->session = session_begin(time_us);
    } else if (time_us >= standing->session.last_us) {
        session_step(&standing->session, time_us, live->options.session_timeout_us);
    }
}

// Takes a row of the tail; false where it belongs before something that was taken already.
static bool take_row(struct install *install, const struct live_tail *tail,
                     const struct live_tail_row *row, struct hash128 key, int64_t stored_us,
                     struct standing *standing)
{
    struct live *live = install->live;
    if (row->time_us > live->as_of_us) {
        live_hold(live, row->time_us, key);
        return true;
    }
    if (row->time_us < live->day.from_us) {
        return true;
    }
    step_session(live, standing, row->time_us);
    tail->values(tail->context, row->row, install->values);
    bool matches = live_match_values(live, install->values, row->time_us);
    if (!matches && install->values[COLUMN_ID_HASH].integer == COLUMN_INTEGER_MISSING) {
        return true;
    }
    if (row->time_us <= stored_us) {
        return false;
    }
    standing->matter_us = row->time_us;
    live_way_at(&install->way, row->time_us, install->values[COLUMN_SEQUENCE].integer);
    for (uint32_t f = 0; f < live->followed_count; f++) {
        if (live->events[f].steps != 0) {
            live_way_take(&install->way, f, live->events[f].steps, live->events[f].slice);
        }
    }
    return true;
}

static bool take_rows(struct install *install, const struct live_tail *tail,
                      struct live_tail_rows *rows, uint32_t index, struct standing *standing)
{
    const struct live_tail_row *first;
    uint32_t count;
    int64_t stored_us = standing->matter_us;
    bool exact = live_tail_rows_of(rows, index, &first, &count);
    for (uint32_t i = 0; exact && i < count; i++) {
        exact = take_row(install, tail, &first[i], install->items[index].key, stored_us, standing);
    }
    live_way_end(&install->way);
    return exact;
}

// Puts the way into the entry. What comes at the time of the last event that matters cannot be
// taken together with it any more: `recorded` without a record says so.
static void put(struct install *install, uint8_t *entry, struct session_user *user,
                const struct standing *standing)
{
    if (standing->any) {
        user->session = standing->session;
    }
    user->recorded = standing->any && standing->matter_us == standing->session.last_us;
    if (install->live->followed_count > 0) {
        bytes_store_u32(session_extra(entry), LIVE_RECENT_NONE);
        live_put_states(install->live, session_extra(entry) + LIVE_REFERENCE_SIZE,
                        install->way.states);
    }
}

void live_prime(struct live *live, const struct live_block *block)
{
    struct install install;
    begin(&install, live, block);
    for (uint32_t i = 0; i < block->user_count; i++) {
        bool is_new;
        bool returned;
        struct standing standing = begin_user(&install, i);
        if (!standing.any) {
            continue;
        }
        struct session_user user = {0};
        uint8_t *entry = session_table_find(&live->users, block->users[i].key, &is_new, &returned);
        live->session_count += block->users[i].session_count;
        put(&install, entry, &user, &standing);
        session_store(entry, &user);
    }
    end(&install);
}

void live_primed(struct live *live, bool good)
{
    live->primed = true;
    live->recount.everybody_wanted |= !good;
    live->recount.wanted |= !good;
    live_look(live);
}

static void add_item(struct install *install, struct hash128 key, uint32_t stored, bool in_memory)
{
    if (install->item_count == install->item_capacity) {
        install->item_capacity =
            install->item_capacity == 0 ? ITEM_CAPACITY_MIN : install->item_capacity * 2;
        install->items =
            memory_resize_array(install->items, install->item_capacity, sizeof(struct item));
    }
    install->items[install->item_count++] = (struct item){key, stored, in_memory};
}

// The users asked for who are still pending. Those who came back after they were dropped wait for
// the recount.
static void choose_asked(struct install *install, const struct hash128 *keys, uint32_t key_count)
{
    const struct live_block *block = install->block;
    uint32_t stored = 0;
    for (uint32_t i = 0; i < key_count; i++) {
        struct session_user user;
        const uint8_t *entry = session_table_look(&install->live->users, keys[i]);
        while (stored < block->user_count &&
               hash128_compare(block->users[stored].key, keys[i]) < 0) {
            stored++;
        }
        if (entry == NULL) {
            continue;
        }
        session_load(entry, &user);
        if (user.pending && !user.returned) {
            bool is_stored =
                stored < block->user_count && hash128_equal(block->users[stored].key, keys[i]);
            add_item(install, keys[i], is_stored ? stored : NOT_STORED, true);
        }
    }
}

// A user in memory whom the recount passes.
static void pass_user(struct install *install, uint8_t *entry, struct hash128 key, uint32_t stored)
{
    struct live_recount *recount = &install->live->recount;
    struct session_user user;
    session_load(entry, &user);
    user.mark = recount->mark;
    session_store(entry, &user);
    if (user.pending || recount->everybody) {
        add_item(install, key, stored, true);
    }
}

// A user who was dropped from memory, and of whom nothing came since: only counted.
static void count_dropped(struct install *install, uint32_t stored)
{
    begin_user(install, stored);
    for (uint32_t f = 0; f < install->live->followed_count; f++) {
        const struct live_state *state = &install->way.states[f];
        live_counts_drop(&install->live->counts[f], LIVE_DROPPED_FOUND, state->level, state->slice);
    }
}

static void choose_stored(struct install *install, const struct live_tail *tail)
{
    struct live *live = install->live;
    for (uint32_t i = 0; i < install->block->user_count; i++) {
        struct hash128 key = install->block->users[i].key;
        uint8_t *entry = session_table_look(&live->users, key);
        uint32_t tail_user;
        if (entry != NULL) {
            pass_user(install, entry, key, i);
        } else if (live->recount.everybody || tail->find_user(tail->context, key, &tail_user)) {
            add_item(install, key, i, false);
        } else {
            count_dropped(install, i);
        }
    }
}

static int compare_user(const void *key, const void *user)
{
    return hash128_compare(*(const struct hash128 *)key,
                           ((const struct live_block_user *)user)->key);
}

// Users of the range who are only in the tail.
static void choose_unstored(struct install *install, const struct live_tail *tail)
{
    const struct live_block *block = install->block;
    for (uint32_t i = 0; i < tail->user_count; i++) {
        struct hash128 key = tail->user_key(tail->context, i);
        if (hash128_compare(key, install->live->recount.next) < 0 ||
            (block->has_end && hash128_compare(key, block->end) >= 0) ||
            bsearch(&key, block->users, block->user_count, sizeof(*block->users), compare_user) !=
                NULL) {
            continue;
        }
        uint8_t *entry = session_table_look(&install->live->users, key);
        if (entry != NULL) {
            pass_user(install, entry, key, NOT_STORED);
        } else {
            add_item(install, key, NOT_STORED, false);
        }
    }
}

static int compare_items(const void *left, const void *right)
{
    return hash128_compare(((const struct item *)left)->key, ((const struct item *)right)->key);
}

// Nothing exact could be made of the user here: it waits for the next commit.
static void leave_pending(struct live *live, struct hash128 key, struct session_user *user)
{
    if (user->pending) {
        user->pending = false;
        live->pending_count--;
    }
    live_make_pending(live, key, user);
}

static void settle(struct live *live, struct session_user *user)
{
    live->settled_count++;
    if (!user->pending) {
        return;
    }
    user->pending = false;
    live->pending_count--;
    live->recount.settled_count += user->returned && live->recount.active;
}

static void install_item(struct install *install, const struct live_tail *tail,
                         struct live_tail_rows *rows, uint32_t index)
{
    struct live *live = install->live;
    const struct item *item = &install->items[index];
    struct standing standing = begin_user(install, item->stored);
    bool exact = take_rows(install, tail, rows, index, &standing);
    struct session_user user = {0};
    uint8_t *entry = session_table_look(&live->users, item->key);
    if (entry == NULL) {
        // Who was in memory when the block came made room for another of its users.
        if (item->in_memory || !standing.any) {
            return;
        }
        bool is_new;
        bool returned;
        entry = session_table_find(&live->users, item->key, &is_new, &returned);
        user.mark = live->recount.mark;
        user.session = standing.session;
    } else {
        session_load(entry, &user);
    }
    if (exact) {
        settle(live, &user);
        put(install, entry, &user, &standing);
    }
    // The recount leaves out what it counted for before.
    user.returned = user.returned && !install->block->is_range;
    if (!exact) {
        leave_pending(live, item->key, &user);
    }
    session_store(entry, &user);
}

static void install_items(struct install *install, const struct live_tail *tail)
{
    struct live_tail_rows rows;
    live_tail_rows_init(&rows, tail);
    for (uint32_t i = 0; i < install->item_count; i++) {
        live_tail_rows_want(&rows, install->items[i].key, i);
    }
    live_tail_rows_find(&rows);
    for (uint32_t i = 0; i < install->item_count; i++) {
        install_item(install, tail, &rows, i);
    }
    live_tail_rows_deinit(&rows);
}

static void end_recount(struct live *live)
{
    struct live_recount *recount = &live->recount;
    for (uint32_t f = 0; f < live->followed_count; f++) {
        live_counts_exchange(&live->counts[f]);
    }
    recount->active = false;
    recount->settled_count = 0;
    recount->dropped_now = 0;
}

void live_install(struct live *live, const struct live_block *block, const struct live_task *task,
                  const struct live_tail *tail)
{
    live_look(live);
    if (block->from_us != live->day.from_us || (block->is_range && !live->recount.active)) {
        return;
    }
    struct install install;
    begin(&install, live, block);
    if (block->is_range) {
        choose_stored(&install, tail);
        choose_unstored(&install, tail);
        if (install.item_count > 0) {
            qsort(install.items, install.item_count, sizeof(struct item), compare_items);
        }
        live->recount.next = block->has_end ? block->end : (struct hash128){UINT64_MAX, UINT64_MAX};
    } else {
        choose_asked(&install, task->keys, task->key_count);
    }
    install_items(&install, tail);
    if (block->is_range && !block->has_end) {
        end_recount(live);
    }
    end(&install);
    live_look(live);
}

void live_return(struct live *live, const struct live_task *task)
{
    for (uint32_t i = 0; task->kind == LIVE_TASK_USERS && i < task->key_count; i++) {
        if (!live_pending_add(&live->pending, task->keys[i])) {
            live->recount.wanted_fresh = true;
            return;
        }
    }
}

static void begin_recount(struct live *live)
{
    struct live_recount *recount = &live->recount;
    for (uint32_t f = 0; f < live->followed_count; f++) {
        live_counts_forget_found(&live->counts[f]);
    }
    recount->active = true;
    recount->wanted = false;
    recount->everybody = recount->everybody_wanted;
    recount->everybody_wanted = false;
    recount->mark = !recount->mark;
    recount->next = live->options.first_key;
    recount->dropped_now += recount->dropped_next;
    recount->dropped_next = 0;
}

void live_ask(struct live *live, struct live_task *task)
{
    struct live_recount *recount = &live->recount;
    task->kind = LIVE_TASK_NONE;
    if (!live->primed) {
        return;
    }
    bool scan = recount->active || recount->wanted;
    bool users = live->pending.ready_count > 0;
    if (users && !(scan && live->scan_turn)) {
        live->scan_turn = true;
        task->kind = LIVE_TASK_USERS;
        task->key_count = live_pending_take(&live->pending, task->keys, task->key_max);
        return;
    }
    live->scan_turn = false;
    if (scan) {
        if (!recount->active) {
            begin_recount(live);
        }
        task->kind = LIVE_TASK_RANGE;
        task->from = recount->next;
    }
}
