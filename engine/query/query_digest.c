// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_digest.h"

#include "engine/query/query_source.h"

#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/hash.h"

#include <inttypes.h>
#include <stdio.h>

static void hex128(struct hash128 hash, char *out)
{
    snprintf(out, 33, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
}

// The durable part of what was seen.
static void note_committed(const struct store_snapshot *snapshot,
                           struct query_provenance *provenance)
{
    provenance->visible_through_us = query_plan_as_of(snapshot, QUERY_TIME_NONE);
    provenance->committed_through_us = QUERY_TIME_NONE;
    uint32_t count = store_snapshot_committed_count(snapshot);
    for (uint32_t i = 0; i < count; i++) {
        const struct segment_meta *meta = segment_reader_meta(store_snapshot_segment(snapshot, i));
        provenance->rows_committed += meta->row_count;
        if (meta->as_of_us > provenance->committed_through_us) {
            provenance->committed_through_us = meta->as_of_us;
        }
    }
}

void query_work_add(struct query_work *work, const struct query_reading *reading)
{
    work->events_read += reading->rows;
    work->bytes_read += reading->bytes;
    work->read_us += reading->read_us;
    work->match_us += reading->match_us;
}

void query_digest_provenance(const struct query_plan *plan, struct store_snapshot *snapshot,
                             const struct query_work *work, struct query_provenance *provenance_out)
{
    uint32_t sources;
    (void)store_snapshot_positions(snapshot, &sources);
    *provenance_out = (struct query_provenance){
        .store_sequence = store_snapshot_sequence(snapshot),
        .as_of_us = plan->as_of_us,
        .after_as_of = work->after_as_of,
        .events_outside = work->events_outside,
        .rows_stored = plan->rows_stored,
        .events_read = work->events_read,
        .events_matched = work->events_matched,
        .users_read = work->users_read,
        .users_remembered = work->users_remembered,
        .users_skipped = work->users_skipped + plan->users_skipped,
        .users_in_blocks = work->users_in_blocks,
        .bytes_read = work->bytes_read,
        .type_mismatches = plan->type_mismatches,
        .seconds_total = (double)(clock_monotonic_us() - work->start_us) / 1e6,
        .seconds_read = (double)work->read_us / 1e6,
        .seconds_match = (double)work->match_us / 1e6,
        .thread_count = work->thread_count,
        .source_count = sources,
        .complete = true,
    };
    memcpy(provenance_out->users_left, work->users_left, sizeof(work->users_left));
    note_committed(snapshot, provenance_out);
    hex128(store_snapshot_totals(snapshot).digest, provenance_out->store_digest);
}

void query_digest_seal(struct query_provenance *provenance, struct text_buffer *definition,
                       struct text_buffer *result)
{
    struct text_buffer all = {0};
    text_buffer_append_sized(&all, (struct text){definition->bytes, definition->size});
    text_buffer_append_i64(&all, provenance->as_of_us);
    text_buffer_append_u64(&all, provenance->after_as_of);
    if (provenance->events_outside > 0) {
        text_buffer_append_u64(&all, provenance->events_outside);
    }
    text_buffer_append_sized(&all, (struct text){result->bytes, result->size});
    hex128(hash_bytes128(definition->bytes, definition->size), provenance->definition_hash);
    hex128(hash_bytes128(all.bytes, all.size), provenance->result_digest);
    text_buffer_deinit(&all);
    text_buffer_deinit(definition);
    text_buffer_deinit(result);
}

void query_digest_text(struct text_buffer *out, const char *name, struct text value)
{
    if (value.bytes == NULL) {
        text_buffer_printf(out, "%s;", name);
        return;
    }
    text_buffer_printf(out, "%s=%zu:", name, value.size);
    text_buffer_append_text(out, value);
    text_buffer_append_string(out, ";");
}

void query_digest_integer(struct text_buffer *out, const char *name, int64_t value)
{
    text_buffer_printf(out, "%s=%" PRId64 ";", name, value);
}

void query_digest_range(struct text_buffer *out, const struct query_range *range)
{
    query_digest_integer(out, "from", range->from_us);
    query_digest_integer(out, "to", range->to_us);
}

void query_digest_filter(struct text_buffer *out, const struct filter *filter)
{
    query_digest_text(out, "where", filter == NULL ? TEXT_MISSING : filter_canonical(filter));
}

void query_digest_source(struct text_buffer *out, const char *name, struct text source)
{
    struct text_buffer canonical = {0};
    if (source.bytes != NULL) {
        filter_canonicalize(source, &canonical);
    }
    query_digest_text(out, name,
                      source.bytes == NULL ? TEXT_MISSING
                                           : (struct text){canonical.bytes, canonical.size});
    text_buffer_deinit(&canonical);
}

static void append_double(struct text_buffer *out, double value)
{
    text_buffer_append(out, &value, sizeof(value));
}

static void append_text(struct text_buffer *out, struct text text)
{
    text_buffer_append_u8(out, text.bytes != NULL);
    text_buffer_append_sized(out, text);
}

void query_digest_durations(struct text_buffer *out, const struct query_durations *durations)
{
    text_buffer_append_u64(out, durations->count);
    text_buffer_append_i64(out, durations->min_us);
    text_buffer_append_i64(out, durations->max_us);
    append_double(out, durations->mean_us);
    for (uint32_t i = 0; i < QUERY_PERCENTILE_COUNT; i++) {
        append_double(out, durations->percentiles_us[i]);
    }
    for (uint32_t i = 0; i <= QUERY_EDGE_COUNT; i++) {
        text_buffer_append_u64(out, durations->histogram[i]);
    }
}

static void digest_step(struct text_buffer *out, const struct query_step *step)
{
    append_text(out, step->name);
    text_buffer_append_u64(out, step->reached);
    text_buffer_append_u64(out, step->dropped);
    text_buffer_append_u64(out, step->open);
    text_buffer_append_u64(out, step->lost);
    query_digest_durations(out, &step->from_previous);
    query_digest_durations(out, &step->from_entry);
    text_buffer_append_u32(out, step->money_count);
    for (uint32_t i = 0; i < step->money_count; i++) {
        append_text(out, step->money[i].currency);
        text_buffer_append_i64(out, step->money[i].revenue);
        text_buffer_append_u64(out, step->money[i].orders);
        text_buffer_append_i64(out, step->money[i].repeat_revenue);
        text_buffer_append_u64(out, step->money[i].repeat_orders);
    }
}

static void digest_slice(struct text_buffer *out, const struct query_slice *slice,
                         uint32_t step_count, uint32_t by_count)
{
    for (uint32_t i = 0; i < by_count && slice->values != NULL; i++) {
        append_text(out, slice->values[i]);
    }
    text_buffer_append_u64(out, slice->won);
    text_buffer_append_u64(out, slice->open);
    text_buffer_append_u64(out, slice->lost);
    for (uint32_t k = 0; k < step_count; k++) {
        digest_step(out, &slice->steps[k]);
    }
}

void query_digest_funnel(struct text_buffer *out, const struct query_funnel_result *result,
                         uint32_t step_count, uint32_t by_count)
{
    digest_slice(out, &result->total, step_count, by_count);
    text_buffer_append_u32(out, result->slice_count);
    for (uint32_t i = 0; i < result->slice_count; i++) {
        digest_slice(out, &result->slices[i], step_count, by_count);
    }
    text_buffer_append_u64(out, result->other_slice_count);
    if (result->has_other) {
        digest_slice(out, &result->other, step_count, by_count);
    }
    text_buffer_append_u32(out, result->day_count);
    for (uint32_t i = 0; i < result->day_count; i++) {
        text_buffer_append_i64(out, result->days[i].day_start_us);
        for (uint32_t k = 0; k < step_count; k++) {
            text_buffer_append_u64(out, result->days[i].reached[k]);
        }
    }
}

static void digest_counts(struct text_buffer *out, const uint64_t *counts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        text_buffer_append_u64(out, counts[i]);
    }
}

