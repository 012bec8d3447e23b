// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/json_plan.h"

#include "storage/base/invariant.h"

#include <string.h>

/// While building, children are a linked list; they are packed into arrays at the end.
struct draft_node {
    struct text key;
    struct draft_node *first_child;
    struct draft_node *next;
    uint32_t child_count;
    bool wanted;
    bool in_element;
    uint16_t field;
    uint16_t index;
};

struct plan_builder {
    struct arena *arena;
    struct json_node *nodes;
    uint32_t node_count;
    uint16_t field_count;
};

static struct draft_node *draft_node_create(struct arena *arena, struct text key, bool in_element)
{
    struct draft_node *node = arena_allocate_zeroed(arena, 1, sizeof(*node));
    node->key = key;
    node->in_element = in_element;
    node->field = FIELD_NONE;
    return node;
}

static struct draft_node *draft_child(struct plan_builder *builder, struct draft_node *node,
                                      struct text key)
{
    struct draft_node **link = &node->first_child;
    for (; *link != NULL; link = &(*link)->next) {
        if (text_equal((*link)->key, key)) {
            return *link;
        }
    }
    *link = draft_node_create(builder->arena, key, node->in_element);
    node->child_count++;
    builder->node_count++;
    return *link;
}

static struct draft_node *draft_walk(struct plan_builder *builder, struct draft_node *node,
                                     const struct json_path *path)
{
    for (uint32_t index = 0; index < path->key_count; index++) {
        node = draft_child(builder, node, path->keys[index]);
    }
    return node;
}

static struct json_key key_of(struct text text, uint16_t node)
{
    struct json_key key = {.bytes = text.bytes, .size = (uint32_t)text.size, .node = node};
    memcpy(&key.prefix, text.bytes, text.size < 8 ? text.size : 8);
    if (text.size > 8) {
        memcpy(&key.suffix, text.bytes + text.size - 8, 8);
    }
    return key;
}

static bool slots_fill(const struct json_node *node, uint16_t *slots, size_t slot_count)
{
    for (size_t slot = 0; slot < slot_count; slot++) {
        slots[slot] = node->key_count;
    }
    for (uint16_t index = 0; index < node->key_count; index++) {
        const struct json_key *key = &node->keys[index];
        uint16_t *slot = &slots[json_key_slot(node, key->prefix, key->suffix, key->size)];
        if (*slot != node->key_count) {
            return false;
        }
        *slot = index;
    }
    return true;
}

/// Looks for a multiplier that gives each key a slot of its own: then one comparison settles a key.
static void slots_build(struct arena *arena, struct json_node *node)
{
    uint8_t bits = 2;
    while ((1u << bits) < 2u * node->key_count) {
        bits++;
    }
    for (uint8_t tries = 0; tries < 4; tries++, bits++) {
        size_t slot_count = (size_t)1 << bits;
        uint16_t *slots = arena_allocate(arena, slot_count * sizeof(*slots));
        node->shift = (uint8_t)(64 - bits);
        node->multiplier = UINT64_C(0x9e3779b97f4a7c15);
        for (int round = 0; round < 200; round++) {
            if (slots_fill(node, slots, slot_count)) {
                node->slots = slots;
                return;
            }
            node->multiplier = node->multiplier * UINT64_C(0xd1342543de82ef95) + 2;
        }
    }
}

/// Fields of elements come after all others: clearing what is below an array's parents must not
/// touch them, they live on the tape. So the element is packed last.
static void plan_pack(struct plan_builder *builder, struct draft_node *draft, uint32_t *next_index)
{
    struct json_node *node = &builder->nodes[draft->index];
    struct json_key *keys =
        arena_allocate_zeroed(builder->arena, draft->child_count, sizeof(*keys));
    if (draft->wanted) {
        draft->field = builder->field_count++;
    }
    *node = (struct json_node){.keys = keys,
                               .key_count = (uint16_t)draft->child_count,
                               .field = draft->field,
                               .field_begin = builder->field_count,
                               .element_node = JSON_NODE_NONE,
                               .in_element = draft->in_element};
    uint32_t count = 0;
    for (struct draft_node *child = draft->first_child; child != NULL; child = child->next) {
        child->index = (uint16_t)(*next_index)++;
        keys[count++] = key_of(child->key, child->index);
        plan_pack(builder, child, next_index);
    }
    node->field_end = builder->field_count;
    node->leaf = !draft->in_element && draft->wanted && node->field_begin == node->field_end;
    slots_build(builder->arena, node);
}

/// The nodes of the arrays whose elements are reported; they share one node for an element.
static struct draft_node **draft_arrays(struct plan_builder *builder, struct draft_node *root,
                                        const struct json_path *unrolls, uint32_t unroll_count)
{
    struct draft_node **arrays =
        arena_allocate_zeroed(builder->arena, unroll_count + 1, sizeof(struct draft_node *));
    for (uint32_t index = 0; index < unroll_count; index++) {
        arrays[index] = draft_walk(builder, root, &unrolls[index]);
        arrays[index]->wanted = true;
    }
    builder->node_count += unroll_count > 0;
    return arrays;
}

void json_plan_build_many(struct json_plan *plan, struct arena *arena, struct json_path *paths,
                          uint32_t path_count, const struct json_path *unrolls,
                          uint32_t unroll_count)
{
    struct plan_builder builder = {.arena = arena, .node_count = 1};
    struct draft_node *root = draft_node_create(arena, TEXT_LITERAL(""), false);
    struct draft_node *element = draft_node_create(arena, TEXT_LITERAL(""), true);
    struct draft_node **ends =
        arena_allocate_zeroed(arena, path_count + 1, sizeof(struct draft_node *));
    for (uint32_t index = 0; index < path_count; index++) {
        ends[index] = draft_walk(&builder, paths[index].in_element ? element : root, &paths[index]);
        ends[index]->wanted = true;
    }
    struct draft_node **arrays = draft_arrays(&builder, root, unrolls, unroll_count);
    ASSERT(builder.node_count < JSON_NODE_NONE);
    builder.nodes = arena_allocate_zeroed(arena, builder.node_count, sizeof(*builder.nodes));
    uint16_t *unroll_fields = arena_allocate_zeroed(arena, unroll_count + 1, sizeof(uint16_t));
    uint32_t next_index = 1;
    plan_pack(&builder, root, &next_index);
    if (unroll_count > 0) {
        element->index = (uint16_t)next_index++;
        plan_pack(&builder, element, &next_index);
    }
    for (uint32_t index = 0; index < unroll_count; index++) {
        unroll_fields[index] = arrays[index]->field;
        builder.nodes[arrays[index]->index].element_node = element->index;
    }
    for (uint32_t index = 0; index < path_count; index++) {
        paths[index].field = ends[index]->field;
    }
    *plan = (struct json_plan){builder.nodes,
                               builder.node_count,
                               builder.field_count,
                               unroll_count == 0 ? FIELD_NONE : unroll_fields[0],
                               unroll_fields,
                               unroll_count,
                               unroll_count == 0 ? JSON_NODE_NONE : element->index};
}
