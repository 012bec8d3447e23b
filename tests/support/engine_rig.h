// SPDX-License-Identifier: Apache-2.0
/// A store and an engine for tests, and events for it. The schema has the attributes country
/// (string), producer and number (integers).
///
/// Thread: one; events may be pushed by any thread that has its own engine_rig_event.
#pragma once

#include "engine/engine.h"
#include "storage/storage.h"

#include <stdint.h>

enum engine_rig_column {
    RIG_COUNTRY = COLUMN_SYSTEM_COUNT,
    RIG_PRODUCER,
    RIG_NUMBER,
    RIG_COLUMN_COUNT,
};

struct engine_rig {
    char *directory;
    struct store *store;
    struct engine *engine;
};

/// Makes a new store in a temporary directory and opens an engine on it. `options` may leave store
/// and schema empty.
void engine_rig_open(struct engine_rig *rig, const struct engine_options *options);
/// Drains, which must succeed, and closes the engine; the store stays.
void engine_rig_drain(struct engine_rig *rig);
/// Closes and removes everything.
void engine_rig_close(struct engine_rig *rig);

/// An event with every value missing but a name; `values` has room for its columns.
struct event engine_rig_event(union canonical_value values[RIG_COLUMN_COUNT], const char *user,
                              int64_t time_us, const char *name);

/// One row read back.
struct engine_rig_row {
    struct hash128 user_key;
    struct text user_id;
    int64_t values[RIG_COLUMN_COUNT]; ///< strings as codes of the row's segment
    struct text name;
    struct text country;
};
/// Calls `visit` for every row of the snapshot, in the order of the segments. Aborts on errors.
void engine_rig_rows(struct store_snapshot *snapshot,
                     void (*visit)(void *context, const struct engine_rig_row *row), void *context);
