// SPDX-License-Identifier: Apache-2.0
#include "storage/base/clock.h"
#include "tools/bench/bench.h"
#include "tools/corong/bench_words.h"
#include "tools/corong/console.h"
#include "tools/corong/guess.h"
#include "tools/corong/settings.h"

#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define JSON_FORM (JSON_INDENT(1) | JSON_REAL_PRECISION(12))
#define TOPIC_PREFIX "topic:"
#define DAYS_DEFAULT 400.0
#define NUMBER_MOST 1e18
#define SPEED_MOST 1e9
#define QUESTIONS_MOST 1000.0
#define COUNT_LEAST 1e4
#define COUNT_MOST 1e10

static void on_signal(int number)
{
    (void)number;
    bench_stop();
}

/// The first ends in order and leaves nothing behind, a second of its kind at once.
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/// A number such as 2e9; `otherwise` where the option was not given.
static enum corong_status number_of(const struct options *options, enum option_id id, double least,
                                    double most, double otherwise, double *number_out,
                                    struct corong_error *error)
{
    *number_out = otherwise;
    if (!options_given(options, id)) {
        return CORONG_OK;
    }
    const char *word = options->values[id].text.bytes;
    char *end;
    *number_out = strtod(word, &end);
    return end != word && *end == '\0' && *number_out >= least && *number_out <= most
               ? CORONG_OK
               : error_set(error, CORONG_INVALID,
                           "--%s '%s' is no number from %g to %g, such as 1000000 or 2.5e9",
                           OPTION_SPECS[id].name, word, least, most);
}

/// A count such as 100M, 1e8 or 100000000; 0 where the option was not given.
static enum corong_status count_of(const struct options *options, enum option_id id,
                                   uint64_t *count_out, struct corong_error *error)
{
    *count_out = 0;
    if (!options_given(options, id)) {
        return CORONG_OK;
    }
    const char *word = options->values[id].text.bytes;
    char *end;
    double number = strtod(word, &end);
    const char *units = "kMG";
    const char *unit = *end == '\0' ? NULL : strchr(units, *end);
    for (long power = unit == NULL ? 0 : unit - units + 1; power > 0; power--) {
        number *= 1000;
    }
    end += unit != NULL;
    if (end == word || *end != '\0' || !(number >= COUNT_LEAST && number <= COUNT_MOST)) {
        return error_set(error, CORONG_INVALID,
                         "--%s '%s' is no number of events from 10k to 10G, such as 100M or 1e8",
                         OPTION_SPECS[id].name, word);
    }
    *count_out = (uint64_t)llround(number);
    return CORONG_OK;
}

static const char **strings_of(const struct options *options, enum option_id id)
{
    const struct option_value *given = &options->values[id];
    const char **strings =
        arena_allocate_zeroed(options->arena, given->list_count + 2, sizeof(*strings));
    for (uint32_t index = 0; index < given->list_count; index++) {
        strings[index] = given->list[index].bytes;
    }
    return strings;
}

static bool is_topic(struct text path)
{
    return path.size > strlen(TOPIC_PREFIX) &&
           memcmp(path.bytes, TOPIC_PREFIX, strlen(TOPIC_PREFIX)) == 0;
}

/// A topic to learn from, not to write.
static bool samples_topic(const struct options *options)
{
    const struct option_value *like = &options->values[OPTION_LIKE];
    return like->given && is_topic(like->list[0]);
}

static enum corong_status check_brokers(const struct options *options, struct corong_error *error)
{
    bool topic = options_given(options, OPTION_KAFKA_TOPIC);
    bool brokers = options_given(options, OPTION_BROKERS);
    bool sampled = samples_topic(options);
    if (sampled && (!brokers || !options_given(options, OPTION_MAPPING) ||
                    options->values[OPTION_LIKE].list_count > 1)) {
        return error_set(error, CORONG_INVALID,
                         "a topic to learn from needs --brokers and --mapping, and stands alone");
    }
    if (brokers != topic && !(sampled && !topic)) {
        return error_set(error, CORONG_INVALID,
                         "--brokers and --kafka-topic go together: a real Kafka and a topic that "
                         "only the bench writes");
    }
    return topic && options_given(options, OPTION_THROUGH)
               ? error_set(error, CORONG_INVALID, "--kafka-topic and --through exclude each other")
               : CORONG_OK;
}

