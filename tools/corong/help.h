// SPDX-License-Identifier: Apache-2.0
/// Help, generated from the tables of verbs and options. Thread: main.
#pragma once

#include "tools/corong/verbs.h"

#include <stdio.h>

/// All verbs, one line each.
enum exit_code help_overview(FILE *stream);
#define HELP_FIRST_STEPS                                                                           \
    "  corong init access.log.gz > corong.yaml   # what its fields are\n"                          \
    "  corong replay access.log.gz               # a log into ./corong.store\n"                    \
    "  corong stages                             # what is in it\n"                                \
    "  corong funnel --step visit --step order\n"
/// The overview as a page for man(1), on standard output.
enum exit_code help_man(void);
/// One verb's page.
enum exit_code help_man_verb(const struct verb *verb);
/// One verb, its options and examples, on standard output.
enum exit_code help_verb(const struct verb *verb);
