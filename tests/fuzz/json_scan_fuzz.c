// SPDX-License-Identifier: Apache-2.0
/// The scanner against itself: a verdict may not depend on what is mapped, captured slices lie
/// inside the text and decode to valid UTF-8, and a refused document stays refused when cut at its
/// fault. Of two documents on two lines the second is scanned by what was learned of the first.
#include "ingest/decode/json_scan.h"
#include "ingest/decode/utf8_check.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

static struct arena arena;
static struct json_plan plans[3];
static struct json_capture captures[3];

static void plans_open(void)
{
    static const struct text a[] = {{"a", 1}};
    static const struct text ab[] = {{"a", 1}, {"b", 1}};
    static const struct text long_key[] = {{"a", 1}, {"a long key", 10}};
    static const struct text list[] = {{"l", 1}};
    struct json_path paths[] = {{a, 1, false, 0},
                                {ab, 2, false, 0},
                                {long_key, 2, false, 0},
                                {ab, 2, true, 0},
                                {a, 1, true, 0}};
    struct json_path array = {list, 1, false, 0};
    json_plan_build(&plans[0], &arena, paths, 0, NULL);
    json_plan_build(&plans[1], &arena, paths, 3, NULL);
    json_plan_build(&plans[2], &arena, paths, 5, &array);
    for (int index = 0; index < 3; index++) {
        json_capture_init(&captures[index], &plans[index]);
    }
}

static void check_slice(struct text text, const char *bytes, uint32_t size, uint8_t kind,
                        uint8_t escape)
{
    if (kind == FIELD_MISSING) {
        return;
    }
    ASSERT(bytes >= text.bytes && bytes + size <= text.bytes + text.size);
    if (kind == FIELD_STRING && escape == FIELD_ESCAPED_JSON) {
        char *to = memory_allocate(size);
        size_t used = json_string_unescape((struct text){bytes, size}, to);
        ASSERT(used <= size && utf8_check((struct text){to, used}) == NULL);
        memory_free(to);
    }
}

static void check_capture(struct text text, const struct json_plan *plan,
                          const struct json_capture *capture)
{
    for (uint16_t field = 0; field < plan->field_count; field++) {
        const struct decode_field *found = &capture->fields[field];
        check_slice(text, found->bytes, found->size, found->kind, found->escape);
    }
    uint32_t elements = 0;
    for (size_t index = 0; index < capture->tape_count; index++) {
        const struct json_tape_entry *entry = &capture->tape[index];
        elements += entry->operation == JSON_TAPE_ELEMENT;
        if (entry->operation == JSON_TAPE_FIELD) {
            ASSERT(entry->first < plan->field_count);
            check_slice(text, text.bytes + entry->offset, entry->size, entry->value & 15,
                        entry->value >> 4);
        }
    }
    ASSERT(elements == capture->element_count);
    ASSERT(capture->tape_count * sizeof(*capture->tape) <= 6 * text.size);
}

/// Every kernel finds what the scalar one finds.
static void check_kernels(struct text text, const struct json_plan *plan,
                          const struct json_capture *found, enum reject_reason verdict)
{
    struct json_capture scalar;
    json_capture_init(&scalar, plan);
    ASSERT(json_scan_scalar(plan, text, &scalar) == verdict);
    ASSERT(scalar.tape_count == found->tape_count && scalar.element_count == found->element_count);
    ASSERT(verdict == REJECT_NONE || scalar.fault_at == found->fault_at);
    for (uint16_t field = 0; field < plan->field_count; field++) {
        const struct decode_field *left = &scalar.fields[field];
        const struct decode_field *right = &found->fields[field];
        ASSERT(left->bytes == right->bytes && left->size == right->size);
        ASSERT(left->kind == right->kind && left->escape == right->escape);
    }
    ASSERT(scalar.tape_count == 0 ||
           memcmp(scalar.tape, found->tape, scalar.tape_count * sizeof(*scalar.tape)) == 0);
    json_capture_deinit(&scalar);
}

static void check_learned(struct text text, const struct json_plan *plan)
{
    const char *line_end = text.size == 0 ? NULL : memchr(text.bytes, '\n', text.size);
    if (line_end == NULL) {
        return;
    }
    struct text first = {text.bytes, (size_t)(line_end - text.bytes)};
    struct text second = {line_end + 1, text.size - first.size - 1};
    struct json_capture learned;
    json_capture_init(&learned, plan);
    json_scan(plan, first, &learned);
    check_kernels(second, plan, &learned, json_scan(plan, second, &learned));
    check_kernels(first, plan, &learned, json_scan(plan, first, &learned));
    json_capture_deinit(&learned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (plans[0].nodes == NULL) {
        plans_open();
    }
    struct text text = {(const char *)data, size};
    enum reject_reason verdict = json_scan(&plans[0], text, &captures[0]);
    for (int index = 1; index < 3; index++) {
        ASSERT(json_scan(&plans[index], text, &captures[index]) == verdict);
        check_kernels(text, &plans[index], &captures[index], verdict);
        check_learned(text, &plans[index]);
        if (verdict == REJECT_NONE) {
            ASSERT(utf8_check(text) == NULL);
            check_capture(text, &plans[index], &captures[index]);
        } else {
            ASSERT(captures[index].fault_at == captures[0].fault_at);
        }
    }
    if (verdict == REJECT_NOT_JSON || verdict == REJECT_TRUNCATED) {
        struct text head = {text.bytes, captures[0].fault_at};
        enum reject_reason again = json_scan(&plans[0], head, &captures[0]);
        ASSERT(again == REJECT_NONE || again == REJECT_TRUNCATED);
    }
    return 0;
}