static enum corong_status check_load(const struct options *options, struct corong_error *error)
{
    bool replay = options_given(options, OPTION_REPLAY);
    if (options_given(options, OPTION_LIKE) && replay) {
        return error_set(error, CORONG_INVALID, "--like and --replay exclude each other");
    }
    if (replay && options_given(options, OPTION_SHAPE)) {
        return error_set(error, CORONG_INVALID,
                         "a replayed log has its own shape; --shape goes with --like, or alone");
    }
    if (options_given(options, OPTION_SPEED) && !replay) {
        return error_set(error, CORONG_INVALID, "--speed is of --replay");
    }
    if (options_given(options, OPTION_GROWTH) &&
        (replay || options_given(options, OPTION_PREFILL) ||
         options_given(options, OPTION_BUDGET))) {
        return error_set(error, CORONG_INVALID,
                         "--growth measures all that it is told to, as fast as it goes: it goes "
                         "without --replay, --prefill and --budget");
    }
    if (options_given(options, OPTION_RATE) && !options_given(options, OPTION_PREFILL)) {
        return error_set(error, CORONG_INVALID, "--rate is of --prefill");
    }
    if (options_given(options, OPTION_PREFILL) && replay) {
        return error_set(error, CORONG_INVALID, "--prefill and --replay exclude each other");
    }
    return check_brokers(options, error);
}

static void choose_load(const struct options *options, struct bench_options *bench)
{
    bool like = options_given(options, OPTION_LIKE);
    bool replay = options_given(options, OPTION_REPLAY);
    bench->kind = like ? BENCH_CALIBRATED : replay ? BENCH_REPLAYED : BENCH_SYNTHETIC;
    bench->through = options_given(options, OPTION_KAFKA_TOPIC) ? BENCH_BROKERS
                     : replay                                   ? BENCH_FILES
                                                                : BENCH_MOCK;
    if (options_given(options, OPTION_THROUGH)) {
        bench->through = (enum bench_through)options->values[OPTION_THROUGH].number;
    }
    enum option_id paths = like ? OPTION_LIKE : OPTION_REPLAY;
    bool sampled = samples_topic(options);
    bench->paths = strings_of(options, paths);
    bench->path_count = sampled ? 0 : options->values[paths].list_count;
    bench->sample_topic = sampled ? bench->paths[0] + strlen(TOPIC_PREFIX) : NULL;
    bench->shapes = options->values[OPTION_SHAPE].list;
    bench->shape_count = options->values[OPTION_SHAPE].list_count;
}

static void choose_brokers(const struct options *options, struct bench_options *bench)
{
    const struct option_value *given = &options->values[OPTION_KAFKA_PROPERTY];
    const char **properties = strings_of(options, OPTION_KAFKA_PROPERTY);
    if (options_given(options, OPTION_BROKERS)) {
        struct text_buffer property = {0};
        text_buffer_printf(&property, "bootstrap.servers=%s",
                           options->values[OPTION_BROKERS].text.bytes);
        properties[given->list_count] = arena_copy_string(options->arena, property.bytes);
        text_buffer_deinit(&property);
        bench->topic = options->values[OPTION_KAFKA_TOPIC].text.bytes; // NULL: a sample's alone
    }
    bench->properties = properties;
}

/// How the sample or the recording is read: as given, configured or guessed.
static enum corong_status choose_mapping(const struct options *options, struct bench_options *bench,
                                         struct corong_error *error)
{
    struct config config;
    const char *preset;
    const char *because;
    if (bench->kind == BENCH_SYNTHETIC) {
        return CORONG_OK;
    }
    TRY(settings_load(options, &config, error));
    if (config.mapping == NULL) {
        TRY(guess_preset(bench->paths, &preset, &because, error));
        console_note("reading as '%s' (%s); --mapping chooses another", preset, because);
        TRY(settings_mapping(&config, options->arena, text_from(preset), error));
    }
    struct text_buffer words = {0};
    mapping_describe(config.mapping, &words);
    bench->mapping_text = arena_copy_text(options->arena, (struct text){words.bytes, words.size});
    text_buffer_deinit(&words);
    return CORONG_OK;
}

