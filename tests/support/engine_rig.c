// SPDX-License-Identifier: Apache-2.0
#include "tests/support/engine_rig.h"

#include "storage/base/invariant.h"
#include "tests/support/store_directory.h"

#include <stdio.h>

static void must(enum corong_status status, const struct corong_error *error)
{
    if (status != CORONG_OK) {
        fprintf(stderr, "engine_rig: %s\n", error->message);
    }
    ASSERT(status == CORONG_OK);
}

void engine_rig_open(struct engine_rig *rig, const struct engine_options *options)
{
    struct corong_error error = {0};
    struct store_options store_options = {.create = true};
    rig->directory = store_directory_create();
    must(store_open(&rig->store, rig->directory, &store_options, &error), &error);
    uint32_t index;
    must(store_add_attribute(rig->store, TEXT_LITERAL("country"), COLUMN_STRING, &index, &error),
         &error);
    ASSERT(index == RIG_COUNTRY);
    must(store_add_attribute(rig->store, TEXT_LITERAL("producer"), COLUMN_INTEGER, &index, &error),
         &error);
    must(store_add_attribute(rig->store, TEXT_LITERAL("number"), COLUMN_INTEGER, &index, &error),
         &error);
    ASSERT(index == RIG_NUMBER);
    struct engine_options engine_options = *options;
    engine_options.store = rig->store;
    engine_options.schema = store_schema(rig->store);
    must(engine_open(&rig->engine, &engine_options, &error), &error);
}

void engine_rig_drain(struct engine_rig *rig)
{
    struct corong_error error = {0};
    must(engine_drain(rig->engine, &error), &error);
    engine_close(rig->engine);
    rig->engine = NULL;
}

void engine_rig_close(struct engine_rig *rig)
{
    engine_close(rig->engine);
    store_close(rig->store);
    store_directory_remove(rig->directory);
}

struct event engine_rig_event(union canonical_value values[RIG_COLUMN_COUNT], const char *user,
                              int64_t time_us, const char *name)
{
    values[COLUMN_NAME].string = text_from(name);
    values[COLUMN_SEQUENCE].integer = 0;
    values[COLUMN_ID_HASH].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_RECEIVED].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_AMOUNT].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_CURRENCY].string = TEXT_MISSING;
    values[RIG_COUNTRY].string = TEXT_MISSING;
    values[RIG_PRODUCER].integer = COLUMN_INTEGER_MISSING;
    values[RIG_NUMBER].integer = COLUMN_INTEGER_MISSING;
    return (struct event){.user_id = text_from(user),
                          .user_namespace = USER_NAMESPACE_KNOWN,
                          .time_us = time_us,
                          .values = values};
}

struct reading {
    struct segment_reader *reader;
    const struct dictionary *names;
    const struct dictionary *countries;
    void (*visit)(void *context, const struct engine_rig_row *row);
    void *context;
};

static void visit_row(const struct reading *reading, const struct row_group *group, uint32_t user,
                      uint32_t index)
{
    struct engine_rig_row row = {.user_key = group->user_keys[user]};
    row.user_id = (struct text){group->id_bytes + group->id_offsets[user],
                                group->id_offsets[user + 1] - group->id_offsets[user]};
    for (uint32_t column = 0; column < RIG_COLUMN_COUNT; column++) {
        const struct column_values *values = &group->columns[column];
        row.values[column] = values->integers != NULL ? values->integers[index]
                             : values->codes != NULL  ? (int64_t)values->codes[index]
                                                      : COLUMN_INTEGER_MISSING;
    }
    row.name = dictionary_text(reading->names, group->columns[COLUMN_NAME].codes[index]);
    const uint32_t *countries = group->columns[RIG_COUNTRY].codes;
    row.country =
        countries == NULL ? TEXT_MISSING : dictionary_text(reading->countries, countries[index]);
    reading->visit(reading->context, &row);
}

static void visit_group(const struct reading *reading, const struct row_group *group)
{
    uint32_t index = 0;
    for (uint32_t user = 0; user < group->user_count; user++) {
        for (uint32_t end = index + group->user_row_counts[user]; index < end; index++) {
            visit_row(reading, group, user, index);
        }
    }
}

void engine_rig_rows(struct store_snapshot *snapshot,
                     void (*visit)(void *context, const struct engine_rig_row *row), void *context)
{
    struct corong_error error = {0};
    struct segment_scratch *scratch = segment_scratch_create();
    struct segment_selection selection = {.ids = true};
    for (uint32_t column = 0; column < RIG_COLUMN_COUNT; column++) {
        segment_select(&selection, column);
    }
    for (uint32_t i = 0; i < store_snapshot_segment_count(snapshot); i++) {
        struct reading reading = {
            .reader = store_snapshot_segment(snapshot, i), .visit = visit, .context = context};
        must(segment_reader_dictionary(reading.reader, COLUMN_NAME, &reading.names, &error),
             &error);
        must(segment_reader_dictionary(reading.reader, RIG_COUNTRY, &reading.countries, &error),
             &error);
        must(segment_validate(reading.reader, &error), &error);
        for (uint32_t at = 0; at < segment_reader_group_count(reading.reader); at++) {
            struct row_group group;
            must(segment_reader_read(reading.reader, at, &selection, scratch, &group, &error),
                 &error);
            visit_group(&reading, &group);
        }
    }
    segment_scratch_destroy(scratch);
}
