// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/question_funnel.h"

#include "engine/dialect/dialect.h"
#include "tools/corong/console.h"
#include "tools/corong/instant.h"
#include "tools/corong/query_object.h"
#include "tools/corong/question.h"
#include "tools/corong/question_rules.h"

/// What a journey usually looks like, for those who name neither a funnel nor steps.
static struct text CART_EVENTS[] = {
    {"cart", 4}, {"carts", 5}, {"add_to_cart", 11}, {"Product Added", 13}, {"added_to_cart", 13}};
static struct text CHECKOUT_EVENTS[] = {
    {"checkout", 8}, {"begin_checkout", 14}, {"checkout_started", 16}, {"Checkout Started", 16}};
#define JOURNEY_STAGE_COUNT 5

/// What a funnel question is made from.
struct funnel_question {
    const struct options *options;
    const struct config *config;
    const struct text *names; ///< of the store's events; NULL: there is no store
    uint32_t name_count;
    struct query_funnel query;
    struct corong_error *error;
};

static enum corong_status take_named(struct funnel_question *run, struct text name)
{
    const struct definitions *definitions = &run->config->definitions;
    const struct funnel *funnel = definitions_funnel(definitions, name);
    if (funnel != NULL) {
        run->query.funnel = *funnel;
        return CORONG_OK;
    }
    struct text nearest = definitions_nearest_funnel(definitions, name);
    if (nearest.bytes != NULL) {
        return error_set(run->error, CORONG_INVALID, "unknown funnel '%.*s'; did you mean '%.*s'?",
                         (int)name.size, name.bytes, (int)nearest.size, nearest.bytes);
    }
    return error_set(run->error, CORONG_INVALID, "unknown funnel '%.*s'; %s", (int)name.size,
                     name.bytes,
                     definitions->funnel_count == 0
                         ? "no funnel is defined: write one under 'funnels' in corong.yaml, or "
                           "give the steps with --step"
                         : "'--print-config' shows those defined");
}

static enum corong_status take_steps(struct funnel_question *run)
{
    const struct option_value *given = &run->options->values[OPTION_STEP];
    struct funnel *funnel = &run->query.funnel;
    if (given->list_count > FUNNEL_STEP_COUNT_MAX) {
        return error_set(run->error, CORONG_INVALID, "--step: %u steps, at most %u are allowed",
                         given->list_count, FUNNEL_STEP_COUNT_MAX);
    }
    funnel->steps =
        arena_allocate_zeroed(run->options->arena, given->list_count, sizeof(funnel->steps[0]));
    funnel->step_count = given->list_count;
    for (uint32_t index = 0; index < given->list_count; index++) {
        TRY_IN(config_step(run->config, run->options->arena, given->list[index],
                           &funnel->steps[index], run->error),
               run->error, "--step");
    }
    return CORONG_OK;
}

/// The stages of the usual journey that occur in this store.
static enum corong_status take_journey(struct funnel_question *run)
{
    const struct definitions *definitions = &run->config->definitions;
    const struct stage *visit = definitions_stage(definitions, TEXT_LITERAL("visit"));
    const struct stage *click = definitions_stage(definitions, TEXT_LITERAL("click"));
    const struct stage *order = definitions_stage(definitions, TEXT_LITERAL("order"));
    const struct stage journey[JOURNEY_STAGE_COUNT] = {
        *visit,
        *click,
        {.name = TEXT_LITERAL("cart"),
         .events = CART_EVENTS,
         .event_count = sizeof(CART_EVENTS) / sizeof(CART_EVENTS[0])},
        {.name = TEXT_LITERAL("checkout"),
         .events = CHECKOUT_EVENTS,
         .event_count = sizeof(CHECKOUT_EVENTS) / sizeof(CHECKOUT_EVENTS[0])},
        *order,
    };
    struct funnel *funnel = &run->query.funnel;
    funnel->steps =
        arena_allocate_zeroed(run->options->arena, JOURNEY_STAGE_COUNT, sizeof(funnel->steps[0]));
    for (uint32_t index = 0; run->names != NULL && index < JOURNEY_STAGE_COUNT; index++) {
        if (question_stage_occurs(&journey[index], run->names, run->name_count)) {
            funnel->steps[funnel->step_count++] = journey[index];
        }
    }
    if (funnel->step_count < 2) {
        return error_set(run->error, CORONG_INVALID,
                         "no funnel is named and none can be guessed; give the steps, such as "
                         "--step visit --step order, or name one of corong.yaml; 'corong stages' "
                         "lists the events");
    }
    console_note("no funnel named: asking for the usual stages that occur in this store");
    return CORONG_OK;
}

