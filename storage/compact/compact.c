// SPDX-License-Identifier: Apache-2.0
#include "storage/compact/compact.h"

#include "storage/base/memory.h"
#include "storage/compact/compact_dictionary.h"
#include "storage/compact/compact_merge.h"
#include "storage/file/file.h"

#include <inttypes.h>

/// All that a merge holds open. `inputs` lie run after run.
struct merge_setup {
    const struct compact_request *request;
    struct compact_input *inputs;
    uint32_t input_count;
    uint32_t **remaps; ///< input_count times column_count tables, borrowed from `dictionaries`
    struct compact_dictionary *dictionaries; ///< per column
    struct dictionary *merged;               ///< per column, as writers want them
    bool *columns_used;
    struct canonical_order order;
    struct compact_merge merge;
    struct hash128 digest; ///< sum over the inputs
    int64_t as_of_us;
    uint64_t size_bytes;
};

static void setup_allocate(struct merge_setup *setup)
{
    const struct compact_plan *plan = setup->request->plan;
    size_t columns = setup->request->schema->column_count;
    for (uint32_t run = 0; run < plan->run_count; run++) {
        setup->input_count += plan->runs[run].count;
    }
    setup->inputs = memory_allocate_zeroed(setup->input_count, sizeof(*setup->inputs));
    setup->remaps = memory_allocate_zeroed(setup->input_count * columns, sizeof(*setup->remaps));
    setup->dictionaries = memory_allocate_zeroed(columns, sizeof(*setup->dictionaries));
    setup->merged = memory_allocate_zeroed(columns, sizeof(*setup->merged));
    setup->columns_used = memory_allocate_zeroed(columns, sizeof(*setup->columns_used));
    setup->merge = (struct compact_merge){
        .cursors = memory_allocate_zeroed(plan->run_count, sizeof(*setup->merge.cursors)),
        .heap = memory_allocate_zeroed(plan->run_count, sizeof(struct compact_cursor *)),
        .peers = memory_allocate_zeroed(plan->run_count, sizeof(struct compact_cursor *)),
        .cursor_count = plan->run_count,
        .schema = setup->request->schema,
        .order = &setup->order,
        .progress = setup->request->progress,
        .is_cancelled = setup->request->is_cancelled,
        .context = setup->request->context,
    };
    canonical_order_init(&setup->order, setup->request->schema);
    setup->as_of_us = INT64_MIN;
}

static void setup_deinit(struct merge_setup *setup)
{
    for (uint32_t run = 0; run < setup->merge.cursor_count; run++) {
        compact_cursor_deinit(&setup->merge.cursors[run]);
    }
    compact_sink_destroy(setup->merge.sink);
    for (uint32_t column = 0; column < setup->request->schema->column_count; column++) {
        compact_dictionary_deinit(&setup->dictionaries[column]);
    }
    for (uint32_t input = 0; input < setup->input_count; input++) {
        if (setup->inputs[input].reader != NULL) {
            segment_reader_close(setup->inputs[input].reader);
        }
    }
    memory_free(setup->merge.cursors);
    memory_free(setup->merge.heap);
    memory_free(setup->merge.peers);
    memory_free(setup->inputs);
    memory_free(setup->remaps);
    memory_free(setup->dictionaries);
    memory_free(setup->merged);
    memory_free(setup->columns_used);
}

/// A segment's schema is the beginning of the store's, column by column.
static enum corong_status check_schema(const struct merge_setup *setup, const struct schema *schema,
                                       struct corong_error *error)
{
    const struct schema *whole = setup->request->schema;
    bool fits = schema->column_count <= whole->column_count;
    for (uint32_t column = 0; fits && column < schema->column_count; column++) {
        fits = schema->columns[column].type == whole->columns[column].type &&
               text_equal(schema->columns[column].name, whole->columns[column].name);
    }
    return fits ? CORONG_OK
                : error_set(error, CORONG_CORRUPT, "a segment's schema is not that of the store");
}

