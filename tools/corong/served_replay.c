// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/served_replay.h"

#include "storage/base/clock.h"
#include "tools/corong/console.h"
#include "tools/corong/settings.h"
#include "tools/serve/serve.h"

#include <signal.h>

#define SAMPLE_COUNT_MAX 20u
#define NOTE_SHOWN_MAX 10u
#define LINE_INTERVAL_US (5 * MICROSECONDS_PER_SECOND)

static volatile bool stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = true;
}

/// The first SIGINT or SIGTERM stops in order, a second one finds the default action.
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

struct display {
    struct report_style style;
    bool terminal;
    bool drawn;
    int64_t line_us;
};

static void draw(void *context, const struct ingest_progress *progress, bool waiting)
{
    struct display *display = context;
    struct text_buffer line = {0};
    int64_t now_us = clock_monotonic_us();
    if (!display->terminal && now_us - display->line_us < LINE_INTERVAL_US) {
        return;
    }
    display->line_us = now_us;
    text_buffer_append_string(&line, display->terminal ? "\r\x1b[K" : "corong: ");
    if (waiting) {
        text_buffer_append_string(&line, "waiting for the replays before this one");
    } else {
        report_progress(progress, &display->style, &line);
    }
    text_buffer_append_string(&line, display->terminal ? "" : "\n");
    fwrite(line.bytes, 1, line.size, stderr);
    fflush(stderr);
    display->drawn = display->terminal;
    text_buffer_deinit(&line);
}

static void print_notes(const struct client_replay_end *end, const struct corong_error *error,
                        bool quiet)
{
    uint32_t remarks = 0;
    for (uint32_t index = 0; index < end->note_count; index++) {
        if (!end->note_is_failure[index]) {
            if (!quiet && remarks < NOTE_SHOWN_MAX) {
                console_note("%s", end->notes[index]);
            }
            remarks++;
        } else if (strcmp(end->notes[index], error->message) != 0) {
            console_complain("%s", end->notes[index]);
        }
    }
    if (!quiet && remarks > NOTE_SHOWN_MAX) {
        console_note("... and %u more such files; --format json lists them",
                     remarks - NOTE_SHOWN_MAX);
    }
}

static enum exit_code print_books(const struct options *options,
                                  const struct client_replay_end *end)
{
    struct text_buffer out = {0};
    struct report_style style = console_style(options, stdout);
    struct report_replay report = {
        .books = &end->books,
        .samples = end->samples,
        .sample_count = end->sample_count < SAMPLE_COUNT_MAX ? end->sample_count : SAMPLE_COUNT_MAX,
        .notes = end->notes,
        .note_count = end->note_count,
    };
    report_books(&report, &style, &out);
    return console_write(stdout, &out);
}

static struct text describe_mapping(const struct options *options, const struct mapping *mapping)
{
    struct text_buffer words = {0};
    mapping_describe(mapping, &words);
    struct text copy = arena_copy_text(options->arena, (struct text){words.bytes, words.size});
    text_buffer_deinit(&words);
    return copy;
}

static enum exit_code run(const struct options *options, const struct config *config,
                          struct client *client)
{
    struct corong_error error = {0};
    struct client_replay_end end;
    bool quiet = options_given(options, OPTION_QUIET);
    struct display display = {.style = console_style(options, stderr),
                              .terminal = console_is_terminal(stderr),
                              .line_us = clock_monotonic_us()};
    struct client_replay replay = {
        .paths = options->operand_strings,
        .path_count = options->operand_count,
        .mapping = describe_mapping(options, config->mapping),
        .dead_letters = options_given(options, OPTION_DEAD_LETTERS),
        .stop = &stop_asked,
        .progress = quiet ? NULL : draw,
        .context = &display,
    };
    catch_signals();
    enum corong_status status = client_replay_run(client, &replay, options->arena, &end, &error);
    if (display.drawn) {
        fputs("\r\x1b[K", stderr);
    }
    if (status != CORONG_OK) {
        console_fail(&error);
        if (end.books.files == 0) {
            return EXIT_FAILED;
        }
    }
    print_notes(&end, &error, quiet);
    enum exit_code code = print_books(options, &end);
    if (end.stopped) {
        console_note("stopped; the same command continues");
    }
    return status != CORONG_OK || end.stopped ? EXIT_FAILED : code;
}

enum exit_code served_replay(const struct options *options, const struct config *config,
                             const struct corong_error *busy)
{
    struct corong_error error = {0};
    struct client *client;
    if (client_open(&client, settings_store(config), &error) != CORONG_OK) {
        console_fail(error.status == CORONG_NOT_FOUND ? busy : &error);
        return EXIT_FAILED;
    }
    if (!options_given(options, OPTION_QUIET)) {
        console_note("a server holds '%s': the files go through it", settings_store(config));
    }
    enum exit_code code = run(options, config, client);
    client_close(client);
    return code;
}