/// What the query object says under `funnel`: a name, or the definition itself.
static enum corong_status take_object(struct funnel_question *run)
{
    struct query_object *object = run->options->query;
    object->walk.error = run->error;
    struct text name;
    if (!yaml_walk_is_scalar(&object->funnel)) {
        TRY(config_funnel_inline(run->config, run->options->arena, &object->funnel,
                                 &run->query.funnel));
        return CORONG_OK;
    }
    TRY(yaml_walk_text(&object->funnel, &name));
    struct corong_error inner = {0};
    struct corong_error *outer = run->error;
    run->error = &inner;
    enum corong_status status = take_named(run, arena_copy_text(run->options->arena, name));
    run->error = outer;
    return status == CORONG_OK ? CORONG_OK
                               : yaml_walk_fail(&object->funnel, status, "%s", inner.message);
}

static enum corong_status take_funnel(struct funnel_question *run)
{
    const struct definitions *definitions = &run->config->definitions;
    run->query.funnel.window_us = FUNNEL_WINDOW_DEFAULT_US;
    bool named = run->options->operand_count > 0;
    if (named && options_given(run->options, OPTION_STEP)) {
        return error_set(run->error, CORONG_INVALID,
                         "a funnel's name and --step exclude each other");
    }
    if (named) {
        return take_named(run, run->options->operands[0]);
    }
    if (options_given(run->options, OPTION_STEP)) {
        return take_steps(run);
    }
    if (run->options->query != NULL && run->options->query->funnel.node != NULL) {
        enum corong_status status = take_object(run);
        query_object_point(run->options->query, run->error, status);
        return status;
    }
    if (definitions->funnel_count == 1) {
        run->query.funnel = definitions->funnels[0];
        return CORONG_OK;
    }
    return definitions->funnel_count == 0
               ? take_journey(run)
               : error_set(run->error, CORONG_INVALID,
                           "%u funnels are defined; name one ('--print-config' shows them)",
                           definitions->funnel_count);
}

/// Flags change the rules of a named funnel too; the title shows them.
static enum corong_status take_rules(struct funnel_question *run)
{
    const struct options *options = run->options;
    struct funnel *funnel = &run->query.funnel;
    TRY(question_rules(options, run->config, funnel, run->error));
    if (options_given(options, OPTION_DIALECT)) {
        TRY_IN(dialect_parse(options->values[OPTION_DIALECT].text, funnel, run->error), run->error,
               "--dialect");
    }
    int64_t window_us = funnel->window_us;
    TRY(dialect_apply(funnel, run->error));
    if (options_given(options, OPTION_WINDOW) && window_us != funnel->window_us &&
        funnel->window_us == FUNNEL_WINDOW_NONE) {
        return error_set(run->error, CORONG_INVALID,
                         "--window: dialect '%s' knows no window over the whole funnel; --max-gap "
                         "bounds the time before a step",
                         dialect_name(funnel->dialect));
    }
    bool left = window_us != funnel->window_us && funnel->window_us == FUNNEL_WINDOW_NONE;
    if (left && window_us != FUNNEL_WINDOW_DEFAULT_US) {
        struct text_buffer words = {0};
        duration_format(window_us, &words);
        console_note("dialect '%s' knows no window over the whole funnel: the funnel's own, %s, is "
                     "left out; max_gap bounds the time before a step",
                     dialect_name(funnel->dialect), words.bytes);
        text_buffer_deinit(&words);
    }
    return funnel_check(funnel, run->error);
}

/// Refuses steps that are neither stages nor events, where a store says what its events are.
static enum corong_status check_stages(struct funnel_question *run)
{
    const struct funnel *funnel = &run->query.funnel;
    for (uint32_t index = 0; run->names != NULL && index < funnel->step_count; index++) {
        TRY(question_check_stage(run->config, &funnel->steps[index], run->names, run->name_count,
                                 run->error));
    }
    for (uint32_t index = 0; run->names != NULL && index < funnel->exclusion_count; index++) {
        TRY(question_check_stage(run->config, &funnel->exclusions[index].stage, run->names,
                                 run->name_count, run->error));
    }
    return CORONG_OK;
}

