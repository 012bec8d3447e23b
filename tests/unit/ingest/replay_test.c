// SPDX-License-Identifier: Apache-2.0
#include "ingest/replay/replay.h"
#include "storage/base/text.h"
#include "tests/support/input_files.h"
#include "tests/support/store_directory.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_SIZE 65536u

/// What a source gave, lines joined by '|'; too long and truncated ones marked.
struct heard {
    struct text_buffer text;
    uint32_t messages;
    int64_t last_next_offset;
    bool failed;
    struct corong_error error;
    struct store_position last;
};

static struct replay_plan *plan_of(const char *const *paths, uint32_t count, struct store *store,
                                   uint32_t size_max, struct corong_error *error)
{
    struct replay_options options = {
        .paths = paths, .path_count = count, .message_size_max = size_max};
    struct replay_plan *plan = NULL;
    return replay_plan_create(&plan, &options, store, error) == CORONG_OK ? plan : NULL;
}

static struct replay_plan *plan_ok(const char *path, struct store *store)
{
    struct corong_error error = {0};
    struct replay_plan *plan = plan_of(&path, 1, store, LINE_MAX_SIZE, &error);
    cr_assert_not_null(plan, "%s", error.message);
    return plan;
}

static void hear_message(struct heard *heard, const struct source_message *message)
{
    cr_assert_geq(message->offset, heard->last_next_offset == 0 ? 0 : heard->last_next_offset);
    heard->last_next_offset = message->next_offset;
    heard->messages++;
    if (heard->text.size < 100000) {
        text_buffer_append(&heard->text, message->bytes.bytes, message->bytes.size);
        text_buffer_append_string(&heard->text, message->too_long ? "<long>" : "");
        text_buffer_append_string(&heard->text, message->truncated ? "<cut>|" : "|");
    }
}

/// Reads until the end or `message_max` messages.
static struct heard hear(struct replay_plan *plan, uint32_t file,
                         const struct store_position *start, uint32_t message_max)
{
    struct heard heard = {0};
    struct source *source;
    if (replay_open(&source, plan, &plan->files[file], start, &heard.error) != CORONG_OK) {
        heard.failed = true;
        return heard;
    }
    struct source_message message;
    enum source_poll result = SOURCE_IDLE;
    while (heard.messages < message_max && result != SOURCE_END && result != SOURCE_FAILED) {
        result = source->operations->poll(source, &message, &heard.error);
        if (result == SOURCE_MESSAGE) {
            hear_message(&heard, &message);
        }
    }
    heard.failed = result == SOURCE_FAILED;
    source->operations->position(source, 0, &heard.last);
    source->operations->close(source);
    return heard;
}

static void hear_done(struct heard *heard)
{
    text_buffer_deinit(&heard->text);
}

static void check_lines(const void *bytes, size_t size, const char *expected)
{
    char *directory = input_files_create();
    char *path = input_files_write(directory, "in", bytes, size);
    struct replay_plan *plan = plan_ok(path, NULL);
    struct heard heard = hear(plan, 0, NULL, UINT32_MAX);
    cr_assert_not(heard.failed, "%s", heard.error.message);
    cr_assert_str_eq(heard.text.bytes == NULL ? "" : heard.text.bytes, expected);
    hear_done(&heard);
    replay_plan_destroy(plan);
    free(path);
    input_files_remove(directory);
}

Test(replay, test_lines_end_with_lf_or_crlf_and_the_last_needs_no_end)
{
    check_lines("a\nb\r\n\nlast", 10, "a|b||last|");
    check_lines("", 0, "");
    check_lines("\n", 1, "|");
    check_lines("x", 1, "x|");
    check_lines("x\r", 2, "x|");
}

Test(replay, test_byte_order_mark_belongs_to_no_line)
{
    check_lines("\xef\xbb\xbf"
                "a\nb\n",
                7, "a|b|");
}

