// SPDX-License-Identifier: Apache-2.0
#include "tools/report/grid.h"
#include "tools/report/json_writer.h"
#include "tools/report/report.h"
#include "tools/report/report_lines.h"

#include <inttypes.h>
#include <stdio.h>

#define PART_COUNT_MAX (SCHEMA_COLUMN_COUNT_MAX + 8)
#define ENCODING_COUNT_MAX 8

/// One column (or part) over all segments.
struct part_total {
    struct text name;
    const char *type;
    const char *encodings[ENCODING_COUNT_MAX]; ///< distinct lists of the segments
    uint32_t encoding_count;
    uint64_t size_bytes;
    uint64_t block_count;
};

struct store_overview {
    const struct identity_counts *identity;
    struct arena arena;
    struct part_total *parts;
    uint32_t part_count;
    uint64_t size_bytes;
    uint64_t row_count;
    uint64_t user_count; ///< summed over segments
    uint32_t segment_count;
    int64_t time_min_us;
    int64_t time_max_us;
    struct store_counters counters;
};

static struct part_total *part_find(struct store_overview *overview,
                                    const struct segment_column_report *report)
{
    for (uint32_t index = 0; index < overview->part_count; index++) {
        if (text_equal(overview->parts[index].name, report->name)) {
            return &overview->parts[index];
        }
    }
    if (overview->part_count == 2 * PART_COUNT_MAX) {
        return NULL;
    }
    struct part_total *part = &overview->parts[overview->part_count++];
    bool inner = report->name.size > 0 && report->name.bytes[0] == '(';
    part->name = arena_copy_text(&overview->arena, report->name);
    part->type = inner ? "" : column_type_name(report->type);
    return part;
}

static void part_add_encoding(struct store_overview *overview, struct part_total *part,
                              const char *encodings)
{
    for (uint32_t index = 0; index < part->encoding_count; index++) {
        if (strcmp(part->encodings[index], encodings) == 0) {
            return;
        }
    }
    if (encodings[0] != '\0' && part->encoding_count < ENCODING_COUNT_MAX) {
        part->encodings[part->encoding_count++] = arena_copy_string(&overview->arena, encodings);
    }
}

static void collect_parts(struct store_overview *overview, struct segment_reader *reader)
{
    struct segment_column_report *reports =
        arena_allocate_zeroed(&overview->arena, PART_COUNT_MAX, sizeof(reports[0]));
    uint32_t count = segment_reader_report(reader, &overview->arena, reports);
    for (uint32_t index = 0; index < count; index++) {
        struct part_total *part = part_find(overview, &reports[index]);
        if (part != NULL) {
            part->size_bytes += reports[index].size_bytes;
            part->block_count += reports[index].block_count;
            part_add_encoding(overview, part, reports[index].encodings);
        }
    }
}

static void add_counters(struct store_counters *sum, const struct store_counters *counters)
{
    sum->messages += counters->messages;
    sum->blank += counters->blank;
    sum->messages_rejected += counters->messages_rejected;
    sum->events += counters->events;
    sum->events_rejected += counters->events_rejected;
    sum->stored += counters->stored;
    sum->late += counters->late;
    sum->future += counters->future;
    sum->gaps += counters->gaps;
    sum->control += counters->control;
    for (uint32_t reason = 0; reason < STORE_REJECT_REASON_COUNT_MAX; reason++) {
        sum->rejected[reason] += counters->rejected[reason];
    }
}

static void collect_books(struct store_overview *overview, const struct store_snapshot *snapshot)
{
    uint32_t count;
    const struct store_position *positions = store_snapshot_positions(snapshot, &count);
    for (uint32_t index = 0; index < count; index++) {
        add_counters(&overview->counters, &positions[index].counters);
    }
}

