// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/json_shape.h"

#include "storage/base/cpu.h"
#include "storage/base/memory.h"

#include <string.h>

#define CREDIT_MAX 64    ///< what a long run of taken documents is worth
#define MISS_COST 4      ///< in documents taken
#define PAUSE_FIRST 64u  ///< documents
#define PAUSE_MAX 16384u ///< documents

static void forget(struct json_shapes *shapes)
{
    shapes->step_count = 1;
    shapes->context_count = 1;
    shapes->pool_used = 0;
    shapes->path_count = 0;
    shapes->full = false;
    shapes->forgotten++;
    memset(shapes->buckets, 0, sizeof(shapes->buckets));
    shapes->contexts[0] = (struct json_context){.node = JSON_NODE_NONE};
    // What follows nothing yet follows this: it never fits where it leads anywhere.
    struct json_step *start = &shapes->steps[JSON_SHAPE_NONE];
    *start = (struct json_step){.mask = UINT32_MAX, .size = JSON_SHAPE_INLINE_SIZE};
    memset(start->literal, 1, sizeof(start->literal));
}

struct json_shapes *json_shape_create(const struct json_plan *plan)
{
    if (plan->unroll_node != JSON_NODE_NONE || plan->nodes[0].field != FIELD_NONE) {
        return NULL;
    }
    struct json_shapes *shapes = memory_allocate_zeroed(1, sizeof(*shapes));
    shapes->spare_field = plan->field_count;
    shapes->credit = CREDIT_MAX;
    shapes->pause_next = PAUSE_FIRST;
    forget(shapes);
    return shapes;
}

void json_shape_destroy(struct json_shapes *shapes)
{
    memory_free(shapes);
}

/// Documents that are never alike are tried now and then, ever more rarely.
static void pay(struct json_shapes *shapes)
{
    shapes->misses++;
    shapes->credit -= MISS_COST;
    if (shapes->credit >= 0) {
        return;
    }
    shapes->credit = CREDIT_MAX / 2;
    shapes->pause = shapes->pause_next;
    shapes->pause_next = shapes->pause_next < PAUSE_MAX ? shapes->pause_next * 2 : PAUSE_MAX;
    if (shapes->full) {
        forget(shapes);
    }
}

void json_shape_learn(const struct json_plan *plan, struct text text, struct json_capture *capture,
                      bool sound)
{
    struct json_shapes *shapes = capture->shapes;
    if (shapes->pause > 0) {
        shapes->pause--;
        return;
    }
    if (text.size < JSON_SHAPE_INLINE_SIZE) {
        return;
    }
    if (sound && !shapes->full) {
        json_shape_walk(shapes, plan, text);
    }
    pay(shapes);
}

static inline bool scan(const struct json_plan *plan, struct text text,
                        struct json_capture *capture)
{
#ifdef __x86_64__
    if (cpu_has_avx2()) {
        return json_shape_scan_avx2(plan, text, capture);
    }
#endif
    return json_shape_scan_plain(plan, text, capture);
}

static inline void earn(struct json_shapes *shapes)
{
    shapes->hits++;
    if (__builtin_expect(shapes->credit < CREDIT_MAX, 0) && ++shapes->credit == CREDIT_MAX) {
        shapes->pause_next = PAUSE_FIRST;
    }
}

bool json_shape_scan(const struct json_plan *plan, struct text text, struct json_capture *capture)
{
    if (!scan(plan, text, capture)) {
        return false;
    }
    earn(capture->shapes);
    return true;
}

const char *json_shape_line(const struct json_plan *plan, struct text lines,
                            struct json_capture *capture)
{
    const char *end = NULL;
#ifdef __x86_64__
    end = cpu_has_avx2() ? json_shape_line_avx2(plan, lines, capture)
                         : json_shape_line_plain(plan, lines, capture);
#else
    end = json_shape_line_plain(plan, lines, capture);
#endif
    if (__builtin_expect(end != NULL, 1)) {
        earn(capture->shapes);
    }
    return end;
}
