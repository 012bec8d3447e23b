// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/recording.h"

#include "tools/config/config.h"

static enum corong_status open_topic(struct recording *recording,
                                     const struct bench_options *options,
                                     struct corong_error *error)
{
    const char *topics[] = {options->sample_topic, NULL};
    struct kafka_options kafka = {
        .topics = topics, .properties = options->properties, .stop_at_end = true};
    return kafka_open(&recording->source, &kafka, error);
}

enum corong_status recording_open(struct recording *recording, const struct bench_options *options,
                                  struct corong_error *error)
{
    *recording = (struct recording){0};
    TRY(config_parse_mapping(&recording->mapping, &recording->arena, "the mapping",
                             options->mapping_text, error));
    schema_init(&recording->schema, &recording->arena);
    TRY(mapping_bind_schema(recording->mapping, &recording->schema, &recording->arena, error));
    recording->decoder = decoder_create(recording->mapping, &recording->schema);
    if (options->path_count == 0) {
        return open_topic(recording, options, error);
    }
    struct replay_options replay = {.paths = options->paths,
                                    .path_count = options->path_count,
                                    .message_size_max = DECODE_MESSAGE_SIZE_MAX};
    return replay_plan_create(&recording->plan, &replay, NULL, error);
}

void recording_close(struct recording *recording)
{
    if (recording->source != NULL) {
        recording->source->operations->close(recording->source);
    }
    recording->source = NULL;
    replay_plan_destroy(recording->plan);
    recording->plan = NULL;
    if (recording->decoder != NULL) {
        decoder_destroy(recording->decoder);
    }
    recording->decoder = NULL;
    arena_deinit(&recording->arena);
}

/// The next file's source. False: there is none, or an error.
static bool open_next(struct recording *recording, struct corong_error *error)
{
    if (recording->source != NULL) {
        recording->source->operations->close(recording->source);
        recording->source = NULL;
    }
    struct replay_plan *plan = recording->plan;
    return plan != NULL && recording->file < plan->file_count &&
           replay_open(&recording->source, plan, &plan->files[recording->file++], NULL, error) ==
               CORONG_OK;
}

static bool poll_message(struct recording *recording, struct source_message *message,
                         struct corong_error *error)
{
    while (recording->source != NULL || open_next(recording, error)) {
        switch (recording->source->operations->poll(recording->source, message, error)) {
        case SOURCE_MESSAGE:
            return true;
        case SOURCE_FAILED:
            return false;
        case SOURCE_END:
            if (!open_next(recording, error)) {
                return false;
            }
            break;
        case SOURCE_IDLE:
        case SOURCE_SKIPPED:
        case SOURCE_FLUSH:
            break;
        }
    }
    return false;
}

bool recording_next(struct recording *recording, const struct decode_sink *sink,
                    struct text *message_out, struct corong_error *error)
{
    struct source_message message;
    struct decode_outcome outcome;
    if (!poll_message(recording, &message, error)) {
        return false;
    }
    if (message.starts_file) {
        decoder_begin_file(recording->decoder);
    }
    decode_message_with(recording->decoder, message.bytes, message.metadata, sink, &outcome);
    recording->messages += !outcome.blank;
    recording->rejected += outcome.reason != REJECT_NONE;
    recording->bytes += message.bytes.size + 1;
    *message_out = message.bytes;
    return true;
}
