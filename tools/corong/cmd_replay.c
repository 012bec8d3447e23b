// SPDX-License-Identifier: Apache-2.0
#include "storage/base/clock.h"
#include "tools/corong/allocator.h"
#include "tools/corong/compaction.h"
#include "tools/corong/console.h"
#include "tools/corong/guess.h"
#include "tools/corong/recount.h"
#include "tools/corong/screen.h"
#include "tools/corong/served_replay.h"
#include "tools/corong/settings.h"

#include <signal.h>
#include <stdatomic.h>

#define SAMPLE_COUNT_MAX 20u
#define NOTE_SHOWN_MAX 10u ///< of files that were skipped or continued; failures are all shown
#define JOURNEY_STEP_COUNT 3

/// Everything of one run of the verb.
struct replay {
    const struct options *options;
    struct config config;
    struct definitions definitions;
    struct funnel journey;
    struct stage journey_steps[JOURNEY_STEP_COUNT];
    struct store *store;
    struct ingest *ingest;
    struct corong_error error;
    bool quiet;
};

/// What a signal stops; NULL while there is nothing to stop.
static _Atomic(struct ingest *) signal_target;
static atomic_bool signal_seen;

static void on_signal(int number)
{
    (void)number;
    struct ingest *ingest = atomic_load(&signal_target);
    atomic_store(&signal_seen, true);
    if (ingest != NULL) {
        ingest_stop(ingest);
    }
}

/// The first SIGINT or SIGTERM stops in order; a second one finds the default action and ends at
/// once.
static void catch_signals(struct ingest *ingest)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    atomic_store(&signal_seen, false);
    atomic_store(&signal_target, ingest);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void release_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    atomic_store(&signal_target, NULL);
}

static enum corong_status check_request(struct replay *replay)
{
    const struct options *options = replay->options;
    bool kafka = options_given(options, OPTION_KAFKA_TOPIC);
    if (kafka == (options->operand_count > 0)) {
        return error_set(&replay->error, CORONG_INVALID,
                         kafka
                             ? "PATHs and --kafka-topic exclude each other"
                             : "what is to be read? give PATHs or --kafka-topic; see 'corong help "
                               "replay'");
    }
    if (kafka && options_given(options, OPTION_DEAD_LETTERS)) {
        return error_set(&replay->error, CORONG_INVALID,
                         "--dead-letters needs PATHs, not --kafka-topic");
    }
    if (!kafka && options_given(options, OPTION_FOLLOW)) {
        return error_set(&replay->error, CORONG_INVALID, "--follow needs --kafka-topic");
    }
    return CORONG_OK;
}

/// The mapping as given or configured, else guessed from the first line, which is said.
static enum corong_status choose_mapping(struct replay *replay)
{
    const struct options *options = replay->options;
    const char *preset;
    const char *because;
    if (replay->config.mapping != NULL) {
        return CORONG_OK;
    }
    if (options_given(options, OPTION_DEAD_LETTERS) || options->operand_count == 0) {
        return error_set(&replay->error, CORONG_INVALID,
                         "the mapping cannot be guessed here; give --mapping PRESET or FILE");
    }
    TRY(guess_preset(options->operand_strings, &preset, &because, &replay->error));
    console_note("reading as '%s' (%s); --mapping chooses another", preset, because);
    return settings_mapping(&replay->config, options->arena, text_from(preset), &replay->error);
}

/// Where no funnel is configured, visit → click → order is followed live, if anybody sees it.
static void choose_definitions(struct replay *replay)
{
    static const char *const NAMES[JOURNEY_STEP_COUNT] = {"visit", "click", "order"};
    replay->definitions = replay->config.definitions;
    if (replay->definitions.funnel_count > 0) {
        return;
    }
    for (uint32_t index = 0; index < JOURNEY_STEP_COUNT; index++) {
        replay->journey_steps[index] =
            *definitions_stage(&replay->definitions, text_from(NAMES[index]));
    }
    replay->journey = (struct funnel){
        .name = TEXT_LITERAL("visit → click → order"),
        .steps = replay->journey_steps,
        .step_count = JOURNEY_STEP_COUNT,
        .window_us = FUNNEL_WINDOW_DEFAULT_US,
    };
    replay->definitions.funnels = &replay->journey;
    replay->definitions.funnel_count = 1;
}

