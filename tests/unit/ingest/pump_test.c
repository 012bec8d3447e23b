// SPDX-License-Identifier: Apache-2.0
// A pump between a scripted source and an engine that only writes down what it is told.
#include "ingest/pump.h"
#include "ingest/ingest.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "tests/support/store_directory.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CUT_COUNT_MAX 64

/// What the engine heard. One pump, one thread: plain variables.
static struct {
    uint32_t pushed;
    uint32_t cut_count;
    uint32_t commits_asked;
    uint32_t polls_until_barrier; ///< 0: none is wanted
    bool every_poll;              ///< one is wanted after every message
    uint64_t epoch;               ///< barriers so far
    uint64_t commit_lag;          ///< how many of them are not committed yet
    bool failed;
    struct {
        uint32_t position_count;
        struct store_position last;
        uint32_t pushed;
        size_t dead_letters_size;
    } cuts[CUT_COUNT_MAX];
} heard;

struct engine_producer *engine_producer_open(struct engine *engine)
{
    return (struct engine_producer *)engine;
}

void engine_push(struct engine_producer *producer, const struct event *event)
{
    (void)producer;
    cr_assert_gt(event->user_id.size, 0);
    heard.pushed++;
}

bool engine_barrier_wanted(struct engine_producer *producer)
{
    (void)producer;
    return heard.every_poll || (heard.polls_until_barrier > 0 && --heard.polls_until_barrier == 0);
}

static void note_cut(const struct engine_cut *cut)
{
    cr_assert_lt(heard.cut_count, CUT_COUNT_MAX);
    heard.cuts[heard.cut_count].position_count = cut->position_count;
    if (cut->position_count > 0) {
        heard.cuts[heard.cut_count].last = cut->positions[cut->position_count - 1];
    }
    heard.cuts[heard.cut_count].pushed = heard.pushed;
    heard.cuts[heard.cut_count++].dead_letters_size = cut->dead_letters.size;
}

uint64_t engine_barrier(struct engine_producer *producer, const struct engine_cut *cut)
{
    (void)producer;
    note_cut(cut);
    return ++heard.epoch;
}

uint64_t engine_committed_epoch(const struct engine *engine)
{
    (void)engine;
    return heard.epoch > heard.commit_lag ? heard.epoch - heard.commit_lag : 0;
}

void engine_producer_on_wait(struct engine_producer *producer, void (*waiting)(void *context),
                             void *context)
{
    (void)producer;
    (void)waiting;
    (void)context;
}

void engine_producer_close(struct engine_producer *producer, const struct engine_cut *cut)
{
    (void)producer;
    note_cut(cut);
}

void engine_request_commit(struct engine *engine)
{
    (void)engine;
    heard.commits_asked++;
    heard.polls_until_barrier = 1;
}

bool engine_failed(const struct engine *engine)
{
    (void)engine;
    return heard.failed;
}

// Not used by a pump, but the door that is linked with it names them.
enum corong_status engine_open(struct engine **engine_out, const struct engine_options *options,
                               struct corong_error *error)
{
    (void)engine_out;
    (void)options;
    return error_set(error, CORONG_UNSUPPORTED, "not in this test");
}
enum corong_status engine_drain(struct engine *engine, struct corong_error *error)
{
    (void)engine;
    return error_set(error, CORONG_UNSUPPORTED, "not in this test");
}
void engine_close(struct engine *engine)
{
    (void)engine;
}
void engine_live_read(struct engine *engine, struct arena *arena, struct engine_live_view *view_out)
{
    (void)engine;
    (void)arena;
    (void)view_out;
}

/// Messages of partition 0, then the end (or a failure).
struct script {
    struct source source;
    const struct source_message *messages;
    uint32_t count;
    uint32_t at;
    bool fails;
    int64_t next_offset;
    uint64_t id;
};

static enum source_poll script_poll(struct source *source, struct source_message *message_out,
                                    struct corong_error *error)
{
    struct script *script = (struct script *)source;
    if (script->at == script->count) {
        error_set(error, CORONG_IO, "the script fails");
        return script->fails ? SOURCE_FAILED : SOURCE_END;
    }
    *message_out = script->messages[script->at++];
    script->next_offset = message_out->next_offset;
    return SOURCE_MESSAGE;
}
static uint32_t script_partition_count(struct source *source)
{
    (void)source;
    return 1;
}
static void script_position(struct source *source, uint32_t partition_index,
                            struct store_position *position_out)
{
    (void)partition_index;
    struct script *script = (struct script *)source;
    position_out->id = (struct hash128){1, script->id};
    position_out->name = TEXT_LITERAL("script");
    position_out->next_offset = script->next_offset;
}
static void script_progress(struct source *source, uint64_t *done_out, uint64_t *total_out)
{
    *done_out = ((struct script *)source)->at;
    *total_out = ((struct script *)source)->count;
}
static struct text script_header(struct source *source)
{
    (void)source;
    return TEXT_MISSING;
}
static void script_close(struct source *source)
{
    (void)source;
}
static const struct source_operations script_operations = {
    .poll = script_poll,
    .partition_count = script_partition_count,
    .position = script_position,
    .progress = script_progress,
    .header = script_header,
    .close = script_close,
};

