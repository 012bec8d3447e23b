// SPDX-License-Identifier: Apache-2.0
/// Who is who in a snapshot: links found in its rows, resolved as of a moment, and the rows of ids
/// that belong to somebody else, moved to their person as further sorted runs. Questions read these
/// beside the segments; in the segments the moved users are passed over.
///
/// Thread: a view is immutable but for columns, which are filled behind a gate; any thread.
/// Ownership: a view is held by who asked for it until released, and ends with the snapshot.
#pragma once

#include "engine/query/identity/identity_gate.h"
#include "engine/query/identity/identity_resolve.h"
#include "engine/query/query.h"
#include "storage/storage.h"

struct query_tasks;
struct identity_kept;
struct identity_layer;
struct identity_scratch;

/// What moves out of one segment.
struct identity_rows {
    struct segment_reader *reader;
    uint64_t **moved; ///< by group: bit set of its users that are moved, or NULL
    struct identity_layer *layers;
    uint32_t layer_count;
    uint32_t row_count; ///< of all layers
    struct identity_place *places;
    uint32_t place_count;
    uint32_t *group_places;        ///< by group, and one more: where its places begin
    struct identity_gate gate;     ///< who fills columns is inside; its mutex guards `filled`
    struct column_values *columns; ///< of row_count rows each, by column of the reader's schema
    uint64_t filled[(SCHEMA_COLUMN_COUNT_MAX + 63) / 64]; ///< columns that are there for good
};

/// Links of one snapshot up to one moment.
struct identity_view {
    struct arena arena;
    uint32_t link_count;
    struct identity_resolution resolution;
    struct identity_rows *rows; ///< by segment of the snapshot
    uint32_t segment_count;
    struct identity_kept *kept; ///< of the snapshot; its gate's mutex guards what follows
    uint32_t user_count;        ///< who holds it
    struct identity_view *next;
};

/// The view of a snapshot as of a moment, NULL where no id belongs to another. Made at its first
/// call, and kept for the next while it is one of the few asked for last. The caller releases it.
/// `tasks` (NULL: its own) gives threads, budget and deadline, which ends waiting, too.
CORONG_MUST_CHECK enum corong_status identity_view_of(struct store_snapshot *snapshot,
                                                      int64_t as_of_us, struct query_tasks *tasks,
                                                      struct identity_view **view_out,
                                                      struct corong_error *error);

/// NULL-safe.
void identity_view_release(struct identity_view *view);

/// What all links of a snapshot come to, whatever the moment; all 0 where there are none.
CORONG_MUST_CHECK enum corong_status identity_count(struct store_snapshot *snapshot,
                                                    struct identity_counts *counts_out,
                                                    struct corong_error *error);
/// Collects the links of a snapshot and leaves them beside its segments (storage/FORMAT.md,
/// Derived), so that questions need not: after a compaction. Nothing to do where nothing links. The
/// caller holds the store.
CORONG_MUST_CHECK enum corong_status identity_leave(struct store_snapshot *snapshot,
                                                    const struct query_limits *limits,
                                                    struct corong_error *error);
/// The key of the person to whom a key belongs: itself where nobody has it. `view` may be NULL.
struct hash128 identity_key(const struct identity_view *view, struct hash128 key);
/// The person with this key, or NULL. `view` may be NULL.
const struct identity_person *identity_person_at(const struct identity_view *view,
                                                 struct hash128 key);

/// Some users of a segment under their person's key, in groups as those of a segment.
struct identity_layer {
    struct identity_rows *rows;
    const struct identity_resolution *resolution;
    uint32_t first_row; ///< in the arrays of `rows`
    uint32_t user_count;
    uint32_t *persons; ///< by user
    struct hash128 *keys;
    uint32_t *row_counts;
    uint8_t *flags;
    uint64_t *masks;
    uint32_t group_count;
    struct identity_group *groups;
};

struct identity_group {
    struct segment_group_zone zone;
    uint32_t first_user;
    uint32_t first_row; ///< in the layer
};

/// Fills the selected columns of a segment's moved rows in one pass with all threads, and books
/// them. `tasks` may be NULL: columns are then filled when they are first read.
CORONG_MUST_CHECK enum corong_status identity_prepare(struct identity_view *view, uint32_t segment,
                                                      const struct segment_selection *selection,
                                                      struct query_tasks *tasks,
                                                      struct corong_error *error);
/// For layers of readers whose schemas have at most so many columns.
struct identity_scratch *identity_scratch_create(uint32_t column_count);
/// NULL-safe.
void identity_scratch_destroy(struct identity_scratch *scratch);
/// As segment_reader_read(). Columns that are not there yet are filled for all moved rows of the
/// segment, booked in `tasks`; its deadline ends that, as it ends waiting for another who does it.
CORONG_MUST_CHECK enum corong_status
identity_layer_read(struct identity_layer *layer, uint32_t group,
                    const struct segment_selection *selection, struct query_tasks *tasks,
                    struct identity_scratch *scratch, struct row_group *group_out,
                    struct corong_error *error);
