// SPDX-License-Identifier: Apache-2.0
#include "tests/model/model_match.h"

#include <stdio.h>

const char *const MATCH_VALUES[FACTOR_COUNT][VALUE_MAX + 1] = {
    [ORDER] = {"order loose", "order strict", "order any", NULL},
    [TIES] = {"ties any", "ties strict", "tie_tolerance", NULL},
    [ATTEMPTS] = {"attempts best", "attempts first", "attempts last", "attempts all", NULL},
    [WINDOW] = {"window none", "window", "window 0", NULL},
    [GAPS] = {"no gap", "max_gap", "min_gap", "both gaps", NULL},
    [EXCLUDE] = {"no exclude", "exclude end", "exclude remove", "exclude both", NULL},
    [OPTIONAL] = {"required", "optional", NULL},
    [ENTRY] = {"entry closed", "entry open", NULL},
    [SCOPE] = {"scope all", "scope funnel", NULL},
    [REPEAT] = {"repeat break", "repeat allow", NULL},
    [ANCHOR] = {"no anchor", "anchor first", "anchor last", "both anchors", NULL},
    [UNTIL] = {"range entry", "range inside", NULL},
    [BARRED] = {"all entries", "some entries", NULL},
    [SEQUENCE] = {"no sequence", "sequence", NULL},
};

void match_print_model(const struct model *model)
{
    const struct match_rule *rule = &model->rule;
    for (int factor = 0; factor < FACTOR_COUNT; factor++) {
        if (model->values[factor] != 0 || factor == ORDER) {
            fprintf(stderr, "%s; ", MATCH_VALUES[factor][model->values[factor]]);
        }
    }
    fprintf(stderr, "%u steps, window %lld, tolerance %lld, optional %x, anchors %u %u",
            rule->step_count, (long long)rule->window_us, (long long)rule->tie_tolerance_us,
            rule->optional, rule->anchor_first, rule->anchor_last);
    for (uint32_t step = 1; rule->gaps != NULL && step < rule->step_count; step++) {
        fprintf(stderr, ", gap [%lld, %lld]", (long long)rule->gaps[step].min_us,
                rule->gaps[step].max_us == FUNNEL_WINDOW_NONE ? -1
                                                              : (long long)rule->gaps[step].max_us);
    }
    for (uint32_t index = 0; index < rule->exclusion_count; index++) {
        fprintf(stderr, ", exclude %u-%u%s", rule->exclusions[index].after,
                rule->exclusions[index].before, rule->exclusions[index].remove ? " remove" : "");
    }
    fprintf(stderr, ", until %lld, as of %lld:",
            rule->until_us == INT64_MAX ? -1 : (long long)rule->until_us,
            (long long)rule->as_of_us);
    for (int index = 0; index < model->history.count; index++) {
        const struct match_event *event = &model->history.match[index];
        fprintf(stderr, " %x/%x@%lld%s%s", event->steps, event->hits, (long long)event->time_us,
                event->ordered ? "+" : "", event->entry_allowed ? "" : "!");
    }
    fputc('\n', stderr);
}

void match_print_answers(const struct model *model, const struct answers *found,
                         const struct oracle_attempt *expected, int expected_count)
{
    match_print_model(model);
    for (int index = 0; index < found->count; index++) {
        const struct match_result *attempt = &found->list[index];
        fprintf(stderr, "  found %u..%u ended %u%s%s:", attempt->entered, attempt->level,
                attempt->ended, attempt->won ? " won" : "", attempt->open ? " open" : "");
        for (uint32_t step = 0; step < model->rule.step_count; step++) {
            if ((attempt->made >> step & 1) != 0) {
                fprintf(stderr, " %u:%u@%lld", attempt->steps[step] + 1, attempt->events[step],
                        (long long)attempt->times_us[step]);
            }
        }
        fputc('\n', stderr);
    }
    for (int index = 0; index < expected_count; index++) {
        const struct oracle_attempt *attempt = &expected[index];
        fprintf(stderr, "  expected %d..%d ended %d%s%s:", attempt->entered, attempt->level,
                attempt->ended, attempt->won ? " won" : "", attempt->open ? " open" : "");
        for (int step = 0; step < ORACLE_STEP_MAX; step++) {
            if (attempt->events[step] >= 0) {
                fprintf(stderr, " %d:%d@%lld", attempt->steps[step] + 1, attempt->events[step],
                        (long long)attempt->times[step]);
            }
        }
        fputc('\n', stderr);
    }
}