static void *lines_make(uint32_t count, size_t *size_out)
{
    struct text_buffer text = {0};
    for (uint32_t index = 0; index < count; index++) {
        text_buffer_printf(&text, "{\"line\":%u,\"pad\":\"%0*u\"}\n", index, (int)(index % 90), 0u);
    }
    *size_out = text.size;
    return text.bytes;
}

enum packing { PLAIN, GZIP, GZIP_MEMBERS, ZSTD, ZSTD_FRAMES, PACKING_COUNT };

/// Compresses `bytes` whole or in two pieces.
static struct text_buffer pack(enum packing packing, const char *bytes, size_t size)
{
    struct text_buffer packed = {0};
    size_t half = packing == GZIP_MEMBERS || packing == ZSTD_FRAMES ? size / 2 + 3 : size;
    size_t from = 0;
    while (from < size) {
        size_t piece = size - from < half ? size - from : half;
        size_t out_size = piece;
        void *out = NULL;
        if (packing == GZIP || packing == GZIP_MEMBERS) {
            out = input_files_gzip(bytes + from, piece, &out_size);
        } else if (packing != PLAIN) {
            out = input_files_zstd(bytes + from, piece, &out_size);
        }
        text_buffer_append(&packed, out == NULL ? bytes + from : out, out_size);
        free(out);
        from += piece;
    }
    return packed;
}

Test(replay, test_every_packing_gives_the_same_lines_positions_and_identity)
{
    size_t size;
    char *bytes = lines_make(60000, &size); // several windows
    struct store_position first = {0};
    for (enum packing packing = PLAIN; packing < PACKING_COUNT; packing++) {
        char *directory = input_files_create();
        struct text_buffer packed = pack(packing, bytes, size);
        char *path = input_files_write(directory, "in.dat", packed.bytes, packed.size);
        struct replay_plan *plan = plan_ok(path, NULL);
        struct heard heard = hear(plan, 0, NULL, UINT32_MAX);
        cr_assert_not(heard.failed, "%s", heard.error.message);
        cr_assert_eq(heard.messages, 60000);
        cr_assert_eq(heard.last.next_offset, (int64_t)size);
        first = packing == PLAIN ? heard.last : first;
        cr_assert(hash128_equal(heard.last.id, first.id));
        cr_assert_eq(heard.last.anchor_hash, first.anchor_hash);
        cr_assert_eq(heard.last.anchor_offset, (int64_t)size - 4096);
        hear_done(&heard);
        replay_plan_destroy(plan);
        text_buffer_deinit(&packed);
        free(path);
        input_files_remove(directory);
    }
    text_buffer_deinit(&(struct text_buffer){bytes, 0, 0});
}

Test(replay, test_resume_at_any_message_gives_the_rest)
{
    size_t size;
    char *bytes = lines_make(30000, &size);
    static const uint32_t stops[] = {1, 2, 45, 1000, 13001, 29999, 30000};
    for (enum packing packing = PLAIN; packing < PACKING_COUNT; packing++) {
        char *directory = input_files_create();
        struct text_buffer packed = pack(packing, bytes, size);
        char *path = input_files_write(directory, "in", packed.bytes, packed.size);
        for (size_t at = 0; at < sizeof(stops) / sizeof(stops[0]); at++) {
            struct replay_plan *plan = plan_ok(path, NULL);
            struct heard before = hear(plan, 0, NULL, stops[at]);
            struct heard after = hear(plan, 0, &before.last, UINT32_MAX);
            cr_assert_not(after.failed, "%s", after.error.message);
            cr_assert_eq(before.messages + after.messages, 30000);
            cr_assert_eq(after.last.next_offset, (int64_t)size);
            char expected[64];
            snprintf(expected, sizeof(expected), "{\"line\":%u,", stops[at]);
            cr_assert(stops[at] == 30000 ||
                      strncmp(after.text.bytes, expected, strlen(expected)) == 0);
            hear_done(&before);
            hear_done(&after);
            replay_plan_destroy(plan);
        }
        text_buffer_deinit(&packed);
        free(path);
        input_files_remove(directory);
    }
    text_buffer_deinit(&(struct text_buffer){bytes, 0, 0});
}

