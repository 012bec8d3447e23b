// SPDX-License-Identifier: Apache-2.0
// The same help as roff, for man(1).
#include "tools/corong/help.h"

#include "tools/corong/console.h"

#include <ctype.h>

#define PAGE_DATE                                                                                  \
    "2026-11-22" ///< of the last change to the tables' words; a clock would make builds differ

/// Text between macros: backslashes and hyphens as they are, no line that begins like a macro.
static void append_text(struct text_buffer *out, const char *text)
{
    bool start = true;
    for (; *text != '\0'; text++) {
        if (start && (*text == '.' || *text == '\'')) {
            text_buffer_append_string(out, "\\&");
        }
        start = *text == '\n';
        text_buffer_append_string(out, *text == '\\' ? "\\e" : *text == '-' ? "\\-" : "");
        text_buffer_append(out, text, *text != '\\' && *text != '-');
    }
}

static void append_title(struct text_buffer *out, const char *verb)
{
    text_buffer_append_string(out, ".\\\" Made by 'corong help --man'.\n.TH CORONG");
    if (verb != NULL) {
        text_buffer_append_string(out, "\\-");
        for (; *verb != '\0'; verb++) {
            char upper = (char)toupper((unsigned char)*verb);
            text_buffer_append(out, &upper, 1);
        }
    }
    text_buffer_append_string(out,
                              " 1 \"" PAGE_DATE "\" \"corong " CORONG_VERSION "\" \"Corong\"\n");
}

static void append_option(struct text_buffer *out, const struct option_spec *spec)
{
    text_buffer_append_string(out, ".TP\n\\fB\\-\\-");
    append_text(out, spec->name);
    text_buffer_append_string(out, "\\fR");
    for (uint32_t index = 0; spec->words != NULL && spec->words[index] != NULL; index++) {
        text_buffer_append_string(out, index == 0 ? " \\fI" : "|");
        append_text(out, spec->words[index]);
    }
    if (spec->words == NULL && spec->argument != NULL) {
        text_buffer_append_string(out, " \\fI");
        append_text(out, spec->argument);
    }
    text_buffer_append_string(out, spec->argument == NULL ? "\n" : "\\fR\n");
    append_text(out, spec->sentence);
    text_buffer_append_string(out, "\n");
}

/// Lines as they stand.
static void append_block(struct text_buffer *out, const char *lines)
{
    text_buffer_append_string(out, ".nf\n");
    append_text(out, lines);
    text_buffer_append_string(out, ".fi\n");
}

static void append_exit_status(struct text_buffer *out)
{
    text_buffer_append_string(out, ".SH EXIT STATUS\n0 done, 1 failed, 2 misused.\n");
}

enum exit_code help_man(void)
{
    struct text_buffer out = {0};
    append_title(&out, NULL);
    text_buffer_append_string(&out, ".SH NAME\ncorong \\- exact funnels from clickstream logs\n"
                                    ".SH SYNOPSIS\n\\fBcorong\\fR \\fIVERB\\fR "
                                    "[\\fIOPTION\\fR...] [\\fIWORD\\fR...]\n"
                                    ".SH DESCRIPTION\nEach verb has a page of its own.\n");
    for (const struct verb *verb = VERBS; verb->name != NULL; verb++) {
        text_buffer_printf(&out, ".TP\n\\fBcorong\\-%s\\fR(1)\n", verb->name);
        append_text(&out, verb->summary);
        text_buffer_append_string(&out, "\n");
    }
    text_buffer_append_string(&out, ".SH EXAMPLES\n");
    append_block(&out, HELP_FIRST_STEPS);
    append_exit_status(&out);
    return console_write(stdout, &out);
}

enum exit_code help_man_verb(const struct verb *verb)
{
    struct text_buffer out = {0};
    append_title(&out, verb->name);
    text_buffer_printf(&out, ".SH NAME\ncorong\\-%s \\- ", verb->name);
    append_text(&out, verb->summary);
    text_buffer_printf(&out, "\n.SH SYNOPSIS\n\\fBcorong %s\\fR [\\fIOPTION\\fR...]", verb->name);
    text_buffer_append_string(&out, verb->operands[0] == '\0' ? "" : " ");
    append_text(&out, verb->operands);
    text_buffer_append_string(&out, "\n.SH DESCRIPTION\n");
    append_text(&out, verb->explanation[0] == '\0' ? verb->summary : verb->explanation);
    text_buffer_append_string(&out,
                              verb->explanation[0] == '\0' ? ".\n.SH OPTIONS\n" : ".SH OPTIONS\n");
    for (uint32_t index = 0; verb->options[index] != OPTION_COUNT; index++) {
        append_option(&out, &OPTION_SPECS[verb->options[index]]);
    }
    text_buffer_append_string(&out, ".SH EXAMPLES\n");
    append_block(&out, verb->examples);
    append_exit_status(&out);
    text_buffer_append_string(&out, ".SH SEE ALSO\n\\fBcorong\\fR(1)\n");
    return console_write(stdout, &out);
}
