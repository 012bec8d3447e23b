// SPDX-License-Identifier: Apache-2.0
/// Where the bytes of a segment go.
#include "storage/segment/segment_private.h"

struct tally {
    uint64_t size_bytes;
    uint64_t block_count;
    uint32_t used; ///< encodings, as of encoding_decoder_used()
};

enum extra {
    EXTRA_KEYS,
    EXTRA_ROW_COUNTS,
    EXTRA_FLAGS,
    EXTRA_MASKS,
    EXTRA_IDS,
    EXTRA_DICTIONARIES,
    EXTRA_FRAME,
    EXTRA_COUNT,
};

static const char *const EXTRA_NAMES[EXTRA_COUNT] = {
    "(user keys)", "(user row counts)", "(user flags)",        "(user name masks)",
    "(user ids)",  "(dictionaries)",    "(header and footer)",
};

static struct tally *tally_of(struct tally *columns, struct tally *extras, uint32_t owner)
{
    switch (owner) {
    case SEGMENT_OWNER_PART + SEGMENT_KEY_HIGH:
    case SEGMENT_OWNER_PART + SEGMENT_KEY_LOW:
        return &extras[EXTRA_KEYS];
    case SEGMENT_OWNER_PART + SEGMENT_ROW_COUNTS:
        return &extras[EXTRA_ROW_COUNTS];
    case SEGMENT_OWNER_PART + SEGMENT_FLAGS:
        return &extras[EXTRA_FLAGS];
    case SEGMENT_OWNER_PART + SEGMENT_MASKS:
        return &extras[EXTRA_MASKS];
    case SEGMENT_OWNER_ID_SIZES:
    case SEGMENT_OWNER_ID_BYTES:
    case SEGMENT_OWNER_ID_NUMBERS:
        return &extras[EXTRA_IDS];
    default:
        return owner < SCHEMA_COLUMN_COUNT_MAX ? &columns[owner] : &extras[EXTRA_DICTIONARIES];
    }
}

// Damaged blocks are the checker's business; here they are left out.
static void count_blocks(struct segment_reader *reader, struct tally *columns, struct tally *extras)
{
    for (uint32_t index = 0; index < reader->footer.block_count; index++) {
        struct segment_block block;
        if (segment_block_open(reader, index, &block, NULL) != CORONG_OK) {
            continue;
        }
        struct tally *tally = tally_of(columns, extras, block.owner);
        uint64_t size = segment_aligned(reader->footer.blocks[index].size);
        tally->size_bytes += size;
        tally->block_count++;
        extras[EXTRA_FRAME].size_bytes -= size;
        if (block.compressed) {
            tally->used |= ENCODING_USED_ZSTD;
        }
    }
}

// Which encodings were chosen is seen by decoding: a group at a time, one column after the other.
static void note_encodings(struct segment_reader *reader, struct tally *columns,
                           struct tally *extras)
{
    struct segment_scratch *scratch = segment_scratch_create();
    for (uint32_t group = 0; group < reader->footer.group_count; group++) {
        struct row_group rows;
        struct segment_selection selection = {0};
        if (segment_reader_read(reader, group, &selection, scratch, &rows, NULL) != CORONG_OK) {
            continue;
        }
        uint32_t of_users = encoding_decoder_used(scratch->decoder);
        bool derive = segment_keys_derive(&reader->footer.groups[group]);
        extras[derive ? EXTRA_IDS : EXTRA_KEYS].used |= of_users;
        for (uint32_t column = 0; column < reader->footer.schema.column_count; column++) {
            if (segment_footer_array(&reader->footer, group, column)->kind == SEGMENT_ARRAY_BLOCK) {
                (void)!segment_column_read(reader, group, column, scratch, &rows, NULL);
                columns[column].used |= encoding_decoder_used(scratch->decoder);
            }
        }
    }
    segment_scratch_destroy(scratch);
}

static void fill_report(const struct tally *tally, struct text name, enum column_type type,
                        struct arena *arena, struct segment_column_report *report)
{
    struct text_buffer words = {0};
    encoding_used_describe(tally->used, &words);
    *report = (struct segment_column_report){
        .name = arena_copy_text(arena, name),
        .type = type,
        .encodings = arena_copy_string(arena, words.bytes == NULL ? "" : words.bytes),
        .size_bytes = tally->size_bytes,
        .block_count = tally->block_count,
    };
    text_buffer_deinit(&words);
}

uint32_t segment_reader_report(struct segment_reader *reader, struct arena *arena,
                               struct segment_column_report *reports)
{
    const struct schema *schema = &reader->footer.schema;
    struct tally columns[SCHEMA_COLUMN_COUNT_MAX] = {0};
    struct tally extras[EXTRA_COUNT] = {0};
    extras[EXTRA_FRAME].size_bytes = reader->size;
    count_blocks(reader, columns, extras);
    note_encodings(reader, columns, extras);
    for (uint32_t column = 0; column < schema->column_count; column++) {
        fill_report(&columns[column], schema->columns[column].name, schema->columns[column].type,
                    arena, &reports[column]);
    }
    for (unsigned extra = 0; extra < EXTRA_COUNT; extra++) {
        enum column_type type = extra < EXTRA_IDS ? COLUMN_INTEGER : COLUMN_STRING;
        fill_report(&extras[extra], text_from(EXTRA_NAMES[extra]), type, arena,
                    &reports[schema->column_count + extra]);
    }
    return schema->column_count + EXTRA_COUNT;
}

static uint64_t array_size(const struct segment_footer *footer, const struct segment_array *array)
{
    return array->kind == SEGMENT_ARRAY_BLOCK ? footer->blocks[array->block].size : 0;
}

uint64_t segment_reader_read_size(const struct segment_reader *reader, uint32_t group_index,
                                  const struct segment_selection *selection)
{
    const struct segment_footer *footer = &reader->footer;
    uint64_t size = 0;
    const struct segment_group *group = &footer->groups[group_index];
    for (unsigned part = 0; part < SEGMENT_PART_COUNT; part++) {
        if (part == SEGMENT_ROW_COUNTS || !selection->rows_only) {
            size += array_size(footer, &group->parts[part]);
        }
    }
    if (!selection->rows_only && segment_keys_derive(group)) {
        uint32_t end = segment_strings_end(&group->ids);
        for (uint32_t block = group->ids.first_block; block < end; block++) {
            size += footer->blocks[block].size;
        }
    }
    for (uint32_t column = 0; column < footer->schema.column_count; column++) {
        if (segment_selected(selection, segment_columns_place(&reader->columns, column))) {
            size += array_size(footer, segment_footer_array(footer, group_index, column));
        }
    }
    return size;
}