static enum corong_status open_input(struct merge_setup *setup, uint32_t index,
                                     const struct segment_meta *meta, struct corong_error *error)
{
    struct compact_input *input = &setup->inputs[index];
    TRY(segment_reader_open(&input->reader, setup->request->directory, meta, error));
    const struct schema *schema = segment_reader_schema(input->reader);
    TRY(check_schema(setup, schema, error));
    for (uint32_t column = 0; column < schema->column_count; column++) {
        setup->columns_used[column] = true;
    }
    input->remaps = setup->remaps + (size_t)index * setup->request->schema->column_count;
    setup->digest = hash128_add(setup->digest, meta->row_digest);
    setup->as_of_us = meta->as_of_us > setup->as_of_us ? meta->as_of_us : setup->as_of_us;
    setup->size_bytes += meta->size_bytes;
    return CORONG_OK;
}

static enum corong_status open_inputs(struct merge_setup *setup, struct corong_error *error)
{
    const struct compact_plan *plan = setup->request->plan;
    uint32_t index = 0;
    for (uint32_t run = 0; run < plan->run_count; run++) {
        for (uint32_t member = 0; member < plan->runs[run].count; member++) {
            TRY(open_input(setup, index++, &plan->runs[run].segments[member], error));
        }
    }
    return CORONG_OK;
}

static enum corong_status merge_column(struct merge_setup *setup, uint32_t column,
                                       const struct dictionary **inputs, struct corong_error *error)
{
    for (uint32_t input = 0; input < setup->input_count; input++) {
        struct segment_reader *reader = setup->inputs[input].reader;
        inputs[input] = NULL;
        if (column < segment_reader_schema(reader)->column_count) {
            TRY(segment_reader_dictionary(reader, column, &inputs[input], error));
        }
    }
    struct compact_dictionary *dictionary = &setup->dictionaries[column];
    TRY(compact_dictionary_merge(dictionary, inputs, setup->input_count, error));
    for (uint32_t input = 0; input < setup->input_count; input++) {
        size_t place = (size_t)input * setup->request->schema->column_count + column;
        setup->remaps[place] = dictionary->remaps[input];
    }
    setup->merged[column] = dictionary->merged;
    return CORONG_OK;
}

static enum corong_status merge_dictionaries(struct merge_setup *setup, struct corong_error *error)
{
    static const uint32_t no_offsets[1];
    const struct dictionary **inputs =
        memory_allocate(setup->input_count * sizeof(struct dictionary *));
    const struct schema *schema = setup->request->schema;
    enum corong_status status = CORONG_OK;
    for (uint32_t column = 0; column < schema->column_count && status == CORONG_OK; column++) {
        setup->merged[column] = (struct dictionary){.offsets = no_offsets, .bytes = ""};
        if (schema->columns[column].type == COLUMN_STRING) {
            status = compact_merge_check(&setup->merge, error);
        }
        if (status == CORONG_OK && schema->columns[column].type == COLUMN_STRING) {
            status = merge_column(setup, column, inputs, error);
        }
    }
    memory_free(inputs);
    return status;
}

static enum corong_status open_cursors(struct merge_setup *setup, struct corong_error *error)
{
    const struct compact_plan *plan = setup->request->plan;
    const struct compact_input *inputs = setup->inputs;
    for (uint32_t run = 0; run < plan->run_count; run++) {
        TRY(compact_cursor_init(&setup->merge.cursors[run], inputs, plan->runs[run].count,
                                setup->request->schema, error));
        inputs += plan->runs[run].count;
    }
    return CORONG_OK;
}

/// Rows a segment may have: the outputs are about as dense as the inputs.
static uint64_t segment_row_max(const struct merge_setup *setup)
{
    if (setup->request->segment_row_max > 0) {
        return setup->request->segment_row_max;
    }
    uint64_t rows = setup->request->plan->row_count;
    double bytes_per_row = (double)setup->size_bytes / (double)(rows == 0 ? 1 : rows);
    double aim = (double)COMPACT_SEGMENT_SIZE_AIM / (bytes_per_row < 0.01 ? 0.01 : bytes_per_row);
    uint64_t most = COMPACT_SEGMENT_ROW_COUNT_MAX;
    return aim >= (double)most ? most : (uint64_t)aim + SEGMENT_GROUP_ROW_COUNT;
}

// Runs of one store have one secret, but for those that were written with all keys.
static const struct hash_secret *find_secret(const struct merge_setup *setup)
{
    const struct hash_secret *secret = NULL;
    for (uint32_t index = 0; index < setup->input_count && secret == NULL; index++) {
        secret = segment_reader_secret(setup->inputs[index].reader);
    }
    return secret;
}