static void digest_listed(struct text_buffer *out, const struct query_slice *total,
                          const struct query_slice *slices, uint32_t slice_count,
                          const struct query_slice *other, uint32_t step_count)
{
    digest_slice(out, total, step_count, 0);
    for (uint32_t i = 0; i < slice_count; i++) {
        digest_slice(out, &slices[i], step_count, 0);
    }
    digest_slice(out, other, step_count, 0);
}

static void digest_survival(struct text_buffer *out, const struct query_survival *survival)
{
    text_buffer_append_u8(out, survival->all_attempts);
    text_buffer_append_u8(out, survival->plateau);
    digest_counts(out, survival->ends, QUERY_END_COUNT);
    text_buffer_append_u64(out, survival->win_time_count);
    for (uint32_t i = 0; i < survival->point_count; i++) {
        text_buffer_append_i64(out, survival->points[i].after_us);
        text_buffer_append_u64(out, survival->points[i].at_risk);
        text_buffer_append_u64(out, survival->points[i].won);
    }
}

void query_digest_beside(struct text_buffer *out, const struct query_funnel_result *result,
                         uint32_t step_count, uint32_t by_count)
{
    for (uint32_t i = 0; i < result->trend_count; i++) {
        const struct query_trend *bucket = &result->trend[i];
        text_buffer_append_i64(out, bucket->begin_us);
        text_buffer_append_i64(out, bucket->end_us);
        digest_listed(out, &bucket->total, bucket->slices, result->slice_count, &bucket->other,
                      step_count);
    }
    for (uint32_t i = 0; i < result->throughput_count; i++) {
        const struct query_throughput *bucket = &result->throughput[i];
        text_buffer_append_i64(out, bucket->begin_us);
        text_buffer_append_i64(out, bucket->end_us);
        digest_counts(out, bucket->total, step_count);
        if (by_count > 0) {
            digest_counts(out, bucket->slices, (size_t)(result->slice_count + 1) * step_count);
        }
    }
    if (result->survival != NULL) {
        digest_survival(out, result->survival);
    }
    if (result->comparison != NULL) {
        digest_listed(out, &result->comparison->total, result->comparison->slices,
                      result->slice_count, &result->comparison->other, step_count);
    }
}
