// SPDX-License-Identifier: Apache-2.0
/// Lines to events, per line: JSON with repeating and with changing key order, CSV, access log; the
/// JSON scanner alone, scalar and chosen. And filters over decoded rows, per row.
/// decode_bench [ROUNDS].
#include "bench/micro/micro.h"
#include "engine/filter/filter.h"
#include "ingest/decode/decode.h"
#include "ingest/decode/json_scan.h"
#include "ingest/decode/mapping.h"
#include "storage/base/clock.h"
#include "storage/base/hash.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "tools/clickgen/clickgen.h"

#define LINE_COUNT 8192u
#define ROW_COUNT 65536u
#define PAGE_COUNT 5000u

static const char shop_yaml[] =
    "format: %s\nuser: user_id\ntime: time\nname: event\n"
    "revenue: { amount: revenue, currency: { const: EUR } }\n"
    "attributes: { country: country, device: device, campaign: campaign, page: page, "
    "product: product }\n";
static const char combined_yaml[] = "format: combined\nuser: ip\ntime: time\nname: method\n"
                                    "attributes: { path: path, status: status, agent: agent }\n";

struct bench {
    struct arena arena;
    struct schema schema;
    struct mapping *mapping;
    struct decoder *decoder;
    struct text_buffer bytes;
    struct text lines[LINE_COUNT + 1];
    uint32_t line_count;
    struct text header;
    uint64_t hash;
    enum reject_reason (*scan)(const struct json_plan *plan, struct text text,
                               struct json_capture *capture);
    struct json_capture capture;
};

static void take_event(void *context, const struct event *event)
{
    struct bench *bench = context;
    bench->hash = bench->hash * 31 + (uint64_t)event->time_us +
                  hash_bytes64(event->user_id.bytes, event->user_id.size) +
                  (uint64_t)event->values[COLUMN_AMOUNT].integer;
}

static void take_reject(void *context, uint32_t event_index, enum reject_reason reason,
                        const char *detail)
{
    (void)event_index;
    (void)detail;
    ((struct bench *)context)->hash += (uint64_t)reason;
}

static uint64_t run_decode(void *context)
{
    struct bench *bench = context;
    struct decode_sink sink = {bench, take_event, take_reject};
    struct decode_outcome outcome;
    bench->hash = 0;
    decoder_begin_file(bench->decoder);
    for (uint32_t line = 0; line < bench->line_count; line++) {
        decode_message(bench->decoder, bench->lines[line], &sink, &outcome);
    }
    return bench->hash;
}

static uint64_t run_scan(void *context)
{
    struct bench *bench = context;
    uint64_t hash = 0;
    for (uint32_t line = 0; line < bench->line_count; line++) {
        hash = hash * 31 + bench->scan(&bench->mapping->plan, bench->lines[line], &bench->capture);
        hash += bench->capture.fields[0].size;
    }
    return hash;
}

/// The beginning of the standard workload, at its rate: how often a minute changes is part of what
/// decoding costs.
static void make_lines(struct bench *bench, enum click_format format, bool shuffled)
{
    struct clickgen_options options;
    struct click_event event;
    clickgen_options_standard(&options);
    options.user_count = 1000;
    options.shuffle_keys = shuffled;
    struct clickgen *generator = clickgen_create(&options);
    clickgen_header(generator, format, &bench->bytes);
    for (size_t line = 0; line < LINE_COUNT && clickgen_next(generator, &event); line++) {
        clickgen_format(generator, format, &event, &bench->bytes);
    }
    clickgen_destroy(generator);
    char *at = bench->bytes.bytes;
    for (char *end; (end = memchr(at, '\n', (size_t)(bench->bytes.bytes + bench->bytes.size - at)));
         at = end + 1) {
        bench->lines[bench->line_count++] = (struct text){at, (size_t)(end - at)};
    }
}

static void open_mapping(struct bench *bench, const char *yaml)
{
    struct corong_error error = {0};
    yaml_parser_t parser;
    yaml_document_t document;
    ASSERT(yaml_parser_initialize(&parser) == 1);
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml, strlen(yaml));
    ASSERT(yaml_parser_load(&parser, &document) == 1);
    schema_init(&bench->schema, &bench->arena);
    ASSERT(mapping_parse(&bench->mapping, &bench->arena, &document,
                         yaml_document_get_root_node(&document), "bench", &error) == CORONG_OK);
    ASSERT(mapping_bind_schema(bench->mapping, &bench->schema, &bench->arena, &error) == CORONG_OK);
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    bench->decoder = decoder_create(bench->mapping, &bench->schema);
}

