// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/funnel.h"
#include "storage/base/clock.h"
#include "tools/bench/profile.h"
#include "tools/bench/vocabulary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE_MOST 12000.0
#define VALUE_SIZE_MOST 200.0
#define PER_MILLE 1000

void profile_word(struct text name, char *word)
{
    size_t size = name.size < CROWD_WORD_SIZE - 1 ? name.size : CROWD_WORD_SIZE - 1;
    for (size_t index = 0; index < size; index++) {
        char byte = name.bytes[index];
        bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        bool plain = letter || (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';
        word[index] = (char)(plain ? byte : '_');
    }
    word[size] = '\0';
}

static uint64_t share_of(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (uint64_t)((unsigned __int128)CROWD_ONE * part / whole);
}

/// Words that became equal are told apart by their number.
static void name_shape(const struct profile *profile, const struct sample *sample,
                       struct crowd_shape *shape)
{
    shape->name_count = profile->name_count;
    for (uint32_t name = 0; name < profile->name_count; name++) {
        char word[CROWD_WORD_SIZE];
        profile_word(sample->names[profile->name_order[name]], word);
        bool taken = word[0] == '\0';
        for (uint32_t other = 0; other < name; other++) {
            taken |= strcmp(shape->names[other], word) == 0;
        }
        if (taken) {
            snprintf(shape->names[name], CROWD_WORD_SIZE, "%.40s_%u", word, name);
        } else {
            snprintf(shape->names[name], CROWD_WORD_SIZE, "%s", word);
        }
        shape->amount_share[name] = share_of(profile->amounts_of[name], profile->name_events[name]);
    }
}

static void chain_shape(const struct profile *profile, struct crowd_shape *shape)
{
    for (uint32_t row = 0; row <= profile->name_count; row++) {
        uint64_t total = 0;
        uint64_t sum = 0;
        for (uint32_t name = 0; name < profile->name_count; name++) {
            total += profile->follows[row][name];
        }
        for (uint32_t name = 0; name < profile->name_count; name++) {
            sum += profile->follows[row][name];
            shape->follows[row][name] = total == 0 ? CROWD_ONE : share_of(sum, total);
        }
    }
}

static void attribute_shape(const struct profile *profile, const struct sample *sample,
                            uint32_t index, struct crowd_attribute *attribute)
{
    const struct profile_attribute *known = &profile->attributes[index];
    const struct schema_column *column = &sample->schema->columns[sample->columns[index]];
    *attribute = (struct crowd_attribute){.type = column->type, .level = known->level};
    profile_word(column->name, attribute->name);
    for (uint32_t name = 0; name < profile->name_count; name++) {
        attribute->present[name] = share_of(known->present[name], profile->name_events[name]);
    }
    attribute->keep = (uint64_t)(known->keep * (double)(CROWD_ONE - 1));
    attribute->value_size = (uint32_t)fmin(known->size + 0.5, VALUE_SIZE_MOST);
    if (column->type == COLUMN_STRING) {
        attribute->bucket_count = vocabulary_fit(&known->counts, attribute->buckets);
    } else {
        crowd_spread_fit(&attribute->numbers, known->numbers.values, known->numbers.count);
    }
    if (column->type == COLUMN_STRING && attribute->bucket_count == 0) {
        attribute->bucket_count = 1; // never present
        attribute->buckets[0] = (struct crowd_bucket){1, CROWD_ONE};
    }
}

/// Sessions begun per hour of the day, against the time that the sample spent in that hour.
static void curve_shape(const struct profile *profile, struct crowd_shape *shape)
{
    int64_t exposed[CROWD_HOUR_COUNT] = {0};
    int64_t covered_us = 0;
    uint64_t sessions = 0;
    for (int64_t at_us = profile->first_us; at_us < profile->last_us;) {
        int64_t next_us = (at_us / MICROSECONDS_PER_HOUR + 1) * MICROSECONDS_PER_HOUR;
        next_us = next_us < profile->last_us ? next_us : profile->last_us;
        exposed[at_us / MICROSECONDS_PER_HOUR % CROWD_HOUR_COUNT] += next_us - at_us;
        covered_us += next_us - at_us;
        at_us = next_us;
    }
    for (uint32_t hour = 0; hour < CROWD_HOUR_COUNT; hour++) {
        sessions += profile->hours[hour];
    }
    for (uint32_t hour = 0; hour < CROWD_HOUR_COUNT; hour++) {
        double usual = (double)sessions * (double)exposed[hour] / (double)(covered_us + 1);
        bool known = exposed[hour] > MICROSECONDS_PER_HOUR / 2 || covered_us == exposed[hour];
        shape->hours[hour] =
            known && usual > 0 ? (uint64_t)((double)profile->hours[hour] * PER_MILLE / usual + 0.5)
                               : PER_MILLE;
    }
}

void profile_shape(const struct profile *profile, const struct sample *sample,
                   struct crowd_shape *shape)
{
    *shape = (struct crowd_shape){
        .seed = 1,
        .event_count = sample->count - profile->copies,
        .start_us = profile->first_us,
        .time_unit_us = sample->has_fractions ? 1000 : MICROSECONDS_PER_SECOND,
        .user_count = profile->user_events.count,
        .session_events_256 = (int64_t)(profile_list_mean(&profile->session_events) * 256),
        .span_us = profile->last_us > profile->first_us ? profile->last_us - profile->first_us : 1,
        .session_timeout_us = SESSION_TIMEOUT_DEFAULT_US,
        .late_share = share_of(profile->late_us.count, sample->count),
        .copy_share = share_of(profile->copies, sample->count - profile->copies),
        .event_ids = sample->has_ids,
        .attribute_count = sample->attribute_count,
    };
    double line = (double)sample->bytes / (double)(sample->lines > 0 ? sample->lines : 1);
    shape->line_size = (uint32_t)fmin(line, LINE_SIZE_MOST);
    shape->user_size = (uint32_t)((double)sample->user_bytes / sample->count + 0.5);
    name_shape(profile, sample, shape);
    chain_shape(profile, shape);
    curve_shape(profile, shape);
    crowd_spread_fit(&shape->sessions, profile->user_sessions.values, profile->user_sessions.count);
    crowd_spread_fit(&shape->events, profile->session_events.values, profile->session_events.count);
    crowd_spread_fit(&shape->gaps, profile->gaps_us.values, profile->gaps_us.count);
    crowd_spread_fit(&shape->late, profile->late_us.values, profile->late_us.count);
    crowd_spread_fit(&shape->amounts, profile->amounts.values, profile->amounts.count);
    if (sample->currency.bytes != NULL && sample->currency.size < sizeof(shape->currency)) {
        profile_word(sample->currency, shape->currency);
    }
    for (uint32_t index = 0; index < sample->attribute_count; index++) {
        attribute_shape(profile, sample, index, &shape->attributes[index]);
    }
}

static void add_row(json_t *rows, const char *unit, double value, const char *format,
                    const char *word) __attribute__((format(printf, 4, 0)));

static void add_row(json_t *rows, const char *unit, double value, const char *format,
                    const char *word)
{
    char quantity[128];
    snprintf(quantity, sizeof(quantity), format, word);
    json_array_append_new(
        rows, json_pack("{s:s,s:s,s:f}", "quantity", quantity, "unit", unit, "value", value));
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

/// Events of the hundredth of users that has most, over all events.
static double top_share(const struct profile_list *events)
{
    double all = profile_list_mean(events) * (double)events->count;
    double top = 0;
    for (uint64_t index = events->count - events->count / 100; index < events->count; index++) {
        top += (double)events->values[index];
    }
    return ratio(top, all);
}

static void user_rows(const struct profile *profile, const struct sample *sample, json_t *rows)
{
    const struct profile_list *events = &profile->user_events;
    const struct profile_list *sessions = &profile->session_events;
    double kept = (double)(sample->count - profile->copies);
    add_row(rows, "events", kept, "events%s", "");
    add_row(rows, "users", (double)events->count, "users%s", "");
    add_row(rows, "events", profile_list_mean(events), "events per user%s", "");
    add_row(rows, "events", profile_list_at(events, 0.9), "events per user, 90 %%%s", "");
    add_row(rows, "events", profile_list_at(events, 0.99), "events per user, 99 %%%s", "");
    add_row(rows, "share", top_share(events), "events of the top 1 %% of users%s", "");
    add_row(rows, "sessions", profile_list_mean(&profile->user_sessions), "sessions per user%s",
            "");
    add_row(rows, "events", profile_list_mean(sessions), "events per session%s", "");
    add_row(rows, "events", profile_list_at(sessions, 0.9), "events per session, 90 %%%s", "");
    add_row(rows, "s", profile_list_at(&profile->gaps_us, 0.5) / 1e6, "gap in a session, median%s",
            "");
    add_row(rows, "s", profile_list_at(&profile->gaps_us, 0.9) / 1e6, "gap in a session, 90 %%%s",
            "");
    add_row(rows, "s", (double)(profile->last_us - profile->first_us) / 1e6, "time spanned%s", "");
}

static void name_rows(const struct profile *profile, const struct sample *sample, json_t *rows)
{
    for (uint32_t name = 0; name < profile->name_count && name < 6; name++) {
        char word[CROWD_WORD_SIZE];
        profile_word(sample->names[profile->name_order[name]], word);
        add_row(rows, "share", ratio((double)profile->name_events[name], sample->count),
                "events that are %s", word);
    }
    for (uint32_t step = 1; step < 4 && step < profile->name_count; step++) {
        char word[CROWD_WORD_SIZE];
        profile_word(sample->names[profile->name_order[step]], word);
        add_row(rows, "share",
                ratio((double)profile->reached[step], (double)profile->user_events.count),
                "users that come as far as %s", word);
    }
}

static void attribute_rows(const struct profile *profile, const struct sample *sample,
                           uint32_t index, json_t *rows)
{
    const struct profile_attribute *attribute = &profile->attributes[index];
    const struct schema_column *column = &sample->schema->columns[sample->columns[index]];
    char word[CROWD_WORD_SIZE];
    uint64_t present = 0;
    profile_word(column->name, word);
    for (uint32_t name = 0; name < CROWD_NAME_COUNT_MAX; name++) {
        present += attribute->present[name];
    }
    add_row(rows, "share", ratio((double)present, sample->count), "%s: present", word);
    if (column->type == COLUMN_STRING) {
        add_row(rows, "values", (double)attribute->distinct, "%s: distinct values", word);
        add_row(rows, "share", attribute->commonest, "%s: the commonest value", word);
        add_row(rows, "bytes", attribute->size, "%s: bytes of a value", word);
        add_row(rows, "share", ratio((double)attribute->equal[0], (double)attribute->pairs[0]),
                "%s: as in the event before", word);
    } else {
        add_row(rows, "", profile_list_at(&attribute->numbers, 0.5) / 1e4, "%s: median", word);
        add_row(rows, "", profile_list_at(&attribute->numbers, 0.9) / 1e4, "%s: 90 %%", word);
    }
}

json_t *profile_rows(const struct profile *profile, const struct sample *sample)
{
    json_t *rows = json_array();
    user_rows(profile, sample, rows);
    name_rows(profile, sample, rows);
    add_row(rows, "share", ratio((double)profile->late_us.count, sample->count),
            "events that arrive late%s", "");
    add_row(rows, "s", profile_list_at(&profile->late_us, 0.5) / 1e6, "late by, median%s", "");
    add_row(rows, "share", ratio((double)profile->copies, sample->count), "copies%s", "");
    add_row(rows, "share", ratio((double)profile->amounts.count, sample->count),
            "events with an amount%s", "");
    add_row(rows, "", profile_list_at(&profile->amounts, 0.5) / 1e4, "amount, median%s", "");
    add_row(rows, "bytes", ratio((double)sample->bytes, (double)sample->lines), "bytes of a line%s",
            "");
    for (uint32_t index = 0; index < sample->attribute_count; index++) {
        attribute_rows(profile, sample, index, rows);
    }
    return rows;
}
