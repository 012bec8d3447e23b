// SPDX-License-Identifier: Apache-2.0
/// Removing what no manifest names: files of commits that never happened, or that were removed and
/// whose unlink did not reach the disk. Private to storage/.
/// Thread: the holder of the lock, before the first writer begins.
#pragma once

#include "storage/base/error.h"
#include "storage/manifest/manifest.h"

/// Removes unreferenced segments, dead-letter files and temporary files. Only names of our own kind
/// are touched. Best effort: what stays is removed at the next open.
void store_collect(const char *directory, const struct manifest_state *state);
/// CORONG_CORRUPT where a directory without FORMAT holds segments or manifests: that is no new
/// store, but one that lost the file with its secret.
CORONG_MUST_CHECK enum corong_status store_collect_refuse_orphans(const char *directory,
                                                                  struct corong_error *error);
