// SPDX-License-Identifier: Apache-2.0
/// What a stage and a funnel are, and the matching rule of SEMANTICS 4 as a kernel over one unit's
/// events.
///
/// Thread: definitions are immutable once built; a matcher belongs to one thread.
#pragma once

#include "engine/filter/filter.h"
#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define FUNNEL_STEP_COUNT_MAX 32u
#define STAGE_EVENT_COUNT_MAX 256u
#define FUNNEL_WINDOW_NONE INT64_MAX
#define FUNNEL_WINDOW_DEFAULT_US (INT64_C(7) * 24 * 3600 * 1000000)
#define SESSION_TIMEOUT_DEFAULT_US (INT64_C(30) * 60 * 1000000)

/// A named predicate over one event: any of `events` (none listed: every event), and the filter if
/// any.
struct stage {
    struct text name;
    struct text *events;
    uint32_t event_count;
    struct text where; ///< source text, missing where there is none
    int32_t priority;  ///< chooses the label only; higher wins
    struct text group; ///< "top", "middle", "bottom" or missing
};

enum funnel_order { FUNNEL_ORDER_LOOSE = 0, FUNNEL_ORDER_STRICT, FUNNEL_ORDER_ANY };
enum funnel_unit { FUNNEL_UNIT_USER = 0, FUNNEL_UNIT_SESSION, FUNNEL_UNIT_ATTRIBUTES };
enum funnel_attempts {
    FUNNEL_ATTEMPTS_BEST = 0,
    FUNNEL_ATTEMPTS_FIRST,
    FUNNEL_ATTEMPTS_LAST,
    FUNNEL_ATTEMPTS_ALL
};
enum funnel_ties { FUNNEL_TIES_ANY = 0, FUNNEL_TIES_STRICT };

/// Elapsed time since the step before, both ends included.
struct funnel_gap {
    int64_t min_us; ///< 0: none
    int64_t max_us; ///< FUNNEL_WINDOW_NONE: none
};

/// An event strictly after what fills step `after` and strictly before what fills step `before`
/// voids the assignment. Steps count from 1.
struct funnel_exclusion {
    struct stage stage;
    uint32_t after;
    uint32_t before;
    bool remove; ///< and the unit is out where every assignment of its best level is hit
};

/// A funnel as defined. Everything a definition hash covers. Memory: the arena it was built in.
struct funnel {
    struct text name;
    struct stage *steps; ///< resolved stages (a step may be an inline stage)
    uint32_t step_count;
    int64_t window_us;   ///< FUNNEL_WINDOW_NONE for none
    bool window_session; ///< all in one session
    enum funnel_order order;
    enum funnel_unit unit;
    enum funnel_attempts attempts;
    enum funnel_ties ties;
    bool range_inside;       ///< everything lies in the range, not only the entry
    struct funnel_gap *gaps; ///< by step, the first one's is unused; NULL: no step has one
    struct funnel_exclusion *exclusions;
    uint32_t exclusion_count; ///< with the steps at most FUNNEL_STEP_COUNT_MAX
    struct text live_slice;   ///< attribute whose entry value slices the live view; may be missing
    uint32_t dialect;         ///< enum dialect_name (engine/dialect/dialect.h); 0: our own rules
    uint32_t dialect_modes;   ///< its modes, as bits
};

/// All stages and funnels of a configuration.
struct definitions {
    struct stage *stages;
    uint32_t stage_count;
    struct funnel *funnels;
    uint32_t funnel_count;
};

const struct stage *definitions_stage(const struct definitions *definitions, struct text name);
const struct funnel *definitions_funnel(const struct definitions *definitions, struct text name);
/// The nearest known stage or funnel name, or missing; for "did you mean".
struct text definitions_nearest_stage(const struct definitions *definitions, struct text name);
struct text definitions_nearest_funnel(const struct definitions *definitions, struct text name);

/// Refuses what SEMANTICS 3 and 4 call illegal or impossible, and (CORONG_UNSUPPORTED) what this
/// version does not answer yet: order strict/any, unit attributes, attempts all.
CORONG_MUST_CHECK enum corong_status funnel_check(const struct funnel *funnel,
                                                  struct corong_error *error);
