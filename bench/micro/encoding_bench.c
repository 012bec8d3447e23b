// SPDX-License-Identifier: Apache-2.0
/// Each encoding on values it is made for, per value: encoding it, decoding it; and one zstd block
/// of a column. encoding_bench [ROUNDS].
#include "bench/micro/micro.h"
#include "storage/base/hash.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/encoding/encoding.h"

#define VALUE_COUNT 65536u
#define VISIT_GAP_US (INT64_C(3600) * 1000000)

struct bench {
    enum encoding_id id;
    uint64_t *values;
    uint32_t *decoded;
    uint32_t *row_counts;
    uint32_t *names;
    int64_t *times;
    struct encoding_users users;
    struct encoding_encoder *encoder;
    struct encoding_decoder *decoder;
    struct text_buffer bytes;
    struct text_buffer frame;
};

/// Values on which the encoding is at home.
static uint64_t value_for(enum encoding_id id, uint64_t *state, uint64_t last, uint32_t row)
{
    switch (id) {
    case ENCODING_CONSTANT:
        return 7;
    case ENCODING_PATCHED:
        return micro_draw(state, 7) == 0 ? micro_draw(state, 1000000) : micro_draw(state, 200);
    case ENCODING_RUN_LENGTH:
        return micro_draw(state, 30) == 0 ? micro_draw(state, 1000) : last;
    case ENCODING_DELTA:
    case ENCODING_USER_DELTA:
        return last + micro_draw(state, 90);
    case ENCODING_DICTIONARY:
        return UINT64_C(1000003) * micro_draw(state, 30);
    case ENCODING_SPARSE:
        return micro_draw(state, 80) == 0 ? 1 + micro_draw(state, 30000) : 0;
    case ENCODING_BY_USER:
        return row / 16 % 30;
    case ENCODING_ENTROPY:
        return micro_draw(state, 2) == 0 ? micro_draw(state, 250) : micro_draw(state, 5000);
    case ENCODING_GROUPED:
        return micro_draw(state, 3) == 0 ? micro_draw(state, 5) : 0;
    case ENCODING_BY_NAME:
        return row % 5 == 0 ? 1 + micro_draw(state, 30000) : 0;
    case ENCODING_BY_VISIT:
        return row % 8 == 0 ? micro_draw(state, 200) : last;
    default:
        return micro_draw(state, 5000);
    }
}

static void generate(struct bench *bench)
{
    uint64_t state = 42 + (uint64_t)bench->id;
    for (uint32_t row = 0; row < VALUE_COUNT; row++) {
        bench->values[row] =
            value_for(bench->id, &state, row == 0 ? 0 : bench->values[row - 1], row) & UINT32_MAX;
    }
    for (uint32_t user = 0; user < VALUE_COUNT / 16; user++) {
        bench->row_counts[user] = 16;
    }
    for (uint32_t row = 0; row < VALUE_COUNT; row++) {
        bench->names[row] = (uint32_t)(row % 5 == 0);
        bench->times[row] = row / 8 * VISIT_GAP_US;
    }
    bench->users =
        (struct encoding_users){bench->row_counts, VALUE_COUNT / 16, bench->names, bench->times};
}

static uint64_t run_encode(void *context)
{
    struct bench *bench = context;
    text_buffer_reset(&bench->bytes);
    // The bytes are zstd's and change with its version; that they give the values back, the next
    // kernel's hash says.
    return encoding_encode(bench->encoder, bench->id, bench->values, VALUE_COUNT, &bench->users,
                           &bench->bytes);
}

static uint64_t run_decode(void *context)
{
    struct bench *bench = context;
    struct corong_error error = {0};
    ASSERT(encoding_decode32(bench->decoder, bench->bytes.bytes, bench->bytes.size, &bench->users,
                             bench->decoded, VALUE_COUNT, &error) == CORONG_OK);
    return 0;
}

static uint64_t hash_decoded(void *context)
{
    return hash_bytes64(((struct bench *)context)->decoded, VALUE_COUNT * sizeof(uint32_t));
}

static uint64_t run_decompress(void *context)
{
    struct bench *bench = context;
    ASSERT(encoding_decompress(bench->decoder, bench->frame.bytes, bench->frame.size,
                               bench->decoded, VALUE_COUNT));
    return 0;
}

/// A block of byte codes as leaves are compressed.
static void run_blocks(const struct micro *micro, struct bench *bench)
{
    uint64_t state = 42;
    uint8_t *codes = (uint8_t *)bench->values;
    for (uint32_t row = 0; row < VALUE_COUNT; row++) {
        codes[row] = (uint8_t)(micro_draw(&state, 3) == 0 ? micro_draw(&state, 5) : 0);
    }
    ASSERT(encoding_compress(bench->encoder, codes, VALUE_COUNT, &bench->frame));
    micro_run_hashed(micro, "zstd block read", VALUE_COUNT, run_decompress, hash_decoded, bench);
}

int main(int argument_count, char **arguments)
{
    struct micro micro = micro_begin(argument_count, arguments);
    struct bench bench = {
        .values = memory_allocate_zeroed(VALUE_COUNT, sizeof(uint64_t)),
        .decoded = memory_allocate_zeroed(VALUE_COUNT, sizeof(uint32_t)),
        .row_counts = memory_allocate_zeroed(VALUE_COUNT, sizeof(uint32_t)),
        .names = memory_allocate_zeroed(VALUE_COUNT, sizeof(uint32_t)),
        .times = memory_allocate_zeroed(VALUE_COUNT, sizeof(int64_t)),
        .encoder = encoding_encoder_create(1),
        .decoder = encoding_decoder_create(),
    };
    for (uint32_t id = ENCODING_CONSTANT; id < ENCODING_ID_END; id++) {
        char name[64];
        bench.id = (enum encoding_id)id;
        generate(&bench);
        snprintf(name, sizeof(name), "encode %s", encoding_name(bench.id));
        micro_run(&micro, name, VALUE_COUNT, run_encode, &bench);
        snprintf(name, sizeof(name), "decode %s", encoding_name(bench.id));
        micro_run_hashed(&micro, name, VALUE_COUNT, run_decode, hash_decoded, &bench);
    }
    run_blocks(&micro, &bench);
    encoding_encoder_destroy(bench.encoder);
    encoding_decoder_destroy(bench.decoder);
    text_buffer_deinit(&bench.bytes);
    text_buffer_deinit(&bench.frame);
    memory_free(bench.values);
    memory_free(bench.decoded);
    memory_free(bench.row_counts);
    memory_free(bench.names);
    memory_free(bench.times);
    return 0;
}
