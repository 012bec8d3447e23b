// SPDX-License-Identifier: Apache-2.0
// Lines of the generated shop, written without printf: the generator must outrun what it feeds.
#include "tools/clickgen/clickgen.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"

#include <stdio.h>
#include <time.h>

#define LINE_SIZE_MAX 640

// The options are the generator's first member, so that formatting needs nothing else of it.
static const struct clickgen_options *options_of(const struct clickgen *generator)
{
    return (const struct clickgen_options *)(const void *)generator;
}

static const char *const countries[30] = {
    "US", "DE", "GB", "FR", "ID", "BR", "IN", "JP", "CA", "IT", "ES", "MX", "AU", "NL", "PL",
    "SE", "CH", "BE", "AT", "NO", "DK", "FI", "IE", "PT", "CZ", "GR", "HU", "RO", "NZ", "SG"};
static const char *const devices[3] = {"mobile", "desktop", "tablet"};
static const char *const agents[3] = {
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/124.0 Safari/537.36",
    "Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"};

const char *click_kind_name(enum click_kind kind)
{
    static const char *const names[CLICK_KIND_COUNT] = {"view", "click", "add_to_cart", "checkout",
                                                        "order"};
    ASSERT((unsigned)kind < CLICK_KIND_COUNT);
    return names[kind];
}

static char *put_string(char *at, const char *string)
{
    size_t size = strlen(string);
    memcpy(at, string, size);
    return at + size;
}

