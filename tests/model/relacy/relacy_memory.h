// SPDX-License-Identifier: Apache-2.0
// The memory of a run. What is freed twice or not at all fails it.
#pragma once

struct model_block {
    void (*destroy)(model_block *block);
    size_t count;
    size_t is_live;
    size_t padding;
};
inline long model_blocks; // live ones

// Becomes whatever it is assigned to; C gives the type only there.
struct model_memory {
    size_t count; // of elements, or 0
    size_t size_bytes;
    template <typename T> operator T *() const
    {
        size_t wanted = count > 0 ? count : size_bytes / sizeof(T);
        model_block *block = (model_block *)::malloc(sizeof(model_block) + wanted * sizeof(T));
        *block = {destroy<T>, wanted, 1, 0};
        model_blocks++;
        T *elements = (T *)(block + 1);
        for (size_t i = 0; i < wanted; i++) {
            ::new ((void *)(elements + i)) T();
        }
        return elements;
    }

    template <typename T> static void destroy(model_block *block)
    {
        T *elements = (T *)(block + 1);
        for (size_t i = 0; i < block->count; i++) {
            elements[i].~T();
        }
    }
};

inline model_memory memory_allocate_zeroed(size_t count, size_t size)
{
    return {count, count * size};
}
inline model_memory memory_allocate_aligned(size_t, size_t size_bytes)
{
    return {0, size_bytes};
}

inline void memory_free(void *memory)
{
    if (memory == nullptr) {
        return;
    }
    model_block *block = (model_block *)memory - 1;
    RL_ASSERT(block->is_live == 1);
    block->is_live = 0;
    block->destroy(block);
    model_blocks--;
    ::free(block);
}
