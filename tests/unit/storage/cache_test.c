// SPDX-License-Identifier: Apache-2.0
#include "storage/cache/cache.h"

#include "tests/support/segment_sample.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_SIZE 1000u

static struct cache_key key_of(uint32_t number)
{
    return (struct cache_key){
        .uuid = {1, 2, 3, (uint8_t)(number % 4)}, .group = number, .part = number % 7};
}

/// A head of one number and a body that follows from it.
static void put(struct cache *cache, uint32_t number)
{
    uint8_t body[BODY_SIZE];
    memset(body, (int)(number & 0xff), sizeof(body));
    struct cache_key key = key_of(number);
    const struct cache_bytes parts[] = {{&number, sizeof(number)}, {body, sizeof(body)}};
    cache_put(cache, &key, parts, 2);
}

/// The block, after its content was checked; or NULL.
static struct cache_block *find(struct cache *cache, uint32_t number)
{
    struct cache_key key = key_of(number);
    struct cache_block *block = cache_find(cache, &key);
    if (block == NULL) {
        return NULL;
    }
    const uint8_t *bytes = cache_block_bytes(block);
    uint32_t head;
    memcpy(&head, bytes, sizeof(head));
    cr_assert_eq(head, number);
    for (uint32_t index = 0; index < BODY_SIZE; index++) {
        cr_assert_eq(bytes[cache_aligned(sizeof(head)) + index], number & 0xff);
    }
    return block;
}

static bool has(struct cache *cache, uint32_t number)
{
    struct cache_block *block = find(cache, number);
    cache_unpin(cache, block);
    return block != NULL;
}

Test(cache, test_what_was_put_is_found_and_nothing_else)
{
    struct cache *cache = cache_create(UINT64_C(64) << 20);
    for (uint32_t number = 0; number < 10000; number += 2) {
        put(cache, number);
        put(cache, number); // once only
    }
    for (uint32_t number = 0; number < 10000; number++) {
        cr_assert_eq(has(cache, number), number % 2 == 0, "%u", number);
    }
    struct cache_figures figures = cache_read(cache);
    cr_assert_eq(figures.block_count, 5000);
    cr_assert_eq(figures.found, 5000);
    cr_assert_eq(figures.missed, 5000);
    cr_assert_eq(figures.refused, 5000);
    cache_destroy(cache);
}

Test(cache, test_the_budget_is_kept)
{
    struct cache *cache = cache_create(UINT64_C(1) << 20);
    for (uint32_t number = 0; number < 20000; number++) {
        put(cache, number);
        struct cache_figures figures = cache_read(cache);
        cr_assert_leq(figures.used_bytes, figures.budget_bytes);
    }
    cr_assert_gt(cache_read(cache).block_count, 700, "and used: a block takes about 1,150 bytes");
    cache_destroy(cache);
}

Test(cache, test_without_a_budget_or_a_cache_nothing_is_kept)
{
    struct cache *cache = cache_create(0);
    put(cache, 1);
    cr_assert_not(has(cache, 1));
    cache_destroy(cache);
    put(NULL, 1);
    cr_assert_not(has(NULL, 1));
    cache_destroy(NULL);
}

Test(cache, test_a_pinned_block_stays)
{
    struct cache *cache = cache_create(UINT64_C(1) << 18);
    put(cache, 7);
    struct cache_block *pinned = find(cache, 7);
    cr_assert_not_null(pinned);
    for (uint32_t number = 100; number < 50000; number++) {
        put(cache, number);
    }
    cr_assert(has(cache, 7));
    cache_unpin(cache, pinned);
    for (uint32_t number = 50000; number < 150000; number++) {
        put(cache, number);
    }
    cr_assert_not(has(cache, 7), "nobody asked for it for long");
    cache_destroy(cache);
}

Test(cache, test_reading_more_than_fits_again_and_again_finds_a_part)
{
    const uint32_t count = 2000; // twice what fits
    struct cache *cache = cache_create(UINT64_C(1) << 20);
    for (uint32_t round = 0; round < 6; round++) {
        for (uint32_t number = 0; number < count; number++) {
            if (!has(cache, number)) {
                put(cache, number);
            }
        }
    }
    struct cache_figures figures = cache_read(cache);
    cr_assert_gt(figures.found, 5 * count / 4, "found %lu of %u", figures.found, 5 * count);
    cache_destroy(cache);
}

static bool is_third(const void *context, const uint8_t *uuid)
{
    return uuid[3] == *(const uint8_t *)context;
}

