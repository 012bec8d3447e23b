// SPDX-License-Identifier: Apache-2.0
/// Many lines or messages at once give what the same give one after the other: events, rejects,
/// notes.
#include "ingest/decode/decoder.h"
#include "ingest/decode/json_lanes.h"
#include "storage/base/memory.h"
#include "tests/support/decode_harness.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS                                                                                     \
    "user: u\nanonymous: a\ntime: t\nname: n\nrevenue: { amount: m, currency: { const: EUR } }\n"
#define PLAIN FIELDS "attributes: { page: p, agent: g }\n"

struct sums {
    struct text_buffer text;
    uint64_t messages;
    uint64_t blank;
    uint64_t events;
};

static uint64_t state;

static uint32_t draw(uint32_t bound)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(((state >> 32) * bound) >> 32);
}

static void note_text(struct text_buffer *out, struct text text)
{
    if (text.bytes == NULL) {
        text_buffer_append_string(out, "-,");
    } else {
        text_buffer_printf(out, "%zu:", text.size);
        text_buffer_append_text(out, text);
        text_buffer_append_string(out, ",");
    }
}

static struct decode_harness *harness_of;

static void take_event(void *context, const struct event *event)
{
    struct sums *sums = context;
    const struct schema *schema = &harness_of->schema;
    text_buffer_printf(&sums->text, "%d %" PRId64 " %d ", event->user_namespace, event->time_us,
                       event->future);
    note_text(&sums->text, event->user_id);
    for (uint32_t column = 1; column < schema->column_count; column++) {
        if (schema->columns[column].type == COLUMN_STRING) {
            note_text(&sums->text, event->values[column].string);
        } else {
            text_buffer_printf(&sums->text, "%" PRId64 ",", event->values[column].integer);
        }
    }
    text_buffer_append_string(&sums->text, "\n");
}

static void take_reject(void *context, uint32_t event_index, enum reject_reason reason,
                        const char *detail)
{
    struct sums *sums = context;
    text_buffer_printf(&sums->text, "event %" PRIu32 " %s %s\n", event_index,
                       reject_reason_name(reason), detail);
}

static void add_outcome(struct sums *sums, const struct decode_outcome *outcome)
{
    sums->messages++;
    sums->blank += outcome->blank;
    sums->events += outcome->event_count;
    if (outcome->reason != REJECT_NONE) {
        text_buffer_printf(&sums->text, "line %s %s\n", reject_reason_name(outcome->reason),
                           outcome->detail);
    }
}

static struct text line_at(const char *at, const char *end)
{
    struct text line = {at, (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) - at)};
    line.size -= line.size > 0 && line.bytes[line.size - 1] == '\r';
    return line;
}

static void feed_one_by_one(struct decoder *decoder, struct text lines, struct sums *sums)
{
    struct decode_sink sink = {sums, take_event, take_reject};
    const char *end = lines.bytes + lines.size;
    for (const char *at = lines.bytes; at < end;) {
        struct decode_outcome outcome;
        const char *next = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
        decode_line(decoder, line_at(at, end), NULL, &sink, &outcome);
        add_outcome(sums, &outcome);
        at = next;
    }
}

/// By the scanner alone, which knows of no shapes and no lanes; every column is asked what it is.
static void feed_plainly(struct decoder *decoder, struct text lines, struct sums *sums)
{
    struct json_shapes *shapes = decoder->capture.shapes;
    decoder->simple = false;
    decoder->capture.shapes = NULL;
    feed_one_by_one(decoder, lines, sums);
    decoder->capture.shapes = shapes;
}

/// The lines that come at once: reads end somewhere.
static struct text some_lines(const char *at, const char *end)
{
    size_t size = (size_t)(end - at);
    if (draw(3) == 0) {
        size_t wanted = 1 + draw((uint32_t)size);
        const char *last = memchr(at + wanted - 1, '\n', size - wanted + 1);
        size = (size_t)(last + 1 - at);
    }
    return (struct text){at, size};
}

