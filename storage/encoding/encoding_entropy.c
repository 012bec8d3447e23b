// SPDX-License-Identifier: Apache-2.0
/// Skewed or uneven values near their entropy: each is a class of neighbouring values (see
/// encoding_classes.h) and its place in the class. Classes are coded by a table of states (tANS as
/// in J. Duda, "Asymmetric numeral systems", 2013, tables as Y. Collet's FSE builds them), places
/// as plain bits beside them, in four streams that are decoded side by side.
///
/// u64 reference, u8 table bits, u8 classes; how wide they are in runs, each u8 classes and u8
/// bits; each frequency, 7 bits to a byte, the highest bit set where another follows; for each
/// stream u16 first state, u32 size and its bytes.
#include "storage/encoding/encoding_classes.h"
#include "storage/encoding/encoding_entropy_kernel.h"
#include "storage/encoding/encoding_kernels.h"

#define TABLE_BITS_MIN 5u
#define TABLE_BITS_USUAL 11u ///< small enough for the nearest cache
#define COUNT_MIN 64u        ///< fewer values do not pay the table
#define HEADER_SIZE 40u      ///< classes and streams apart
#define CLASS_SIZE 2u
#define STREAM_SLACK 8u
#define CONTINUES 128u

static uint32_t stream_begin(uint32_t count, unsigned stream)
{
    uint32_t quarter = (count + ENTROPY_STREAM_COUNT - 1) / ENTROPY_STREAM_COUNT;
    uint64_t begin = (uint64_t)quarter * stream;
    return begin < count ? (uint32_t)begin : count;
}

static uint64_t entropy_estimate(const struct encoding_encoder *encoder,
                                 const struct encoding_statistics *statistics, uint32_t count)
{
    (void)encoder;
    uint64_t range = statistics->maximum - statistics->minimum;
    if (count < COUNT_MIN || range == 0 || range >> CLASS_BITS_MAX != 0) {
        return ENCODING_IMPOSSIBLE;
    }
    // As if the bit lengths were the classes; what is above the reference has no more bits.
    uint64_t cost = 0;
    unsigned classes = 0;
    uint64_t whole = encoding_logarithm(count);
    for (unsigned length = 0; length <= CLASS_BITS_MAX + 1; length++) {
        uint32_t found = statistics->bit_counts[length];
        if (found > 0) {
            uint64_t plain = (uint64_t)(length > 0 ? length - 1 : 0) << CLASS_LOGARITHM_BITS;
            uint64_t logarithm = encoding_logarithm(found);
            cost += found * ((whole > logarithm ? whole - logarithm : 0) + plain);
            classes++;
        }
    }
    return (cost >> CLASS_LOGARITHM_BITS) / 8 + HEADER_SIZE + (uint64_t)classes * CLASS_SIZE;
}

static unsigned choose_table_bits(uint32_t count, uint32_t class_count)
{
    unsigned bits = bit_length(count) > 3 ? bit_length(count) - 3 : 0;
    bits = bits < TABLE_BITS_USUAL ? bits : TABLE_BITS_USUAL;
    unsigned least = bit_length(class_count) + 2;
    bits = bits > least ? bits : least;
    bits = bits > TABLE_BITS_MIN ? bits : TABLE_BITS_MIN;
    return bits < ENTROPY_TABLE_BITS_MAX ? bits : ENTROPY_TABLE_BITS_MAX;
}

// Frequencies that sum to 2^table_bits, at least 1 where there are values.
static void normalise(const struct encoding_classes *classes, uint32_t count, unsigned table_bits,
                      uint16_t *frequencies)
{
    int32_t left = (int32_t)1 << table_bits;
    for (uint32_t at = 0; at < classes->class_count; at++) {
        uint64_t found = classes->value_counts[at];
        uint64_t share = ((found << table_bits) + count / 2) / count;
        frequencies[at] = (uint16_t)(found > 0 && share == 0 ? 1 : share);
        left -= frequencies[at];
    }
    // What rounding left over or took too much is the commonest ones' matter.
    while (left != 0) {
        uint32_t most = 0;
        for (uint32_t at = 1; at < classes->class_count; at++) {
            most = frequencies[at] > frequencies[most] ? at : most;
        }
        int32_t change = left > 0                        ? left
                         : -left < frequencies[most] / 2 ? left
                                                         : -(frequencies[most] / 2);
        frequencies[most] = (uint16_t)(frequencies[most] + change);
        left -= change;
    }
}

