// SPDX-License-Identifier: Apache-2.0
#include "storage/group/group.h"
#include "tools/corong/console.h"
#include "tools/corong/question.h"
#include "tools/corong/settings.h"

struct faults {
    struct text_buffer text;
    uint64_t count;
};

static void note_fault(void *context, const char *message)
{
    struct faults *faults = context;
    text_buffer_append_string(&faults->text, "fault: ");
    report_text(&faults->text, text_from(message));
    text_buffer_append_string(&faults->text, "\n");
    faults->count++;
}

/// What was checked, for the last line; a store that cannot be opened has said so already.
static void append_extent(const struct config *config, struct text_buffer *out)
{
    struct store_snapshot *snapshot;
    if (question_open(config, true, &snapshot, NULL) != CORONG_OK) {
        return;
    }
    text_buffer_append_string(out, ": ");
    report_count(out, store_snapshot_totals(snapshot).rows);
    text_buffer_append_string(out, " events in ");
    uint32_t segment_count = store_snapshot_segment_count(snapshot);
    report_count(out, segment_count);
    text_buffer_append_string(out, segment_count == 1 ? " segment" : " segments");
    store_snapshot_close(snapshot);
}

enum exit_code cmd_verify(const struct options *options)
{
    struct config config;
    struct corong_error error = {0};
    struct faults faults = {0};
    if (settings_load(options, &config, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    if (question_require_store(&config, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    const char *directory = settings_store(&config);
    enum corong_status status = store_group_is(directory)
                                    ? store_group_verify(directory, note_fault, &faults, &error)
                                    : store_verify(directory, note_fault, &faults, &error);
    if (status == CORONG_OK) {
        text_buffer_append_string(&faults.text, "sound");
        append_extent(&config, &faults.text);
        text_buffer_append_string(&faults.text, "\n");
    } else if (faults.count == 0) {
        console_complain("%s", error.message);
    }
    enum exit_code code = console_write(stdout, &faults.text);
    return status == CORONG_OK ? code : EXIT_FAILED;
}
