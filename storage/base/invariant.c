// SPDX-License-Identifier: Apache-2.0
#include "storage/base/invariant.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void invariant_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "corong: broken invariant at %s:%d: %s\n", file, line, condition);
    abort();
}
