// SPDX-License-Identifier: Apache-2.0
/// Puts the oracle's events into a real store through the real engine: random producers, shards,
/// batches, commits and merges. Names are "a".."h", attribute values "p".."w", users "u<number>".
#pragma once

#include "engine/engine.h"
#include "storage/base/text.h"
#include "tests/model/oracle.h"
#include "tests/support/test_random.h"

#include <stdint.h>

struct model_store_options {
    uint32_t shard_count;
    uint32_t producer_count;
    uint32_t run_count; ///< separate openings of the engine; each commits at least once
    bool compact;       ///< merge at the end
    bool map_ids;       ///< give events their id hash
};

/// Makes a store in a new temporary directory and returns its path (memory_free() it).
char *model_store_build(const struct oracle_event *events, int count,
                        const struct model_store_options *options, struct test_random *random);
/// Removes the directory and frees the path.
void model_store_remove(char *directory);
/// The word for a name or an attribute value; static storage.
struct text model_name(int name);
struct text model_value(int value);
/// Where a store has the attributes a0, a1 (strings), price (integer), and, where asked for, zz: a
/// long string that follows from the rest of the event and only fills memory.
struct model_columns {
    uint32_t attributes[3];
    uint32_t pad; ///< 0: none
    uint32_t pad_size;
};
/// Adds the attributes, `first` (0 to 2) of the three first. Aborts on errors.
void model_store_columns(struct store *store, uint32_t first, uint32_t pad_size,
                         struct model_columns *columns_out);
void model_store_push(struct engine_producer *producer, const struct oracle_event *event,
                      const struct model_columns *columns, bool map_ids);
