// SPDX-License-Identifier: Apache-2.0
// Round ticks and numbers for people.
#include "tools/bench/chart/chart.h"

#include <math.h>
#include <stdio.h>

#define TICKS_WANTED 5.0
#define SMALLEST 1e-12 ///< of a logarithmic scale
#define LARGEST 1e30
#define WORD_SIZE 64

struct magnitude {
    double from; ///< values of at least this much are written in it
    double divisor;
    const char *suffix;
};

// From the largest down; the last row takes what is smaller.
static const struct magnitude counts[] = {
    {1e12, 1e12, " T"}, {1e9, 1e9, " G"}, {1e6, 1e6, " M"}, {1e3, 1e3, " k"}, {0, 1, ""}};
static const struct magnitude rates[] = {
    {1e12, 1e12, " T/s"}, {1e9, 1e9, " G/s"}, {1e6, 1e6, " M/s"}, {1e3, 1e3, " k/s"}, {0, 1, "/s"}};
static const struct magnitude times[] = {
    {172800e6, 86400e6, " d"}, {7200e6, 3600e6, " h"}, {120e6, 60e6, " min"}, {1e6, 1e6, " s"},
    {1e3, 1e3, " ms"},         {1, 1, " \u00b5s"},     {0, 1e-3, " ns"}};
static const struct magnitude sizes[] = {{0x1p50, 0x1p50, " PiB"}, {0x1p40, 0x1p40, " TiB"},
                                         {0x1p30, 0x1p30, " GiB"}, {0x1p20, 0x1p20, " MiB"},
                                         {0x1p10, 0x1p10, " KiB"}, {0, 1, " B"}};
static const struct magnitude percents[] = {{0, 1, " %"}};
static const struct magnitude plain[] = {{0, 1, ""}};

static const struct magnitude *const by_unit[] = {
    [CHART_PLAIN] = plain,        [CHART_COUNT] = counts,      [CHART_RATE] = rates,
    [CHART_MICROSECONDS] = times, [CHART_NANOSECONDS] = times, [CHART_BYTES] = sizes,
    [CHART_PERCENT] = percents,
};

/// Into the unit of the tables above: nanoseconds are thousandths of their unit.
static double in_table_unit(enum chart_unit unit, double value)
{
    return unit == CHART_NANOSECONDS ? value / 1e3 : value;
}

static const struct magnitude *magnitude_of(enum chart_unit unit, double value)
{
    const struct magnitude *magnitude = by_unit[unit];
    // What rounds up to the next one is written in it: 999.7 k is 1 M.
    double rounded = fabs(in_table_unit(unit, value)) * 1.0005;
    while (rounded < magnitude->from) {
        magnitude++;
    }
    return magnitude;
}

static void append_digits(struct text_buffer *out, double value, uint32_t digits)
{
    char word[WORD_SIZE];
    double size = fabs(value);
    if (size >= 1e15) {
        snprintf(word, sizeof(word), "%.3g", value);
        text_buffer_append_string(out, word);
        return;
    }
    int decimals = size == 0 ? 0 : (int)digits - 1 - (int)floor(log10(size * 1.0005));
    decimals = decimals < 0 ? 0 : decimals > 9 ? 9 : decimals;
    snprintf(word, sizeof(word), "%.*f", decimals, value);
    size_t used = strlen(word);
    while (strchr(word, '.') != NULL && (word[used - 1] == '0' || word[used - 1] == '.')) {
        bool point = word[used - 1] == '.';
        word[--used] = '\0';
        if (point) {
            break;
        }
    }
    text_buffer_append_string(out, strcmp(word, "-0") == 0 ? "0" : word);
}

void chart_words(struct text_buffer *out, enum chart_unit unit, double value)
{
    if (!isfinite(value)) {
        text_buffer_append_string(out, "\u2013");
        return;
    }
    const struct magnitude *magnitude = magnitude_of(unit, value);
    if (value == 0) {
        magnitude = magnitude_of(unit, unit == CHART_NANOSECONDS ? 0.0 : 1.0);
    }
    append_digits(out, in_table_unit(unit, value) / magnitude->divisor,
                  unit == CHART_PLAIN ? 4 : 3);
    text_buffer_append_string(out, magnitude->suffix);
}