// Which class each state stands for: its frequency's number of states each, spread evenly.
static void spread_states(const uint16_t *frequencies, uint32_t class_count, unsigned table_bits,
                          uint8_t *class_of)
{
    uint32_t size = 1u << table_bits;
    uint32_t step = (size >> 1) + (size >> 3) + 3;
    uint32_t at = 0;
    for (uint32_t number = 0; number < class_count; number++) {
        for (uint32_t state = 0; state < frequencies[number]; state++) {
            class_of[at] = (uint8_t)number;
            at = (at + step) & (size - 1);
        }
    }
}

struct coder {
    uint16_t frequencies[CLASS_COUNT_MAX];
    struct encoding_classes classes;
    struct entropy_codes codes;
    uint8_t class_of[1u << ENTROPY_TABLE_BITS_MAX];
};

// A class has as many states as its frequency, from `first` on in the table.
static struct entropy_code code_of(unsigned table_bits, uint32_t frequency, uint32_t first,
                                   unsigned value_bits)
{
    // States from the frequency shifted by `most` on give off that many bits, those below one less.
    unsigned most = table_bits + 1 - bit_length(frequency);
    return (struct entropy_code){
        .bits_offset = (most << 16) - (frequency << most),
        .states_offset = (int32_t)first - (int32_t)frequency,
        .value_bits = value_bits,
    };
}

static void fill_codes(struct coder *coder)
{
    struct entropy_codes *codes = &coder->codes;
    uint32_t size = 1u << codes->table_bits;
    uint32_t sum = 0;
    uint32_t next[CLASS_COUNT_MAX];
    codes->width_max = 0;
    for (uint32_t number = 0; number < coder->classes.class_count; number++) {
        unsigned bits = coder->classes.bits[number];
        ASSERT((coder->classes.bases[number] & bit_mask(bits)) == 0);
        codes->codes[number] = code_of(codes->table_bits, coder->frequencies[number], sum, bits);
        codes->width_max = codes->table_bits + bits > codes->width_max ? codes->table_bits + bits
                                                                       : codes->width_max;
        next[number] = sum;
        sum += coder->frequencies[number];
    }
    for (uint32_t state = 0; state < size; state++) {
        codes->states[next[coder->class_of[state]]++] = (uint16_t)(size + state);
    }
}

static void coder_fill(struct coder *coder, uint32_t count)
{
    struct entropy_codes *codes = &coder->codes;
    codes->table_bits = choose_table_bits(count, coder->classes.class_count);
    normalise(&coder->classes, count, codes->table_bits, coder->frequencies);
    spread_states(coder->frequencies, coder->classes.class_count, codes->table_bits,
                  coder->class_of);
    fill_codes(coder);
}

// Appends the stream's bytes, which end at `end`, moved to begin with a whole byte; behind them is
// room to read.
static void append_stream(const struct entropy_codes *codes, const struct entropy_sink *sink,
                          const uint8_t *end, struct text_buffer *out)
{
    size_t size = (size_t)(end - sink->at) + (sink->fill > 0);
    unsigned shift = -sink->fill % 8;
    const uint8_t *from = sink->at - (sink->fill > 0);
    text_buffer_append_u16(out, (uint16_t)(sink->state - (1u << codes->table_bits)));
    text_buffer_append_u32(out, (uint32_t)size);
    char *to = text_buffer_reserve(out, size + STREAM_SLACK);
    for (size_t at = 0; at < size; at += 7) {
        bytes_store_u64(to + at, bytes_load_u64(from + at) >> shift);
    }
    out->size += size;
}

