// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/filter_segment.h"

/// How many entries are less than `value`, or (with `or_equal`) not greater.
static uint32_t prepare_count_below(const struct dictionary *dictionary, struct text value,
                                    bool or_equal)
{
    uint32_t low = 0;
    for (uint32_t high = dictionary->count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        int order = text_compare(dictionary_text(dictionary, middle), value);
        if (order < 0 || (or_equal && order == 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void prepare_range(const struct filter_leaf *leaf, const struct dictionary *dictionary,
                          uint8_t *truths)
{
    const struct filter_text_range *range = &leaf->texts;
    uint32_t first = 0;
    uint32_t end = dictionary->count;
    if (range->low.bytes != NULL) {
        first = prepare_count_below(dictionary, range->low, range->low_open);
    }
    if (range->high.bytes != NULL) {
        end = prepare_count_below(dictionary, range->high, !range->high_open);
    }
    if (first < end) {
        memset(truths + first, leaf->matched, end - first);
    }
}

static void prepare_set(const struct filter_leaf *leaf, const struct dictionary *dictionary,
                        uint8_t *truths)
{
    for (uint32_t index = 0; index < leaf->set.count; index++) {
        uint32_t code = dictionary_find(dictionary, leaf->set.texts[index]);
        if (code != COLUMN_CODE_MISSING) {
            truths[code] = leaf->matched;
        }
    }
}

static bool prepare_has_prefix(struct text value, struct text prefix)
{
    return value.size >= prefix.size && memcmp(value.bytes, prefix.bytes, prefix.size) == 0;
}

/// Entries with the pattern's literal prefix lie together.
static void prepare_like(const struct filter_leaf *leaf, const struct dictionary *dictionary,
                         uint8_t *truths)
{
    struct text prefix = leaf->like.prefix;
    uint32_t code = prefix.size == 0 ? 0 : prepare_count_below(dictionary, prefix, false);
    for (; code < dictionary->count; code++) {
        struct text value = dictionary_text(dictionary, code);
        if (prefix.size > 0 && !prepare_has_prefix(value, prefix)) {
            break;
        }
        truths[code] = filter_like_matches(&leaf->like, value) ? leaf->matched : leaf->unmatched;
    }
}

static void prepare_regex(const struct filter_leaf *leaf, const struct dictionary *dictionary,
                          uint8_t *truths)
{
    struct filter_regex_match *match = filter_regex_match_create();
    for (uint32_t code = 0; code < dictionary->count; code++) {
        truths[code] = (uint8_t)filter_test_text(leaf, dictionary_text(dictionary, code), match);
    }
    filter_regex_match_destroy(match);
}

static void prepare_string_leaf(const struct filter_leaf *leaf, struct arena *arena,
                                const struct dictionary *dictionary,
                                struct filter_segment_leaf *prepared)
{
    prepared->count = dictionary->count;
    prepared->truths = arena_allocate(arena, (size_t)dictionary->count + 1);
    memset(prepared->truths, leaf->unmatched, dictionary->count);
    prepared->truths[dictionary->count] = leaf->missing;
    if (leaf->kind == FILTER_LEAF_TEXT_RANGE) {
        prepare_range(leaf, dictionary, prepared->truths);
    } else if (leaf->kind == FILTER_LEAF_TEXT_SET) {
        prepare_set(leaf, dictionary, prepared->truths);
    } else if (leaf->kind == FILTER_LEAF_LIKE) {
        prepare_like(leaf, dictionary, prepared->truths);
    } else if (leaf->kind == FILTER_LEAF_REGEX) {
        prepare_regex(leaf, dictionary, prepared->truths);
    }
}

struct filter_segment *filter_prepare(const struct filter *filter, struct arena *arena,
                                      const struct dictionary *const *dictionaries)
{
    struct filter_segment *segment = arena_allocate_zeroed(arena, 1, sizeof(*segment));
    segment->filter = filter;
    segment->leaves = arena_allocate_zeroed(arena, filter->leaf_count, sizeof(*segment->leaves));
    for (uint32_t index = 0; index < filter->leaf_count; index++) {
        const struct filter_leaf *leaf = &filter->leaves[index];
        if (leaf->kind == FILTER_LEAF_CONSTANT || leaf->type != COLUMN_STRING) {
            continue;
        }
        const struct dictionary *dictionary = dictionaries[leaf->column];
        if (leaf->kind == FILTER_LEAF_COMPARE) {
            segment->leaves[index].left = dictionary;
            segment->leaves[index].right = dictionaries[leaf->other.column];
        } else if (dictionary != NULL) {
            prepare_string_leaf(leaf, arena, dictionary, &segment->leaves[index]);
        }
    }
    return segment;
}
