// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/console.h"
#include "tools/corong/first_file.h"
#include "tools/corong/guess.h"
#include "tools/init/init.h"

#include <inttypes.h>

/// Whole lines only: what is cut off at the sample's end is no message.
static struct text whole_lines(const struct text_buffer *head)
{
    struct text text = {head->bytes, head->size};
    if (head->size < INIT_SAMPLE_SIZE_MAX) {
        return text;
    }
    const char *last = memrchr(text.bytes, '\n', text.size);
    return last == NULL ? text : (struct text){text.bytes, (size_t)(last - text.bytes) + 1};
}

static enum corong_status propose(const struct options *options, struct text_buffer *out,
                                  struct init_outcome *outcome, struct corong_error *error)
{
    struct text_buffer path = {0};
    struct text_buffer head = {0};
    const char *paths[] = {options->operand_strings[0], NULL};
    enum corong_status status = first_file_find(paths, &path, error);
    if (status == CORONG_OK) {
        status = first_file_head(path.bytes, INIT_SAMPLE_SIZE_MAX, &head, error);
    }
    if (status == CORONG_OK && head.size == 0) {
        status = error_set(error, CORONG_INVALID, "'%s' is empty", path.bytes);
    }
    if (status == CORONG_OK) {
        status = init_propose(path.bytes, whole_lines(&head), guess_line, options->arena, out,
                              outcome, error);
    }
    text_buffer_deinit(&head);
    text_buffer_deinit(&path);
    return status;
}

enum exit_code cmd_init(const struct options *options)
{
    struct text_buffer out = {0};
    struct init_outcome outcome = {0};
    struct corong_error error = {0};
    if (propose(options, &out, &outcome, &error) != CORONG_OK) {
        text_buffer_deinit(&out);
        return console_fail(&error);
    }
    uint64_t all = outcome.events + outcome.rejected;
    // Floored: not quite all is not 100 %.
    console_note("%" PRIu64 " of %" PRIu64 " events of the sample are read (%" PRIu64 ".%" PRIu64
                 " %%)%s%s; corong init FILE > corong.yaml keeps the proposal",
                 outcome.events, all, all == 0 ? 0 : outcome.events * 100 / all,
                 all == 0 ? 0 : outcome.events * 1000 / all % 10,
                 outcome.rejected == 0 ? "" : "; the first that is not: ", outcome.reason);
    return console_write(stdout, &out);
}
