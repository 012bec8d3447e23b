// SPDX-License-Identifier: Apache-2.0
/// Mostly constant within a visit (campaign, referrer): u64 gap, u32 runs, u32 extra runs, child
/// rows skipped before each extra run since the one before, child value of each run. A run begins
/// with each user, wherever the time is more than the gap after the row before, and at the extra
/// rows: where visits begin is told by the times and costs nothing here. The gap is the usual half
/// hour, or five minutes where that fits the values better.
#include "storage/encoding/encoding_private.h"

#define MINUTE_US (INT64_C(60) * 1000000)
#define LONG_GAP_US (30 * MINUTE_US)
#define SHORT_GAP_US (5 * MINUTE_US)
#define WAY_LONG_GAP 1u
#define WAY_SHORT_GAP 2u

// Marks rows where a user or a visit begins. Times do not fall within a user; where bytes of
// unknown honesty say so, no visit begins.
static void mark_visits(const struct encoding_users *users, int64_t gap_us, uint32_t count,
                        uint8_t *begins)
{
    const int64_t *times = users->times_us;
    begins[0] = 1;
    for (uint32_t row = 1; row < count; row++) {
        begins[row] = (int64_t)((uint64_t)times[row] - (uint64_t)times[row - 1]) > gap_us;
    }
    uint32_t at = 0;
    for (uint32_t user = 0; user < users->user_count; user++) {
        begins[at] = 1;
        at += users->row_counts[user];
    }
}

static void count_visits(const struct encoding_users *users, const uint64_t *values, int64_t gap_us,
                         struct encoding_statistics *statistics)
{
    uint32_t at = 0;
    const int64_t *times = users->times_us;
    statistics->visit_gap_us = gap_us;
    statistics->visit_count = users->user_count;
    statistics->visit_change_count = 0;
    for (uint32_t user = 0; user < users->user_count; user++) {
        uint32_t end = at + users->row_counts[user];
        for (at++; at < end; at++) {
            bool begins = (int64_t)((uint64_t)times[at] - (uint64_t)times[at - 1]) > gap_us;
            statistics->visit_count += begins;
            statistics->visit_change_count += !begins && values[at] != values[at - 1];
        }
    }
}

// In bits, about.
static uint64_t cost_of(const struct encoding_statistics *statistics, uint32_t count)
{
    uint64_t changes = statistics->visit_change_count;
    unsigned bits = bit_length(statistics->maximum - statistics->minimum);
    unsigned gap_bits = bit_length(count / (changes + 1)) + 2;
    return (statistics->visit_count + changes) * bits + changes * gap_bits;
}

void encoding_visits_count(const struct encoding_users *users, const uint64_t *values,
                           uint32_t count, struct encoding_statistics *statistics)
{
    struct encoding_statistics shorter = *statistics;
    count_visits(users, values, LONG_GAP_US, statistics);
    count_visits(users, values, SHORT_GAP_US, &shorter);
    if (cost_of(&shorter, count) < cost_of(statistics, count)) {
        *statistics = shorter;
    }
}

static uint64_t by_visit_estimate(const struct encoding_encoder *encoder,
                                  const struct encoding_statistics *statistics, uint32_t count)
{
    if (encoder->users == NULL || encoder->users->times_us == NULL ||
        statistics->visit_count + statistics->visit_change_count > count / 2) {
        return ENCODING_IMPOSSIBLE;
    }
    return cost_of(statistics, count) / 8;
}

/// Runs and the rows skipped before each extra one, collected in one pass.
struct visit_runs {
    uint64_t *gaps;
    uint64_t *values;
    uint32_t extra_count;
    uint32_t count;
};

static void collect_runs(const uint8_t *begins, const uint64_t *values, uint32_t count,
                         struct visit_runs *runs)
{
    uint32_t next = 0;
    uint32_t run = 1;
    uint32_t extra = 0;
    runs->values[0] = values[0];
    for (uint32_t row = 1; row < count; row++) {
        uint32_t changes =
            (uint32_t)(begins[row] == 0) & (uint32_t)(values[row] != values[row - 1]);
        // What is no run and no extra one is overwritten by the next.
        runs->gaps[extra] = row - next;
        runs->values[run] = values[row];
        next = changes != 0 ? row + 1 : next;
        extra += changes;
        run += begins[row] | changes;
    }
    runs->extra_count = extra;
    runs->count = run;
}

