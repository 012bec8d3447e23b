// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/json_scan.h"

#include "ingest/decode/json_shape.h"
#include "storage/base/memory.h"

#define TAPE_KEPT_COUNT ((size_t)64 * 1024)

void json_capture_init(struct json_capture *capture, const struct json_plan *plan)
{
    *capture = (struct json_capture){0};
    capture->fields = memory_allocate_zeroed(plan->field_count + 1u, sizeof(*capture->fields));
    capture->stamps = memory_allocate_zeroed(plan->node_count + 1u, sizeof(*capture->stamps));
    capture->shapes = json_shape_create(plan);
}

void json_capture_deinit(struct json_capture *capture)
{
    memory_free(capture->fields);
    memory_free(capture->tape);
    memory_free(capture->stamps);
    json_shape_destroy(capture->shapes);
    *capture = (struct json_capture){0};
}

void json_capture_shrink(struct json_capture *capture)
{
    if (capture->tape_capacity > TAPE_KEPT_COUNT) {
        memory_free(capture->tape);
        capture->tape = NULL;
        capture->tape_count = 0;
        capture->tape_capacity = 0;
    }
}
