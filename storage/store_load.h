// SPDX-License-Identifier: Apache-2.0
/// Loading a version of a store without the lock, as readers do. Private to storage/.
/// Thread: any.
#pragma once

#include "storage/base/error.h"
#include "storage/manifest/manifest.h"
#include "storage/store_format.h"

/// How often a reader tries again when a writer replaced what it was reading.
#define STORE_LOAD_TRY_COUNT 64

struct manifest_place store_load_place(const char *directory, const struct store_format *format);
/// "<directory>/<name>"; memory_free() it.
char *store_load_path(const char *directory, const char *name);
/// "<directory>/seg/<32 hex digits>.fseg"; memory_free() it.
char *store_load_segment_path(const char *directory, const uint8_t *uuid);

/// Reads FORMAT and the current manifest. On success the caller has a `state` to deinit. Tries
/// again where a writer just switched to a new manifest. CORONG_NOT_FOUND: there is no store.
CORONG_MUST_CHECK enum corong_status store_load(const char *directory, struct store_format *format,
                                                struct manifest_state *state,
                                                struct corong_error *error);
/// As store_load(), and what was read is synced: a writer that was killed between writing a record
/// and syncing it leaves one that a reader sees and a power cut takes back. Whoever builds on it
/// (another store that goes on from there) must not outlive it.
CORONG_MUST_CHECK enum corong_status store_load_synced(const char *directory,
                                                       struct store_format *format,
                                                       struct manifest_state *state,
                                                       struct corong_error *error);
/// Each live segment exists and has its size. Does not look inside.
CORONG_MUST_CHECK enum corong_status store_load_check_files(const char *directory,
                                                            const struct manifest_state *state,
                                                            struct corong_error *error);