/// Returns how many lines were taken together with others.
static uint64_t feed_together(struct decoder *decoder, struct text lines, struct sums *sums)
{
    struct decode_sink sink = {sums, take_event, take_reject};
    struct decode_sink known_sink = {sums, take_event, NULL};
    const char *end = lines.bytes + lines.size;
    uint64_t known = 0;
    for (const char *at = lines.bytes; at < end;) {
        struct decode_outcome outcome;
        struct decode_tally tally = {0};
        bool takes = decoder_takes_lines(decoder);
        if (takes) {
            struct text chunk = some_lines(at, end);
            size_t taken = decode_known_lines(decoder, chunk, &known_sink, &tally);
            at += taken;
            known += tally.messages;
            sums->messages += tally.messages;
            sums->blank += tally.blank;
            sums->events += tally.events;
            if (taken == chunk.size) {
                continue;
            }
        }
        if (at < end) {
            const char *next = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
            (takes ? decode_unknown_line : decode_line)(decoder, line_at(at, end), NULL, &sink,
                                                        &outcome);
            add_outcome(sums, &outcome);
            at = next;
        }
    }
    return known;
}

static uint64_t alike_hits; ///< lines taken side by side
static uint64_t mixed_hits;

/// Each line is a message in memory of its own, without anything behind it.
static uint32_t copy_messages(struct text lines, struct text **messages_out)
{
    const char *end = lines.bytes + lines.size;
    uint32_t count = 0;
    *messages_out = memory_allocate_zeroed(lines.size + 1, sizeof(**messages_out));
    for (const char *at = lines.bytes; at < end; count++) {
        struct text line = line_at(at, end);
        char *copy = memory_allocate(line.size);
        memcpy(copy, line.bytes, line.size);
        (*messages_out)[count] = (struct text){copy, line.size};
        at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    }
    return count;
}

static void feed_messages(struct decoder *decoder, struct text lines, struct sums *sums)
{
    struct decode_sink sink = {sums, take_event, take_reject};
    struct decode_sink known_sink = {sums, take_event, NULL};
    struct text *messages;
    uint32_t count = copy_messages(lines, &messages);
    for (uint32_t at = 0; at < count;) {
        struct decode_outcome outcome;
        struct decode_tally tally = {0};
        uint32_t left = count - at < 64 ? count - at : 64;
        if (decoder_takes_messages(decoder)) {
            at += decode_known_messages(decoder, messages + at, left, &known_sink, &tally);
        }
        sums->messages += tally.messages;
        sums->blank += tally.blank;
        sums->events += tally.events;
        if (at < count) {
            decoder_begin_message(decoder);
            decode_message(decoder, messages[at++], &sink, &outcome);
            add_outcome(sums, &outcome);
        }
    }
    while (count > 0) {
        memory_free((char *)messages[--count].bytes);
    }
    memory_free(messages);
}

static void expect_equal(const struct sums *one, const struct sums *other)
{
    cr_assert_eq(one->messages, other->messages);
    cr_assert_eq(one->blank, other->blank);
    cr_assert_eq(one->events, other->events);
    cr_assert(text_equal((struct text){one->text.bytes, one->text.size},
                         (struct text){other->text.bytes, other->text.size}),
              "one by one:\n%.*s\ntogether:\n%.*s", (int)one->text.size, one->text.bytes,
              (int)other->text.size, other->text.bytes);
}

/// All ways, over a copy with just the room behind it that was promised.
static uint64_t expect_same(const char *yaml, struct text lines)
{
    struct sums sums[3] = {0};
    struct decode_notes notes[3];
    uint64_t known = 0;
    char *copy = memory_allocate(lines.size + DECODE_LINES_PADDING);
    memcpy(copy, lines.bytes, lines.size);
    memset(copy + lines.size, '"', DECODE_LINES_PADDING);
    for (int way = 0; way < 3; way++) {
        struct decode_harness harness;
        decode_harness_open(&harness, yaml);
        harness_of = &harness;
        struct text text = {copy, lines.size};
        if (way == 0) {
            feed_plainly(harness.decoder, text, &sums[way]);
        } else if (way == 1) {
            known = feed_together(harness.decoder, text, &sums[way]);
            if (harness.decoder->lanes != NULL) {
                alike_hits += harness.decoder->lanes->alike_trust.hits;
                mixed_hits += harness.decoder->lanes->mixed_trust.hits;
            }
        } else {
            feed_messages(harness.decoder, text, &sums[way]);
        }
        notes[way] = *decoder_notes(harness.decoder);
        decode_harness_close(&harness);
    }
    for (int way = 1; way < 3; way++) {
        expect_equal(&sums[0], &sums[way]);
        cr_assert(memcmp(&notes[0], &notes[way], sizeof(notes[0])) == 0);
    }
    for (int way = 0; way < 3; way++) {
        text_buffer_deinit(&sums[way].text);
    }
    memory_free(copy);
    return known;
}

