// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/json_scan.h"

#include "ingest/decode/json_shape.h"

enum reject_reason json_scan_whole(const struct json_plan *plan, struct text text,
                                   struct json_capture *capture)
{
#ifdef __SSE2__
    return json_scan_sse2(plan, text, capture);
#else
    return json_scan_scalar(plan, text, capture);
#endif
}

enum reject_reason json_scan_unlike(const struct json_plan *plan, struct text text,
                                    struct json_capture *capture)
{
    enum reject_reason reason = json_scan_whole(plan, text, capture);
    if (capture->shapes != NULL) {
        json_shape_learn(plan, text, capture, reason == REJECT_NONE);
    }
    return reason;
}

enum reject_reason json_scan(const struct json_plan *plan, struct text text,
                             struct json_capture *capture)
{
    if (capture->shapes != NULL && json_shape_scan(plan, text, capture)) {
        return REJECT_NONE;
    }
    return json_scan_unlike(plan, text, capture);
}