static char *put_padded(char *at, uint64_t value, uint32_t digit_count)
{
    for (uint32_t digit = digit_count; digit > 0; digit--) {
        at[digit - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + digit_count;
}

static char *put_time(char *at, int64_t time_us, bool milliseconds)
{
    time_t seconds = (time_t)(time_us / MICROSECONDS_PER_SECOND);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    at = put_padded(at, (uint64_t)parts.tm_year + 1900, 4);
    *at++ = '-';
    at = put_padded(at, (uint64_t)parts.tm_mon + 1, 2);
    *at++ = '-';
    at = put_padded(at, (uint64_t)parts.tm_mday, 2);
    *at++ = 'T';
    at = put_padded(at, (uint64_t)parts.tm_hour, 2);
    *at++ = ':';
    at = put_padded(at, (uint64_t)parts.tm_min, 2);
    *at++ = ':';
    at = put_padded(at, (uint64_t)parts.tm_sec, 2);
    if (milliseconds) {
        *at++ = '.';
        at = put_padded(at, (uint64_t)(time_us % MICROSECONDS_PER_SECOND) / 1000, 3);
    }
    *at++ = 'Z';
    return at;
}

static char *put_money(char *at, int64_t cents)
{
    uint32_t digit_count = cents >= 10000 ? 3 : cents >= 1000 ? 2 : 1;
    at = put_padded(at, (uint64_t)cents / 100, digit_count);
    *at++ = '.';
    return put_padded(at, (uint64_t)cents % 100, 2);
}

static char *put_json_field(char *at, const struct clickgen *generator,
                            const struct click_event *event, uint32_t field)
{
    switch (field) {
    case 0:
        return put_time(put_string(at, "\"time\":\""), event->time_us,
                        options_of(generator)->milliseconds);
    case 1:
        return put_string(put_string(at, "\"event\":\""), click_kind_name(event->kind));
    case 2:
        return put_padded(put_string(at, "\"user_id\":\"user-"), event->user, 8);
    case 3:
        return put_string(put_string(at, "\"country\":\""), countries[event->country]);
    case 4:
        return put_string(put_string(at, "\"device\":\""), devices[event->device]);
    case 5:
        return put_padded(put_string(at, "\"campaign\":\"campaign-"), event->campaign, 3);
    case 6:
        return put_padded(put_string(at, "\"page\":\"/shop/page/"), event->page, 4);
    case 7:
        return put_padded(put_string(at, "\"product\":\"sku-"), event->product, 5);
    case 8:
        return put_string(put_string(at, "\"user_agent\":\""), agents[event->device]);
    default:
        return put_padded(put_string(at, "\"event_id\":\"evt-"), event->index, 12);
    }
}

static char *put_json(char *at, const struct clickgen *generator, const struct click_event *event)
{
    uint32_t field_count = options_of(generator)->event_ids ? 10 : 9;
    uint32_t start = options_of(generator)->shuffle_keys
                         ? (uint32_t)(event->index * 2654435761u >> 7) % field_count
                         : 0;
    *at++ = '{';
    for (uint32_t step = 0; step < field_count; step++) {
        at = put_json_field(at, generator, event, (start + step) % field_count);
        *at++ = '"';
        *at++ = ',';
    }
    if (event->kind == CLICK_ORDER) {
        at = put_money(put_string(at, "\"revenue\":"), event->revenue_cents);
        at = put_string(at, ",\"currency\":\"EUR\",");
    }
    at[-1] = '}';
    return at;
}

static char *put_csv(char *at, const struct clickgen *generator, const struct click_event *event)
{
    at = put_time(at, event->time_us, options_of(generator)->milliseconds);
    *at++ = ',';
    at = put_string(at, click_kind_name(event->kind));
    at = put_padded(put_string(at, ",user-"), event->user, 8);
    *at++ = ',';
    at = put_string(at, countries[event->country]);
    *at++ = ',';
    at = put_string(at, devices[event->device]);
    at = put_padded(put_string(at, ",campaign-"), event->campaign, 3);
    at = put_padded(put_string(at, ",/shop/page/"), event->page, 4);
    at = put_padded(put_string(at, ",sku-"), event->product, 5);
    *at++ = ',';
    return event->kind == CLICK_ORDER ? put_money(at, event->revenue_cents) : at;
}

// An address per user and device stands for the visitor; the path says what was done.
static char *put_combined(char *at, const struct click_event *event)
{
    static const char *const paths[CLICK_KIND_COUNT] = {"/shop/page/", "/click/", "/cart/add/",
                                                        "/checkout/", "/order/"};
    time_t seconds = (time_t)(event->time_us / MICROSECONDS_PER_SECOND);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    char stamp[40];
    strftime(stamp, sizeof(stamp), "%d/%b/%Y:%H:%M:%S +0000", &parts);
    uint32_t page = event->kind == CLICK_VIEW ? event->page : event->product;
    int size =
        snprintf(at, LINE_SIZE_MAX, "10.%u.%u.%u - - [%s] \"%s %s%u HTTP/1.1\" 200 %u \"-\" \"%s\"",
                 event->user >> 16 & 255, event->user >> 8 & 255, event->user & 255, stamp,
                 event->kind >= CLICK_CART ? "POST" : "GET", paths[event->kind], page,
                 1000 + event->page, agents[event->device]);
    return at + size;
}

void clickgen_format(const struct clickgen *generator, enum click_format format,
                     const struct click_event *event, struct text_buffer *out)
{
    char *start = text_buffer_reserve(out, LINE_SIZE_MAX);
    char *at = start;
    switch (format) {
    case CLICK_FORMAT_JSON:
        at = put_json(start, generator, event);
        break;
    case CLICK_FORMAT_CSV:
        at = put_csv(start, generator, event);
        break;
    case CLICK_FORMAT_COMBINED:
        at = put_combined(start, event);
        break;
    }
    *at++ = '\n';
    ASSERT(at - start < LINE_SIZE_MAX);
    out->size += (size_t)(at - start);
}

void clickgen_header(const struct clickgen *generator, enum click_format format,
                     struct text_buffer *out)
{
    (void)generator;
    if (format == CLICK_FORMAT_CSV) {
        text_buffer_append_string(
            out, "time,event,user_id,country,device,campaign,page,product,revenue\n");
    }
}
