// SPDX-License-Identifier: Apache-2.0
/// Any bytes as a sample of a log: there is a proposal that is a configuration and reads something,
/// but where only Kafka knows who or when, or an error with a message.
#include "storage/base/invariant.h"
#include "tools/config/config.h"
#include "tools/corong/guess.h"
#include "tools/init/init.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct text_buffer out = {0};
    struct init_outcome outcome = {0};
    struct corong_error error = {0};
    struct text sample = {(const char *)data, size};
    if (size > 0 &&
        init_propose("a\nlog", sample, guess_line, &arena, &out, &outcome, &error) == CORONG_OK) {
        struct yaml_walk walk;
        struct mapping *mapping;
        struct text text = {out.bytes, out.size};
        enum corong_status status = yaml_walk_open_text(&walk, "proposal", text, &error);
        ASSERT(status == CORONG_OK);
        yaml_walk_close(&walk);
        status = config_parse_mapping(&mapping, &arena, "proposal", text, &error);
        bool asks_kafka = memmem(out.bytes, out.size, ": kafka.", strlen(": kafka.")) != NULL;
        ASSERT(status == CORONG_OK && (outcome.events > 0 || asks_kafka));
    } else {
        ASSERT(size == 0 || error.message[0] != '\0');
    }
    text_buffer_deinit(&out);
    arena_deinit(&arena);
    return 0;
}
