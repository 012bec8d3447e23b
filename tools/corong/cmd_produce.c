// SPDX-License-Identifier: Apache-2.0
#include "ingest/produce/produce.h"
#include "storage/base/clock.h"
#include "tools/corong/console.h"
#include "tools/corong/guess.h"
#include "tools/corong/settings.h"

#include <signal.h>

#define LINE_INTERVAL_US (5 * MICROSECONDS_PER_SECOND)
#define CLEAR_LINE "\r\x1b[K"

/// Everything of one run of the verb.
struct produce_run {
    const struct options *options;
    struct config config;
    const char *topic;
    struct produce *produce;
    struct produce_feed_counts read;
    struct corong_error error;
    bool quiet;
    bool terminal;
    int64_t begun_us;
    int64_t drawn_us;
};

static volatile sig_atomic_t stop_asked;

/// The first SIGINT or SIGTERM stops in order; a second one ends at once.
static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    stop_asked = 0;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void append_progress(const struct produce_run *run, const struct produce_feed_counts *read,
                            const struct produce_counts *sent, struct text_buffer *out)
{
    double seconds = (double)(clock_monotonic_us() - run->begun_us) / MICROSECONDS_PER_SECOND;
    if (read->bytes_total > 0) {
        report_rate(out, read->bytes_done, read->bytes_total);
        text_buffer_append_string(out, " · ");
    }
    report_count(out, sent->acknowledged);
    text_buffer_append_string(out, " lines acknowledged · ");
    report_count(out, (uint64_t)((double)sent->acknowledged / (seconds > 0.1 ? seconds : 0.1)));
    text_buffer_append_string(out, "/s");
    if (sent->refused > 0) {
        text_buffer_append_string(out, " · ");
        report_count(out, sent->refused);
        text_buffer_append_string(out, " refused");
    }
}

/// Draws where it is seen, and says whether to go on.
static bool on_progress(void *context, const struct produce_feed_counts *read)
{
    struct produce_run *run = context;
    int64_t now_us = clock_monotonic_us();
    if (run->quiet || (!run->terminal && now_us - run->drawn_us < LINE_INTERVAL_US)) {
        return stop_asked == 0;
    }
    struct text_buffer line = {0};
    struct produce_counts sent;
    produce_counts(run->produce, &sent);
    text_buffer_append_string(&line, run->terminal ? CLEAR_LINE : "corong: ");
    append_progress(run, read, &sent, &line);
    text_buffer_append_string(&line, run->terminal ? "" : "\n");
    fwrite(line.bytes, 1, line.size, stderr);
    fflush(stderr);
    text_buffer_deinit(&line);
    run->drawn_us = now_us;
    return stop_asked == 0;
}

static struct text key_word(const struct options *options)
{
    return options_given(options, OPTION_KEY) ? options->values[OPTION_KEY].text
                                              : TEXT_LITERAL("user");
}

/// The mapping as given or configured, else guessed; without a key none is needed.
static enum corong_status choose_mapping(struct produce_run *run)
{
    const char *preset;
    const char *because;
    if (run->config.mapping != NULL) {
        return CORONG_OK;
    }
    if (guess_preset(run->options->operand_strings, &preset, &because, &run->error) != CORONG_OK) {
        bool needless = text_equal(key_word(run->options), TEXT_LITERAL("none"));
        return needless ? CORONG_OK : run->error.status;
    }
    if (!run->quiet) {
        console_note("reading as '%s' (%s); --mapping chooses another", preset, because);
    }
    return settings_mapping(&run->config, run->options->arena, text_from(preset), &run->error);
}

static enum corong_status prepare(struct produce_run *run)
{
    const struct option_value *topic = &run->options->values[OPTION_KAFKA_TOPIC];
    if (topic->list_count != 1) {
        return error_set(&run->error, CORONG_INVALID, "one --kafka-topic is expected, %u are given",
                         topic->list_count);
    }
    run->topic = topic->text.bytes;
    if (strchr(run->topic, ':') != NULL) {
        return error_set(&run->error, CORONG_INVALID,
                         "--kafka-topic '%s': a topic without partitions is expected; the key "
                         "chooses the partition",
                         run->topic);
    }
    TRY(settings_load(run->options, &run->config, &run->error));
    return choose_mapping(run);
}

static enum corong_status feed(struct produce_run *run)
{
    const struct options *options = run->options;
    struct produce_options open = {run->topic, run->config.kafka_properties};
    TRY(produce_open(&run->produce, &open, &run->error));
    struct produce_feed_options feed = {
        .paths = options->operand_strings,
        .path_count = options->operand_count,
        .mapping = run->config.mapping,
        .key = key_word(options),
        .pack = (uint32_t)options_number(options, OPTION_PACK, 1),
        .rate = (uint64_t)options_number(options, OPTION_RATE, 0),
        .time_is_now = options_number(options, OPTION_TIMESTAMP, 0) == 1,
        .progress = on_progress,
        .context = run,
    };
    catch_signals();
    run->begun_us = clock_monotonic_us();
    run->drawn_us = run->begun_us;
    enum corong_status status = produce_feed(run->produce, &feed, &run->read, &run->error);
    if (!run->quiet && run->terminal) {
        fputs("\n", stderr);
    }
    return status;
}