static const char *pick_value(void)
{
    static const char *const values[] = {
        "\"\"",
        "\"x\"",
        "\"\\u00e4\\n\"",
        "\"\xc3\xa4\xe2\x82\xac\"",
        "null",
        "12",
        "-1.5e3",
        "true",
        "[1,{\"u\":\"no\"}]",
        "\"a\\x\"",
        "\"\xff\"",
        "\"a\x01b\"",
        "\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome\""};
    return values[draw(sizeof(values) / sizeof(values[0]))];
}

static void put_json(struct text_buffer *out)
{
    static const char *const ends[] = {"\n", "\r\n", "\n", "\n", " \n", "\r\r\n"};
    static const char *const keys[] = {"p", "g", "other", "m"};
    if (draw(50) == 0) {
        text_buffer_append_string(out, draw(2) == 0 ? "\n" : "  \r\n");
        return;
    }
    text_buffer_printf(out,
                       "{\"t\":\"2026-01-%02uT%02u:00:00%sZ\",\"n\":\"%s\",\"u\":", draw(2) + 1,
                       draw(25), draw(9) == 0 ? ".1234567" : "", draw(3) == 0 ? "order" : "view");
    if (draw(30) == 0) {
        text_buffer_append_string(out, pick_value());
    } else {
        text_buffer_printf(out, "\"user-%u\"", draw(100));
    }
    uint32_t first = draw(30) == 0 ? draw(4) : 0;
    for (uint32_t index = 0; index < 4; index++) {
        const char *key = keys[(first + index) % 4];
        const char *usual = strcmp(key, "m") == 0 ? "12.50" : "\"some value\"";
        if (draw(24) != 0) {
            text_buffer_printf(out, ",\"%s\":%s", key, draw(24) == 0 ? pick_value() : usual);
        }
    }
    text_buffer_printf(out, "%s%s", draw(40) == 0 ? "" : "}", ends[draw(6)]);
}

/// Runs of lines with the same keys, in which now and then something is unlike.
static void put_alike(struct text_buffer *out)
{
    static uint32_t shape;
    static const char *const shapes[] = {
        "{\"t\":%s,\"n\":%s,\"u\":%s,\"c\":{\"p\":%s,\"other\":%s},\"g\":%s%s",
        "{\"u\":%3$s,\"n\":%2$s,\"t\":%1$s,\"a key that is longer than all that is compared at "
        "once\":%5$s,\"c\":{\"p\":%4$s},\"g\":%6$s%7$s",
        "{\"u\":%3$s, \"n\":%2$s, \"t\":%1$s, \"m\":%5$s, \"g\":%6$s, \"c\":{\"p\":%4$s}%7$s",
        "{\"c\":{\"p\":%4$s},\"u\":%3$s,\"n\":%2$s,\"t\":%1$s,\"m\":%5$s,\"c\":{\"g\":%6$s}%7$s"};
    char values[6][256];
    shape = draw(40) == 0 ? draw(4) : shape;
    snprintf(values[0], sizeof(values[0]), "\"2026-01-02T03:%02u:%02uZ\"", draw(60) / 20, draw(60));
    snprintf(values[1], sizeof(values[1]), "\"%s\"", draw(3) == 0 ? "order" : "view");
    snprintf(values[2], sizeof(values[2]), "\"user-%u\"", draw(100000));
    snprintf(values[3], sizeof(values[3]), "\"/page/%0*u\"", (int)(draw(4) == 0 ? draw(180) : 4),
             draw(9999));
    snprintf(values[4], sizeof(values[4]), "%u.%02u", draw(1000), draw(100));
    snprintf(values[5], sizeof(values[5]), "\"Mozilla%*s\"", (int)draw(100), "x");
    if (draw(60) == 0) {
        snprintf(values[draw(6)], sizeof(values[0]), "%s", pick_value());
    }
    static const char *const ends[] = {"", "}x", "} ", "}\r", "} \r", "}\r\r", "}}", ","};
    text_buffer_printf(out, shapes[shape], values[0], values[1], values[2], values[3], values[4],
                       values[5], draw(100) == 0 ? ends[draw(8)] : "}");
    text_buffer_append_string(out, draw(200) == 0 ? "\n\n" : "\n");
}

