// SPDX-License-Identifier: Apache-2.0
// clickgen: writes a generated shop's log to standard output.
#include "tools/clickgen/clickgen.h"

#include "storage/base/clock.h"
#include "tools/crowd/crowd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITE_SIZE ((size_t)1 << 20)
#define EXIT_MISUSED 2

static const char usage[] =
    "usage: clickgen [--events N] [--users N] [--days N] [--seed N] [--format json|csv|combined]\n"
    "                [--milliseconds] [--event-ids] [--shuffle-keys] [--shape NAME=VALUE]...\n\n"
    "Writes a generated shop's clickstream, in time order, to standard output. The same options "
    "give\n"
    "the same bytes. Defaults: 1000000 events, 40000 users, 30 days from 2026-01-01, seed 1, "
    "json.\n\n"
    "With --shape the events are those of 'corong bench', as JSON, in order of arrival; --events\n"
    "and --seed hold there too. Shapes: see 'corong help bench'.\n\n"
    "examples: clickgen --events 100000 --format csv > shop.csv\n"
    "          clickgen --events 100000 --shape late=2%:600 --shape copies=1% > late.jsonl\n";

struct arguments {
    struct clickgen_options options;
    enum click_format format;
    struct crowd_shape shape;
    bool shaped;
    bool plain; ///< an option was given that holds without --shape only
};

static const struct option long_options[] = {
    {"events", required_argument, NULL, 'e'},
    {"users", required_argument, NULL, 'u'},
    {"days", required_argument, NULL, 'd'},
    {"seed", required_argument, NULL, 's'},
    {"format", required_argument, NULL, 'f'},
    {"milliseconds", no_argument, NULL, 'm'},
    {"event-ids", no_argument, NULL, 'i'},
    {"shuffle-keys", no_argument, NULL, 'k'},
    {"shape", required_argument, NULL, 'S'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool parse_count(const char *word, uint64_t max, uint64_t *count_out)
{
    char *end;
    *count_out = strtoull(word, &end, 10);
    return *end == '\0' && end != word && *count_out > 0 && *count_out <= max;
}

static bool parse_format(const char *word, enum click_format *format_out)
{
    static const char *const names[] = {"json", "csv", "combined"};
    for (uint32_t index = 0; index < 3; index++) {
        if (strcmp(word, names[index]) == 0) {
            *format_out = (enum click_format)index;
            return true;
        }
    }
    return false;
}

static bool parse_shape(const char *word, struct arguments *arguments)
{
    struct corong_error error;
    arguments->shaped = true;
    bool good = crowd_shape_set(&arguments->shape, text_from(word), &error) == CORONG_OK;
    if (!good) {
        fprintf(stderr, "clickgen: %s\n\n", error.message);
    }
    return good;
}

static bool parse_option(int option, struct arguments *arguments)
{
    uint64_t count = 0;
    arguments->plain |= strchr("fmikud", option) != NULL;
    switch (option) {
    case 'e':
        return parse_count(optarg, UINT64_C(1) << 40, &arguments->options.event_count);
    case 's':
        return parse_count(optarg, UINT64_MAX, &arguments->options.seed);
    case 'f':
        return parse_format(optarg, &arguments->format);
    case 'm':
        return arguments->options.milliseconds = true;
    case 'i':
        return arguments->options.event_ids = true;
    case 'S':
        return parse_shape(optarg, arguments);
    case 'k':
        return arguments->options.shuffle_keys = true;
    case 'u':
        if (!parse_count(optarg, UINT32_MAX / 2, &count)) {
            return false;
        }
        arguments->options.user_count = (uint32_t)count;
        return true;
    case 'd':
        if (!parse_count(optarg, 36500, &count)) {
            return false;
        }
        arguments->options.day_count = (uint32_t)count;
        return true;
    default:
        return false;
    }
}

static int write_out(struct text_buffer *buffer)
{
    size_t done = fwrite(buffer->bytes, 1, buffer->size, stdout);
    bool whole = done == buffer->size;
    text_buffer_reset(buffer);
    return whole ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int generate(const struct arguments *arguments)
{
    struct clickgen *generator = clickgen_create(&arguments->options);
    struct text_buffer buffer = {0};
    struct click_event event;
    int status = EXIT_SUCCESS;
    clickgen_header(generator, arguments->format, &buffer);
    while (status == EXIT_SUCCESS && clickgen_next(generator, &event)) {
        clickgen_format(generator, arguments->format, &event, &buffer);
        if (buffer.size >= WRITE_SIZE) {
            status = write_out(&buffer);
        }
    }
    if (status == EXIT_SUCCESS) {
        status = write_out(&buffer);
    }
    text_buffer_deinit(&buffer);
    clickgen_destroy(generator);
    return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}

/// The shape's own proportions, with what the other options say.
static int generate_shaped(struct arguments *arguments)
{
    struct crowd_shape *shape = &arguments->shape;
    shape->seed = arguments->options.seed;
    crowd_shape_resize(shape, arguments->options.event_count);
    struct crowd *crowd = crowd_create(shape);
    struct text_buffer buffer = {0};
    struct crowd_event event;
    int status = EXIT_SUCCESS;
    while (status == EXIT_SUCCESS && crowd_next(crowd, &event)) {
        crowd_format(crowd, &event, &buffer);
        if (buffer.size >= WRITE_SIZE) {
            status = write_out(&buffer);
        }
    }
    status = status == EXIT_SUCCESS ? write_out(&buffer) : status;
    text_buffer_deinit(&buffer);
    crowd_destroy(crowd);
    return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}

/// `word`: the first that is no option, or NULL.
static bool fit_together(const struct arguments *arguments, const char *word)
{
    if (word != NULL) {
        fprintf(stderr, "clickgen: '%s' is not an option; the log goes to standard output\n", word);
        return false;
    }
    if (arguments->shaped && arguments->plain) {
        fputs("clickgen: with --shape only --events and --seed hold; users and days are shapes, "
              "too\n",
              stderr);
        return false;
    }
    return true;
}

int main(int argument_count, char **argument_values)
{
    struct arguments arguments = {.format = CLICK_FORMAT_JSON};
    clickgen_options_standard(&arguments.options);
    crowd_shape_standard(&arguments.shape);
    arguments.options.event_count = 1000000;
    arguments.options.user_count = 40000;
    int option;
    while ((option = getopt_long(argument_count, argument_values, "", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        }
        if (!parse_option(option, &arguments)) {
            fputs(usage, stderr);
            return EXIT_MISUSED;
        }
    }
    if (!fit_together(&arguments, argument_values[optind])) {
        return EXIT_MISUSED;
    }
    int status = arguments.shaped ? generate_shaped(&arguments) : generate(&arguments);
    if (status != EXIT_SUCCESS) {
        perror("clickgen: cannot write to standard output");
    }
    return status;
}
