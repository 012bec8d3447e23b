// SPDX-License-Identifier: Apache-2.0
/// Instants as people write them on a command line. Thread: any.
#pragma once

#include "storage/base/error.h"
#include "storage/base/text.h"

#include <stdint.h>

/// "2026-01-02" (midnight UTC), "2026-01-02T03:04", "2026-01-02 03:04:05.5Z", "...+01:00". Without
/// a zone: UTC. 1970 to 2199; days and times that do not exist are refused.
CORONG_MUST_CHECK enum corong_status instant_parse(struct text text, int64_t *time_us_out,
                                                   struct corong_error *error);
