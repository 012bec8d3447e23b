// SPDX-License-Identifier: Apache-2.0
// What a consumer notices by itself: a partition that stands still though there is more, and a log
// that is not the one any more that was read. Against librdkafka's own broker.
#include "ingest/kafka/kafka_proof.h"
#include "ingest/kafka/kafka_prover.h"
#include "ingest/kafka/kafka_source.h"
#include "storage/base/clock.h"

#include <criterion/criterion.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <string.h>

#define REQUEST_FETCH 1
#define WAIT_US (40 * MICROSECONDS_PER_SECOND)
#define ERROR_COUNT 20000u
#define VERSION_WITH_TOPIC_ID 0x02030000

/// Criterion's own: 48 bytes once in a run of this program, none from any of its tests alone.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libcriterion.so\n";
}

struct rig {
    rd_kafka_t *producer;
    rd_kafka_mock_cluster_t *cluster;
    char servers[256];
    uint32_t produced;
    struct source *source;
    int64_t next; ///< offset expected
    char words[2048];
    uint32_t notices;
};

static void on_notice(void *context, const char *sentence)
{
    struct rig *rig = context;
    snprintf(rig->words, sizeof(rig->words), "%s", sentence);
    rig->notices++;
}

static void produce(struct rig *rig, uint32_t count)
{
    for (; count > 0; count--) {
        char value[32];
        int size = snprintf(value, sizeof(value), "message %u", rig->produced++);
        rd_kafka_producev(rig->producer, RD_KAFKA_V_TOPIC("visits"), RD_KAFKA_V_PARTITION(0),
                          RD_KAFKA_V_VALUE(value, (size_t)size),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    }
    cr_assert_eq(rd_kafka_flush(rig->producer, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static struct rig *rig_start(void)
{
    static struct rig rig;
    char reason[512];
    memset(&rig, 0, sizeof(rig));
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "linger.ms", "1", reason, sizeof(reason));
    rd_kafka_conf_set(conf, "log_level", "0", reason, sizeof(reason));
    rig.producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
    rig.cluster = rd_kafka_mock_cluster_new(rig.producer, 1);
    const char *servers = rd_kafka_mock_cluster_bootstraps(rig.cluster);
    snprintf(rig.servers, sizeof(rig.servers), "bootstrap.servers=%s", servers);
    rd_kafka_brokers_add(rig.producer, servers);
    rd_kafka_mock_topic_create(rig.cluster, "visits", 1, 1);
    return &rig;
}

static void rig_open(struct rig *rig)
{
    const char *topics[] = {"visits", NULL};
    const char *properties[] = {rig->servers,
                                "log_level=0",
                                "fetch.wait.max.ms=10",
                                "fetch.error.backoff.ms=10",
                                "corong.stall_seconds=1",
                                "corong.proof_seconds=1",
                                NULL};
    struct kafka_options options = {
        .topics = topics, .properties = properties, .notice = on_notice, .notice_context = rig};
    struct corong_error error = {0};
    cr_assert_eq(kafka_open(&rig->source, &options, &error), CORONG_OK, "%s", error.message);
}

static void rig_stop(struct rig *rig)
{
    rig->source->operations->close(rig->source);
    rd_kafka_mock_cluster_destroy(rig->cluster);
    rd_kafka_destroy(rig->producer);
}

/// One poll. Every message must be the next.
static enum source_poll poll_once(struct rig *rig)
{
    struct source_message message;
    struct corong_error error = {0};
    enum source_poll result = rig->source->operations->poll(rig->source, &message, &error);
    cr_assert_neq(result, SOURCE_FAILED, "%s", error.message);
    if (result == SOURCE_MESSAGE) {
        char expected[32];
        snprintf(expected, sizeof(expected), "message %ld", rig->next);
        cr_assert(text_equal(message.bytes, text_from(expected)), "at %ld", rig->next);
        cr_assert_eq(message.offset, rig->next);
        cr_assert_eq(message.skipped, 0);
        rig->next++;
    }
    return result;
}

static void read_to(struct rig *rig, int64_t offset)
{
    int64_t until_us = clock_monotonic_us() + WAIT_US;
    while (rig->next < offset) {
        cr_assert(clock_monotonic_us() < until_us, "stands at %ld: %s", rig->next, rig->words);
        (void)poll_once(rig);
    }
}

static void poll_until(struct rig *rig, const char *words)
{
    int64_t until_us = clock_monotonic_us() + WAIT_US;
    while (strstr(rig->words, words) == NULL) {
        cr_assert(clock_monotonic_us() < until_us, "no word of '%s', but '%s'", words, rig->words);
        (void)poll_once(rig);
    }
}

static void commit(struct rig *rig)
{
    struct store_position position;
    rig->source->operations->position(rig->source, 0, &position);
    rig->source->operations->committed(rig->source, &position, 1);
}

Test(kafka_watch, test_stalled_partition_gets_a_new_consumer_and_loses_nothing, .timeout = 100)
{
    static rd_kafka_resp_err_t codes[ERROR_COUNT];
    struct rig *rig = rig_start();
    produce(rig, 100);
    rig_open(rig);
    read_to(rig, 100);
    for (uint32_t at = 0; at < ERROR_COUNT; at++) {
        codes[at] = RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
    }
    // Twice: after the first new consumer it stands as before.
    rd_kafka_mock_push_request_errors_array(rig->cluster, REQUEST_FETCH, ERROR_COUNT, codes);
    produce(rig, 50);
    struct kafka_source *kafka = (struct kafka_source *)rig->source;
    while (kafka->recreated < 2) {
        poll_until(rig, "making a new consumer");
        cr_assert_not_null(strstr(rig->words, "'visits/0' stands at offset 100 of 150"), "%s",
                           rig->words);
        rig->words[0] = '\0';
        (void)poll_once(rig);
    }
    cr_assert_eq(rig->next, 100);
    cr_assert(kafka->alarms >= 2);
    rd_kafka_mock_clear_request_errors(rig->cluster, REQUEST_FETCH);
    read_to(rig, 150);
    rig_stop(rig);
}

Test(kafka_watch, test_quiet_partition_is_no_stall, .timeout = 100)
{
    struct rig *rig = rig_start();
    produce(rig, 10);
    rig_open(rig);
    read_to(rig, 10);
    int64_t until_us = clock_monotonic_us() + 5 * MICROSECONDS_PER_SECOND / 2;
    while (clock_monotonic_us() < until_us) {
        (void)poll_once(rig);
    }
    cr_assert_eq(rig->notices, 0, "%s", rig->words);
    cr_assert_eq(((struct kafka_source *)rig->source)->recreated, 0);
    rig_stop(rig);
}

Test(kafka_watch, test_mark_that_is_another_halts_and_stays_the_anchor, .timeout = 100)
{
    if (rd_kafka_version() >= VERSION_WITH_TOPIC_ID) {
        return; // its log's identity is told by the broker: no marks are read again
    }
    struct rig *rig = rig_start();
    produce(rig, 40);
    rig_open(rig);
    read_to(rig, 40);
    commit(rig);
    struct kafka_partition *partition = &((struct kafka_source *)rig->source)->partitions[0];
    produce(rig, 20);
    read_to(rig, 60);
    commit(rig);
    // The marks stand, and are proved.
    int64_t until_us = clock_monotonic_us() + WAIT_US;
    while (partition->proved_offset != 60) {
        cr_assert(clock_monotonic_us() < until_us);
        (void)poll_once(rig);
    }
    cr_assert_eq(partition->mark_count, 1);
    cr_assert_eq(partition->marks[0].offset, 59);
    partition->marks[0].hash ^= 1; // as if it had been read in another log
    uint64_t hash = partition->marks[0].hash;
    produce(rig, 20);
    read_to(rig, 80);
    poll_until(rig, "cannot continue");
    cr_assert_not_null(strstr(rig->words, "offsets 60 to 79 were read since"), "%s", rig->words);
    cr_assert_eq(partition->state, KAFKA_HALTED);
    struct store_position position;
    rig->source->operations->position(rig->source, 0, &position);
    cr_assert_eq(position.next_offset, 80);
    cr_assert_eq(position.anchor_offset, 59);
    cr_assert_eq(position.anchor_hash, hash);
    // It is to be committed though nothing came.
    rig_stop(rig);
}

static bool never(void *context)
{
    (void)context;
    return false;
}

Test(kafka_watch, test_prover_tells_marks_that_stand_from_others, .timeout = 60)
{
    struct rig *rig = rig_start();
    produce(rig, 30);
    rig_open(rig);
    struct corong_error error = {0};
    rd_kafka_conf_t *conf;
    bool group_given;
    const char *properties[] = {rig->servers, NULL};
    cr_assert_eq(kafka_options_conf(&conf, properties, &group_given, &error), CORONG_OK);
    struct kafka_prover *prover = kafka_prover_create(conf, never, NULL);
    static const struct {
        int64_t last_offset;
        uint64_t flip;
        enum kafka_mark_proof expected;
    } cases[] = {{29, 0, KAFKA_MARK_STANDS},
                 {29, 1, KAFKA_MARK_ANOTHER},
                 {30, 0, KAFKA_MARK_CUT_OFF},
                 {31, 0, KAFKA_MARK_CUT_OFF}};
    for (size_t at = 0; at < sizeof(cases) / sizeof(cases[0]); at++) {
        struct kafka_question *question = kafka_question_create();
        struct kafka_ask_item *item = kafka_question_add(question, "visits", 0);
        item->mark_count = 2;
        item->marks[0] = (struct kafka_mark){.offset = 3, .hash = hash_bytes64("message 3", 9)};
        item->marks[1] =
            (struct kafka_mark){.offset = cases[at].last_offset,
                                .hash = hash_bytes64("message 29", 10) ^ cases[at].flip};
        kafka_prover_run(prover, question);
        cr_assert_eq(item->proof, cases[at].expected, "case %zu: %d", at, item->proof);
        cr_assert_eq(item->judged, 1);
        kafka_question_destroy(question);
    }
    kafka_prover_destroy(prover);
    rig_stop(rig);
}

Test(kafka_watch, test_marks_do_not_wait_for_commits, .timeout = 100)
{
    if (rd_kafka_version() >= VERSION_WITH_TOPIC_ID) {
        return; // its log's identity is told by the broker: no marks are read again
    }
    struct rig *rig = rig_start();
    produce(rig, 40);
    rig_open(rig);
    read_to(rig, 40);
    struct kafka_partition *partition = &((struct kafka_source *)rig->source)->partitions[0];
    int64_t until_us = clock_monotonic_us() + WAIT_US;
    while (partition->proved_offset != 40) {
        cr_assert(clock_monotonic_us() < until_us);
        (void)poll_once(rig);
    }
    cr_assert_eq(partition->mark_count, 1);
    cr_assert_eq(partition->marks[0].offset, 39);
    partition->marks[0].hash ^= 1; // as if it had been read in another log
    produce(rig, 20);
    read_to(rig, 60);
    poll_until(rig, "cannot continue");
    cr_assert_not_null(strstr(rig->words, "offsets 40 to 59 were read since"), "%s", rig->words);
    rig_stop(rig);
}

/// Messages at hand that can be taken at once, each the next; false: one has to be polled.
static bool find_lot(struct rig *rig, struct source_lot *lot_out)
{
    if (!rig->source->operations->lot(rig->source, lot_out)) {
        return false;
    }
    for (uint32_t at = 0; at < lot_out->count; at++) {
        char expected[32];
        snprintf(expected, sizeof(expected), "message %ld", rig->next + at);
        cr_assert(text_equal(lot_out->messages[at], text_from(expected)), "%ld", rig->next + at);
    }
    return true;
}

Test(kafka_watch, test_lot_is_its_own_partitions_whatever_is_looked_up_meanwhile, .timeout = 60)
{
    struct rig *rig = rig_start();
    const struct source_operations *operations;
    produce(rig, 500);
    rig_open(rig);
    operations = rig->source->operations;
    struct kafka_source *kafka = (struct kafka_source *)rig->source;
    (void)kafka_partition_get(kafka, "elsewhere", 0); // nothing is read of it
    struct store_position position;
    uint32_t lots = 0;
    while (rig->next < 500) {
        struct source_lot lot;
        if (!find_lot(rig, &lot)) {
            (void)poll_once(rig);
            continue;
        }
        lots++;
        cr_assert_eq(lot.partition_index, 0);
        uint32_t taken = lot.count > 1 ? lot.count / 2 : 1; // the decoder left some of them
        operations->waiting(rig->source);
        kafka->last_index = 1; // an error of the other was looked into
        kafka->last_topic = NULL;
        cr_assert_eq(operations->take_lot(rig->source, taken), rig->next + taken);
        rig->next += taken;
        operations->position(rig->source, 0, &position);
        cr_assert_eq(position.next_offset, rig->next);
        cr_assert_eq(position.anchor_offset, rig->next - 1);
        operations->position(rig->source, 1, &position);
        cr_assert_eq(position.next_offset, 0);
    }
    operations->position(rig->source, 0, &position);
    cr_assert_eq(position.anchor_hash, hash_bytes64("message 499", 11));
    cr_assert_gt(lots, 0);
    rig_stop(rig);
}

Test(kafka_watch, test_marks_are_spaced_and_the_newest_is_the_last_read)
{
    struct kafka_partition partition = {.questioned_from = -1};
    kafka_proof_begin(&partition, -1, 0);
    cr_assert_eq(partition.mark_count, 0);
    kafka_proof_begin(&partition, 5, 55);
    for (int64_t at = 0; at < 400; at++) { // four a second
        struct store_position committed = {.anchor_offset = 10 + at, .anchor_hash = (uint64_t)at};
        kafka_proof_mark(&partition, &committed, at * 250000);
        cr_assert_eq(partition.marks[0].offset, 5); // what was proved stays
        cr_assert_eq(partition.marks[partition.mark_count - 1].offset, 10 + at);
        for (uint32_t mark = 1; mark < partition.mark_count; mark++) {
            cr_assert_lt(partition.marks[mark - 1].offset, partition.marks[mark].offset);
        }
        cr_assert(at < 60 || partition.mark_count == KAFKA_MARK_COUNT);
    }
}