static enum corong_status gather(const struct options *options, struct bench_options *bench,
                                 struct corong_error *error)
{
    TRY(check_load(options, error));
    choose_load(options, bench);
    choose_brokers(options, bench);
    TRY(choose_mapping(options, bench, error));
    TRY(number_of(options, OPTION_QUESTIONS, 0, QUESTIONS_MOST, -1, &bench->questions_per_second,
                  error));
    const struct option_value *speed = &options->values[OPTION_SPEED];
    if (speed->given && !text_equal(speed->text, TEXT_LITERAL("max"))) {
        TRY(number_of(options, OPTION_SPEED, 1e-3, SPEED_MOST, 0, &bench->speed, error));
    }
    TRY(count_of(options, OPTION_GROWTH, &bench->growth_events, error));
    TRY(count_of(options, OPTION_PREFILL, &bench->prefill_events, error));
    bench->hold_rate = (uint64_t)options_number(options, OPTION_RATE, 0);
    bench->seed = (uint64_t)options_number(options, OPTION_SEED, 0);
    bench->budget_us = options_number(options, OPTION_BUDGET, 0);
    bench->quick = options_given(options, OPTION_QUICK);
    bench->partition_count = (uint32_t)options_number(options, OPTION_PARTITIONS, 0);
    bench->shard_count = (uint32_t)options_number(options, OPTION_SHARDS, 0);
    bench->memory_limit_bytes = (uint64_t)options_number(options, OPTION_MEMORY_LIMIT, 0);
    bench->commit_interval_us = options_number(options, OPTION_COMMIT_INTERVAL, 0);
    bench->quiet = options_given(options, OPTION_QUIET);
    return CORONG_OK;
}

static enum corong_status gather_plan(const struct options *options, struct bench_plan *plan,
                                      struct corong_error *error)
{
    TRY(number_of(options, OPTION_EVENTS_PER_DAY, 1, NUMBER_MOST, 0, &plan->events_per_day, error));
    TRY(number_of(options, OPTION_USERS, 1, NUMBER_MOST, 0, &plan->users, error));
    TRY(number_of(options, OPTION_USERS_PER_DAY, 1, NUMBER_MOST, 0, &plan->users_per_day, error));
    TRY(number_of(options, OPTION_DAYS, 1, 1e6, DAYS_DEFAULT, &plan->days, error));
    TRY(number_of(options, OPTION_PEAK, 1, 1000, 0, &plan->peak, error));
    if ((plan->events_per_day > 0) != (plan->users > 0)) {
        return error_set(error, CORONG_INVALID, "--events-per-day and --users go together");
    }
    return CORONG_OK;
}

static int append_json(const char *bytes, size_t size, void *context)
{
    text_buffer_append(context, bytes, size);
    return 0;
}

static enum exit_code print(const struct options *options, const json_t *document, bool projection)
{
    struct text_buffer out = {0};
    if (console_style(options, stdout).format == REPORT_JSON) {
        (void)!json_dump_callback(document, append_json, &out, JSON_FORM);
        text_buffer_append_string(&out, "\n");
    } else {
        bench_table(document, projection, &out);
    }
    return console_write(stdout, &out);
}

static const char *output_path(const struct options *options)
{
    return options_given(options, OPTION_OUTPUT) ? options->values[OPTION_OUTPUT].text.bytes
                                                 : BENCH_RUN_FILE;
}

/// Said before the minutes that a run takes.
static enum corong_status check_output(const struct options *options, struct corong_error *error)
{
    const char *path = output_path(options);
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    size_t size = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    snprintf(folder, sizeof(folder), "%.*s", (int)size, slash == NULL ? "." : path);
    bool there = access(path, F_OK) == 0;
    return access(there ? path : folder, W_OK) == 0
               ? CORONG_OK
               : error_set_errno(error, "cannot write the run to '%s'", path);
}

/// After each size of a growth, whole or not at all: what was measured before must outlive a stop
/// at any moment. What cannot be written now is seen at the end.
static void keep_part(void *context, json_t *document)
{
    const char *path = output_path(context);
    char part[PATH_MAX];
    if ((size_t)snprintf(part, sizeof(part), "%s.part", path) < sizeof(part) &&
        json_dump_file(document, part, JSON_FORM) == 0) {
        (void)rename(part, path);
    }
}

