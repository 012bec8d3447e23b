// SPDX-License-Identifier: Apache-2.0
/// A test vector's events as a store: written as JSON lines, decoded by a mapping, routed,
/// committed.
#pragma once

#include "tests/cases/case_kind.h"

/// Returns the directory; `in_order` maps the place in the list as sequence number. Exits with a
/// message where the product refuses. Memory: the arena.
char *case_store_build(const struct case_run *run, bool in_order);
void case_store_remove(const char *directory);
