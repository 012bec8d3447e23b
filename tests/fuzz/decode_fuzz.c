// SPDX-License-Identifier: Apache-2.0
/// Any bytes through a decoder of each format: the first byte chooses the mapping, and by its
/// highest bit whether lines are messages or all is one (packed) message; the first bytes are also
/// what lies beside it. Events must keep the limits of engine/event/event.h, and the books of each
/// message must balance. Lines taken together must come to the same as one after the other.
#include "ingest/decode/utf8_check.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "tests/support/decode_harness.h"

#define ALL_FIELDS                                                                                 \
    "user: u\nanonymous: { join: [a, x.a] }\ntime: t\nname: n\nevent_id: i\nsequence: s\n"         \
    "received: r\nrevenue: { amount: m, currency: c }\n"                                           \
    "attributes: { s: x.s, i: { path: x.i, type: integer }, f: { path: x.f, type: number },\n"     \
    "  b: { path: x.b, type: boolean } }\n"
#define UNROLLED                                                                                   \
    "unroll: l\nuser: 'l[].u'\nanonymous: u\ntime: 'l[].t'\nname: { const: e }\n"                  \
    "attributes: { s: 'l[].x.s', p: x, i: { path: 'l[].i', type: integer } }\n"                    \
    "skip_where_missing: 'l[].t'\n"
#define SEPARATED                                                                                  \
    "format: csv\nuser: u\nanonymous: { join: [a, t] }\n"                                          \
    "time: { path: t, zone: Europe/Berlin }\nname: n\n"                                            \
    "attributes: { s: s, f: { path: f, type: number } }\n"
#define TABBED "format: tsv\nuser: u\ntime: t\nname: n\n"
#define BESIDE                                                                                     \
    "user: [u, kafka.key]\ntime: [t, kafka.timestamp]\nreceived: kafka.timestamp\n"                \
    "name: [n, kafka.topic]\nattributes: { h: kafka.headers.h, k: { path: kafka.key,\n"            \
    "  type: integer }, p: { path: kafka.partition, type: integer } }\n"

#define LOOKED_UP                                                                                  \
    "unroll: { path: [l, '[]'], optional: true }\nuser: '[].u'\ntime: ['[].t', t]\nname: '[].n'\n" \
    "attributes: { a: '[].p[k=a].v', b: '[].p[k=b].v', c: '[].q[0]', d: '[].q[2].x', e: "          \
    "'x{}.y',\n"                                                                                   \
    "  f: 'x{}.z[k=a].v', g: '[].x{}[0].y', h: 'x{}' }\n"
#define COLUMNS                                                                                    \
    "format: csv\ncolumns: [u, t, n, j]\nuser: u\ntime: t\nname: n\n"                              \
    "attributes: { j: j, a: 'j{}.a', b: 'j{}.b[0]' }\n"

static const char *const mappings[] = {ALL_FIELDS,
                                       UNROLLED,
                                       SEPARATED,
                                       TABBED,
                                       "preset: combined\n",
                                       "preset: segment\n",
                                       "preset: access_log\n",
                                       "preset: matomo\n",
                                       BESIDE,
                                       LOOKED_UP,
                                       COLUMNS,
                                       "preset: ga4\n",
                                       "preset: snowplow\n"};
#define MAPPING_COUNT (sizeof(mappings) / sizeof(mappings[0]))

static struct decode_harness harnesses[MAPPING_COUNT];
static uint64_t pushed;

static void check_event(void *context, const struct event *event)
{
    const struct schema *schema = context;
    pushed++;
    ASSERT(event->user_id.size >= 1 && event->user_id.size <= EVENT_ID_SIZE_MAX);
    ASSERT(event->time_us >= EVENT_TIME_MIN_US && event->time_us < EVENT_TIME_MAX_US);
    ASSERT(utf8_check(event->user_id) == NULL);
    struct text name = event->values[COLUMN_NAME].string;
    ASSERT(name.size >= 1 && name.size <= EVENT_NAME_SIZE_MAX);
    for (uint32_t column = COLUMN_NAME; column < schema->column_count; column++) {
        struct text string = event->values[column].string;
        if (schema->columns[column].type == COLUMN_STRING && string.bytes != NULL) {
            ASSERT(string.size <= EVENT_VALUE_SIZE_MAX && utf8_check(string) == NULL);
        }
    }
}

static void check_reject(void *context, uint32_t event_index, enum reject_reason reason,
                         const char *detail)
{
    (void)context;
    (void)event_index;
    pushed++;
    ASSERT(reason > REJECT_NONE && reason < REJECT_REASON_COUNT && strlen(detail) < 96);
}

