// SPDX-License-Identifier: Apache-2.0
/// Two benchmarks beside each other: which figures changed, and which differ by noise alone.
///
/// A figure changed where its 95 % interval of after/before does not hold 1 and the change survives
/// Benjamini and Hochberg (1995) over all figures at 5 %, so that many figures are not many chances
/// to be wrong. The interval comes from the runs of both sides where each has several (Hodges and
/// Lehmann's ratio with exact Mann-Whitney bounds), else from what one run tells of itself: ranks
/// of a distribution, the band of a model's term, the rates between which the highest steady one
/// lies; two such intervals are combined as Zou and Donner (2008) do (MOVER). A figure measured
/// once on each side is shown and never called a change; nor is a time of one run that was taken
/// while more ran on the machine than it has cores.
/// Thread: any. Memory: the arena given.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "storage/base/text.h"
#include "tools/bench/chart/chart.h"

#include <stdbool.h>
#include <stdint.h>

#define COMPARE_NOTE_COUNT_MAX 12u

enum compare_verdict {
    COMPARE_NO_CHANGE = 0, ///< none was shown; that there is none is not said
    COMPARE_BETTER,
    COMPARE_WORSE,
    COMPARE_ONCE, ///< measured once on each side: no interval, no verdict
};

struct compare_row {
    struct text name;
    enum chart_unit unit;
    bool more_is_better;
    double before; ///< medians over a side's documents
    double after;
    double ratio; ///< after / before
    double low;   ///< its 95 % interval
    double high;
    double p;
    enum compare_verdict verdict;
};

struct compare_result {
    struct compare_row *rows; ///< figures that both sides have, in the document's order
    uint32_t row_count;
    uint32_t better_count;
    uint32_t worse_count;
    uint32_t once_count;
    struct text notes[COMPARE_NOTE_COUNT_MAX]; ///< machine, load or parameters that differ
    uint32_t note_count;
};

/// Each side: the JSON of one or several runs of the same thing, documents of 'corong bench' or of
/// 'corong bench rivals'. CORONG_INVALID where one is neither, or where the sides share no figure.
CORONG_MUST_CHECK enum corong_status
compare_documents(const struct text *before, uint32_t before_count, const struct text *after,
                  uint32_t after_count, struct arena *arena, struct compare_result *result_out,
                  struct corong_error *error);
/// A table for people.
void compare_table(const struct compare_result *result, struct text_buffer *out);
/// The same as JSON.
void compare_json(const struct compare_result *result, struct text_buffer *out);
