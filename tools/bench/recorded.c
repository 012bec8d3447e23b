// SPDX-License-Identifier: Apache-2.0
// A recorded log sent again, at its own pace or faster: what the system makes of it.
#include "storage/base/memory.h"
#include "tools/bench/recording.h"
#include "tools/bench/run.h"

#include <string.h>

/// Lines of the recording, with the time and the user of their first event.
struct recorded {
    struct recording recording;
    struct text_buffer line;
    char key[EVENT_ID_SIZE_MAX];
    size_t key_size;
    int64_t time_us;
    bool has_event;
};

static void take_event(void *context, const struct event *event)
{
    struct recorded *recorded = context;
    if (recorded->has_event) {
        return;
    }
    recorded->has_event = true;
    recorded->time_us = event->time_us;
    recorded->key_size = event->user_id.size;
    memcpy(recorded->key, event->user_id.bytes, event->user_id.size);
}

static void take_reject(void *context, uint32_t event_index, enum reject_reason reason,
                        const char *detail)
{
    (void)context;
    (void)event_index;
    (void)reason;
    (void)detail;
}

static bool next_line(void *context, struct subject_line *line_out, struct corong_error *error)
{
    struct recorded *recorded = context;
    struct text message;
    struct decode_sink sink = {recorded, take_event, take_reject};
    recorded->has_event = false;
    if (!recording_next(&recorded->recording, &sink, &message, error)) {
        return false;
    }
    text_buffer_reset(&recorded->line);
    text_buffer_append_text(&recorded->line, message);
    text_buffer_append(&recorded->line, "\n", 1);
    *line_out = (struct subject_line){{recorded->line.bytes, recorded->line.size},
                                      {recorded->key, recorded->key_size},
                                      recorded->time_us};
    return true;
}

static json_t *books_json(const struct recorded *recorded)
{
    return json_pack("{s:I,s:I,s:I}", "messages", (json_int_t)recorded->recording.messages,
                     "rejected", (json_int_t)recorded->recording.rejected, "bytes",
                     (json_int_t)recorded->recording.bytes);
}

static enum corong_status play(struct run *run, struct recorded *recorded,
                               struct corong_error *error)
{
    struct phase_result result;
    struct phase_options options = run_phase_options(run, 0, "replaying");
    options.lines = (struct load_lines){recorded, next_line};
    options.speed = run->options->speed;
    options.is_last = true;
    enum corong_status status = phase_run(&options, &result, error);
    if (status == CORONG_OK) {
        json_t *hold = phase_json(&result, true);
        json_t *freshness = json_object();
        histogram_json(&result.freshness, freshness);
        json_object_set_new(hold, "freshness", freshness);
        json_object_set_new(run->document, "hold", hold);
        json_object_set_new(run->document, "recording", books_json(recorded));
        run_add_phase(run, &result);
    }
    phase_deinit(&result);
    return status;
}

enum corong_status run_recorded(struct run *run, struct corong_error *error)
{
    struct recorded *recorded = memory_allocate_zeroed(1, sizeof(*recorded));
    struct subject_options options = run_subject_options(run, run->options->through);
    enum corong_status status = recording_open(&recorded->recording, run->options, error);
    status = status == CORONG_OK ? subject_open(&run->subject, &options, error) : status;
    if (status == CORONG_OK) {
        status = play(run, recorded, error);
    }
    subject_close(&run->subject);
    recording_close(&recorded->recording);
    text_buffer_deinit(&recorded->line);
    memory_free(recorded);
    return status;
}