/// What lies beside a message, made of its first bytes.
static struct metadata metadata_of(struct text message, struct metadata_header *header)
{
    struct text key = {message.bytes, message.size < 9 ? message.size : 9};
    int64_t time = 0;
    memcpy(&time, key.bytes, key.size < 7 ? key.size : 7);
    *header = (struct metadata_header){TEXT_LITERAL("h"), key};
    return (struct metadata){.key = key,
                             .timestamp_us = time,
                             .topic = TEXT_LITERAL("topic"),
                             .partition = (int32_t)time,
                             .headers = header,
                             .header_count = (uint32_t)(time & 1)};
}

static void feed(struct decode_harness *harness, struct text message)
{
    struct metadata_header header;
    struct metadata metadata = metadata_of(message, &header);
    struct decode_sink sink = {&harness->schema, check_event, check_reject};
    struct decode_outcome outcome;
    pushed = 0;
    decode_message_with(harness->decoder, message, &metadata, &sink, &outcome);
    ASSERT(pushed == outcome.event_count);
    ASSERT(outcome.reason == REJECT_NONE || (pushed == 0 && !outcome.blank));
    ASSERT(strlen(outcome.detail) < sizeof(outcome.detail));
}

/// What became of lines: by one decoder one after the other, by another as many as it takes.
struct line_books {
    uint64_t messages;
    uint64_t blank;
    uint64_t rejected;
    uint64_t events;
};

static void feed_line(struct decoder *decoder, bool unknown, struct text line,
                      const struct decode_sink *sink, struct line_books *books)
{
    struct decode_outcome outcome;
    (unknown ? decode_unknown_line : decode_line)(decoder, line, NULL, sink, &outcome);
    books->messages++;
    books->blank += outcome.blank;
    books->rejected += outcome.reason != REJECT_NONE;
    books->events += outcome.event_count;
}

static void feed_lines(struct decoder *decoder, struct text lines, bool together,
                       const struct schema *schema, struct line_books *books)
{
    struct decode_sink sink = {(void *)(uintptr_t)schema, check_event, check_reject};
    const char *end = lines.bytes + lines.size;
    decoder_begin_file(decoder);
    for (const char *at = lines.bytes; at < end;) {
        struct decode_tally tally = {0};
        bool takes = together && decoder_takes_lines(decoder);
        if (takes) {
            struct text rest = {at, (size_t)(end - at)};
            at += decode_known_lines(decoder, rest, &sink, &tally);
            books->messages += tally.messages;
            books->blank += tally.blank;
            books->events += tally.events;
        }
        if (at < end) {
            const char *stop = memchr(at, '\n', (size_t)(end - at));
            size_t size = (size_t)(stop - at);
            size -= size > 0 && at[size - 1] == '\r';
            feed_line(decoder, takes, (struct text){at, size}, &sink, books);
            at = stop + 1;
        }
    }
}

/// The last line that is whole ends the lines; then there is the room that was promised.
static void compare_lines(uint32_t mapping_index, struct text bytes)
{
    static struct decode_harness pairs[MAPPING_COUNT][2];
    struct decode_harness *pair = pairs[mapping_index];
    const char *last = bytes.size == 0 ? NULL : memrchr(bytes.bytes, '\n', bytes.size);
    if (last == NULL) {
        return;
    }
    bytes.size = (size_t)(last + 1 - bytes.bytes);
    char *copy = memory_allocate(bytes.size + DECODE_LINES_PADDING);
    memcpy(copy, bytes.bytes, bytes.size);
    memset(copy + bytes.size, '"', DECODE_LINES_PADDING);
    struct line_books books[2] = {{0}, {0}};
    for (int way = 0; way < 2; way++) {
        if (pair[way].decoder == NULL) {
            decode_harness_open(&pair[way], mappings[mapping_index]);
        }
        // Twice: the second time there is something known.
        for (int round = 0; round < 2; round++) {
            feed_lines(pair[way].decoder, (struct text){copy, bytes.size}, way == 1,
                       &pair[way].schema, &books[way]);
        }
    }
    memory_free(copy);
    ASSERT(memcmp(&books[0], &books[1], sizeof(books[0])) == 0);
    ASSERT(memcmp(decoder_notes(pair[0].decoder), decoder_notes(pair[1].decoder),
                  sizeof(struct decode_notes)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint32_t mapping_index = (data[0] & 0x7fu) % MAPPING_COUNT;
    struct decode_harness *harness = &harnesses[mapping_index];
    if (harness->decoder == NULL) {
        decode_harness_open(harness, mappings[mapping_index]);
    }
    decoder_begin_file(harness->decoder);
    const char *at = (const char *)data + 1;
    const char *end = (const char *)data + size;
    while (at < end) {
        const char *stop = data[0] >= 0x80 ? NULL : memchr(at, '\n', (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        feed(harness, (struct text){at, (size_t)(stop - at)});
        at = stop + 1;
    }
    compare_lines(mapping_index, (struct text){(const char *)data + 1, size - 1});
    return 0;
}
