// SPDX-License-Identifier: Apache-2.0
// What other threads may see of a consumer: a copy, made twice a second.
#include "ingest/kafka/kafka_source.h"
#include "storage/base/memory.h"

#include <string.h>

const char *kafka_state_name(enum kafka_state state)
{
    static const char *const names[] = {
        [KAFKA_AWAY] = "away",       [KAFKA_STARTING] = "starting", [KAFKA_PROVING] = "proving",
        [KAFKA_READING] = "reading", [KAFKA_DOUBTFUL] = "doubtful", [KAFKA_HALTED] = "halted",
    };
    return names[state];
}

void kafka_status_init(struct kafka_source *kafka)
{
    pthread_mutex_init(&kafka->shared.lock, NULL);
}

void kafka_status_deinit(struct kafka_source *kafka)
{
    struct kafka_shared *shared = &kafka->shared;
    for (uint32_t index = 0; index < shared->partition_count; index++) {
        memory_free((void *)(uintptr_t)shared->partitions[index].name.bytes);
        memory_free(shared->whys[index]);
    }
    memory_free(shared->partitions);
    memory_free(shared->whys);
    memory_free(shared->last_alarm);
    pthread_mutex_destroy(&shared->lock);
}

static void grow(struct kafka_shared *shared, const struct kafka_source *kafka)
{
    if (kafka->partition_count > shared->capacity) {
        shared->capacity = kafka->partition_capacity;
        shared->partitions =
            memory_resize_array(shared->partitions, shared->capacity, sizeof(*shared->partitions));
        shared->whys = memory_resize_array(shared->whys, shared->capacity, sizeof(*shared->whys));
    }
    while (shared->partition_count < kafka->partition_count) {
        const char *name = kafka->partitions[shared->partition_count].name;
        size_t size = strlen(name);
        shared->whys[shared->partition_count] = NULL;
        shared->partitions[shared->partition_count++] = (struct kafka_partition_status){
            .name = {memory_copy_string(name, size), size},
        };
    }
}

static void publish(const struct kafka_partition *partition, struct kafka_partition_status *out,
                    char **why)
{
    out->state = partition->leaving ? KAFKA_AWAY : partition->state;
    out->position = partition->known ? partition->next_offset : -1;
    out->committed = partition->committed.next_offset > 0 ? partition->committed.next_offset : -1;
    out->high = partition->high;
    int64_t from = partition->known ? partition->next_offset : partition->low;
    out->lag = partition->high < 0 || from < 0 ? -1
               : partition->high > from        ? partition->high - from
                                               : 0;
    if (partition->why != NULL && (*why == NULL || strcmp(*why, partition->why) != 0)) {
        memory_free(*why);
        *why = memory_copy_string(partition->why, strlen(partition->why));
    }
    out->why = *why == NULL || partition->state != KAFKA_HALTED ? TEXT_MISSING : text_from(*why);
}

void kafka_status_publish(struct kafka_source *kafka)
{
    struct kafka_shared *shared = &kafka->shared;
    pthread_mutex_lock(&shared->lock);
    grow(shared, kafka);
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        publish(&kafka->partitions[index], &shared->partitions[index], &shared->whys[index]);
    }
    shared->figures = (struct kafka_status){
        .partition_count = shared->partition_count,
        .group = kafka->settings.group_mode,
        .rebalances = kafka->rebalances,
        .recreated = kafka->recreated,
        .alarms = kafka->alarms,
        .foreign = kafka->foreign,
        .silent_us = kafka->reach.silent_us,
        .queued_messages = rd_kafka_queue_length(kafka->client->data),
    };
    uint64_t mean = kafka->messages_done == 0 ? 0 : kafka->bytes_done / kafka->messages_done;
    shared->figures.queued_bytes = shared->figures.queued_messages * (mean + KAFKA_QUEUED_OVERHEAD);
    pthread_mutex_unlock(&shared->lock);
}

void kafka_status(struct source *source, struct arena *arena, struct kafka_status *status_out)
{
    struct kafka_shared *shared = &kafka_of(source)->shared;
    pthread_mutex_lock(&shared->lock);
    *status_out = shared->figures;
    status_out->last_alarm = shared->last_alarm == NULL
                                 ? TEXT_MISSING
                                 : arena_copy_text(arena, text_from(shared->last_alarm));
    status_out->partitions =
        arena_allocate(arena, (status_out->partition_count + 1) * sizeof(*status_out->partitions));
    for (uint32_t index = 0; index < status_out->partition_count; index++) {
        struct kafka_partition_status *copy = &status_out->partitions[index];
        *copy = shared->partitions[index];
        copy->name = arena_copy_text(arena, copy->name);
        copy->why = arena_copy_text(arena, copy->why);
    }
    pthread_mutex_unlock(&shared->lock);
}
