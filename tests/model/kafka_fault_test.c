// SPDX-License-Identifier: Apache-2.0
// One consumer and everything that brokers can say: each error code to each request, leaders that
// move, brokers that go and come, slow ones. After each fault more events are produced and must
// arrive; where the consumer halts a partition or ends, it says so in words, and the next one goes
// on. In the end the store is the one that a replay of a file makes: nothing lost, nothing doubled.
#include "ingest/kafka/kafka_error.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tests/model/model_kafka.h"
#include "tests/support/store_directory.h"
#include "tests/support/test_random.h"

#include <stdio.h>
#include <string.h>

#define EVENTS_PER_FAULT 40u
#define SETTLE_US (20 * MICROSECONDS_PER_SECOND)
#define BROKER_COUNT 3u
#define ERROR_REPEAT_MAX 4u
#define CODE_COUNT_MAX 256u

// Numbers of requests in Kafka's protocol.
enum request {
    REQUEST_FETCH = 1,
    REQUEST_LIST_OFFSETS = 2,
    REQUEST_METADATA = 3,
    REQUEST_OFFSET_COMMIT = 8,
    REQUEST_FIND_COORDINATOR = 10,
    REQUEST_JOIN_GROUP = 11,
    REQUEST_HEARTBEAT = 12,
    REQUEST_SYNC_GROUP = 14,
};

struct bench {
    struct model_kafka kafka;
    char *directory;
    struct model_node node;
    bool running;
    const char *const *properties;
    struct test_random random;
    uint32_t faults;
    uint32_t codes;
    uint32_t halted; ///< faults after which it stood, in words
    int64_t recovery_us;
    int64_t recovery_sum_us;
};

static const char *const by_hand[] = {"statistics.interval.ms=0", NULL};
static const char *const by_group[] = {"group.id=corong-faults", "session.timeout.ms=6000",
                                       "heartbeat.interval.ms=100", NULL};

static void start(struct bench *bench)
{
    // A broker that refuses metadata refuses the opening, in words: tried again.
    for (uint32_t round = 0; round < 20 && !bench->running; round++) {
        struct corong_error error = {0};
        memset(&bench->node, 0, sizeof(bench->node));
        bench->node.kafka = &bench->kafka;
        bench->node.properties = bench->properties;
        bench->node.directory = bench->directory;
        bench->running = model_node_start(&bench->node, &error) == CORONG_OK;
        if (!bench->running && error.message[0] == '\0') {
            test_fail(test_random_seed(), "refused without a word");
        }
    }
    if (!bench->running) {
        test_fail(test_random_seed(), "the consumer never starts again");
    }
}

static void stop(struct bench *bench)
{
    model_node_stop(&bench->node, false);
    bench->running = false;
}

static bool all_committed(struct bench *bench)
{
    return model_node_committed(&bench->node) >= (int64_t)bench->kafka.produced_all;
}

static bool stands(struct bench *bench)
{
    return atomic_load(&bench->node.halts) > 0 || atomic_load(&bench->node.ended);
}

/// Until everything produced is committed; a consumer that halts or ends is replaced once it has
/// said why.
static void settle(struct bench *bench, const char *what)
{
    int64_t begun_us = clock_monotonic_us();
    bool was_halted = false;
    while (!all_committed(bench)) {
        if (stands(bench)) {
            const char *words =
                bench->node.words[0] != '\0' ? bench->node.words : bench->node.error.message;
            if (words[0] == '\0') {
                test_fail(test_random_seed(), "%s: it stands without a word", what);
            }
            was_halted = true;
            stop(bench);
            start(bench);
        }
        if (clock_monotonic_us() - begun_us > SETTLE_US) {
            test_fail(test_random_seed(), "%s: %ld of %lu messages after %ld s; last words: %s",
                      what, model_node_committed(&bench->node), bench->kafka.produced_all,
                      SETTLE_US / MICROSECONDS_PER_SECOND, bench->node.words);
        }
        clock_sleep_us(2000);
    }
    int64_t took_us = clock_monotonic_us() - begun_us;
    bench->recovery_us = took_us > bench->recovery_us ? took_us : bench->recovery_us;
    bench->recovery_sum_us += took_us;
    bench->halted += was_halted;
    bench->faults++;
}

static void inject(struct bench *bench, enum request request, rd_kafka_resp_err_t code)
{
    rd_kafka_resp_err_t codes[ERROR_REPEAT_MAX] = {code, code, code, code};
    size_t count = 1 + test_random_below(&bench->random, ERROR_REPEAT_MAX - 1);
    rd_kafka_mock_push_request_errors_array(bench->kafka.cluster, (int16_t)request, count, codes);
}

static void forget(struct bench *bench, enum request request)
{
    rd_kafka_mock_clear_request_errors(bench->kafka.cluster, (int16_t)request);
}

/// All codes that a broker can send, and a broken connection.
static uint32_t list_codes(rd_kafka_resp_err_t *codes)
{
    const struct rd_kafka_err_desc *descriptions;
    size_t description_count;
    uint32_t count = 0;
    rd_kafka_get_err_descs(&descriptions, &description_count);
    codes[count++] = RD_KAFKA_RESP_ERR__TRANSPORT; // the mock breaks the connection
    codes[count++] = RD_KAFKA_RESP_ERR_UNKNOWN;
    for (size_t at = 0; at < description_count && count < CODE_COUNT_MAX; at++) {
        if (descriptions[at].desc != NULL && descriptions[at].code > 0) {
            codes[count++] = descriptions[at].code;
        }
    }
    return count;
}

static void say(char *what, size_t size, const char *request, rd_kafka_resp_err_t code)
{
    snprintf(what, size, "%s answered with %s", request, rd_kafka_err2name(code));
}

