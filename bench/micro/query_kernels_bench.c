// SPDX-License-Identifier: Apache-2.0
/// The inner loops of a cold funnel question per row, scalar and AVX2:
/// byte codes with exceptions widened, times summed up per user, bitmaps of step rows, values
/// spread over users' rows. query_kernels_bench [ROUNDS]. Both forms must show the same hash.
#include "bench/micro/micro.h"
#include "engine/query/query_bitmaps.h"
#include "storage/base/cpu.h"
#include "storage/base/hash.h"
#include "storage/base/memory.h"
#include "storage/encoding/encoding_kernels.h"

#include <stdbool.h>

#define ROW_COUNT 65536u

struct bench {
    uint8_t *codes;
    uint32_t *words;
    uint32_t *row_counts;
    uint32_t user_count;
    uint8_t kinds[QUERY_KIND_COUNT];
    uint32_t *values;
    uint64_t *bitmaps;
};

static uint32_t draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static void generate(struct bench *bench)
{
    uint64_t state = 42;
    bench->codes = memory_allocate(ROW_COUNT);
    bench->words = memory_allocate((ROW_COUNT + ENCODING_KERNEL_SLACK) * sizeof(uint32_t));
    bench->row_counts = memory_allocate(ROW_COUNT * sizeof(uint32_t));
    bench->values = memory_allocate_zeroed(ROW_COUNT, sizeof(uint32_t));
    bench->bitmaps = memory_allocate_zeroed(2 * (ROW_COUNT / 64 + 1), sizeof(uint64_t));
    for (uint32_t i = 0; i < ROW_COUNT; i++) {
        bench->codes[i] = draw(&state) % 7 == 0 ? 255 : (uint8_t)(draw(&state) % 200);
        bench->words[i] = draw(&state) % 100000;
    }
    for (uint32_t left = ROW_COUNT; left > 0;) {
        uint32_t rows = 1 + draw(&state) % 50;
        rows = rows < left ? rows : left;
        bench->row_counts[bench->user_count++] = rows;
        left -= rows;
    }
    bench->kinds[3] = QUERY_KIND_ENTRY;
    bench->kinds[5] = QUERY_KIND_LATER;
    bench->kinds[9] = QUERY_KIND_LATER;
}

static void expand_scalar(struct bench *bench)
{
    encoding_expand_bytes_scalar(bench->codes, 255, bench->words, bench->values, ROW_COUNT);
}

static void expand_avx2(struct bench *bench)
{
    encoding_expand_bytes_avx2(bench->codes, 255, bench->words, bench->values, ROW_COUNT);
}

static void sum_scalar(struct bench *bench)
{
    encoding_sum_up_users_scalar(bench->row_counts, bench->user_count, bench->words, bench->words,
                                 bench->values);
}

static void sum_avx2(struct bench *bench)
{
    encoding_sum_up_users_avx2(bench->row_counts, bench->user_count, bench->words, bench->words,
                               bench->values);
}

static void bitmaps_scalar(struct bench *bench)
{
    query_bitmaps_fill_scalar(bench->codes, ROW_COUNT, bench->kinds, bench->bitmaps,
                              bench->bitmaps + ROW_COUNT / 64 + 1);
}

static void bitmaps_avx2(struct bench *bench)
{
    query_bitmaps_fill_avx2(bench->codes, ROW_COUNT, bench->kinds, bench->bitmaps,
                            bench->bitmaps + ROW_COUNT / 64 + 1);
}

static void spread(struct bench *bench)
{
    encoding_spread_bytes(bench->row_counts, bench->user_count, bench->codes,
                          (uint8_t *)bench->values);
}

struct call {
    struct bench *bench;
    void (*kernel)(struct bench *);
};

static uint64_t run(void *context)
{
    const struct call *call = context;
    call->kernel(call->bench);
    return 0;
}

static uint64_t hash(void *context)
{
    const struct bench *bench = ((const struct call *)context)->bench;
    return hash_bytes64(bench->values, ROW_COUNT * sizeof(uint32_t)) ^
           hash_bytes64(bench->bitmaps, 2 * (ROW_COUNT / 64 + 1) * sizeof(uint64_t));
}

int main(int argument_count, char **arguments)
{
    struct bench bench = {0};
    struct micro micro = micro_begin(argument_count, arguments);
    generate(&bench);
    static const struct {
        const char *name;
        void (*kernel)(struct bench *);
        bool avx2;
    } kernels[] = {
        {"expand scalar", expand_scalar, false},
        {"expand avx2", expand_avx2, true},
        {"sum up scalar", sum_scalar, false},
        {"sum up avx2", sum_avx2, true},
        {"bitmaps scalar", bitmaps_scalar, false},
        {"bitmaps avx2", bitmaps_avx2, true},
        {"spread", spread, false},
    };
    for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
        struct call call = {&bench, kernels[i].kernel};
        if (!kernels[i].avx2 || cpu_has_avx2()) {
            micro_run_hashed(&micro, kernels[i].name, ROW_COUNT, run, hash, &call);
        }
    }
    memory_free(bench.codes);
    memory_free(bench.words);
    memory_free(bench.row_counts);
    memory_free(bench.values);
    memory_free(bench.bitmaps);
    return 0;
}
