// SPDX-License-Identifier: Apache-2.0
#include "engine/query/identity/identity_resolve.h"
#include "storage/base/memory.h"
#include "tests/model/oracle.h"
#include "tests/model/oracle_identity.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define ID_COUNT 2600
#define LINK_COUNT_MAX 2600

static struct identity_link made[LINK_COUNT_MAX];
static struct oracle_link plain[LINK_COUNT_MAX];
static char words[ID_COUNT][16];
static uint32_t count;

// Even ids are known, odd ones anonymous, and id / 2 is in their text, as the oracle has it.
static struct hash128 key_of(int id)
{
    char bytes[16];
    int size = snprintf(bytes, sizeof(bytes), "%d", id);
    return hash_bytes128(bytes, (size_t)size);
}

static struct text word_of(int id)
{
    snprintf(words[id], sizeof(words[id]), "u%d", id / 2);
    return text_from(words[id]);
}

static void begin(void)
{
    count = 0;
}

static void add(int64_t time_us, enum identity_kind kind, int from, int to)
{
    cr_assert(count < LINK_COUNT_MAX);
    made[count] = (struct identity_link){.time_us = time_us,
                                         .id_hash = COLUMN_INTEGER_MISSING,
                                         .kind = kind,
                                         .from_key = key_of(from),
                                         .to_key = key_of(to),
                                         .from = word_of(from),
                                         .to = word_of(to)};
    plain[count++] =
        (struct oracle_link){time_us, 0, ORACLE_NONE, (enum oracle_link_kind)kind, from, to};
}

// Who an id belongs to, by text and by what the oracle says; and all counts.
static void expect_oracle(struct arena *arena, struct identity_resolution *resolution)
{
    static int person[ID_COUNT];
    struct oracle_identity oracle = {.person = person};
    for (uint32_t i = 0; i < count; i++) {
        int larger = plain[i].from > plain[i].to ? plain[i].from : plain[i].to;
        oracle.id_count = larger >= oracle.id_count ? larger + 1 : oracle.id_count;
    }
    qsort(made, count, sizeof(*made), identity_link_compare);
    identity_resolve(made, count, arena, resolution);
    oracle_identity(plain, (int)count, IDENTITY_PERSON_ID_COUNT_MAX, IDENTITY_KIOSK_COUNT, &oracle);
    const struct identity_counts *counts = &resolution->counts;
    cr_assert_eq(counts->links, (uint64_t)oracle.links);
    cr_assert_eq(counts->aliases, (uint64_t)oracle.aliases);
    cr_assert_eq(counts->members, (uint64_t)oracle.members);
    cr_assert_eq(counts->persons, (uint64_t)oracle.persons);
    cr_assert_eq(counts->conflicts, (uint64_t)oracle.conflicts);
    cr_assert_eq(counts->kiosks, (uint64_t)oracle.kiosks);
    cr_assert_eq(counts->over_limit, (uint64_t)oracle.over_limit);
    for (int id = 0; id < oracle.id_count; id++) {
        const struct identity_member *member = identity_find(resolution, key_of(id));
        cr_assert_eq(member == NULL, person[id] == id, "id %d", id);
        if (member != NULL) {
            cr_assert(hash128_equal(resolution->persons[member->person].key, key_of(person[id])));
        }
    }
}

static struct identity_counts counts_of(void)
{
    struct arena arena = {0};
    struct identity_resolution resolution;
    expect_oracle(&arena, &resolution);
    arena_deinit(&arena);
    return resolution.counts;
}

Test(identity_resolve, test_earliest_link_wins_and_others_are_conflicts)
{
    begin();
    add(5, IDENTITY_ANONYMOUS, 1, 0);
    add(3, IDENTITY_ANONYMOUS, 1, 2);
    struct arena arena = {0};
    struct identity_resolution resolution;
    expect_oracle(&arena, &resolution);
    const struct identity_member *member = identity_find(&resolution, key_of(1));
    cr_assert(text_equal(resolution.persons[member->person].id, TEXT_LITERAL("u1")));
    cr_expect_eq(resolution.counts.conflicts, 1);
    arena_deinit(&arena);
}

