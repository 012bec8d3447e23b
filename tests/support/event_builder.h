// SPDX-License-Identifier: Apache-2.0
/// Small stores for tests: events are listed in any order and written in chosen batches, each batch
/// one segment (per period), so that users span several segments and row groups.
///
/// Thread: one. Ownership: event_builder_destroy() removes the directory and all else.
#pragma once

#include "storage/column/column.h"
#include "storage/storage.h"

#include <stdint.h>

#define EVENT_BUILDER_SECOND INT64_C(1000000)
#define EVENT_BUILDER_DAY (INT64_C(86400) * EVENT_BUILDER_SECOND)

struct event_builder;

/// A new store in a temporary directory.
struct event_builder *event_builder_create(void);
void event_builder_destroy(struct event_builder *builder);
const char *event_builder_directory(const struct event_builder *builder);
/// Rows per row group from now on; 65536 at first.
void event_builder_group_rows(struct event_builder *builder, uint32_t row_count);

/// Declares an attribute; before the first event.
void event_builder_attribute(struct event_builder *builder, const char *name,
                             enum column_type type);
/// Adds an event; the setters below change the one added last.
void event_builder_event(struct event_builder *builder, const char *user, int64_t time_us,
                         const char *name);
/// Sets a column by its schema name ("country", "currency"); the value is copied.
void event_builder_text(struct event_builder *builder, const char *column, const char *value);
/// Sets an INTEGER or BOOLEAN column ("seq", "id", "received", "revenue", attributes).
void event_builder_integer(struct event_builder *builder, const char *column, int64_t value);
void event_builder_number(struct event_builder *builder, const char *column, double value);
/// The event added last is after its `received` by more than 24 h: it never moves as-of.
void event_builder_future(struct event_builder *builder);
/// How many events wait for a segment.
uint32_t event_builder_pending(const struct event_builder *builder);

/// Writes all pending events as one segment per period and commits.
void event_builder_segment(struct event_builder *builder);
/// Deals the pending events out at random over `segment_count` segments and commits each.
void event_builder_deal(struct event_builder *builder, uint32_t segment_count, uint64_t seed);
/// Writes the pending events as segments with a range of users' keys each, as shards do; commits
/// each.
void event_builder_deal_keys(struct event_builder *builder, uint32_t segment_count);
/// Merges all segments.
void event_builder_compact(struct event_builder *builder);
/// A snapshot of what was committed; closed by the builder's destroy or the next call.
struct store_snapshot *event_builder_snapshot(struct event_builder *builder);