static void run_format(const struct micro *micro, const char *name, enum click_format format,
                       bool shuffled, const char *scalar_name, const char *scan_name)
{
    static const char *const words[] = {"json", "csv"};
    struct bench *bench = memory_allocate_zeroed(1, sizeof(*bench));
    char yaml[512];
    snprintf(yaml, sizeof(yaml), shop_yaml, words[format == CLICK_FORMAT_CSV]);
    make_lines(bench, format, shuffled);
    open_mapping(bench, format == CLICK_FORMAT_COMBINED ? combined_yaml : yaml);
    if (scan_name != NULL) {
        json_capture_init(&bench->capture, &bench->mapping->plan);
        bench->scan = json_scan_scalar;
        micro_run(micro, scalar_name, bench->line_count, run_scan, bench);
        bench->scan = json_scan;
        micro_run(micro, scan_name, bench->line_count, run_scan, bench);
        json_capture_deinit(&bench->capture);
    }
    micro_run(micro, name, bench->line_count, run_decode, bench);
    decoder_destroy(bench->decoder);
    text_buffer_deinit(&bench->bytes);
    arena_deinit(&bench->arena);
    memory_free(bench);
}

struct filter_bench {
    struct filter_segment *segment;
    struct column_values columns[COLUMN_SYSTEM_COUNT + 2];
    uint8_t *matches;
};

static uint64_t run_filter(void *context)
{
    struct filter_bench *bench = context;
    struct arena scratch = {0};
    memset(bench->matches, 1, ROW_COUNT);
    filter_evaluate(bench->segment, bench->columns, ROW_COUNT, &scratch, bench->matches);
    uint64_t hash = hash_bytes64(bench->matches, ROW_COUNT);
    arena_deinit(&scratch);
    return hash;
}

/// Sorted pages, as a segment's dictionary has them.
static struct dictionary *page_dictionary(struct arena *arena)
{
    uint32_t *offsets = arena_allocate_zeroed(arena, PAGE_COUNT + 1, sizeof(*offsets));
    char *bytes = arena_allocate(arena, PAGE_COUNT * 16);
    for (uint32_t page = 0; page < PAGE_COUNT; page++) {
        offsets[page + 1] =
            offsets[page] + (uint32_t)snprintf(bytes + offsets[page], 16, "/page/%04u", page);
    }
    struct dictionary *dictionary = arena_allocate_zeroed(arena, 1, sizeof(*dictionary));
    *dictionary = (struct dictionary){PAGE_COUNT, offsets, bytes};
    return dictionary;
}

static void run_filters(const struct micro *micro)
{
    static const struct {
        const char *name;
        struct text source;
    } kernels[] = {
        {"filter in", TEXT_LITERAL("page in ('/page/0001', '/page/0777')")},
        {"filter like and price", TEXT_LITERAL("page like '/page/0%' and price between 10 and 40")},
        {"filter regex", TEXT_LITERAL("page =~ '/page/0[0-4].*[1357]$'")},
    };
    struct arena arena = {0};
    struct schema schema;
    struct corong_error error = {0};
    struct filter_bench bench = {.matches = memory_allocate(ROW_COUNT)};
    uint32_t page;
    uint32_t price;
    uint64_t state = 42;
    schema_init(&schema, &arena);
    ASSERT(schema_add(&schema, &arena, TEXT_LITERAL("page"), COLUMN_STRING, &page, &error) ==
           CORONG_OK);
    ASSERT(schema_add(&schema, &arena, TEXT_LITERAL("price"), COLUMN_INTEGER, &price, &error) ==
           CORONG_OK);
    const struct dictionary *dictionaries[COLUMN_SYSTEM_COUNT + 2] = {NULL};
    dictionaries[page] = page_dictionary(&arena);
    bench.columns[page].codes = arena_allocate_zeroed(&arena, ROW_COUNT, sizeof(uint32_t));
    bench.columns[price].integers = arena_allocate_zeroed(&arena, ROW_COUNT, sizeof(int64_t));
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        bench.columns[page].codes[row] = micro_draw(&state, PAGE_COUNT);
        bench.columns[price].integers[row] = micro_draw(&state, 100);
    }
    for (size_t kernel = 0; kernel < sizeof(kernels) / sizeof(kernels[0]); kernel++) {
        struct filter *filter;
        ASSERT(filter_compile(&filter, &arena, kernels[kernel].source, &schema, &error) ==
               CORONG_OK);
        bench.segment = filter_prepare(filter, &arena, dictionaries);
        micro_run(micro, kernels[kernel].name, ROW_COUNT, run_filter, &bench);
        filter_destroy(filter);
    }
    memory_free(bench.matches);
    arena_deinit(&arena);
}

int main(int argument_count, char **arguments)
{
    struct micro micro = micro_begin(argument_count, arguments);
    run_format(&micro, "decode JSON", CLICK_FORMAT_JSON, false, "scan JSON, scalar", "scan JSON");
    run_format(&micro, "decode JSON, keys shuffled", CLICK_FORMAT_JSON, true,
               "scan JSON shuffled, scalar", "scan JSON shuffled");
    run_format(&micro, "decode CSV", CLICK_FORMAT_CSV, false, NULL, NULL);
    run_format(&micro, "decode access log", CLICK_FORMAT_COMBINED, false, NULL, NULL);
    run_filters(&micro);
    return 0;
}
