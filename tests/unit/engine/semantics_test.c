// SPDX-License-Identifier: Apache-2.0
// Runs the tables of engine/SEMANTICS.md.
#include "engine/filter/filter.h"
#include "engine/funnel/funnel.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CELL_COUNT_MAX 5
#define EVENT_COUNT_MAX 16
#define LINE_SIZE_MAX 512

/// Cells of one table row without backticks; false where the line is no row of data.
static uint32_t read_cells(char *line, char *cells[CELL_COUNT_MAX])
{
    uint32_t count = 0;
    if (line[0] != '|' || strchr(line, '`') != line + 2) {
        return 0;
    }
    for (char *at = line + 1; count < CELL_COUNT_MAX && *at != '\0' && *at != '\n';) {
        char *end = strchr(at, '|');
        cr_assert_not_null(end, "%s", line);
        char *last = end;
        while (at < end && (*at == ' ' || *at == '`')) {
            at++;
        }
        while (last > at && (last[-1] == ' ' || last[-1] == '`')) {
            last--;
        }
        *last = '\0';
        cells[count++] = at;
        at = end + 1;
    }
    return count;
}

/// Calls `run` for each row of data between `## <heading>` and the next heading; at least `least`
/// rows.
static void run_tables(const char *heading, uint32_t least, void (*run)(char *cells[], uint32_t))
{
    char line[LINE_SIZE_MAX];
    bool inside = false;
    uint32_t rows = 0;
    FILE *file = fopen("engine/SEMANTICS.md", "r");
    cr_assert_not_null(file, "tests run in the root of the repository");
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "## ", 3) == 0) {
            inside = strncmp(line + 3, heading, strlen(heading)) == 0;
        }
        char *cells[CELL_COUNT_MAX];
        uint32_t count = inside ? read_cells(line, cells) : 0;
        if (count > 0) {
            run(cells, count);
            rows++;
        }
    }
    fclose(file);
    cr_assert_geq(rows, least, "%s has %u examples", heading, rows);
}

/// ---- matching
/// ------------------------------------------------------------------------------------

static uint32_t read_steps(const char *names, size_t name_count, const char *steps)
{
    uint32_t mask = 0;
    uint32_t step = 0;
    for (; *steps != '\0'; steps++) {
        if (*steps == ' ') {
            continue;
        }
        mask |= memchr(names, *steps, name_count) != NULL ? UINT32_C(1) << step : 0;
        step++;
    }
    return mask;
}

static char excluded_name; // of the row's exclusion; 0: there is none

/// "AB@3#2!": names, time, sequence, outside the range.
static struct match_event read_event(const char *word, const char *steps, long *sequence)
{
    char *end = strchr(word, '@');
    cr_assert_not_null(end, "%s", word);
    struct match_event event = {.steps = read_steps(word, (size_t)(end - word), steps)};
    event.hits = excluded_name != 0 && memchr(word, excluded_name, (size_t)(end - word)) != NULL;
    event.time_us = strtol(end + 1, &end, 10);
    *sequence = *end == '#' ? strtol(end + 1, &end, 10) : 0;
    event.entry_allowed = *end != '!';
    return event;
}

static uint32_t read_events(char *text, const char *steps, struct match_event *events)
{
    uint32_t count = 0;
    long before = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        long sequence;
        struct match_event event = read_event(word, steps, &sequence);
        event.ordered = count > 0 && sequence > before;
        before = sequence;
        events[count++] = event;
        cr_assert_lt(count, EVENT_COUNT_MAX);
    }
    return count;
}

static struct funnel_gap rule_gaps[FUNNEL_STEP_COUNT_MAX];
static struct funnel_exclusion rule_exclusion;

/// "max_gap 3 2": step 3 at most 2 after the step before.
static void read_gap(struct match_rule *rule, const char *options)
{
    unsigned step;
    long gap;
    const char *found = strstr(options, "max_gap ");
    bool least = found == NULL;
    found = least ? strstr(options, "min_gap ") : found;
    if (found == NULL) {
        return;
    }
    cr_assert_eq(sscanf(found + 8, "%u %ld", &step, &gap), 2, "%s", options);
    for (uint32_t index = 0; index < rule->step_count; index++) {
        rule_gaps[index] = (struct funnel_gap){0, FUNNEL_WINDOW_NONE};
    }
    *(least ? &rule_gaps[step - 1].min_us : &rule_gaps[step - 1].max_us) = gap;
    rule->gaps = rule_gaps;
}

