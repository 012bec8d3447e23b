// SPDX-License-Identifier: Apache-2.0
/// Lines gathered into messages of several lines, one line each (NDJSON). A keyed line waits with
/// the lines of its partition, so that the lines of a key stay in one partition and in their order;
/// such a message has no key, since it holds many. Thread: as the producer.
#pragma once

#include "ingest/produce/produce.h"

struct produce_pack_set;
/// Packs of at most `line_max` lines, and no larger than a message may be.
struct produce_pack_set *produce_pack_create(struct produce *produce, uint32_t line_max);
/// Adds a line; sends its pack where that is full. `by_key`: packs are kept by partition; a line
/// without a key then takes any.
CORONG_MUST_CHECK enum corong_status produce_pack_add(struct produce_pack_set *set,
                                                      const struct produce_message *line,
                                                      bool by_key, struct corong_error *error);
/// Sends all packs as they are.
CORONG_MUST_CHECK enum corong_status produce_pack_flush(struct produce_pack_set *set,
                                                        struct corong_error *error);
/// NULL-safe. Lines not yet sent are dropped.
void produce_pack_destroy(struct produce_pack_set *set);