static void collect(struct store_overview *overview, const struct store_snapshot *snapshot)
{
    overview->segment_count = store_snapshot_segment_count(snapshot);
    overview->parts = arena_allocate_zeroed(&overview->arena, 2 * (size_t)PART_COUNT_MAX,
                                            sizeof(overview->parts[0]));
    overview->time_min_us = INT64_MAX;
    overview->time_max_us = INT64_MIN;
    for (uint32_t index = 0; index < overview->segment_count; index++) {
        struct segment_reader *reader = store_snapshot_segment(snapshot, index);
        const struct segment_meta *meta = segment_reader_meta(reader);
        overview->size_bytes += meta->size_bytes;
        overview->row_count += meta->row_count;
        overview->user_count += meta->user_count;
        if (meta->time_min_us < overview->time_min_us) {
            overview->time_min_us = meta->time_min_us;
        }
        if (meta->time_max_us > overview->time_max_us) {
            overview->time_max_us = meta->time_max_us;
        }
        collect_parts(overview, reader);
    }
    collect_books(overview, snapshot);
}

static double bytes_per_event(uint64_t size_bytes, uint64_t row_count)
{
    return row_count == 0 ? 0 : (double)size_bytes / (double)row_count;
}

static void draw_identity(const struct identity_counts *identity, struct text_buffer *out)
{
    const struct {
        uint64_t count;
        const char *one;
        const char *many;
    } counts[] = {
        {identity->persons, " person of several ids", " persons of several ids"},
        {identity->members, " id belongs to another", " ids belong to another"},
        {identity->links, " link", " links"},
        {identity->aliases, " alias", " aliases"},
        {identity->conflicts, " link_conflict", " link_conflict"},
        {identity->kiosks, " kiosk", " kiosks"},
        {identity->over_limit, " over the limit", " over the limit"},
    };
    if (identity->links + identity->aliases == 0) {
        return;
    }
    text_buffer_append_string(out, "  identity: ");
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        text_buffer_append_string(out, i == 0 ? "" : " · ");
        report_count(out, counts[i].count);
        text_buffer_append_string(out, counts[i].count == 1 ? counts[i].one : counts[i].many);
    }
    text_buffer_append_string(out, "\n");
}

static void write_identity(struct json_writer *writer, const struct identity_counts *identity)
{
    json_writer_begin(writer, "identity", '{');
    json_writer_unsigned(writer, "links", identity->links);
    json_writer_unsigned(writer, "aliases", identity->aliases);
    json_writer_unsigned(writer, "linked_ids", identity->members);
    json_writer_unsigned(writer, "persons", identity->persons);
    json_writer_unsigned(writer, "link_conflict", identity->conflicts);
    json_writer_unsigned(writer, "kiosks", identity->kiosks);
    json_writer_unsigned(writer, "over_limit", identity->over_limit);
    json_writer_end(writer, '}');
}

static void draw_head(const char *directory, const struct store_overview *overview,
                      const struct store_snapshot *snapshot, const struct report_style *style,
                      struct text_buffer *out)
{
    grid_colour_begin(out, style, "1");
    report_text(out, text_from(directory));
    grid_colour_end(out, style, "1");
    text_buffer_append_string(out, "\n  ");
    report_count(out, overview->row_count);
    text_buffer_append_string(out, " events in ");
    report_count(out, overview->segment_count);
    text_buffer_append_string(out, overview->segment_count == 1 ? " segment, " : " segments, ");
    report_size(out, overview->size_bytes);
    text_buffer_printf(out, ", %.2f bytes per event\n",
                       bytes_per_event(overview->size_bytes, overview->row_count));
    if (overview->row_count > 0) {
        text_buffer_append_string(out, "  from ");
        report_time(out, overview->time_min_us);
        text_buffer_append_string(out, " to ");
        report_time(out, overview->time_max_us);
        text_buffer_append(out, "\n", 1);
    }
    struct store_totals totals = store_snapshot_totals(snapshot);
    text_buffer_append_string(out, "  duplicates dropped ");
    report_count(out, totals.duplicates);
    text_buffer_append_string(out, " · erased ");
    report_count(out, totals.erased);
    text_buffer_printf(out, " · commit %" PRIu64 " · digest %016" PRIx64 "%016" PRIx64 "\n",
                       store_snapshot_sequence(snapshot), totals.digest.high, totals.digest.low);
    draw_identity(overview->identity, out);
    text_buffer_append_string(out, "\n");
}

