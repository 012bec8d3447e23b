// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/json_lanes.h"

#include "storage/base/cpu.h"
#include "storage/base/memory.h"

#include <string.h>

#define CREDIT_MAX 32 ///< what a long run of taken lines is worth
#define MISSES_KEPT 2 ///< tries one after the other until other steps are expected
#define MISS_COST 6   ///< in tries that took their lines
#define MISSED_MAX (JSON_LANE_COUNT * 4u) ///< wrong guesses of a group where guessing pays
#define PAUSE_FIRST 64u                   ///< lines
#define PAUSE_MAX 16384u                  ///< lines

struct json_lanes *json_lanes_create(const struct json_plan *plan)
{
    size_t field_count = plan->field_count + 1u;
    struct json_lanes *lanes = memory_allocate_aligned(64, sizeof(*lanes));
    memset(lanes, 0, sizeof(*lanes));
    struct decode_field *fields =
        memory_allocate_zeroed(JSON_LANE_COUNT * field_count, sizeof(*fields));
    for (uint32_t lane = 0; lane < JSON_LANE_COUNT; lane++) {
        lanes->fields[lane] = fields + lane * field_count;
    }
    lanes->field_count = (uint32_t)field_count;
    lanes->alike_trust = lanes->mixed_trust = lanes->guess_trust =
        (struct json_lanes_trust){.credit = CREDIT_MAX, .pause_next = PAUSE_FIRST};
    return lanes;
}

void json_lanes_destroy(struct json_lanes *lanes)
{
    if (lanes != NULL) {
        memory_free(lanes->fields[0]);
        memory_free(lanes);
    }
}

/// A container met twice: what the first one had below it would have to be forgotten.
static bool enters_twice(const struct json_shapes *shapes)
{
    uint16_t entered[JSON_SHAPE_PATH_COUNT * JSON_SHAPE_ENTERED_COUNT];
    uint32_t count = 0;
    for (uint32_t number = 0; number < shapes->path_count; number++) {
        const struct json_step *step = &shapes->steps[shapes->path[number]];
        for (uint32_t index = 0; index < step->entered_count; index++) {
            for (uint32_t other = 0; other < count; other++) {
                if (entered[other] == step->entered[index]) {
                    return true;
                }
            }
            entered[count++] = step->entered[index];
        }
    }
    return false;
}

static struct json_lane_step lane_step(const struct json_shapes *shapes,
                                       const struct json_step *step)
{
    struct json_lane_step made = {
        .size = step->size, .field = step->field, .value = step->value, .wide = false};
    size_t inline_size = step->size < JSON_SHAPE_INLINE_SIZE ? step->size : JSON_SHAPE_INLINE_SIZE;
    memcpy(made.literal, step->literal, inline_size);
    memset(made.mask, 0xff, inline_size);
    if (step->size > JSON_SHAPE_INLINE_SIZE) {
        made.rest = shapes->pool + step->pool_at + JSON_SHAPE_INLINE_SIZE;
        made.rest_size = (uint16_t)(step->size - JSON_SHAPE_INLINE_SIZE);
    }
    return made;
}

/// The steps that the last document took, unless those before did well: one line that is unlike
/// among many is no reason to expect others. What a lane's fields hold of others is forgotten: the
/// same steps fill the same fields.
static void follow(const struct json_shapes *shapes, struct json_lanes *lanes)
{
    uint32_t count = shapes->path_count;
    bool known = lanes->count > 0 && lanes->forgotten == shapes->forgotten;
    if (known && (lanes->alike_trust.misses < MISSES_KEPT ||
                  (lanes->count == count &&
                   memcmp(lanes->path, shapes->path, count * sizeof(*lanes->path)) == 0))) {
        return;
    }
    lanes->count = 0;
    if (count == 0 || count + 1 >= JSON_SHAPE_PATH_COUNT || enters_twice(shapes)) {
        return;
    }
    for (uint32_t index = 0; index < count; index++) {
        lanes->steps[index] = lane_step(shapes, &shapes->steps[shapes->path[index]]);
    }
    memcpy(lanes->path, shapes->path, count * sizeof(*lanes->path));
    lanes->mixed = true;
    lanes->forgotten = shapes->forgotten;
    lanes->count = count;
}

void json_lanes_seek_plain(struct json_lines *index, struct text lines)
{
    while (index->count < JSON_LINES_COUNT && index->sought < lines.size) {
        const char *from = lines.bytes + index->sought;
        const char *end = memchr(from, '\n', lines.size - index->sought);
        index->sought = end == NULL ? (uint32_t)lines.size : (uint32_t)(end + 1 - lines.bytes);
        if (end != NULL) {
            index->ends[index->count++] = (uint32_t)(end - lines.bytes);
        }
    }
}