/// Every code to a request that comes by itself while a topic is followed.
static void check_codes(struct bench *bench, enum request request, const char *name)
{
    rd_kafka_resp_err_t codes[CODE_COUNT_MAX];
    uint32_t count = list_codes(codes);
    char what[128];
    for (uint32_t at = 0; at < count; at++) {
        say(what, sizeof(what), name, codes[at]);
        inject(bench, request, codes[at]);
        model_kafka_produce(&bench->kafka, EVENTS_PER_FAULT);
        settle(bench, what);
        forget(bench, request);
        bench->codes++;
    }
}

/// Every code to a request that comes only at a start.
static void check_start_codes(struct bench *bench, enum request request, const char *name,
                              uint32_t every)
{
    rd_kafka_resp_err_t codes[CODE_COUNT_MAX];
    uint32_t count = list_codes(codes);
    char what[128];
    for (uint32_t at = 0; at < count; at += every) {
        say(what, sizeof(what), name, codes[at]);
        stop(bench);
        model_kafka_produce(&bench->kafka, EVENTS_PER_FAULT);
        inject(bench, request, codes[at]);
        start(bench);
        settle(bench, what);
        forget(bench, request);
        bench->codes++;
    }
}

static void check_brokers(struct bench *bench)
{
    uint64_t rounds = test_scaled(12);
    for (uint64_t round = 0; round < rounds; round++) {
        int32_t broker = 1 + (int32_t)test_random_below(&bench->random, BROKER_COUNT);
        rd_kafka_mock_partition_set_leader(
            bench->kafka.cluster, MODEL_TOPIC,
            (int32_t)test_random_below(&bench->random, MODEL_PARTITION_COUNT), broker);
        model_kafka_produce(&bench->kafka, EVENTS_PER_FAULT);
        settle(bench, "a leader moved");
    }
    for (int32_t broker = 1; broker <= (int32_t)BROKER_COUNT; broker++) {
        model_kafka_produce(&bench->kafka, EVENTS_PER_FAULT);
        rd_kafka_mock_broker_set_down(bench->kafka.cluster, broker);
        clock_sleep_us(50000);
        rd_kafka_mock_broker_set_up(bench->kafka.cluster, broker);
        model_kafka_produce(&bench->kafka, EVENTS_PER_FAULT);
        settle(bench, "a broker was down");
        rd_kafka_mock_broker_set_rtt(bench->kafka.cluster, broker, 200);
        model_kafka_produce(&bench->kafka, EVENTS_PER_FAULT);
        settle(bench, "a broker was slow");
        rd_kafka_mock_broker_set_rtt(bench->kafka.cluster, broker, 0);
    }
}

static void bench_start(struct bench *bench, const char *const *properties, uint32_t broker_count)
{
    memset(bench, 0, sizeof(*bench));
    bench->properties = properties;
    bench->directory = store_directory_create();
    bench->random = test_random_start(test_random_seed());
    model_kafka_start(&bench->kafka, broker_count, test_random_seed());
    model_kafka_produce(&bench->kafka, EVENTS_PER_FAULT);
    start(bench);
    settle(bench, "the beginning");
}

static void bench_end(struct bench *bench, const char *name)
{
    struct model_sum found = {0};
    struct model_sum expected = {0};
    stop(bench);
    model_sum_add(&found, bench->directory);
    model_sum_replay(&expected, &bench->kafka);
    model_sum_compare(&found, &expected, &bench->kafka, name);
    printf("kafka_fault_test: %s: %lu events, %u error codes, %u faults, %u of them halted in "
           "words, lost 0, doubled 0, recovery %.2f s at most, %.3f s on average, seed %lu\n",
           name, bench->kafka.produced_all, bench->codes, bench->faults, bench->halted,
           (double)bench->recovery_us / 1e6,
           (double)bench->recovery_sum_us / 1e6 / (double)bench->faults, test_random_seed());
    model_kafka_stop(&bench->kafka);
    store_directory_remove(bench->directory);
}

static void check_by_hand(void)
{
    struct bench bench;
    bench_start(&bench, by_hand, BROKER_COUNT);
    check_brokers(&bench);
    check_codes(&bench, REQUEST_FETCH, "Fetch");
    check_codes(&bench, REQUEST_METADATA, "Metadata");
    bench_end(&bench, "Fetch, Metadata, leaders, brokers");
}

/// ListOffsets comes at a start without a position.
static void check_list_offsets(void)
{
    struct bench bench;
    bench_start(&bench, by_hand, 1);
    check_start_codes(&bench, REQUEST_LIST_OFFSETS, "ListOffsets", 1);
    bench_end(&bench, "ListOffsets");
}

static void check_group(void)
{
    static const struct {
        enum request request;
        const char *name;
    } requests[] = {
        {REQUEST_JOIN_GROUP, "JoinGroup"},
        {REQUEST_SYNC_GROUP, "SyncGroup"},
        {REQUEST_FIND_COORDINATOR, "FindCoordinator"},
    };
    struct bench bench;
    bench_start(&bench, by_group, 1);
    check_codes(&bench, REQUEST_OFFSET_COMMIT, "OffsetCommit");
    check_codes(&bench, REQUEST_HEARTBEAT, "Heartbeat");
    (void)requests;
    bench_end(&bench, "OffsetCommit, Heartbeat");
}

int main(int argument_count, char **arguments)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *only = argument_count > 1 ? arguments[1] : "";
    if (only[0] == '\0' || strcmp(only, "hand") == 0) {
        check_by_hand();
    }
    if (only[0] == '\0' || strcmp(only, "list") == 0) {
        check_list_offsets();
    }
    if (only[0] == '\0' || strcmp(only, "group") == 0) {
        check_group();
    }
    return 0;
}
