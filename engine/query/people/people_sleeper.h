// SPDX-License-Identifier: Apache-2.0
/// A user of the dormant list as bytes whose order is the list's, and back. Private to
/// engine/query/people. Thread: values.
#pragma once

#include "engine/query/people/people.h"

void people_sleeper_write(const struct people_sleeper *user, uint32_t value_count,
                          struct text_buffer *out);
/// All but the age. Texts are borrowed from `bytes`, or in `arena`.
void people_sleeper_read(struct text bytes, uint32_t value_count, struct arena *arena,
                         struct people_sleeper *user_out);
