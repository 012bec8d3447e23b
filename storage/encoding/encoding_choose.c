// SPDX-License-Identifier: Apache-2.0
/// The choice of encodings: the smallest tree is looked for, or one that was found for the array
/// before is followed.
#include "storage/encoding/encoding_private.h"

#define ENTROPY_SHARE 512u     ///< of the bytes that entropy coding must save at least
#define ENTROPY_SHARE_SLOW 16u ///< where speed is favoured
#define CHOICE_PERIOD 64u      ///< times that a choice is followed before it is made anew
#define GROWTH_SHARE 32u       ///< of its size that an array may grow before that
#define GROWTH_SLACK 256u      ///< bytes that do not matter
#define CHOICE_SHARE 4u        ///< times as many values are another array
#define TRY_SLACK 2u ///< estimates may be wrong by this factor before a candidate is dropped

// What the encodings look at that are tried at a depth.
static unsigned analysis_at(unsigned depth)
{
    unsigned wanted = ANALYSE_BOUNDS;
    for (unsigned id = ENCODING_CONSTANT; id < ENCODING_ID_END; id++) {
        wanted |= depth <= encoding_codec_of(id)->depth_max
                      ? encoding_analysis_of((enum encoding_id)id)
                      : 0;
    }
    return wanted;
}

// Appends the node and notes its tree, or nothing where the encoding cannot hold the values after
// all. `variant`: see encoding_variant().
static bool encode_as(struct encoding_encoder *encoder, unsigned id, unsigned variant,
                      const struct encoding_statistics *statistics, const uint64_t *values,
                      uint32_t count, struct text_buffer *out)
{
    struct encoding_tree *made = &encoder->made;
    size_t from = out->size;
    unsigned node = made->node_count++;
    ASSERT(node < ENCODING_TREE_NODE_COUNT_MAX);
    made->nodes[node] = (struct encoding_tree_node){.id = (uint8_t)id};
    encoder->variant = variant;
    text_buffer_append_u8(out, (uint8_t)id);
    encoding_codec_of(id)->encode(encoder, statistics, values, count, out);
    if (out->size == from + 1) {
        out->size = from;
        made->node_count = (uint8_t)node;
        return false;
    }
    made->nodes[node].size = (uint8_t)(made->node_count - node);
    return true;
}

unsigned encoding_node(const struct encoding_encoder *encoder)
{
    return encoder->made.node_count - 1u;
}

void encoding_set_variant(struct encoding_encoder *encoder, unsigned node, unsigned variant)
{
    encoder->made.nodes[node].variant = (uint8_t)variant;
}

struct candidates {
    uint64_t estimates[ENCODING_ID_END];
    uint64_t best;
};

static struct candidates estimate_all(const struct encoding_encoder *encoder,
                                      const struct encoding_statistics *statistics, uint32_t count)
{
    struct candidates candidates = {.best = ENCODING_IMPOSSIBLE};
    for (unsigned id = ENCODING_CONSTANT; id < ENCODING_ID_END; id++) {
        bool allowed = encoder->depth <= encoding_codec_of(id)->depth_max;
        uint64_t estimate = allowed ? encoding_codec_of(id)->estimate(encoder, statistics, count)
                                    : ENCODING_IMPOSSIBLE;
        candidates.estimates[id] = estimate;
        // A dictionary's estimate is a hope; it must not push out what is certain. Nor must entropy
        // coding push out what decodes faster and may be as small.
        bool certain = id != ENCODING_DICTIONARY && id != ENCODING_ENTROPY;
        candidates.best = certain && estimate < candidates.best ? estimate : candidates.best;
    }
    return candidates;
}

// The root is chosen with care, as the choice is kept for many groups; children by their estimates,
// except that zstd's gain on whole bytes is known only by trying.
static bool worth_trying(const struct encoding_encoder *encoder,
                         const struct candidates *candidates, unsigned id)
{
    uint64_t estimate = candidates->estimates[id];
    if (estimate == ENCODING_IMPOSSIBLE) {
        return false;
    }
    if (id == ENCODING_CONSTANT || id == ENCODING_BITPACK) {
        return true;
    }
    if (encoder->depth == 0 || id == ENCODING_PLAIN || id == ENCODING_ENTROPY) {
        return estimate / TRY_SLACK <= candidates->best;
    }
    return id != ENCODING_DICTIONARY && estimate == candidates->best &&
           estimate < candidates->estimates[ENCODING_BITPACK] / 8 * 7;
}

