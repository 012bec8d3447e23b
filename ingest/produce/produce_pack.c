// SPDX-License-Identifier: Apache-2.0
#include "ingest/produce/produce_pack.h"

#include "storage/base/memory.h"

struct pack {
    struct text_buffer lines;
    uint32_t line_count;
    int64_t timestamp_us; ///< the latest of its lines
    int32_t partition;
};

struct produce_pack_set {
    struct produce *produce;
    struct pack *packs; ///< one per partition, and a last one for what has none
    uint32_t partition_count;
    uint32_t line_max;
    size_t size_max;
    uint32_t next_partition; ///< for lines without a key
};

struct produce_pack_set *produce_pack_create(struct produce *produce, uint32_t line_max)
{
    struct produce_pack_set *set = memory_allocate_zeroed(1, sizeof(*set));
    set->produce = produce;
    set->partition_count = produce_partition_count(produce);
    set->line_max = line_max;
    set->size_max = produce_message_size_max(produce);
    set->packs = memory_allocate_zeroed(set->partition_count + 1u, sizeof(*set->packs));
    for (uint32_t index = 0; index <= set->partition_count; index++) {
        bool any = index == set->partition_count;
        set->packs[index].partition = any ? METADATA_NO_PARTITION : (int32_t)index;
        set->packs[index].timestamp_us = METADATA_NO_TIMESTAMP;
    }
    return set;
}

static enum corong_status send_pack(struct produce_pack_set *set, struct pack *pack,
                                    struct corong_error *error)
{
    if (pack->line_count == 0) {
        return CORONG_OK;
    }
    struct produce_message message = {
        .bytes = {pack->lines.bytes, pack->lines.size},
        .key = TEXT_MISSING,
        .timestamp_us = pack->timestamp_us,
        .partition = pack->partition,
        .line_count = pack->line_count,
    };
    enum corong_status status = produce_send(set->produce, &message, error);
    text_buffer_reset(&pack->lines);
    pack->line_count = 0;
    pack->timestamp_us = METADATA_NO_TIMESTAMP;
    return status;
}

static struct pack *choose_pack(struct produce_pack_set *set, const struct produce_message *line,
                                bool by_key)
{
    if (!by_key) {
        return &set->packs[set->partition_count];
    }
    if (line->key.bytes != NULL) {
        return &set->packs[produce_partition_of(set->produce, line->key)];
    }
    set->next_partition = (set->next_partition + 1) % set->partition_count;
    return &set->packs[set->next_partition];
}

enum corong_status produce_pack_add(struct produce_pack_set *set,
                                    const struct produce_message *line, bool by_key,
                                    struct corong_error *error)
{
    struct pack *pack = choose_pack(set, line, by_key);
    if (pack->lines.size + 1 + line->bytes.size > set->size_max) {
        TRY(send_pack(set, pack, error));
    }
    if (pack->line_count > 0) {
        text_buffer_append_string(&pack->lines, "\n");
    }
    text_buffer_append_text(&pack->lines, line->bytes);
    pack->line_count++;
    if (line->timestamp_us > pack->timestamp_us) {
        pack->timestamp_us = line->timestamp_us;
    }
    return pack->line_count == set->line_max ? send_pack(set, pack, error) : CORONG_OK;
}

enum corong_status produce_pack_flush(struct produce_pack_set *set, struct corong_error *error)
{
    for (uint32_t index = 0; index <= set->partition_count; index++) {
        TRY(send_pack(set, &set->packs[index], error));
    }
    return CORONG_OK;
}

void produce_pack_destroy(struct produce_pack_set *set)
{
    if (set == NULL) {
        return;
    }
    for (uint32_t index = 0; index <= set->partition_count; index++) {
        text_buffer_deinit(&set->packs[index].lines);
    }
    memory_free(set->packs);
    memory_free(set);
}
