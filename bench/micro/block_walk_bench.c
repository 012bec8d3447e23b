// SPDX-License-Identifier: Apache-2.0
/// engine/query/block over one row group of the standard shape: bitmaps of step rows, then each
/// user's level, per row. block_walk_bench [ROUNDS]. "long" takes the way of users of many rows for
/// everybody, "unmasked" knows nothing of the names that a user has: all must show the same hash.
/// Then the sessions of the same rows, a row group at once as questions find them and event by
/// event as the live view does: their hash is how many there are.
#include "bench/micro/micro.h"
#include "engine/query/block/block_walk.h"
#include "engine/query/query_bitmaps.h"
#include "engine/query/query_session_cuts.h"
#include "engine/session/session_rule.h"
#include "storage/base/hash.h"
#include "storage/base/memory.h"

#define ROW_COUNT 65536u
#define STEP_COUNT 4u
#define DAY_S 86400u
#define TIMEOUT_US (INT64_C(30) * 60 * 1000000)

struct bench {
    uint8_t *names; ///< 0 view, 1 click, 2 add to cart, 3 checkout, 4 order
    uint32_t *seconds;
    uint32_t *row_counts;
    uint32_t *reach;
    uint32_t *reach_unmasked; ///< all steps, for everybody
    uint32_t user_count;
    uint64_t *entries;
    uint64_t *later;
    uint64_t *found; ///< by user
    struct block_lane lane;
};

static uint8_t draw_name(uint64_t *state)
{
    uint32_t draw = micro_draw(state, 1000);
    return draw < 680 ? 0 : draw < 910 ? 1 : draw < 967 ? 2 : draw < 988 ? 3 : 4;
}

/// Levels that the names of a user's rows allow, as name masks say.
static uint32_t reach_of(const uint8_t *names, uint32_t count)
{
    static const uint8_t STEPS[STEP_COUNT] = {0, 2, 3, 4};
    uint32_t reach = 0;
    while (reach < STEP_COUNT && memchr(names, STEPS[reach], count) != NULL) {
        reach++;
    }
    return reach;
}

static void add_user(struct bench *bench, uint32_t row, uint32_t count, uint64_t *state)
{
    uint32_t seconds = micro_draw(state, 20 * DAY_S);
    for (uint32_t i = row; i < row + count; i++) {
        seconds +=
            1 + (micro_draw(state, 8) == 0 ? micro_draw(state, DAY_S) : micro_draw(state, 90));
        bench->seconds[i] = seconds;
        bench->names[i] = draw_name(state);
    }
    bench->reach[bench->user_count] = reach_of(bench->names + row, count);
    bench->reach_unmasked[bench->user_count] = STEP_COUNT;
    bench->row_counts[bench->user_count++] = count;
}

static void generate(struct bench *bench)
{
    uint64_t state = 7;
    bench->names = memory_allocate(ROW_COUNT);
    bench->seconds = memory_allocate(ROW_COUNT * sizeof(uint32_t));
    bench->row_counts = memory_allocate(ROW_COUNT * sizeof(uint32_t));
    bench->reach = memory_allocate(ROW_COUNT * sizeof(uint32_t));
    bench->reach_unmasked = memory_allocate(ROW_COUNT * sizeof(uint32_t));
    bench->found = memory_allocate_zeroed(ROW_COUNT, sizeof(uint64_t));
    bench->entries = memory_allocate_zeroed(ROW_COUNT / 64 + 2, sizeof(uint64_t));
    bench->later = memory_allocate_zeroed(ROW_COUNT / 64 + 2, sizeof(uint64_t));
    for (uint32_t row = 0; row < ROW_COUNT;) {
        uint32_t count = 1 + micro_draw(&state, micro_draw(&state, 20) == 0 ? 400 : 30);
        count = count < ROW_COUNT - row ? count : ROW_COUNT - row;
        add_user(bench, row, count, &state);
        row += count;
    }
    struct block_lane *lane = &bench->lane;
    lane->entries = bench->entries;
    lane->later = bench->later;
    lane->times = (struct query_times){.units = bench->seconds, .power = 1000000};
    lane->classes = bench->names;
    lane->last_row = ROW_COUNT - 1;
    lane->max_us = INT64_MAX; // some attempts are open, some are not: times are looked at
    for (uint32_t name = 0; name < 5; name++) {
        lane->steps_of_class[name] = name == 0 ? 1 : name == 1 ? 0 : UINT32_C(1) << (name - 1);
    }
}