/// "step:2", "each", "each:3", or one of the other words.
static enum corong_status take_attribution(struct funnel_question *run)
{
    static const char *const WORDS[] = {"entry", "first", "last", "step", "user", "each", NULL};
    struct text text = run->options->values[OPTION_ATTRIBUTION].text;
    const char *colon = memchr(text.bytes, ':', text.size);
    struct text word = {text.bytes, colon == NULL ? text.size : (size_t)(colon - text.bytes)};
    uint32_t index = 0;
    while (WORDS[index] != NULL && !text_equal(word, text_from(WORDS[index]))) {
        index++;
    }
    bool step = index == QUERY_ATTRIBUTION_STEP;
    if (WORDS[index] == NULL || (colon == NULL && step) ||
        (colon != NULL && !step && index != QUERY_ATTRIBUTION_EACH)) {
        return error_set(run->error, CORONG_INVALID,
                         "--attribution: '%.*s' is not one of: entry, first, last, step:K, user, "
                         "each, each:K",
                         (int)text.size, text.bytes);
    }
    run->query.attribution = (enum query_attribution)index;
    uint32_t number = 0;
    for (const char *at = colon == NULL ? "" : colon + 1; *at != '\0' && number < 100; at++) {
        number = *at < '0' || *at > '9' ? 100 : number * 10 + (uint32_t)(*at - '0');
    }
    if (colon != NULL && (number == 0 || number > run->query.funnel.step_count)) {
        return error_set(run->error, CORONG_INVALID,
                         "--attribution: '%s' is no step, they are 1 to %u", colon + 1,
                         run->query.funnel.step_count);
    }
    run->query.attribution_step = number;
    return CORONG_OK;
}

/// "FROM..TO", either of them empty for an open end.
static enum corong_status take_comparison(struct funnel_question *run)
{
    struct text text = run->options->values[OPTION_COMPARE].text;
    struct query_range *range = &run->query.compare;
    const char *dots = strstr(text.bytes, "..");
    run->query.compared = true;
    *range = (struct query_range){QUERY_TIME_NONE, QUERY_TIME_NONE};
    if (dots == NULL) {
        return error_set(run->error, CORONG_INVALID,
                         "'%s' is not a range; write FROM..TO, such as 2026-01-01..2026-02-01",
                         text.bytes);
    }
    struct text from = {text.bytes, (size_t)(dots - text.bytes)};
    struct text to = text_from(dots + 2);
    if (from.size > 0) {
        from = arena_copy_text(run->options->arena, from);
        TRY(instant_parse(from, &range->from_us, run->error));
    }
    return to.size == 0 ? CORONG_OK : instant_parse(to, &range->to_us, run->error);
}

