// SPDX-License-Identifier: Apache-2.0
/// Four bytes of an open hash table that is never more than half full, so that many lie in the near
/// caches: the low bits, as many as choose the slot, are a number plus one, or 0 where it is empty;
/// what is left above them is a part of the hash that did not choose it.
///
/// Thread: values.
#pragma once

#include <stdint.h>

/// `mask` is the slots' count, a power of two, less one; `tag` any 32 bits of the hash but its
/// lowest.
static inline uint32_t table_slot_of(uint32_t tag, uint32_t number, uint32_t mask)
{
    return (tag & ~mask) | (number + 1);
}

/// 0: the slot is empty.
static inline uint32_t table_slot_number_plus_one(uint32_t slot, uint32_t mask)
{
    return slot & mask;
}

/// True where a slot that is not empty may be of this tag.
static inline uint32_t table_slot_may_be(uint32_t slot, uint32_t tag, uint32_t mask)
{
    return ((slot ^ tag) & ~mask) == 0;
}