static void segment_name(const struct segment_meta *meta, char *name, size_t size)
{
    size_t used = 0;
    for (uint32_t index = 0; index < SEGMENT_UUID_SIZE && used + 2 < size; index++) {
        used += (size_t)snprintf(name + used, size - used, "%02x", meta->uuid[index]);
    }
}

static void draw_segments(const struct store_snapshot *snapshot, const struct report_style *style,
                          struct text_buffer *out)
{
    struct grid grid = {0};
    struct text_buffer cell = {0};
    grid_add_column(&grid, "segment", GRID_LEFT, 0, NULL);
    grid_add_column(&grid, "from", GRID_LEFT, 1, NULL);
    grid_add_column(&grid, "to", GRID_LEFT, 2, NULL);
    grid_add_column(&grid, "events", GRID_RIGHT, 0, "1");
    grid_add_column(&grid, "users", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "size", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "B/event", GRID_RIGHT, 0, NULL);
    for (uint32_t index = 0; index < store_snapshot_segment_count(snapshot); index++) {
        const struct segment_meta *meta =
            segment_reader_meta(store_snapshot_segment(snapshot, index));
        char name[9];
        segment_name(meta, name, sizeof(name));
        grid_add_string(&grid, name);
        report_time(&cell, meta->time_min_us);
        grid_add_string(&grid, cell.bytes);
        text_buffer_reset(&cell);
        report_time(&cell, meta->time_max_us);
        grid_add_string(&grid, cell.bytes);
        grid_add_count(&grid, meta->row_count);
        grid_add_count(&grid, meta->user_count);
        grid_add_size(&grid, meta->size_bytes);
        text_buffer_reset(&cell);
        text_buffer_printf(&cell, "%.2f", bytes_per_event(meta->size_bytes, meta->row_count));
        grid_add_string(&grid, cell.bytes);
        text_buffer_reset(&cell);
    }
    grid_render(&grid, style, out);
    grid_deinit(&grid);
    text_buffer_deinit(&cell);
}

static void draw_parts(const struct store_overview *overview, const struct report_style *style,
                       struct text_buffer *out)
{
    struct grid grid = {0};
    struct text_buffer cell = {0};
    grid_add_column(&grid, "column", GRID_LEFT, 0, NULL);
    grid_add_column(&grid, "type", GRID_LEFT, 0, NULL);
    grid_add_column(&grid, "", GRID_BAR, 0, "36");
    grid_add_column(&grid, "size", GRID_RIGHT, 0, "1");
    grid_add_column(&grid, "B/event", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "encodings", GRID_LEFT, 0, NULL);
    for (uint32_t index = 0; index < overview->part_count; index++) {
        const struct part_total *part = &overview->parts[index];
        text_buffer_reset(&cell);
        text_buffer_printf(&cell, "%.3f", bytes_per_event(part->size_bytes, overview->row_count));
        grid_add_text(&grid, part->name);
        grid_add_string(&grid, part->type);
        grid_add_bar(&grid, part->size_bytes, overview->size_bytes);
        grid_add_size(&grid, part->size_bytes);
        grid_add_string(&grid, cell.bytes);
        text_buffer_reset(&cell);
        for (uint32_t at = 0; at < part->encoding_count; at++) {
            text_buffer_printf(&cell, at == 0 ? "%s" : " | %s", part->encodings[at]);
        }
        grid_add_string(&grid, cell.bytes == NULL ? "" : cell.bytes);
    }
    text_buffer_append(out, "\n", 1);
    grid_render(&grid, style, out);
    grid_deinit(&grid);
    text_buffer_deinit(&cell);
}

