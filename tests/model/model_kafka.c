// SPDX-License-Identifier: Apache-2.0
#include "tests/model/model_kafka.h"

#include "ingest/ingest.h"
#include "ingest/kafka/kafka_offsets.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "tests/support/input_files.h"
#include "tests/support/store_directory.h"
#include "tests/support/test_random.h"

#include <stdio.h>
#include <string.h>

#define FLUSH_TIMEOUT_MS 20000
#define BAD_EVERY 97u
#define COMMIT_INTERVAL_US 20000
#define MEMORY_LIMIT (UINT64_C(48) << 20)

static rd_kafka_t *make_producer(void)
{
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "linger.ms", "2", reason, sizeof(reason));
    rd_kafka_conf_set(conf, "log_level", "0", reason, sizeof(reason));
    rd_kafka_conf_set(conf, "compression.codec", "zstd", reason, sizeof(reason));
    // A message that is tried again must not come twice.
    rd_kafka_conf_set(conf, "enable.idempotence", "true", reason, sizeof(reason));
    rd_kafka_conf_set(conf, "retry.backoff.ms", "10", reason, sizeof(reason));
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
    ASSERT(producer != NULL);
    return producer;
}

void model_kafka_start(struct model_kafka *kafka, uint32_t broker_count, uint64_t seed)
{
    *kafka = (struct model_kafka){.producer = make_producer()};
    kafka->cluster = rd_kafka_mock_cluster_new(kafka->producer, (int)broker_count);
    const char *servers = rd_kafka_mock_cluster_bootstraps(kafka->cluster);
    snprintf(kafka->servers, sizeof(kafka->servers), "bootstrap.servers=%s", servers);
    rd_kafka_brokers_add(kafka->producer, servers);
    rd_kafka_mock_topic_create(kafka->cluster, MODEL_TOPIC, (int)MODEL_PARTITION_COUNT,
                               (int)broker_count);
    struct clickgen_options options = {.seed = seed,
                                       .event_count = 10000000,
                                       .user_count = 3000,
                                       .day_count = 30,
                                       .start_us = INT64_C(1767225600000000)};
    kafka->shop = clickgen_create(&options);
}

void model_kafka_stop(struct model_kafka *kafka)
{
    rd_kafka_mock_cluster_destroy(kafka->cluster);
    rd_kafka_destroy(kafka->producer);
    clickgen_destroy(kafka->shop);
    text_buffer_deinit(&kafka->lines);
}

