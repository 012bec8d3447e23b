// SPDX-License-Identifier: Apache-2.0
/// What a shard does with an event: its ring, its tables of users, strings and sessions, its tail's
/// rows, sort and flush; per event. shard_bench [ROUNDS].
#include "bench/micro/micro.h"
#include "engine/event/lane.h"
#include "engine/session/session.h"
#include "engine/shard/symbol_table.h"
#include "engine/shard/tail.h"
#include "engine/shard/user_table.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <unistd.h>

#define EVENT_COUNT 32768u
#define USER_COUNT 4000u
#define WORD_COUNT 5000u
#define WORD_SIZE 24u
#define BATCH_BYTES (4u << 20)
#define BATCH_COUNT 4u
#define BUDGET_BYTES (UINT64_C(64) << 20)

static const struct hash_secret secret = {{1, 2}};

struct bench {
    struct hash128 keys[EVENT_COUNT];
    char words[WORD_COUNT][WORD_SIZE];
    struct text texts[EVENT_COUNT];
    struct packed_text packed[EVENT_COUNT]; // short ones
    char ids[USER_COUNT][WORD_SIZE];
    uint32_t users[EVENT_COUNT];
    struct lane lane;
    struct arena arena;
    struct schema schema;
    struct event_format format;
    struct event_batch *batches[BATCH_COUNT];
    struct tail_options tail;
};

static void generate(struct bench *bench)
{
    uint64_t state = 42;
    for (uint32_t word = 0; word < WORD_COUNT; word++) {
        snprintf(bench->words[word], WORD_SIZE, "/shop/page/%u", word);
    }
    for (uint32_t user = 0; user < USER_COUNT; user++) {
        snprintf(bench->ids[user], WORD_SIZE, "user-%08u", user * 977);
    }
    for (uint32_t index = 0; index < EVENT_COUNT; index++) {
        // A few make most of the events.
        uint32_t user = micro_draw(&state, USER_COUNT);
        user = micro_draw(&state, 4) == 0 ? user : user % (USER_COUNT / 20);
        bench->users[index] = user;
        bench->keys[index] = hash_user(&secret, 0, text_from(bench->ids[user]));
        bench->texts[index] = text_from(bench->words[micro_draw(&state, WORD_COUNT)]);
        bench->packed[index] = packed_text_over(bench->texts[index]);
    }
}

static uint64_t run_lane(void *context)
{
    struct bench *bench = context;
    uint64_t hash = 0;
    for (uint32_t index = 0; index < EVENT_COUNT; index += 512) {
        for (uint32_t word = 0; word < 512; word++) {
            ASSERT(lane_push(&bench->lane, index + word));
        }
        for (uint32_t word = 0; word < 512; word++) {
            uintptr_t popped = 0;
            ASSERT(lane_pop(&bench->lane, &popped));
            hash = hash * 31 + popped;
        }
    }
    return hash;
}

static uint64_t run_users(void *context)
{
    struct bench *bench = context;
    struct user_table table;
    uint64_t hash = 0;
    user_table_init(&table);
    for (uint32_t index = 0; index < EVENT_COUNT; index++) {
        const char *id = bench->ids[bench->users[index]];
        struct user_id user = {packed_text_over(text_from(id)), 0};
        hash = hash * 31 + user_table_resolve(&table, bench->keys[index], &user, id);
    }
    user_table_deinit(&table);
    return hash;
}

static uint64_t run_symbols(void *context)
{
    struct bench *bench = context;
    struct symbol_table table;
    uint64_t hash = 0;
    symbol_table_init(&table, &secret);
    for (uint32_t index = 0; index < EVENT_COUNT; index += SYMBOL_BATCH_COUNT_MAX) {
        uint32_t codes[SYMBOL_BATCH_COUNT_MAX];
        struct symbol_batch batch = {
            bench->packed + index, sizeof(struct packed_text), SYMBOL_BATCH_COUNT_MAX, NULL, {0}};
        symbol_table_hash(&table, &batch);
        symbol_table_fetch(&table, &batch);
        symbol_table_resolve(&table, &batch, codes);
        for (uint32_t code = 0; code < SYMBOL_BATCH_COUNT_MAX; code++) {
            hash = hash * 31 + codes[code];
        }
    }
    symbol_table_deinit(&table);
    return hash;
}

static uint64_t run_sessions(void *context)
{
    struct bench *bench = context;
    struct session_table table;
    uint64_t hash = 0;
    session_table_init(&table, 16, BUDGET_BYTES);
    for (uint32_t index = 0; index < EVENT_COUNT; index++) {
        bool is_new;
        bool returned;
        struct session_user user;
        int64_t time_us = (int64_t)index * 200 * 1000;
        uint8_t *entry = session_table_find(&table, bench->keys[index], &is_new, &returned);
        if (is_new) {
            user = (struct session_user){.session = session_begin(time_us)};
        } else {
            session_load(entry, &user);
        }
        hash += !is_new && session_step(&user.session, time_us, 30 * MICROSECONDS_PER_MINUTE);
        session_store(entry, &user);
    }
    hash = hash * 31 + table.user_count;
    session_table_deinit(&table);
    return hash;
}