static uint64_t walk_all(struct bench *bench, const uint32_t *reach,
                         bool (*walk)(struct block_user *user))
{
    static const uint8_t KINDS[QUERY_KIND_COUNT] = {QUERY_KIND_ENTRY, 0, QUERY_KIND_LATER,
                                                    QUERY_KIND_LATER, QUERY_KIND_LATER};
    struct block_user user = {.run_count = 1, .step_count = STEP_COUNT, .open_from_us = 1};
    user.window_us = INT64_C(7) * DAY_S * 1000000;
    query_bitmaps_fill(bench->names, ROW_COUNT, KINDS, bench->entries, bench->later);
    uint32_t row = 0;
    for (uint32_t i = 0; i < bench->user_count; i++) {
        uint32_t end = row + bench->row_counts[i];
        user.runs[0] = (struct block_run){&bench->lane, row, end, end};
        user.row_count = end - row;
        user.reach = reach[i];
        user.level = 0;
        bool known = user.reach == 0 || walk(&user);
        // Won ones are not open: the last moment of an entry is not asked for.
        uint64_t last_us = user.level < STEP_COUNT ? (uint64_t)user.last_us : 0;
        uint64_t found = last_us * 8 + user.level + ((uint64_t)user.entry_row << 44);
        bench->found[i] = !known ? UINT64_MAX : user.level == 0 ? 0 : found;
        row = end;
    }
    return hash_bytes64(bench->found, bench->user_count * sizeof(*bench->found));
}

static uint64_t run_words(void *context)
{
    struct bench *bench = context;
    return walk_all(bench, bench->reach, block_walk);
}

static uint64_t run_unmasked(void *context)
{
    struct bench *bench = context;
    return walk_all(bench, bench->reach_unmasked, block_walk);
}

static uint64_t run_long(void *context)
{
    struct bench *bench = context;
    return walk_all(bench, bench->reach, block_walk_long);
}

static uint64_t run_sessions(void *context)
{
    const struct bench *bench = context;
    const struct query_session_rows rows = {
        .times = bench->seconds,
        .power = 1000000,
        .row_count = ROW_COUNT,
        .user_row_counts = bench->row_counts,
        .user_count = bench->user_count,
    };
    query_session_cuts_fill(&rows, TIMEOUT_US, bench->later);
    uint64_t sessions = 0;
    for (uint32_t word = 0; word <= ROW_COUNT / 64; word++) {
        sessions += (uint64_t)__builtin_popcountll(bench->later[word]);
    }
    return sessions;
}

static uint64_t run_steps(void *context)
{
    const struct bench *bench = context;
    uint64_t sessions = 0;
    uint32_t row = 0;
    for (uint32_t i = 0; i < bench->user_count; i++) {
        uint32_t end = row + bench->row_counts[i];
        struct session_state state = session_begin((int64_t)bench->seconds[row] * 1000000);
        sessions++;
        for (row++; row < end; row++) {
            sessions += session_step(&state, (int64_t)bench->seconds[row] * 1000000, TIMEOUT_US);
        }
    }
    return sessions;
}

int main(int argument_count, char **arguments)
{
    struct micro micro = micro_begin(argument_count, arguments);
    struct bench *bench = memory_allocate_zeroed(1, sizeof(*bench));
    generate(bench);
    micro_run(&micro, "block walk", ROW_COUNT, run_words, bench);
    micro_run(&micro, "block walk, long", ROW_COUNT, run_long, bench);
    micro_run(&micro, "block walk, unmasked", ROW_COUNT, run_unmasked, bench);
    micro_run(&micro, "session cuts", ROW_COUNT, run_sessions, bench);
    micro_run(&micro, "session steps", ROW_COUNT, run_steps, bench);
    memory_free(bench->names);
    memory_free(bench->seconds);
    memory_free(bench->row_counts);
    memory_free(bench->reach);
    memory_free(bench->reach_unmasked);
    memory_free(bench->found);
    memory_free(bench->entries);
    memory_free(bench->later);
    memory_free(bench);
    return 0;
}