static enum corong_status keep(const struct options *options, const json_t *document,
                               struct corong_error *error)
{
    bool given = options_given(options, OPTION_OUTPUT);
    const char *path = output_path(options);
    if (json_dump_file(document, path, JSON_FORM) != 0) {
        return error_set_errno(error, "cannot write the run to '%s'", path);
    }
    const char *page;
    TRY(bench_words_page(document, path, options->arena, &page, error));
    if (!options_given(options, OPTION_QUIET) && json_object_get(document, "model") == NULL) {
        console_note("the run is kept in '%s', with plots in '%s'", path, page);
    } else if (!options_given(options, OPTION_QUIET)) {
        console_note("the run is kept in '%s', with plots in '%s'; next: corong bench plan%s%s "
                     "--events-per-day 2e9 --users 40e6",
                     path, page, given ? " --run " : "", given ? path : "");
    }
    return CORONG_OK;
}

/// What is there of a growth that was stopped.
static void take_up(const struct options *options, struct bench_options *bench)
{
    if (bench->growth_events > 0) {
        bench->resumed_path = output_path(options);
        bench->resumed = json_load_file(bench->resumed_path, 0, NULL);
        bench->kept = keep_part;
        bench->context = (void *)options;
    }
}

static enum exit_code run(const struct options *options, const struct bench_plan *plan)
{
    struct corong_error error = {0};
    struct bench_options bench = {0};
    json_t *document = NULL;
    if (gather(options, &bench, &error) != CORONG_OK ||
        check_output(options, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    catch_signals();
    take_up(options, &bench);
    enum corong_status status = bench_run(&bench, &document, &error);
    json_decref(bench.resumed);
    if (status == CORONG_OK && plan->events_per_day > 0) {
        status = bench_plan(document, plan, &error);
    }
    if (status == CORONG_OK) {
        status = keep(options, document, &error);
    }
    enum exit_code code =
        status == CORONG_OK ? print(options, document, false) : console_fail(&error);
    json_decref(document);
    return code;
}

static enum exit_code plan_by_run(const struct options *options, const struct bench_plan *plan)
{
    struct corong_error error = {0};
    json_error_t fault;
    bool given = options_given(options, OPTION_RUN);
    const char *path = given ? options->values[OPTION_RUN].text.bytes : BENCH_RUN_FILE;
    if (plan->events_per_day <= 0) {
        console_complain("bench plan: --events-per-day and --users say what is to be planned; see "
                         "'corong help bench'");
        return EXIT_MISUSED;
    }
    json_t *document = json_load_file(path, 0, &fault);
    if (document == NULL) {
        error_set(&error, CORONG_NOT_FOUND,
                  "cannot read the run '%s': %s; 'corong bench' makes one", path, fault.text);
        return console_fail(&error);
    }
    enum exit_code code = bench_plan(document, plan, &error) == CORONG_OK
                              ? print(options, document, true)
                              : console_fail(&error);
    json_decref(document);
    return code;
}

enum exit_code cmd_bench(const struct options *options)
{
    struct corong_error error = {0};
    struct bench_plan plan;
    struct text word = options->operand_count > 0 ? options->operands[0] : TEXT_LITERAL("run");
    if (console_style(options, stdout).format == REPORT_CSV) {
        console_complain("bench: --format: csv is not available here; table or json is");
        return EXIT_MISUSED;
    }
    if (gather_plan(options, &plan, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    bool takes_more =
        text_equal(word, TEXT_LITERAL("compare")) || text_equal(word, TEXT_LITERAL("report"));
    if (options->operand_count > 1 && !takes_more) {
        console_complain("bench %s: unexpected word '%s'; see 'corong help bench'",
                         options->operand_strings[0], options->operand_strings[1]);
        return EXIT_MISUSED;
    }
    if (text_equal(word, TEXT_LITERAL("run"))) {
        return run(options, &plan);
    }
    if (text_equal(word, TEXT_LITERAL("plan"))) {
        return plan_by_run(options, &plan);
    }
    enum exit_code code;
    if (bench_words_run(options, &plan, &code)) {
        return code;
    }
    console_complain("bench: unknown word '%s'; it is run, plan, report, compare or rivals",
                     options->operand_strings[0]);
    return EXIT_MISUSED;
}