/// A pump with a mapping of its own.
struct rig {
    char *directory;
    struct store *store;
    struct arena arena;
    struct mapping *mapping;
    struct pump pump;
    struct pump_progress progress;
    struct pump_stop stop;
};

static void rig_open(struct rig *rig, const char *preset)
{
    struct corong_error error = {0};
    struct store_options create = {.create = true};
    memset(rig, 0, sizeof(*rig));
    memset(&heard, 0, sizeof(heard));
    rig->directory = store_directory_create();
    cr_assert_eq(store_open(&rig->store, rig->directory, &create, &error), CORONG_OK);
    cr_assert_eq(mapping_from_preset(&rig->mapping, &rig->arena, text_from(preset), &error),
                 CORONG_OK, "%s", error.message);
    cr_assert_eq(mapping_bind(rig->mapping, rig->store, &error), CORONG_OK);
    pump_open(&rig->pump, (struct engine *)rig, rig->mapping, store_schema(rig->store),
              &rig->progress, &rig->stop);
}

static void rig_close(struct rig *rig)
{
    pump_deinit(&rig->pump);
    arena_deinit(&rig->arena);
    store_close(rig->store);
    store_directory_remove(rig->directory);
}

#define GOOD "{\"user_id\":\"u\",\"time\":1700000000,\"event\":\"view\"}"

static struct source_message message_at(int64_t offset, const char *bytes)
{
    return (struct source_message){.bytes = text_from(bytes),
                                   .offset = offset,
                                   .next_offset = offset + 1,
                                   .only_event = SOURCE_EVERY_EVENT};
}

static enum corong_status play(struct rig *rig, struct script *script,
                               const struct store_position *start, struct corong_error *error)
{
    static const struct store_position nowhere;
    struct store_position last = {0};
    script->source.operations = &script_operations;
    return pump_read(&rig->pump, &script->source, start == NULL ? &nowhere : start, &last, error);
}

Test(pump, test_each_kind_of_message_is_booked_once)
{
    struct rig rig;
    rig_open(&rig, "generic");
    struct source_message messages[] = {
        message_at(0, GOOD), message_at(1, ""),      message_at(2, "{"),
        message_at(3, GOOD), message_at(4, "{\"us"), message_at(5, "xxxx"),
    };
    messages[4].truncated = true;
    messages[5].too_long = true;
    struct script script = {.messages = messages, .count = 6};
    cr_assert_eq(play(&rig, &script, NULL, NULL), CORONG_OK);
    pump_close(&rig.pump);
    const struct store_counters *run = &rig.pump.run;
    cr_assert_eq(run->messages, 6);
    cr_assert_eq(run->blank, 1);
    cr_assert_eq(run->messages_rejected, 3);
    cr_assert_eq(run->rejected[REJECT_TRUNCATED], 2); // the cut one, and "{"
    cr_assert_eq(run->rejected[REJECT_MESSAGE_TOO_LONG], 1);
    cr_assert_eq(run->events, 2);
    cr_assert_eq(run->stored, 2);
    cr_assert_eq(heard.pushed, 2);
    cr_assert(ingest_books_balance(run));
    cr_assert_eq(heard.cut_count, 1);
    cr_assert_eq(heard.cuts[0].last.next_offset, 6);
    cr_assert_eq(heard.cuts[0].last.counters.messages, 6);
    cr_assert_gt(heard.cuts[0].dead_letters_size, 0);
    cr_assert_eq(pump_progress_get(&rig.progress.messages), 6);
    cr_assert_eq(pump_progress_get(&rig.progress.bytes_done), 6);
    rig_close(&rig);
}

