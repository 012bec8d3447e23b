// SPDX-License-Identifier: Apache-2.0
/// Lists of user ids that are numbers behind a common text. Keys
/// that follow from ids. Thread: as reader and writer.
#pragma once

#include "storage/segment/segment_private.h"

/// True where all strings (at least one) are one text, at most 255 bytes, and a decimal number of
/// at most 18 digits, either all of one length or all without leading zeros. Fills `numbers` (one
/// per string) and digits and prefix of `found`; the prefix borrows the first string.
bool segment_numbers_find(const struct dictionary *strings, uint64_t *numbers,
                          struct segment_strings *found);
/// As segment_strings_read() for such a list.
CORONG_MUST_CHECK enum corong_status segment_numbers_read(const struct segment_reader *reader,
                                                          const struct segment_strings *strings,
                                                          struct segment_scratch *scratch,
                                                          uint32_t *offsets, char *bytes,
                                                          struct corong_error *error);
/// Ids of a group whose numbers stand in ascending order: brought into the order of their keys,
/// which `keys_out` is filled with. Offsets and bytes, or keys, are NULL where nobody asks.
CORONG_MUST_CHECK enum corong_status
segment_numbers_read_ordered(const struct segment_reader *reader, const struct segment_group *group,
                             struct segment_scratch *scratch, uint32_t *offsets, char *bytes,
                             struct hash128 *keys_out, struct corong_error *error);
/// CORONG_CORRUPT where the numbers of such a list, which is said to ascend, do not.
CORONG_MUST_CHECK enum corong_status segment_numbers_check(const struct segment_reader *reader,
                                                           const struct segment_strings *strings,
                                                           struct segment_scratch *scratch,
                                                           struct corong_error *error);
/// Brings numbers that are all different into ascending order.
void segment_numbers_sort(uint64_t *numbers, uint32_t count);
/// Whether all keys of the group are hash_user() of their ids.
bool segment_keys_follow(const struct hash_secret *secret, const struct row_group *group);
