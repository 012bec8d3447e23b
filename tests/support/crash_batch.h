// SPDX-License-Identifier: Apache-2.0
/// What tests/crash/store_crash_test.c commits, and its fault in the reading of manifests.
/// Thread: one.
#pragma once

#include "tests/support/store_rows.h"

#include <stdbool.h>
#include <stdint.h>

#define CRASH_BATCH_ROW_COUNT_MAX 16

/// The rows of a batch: the same ones in every run. `rows` has room for one more than the most.
uint32_t crash_batch_rows(int64_t batch, int64_t period_us, struct store_row *rows);
/// Rows of all batches before `batches`.
uint64_t crash_batch_rows_until(int64_t batches);

/// Where manifest_record_decode() is wrapped by the linker: torn records are taken for whole ones.
extern bool crash_batch_torn_records_pass;
