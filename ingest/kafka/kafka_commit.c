// SPDX-License-Identifier: Apache-2.0
// What the store committed is told to Kafka, for lag monitors. Advisory: a failure here changes no
// answer, and nothing is read back but the mark of who wrote it.
#include "ingest/kafka/kafka_proof.h"
#include "ingest/kafka/kafka_source.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "corong "
#define MARK_SIZE_MAX 64

static struct kafka_partition *find_by_id(struct kafka_source *kafka, struct hash128 id)
{
    for (uint32_t index = 0; index < kafka->partition_count; index++) {
        if (hash128_equal(kafka->partitions[index].id, id)) {
            return &kafka->partitions[index];
        }
    }
    return NULL;
}

/// librdkafka frees the metadata, so it comes from its allocator.
static void mark(struct kafka_source *kafka, rd_kafka_topic_partition_t *place)
{
    char text[MARK_SIZE_MAX];
    int size = snprintf(text, sizeof(text), MARK "%016" PRIx64 " %" PRIu64, kafka->fingerprint,
                        kafka->commit_number);
    if (kafka->fingerprint != 0 && size > 0) {
        place->metadata = rd_kafka_mem_malloc(NULL, (size_t)size);
        memcpy(place->metadata, text, (size_t)size);
        place->metadata_size = (size_t)size;
    }
}

static void tell(struct kafka_source *kafka, rd_kafka_topic_partition_list_t *list)
{
    if (list->cnt > 0 && kafka->client != NULL) {
        (void)rd_kafka_commit(kafka->client->consumer, list, 1);
    }
}

void kafka_committed(struct source *source, const struct store_position *positions,
                     uint32_t position_count)
{
    struct kafka_source *kafka = kafka_of(source);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)position_count);
    kafka->commit_number++;
    for (uint32_t index = 0; index < position_count; index++) {
        struct kafka_partition *partition = find_by_id(kafka, positions[index].id);
        if (partition == NULL) {
            continue;
        }
        partition->committed = positions[index];
        partition->committed.name = text_from(partition->name);
        partition->settled_offset = positions[index].next_offset;
        kafka_proof_mark(partition, &positions[index], clock_monotonic_us());
        if (kafka->settings.group_given && partition->assigned) {
            rd_kafka_topic_partition_t *place =
                rd_kafka_topic_partition_list_add(list, partition->topic, partition->partition);
            place->offset = positions[index].next_offset;
            mark(kafka, place);
        }
    }
    tell(kafka, list);
    rd_kafka_topic_partition_list_destroy(list);
    kafka_status_publish(kafka);
}

void kafka_commit_compare(struct kafka_source *kafka, const struct kafka_partition *partition,
                          const char *metadata)
{
    if (strncmp(metadata, MARK, strlen(MARK)) != 0) {
        return;
    }
    const char *digits = metadata + strlen(MARK);
    char *end;
    uint64_t found = strtoull(digits, &end, 16);
    if (end == digits || found == kafka->fingerprint) {
        return;
    }
    kafka->foreign++;
    struct text_buffer words = {0};
    text_buffer_printf(&words,
                       "kafka '%s': another store commits this group's offsets; give each store "
                       "its own group.id, or put them into one store group",
                       partition->name);
    kafka_notice(kafka, words.bytes);
    text_buffer_deinit(&words);
}