static void append_row(struct text_buffer *out, const char *name, uint64_t count, const char *words)
{
    text_buffer_printf(out, "  %-13s ", name);
    struct text_buffer number = {0};
    report_count(&number, count);
    text_buffer_printf(out, "%15s%s%s\n", number.bytes, words[0] == '\0' ? "" : "  ", words);
    text_buffer_deinit(&number);
}

static void append_table(const struct produce_run *run, const struct produce_counts *sent,
                         struct text_buffer *out)
{
    struct text_buffer words = {0};
    text_buffer_printf(&words, "to '%s' (%u partitions) in ", run->topic,
                       produce_partition_count(run->produce));
    report_count(&words, sent->messages);
    text_buffer_append_string(&words, sent->messages == 1 ? " message, " : " messages, ");
    report_size(&words, sent->bytes);
    append_row(out, "lines read", run->read.lines, "");
    if (run->read.blank > 0) {
        append_row(out, "blank", run->read.blank, "not sent");
    }
    if (run->read.cut > 0) {
        append_row(out, "cut", run->read.cut, "too long or cut off: not sent");
    }
    append_row(out, "sent", sent->lines, words.bytes);
    append_row(out, "acknowledged", sent->acknowledged, "");
    if (sent->refused > 0) {
        append_row(out, "refused", sent->refused, sent->first_refusal);
    }
    if (run->read.unkeyed > 0) {
        append_row(out, "without a key", run->read.unkeyed,
                   "no key could be read from them; sent all the same");
    }
    text_buffer_deinit(&words);
}

static void append_json(const struct produce_run *run, const struct produce_counts *sent,
                        struct text_buffer *out)
{
    text_buffer_printf(out,
                       "{\n  \"topic\": \"%s\",\n  \"partitions\": %u,\n  \"lines\": %llu,\n"
                       "  \"blank\": %llu,\n  \"cut\": %llu,\n  \"sent\": %llu,\n"
                       "  \"messages\": %llu,\n  \"bytes\": %llu,\n  \"acknowledged\": %llu,\n"
                       "  \"refused\": %llu,\n  \"unkeyed\": %llu\n}\n",
                       run->topic, produce_partition_count(run->produce),
                       (unsigned long long)run->read.lines, (unsigned long long)run->read.blank,
                       (unsigned long long)run->read.cut, (unsigned long long)sent->lines,
                       (unsigned long long)sent->messages, (unsigned long long)sent->bytes,
                       (unsigned long long)sent->acknowledged, (unsigned long long)sent->refused,
                       (unsigned long long)run->read.unkeyed);
}

/// Says what was sent, and fails where a line was not acknowledged.
static enum exit_code conclude(struct produce_run *run, enum corong_status status)
{
    struct text_buffer out = {0};
    struct produce_counts sent;
    produce_counts(run->produce, &sent);
    if (console_style(run->options, stdout).format == REPORT_JSON) {
        append_json(run, &sent, &out);
    } else {
        append_table(run, &sent, &out);
    }
    enum exit_code code = console_write(stdout, &out);
    if (status != CORONG_OK) {
        code = console_fail(&run->error);
    }
    if (run->read.stopped) {
        console_complain("stopped; %llu lines were acknowledged",
                         (unsigned long long)sent.acknowledged);
        code = EXIT_FAILED;
    }
    uint64_t missing = sent.lines - sent.acknowledged + run->read.cut;
    if (missing > 0) {
        console_complain("%llu of %llu lines were not acknowledged: they may be missing from '%s'",
                         (unsigned long long)missing, (unsigned long long)run->read.lines,
                         run->topic);
        code = EXIT_FAILED;
    }
    return code;
}

enum exit_code cmd_produce(const struct options *options)
{
    struct produce_run run = {.options = options,
                              .quiet = options_given(options, OPTION_QUIET),
                              .terminal = console_is_terminal(stderr)};
    if (console_style(options, stdout).format == REPORT_CSV) {
        console_complain("produce: --format: csv is not available here; table or json is");
        return EXIT_MISUSED;
    }
    if (prepare(&run) != CORONG_OK) {
        return console_fail(&run.error);
    }
    enum corong_status status = feed(&run);
    bool begun = run.produce != NULL && (status == CORONG_OK || run.read.lines > 0);
    enum exit_code code = begun ? conclude(&run, status) : console_fail(&run.error);
    produce_close(run.produce);
    return code;
}