static const char *const *topic_strings(const struct options *options)
{
    const struct option_value *given = &options->values[OPTION_KAFKA_TOPIC];
    if (given->list_count == 0) {
        return NULL;
    }
    const char **topics =
        arena_allocate_zeroed(options->arena, given->list_count + 1, sizeof(topics[0]));
    for (uint32_t index = 0; index < given->list_count; index++) {
        topics[index] = given->list[index].bytes;
    }
    return topics;
}

static bool prints_json(const struct replay *replay)
{
    return console_style(replay->options, stdout).format == REPORT_JSON;
}

/// The live counts are drawn on a terminal and written in JSON; nobody else pays for them.
static bool shows_live(const struct replay *replay)
{
    return prints_json(replay) || (!replay->quiet && console_is_terminal(stderr));
}

static enum corong_status open_ingest(struct replay *replay)
{
    const struct options *options = replay->options;
    const struct config *config = &replay->config;
    struct ingest_options ingest_options = {
        .store = replay->store,
        .mapping = config->mapping,
        .definitions = &replay->definitions,
        .paths = options->operand_strings,
        .path_count = options->operand_count,
        .kafka_topics = topic_strings(options),
        .kafka_properties = config->kafka_properties,
        .kafka_stop_at_end = !options_given(options, OPTION_FOLLOW),
        .dead_letters = options_given(options, OPTION_DEAD_LETTERS),
        .pump_count = config->pump_count,
        .shard_count = config->shard_count,
        .memory_limit_bytes = config->memory_limit_bytes,
        .commit_interval_us = config->commit_interval_us,
        .session_timeout_us = config->session_timeout_us,
        .live_unread = !shows_live(replay),
        .merge_in_background = options_given(options, OPTION_MERGE),
    };
    TRY(mapping_bind(config->mapping, replay->store, &replay->error));
    return ingest_create(&replay->ingest, &ingest_options, &replay->error);
}

static enum corong_status run_ingest(struct replay *replay)
{
    struct screen screen;
    struct report_style style = console_style(replay->options, stderr);
    catch_signals(replay->ingest);
    if (!replay->quiet) {
        screen_start(&screen, replay->ingest, &style, console_is_terminal(stderr));
    }
    enum corong_status status = ingest_run(replay->ingest, &replay->error);
    if (!replay->quiet) {
        screen_stop(&screen);
    }
    release_signals();
    return status;
}

static const char *const *list_notes(const struct replay *replay, uint32_t *count_out)
{
    uint32_t count = 0;
    while (ingest_note(replay->ingest, count) != NULL) {
        count++;
    }
    const char **notes = arena_allocate_zeroed(replay->options->arena, count + 1, sizeof(notes[0]));
    for (uint32_t index = 0; index < count; index++) {

        notes[index] =
            arena_copy_string(replay->options->arena, ingest_note(replay->ingest, index));
    }
    *count_out = count;
    return notes;
}

/// What happened to files, on standard error; the failure that ended the run was said already.
static void print_notes(const struct replay *replay, const char *const *notes, uint32_t count)
{
    uint32_t remarks = 0;
    for (uint32_t index = 0; index < count; index++) {
        if (!ingest_note_is_failure(replay->ingest, index)) {
            if (!replay->quiet && remarks < NOTE_SHOWN_MAX) {
                console_note("%s", notes[index]);
            }
            remarks++;
        } else if (strcmp(notes[index], replay->error.message) != 0) {
            console_complain("%s", notes[index]);
        }
    }
    if (!replay->quiet && remarks > NOTE_SHOWN_MAX) {
        console_note("... and %u more such files; --format json lists them",
                     remarks - NOTE_SHOWN_MAX);
    }
}

