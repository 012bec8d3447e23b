// SPDX-License-Identifier: Apache-2.0
/// A forest of ids (Tarjan's disjoint sets, with path halving): links are taken in their order,
/// each hangs the person of one id under that of the other. The root of a tree is what its person
/// is called; sizes are bounded, so that trees need no balancing.
#include "engine/query/identity/identity_resolve.h"

#include "storage/base/memory.h"

#include <stdlib.h>

#define NO_NODE UINT32_MAX

struct node {
    struct hash128 key;
    struct text id;
    uint8_t user_namespace;
    bool target;       ///< some earlier link led to it, or an alias named it
    uint32_t parent;   ///< itself: a root
    uint32_t id_count; ///< of a root: of its person
    uint32_t linked;   ///< to whom its earliest link leads
    uint32_t others;   ///< how many ids it was linked to
    uint32_t person;   ///< of a root: number + 1
};

struct forest {
    struct node *nodes;
    uint32_t count;
    uint32_t *slots; ///< number + 1, 0 where free
    uint32_t mask;
    uint32_t *ignored; ///< pairs of nodes: links to another id than the earliest
    uint32_t ignored_count;
    struct identity_counts counts;
};

static int compare_integers(int64_t left, int64_t right)
{
    return left < right ? -1 : left > right;
}

int identity_link_compare(const void *left, const void *right)
{
    const struct identity_link *a = left;
    const struct identity_link *b = right;
    const int orders[] = {
        compare_integers(a->time_us, b->time_us), compare_integers(a->sequence, b->sequence),
        compare_integers(a->id_hash, b->id_hash), compare_integers(a->kind, b->kind),
        text_compare(a->from, b->from),           text_compare(a->to, b->to),
    };
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        if (orders[i] != 0) {
            return orders[i];
        }
    }
    return 0;
}

static uint32_t node_of(struct forest *forest, struct hash128 key, struct text id, uint8_t space)
{
    uint32_t at = (uint32_t)key.low & forest->mask;
    while (forest->slots[at] != 0) {
        uint32_t found = forest->slots[at] - 1;
        if (hash128_equal(forest->nodes[found].key, key)) {
            return found;
        }
        at = (at + 1) & forest->mask;
    }
    uint32_t number = forest->count++;
    forest->slots[at] = number + 1;
    forest->nodes[number] = (struct node){.key = key,
                                          .id = id,
                                          .user_namespace = space,
                                          .parent = number,
                                          .id_count = 1,
                                          .linked = NO_NODE};
    return number;
}

static uint32_t root_of(struct forest *forest, uint32_t node)
{
    struct node *nodes = forest->nodes;
    while (nodes[node].parent != node) {
        nodes[node].parent = nodes[nodes[node].parent].parent;
        node = nodes[node].parent;
    }
    return node;
}

/// The person of `from` becomes part of that of `to`, unless that one would have too many ids.
static void join(struct forest *forest, uint32_t from, uint32_t to)
{
    struct node *nodes = forest->nodes;
    uint32_t moved = root_of(forest, from);
    uint32_t stays = root_of(forest, to);
    if (moved == stays) {
        return;
    }
    if (nodes[moved].id_count + nodes[stays].id_count > IDENTITY_PERSON_ID_COUNT_MAX) {
        forest->counts.over_limit++;
        return;
    }
    nodes[moved].parent = stays;
    nodes[stays].id_count += nodes[moved].id_count;
}

static void ignore(struct forest *forest, uint32_t from, uint32_t to)
{
    forest->ignored[2 * forest->ignored_count] = from;
    forest->ignored[2 * forest->ignored_count + 1] = to;
    forest->ignored_count++;
}