Test(pump, test_counters_go_on_from_the_committed_ones)
{
    struct rig rig;
    rig_open(&rig, "generic");
    struct source_message messages[] = {message_at(100, GOOD)};
    struct script script = {.messages = messages, .count = 1, .next_offset = 100};
    struct store_position start = {.next_offset = 100,
                                   .counters = {.messages = 50, .events = 40, .stored = 40}};
    cr_assert_eq(play(&rig, &script, &start, NULL), CORONG_OK);
    pump_close(&rig.pump);
    cr_assert_eq(heard.cuts[0].last.counters.messages, 51);
    cr_assert_eq(heard.cuts[0].last.counters.stored, 41);
    cr_assert_eq(rig.pump.run.messages, 1);
    rig_close(&rig);
}

Test(pump, test_barrier_holds_exactly_what_was_pushed_before_it)
{
    struct rig rig;
    rig_open(&rig, "generic");
    struct source_message messages[10];
    for (int64_t index = 0; index < 10; index++) {
        messages[index] = message_at(index, GOOD);
    }
    struct script script = {.messages = messages, .count = 10};
    heard.polls_until_barrier = 4;
    cr_assert_eq(play(&rig, &script, NULL, NULL), CORONG_OK);
    pump_close(&rig.pump);
    cr_assert_eq(heard.cut_count, 2);
    cr_assert_eq(heard.cuts[0].pushed, 4);
    cr_assert_eq(heard.cuts[0].last.next_offset, 4);
    cr_assert_eq(heard.cuts[0].last.counters.stored, 4);
    cr_assert_eq(heard.cuts[1].last.counters.stored, 10);
    rig_close(&rig);
}

Test(pump, test_source_that_did_not_move_is_in_no_cut)
{
    struct rig rig;
    rig_open(&rig, "generic");
    struct script script = {0};
    cr_assert_eq(play(&rig, &script, NULL, NULL), CORONG_OK);
    pump_close(&rig.pump);
    cr_assert_eq(heard.cuts[0].position_count, 0);
    rig_close(&rig);
}

Test(pump, test_same_source_twice_before_a_barrier_is_one_position)
{
    struct rig rig;
    rig_open(&rig, "generic");
    struct source_message first[] = {message_at(0, GOOD)};
    struct source_message second[] = {message_at(1, GOOD)};
    struct script script = {.messages = first, .count = 1, .id = 7};
    cr_assert_eq(play(&rig, &script, NULL, NULL), CORONG_OK);
    struct store_position start = {.next_offset = 1,
                                   .counters = {.messages = 1, .events = 1, .stored = 1}};
    script = (struct script){.messages = second, .count = 1, .id = 7, .next_offset = 1};
    cr_assert_eq(play(&rig, &script, &start, NULL), CORONG_OK);
    pump_close(&rig.pump);
    cr_assert_eq(heard.cuts[0].position_count, 1);
    cr_assert_eq(heard.cuts[0].last.next_offset, 2);
    cr_assert_eq(heard.cuts[0].last.counters.stored, 2);
    rig_close(&rig);
}

Test(pump, test_failure_keeps_what_came_before_it)
{
    struct rig rig;
    rig_open(&rig, "generic");
    struct source_message messages[] = {message_at(0, GOOD), message_at(1, GOOD)};
    struct script script = {.messages = messages, .count = 2, .fails = true};
    struct corong_error error = {0};
    cr_assert_eq(play(&rig, &script, NULL, &error), CORONG_IO);
    pump_close(&rig.pump);
    cr_assert_eq(heard.cuts[0].last.next_offset, 2);
    cr_assert_eq(heard.cuts[0].last.counters.stored, 2);
    rig_close(&rig);
}

Test(pump, test_stop_is_heard_between_messages)
{
    struct rig rig;
    rig_open(&rig, "generic");
    struct source_message messages[] = {message_at(0, GOOD), message_at(1, GOOD)};
    struct script script = {.messages = messages, .count = 2};
    pump_stop_ask(&rig.stop);
    cr_assert_eq(play(&rig, &script, NULL, NULL), CORONG_OK);
    cr_assert_eq(script.at, 0);
    pump_close(&rig.pump);
    rig_close(&rig);
}

Test(pump, test_failed_engine_ends_the_reading)
{
    struct rig rig;
    rig_open(&rig, "generic");
    struct source_message messages[] = {message_at(0, GOOD), message_at(1, GOOD)};
    struct script script = {.messages = messages, .count = 2};
    heard.failed = true;
    cr_assert_eq(play(&rig, &script, NULL, NULL), CORONG_OK);
    cr_assert_eq(script.at, 1);
    pump_close(&rig.pump);
    rig_close(&rig);
}

