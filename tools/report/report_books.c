// SPDX-License-Identifier: Apache-2.0
#include "tools/report/grid.h"
#include "tools/report/json_writer.h"
#include "tools/report/report.h"
#include "tools/report/report_json.h"
#include "tools/report/report_lines.h"

#include <inttypes.h>

struct book_line {
    const char *key;
    const char *label;
    uint64_t run;
    uint64_t all;
};

#define BOOK_LINE_COUNT 10

static void list_lines(const struct ingest_books *books, struct book_line *lines)
{
    const struct store_counters *run = &books->run;
    const struct store_counters *all = &books->all;
    const struct book_line listed[BOOK_LINE_COUNT] = {
        {"messages", "messages read", run->messages, all->messages},
        {"blank", "  blank or control", run->blank, all->blank},
        {"messages_rejected", "  rejected whole", run->messages_rejected, all->messages_rejected},
        {"events", "events in them", run->events, all->events},
        {"events_rejected", "  rejected singly", run->events_rejected, all->events_rejected},
        {"late", "  too late", run->late, all->late},
        {"stored", "  stored", run->stored, all->stored},
        {"future", "    of these in the future", run->future, all->future},
        {"gaps", "messages known to be lost", run->gaps, all->gaps},
        {"control", "offsets without a message", run->control, all->control},
    };
    memcpy(lines, listed, sizeof(listed));
}

static bool line_shown(const struct book_line *line)
{
    return line->run > 0 || line->all > 0;
}

static void draw_counts(const struct ingest_books *books, const struct report_style *style,
                        struct text_buffer *out)
{
    struct book_line lines[BOOK_LINE_COUNT];
    struct grid grid = {0};
    list_lines(books, lines);
    grid_add_column(&grid, "the books", GRID_LEFT, 0, NULL);
    grid_add_column(&grid, "this run", GRID_RIGHT, 0, "1");
    grid_add_column(&grid, "the store", GRID_RIGHT, 0, NULL);
    for (uint32_t index = 0; index < BOOK_LINE_COUNT; index++) {
        if (line_shown(&lines[index])) {
            grid_add_string(&grid, lines[index].label);
            grid_add_count(&grid, lines[index].run);
            grid_add_count(&grid, lines[index].all);
        }
    }
    if (books->duplicates_run > 0) {
        grid_add_string(&grid, "    of these duplicates, dropped");
        grid_add_count(&grid, books->duplicates_run);
        grid_add_string(&grid, "");
    }
    grid_render(&grid, style, out);
    grid_deinit(&grid);
}

static void draw_verdict(const struct ingest_books *books, const struct report_style *style,
                         struct text_buffer *out)
{
    bool balanced = ingest_books_balance(&books->run) && ingest_books_balance(&books->all);
    const char *colour = balanced ? "32" : "31";
    text_buffer_append_string(out, "  ");
    grid_colour_begin(out, style, colour);
    text_buffer_append_string(out, balanced ? "the books balance"
                                            : "THE BOOKS DO NOT BALANCE; please report this");
    grid_colour_end(out, style, colour);
    text_buffer_append_string(out, " · ");
    report_count(out, books->files);
    text_buffer_append_string(out, books->files == 1 ? " file" : " files");
    if (books->files_skipped > 0) {
        text_buffer_append_string(out, ", ");
        report_count(out, books->files_skipped);
        text_buffer_append_string(out, " already in the store");
    }
    if (books->files_resumed > 0) {
        text_buffer_append_string(out, ", ");
        report_count(out, books->files_resumed);
        text_buffer_append_string(out, " resumed");
    }
    text_buffer_append(out, "\n", 1);
}

struct bent_line {
    const char *key;
    const char *words;
    uint64_t count;
};

#define BENT_LINE_COUNT 3

static void list_bent(const struct ingest_books *books, struct bent_line *lines)
{
    const struct decode_notes *bent = &books->bent;
    const struct bent_line listed[BENT_LINE_COUNT] = {
        {"mistyped", "values of another type than mapped, taken as missing", bent->mistyped},
        {"time_floored", "times finer than a microsecond, cut", bent->time_floored},
        {"amount_rounded", "amounts finer than 1/10000, rounded", bent->amount_rounded},
    };
    memcpy(lines, listed, sizeof(listed));
}

static void draw_bent(const struct ingest_books *books, const struct report_style *style,
                      struct text_buffer *out)
{
    struct bent_line lines[BENT_LINE_COUNT];
    list_bent(books, lines);
    for (uint32_t index = 0; index < BENT_LINE_COUNT; index++) {
        if (lines[index].count == 0) {
            continue;
        }
        text_buffer_printf(out, "  %s: ", lines[index].words);
        grid_colour_begin(out, style, "33");
        report_count(out, lines[index].count);
        grid_colour_end(out, style, "33");
        text_buffer_append(out, "\n", 1);
    }
}

static void draw_sample(const struct reject_sample *sample, struct text_buffer *out)
{
    text_buffer_append_string(out, "    ");
    report_text(out, text_from(sample->source));
    text_buffer_printf(out, " at %" PRId64, sample->offset);
    if (sample->event_index != UINT32_MAX) {
        text_buffer_printf(out, ", event %u", sample->event_index);
    }
    if (sample->detail[0] != '\0') {
        text_buffer_append_string(out, ": ");
        report_text(out, text_from(sample->detail));
    }
    text_buffer_append_string(out, "\n      ");
    report_text(out, text_from(sample->excerpt));
    text_buffer_append(out, "\n", 1);
}

