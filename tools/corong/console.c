// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/console.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MESSAGE_SIZE 2048
enum color_choice { COLOR_AUTO = 0, COLOR_ALWAYS, COLOR_NEVER };

static void say(const char *format, va_list arguments)
{
    char raw[MESSAGE_SIZE];
    struct text_buffer line = {0};
    vsnprintf(raw, sizeof(raw), format, arguments);
    text_buffer_append_string(&line, "corong: ");
    // Messages quote event names and file names; none of them may steer the terminal. Line ends
    // stay: some messages point at a character of a line.
    for (char *at = raw, *part; (part = strsep(&at, "\n")) != NULL;) {
        report_text(&line, text_from(part));
        text_buffer_append_string(&line, "\n");
    }
    fwrite(line.bytes, 1, line.size, stderr);
    text_buffer_deinit(&line);
}

void console_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

void console_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

enum exit_code console_fail(const struct corong_error *error)
{
    console_complain("%s", error->message);
    bool misused = error->status == CORONG_INVALID || error->status == CORONG_UNSUPPORTED;
    return misused ? EXIT_MISUSED : EXIT_FAILED;
}

enum exit_code console_write(FILE *stream, struct text_buffer *text)
{
    size_t written = text->size == 0 ? 0 : fwrite(text->bytes, 1, text->size, stream);
    bool failed = written != text->size || fflush(stream) != 0;
    if (failed) {
        console_complain("cannot write to standard output: %s", strerror(errno));
    }
    text_buffer_deinit(text);
    return failed ? EXIT_FAILED : EXIT_DONE;
}

static struct winsize window_of(FILE *stream)
{
    struct winsize window = {0};
    if (ioctl(fileno(stream), TIOCGWINSZ, &window) != 0) {
        window = (struct winsize){0};
    }
    return window;
}

uint32_t console_width(FILE *stream)
{
    struct winsize window = window_of(stream);
    return window.ws_col == 0 ? 80 : window.ws_col;
}

uint32_t console_height(FILE *stream)
{
    struct winsize window = window_of(stream);
    return window.ws_row == 0 ? 24 : window.ws_row;
}

bool console_is_terminal(FILE *stream)
{
    return isatty(fileno(stream)) == 1;
}

struct report_style console_style(const struct options *options, FILE *stream)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    bool automatic = console_is_terminal(stream) && (no_color == NULL || no_color[0] == '\0') &&
                     terminal != NULL && strcmp(terminal, "dumb") != 0;
    int64_t choice = options_number(options, OPTION_COLOR, COLOR_AUTO);
    return (struct report_style){
        .format = (enum report_format)options_number(options, OPTION_FORMAT, REPORT_TABLE),
        .colour = choice == COLOR_ALWAYS || (choice == COLOR_AUTO && automatic),
        .width = console_width(stream),
        .timing = options_given(options, OPTION_TIMING),
    };
}