/// Everything there is to say about the run, copied: it is printed when the engine is gone.
struct replay_end {
    struct ingest_books books;
    struct engine_live_view view;
    struct report_live_end live;
    struct report_replay report;
};

static void take_end(const struct replay *replay, struct replay_end *end)
{
    struct arena *arena = replay->options->arena;
    const struct reject_sample *samples;
    *end = (struct replay_end){0};
    ingest_books(replay->ingest, &end->books);
    ingest_live(replay->ingest, arena, &end->view);
    end->live = (struct report_live_end){.view = &end->view, .pending = end->view.pending};
    end->report = (struct report_replay){.books = &end->books, .live = &end->live};
    uint32_t count = ingest_samples(replay->ingest, &samples, SAMPLE_COUNT_MAX);
    struct reject_sample *copies = arena_allocate_zeroed(arena, count + 1, sizeof(copies[0]));
    if (count > 0) {
        memcpy(copies, samples, count * sizeof(copies[0]));
    }
    end->report.samples = copies;
    end->report.sample_count = count;
    end->report.notes = list_notes(replay, &end->report.note_count);
    print_notes(replay, end->report.notes, end->report.note_count);
}

static enum exit_code print_books(const struct replay *replay, const struct replay_end *end)
{
    struct text_buffer out = {0};
    struct report_style style = console_style(replay->options, stdout);
    report_books(&end->report, &style, &out);
    return console_write(stdout, &out);
}

/// A link changes what was counted before it: no funnel is followed, all are asked at the end.
static bool has_links(const struct replay *replay)
{
    return schema_has_links(store_schema(replay->store));
}

/// On a terminal the funnels stand there as they ended; what differs is drawn again.
static void draw_recounted(const struct replay *replay, struct engine_live_view view)
{
    struct text_buffer out = {0};
    struct report_style style = console_style(replay->options, stderr);
    view.pending = 0;
    console_note(has_links(replay)
                     ? "the mapping links ids; counted by people, from the store:"
                     : "some events came late, out of order or in earlier runs; counted from the "
                       "store:");
    report_live(&view, &style, &out);
    fwrite(out.bytes, 1, out.size, stderr);
    text_buffer_deinit(&out);
}

/// Users are pending, or the store holds events that the engine did not see or has seen twice: then
/// the store is asked, where anybody is going to see the answer.
static void settle_live(const struct replay *replay, struct replay_end *end)
{
    const struct ingest_books *books = &end->books;
    bool differs = end->view.pending > 0 || books->all.stored != books->run.stored ||
                   books->duplicates_run > 0 || books->run.future > 0 || has_links(replay);
    if (!differs || !shows_live(replay)) {
        return;
    }
    if (has_links(replay)) {
        recount_list(&replay->definitions, replay->options->arena, &end->view);
    }
    struct query_funnel defaults = {
        .range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
        .as_of_us = QUERY_TIME_NONE,
        .session_timeout_us = replay->config.session_timeout_us,
        .limits = {.memory_limit_bytes = replay->config.memory_limit_bytes},
    };
    struct corong_error error;
    end->live.recounted =
        recount_live(settings_store(&replay->config), &replay->definitions, &defaults,
                     replay->options->arena, &end->view, &error) == CORONG_OK;
    if (!end->live.recounted && has_links(replay)) {
        end->view.funnel_count = 0; // they were listed, and have no numbers
        console_note("the funnels could not be counted (%s); 'corong funnel' counts them",
                     error.message);
    } else if (!end->live.recounted) {
        console_note("the live counts leave out %llu users whose events came late or out of "
                     "order, and could not be counted again (%s); 'corong funnel' counts everyone",
                     (unsigned long long)end->view.pending, error.message);
    } else if (!replay->quiet && console_is_terminal(stderr)) {
        draw_recounted(replay, end->view);
    }
}

