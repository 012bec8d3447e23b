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
#define FUNNEL_EXCLUSION_COUNT_MAX 16u
#define FUNNEL_UNIT_ATTRIBUTE_COUNT_MAX 8u
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
/// What may not lie between the matched events of `order: strict`.
enum funnel_scope {
    FUNNEL_SCOPE_ALL = 0, ///< any stored event of the unit
    FUNNEL_SCOPE_FUNNEL,  ///< an event that matches some step
};
enum funnel_repeat {
    FUNNEL_REPEAT_BREAK = 0,
    FUNNEL_REPEAT_ALLOW, ///< a repeat of the step just matched is tolerated
};

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
    uint32_t exclusion_count;  ///< at most FUNNEL_EXCLUSION_COUNT_MAX
    struct text live_slice;    ///< attribute whose entry value slices the live view; may be missing
    uint32_t optional;         ///< bit k: step k + 1 may be skipped; never the first or the last
    bool entry_open;           ///< an attempt may begin at any step
    enum funnel_scope scope;   ///< of order strict
    enum funnel_repeat repeat; ///< of order strict
    uint32_t anchor_first;     ///< order any: the step that must be the earliest; 0: none
    uint32_t anchor_last;      ///< order any: the step that fills only after all others; 0: none
    int64_t tie_tolerance_us;  ///< events so close to a block's first are simultaneous
    struct text *unit_attributes;  ///< FUNNEL_UNIT_ATTRIBUTES: the unit is (user, their values)
    uint32_t unit_attribute_count; ///< at most FUNNEL_UNIT_ATTRIBUTE_COUNT_MAX
    uint32_t dialect;       ///< enum dialect_name (engine/dialect/dialect.h); 0: our own rules
    uint32_t dialect_modes; ///< its modes, as bits
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

/// Refuses, in words, what SEMANTICS 3 and 4 call illegal or impossible.
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
/// True where the rule of the common shape is enough: loose order, one attempt per unit, nothing
/// else asked for.
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

/// One event as the matcher sees it: bit k of `steps` says that it may fill step k + 1, bit i of
/// `hits` that exclusion i has it. Events are given in canonical order; those that have neither
/// matter under `order: strict, scope: all` only.
struct match_event {
    int64_t time_us;
    uint32_t steps;
    bool entry_allowed; ///< false: may not be an entry (outside the range, or where_entry fails)
    bool ordered; ///< strictly after the event before although their times are equal: a larger
                  ///< sequence number. Such events are not simultaneous, for either `ties`.
    uint16_t hits;
};

/// The part of a definition that matching needs, and the instants that bound it. All fields that
/// struct funnel has too mean the same.
struct match_rule {
    uint32_t step_count;
    int64_t window_us;
    enum funnel_ties ties;
    enum funnel_attempts attempts;
    const struct funnel_gap *gaps;
    const struct funnel_exclusion *exclusions;
    uint32_t exclusion_count;
    int64_t as_of_us; ///< T: no event is later
    int64_t until_us; ///< whatever could still be must lie before this; INT64_MAX: no end
    enum funnel_order order;
    enum funnel_scope scope;
    enum funnel_repeat repeat;
    uint32_t optional;
    bool entry_open;
    uint32_t anchor_first;
    uint32_t anchor_last;
    int64_t tie_tolerance_us;
    uint32_t score_floor; ///< what is not better than this score is not `open`
};

/// A reported attempt. Steps are bits and indices from 0, levels count from 1. With `order: any`
/// all that is said by step is said by rank: the k-th step that was filled.
struct match_result {
    uint32_t level;      ///< furthest step made (any: how many); 0: no entry
    uint32_t entered;    ///< first step made, from 1: 1 unless the entry is open
    uint32_t ended;      ///< furthest required step made, from 1
    uint32_t made;       ///< steps made, as bits
    bool won;            ///< the last step is made (any: all)
    bool open;           ///< may still be won (SEMANTICS 5): not won, or not by a score of
                         ///< `score_floor`; not where the rule is plain
    bool out;            ///< every assignment of best_level is hit by an exclusion that removes
    uint32_t best_level; ///< ignoring exclusions; only where one of them removes
    uint32_t score;      ///< a higher one is the better attempt of one person's sessions
    uint32_t events[FUNNEL_STEP_COUNT_MAX];  ///< index of the matched event per step made
    int64_t times_us[FUNNEL_STEP_COUNT_MAX]; ///< its time: with a tie tolerance its block's first
    uint8_t steps[FUNNEL_STEP_COUNT_MAX];    ///< any: the step that has the rank
};

/// The rule of a funnel; `as_of_us` and `until_us` are the ends of time.
void match_rule_from(struct match_rule *rule, const struct funnel *funnel);

/// The reported attempt of one unit (SEMANTICS 4.4): highest level; reached at the earliest
/// instant; latest entry; earliest feasible event of each later step; canonical order. Exact also
/// where simultaneous events match several steps. Not for `attempts: all`. O(events × steps) time
/// without ties for a plain rule; for others O(events × steps²) or so, order any O(events × events
/// in a window), and memory of funnel_match_bytes().
void funnel_match(const struct match_rule *rule, const struct match_event *events,
                  uint32_t event_count, struct match_result *result_out);

/// Takes an attempt of funnel_match_all(); a failure ends the scan.
typedef enum corong_status match_report_function(void *context, const struct match_result *attempt,
                                                 struct corong_error *error);
/// All attempts of one unit (SEMANTICS 4.4, `attempts: all`), in order of their entries. `out` and
/// `best_level` are the same in each of them.
CORONG_MUST_CHECK enum corong_status funnel_match_all(const struct match_rule *rule,
                                                      const struct match_event *events,
                                                      uint32_t event_count,
                                                      match_report_function *report, void *context,
                                                      struct corong_error *error);

/// True where funnel_match() needs no memory of its own and leaves `open` to the caller.
bool match_rule_is_plain(const struct match_rule *rule);
/// What matching so many events allocates at most; it is freed before the call returns.
uint64_t funnel_match_bytes(const struct match_rule *rule, uint32_t event_count);
/// Steps whose events may be entries, as bits.
uint32_t match_rule_entry_steps(const struct match_rule *rule);

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