/// 1, 2 or 5 times a power of ten, at least `raw`.
static double round_step(double raw)
{
    double power = pow(10, floor(log10(raw)));
    double lead = raw / power;
    return power * (lead <= 1.0001 ? 1 : lead <= 2.0001 ? 2 : lead <= 5.0001 ? 5 : 10);
}

static double bounded(double value)
{
    return isnan(value) ? 0 : fmax(-LARGEST, fmin(LARGEST, value));
}

static void fit_linear(struct chart_scale *scale, double low, double high)
{
    low = low > 0 ? 0 : low;
    high = high < 0 ? 0 : high;
    high = high - low < SMALLEST ? low + 1 : high;
    double divisor = magnitude_of(scale->unit, fmax(fabs(low), fabs(high)))->divisor;
    divisor *= scale->unit == CHART_NANOSECONDS ? 1e3 : 1;
    double step = round_step((high - low) / divisor / TICKS_WANTED) * divisor;
    double first = floor(low / step + 1e-9);
    double last = ceil(high / step - 1e-9);
    for (double at = first; at <= last && scale->tick_count < CHART_TICK_COUNT_MAX; at++) {
        scale->ticks[scale->tick_count++] = at * step;
    }
    scale->low = first * step;
    scale->high = last * step;
}

static void tick_if_inside(struct chart_scale *scale, double value)
{
    if (value >= scale->low * 0.999 && value <= scale->high * 1.001 &&
        scale->tick_count < CHART_TICK_COUNT_MAX) {
        scale->ticks[scale->tick_count++] = value;
    }
}

/// Powers of two, as sizes are written.
static void fit_binary(struct chart_scale *scale, double low, double high)
{
    double first = floor(log2(low) + 1e-9);
    double last = ceil(log2(high) - 1e-9);
    last = last <= first ? first + 1 : last;
    double stride = fmax(1, ceil((last - first) / TICKS_WANTED));
    last = first + ceil((last - first) / stride) * stride;
    for (double at = first; at <= last; at += stride) {
        scale->ticks[scale->tick_count++] = exp2(at);
    }
    scale->low = exp2(first);
    scale->high = exp2(last);
}

/// Powers of ten, with 2 and 5 between them where only few fit; ends at 1, 2 or 5 as well.
static void fit_logarithmic(struct chart_scale *scale, double low, double high)
{
    high = high < SMALLEST ? 1 : high;
    low = low < SMALLEST ? high / 1000 : low;
    if (scale->unit == CHART_BYTES) {
        fit_binary(scale, low, high);
        return;
    }
    scale->low = pow(10, floor(log10(low) + 1e-9));
    scale->high = round_step(high);
    scale->low = scale->low * 5 <= low ? scale->low * 5
                                       : (scale->low * 2 <= low ? scale->low * 2 : scale->low);
    if (scale->high <= scale->low * 1.001) {
        scale->high = scale->low * 10;
    }
    double decades = log10(scale->high / scale->low);
    double stride = decades > 9 ? ceil(decades / 8) : 1;
    for (double at = floor(log10(scale->low) + 1e-9); at <= log10(scale->high) + 1e-9;
         at += stride) {
        tick_if_inside(scale, pow(10, at));
        if (decades <= 3.01) {
            tick_if_inside(scale, 2 * pow(10, at));
            tick_if_inside(scale, 5 * pow(10, at));
        }
    }
}

void chart_scale_fit(struct chart_scale *scale, double low, double high)
{
    low = bounded(low);
    high = bounded(high);
    scale->tick_count = 0;
    if (scale->logarithmic) {
        fit_logarithmic(scale, fmin(low, high), fmax(low, high));
    } else {
        fit_linear(scale, fmin(low, high), fmax(low, high));
    }
}

double chart_scale_place(const struct chart_scale *scale, double value)
{
    double place;
    value = bounded(value);
    if (scale->logarithmic) {
        place = value <= 0 ? 0 : log(value / scale->low) / log(scale->high / scale->low);
    } else {
        place = (value - scale->low) / (scale->high - scale->low);
    }
    return place > 0 ? fmin(place, 1) : 0; // NaN is at the low end too
}