static void open_sink(struct merge_setup *setup)
{
    const struct compact_sink_options options = {
        .directory = setup->request->directory,
        .schema = setup->request->schema,
        .dictionaries = setup->merged,
        .columns_used = setup->columns_used,
        .period = setup->request->plan->runs[0].segments[0].period,
        .as_of_us = setup->as_of_us,
        .segment_row_max = segment_row_max(setup),
        .zstd_level =
            setup->request->zstd_level > 0 ? setup->request->zstd_level : COMPACT_ZSTD_LEVEL,
        .secret = find_secret(setup),
    };
    setup->merge.sink = compact_sink_create(&options);
}

/// What came out must be what went in, less the duplicates: a fault in memory or in this program
/// would otherwise replace good rows by bad ones.
static enum corong_status check_balance(const struct merge_setup *setup,
                                        const struct compact_sink_result *result,
                                        struct corong_error *error)
{
    uint64_t rows = setup->request->plan->row_count;
    struct hash128 digest = hash128_add(result->digest, result->dropped_digest);
    if (rows != result->row_count + result->dropped_count) {
        return error_set(error, CORONG_CORRUPT,
                         "compaction read %" PRIu64 " rows, but wrote %" PRIu64
                         " and dropped %" PRIu64,
                         rows, result->row_count, result->dropped_count);
    }
    if (!hash128_equal(digest, setup->digest)) {
        return error_set(error, CORONG_CORRUPT,
                         "the digest of the compacted rows is not that of the rows read");
    }
    return CORONG_OK;
}

void compact_outcome_discard(struct compact_outcome *outcome, const char *directory)
{
    for (uint32_t index = 0; index < outcome->segment_count; index++) {
        struct text_buffer path = {0};
        text_buffer_printf(&path, "%s/", directory);
        for (size_t byte = 0; byte < SEGMENT_UUID_SIZE; byte++) {
            text_buffer_printf(&path, "%02x", outcome->segments[index].uuid[byte]);
        }
        text_buffer_append_string(&path, ".fseg");
        file_remove_quietly(path.bytes);
        text_buffer_deinit(&path);
    }
    memory_free(outcome->segments);
    *outcome = (struct compact_outcome){0};
}

static uint64_t reader_dictionary_bytes(const struct segment_reader *reader)
{
    uint64_t bytes = 0;
    uint32_t columns = segment_reader_schema(reader)->column_count;
    for (uint32_t column = 0; column < columns; column++) {
        bytes += segment_reader_dictionary_bytes(reader, column);
    }
    return bytes;
}

enum corong_status compact_dictionary_bytes(const char *directory, const struct compact_plan *plan,
                                            uint64_t *bytes_out, struct corong_error *error)
{
    *bytes_out = 0;
    for (uint32_t run = 0; run < plan->run_count; run++) {
        for (uint32_t index = 0; index < plan->runs[run].count; index++) {
            struct segment_reader *reader = NULL;
            TRY(segment_reader_open(&reader, directory, &plan->runs[run].segments[index], error));
            *bytes_out += reader_dictionary_bytes(reader);
            segment_reader_close(reader);
        }
    }
    return CORONG_OK;
}

static enum corong_status merge_all(struct merge_setup *setup, struct corong_error *error)
{
    TRY(open_inputs(setup, error));
    TRY(merge_dictionaries(setup, error));
    open_sink(setup);
    TRY(open_cursors(setup, error));
    return compact_merge_run(&setup->merge, error);
}

enum corong_status compact_merge(const struct compact_request *request,
                                 struct compact_outcome *outcome, struct corong_error *error)
{
    *outcome = (struct compact_outcome){0};
    struct merge_setup setup = {.request = request};
    setup_allocate(&setup);
    struct compact_sink_result result = {0};
    enum corong_status status = merge_all(&setup, error);
    if (setup.merge.sink != NULL) {
        // Also after a failure: the segments finished so far are listed, to be removed.
        enum corong_status finished =
            compact_sink_finish(setup.merge.sink, &result, status == CORONG_OK ? error : NULL);
        status = status == CORONG_OK ? finished : status;
    }
    if (status == CORONG_OK) {
        status = check_balance(&setup, &result, error);
    }
    setup_deinit(&setup);
    outcome->segments = result.segments;
    outcome->segment_count = result.segment_count;
    outcome->duplicates = result.dropped_count;
    if (status != CORONG_OK) {
        compact_outcome_discard(outcome, request->directory);
    }
    return status;
}
