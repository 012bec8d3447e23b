// SPDX-License-Identifier: Apache-2.0
#include "ingest/produce/produce.h"
#include "ingest/pump_shared.h"
#include "storage/base/clock.h"
#include "tools/config/config.h"
#include "tools/corong/console.h"
#include "tools/corong/demo_shop.h"
#include "tools/corong/recount.h"
#include "tools/corong/screen.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#define TOPIC "clicks"
#define PARTITION_COUNT 4u
#define RATE_DEFAULT 20000
#define SECONDS_DEFAULT 60
#define STEP_COUNT 4
#define TOP_COUNT 4u
#define WINDOW_US (MICROSECONDS_PER_HOUR / 2)
#define PROPERTY_COUNT 3

/// Everything of one run of the verb.
struct demo {
    const struct options *options;
    struct config config;
    struct mapping *mapping;
    struct definitions definitions;
    struct funnel funnel;
    struct stage steps[STEP_COUNT];
    const char *directory;
    struct store *store;
    struct produce_broker *broker;
    struct ingest *ingest;
    struct demo_shop shop;
    struct pump_stop stop;
    struct pump_stop gone;
    struct engine_live_view view;
    struct corong_error error;
    bool quiet;
};

/// What a signal stops; nothing else runs in this process.
static struct pump_stop *signal_target;

static void on_signal(int number)
{
    (void)number;
    pump_stop_ask(signal_target);
}

/// The first SIGINT or SIGTERM ends in order, a second of its kind at once.
static void catch_signals(struct demo *demo)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    signal_target = &demo->stop;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static enum corong_status choose_directory(struct demo *demo)
{
    const struct option_value *given = &demo->options->values[OPTION_STORE];
    struct stat status;
    if (given->given) {
        demo->directory = given->text.bytes;
        return stat(demo->directory, &status) != 0
                   ? CORONG_OK
                   : error_set(&demo->error, CORONG_INVALID,
                               "--store '%s' is there already; a demo wants a new one",
                               demo->directory);
    }
    const char *parent = getenv("TMPDIR");
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/corong-demo-XXXXXX",
                       parent == NULL || parent[0] == '\0' ? "/tmp" : parent);
    enum corong_status made = mkdtemp(path.bytes) == NULL
                                  ? error_set_errno(&demo->error, "cannot make '%s'", path.bytes)
                                  : CORONG_OK;
    demo->directory = arena_copy_string(demo->options->arena, path.bytes);
    text_buffer_deinit(&path);
    return made;
}

/// visit → add_to_cart → checkout → order within half an hour (of the shop), live by country.
static void define(struct demo *demo)
{
    static const char *const NAMES[STEP_COUNT] = {"visit", "add_to_cart", "checkout", "order"};
    struct arena *arena = demo->options->arena;
    config_init(&demo->config, arena);
    demo->definitions = demo->config.definitions;
    for (uint32_t index = 0; index < STEP_COUNT; index++) {
        const struct stage *known = definitions_stage(&demo->definitions, text_from(NAMES[index]));
        struct text *name = arena_allocate(arena, sizeof(*name));
        *name = text_from(NAMES[index]);
        demo->steps[index] =
            known != NULL
                ? *known
                : (struct stage){
                      .name = *name, .events = name, .event_count = 1, .where = TEXT_MISSING};
    }
    demo->funnel = (struct funnel){
        .name = TEXT_LITERAL("visit → add_to_cart → checkout → order"),
        .steps = demo->steps,
        .step_count = STEP_COUNT,
        .window_us = WINDOW_US,
        .live_slice = TEXT_LITERAL("country"),
    };
    demo->definitions.funnels = &demo->funnel;
    demo->definitions.funnel_count = 1;
}

static enum corong_status open_ingest(struct demo *demo)
{
    static const char *const TOPICS[] = {TOPIC, NULL};
    const char *properties[PROPERTY_COUNT] = {produce_broker_property(demo->broker), "log_level=0",
                                              NULL};
    struct ingest_options options = {
        .store = demo->store,
        .mapping = demo->mapping,
        .definitions = &demo->definitions,
        .kafka_topics = TOPICS,
        .kafka_properties = properties,
        .commit_interval_us = MICROSECONDS_PER_SECOND,
        .session_timeout_us = demo->config.session_timeout_us,
    };
    return ingest_create(&demo->ingest, &options, &demo->error);
}

static enum corong_status open_all(struct demo *demo)
{
    struct store_options create = {.create = true};
    TRY(choose_directory(demo));
    define(demo);
    TRY(mapping_from_preset(&demo->mapping, demo->options->arena, TEXT_LITERAL("generic"),
                            &demo->error));
    TRY(store_open(&demo->store, demo->directory, &create, &demo->error));
    TRY(mapping_bind(demo->mapping, demo->store, &demo->error));
    TRY(produce_broker_start(&demo->broker, TOPIC, PARTITION_COUNT, &demo->error));
    TRY(open_ingest(demo));
    bool terminal = console_is_terminal(stderr);
    struct demo_shop_options shop = {
        .topic = TOPIC,
        .broker = produce_broker_property(demo->broker),
        .rate = (uint64_t)options_number(demo->options, OPTION_RATE, RATE_DEFAULT),
        .seconds = options_number(demo->options, OPTION_SECONDS, terminal ? 0 : SECONDS_DEFAULT),
        .stop = &demo->stop,
        .gone = &demo->gone,
        .ingest = demo->ingest,
    };
    catch_signals(demo);
    return demo_shop_start(&demo->shop, &shop, &demo->error);
}

