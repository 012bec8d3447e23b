// SPDX-License-Identifier: Apache-2.0
/// Messages per second of the JSON scanner alone and of the whole decoder, on one thread, over
/// generated messages of about 300 bytes; or over the lines of a file: json_scan_bench [ROUNDS |
/// PRESET FILE]. `packed` is the decoder again with 100 lines in each message. The result hash
/// changes where the decoded events do.
#include "ingest/decode/decode.h"
#include "ingest/decode/json_scan.h"
#include "ingest/decode/mapping.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MESSAGE_COUNT 20000u
#define ROUNDS_DEFAULT 100u
#define PACK_LINES 100u

static uint32_t rounds = ROUNDS_DEFAULT;

struct bench {
    struct text_buffer bytes;
    struct text *messages;
    uint32_t message_count;
    uint64_t hash;
    uint64_t event_count;
};

static void generate(struct text_buffer *out)
{
    static const char *const names[] = {"page_view", "product_click", "add_to_cart", "order"};
    uint64_t state = 42;
    for (uint32_t index = 0; index < MESSAGE_COUNT; index++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint32_t random = (uint32_t)(state >> 33);
        text_buffer_printf(
            out,
            "{\"messageId\":\"%08x-%04x-4c1b-9d2e-%012x\",\"type\":\"track\",\"event\":\"%s\","
            "\"userId\":\"user-%u\",\"timestamp\":\"2026-11-22T06:%02u:%02u.%03uZ\",\"context\":{"
            "\"page\":{\"path\":\"/products/%u\",\"title\":\"Product %u \xe2\x80\x94 Shop\"},"
            "\"campaign\":{\"source\":\"newsletter\"},\"locale\":\"de-DE\"},\"properties\":{"
            "\"product_id\":\"%u\",\"price\":%u.%02u,\"currency\":\"EUR\"}}\n",
            random, random & 0xffff, index, names[random & 3], random % 100000, random % 60,
            (random >> 8) % 60, random % 1000, random % 5000, random % 5000, random % 5000,
            random % 200, random % 100);
    }
}

static void split_lines(struct bench *bench)
{
    const char *at = bench->bytes.bytes;
    const char *end = at + bench->bytes.size;
    bench->messages = memory_allocate(sizeof(struct text) * (bench->bytes.size + 1));
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        bench->messages[bench->message_count++] = (struct text){at, (size_t)(stop - at)};
        at = stop + 1;
    }
}

static void take_event(void *context, const struct event *event)
{
    struct bench *bench = context;
    bench->event_count++;
    bench->hash += (uint64_t)event->time_us * 31 + event->user_id.size +
                   (uint64_t)event->values[COLUMN_ID_HASH].integer;
}

static void take_reject(void *context, uint32_t event_index, enum reject_reason reason,
                        const char *detail)
{
    (void)event_index;
    (void)detail;
    ((struct bench *)context)->hash += (uint64_t)reason;
}

static double processor_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double lesser(double left, double right)
{
    return left < right ? left : right;
}

static void print_rate(const char *name, const struct bench *bench, double round_us)
{
    printf("%-8s %7.3f M messages/s  %8.1f MB/s  %6.1f ns/message  hash %016" PRIx64 "\n", name,
           bench->message_count / round_us, (double)bench->bytes.size / round_us,
           round_us * 1000 / bench->message_count, bench->hash);
}

typedef enum reject_reason scan_kernel(const struct json_plan *plan, struct text text,
                                       struct json_capture *capture);

static void run_scan(struct bench *bench, const struct mapping *mapping, const char *name,
                     scan_kernel *kernel)
{
    struct json_capture capture;
    json_capture_init(&capture, &mapping->plan);
    bench->hash = 0;
    double best = INFINITY;
    for (uint32_t round = 0; round < rounds; round++) {
        double begin = processor_us();
        for (uint32_t index = 0; index < bench->message_count; index++) {
            bench->hash += kernel(&mapping->plan, bench->messages[index], &capture);
            bench->hash += capture.fields[0].size;
        }
        best = lesser(best, processor_us() - begin);
    }
    print_rate(name, bench, best);
    json_capture_deinit(&capture);
}

/// Joins every `lines` messages into one: they lie one behind the other, with line ends between.
static struct text *pack(const struct bench *bench, uint32_t lines, uint32_t *count_out)
{
    struct text *packs = memory_allocate(sizeof(struct text) * (bench->message_count + 1));
    *count_out = 0;
    for (uint32_t index = 0; index < bench->message_count; index += lines) {
        uint32_t last = index + lines < bench->message_count ? index + lines : bench->message_count;
        const char *end = bench->messages[last - 1].bytes + bench->messages[last - 1].size;
        packs[(*count_out)++] = (struct text){bench->messages[index].bytes,
                                              (size_t)(end - bench->messages[index].bytes)};
    }
    return packs;
}

static void run_decode(struct bench *bench, const struct mapping *mapping,
                       const struct schema *schema, const char *name, uint32_t lines)
{
    uint32_t count;
    struct text *packs = pack(bench, lines, &count);
    bench->event_count = 0;
    struct decode_sink sink = {bench, take_event, take_reject};
    struct decoder *decoder = decoder_create(mapping, schema);
    bench->hash = 0;
    double best = INFINITY;
    for (uint32_t round = 0; round < rounds; round++) {
        double begin = processor_us();
        decoder_begin_file(decoder);
        for (uint32_t index = 0; index < count; index++) {
            struct decode_outcome outcome;
            decode_message(decoder, packs[index], &sink, &outcome);
            bench->hash += (uint64_t)outcome.reason;
        }
        best = lesser(best, processor_us() - begin);
    }
    print_rate(name, bench, best);
    printf("events   %" PRIu64 " in %" PRIu32 " messages of %.0f bytes\n",
           bench->event_count / rounds, bench->message_count,
           (double)bench->bytes.size / bench->message_count);
    decoder_destroy(decoder);
    memory_free(packs);
}

int main(int argument_count, char **arguments)
{
    struct bench bench = {0};
    struct arena arena = {0};
    struct schema schema;
    struct mapping *mapping = NULL;
    struct corong_error error = {0};
    rounds = argument_count == 2 ? (uint32_t)strtoul(arguments[1], NULL, 10) : rounds;
    if (argument_count == 3) {
        ASSERT(file_read_whole(arguments[2], (size_t)1 << 30, &bench.bytes.bytes, &bench.bytes.size,
                               &error) == CORONG_OK);
    } else {
        generate(&bench.bytes);
    }
    split_lines(&bench);
    schema_init(&schema, &arena);
    struct text preset = text_from(argument_count == 3 ? arguments[1] : "segment");
    if (mapping_from_preset(&mapping, &arena, preset, &error) != CORONG_OK ||
        mapping_bind_schema(mapping, &schema, &arena, &error) != CORONG_OK) {
        fprintf(stderr, "%s\n", error.message);
        return EXIT_FAILURE;
    }
    if (mapping_format(mapping) == MAPPING_JSON) {
        run_scan(&bench, mapping, "scalar", json_scan_scalar);
        run_scan(&bench, mapping, "scan", json_scan);
    }
    run_decode(&bench, mapping, &schema, "decode", 1);
    run_decode(&bench, mapping, &schema, "packed", PACK_LINES);
    memory_free(bench.messages);
    text_buffer_deinit(&bench.bytes);
    arena_deinit(&arena);
    return EXIT_SUCCESS;
}