Test(pump, test_offsets_without_a_message_are_booked)
{
    struct rig rig;
    rig_open(&rig, "generic");
    struct source_message messages[] = {message_at(5, GOOD), message_at(7, GOOD),
                                        message_at(12, GOOD)};
    messages[1].skipped = 1;
    messages[2].skipped = 1;
    messages[2].lost = 3;
    struct script script = {.messages = messages, .count = 3};
    cr_assert_eq(play(&rig, &script, NULL, NULL), CORONG_OK);
    cr_assert(rig.pump.run.control == 2 && rig.pump.run.gaps == 3);
    pump_close(&rig.pump);
    rig_close(&rig);
}

/// A log whose partitions come one by one: what to answer to each poll, in order.
struct log_step {
    enum source_poll result;
    uint32_t partition;
    int64_t offset;
    uint64_t skipped;
};

struct log_script {
    struct source source;
    const struct log_step *steps;
    uint32_t count;
    uint32_t at;
    uint32_t partition_count;
    int64_t next_offsets[4];
    int64_t committed[4];
    uint32_t committed_calls;
    uint32_t flush_polls; ///< how often SOURCE_FLUSH was said
};

static enum source_poll log_poll(struct source *source, struct source_message *message_out,
                                 struct corong_error *error)
{
    (void)error;
    struct log_script *script = (struct log_script *)source;
    if (script->at == script->count) {
        return SOURCE_END;
    }
    const struct log_step *step = &script->steps[script->at];
    if (step->result == SOURCE_FLUSH) {
        script->flush_polls++;
        bool told = true;
        for (uint32_t index = 0; index < script->partition_count; index++) {
            told = told && script->committed[index] == script->next_offsets[index];
        }
        script->at += told;
        return told ? SOURCE_IDLE : SOURCE_FLUSH;
    }
    script->at++;
    if (step->partition >= script->partition_count) {
        script->partition_count = step->partition + 1;
    }
    *message_out = message_at(step->offset, GOOD);
    message_out->partition_index = step->partition;
    message_out->skipped = step->skipped;
    if (step->result == SOURCE_SKIPPED) {
        message_out->next_offset = step->offset;
    }
    script->next_offsets[step->partition] = message_out->next_offset;
    return step->result;
}
static uint32_t log_partition_count(struct source *source)
{
    return ((struct log_script *)source)->partition_count;
}
static void log_position(struct source *source, uint32_t partition_index,
                         struct store_position *position_out)
{
    struct log_script *script = (struct log_script *)source;
    position_out->id = (struct hash128){.low = 7, .high = partition_index};
    position_out->name = TEXT_LITERAL("log");
    position_out->next_offset = script->next_offsets[partition_index];
    position_out->counters.messages = 100 * partition_index;
}
static void log_committed(struct source *source, const struct store_position *positions,
                          uint32_t position_count)
{
    struct log_script *script = (struct log_script *)source;
    script->committed_calls++;
    while (position_count-- > 0) {
        script->committed[positions[position_count].id.high] =
            positions[position_count].next_offset;
    }
}
static const struct source_operations log_operations = {
    .poll = log_poll,
    .partition_count = log_partition_count,
    .position = log_position,
    .progress = script_progress,
    .committed = log_committed,
    .header = script_header,
    .close = script_close,
};

static void play_log(struct rig *rig, struct log_script *script)
{
    script->source.operations = &log_operations;
    cr_assert_eq(pump_read(&rig->pump, &script->source, NULL, NULL, NULL), CORONG_OK);
}

Test(pump, test_partitions_may_come_later_with_counters_of_their_own)
{
    struct rig rig;
    rig_open(&rig, "generic");
    static const struct log_step steps[] = {{SOURCE_MESSAGE, 0, 0, 0},
                                            {SOURCE_MESSAGE, 2, 9, 0},
                                            {SOURCE_SKIPPED, 1, 4, 3},
                                            {SOURCE_MESSAGE, 0, 1, 0}};
    struct log_script script = {.steps = steps, .count = 4};
    play_log(&rig, &script);
    pump_close(&rig.pump);
    cr_assert_eq(rig.pump.run.messages, 3);
    cr_assert_eq(rig.pump.run.control, 3);
    cr_assert_eq(heard.cuts[0].last.counters.messages, 201); // 200 committed before
    rig_close(&rig);
}