/// A line of `size` bytes between two short ones, read with a limit of 1000.
static void check_long(size_t size, const char *end, bool too_long)
{
    struct text_buffer text = {0};
    text_buffer_append_string(&text, "a\n");
    memset(text_buffer_reserve(&text, size), 'x', size);
    text.size += size;
    text_buffer_append_string(&text, end);
    text_buffer_append_string(&text, "b\n");
    char *directory = input_files_create();
    char *path = input_files_write(directory, "in", text.bytes, text.size);
    struct corong_error error = {0};
    struct replay_plan *plan = plan_of((const char *const *)&path, 1, NULL, 1000, &error);
    struct heard heard = hear(plan, 0, NULL, UINT32_MAX);
    cr_assert_eq(heard.messages, 3);
    cr_assert_eq(strstr(heard.text.bytes, "x<long>|b|") != NULL, too_long, "%zu", size);
    cr_assert_eq(heard.last.next_offset, (int64_t)text.size);
    struct heard again = hear(plan, 0, &heard.last, UINT32_MAX);
    cr_assert(!again.failed && again.messages == 0, "%s", again.error.message);
    hear_done(&heard);
    hear_done(&again);
    replay_plan_destroy(plan);
    text_buffer_deinit(&text);
    free(path);
    input_files_remove(directory);
}

Test(replay, test_overlong_line_is_delivered_short_and_passed_over)
{
    check_long(999, "\n", false);
    check_long(1000, "\n", false);
    check_long(1000, "\r\n", false);
    check_long(1001, "\n", true);
    check_long(1001, "\r\n", true);
    check_long(5u << 20, "\n", true);
    check_long((1u << 20) + (1u << 17) - 2, "\n", true); // fills the window exactly
}

Test(replay, test_position_inside_an_overlong_line_is_the_end_of_the_line_before)
{
    size_t size = 4u << 20;
    char *bytes = calloc(1, size);
    memset(bytes, 'x', size);
    memset(bytes, 'y', 9000);
    bytes[9000] = '\n';
    char *directory = input_files_create();
    char *path = input_files_write(directory, "in", bytes, size);
    struct corong_error error = {0};
    struct replay_plan *plan = plan_of((const char *const *)&path, 1, NULL, 20000, &error);
    struct heard first = hear(plan, 0, NULL, 1);
    struct source *source;
    cr_assert_eq(replay_open(&source, plan, &plan->files[0], NULL, &error), CORONG_OK);
    struct source_message message;
    uint32_t idle = 0;
    struct store_position inside = {0};
    enum source_poll result;
    while ((result = source->operations->poll(source, &message, &error)) != SOURCE_END) {
        idle += result == SOURCE_IDLE;
        if (result == SOURCE_IDLE) {
            source->operations->position(source, 0, &inside);
            cr_assert_eq(inside.next_offset, 9001);
            cr_assert_eq(inside.anchor_hash, first.last.anchor_hash);
        }
    }
    cr_assert_gt(idle, 1);
    source->operations->close(source);
    hear_done(&first);
    replay_plan_destroy(plan);
    free(bytes);
    free(path);
    input_files_remove(directory);
}

/// Line `index` of a file that is long even where it is packed; some are longer than a block.
static size_t long_file_line(uint32_t index, char *to)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/";
    size_t size = index % 1500 == 700 ? 50000 + (size_t)index * 31 : index * 7 % 300;
    uint64_t state = index * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (size_t at = 0; at < size; at++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        to[at] = digits[state >> 58];
    }
    return size;
}
#define LONG_FILE_LINES 9000u
#define LONG_FILE_LINE_MAX (1u << 20)