static void fill_batches(struct bench *bench)
{
    uint32_t index;
    struct corong_error error = {0};
    schema_init(&bench->schema, &bench->arena);
    ASSERT(schema_add(&bench->schema, &bench->arena, TEXT_LITERAL("page"), COLUMN_STRING, &index,
                      &error) == CORONG_OK);
    event_format_init(&bench->format, &bench->schema);
    for (uint32_t batch = 0; batch < BATCH_COUNT; batch++) {
        bench->batches[batch] = event_batch_create(BATCH_BYTES);
    }
    for (uint32_t at = 0; at < EVENT_COUNT; at++) {
        union canonical_value values[COLUMN_SYSTEM_COUNT + 1];
        values[COLUMN_NAME].string = at % 3 == 0 ? TEXT_LITERAL("click") : TEXT_LITERAL("view");
        values[COLUMN_SEQUENCE].integer = 0;
        values[COLUMN_ID_HASH].integer = COLUMN_INTEGER_MISSING;
        values[COLUMN_RECEIVED].integer = COLUMN_INTEGER_MISSING;
        values[COLUMN_AMOUNT].integer = COLUMN_INTEGER_MISSING;
        values[COLUMN_CURRENCY].string = TEXT_MISSING;
        values[COLUMN_SYSTEM_COUNT].string = bench->texts[at];
        struct event event = {.user_id = text_from(bench->ids[bench->users[at]]),
                              .time_us = (int64_t)at * MICROSECONDS_PER_SECOND,
                              .values = values};
        ASSERT(event_batch_append(bench->batches[at / (EVENT_COUNT / BATCH_COUNT)], &bench->format,
                                  &event, bench->keys[at]));
    }
    bench->tail = (struct tail_options){.format = &bench->format,
                                        .secret = &secret,
                                        .period_us = MICROSECONDS_PER_DAY * 30,
                                        .zstd_level = 1,
                                        .budget_bytes = BUDGET_BYTES};
}

static struct tail *filled_tail(const struct bench *bench)
{
    struct tail *tail = tail_create(&bench->tail);
    for (uint32_t batch = 0; batch < BATCH_COUNT; batch++) {
        tail_append(tail, bench->batches[batch]);
    }
    return tail;
}

static uint64_t run_append(void *context)
{
    struct tail *tail = filled_tail(context);
    uint64_t hash = tail->row_count * UINT64_C(31) + tail->user_table.count;
    tail_discard(tail);
    tail_destroy(tail);
    return hash;
}

static uint64_t run_sort(void *context)
{
    struct tail *tail = filled_tail(context);
    uint64_t hash = 0;
    tail_sort(tail);
    for (uint32_t row = 0; row < tail->flush.row_count; row++) {
        // Who and when; where the row lies is the flush's own affair.
        uint32_t at = tail->flush.rows[row];
        hash = hash * 31 + tail->users[at] + (uint64_t)tail->columns[COLUMN_TIME].integers[at];
    }
    tail_sort_release(tail);
    tail_discard(tail);
    tail_destroy(tail);
    return hash;
}

static uint64_t run_flush(void *context)
{
    struct tail *tail = filled_tail(context);
    struct segment_meta meta;
    struct corong_error error = {0};
    int descriptor;
    tail_sort(tail);
    ASSERT(tail_write_period(tail, &meta, &descriptor, &error) == CORONG_OK);
    uint64_t hash = meta.row_count * UINT64_C(31) + meta.user_count;
    close(descriptor);
    tail_sort_release(tail);
    tail_discard(tail);
    tail_destroy(tail);
    return hash;
}

int main(int argument_count, char **arguments)
{
    struct micro micro = micro_begin(argument_count, arguments);
    struct bench *bench = memory_allocate_zeroed(1, sizeof(*bench));
    generate(bench);
    lane_init(&bench->lane, 1024, 0);
    fill_batches(bench);
    micro_run(&micro, "ring push and pop", EVENT_COUNT, run_lane, bench);
    micro_run(&micro, "user table", EVENT_COUNT, run_users, bench);
    micro_run(&micro, "symbol table", EVENT_COUNT, run_symbols, bench);
    micro_run(&micro, "session table", EVENT_COUNT, run_sessions, bench);
    micro_run(&micro, "tail append", EVENT_COUNT, run_append, bench);
    micro_run(&micro, "tail append and sort", EVENT_COUNT, run_sort, bench);
    micro_run(&micro, "tail append, sort, write", EVENT_COUNT, run_flush, bench);
    for (uint32_t batch = 0; batch < BATCH_COUNT; batch++) {
        event_batch_destroy(bench->batches[batch]);
    }
    lane_deinit(&bench->lane);
    arena_deinit(&bench->arena);
    memory_free(bench);
    return 0;
}
