// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/funnel.h"

/// A suggestion further away than this, or than half the word, helps nobody.
#define DEFINITIONS_DISTANCE_MAX 3

const struct stage *definitions_stage(const struct definitions *definitions, struct text name)
{
    for (uint32_t index = 0; index < definitions->stage_count; index++) {
        if (text_equal(definitions->stages[index].name, name)) {
            return &definitions->stages[index];
        }
    }
    return NULL;
}

const struct funnel *definitions_funnel(const struct definitions *definitions, struct text name)
{
    for (uint32_t index = 0; index < definitions->funnel_count; index++) {
        if (text_equal(definitions->funnels[index].name, name)) {
            return &definitions->funnels[index];
        }
    }
    return NULL;
}

/// Keeps the nearer of `*nearest` and `candidate`; the earlier of equals.
static void definitions_consider(struct text name, struct text candidate, struct text *nearest,
                                 size_t *distance)
{
    size_t found = text_distance(name, candidate);
    size_t allowed = (name.size + 1) / 2;
    if (found < *distance && found <= allowed) {
        *nearest = candidate;
        *distance = found;
    }
}

struct text definitions_nearest_stage(const struct definitions *definitions, struct text name)
{
    struct text nearest = TEXT_MISSING;
    size_t distance = DEFINITIONS_DISTANCE_MAX + 1;
    for (uint32_t index = 0; index < definitions->stage_count; index++) {
        definitions_consider(name, definitions->stages[index].name, &nearest, &distance);
    }
    return nearest;
}

struct text definitions_nearest_funnel(const struct definitions *definitions, struct text name)
{
    struct text nearest = TEXT_MISSING;
    size_t distance = DEFINITIONS_DISTANCE_MAX + 1;
    for (uint32_t index = 0; index < definitions->funnel_count; index++) {
        definitions_consider(name, definitions->funnels[index].name, &nearest, &distance);
    }
    return nearest;
}