static struct text_buffer long_file(void)
{
    struct text_buffer text = {0};
    for (uint32_t index = 0; index < LONG_FILE_LINES; index++) {
        text.size += long_file_line(index, text_buffer_reserve(&text, LONG_FILE_LINE_MAX));
        text_buffer_append_string(&text, "\n");
    }
    return text;
}

/// Reads from line `first` on up to `end`, or to where the stream fails. Returns the next line's
/// number.
static uint32_t check_long_file(struct replay_plan *plan, const struct store_position *start,
                                uint32_t first, uint32_t end, struct store_position *last_out)
{
    static char expected[LONG_FILE_LINE_MAX];
    struct corong_error error = {0};
    struct source *source;
    struct source_message message;
    enum source_poll result = SOURCE_IDLE;
    cr_assert_eq(replay_open(&source, plan, &plan->files[0], start, &error), CORONG_OK);
    while (first < end && result != SOURCE_END && result != SOURCE_FAILED) {
        result = source->operations->poll(source, &message, &error);
        if (result == SOURCE_MESSAGE) {
            size_t size = long_file_line(first, expected);
            cr_assert(message.bytes.size == size &&
                          memcmp(message.bytes.bytes, expected, size) == 0,
                      "line %u: %zu bytes for %zu", first, message.bytes.size, size);
            first++;
        }
    }
    source->operations->position(source, 0, last_out);
    if (result == SOURCE_END) {
        uint64_t done;
        uint64_t total;
        source->operations->progress(source, &done, &total);
        cr_assert(done == total && total > 0, "%llu of %llu bytes", (unsigned long long)done,
                  (unsigned long long)total);
    }
    source->operations->close(source);
    return first;
}

Test(replay, test_blocks_read_ahead_give_every_line_also_those_longer_than_a_block)
{
    static const uint32_t stops[] = {0, 702, 7000};
    struct text_buffer text = long_file();
    for (enum packing packing = PLAIN; packing < PACKING_COUNT; packing++) {
        struct text_buffer packed = pack(packing, text.bytes, text.size);
        cr_assert_gt(packed.size, 3u << 19);
        char *directory = input_files_create();
        char *path = input_files_write(directory, "in", packed.bytes, packed.size);
        struct corong_error error = {0};
        struct replay_plan *plan =
            plan_of((const char *const *)&path, 1, NULL, LONG_FILE_LINE_MAX, &error);
        for (size_t at = 0; at < sizeof(stops) / sizeof(stops[0]); at++) {
            struct store_position last = {0};
            struct store_position *start = stops[at] == 0 ? NULL : &last;
            uint32_t read = stops[at] == 0 ? 0 : check_long_file(plan, NULL, 0, stops[at], &last);
            read = check_long_file(plan, start, read, UINT32_MAX, &last);
            cr_assert_eq(read, LONG_FILE_LINES);
            cr_assert_eq(last.next_offset, (int64_t)text.size);
        }
        replay_plan_destroy(plan);
        text_buffer_deinit(&packed);
        free(path);
        input_files_remove(directory);
    }
    text_buffer_deinit(&text);
}

Test(replay, test_damage_is_told_by_whoever_reads_ahead)
{
    struct text_buffer text = long_file();
    // The frames here have no checksum: what zstd makes of damage may look sound.
    for (enum packing packing = GZIP; packing <= GZIP_MEMBERS; packing++) {
        struct text_buffer packed = pack(packing, text.bytes, text.size);
        memset(packed.bytes + packed.size * 3 / 4, 0xa5, 64);
        char *directory = input_files_create();
        char *path = input_files_write(directory, "broken", packed.bytes, packed.size);
        struct replay_plan *plan = plan_ok(path, NULL);
        struct heard heard = hear(plan, 0, NULL, UINT32_MAX);
        cr_assert(heard.failed && heard.messages > LONG_FILE_LINES / 2, "%u", heard.messages);
        cr_assert_not_null(strstr(heard.error.message, "broken"));
        hear_done(&heard);
        replay_plan_destroy(plan);
        text_buffer_deinit(&packed);
        free(path);
        input_files_remove(directory);
    }
    text_buffer_deinit(&text);
}

