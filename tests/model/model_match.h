// SPDX-License-Identifier: Apache-2.0
/// One case of match_model_test: options, steps and a short history, and how it is printed.
#pragma once

#include "engine/funnel/funnel.h"
#include "tests/model/oracle.h"

#define HISTORY_EVENT_MAX 7
#define STEP_MAX 4
#define EXCLUSION_MAX 2
#define NAME_COUNT 64 // the oracle's event names are sets of steps and exclusions

enum factor {
    ORDER,
    TIES,
    ATTEMPTS,
    WINDOW,
    GAPS,
    EXCLUDE,
    OPTIONAL,
    ENTRY,
    SCOPE,
    REPEAT,
    ANCHOR,
    UNTIL,
    BARRED,
    SEQUENCE,
    FACTOR_COUNT
};
#define VALUE_MAX 4

extern const char *const MATCH_VALUES[FACTOR_COUNT][VALUE_MAX + 1];

struct history {
    struct match_event match[HISTORY_EVENT_MAX];
    struct oracle_event oracle[HISTORY_EVENT_MAX];
    int count;
};

struct model {
    int values[FACTOR_COUNT];
    struct match_rule rule;
    struct funnel_gap gaps[STEP_MAX];
    struct funnel_exclusion exclusions[EXCLUSION_MAX];
    struct stage stages[STEP_MAX];
    struct funnel funnel;
    struct oracle_question question;
    struct history history;
};

struct answers {
    struct match_result list[ORACLE_EVENT_MAX];
    int count;
};

/// Writes a case to standard error.
void match_print_model(const struct model *model);
/// Writes a case, what was found and what was expected, to standard error.
void match_print_answers(const struct model *model, const struct answers *found,
                         const struct oracle_attempt *expected, int expected_count);