static void append_streams(struct encoding_encoder *encoder, const struct entropy_codes *codes,
                           const uint64_t *values, uint32_t count, struct text_buffer *out)
{
    struct entropy_sink sinks[ENTROPY_STREAM_COUNT];
    size_t room = ((size_t)stream_begin(count, 1) * codes->width_max + 7) / 8 + 2 * STREAM_SLACK;
    uint8_t *bytes = encoding_slot_take(&encoder->slots, ENTROPY_STREAM_COUNT * room);
    for (unsigned stream = 0; stream < ENTROPY_STREAM_COUNT; stream++) {
        uint32_t begin = stream_begin(count, stream);
        uint8_t *end = bytes + (stream + 1) * room - STREAM_SLACK;
        memset(end, 0, STREAM_SLACK);
        sinks[stream] = (struct entropy_sink){
            .values = values + begin,
            .left = stream_begin(count, stream + 1) - begin,
            .state = 1u << codes->table_bits,
            .at = end,
        };
    }
    encoding_entropy_code(codes, sinks);
    for (unsigned stream = 0; stream < ENTROPY_STREAM_COUNT; stream++) {
        append_stream(codes, &sinks[stream], bytes + (stream + 1) * room - STREAM_SLACK, out);
    }
}

static void append_table(const struct coder *coder, struct text_buffer *out)
{
    text_buffer_append_u64(out, coder->codes.reference);
    text_buffer_append_u8(out, (uint8_t)coder->codes.table_bits);
    text_buffer_append_u8(out, (uint8_t)coder->classes.class_count);
    uint32_t run = 0;
    for (uint32_t from = 0; from < coder->classes.class_count; from = run) {
        uint8_t bits = coder->classes.bits[from];
        while (run < coder->classes.class_count && coder->classes.bits[run] == bits) {
            run++;
        }
        text_buffer_append_u8(out, (uint8_t)(run - from));
        text_buffer_append_u8(out, bits);
    }
    for (uint32_t number = 0; number < coder->classes.class_count; number++) {
        unsigned frequency = coder->frequencies[number];
        if (frequency >= CONTINUES) {
            text_buffer_append_u8(out, (uint8_t)(CONTINUES | frequency % CONTINUES));
            frequency /= CONTINUES;
        }
        text_buffer_append_u8(out, (uint8_t)frequency);
    }
}

static void entropy_encode(struct encoding_encoder *encoder,
                           const struct encoding_statistics *statistics, const uint64_t *values,
                           uint32_t count, struct text_buffer *out)
{
    unsigned slots = encoder->slots.used;
    struct coder *coder = encoding_slot_take(&encoder->slots, sizeof(*coder));
    coder->codes.reference = statistics->minimum;
    coder->codes.narrow = statistics->maximum - statistics->minimum < CLASS_NARROW_END;
    encoding_classes_find(values, count, statistics->minimum, statistics->maximum,
                          &coder->codes.bins, &coder->classes);
    coder_fill(coder, count);
    append_table(coder, out);
    append_streams(encoder, &coder->codes, values, count, out);
    encoder->slots.used = slots;
}

/// Classes as they stand in the file.
struct class_list {
    unsigned table_bits;
    uint32_t class_count;
    uint8_t bits[CLASS_COUNT_MAX];
    uint16_t frequencies[CLASS_COUNT_MAX];
};

static bool read_widths(struct byte_cursor *cursor, struct class_list *list)
{
    for (uint32_t from = 0; from < list->class_count;) {
        uint32_t run = byte_cursor_u8(cursor);
        uint8_t bits = byte_cursor_u8(cursor);
        if (run == 0 || run > list->class_count - from || bits > CLASS_BITS_MAX) {
            return false;
        }
        memset(list->bits + from, bits, run);
        from += run;
    }
    return true;
}

static uint32_t read_frequency(struct byte_cursor *cursor)
{
    uint32_t low = byte_cursor_u8(cursor);
    return low < CONTINUES ? low : low - CONTINUES + CONTINUES * byte_cursor_u8(cursor);
}

static bool read_classes(struct byte_cursor *cursor, struct class_list *list,
                         struct entropy_table *table)
{
    uint64_t base = byte_cursor_u64(cursor);
    list->table_bits = byte_cursor_u8(cursor);
    list->class_count = byte_cursor_u8(cursor);
    if (list->table_bits < TABLE_BITS_MIN || list->table_bits > ENTROPY_TABLE_BITS_MAX ||
        !read_widths(cursor, list)) {
        return false;
    }
    uint32_t sum = 0;
    for (uint32_t number = 0; number < list->class_count; number++) {
        list->frequencies[number] = (uint16_t)read_frequency(cursor);
        sum += list->frequencies[number];
        table->bases[number] = base;
        base += UINT64_C(1) << list->bits[number];
    }
    return !cursor->failed && sum == 1u << list->table_bits;
}

