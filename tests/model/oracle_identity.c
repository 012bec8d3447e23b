// SPDX-License-Identifier: Apache-2.0
#include "tests/model/oracle_identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Texts of ids compare like "u12" does.
static int compare_texts(int left, int right)
{
    char a[24];
    char b[24];
    snprintf(a, sizeof(a), "u%d", left / 2);
    snprintf(b, sizeof(b), "u%d", right / 2);
    return strcmp(a, b);
}

static int compare_links(const void *left_raw, const void *right_raw)
{
    const struct oracle_link *left = left_raw;
    const struct oracle_link *right = right_raw;
    if (left->time != right->time) {
        return left->time < right->time ? -1 : 1;
    }
    if (left->sequence != right->sequence) {
        return left->sequence < right->sequence ? -1 : 1;
    }
    if (left->id != right->id) {
        return left->id < right->id ? -1 : 1; // a missing one is the least number
    }
    if (left->kind != right->kind) {
        return left->kind < right->kind ? -1 : 1;
    }
    int order = compare_texts(left->from, right->from);
    return order != 0 ? order : compare_texts(left->to, right->to);
}

static int size_of(const struct oracle_identity *identity, int label)
{
    int size = 0;
    for (int id = 0; id < identity->id_count; id++) {
        size += identity->person[id] == label;
    }
    return size;
}

static bool join(struct oracle_identity *identity, int from, int to, int limit)
{
    int gone = identity->person[from];
    int kept = identity->person[to];
    if (gone == kept) {
        return true;
    }
    if (size_of(identity, gone) + size_of(identity, kept) > limit) {
        return false;
    }
    for (int id = 0; id < identity->id_count; id++) {
        identity->person[id] = identity->person[id] == gone ? kept : identity->person[id];
    }
    return true;
}

static bool seen_before(const struct oracle_link *links, int index)
{
    for (int i = 0; i < index; i++) {
        if (links[i].kind == links[index].kind && links[i].from == links[index].from &&
            links[i].to == links[index].to) {
            return true;
        }
    }
    return false;
}

// Whether an earlier link led to an id, or an alias named it; and whether it led on by itself.
static void look_back(const struct oracle_link *links, int index, bool *reached, bool *led)
{
    int id = links[index].from;
    for (int i = 0; i < index; i++) {
        if (links[i].from == links[i].to) {
            continue;
        }
        bool alias = links[i].kind == ORACLE_ALIAS;
        *reached = *reached || links[i].to == id || (alias && links[i].from == id);
        *led = *led || (!alias && links[i].from == id);
    }
}

static void count_rest(struct oracle_identity *identity, const struct oracle_link *links, int count,
                       const bool *ignored, int kiosk)
{
    for (int i = 0; i < count; i++) {
        identity->conflicts +=
            ignored[i] && identity->person[links[i].from] != identity->person[links[i].to];
    }
    for (int id = 0; id < identity->id_count; id++) {
        identity->members += identity->person[id] != id;
        identity->persons += identity->person[id] == id && size_of(identity, id) > 1;
        int others = 0;
        for (int i = 0; i < count; i++) {
            others += links[i].from == id && links[i].to != id && links[i].kind != ORACLE_ALIAS &&
                      !seen_before(links, i);
        }
        identity->kiosks += others >= kiosk;
    }
}

void oracle_identity(const struct oracle_link *unsorted, int count, int limit, int kiosk,
                     struct oracle_identity *identity)
{
    struct oracle_link *links = malloc((size_t)(count + 1) * sizeof(*links));
    bool *ignored = calloc((size_t)count + 1, sizeof(*ignored));
    memcpy(links, unsorted, (size_t)count * sizeof(*links));
    qsort(links, (size_t)count, sizeof(*links), compare_links);
    for (int id = 0; id < identity->id_count; id++) {
        identity->person[id] = id;
    }
    for (int i = 0; i < count; i++) {
        const struct oracle_link *link = &links[i];
        if (link->from == link->to || seen_before(links, i)) {
            continue;
        }
        if (link->kind == ORACLE_ALIAS) {
            identity->aliases++;
            identity->over_limit += !join(identity, link->from, link->to, limit);
            continue;
        }
        bool reached = false;
        bool led = false;
        identity->links++;
        look_back(links, i, &reached, &led);
        ignored[i] = reached || led;
        if (!ignored[i]) {
            identity->over_limit += !join(identity, link->from, link->to, limit);
        }
    }
    count_rest(identity, links, count, ignored, kiosk);
    free(ignored);
    free(links);
}
