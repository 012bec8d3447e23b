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
    struct reject_letter first = {.reason = REJECT_NOT_JSON,
                                  .source = TEXT_LITERAL("a.log"),
                                  .offset = 17,
                                  .message = TEXT_LITERAL("{\"x\":\x01}")};
    struct reject_letter second = {.reason = REJECT_TIME_RANGE,
                                   .source = TEXT_LITERAL(""),
                                   .offset = -1,
                                   .event_index = 5,
                                   .message = TEXT_LITERAL("")};
    reject_record(log, &counters, &first, NULL, "byte 3");
    reject_record(log, &counters, &second, NULL, NULL);
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
        struct reject_letter written = {.reason = REJECT_NOT_JSON,
                                        .source = {message, sizeof(message)},
                                        .offset = index,
                                        .message = {message, sizeof(message)}};
        reject_record(log, &counters, &written, NULL, "detail");
    }
    cr_expect_eq(counters.rejected[REJECT_NOT_JSON], 9);
    cr_expect_eq(log->sample_counts[REJECT_NOT_JSON], REJECT_SAMPLE_COUNT);
    cr_expect_lt(strlen(log->samples[REJECT_NOT_JSON][4].excerpt), REJECT_SAMPLE_SIZE);
    cr_expect_eq(log->samples[REJECT_NOT_JSON][4].offset, 4);
    log_destroy(log);
}

static void check_every_cut_and_flip(struct reject_log *log)
{
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
}

Test(reject, test_every_cut_and_flip_is_found)
{
    struct reject_log *log = log_create();
    struct store_counters counters = {0};
    struct metadata metadata = {
        .key = TEXT_LITERAL("k"), .timestamp_us = 5, .partition = METADATA_NO_PARTITION};
    struct reject_letter written = {.reason = REJECT_NOT_UTF8,
                                    .source = TEXT_LITERAL("s"),
                                    .offset = 1,
                                    .event_index = 2,
                                    .message = TEXT_LITERAL("m")};
    reject_record(log, &counters, &written, NULL, "");
    check_every_cut_and_flip(log);
    text_buffer_reset(&log->dead_letters);
    reject_record(log, &counters, &written, &metadata, "");
    check_every_cut_and_flip(log);
    log_destroy(log);
}

Test(reject, test_letters_keep_what_lies_beside_the_message)
{
    struct reject_log *log = log_create();
    struct store_counters counters = {0};
    struct metadata_header headers[] = {{TEXT_LITERAL("country"), TEXT_LITERAL("DE")},
                                        {TEXT_LITERAL("empty"), TEXT_LITERAL("")},
                                        {TEXT_LITERAL("none"), TEXT_MISSING}};
    struct metadata written = {.key = TEXT_LITERAL(""),
                               .timestamp_us = -7,
                               .topic = TEXT_LITERAL("clicks"),
                               .partition = 3,
                               .headers = headers,
                               .header_count = 3};
    struct reject_letter letter = {.reason = REJECT_NOT_JSON,
                                   .source = TEXT_LITERAL("clicks/3"),
                                   .event_index = UINT32_MAX,
                                   .message = TEXT_LITERAL("x")};
    reject_record(log, &counters, &letter, &written, "");
    struct text frames = {log->dead_letters.bytes, log->dead_letters.size};
    struct corong_error error = {0};
    struct metadata_room room = {0};
    cr_assert(reject_letter_next(&frames, &letter, &error));
    cr_expect(text_equal(letter.message, TEXT_LITERAL("x")));
    cr_assert(metadata_read(letter.metadata, &room));
    cr_expect(text_equal(room.metadata.key, written.key));
    cr_expect(text_equal(room.metadata.topic, written.topic));
    cr_expect_eq(room.metadata.timestamp_us, -7);
    cr_expect_eq(room.metadata.partition, 3);
    cr_assert_eq(room.metadata.header_count, 3);
    for (uint32_t index = 0; index < 3; index++) {
        cr_expect(text_equal(room.metadata.headers[index].name, headers[index].name));
        cr_expect(text_equal(room.metadata.headers[index].value, headers[index].value));
    }
    for (size_t cut = 0; cut < letter.metadata.size; cut++) {
        cr_expect_not(metadata_read((struct text){letter.metadata.bytes, cut}, &room));
    }
    metadata_room_deinit(&room);
    log_destroy(log);
}

Test(reject, test_too_much_metadata_loses_headers_first_and_then_the_key)
{
    struct text_buffer out = {0};
    struct metadata_room room = {0};
    char *bytes = memory_allocate_zeroed(METADATA_SIZE_MAX, 1);
    // u8, i64, u32, key with its size, u32: what is left for the key where there is nothing else.
    size_t fits = METADATA_SIZE_MAX - 1 - 8 - 4 - 4 - 4 - 4;
    struct metadata_header header = {TEXT_LITERAL("h"), TEXT_LITERAL("v")};
    struct metadata metadata = {
        .key = {bytes, fits}, .timestamp_us = 1, .headers = &header, .header_count = 1};
    metadata_append(&out, &metadata);
    cr_expect_leq(out.size, METADATA_SIZE_MAX);
    cr_assert(metadata_read((struct text){out.bytes, out.size}, &room));
    cr_expect_eq(room.metadata.key.size, fits);
    cr_expect_eq(room.metadata.header_count, 0);
    text_buffer_reset(&out);
    metadata.key.size++;
    metadata_append(&out, &metadata);
    cr_assert(metadata_read((struct text){out.bytes, out.size}, &room));
    cr_expect_null(room.metadata.key.bytes);
    cr_expect_eq(room.metadata.header_count, 1);
    metadata_room_deinit(&room);
    text_buffer_deinit(&out);
    memory_free(bytes);
}