/// "exclude X 1 2 end": X after step 1 and before step 2.
static void read_exclusion(struct match_rule *rule, const char *options)
{
    char effect[8];
    const char *found = strstr(options, "exclude ");
    excluded_name = 0;
    if (found == NULL) {
        return;
    }
    cr_assert_eq(sscanf(found, "exclude %c %u %u %7s", &excluded_name, &rule_exclusion.after,
                        &rule_exclusion.before, effect),
                 4, "%s", options);
    rule_exclusion.remove = strcmp(effect, "remove") == 0;
    rule->exclusions = &rule_exclusion;
    rule->exclusion_count = 1;
}

static bool has_option(const char *options, const char *option)
{
    return strstr(options, option) != NULL;
}

static uint32_t option_number(const char *options, const char *option)
{
    const char *found = strstr(options, option);
    return found == NULL ? 0 : (uint32_t)strtoul(found + strlen(option), NULL, 10);
}

static enum funnel_attempts read_attempts(const char *options)
{
    return has_option(options, "attempts first")  ? FUNNEL_ATTEMPTS_FIRST
           : has_option(options, "attempts last") ? FUNNEL_ATTEMPTS_LAST
           : has_option(options, "attempts all")  ? FUNNEL_ATTEMPTS_ALL
                                                  : FUNNEL_ATTEMPTS_BEST;
}

static struct match_rule read_rule(const char *steps, const char *options)
{
    struct match_rule rule = {.step_count = (uint32_t)(strlen(steps) + 1) / 2};
    const char *window = strstr(options, "window ");
    cr_assert_not_null(window, "%s", options);
    bool none = strncmp(window, "window none", 11) == 0;
    uint32_t optional = option_number(options, "optional ");
    rule.window_us = none ? FUNNEL_WINDOW_NONE : strtol(window + 7, NULL, 10);
    rule.ties = has_option(options, "ties strict") ? FUNNEL_TIES_STRICT : FUNNEL_TIES_ANY;
    rule.attempts = read_attempts(options);
    rule.until_us = INT64_MAX;
    rule.order = has_option(options, "order strict") ? FUNNEL_ORDER_STRICT
                 : has_option(options, "order any")  ? FUNNEL_ORDER_ANY
                                                     : FUNNEL_ORDER_LOOSE;
    rule.scope = has_option(options, "scope funnel") ? FUNNEL_SCOPE_FUNNEL : FUNNEL_SCOPE_ALL;
    rule.repeat = has_option(options, "repeat allow") ? FUNNEL_REPEAT_ALLOW : FUNNEL_REPEAT_BREAK;
    rule.entry_open = has_option(options, "entry open");
    rule.optional = optional == 0 ? 0 : UINT32_C(1) << (optional - 1);
    rule.anchor_first = option_number(options, "anchor first ");
    rule.anchor_last = option_number(options, "anchor last ");
    rule.tie_tolerance_us = option_number(options, "tie_tolerance ");
    read_gap(&rule, options);
    read_exclusion(&rule, options);
    return rule;
}

/// Of one row: levels and times of its attempts, those of several parted by ";".
struct shown_attempts {
    struct text_buffer levels;
    struct text_buffer times;
};

static enum corong_status show_attempt(void *context, const struct match_result *attempt,
                                       struct corong_error *error)
{
    (void)error;
    struct shown_attempts *shown = context;
    bool first = true;
    text_buffer_printf(&shown->levels, shown->levels.size > 0 ? " %u" : "%u",
                       attempt->out ? 0 : attempt->level);
    text_buffer_append_string(&shown->times, shown->times.size > 0 ? "; " : "");
    for (uint32_t made = attempt->out ? 0 : attempt->made; made != 0; made &= made - 1) {
        text_buffer_printf(&shown->times, "%s%" PRId64, first ? "" : " ",
                           attempt->times_us[__builtin_ctz(made)]);
        first = false;
    }
    return CORONG_OK;
}