Test(replay, test_cut_stream_gives_what_it_has_and_says_so)
{
    size_t size;
    char *bytes = lines_make(5000, &size);
    for (enum packing packing = GZIP; packing < PACKING_COUNT; packing++) {
        struct text_buffer packed = pack(packing, bytes, size);
        char *directory = input_files_create();
        char *path = input_files_write(directory, "in", packed.bytes, packed.size - 5);
        struct replay_plan *plan = plan_ok(path, NULL);
        struct heard heard = hear(plan, 0, NULL, UINT32_MAX);
        cr_assert(!heard.failed && heard.messages > 0, "%s", heard.error.message);
        cr_assert_eq(memcmp(heard.text.bytes + heard.text.size - 6 * (heard.text.size < 100000),
                            "<cut>|", heard.text.size < 100000 ? 6 : 0),
                     0);
        struct heard again = hear(plan, 0, &heard.last, UINT32_MAX);
        cr_assert(!again.failed && again.messages == 0, "%s", again.error.message);
        hear_done(&heard);
        hear_done(&again);
        replay_plan_destroy(plan);
        text_buffer_deinit(&packed);
        free(path);
        input_files_remove(directory);
    }
    text_buffer_deinit(&(struct text_buffer){bytes, 0, 0});
}

Test(replay, test_damaged_stream_fails_with_its_name)
{
    size_t size;
    char *bytes = lines_make(50000, &size);
    for (enum packing packing = GZIP; packing < PACKING_COUNT; packing++) {
        struct text_buffer packed = pack(packing, bytes, size);
        memset(packed.bytes + packed.size * 3 / 4, 0xa5, 64);
        char *directory = input_files_create();
        char *path = input_files_write(directory, "broken", packed.bytes, packed.size);
        struct replay_plan *plan = plan_ok(path, NULL);
        struct heard heard = hear(plan, 0, NULL, UINT32_MAX);
        cr_assert(heard.failed);
        cr_assert_not_null(strstr(heard.error.message, "broken"));
        hear_done(&heard);
        replay_plan_destroy(plan);
        text_buffer_deinit(&packed);
        free(path);
        input_files_remove(directory);
    }
    text_buffer_deinit(&(struct text_buffer){bytes, 0, 0});
}

Test(replay, test_other_archives_are_refused_by_name)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *word;
    } archives[] = {{"BZh91AY", 7, "bzip2"},
                    {"\xfd"
                     "7zXZ\0zz",
                     8, "xz"},
                    {"PK\x03\x04zz", 6, "zip"}};
    char *directory = input_files_create();
    for (size_t at = 0; at < 3; at++) {
        char *path = input_files_write(directory, "a", archives[at].bytes, archives[at].size);
        struct corong_error error = {0};
        cr_assert_null(plan_of((const char *const *)&path, 1, NULL, 1000, &error));
        cr_assert_eq(error.status, CORONG_UNSUPPORTED);
        cr_assert_not_null(strstr(error.message, archives[at].word));
        free(path);
    }
    input_files_remove(directory);
}

