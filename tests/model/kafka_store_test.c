// SPDX-License-Identifier: Apache-2.0
// Kafka into a store, in many runs that are stopped at random moments, against one replay of a file
// with the same messages: the digests of store and answer are equal, and the books of every
// partition say exactly what was produced. The broker is librdkafka's own, in this process.
//
// With --serve NAME FILE it is only that broker: it produces the lines of FILE into the topic NAME,
// prints its address, and waits until its standard input ends, so that the binary can be tried.
#include "engine/query/query.h"
#include "ingest/ingest.h"
#include "ingest/kafka/kafka_offsets.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tests/support/input_files.h"
#include "tests/support/store_directory.h"
#include "tests/support/test_random.h"
#include "tools/clickgen/clickgen.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TOPIC "visits"
#define PARTITION_COUNT 4u
#define EVENT_COUNT 50000u ///< at scale 1
#define BAD_EVERY 997u     ///< one message in so many is no JSON
#define STOPPED_RUN_COUNT 12u
#define STOP_AFTER_MAX_US 60000u
#define FLUSH_TIMEOUT_MS 20000
#define COMMIT_INTERVAL_US 5000

struct broker {
    rd_kafka_t *producer;
    rd_kafka_mock_cluster_t *cluster;
    char servers[256];
};

/// What was produced, per partition, for the books.
struct produced {
    uint64_t messages[PARTITION_COUNT];
    uint64_t bad[PARTITION_COUNT];
};

static uint64_t seed;
static uint32_t event_count;

static void broker_start(struct broker *broker, const char *topic)
{
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "linger.ms", "5", reason, sizeof(reason));
    rd_kafka_conf_set(conf, "log_level", "0", reason, sizeof(reason)); // it outlives its broker
    // The broker keeps 5 MiB of batches per partition and drops what is older.
    rd_kafka_conf_set(conf, "compression.codec", "zstd", reason, sizeof(reason));
    broker->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
    if (broker->producer == NULL) {
        test_fail(seed, "no producer: %s", reason);
    }
    broker->cluster = rd_kafka_mock_cluster_new(broker->producer, 1);
    const char *servers = rd_kafka_mock_cluster_bootstraps(broker->cluster);
    snprintf(broker->servers, sizeof(broker->servers), "bootstrap.servers=%s", servers);
    rd_kafka_brokers_add(broker->producer, servers);
    rd_kafka_mock_topic_create(broker->cluster, topic, PARTITION_COUNT, 1);
}

static void broker_stop(struct broker *broker)
{
    rd_kafka_mock_cluster_destroy(broker->cluster);
    rd_kafka_destroy(broker->producer);
}

