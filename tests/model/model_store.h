// SPDX-License-Identifier: Apache-2.0
/// Puts the oracle's events into a real store through the real engine: random producers, shards,
/// batches, commits and merges. Names are "a".."h", attribute values "p".."w", users "u<number>".
#pragma once

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
