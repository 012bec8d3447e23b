// SPDX-License-Identifier: Apache-2.0
/// Names and numbers of manifest files, the CURRENT file, and what binds records to their place.
/// Thread: values; the calls that touch the disk keep nothing.
#pragma once

#include "storage/manifest/manifest.h"

/// Numbers of the manifest files in the directory, in no order. Start from {0}.
struct manifest_numbers {
    uint64_t *values;
    uint32_t count;
    uint32_t capacity;
};

CORONG_MUST_CHECK enum corong_status manifest_numbers_list(const struct manifest_place *place,
                                                           struct manifest_numbers *numbers,
                                                           struct corong_error *error);
void manifest_numbers_deinit(struct manifest_numbers *numbers);

/// "<directory>/manifest"; memory_free() it.
char *manifest_place_directory(const struct manifest_place *place);
/// "<directory>/manifest/MANIFEST-<number>"; memory_free() it.
char *manifest_path(const struct manifest_place *place, uint64_t number);
/// Seed of the record checksums.
uint64_t manifest_place_seed(const struct manifest_place *place);
/// Stands for the record before the first one: a file of another store or number does not replay.
struct hash128 manifest_place_binding(const struct manifest_place *place, uint64_t number);

/// Which manifest is current. CORONG_NOT_FOUND: the file is missing, empty or short.
CORONG_MUST_CHECK enum corong_status manifest_current_read(const struct manifest_place *place,
                                                           uint64_t *number_out,
                                                           struct corong_error *error);
CORONG_MUST_CHECK enum corong_status manifest_current_write(const struct manifest_place *place,
                                                            uint64_t number,
                                                            struct corong_error *error);