static enum exit_code merge(struct replay *replay)
{
    if (options_given(replay->options, OPTION_NO_COMPACT)) {
        return EXIT_DONE;
    }
    if (compaction_run(replay->store, replay->options, replay->config.memory_limit_bytes, false,
                       &replay->error) != CORONG_OK) {
        console_fail(&replay->error);
        console_note(
            "every event is stored; only the merging failed ('corong compact' repeats it)");
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

static void hint(const struct replay *replay)
{
    const char *directory = settings_store(&replay->config);
    if (replay->quiet) {
        return;
    }
    bool usual = replay->config.origins[CONFIG_STORE] == CONFIG_ORIGIN_DEFAULT;
    console_note("next: corong stages%s%s, then corong funnel%s%s --by ATTRIBUTE",
                 usual ? "" : " --store ", usual ? "" : directory, usual ? "" : " --store ",
                 usual ? "" : directory);
}

/// Standard input cannot be read twice, so nothing can continue it.
static bool reads_standard_input(const struct options *options)
{
    for (uint32_t index = 0; index < options->operand_count; index++) {
        if (text_equal(options->operands[index], TEXT_LITERAL("-"))) {
            return true;
        }
    }
    return false;
}

/// Everything was read: the engine's memory is given back before others need theirs.
static enum exit_code finish(struct replay *replay, struct replay_end *end)
{
    enum exit_code code = prints_json(replay) ? EXIT_DONE : print_books(replay, end);
    ingest_destroy(replay->ingest);
    replay->ingest = NULL;
    allocator_release();
    enum exit_code merged = merge(replay);
    settle_live(replay, end);
    if (prints_json(replay)) {
        code = print_books(replay, end);
    }
    hint(replay);
    return code == EXIT_DONE ? merged : code;
}

/// The store is open and the ingest made.
static enum exit_code run_and_report(struct replay *replay)
{
    struct replay_end end;
    enum corong_status status = run_ingest(replay);
    bool stopped = atomic_load(&signal_seen);
    bool failed = status != CORONG_OK && !(stopped && status == CORONG_CANCELLED);
    if (failed) {
        console_fail(&replay->error);
    }
    take_end(replay, &end);
    if (failed) {
        print_books(replay, &end);
        return EXIT_FAILED;
    }
    if (stopped && !options_given(replay->options, OPTION_FOLLOW)) {
        print_books(replay, &end);
        console_note(reads_standard_input(replay->options) ? "stopped; what was read is stored"
                                                           : "stopped; the same command continues");
        return EXIT_FAILED;
    }
    return finish(replay, &end);
}

static enum exit_code replay_into_store(struct replay *replay)
{
    struct store_options store_options = {.create = true};
    enum corong_status status =
        store_open(&replay->store, settings_store(&replay->config), &store_options, &replay->error);
    if (status == CORONG_BUSY && !options_given(replay->options, OPTION_KAFKA_TOPIC)) {
        return served_replay(replay->options, &replay->config, &replay->error);
    }
    if (status != CORONG_OK) {
        console_fail(&replay->error);
        return EXIT_FAILED;
    }
    enum exit_code code =
        open_ingest(replay) == CORONG_OK ? run_and_report(replay) : console_fail(&replay->error);
    ingest_destroy(replay->ingest);
    store_close(replay->store);
    return code;
}

enum exit_code cmd_replay(const struct options *options)
{
    struct replay replay = {.options = options, .quiet = options_given(options, OPTION_QUIET)};
    if (settings_load(options, &replay.config, &replay.error) != CORONG_OK) {
        return console_fail(&replay.error);
    }
    if (options_given(options, OPTION_PRINT_CONFIG)) {
        return settings_print(&replay.config);
    }
    if (check_request(&replay) != CORONG_OK || choose_mapping(&replay) != CORONG_OK) {
        return console_fail(&replay.error);
    }
    choose_definitions(&replay);
    return replay_into_store(&replay);
}