// Entropy decoding is slower than all else: it must pay.
static size_t weighed(const struct encoding_encoder *encoder, unsigned id, size_t size)
{
    size_t share = encoder->favours_speed ? ENTROPY_SHARE_SLOW : ENTROPY_SHARE;
    return id == ENCODING_ENTROPY ? size + size / share : size;
}

void encoding_encoder_favour_speed(struct encoding_encoder *encoder, bool favour)
{
    encoder->favours_speed = favour;
}

static enum encoding_id encode_smallest(struct encoding_encoder *encoder,
                                        const struct encoding_statistics *statistics,
                                        const uint64_t *values, uint32_t count,
                                        struct text_buffer *out)
{
    struct candidates candidates = estimate_all(encoder, statistics, count);
    struct text_buffer attempt = {0};
    struct encoding_tree before = encoder->made;
    struct encoding_tree best = before;
    size_t from = out->size;
    unsigned chosen = ENCODING_CHOOSE;
    for (unsigned id = ENCODING_CONSTANT; id < ENCODING_ID_END; id++) {
        text_buffer_reset(&attempt);
        encoder->made = before;
        if (!worth_trying(encoder, &candidates, id) ||
            !encode_as(encoder, id, 0, statistics, values, count, &attempt)) {
            continue;
        }
        if (chosen == ENCODING_CHOOSE || weighed(encoder, id, attempt.size) < out->size - from) {
            chosen = id;
            best = encoder->made;
            out->size = from;
            text_buffer_append(out, attempt.bytes, attempt.size);
        }
        if (id == ENCODING_CONSTANT) {
            break;
        }
    }
    text_buffer_deinit(&attempt);
    encoder->made = best;
    ASSERT(chosen != ENCODING_CHOOSE);
    return (enum encoding_id)chosen;
}

// What the next node of the tree that is followed takes the values as. Equal values are a constant
// in any case. ENCODING_CHOOSE: it cannot hold them.
static unsigned followed_id(const struct encoding_encoder *encoder,
                            const struct encoding_tree_node *node,
                            const struct encoding_users *users, const uint64_t *values,
                            uint32_t count, struct encoding_statistics *statistics_out)
{
    unsigned wanted = encoding_analysis_to_follow((enum encoding_id)node->id);
    encoding_analyse(statistics_out, wanted, users, values, count);
    bool constant = count == 0 || ((wanted & ANALYSE_BOUNDS) != 0 &&
                                   statistics_out->minimum == statistics_out->maximum);
    unsigned id = constant ? ENCODING_CONSTANT : node->id;
    bool possible =
        encoder->depth <= encoding_codec_of(id)->depth_max &&
        encoding_codec_of(id)->estimate(encoder, statistics_out, count) != ENCODING_IMPOSSIBLE;
    return possible ? id : ENCODING_CHOOSE;
}

// Encodes as the next node of the tree that is followed and what is below it; false where that
// cannot hold the values, or where the parent had fewer children. That node lies behind then.
static bool encode_followed(struct encoding_encoder *encoder, const struct encoding_users *users,
                            const uint64_t *values, uint32_t count, struct text_buffer *out)
{
    unsigned at = encoder->followed_at;
    unsigned end = encoder->followed_end;
    struct encoding_statistics statistics;
    if (at >= end) {
        return false;
    }
    const struct encoding_tree_node *node = &encoder->followed->nodes[at];
    unsigned id = followed_id(encoder, node, users, values, count, &statistics);
    encoder->followed_at = at + 1;
    encoder->followed_end = at + node->size;
    bool encoded = id != ENCODING_CHOOSE &&
                   encode_as(encoder, id, node->variant, &statistics, values, count, out);
    encoder->followed_at = at + node->size;
    encoder->followed_end = end;
    return encoded;
}

