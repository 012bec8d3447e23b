// SPDX-License-Identifier: Apache-2.0
/// What every event pays once, per event: its time read (alone, and after one of the same day), its
/// user's key, its row's digest. row_bench [ROUNDS].
#include "bench/micro/micro.h"
#include "ingest/decode/timestamp_cache.h"
#include "storage/base/hash.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/column/row_digest.h"

#define ROW_COUNT 32768u
#define ROWS_PER_USER 8u
#define ENTRY_COUNT 64u
#define TIME_SIZE 24u
#define ID_SIZE 16u

enum { PAGE = COLUMN_SYSTEM_COUNT, COUNTRY, COLUMNS };

struct bench {
    struct arena arena;
    struct schema schema;
    struct dictionary dictionaries[COLUMNS];
    struct column_values columns[COLUMNS];
    uint32_t offsets[ENTRY_COUNT + 1];
    char entries[ENTRY_COUNT * 16];
    char times[ROW_COUNT][TIME_SIZE + 1];
    char ids[ROW_COUNT / ROWS_PER_USER][ID_SIZE + 1];
    struct row_digester digester;
};

static uint64_t run_times(void *context)
{
    struct bench *bench = context;
    struct timestamp_rule rule = {.unit = TIMESTAMP_AUTO};
    uint64_t hash = 0;
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        int64_t time_us = 0;
        bool floored;
        struct text text = {bench->times[row], TIME_SIZE};
        hash += (uint64_t)timestamp_parse(&rule, text, &time_us, &floored);
        hash = hash * 31 + (uint64_t)time_us;
    }
    return hash;
}

static uint64_t run_cached_times(void *context)
{
    struct bench *bench = context;
    struct timestamp_rule rule = {.unit = TIMESTAMP_AUTO};
    struct timestamp_cache cache = {0};
    uint64_t hash = 0;
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        int64_t time_us = 0;
        bool floored;
        struct text text = {bench->times[row], TIME_SIZE};
        hash += (uint64_t)timestamp_cache_parse(&cache, &rule, text, &time_us, &floored);
        hash = hash * 31 + (uint64_t)time_us;
    }
    return hash;
}

static uint64_t run_keys(void *context)
{
    struct bench *bench = context;
    struct hash_secret secret = {0};
    struct hash128 sum = {0};
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        struct text id = {bench->ids[row / ROWS_PER_USER], ID_SIZE};
        sum = hash128_add(sum, hash_user(&secret, (uint8_t)(row % 2), id));
    }
    return sum.low;
}

static uint64_t run_digests(void *context)
{
    struct bench *bench = context;
    struct hash128 sum = {0};
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        if (row % ROWS_PER_USER == 0) {
            struct text id = {bench->ids[row / ROWS_PER_USER], ID_SIZE};
            row_digester_user(&bench->digester, 0, id);
        }
        sum = hash128_add(sum, row_digester_row(&bench->digester, bench->columns, row));
    }
    return sum.low;
}

static void make_texts(struct bench *bench, uint64_t *state)
{
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        uint32_t second = row * 2;
        snprintf(bench->times[row], sizeof(bench->times[row]), "2026-11-22T%02u:%02u:%02u.%03uZ",
                 second / 3600 % 24, second / 60 % 60, second % 60, micro_draw(state, 1000));
    }
    for (uint32_t user = 0; user < ROW_COUNT / ROWS_PER_USER; user++) {
        snprintf(bench->ids[user], sizeof(bench->ids[user]), "user-%011u", user * 7919);
    }
    for (uint32_t entry = 0; entry < ENTRY_COUNT; entry++) {
        bench->offsets[entry + 1] =
            bench->offsets[entry] +
            (uint32_t)snprintf(bench->entries + bench->offsets[entry], 16, "/page/%04u", entry);
    }
}

/// Names, times, amounts of some and two attributes, as a shop's log has them.
static void make_rows(struct bench *bench, uint64_t *state)
{
    static const uint32_t used[] = {COLUMN_TIME, COLUMN_NAME, COLUMN_AMOUNT, PAGE, COUNTRY};
    struct corong_error error = {0};
    uint32_t added;
    schema_init(&bench->schema, &bench->arena);
    ASSERT(schema_add(&bench->schema, &bench->arena, TEXT_LITERAL("page"), COLUMN_STRING, &added,
                      &error) == CORONG_OK);
    ASSERT(schema_add(&bench->schema, &bench->arena, TEXT_LITERAL("country"), COLUMN_STRING, &added,
                      &error) == CORONG_OK);
    for (size_t index = 0; index < sizeof(used) / sizeof(used[0]); index++) {
        uint32_t column = used[index];
        struct column_values *values = &bench->columns[column];
        if (bench->schema.columns[column].type == COLUMN_STRING) {
            values->codes = arena_allocate_zeroed(&bench->arena, ROW_COUNT, sizeof(uint32_t));
            bench->dictionaries[column] =
                (struct dictionary){ENTRY_COUNT, bench->offsets, bench->entries};
        } else {
            values->integers = arena_allocate_zeroed(&bench->arena, ROW_COUNT, sizeof(int64_t));
        }
        for (uint32_t row = 0; row < ROW_COUNT; row++) {
            if (values->codes != NULL) {
                values->codes[row] = micro_draw(state, ENTRY_COUNT);
            } else if (column == COLUMN_AMOUNT && row % 32 != 0) {
                values->integers[row] = COLUMN_INTEGER_MISSING;
            } else {
                values->integers[row] = INT64_C(1790000000000000) + micro_draw(state, 1000000000);
            }
        }
    }
}

int main(int argument_count, char **arguments)
{
    struct micro micro = micro_begin(argument_count, arguments);
    struct bench *bench = memory_allocate_zeroed(1, sizeof(*bench));
    uint64_t state = 42;
    make_texts(bench, &state);
    make_rows(bench, &state);
    row_digester_init(&bench->digester, &bench->schema, bench->dictionaries);
    micro_run(&micro, "timestamp", ROW_COUNT, run_times, bench);
    micro_run(&micro, "timestamp, same day", ROW_COUNT, run_cached_times, bench);
    micro_run(&micro, "user key", ROW_COUNT, run_keys, bench);
    micro_run(&micro, "row digest", ROW_COUNT, run_digests, bench);
    row_digester_deinit(&bench->digester);
    arena_deinit(&bench->arena);
    memory_free(bench);
    return 0;
}
