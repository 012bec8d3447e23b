// SPDX-License-Identifier: Apache-2.0
// Requests that anybody may send to a server's socket.
#include "tools/serve/protocol.h"

#include "storage/base/invariant.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/// What was accepted keeps the promises of the header.
static void check(const struct protocol_request *request)
{
    ASSERT(request->age_max_us >= 0 && request->age_max_us <= PROTOCOL_AGE_US_MAX);
    ASSERT(request->descriptor_count <= 1);
    ASSERT(request->path_count <= PROTOCOL_PATH_COUNT_MAX);
    if (request->verb == PROTOCOL_REPLAY) {
        ASSERT(request->mapping != NULL && request->path_count > 0);
    }
    for (uint32_t index = 0; index < request->path_count; index++) {
        ASSERT(request->paths[index][0] == '/' || strcmp(request->paths[index], "-") == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct protocol_request request;
    struct corong_error error = {0};
    struct text text = {(const char *)bytes, size};
    if (protocol_request_parse(&request, text, &error) == CORONG_OK) {
        check(&request);
        protocol_request_deinit(&request);
    } else {
        ASSERT(error.status != CORONG_OK && error.message[0] != '\0');
    }
    json_t *reply;
    if (protocol_reply_parse(&reply, text, &error) == CORONG_OK) {
        (void)protocol_count(reply, "descriptors");
        json_decref(reply);
    }
    return 0;
}
