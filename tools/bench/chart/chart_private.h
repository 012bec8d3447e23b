// SPDX-License-Identifier: Apache-2.0
/// What the drawings share. Private to tools/bench/chart. Thread: any.
#pragma once

#include "tools/bench/chart/chart.h"

#define CHART_WIDTH 720.0
#define CHART_LETTER_WIDTH 6.4 ///< of the drawings' letters, on average, in units

/// <svg ...> with a title for those who do not see it.
void chart_svg_open(struct text_buffer *out, struct text title, double height);
void chart_svg_close(struct text_buffer *out);
/// <text> at a place; `anchor` is start, middle or end.
void chart_svg_text(struct text_buffer *out, double x, double y, const char *anchor,
                    const char *kind, struct text words);
/// "<title>...</title>" that a browser shows over a shape.
void chart_svg_tip(struct text_buffer *out, struct text name, const char *words);
/// Code points, as a measure of width.
double chart_svg_width(struct text words);
/// At most `letters` code points of a name, an ellipsis in place of what is cut.
void chart_svg_short(struct text_buffer *out, struct text words, uint32_t letters);
