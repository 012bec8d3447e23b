// SPDX-License-Identifier: Apache-2.0
/// Links as they are left beside the segments they were found in (storage/FORMAT.md, Derived): what
/// the pass over all users for them gives, and nothing that depends on the moment asked for.
#include "engine/query/identity/identity_private.h"
#include "storage/base/bytes.h"
#include "storage/base/memory.h"

#define LINK_SIZE_MIN (3 * sizeof(int64_t) + 1 + 2 * sizeof(uint32_t)) ///< of two empty ids

static struct hash128 from_key_of(const struct hash_secret *secret,
                                  const struct identity_link *link)
{
    return hash_user(secret, link->kind == IDENTITY_ANONYMOUS ? 1 : 0, link->from);
}

/// Keys are not written: they are those of the ids. False where one is not.
static bool append_links(const struct identity_links *links, const struct hash_secret *secret,
                         struct text_buffer *out)
{
    bool derived = true;
    text_buffer_append_u32(out, links->count);
    for (uint32_t i = 0; i < links->count; i++) {
        const struct identity_link *link = &links->links[i];
        text_buffer_append_i64(out, link->time_us);
        text_buffer_append_i64(out, link->sequence);
        text_buffer_append_i64(out, link->id_hash);
        text_buffer_append_u8(out, (uint8_t)link->kind);
        text_buffer_append_sized(out, link->from);
        text_buffer_append_sized(out, link->to);
        derived = derived && hash128_equal(link->from_key, from_key_of(secret, link)) &&
                  hash128_equal(link->to_key, hash_user(secret, 0, link->to));
    }
    return derived;
}

enum corong_status identity_links_leave(const struct identity_links *links,
                                        const struct store_snapshot *snapshot,
                                        struct corong_error *error)
{
    struct text_buffer bytes = {0};
    enum corong_status status = CORONG_OK;
    if (append_links(links, store_snapshot_secret(snapshot), &bytes)) {
        status = store_snapshot_derive(snapshot, (struct text){bytes.bytes, bytes.size}, error);
    }
    text_buffer_deinit(&bytes);
    return status;
}

static bool read_link(struct byte_cursor *cursor, const struct hash_secret *secret,
                      struct arena *arena, struct identity_link *link)
{
    link->time_us = byte_cursor_i64(cursor);
    link->sequence = byte_cursor_i64(cursor);
    link->id_hash = byte_cursor_i64(cursor);
    uint8_t kind = byte_cursor_u8(cursor);
    struct text from = byte_cursor_text(cursor);
    struct text to = byte_cursor_text(cursor);
    if (cursor->failed || kind >= IDENTITY_KIND_COUNT) {
        return false;
    }
    link->kind = (enum identity_kind)kind;
    link->from = arena_copy_text(arena, from);
    link->to = arena_copy_text(arena, to);
    link->from_key = from_key_of(secret, link);
    link->to_key = hash_user(secret, 0, link->to);
    return true;
}

/// Links in their order, as they were left. On failure there is nothing to deinit.
static bool read_links(struct identity_links *links, struct text bytes,
                       const struct hash_secret *secret)
{
    struct byte_cursor cursor = byte_cursor_over(bytes.bytes, bytes.size);
    uint32_t count = byte_cursor_u32(&cursor);
    bool good = !cursor.failed && count <= bytes.size / LINK_SIZE_MIN;
    if (good) {
        links->links = memory_allocate_zeroed((size_t)count + 1, sizeof(*links->links));
    }
    for (; good && links->count < count; links->count++) {
        struct identity_link *link = &links->links[links->count];
        good = read_link(&cursor, secret, &links->arena, link) &&
               (links->count == 0 || identity_link_compare(link - 1, link) < 0);
    }
    good = good && cursor.at == cursor.end;
    if (!good) {
        identity_links_deinit(links);
    }
    return good;
}

bool identity_links_load(struct identity_links *links, const struct store_snapshot *snapshot,
                         struct query_tasks *tasks)
{
    // The bytes, their copy as texts, and a link each.
    static const uint64_t factor = 3 + sizeof(struct identity_link) / LINK_SIZE_MIN;
    struct text_buffer bytes = {0};
    *links = (struct identity_links){0};
    bool found = store_snapshot_derived(snapshot, query_tasks_room(tasks) / factor, &bytes);
    uint64_t size = bytes.size * factor;
    bool booked = found && query_tasks_charge(tasks, size, "identity links", NULL) == CORONG_OK;
    bool good = booked && read_links(links, (struct text){bytes.bytes, bytes.size},
                                     store_snapshot_secret(snapshot));
    if (found) {
        // What was read stays with the snapshot, and booked, as links that were collected do.
        uint64_t kept = good ? links->arena.used_bytes + links->count * sizeof(*links->links) : 0;
        query_tasks_return(tasks, size > kept ? size - kept : 0);
    }
    text_buffer_deinit(&bytes);
    return good;
}
