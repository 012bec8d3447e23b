// SPDX-License-Identifier: Apache-2.0
/// What attributes are called. Private to tools/init. Thread: main.
#pragma once

#include "tools/init/init_roles.h"

/// A name for each attribute, all different, fit for expressions, none of them a column that every
/// event has: its last key; the key above it too, where that is another's. Memory: `arena`.
void init_attributes_name(const struct init_roles *roles, struct arena *arena,
                          struct text names_out[INIT_ATTRIBUTE_COUNT_MAX]);
