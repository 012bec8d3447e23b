// SPDX-License-Identifier: Apache-2.0
/// A test vector's events as a store: written as JSON lines, decoded by a mapping, routed,
/// committed.
#pragma once

#include "storage/base/arena.h"

#include <jansson.h>

/// Returns the directory; exits with a message where the product refuses. Memory: `arena`.
char *case_store_build(const json_t *events, struct arena *arena);
void case_store_remove(const char *directory);
