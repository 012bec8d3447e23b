// SPDX-License-Identifier: Apache-2.0
#include "ingest/file_run.h"

#include "ingest/counters.h"
#include "storage/base/memory.h"

void file_run_init(struct file_run *run, struct pump *pump, struct replay_plan *plan,
                   struct pump_queue *chains)
{
    *run = (struct file_run){.pump = pump, .plan = plan, .chains = chains, .chain = REPLAY_NONE};
}

/// Takes the sentence over.
static void add_note(struct file_run *run, char *sentence, bool failure)
{
    if (run->note_count == FILE_RUN_NOTE_COUNT_MAX) {
        memory_free(sentence);
        return;
    }
    if (run->notes == NULL) {
        run->notes = memory_allocate_zeroed(FILE_RUN_NOTE_COUNT_MAX, sizeof(*run->notes));
    }
    run->notes[run->note_count++] = (struct file_note){sentence, failure};
}

static void note_path(struct file_run *run, const char *path, const char *what)
{
    struct text_buffer sentence = {0};
    text_buffer_printf(&sentence, "'%s' %s", path, what);
    add_note(run, sentence.bytes, false);
}

void file_run_fail(struct file_run *run, const struct corong_error *error)
{
    if (run->error.status == CORONG_OK) {
        run->error = *error;
    }
    add_note(run, memory_copy_string(error->message, strlen(error->message)), true);
}

static void note_file(struct file_run *run, const struct replay_file *file, bool resumed,
                      bool read_any)
{
    if (resumed && !read_any) {
        run->skipped_count++;
        note_path(run, file->path, "is already in the store: skipped");
    } else if (resumed) {
        run->resumed_count++;
        note_path(run, file->path, "was partly in the store: continued");
    }
}

/// Reads one file from `position` and moves it to where the file ended. False: no further file.
static bool read_file(struct file_run *run, struct replay_file *file,
                      struct store_position *position)
{
    struct corong_error error = {0};
    struct source *source;
    if (replay_open(&source, run->plan, file, position, &error) != CORONG_OK) {
        file_run_fail(run, &error);
        return true;
    }
    bool resumed = position->next_offset > 0;
    uint64_t messages_before = run->pump->run.messages;
    struct store_position last = {0};
    enum corong_status status = pump_read(run->pump, source, position, &last, &error);
    source->operations->close(source);
    *position = last;
    bool stopped = pump_stop_asked(run->pump->stop) || engine_failed(run->pump->engine);
    if (status != CORONG_OK) {
        file_run_fail(run, &error);
    } else if (!stopped) {
        note_file(run, file, resumed, run->pump->run.messages != messages_before);
    }
    return !stopped;
}

static void keep_end(struct file_run *run, const struct store_position *position)
{
    if (run->end_count == run->end_capacity) {
        run->end_capacity = run->end_capacity == 0 ? 16 : run->end_capacity * 2;
        run->ends = memory_resize_array(run->ends, run->end_capacity, sizeof(*run->ends));
    }
    const struct replay_file *first = &run->plan->files[run->plan->chains[run->chain]];
    run->ends[run->end_count++] = (struct file_end){first->id, position->counters.messages};
}

/// False: no further chain.
static bool read_chain(struct file_run *run)
{
    struct replay_plan *plan = run->plan;
    uint32_t index = plan->chains[run->chain];
    struct store_position position = plan->files[index].start;
    bool goes_on = true;
    for (; goes_on && index != REPLAY_NONE; index = plan->files[index].next) {
        goes_on = read_file(run, &plan->files[index], &position);
    }
    if (run->again || engine_failed(run->pump->engine)) {
        return false; // what was read may not be in the store: the chain stays in hand
    }
    keep_end(run, &position);
    run->chain = REPLAY_NONE;
    return goes_on;
}

/// False: none is left.
static bool take_chain(struct file_run *run)
{
    uint32_t chain = pump_queue_take(run->chains);
    if (chain >= run->plan->chain_count) {
        return false;
    }
    run->chain = chain;
    counters_add(&run->before, &run->plan->files[run->plan->chains[chain]].start.counters);
    return true;
}

void file_run_read(struct file_run *run)
{
    bool goes_on = true;
    run->again = false;
    while (goes_on && !pump_stop_asked(run->pump->stop)) {
        if (run->chain == REPLAY_NONE && !take_chain(run)) {
            return;
        }
        goes_on = read_chain(run);
    }
}

void file_run_pass_stored(struct file_run *run)
{
    for (uint32_t index = 0; index < run->plan->file_count; index++) {
        const struct replay_file *file = &run->plan->files[index];
        if (file->stored) {
            run->skipped_count++;
            note_path(run, file->path, "is already in the store: skipped");
            pump_pass(run->pump, file->size_bytes);
        }
    }
}

void file_run_deinit(struct file_run *run)
{
    for (uint32_t index = 0; index < run->note_count; index++) {
        memory_free(run->notes[index].sentence);
    }
    memory_free(run->notes);
    memory_free(run->ends);
    *run = (struct file_run){0};
}