static void draw_rejects(const struct ingest_books *books, const struct reject_sample *samples,
                         uint32_t sample_count, const struct report_style *style,
                         struct text_buffer *out)
{
    for (uint32_t reason = 1; reason < REJECT_REASON_COUNT; reason++) {
        if (books->run.rejected[reason] == 0) {
            continue;
        }
        text_buffer_append_string(out, "\n  ");
        grid_colour_begin(out, style, "31");
        report_count(out, books->run.rejected[reason]);
        text_buffer_printf(out, " rejected: %s", reject_reason_name((enum reject_reason)reason));
        grid_colour_end(out, style, "31");
        text_buffer_printf(out, " (%s)\n", reject_reason_sentence((enum reject_reason)reason));
        for (uint32_t index = 0; index < sample_count; index++) {
            if (samples[index].reason == (enum reject_reason)reason) {
                draw_sample(&samples[index], out);
            }
        }
    }
}

static void write_counters(struct json_writer *writer, const char *key,
                           const struct store_counters *counters, const struct book_line *lines,
                           bool run)
{
    json_writer_begin(writer, key, '{');
    for (uint32_t index = 0; index < BOOK_LINE_COUNT; index++) {
        json_writer_unsigned(writer, lines[index].key, run ? lines[index].run : lines[index].all);
    }
    json_writer_begin(writer, "rejected", '{');
    for (uint32_t reason = 1; reason < REJECT_REASON_COUNT; reason++) {
        if (counters->rejected[reason] > 0) {
            json_writer_unsigned(writer, reject_reason_name((enum reject_reason)reason),
                                 counters->rejected[reason]);
        }
    }
    json_writer_end(writer, '}');
    json_writer_bool(writer, "balance", ingest_books_balance(counters));
    json_writer_end(writer, '}');
}

/// Only what happened: the object is empty where nothing was bent.
static void write_bent(struct json_writer *writer, const struct ingest_books *books)
{
    struct bent_line lines[BENT_LINE_COUNT];
    list_bent(books, lines);
    json_writer_begin(writer, "bent", '{');
    for (uint32_t index = 0; index < BENT_LINE_COUNT; index++) {
        if (lines[index].count > 0) {
            json_writer_unsigned(writer, lines[index].key, lines[index].count);
        }
    }
    json_writer_end(writer, '}');
}

static void write_notes(struct json_writer *writer, const struct report_replay *replay)
{
    json_writer_begin(writer, "notes", '[');
    for (uint32_t index = 0; index < replay->note_count; index++) {
        json_writer_text(writer, NULL, text_from(replay->notes[index]));
    }
    json_writer_end(writer, ']');
}

static void write_samples(struct json_writer *writer, const struct reject_sample *samples,
                          uint32_t sample_count)
{
    json_writer_begin(writer, "samples", '[');
    for (uint32_t index = 0; index < sample_count; index++) {
        const struct reject_sample *sample = &samples[index];
        json_writer_begin(writer, NULL, '{');
        json_writer_text(writer, "reason", text_from(reject_reason_name(sample->reason)));
        json_writer_text(writer, "source", text_from(sample->source));
        json_writer_signed(writer, "offset", sample->offset);
        if (sample->event_index == UINT32_MAX) {
            json_writer_null(writer, "event_index"); // the message as a whole
        } else {
            json_writer_unsigned(writer, "event_index", sample->event_index);
        }
        json_writer_text(writer, "detail", text_from(sample->detail));
        json_writer_text(writer, "excerpt", text_from(sample->excerpt));
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
}

static void write_books(const struct report_replay *replay, struct text_buffer *out)
{
    const struct ingest_books *books = replay->books;
    struct json_writer writer;
    struct book_line lines[BOOK_LINE_COUNT];
    list_lines(books, lines);
    json_writer_init(&writer, out);
    json_writer_begin(&writer, NULL, '{');
    write_counters(&writer, "run", &books->run, lines, true);
    write_counters(&writer, "store", &books->all, lines, false);
    json_writer_unsigned(&writer, "duplicates", books->duplicates_run);
    json_writer_unsigned(&writer, "files", books->files);
    json_writer_unsigned(&writer, "files_skipped", books->files_skipped);
    json_writer_unsigned(&writer, "files_resumed", books->files_resumed);
    if (replay->live != NULL) {
        report_json_live(&writer, replay->live);
    }
    write_bent(&writer, books);
    write_notes(&writer, replay);
    write_samples(&writer, replay->samples, replay->sample_count);
    json_writer_end(&writer, '}');
}

/// The run's counts as "name,count" rows.
static void list_books(const struct ingest_books *books, struct text_buffer *out)
{
    struct book_line lines[BOOK_LINE_COUNT];
    list_lines(books, lines);
    text_buffer_append_string(out, "count,run,store\n");
    for (uint32_t index = 0; index < BOOK_LINE_COUNT; index++) {
        text_buffer_printf(out, "%s,%" PRIu64 ",%" PRIu64 "\n", lines[index].key, lines[index].run,
                           lines[index].all);
    }
}

void report_books(const struct report_replay *replay, const struct report_style *style,
                  struct text_buffer *out)
{
    const struct ingest_books *books = replay->books;
    if (style->format == REPORT_JSON) {
        write_books(replay, out);
    } else if (style->format == REPORT_CSV) {
        list_books(books, out);
    } else {
        draw_counts(books, style, out);
        draw_verdict(books, style, out);
        draw_bent(books, style, out);
        draw_rejects(books, replay->samples, replay->sample_count, style, out);
    }
}
