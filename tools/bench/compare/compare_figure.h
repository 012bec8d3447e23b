// SPDX-License-Identifier: Apache-2.0
/// Which figures a document holds. Private to tools/bench/compare. Thread: any.
#pragma once

#include "storage/base/text.h"
#include "tools/bench/chart/chart.h"
#include "tools/bench/compare/compare.h"
#include "tools/bench/compare/compare_statistics.h"

#include <jansson.h>

struct compare_figure {
    struct text name;
    enum chart_unit unit;
    bool more_is_better;
    struct compare_estimate estimate;
    double *samples; ///< repeated runs inside the document; NULL where there are none
    uint32_t sample_count;
};
struct compare_figures {
    struct compare_figure *rows;
    uint32_t count;
    uint32_t capacity;
    struct arena *arena;
    struct compare_figure dropped; ///< takes what is said of a figure that is not positive
};

/// What should be the same on both sides, and is not, in words.
struct compare_notes {
    struct text texts[COMPARE_NOTE_COUNT_MAX];
    uint32_t count;
    struct arena *arena;
};
/// Machine, load and parameters of two documents.
void compare_notes_take(struct compare_notes *notes, const json_t *before, const json_t *after);

/// Positive figures of a document of 'corong bench' or 'corong bench rivals'; false where it is
/// neither. Names are the same from run to run.
bool compare_figure_read(const json_t *document, struct compare_figures *figures);