/// Keys in any order, some of which are missing or twice there.
static void put_shuffled(struct text_buffer *out)
{
    uint32_t first = draw(6);
    uint32_t stride = draw(2) == 0 ? 1 : 5;
    for (uint32_t index = 0; index < 6; index++) {
        uint32_t key = draw(40) == 0 ? draw(6) : (first + index * stride) % 6;
        text_buffer_append_string(out, index == 0 ? "{" : ",");
        text_buffer_printf(out,
                           "\"%.6s\":", "t\0     n\0     u\0     p\0     g\0     other" + 7 * key);
        if (draw(250) == 0) {
            text_buffer_append_string(out, pick_value());
        } else if (key == 0) {
            text_buffer_printf(out, "\"2026-01-02T03:04:%02uZ\"", draw(60));
        } else if (key == 5) {
            text_buffer_printf(out, "%u", draw(9999));
        } else {
            text_buffer_printf(out, "\"x%*u\"", (int)draw(50), draw(99));
        }
    }
    text_buffer_append_string(out, draw(200) == 0 ? " }\n" : draw(200) == 0 ? "\n" : "}\n");
}

static char unusual_byte(void)
{
    static const char bytes[] = "\"\\,:{}[]0-.eEtn u\t\r\n\0\x01\x1f\x7f\x80\xc3\xa4\xed\xf0\xff";
    return bytes[draw((uint32_t)sizeof(bytes) - 1)];
}

/// Some bytes from `begin` on are other ones, lack, or are there twice.
static void mutate(struct text_buffer *out, size_t begin)
{
    size_t at = begin + draw((uint32_t)(out->size - begin));
    size_t span = 1 + draw(draw(4) == 0 ? 40 : 3);
    span = span < out->size - at ? span : out->size - at;
    switch (draw(5)) {
    case 0:
        out->bytes[at] = unusual_byte();
        return;
    case 1:
        out->bytes[at] = (char)(out->bytes[at] ^ (1 << draw(8)));
        return;
    case 2:
        memmove(out->bytes + at, out->bytes + at + span, out->size - at - span);
        out->size -= span;
        return;
    default:
        (void)text_buffer_reserve(out, span);
        memmove(out->bytes + at + span, out->bytes + at, out->size - at);
        out->size += span;
        if (draw(2) == 0) {
            out->bytes[at] = unusual_byte();
        }
    }
}

/// Lines of one of some kinds, now and then with wrong bytes. What is made may be several lines.
static void put_mutated(struct text_buffer *out)
{
    static uint32_t kind;
    static uint32_t rarity;
    static void (*const kinds[])(struct text_buffer * out) = {put_alike, put_shuffled, put_json};
    size_t begin = out->size;
    if (draw(100) == 0) {
        kind = draw(3);
        rarity = 2 + draw(60);
    }
    kinds[kind % 3](out);
    while (draw(rarity + 2) == 0 && out->size > begin) {
        mutate(out, begin);
    }
    if (out->size == begin || out->bytes[out->size - 1] != '\n') {
        text_buffer_append_string(out, "\n");
    }
}

static void put_csv(struct text_buffer *out)
{
    static const char *const cells[] = {
        "", "x", "\"a, b\"", "\"say \"\"no\"\"\"", "\"open", "12.5", "\xc3\xa4", "\xff", "a\x01"};
    text_buffer_printf(out, "2026-01-02T%02u:00:00Z,%s,user-%u,%s,%s%s", draw(25),
                       draw(20) == 0 ? "" : "view", draw(50), cells[draw(9)], cells[draw(9)],
                       draw(30) == 0  ? ",more\n"
                       : draw(4) == 0 ? "\r\n"
                                      : "\n");
}

