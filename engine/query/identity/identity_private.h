// SPDX-License-Identifier: Apache-2.0
/// Between the files of this folder.
#pragma once

#include "engine/query/identity/identity.h"

/// All links of a snapshot, sorted, each pair of one kind once: the first.
struct identity_links {
    struct arena arena;
    struct identity_link *links;
    uint32_t count;
};

/// Views that nobody asks are kept for the next question, so many of them.
#define IDENTITY_VIEW_COUNT_IDLE_MAX 4u

/// What a snapshot keeps.
struct identity_kept {
    struct identity_gate gate; ///< who collects links or makes a view is inside
    bool collected;
    struct identity_links links;
    struct identity_view *views; ///< the one asked for last first
};

/// Collects them. On failure there is nothing to deinit.
CORONG_MUST_CHECK enum corong_status identity_links_collect(struct identity_links *links,
                                                            struct store_snapshot *snapshot,
                                                            struct query_tasks *tasks,
                                                            struct corong_error *error);
void identity_links_deinit(struct identity_links *links);
/// The links that were left beside exactly these segments; false: none, or more than the budget of
/// `tasks` holds. Then there is nothing to deinit.
bool identity_links_load(struct identity_links *links, const struct store_snapshot *snapshot,
                         struct query_tasks *tasks);
/// Leaves them there for whoever asks next. The caller holds the store.
CORONG_MUST_CHECK enum corong_status identity_links_leave(const struct identity_links *links,
                                                          const struct store_snapshot *snapshot,
                                                          struct corong_error *error);
/// False where no row of the snapshot can hold a link: nothing is to be collected.
bool identity_links_exist(const struct store_snapshot *snapshot);

/// Consecutive rows of one user in one group, and where they go.
struct identity_place {
    uint32_t group;
    uint32_t first_row; ///< in the group
    uint32_t row_count;
    uint32_t target; ///< first row in the arrays
};

/// Finds the moved users of all segments and lays their rows out: view->rows.
CORONG_MUST_CHECK enum corong_status identity_rows_find(struct identity_view *view,
                                                        struct store_snapshot *snapshot,
                                                        struct query_tasks *tasks,
                                                        struct corong_error *error);
void identity_rows_deinit(struct identity_rows *rows);
