// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/help.h"

#include "tools/corong/console.h"

#define OPTION_COLUMN 29

enum exit_code help_overview(FILE *stream)
{
    struct text_buffer out = {0};
    text_buffer_append_string(&out, "corong: exact funnels from clickstream logs\n\n"
                                    "  corong VERB [OPTION...] [WORD...]\n\n");
    for (const struct verb *verb = VERBS; verb->name != NULL; verb++) {
        text_buffer_printf(&out, "  %-10s %s\n", verb->name, verb->summary);
    }
    text_buffer_append_string(&out, "\nFirst steps:\n" HELP_FIRST_STEPS
                                    "\n'corong help VERB' explains one. Results go to standard "
                                    "output, all else to standard error.\n"
                                    "Exit status: 0 done, 1 failed, 2 misused.\n");
    return console_write(stream, &out);
}

/// What stands behind the name: the words, the first of which is the default, or what is expected.
static void append_argument(struct text_buffer *out, const struct option_spec *spec)
{
    text_buffer_append_string(out, spec->argument == NULL ? "" : " ");
    for (uint32_t index = 0; spec->words != NULL && spec->words[index] != NULL; index++) {
        text_buffer_printf(out, index == 0 ? "%s" : "|%s", spec->words[index]);
    }
    if (spec->words == NULL && spec->argument != NULL) {
        text_buffer_append_string(out, spec->argument);
    }
}

static void append_option(struct text_buffer *out, const struct option_spec *spec)
{
    size_t start = out->size;
    text_buffer_printf(out, "  --%s", spec->name);
    append_argument(out, spec);
    size_t used = out->size - start;
    if (used + 2 > OPTION_COLUMN) {
        text_buffer_append_string(out, "\n");
        used = 0;
    }
    text_buffer_printf(out, "%*s%s\n", (int)(OPTION_COLUMN - used), "", spec->sentence);
}

enum exit_code help_verb(const struct verb *verb)
{
    struct text_buffer out = {0};
    text_buffer_printf(&out, "corong %s: %s\n\n  corong %s [OPTION...]%s%s\n\n", verb->name,
                       verb->summary, verb->name, verb->operands[0] == '\0' ? "" : " ",
                       verb->operands);
    text_buffer_append_string(&out, verb->explanation);
    text_buffer_append_string(&out, verb->explanation[0] == '\0' ? "Options:\n" : "\nOptions:\n");
    for (uint32_t index = 0; verb->options[index] != OPTION_COUNT; index++) {
        append_option(&out, &OPTION_SPECS[verb->options[index]]);
    }
    text_buffer_printf(&out, "\nExamples:\n%s", verb->examples);
    return console_write(stdout, &out);
}
