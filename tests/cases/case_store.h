// SPDX-License-Identifier: Apache-2.0
/// A test vector's events as a store: written as JSON lines, decoded by a mapping, routed,
/// committed.
#pragma once

#include "tests/cases/case_kind.h"

/// Returns the directory. Every property of the events and every one that the question speaks of is
/// an attribute, under the name of case_store_attribute(). Exits with a message where the product
/// refuses. Memory: the arena.
char *case_store_build(const struct case_run *run, const struct case_kind *kind);
void case_store_remove(const char *directory);
/// The attribute that holds a property: its own name, or "property NAME" where every event has a
/// column of that name. Valid until the next call but three.
const char *case_store_attribute(const char *property);
