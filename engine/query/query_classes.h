// SPDX-License-Identifier: Apache-2.0
/// Rows of a loaded group as classes, a byte each: rows of one class may fill the same steps, by
/// their name and by the columns whose filters are tables. Thread: one worker.
#pragma once

#include "engine/query/query_source.h"

/// Sets `classes` and `steps_of_class`. `classes` is NULL where names are not stored as bytes, a
/// folded column not as numbers of one or four bytes, or a byte cannot tell the classes apart.
CORONG_MUST_CHECK enum corong_status query_classes_fill(struct query_source *source,
                                                        struct corong_error *error);