Test(replay, test_directories_and_globs_give_sorted_files_once)
{
    char *directory = input_files_create();
    char sub[4200];
    snprintf(sub, sizeof(sub), "%s/sub", directory);
    cr_assert_eq(mkdir(sub, 0777), 0);
    free(input_files_write(directory, "b.json", "b\n", 2));
    free(input_files_write(directory, "a.json", "a\n", 2));
    free(input_files_write(directory, ".hidden", "h\n", 2));
    free(input_files_write(sub, "c.json", "c\n", 2));
    char glob[4200];
    snprintf(glob, sizeof(glob), "%s/*.json", directory);
    const char *paths[] = {glob, directory};
    struct corong_error error = {0};
    struct replay_plan *plan = plan_of(paths, 2, NULL, 1000, &error);
    cr_assert_not_null(plan, "%s", error.message);
    cr_assert_eq(plan->file_count, 3);
    cr_assert_not_null(strstr(plan->files[0].path, "/a.json"));
    cr_assert_not_null(strstr(plan->files[2].path, "/sub/c.json"));
    cr_assert_eq(plan->bytes_total, 6);
    replay_plan_destroy(plan);
    snprintf(glob, sizeof(glob), "%s/*.nothing", directory);
    cr_assert_null(plan_of(paths, 1, NULL, 1000, &error));
    cr_assert_eq(error.status, CORONG_NOT_FOUND);
    input_files_remove(directory);
}

/// A log whose columns change: `count` lines under each directive.
static struct text_buffer changing_log(uint32_t count)
{
    struct text_buffer log = {0};
    text_buffer_append_string(&log, "#Version: 1.0\r\n#Fields: date time\r\n");
    for (uint32_t i = 0; i < 4 * count; i++) {
        if (i % count == 0) {
            text_buffer_printf(&log, "#Software: x\r\n#Fields: date time c%u\r\n", i / count);
        }
        text_buffer_printf(&log, "2026-01-02 03:04:05 #Fields:%u\r\n", i);
    }
    return log;
}

Test(replay, test_header_after_a_resume_is_the_last_directive_before_it)
{
    struct text_buffer log = changing_log(20000);
    for (enum packing packing = PLAIN; packing < PACKING_COUNT; packing++) {
        char *directory = input_files_create();
        struct text_buffer packed = pack(packing, log.bytes, log.size);
        char *path = input_files_write(directory, "in", packed.bytes, packed.size);
        static const uint32_t stops[] = {2, 4, 5, 20004, 20005, 20006, 50000, 80010};
        for (size_t at = 0; at < sizeof(stops) / sizeof(stops[0]); at++) {
            struct replay_plan *plan = plan_ok(path, NULL);
            struct heard heard = hear(plan, 0, NULL, stops[at]);
            uint32_t part = stops[at] < 4 ? UINT32_MAX : (stops[at] - 4) / 20002;
            char expected[32] = "#Fields: date time";
            if (part != UINT32_MAX) {
                snprintf(expected, sizeof(expected), "#Fields: date time c%u\r", part);
            }
            struct source *source;
            struct source_message message;
            cr_assert_eq(replay_open(&source, plan, &plan->files[0], &heard.last, NULL), CORONG_OK);
            enum source_poll poll = SOURCE_IDLE;
            while (poll == SOURCE_IDLE) {
                poll = source->operations->poll(source, &message, NULL);
            }
            struct text header = source->operations->header(source);
            size_t size = strlen(expected);
            cr_assert(header.size >= size && memcmp(header.bytes, expected, size) == 0,
                      "%u: '%.*s'", stops[at], (int)header.size, header.bytes);
            source->operations->close(source);
            hear_done(&heard);
            replay_plan_destroy(plan);
        }
        text_buffer_deinit(&packed);
        free(path);
        input_files_remove(directory);
    }
    text_buffer_deinit(&log);
}

Test(replay, test_header_is_the_first_line_also_after_a_resume)
{
    char *directory = input_files_create();
    char *path = input_files_write(directory, "in.csv", "user,time\r\na,1\nb,2\n", 19);
    struct replay_plan *plan = plan_ok(path, NULL);
    struct heard heard = hear(plan, 0, NULL, 2);
    struct source *source;
    cr_assert_eq(replay_open(&source, plan, &plan->files[0], &heard.last, NULL), CORONG_OK);
    cr_assert(text_equal(source->operations->header(source), TEXT_LITERAL("user,time")));
    source->operations->close(source);
    hear_done(&heard);
    replay_plan_destroy(plan);
    free(path);
    input_files_remove(directory);
}
