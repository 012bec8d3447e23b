// SPDX-License-Identifier: Apache-2.0
#include "ingest/reject.h"

#include "storage/base/bytes.h"
#include "storage/base/memory.h"

#include <criterion/criterion.h>
#include <string.h>

static struct reject_log *log_create(void)
{
    return memory_allocate_zeroed(1, sizeof(struct reject_log));
}

static void log_destroy(struct reject_log *log)
{
    reject_log_deinit(log);
    memory_free(log);
}

Test(reject, test_every_reason_has_a_word_and_a_sentence)
{
    for (int reason = 0; reason < REJECT_REASON_COUNT; reason++) {
        cr_expect_not_null(reject_reason_name((enum reject_reason)reason));
        cr_expect_not_null(reject_reason_sentence((enum reject_reason)reason));
        for (int other = 0; other < reason; other++) {
            cr_expect_str_neq(reject_reason_name((enum reject_reason)reason),
                              reject_reason_name((enum reject_reason)other));
        }
    }
    cr_expect_str_eq(reject_reason_name((enum reject_reason)99), "unknown");
}

Test(reject, test_letters_read_back_what_was_recorded)
{
    struct reject_log *log = log_create();
    struct store_counters counters = {0};
    reject_record(log, &counters, REJECT_NOT_JSON, TEXT_LITERAL("a.log"), 17, 0, "byte 3",
                  TEXT_LITERAL("{\"x\":\x01}"));
    reject_record(log, &counters, REJECT_TIME_RANGE, TEXT_LITERAL(""), -1, 5, NULL,
                  TEXT_LITERAL(""));
    cr_expect_eq(counters.rejected[REJECT_NOT_JSON], 1);
    cr_expect_eq(counters.rejected[REJECT_TIME_RANGE], 1);
    cr_expect_eq(counters.messages_rejected, 0);
    cr_expect_eq(log->sample_counts[REJECT_NOT_JSON], 1);
    cr_expect_str_eq(log->samples[REJECT_NOT_JSON][0].excerpt, "{\"x\":\\x01}");
    cr_expect_str_eq(log->samples[REJECT_NOT_JSON][0].detail, "byte 3");
    cr_expect_str_eq(log->samples[REJECT_NOT_JSON][0].source, "a.log");
    struct text frames = {log->dead_letters.bytes, log->dead_letters.size};
    struct reject_letter letter;
    struct corong_error error = {0};
    cr_assert(reject_letter_next(&frames, &letter, &error));
    cr_expect_eq(letter.reason, REJECT_NOT_JSON);
    cr_expect_eq(letter.offset, 17);
    cr_expect(text_equal(letter.source, TEXT_LITERAL("a.log")));
    cr_expect(text_equal(letter.message, TEXT_LITERAL("{\"x\":\x01}")));
    cr_assert(reject_letter_next(&frames, &letter, &error));
    cr_expect_eq(letter.event_index, 5);
    cr_expect_eq(letter.message.size, 0);
    cr_expect_not(reject_letter_next(&frames, &letter, &error));
    cr_expect_eq(error.status, CORONG_OK);
    log_destroy(log);
}

Test(reject, test_samples_stop_at_five_and_fit)
{
    struct reject_log *log = log_create();
    struct store_counters counters = {0};
    char message[1000];
    memset(message, 1, sizeof(message));
    for (int index = 0; index < 9; index++) {
        reject_record(log, &counters, REJECT_NOT_JSON, (struct text){message, sizeof(message)},
                      index, 0, "detail", (struct text){message, sizeof(message)});
    }
    cr_expect_eq(counters.rejected[REJECT_NOT_JSON], 9);
    cr_expect_eq(log->sample_counts[REJECT_NOT_JSON], REJECT_SAMPLE_COUNT);
    cr_expect_lt(strlen(log->samples[REJECT_NOT_JSON][4].excerpt), REJECT_SAMPLE_SIZE);
    cr_expect_eq(log->samples[REJECT_NOT_JSON][4].offset, 4);
    log_destroy(log);
}

Test(reject, test_every_cut_and_flip_is_found)
{
    struct reject_log *log = log_create();
    struct store_counters counters = {0};
    reject_record(log, &counters, REJECT_NOT_UTF8, TEXT_LITERAL("s"), 1, 2, "", TEXT_LITERAL("m"));
    size_t size = log->dead_letters.size;
    struct reject_letter letter;
    for (size_t cut = 1; cut < size; cut++) {
        struct corong_error error = {0};
        char *copy = memory_allocate(cut);
        memcpy(copy, log->dead_letters.bytes, cut);
        struct text frames = {copy, cut};
        cr_expect_not(reject_letter_next(&frames, &letter, &error));
        cr_expect_eq(error.status, CORONG_CORRUPT);
        cr_expect_eq(frames.size, 0);
        memory_free(copy);
    }
    for (size_t at = 0; at < size; at++) {
        struct corong_error error = {0};
        struct text frames = {log->dead_letters.bytes, size};
        log->dead_letters.bytes[at] = (char)(log->dead_letters.bytes[at] ^ 0x10);
        cr_expect_not(reject_letter_next(&frames, &letter, &error), "byte %zu", at);
        cr_expect_eq(error.status, CORONG_CORRUPT);
        log->dead_letters.bytes[at] = (char)(log->dead_letters.bytes[at] ^ 0x10);
    }
    log_destroy(log);
}
