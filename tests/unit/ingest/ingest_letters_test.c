// SPDX-License-Identifier: Apache-2.0
// From a broker in this process into a store: packed messages, mapped metadata, and dead letters
// that give after a mended mapping what the mended mapping would have given at once.
#include "engine/query/query.h"
#include "ingest/ingest.h"
#include "tests/support/decode_harness.h"
#include "tests/support/store_directory.h"

#include <criterion/criterion.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>

#define FLUSH_TIMEOUT_MS 10000
#define EVENT(u, t) "{\"u\":\"" u "\",\"t\":" #t ",\"n\":\"v\"}"
#define ATTRIBUTES "name: n\nattributes: { c: kafka.headers.country, k: kafka.key }\n"
/// Events without user or time are rejected.
#define STRICT "user: u\ntime: t\n" ATTRIBUTES
/// They are the key's user at the message's timestamp.
#define MENDED "user: [u, kafka.key]\ntime: [t, kafka.timestamp]\n" ATTRIBUTES

struct broker {
    rd_kafka_t *producer;
    rd_kafka_mock_cluster_t *cluster;
    char servers[256];
};

static struct broker broker_start(void)
{
    struct broker broker = {0};
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    broker.producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
    cr_assert_not_null(broker.producer, "%s", reason);
    broker.cluster = rd_kafka_mock_cluster_new(broker.producer, 1);
    const char *servers = rd_kafka_mock_cluster_bootstraps(broker.cluster);
    snprintf(broker.servers, sizeof(broker.servers), "bootstrap.servers=%s", servers);
    rd_kafka_brokers_add(broker.producer, servers);
    cr_assert_eq(rd_kafka_mock_topic_create(broker.cluster, "clicks", 1, 1),
                 RD_KAFKA_RESP_ERR_NO_ERROR);
    return broker;
}

static void broker_stop(struct broker *broker)
{
    rd_kafka_mock_cluster_destroy(broker->cluster);
    rd_kafka_destroy(broker->producer);
}

static void put(struct broker *broker, const char *value, const char *key, const char *country)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    size_t key_size = key == NULL ? 0 : strlen(key);
    rd_kafka_header_add(headers, "country", -1, country, -1);
    cr_assert_eq(rd_kafka_producev(broker->producer, RD_KAFKA_V_TOPIC("clicks"),
                                   RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY(key, key_size),
                                   RD_KAFKA_V_VALUE((void *)value, strlen(value)),
                                   RD_KAFKA_V_TIMESTAMP(1700000000123), RD_KAFKA_V_HEADERS(headers),
                                   RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                 RD_KAFKA_RESP_ERR_NO_ERROR);
}

/// Of the broker's topic, or of dead letters where `letters` is not NULL.
static struct ingest_books run(const char *directory, const struct broker *broker,
                               const char *letters, const char *yaml)
{
    struct decode_harness mapping;
    struct store *store;
    struct ingest *ingest;
    struct corong_error error = {0};
    struct store_options create = {.create = true};
    struct ingest_books books;
    const char *topics[] = {"clicks", NULL};
    const char *properties[] = {broker->servers, NULL};
    cr_assert_eq(decode_harness_parse(&mapping, yaml), CORONG_OK, "%s", mapping.error.message);
    cr_assert_eq(store_open(&store, directory, &create, &error), CORONG_OK, "%s", error.message);
    cr_assert_eq(mapping_bind(mapping.mapping, store, &error), CORONG_OK, "%s", error.message);
    struct ingest_options options = {
        .store = store,
        .mapping = mapping.mapping,
        .paths = &letters,
        .path_count = letters != NULL,
        .dead_letters = letters != NULL,
        .kafka_topics = letters == NULL ? topics : NULL,
        .kafka_properties = properties,
        .kafka_stop_at_end = true,
        .shard_count = 1,
        .memory_limit_bytes = 128u << 20,
    };
    cr_assert_eq(ingest_create(&ingest, &options, &error), CORONG_OK, "%s", error.message);
    cr_assert_eq(ingest_run(ingest, &error), CORONG_OK, "%s", error.message);
    ingest_books(ingest, &books);
    cr_assert(ingest_books_balance(&books.run));
    ingest_destroy(ingest);
    store_close(store);
    decode_harness_close(&mapping);
    return books;
}

static struct query_provenance ask(const char *directory)
{
    struct text name = TEXT_LITERAL("v");
    struct stage step = {.name = name, .events = &name, .event_count = 1, .where = TEXT_MISSING};
    struct query_funnel query = {
        .funnel = {.steps = &step, .step_count = 1, .window_us = FUNNEL_WINDOW_DEFAULT_US},
        .range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
        .where = TEXT_MISSING,
        .as_of_us = QUERY_TIME_NONE,
    };
    struct store_snapshot *snapshot;
    struct query_funnel_result result;
    struct arena arena = {0};
    struct corong_error error = {0};
    cr_assert_eq(store_snapshot_open(&snapshot, directory, &error), CORONG_OK, "%s", error.message);
    cr_assert_eq(query_funnel_run(snapshot, &query, &arena, &result, &error), CORONG_OK, "%s",
                 error.message);
    struct query_provenance provenance = result.provenance;
    store_snapshot_close(snapshot);
    arena_deinit(&arena);
    return provenance;
}

Test(ingest_letters, test_dead_letters_of_kafka_messages_keep_what_lay_beside_them)
{
    struct broker broker = broker_start();
    char *strict = store_directory_create();
    char *mended = store_directory_create();
    char letters[4200];
    put(&broker, EVENT("a", 1) "\n{\"n\":\"v\"}\n" EVENT("b", 2) "\n{\"u\":\"a\",\"n\":\"w\"}",
        "k1", "DE");
    put(&broker, "{\"n\":\"v\"}", "k2", "FR");
    put(&broker, EVENT("c", 3), NULL, "IT");
    cr_assert_eq(rd_kafka_flush(broker.producer, FLUSH_TIMEOUT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    struct ingest_books books = run(strict, &broker, NULL, STRICT);
    cr_expect_eq(books.run.messages, 3);
    cr_expect_eq(books.run.events, 5);
    cr_expect_eq(books.run.stored, 3);
    cr_expect_eq(books.run.events_rejected, 2);
    cr_expect_eq(books.run.messages_rejected, 1);
    snprintf(letters, sizeof(letters), "%s/dead", strict);
    books = run(strict, &broker, letters, MENDED);
    cr_expect_eq(books.run.messages, 3); // a letter is one line, not its whole message
    cr_expect_eq(books.run.stored, 3);
    books = run(mended, &broker, NULL, MENDED);
    cr_expect_eq(books.run.stored, 6);
    struct query_provenance fed_again = ask(strict);
    struct query_provenance at_once = ask(mended);
    cr_expect_str_eq(fed_again.store_digest, at_once.store_digest);
    store_directory_remove(strict);
    store_directory_remove(mended);
    broker_stop(&broker);
}