static void produce_line(struct model_kafka *kafka, uint32_t partition, struct text line)
{
    while (rd_kafka_producev(kafka->producer, RD_KAFKA_V_TOPIC(MODEL_TOPIC),
                             RD_KAFKA_V_PARTITION((int32_t)partition),
                             RD_KAFKA_V_VALUE((void *)(uintptr_t)line.bytes, line.size),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_poll(kafka->producer, 10);
    }
}

void model_kafka_produce(struct model_kafka *kafka, uint32_t count)
{
    struct text_buffer line = {0};
    struct click_event event;
    for (uint32_t index = 0; index < count && clickgen_next(kafka->shop, &event); index++) {
        text_buffer_reset(&line);
        clickgen_format(kafka->shop, CLICK_FORMAT_JSON, &event, &line);
        bool bad = kafka->produced_all % BAD_EVERY == BAD_EVERY - 1;
        line.size -= bad ? 2 : 1; // without its brace it is no JSON
        uint32_t partition =
            (uint32_t)(hash_bytes64(line.bytes, line.size) % MODEL_PARTITION_COUNT);
        produce_line(kafka, partition, (struct text){line.bytes, line.size});
        text_buffer_append(&kafka->lines, line.bytes, line.size);
        text_buffer_append(&kafka->lines, "\n", 1);
        kafka->produced[partition]++;
        kafka->produced_all++;
        kafka->bad[partition] += bad;
    }
    text_buffer_deinit(&line);
    if (rd_kafka_flush(kafka->producer, FLUSH_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        test_fail(test_random_seed(), "the brokers did not take all messages");
    }
}

static void on_notice(void *context, const char *sentence)
{
    struct model_node *node = context;
    if (strstr(sentence, "cannot continue") != NULL) {
        if (atomic_load(&node->halts) == 0) {
            snprintf(node->words, sizeof(node->words), "%s", sentence);
        }
        atomic_fetch_add(&node->halts, 1);
    }
}

static enum corong_status open_store(struct model_node *node, struct corong_error *error)
{
    struct store_options create = {.create = true};
    const char *directory = node->directory;
    if (node->grouped) {
        TRY(store_group_open(&node->group, directory, true, error));
        TRY(store_group_take_store(node->group, &directory, error));
        create.secret = store_group_secret(node->group);
    }
    TRY(store_open(&node->store, directory, &create, error));
    if (node->grouped && node->guarded) {
        store_set_commit_guard(node->store, store_group_guard(node->group));
    }
    TRY(mapping_from_preset(&node->mapping, &node->arena, TEXT_LITERAL("generic"), error));
    return mapping_bind(node->mapping, node->store, error);
}

static enum corong_status open_engine(struct model_node *node, struct corong_error *error)
{
    struct engine_options options = {.store = node->store,
                                     .schema = store_schema(node->store),
                                     .shard_count = 2,
                                     .producer_count = 1,
                                     .memory_limit_bytes = MEMORY_LIMIT,
                                     .commit_interval_us = COMMIT_INTERVAL_US};
    return engine_open(&node->engine, &options, error);
}

static enum corong_status open_source(struct model_node *node, struct corong_error *error)
{
    const char *topics[] = {MODEL_TOPIC, NULL};
    const char *properties[32] = {
        node->kafka->servers,           "log_level=0",
        "fetch.wait.max.ms=10",         "fetch.error.backoff.ms=10",
        "retry.backoff.ms=10",          "reconnect.backoff.ms=10",
        "reconnect.backoff.max.ms=100", "topic.metadata.refresh.fast.interval.ms=20"};
    size_t count = 8;
    for (size_t at = 0; node->properties != NULL && node->properties[at] != NULL; at++) {
        properties[count++] = node->properties[at];
    }
    struct kafka_options options = {.topics = topics,
                                    .properties = properties,
                                    .store = node->store,
                                    .group = node->group,
                                    .stall_us = 5 * MICROSECONDS_PER_SECOND,
                                    .notice = on_notice,
                                    .notice_context = node};
    return kafka_open(&node->source, &options, error);
}

/// Holds the pump, as a stopped process would.
static void freeze(void *context, struct pump *pump)
{
    (void)pump;
    struct model_node *node = context;
    atomic_store(&node->host.asked.asked, false);
    atomic_store(&node->frozen, true);
    clock_sleep_us(atomic_load(&node->freeze_us));
    atomic_store(&node->frozen, false);
}

/// Another engine after the first was fenced; the consumer goes back to what is committed.
static bool begin_again(struct model_node *node)
{
    uint32_t count;
    engine_close(node->engine);
    node->engine = NULL;
    const struct store_position *positions = store_positions(node->store, &count);
    node->source->operations->rewind(node->source, positions, count);
    atomic_fetch_add(&node->fenced, 1);
    return open_engine(node, &node->error) == CORONG_OK;
}

/// One engine's life. True: it was fenced, and another takes its place.
static bool run_engine(struct model_node *node)
{
    pump_open(&node->pump, node->engine, node->mapping, store_schema(node->store), node->progress,
              &node->stop);
    node->pump.host = &node->host;
    enum corong_status status = pump_read(&node->pump, node->source, NULL, NULL, &node->error);
    pump_close(&node->pump);
    struct corong_error failure = {0};
    bool drained = false;
    if (!atomic_load(&node->abandon)) {
        drained = engine_drain(node->engine, &failure) == CORONG_OK;
    }
    node->messages += drained ? node->pump.run.messages : 0;
    pump_deinit(&node->pump);
    if (status == CORONG_OK && !atomic_load(&node->abandon) && !drained) {
        node->error = failure;
        return failure.status == CORONG_FENCED && begin_again(node);
    }
    return false;
}

static void *run_node(void *argument)
{
    struct model_node *node = argument;
    while (run_engine(node)) {
    }
    atomic_store(&node->ended, true);
    return NULL;
}

static void close_node(struct model_node *node)
{
    engine_close(node->engine);
    if (node->source != NULL) {
        node->source->operations->close(node->source);
    }
    store_close(node->store);
    store_group_close(node->group);
    arena_deinit(&node->arena);
    memory_free(node->progress);
    node->engine = NULL;
    node->source = NULL;
    node->store = NULL;
    node->group = NULL;
}

enum corong_status model_node_start(struct model_node *node, struct corong_error *error)
{
    struct model_node fresh = {.kafka = node->kafka,
                               .properties = node->properties,
                               .directory = node->directory,
                               .grouped = node->grouped,
                               .guarded = node->guarded};
    memcpy(node, &fresh, sizeof(fresh));
    node->host.leave = freeze;
    node->host.context = node;
    node->progress =
        memory_allocate_aligned(_Alignof(struct pump_progress), sizeof(*node->progress));
    memset(node->progress, 0, sizeof(*node->progress));
    enum corong_status status = open_store(node, error);
    if (status == CORONG_OK) {
        status = open_source(node, error);
    }
    if (status == CORONG_OK) {
        status = open_engine(node, error);
    }
    if (status != CORONG_OK) {
        close_node(node);
        return status;
    }
    ASSERT(pthread_create(&node->thread, NULL, run_node, node) == 0);
    return CORONG_OK;
}

void model_node_stop(struct model_node *node, bool abandon)
{
    atomic_store(&node->abandon, abandon);
    pump_stop_ask(&node->stop);
    pthread_join(node->thread, NULL);
    close_node(node);
}

int64_t model_node_committed(struct model_node *node)
{
    struct arena arena = {0};
    struct kafka_status status;
    kafka_status(node->source, &arena, &status);
    int64_t sum = 0;
    for (uint32_t index = 0; index < status.partition_count; index++) {
        int64_t committed = status.partitions[index].committed;
        sum += committed > 0 ? committed : 0;
    }
    arena_deinit(&arena);
    return sum;
}

static void add_position(struct model_sum *sum, const struct store_position *position)
{
    for (uint32_t partition = 0; partition < MODEL_PARTITION_COUNT; partition++) {
        if (!hash128_equal(position->id, kafka_offsets_id(MODEL_TOPIC, (int32_t)partition))) {
            continue;
        }
        uint64_t next = (uint64_t)position->next_offset;
        sum->next_offsets[partition] =
            next > sum->next_offsets[partition] ? next : sum->next_offsets[partition];
        uint64_t *to = (uint64_t *)&sum->counters[partition];
        const uint64_t *from = (const uint64_t *)&position->counters;
        for (size_t at = 0; at < sizeof(position->counters) / sizeof(uint64_t); at++) {
            to[at] += from[at];
        }
    }
}

void model_sum_add(struct model_sum *sum, const char *directory)
{
    struct store_snapshot *snapshot;
    struct corong_error error = {0};
    if (store_snapshot_open(&snapshot, directory, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "%s", error.message);
    }
    struct store_totals totals = store_snapshot_totals(snapshot);
    uint32_t count;
    const struct store_position *positions = store_snapshot_positions(snapshot, &count);
    sum->rows += totals.rows;
    sum->digest = hash128_add(sum->digest, totals.digest);
    for (uint32_t index = 0; index < count; index++) {
        add_position(sum, &positions[index]);
    }
    store_snapshot_close(snapshot);
}

void model_sum_replay(struct model_sum *sum, const struct model_kafka *kafka)
{
    struct model_node node = {0};
    struct corong_error error = {0};
    char *directory = store_directory_create();
    char *input = input_files_create();
    char *path = input_files_write(input, "all.json", kafka->lines.bytes, kafka->lines.size);
    node.directory = directory;
    if (open_store(&node, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "%s", error.message);
    }
    struct ingest *ingest;
    struct ingest_options options = {.store = node.store,
                                     .mapping = node.mapping,
                                     .paths = (const char *const *)&path,
                                     .path_count = 1,
                                     .shard_count = 2,
                                     .memory_limit_bytes = MEMORY_LIMIT};
    if (ingest_create(&ingest, &options, &error) != CORONG_OK ||
        ingest_run(ingest, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "%s", error.message);
    }
    ingest_destroy(ingest);
    store_close(node.store);
    arena_deinit(&node.arena);
    model_sum_add(sum, directory);
    memory_free(path);
    input_files_remove(input);
    store_directory_remove(directory);
}

static bool books_equal(const struct model_sum *found, const struct model_kafka *kafka,
                        uint32_t partition)
{
    const struct store_counters *counters = &found->counters[partition];
    uint64_t produced = kafka->produced[partition];
    return found->next_offsets[partition] == produced && counters->messages == produced &&
           counters->messages_rejected == kafka->bad[partition] && counters->gaps == 0 &&
           counters->control == 0 && ingest_books_balance(counters);
}

bool model_sum_equal(const struct model_sum *found, const struct model_sum *expected,
                     const struct model_kafka *kafka)
{
    bool equal = found->rows == expected->rows && hash128_equal(found->digest, expected->digest);
    for (uint32_t partition = 0; partition < MODEL_PARTITION_COUNT; partition++) {
        equal = equal && books_equal(found, kafka, partition);
    }
    return equal;
}

void model_sum_compare(const struct model_sum *found, const struct model_sum *expected,
                       const struct model_kafka *kafka, const char *what)
{
    for (uint32_t partition = 0; partition < MODEL_PARTITION_COUNT; partition++) {
        const struct store_counters *counters = &found->counters[partition];
        if (!books_equal(found, kafka, partition)) {
            test_fail(test_random_seed(),
                      "%s: partition %u: produced %lu (%lu bad); next %lu, messages %lu, rejected "
                      "%lu, gaps %lu, control %lu",
                      what, partition, kafka->produced[partition], kafka->bad[partition],
                      found->next_offsets[partition], counters->messages,
                      counters->messages_rejected, counters->gaps, counters->control);
        }
    }
    if (!model_sum_equal(found, expected, kafka)) {
        test_fail(test_random_seed(), "%s: %lu rows, from the file %lu", what, found->rows,
                  expected->rows);
    }
}