Test(cache, test_what_is_gone_is_forgotten_unless_it_is_pinned)
{
    const uint8_t third = 2;
    struct cache *cache = cache_create(UINT64_C(64) << 20);
    for (uint32_t number = 0; number < 4000; number++) {
        put(cache, number);
    }
    struct cache_block *pinned = find(cache, 6);
    uint64_t before = cache_read(cache).used_bytes;
    cache_forget(cache, is_third, &third);
    for (uint32_t number = 0; number < 4000; number++) {
        cr_assert_eq(has(cache, number), number % 4 != 2 || number == 6, "%u", number);
    }
    cr_assert_eq(cache_read(cache).block_count, 3001);
    cr_assert_lt(cache_read(cache).used_bytes, before * 76 / 100);
    cache_unpin(cache, pinned);
    cache_forget(cache, is_third, &third);
    cr_assert_not(has(cache, 6));
    put(cache, 2);
    cr_assert(has(cache, 2), "it may come back");
    cache_destroy(cache);
    cache_forget(NULL, is_third, &third);
}

Test(cache, test_all_may_be_gone)
{
    struct cache *cache = cache_create(UINT64_C(1) << 20);
    for (uint8_t which = 0; which < 4; which++) {
        for (uint32_t number = 0; number < 100; number++) {
            put(cache, number);
        }
        for (uint8_t gone = 0; gone < 4; gone++) {
            cache_forget(cache, is_third, &gone);
        }
        cr_assert_eq(cache_read(cache).block_count, 0);
        cr_assert_eq(cache_read(cache).used_bytes, 0);
    }
    cache_destroy(cache);
}

static void *scan(void *argument)
{
    struct cache *cache = argument;
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t number = 0; number < 1500; number++) {
            if (!has(cache, number)) {
                put(cache, number);
            }
        }
    }
    return NULL;
}

Test(cache, test_threads_share_it)
{
    pthread_t threads[4];
    struct cache *cache = cache_create(UINT64_C(1) << 20);
    for (uint32_t index = 0; index < 4; index++) {
        cr_assert_eq(pthread_create(&threads[index], NULL, scan, cache), 0);
    }
    for (uint32_t index = 0; index < 4; index++) {
        pthread_join(threads[index], NULL);
    }
    struct cache_figures figures = cache_read(cache);
    cr_assert_leq(figures.used_bytes, figures.budget_bytes);
    cr_assert_gt(figures.found, 0);
    cache_destroy(cache);
}

/// Reads a segment several times with a cache of so many bytes.
static void read_with(struct segment_sample *sample, struct segment_reader *reader, uint64_t budget)
{
    struct corong_error error = {0};
    struct cache *cache = cache_create(budget);
    segment_reader_use_cache(reader, cache);
    for (uint32_t round = 0; round < 3; round++) {
        cr_assert_eq(segment_sample_compare(sample, reader, &error), CORONG_OK, "%s",
                     error.message);
    }
    if (budget > UINT64_C(16) << 20) {
        cr_assert_gt(cache_read(cache).found, 0);
        cr_assert_leq(cache_read(cache).missed, cache_read(cache).found);
    }
    cache_destroy(cache);
}

Test(cache, test_a_segment_reads_the_same_with_and_without)
{
    char directory[] = "/tmp/corong_cache_XXXXXX";
    char path[sizeof(directory) + 48];
    cr_assert_not_null(mkdtemp(directory));
    const struct sample_options options = {.seed = 11,
                                           .user_count = 300,
                                           .rows_per_user_max = 40,
                                           .name_count = 9,
                                           .time_step_us = 1,
                                           .ids = SAMPLE_IDS_NATURAL};
    struct segment_sample sample;
    struct segment_meta meta;
    struct corong_error error = {0};
    segment_sample_init(&sample, &options);
    cr_assert_eq(segment_sample_write(&sample, directory, 0x5a, 500, &meta, &error), CORONG_OK);
    const uint64_t budgets[] = {0, 100000, UINT64_C(64) << 20};
    for (size_t index = 0; index < sizeof(budgets) / sizeof(budgets[0]); index++) {
        struct segment_reader *reader;
        cr_assert_eq(segment_reader_open(&reader, directory, &meta, &error), CORONG_OK);
        read_with(&sample, reader, budgets[index]);
        segment_reader_close(reader);
    }
    segment_sample_deinit(&sample);
    snprintf(path, sizeof(path), "%s/5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a.fseg", directory);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(directory), 0);
}
