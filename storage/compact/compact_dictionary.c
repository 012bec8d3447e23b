// SPDX-License-Identifier: Apache-2.0
#include "storage/compact/compact_dictionary.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

/// The inputs that are not used up, as a heap by their next entry.
struct merge_heap {
    const struct dictionary *const *inputs;
    uint32_t *next;  ///< per input: its next code
    uint32_t *order; ///< heap of input indices
    uint32_t count;
};

static struct text head_of(const struct merge_heap *heap, uint32_t input)
{
    return dictionary_text(heap->inputs[input], heap->next[input]);
}

static bool is_before(const struct merge_heap *heap, uint32_t left, uint32_t right)
{
    return text_compare(head_of(heap, left), head_of(heap, right)) < 0;
}

static void heap_sink(struct merge_heap *heap, uint32_t at)
{
    uint32_t moved = heap->order[at];
    for (uint32_t child = at * 2 + 1; child < heap->count; child = at * 2 + 1) {
        if (child + 1 < heap->count &&
            is_before(heap, heap->order[child + 1], heap->order[child])) {
            child++;
        }
        if (!is_before(heap, heap->order[child], moved)) {
            break;
        }
        heap->order[at] = heap->order[child];
        at = child;
    }
    heap->order[at] = moved;
}

static void heap_init(struct merge_heap *heap, const struct dictionary *const *inputs,
                      uint32_t input_count)
{
    heap->inputs = inputs;
    heap->next = memory_allocate_zeroed(input_count, sizeof(*heap->next));
    heap->order = memory_allocate_zeroed(input_count, sizeof(*heap->order));
    heap->count = 0;
    for (uint32_t input = 0; input < input_count; input++) {
        if (inputs[input] != NULL && inputs[input]->count > 0) {
            heap->order[heap->count++] = input;
        }
    }
    for (uint32_t at = heap->count / 2; at > 0; at--) {
        heap_sink(heap, at - 1);
    }
}

/// Moves the top input on by one entry.
static void heap_advance(struct merge_heap *heap)
{
    uint32_t input = heap->order[0];
    heap->next[input]++;
    if (heap->next[input] == heap->inputs[input]->count) {
        heap->order[0] = heap->order[--heap->count];
    }
    if (heap->count > 0) {
        heap_sink(heap, 0);
    }
}

/// The growing result.
struct merge_output {
    struct text_buffer bytes;
    uint32_t *offsets;
    uint32_t count;
    uint32_t capacity;
};

static bool output_append(struct merge_output *output, struct text entry)
{
    if (output->count > 0) {
        struct text last = {output->bytes.bytes + output->offsets[output->count - 1],
                            output->bytes.size - output->offsets[output->count - 1]};
        if (text_equal(last, entry)) {
            return true;
        }
    }
    if (output->bytes.size + entry.size > UINT32_MAX || output->count >= COLUMN_CODE_MISSING - 1) {
        return false;
    }
    if (output->count + 2 > output->capacity) {
        output->capacity = output->capacity * 2 + 64;
        output->offsets =
            memory_resize_array(output->offsets, output->capacity, sizeof(*output->offsets));
    }
    output->offsets[output->count] = (uint32_t)output->bytes.size;
    text_buffer_append_text(&output->bytes, entry);
    output->count++;
    return true;
}

static bool merge_all(struct merge_heap *heap, struct merge_output *output, uint32_t **remaps)
{
    while (heap->count > 0) {
        uint32_t input = heap->order[0];
        if (!output_append(output, head_of(heap, input))) {
            return false;
        }
        remaps[input][heap->next[input]] = output->count - 1;
        heap_advance(heap);
    }
    return true;
}

static void allocate_remaps(struct compact_dictionary *dictionary,
                            const struct dictionary *const *inputs, uint32_t input_count)
{
    dictionary->remap_count = input_count;
    dictionary->remaps = memory_allocate_zeroed(input_count, sizeof(*dictionary->remaps));
    for (uint32_t input = 0; input < input_count; input++) {
        if (inputs[input] != NULL) {
            dictionary->remaps[input] =
                memory_allocate_zeroed(inputs[input]->count, sizeof(uint32_t));
        }
    }
}

/// A dictionary whose last code stays keeps them all: the table is strictly ascending.
static void drop_identities(struct compact_dictionary *dictionary,
                            const struct dictionary *const *inputs)
{
    for (uint32_t input = 0; input < dictionary->remap_count; input++) {
        uint32_t count = inputs[input] == NULL ? 0 : inputs[input]->count;
        if (count == 0 || dictionary->remaps[input][count - 1] == count - 1) {
            memory_free(dictionary->remaps[input]);
            dictionary->remaps[input] = NULL;
        }
    }
}

enum corong_status compact_dictionary_merge(struct compact_dictionary *dictionary,
                                            const struct dictionary *const *inputs,
                                            uint32_t input_count, struct corong_error *error)
{
    ASSERT(dictionary->remaps == NULL);
    struct merge_heap heap;
    heap_init(&heap, inputs, input_count);
    allocate_remaps(dictionary, inputs, input_count);
    struct merge_output output = {0};
    bool fits = merge_all(&heap, &output, dictionary->remaps);
    memory_free(heap.next);
    memory_free(heap.order);
    output.offsets =
        memory_resize_array(output.offsets, output.count + (size_t)1, sizeof(*output.offsets));
    output.offsets[output.count] = (uint32_t)output.bytes.size;
    dictionary->merged = (struct dictionary){
        .count = output.count, .offsets = output.offsets, .bytes = output.bytes.bytes};
    drop_identities(dictionary, inputs);
    return fits ? CORONG_OK
                : error_set(error, CORONG_NO_MEMORY,
                            "the distinct strings of one column pass 4 GiB; "
                            "use a shorter period for this store");
}

void compact_dictionary_deinit(struct compact_dictionary *dictionary)
{
    for (uint32_t input = 0; input < dictionary->remap_count; input++) {
        memory_free(dictionary->remaps[input]);
    }
    memory_free(dictionary->remaps);
    memory_free((void *)(uintptr_t)dictionary->merged.offsets);
    memory_free((void *)(uintptr_t)dictionary->merged.bytes);
    *dictionary = (struct compact_dictionary){0};
}
