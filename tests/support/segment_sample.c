// SPDX-License-Identifier: Apache-2.0
#include "tests/support/segment_sample.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/column/canonical_row.h"

#include <stdio.h>
#include <stdlib.h>

#define START_US INT64_C(1700000000000000)
#define PAGE_COUNT 300u
#define COUNTRY_COUNT 30u

static uint64_t random_next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = (*state ^ *state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

static uint64_t random_below(uint64_t *state, uint64_t limit)
{
    return random_next(state) % limit;
}

static struct dictionary make_dictionary(struct arena *arena, const char *prefix, uint32_t count,
                                         bool with_empty)
{
    struct text_buffer bytes = {0};
    uint32_t *offsets = arena_allocate(arena, (count + 1) * sizeof(*offsets));
    for (uint32_t entry = 0; entry < count; entry++) {
        offsets[entry] = (uint32_t)bytes.size;
        if (entry > 0 || !with_empty) {
            text_buffer_printf(&bytes, "%s%06u", prefix, entry);
        }
    }
    offsets[count] = (uint32_t)bytes.size;
    char *copy = arena_allocate(arena, bytes.size + 1);
    if (bytes.size > 0) {
        memcpy(copy, bytes.bytes, bytes.size);
    }
    text_buffer_deinit(&bytes);
    return (struct dictionary){count, offsets, copy};
}

static void make_schema(struct segment_sample *sample, const struct sample_options *options)
{
    static const struct {
        const char *name;
        enum column_type type;
    } attributes[] = {
        {"country", COLUMN_STRING}, {"page", COLUMN_STRING},    {"quantity", COLUMN_INTEGER},
        {"price", COLUMN_NUMBER},   {"member", COLUMN_BOOLEAN}, {"nothing", COLUMN_STRING},
    };
    schema_init(&sample->schema, &sample->arena);
    for (size_t at = 0; at < sizeof(attributes) / sizeof(attributes[0]); at++) {
        uint32_t index;
        ASSERT(schema_add(&sample->schema, &sample->arena, text_from(attributes[at].name),
                          attributes[at].type, &index, NULL) == CORONG_OK);
    }
    struct arena *arena = &sample->arena;
    sample->dictionaries[COLUMN_NAME] = make_dictionary(arena, "name", options->name_count, false);
    sample->dictionaries[COLUMN_CURRENCY] = make_dictionary(arena, "C", 3, false);
    sample->dictionaries[SAMPLE_COUNTRY] = make_dictionary(arena, "", COUNTRY_COUNT, false);
    sample->dictionaries[SAMPLE_PAGE] = make_dictionary(arena, "/page/", PAGE_COUNT, true);
    sample->dictionaries[SAMPLE_NOTHING] = make_dictionary(arena, "", 0, false);
}

static const struct hash_secret secret = {{7, 6, 5}};

struct sample_user {
    struct hash128 key;
    uint8_t flags;
    char id[32];
};

static int compare_users(const void *left, const void *right)
{
    return hash128_compare(((const struct sample_user *)left)->key,
                           ((const struct sample_user *)right)->key);
}

static void make_id(enum sample_ids ids, uint32_t number, char *id, size_t size)
{
    switch (ids) {
    case SAMPLE_IDS_FOREIGN:
    case SAMPLE_IDS_PADDED:
        snprintf(id, size, "user-%08u", number);
        break;
    case SAMPLE_IDS_NATURAL:
        snprintf(id, size, "%u", number);
        break;
    case SAMPLE_IDS_WIDE:
        snprintf(id, size, "id%012llu", number * 99991ULL);
        break;
    case SAMPLE_IDS_NAMED:
        snprintf(id, size, "customer/%u", number);
        break;
    case SAMPLE_IDS_LONG:
        snprintf(id, size, "%020llu", number * 99999999999999ULL);
        break;
    case SAMPLE_IDS_MIXED:
        if (number % 9 == 2) {
            snprintf(id, size, "u%ux", number);
        } else {
            snprintf(id, size, "%06u", number);
        }
        break;
    default:
        snprintf(id, size, "user-%u@example.org", number);
    }
}

static struct sample_user *sorted_users(enum sample_ids ids, uint32_t count, uint64_t *state)
{
    struct sample_user *users = memory_allocate_zeroed(count, sizeof(*users));
    for (uint32_t index = 0; index < count; index++) {
        struct sample_user *user = &users[index];
        user->flags = (uint8_t)(random_below(state, 8) == 0 ? USER_LINKED | 1 : 0);
        make_id(ids, index * 7919, user->id, sizeof(user->id));
        user->key =
            ids == SAMPLE_IDS_STRANGE || ids == SAMPLE_IDS_FOREIGN
                ? (struct hash128){random_next(state), random_next(state)}
                : hash_user(&secret, user->flags & USER_NAMESPACE_MASK, text_from(user->id));
    }
    qsort(users, count, sizeof(*users), compare_users);
    return users;
}

static void make_users(struct segment_sample *sample, const struct sample_options *options,
                       uint64_t *state)
{
    uint32_t count = options->user_count;
    struct row_group *rows = &sample->rows;
    struct text_buffer ids = {0};
    struct sample_user *users = sorted_users(options->ids, count, state);
    sample->ids = options->ids;
    rows->user_count = count;
    rows->user_keys = arena_allocate(&sample->arena, count * sizeof(*rows->user_keys));
    rows->user_row_counts = arena_allocate(&sample->arena, count * sizeof(uint32_t));
    rows->user_flags = arena_allocate(&sample->arena, count);
    rows->id_offsets = arena_allocate(&sample->arena, (count + 1) * sizeof(uint32_t));
    for (uint32_t user = 0; user < count; user++) {
        rows->user_keys[user] = users[user].key;
        rows->user_row_counts[user] = 1 + (uint32_t)random_below(state, options->rows_per_user_max);
        rows->user_flags[user] = users[user].flags;
        rows->id_offsets[user] = (uint32_t)ids.size;
        text_buffer_append_string(&ids, users[user].id);
        rows->row_count += rows->user_row_counts[user];
    }
    rows->id_offsets[count] = (uint32_t)ids.size;
    rows->id_bytes = arena_allocate(&sample->arena, ids.size);
    memcpy(rows->id_bytes, ids.bytes, ids.size);
    text_buffer_deinit(&ids);
    memory_free(users);
}

static int64_t number_bits(double number)
{
    int64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

static int64_t random_integer(uint64_t *state)
{
    switch (random_below(state, 8)) {
    case 0:
        return INT64_MAX;
    case 1:
        return INT64_MIN + 1;
    case 2:
        return COLUMN_INTEGER_MISSING;
    default:
        return (int64_t)random_next(state) >> random_below(state, 63);
    }
}

static void fill_row(struct segment_sample *sample, const struct sample_options *options,
                     uint64_t *state, uint32_t row, uint32_t country, int64_t time)
{
    struct column_values *columns = sample->columns;
    bool paid = random_below(state, 50) == 0;
    columns[COLUMN_TIME].integers[row] = time;
    columns[COLUMN_NAME].codes[row] = (uint32_t)random_below(state, options->name_count);
    columns[COLUMN_SEQUENCE].integers[row] = (int64_t)random_below(state, 2);
    columns[COLUMN_ID_HASH].integers[row] = random_below(state, 4) == 0
                                                ? COLUMN_INTEGER_MISSING
                                                : (int64_t)(uint32_t)random_next(state);
    columns[COLUMN_AMOUNT].integers[row] =
        paid ? (int64_t)random_below(state, 100000) * 100 : COLUMN_INTEGER_MISSING;
    columns[COLUMN_CURRENCY].codes[row] =
        paid ? (uint32_t)random_below(state, 3) : COLUMN_CODE_MISSING;
    columns[SAMPLE_COUNTRY].codes[row] = country;
    columns[SAMPLE_PAGE].codes[row] = random_below(state, 3) == 0
                                          ? COLUMN_CODE_MISSING
                                          : (uint32_t)random_below(state, PAGE_COUNT);
    columns[SAMPLE_QUANTITY].integers[row] = random_integer(state);
    columns[SAMPLE_PRICE].integers[row] =
        random_below(state, 3) == 0
            ? (int64_t)COLUMN_NUMBER_MISSING_BITS
            : number_bits(((double)random_below(state, 20000) - 10000) / 100);
    columns[SAMPLE_MEMBER].integers[row] = (int64_t)random_below(state, 2);
}

struct sort_context {
    const struct segment_sample *sample;
    const struct canonical_order *order;
};

static int compare_rows(const void *left, const void *right, void *user)
{
    const struct sort_context *context = user;
    const struct column_values *columns = context->sample->columns;
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    static const uint32_t first[] = {COLUMN_TIME, COLUMN_SEQUENCE, COLUMN_ID_HASH};
    for (size_t at = 0; at < 3; at++) {
        int64_t x = columns[first[at]].integers[a];
        int64_t y = columns[first[at]].integers[b];
        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    return canonical_row_compare(context->order, &context->sample->schema, columns, a, columns, b);
}

static void permute(struct segment_sample *sample, const uint32_t *permutation)
{
    uint32_t count = sample->rows.row_count;
    int64_t *copy = memory_allocate(count * sizeof(*copy));
    for (uint32_t column = 0; column < SAMPLE_COLUMN_COUNT; column++) {
        struct column_values *values = &sample->columns[column];
        for (uint32_t row = 0; row < count; row++) {
            if (values->codes != NULL) {
                copy[row] = values->codes[permutation[row]];
            } else if (values->integers != NULL) {
                copy[row] = values->integers[permutation[row]];
            }
        }
        for (uint32_t row = 0; row < count; row++) {
            if (values->codes != NULL) {
                values->codes[row] = (uint32_t)copy[row];
            } else if (values->integers != NULL) {
                values->integers[row] = copy[row];
            }
        }
    }
    memory_free(copy);
}

static void sort_rows(struct segment_sample *sample)
{
    struct canonical_order order;
    canonical_order_init(&order, &sample->schema);
    uint32_t count = sample->rows.row_count;
    uint32_t *permutation = memory_allocate(count * sizeof(*permutation));
    for (uint32_t row = 0; row < count; row++) {
        permutation[row] = row;
    }
    struct sort_context context = {sample, &order};
    uint32_t at = 0;
    for (uint32_t user = 0; user < sample->rows.user_count; user++) {
        uint32_t rows = sample->rows.user_row_counts[user];
        qsort_r(permutation + at, rows, sizeof(*permutation), compare_rows, &context);
        at += rows;
    }
    permute(sample, permutation);
    memory_free(permutation);
}

static void fill_values(const struct segment_sample *sample, uint32_t row,
                        union canonical_value *values)
{
    for (uint32_t column = 0; column < SAMPLE_COLUMN_COUNT; column++) {
        const struct column_values *from = &sample->columns[column];
        if (sample->schema.columns[column].type == COLUMN_STRING) {
            uint32_t code = from->codes == NULL ? COLUMN_CODE_MISSING : from->codes[row];
            values[column].string = dictionary_text(&sample->dictionaries[column], code);
        } else {
            values[column].integer =
                from->integers == NULL ? COLUMN_INTEGER_MISSING : from->integers[row];
        }
    }
}

static void digest_rows(struct segment_sample *sample)
{
    struct canonical_order order;
    canonical_order_init(&order, &sample->schema);
    struct text_buffer canonical = {0};
    struct text_buffer scratch = {0};
    const struct row_group *rows = &sample->rows;
    uint32_t row = 0;
    sample->as_of_us = INT64_MIN;
    for (uint32_t user = 0; user < rows->user_count; user++) {
        struct text id = {rows->id_bytes + rows->id_offsets[user],
                          rows->id_offsets[user + 1] - rows->id_offsets[user]};
        for (uint32_t end = row + rows->user_row_counts[user]; row < end; row++) {
            union canonical_value values[SAMPLE_COLUMN_COUNT];
            int64_t time = sample->columns[COLUMN_TIME].integers[row];
            fill_values(sample, row, values);
            text_buffer_reset(&canonical);
            canonical_row_append(&order, &sample->schema, values, &canonical);
            struct hash128 digest = canonical_row_digest(
                rows->user_flags[user] & USER_NAMESPACE_MASK, id, time,
                values[COLUMN_SEQUENCE].integer, values[COLUMN_ID_HASH].integer,
                (struct text){canonical.bytes, canonical.size}, &scratch);
            sample->digest = hash128_add(sample->digest, digest);
            sample->as_of_us = time > sample->as_of_us ? time : sample->as_of_us;
        }
    }
    text_buffer_deinit(&canonical);
    text_buffer_deinit(&scratch);
}

void segment_sample_init(struct segment_sample *sample, const struct sample_options *options)
{
    uint64_t state = options->seed;
    memset(sample, 0, sizeof(*sample));
    make_schema(sample, options);
    make_users(sample, options, &state);
    uint32_t count = sample->rows.row_count;
    for (uint32_t column = 0; column < SAMPLE_COLUMN_COUNT; column++) {
        bool absent = column == COLUMN_RECEIVED || column == SAMPLE_NOTHING;
        if (absent) {
            continue;
        }
        if (sample->schema.columns[column].type == COLUMN_STRING) {
            sample->columns[column].codes =
                arena_allocate(&sample->arena, count * sizeof(uint32_t));
        } else {
            sample->columns[column].integers =
                arena_allocate(&sample->arena, count * sizeof(int64_t));
        }
    }
    sample->rows.columns = sample->columns;
    uint32_t row = 0;
    for (uint32_t user = 0; user < options->user_count; user++) {
        uint32_t country = (uint32_t)random_below(&state, COUNTRY_COUNT);
        int64_t time = START_US + (int64_t)random_below(&state, 86400) * options->time_step_us;
        for (uint32_t end = row + sample->rows.user_row_counts[user]; row < end; row++) {
            uint64_t gap = random_next(&state) >> (48 + random_below(&state, 16));
            time += (int64_t)(gap % 65536) * options->time_step_us;
            fill_row(sample, options, &state, row, country, time);
        }
    }
    sort_rows(sample);
    digest_rows(sample);
}

void segment_sample_deinit(struct segment_sample *sample)
{
    arena_deinit(&sample->arena);
}

// Rows [from, from + count), users cut where needed.
struct cut {
    struct row_group group;
    struct column_values columns[SAMPLE_COLUMN_COUNT];
    uint32_t *row_counts;
    uint32_t user;         ///< first user of the next group
    uint32_t rows_of_user; ///< rows of that user already written
};

static void cut_users(const struct segment_sample *sample, struct cut *cut, uint32_t count)
{
    const struct row_group *rows = &sample->rows;
    uint32_t first = cut->user;
    uint32_t left = count;
    uint32_t users = 0;
    while (left > 0) {
        uint32_t available = rows->user_row_counts[cut->user] - cut->rows_of_user;
        uint32_t taken = available < left ? available : left;
        cut->row_counts[users++] = taken;
        left -= taken;
        cut->rows_of_user += taken;
        if (taken == available) {
            cut->user++;
            cut->rows_of_user = 0;
        }
    }
    cut->group.user_count = users;
    cut->group.row_count = count;
    cut->group.user_keys = rows->user_keys + first;
    cut->group.user_row_counts = cut->row_counts;
    cut->group.user_flags = rows->user_flags + first;
    cut->group.id_bytes = rows->id_bytes + rows->id_offsets[first];
    for (uint32_t user = 0; user <= users; user++) {
        cut->group.id_offsets[user] = rows->id_offsets[first + user] - rows->id_offsets[first];
    }
}

static void cut_columns(const struct segment_sample *sample, struct cut *cut, uint32_t from)
{
    for (uint32_t column = 0; column < SAMPLE_COLUMN_COUNT; column++) {
        const struct column_values *values = &sample->columns[column];
        cut->columns[column].codes = values->codes == NULL ? NULL : values->codes + from;
        cut->columns[column].integers = values->integers == NULL ? NULL : values->integers + from;
    }
    cut->group.columns = cut->columns;
}

static enum corong_status write_groups(const struct segment_sample *sample,
                                       struct segment_writer *writer, uint32_t group_row_count,
                                       struct corong_error *error)
{
    uint32_t users = sample->rows.user_count;
    struct cut cut = {0};
    cut.row_counts = memory_allocate(users * sizeof(uint32_t));
    cut.group.id_offsets = memory_allocate((users + 1) * sizeof(uint32_t));
    enum corong_status status = CORONG_OK;
    for (uint32_t from = 0; from < sample->rows.row_count && status == CORONG_OK;) {
        uint32_t left = sample->rows.row_count - from;
        uint32_t count = left < group_row_count ? left : group_row_count;
        cut_users(sample, &cut, count);
        cut_columns(sample, &cut, from);
        status = segment_writer_append(writer, &cut.group, error);
        from += count;
    }
    memory_free(cut.row_counts);
    memory_free(cut.group.id_offsets);
    return status;
}

enum corong_status segment_sample_write(const struct segment_sample *sample, const char *directory,
                                        uint8_t uuid_byte, uint32_t group_row_count,
                                        struct segment_meta *meta_out, struct corong_error *error)
{
    struct segment_writer_options options = {.directory = directory,
                                             .schema = &sample->schema,
                                             .dictionaries = sample->dictionaries,
                                             .period = 7,
                                             .zstd_level = 1,
                                             .secret = sample->ids == SAMPLE_IDS_STRANGE ? NULL
                                                                                         : &secret};
    memset(options.uuid, uuid_byte, sizeof(options.uuid));
    struct segment_writer *writer;
    TRY(segment_writer_create(&writer, &options, error));
    enum corong_status status = write_groups(sample, writer, group_row_count, error);
    if (status == CORONG_OK) {
        status = segment_writer_seal(writer, sample->digest, sample->as_of_us, meta_out, error);
    }
    segment_writer_destroy(writer);
    return status;
}

// A column of which the segment has no value at all is not read as an array.
static bool row_missing(const struct segment_sample *sample, uint32_t column, uint32_t row)
{
    const struct column_values *written = &sample->columns[column];
    if (written->codes != NULL) {
        return written->codes[row] == COLUMN_CODE_MISSING;
    }
    int64_t missing = sample->schema.columns[column].type == COLUMN_NUMBER
                          ? (int64_t)COLUMN_NUMBER_MISSING_BITS
                          : COLUMN_INTEGER_MISSING;
    return written->integers == NULL || written->integers[row] == missing;
}

static bool column_equal(const struct segment_sample *sample, uint32_t column, uint32_t from,
                         const struct row_group *group)
{
    const struct column_values *written = &sample->columns[column];
    const struct column_values *read = &group->columns[column];
    size_t count = group->row_count;
    if (read->codes != NULL && written->codes != NULL) {
        return memcmp(written->codes + from, read->codes, count * sizeof(uint32_t)) == 0;
    }
    if (read->integers != NULL && written->integers != NULL) {
        return memcmp(written->integers + from, read->integers, count * sizeof(int64_t)) == 0;
    }
    for (uint32_t row = 0; row < count; row++) {
        if (!row_missing(sample, column, from + row)) {
            return false;
        }
    }
    return read->codes == NULL && read->integers == NULL;
}

static bool users_equal(const struct segment_sample *sample, const struct row_group *group,
                        uint32_t first)
{
    const struct row_group *rows = &sample->rows;
    if (first + group->user_count > rows->user_count) {
        return false;
    }
    for (uint32_t user = 0; user < group->user_count; user++) {
        uint32_t of = first + user;
        struct text written = {rows->id_bytes + rows->id_offsets[of],
                               rows->id_offsets[of + 1] - rows->id_offsets[of]};
        struct text read = {group->id_bytes + group->id_offsets[user],
                            group->id_offsets[user + 1] - group->id_offsets[user]};
        if (!hash128_equal(rows->user_keys[of], group->user_keys[user]) ||
            rows->user_flags[of] != group->user_flags[user] || !text_equal(written, read)) {
            return false;
        }
    }
    return true;
}

static enum corong_status different(struct corong_error *error, uint32_t group, const char *what)
{
    return error_set(error, CORONG_CORRUPT, "group %u reads back with other %s", group, what);
}

enum corong_status segment_sample_compare(const struct segment_sample *sample,
                                          struct segment_reader *reader, struct corong_error *error)
{
    struct segment_scratch *scratch = segment_scratch_create();
    struct segment_selection everything = {.columns = {UINT64_MAX}, .ids = true};
    enum corong_status status = CORONG_OK;
    uint32_t from = 0;
    uint32_t user = 0;
    for (uint32_t index = 0; index < segment_reader_group_count(reader) && status == CORONG_OK;
         index++) {
        struct row_group group;
        struct segment_group_zone zone;
        status = segment_reader_read(reader, index, &everything, scratch, &group, error);
        if (status != CORONG_OK) {
            break;
        }
        segment_reader_zone(reader, index, &zone);
        user -= zone.first_user_continues;
        if (from + group.row_count > sample->rows.row_count || !users_equal(sample, &group, user)) {
            status = different(error, index, "users");
            break;
        }
        for (uint32_t column = 0; column < SAMPLE_COLUMN_COUNT; column++) {
            if (!column_equal(sample, column, from, &group)) {
                status = different(error, index, "values");
            }
        }
        from += group.row_count;
        user += group.user_count;
    }
    segment_scratch_destroy(scratch);
    if (status == CORONG_OK && from != sample->rows.row_count) {
        return different(error, 0, "rows");
    }
    return status;
}
