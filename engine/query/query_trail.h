// SPDX-License-Identifier: Apache-2.0
/// All stored events of the present user in canonical order, as places: what lies behind a matched
/// event can be found although its row group is gone. Thread: one worker.
#pragma once

#include "engine/query/query_source.h"

struct query_trail_row {
    int64_t time_us;
    uint64_t place;   ///< packed, see query_gather_unpack()
    uint32_t session; ///< number of the user's session; 0 where sessions do not matter
};

struct query_trail {
    struct query_tasks *tasks;
    struct query_trail_row *rows;
    uint32_t count;
    uint32_t capacity;
};

void query_trail_deinit(struct query_trail *trail);
/// Adds rows [begin, end) of the loaded group.
CORONG_MUST_CHECK enum corong_status query_trail_add(struct query_trail *trail,
                                                     const struct query_source *source,
                                                     uint32_t begin, uint32_t end, uint32_t session,
                                                     struct corong_error *error);
/// Number of the row at a place, whose time is not before `from_us`; count where it is not there.
uint32_t query_trail_find(const struct query_trail *trail, int64_t from_us, uint64_t place);