Test(pump, test_flush_commits_and_tells_the_source_what_its_own_cut_held)
{
    struct rig rig;
    rig_open(&rig, "generic");
    static const struct log_step steps[] = {{SOURCE_MESSAGE, 0, 0, 0},
                                            {SOURCE_MESSAGE, 1, 6, 0},
                                            {SOURCE_FLUSH, 0, 0, 0},
                                            {SOURCE_MESSAGE, 0, 1, 0}};
    struct log_script script = {.steps = steps, .count = 4};
    play_log(&rig, &script);
    cr_assert_eq(heard.commits_asked, 1);
    cr_assert_eq(script.committed_calls, 1);
    cr_assert(script.committed[0] == 1 && script.committed[1] == 7 && script.flush_polls <= 2);
    pump_close(&rig.pump);
    rig_close(&rig);
}

Test(pump, test_source_is_told_only_of_what_is_durable)
{
    struct rig rig;
    rig_open(&rig, "generic");
    static const struct log_step steps[] = {
        {SOURCE_MESSAGE, 0, 0, 0}, {SOURCE_MESSAGE, 0, 1, 0}, {SOURCE_MESSAGE, 0, 2, 0}};
    struct log_script script = {.steps = steps, .count = 3};
    heard.commit_lag = heard.polls_until_barrier = 1;
    play_log(&rig, &script);
    cr_assert_eq(heard.cut_count, 1); // served, and its commit hangs
    cr_assert_eq(script.committed_calls, 0);
    pump_close(&rig.pump);
    rig_close(&rig);
}

Test(pump, test_cuts_that_wait_for_their_commit_are_bounded)
{
    struct rig rig;
    rig_open(&rig, "generic");
    struct log_step steps[20];
    for (uint32_t index = 0; index < 20; index++) {
        steps[index] = (struct log_step){SOURCE_MESSAGE, index % 2, index, 0};
    }
    struct log_script script = {.steps = steps, .count = 20};
    heard.every_poll = true;
    heard.commit_lag = 9;
    play_log(&rig, &script);
    cr_assert_geq(heard.cut_count, 20);
    cr_assert_leq(script.committed[0], 12); // joined cuts are told late, never early
    cr_assert_leq(rig.pump.cut_count, PUMP_CUT_COUNT_MAX);
    pump_close(&rig.pump);
    rig_close(&rig);
}

#define BATCH_BAD "{\"anonymousId\":\"a\",\"type\":\"page\"}"
#define BATCH_OK "{\"anonymousId\":\"a\",\"type\":\"page\",\"timestamp\":\"2026-01-01T00:00:00Z\"}"
#define BATCH "{\"batch\":[" BATCH_OK "," BATCH_BAD "," BATCH_OK "]}"

Test(pump, test_letter_of_one_event_does_not_feed_its_neighbours_again)
{
    struct rig rig;
    rig_open(&rig, "segment_batch");
    struct source_message messages[] = {message_at(0, BATCH), message_at(1, BATCH),
                                        message_at(2, BATCH)};
    messages[1].only_event = 1; // as the letter that the first one left
    messages[2].only_event = 2; // were that one bad and mended now
    struct script script = {.messages = messages, .count = 3};
    cr_assert_eq(play(&rig, &script, NULL, NULL), CORONG_OK);
    pump_close(&rig.pump);
    cr_assert_eq(rig.pump.run.events, 3 + 1 + 1);
    cr_assert_eq(rig.pump.run.events_rejected, 1 + 1);
    cr_assert_eq(rig.pump.run.stored, 2 + 1);
    cr_assert_eq(heard.pushed, 3);
    rig_close(&rig);
}

Test(pump, test_letters_that_wait_for_a_barrier_are_bounded)
{
    struct rig rig;
    rig_open(&rig, "generic");
    uint32_t count = 300;
    size_t size = 1u << 18;
    char *bytes = memory_allocate(size + 1);
    memset(bytes, 'x', size);
    bytes[size] = '\0';
    struct source_message *messages = memory_allocate_zeroed(count, sizeof(*messages));
    for (uint32_t index = 0; index < count; index++) {
        messages[index] = message_at(index, bytes);
    }
    struct script script = {.messages = messages, .count = count};
    cr_assert_eq(play(&rig, &script, NULL, NULL), CORONG_OK);
    pump_close(&rig.pump);
    cr_assert_gt(heard.commits_asked, 2);
    size_t total = 0;
    for (uint32_t index = 0; index < heard.cut_count; index++) {
        cr_assert_leq(heard.cuts[index].dead_letters_size, 17u << 20);
        total += heard.cuts[index].dead_letters_size;
    }
    cr_assert_gt(total, (size_t)count * size); // none was dropped
    memory_free(bytes);
    memory_free(messages);
    rig_close(&rig);
}