static void take_link(struct forest *forest, const struct identity_link *link)
{
    bool anonymous = link->kind == IDENTITY_ANONYMOUS;
    uint32_t from = node_of(forest, link->from_key, link->from, anonymous ? 1 : 0);
    uint32_t to = node_of(forest, link->to_key, link->to, 0);
    struct node *node = &forest->nodes[from];
    if (from == to) {
        return;
    }
    if (link->kind == IDENTITY_ALIAS) {
        forest->counts.aliases++;
        node->target = true;
        forest->nodes[to].target = true;
        join(forest, from, to);
        return;
    }
    forest->counts.links++;
    node->others++;
    forest->nodes[to].target = true;
    if (node->linked != NO_NODE || node->target) {
        ignore(forest, from, to);
        return;
    }
    node->linked = to;
    join(forest, from, to);
}

/// Links that were ignored and would have led to somebody else.
static void count_conflicts(struct forest *forest)
{
    for (uint32_t i = 0; i < forest->ignored_count; i++) {
        uint32_t from = root_of(forest, forest->ignored[2 * i]);
        uint32_t to = root_of(forest, forest->ignored[2 * i + 1]);
        forest->counts.conflicts += from != to;
    }
    for (uint32_t i = 0; i < forest->count; i++) {
        forest->counts.kiosks += forest->nodes[i].others >= IDENTITY_KIOSK_COUNT;
    }
}

static int compare_members(const void *left, const void *right)
{
    const struct identity_member *a = left;
    const struct identity_member *b = right;
    return hash128_compare(a->key, b->key);
}

static void take_persons(struct forest *forest, struct arena *arena,
                         struct identity_resolution *resolution)
{
    for (uint32_t i = 0; i < forest->count; i++) {
        bool person = forest->nodes[i].parent == i && forest->nodes[i].id_count > 1;
        resolution->person_count += person;
        resolution->member_count += forest->nodes[i].parent != i;
        forest->nodes[i].person = person ? resolution->person_count : 0;
    }
    resolution->persons = arena_allocate_zeroed(arena, (size_t)resolution->person_count + 1,
                                                sizeof(*resolution->persons));
    resolution->members = arena_allocate_zeroed(arena, (size_t)resolution->member_count + 1,
                                                sizeof(*resolution->members));
    struct identity_member *member = resolution->members;
    for (uint32_t i = 0; i < forest->count; i++) {
        const struct node *node = &forest->nodes[i];
        if (node->person > 0) {
            resolution->persons[node->person - 1] = (struct identity_person){node->key, node->id};
        }
        if (node->parent != i) {
            uint32_t person = forest->nodes[root_of(forest, i)].person - 1;
            *member++ = (struct identity_member){node->key, person, node->user_namespace, node->id};
        }
    }
    qsort(resolution->members, resolution->member_count, sizeof(*resolution->members),
          compare_members);
}

void identity_resolve(const struct identity_link *links, uint32_t count, struct arena *arena,
                      struct identity_resolution *resolution_out)
{
    struct forest forest = {.mask = 15};
    while (forest.mask / 4 < count) {
        forest.mask = forest.mask * 2 + 1;
    }
    forest.nodes = memory_allocate_zeroed((size_t)count * 2 + 1, sizeof(*forest.nodes));
    forest.slots = memory_allocate_zeroed((size_t)forest.mask + 1, sizeof(*forest.slots));
    forest.ignored = memory_allocate_zeroed((size_t)count * 2 + 1, sizeof(*forest.ignored));
    for (uint32_t i = 0; i < count; i++) {
        take_link(&forest, &links[i]);
    }
    count_conflicts(&forest);
    *resolution_out = (struct identity_resolution){0};
    take_persons(&forest, arena, resolution_out);
    resolution_out->counts = forest.counts;
    resolution_out->counts.members = resolution_out->member_count;
    resolution_out->counts.persons = resolution_out->person_count;
    memory_free(forest.nodes);
    memory_free(forest.slots);
    memory_free(forest.ignored);
}

const struct identity_member *identity_find(const struct identity_resolution *resolution,
                                            struct hash128 key)
{
    struct identity_member wanted = {.key = key};
    return resolution->member_count == 0
               ? NULL
               : bsearch(&wanted, resolution->members, resolution->member_count,
                         sizeof(*resolution->members), compare_members);
}