static enum encoding_id encode_node(struct encoding_encoder *encoder, unsigned wanted,
                                    const uint64_t *values, uint32_t count, struct text_buffer *out)
{
    const struct encoding_tree *followed = encoder->followed;
    struct encoding_statistics statistics;
    unsigned node = encoder->made.node_count;
    if (followed != NULL && encode_followed(encoder, encoder->users, values, count, out)) {
        return (enum encoding_id)encoder->made.nodes[node].id;
    }
    encoder->followed = NULL;
    encoding_analyse(&statistics, wanted, encoder->users, values, count);
    enum encoding_id id = encode_smallest(encoder, &statistics, values, count, out);
    encoder->followed = followed;
    return id;
}

void encoding_encode_child(struct encoding_encoder *encoder, const uint64_t *values, uint32_t count,
                           struct text_buffer *out)
{
    const struct encoding_users *users = encoder->users;
    encoder->users = NULL;
    encoder->depth++;
    (void)encode_node(encoder, analysis_at(encoder->depth), values, count, out);
    encoder->depth--;
    encoder->users = users;
}

static enum encoding_id encode_quickly(struct encoding_encoder *encoder, const uint64_t *values,
                                       uint32_t count, struct text_buffer *out)
{
    struct encoding_statistics statistics;
    encoding_analyse(&statistics, ANALYSE_BOUNDS, NULL, values, count);
    enum encoding_id id =
        statistics.minimum == statistics.maximum ? ENCODING_CONSTANT : ENCODING_BITPACK;
    bool encoded = encode_as(encoder, id, 0, &statistics, values, count, out);
    ASSERT(encoded);
    return id;
}

static void begin(struct encoding_encoder *encoder, const struct encoding_users *users,
                  const struct encoding_tree *followed, uint32_t count)
{
    ASSERT(count <= ENCODING_COUNT_MAX);
    DCHECK(users == NULL || encoding_users_cover(users, count));
    encoder->users = users;
    encoder->depth = 0;
    encoder->slots.used = 0;
    encoder->made.node_count = 0;
    encoder->followed = followed;
    encoder->followed_at = 0;
    encoder->followed_end = followed == NULL ? 0 : followed->node_count;
}

enum encoding_id encoding_encode(struct encoding_encoder *encoder, enum encoding_id wanted,
                                 const uint64_t *values, uint32_t count,
                                 const struct encoding_users *users, struct text_buffer *out)
{
    begin(encoder, users, NULL, count);
    if (encoder->zstd == NULL) {
        return encode_quickly(encoder, values, count, out);
    }
    if (wanted != ENCODING_CHOOSE) {
        struct encoding_statistics statistics;
        encoding_analyse(&statistics, encoding_analysis_of(wanted), users, values, count);
        if (encoding_codec_of(wanted)->estimate(encoder, &statistics, count) !=
                ENCODING_IMPOSSIBLE &&
            encode_as(encoder, wanted, 0, &statistics, values, count, out)) {
            return wanted;
        }
    }
    return encode_node(encoder, ANALYSE_ALL, values, count, out);
}

// True if the values take clearly more, each, than when the tree was chosen. Few values say little
// of many: what stands before them weighs too much.
static bool has_grown(const struct encoding_choice *choice, size_t size, uint32_t count)
{
    if (choice->count < count / CHOICE_SHARE || choice->count == 0) {
        return true;
    }
    uint64_t share = choice->size * (uint64_t)count / choice->count;
    return size > share + share / GROWTH_SHARE + GROWTH_SLACK;
}

enum encoding_id encoding_encode_again(struct encoding_encoder *encoder,
                                       struct encoding_choice *choice, const uint64_t *values,
                                       uint32_t count, const struct encoding_users *users,
                                       struct text_buffer *out)
{
    size_t from = out->size;
    if (encoder->zstd == NULL) {
        return encoding_encode(encoder, ENCODING_CHOOSE, values, count, users, out);
    }
    if (choice->use_count++ % CHOICE_PERIOD != 0) {
        begin(encoder, users, &choice->tree, count);
        enum encoding_id id = encode_node(encoder, ANALYSE_ALL, values, count, out);
        if (!has_grown(choice, out->size - from, count)) {
            return id;
        }
        out->size = from;
    }
    enum encoding_id id = encoding_encode(encoder, ENCODING_CHOOSE, values, count, users, out);
    choice->tree = encoder->made;
    choice->size = (uint32_t)(out->size - from);
    choice->count = count;
    choice->use_count = 1;
    return id;
}
