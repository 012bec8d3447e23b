// SPDX-License-Identifier: Apache-2.0
/// Memory of large arrays that grow: from PAGES_SIZE_MIN on they have pages of their own, which
/// move to a larger place without being copied. Smaller ones are memory_allocate()'s. The caller
/// remembers the size. Running out aborts. Thread: any.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PAGES_SIZE_MIN ((size_t)256 << 10)

/// As realloc: `size` bytes that begin with what the `from` bytes at `memory` held (NULL where
/// `from` is 0). Resident is what was touched.
void *pages_resize(void *memory, size_t from, size_t size) __attribute__((returns_nonnull));
/// As pages_resize() of nothing, zeroed, in huge pages where the system has any: for tables that
/// are looked up at random. (Columns gain less by huge pages than a virtual machine without any
/// beneath takes for them.)
void *pages_allocate_zeroed(size_t size) __attribute__((malloc, returns_nonnull));
/// NULL-safe. `size` as it was asked for.
void pages_free(void *memory, size_t size);
/// Bytes of all arrays with pages of their own: malloc's figures leave them out.
uint64_t pages_bytes(void);
