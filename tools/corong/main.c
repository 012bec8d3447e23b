// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/allocator.h"
#include "tools/corong/verbs.h"

int main(int argument_count, char **arguments)
{
    allocator_check();
    return (int)verbs_run(argument_count, arguments);
}