static enum corong_status take_output(struct text word, uint32_t *parts, struct corong_error *error)
{
    static const char *const WORDS[] = {"counts", "times", "money", "days", NULL};
    static const uint32_t PARTS[] = {0, QUERY_OUTPUT_TIMES, QUERY_OUTPUT_MONEY, QUERY_OUTPUT_DAYS};
    for (uint32_t i = 0; WORDS[i] != NULL; i++) {
        if (text_equal(word, text_from(WORDS[i]))) {
            *parts |= PARTS[i];
            return CORONG_OK;
        }
    }
    const char *nearest = words_nearest(word, WORDS);
    return error_set(error, CORONG_INVALID,
                     "--outputs: '%.*s' is not one of: counts, times, money, days%s%s%s",
                     (int)word.size, word.bytes, nearest == NULL ? "" : "; did you mean '",
                     nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
}

/// Counts are always there; each other part is computed where it is named, or where none is.
static enum corong_status take_outputs(struct funnel_question *run)
{
    const uint32_t all = QUERY_OUTPUT_TIMES | QUERY_OUTPUT_MONEY | QUERY_OUTPUT_DAYS;
    const struct option_value *given = &run->options->values[OPTION_OUTPUTS];
    uint32_t named = given->list_count == 0 ? all : 0;
    for (uint32_t i = 0; i < given->list_count; i++) {
        struct text rest = given->list[i];
        while (rest.bytes != NULL) {
            const char *comma = rest.size == 0 ? NULL : memchr(rest.bytes, ',', rest.size);
            size_t size = comma == NULL ? rest.size : (size_t)(comma - rest.bytes);
            TRY(take_output((struct text){rest.bytes, size}, &named, run->error));
            rest = comma == NULL ? TEXT_MISSING : (struct text){comma + 1, rest.size - size - 1};
        }
    }
    run->query.left_out = all & ~named;
    return CORONG_OK;
}

/// What is asked for beside the numbers of the range.
static enum corong_status take_more(struct funnel_question *run)
{
    const struct options *options = run->options;
    struct query_funnel *query = &run->query;
    query->where_entry = options->values[OPTION_WHERE_ENTRY].text;
    query->where_user = options->values[OPTION_WHERE_USER].text;
    query->trend = (enum query_bucket)options_number(options, OPTION_TREND, QUERY_BUCKET_NONE);
    query->throughput =
        (enum query_bucket)options_number(options, OPTION_THROUGHPUT, QUERY_BUCKET_NONE);
    query->survival = options_given(options, OPTION_SURVIVAL);
    TRY(take_outputs(run));
    if (options_given(options, OPTION_ATTRIBUTION)) {
        TRY(take_attribution(run));
    }
    if (options_given(options, OPTION_COMPARE)) {
        TRY_IN(take_comparison(run), run->error, "--compare");
    }
    if (options_given(options, OPTION_ZONE)) {
        struct zone *zone = arena_allocate(options->arena, sizeof(*zone));
        TRY_IN(zone_load(zone, options->arena, options->values[OPTION_ZONE].text, run->error),
               run->error, "--zone");
        query->zone = zone;
    }
    return CORONG_OK;
}

/// The stage that makes a customer, where `$customer` is one of the attributes.
static enum corong_status take_customer(struct funnel_question *run)
{
    struct query_funnel *query = &run->query;
    bool asked = false;
    for (uint32_t index = 0; index < query->by_count; index++) {
        asked = asked || text_equal(query->by[index], TEXT_LITERAL("$customer"));
    }
    if (!asked) {
        return CORONG_OK;
    }
    bool given = options_given(run->options, OPTION_CUSTOMER);
    struct stage *stage = arena_allocate_zeroed(run->options->arena, 1, sizeof(*stage));
    TRY_IN(config_step(run->config, run->options->arena,
                       given ? run->options->values[OPTION_CUSTOMER].text : TEXT_LITERAL("order"),
                       stage, run->error),
           run->error, "--customer");
    query->customer = stage;
    return run->names == NULL
               ? CORONG_OK
               : question_check_stage(run->config, stage, run->names, run->name_count, run->error);
}

/// Refuses words that would change nothing; their defaults are in every printed question.
static enum corong_status check_idle(struct funnel_question *run)
{
    const struct query_funnel *query = &run->query;
    struct text zone = run->options->values[OPTION_ZONE].text;
    struct text customer = run->options->values[OPTION_CUSTOMER].text;
    if (query->by_count == 0 && query->attribution != QUERY_ATTRIBUTION_ENTRY) {
        return error_set(run->error, CORONG_INVALID,
                         "--attribution: nothing is cut by a value; give --by ATTR too");
    }
    if (query->customer == NULL && options_given(run->options, OPTION_CUSTOMER) &&
        !text_equal(customer, TEXT_LITERAL("order"))) {
        return error_set(run->error, CORONG_INVALID,
                         "--customer: nothing asks who is new; give --by '$customer' too");
    }
    if (query->trend == QUERY_BUCKET_NONE && query->throughput == QUERY_BUCKET_NONE &&
        options_given(run->options, OPTION_ZONE) && !text_equal(zone, TEXT_LITERAL("UTC"))) {
        return error_set(run->error, CORONG_INVALID,
                         "--zone: no bucket goes by its clocks; give --trend or --throughput too");
    }
    return CORONG_OK;
}

static enum corong_status take_question(struct funnel_question *run)
{
    struct query_funnel *query = &run->query;
    TRY(take_funnel(run));
    TRY(take_rules(run));
    query->range = question_range(run->options);
    query->where = run->options->values[OPTION_WHERE].text;
    query->top = (uint32_t)options_number(run->options, OPTION_TOP, QUERY_TOP_DEFAULT);
    query->as_of_us = options_number(run->options, OPTION_AS_OF, QUERY_TIME_NONE);
    query->session_timeout_us = run->config->session_timeout_us;
    query->limits = question_limits(run->options, run->config);
    TRY(question_by(run->options, query->by, QUERY_SLICE_ATTRIBUTE_COUNT_MAX, &query->by_count,
                    run->error));
    TRY(take_customer(run));
    TRY(take_more(run));
    TRY(check_idle(run));
    return check_stages(run);
}

enum corong_status question_funnel(const struct options *options, const struct config *config,
                                   struct store_snapshot *snapshot, struct query_funnel *query_out,
                                   struct corong_error *error)
{
    struct funnel_question run = {.options = options, .config = config, .error = error};
    struct text *names;
    if (snapshot != NULL) {
        TRY(question_event_names(snapshot, options->arena, &names, &run.name_count, error));
        run.names = names;
    }
    TRY(take_question(&run));
    *query_out = run.query;
    return CORONG_OK;
}