static void run_match(char *cells[], uint32_t count)
{
    char shown[LINE_SIZE_MAX];
    struct match_event events[EVENT_COUNT_MAX];
    struct match_result result;
    struct shown_attempts attempts = {{0}, {0}};
    cr_assert_eq(count, 5);
    snprintf(shown, sizeof(shown), "%s | %s | %s", cells[0], cells[1], cells[2]);
    struct match_rule rule = read_rule(cells[1], cells[2]);
    uint32_t event_count = read_events(cells[0], cells[1], events);
    text_buffer_append_string(&attempts.levels, "");
    text_buffer_append_string(&attempts.times, "");
    if (rule.attempts == FUNNEL_ATTEMPTS_ALL) {
        cr_assert_eq(funnel_match_all(&rule, events, event_count, show_attempt, &attempts, NULL),
                     CORONG_OK);
    } else {
        funnel_match(&rule, events, event_count, &result);
        show_attempt(&attempts, &result, NULL);
    }
    cr_expect_str_eq(attempts.levels.bytes, cells[3], "%s: level %s", shown, attempts.levels.bytes);
    cr_expect_str_eq(attempts.times.bytes, cells[4], "%s: matched at %s", shown,
                     attempts.times.bytes);
    text_buffer_deinit(&attempts.levels);
    text_buffer_deinit(&attempts.times);
}

Test(semantics, examples_of_matching)
{
    run_tables("Matching", 85, run_match);
}

/// ---- filters
/// -------------------------------------------------------------------------------------

static struct arena arena;
static struct schema schema;
static union canonical_value values[SCHEMA_COLUMN_COUNT_MAX];

static union canonical_value *add(const char *name, enum column_type type)
{
    uint32_t column;
    cr_assert_eq(schema_add(&schema, &arena, text_from(name), type, &column, NULL), CORONG_OK);
    return &values[column];
}

static void make_example_event(void)
{
    double price = 19.5;
    schema_init(&schema, &arena);
    values[COLUMN_NAME].string = TEXT_LITERAL("order");
    values[COLUMN_AMOUNT].integer = 199900;
    values[COLUMN_CURRENCY].string = TEXT_MISSING;
    add("country", COLUMN_STRING)->string = TEXT_LITERAL("DE");
    add("page", COLUMN_STRING)->string = TEXT_LITERAL("/sale/Gr\xc3\xb6\xc3\x9f\x65");
    memcpy(&add("price", COLUMN_NUMBER)->integer, &price, sizeof(price));
    add("quantity", COLUMN_INTEGER)->integer = 3;
    add("vip", COLUMN_BOOLEAN)->integer = 1;
    add("coupon", COLUMN_STRING)->string = TEXT_MISSING;
    add("discount", COLUMN_NUMBER)->integer = (int64_t)COLUMN_NUMBER_MISSING_BITS;
}

static bool is_true(const char *source)
{
    struct filter *filter;
    struct corong_error error = {0};
    cr_assert_eq(filter_compile(&filter, &arena, text_from(source), &schema, &error), CORONG_OK,
                 "%s", error.message);
    bool answer = filter_matches_event(filter, values, INT64_C(1767323045000000));
    filter_destroy(filter);
    return answer;
}

/// Unknown is what is true neither as it stands nor negated.
static void run_filter(char *cells[], uint32_t count)
{
    char negated[LINE_SIZE_MAX];
    cr_assert_eq(count, 2);
    snprintf(negated, sizeof(negated), "not (%s)", cells[0]);
    const char *answer = is_true(cells[0]) ? "true" : is_true(negated) ? "false" : "unknown";
    cr_expect_str_eq(answer, cells[1], "%s is %s", cells[0], answer);
}

Test(semantics, examples_of_filters)
{
    make_example_event();
    run_tables("Filters", 20, run_filter);
    arena_deinit(&arena);
}

/// ---- durations
/// -----------------------------------------------------------------------------------

static void run_duration(char *cells[], uint32_t count)
{
    int64_t duration_us;
    cr_assert_eq(count, 2);
    cr_assert_eq(duration_parse(text_from(cells[0]), &duration_us, NULL), CORONG_OK);
    cr_expect_eq(duration_us, strtol(cells[1], NULL, 10), "%s is %" PRId64, cells[0], duration_us);
}

Test(semantics, examples_of_durations)
{
    run_tables("Durations", 5, run_duration);
}
