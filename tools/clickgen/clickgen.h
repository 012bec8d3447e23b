// SPDX-License-Identifier: Apache-2.0
/// A seeded shop: reproducible clickstreams in time order, for benches, tests and the quickstart.
///
/// Sessions arrive along a daily curve; a few users make most of them (a power law over ranks,
/// scattered over ids). In a session a visitor views, clicks, and sometimes puts something into the
/// cart, checks out and orders. The same parameters give the same bytes on every machine: no
/// floating point decides anything but thresholds computed once.
///
/// Thread: a generator belongs to one thread. Memory: a few hundred bytes per session under way.
#pragma once

#include "storage/base/text.h"

#include <stdint.h>

enum click_kind {
    CLICK_VIEW = 0,
    CLICK_CLICK,
    CLICK_CART,
    CLICK_CHECKOUT,
    CLICK_ORDER,
    CLICK_KIND_COUNT
};
enum click_format { CLICK_FORMAT_JSON = 0, CLICK_FORMAT_CSV, CLICK_FORMAT_COMBINED };

struct clickgen_options {
    uint64_t seed;
    uint64_t event_count;
    uint32_t user_count; ///< at most; the power law leaves some ids unused
    uint32_t day_count;
    int64_t start_us;  ///< first session's day, UTC
    bool milliseconds; ///< times have milliseconds; else whole seconds
    bool event_ids;    ///< each event carries a unique id
    bool shuffle_keys; ///< JSON only: the order of keys changes from line to line
};

/// The standard workload of bench/: 50 M events, 2 M users, 30 days from 2026-01-01, seconds,
/// seed 1.
void clickgen_options_standard(struct clickgen_options *options);

struct click_event {
    uint64_t index; ///< 0-based position in the stream
    int64_t time_us;
    uint32_t user;
    enum click_kind kind;
    uint32_t country;      ///< 0..29, fixed per user
    uint32_t device;       ///< 0..2, nearly fixed per user
    uint32_t campaign;     ///< 0..199, fixed per session
    uint32_t page;         ///< 0..4999
    uint32_t product;      ///< 0..19999
    int64_t revenue_cents; ///< orders only, else 0
};

struct clickgen;
struct clickgen *clickgen_create(const struct clickgen_options *options);
void clickgen_destroy(struct clickgen *generator);
/// False once event_count events were given.
bool clickgen_next(struct clickgen *generator, struct click_event *event_out);

/// Appends one line with its line end. CSV's header comes with clickgen_header().
void clickgen_format(const struct clickgen *generator, enum click_format format,
                     const struct click_event *event, struct text_buffer *out);
void clickgen_header(const struct clickgen *generator, enum click_format format,
                     struct text_buffer *out);
/// "view", "click", "add_to_cart", "checkout", "order".
const char *click_kind_name(enum click_kind kind);
