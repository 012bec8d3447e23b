// SPDX-License-Identifier: Apache-2.0
/// What the processor offers beyond the baseline of the build. Thread: any.
#pragma once

#include <stdbool.h>

/// AVX2 with BMI1 and BMI2. Asked once; CORONG_CPU=scalar in the environment says no.
bool cpu_has_avx2(void);