static void greet(const struct demo *demo)
{
    struct text_buffer rate = {0};
    report_count(&rate, demo->shop.options.rate);
    console_note("a shop sends %s events a second to a Kafka broker in this process;", rate.bytes);
    console_note("corong reads them into '%s'%s", demo->directory,
                 demo->shop.options.seconds == 0 ? "; ^C ends" : "");
    text_buffer_deinit(&rate);
}

static enum corong_status watch(struct demo *demo)
{
    struct screen screen;
    struct report_style style = console_style(demo->options, stderr);
    if (!demo->quiet) {
        greet(demo);
        screen_start(&screen, demo->ingest, &style, console_is_terminal(stderr));
    }
    enum corong_status status = ingest_run(demo->ingest, &demo->error);
    pump_stop_ask(&demo->gone);
    struct corong_error sending = {0};
    enum corong_status sent = demo_shop_join(&demo->shop, &sending);
    if (!demo->quiet) {
        screen_stop(&screen);
    }
    if (status == CORONG_OK && sent != CORONG_OK) {
        demo->error = sending;
        status = sent;
    }
    return status;
}

/// The live funnel must be the store's, and every event sent must be there.
static enum exit_code compare(struct demo *demo)
{
    struct ingest_books books;
    struct query_funnel defaults = {.range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
                                    .as_of_us = QUERY_TIME_NONE,
                                    .session_timeout_us = demo->config.session_timeout_us};
    struct engine_live_view asked = demo->view;
    ingest_books(demo->ingest, &books);
    if (books.run.stored != demo->shop.sent.lines) {
        console_complain("%llu events were sent, %llu are stored",
                         (unsigned long long)demo->shop.sent.lines,
                         (unsigned long long)books.run.stored);
        return EXIT_FAILED;
    }
    if (recount_live(demo->directory, &demo->definitions, &defaults, demo->options->arena, &asked,
                     &demo->error) != CORONG_OK) {
        return console_fail(&demo->error);
    }
    if (demo->view.pending == 0 && memcmp(asked.funnels[0].reached, demo->view.funnels[0].reached,
                                          STEP_COUNT * sizeof(asked.funnels[0].reached[0])) != 0) {
        console_complain("the live funnel differs from the store's");
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

static enum exit_code print_funnel(struct demo *demo)
{
    struct store_snapshot *snapshot;
    struct query_funnel_result result;
    struct query_funnel query = {.funnel = demo->funnel,
                                 .range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
                                 .where = TEXT_MISSING,
                                 .by = {TEXT_LITERAL("country")},
                                 .by_count = 1,
                                 .top = TOP_COUNT,
                                 .as_of_us = QUERY_TIME_NONE,
                                 .session_timeout_us = demo->config.session_timeout_us};
    query.funnel.name = TEXT_MISSING; // the steps say it
    query.funnel.live_slice = TEXT_MISSING;
    if (store_snapshot_open(&snapshot, demo->directory, &demo->error) != CORONG_OK) {
        return console_fail(&demo->error);
    }
    enum exit_code code;
    if (query_funnel_run(snapshot, &query, demo->options->arena, &result, &demo->error) ==
        CORONG_OK) {
        struct text_buffer out = {0};
        struct report_style style = console_style(demo->options, stdout);
        report_funnel(&query, &result, &style, &out);
        code = console_write(stdout, &out);
    } else {
        code = console_fail(&demo->error);
    }
    store_snapshot_close(snapshot);
    return code;
}

static void hint(const struct demo *demo)
{
    if (demo->quiet) {
        return;
    }
    struct text_buffer count = {0};
    report_count(&count, demo->shop.sent.lines);
    console_note("%s events sent, all of them stored; the live funnel %s", count.bytes,
                 demo->view.pending == 0 ? "said the same" : "left out users who came back late");
    console_note("next: corong funnel --store %s --step visit --step order --by device",
                 demo->directory);
    console_note("      corong sessions --store %s", demo->directory);
    console_note("      corong help replay    # your own topic: --kafka-topic");
    text_buffer_deinit(&count);
}

static enum exit_code conclude(struct demo *demo)
{
    enum exit_code code = compare(demo);
    ingest_destroy(demo->ingest);
    demo->ingest = NULL;
    enum exit_code printed = print_funnel(demo);
    code = code == EXIT_DONE ? printed : code;
    if (code == EXIT_DONE) {
        hint(demo);
    }
    return code;
}

static void close_all(struct demo *demo)
{
    ingest_destroy(demo->ingest);
    produce_broker_stop(demo->broker);
    if (demo->store != NULL) {
        store_close(demo->store);
    }
}

enum exit_code cmd_demo(const struct options *options)
{
    struct demo demo = {.options = options, .quiet = options_given(options, OPTION_QUIET)};
    enum exit_code code;
    if (open_all(&demo) != CORONG_OK || watch(&demo) != CORONG_OK) {
        code = console_fail(&demo.error);
    } else {
        ingest_live(demo.ingest, options->arena, &demo.view);
        code = conclude(&demo);
    }
    close_all(&demo);
    return code;
}
