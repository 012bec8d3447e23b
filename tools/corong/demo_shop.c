// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/demo_shop.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "tools/clickgen/clickgen.h"

#include <stdio.h>
#include <time.h>

/// The shop's clock runs faster than ours, or nobody would have come to the checkout in a minute.
#define CLOCK_FACTOR 60
#define USER_COUNT 100000u
#define DAY_COUNT 3650u
#define SERVE_MS 5u
#define BURST_COUNT 1000u ///< events between two looks at the clock
#define FLUSH_MS 100u
/// The broker in the process forgets what is more than a few MiB old: the shop waits for readers
/// that are this far behind.
#define LAG_SECONDS_MAX 3
#define USER_ID_SIZE 32u

/// It opened a day ago and closes in years.
static struct clickgen *open_shop(uint64_t rate)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t day_events =
        rate * (uint64_t)(MICROSECONDS_PER_DAY / MICROSECONDS_PER_SECOND) / CLOCK_FACTOR + 1;
    struct clickgen_options options = {
        .seed = (uint64_t)now.tv_sec,
        .event_count = day_events * DAY_COUNT,
        .user_count = USER_COUNT,
        .day_count = DAY_COUNT,
        .start_us = (int64_t)now.tv_sec * MICROSECONDS_PER_SECOND - MICROSECONDS_PER_DAY,
        .milliseconds = true,
    };
    return clickgen_create(&options);
}

static enum corong_status send_one(struct demo_shop *shop, struct clickgen *generator,
                                   struct text_buffer *line)
{
    struct click_event event;
    char user[USER_ID_SIZE];
    if (!clickgen_next(generator, &event)) {
        return CORONG_CANCELLED; // ten years have passed
    }
    text_buffer_reset(line);
    clickgen_format(generator, CLICK_FORMAT_JSON, &event, line);
    int size = snprintf(user, sizeof(user), "user-%08u", event.user);
    struct produce_message message = {
        .bytes = {line->bytes, line->size - 1},
        .key = {user, (size_t)size},
        .timestamp_us = event.time_us,
        .partition = METADATA_NO_PARTITION,
        .line_count = 1,
    };
    return produce_send(shop->produce, &message, &shop->error);
}

static bool readers_lag(const struct demo_shop *shop, uint64_t sent)
{
    struct ingest_progress progress;
    ingest_progress(shop->options.ingest, &progress);
    return sent - progress.messages > shop->options.rate * LAG_SECONDS_MAX + BURST_COUNT;
}

static bool is_over(const struct demo_shop *shop, int64_t elapsed_us)
{
    const struct demo_shop_options *options = &shop->options;
    return pump_stop_asked(options->stop) || pump_stop_asked(options->gone) ||
           (options->seconds > 0 && elapsed_us >= options->seconds * MICROSECONDS_PER_SECOND);
}

static enum corong_status send_all(struct demo_shop *shop, struct clickgen *generator,
                                   struct text_buffer *line)
{
    int64_t begun_us = clock_monotonic_us();
    int64_t elapsed_us = 0;
    for (uint64_t sent = 0; !is_over(shop, elapsed_us);) {
        uint64_t due = (uint64_t)((double)elapsed_us * (double)shop->options.rate /
                                  (double)MICROSECONDS_PER_SECOND);
        bool waits = sent >= due || readers_lag(shop, sent);
        if (waits) {
            produce_serve(shop->produce, SERVE_MS);
        }
        for (uint32_t burst = 0; !waits && burst < BURST_COUNT && sent < due; burst++, sent++) {
            enum corong_status status = send_one(shop, generator, line);
            if (status != CORONG_OK) {
                return status == CORONG_CANCELLED ? CORONG_OK : status;
            }
        }
        elapsed_us = clock_monotonic_us() - begun_us;
    }
    return CORONG_OK;
}

static void wait_for_readers(struct demo_shop *shop)
{
    struct ingest_progress progress = {0};
    while (!pump_stop_asked(shop->options.gone) && !produce_flush(shop->produce, FLUSH_MS)) {
    }
    produce_counts(shop->produce, &shop->sent);
    while (!pump_stop_asked(shop->options.gone) && progress.messages < shop->sent.acknowledged) {
        clock_sleep_us((int64_t)SERVE_MS * 1000);
        ingest_progress(shop->options.ingest, &progress);
    }
}

static void *run(void *context)
{
    struct demo_shop *shop = context;
    struct text_buffer line = {0};
    struct clickgen *generator = open_shop(shop->options.rate);
    shop->status = send_all(shop, generator, &line);
    wait_for_readers(shop);
    ingest_stop(shop->options.ingest);
    text_buffer_deinit(&line);
    clickgen_destroy(generator);
    return NULL;
}

enum corong_status demo_shop_start(struct demo_shop *shop, const struct demo_shop_options *options,
                                   struct corong_error *error)
{
    const char *properties[] = {options->broker, "log_level=0", NULL};
    struct produce_options open = {options->topic, properties};
    *shop = (struct demo_shop){.options = *options};
    TRY(produce_open(&shop->produce, &open, error));
    ASSERT(pthread_create(&shop->thread, NULL, run, shop) == 0);
    return CORONG_OK;
}

enum corong_status demo_shop_join(struct demo_shop *shop, struct corong_error *error)
{
    pthread_join(shop->thread, NULL);
    produce_counts(shop->produce, &shop->sent);
    produce_close(shop->produce);
    if (shop->status == CORONG_OK && shop->sent.acknowledged < shop->sent.lines) {
        return error_set(error, CORONG_IO, "the broker did not take %llu of %llu events (%s)",
                         (unsigned long long)(shop->sent.lines - shop->sent.acknowledged),
                         (unsigned long long)shop->sent.lines, shop->sent.first_refusal);
    }
    if (shop->status != CORONG_OK && error != NULL) {
        *error = shop->error;
    }
    return shop->status;
}