static void produce(struct broker *broker, const char *topic, uint32_t partition, struct text value)
{
    while (rd_kafka_producev(broker->producer, RD_KAFKA_V_TOPIC(topic),
                             RD_KAFKA_V_PARTITION((int32_t)partition),
                             RD_KAFKA_V_VALUE((void *)(uintptr_t)value.bytes, value.size),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_poll(broker->producer, 10);
    }
}

static void produce_end(struct broker *broker)
{
    if (rd_kafka_flush(broker->producer, FLUSH_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        test_fail(seed, "the broker did not take all messages");
    }
}

/// The next line of the shop, or now and then what is no event. Without its line end.
static bool next_line(struct clickgen *shop, struct text_buffer *line, bool *bad_out)
{
    struct click_event event;
    text_buffer_reset(line);
    if (!clickgen_next(shop, &event)) {
        return false;
    }
    *bad_out = event.index % BAD_EVERY == BAD_EVERY - 1;
    clickgen_format(shop, CLICK_FORMAT_JSON, &event, line);
    line->size -= *bad_out ? 2 : 1; // without its brace it is no JSON
    return true;
}

/// Up to `count` lines: into the topic, scattered over its partitions, and into `file`.
static void produce_events(struct broker *broker, struct clickgen *shop, uint64_t count,
                           struct text_buffer *file, struct produced *produced)
{
    struct text_buffer line = {0};
    bool bad;
    while (count-- > 0 && next_line(shop, &line, &bad)) {
        uint32_t partition = (uint32_t)(hash_bytes64(line.bytes, line.size) % PARTITION_COUNT);
        produce(broker, TOPIC, partition, (struct text){line.bytes, line.size});
        text_buffer_append(file, line.bytes, line.size);
        text_buffer_append(file, "\n", 1);
        produced->messages[partition]++;
        produced->bad[partition] += bad;
    }
    produce_end(broker);
    text_buffer_deinit(&line);
}

static uint64_t produced_count(const struct produced *produced)
{
    uint64_t count = 0;
    for (uint32_t partition = 0; partition < PARTITION_COUNT; partition++) {
        count += produced->messages[partition];
    }
    return count;
}

struct stopper {
    struct ingest *ingest;
    int64_t after_us;
};

static void *stop_later(void *argument)
{
    struct stopper *stopper = argument;
    clock_sleep_us(stopper->after_us);
    ingest_stop(stopper->ingest);
    return NULL;
}

/// One run into `directory`, from the topic, or from `path` where that is given. Stopped after
/// `stop_us`, where that is not negative.
static enum corong_status ingest_once(const char *directory, const struct broker *broker,
                                      const char *path, int64_t stop_us,
                                      struct ingest_books *books_out, struct corong_error *error)
{
    const char *topics[] = {TOPIC, NULL};
    const char *properties[] = {broker->servers, "fetch.wait.max.ms=10", "log_level=0", NULL};
    struct arena arena = {0};
    struct store *store;
    struct mapping *mapping;
    struct ingest *ingest;
    struct store_options create = {.create = true};
    TRY(store_open(&store, directory, &create, error));
    TRY(mapping_from_preset(&mapping, &arena, TEXT_LITERAL("generic"), error));
    TRY(mapping_bind(mapping, store, error));
    struct ingest_options options = {
        .store = store,
        .mapping = mapping,
        .paths = &path,
        .path_count = path != NULL,
        .kafka_topics = path == NULL ? topics : NULL,
        .kafka_properties = properties,
        .kafka_stop_at_end = true,
        .shard_count = 2,
        .memory_limit_bytes = UINT64_C(64) << 20,
        .commit_interval_us = COMMIT_INTERVAL_US,
    };
    enum corong_status status = ingest_create(&ingest, &options, error);
    if (status == CORONG_OK) {
        struct stopper stopper = {ingest, stop_us};
        pthread_t thread;
        bool stopping = stop_us >= 0 && pthread_create(&thread, NULL, stop_later, &stopper) == 0;
        status = ingest_run(ingest, error);
        if (stopping) {
            pthread_join(thread, NULL);
        }
        ingest_books(ingest, books_out);
        ingest_destroy(ingest);
    }
    store_close(store);
    arena_deinit(&arena);
    return status;
}

static void ingest_ok(const char *directory, const struct broker *broker, const char *path,
                      int64_t stop_us, struct ingest_books *books_out)
{
    struct corong_error error = {0};
    if (ingest_once(directory, broker, path, stop_us, books_out, &error) != CORONG_OK) {
        test_fail(seed, "ingest: %s", error.message);
    }
    if (!ingest_books_balance(&books_out->run) || !ingest_books_balance(&books_out->all)) {
        test_fail(seed, "the books do not balance");
    }
}

static struct query_provenance ask(const char *directory)
{
    static struct text names[] = {{"view", 4}, {"add_to_cart", 11}, {"order", 5}};
    struct stage steps[3];
    for (uint32_t index = 0; index < 3; index++) {
        steps[index] = (struct stage){
            .name = names[index], .events = &names[index], .event_count = 1, .where = TEXT_MISSING};
    }
    struct query_funnel query = {
        .funnel = {.steps = steps, .step_count = 3, .window_us = FUNNEL_WINDOW_DEFAULT_US},
        .range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
        .where = TEXT_MISSING,
        .by = {TEXT_LITERAL("country")},
        .by_count = 1,
        .as_of_us = QUERY_TIME_NONE,
    };
    struct store_snapshot *snapshot;
    struct query_funnel_result result;
    struct arena arena = {0};
    struct corong_error error = {0};
    if (store_snapshot_open(&snapshot, directory, &error) != CORONG_OK ||
        query_funnel_run(snapshot, &query, &arena, &result, &error) != CORONG_OK) {
        test_fail(seed, "%s: %s", directory, error.message);
    }
    if (result.total.won == 0 || result.slice_count < 2) {
        test_fail(seed, "%s: the question is too small to tell stores apart", directory);
    }
    struct query_provenance provenance = result.provenance;
    arena_deinit(&arena);
    store_snapshot_close(snapshot);
    return provenance;
}

/// Every partition's position stands at its end and its counters are what was produced into it.
static void check_partitions(const char *directory, const struct produced *produced)
{
    struct store_snapshot *snapshot;
    struct corong_error error = {0};
    if (store_snapshot_open(&snapshot, directory, &error) != CORONG_OK) {
        test_fail(seed, "%s", error.message);
    }
    uint32_t count;
    const struct store_position *positions = store_snapshot_positions(snapshot, &count);
    for (uint32_t partition = 0; partition < PARTITION_COUNT; partition++) {
        struct hash128 id = kafka_offsets_id(TOPIC, (int32_t)partition);
        uint32_t at = 0;
        while (at < count && !hash128_equal(positions[at].id, id)) {
            at++;
        }
        uint64_t messages = produced->messages[partition];
        uint64_t bad = produced->bad[partition];
        if (at == count || positions[at].next_offset != (int64_t)messages) {
            test_fail(seed, "partition %u of %lu messages has another position", partition,
                      messages);
        }
        const struct store_counters *counters = &positions[at].counters;
        if (counters->messages != messages || counters->messages_rejected != bad ||
            counters->stored != messages - bad || counters->events != messages - bad ||
            counters->gaps != 0) {
            test_fail(seed, "partition %u: %lu messages, %lu bad; the books say %lu, %lu, gaps %lu",
                      partition, messages, bad, counters->messages, counters->messages_rejected,
                      counters->gaps);
        }
    }
    store_snapshot_close(snapshot);
}

static void check_same(const char *kafka, const char *file)
{
    struct query_provenance found = ask(kafka);
    struct query_provenance expected = ask(file);
    if (strcmp(found.store_digest, expected.store_digest) != 0 ||
        strcmp(found.result_digest, expected.result_digest) != 0 ||
        found.rows_stored != expected.rows_stored) {
        test_fail(seed, "store %s answer %s rows %lu, from the file %s %s %lu", found.store_digest,
                  found.result_digest, found.rows_stored, expected.store_digest,
                  expected.result_digest, expected.rows_stored);
    }
}

/// Runs that are stopped at random, some of which read nothing, then one to the end of the topic.
/// Half of the events come only meanwhile. Returns how many runs were stopped before that end.
static uint32_t run_in_pieces(const char *directory, struct broker *broker, struct clickgen *shop,
                              struct text_buffer *file, struct produced *produced)
{
    struct test_random random = test_random_start(seed);
    struct ingest_books books;
    uint64_t messages = 0;
    uint32_t stopped = 0;
    for (uint32_t run = 0; run <= STOPPED_RUN_COUNT; run++) {
        uint64_t some = run == STOPPED_RUN_COUNT ? UINT64_MAX : event_count / STOPPED_RUN_COUNT;
        produce_events(broker, shop, some, file, produced);
        int64_t stop_us = -1;
        if (run < STOPPED_RUN_COUNT) {
            stop_us = test_random_below(&random, STOP_AFTER_MAX_US);
        }
        ingest_ok(directory, broker, NULL, stop_us, &books);
        messages += books.run.messages;
        stopped += books.all.messages < produced_count(produced);
    }
    if (messages != books.all.messages) {
        test_fail(seed, "%lu messages were read, the store says %lu", messages, books.all.messages);
    }
    // Nothing is left, and nothing is read again.
    ingest_ok(directory, broker, NULL, -1, &books);
    if (books.run.messages != 0) {
        test_fail(seed, "%lu messages were read again", books.run.messages);
    }
    return stopped;
}

/// A topic of the same name with other messages is not the one that the store knows, whether it is
/// longer or shorter, and the refusal changes nothing.
static void check_remade(const char *directory)
{
    for (uint32_t longer = 0; longer < 2; longer++) {
        struct broker broker;
        struct ingest_books books;
        struct corong_error error = {0};
        struct query_provenance before = ask(directory);
        broker_start(&broker, TOPIC);
        for (uint32_t index = 0; index < (longer ? event_count : 4 * PARTITION_COUNT); index++) {
            produce(&broker, TOPIC, index % PARTITION_COUNT, TEXT_LITERAL("{\"another\":1}"));
        }
        produce_end(&broker);
        enum corong_status status = ingest_once(directory, &broker, NULL, -1, &books, &error);
        if (status != CORONG_INVALID || strstr(error.message, "made anew") == NULL) {
            test_fail(seed, "a topic made anew was taken: %s", error.message);
        }
        if (strcmp(before.store_digest, ask(directory).store_digest) != 0) {
            test_fail(seed, "a refused topic changed the store");
        }
        broker_stop(&broker);
    }
}

static void check_store(void)
{
    struct clickgen_options options = {.seed = seed,
                                       .event_count = event_count,
                                       .user_count = event_count / 25,
                                       .day_count = 30,
                                       .start_us = INT64_C(1767225600000000)};
    struct clickgen *shop = clickgen_create(&options);
    struct broker broker;
    struct produced produced = {0};
    struct text_buffer lines = {0};
    struct ingest_books books;
    char *kafka = store_directory_create();
    char *replayed = store_directory_create();
    char *input = input_files_create();
    broker_start(&broker, TOPIC);
    uint32_t stopped = run_in_pieces(kafka, &broker, shop, &lines, &produced);
    check_partitions(kafka, &produced);
    char *path = input_files_write(input, "visits.json", lines.bytes, lines.size);
    ingest_ok(replayed, &broker, path, -1, &books);
    check_same(kafka, replayed);
    broker_stop(&broker);
    check_remade(kafka);
    printf("kafka_store_test: %lu messages of %u partitions in %u runs, %u of them stopped short, "
           "seed %lu\n",
           books.all.messages, PARTITION_COUNT, STOPPED_RUN_COUNT + 1, stopped, seed);
    memory_free(path);
    input_files_remove(input);
    store_directory_remove(replayed);
    store_directory_remove(kafka);
    text_buffer_deinit(&lines);
    clickgen_destroy(shop);
}

static int serve(const char *topic, const char *path)
{
    struct broker broker;
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    if (file == NULL) {
        perror(path);
        return 1;
    }
    broker_start(&broker, topic);
    for (uint32_t index = 0; (size = getline(&line, &capacity, file)) > 0; index++) {
        struct text value = {line, (size_t)size - (line[size - 1] == '\n')};
        produce(&broker, topic, index % PARTITION_COUNT, value);
    }
    produce_end(&broker);
    fclose(file);
    memory_free(line);
    puts(strchr(broker.servers, '=') + 1);
    fflush(stdout);
    while (getchar() != EOF) {
    }
    broker_stop(&broker);
    return 0;
}

int main(int argument_count, char **arguments)
{
    if (argument_count == 4 && strcmp(arguments[1], "--serve") == 0) {
        return serve(arguments[2], arguments[3]);
    }
    seed = test_random_seed();
    event_count = (uint32_t)test_scaled(EVENT_COUNT);
    check_store();
    return 0;
}