static void seek(struct json_lines *index, struct text lines)
{
    uint32_t left = index->count - index->next;
    memmove(index->ends, index->ends + index->next, left * sizeof(*index->ends));
    index->count = left;
    index->next = 0;
#ifdef __x86_64__
    if (cpu_has_avx2()) {
        json_lanes_seek_avx2(index, lines);
        return;
    }
#endif
    json_lanes_seek_plain(index, lines);
}

bool json_lanes_seek(const struct json_shapes *shapes, struct json_lanes *lanes,
                     struct json_lines *index, struct text lines, const char *begin)
{
    uint32_t at = (uint32_t)(begin - lines.bytes);
    if (lanes->alike_trust.pause > 0 && lanes->mixed_trust.pause > 0) {
        lanes->alike_trust.pause--;
        lanes->mixed_trust.pause--;
        return false;
    }
    if (shapes->step_count <= 1) {
        return false;
    }
    while (index->next < index->count && index->ends[index->next] < at) {
        index->next++;
    }
    if (index->count - index->next < JSON_LANE_COUNT && index->sought < lines.size) {
        index->sought = index->sought < at ? at : index->sought;
        seek(index, lines);
    }
    return index->count - index->next >= JSON_LANE_COUNT;
}

static bool settle(struct json_lanes_trust *trust, bool taken)
{
    if (taken) {
        trust->hits += JSON_LANE_COUNT;
        trust->misses = 0;
        if (trust->credit < CREDIT_MAX && ++trust->credit == CREDIT_MAX) {
            trust->pause_next = PAUSE_FIRST;
        }
        return true;
    }
    trust->misses++;
    trust->pause = JSON_LANE_COUNT - 1; // one of these lines is unlike: it would be met again
    trust->credit -= MISS_COST;
    if (trust->credit < 0) {
        trust->credit = CREDIT_MAX / 2;
        trust->pause = trust->pause_next;
        trust->pause_next = trust->pause_next < PAUSE_MAX ? trust->pause_next * 2 : PAUSE_MAX;
    }
    return false;
}

/// After lines that went each its own way.
static void settle_guesses(struct json_lanes *lanes, bool taken)
{
    struct json_lanes_trust *trust = &lanes->guess_trust;
    if (trust->pause > 0) {
        trust->pause -= trust->pause < JSON_LANE_COUNT ? trust->pause : JSON_LANE_COUNT;
    } else if (taken) {
        settle(trust, lanes->missed_count <= MISSED_MAX);
    }
}

static inline bool alike(struct json_capture *capture, struct json_lanes *lanes,
                         const struct json_lanes_group *group)
{
    if (__builtin_expect(lanes->mixed, 0)) {
        memset(lanes->fields[0], 0,
               JSON_LANE_COUNT * lanes->field_count * sizeof(*lanes->fields[0]));
        lanes->mixed = false;
    }
#ifdef __x86_64__
    if (cpu_has_avx2()) {
        return json_lanes_alike_avx2(capture, lanes, group);
    }
#endif
    return json_lanes_alike_plain(capture, lanes, group);
}

static inline bool mixed(struct json_capture *capture, struct json_lanes *lanes,
                         const struct json_lanes_group *group)
{
    lanes->mixed = true;
#ifdef __x86_64__
    if (cpu_has_avx2()) {
        return json_lanes_mixed_avx2(capture, lanes, group);
    }
#endif
    return json_lanes_mixed_plain(capture, lanes, group);
}

bool json_lanes_take(const struct json_plan *plan, struct json_capture *capture,
                     struct json_lanes *lanes, const struct json_lines *index, struct text lines,
                     const char *begin)
{
    struct json_lanes_group group = {{begin}, lines, plan->field_count};
    struct json_lanes_trust *trust = &lanes->alike_trust;
    for (uint32_t lane = 0; lane < JSON_LANE_COUNT; lane++) {
        group.begins[lane + 1] = lines.bytes + index->ends[index->next + lane] + 1;
    }
    if (trust->pause == 0) {
        follow(capture->shapes, lanes);
        if (lanes->count > 0 && settle(trust, alike(capture, lanes, &group))) {
            return true;
        }
    }
    if (lanes->mixed_trust.pause > 0) {
        lanes->mixed_trust.pause--;
        return false;
    }
    lanes->missed_count = 0;
    bool taken = settle(&lanes->mixed_trust, mixed(capture, lanes, &group));
    settle_guesses(lanes, taken);
    uint32_t passed = taken ? JSON_LANE_COUNT : 1;
    trust->pause -= trust->pause < passed ? trust->pause : passed;
    return taken;
}
