// SPDX-License-Identifier: Apache-2.0
/// Few numbers compared all with all, which for so few is less work than a table. The _scalar forms
/// are the specification; the _avx2 forms give the same; the plain names choose once per process.
/// Private to this folder. Thread: any.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BLOCK_REPEATS_MAX 128u ///< numbers at most
/// Such an array of numbers is longer by so many, which are not looked at but read.
#define BLOCK_REPEATS_BEYOND 8u

/// How many numbers an earlier one is equal to.
uint32_t block_repeats_count(const uint32_t *numbers, uint32_t count);
uint32_t block_repeats_count_scalar(const uint32_t *numbers, uint32_t count);
uint32_t block_repeats_count_avx2(const uint32_t *numbers, uint32_t count);

/// Whether some number is among both.
bool block_repeats_meet(const uint32_t *left, uint32_t left_count, const uint32_t *right,
                        uint32_t right_count);
bool block_repeats_meet_scalar(const uint32_t *left, uint32_t left_count, const uint32_t *right,
                               uint32_t right_count);
bool block_repeats_meet_avx2(const uint32_t *left, uint32_t left_count, const uint32_t *right,
                             uint32_t right_count);
