// SPDX-License-Identifier: Apache-2.0
#include "tests/support/config_text.h"

#include "storage/base/invariant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void config_text_write(const char *yaml, char *path_out)
{
    snprintf(path_out, 64, "/tmp/corong-test-XXXXXX.yaml");
    int descriptor = mkstemps(path_out, 5);
    ASSERT(descriptor >= 0);
    ASSERT(write(descriptor, yaml, strlen(yaml)) == (ssize_t)strlen(yaml));
    close(descriptor);
}

void config_text_remove(const char *path)
{
    unlink(path);
}

enum corong_status config_text_load(struct config *config, struct arena *arena, const char *yaml,
                                    struct corong_error *error)
{
    char path[64];
    config_text_write(yaml, path);
    config_init(config, arena);
    enum corong_status status = config_load(config, arena, path, error);
    config_text_remove(path);
    return status;
}