static void put_combined(struct text_buffer *out)
{
    static const char *const agents[] = {"curl/8", "-", "Mozilla/5.0 (X11) \\\"x\\\"", "\xff", ""};
    static const char *const users[] = {"-", "[x", "a b", "a[b", "", "x]", "- [y]", "-"};
    static const char *const requests[] = {
        "-", "GET /x", "GET  / HTTP/1.1", "G", "GET /a b c", "GET / ", " / H", "", "GET ?x y"};
    static const char *const ends[] = {"\r\n", " rest\n", "\n\n", " \n", "\r\r\n", " \"x\"\n"};
    char request[64];
    snprintf(request, sizeof(request), "GET /p/%u%s HTTP/1.1", draw(99),
             draw(3) == 0 ? "?q=1" : "");
    text_buffer_printf(out,
                       "10.0.0.%u - %s [%02u/Nov/2026:%02u:04:%02u +0100] \"%s\" "
                       "200 %u \"-\" \"%s\"%s",
                       draw(9), users[draw(10) == 0 ? draw(8) : 0], draw(3) + 1,
                       draw(10) == 0 ? draw(25) : 3, draw(60),
                       draw(10) == 0 ? requests[draw(9)] : request, draw(999), agents[draw(5)],
                       draw(10) == 0 ? ends[draw(6)] : "\n");
}

static void put_row(struct text_buffer *out, void (*put)(struct text_buffer *out))
{
    size_t begin = out->size;
    put(out);
    while (draw(12) == 0 && out->size > begin) {
        mutate(out, begin);
    }
    if (out->size == begin || out->bytes[out->size - 1] != '\n') {
        text_buffer_append_string(out, "\n");
    }
}

static void put_csv_mutated(struct text_buffer *out)
{
    put_row(out, put_csv);
}

static void put_tsv_mutated(struct text_buffer *out)
{
    size_t begin = out->size;
    put_csv(out);
    for (size_t at = begin; at < out->size; at++) {
        out->bytes[at] = out->bytes[at] == ',' ? '\t' : out->bytes[at];
    }
    if (draw(12) == 0) {
        mutate(out, begin);
    }
    if (out->size == begin || out->bytes[out->size - 1] != '\n') {
        text_buffer_append_string(out, "\n");
    }
}

static void put_combined_mutated(struct text_buffer *out)
{
    put_row(out, put_combined);
}

static void expect_same_always(const char *yaml, const char *header, uint32_t rounds,
                               void (*put)(struct text_buffer *out))
{
    const char *scale = getenv("CORONG_TEST_SCALE");
    uint64_t known = 0;
    uint64_t lines = 0;
    rounds *= scale == NULL ? 1 : (uint32_t)atoi(scale);
    for (uint32_t round = 0; round < rounds; round++) {
        struct text_buffer text = {0};
        state = round;
        text_buffer_append_string(&text, header);
        for (uint32_t line = 0; line < 250; line++, lines++) {
            put(&text);
        }
        known += expect_same(yaml, (struct text){text.bytes, text.size});
        text_buffer_deinit(&text);
    }
    cr_expect_geq(known, lines / 20, "%" PRIu64 " of %" PRIu64, known, lines);
}

Test(decode_lines, test_json_lines_taken_together_are_as_one_by_one)
{
    expect_same_always(PLAIN, "", 60, put_json);
    expect_same_always(FIELDS "attributes: { page: [p, g], size: { path: m, type: number } }\n", "",
                       60, put_json);
    expect_same_always(FIELDS "skip_where_missing: [p]\n", "", 30, put_json);
}

Test(decode_lines, test_lines_taken_side_by_side_are_as_one_by_one)
{
    expect_same_always(FIELDS "attributes: { page: c.p, agent: g }\n", "", 60, put_alike);
    expect_same_always(FIELDS
                       "attributes: { page: c.p, other: c.g, size: { path: m, type: number } "
                       "}\n",
                       "", 60, put_alike);
    cr_expect_geq(alike_hits, 60 * 250 / 2, "%" PRIu64, alike_hits);
    expect_same_always(PLAIN, "", 60, put_shuffled);
    cr_expect_geq(mixed_hits, 200, "%" PRIu64, mixed_hits);
}

Test(decode_lines, test_lines_with_wrong_bytes_are_as_the_scanner_has_them)
{
    expect_same_always(PLAIN, "", 40, put_mutated);
    expect_same_always(FIELDS "attributes: { page: c.p, agent: g }\n", "", 40, put_mutated);
    expect_same_always(FIELDS "attributes: { page: [p, c.p], other: c.g, size: { path: m, type: "
                              "number } }\nskip_where_missing: [p, g]\n",
                       "", 40, put_mutated);
}