/// Whether some source has offsets that hold no message, or lost some.
static bool has_holes(const struct store_position *positions, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++) {
        if (positions[index].counters.control != 0 || positions[index].counters.gaps != 0) {
            return true;
        }
    }
    return false;
}

static void draw_positions(const struct store_snapshot *snapshot, const struct report_style *style,
                           struct text_buffer *out)
{
    uint32_t count;
    const struct store_position *positions = store_snapshot_positions(snapshot, &count);
    if (count == 0) {
        return;
    }
    struct grid grid = {0};
    grid_add_column(&grid, "source", GRID_LEFT, 0, NULL);
    grid_add_column(&grid, "position", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "messages", GRID_RIGHT, 0, NULL);
    bool holes = has_holes(positions, count);
    if (holes) {
        grid_add_column(&grid, "control", GRID_RIGHT, 1, NULL);
        grid_add_column(&grid, "gaps", GRID_RIGHT, 0, NULL);
    }
    grid_add_column(&grid, "blank", GRID_RIGHT, 1, NULL);
    grid_add_column(&grid, "rejected", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "stored", GRID_RIGHT, 0, "1");
    for (uint32_t index = 0; index < count; index++) {
        const struct store_counters *counters = &positions[index].counters;
        grid_add_text(&grid, positions[index].name);
        grid_add_count(&grid, (uint64_t)positions[index].next_offset);
        grid_add_count(&grid, counters->messages);
        if (holes) {
            grid_add_count(&grid, counters->control);
            grid_add_count(&grid, counters->gaps);
        }
        grid_add_count(&grid, counters->blank);
        grid_add_count(&grid, counters->messages_rejected + counters->events_rejected);
        grid_add_count(&grid, counters->stored);
    }
    text_buffer_append(out, "\n", 1);
    grid_render(&grid, style, out);
    grid_deinit(&grid);
}

static void draw_verdict(const struct store_overview *overview, const struct report_style *style,
                         struct text_buffer *out)
{
    bool balanced = ingest_books_balance(&overview->counters);
    text_buffer_append_string(out, "\n  ");
    grid_colour_begin(out, style, balanced ? "32" : "31");
    text_buffer_append_string(out, balanced ? "the books balance" : "THE BOOKS DO NOT BALANCE");
    grid_colour_end(out, style, balanced ? "32" : "31");
    text_buffer_append(out, "\n", 1);
}

static void write_segment(struct json_writer *writer, const struct segment_meta *meta)
{
    char name[2 * SEGMENT_UUID_SIZE + 1];
    segment_name(meta, name, sizeof(name));
    json_writer_begin(writer, NULL, '{');
    json_writer_text(writer, "uuid", text_from(name));
    json_writer_signed(writer, "period", meta->period);
    json_writer_time(writer, "time_min", meta->time_min_us);
    json_writer_time(writer, "time_max", meta->time_max_us);
    json_writer_unsigned(writer, "rows", meta->row_count);
    json_writer_unsigned(writer, "users", meta->user_count);
    json_writer_unsigned(writer, "size_bytes", meta->size_bytes);
    json_writer_end(writer, '}');
}

static void write_position(struct json_writer *writer, const struct store_position *position)
{
    const struct store_counters *counters = &position->counters;
    json_writer_begin(writer, NULL, '{');
    json_writer_text(writer, "source", position->name);
    json_writer_signed(writer, "first_offset", position->first_offset);
    json_writer_signed(writer, "next_offset", position->next_offset);
    json_writer_unsigned(writer, "messages", counters->messages);
    json_writer_unsigned(writer, "blank", counters->blank);
    json_writer_unsigned(writer, "messages_rejected", counters->messages_rejected);
    json_writer_unsigned(writer, "events", counters->events);
    json_writer_unsigned(writer, "events_rejected", counters->events_rejected);
    json_writer_unsigned(writer, "late", counters->late);
    json_writer_unsigned(writer, "stored", counters->stored);
    json_writer_unsigned(writer, "control", counters->control);
    json_writer_unsigned(writer, "gaps", counters->gaps);
    json_writer_end(writer, '}');
}