Test(identity_resolve, test_two_known_ids_are_one_person_by_an_alias_only)
{
    begin();
    add(1, IDENTITY_ANONYMOUS, 1, 0);
    add(2, IDENTITY_ANONYMOUS, 1, 2);
    cr_expect_eq(counts_of().conflicts, 1);
    cr_expect_eq(counts_of().members, 1);
    add(9, IDENTITY_ALIAS, 0, 2);
    cr_expect_eq(counts_of().conflicts, 0, "both links lead to one person now");
    cr_expect_eq(counts_of().members, 2);
}

Test(identity_resolve, test_previous_id_that_is_known_already_stays)
{
    begin();
    add(1, IDENTITY_PREVIOUS, 0, 2);
    cr_expect_eq(counts_of().members, 1);
    begin();
    add(1, IDENTITY_ANONYMOUS, 1, 0); // 0 is known from here on
    add(2, IDENTITY_PREVIOUS, 0, 2);
    cr_expect_eq(counts_of().conflicts, 1);
    begin();
    add(1, IDENTITY_PREVIOUS, 0, 2);
    add(2, IDENTITY_PREVIOUS, 2, 0); // a circle ends at the first
    cr_expect_eq(counts_of().members, 1);
    cr_expect_eq(counts_of().conflicts, 0);
}

Test(identity_resolve, test_a_thousand_ids_are_one_person)
{
    begin();
    for (int i = 0; i < (int)IDENTITY_PERSON_ID_COUNT_MAX - 1; i++) {
        add(i, IDENTITY_ANONYMOUS, 2 * i + 1, 0);
    }
    cr_expect_eq(counts_of().members, IDENTITY_PERSON_ID_COUNT_MAX - 1);
    cr_expect_eq(counts_of().over_limit, 0);
    add(9999, IDENTITY_ANONYMOUS, 2 * (int)IDENTITY_PERSON_ID_COUNT_MAX + 1, 0);
    cr_expect_eq(counts_of().members, IDENTITY_PERSON_ID_COUNT_MAX - 1);
    cr_expect_eq(counts_of().over_limit, 1);
    add(-1, IDENTITY_ALIAS, 2, 0); // comes first: then the last of the others is one too many
    cr_expect_eq(counts_of().members, IDENTITY_PERSON_ID_COUNT_MAX - 1);
    cr_expect_eq(counts_of().over_limit, 2);
}

Test(identity_resolve, test_ten_known_ids_make_a_kiosk)
{
    begin();
    for (int i = 0; i < (int)IDENTITY_KIOSK_COUNT - 1; i++) {
        add(i, IDENTITY_ANONYMOUS, 1, 2 * i);
    }
    cr_expect_eq(counts_of().kiosks, 0);
    add(99, IDENTITY_ANONYMOUS, 1, 2 * (int)IDENTITY_KIOSK_COUNT);
    cr_expect_eq(counts_of().kiosks, 1);
    cr_expect_eq(counts_of().members, 1, "it belongs to the earliest all the same");
}

static bool has_pair(enum identity_kind kind, int from, int to)
{
    for (uint32_t i = 0; i < count; i++) {
        if ((int)plain[i].kind == (int)kind && plain[i].from == from && plain[i].to == to) {
            return true;
        }
    }
    return false;
}

Test(identity_resolve, test_random_links_are_resolved_as_the_oracle_does)
{
    struct test_random random = test_random_start(test_random_seed());
    for (uint64_t round = 0; round < test_scaled(150); round++) {
        uint32_t span = 4 + test_random_below(&random, 60);
        uint32_t wanted = test_random_below(&random, 120);
        begin();
        for (uint32_t i = 0; i < wanted; i++) {
            enum identity_kind kind = (enum identity_kind)test_random_below(&random, 3);
            int from = 2 * (int)test_random_below(&random, span) + (kind == IDENTITY_ANONYMOUS);
            int to = 2 * (int)test_random_below(&random, span);
            if (!has_pair(kind, from, to)) {
                add(test_random_below(&random, 40), kind, from, to);
            }
        }
        counts_of();
    }
}