Test(decode_lines, test_rows_taken_together_are_as_one_by_one)
{
    expect_same_always("format: tsv\nuser: u\ntime: t\nname: n\nattributes: { page: p }\n",
                       "t\tn\tu\tp\tg\n", 20, put_tsv_mutated);
    expect_same_always("format: csv\nuser: u\ntime: t\nname: n\nattributes: { page: p }\n",
                       "t,n,u,p,g\n", 60, put_csv_mutated);
    expect_same_always(
        "format: csv\nuser: u\ntime: t\nname: n\nattributes: { page: p, agent: g }\n",
        "t,n,u,p,g\n", 60, put_csv);
}

Test(decode_lines, test_access_logs_taken_together_are_as_one_by_one)
{
    expect_same_always("format: combined\nuser: ip\ntime: time\nname: method\n"
                       "attributes: { path: path, agent: agent }\n",
                       "", 60, put_combined);
    expect_same_always("format: combined\nuser: ip\ntime: time\nname: method\n"
                       "attributes: { query: query, status: status, protocol: protocol }\n",
                       "", 60, put_combined_mutated);
}

Test(decode_lines, test_null_is_no_text)
{
    struct text lines =
        TEXT_LITERAL("{\"t\":1,\"n\":\"view\",\"u\":\"a\",\"p\":\"x\",\"g\":\"y\"}\n"
                     "{\"t\":1,\"n\":\"view\",\"u\":\"a\",\"p\":null,\"g\":\"y\"}\n"
                     "{\"t\":1,\"n\":\"view\",\"u\":\"a\",\"p\":null,\"g\":\"\"}\n"
                     "{\"t\":1,\"n\":\"view\",\"u\":null,\"p\":null,\"g\":\"\"}\n");
    cr_expect_eq(expect_same(PLAIN, lines), 1);
    struct decode_harness harness;
    decode_harness_open(&harness, PLAIN);
    cr_expect_str_eq(decode_harness_lines(
                         &harness, "{\"t\":1,\"n\":\"view\",\"u\":\"a\",\"p\":null,\"g\":\"\"}"),
                     "known a view 1000000 agent=\n");
    decode_harness_close(&harness);
}

Test(decode_lines, test_what_a_refused_line_bends_counts_once)
{
    struct text lines = TEXT_LITERAL(
        "{\"t\":\"2026-01-02T03:04:05Z\",\"n\":\"view\",\"u\":\"a\",\"m\":\"12\",\"p\":\"x\"}\n"
        "{\"t\":\"2026-01-02T03:04:05Z\",\"n\":\"view\",\"u\":\"a\",\"m\":\"13\",\"p\":\"x\"}\n"
        "{\"t\":\"2026-01-02T03:04:05.1234567Z\",\"n\":\"view\",\"u\":\"a\",\"m\":\"?\",\"p\":"
        "\"x\"}"
        "\n"
        "{\"t\":\"2026-01-02T03:04:05.1234567Z\",\"n\":\"view\",\"u\":\"a\",\"m\":\"1\",\"p\":"
        "\"x\"}"
        "\n");
    cr_expect_eq(expect_same(PLAIN, lines), 2);
}

Test(decode_lines, test_a_message_of_several_lines_is_left)
{
#define ONE "{\"t\":1,\"n\":\"view\",\"u\":\"a\",\"p\":\"x\",\"g\":\"y\"}"
    static const struct text messages[] = {TEXT_LITERAL(ONE), TEXT_LITERAL(ONE "\n" ONE),
                                           TEXT_LITERAL(ONE)};
    struct decode_harness harness;
    struct sums sums = {0};
    struct decode_sink sink = {&sums, take_event, take_reject};
    struct decode_tally tally;
    decode_harness_open(&harness, PLAIN);
    harness_of = &harness;
    decode_harness_lines(&harness, ONE);
    cr_assert_eq(decode_known_messages(harness.decoder, messages, 3, &sink, &tally), 1);
    cr_expect_eq(tally.events, 1);
    cr_expect_eq(decode_known_messages(harness.decoder, messages + 1, 2, &sink, &tally), 0);
    cr_expect_eq(decode_known_messages(harness.decoder, messages + 2, 1, &sink, &tally), 1);
    decode_harness_close(&harness);
    text_buffer_deinit(&sums.text);
}
