// SPDX-License-Identifier: Apache-2.0
// One number for a whole shape: two shapes with the same one make the same lines.
#include "storage/base/hash.h"
#include "tools/crowd/crowd.h"

#include <string.h>

static void add(uint64_t *digest, uint64_t value)
{
    *digest = crowd_mix(*digest ^ value);
}

static void add_word(uint64_t *digest, const char *word)
{
    add(digest, hash_bytes64(word, strlen(word)));
}

static void add_many(uint64_t *digest, const uint64_t *values, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++) {
        add(digest, values[index]);
    }
}

static void add_spread(uint64_t *digest, const struct crowd_spread *spread)
{
    for (uint32_t part = 0; part < CROWD_SPREAD_COUNT; part++) {
        add(digest, (uint64_t)spread->body[part]);
        add(digest, (uint64_t)spread->top[part]);
    }
}

static void add_attribute(uint64_t *digest, const struct crowd_attribute *attribute)
{
    add_word(digest, attribute->name);
    add(digest, (uint64_t)attribute->type);
    add(digest, (uint64_t)attribute->level);
    add(digest, attribute->keep);
    add_many(digest, attribute->present, CROWD_NAME_COUNT_MAX);
    add(digest, attribute->bucket_count);
    for (uint32_t index = 0; index < attribute->bucket_count; index++) {
        add(digest, attribute->buckets[index].value_count);
        add(digest, attribute->buckets[index].share_end);
    }
    add(digest, attribute->value_size);
    add_spread(digest, &attribute->numbers);
}

static void add_names(uint64_t *digest, const struct crowd_shape *shape)
{
    add(digest, shape->name_count);
    for (uint32_t name = 0; name < shape->name_count; name++) {
        add_word(digest, shape->names[name]);
        add_many(digest, shape->follows[name], shape->name_count);
    }
    add_many(digest, shape->follows[shape->name_count], shape->name_count);
    add_many(digest, shape->amount_share, shape->name_count);
}

uint64_t crowd_shape_digest(const struct crowd_shape *shape)
{
    uint64_t digest = 0;
    const uint64_t numbers[] = {
        shape->seed,
        shape->event_count,
        (uint64_t)shape->start_us,
        (uint64_t)shape->time_unit_us,
        shape->user_count,
        shape->skew_milli,
        (uint64_t)shape->session_events_256,
        (uint64_t)shape->span_us,
        (uint64_t)shape->session_timeout_us,
        shape->late_share,
        shape->copy_share,
        shape->event_ids,
        shape->line_size,
        shape->user_size,
    };
    add_many(&digest, numbers, sizeof(numbers) / sizeof(numbers[0]));
    add_spread(&digest, &shape->sessions);
    add_spread(&digest, &shape->events);
    add_spread(&digest, &shape->gaps);
    add_spread(&digest, &shape->amounts);
    add_spread(&digest, &shape->late);
    add_many(&digest, shape->hours, CROWD_HOUR_COUNT);
    add_names(&digest, shape);
    add(&digest, shape->attribute_count);
    for (uint32_t index = 0; index < shape->attribute_count; index++) {
        add_attribute(&digest, &shape->attributes[index]);
    }
    add_word(&digest, shape->currency);
    return digest;
}