static void fill_table(const struct class_list *list, struct entropy_table *table)
{
    uint8_t class_of[1u << ENTROPY_TABLE_BITS_MAX];
    uint32_t next[CLASS_COUNT_MAX];
    uint32_t size = 1u << list->table_bits;
    for (uint32_t number = 0; number < list->class_count; number++) {
        next[number] = list->frequencies[number];
    }
    spread_states(list->frequencies, list->class_count, list->table_bits, class_of);
    for (uint32_t state = 0; state < size; state++) {
        uint32_t number = class_of[state];
        uint32_t before = next[number]++;
        uint32_t bits = list->table_bits + 1 - bit_length(before);
        table->entries[state] = ((before << bits) - size) | bits << ENTROPY_STATE_SHIFT |
                                (uint32_t)list->bits[number] << ENTROPY_VALUE_SHIFT |
                                number << ENTROPY_CLASS_SHIFT;
    }
}

static bool read_streams(struct byte_cursor *cursor, unsigned table_bits, uint32_t count,
                         struct entropy_stream *streams)
{
    for (unsigned at = 0; at < ENTROPY_STREAM_COUNT; at++) {
        struct entropy_stream *stream = &streams[at];
        stream->state = byte_cursor_u16(cursor);
        uint32_t size = byte_cursor_u32(cursor);
        stream->bytes = byte_cursor_take(cursor, size);
        stream->bit = 0;
        stream->bit_size = (uint64_t)size * 8;
        stream->index = stream_begin(count, at);
        stream->end = stream_begin(count, at + 1);
        if (stream->bytes == NULL || stream->state >> table_bits != 0) {
            return false;
        }
    }
    return true;
}

// What the fast loop left: the bytes at the end are read one by one. False where they do not
// suffice, are too many, or do not lead back to the state that coding began with.
ENCODING_INLINE bool finish_stream(const struct entropy_table *table, struct entropy_stream *stream,
                                   void *values, enum value_width width)
{
    for (; stream->index < stream->end && stream->bit <= stream->bit_size; stream->index++) {
        uint8_t last[sizeof(uint64_t)] = {0};
        size_t at = stream->bit / 8;
        size_t left = stream->bit_size / 8 - at;
        memcpy(last, stream->bytes + at, left < sizeof(last) ? left : sizeof(last));
        value_set(values, width, stream->index,
                  entropy_step(table, stream, bytes_load_u64(last) >> stream->bit % 8));
    }
    return stream->index == stream->end && stream->bit <= stream->bit_size &&
           stream->bit_size - stream->bit < 8 && stream->state == 0;
}

ENCODING_INLINE bool finish_all(const struct entropy_table *table, struct entropy_stream *streams,
                                void *values, enum value_width width)
{
    bool good = true;
    for (unsigned at = 0; at < ENTROPY_STREAM_COUNT; at++) {
        good &= finish_stream(table, &streams[at], values, width);
    }
    return good;
}

static bool entropy_decode(struct encoding_decoder *decoder, void *values, enum value_width width,
                           uint32_t count)
{
    struct class_list list;
    struct entropy_stream streams[ENTROPY_STREAM_COUNT];
    struct entropy_table *table = encoding_slot_take(&decoder->slots, sizeof(*table));
    if (!read_classes(&decoder->cursor, &list, table)) {
        return decoder_fail(decoder, "entropy: bad classes");
    }
    if (!read_streams(&decoder->cursor, list.table_bits, count, streams)) {
        return decoder_fail(decoder, "entropy: streams cut short");
    }
    fill_table(&list, table);
    encoding_entropy_run(table, streams, values, width);
    bool good = ENCODING_BY_WIDTH(width, finish_all, table, streams, values);
    return good || decoder_fail(decoder, "entropy: bits and values do not match");
}

const struct encoding_codec encoding_entropy = {
    "entropy", ENCODING_DEPTH_MAX, entropy_estimate, entropy_encode, entropy_decode,
};
