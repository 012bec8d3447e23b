// SPDX-License-Identifier: Apache-2.0
/// Any bytes through a decoder of each format: the first byte chooses the mapping, lines are
/// messages. Events must keep the limits of engine/event/event.h, and the books of each message
/// must balance.
#include "ingest/decode/utf8_check.h"
#include "storage/base/invariant.h"
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

static const char *const mappings[] = {ALL_FIELDS,           UNROLLED,           SEPARATED, TABBED,
                                       "preset: combined\n", "preset: segment\n"};
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

static void feed(struct decode_harness *harness, struct text message)
{
    struct decode_sink sink = {&harness->schema, check_event, check_reject};
    struct decode_outcome outcome;
    pushed = 0;
    decode_message(harness->decoder, message, &sink, &outcome);
    ASSERT(pushed == outcome.event_count);
    ASSERT(outcome.reason == REJECT_NONE || (pushed == 0 && !outcome.blank));
    ASSERT(strlen(outcome.detail) < sizeof(outcome.detail));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct decode_harness *harness = &harnesses[data[0] % MAPPING_COUNT];
    if (harness->decoder == NULL) {
        decode_harness_open(harness, mappings[data[0] % MAPPING_COUNT]);
    }
    decoder_begin_file(harness->decoder);
    const char *at = (const char *)data + 1;
    const char *end = (const char *)data + size;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        feed(harness, (struct text){at, (size_t)(stop - at)});
        at = stop + 1;
    }
    return 0;
}