static void write_parts(struct json_writer *writer, const struct store_overview *overview)
{
    json_writer_begin(writer, "columns", '[');
    for (uint32_t index = 0; index < overview->part_count; index++) {
        const struct part_total *part = &overview->parts[index];
        json_writer_begin(writer, NULL, '{');
        json_writer_text(writer, "name", part->name);
        json_writer_text(writer, "type",
                         part->type[0] == '\0' ? TEXT_MISSING : text_from(part->type));
        json_writer_unsigned(writer, "size_bytes", part->size_bytes);
        json_writer_unsigned(writer, "blocks", part->block_count);
        json_writer_begin(writer, "encodings", '[');
        for (uint32_t at = 0; at < part->encoding_count; at++) {
            json_writer_text(writer, NULL, text_from(part->encodings[at]));
        }
        json_writer_end(writer, ']');
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
}

static void write_store(const char *directory, const struct store_overview *overview,
                        const struct store_snapshot *snapshot, bool columns,
                        struct text_buffer *out)
{
    struct json_writer writer;
    struct store_totals totals = store_snapshot_totals(snapshot);
    char digest[33];
    uint32_t count;
    const struct store_position *positions = store_snapshot_positions(snapshot, &count);
    snprintf(digest, sizeof(digest), "%016" PRIx64 "%016" PRIx64, totals.digest.high,
             totals.digest.low);
    json_writer_init(&writer, out);
    json_writer_begin(&writer, NULL, '{');
    json_writer_text(&writer, "store", text_from(directory));
    json_writer_unsigned(&writer, "sequence", store_snapshot_sequence(snapshot));
    json_writer_text(&writer, "digest", text_from(digest));
    json_writer_unsigned(&writer, "rows", overview->row_count);
    json_writer_unsigned(&writer, "duplicates", totals.duplicates);
    json_writer_unsigned(&writer, "erased", totals.erased);
    json_writer_unsigned(&writer, "size_bytes", overview->size_bytes);
    json_writer_double(&writer, "bytes_per_event",
                       bytes_per_event(overview->size_bytes, overview->row_count));
    json_writer_bool(&writer, "balance", ingest_books_balance(&overview->counters));
    if (overview->identity->links + overview->identity->aliases > 0) {
        write_identity(&writer, overview->identity);
    }
    json_writer_begin(&writer, "segments", '[');
    for (uint32_t index = 0; index < overview->segment_count; index++) {
        write_segment(&writer, segment_reader_meta(store_snapshot_segment(snapshot, index)));
    }
    json_writer_end(&writer, ']');
    json_writer_begin(&writer, "positions", '[');
    for (uint32_t index = 0; index < count; index++) {
        write_position(&writer, &positions[index]);
    }
    json_writer_end(&writer, ']');
    if (columns) {
        write_parts(&writer, overview);
    }
    json_writer_end(&writer, '}');
}

void report_store(const char *directory, struct store_snapshot *snapshot,
                  const struct identity_counts *identity, bool columns,
                  const struct report_style *style, struct text_buffer *out)
{
    struct store_overview overview = {.identity = identity};
    collect(&overview, snapshot);
    if (style->format == REPORT_JSON) {
        write_store(directory, &overview, snapshot, columns, out);
    } else {
        draw_head(directory, &overview, snapshot, style, out);
        draw_segments(snapshot, style, out);
        if (columns) {
            draw_parts(&overview, style, out);
        }
        draw_positions(snapshot, style, out);
        draw_verdict(&overview, style, out);
    }
    arena_deinit(&overview.arena);
}
