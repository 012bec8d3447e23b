// SPDX-License-Identifier: Apache-2.0
/// Help, generated from the tables of verbs and options. Thread: main.
#pragma once

#include "tools/corong/verbs.h"

#include <stdio.h>

/// All verbs, one line each.
enum exit_code help_overview(FILE *stream);
/// One verb, its options and examples, on standard output.
enum exit_code help_verb(const struct verb *verb);
