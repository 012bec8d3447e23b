// SPDX-License-Identifier: Apache-2.0
/// Results drawn for people (tables with bars), and as JSON and CSV for programs. One place for the
/// CLI and, later, HTTP. Event content is hostile: control bytes are escaped in tables, and CSV
/// cells that a spreadsheet would run as a formula get a leading apostrophe. Thread: any; writes to
/// a text_buffer.
#pragma once

#include "engine/query/identity/identity.h"
#include "engine/query/next/next.h"
#include "engine/query/people/people.h"
#include "engine/query/peer/peer.h"
#include "engine/query/query.h"
#include "ingest/ingest.h"
#include "storage/base/text.h"

enum report_format { REPORT_TABLE = 0, REPORT_JSON, REPORT_CSV };

struct report_style {
    enum report_format format;
    bool colour;          ///< only on a terminal
    uint32_t width;       ///< columns of the terminal; fewer than 80 are taken as 80
    bool timing;          ///< also say where the time went and how much was read
    struct text question; ///< as JSON that --query reads back, for answers in JSON; missing: none
};

void report_funnel(const struct query_funnel *query, const struct query_funnel_result *result,
                   const struct report_style *style, struct text_buffer *out);
void report_stages(const struct query_stages *query, const struct query_stages_result *result,
                   const struct report_style *style, struct text_buffer *out);
void report_sessions(const struct query_sessions *query, const struct query_sessions_result *result,
                     const struct report_style *style, struct text_buffer *out);
/// What a store says about a question's steps; all NULL where there is no store.
struct report_explained {
    const struct query_stages_result *steps; ///< one row per step
    const struct query_stages_result *names; ///< one row per event name
};
/// The question in plain words: what will be counted, by which rules, and which of them nobody
/// asked for.
void report_explain(const struct query_funnel *query, const struct report_explained *seen,
                    struct text_buffer *out);
/// An answer about a pattern; `users` (NULL: nobody asked for them) match. All borrowed.
struct report_pattern {
    const struct query_pattern *query;
    const struct query_pattern_result *result;
    const struct query_pattern_user *users;
    uint32_t user_count;
};
void report_pattern(const struct report_pattern *pattern, const struct report_style *style,
                    struct text_buffer *out);
/// What people did next.
void report_next(const struct next_question *question, const struct next_result *result,
                 const struct report_style *style, struct text_buffer *out);
/// Whom a dialect counts differently; a table lists `rows` of them.
void report_dialect_diff(const struct query_funnel *query, struct text dialect,
                         const struct peer_diff_result *result, uint32_t rows,
                         const struct report_style *style, struct text_buffer *out);
/// What PostHog or Pinot answers by its own rules.
void report_peer_posthog(const struct peer_posthog *question,
                         const struct peer_posthog_result *result, const struct report_style *style,
                         struct text_buffer *out);
void report_peer_pinot(const struct peer_pinot *question, const struct peer_pinot_result *result,
                       const struct report_style *style, struct text_buffer *out);
/// Lists of people are written as they come: the caller takes the buffer away whenever it likes. A
/// table is held until its end, for the widths of its columns.
/// Rows of a table unless asked for more, and at most.
#define REPORT_PEOPLE_ROWS_DEFAULT 50u
#define REPORT_PEOPLE_ROWS_MAX 10000u

struct report_people;

/// `users` or `trace`. All borrowed until the end.
struct report_people *report_people_create(const struct report_style *style,
                                           struct text_buffer *out);
void report_people_destroy(struct report_people *people);

/// The units behind a cell: begin, each unit, end.
void report_users_begin(struct report_people *people, const struct people_users *query,
                        const struct people_users_result *result);
void report_users_unit(struct report_people *people, const struct people_unit *unit);
void report_users_end(struct report_people *people);

/// One person: begin, each event, end.
void report_trace_begin(struct report_people *people, const struct people_trace *query,
                        const struct people_trace_result *result);
void report_trace_event(struct report_people *people, const struct people_event *event);
void report_trace_end(struct report_people *people);

/// Users by when they were last seen: begin, each user, end. CSV is the list, or the counts where
/// nobody is listed.
void report_dormant_begin(struct report_people *people, const struct people_dormant *query,
                          const struct people_dormant_result *result);
void report_dormant_user(struct report_people *people, const struct people_sleeper *user);
void report_dormant_end(struct report_people *people);

/// What the bars of `corong repeat` measure: they widen downwards where all so far are counted.
enum report_measure { REPORT_MEASURE_SO_FAR = 0, REPORT_MEASURE_EVENTS, REPORT_MEASURE_PEOPLE };
void report_repeat(const struct people_repeat *query, const struct people_repeat_result *result,
                   enum report_measure measure, const struct report_style *style,
                   struct text_buffer *out);

/// What a cell is, in words: "dropped at 2 click".
void report_people_cell(const struct people_cell *cell, const struct query_funnel *funnel,
                        struct text_buffer *out);

/// The live view as a replay ends. Borrowed.
struct report_live_end {
    const struct engine_live_view *view;
    uint64_t pending; ///< users that were pending when the last event was taken
    bool recounted;   ///< the funnels of `view` were then counted from the store
};
/// What a replay brought home. All borrowed.
struct report_replay {
    const struct ingest_books *books;
    const struct reject_sample *samples;
    uint32_t sample_count;
    const char *const *notes; ///< sentences about files; in JSON only: people get them from stderr
    uint32_t note_count;
    const struct report_live_end *live; ///< in JSON only; may be NULL
};
/// The books of a replay, what was bent, and samples of rejects.
void report_books(const struct report_replay *replay, const struct report_style *style,
                  struct text_buffer *out);
/// Funnels filling while a replay runs: a fixed number of lines, redrawn in place by the caller.
void report_live(const struct engine_live_view *view, const struct report_style *style,
                 struct text_buffer *out);
/// One line: percent, events, events per second, time left, rejects. No line end.
void report_progress(const struct ingest_progress *progress, const struct report_style *style,
                     struct text_buffer *out);
/// `corong inspect`: segments, sizes, books, and with `columns` the encodings of each column.
/// `identity` are the store's links.
void report_store(const char *directory, struct store_snapshot *snapshot,
                  const struct identity_counts *identity, bool columns,
                  const struct report_style *style, struct text_buffer *out);
/// Thousands separators; durations as "3d 4h", "12.4 s"; rates as "12.3 %" or "–" for null.
void report_count(struct text_buffer *out, uint64_t count);
void report_duration(struct text_buffer *out, double duration_us);
void report_rate(struct text_buffer *out, uint64_t part, uint64_t whole);
/// Text with control bytes, escapes and invalid UTF-8 made visible.
void report_text(struct text_buffer *out, struct text text);
/// "12.3 MiB".
void report_size(struct text_buffer *out, uint64_t size_bytes);
/// RFC 3339 in UTC, as short as is exact: "2026-01-02", "2026-01-02T03:04:05Z".
void report_time(struct text_buffer *out, int64_t time_us);
/// The same for programs: always with its clock.
void report_instant(struct text_buffer *out, int64_t time_us);
/// 1/10000 units as "1,234.50", with four digits where two do not suffice.
void report_amount(struct text_buffer *out, int64_t amount);
/// sum / count, half to even; 0 where count is 0.
int64_t report_average(int64_t sum, uint64_t count);
/// Wilson score interval at 95 %; [0, 1] where whole is 0.
void report_interval(uint64_t part, uint64_t whole, double *low_out, double *high_out);