/// The parts of funnel_check() that concern one step's gap (`step` from 0) or one exclusion.
CORONG_MUST_CHECK enum corong_status funnel_check_gap(const struct funnel_gap *gap, uint32_t step,
                                                      struct corong_error *error);
CORONG_MUST_CHECK enum corong_status
funnel_check_exclusion(const struct funnel *funnel, const struct funnel_exclusion *exclusion,
                       struct corong_error *error);
/// Gaps of `step_count` steps, none of which has one.
struct funnel_gap *funnel_gaps_none(struct arena *arena, uint32_t step_count);
/// True where the rule of the common shape is enough: no gap, no exclusion.
bool funnel_is_plain(const struct funnel *funnel);
/// NULL where the live view can follow the funnel; else what it cannot follow, in words. Such a
/// funnel is answered by asking only.
const char *funnel_live_obstacle(const struct funnel *funnel);
/// One line that names everything the definition says; equal definitions give equal lines. Hashed
/// for provenance and the result digest.
void funnel_describe(const struct funnel *funnel, struct text_buffer *out);

/// Parses a duration: 500us 20ms 90s 30m 12h 7d 2w, or a sum such as 1h30m; "none" is not a
/// duration.
CORONG_MUST_CHECK enum corong_status duration_parse(struct text text, int64_t *duration_us_out,
                                                    struct corong_error *error);
/// The shortest exact form: "7d", "1h30m", "250ms".
void duration_format(int64_t duration_us, struct text_buffer *out);

/// One event as the matcher sees it: bit k of `steps` says that it may fill step k + 1, and bit
/// step_count + i that exclusion i has it. Only events with steps != 0 are given, in canonical
/// order.
struct match_event {
    int64_t time_us;
    uint32_t steps;
    bool entry_allowed; ///< false: may not be an entry (outside the range, or where_entry fails)
    bool ordered; ///< strictly after the event before although their times are equal: a larger
                  ///< sequence number. Such events are not simultaneous, for either `ties`.
};

struct match_rule {
    uint32_t step_count;
    int64_t window_us;
    enum funnel_ties ties;
    enum funnel_attempts attempts;
    const struct funnel_gap *gaps; ///< as in struct funnel
    const struct funnel_exclusion *exclusions;
    uint32_t exclusion_count;
    int64_t as_of_us; ///< T: no event is later
    int64_t until_us; ///< whatever could still be must lie before this; INT64_MAX: no end
};

struct match_result {
    uint32_t level;      ///< 0: no entry
    bool open;           ///< may still be won (SEMANTICS 5); only where the rule is not plain
    bool out;            ///< every assignment of best_level is hit by an exclusion that removes
    uint32_t best_level; ///< ignoring exclusions; only where one of them removes
    uint32_t events[FUNNEL_STEP_COUNT_MAX]; ///< index of the matched event per step, level entries
};

/// The reported attempt of one unit (SEMANTICS 4.4): highest level; reached at the earliest
/// instant; latest entry; earliest feasible event of each later step; canonical order. Exact also
/// where simultaneous events match several steps. O(events × steps) time without ties; a rule that
/// is not plain takes O(events × steps²) and memory of funnel_match_bytes().
void funnel_match(const struct match_rule *rule, const struct match_event *events,
                  uint32_t event_count, struct match_result *result_out);

/// True where funnel_match() needs no memory of its own and leaves `open` to the caller.
bool match_rule_is_plain(const struct match_rule *rule);
/// What funnel_match() allocates at most for so many events; it is freed before it returns.
uint64_t funnel_match_bytes(const struct match_rule *rule, uint32_t event_count);

/// The same attempt without its events. Times are 0 where level is 0.
struct match_summary {
    uint32_t level;
    int64_t entry_us;     ///< time of the event that fills step 1
    int64_t completed_us; ///< time of the event that fills step `level`
};

/// The first half of funnel_match(): level, entry and completion of the reported attempt. One
/// forward pass that stops where the last step is reached; no allocation. Plain rules only.
void funnel_match_level(const struct match_rule *rule, const struct match_event *events,
                        uint32_t event_count, struct match_summary *summary_out);
