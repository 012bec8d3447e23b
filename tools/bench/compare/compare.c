// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/compare/compare.h"

#include "storage/base/invariant.h"
#include "tools/bench/compare/compare_figure.h"

#include <math.h>

#define DISCOVERY_RATE 0.05

/// One side: its documents' figures.
struct side {
    struct compare_figures *documents;
    uint32_t count;
    bool crowded;  ///< more ran on the machine than it has cores
    json_t *first; ///< of its documents
};

/// What one run tells of its own spread says nothing of neighbours, who come and go between runs.
static bool is_crowded(const json_t *root)
{
    const json_t *machine = json_object_get(root, "machine");
    const json_t *loads = json_object_get(machine, "load_average");
    return json_number_value(json_array_get(loads, 0)) >
           json_number_value(json_object_get(machine, "cores"));
}

static enum corong_status read_side(const struct text *texts, uint32_t count, const char *name,
                                    struct arena *arena, struct side *side_out,
                                    struct corong_error *error)
{
    side_out->documents = arena_allocate_zeroed(arena, count, sizeof(*side_out->documents));
    side_out->count = count;
    for (uint32_t index = 0; index < count; index++) {
        json_error_t where;
        json_t *root = json_loadb(texts[index].bytes, texts[index].size, 0, &where);
        if (root == NULL) {
            return error_set(error, CORONG_INVALID, "%s: no JSON: line %d, column %d: %s", name,
                             where.line, where.column, where.text);
        }
        side_out->documents[index].arena = arena;
        bool known = compare_figure_read(root, &side_out->documents[index]);
        if (known && index == 0) {
            side_out->first = json_incref(root);
            side_out->crowded = count == 1 && is_crowded(root);
        }
        json_decref(root);
        if (!known) {
            return error_set(error, CORONG_INVALID,
                             "%s: not a document of 'corong bench' or 'corong bench rivals'", name);
        }
    }
    return CORONG_OK;
}

static bool is_time(enum chart_unit unit)
{
    return unit == CHART_MICROSECONDS || unit == CHART_NANOSECONDS || unit == CHART_RATE;
}

static const struct compare_figure *find(const struct compare_figures *figures, struct text name)
{
    for (uint32_t index = 0; index < figures->count; index++) {
        if (text_equal(figures->rows[index].name, name)) {
            return &figures->rows[index];
        }
    }
    return NULL;
}

/// What a side says of a figure: one value a document, or the runs inside its only document.
struct sample {
    double *values;
    uint32_t count;
    struct compare_estimate estimate; ///< of an only document
};

static struct sample sample_of(const struct side *side, struct text name, struct arena *arena)
{
    struct sample sample = {.estimate = {.low = 1, .high = 0}};
    sample.values = arena_allocate_zeroed(arena, side->count + 1, sizeof(*sample.values));
    for (uint32_t index = 0; index < side->count; index++) {
        const struct compare_figure *figure = find(&side->documents[index], name);
        if (figure != NULL) {
            sample.values[sample.count++] = figure->estimate.value;
            sample.estimate = figure->estimate;
        }
        if (figure != NULL && side->count == 1 && figure->sample_count > 1) {
            sample.values = figure->samples;
            sample.count = figure->sample_count;
        }
    }
    return sample;
}

static struct compare_ratio ratio_of(const struct sample *before, const struct sample *after,
                                     struct arena *arena)
{
    if (before->count > 1 && after->count > 1) {
        return compare_statistics_ranks(before->values, before->count, after->values, after->count,
                                        arena);
    }
    struct compare_ratio none = {.p = 1};
    return before->count == 1 && after->count == 1
               ? compare_statistics_combine(before->estimate, after->estimate)
               : none;
}

