// SPDX-License-Identifier: Apache-2.0
/// The file `derived` of a store: what questions worked out from all its segments. Private to
/// storage/. Thread: any; writing belongs to who holds the store.
#pragma once

#include "storage/storage.h"

/// Replaces the file. An error leaves the old one or none: nothing is lost that matters.
CORONG_MUST_CHECK enum corong_status store_derived_write(const char *directory,
                                                         const struct store_snapshot *snapshot,
                                                         struct text bytes,
                                                         struct corong_error *error);
/// Appends what was left for exactly the snapshot's segments; false where nothing good was.
bool store_derived_read(const char *directory, const struct store_snapshot *snapshot,
                        uint64_t size_max, struct text_buffer *bytes_out);