static void by_visit_encode(struct encoding_encoder *encoder,
                            const struct encoding_statistics *statistics, const uint64_t *values,
                            uint32_t count, struct text_buffer *out)
{
    unsigned slots = encoder->slots.used;
    unsigned way = encoding_variant(encoder);
    way = way != 0 ? way : statistics->visit_gap_us == LONG_GAP_US ? WAY_LONG_GAP : WAY_SHORT_GAP;
    int64_t gap_us = way == WAY_LONG_GAP ? LONG_GAP_US : SHORT_GAP_US;
    encoding_set_variant(encoder, encoding_node(encoder), way);
    uint8_t *begins = encoding_slot_take(&encoder->slots, count);
    struct visit_runs runs = {
        .gaps = encoding_slot_take(&encoder->slots, (count + 1) * sizeof(uint64_t)),
        .values = encoding_slot_take(&encoder->slots, (count + 1) * sizeof(uint64_t)),
    };
    mark_visits(encoder->users, gap_us, count, begins);
    collect_runs(begins, values, count, &runs);
    text_buffer_append_u64(out, (uint64_t)gap_us);
    text_buffer_append_u32(out, runs.count);
    text_buffer_append_u32(out, runs.extra_count);
    encoding_encode_child(encoder, runs.gaps, runs.extra_count, out);
    encoding_encode_child(encoder, runs.values, runs.count, out);
    encoder->slots.used = slots;
}

static bool mark_extras(struct encoding_decoder *decoder, uint32_t extra_count, uint32_t count,
                        uint8_t *begins)
{
    uint32_t *gaps = encoding_slot_take(&decoder->slots, extra_count * sizeof(uint32_t));
    if (!encoding_decode_node(decoder, gaps, VALUE_32, extra_count)) {
        return false;
    }
    uint64_t next = 0;
    for (uint32_t extra = 0; extra < extra_count; extra++) {
        next += gaps[extra];
        if (next >= count) {
            return decoder_fail(decoder, "by-visit: a run past the end");
        }
        begins[next++] = 1;
    }
    return true;
}

ENCODING_INLINE void spread_runs(const uint8_t *begins, const void *runs, void *values,
                                 uint32_t count, enum value_width width)
{
    uint32_t run = 0;
    for (uint32_t row = 0; row < count; row++) {
        run += begins[row];
        value_set(values, width, row, value_get(runs, width, run - 1));
    }
}

static bool by_visit_decode(struct encoding_decoder *decoder, void *values, enum value_width width,
                            uint32_t count)
{
    const struct encoding_users *users = decoder->users;
    uint64_t gap = byte_cursor_u64(&decoder->cursor);
    uint32_t run_count = byte_cursor_u32(&decoder->cursor);
    uint32_t extra_count = byte_cursor_u32(&decoder->cursor);
    if (decoder->depth != 1 || !encoding_users_cover(users, count) || users->times_us == NULL ||
        count == 0) {
        return decoder_fail(decoder, "by-visit: without the times of the rows");
    }
    if (gap > INT64_MAX || run_count > count || extra_count > count) {
        return decoder_fail(decoder, "by-visit: bad gap or count");
    }
    uint8_t *begins = encoding_slot_take(&decoder->slots, count);
    void *runs = encoding_slot_take(&decoder->slots, (size_t)run_count * width);
    mark_visits(users, (int64_t)gap, count, begins);
    if (!mark_extras(decoder, extra_count, count, begins) ||
        !encoding_decode_node(decoder, runs, width, run_count)) {
        return false;
    }
    uint32_t found = 0;
    for (uint32_t row = 0; row < count; row++) {
        found += begins[row];
    }
    if (found != run_count) {
        return decoder_fail(decoder, "by-visit: runs do not match their count");
    }
    ENCODING_BY_WIDTH(width, spread_runs, begins, runs, values, count);
    return true;
}

const struct encoding_codec encoding_by_visit = {
    "by-visit", 0, by_visit_estimate, by_visit_encode, by_visit_decode,
};