static bool compare_one(const struct compare_figure *figure, const struct side *before,
                        const struct side *after, struct arena *arena, struct compare_row *row)
{
    struct sample left = sample_of(before, figure->name, arena);
    struct sample right = sample_of(after, figure->name, arena);
    if (left.count == 0 || right.count == 0) {
        return false;
    }
    struct compare_ratio ratio = ratio_of(&left, &right, arena);
    if ((before->crowded || after->crowded) && is_time(figure->unit)) {
        ratio.known = false;
    }
    *row = (struct compare_row){.name = figure->name,
                                .unit = figure->unit,
                                .more_is_better = figure->more_is_better,
                                .low = ratio.low,
                                .high = ratio.high,
                                .p = ratio.p,
                                .verdict = ratio.known ? COMPARE_NO_CHANGE : COMPARE_ONCE};
    row->before = compare_statistics_median(left.values, left.count);
    row->after = compare_statistics_median(right.values, right.count);
    row->ratio = ratio.known ? ratio.ratio : row->after / row->before;
    return true;
}

static void judge(struct compare_result *result, struct arena *arena)
{
    double *p = arena_allocate_zeroed(arena, result->row_count + 1, sizeof(*p));
    bool *found = arena_allocate_zeroed(arena, result->row_count + 1, sizeof(*found));
    uint32_t known = 0;
    for (uint32_t index = 0; index < result->row_count; index++) {
        if (result->rows[index].verdict != COMPARE_ONCE) {
            p[known++] = result->rows[index].p;
        }
    }
    compare_statistics_discover(p, known, DISCOVERY_RATE, found, arena);
    known = 0;
    for (uint32_t index = 0; index < result->row_count; index++) {
        struct compare_row *row = &result->rows[index];
        if (row->verdict == COMPARE_ONCE) {
            result->once_count++;
            continue;
        }
        if (found[known++] && (row->low > 1 || row->high < 1)) {
            bool better = (row->ratio > 1) == row->more_is_better;
            row->verdict = better ? COMPARE_BETTER : COMPARE_WORSE;
            result->better_count += better;
            result->worse_count += !better;
        }
    }
}

static enum corong_status compare_sides(const struct side *left, const struct side *right,
                                        struct arena *arena, struct compare_result *result_out,
                                        struct corong_error *error)
{
    const struct compare_figures *names = &left->documents[0];
    struct compare_notes notes = {.arena = arena};
    *result_out = (struct compare_result){0};
    compare_notes_take(&notes, left->first, right->first);
    if ((left->crowded || right->crowded) && notes.count < COMPARE_NOTE_COUNT_MAX) {
        notes.texts[notes.count++] =
            TEXT_LITERAL("what else ran on the machine: so much that times of one run have no "
                         "verdict; give folders of several runs, taken in turn");
    }
    memcpy(result_out->notes, notes.texts, sizeof(notes.texts));
    result_out->note_count = notes.count;
    result_out->rows = arena_allocate_zeroed(arena, names->count + 1, sizeof(*result_out->rows));
    for (uint32_t index = 0; index < names->count; index++) {
        result_out->row_count += compare_one(&names->rows[index], left, right, arena,
                                             &result_out->rows[result_out->row_count]);
    }
    if (result_out->row_count == 0) {
        return error_set(error, CORONG_INVALID,
                         "the two share no figure: one is of 'corong "
                         "bench' and the other of 'corong bench rivals', "
                         "or one is empty");
    }
    judge(result_out, arena);
    return CORONG_OK;
}

enum corong_status compare_documents(const struct text *before, uint32_t before_count,
                                     const struct text *after, uint32_t after_count,
                                     struct arena *arena, struct compare_result *result_out,
                                     struct corong_error *error)
{
    struct side left = {0};
    struct side right = {0};
    ASSERT(before_count > 0 && after_count > 0);
    enum corong_status status = read_side(before, before_count, "before", arena, &left, error);
    if (status == CORONG_OK) {
        status = read_side(after, after_count, "after", arena, &right, error);
    }
    if (status == CORONG_OK) {
        status = compare_sides(&left, &right, arena, result_out, error);
    }
    json_decref(left.first);
    json_decref(right.first);
    return status;
}
